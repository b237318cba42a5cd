"""A delivery that runs ahead of its turn, on a thread, and whose syscalls are kept until its turn.

A delivery depends only on its vat, on its content, and on the answers to its syscalls. So it can run while
other vats run, before its turn. Syscalls that return nothing are kept. A read of the vat's own store is
answered by the thread that owns the world, between two of its own steps, from the rows and what this delivery
has written. A call of a device waits for the delivery's turn. So does a delivery that has written more than
it may, because only the kernel may refuse it.

In its turn, `play` passes the kept syscalls to the kernel's handler, in order. If an answer of the handler
differs from the one that the guest got, or if the delivery failed, nothing of it is used (`Overtaken`): the
worker is discarded, the kernel rolls back, and the delivery runs in its turn. From the first call of a device
on, the handler answers each syscall at once, as in any delivery. So everything after it is valid, failures
too, and no device is called twice.

The seconds of a delivery are counted from its turn on, because its waiting time must not matter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.syscalls import (
    CallNow,
    Syscall,
    VatstoreDelete,
    VatstoreGet,
    VatstoreGetNextKey,
    VatstoreSet,
)
from swingset.workers.base import SyscallHandler, Worker

_READS = (VatstoreGet, VatstoreGetNextKey)
_ANSWERED = (*_READS, CallNow)

_DONE: list[Any] = ["ok", None]
"""The answer to a syscall that returns nothing."""


class Overtaken(Exception):
    """Raised if a delivery that ran ahead cannot be used. Its worker must be discarded."""


class Stopped(Exception):
    """Raised in the guest's thread by a syscall after `give_up`."""


@runtime_checkable
class StoppableWorker(Worker, Protocol):
    """A worker that may run on any thread, and can be stopped from another."""

    def stop(self) -> None:
        """End the current delivery soon, with a fault. The worker cannot be used afterwards."""
        ...


class Rows(Protocol):
    """A vat's own store, as its owner reads it."""

    def get(self, vat: str, key: str) -> str | None:
        """The value at a key, or None."""
        ...

    def next_key(self, vat: str, prior: str) -> str | None:
        """The first key after `prior`, or None."""
        ...


class Bell:
    """Wakes the thread that owns a world when a delivery that runs ahead needs it or has ended.

    `free` is how many more guests may compute at the same time. Hold `changed` to use the other attributes.
    """

    def __init__(self, threads: int) -> None:
        self.changed = threading.Condition()
        self.count = 0
        self.free = threads

    def ring(self) -> None:
        """Notify all threads that wait for a change."""
        self.count += 1
        self.changed.notify_all()

    def wait(self, heard: int, seconds: float | None) -> None:
        """Wait until `count` is not `heard` any more, at most that many seconds."""
        with self.changed:
            if self.count == heard:
                self.changed.wait(seconds)


