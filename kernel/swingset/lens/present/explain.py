"""Why is this alive? A path from something that lives by itself to an object, a promise or a device node.

These live by themselves: what the host pinned or still wants to read, waiting events, the roots and the
durable state of vats that are not terminated, and what devices keep. From there the path leads through
outcomes of promises, messages that wait for a promise, and the records of durable objects. The search goes
backwards from the thing asked about, so its cost depends on the neighbourhood and not on the world's size.

A vat's heap cannot be seen. If a vat imports something that no record of it mentions, its heap must hold it,
and the path says so. Such a hop costs much more than a visible one, so that a path of evidence is preferred
to a shorter path that assumes.

Of a promise that is not settled, it also says what it waits for (`waits`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.present.waits import waits
from swingset.lens.state.records import Records, base, where
from swingset.lens.state.wires import Wire
from swingset.model.counting import plural
from swingset.model.messages import described, event_from_json
from swingset.model.refs import ROOT, is_kref, kref_type
from swingset.world.gc import RETIRE_IMPORT
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.rows import Reader
from swingset.world.vats import TERMINATED, VatRecord

Verdict = Literal["held", "recognized", "unheld", "gone"]
HELD: Final = "held"
RECOGNIZED: Final = "recognized"
UNHELD: Final = "unheld"
GONE: Final = "gone"

ASSUMED = 1_000
"""The cost of a hop that is assumed; a hop that can be seen costs 1."""


@dataclass(frozen=True)
class Explanation:
    """Why something is alive.

    `verdict` is held, recognized (a vat can compare it, but no vat can reach it), unheld (about to be
    collected) or gone. `hops` lead from something that lives by itself to `kref`, one sentence each.
    `assumed` says that one of them goes through a heap, which cannot be seen. `notes` hold further facts.
    """

    kref: str
    verdict: Verdict
    hops: tuple[str, ...] = ()
    assumed: bool = False
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((*self.hops, *self.notes))


class Node(NamedTuple):
    """A kref, or a vat's own durable object that the kernel has no kref for."""

    kref: str | None
    vat: str | None = None
    vref: str | None = None


class Hold(NamedTuple):
    """One reason why a node is alive: `holder` holds it, or it lives by itself if `holder` is None."""

    holder: Node | None
    cost: int
    words: str


def explain(store: KernelStore, kref: str, most: int | None = None) -> Explanation:
    """Why the kernel still knows `kref`; raises `KernelError` for what is not a kref.

    With `most`, the search stops after that many things, and the explanation says only that others hold it.
    """
    if not is_kref(kref):
        raise KernelError(f"{kref!r} is not a kref such as ko20, kp40 or kd30")
    if kref_type(kref) == "p":
        if store.promises.get(kref) is None:
            return Explanation(kref, GONE, notes=(f"there is no promise {kref}",))
    elif store.objects.get(kref) is None:
        return Explanation(kref, GONE, notes=(f"there is no object {kref}: nobody holds it any more",))
    searched = _Search(store)
    path = searched.path(Node(kref), most)
    if searched.stopped:
        words = f"others hold it, and the search for what holds them was stopped after {most:,} things"
        return Explanation(kref, HELD, (), True, (words, *searched.notes(kref)))
    if path is None:
        return searched.unheld(kref)
    assumed = any(hold.cost >= ASSUMED for hold in path)
    hops = tuple(hold.words for hold in path)
    if kref_type(kref) == "p":
        notes = waits(store, kref).steps
    else:
        worlds = [words for words in searched.worlds(kref) if words not in hops]
        notes = (*worlds, *searched.notes(kref))
    return Explanation(kref, HELD, hops, assumed, notes)


_MESSAGE = Reader("promise_queue", "promise, item")


