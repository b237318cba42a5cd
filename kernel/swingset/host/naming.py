"""The names of a session: what they stand for is stored in the world, and comes back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.guest.base import context
from swingset.host.controller import Controller
from swingset.host.names import Names


class Naming:
    """The part of a session that keeps names.

    `classes` is where the classes of stored objects are found by name, such as the program's variables;
    `unread` says of names that are stored why they have no value yet, `fleeting` of names of this session why
    they will not come back.
    """

    controller: Controller
    classes: Mapping[str, Any]
    unread: dict[str, str]
    _kept_names: Names | None

    @property
    def liveslots(self) -> Any:
        """The guest library of the session's vat."""
        raise NotImplementedError

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""
        raise NotImplementedError

    @property
    def fleeting(self) -> dict[str, str]:
        """The names whose value holds a reference but will not come back, and why."""
        return self._names().fleeting

    def holding(self) -> dict[str, object]:
        """The variables that held something of the world when they were last looked at."""
        return {} if self._kept_names is None else self._kept_names.holding()

    def remember(self, namespace: Mapping[str, Any], *, budget: int | None = None) -> list[str]:
        """Store every name that stands for a reference, or for common containers and objects with one inside.

        Names that are bound no longer are forgotten. Returns the names whose value holds a reference but
        cannot outlive the session, such as promises and objects of the session's own heap; `fleeting` says
        why. With a `budget`, of about so many objects, only that much is looked at of variables in which no
        reference has been found yet, and the next call goes on from there.
        """
        with self.controller.lock, context.activate(self.liveslots):
            names = self._names()
            seen = {name: value for name, value in namespace.items() if not name.startswith("_")}
            names.look(seen, {**self.classes, **seen}, budget)
            names.forget(seen, self.unread)
            self.liveslots.settle()
            self.controller.commit("names")
            return list(names.fleeting)

    def recall(self) -> dict[str, Any]:
        """The stored names with what they stand for, and each vat under its own name.

        A vat whose cell was killed before its name could be remembered is found again this way. One whose
        root nobody held has none any more: it can be reached only through what else it has given away.
        Names of objects whose class is not defined yet are left out, and kept: `recall_more` finds them.
        """
        with self.controller.lock, context.activate(self.liveslots):
            has_root = self.controller.kernel.has_root
            vats = [vat.name for vat in self.controller.vats if not vat.attached]
            roots = {name: self.root(name) for name in vats if has_root(name)}
            return roots | self._read_names(self._names().all())

    def recall_more(self) -> dict[str, Any]:
        """Names that `recall` had to leave out, as far as their classes have been defined since."""
        if not self.unread:
            return {}
        with self.controller.lock, context.activate(self.liveslots):
            return self._read_names(list(self.unread))

    def _read_names(self, wanted: list[str]) -> dict[str, Any]:
        found, unread = self._names().read(wanted, self.classes)
        for name in wanted:
            self.unread.pop(name, None)
        self.unread.update(unread)
        return found

    def _names(self) -> Names:
        live = self.liveslots
        if self._kept_names is None or self._kept_names.live is not live:
            self._kept_names = Names(live)
        return self._kept_names
