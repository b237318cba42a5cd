"""Finds stored objects that refer to each other and that nothing else holds.

Counts never fall to zero in a cycle of stored objects. So now and then the vat marks all stored objects that
can be reached from outside: from what the kernel can reach, from objects in memory, and from the baggage and
whatever else is in its store besides objects. Objects without a mark are dead, and are deleted like any
others, with exact counts. The search is spread over many `bringOutYourDead`, each with a budget of records to
read, and vat code runs in between. Three rules make that safe. An object that is exported, or that stored
data comes to mention, is marked. Objects made after the search began are not judged. And at the end the
objects in memory are marked once more, at one moment, until nothing new is found.

A weak collection passes the mark on to the value of an entry only if its key is marked.

The marks take one byte for each object ever made, in memory during the search, so a million objects cost a
megabyte. An upgrade ends the search, and the next incarnation begins with one, because the heap of the last
one may have held cycles. After that a search begins when enough counts have changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..base import jsontext
from ..base.vrefs import base_of, base_vref, parse_instance
from ..clist.references import is_stored, slots_of
from ..stores.collections import DURABLE, VIRTUAL
from ..stores.keys import END, object_of

if TYPE_CHECKING:
    from .vat import Vat

BUDGET = 500  # records, entries and keys looked at in one round
CHANGES = 2_000  # a search begins after this many changed counts, or half as many as objects were found
WHOLE = 1 << 62  # the budget of a search that vat code requested

_NAMES = re.compile(r'"(o\+[dv]\d+/\d+)(?::\d+)?"')
_LAST = "\U0010ffff"
_EXPORTS = ("vom.es.", "vom.es/")
_ROOTS = (
    ("", "vc."),
    *((f"vc.{n}.", f"vc.{n}/") for n in range(1, 10)),
    ("vc/", "vom.condemned."),
    ("vom.condemned/", "vom.doubtful."),
    ("vom.doubtful/", _EXPORTS[0]),
    _EXPORTS,
    (_EXPORTS[1], "vom.ir."),
    ("vom.ir/", "vom.o+"),
    ("vom.o,", "vom.rc."),
    ("vom.rc/", _LAST),
)
"""The ranges of the store whose entries hold objects without belonging to one."""

_COLLECTIONS = (*DURABLE.values(), *VIRTUAL.values())
_WEAK = tuple(number for names in (DURABLE, VIRTUAL) for name, number in names.items() if "Weak" in name)

_WHITE, _GREY, _BLACK = 0, 1, 2


class Marks:
    """The marks of the objects of one kind."""

    __slots__ = ("durable", "kind", "low", "marks")

    def __init__(self, durable: bool, kind: int, limit: int) -> None:
        self.durable = durable
        self.kind = kind
        self.marks = bytearray(limit)
        self.low = 0

    def next_grey(self) -> int:
        """The number of an object that is marked and not yet read; -1 if there is none."""
        self.low = found = self.marks.find(_GREY, self.low)
        if found < 0:
            self.low = len(self.marks)
        return found


class Cycles:
    """The search for dead cycles in one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._store = vat.store
        self.wanted = False  # vat code requested it: the next round searches from beginning to end
        self._due = vat.incarnation > 0
        self._phase = ""
        self._marks: dict[tuple[bool, int], Marks] = {}
        self._marked = 0
        self._stretch = 0
        self._cursor = ""
        self._inside: tuple[str, str] | None = None  # the collection that is being read, and its last key
        self._deferred: dict[str, int] = {}  # weak collections with unmarked keys: the number of marks then
        self._changes = 0

    def budget(self) -> int:
        """The budget of a round, when it begins."""
        if self.wanted:
            self._stop()
            return WHOLE
        return BUDGET

    def some(self, budget: int) -> tuple[int, list[str]]:
        """Continue the search; returns the rest of the budget, and objects to delete before the next call."""
        if not self._phase:
            changes = self._vat.references.changes - self._changes
            if not (self.wanted or self._due or changes >= max(CHANGES, self._marked // 2)):
                return budget, []
            self._begin()
        if self._phase == "roots":
            budget = self._find_roots(budget)
        if self._phase == "marking":
            budget = self._mark(budget)
        if self._phase == "sweeping":
            return self._sweep(budget)
        return budget, []

    def _begin(self) -> None:
        store, references = self._store, self._vat.references
        self.wanted = self._due = False
        self._changes = references.changes
        self._phase, self._stretch, self._cursor = "roots", 0, ""
        self._marks, self._marked, self._deferred, self._inside = {}, 0, {}, None
        for durable, prefix in ((True, "vom.dkind."), (False, "vom.vkind.")):
            for key in store.keys(prefix):
                if key.endswith(".nextID"):
                    number = int(key.split(".")[2])
                    self._limit(durable, number, int(store.look(key) or "1"))
        for durable, names in ((True, DURABLE), (False, VIRTUAL)):
            for number in names.values():
                self._limit(durable, number, self._vat.counters.peek("collectionID"))
        references.on_new = self._shade

    def _limit(self, durable: bool, kind: int, limit: int) -> None:
        self._marks[durable, kind] = Marks(durable, kind, limit)

    def _stop(self) -> None:
        self._phase, self._marks, self._deferred = "", {}, {}
        self._vat.references.on_new = None

    def _shade(self, base: str) -> None:
        """Mark an object."""
        name = parse_instance(base) if is_stored(base) else None
        found = self._marks.get((name.durable, name.kind)) if name is not None else None
        if name is None or found is None or name.number >= len(found.marks):
            return
        if found.marks[name.number] == _WHITE:
            found.marks[name.number] = _GREY
            found.low = min(found.low, name.number)
            self._marked += 1

    def _is_white(self, base: str) -> bool:
        name = parse_instance(base)
        found = self._marks.get((name.durable, name.kind)) if name is not None else None
        if name is None or found is None or name.number >= len(found.marks):
            return False
        return found.marks[name.number] == _WHITE

    def _find_roots(self, budget: int) -> int:
        while self._stretch < len(_ROOTS):
            first, end = _ROOTS[self._stretch]
            self._cursor = self._cursor or first
            while budget > 0:
                budget -= 1
                key = self._store.next_key(self._cursor)
                if key is None or key >= end:
                    self._stretch, self._cursor = self._stretch + 1, ""
                    break
                self._cursor = key
                text = self._store.look(key) or ""
                if first != _EXPORTS[0]:
                    for base in _NAMES.findall(text):
                        self._shade(base)
                elif "r" in text:
                    self._shade(key.removeprefix(first))
            else:
                return 0
        self._phase = "marking"
        return budget

    def _mark(self, budget: int) -> int:
        while budget > 0:
            if self._inside is not None:
                budget = self._look_inside(budget)
                continue
            grey = self._next_grey()
            if grey is None:
                for base in self._vat.kinds.alive():
                    self._shade(base)
                self._look_again()
                if (grey := self._next_grey()) is None:
                    self._phase, self._cursor = "sweeping", "vom.o+"
                    self._vat.references.on_new = None
                    return budget
            found, number = grey
            found.marks[number] = _BLACK
            base = base_vref(found.durable, found.kind, number)
            if found.kind in _COLLECTIONS:
                self._inside = (base, f"vc.{number}.")
                continue
            budget -= 1
            text = self._store.look(f"vom.{base}")
            for slot in slots_of(jsontext.read(text)) if text is not None else ():
                self._shade(base_of(slot))
        return budget

    def _next_grey(self) -> tuple[Marks, int] | None:
        for found in self._marks.values():
            number = found.next_grey()
            if number >= 0:
                return found, number
        return None

    def _look_inside(self, budget: int) -> int:
        assert self._inside is not None
        base, cursor = self._inside
        name = parse_instance(base)
        assert name is not None
        prefix = f"vc.{name.number}."
        while budget > 0:
            budget -= 1
            key = self._store.next_key(cursor)
            if key is None or not key.startswith(prefix) or key.startswith(prefix + END):
                self._inside = None
                return budget
            cursor = key
            text = key.removeprefix(prefix)
            held = object_of(text)
            if held is not None:
                self._shade(base_of(held))
            elif name.kind in _WEAK and self._is_white(base_of(text[1:])):
                self._deferred.setdefault(base, -1)
                continue
            for slot in jsontext.read(self._store.look(key) or "null")["slots"]:
                self._shade(base_of(slot))
        self._inside = (base, cursor)
        return budget

    def _look_again(self) -> None:
        """Read weak collections again, if anything was marked since they were read."""
        for base, marked in self._deferred.items():
            name = parse_instance(base)
            if name is not None and marked != self._marked:
                self._deferred[base] = self._marked
                found = self._marks[name.durable, name.kind]
                found.marks[name.number] = _GREY
                found.low = min(found.low, name.number)

    def _sweep(self, budget: int) -> tuple[int, list[str]]:
        dead: list[str] = []
        while budget > 0:
            budget -= 1
            key = self._store.next_key(self._cursor)
            if key is None or not key.startswith("vom.o+"):
                self._stop()
                break
            self._cursor = key
            base = key.removeprefix("vom.")
            if self._is_white(base):
                dead.append(base)
                if len(dead) >= BUDGET:
                    break
        return budget, dead
