"""What an unsettled promise waits for: who has to settle it, what that vat waits for itself, and so on.

The chain ends with a vat that waits for no other, or with a message that waits, or it comes back to a vat
that it has passed. Then these vats wait for each other, no message is left that could end it, and the cycle
is named.

Which promise a call in a vat waits for is in the vat's memory, and cannot be seen. What can be seen is which
outcomes the vat has not been told, and the records say why their messages were sent. So those come first
that were sent on account of the promise before, and a sentence says how many others there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes
from swingset.lens.present.rows import QueueRow
from swingset.lens.present.tables import Lens
from swingset.model.messages import Send
from swingset.model.visible import one_line
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.records import CrankRecord
from swingset.world.vats import SUSPENDED

MOST = 20
"""How many promises of a chain are told at most."""

_MOST_LOOKED = 1_000
_MOST_ASKED = 50  # the records are asked about so many of the promises that a vat waits for
_TEXT = 80


@dataclass(frozen=True)
class Waits:
    """What a promise waits for: a sentence for each promise of the chain, and the vats of a cycle by name."""

    steps: tuple[str, ...] = ()
    cycle: tuple[str, ...] = ()


class _Open(NamedTuple):
    """A promise that is not settled: its own name, and the promise that it follows in the end."""

    kref: str
    last: str


def waits(store: KernelStore, kref: str) -> Waits:
    """What a promise waits for; nothing, if it is settled or gone."""
    found = _Waiting(store)
    first = found.open(kref)
    return Waits() if first is None else found.told(first)


class _Waiting:
    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._causes = Causes(store)
        self._events = {event.result: event for event in Lens(store).queue() if event.result is not None}
        self._names = {vat.id: one_line(vat.name, _TEXT) for vat in store.vats.all()}
        self._following: dict[_Open, list[_Open]] = {}
        self._untold: dict[str, list[_Open]] = {}
        for record in store.promises.all():
            if record.state in (UNRESOLVED, FORWARDED) and (found := self.open(record.kref)) is not None:
                for vat in store.promises.subscribers(record.kref):
                    self._untold.setdefault(vat, []).append(found)

    def open(self, kref: str) -> _Open | None:
        """A promise and what it follows, None if that is settled or gone."""
        record, passed = self._store.promises.get(kref), 0
        while record is not None and record.state == FORWARDED and passed < _MOST_LOOKED:
            record, passed = self._store.promises.get(record.decider or ""), passed + 1
        return _Open(kref, record.kref) if record is not None and record.state == UNRESOLVED else None

    def told(self, first: _Open) -> Waits:
        """The chain from a promise on: the first that ends in a cycle, if there is one."""
        path, cycle = self._path(first)
        steps = [f"{self._called(first)}: {self._held_by(first)}"]
        for before, item in pairwise(path):
            if (vat := self._decider(before)) is not None:
                more = len(self._next(before)) - 1
                others = f"; it waits for {more:,} more" if more else ""
                name = self._names[vat]
                steps.append(f"vat {name} waits for {self._called(item)}: {self._held_by(item)}{others}")
            else:
                steps.append(f"{self._called(item)}: {self._held_by(item)}")
        vat = self._decider(path[-1])
        if len(steps) > MOST:
            steps[MOST:] = [f"and so on: the chain has {len(steps) - MOST:,} more"]
        if cycle:
            names = [self._names[vat] for vat in cycle]
            round_ = [
                f"{name} waits for {other}" for name, other in zip(names, [*names[1:], names[0]], strict=True)
            ]
            steps.append(f"a cycle: {', '.join(round_[:MOST])}")
        elif vat is not None and not self._is_suspended(vat) and not self._next(path[-1]):
            steps.append(f"vat {self._names[vat]} waits for no other vat: its own code has to settle it")
        return Waits(tuple(steps), tuple(self._names[vat] for vat in cycle))

    def _path(self, first: _Open) -> tuple[list[_Open], list[str]]:
        """A chain of promises, and the vats that it ends in a cycle of."""
        greedy: list[_Open] = []
        path: list[_Open] = []
        vats: list[str | None] = []
        looked: set[str] = set()
        todo: list[tuple[int, _Open]] = [(0, first)]
        while todo and len(looked) < _MOST_LOOKED:
            depth, item = todo.pop()
            del path[depth:], vats[depth:]
            vat = self._decider(item)
            if vat is not None and vat in vats:
                return [*path, item], [name for name in vats[vats.index(vat) :] if name is not None]
            if item.last in looked:
                continue
            looked.add(item.last)
            path.append(item)
            vats.append(vat)
            following = self._next(item)
            todo += [(depth + 1, one) for one in reversed(following)]
            if len(greedy) == depth:
                greedy.append(item)
        return greedy, []

    def _next(self, item: _Open) -> list[_Open]:
        """What a promise waits for: those that its decider was not told of, or that of its message."""
        if item not in self._following:
            self._following[item] = self._found_next(item)
        return self._following[item]

    def _found_next(self, item: _Open) -> list[_Open]:
        vat = self._decider(item)
        if vat is None:
            event = self._events.get(item.last)
            before = None if event is None else self.open(event.where.removeprefix("promise "))
            return [] if before is None else [before]
        if self._is_suspended(vat):
            return []
        others = [one for one in self._untold.get(vat, ()) if self._decider(one) != vat]
        asked = sorted(others[:_MOST_ASKED], key=lambda one: not self._on_account(item, one))
        return [*asked, *others[_MOST_ASKED:]]

    def _is_suspended(self, vat: str) -> bool:
        return self._store.vats.known(vat).state == SUSPENDED

    def _decider(self, item: _Open) -> str | None:
        record = self._store.promises.get(item.last)
        decider = None if record is None else record.decider
        return decider if decider in self._names else None

    def _on_account(self, item: _Open, other: _Open) -> bool:
        """Whether the message of one promise was sent on account of the message of another."""
        asked = self._record(item.kref)
        sent = self._record(other.kref)
        if asked is None or sent is None:
            return False
        return any(step.number == asked.number for step in self._causes.cause(sent, 0).up)

    def _record(self, kref: str) -> CrankRecord | None:
        """The record of the delivery whose answer a promise is, None if there is none or it was pruned."""
        try:
            found = self._causes.record(kref)
        except KernelError:
            return None
        if not isinstance(found, CrankRecord) or not isinstance(found.event, Send):
            return None
        return found if found.event.message.result == kref else None

    def _called(self, item: _Open) -> str:
        record, event = self._record(item.kref), self._events.get(item.kref)
        if record is not None:
            return f"{item.kref}, the answer to {self._causes.words.event(record.event)}"
        return item.kref if event is None else f"{item.kref}, the answer to {_summary(event)}"

    def _held_by(self, item: _Open) -> str:
        vat, event = self._decider(item), self._events.get(item.last)
        if vat is not None:
            how = ", and is suspended" if self._is_suspended(vat) else ""
            return f"vat {self._names[vat]} has to settle it{how}"
        if event is not None:
            where = (
                "in the run-queue" if event.where == "run-queue" else f"for {one_line(event.where, _TEXT)}"
            )
            return f"its message waits {where}"
        return "a device or the host has to settle it"


def _summary(event: QueueRow) -> str:
    return one_line(event.summary, _TEXT)
