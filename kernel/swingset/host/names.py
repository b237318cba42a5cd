"""The names of one life of a session: which of them hold something of the world, and what is stored of them.

After every cell the program's variables are looked at, and whoever has much plain data shall not pay for
that each time. So variables in which a reference was found, which are few, are looked at first and
always: one that is part for part what it was costs a comparison. The others are searched within a budget,
which goes on where it stopped the last time, new ones first. At a checkpoint and when the world is closed
everything is looked at.

A name is stored wholly, or it is fleeting: then it is told, with the part that cannot be kept and why. Of two
names for one thing the second one says so, and after a restart they are again two names for one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swingset.guest.liveslots import Liveslots
from swingset.guest.stores.baggage import StoredMap
from swingset.host import kept, looking, regained
from swingset.host.kept import Unkept, Written
from swingset.host.regained import Unreadable

NAMES = 2
"""The collection, beside the baggage, in which a session keeps its names."""

FIRST = 2_000
"""So much of the budget each new variable has before the large ones have the rest."""

RETRIED = 10_000
"""A fleeting value of more items is tried again only when everything is looked at."""


@dataclass
class _Known:
    """A variable with a reference in it. Leaves have nothing written; `cost` is what a try took."""

    value: object
    written: Written | None = None
    same: str | None = None
    reason: str | None = None
    cost: int = 0
    new: bool = True


class Names:
    """The names of one life."""

    def __init__(self, live: Liveslots) -> None:
        self.live = live
        self.fleeting: dict[str, str] = {}
        self._map = StoredMap(live, NAMES, "the session's names")
        self._stored: set[str] | None = None
        self._known: dict[str, _Known] = {}
        self._searches: dict[str, tuple[object, looking.Search]] = {}

    # Storing

    def look(self, namespace: Mapping[str, Any], classes: kept.Classes, budget: int | None) -> None:
        """Find out what has changed and store it; without a budget everything is looked at."""
        looking.look_again()
        if self._stored is None:
            self._stored = set(self._map)
        self._known = {
            name: known
            for name, known in self._known.items()
            if name in namespace and namespace[name] is known.value
        }
        for name, known in sorted(self._known.items()):
            if known.reason is not None:
                if budget is None or known.cost <= RETRIED:
                    self._try(name, known.value, classes)
            elif known.written is not None and not known.written.still(classes):
                self._try(name, known.value, classes)
        for name in self._search(namespace, classes, budget):
            self._try(name, namespace[name], classes)
        self._share()
        for name, known in self._known.items():
            if known.reason is None and known.new:
                self._put(name, known)
        self.fleeting = {name: known.reason for name, known in sorted(self._known.items()) if known.reason}

    def holding(self) -> dict[str, object]:
        """The variables in which a reference was found at the last look, stored or not."""
        return {name: known.value for name, known in self._known.items()}

    def forget(self, namespace: Mapping[str, Any], spared: Mapping[str, Any]) -> None:
        """Delete what is stored for names that mean something else by now, but for those that are spared."""
        for name in sorted(self._stored or ()):
            known = self._known.get(name)
            if known is not None and known.reason is None:
                continue
            if name in namespace:
                search = self._searches.get(name)
                if known is None and search is not None and not search[1].done:
                    continue  # what it is now is not known yet
            elif name in spared:
                continue
            self._delete(name)

    def _search(self, namespace: Mapping[str, Any], classes: kept.Classes, budget: int | None) -> list[str]:
        """The variables, of those not known yet, in which a reference has been found now."""

        def inside(cls: type) -> bool:
            return classes.get(looking.class_name(cls)) is cls

        fresh, searches = [], {}
        for name, value in namespace.items():
            if name in self._known or looking.is_plain(value):
                continue
            before = self._searches.get(name)
            if before is None or before[0] is not value or budget is None:
                before = (value, looking.Search(value, inside))
                fresh.append(name)
            searches[name] = before
        self._searches = searches
        if budget is None:
            for _, search in searches.values():
                search.go_on(2**62)
        else:
            for name in fresh:
                budget -= FIRST - searches[name][1].go_on(FIRST)
            self._go_round(inside, max(budget, FIRST))
        found = [name for name, (_, search) in searches.items() if search.found]
        for name in found:
            del searches[name]
        return found

    def _go_round(self, inside: looking.Inside, budget: int) -> None:
        """Go on with the searches that are not done; when none is left, begin all anew."""
        open_ones = [search for _, search in self._searches.values() if not search.done]
        if not open_ones:
            self._searches = {
                name: (value, search if search.found else looking.Search(value, inside))
                for name, (value, search) in self._searches.items()
            }
            open_ones = [search for _, search in self._searches.values() if not search.done]
        for search in open_ones:
            if budget <= 0:
                return
            budget = search.go_on(budget)

    def _try(self, name: str, value: object, classes: kept.Classes) -> None:
        known = self._known[name] = _Known(value)
        try:
            if kept.is_leaf(value):
                kept.check_leaf(value, self.live)
            else:
                known.written = kept.write(value, self.live, classes)
        except Unkept as problem:
            known.reason = str(problem)
            known.cost = getattr(problem, "cost", 0)

    def _share(self) -> None:
        """See which names stand for one thing."""
        first: dict[int, str] = {}
        for name, known in sorted(self._known.items()):
            if known.reason is None and known.written is not None:
                other = first.setdefault(id(known.value), name)
                same = None if other == name else other
                if same != known.same:
                    known.same, known.new = same, True

    def _put(self, name: str, known: _Known) -> None:
        assert self._stored is not None, "the stored names are known"
        try:
            self._clear(name)
            if known.same is not None:
                self._map[name] = ["same", known.same]
            elif known.written is None:
                self._map[name] = known.value
            else:
                first, *rest = known.written.portions
                if rest and not name.isidentifier():
                    raise TypeError("is too large for a name that is no identifier")
                self._map[name] = ["kept", len(rest), first]
                for number, portion in enumerate(rest):
                    self._map.inner(name)[f"{number:06}"] = portion
        except (TypeError, ValueError) as problem:
            self._stored.add(name)
            self._delete(name)
            known.reason = f"holds what cannot be kept: {problem}"
            return
        known.new = False
        self._stored.add(name)

    def _delete(self, name: str) -> None:
        assert self._stored is not None, "the stored names are known"
        self._clear(name)
        if name in self._map:
            del self._map[name]
        self._stored.discard(name)

    def _clear(self, name: str) -> None:
        """Delete the further portions of what is stored."""
        if name.isidentifier():
            inner = self._map.inner(name)
            for key in list(inner):
                del inner[key]

    # Reading

    def all(self) -> list[str]:
        """The stored names, in order."""
        return list(self._map)

    def read(self, wanted: list[str], classes: kept.Classes) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of stored names, and why those that have none have none."""
        found: dict[str, Any] = {}
        unread: dict[str, str] = {}
        same: dict[str, str] = {}
        for name in wanted:
            if name not in self._map:
                continue
            try:
                value = self._map[name]
                other = _other(value)
                if other is None:
                    found[name] = self._value(name, value, classes)
                else:
                    same[name] = other
            except LookupError as problem:
                unread[name] = str(problem)
            except Exception as problem:  # a file from a stranger, or a class that is not what it was
                unread[name] = f"it cannot be read: {problem}"
        for name, other in same.items():
            if other in found:
                found[name] = found[other]
            elif other in self._map and _other(self._map[other]) is None:
                more, why = self.read([other], classes)
                found |= {name: more[other]} if other in more else {}
                unread |= {name: why[other]} if other in why else {}
            else:
                unread[name] = "it is another name for something that is not stored"
        return found, unread

    def _value(self, name: str, value: Any, classes: kept.Classes) -> Any:
        if not isinstance(value, list):
            return value
        right = (
            len(value) == 3 and value[0] == "kept" and type(value[1]) is int and isinstance(value[2], list)
        )
        if not right:
            raise Unreadable("what is stored is not a variable")
        pieces = list(value[2])
        for number in range(value[1]):
            pieces += self._map.inner(name)[f"{number:06}"]
        return regained.read(pieces, classes)


def _other(value: Any) -> str | None:
    """The name that a stored value stands for the same as."""
    if isinstance(value, list) and len(value) == 2 and value[0] == "same" and type(value[1]) is str:
        return str(value[1])
    return None
