"""The names of a session: what they stand for is stored in the world, and comes back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.guest import context
from swingset.guest.baggage import StoredMap
from swingset.guest.promises import Promise
from swingset.guest.remotables import Presence, interface_of
from swingset.host.controller import Controller


class Naming:
    """The part of a session that keeps names."""

    controller: Controller
    unread: dict[str, str]

    @property
    def liveslots(self) -> Any:
        """The guest library of the session's vat."""
        raise NotImplementedError

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""
        raise NotImplementedError

    def remember(self, namespace: Mapping[str, Any]) -> list[str]:
        """Put into the baggage every name that stands for a reference, or for data that holds one.

        Names that are bound no longer are forgotten. Returns the names whose value holds a reference but
        cannot outlive the session, such as promises and objects of the session's own heap.
        """
        fleeting = []
        with self.controller.lock, context.activate(self.liveslots):
            names = self._names()
            kept = set()
            for name, value in sorted(namespace.items()):
                if name.startswith("_") or not _holds_reference(value):
                    continue
                try:
                    names[name] = value
                    kept.add(name)
                except (TypeError, ValueError):
                    fleeting.append(name)
            for name in [name for name in names if name not in kept]:
                if name not in self.unread or name in namespace:
                    del names[name]
            self.liveslots.settle()
            self.controller.commit("names")
        return fleeting

    def recall(self) -> dict[str, Any]:
        """The names in the baggage with what they stand for, and each vat under its own name.

        A vat whose cell was killed before its name could be remembered is found again this way. One whose
        root nobody held has none any more: it can be reached only through what else it has given away.
        Names of objects whose class is not defined yet are left out, and kept: `recall_more` finds them.
        """
        with self.controller.lock, context.activate(self.liveslots):
            has_root = self.controller.kernel.has_root
            vats = [vat.name for vat in self.controller.vats() if vat.worker != "attached"]
            roots = {name: self.root(name) for name in vats if has_root(name)}
            return roots | self._read_names(list(self._names()))

    def recall_more(self) -> dict[str, Any]:
        """Names that `recall` had to leave out, as far as their classes have been defined since."""
        with self.controller.lock, context.activate(self.liveslots):
            return self._read_names(list(self.unread)) if self.unread else {}

    def _read_names(self, wanted: list[str]) -> dict[str, Any]:
        names, found = self._names(), {}
        for name in wanted:
            self.unread.pop(name, None)
            if name not in names:
                continue
            try:
                found[name] = names[name]
            except (LookupError, ValueError, TypeError, RecursionError) as problem:
                self.unread[name] = str(problem)
        return found

    def _names(self) -> StoredMap:
        return StoredMap(self.liveslots, _NAMES, "the session's names")


_NAMES = 2
"""The collection, beside the baggage, in which a session keeps its names."""


def _holds_reference(value: Any, depth: int = 0) -> bool:
    """Whether a value is a reference into the world, or plain data with one in it."""
    if isinstance(value, Presence | Promise) or interface_of(value) is not None:
        return True
    if depth < 10:
        if isinstance(value, list | tuple):
            return any(_holds_reference(item, depth + 1) for item in value)
        if isinstance(value, dict):
            return any(_holds_reference(item, depth + 1) for item in value.values())
    return False
