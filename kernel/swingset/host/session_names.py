"""The names of a session: their values are stored in the world, and restored when it is opened again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from swingset.guest.base import context
from swingset.host.joined import Joined
from swingset.host.names import Names, name_of_key


class SessionNames:
    """The names of a session, as `session.names`.

    `classes` is the namespace in which the classes of stored objects are found, such as the program's
    variables. `unread` has the stored names without a value yet, each with the reason.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self.classes: Mapping[str, Any] = {}
        self.unread: dict[str, str] = {}
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
            names.look(seen, {**self.classes, **seen}, budget)
            names.forget(seen, self.unread)
            self._joined.liveslots.settle()
            self._joined.controller.commit("names")
            return list(names.fleeting)

    def recall(self) -> dict[str, Any]:
        """The stored names with their values, and the root of each vat under the vat's name.

        So a vat is found again even if its cell was killed before the name was stored. A vat whose root is
        gone, because nothing held it, is left out. So are names of objects whose class is not defined yet;
        they stay stored, and `recall_more` returns them later.

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
        """The names that `recall` has left out and whose classes have been defined since, with their values.

        Example:
            >>> session.names.recall_more()
            {}
        """
        if not self.unread:
            return {}
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            return self._read_names(list(self.unread))

    def changed(self, keys: Collection[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Read again what is stored, after the world went to another commit of the same life.

        Args:
            keys: the keys of the session's store that differ.
        Returns:
            The names among them that are not stored any more, and the values of the others.
        Example:
            >>> session.names.changed(())
            ((), {})
        """
        self._kept = None
        names = sorted({name for key in keys if (name := name_of_key(key)) is not None})
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            stored = set(self._names().all()) if names else set()
            back = self._read_names([name for name in names if name in stored])
            return tuple(name for name in names if name not in stored), back

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
