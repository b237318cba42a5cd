"""Finds rings of objects across vats that hold each other and that nothing else holds. It changes nothing.

Reference counts cannot collect such a ring: a durable object of one vat mentions an import, whose record in
its own vat mentions an import in turn, and so on around the ring. This finder follows the records that it can
see, starting from the roots (everything that lives by itself), and reports the rings that it cannot reach.

Heaps are opaque, so the finder has to assume. Most assumptions err towards "held": an import that no record
mentions is held by the vat's heap; an object that is not durable holds everything that its vat imports; a
promise is held by every vat that has it in its c-list. One assumption errs the other way, or nothing could
ever be found: an import that a record mentions is not held by the vat's heap as well. So a reported ring is a
suspicion for people, with the vats that it depends on, and never a licence to delete.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from swingset.core.store import KernelStore
from swingset.lens.state.reading import Reading
from swingset.lens.state.records import Records, base
from swingset.model.refs import ROOT, is_kref, kref_type, sort_key
from swingset.world.clists import CListEntry
from swingset.world.vats import TERMINATED

Name = tuple[str, str]
"""A node of the graph: `("", kref)`, or `(vat id, vref)` for an object the kernel has no kref for."""


@dataclass(frozen=True)
class Ring:
    """Objects of several vats that hold each other. `lines` are one hop each; `vats` are names.

    `opaque` are those of the vats that have an object in the ring that is not durable; such an object is
    assumed to hold everything that its vat imports.
    """

    krefs: tuple[str, ...]
    vats: tuple[str, ...]
    opaque: tuple[str, ...]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        caveat = f"unless the heap of {' or '.join(self.vats)} holds one of them, nothing can reach these:"
        return "\n".join((caveat, *self.lines))


def find_rings(store: KernelStore) -> list[Ring]:
    """Every ring across two or more vats that no root reaches, as far as can be seen."""
    graph = _Graph(store)
    alive = _reachable(graph.edges, graph.roots)
    dead = {
        node: [to for to in graph.edges[node] if to not in alive] for node in graph.edges if node not in alive
    }
    rings = []
    for group in _components(dead):
        owners = sorted({graph.owner[node] for node in group if node in graph.owner}, key=sort_key)
        if len(owners) > 1:
            rings.append(graph.ring(sorted(group), owners))
    return sorted(rings, key=lambda ring: sort_key(ring.krefs[0]))


class _Graph:
    """Who holds whom, in the whole world."""

    def __init__(self, store: KernelStore) -> None:
        self._records = Records(store)
        self.edges: dict[Name, list[Name]] = {}
        self.roots: set[Name] = set()
        self.owner: dict[Name, str] = {}
        self._vrefs: dict[Name, str] = {}
        self._names: dict[str, str] = {}
        reading = Reading(store)
        for vat in reading.vats.values():
            self._names[vat.id] = vat.name
            self.roots |= {("", slot) for slot in vat.parameters.slots}
            if vat.state == TERMINATED:
                entries = reading.clists[vat.id]
                self.roots |= {("", entry.kref) for entry in entries if "-" in entry.vref and entry.reachable}
            else:
                self._walk_vat(vat.id, {entry.vref: entry for entry in reading.clists[vat.id]})
        self._walk_kernel(reading)

    def _walk_vat(self, vat: str, entries: dict[str, CListEntry]) -> None:
        names = {vref: ("", entry.kref) for vref, entry in entries.items()}
        imports = [v for v, e in entries.items() if "-" in v and e.reachable and kref_type(e.kref) != "p"]
        explained: set[str] = set()
        for mention in self._records.all(vat):
            name = names.get(mention.vref, (vat, mention.vref))
            if mention.vref not in names and "-" in mention.vref:
                continue  # a name that the vat has dropped
            if "+" in mention.vref:
                self._own(vat, mention.vref, name)
            explained.add(mention.vref)
            if mention.instance is None:
                self.roots.add(name)
            else:
                holder = names.get(mention.instance, (vat, mention.instance))
                self._own(vat, mention.instance, holder)
                self._hold(holder, name)
        for vref in imports:
            if vref not in explained:
                self.roots.add(names[vref])
        for vref, entry in entries.items():
            if kref_type(entry.kref) == "p":
                self.roots.add(names[vref])
            elif "+" in vref:
                self._own(vat, vref, names[vref])
                if vref == ROOT:
                    self.roots.add(names[vref])
                elif base(vref) != vref:
                    self._hold(names[vref], names.get(base(vref), (vat, base(vref))))
                elif not vref.startswith("o+d"):
                    for held in imports:
                        self._hold(names[vref], names[held])

    def _walk_kernel(self, reading: Reading) -> None:
        store = reading.store
        self.roots |= {("", kref) for kref in store.pins.all()}
        keepers = store.world.rows("SELECT keeper from meters where keeper is not null")
        self.roots |= {("", kref) for (kref,) in keepers}
        waiting = [event for _, event in reading.queue]
        for parked in reading.parked.values():
            waiting += [event for _, event in parked]
        self.roots |= {("", kref) for event in waiting for kref in event.refs()}
        for promise in reading.promises.values():
            name = ("", promise.kref)
            if promise.policy is not None:
                self.roots.add(name)
            for kref in promise.data.slots if promise.data else ():
                self._hold(name, ("", kref))
            for event in reading.waiting[promise.kref]:
                for kref in event.refs():
                    self._hold(name, ("", kref))
        self.roots |= {("", device.root) for device in reading.devices.values()}
        for _, key, value in store.devices.kept():
            for kref in value.slots:
                if is_kref(key):
                    self._hold(("", key), ("", kref))
                else:
                    self.roots.add(("", kref))

    def _own(self, vat: str, vref: str, name: Name) -> None:
        self.owner[name] = vat
        self._vrefs[name] = vref
        self.edges.setdefault(name, [])

    def _hold(self, holder: Name, held: Name) -> None:
        self.edges.setdefault(holder, []).append(held)
        self.edges.setdefault(held, [])

    def ring(self, group: list[Name], owners: list[str]) -> Ring:
        """A group of nodes as a report."""
        inside = set(group)
        lines = [
            f"{self._words(node)} holds {self._words(held)}"
            for node in sorted(group, key=_by_number)
            for held in sorted(set(self.edges[node]) & inside, key=_by_number)
        ]
        opaque = {
            self._names[self.owner[node]]
            for node in group
            if node in self.owner and not self._vrefs[node].startswith("o+d")
        }
        return Ring(
            tuple(sorted((name for vat, name in group if not vat), key=sort_key)),
            tuple(self._names[owner] for owner in owners),
            tuple(sorted(opaque)),
            tuple(lines),
        )

    def _words(self, node: Name) -> str:
        if node not in self.owner:
            return f"promise {node[1]}" if node[1].startswith("kp") else node[1]
        vat = self.owner[node]
        return f"{node[1]} ({self._records.called(vat, base(self._vrefs[node]))} of {self._names[vat]})"


def _reachable(edges: dict[Name, list[Name]], roots: Iterable[Name]) -> set[Name]:
    found = set(roots)
    waiting = list(found)
    while waiting:
        for held in edges.get(waiting.pop(), ()):
            if held not in found:
                found.add(held)
                waiting.append(held)
    return found


def _components(edges: dict[Name, list[Name]]) -> list[list[Name]]:
    """Strongly connected components, by Tarjan's algorithm without recursion."""
    index: dict[Name, int] = {}
    low: dict[Name, int] = {}
    stack: list[Name] = []
    on_stack: set[Name] = set()
    found: list[list[Name]] = []
    for start in edges:
        if start in index:
            continue
        work = [(start, iter(edges[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, rest = work[-1]
            for held in rest:
                if held not in index:
                    index[held] = low[held] = len(index)
                    stack.append(held)
                    on_stack.add(held)
                    work.append((held, iter(edges[held])))
                    break
                if held in on_stack:
                    low[node] = min(low[node], index[held])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found.append(_popped(stack, node))
                    on_stack -= set(found[-1])
    return found


def _popped(stack: list[Name], last: Name) -> list[Name]:
    group = [stack.pop()]
    while group[-1] != last:
        group.append(stack.pop())
    return group


def _by_number(node: Name) -> tuple[str, int]:
    return sort_key(node[1])
