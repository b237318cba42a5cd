"""Objects by their names: whose they are, and how many rows use each.

An object of another vat of this world is called what the kernel calls it here, `o-50`. An object of another
world gets a name of this vat's, `o+d10/7`, a durable one so that it outlives an upgrade, and a row that says
where it is. A name is given up when neither the kernel nor a row uses it: the kernel is told to drop the
one, the peer the other.

A vat of this world can move to another one. What the kernel called `o-50` here is an object of that world
then, and the kernel calls it as that one. The rows of sessions keep the old name, which stands for the new
one from then on: `to.NAME` says for which.

Rows: `u.NAME` is how many rows use a name, `o.NAME` where a remote object is. A row of a remote object has
`kind`: `far` (on a session), `web` (on one with a client of the web), `lasting` (fetched by sturdyref, so it
can be fetched again), `sturdy` (a sturdyref that nobody has followed), `dead`; `held` is whether the kernel
has it, `pressing` whether the next message to it is sent in any case, and `through` the lasting object at the
same place, which keeps the place for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Core

REMOTE = "o+d10/"
"""How the names of remote objects begin."""

LOCAL = "o-"
"""How the names of objects of other vats begin."""


class Names:
    """The objects that sessions know."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._touched: dict[str, None] = {}

    def row(self, name: str) -> dict[str, Any] | None:
        """Where a remote object is; None for an object of this world, and for a name that is given up."""
        found: dict[str, Any] | None = self._core.batch.get(f"o.{name}")
        return found

    def put(self, name: str, row: dict[str, Any]) -> None:
        """Change where a remote object is."""
        self._core.batch.put(f"o.{name}", row)

    def new(self, row: dict[str, Any]) -> str:
        """A name for a remote object; it is given up at the end of the input if nothing uses it."""
        name = f"{REMOTE}{self._core.batch.count('object')}"
        self.put(name, {**row, "held": False})
        self.touch(name)
        return name

    def is_remote(self, name: str) -> bool:
        """Whether an object is another world's."""
        return name.startswith(REMOTE)

    def now(self, name: str) -> str:
        """What an object is called now: another name than before if its vat has moved to another world."""
        if not name.startswith(LOCAL):
            return name
        found: str | None = self._core.batch.get(f"to.{name}")
        return name if found is None else found

    def renamed(self, pairs: list[list[str]]) -> None:
        """The kernel calls these objects by the second name from now on, and never again by the first."""
        for before, after in pairs:
            if self._core.batch.get(f"u.{before}"):
                self._core.batch.put(f"to.{before}", after)
                self.use(after)
            self.touch(after)

    def press(self, name: str) -> None:
        """The next message to a remote object is sent, even if no other message of a vat may be."""
        row = self.row(name) if self.is_remote(name) else None
        if row is not None:
            self.put(name, {**row, "pressing": True})

    def is_pressed(self, name: str) -> bool:
        """Whether a message that is sent to a remote object now is the one that `press` was about."""
        row = dict(self.row(name) or {})
        if found := row.pop("pressing", False):
            self.put(name, row)
        return bool(found)

    def session_of(self, name: str) -> str | None:
        """The connection of the session that a remote object is on."""
        row = self.row(name) if self.is_remote(name) else None
        return row.get("conn") if row is not None else None

    def touch(self, name: str) -> None:
        """A name has been mentioned, so it has to be looked at when the input ends."""
        self._touched[name] = None

    def mentioned(self, slots: list[str]) -> None:
        """The kernel has named these, so those that nothing comes to use are dropped."""
        for slot in slots:
            if not slot.startswith("p"):
                self.touch(slot)

    def use(self, name: str) -> None:
        """A row begins to use an object, or a promise."""
        if name.startswith("c"):
            self._core.cells.use(name)
            return
        key = f"u.{name}"
        self._core.batch.put(key, (self._core.batch.get(key) or 0) + 1)

    def unuse(self, name: str) -> None:
        """A row no longer uses an object, or a promise."""
        if name.startswith("c"):
            self._core.cells.unuse(name)
            return
        key = f"u.{name}"
        left = (self._core.batch.get(key) or 0) - 1
        if left > 0:
            self._core.batch.put(key, left)
        else:
            self._core.batch.drop(key)
        self.touch(name)

    def hand(self, name: str) -> None:
        """The kernel gets to hold a remote object."""
        row = self.row(name) if self.is_remote(name) else None
        if row is not None and not row["held"]:
            self.put(name, {**row, "held": True, "known": True})
            self._core.sessions.befriend(row.get("conn"))

    def dropped(self, name: str) -> None:
        """The kernel no longer holds a remote object."""
        row = self.row(name) if self.is_remote(name) else None
        if row is None:
            if self.is_remote(name):
                self._core.after(self._core.local.retire_exports, [name])
            return
        self.put(name, {**row, "held": False})
        self.touch(name)

    def retired(self, name: str) -> None:
        """The kernel has forgotten a remote object: nobody there can recognize it any more.

        It is not to be retired from here too, whenever the last row stops using it: the kernel would end the
        vat for naming what it does not know.
        """
        row = self.row(name) if self.is_remote(name) else None
        if row is not None:
            self.put(name, {**row, "held": False, "known": False})
            self.touch(name)

    def flush(self) -> None:
        """Give up the names that have been mentioned in this input, and that nothing uses."""
        gone: list[str] = []
        while self._touched:
            name = next(iter(self._touched))
            del self._touched[name]
            if self._core.batch.get(f"u.{name}"):
                continue
            if self.now(name) != name:
                after = self.now(name)
                self._core.batch.drop(f"to.{name}")
                self.unuse(after)
            elif name.startswith(LOCAL):
                gone.append(name)
            elif self.is_remote(name):
                self._forget(name)
        if gone:
            self._core.after(self._core.local.drop_imports, gone)

    def _forget(self, name: str) -> None:
        row = self.row(name)
        if row is None or row["held"]:
            return
        self._core.batch.drop(f"o.{name}")
        if row["kind"] == "web":
            self._core.web.tables.release(row["conn"], row["pos"], name)
        elif row.get("conn") is not None:
            self._core.descriptors.release(row["conn"], row["pos"], name)
        if row.get("through") is not None:
            self.unuse(row["through"])
        if row.get("known"):
            self._core.after(self._core.local.retire_exports, [name])