class _Search:
    """The search for holders, one step back at a time."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._rows = store.world.rows
        self._records = Records(store)
        self._vats = {vat.id: vat for vat in store.vats.all()}
        self._wire = Wire(store)
        self.stopped = False
        """Whether the search was stopped before it found a path."""

    def path(self, goal: Node, most: int | None = None) -> list[Hold] | None:
        """The cheapest chain of holds from what lives by itself to `goal`, or None.

        None is returned too, and `stopped` set, if it is not found among the first `most` things.
        """
        best: dict[Node, int] = {goal: 0}
        back: dict[Node, tuple[Hold, Node]] = {}
        ends: dict[Node, Hold] = {}
        waiting: list[tuple[int, int, Node | None, Node]] = [(0, 0, goal, goal)]
        order = looked = 0
        while waiting:
            cost, _, node, end = heapq.heappop(waiting)
            if node is None:
                return self._unroll(ends[end], end, back)
            if cost > best[node]:
                continue
            if looked == most:
                self.stopped = True
                return None
            looked += 1
            for hold in self.holds(node):
                order += 1
                total = cost + hold.cost
                if hold.holder is None:
                    if node not in ends or hold.cost < ends[node].cost:
                        ends[node] = hold
                        heapq.heappush(waiting, (total, order, None, node))
                elif total < best.get(hold.holder, total + 1):
                    best[hold.holder] = total
                    back[hold.holder] = (hold, node)
                    heapq.heappush(waiting, (total, order, hold.holder, hold.holder))
        return None

    def _unroll(self, first: Hold, node: Node, back: dict[Node, tuple[Hold, Node]]) -> list[Hold]:
        path = [first]
        while node in back:
            hold, node = back[node]
            path.append(hold)
        return path

    def _vat(self, vat: str) -> VatRecord:
        return self._vats.get(vat) or self._store.vats.known(vat)

    # One step back

    def holds(self, node: Node) -> Iterator[Hold]:
        """Everything that holds a node: first what can be seen, then what is assumed."""
        if node.kref is None:
            assert node.vat is not None
            assert node.vref is not None
            yield from self._inside(node.vat, node.vref, self._named(node.vat, node.vref))
            return
        kref, what = node.kref, self.label(node.kref)
        yield from self._host(kref, what)
        yield from self._events(kref, what)
        yield from self._outcomes(kref, what)
        yield from self._devices(kref, what)
        for entry in self._store.clists.holders(kref):
            vat = entry.vat
            if kref_type(kref) == "p":
                yield Hold(None, 1, self._knows_promise(vat, kref))
            elif self._vat(vat).state == TERMINATED:
                if "-" in entry.vref and entry.reachable:
                    yield Hold(None, 1, f"terminated vat {self._name(vat)}, not cleaned up yet, holds {what}")
            elif "-" in entry.vref:
                if entry.reachable:
                    yield from self._import(vat, entry.vref, what)
            else:
                if entry.vref == ROOT:
                    yield Hold(None, 1, f"vat {self._name(vat)} is alive, and {kref} is its root object")
                yield from self._inside(vat, entry.vref, what)
                yield from self._facets(vat, entry.vref)

    def _import(self, vat: str, vref: str, what: str) -> Iterator[Hold]:
        seen = False
        for words in self._outside(vref, what) if vat == self._wire.vat else ():
            seen = True
            yield Hold(None, 1, words)
        if seen:
            return  # the vat of the network has nothing in its heap between two deliveries
        for hold in self._inside(vat, vref, what):
            seen = True
            yield hold
        name = self._name(vat)
        why = "may hold it too" if seen else "must be what holds it, for no record of the vat mentions it"
        yield Hold(None, ASSUMED, f"vat {name} imports {what} as {vref}; its heap {why}")

    def worlds(self, kref: str) -> Iterator[str]:
        """Which other worlds hold an object, whatever else does."""
        for entry in self._store.clists.holders(kref):
            if entry.vat == self._wire.vat and entry.reachable and "-" in entry.vref:
                yield from self._outside(entry.vref, self.label(kref))

    def _outside(self, vref: str, what: str) -> Iterator[str]:
        """Which other worlds hold an object of this one, and how it can be fetched."""
        worlds, strings = self._wire.holders(vref)
        for world in worlds:
            yield f"{world} holds {what}"
        if strings:
            yield f"{what} is shared: {plural(strings, 'string')} can be out by which other worlds fetch it"

    def _inside(self, vat: str, vref: str, what: str) -> Iterator[Hold]:
        """Records of the vat's own store that name one of its references."""
        name = self._name(vat)
        for mention in self._records.naming(vat, vref):
            if mention.instance is None:
                yield Hold(None, 1, f"vat {name} keeps {what} as {vref} in {where(mention)}")
            elif mention.instance != base(vref):
                holder = self._node(vat, mention.instance)
                words = f"{self._named(vat, mention.instance)} holds {what} as {vref} in {where(mention)}"
                yield Hold(holder, 1, words)

    def _facets(self, vat: str, vref: str) -> Iterator[Hold]:
        """The facets of an object: holding one of them holds the object."""
        query = "SELECT kref, vref from clists where vat = ? and vref > ? and vref < ? order by kref"
        for kref, facet in self._rows(query, (vat, f"{vref}:", f"{vref};")):
            yield Hold(Node(kref), 1, f"{self.label(kref)} is facet {facet} of {vref}")

    def _host(self, kref: str, what: str) -> Iterator[Hold]:
        if self._rows("SELECT 1 from pins where kref = ?", (kref,)):
            yield Hold(None, 1, f"the host has pinned {what}")
        if self._rows("SELECT 1 from promises where kref = ? and policy is not null", (kref,)):
            yield Hold(None, 1, f"the host holds {what}, to read its outcome")
        for (meter,) in self._rows("SELECT id from meters where keeper = ?", (kref,)):
            yield Hold(None, 1, f"{what} is the keeper of meter {meter}")
        for vat, _ in self._rows(
            "SELECT id, parameters from vats where state != 'terminated' and instr(parameters, ?)",
            (_q(kref),),
        ):
            if kref in self._vat(vat).parameters.slots:
                yield Hold(None, 1, f"vat {self._name(vat)} was started with {what} among its parameters")

    def _events(self, kref: str, what: str) -> Iterator[Hold]:
        places = (
            ("queue", "SELECT seq, item from queue where instr(item, ?) order by seq", "in the run-queue"),
            (
                "parked",
                "SELECT seq, item from parked where instr(item, ?) order by vat, seq",
                "parked until its vat runs",
            ),
        )
        for table, query, place in places:
            for row in self._rows(query, (_q(kref),)):
                Reader(table, "seq, item").check(self._store.world.name, row)
                seq, event = row[0], event_from_json(row[1])
                if kref in event.refs():
                    said = described(event, self._name)
                    yield Hold(None, 1, f"event {seq} ({said}), {place}, mentions {what}")
        query = "SELECT promise, item from promise_queue where instr(item, ?) order by promise, seq"
        for row in self._rows(query, (_q(kref),)):
            _MESSAGE.check(self._store.world.name, row)
            promise, event = row[0], event_from_json(row[1])
            if promise != kref and kref in event.refs():
                words = f"{described(event)}, which waits for {self.label(promise)}, mentions {what}"
                yield Hold(Node(promise), 1, words)

    def _outcomes(self, kref: str, what: str) -> Iterator[Hold]:
        query = "SELECT kref, state, slots from promises where instr(slots, ?) order by kref"
        for promise, state, _ in self._rows(query, (_q(kref),)):
            if promise != kref:
                verb = "is forwarded to" if state == FORWARDED else f"was {state}, and its outcome mentions"
                yield Hold(Node(promise), 1, f"promise {promise} {verb} {what}")

    def _devices(self, kref: str, what: str) -> Iterator[Hold]:
        for device in self._store.devices.all():
            if device.root == kref:
                yield Hold(None, 1, f"{kref} is the root of device {device.name}")
        query = "SELECT device, key, value from device_state where instr(value, ?) order by device, key"
        for device_id, key, _ in self._rows(query, (_q(kref),)):
            record = self._store.devices.get(device_id)
            name = record.name if record else device_id
            if is_kref(key) and key != kref:
                yield Hold(Node(key), 1, f"node {key} of device {name} keeps {what}")
            elif key != kref:
                yield Hold(None, 1, f"device {name} keeps {what} under {key!r}")

    # Words

    def label(self, kref: str) -> str:
        """A kref with what it is: `ko20 (Purse of bank)`."""
        if kref_type(kref) == "p":
            record = self._store.promises.get(kref)
            return f"{record.state if record else 'unknown'} promise {kref}"
        record_ = self._store.objects.get(kref)
        if record_ is None or record_.owner is None:
            return f"{kref} (an object without an owner)"
        if record_.owner not in self._vats:
            device = self._store.devices.get(record_.owner)
            return f"{kref} (a node of device {device.name if device else record_.owner})"
        entry = self._store.clists.by_kref(record_.owner, kref)
        kind = self._records.called(record_.owner, base(entry.vref)) if entry else "object"
        return f"{kref} ({kind} of {self._name(record_.owner)})"

    def _named(self, vat: str, vref: str) -> str:
        entry = self._store.clists.by_vref(vat, vref)
        if entry is not None:
            return self.label(entry.kref)
        return f"{vref} ({self._records.called(vat, vref)} of {self._name(vat)})"

    def _node(self, vat: str, vref: str) -> Node:
        entry = self._store.clists.by_vref(vat, vref)
        return Node(entry.kref) if entry else Node(None, vat, vref)

    def _name(self, vat: str) -> str:
        return self._vats[vat].name if vat in self._vats else vat

    def _knows_promise(self, vat: str, kref: str) -> str:
        record = self._store.promises.get(kref)
        name = f"vat {self._name(vat)}"
        if record is not None and record.decider == vat and record.state == UNRESOLVED:
            return f"{name} is to settle promise {kref}"
        if vat in self._store.promises.subscribers(kref):
            return f"{name} waits for promise {kref}"
        return f"{name} has a name for promise {kref}, and has not heard its outcome"

    # Where there is no path

    def unheld(self, kref: str) -> Explanation:
        """The explanation for something that no path leads to."""
        what = self.label(kref)
        if kref_type(kref) == "p":
            return Explanation(kref, UNHELD, notes=self._ring(kref, what))
        recognizers = [
            self._name(entry.vat)
            for entry in self._store.clists.holders(kref)
            if "-" in entry.vref and not entry.reachable
        ]
        record = self._store.objects.get(kref)
        if record is not None and record.reachable:
            return Explanation(kref, UNHELD, notes=self._ring(kref, what))
        if recognizers:
            words = f"nobody can reach {what}; only recognized, by {', '.join(recognizers)}"
            return Explanation(kref, RECOGNIZED, notes=(words,))
        return Explanation(kref, UNHELD, notes=(f"nothing holds {what}", *self.notes(kref)))

    def _ring(self, kref: str, what: str) -> tuple[str, ...]:
        around = [hold.words for hold in self.holds(Node(kref))]
        words = f"nothing that lives by itself holds {what}: what holds it is held by it"
        return (words, *around) if around else (f"nothing holds {what}",)

    def notes(self, kref: str) -> tuple[str, ...]:
        """What is pending for an object: notices to its owner, or the owner's end."""
        query = "SELECT vat, kind from gc_actions where kref = ? and kind != ? order by vat, kind"
        told = self._rows(query, (kref, RETIRE_IMPORT))
        notes = [f"its owner {self._name(vat)} has yet to be notified: {kind}" for vat, kind in told]
        record = self._store.objects.get(kref) if kref_type(kref) != "p" else None
        if record is not None and record.fate is not None:
            notes.append(f"nobody answers for it: {record.fate}")
        return tuple(notes)


def _q(kref: str) -> str:
    return f'"{kref}"'
