"""The names of a session: what they stand for is stored in the world, and comes back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.guest.base import context
from swingset.host.joined import Joined
from swingset.host.names import Names


class SessionNames:
    """The names of a session, as `session.names`.

    `classes` is where the classes of stored objects are found by name, such as the program's variables;
    `unread` says of names that are stored why they have no value yet.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self.classes: Mapping[str, Any] = {}
        self.unread: dict[str, str] = {}
        self._kept: Names | None = None

    @property
    def fleeting(self) -> dict[str, str]:
        """The names whose value holds a reference but will not come back, and why."""
        return self._names().fleeting

    def holding(self) -> dict[str, object]:
        """The variables that held something of the world when they were last looked at, by name.

        Example:
            >>> fleeting = session.names.remember({"bank": bank, "total": 5})
            >>> list(session.names.holding())
            ['bank']
        """
        return {} if self._kept is None else self._kept.holding()

    def remember(self, namespace: Mapping[str, Any], *, budget: int | None = None) -> list[str]:
        """Store every name that stands for a reference, or for a container or an object with one inside.

        Names that are bound no longer are forgotten.

        Args:
            namespace: the variables; those that begin with `_` are left out.
            budget: about how many objects are looked at in variables in which no reference has been found
                yet; the next call goes on from there. None looks at all.
        Returns:
            The names whose value holds a reference but cannot outlive the session, such as promises and
            objects of the session's own heap; `fleeting` says why.
        Example:
            >>> session.names.remember({"bank": bank, "soon": E(bank).open_purse("alice")})
            ['soon']
        """
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            names = self._names()
            seen = {name: value for name, value in namespace.items() if not name.startswith("_")}
            names.look(seen, {**self.classes, **seen}, budget)
            names.forget(seen, self.unread)
            self._joined.liveslots.settle()
            self._joined.controller.commit("names")
            return list(names.fleeting)

    def recall(self) -> dict[str, Any]:
        """The stored names with what they stand for, and each vat under its own name.

        A vat whose cell was killed before its name could be remembered is found again this way. One whose
        root nobody held has none any more: it can be reached only through what else it has given away.
        Names of objects whose class is not defined yet are left out, and kept: `recall_more` finds them.

        Example:
            >>> list(session.names.recall())
            ['bank']
        """
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            has_root = self._joined.controller.kernel.has_root
            vats = [vat.name for vat in self._joined.controller.vats if not vat.attached]
            roots = {name: self._joined.root(name) for name in vats if has_root(name)}
            return roots | self._read_names(self._names().all())

    def recall_more(self) -> dict[str, Any]:
        """Names that `recall` had to leave out, as far as their classes have been defined since.

        Example:
            >>> session.names.recall_more()
            {}
        """
        if not self.unread:
            return {}
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            return self._read_names(list(self.unread))

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
