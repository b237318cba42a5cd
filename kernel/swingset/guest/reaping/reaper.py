"""Serves `bringOutYourDead`: the one moment at which a vat acts on what the interpreter has freed.

The interpreter may free an object at any time, and at different times on different engines. So nothing
happens when it does. In `bringOutYourDead` the vat makes the interpreter free all it can, and then checks the
candidates noted since the last time. One that is in memory stays a candidate, one that stored data or the
kernel holds is removed from the list, and the others are dead. A dead object of this vat loses its record and
all references in it, which may leave other objects without a holder; so this is repeated until nothing more
is found. That includes memory: a stored object that dies may have been all that held a heap object, and that
one all that held another stored object. Python frees such a heap object at once, unless it is in a ring of
plain objects. Then the interpreter's collector has to run again, which it does a few times per round at most.
Then the kernel is told, sorted by name, which imports are dropped, which it may forget, and which exports are
gone.

The candidates that remain are those that only memory holds. Their names are stored, so that the next
incarnation, which does not have this memory, can drop them in its first `bringOutYourDead`. An upgrade makes
the old incarnation do this just before it ends. A notebook's interpreter may end at any moment, so its vat
stores the list whenever it has changed.

One round deletes at most `BUDGET` records; the rest waits for the next. A round that has no dead candidates
left continues with `deferred_deletions` and `cycles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import jsontext
from ..clist.references import is_import
from . import deferred_deletions

if TYPE_CHECKING:
    from .deferred_deletions import DeferredDeletions
    from .vat import Vat

BUDGET = 5_000  # the most records and heap objects dropped in one round
COLLECTIONS = 4  # how often the interpreter's collector runs in one round, at most
CHUNK = 1_000  # names in one stored piece of the list of candidates
LIST = "vom.doubtful."


class Reaper:
    """Serves `bringOutYourDead` in one vat."""

    def __init__(self, vat: Vat, deferred: DeferredDeletions) -> None:
        self._vat = vat
        self._deferred = deferred
        self._stored: list[str] = []
        self._saved: dict[str, None] = {}

    def load(self) -> None:
        """Make candidates of what the last incarnation held only in its heap."""
        store, candidates = self._vat.store, self._vat.references.candidates
        for key in store.keys(LIST):
            text = store.get(key) or "[]"
            self._stored.append(text)
            candidates.update(dict.fromkeys(jsontext.read(text)))
        self._saved = dict(candidates)

    def save(self) -> None:
        """Store the names of the candidates, if they have changed."""
        if self._saved == self._vat.references.candidates:
            return
        self._saved = dict(self._vat.references.candidates)
        names = sorted(self._vat.references.candidates)
        pieces = [jsontext.write(names[i : i + CHUNK]) for i in range(0, len(names), CHUNK)]
        store, before = self._vat.store, self._stored
        for index in range(max(len(pieces), len(before))):
            key = f"{LIST}{index:06}"
            if index >= len(pieces):
                store.delete(key)
            elif index >= len(before) or before[index] != pieces[index]:
                store.set(key, pieces[index])
        self._stored = pieces

    def bring_out(self) -> None:
        """Serve one `bringOutYourDead`."""
        vat = self._vat
        references = vat.references
        vat.settle_state()
        vat.collector.collect()
        collections, in_rings = 1, 0
        drop: dict[str, None] = {}  # a dict: a name may come up again when the last record that held it dies
        retire: dict[str, None] = {}
        gone: list[str] = []
        self._bury(gone)
        left, for_deferred, for_cycles = BUDGET, deferred_deletions.BUDGET, vat.cycles.budget()
        while left > 0:
            references.settle()
            dead = sorted(name for name in references.candidates if not self._in_memory(name))[:left]
            left -= len(dead)
            if not dead:
                before, for_deferred = for_deferred, self._deferred.some(for_deferred)
                if for_deferred != before:
                    continue
                with vat.collector.deafly():
                    freed = vat.slots.heap.settle()  # objects that stored data does not mention any more
                if freed:
                    left -= len(freed)
                    in_rings += len(freed) - self._bury(gone, freed)
                    continue
                if in_rings and collections < COLLECTIONS:
                    collections, in_rings = collections + 1, 0
                    vat.collector.collect()
                    self._bury(gone)
                    continue
                for_cycles, rings = vat.cycles.some(for_cycles)
                if not rings:
                    break
                left -= len(rings)
                for name in rings:
                    gone.extend(self._delete(name))
            for name in dead:
                del references.candidates[name]
                if references.count(name) > 0:
                    continue
                if is_import(name):
                    drop[name] = None
                    retire[name] = None
                elif "r" not in references.status(name):
                    gone.extend(self._delete(name))
        for name in vat.recognizers.take_lost():
            if name in drop or not self._held(name):
                retire[name] = None
        self._tell("dropImports", list(drop))
        self._tell("retireImports", [name for name in retire if not vat.recognizers.know(name)])
        self._tell("retireExports", gone)
        vat.slots.imports.tidy()
        vat.collections.tidy()
        references.settle()
        self.save()

    def _bury(self, gone: list[str], among: list[str] | None = None) -> int:
        """Forget the heap objects that are gone from memory, all or those in `among`; returns how many."""
        dead = self._vat.slots.heap.bury(among)
        for vref, recognizable in dead:
            self._vat.recognizers.forget(vref)
            if recognizable:
                gone.append(vref)
        return len(dead)

    def _held(self, name: str) -> bool:
        """Whether memory or stored data holds an import, so that it was not dropped."""
        references = self._vat.references
        return self._in_memory(name) or name in references.candidates or references.count(name) > 0

    def _in_memory(self, name: str) -> bool:
        vat = self._vat
        return vat.slots.imports.in_memory(name) if is_import(name) else vat.kinds.in_memory(name)

    def _delete(self, name: str) -> list[str]:
        """Delete an object of this vat; returns the names by which the kernel could recognize it."""
        vat = self._vat
        vat.kinds.delete(name)
        vat.recognizers.forget(name)
        recognizable = vat.references.forget(name)
        return [] if self._deferred.are_old(name) else recognizable

    def _tell(self, syscall: str, names: list[str]) -> None:
        if names:
            self._vat.syscall([syscall, sorted(names)])