class RunAhead:
    """One delivery that runs ahead, from its start.

    The guest's thread runs `_run` and `_serve`. The thread that owns the world calls everything else.
    """

    def __init__(self, worker: StoppableWorker, delivery: list[Any], limits: Limits, bell: Bell) -> None:
        self._worker = worker
        self._delivery = delivery
        self._limits = limits
        self._bell = bell
        self._kept: list[tuple[Syscall, list[Any]]] = []
        self._size = 0  # of the kept syscalls
        self._asked: Syscall | None = None  # the syscall whose answer the guest waits for
        self._answer = _DONE
        self._in_turn = False
        self._live = False  # whether the handler answers every syscall
        self._given_up = False
        self._ended = False
        self._result: DeliveryResult | None = None
        self._problem: BaseException | None = None
        self._begun: float | None = None  # when the guest began, None before that
        self._thread = threading.Thread(target=self._run, name="swingset-ahead", daemon=True)
        self._thread.start()

    # On the guest's thread

    def _run(self) -> None:
        with self._bell.changed:
            while self._bell.free < 1 and not self._given_up:
                self._bell.changed.wait()
            if self._given_up:
                return
            self._begun = time.monotonic()
            self._bell.free -= 1
        try:
            limits = replace(self._limits, seconds=None)
            self._result = self._worker.deliver(self._delivery, self._serve, limits)
        except BaseException as problem:
            self._problem = problem
        with self._bell.changed:
            self._ended = True
            self._bell.free += 1
            self._bell.ring()

    def _serve(self, syscall: Syscall) -> list[Any]:
        with self._bell.changed:
            self._size += _size(syscall.raw)
            if not self._live and not isinstance(syscall.asked, _ANSWERED) and self._has_room():
                self._kept.append((syscall, _DONE))
                return _DONE
            self._asked = syscall
            self._bell.free += 1
            self._bell.ring()
            while self._asked is not None and not self._given_up:
                self._bell.changed.wait()
            while self._bell.free < 1 and not (self._in_turn or self._given_up):
                self._bell.changed.wait()
            self._bell.free -= 1
            if self._given_up:
                raise Stopped
            return self._answer

    def _has_room(self) -> bool:
        return self._size <= self._limits.write_bytes

    # On the owner's

    @property
    def rests(self) -> bool:
        """Whether the delivery has ended, or waits for its turn."""
        with self._bell.changed:
            asked = self._asked
            return self._ended or (asked is not None and not (_reads(asked) and self._has_room()))

    @property
    def lasts(self) -> float:
        """For how many seconds the delivery has run."""
        with self._bell.changed:
            return 0.0 if self._begun is None else time.monotonic() - self._begun

    @property
    def ended(self) -> bool:
        """Whether the delivery has ended."""
        with self._bell.changed:
            return self._ended

    def serve(self, vat: str, rows: Rows) -> None:
        """Answer a read of the vat's own store, if the guest waits for one; in its turn, `play` does it."""
        with self._bell.changed:
            asked = self._asked
        if asked is None or self._in_turn or not self._has_room():
            return
        written = self._written()
        match asked.asked:
            case VatstoreGet(key):
                value = written[key] if key in written else rows.get(vat, key)
            case VatstoreGetNextKey(prior):
                value = _next_key(prior, written, lambda after: rows.next_key(vat, after))
            case _:
                return
        self._size += len(value or "")
        self._kept.append((asked, ["ok", value]))
        self._give(["ok", value])

    def _written(self) -> dict[str, str | None]:
        """The values that this delivery has written so far, by key; None for a deleted key."""
        written: dict[str, str | None] = {}
        for syscall, _ in self._kept:
            match syscall.asked:
                case VatstoreSet(key, value):
                    written[key] = value
                case VatstoreDelete(key):
                    written[key] = None
        return written

    def _give(self, answer: list[Any]) -> None:
        with self._bell.changed:
            self._asked, self._answer = None, answer
            self._bell.ring()

    def play(self, handler: SyscallHandler, meanwhile: Callable[[], None]) -> DeliveryResult | None:
        """Pass all syscalls to the kernel's handler, and return the outcome. Call it once, in the turn.

        Returns None if the delivery has not begun; then it never begins. `meanwhile` is called before each
        wait. Raises `Overtaken` if the delivery cannot be used.
        """
        with self._bell.changed:
            self._in_turn = True
            if self._begun is None:
                self._given_up = True
                self._bell.ring()
                return None
        seconds = self._limits.seconds
        deadline = None if seconds is None else time.monotonic() + seconds
        played, late = 0, False
        while True:
            with self._bell.changed:
                heard, asked, ended, kept = self._bell.count, self._asked, self._ended, self._kept[played:]
            for syscall, answer in kept:
                if handler(syscall) != answer:
                    raise Overtaken
            played += len(kept)
            if asked is not None:
                answer = handler(asked)
                self._live = self._live or isinstance(asked.asked, CallNow)
                self._give(answer)
            elif ended:
                break
            elif deadline is not None and not late and time.monotonic() > deadline:
                if not self._live:
                    raise Overtaken
                late = True
                self._worker.stop()
            else:
                meanwhile()
                self._bell.wait(heard, None if deadline is None or late else deadline - time.monotonic())
        if self._live:
            return self._outcome(late, seconds)
        if self._result is None or self._result.fault is not None:
            raise Overtaken
        return self._result

    def _outcome(self, late: bool, seconds: float | None) -> DeliveryResult:
        """The outcome of a delivery that called a device, and so continued in its turn."""
        if self._problem is not None:
            raise self._problem
        assert self._result is not None
        if late and self._result.fault is not None:
            words = f"the delivery took longer than {seconds:g} seconds"
            return replace(self._result, fault=Fault(reasons.WALL_CLOCK, words, "DeliveryStopped"))
        return self._result

    def give_up(self) -> None:
        """Stop the delivery, and wait until it has ended. Its worker cannot be used afterwards."""
        with self._bell.changed:
            self._given_up = True
            self._bell.ring()
        self._worker.stop()
        self._thread.join()


def _reads(syscall: Syscall) -> bool:
    return isinstance(syscall.asked, _READS)


def _size(said: Any) -> int:
    """About how many bytes a syscall takes."""
    if isinstance(said, list):
        return 64 + sum(map(_size, said))
    if isinstance(said, dict):
        return 64 + sum(map(_size, said.values()))
    return len(said) if isinstance(said, str) else 8


def _next_key(prior: str, written: dict[str, str | None], stored: Callable[[str], str | None]) -> str | None:
    """The first key after `prior` in the vat's store, with the writes of this delivery applied to it."""
    found = stored(prior)
    while found is not None and found in written and written[found] is None:
        found = stored(found)
    added = [key for key, value in written.items() if value is not None and key > prior]
    return min([*added, *([] if found is None else [found])], default=None)
