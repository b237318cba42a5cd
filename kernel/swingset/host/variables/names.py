"""The names of one life of a session: which of them hold references, and what is stored of them.

The program's variables are searched after every cell, which must be cheap for a program with much plain data.
So variables in which a reference was found, which are few, are checked always and first; one that has not
changed costs a comparison. The others are searched within a budget, new ones first, and the next search
continues where the last one stopped. At a checkpoint and when the world is closed all are searched.

A name is stored completely, or it is fleeting; then the user is told which part cannot be kept, and why. If
two names stand for the same object, the second is stored as a link to the first, so that after a restart they
are again two names for one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swingset.guest.liveslots import Liveslots
from swingset.guest.stores.baggage import StoredMap
from swingset.host.variables import kept, looking, regained
from swingset.host.variables.kept import Unkept, Written
from swingset.host.variables.regained import Unreadable

NAMES = 2
"""The number of the collection in which a session stores its names."""

FIRST = 2_000
"""The part of the budget that each new variable gets before large ones get the rest."""

RETRIED = 10_000
"""A fleeting value with more items is tried again only when everything is searched."""


@dataclass
class _Known:
    """A variable with a reference in it. For a leaf nothing is written; `cost` is the cost of one try."""

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
        self._turns: list[str] = []
        """The names that are still to be searched in this round, the next one last."""

    # Storing

    def look(self, namespace: Mapping[str, Any], classes: kept.Classes, budget: int | None) -> None:
        """Find the variables that have changed and store them; without a budget, search all."""
        looking.look_again()
        if self._stored is None:
            self._stored = set(self._map)
        gone = [
            name
            for name, known in self._known.items()
            if name not in namespace or namespace[name] is not known.value
        ]
        for name in gone:
            del self._known[name]
        changed = [name for name, known in self._known.items() if self._has_changed(known, classes, budget)]
        for name in sorted(changed):
            self._try(name, self._known[name].value, classes)
        found = self._search(namespace, classes, budget)
        for name in found:
            self._try(name, namespace[name], classes)
        if not (gone or changed or found):
            return
        self._share()
        for name, known in self._known.items():
            if known.reason is None and known.new:
                self._put(name, known)
        self.fleeting = {name: known.reason for name, known in sorted(self._known.items()) if known.reason}

    @staticmethod
    def _has_changed(known: _Known, classes: kept.Classes, budget: int | None) -> bool:
        """Whether to write a variable again, or to try again one that could not be written."""
        if known.reason is not None:
            return budget is None or known.cost <= RETRIED
        return known.written is not None and not known.written.still(classes)

    def holding(self) -> dict[str, object]:
        """The variables in which the last search found a reference, stored or not."""
        return {name: known.value for name, known in self._known.items()}

    def may_hold(self, name: str) -> bool:
        """Whether the last search found a reference in a variable, or has not ended there."""
        search = self._searches.get(name)
        return name in self._known or (search is not None and not search[1].done)

    def forget(self, namespace: Mapping[str, Any], spared: Mapping[str, Any]) -> None:
        """Delete the stored values of names that mean something else by now, except the `spared` ones."""
        lost = [
            name
            for name in self._stored or ()
            if (known := self._known.get(name)) is None or known.reason is not None
        ]
        for name in sorted(lost):
            if name in namespace:
                search = self._searches.get(name)
                if name not in self._known and search is not None and not search[1].done:
                    continue  # its current value has not been searched yet
            elif name in spared:
                continue
            self._delete(name)

    def _search(self, namespace: Mapping[str, Any], classes: kept.Classes, budget: int | None) -> list[str]:
        """Search further variables; returns those in which a reference was found now."""

        def inside(cls: type) -> bool:
            return classes.get(looking.class_name(cls)) is cls

        fresh: list[str] = []
        before, searches = self._searches, dict[str, tuple[object, looking.Search]]()
        known, plain = self._known, looking.PLAIN_IDS
        for name, value in namespace.items():
            if id(type(value)) in plain or name in known:
                continue
            entry = before.get(name)
            if entry is None or entry[0] is not value or budget is None:
                entry = (value, looking.Search(value, inside))
                fresh.append(name)
            searches[name] = entry
        self._searches = searches
        if budget is None:
            looked = fresh
            for _, search in searches.values():
                search.go_on(2**62)
        else:
            for name in fresh:
                budget -= FIRST - searches[name][1].go_on(FIRST)
            self._turns += [name for name in fresh if not searches[name][1].done]
            looked = [*fresh, *self._go_round(inside, max(budget, FIRST))]
        found = {name: None for name in looked if searches[name][1].found}
        for name in found:
            del searches[name]
        return list(found)

    def _go_round(self, inside: looking.Inside, budget: int) -> list[str]:
        """Continue the search that was interrupted, and repeat the others in turn; returns the names."""
        if not self._turns:
            self._turns = [*reversed(self._searches)]
        looked = []
        while self._turns and budget > 0:
            name = self._turns[-1]
            if name not in self._searches:
                self._turns.pop()
                continue
            value, search = self._searches[name]
            if search.done:
                search = looking.Search(value, inside)
                self._searches[name] = (value, search)
            budget = search.go_on(budget)
            looked.append(name)
            if search.done:
                self._turns.pop()
        return looked

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
        """Find the names that stand for the same object."""
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
        """Delete the further portions of a stored value."""
        if name.isidentifier():
            inner = self._map.inner(name)
            for key in list(inner):
                del inner[key]

    # Reading

    def all(self) -> list[str]:
        """The stored names, in order."""
        return list(self._map)

    def read(self, wanted: list[str], classes: kept.Classes) -> tuple[dict[str, Any], dict[str, str]]:
        """Read stored names; returns the values, and the reasons for those that cannot be read."""
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
            except Exception as problem:  # a hostile file, or a class that has changed
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
    """The name that a stored value links to; None if it is no link."""
    if isinstance(value, list) and len(value) == 2 and value[0] == "same" and type(value[1]) is str:
        return str(value[1])
    return None
