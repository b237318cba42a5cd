"""Who owns and who holds what: the objects of a world, grouped so that equal ones are one row.

Objects are equal if they are of the same kind in the same vat and the same vats hold them. A group is found
by that, so a world of fifty thousand objects is a few groups. The index is read from the tables of a world
once. After that it is changed by the row changes of new records alone, so a cell costs what it has changed
and not what there is. If the world has gone elsewhere since, the index is read again.

Rows are a stranger's. They are taken as they are: every text is made safe where it is shown, and what does
not fit together is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from swingset.core.store import KernelStore
from swingset.lens.state.records import EVERY, kind_tag, of_vats
from swingset.time.explorer.answers import RowSort
from swingset.time.explorer.names import NAMES, Name, Names
from swingset.world.promises import UNRESOLVED
from swingset.world.records import RowChange
from swingset.world.vats import ATTACHED

_KINDS, _DESCRIPTOR = "vom.dkind.", ".descriptor"
_NONE: frozenset[str] = frozenset()

_FIRST = 16  # members of a group that are kept in order


class Key(NamedTuple):
    """What equal things share. `kind` is the number of a durable kind with its facet, or a class.

    `owner` is empty for objects whose vat is gone, and `?` for promises that no vat has to settle.
    """

    owner: str
    sort: RowSort
    kind: str
    holders: frozenset[str]


@dataclass(eq=False)
class Group:
    """Things that are equal, by kref."""

    key: Key
    members: dict[str, None] = field(default_factory=dict)
    _first: list[str] = field(default_factory=list)

    def add(self, kref: str) -> None:
        """Add a member."""
        self.members[kref] = None
        if self._first and number(kref) < number(self._first[-1]):
            self._first = []

    def remove(self, kref: str) -> None:
        """Remove a member."""
        del self.members[kref]
        if self._first and number(kref) <= number(self._first[-1]):
            self._first = []

    @property
    def least(self) -> int:
        """The lowest number of a member."""
        return number(self.some(1)[0])

    def some(self, most: int) -> list[str]:
        """The members with the lowest numbers."""
        if len(self._first) < min(most, len(self.members)):
            self._first = nsmallest(max(most, _FIRST), self.members, key=number)
        return self._first[:most]


class Index:
    """The objects and promises of one world at one moment, and the names of its sessions."""

    def __init__(self, store: KernelStore) -> None:
        self.groups: dict[Key, Group] = {}
        self.by_owner: defaultdict[str, dict[Key, Group]] = defaultdict(dict)
        self.group_of: dict[str, Group] = {}
        self.held: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """How many references each holder has to the things of each owner."""
        self.counts: Counter[str] = Counter()
        """How many things each owner has."""
        self.settled = 0
        self.tags: dict[tuple[str, str], str] = {}
        """The tags of durable kinds, by vat and number."""
        self.names = Names()
        self.ifaces: dict[str, tuple[str, str]] = {}
        """The owner and the class of each object, as far as they are known."""
        self.vrefs: dict[str, tuple[str, str]] = {}
        """The vat that exports each object, and the vat's own name for it."""
        self._holders: dict[str, frozenset[str]] = {}
        self._promises: dict[str, str] = {}
        self._subscribers: dict[str, frozenset[str]] = {}
        self._interned: dict[frozenset[str], frozenset[str]] = {}
        self._read(store)

    # Reading all

    def _read(self, store: KernelStore) -> None:
        rows = store.world.rows
        self.names.sessions = {vat for (vat,) in rows("SELECT id from vats where worker = ?", (ATTACHED,))}
        for kref, owner, iface in rows("SELECT kref, owner, iface from objects"):
            self.ifaces[kref] = owner or "", iface or ""
        holders: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        for vat, kref, vref, reachable in rows("SELECT vat, kref, vref, reachable from clists order by vat"):
            if vat in self.names.sessions:
                self.names.hold(vat, kref, vref)
            if kref[1:2] == "p":
                continue
            if vref[1:2] == "+":
                self.vrefs[kref] = vat, vref
            elif reachable:
                holders[kref] += (vat,)
        sets: dict[tuple[str, ...], frozenset[str]] = {}
        for kref, vats in holders.items():
            found = sets.get(vats)
            if found is None:
                found = sets[vats] = self._one(frozenset(vats))
            self._holders[kref] = found
        for promise, vat in rows("SELECT promise, vat from subscribers"):
            self._subscribers[promise] = self._one(self._subscribers.get(promise, _NONE) | {vat})
        for kref, state, decider in rows("SELECT kref, state, decider from promises"):
            self._settle(kref, state, decider)
        self._enter_all()
        for row in of_vats(store, _KINDS, EVERY):
            self._store(*row)
        query = "SELECT vat, key, value from vatstore where vat = ? and key >= ? and key < ?"
        for vat in self.names.sessions:
            for row in rows(query, (vat, NAMES, NAMES + "\U0010ffff")):
                self._store(*row)

    # Following

    def take(self, changes: Iterable[RowChange]) -> None:
        """Change the index as rows of the world were changed, in the order of the changes."""
        touched: dict[str, None] = {}
        for change in changes:
            key, after = change.key, change.after
            match change.table:
                case "objects":
                    touched[str(key[0])] = None
                    if after is None:
                        self.ifaces.pop(str(key[0]), None)
                    else:
                        self.ifaces[str(key[0])] = str(after[1] or ""), str(after[5] or "")
                case "clists":
                    vat, kref = str(key[0]), str(key[1])
                    touched[kref] = None
                    self._entry(vat, kref, None if after is None else str(after[2]), after)
                case "promises":
                    touched[str(key[0])] = None
                    if after is None:
                        self._settle(str(key[0]), None, None)
                    else:
                        self._settle(str(key[0]), str(after[1]), after[2])
                case "subscribers":
                    promise, vat = str(key[0]), str(key[1])
                    touched[promise] = None
                    before = self._subscribers.get(promise, _NONE)
                    now = before - {vat} if after is None else before | {vat}
                    self._keep(self._subscribers, promise, now)
                case "vats" if after is not None and after[2] == ATTACHED:
                    self.names.sessions.add(str(key[0]))
                case "vatstore":
                    self._store(str(key[0]), str(key[1]), None if after is None else str(after[2]))
        for kref in touched:
            self._enter(kref)

    def _entry(self, vat: str, kref: str, vref: str | None, after: tuple[Any, ...] | None) -> None:
        if vat in self.names.sessions:
            self.names.hold(vat, kref, vref)
        if kref[1:2] == "p":
            return
        before = self._holders.get(kref, _NONE)
        if vref is None and self.vrefs.get(kref, ("",))[0] == vat:
            del self.vrefs[kref]
        elif vref is not None and vref[1:2] == "+":
            self.vrefs[kref] = vat, vref
        elif after is not None and after[3]:
            self._keep(self._holders, kref, before | {vat})
        else:
            self._keep(self._holders, kref, before - {vat})

    def _keep(self, sets: dict[str, frozenset[str]], kref: str, now: frozenset[str]) -> None:
        if now:
            sets[kref] = self._one(now)
        else:
            sets.pop(kref, None)

    def _one(self, found: frozenset[str]) -> frozenset[str]:
        """The same set as one object, so that thousands of objects with the same holders share it."""
        return self._interned.setdefault(found, found)

    def _settle(self, kref: str, state: str | None, decider: Any) -> None:
        was = self._promises.pop(kref, None)
        self.settled -= was == _SETTLED
        if state is not None:
            self._promises[kref] = str(decider or "?") if state == UNRESOLVED else _SETTLED
            self.settled += state != UNRESOLVED

    def _store(self, vat: str, key: str, value: str | None) -> None:
        if key.startswith(_KINDS) and key.endswith(_DESCRIPTOR):
            kind = key[len(_KINDS) : -len(_DESCRIPTOR)]
            if (tag := kind_tag(value)) is not None:
                self.tags[vat, kind] = tag[:200]
            else:
                self.tags.pop((vat, kind), None)
        elif vat in self.names.sessions and key.startswith(NAMES):
            self.names.take(vat, key, value)

    # Groups

    def _enter(self, kref: str) -> None:
        """Put a thing into the group of its equals, out of the one where it was."""
        key = self._promise(kref) if kref[1:2] == "p" else self._object(kref)
        group = self.group_of.get(kref)
        if group is not None:
            if group.key == key:
                return
            self._leave(kref, group)
        if key is None:
            return
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = self.by_owner[key.owner][key] = Group(key)
        group.add(kref)
        self.group_of[kref] = group
        self.counts[key.owner] += 1
        self.held[key.owner].update(key.holders)

    def _enter_all(self) -> None:
        """As `_enter` for all that there is, of which nothing is in a group yet."""
        group_of = self.group_of
        for krefs, key_of in ((self.ifaces, self._object), (self._promises, self._promise)):
            for kref in krefs:
                key = key_of(kref)
                if key is None:
                    continue
                group = self.groups.get(key)
                if group is None:
                    group = self.groups[key] = self.by_owner[key.owner][key] = Group(key)
                group.members[kref] = None
                group_of[kref] = group
        for key, group in self.groups.items():
            self.counts[key.owner] += len(group.members)
            self.held[key.owner].update(dict.fromkeys(key.holders, len(group.members)))

    def _leave(self, kref: str, group: Group) -> None:
        key = group.key
        group.remove(kref)
        del self.group_of[kref]
        if not group.members:
            del self.groups[key], self.by_owner[key.owner][key]
        self.counts[key.owner] -= 1
        self.held[key.owner].subtract(key.holders)

    def _object(self, kref: str) -> Key | None:
        known = self.ifaces.get(kref)
        if known is None:
            return None
        owner, iface = known
        holders = self._holders.get(kref, _NONE)
        if not owner:
            return Key("", "lost", iface, holders)
        if kref[1:2] == "d":
            return Key(owner, "heap", "node", holders)
        exporter, vref = self.vrefs.get(kref, ("", ""))
        if exporter != owner:
            return Key(owner, "heap", iface, holders)
        if vref == "o+0":
            return Key(owner, "root", "", holders)
        if vref.startswith("o+d"):
            kind, _, instance = vref[3:].partition("/")
            _, colon, facet = instance.partition(":")
            return Key(owner, "durable", kind + colon + facet, holders)
        return Key(owner, "heap", iface, holders)

    def _promise(self, kref: str) -> Key | None:
        decider = self._promises.get(kref, _SETTLED)
        if decider == _SETTLED:
            return None
        return Key(decider, "promise", "", self._subscribers.get(kref, _NONE))


_SETTLED = "settled"


def number(kref: str) -> int:
    """The number in a kref, 0 for what is none."""
    digits = kref[2:18]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


__all__ = ["Group", "Index", "Key", "Name", "number"]
