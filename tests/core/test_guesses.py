"""Which deliveries run ahead: those that come soon, of vats whose deliveries are long, and no others.

The vats do little, and say that it took long. After one crank of a run, the vats whose workers are out are
those in which something ran ahead of its turn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.ahead import LONG, AheadReport, cores
from swingset.core.cranks import Cranks
from swingset.core.kernel import Kernel
from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.messages import Notify, Send
from swingset.model.reports import DeliveryResult, Fault
from swingset.workers.base import HeapImage, SyscallHandler, VatSpec
from swingset.world.file import WorldFile

METHARGS = CapData('#["m",[]]')


class Quiet:
    """A vat that settles what it is asked, and asks another or fails if it is told to."""

    kind = "quiet"

    def __init__(self, computrons: int) -> None:
        self._computrons = computrons

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        fault = Fault("guest-crashed", "it was to fail") if "fail" in str(delivery) else None
        if "ask" in str(delivery):
            methargs = {"body": METHARGS.body, "slots": []}
            (target,) = delivery[2]["methargs"]["slots"]
            syscall(syscalls.read(["send", target, {"methargs": methargs, "result": "p+5"}]))
            syscall(syscalls.read(["subscribe", "p+5"]))
        if delivery[0] == "message" and (result := delivery[2]["result"]):
            syscall(syscalls.read(["resolve", [[result, False, {"body": "#null", "slots": []}]]]))
        return DeliveryResult(fault, self._computrons)

    def snapshot(self) -> HeapImage | None:
        return None

    def heap_digest(self) -> str | None:
        return "heap"

    def close(self) -> None:
        pass


class Stoppable(Quiet):
    """One that may run on any thread, where one of its messages takes until it is stopped."""

    def __init__(self, computrons: int) -> None:
        super().__init__(computrons)
        self._stopped = threading.Event()

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        if "endless" in str(delivery):
            self._stopped.wait()
        return super().deliver(delivery, syscall, limits)

    def stop(self) -> None:
        self._stopped.set()


class Makes:
    """Makes such vats: the first letter of the name says which."""

    kind = "quiet"
    confines = True
    image_id: str | None = None
    library: bytes | None = None

    def start(self, spec: VatSpec) -> Quiet:
        made = Quiet if spec.name.startswith("fixed") else Stoppable
        return made(LONG - 1 if spec.name.startswith("short") else LONG)

    def restore(self, spec: VatSpec, image: HeapImage) -> Quiet:
        raise AssertionError("they have no images")


def _kernel(names: str, threads: int) -> Kernel:
    kernel = Kernel(Cranks(WorldFile.open(None), {"quiet": Makes()}, threads=threads))
    for name in names.split():
        options = {"use_transcript": False} if name.startswith("lost") else {}
        result = kernel.queue_creation(name, "quiet", ((name, ""),), CapData("#null"), options)
        assert kernel.cranks.step() is not None
        kernel.pin(kernel.root_of(name))
        kernel.release_result(result)
    while kernel.cranks.step() is not None:
        pass
    return kernel


def _send(kernel: Kernel, names: str, methargs: CapData = METHARGS) -> list[str]:
    return [kernel.queue_message(kernel.root_of(name), methargs) for name in names.split()]


def _out(kernel: Kernel) -> list[str]:
    return sorted(vat.name for vat in kernel.store.vats.all() if vat.id in kernel.warehouse.out)


CASES = {
    "one for another vat": ("a b", 8, "a b", ["b"]),
    "all that come": ("a b c d", 8, "a b c d", ["b", "c", "d"]),
    "one for each vat": ("a b", 8, "a a b b a", ["b"]),
    "behind a short one": ("a b short", 8, "short a b", ["a", "b"]),
    "one of which all others are short": ("a short short2", 8, "short a short2", []),
    "what comes next anyhow": ("a b", 8, "a", []),
    "what comes after one that is not next": ("a b short", 8, "short a", ["a"]),
    "nothing on one thread": ("a b c", 1, "a b c", []),
    "no more than there is work for two threads": ("a b c d e f", 2, "a b c d e f", ["b", "c", "d"]),
    "not what comes late": ("a b short", 2, "short " * 8 + "a b", []),
    "what comes just soon enough": ("a b short", 2, "short " * 7 + "a b", ["a"]),
    "not what cannot be stopped": ("a b fixed", 8, "a fixed b", ["b"]),
    "not what cannot be brought back": ("a b lost", 8, "a lost b", ["b"]),
}
"""By what is told: the vats, the threads, whom messages are sent to, and where something runs ahead then."""


@pytest.mark.parametrize("what", CASES)
def test_what_runs_ahead(what: str) -> None:
    """After the first crank, workers are out for these vats; in the end all was used, and nothing lost."""
    names, threads, messages, wanted = CASES[what]
    kernel = _kernel(names, threads)
    _send(kernel, messages)
    before = kernel.cranks.count
    assert kernel.cranks.step(more=True) is not None
    assert _out(kernel) == wanted
    kernel.ahead.rest()
    while kernel.cranks.step(more=True) is not None:
        kernel.ahead.rest()
    report = kernel.ahead.report()
    assert (report.used, report.discarded, _out(kernel)) == (report.begun, 0, [])
    assert report.begun >= len(wanted)
    assert kernel.cranks.count == before + len(messages.split())
    kernel.warehouse.close()


def test_a_single_step_starts_nothing_and_uses_what_there_is() -> None:
    """Only a run is followed by more."""
    kernel = _kernel("a b", 8)
    _send(kernel, "a b a b")
    kernel.cranks.step()
    assert kernel.ahead.report().begun == 0
    kernel.cranks.step(more=True)
    assert _out(kernel) == ["a"]
    kernel.ahead.rest()
    kernel.cranks.step()
    assert kernel.ahead.report().used == 2
    kernel.warehouse.close()


def test_a_notification_runs_ahead_too() -> None:
    """A vat that waits for a promise is told of its outcome ahead of the turn, if others come before it."""
    kernel = _kernel("a b", 8)
    _send(kernel, "b", CapData('#["ask",["$0"]]', (kernel.root_of("a"),)))
    kernel.cranks.step()  # b sends a message to a, and waits for the result,
    _send(kernel, "a")
    kernel.cranks.step()  # which a settles
    assert [type(event) for _, event in kernel.store.queues.all()] == [Send, Notify]
    kernel.cranks.step(more=True)
    assert _out(kernel) == ["b"]
    kernel.ahead.rest()
    assert kernel.cranks.step() is not None
    assert kernel.ahead.report() == AheadReport(8, 2, 2, 0)
    kernel.warehouse.close()


CANNOT: dict[str, Callable[[Kernel], object]] = {
    "suspended": lambda kernel: kernel.suspend("b", "for a while"),
    "not online": lambda kernel: kernel.warehouse.discard(kernel.vat("b").id),
    "wanted at rest": lambda kernel: kernel.warehouse.due.add(kernel.vat("b").id),
}


@pytest.mark.parametrize("why", CANNOT)
def test_a_vat_that_cannot_run_ahead_does_not(why: str) -> None:
    """A vat that is suspended, has no worker, or of which an image is wanted, runs in its turn."""
    kernel = _kernel("a b c", 8)
    CANNOT[why](kernel)
    _send(kernel, "a b c")
    assert kernel.cranks.step(more=True) is not None
    assert _out(kernel) == ["c"]
    kernel.warehouse.close()


def test_a_wrong_guess_has_its_vat_wait_longer_each_time() -> None:
    """A delivery that fails is run again in its turn; then the vat runs ahead again after 2, 4, 8 others."""
    kernel = _kernel("a b", 8)
    gaps = []
    for _ in range(3):
        _send(kernel, "a")
        _send(kernel, "b", CapData('#["fail",[]]'))
        while kernel.cranks.step(more=True) is not None:
            kernel.ahead.rest()
        begun, gap = kernel.ahead.report().begun, 0
        while kernel.ahead.report().begun == begun:
            _send(kernel, "a b")
            while kernel.cranks.step(more=True) is not None:
                kernel.ahead.rest()
            gap += 1
        gaps.append(gap)
    assert kernel.ahead.report().discarded == 3
    assert gaps == [2, 4, 8]
    kernel.warehouse.close()


def test_what_takes_too_long_is_given_up_when_a_run_ends() -> None:
    """A delivery ahead that passes its seconds does not keep the host from ending its run."""
    kernel = _kernel("a b", 8)
    kernel.change_options("b", {"seconds": 0.05})
    kernel.cranks.step()
    _send(kernel, "a")
    _send(kernel, "b", CapData('#["endless",[]]'))
    kernel.cranks.step(more=True)
    assert _out(kernel) == ["b"]
    kernel.ahead.rest()
    assert _out(kernel) == []
    assert kernel.ahead.report().discarded == 1
    kernel.warehouse.close()


def test_where_no_set_of_cores_is_told_all_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that do not say which cores a process may use, it is as many as there are, or one."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for told, wanted in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda told=told: told)
        assert cores() == wanted


def test_a_look_at_the_memory_gives_up_what_ran_ahead() -> None:
    """An image or a digest is of the vat as the world has it."""
    kernel = _kernel("a b c", 8)
    for look in (kernel.warehouse.heap_digest, kernel.warehouse.snapshot):
        _send(kernel, "a b")
        kernel.cranks.step(more=True)
        assert _out(kernel) == ["b"]
        look(kernel.vat("b"))
        assert _out(kernel) == []
        while kernel.cranks.step() is not None:
            pass
        _send(kernel, "b b b b")  # so that it may run ahead again
        while kernel.cranks.step() is not None:
            pass
    assert kernel.ahead.report().discarded == 2
    kernel.warehouse.close()
