"""The names of a session: their values are stored in the world, and restored when it is opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swingset.guest.base import context
from swingset.host.base.starting import service_counter
from swingset.host.code.joined import Joined
from swingset.host.controls.device_access import HTTP, MOVER, NET, SERVICES
from swingset.host.variables import looking
from swingset.host.variables.bindings import ABSENT, Bindings, Changed
from swingset.host.variables.names import Names


@dataclass(frozen=True)
class Rebound:
    """The names that an undo or a redo unbinds and binds, and what they `were` before it."""

    gone: tuple[str, ...]
    back: Mapping[str, Any]
    holding_dead: tuple[str, ...]
    were: dict[str, Any]


class SessionNames:
    """The names of a session, as `session.names`.

    `classes` is the namespace in which the classes of stored objects are found, such as the program's
    variables. `unread` has the stored names without a value yet, each with the reason.

    Source:
        Ours.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self.classes: Mapping[str, Any] = {}
        self.unread: dict[str, str] = {}
        self.bindings = Bindings()
        self._kept: Names | None = None

    @property
    def fleeting(self) -> dict[str, str]:
        """The names whose value holds a reference but cannot be stored, each with the reason."""
        return self._names().fleeting

    def holding(self) -> dict[str, object]:
        """The variables that held a reference at the last `remember`, by name.

        Example:
            >>> fleeting = session.names.remember({"bank": bank, "total": 5})
            >>> list(session.names.holding())
            ['bank']
        """
        return {} if self._kept is None else self._kept.holding()

    def remember(self, namespace: Mapping[str, Any], *, budget: int | None = None) -> list[str]:
        """Store every name whose value is a reference, or a container or an object with one inside.

        Names that are not in the namespace any more are forgotten.

        Args:
            namespace: the variables; those that begin with `_` are left out.
            budget: about how many objects to search in variables in which no reference was found yet; the
                next call continues from there. None searches all.
        Returns:
            The names whose value holds a reference but cannot be stored, such as promises and objects of the
            session's own heap; `fleeting` has the reasons.
        Example:
            >>> session.names.remember({"bank": bank, "soon": E(bank).open_purse("alice")})
            ['soon']
        """
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            names = self._names()
            seen = {name: value for name, value in namespace.items() if name[:1] != "_"}
            had = names.holding()
            names.look(seen, {**self.classes, **seen}, budget)
            self.bindings.note(seen, self._joined.liveslots, had, names.may_hold)
            names.forget(seen, self.unread)
            self._joined.liveslots.settle()
            self._joined.controller.commit("names")
            return list(names.fleeting)

    def note(self, namespace: Mapping[str, Any]) -> None:
        """Note which variables the running step has bound so far, without storing them; an undo asks for it.

        Args:
            namespace: the variables, as for `remember`.
        Example:
            >>> session.names.note({"bank": bank})
        """
        seen = {name: value for name, value in namespace.items() if name[:1] != "_"}
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            had = self._names().holding()

            def may_hold(name: str) -> bool:
                return had.get(name, ABSENT) is seen[name] or not looking.is_plain(seen[name])

            self.bindings.note(seen, self._joined.liveslots, had, may_hold)

    def recall(self) -> dict[str, Any]:
        """The stored names with their values, and the root of each vat of people under the vat's name.

        So a vat is found again even if its cell was killed before the name was stored. A vat whose root is
        gone, because nothing held it, is left out. So are names of objects whose class is not defined yet;
        they stay stored, and `recall_more` returns them later.

        Example:
            >>> list(session.names.recall())
            ['bank']
        """
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            has_root = self._joined.controller.kernel.has_root
            roots = {name: self._joined.root(name) for name in self.vats() if has_root(name)}
            return roots | self._read_names(self._names().all())

    def vats(self) -> list[str]:
        """The names of the vats of people: no session's, and none of the library's, such as `net`.

        Example:
            >>> session.names.vats()
            ['bank']
        """
        controller = self._joined.controller
        with controller.lock:
            counters = controller.kernel.store.counters
            numbers = [counters.get(service_counter(name)) for name in (*SERVICES, NET, HTTP, MOVER)]
            services = {f"v{number}" for number in numbers if number}
            return [vat.name for vat in controller.vats if not vat.attached and vat.id not in services]

    def recall_more(self) -> dict[str, Any]:
        """The names that `recall` has left out and whose classes have been defined since, with their values.

        Example:
            >>> session.names.recall_more()
            {}
        """
        if not self.unread:
            return {}
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            return self._read_names(list(self.unread))

    def _take_back(self, changed: Changed) -> Rebound:
        """Find what an undo does to names, after the world went to another commit of the same life.

        Names that the steps bound first, to something of the world, are unbound; the others that they
        changed stand for the objects of then.
        """
        now = self.bindings.now
        fresh = [name for name in sorted(changed.fresh) if name in now and self._concerns(now[name])]
        wanted: dict[str, Any] = dict.fromkeys(fresh, ABSENT)
        lost = []
        for name, held in sorted(changed.before.items()):
            value = held.value()
            if value is ABSENT:
                lost.append(name)
            elif name not in now or self._concerns(value) or self._concerns(now[name]):
                wanted[name] = value
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            if lost:
                stored = set(Names(self._joined.liveslots).all())
                wanted |= self._read_names([name for name in lost if name in stored])
        return self._do_again(wanted)

    def _do_again(self, wanted: Mapping[str, Any]) -> Rebound:
        """Have names stand for these values, and note that no step did it; `ABSENT` stands for none."""
        now = self.bindings.now
        holding, self._kept = self.holding(), None
        new = {name: value for name, value in wanted.items() if now.get(name, ABSENT) is not value}
        were = self.bindings.set(new)
        now = self.bindings.now
        dead = [
            name
            for name, value in sorted(holding.items())
            if now.get(name) is value and self._finds(value, _is_dead)
        ]
        gone = tuple(sorted(name for name, value in new.items() if value is ABSENT))
        back = {name: value for name, value in sorted(new.items()) if value is not ABSENT}
        return Rebound(gone, back, tuple(dead), were)

    def _concerns(self, value: object) -> bool:
        """Whether a value is or contains something of the world; an own object of the session is not."""
        return self._finds(value, _is_of_world)

    def _finds(self, value: object, wanted: Callable[[object], bool]) -> bool:
        classes = {**self.classes, **self.bindings.now}
        search = looking.Search(value, lambda cls: classes.get(looking.class_name(cls)) is cls, wanted)
        search.go_on(2**62)
        return search.found

    def _read_names(self, wanted: list[str]) -> dict[str, Any]:
        found, unread = self._names().read(wanted, self.classes)
        for name in wanted:
            self.unread.pop(name, None)
        self.unread.update(unread)
        return found

    def _names(self) -> Names:
        live = self._joined.liveslots
        if self._kept is None or self._kept.live is not live:
            self._kept = Names(live)
        return self._kept


def _is_of_world(value: object) -> bool:
    if looking.is_reference(value):
        return looking.owner_of(value) is not None
    return looking.reaches(value)


def _is_dead(value: object) -> bool:
    live = looking.owner_of(value) if looking.is_reference(value) else None
    return live is not None and live.ended is not None
