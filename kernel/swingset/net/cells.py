"""Promises, as sessions see them: who settles one, what waits for it, and what it was settled with.

A session may mention a promise long after the kernel has forgotten it, because a peer's position or answer
lives until the peer lets go of it. So each promise has a row of its own, a cell, which the positions share.
`by` is who settles it: `["local"]`, the kernel; `["answer", connection, position]` and `["import", ...]`, a
peer; `["own"]`, the protocol itself. A settled cell keeps its value until nothing uses it.

A cell never settles to another promise: it follows that one, and settles as that does. A value that is an
object of ours may have to wait, see `_must_wait`.

Rows: `c.N` is a cell, `p.NAME` the cell of a promise that the kernel knows, `w.N.SEQ` a message that waits.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import capdata
from .extents import extent
from .values import Failure, Ref, Refused, Tagged

if TYPE_CHECKING:
    from .core import Core

PENDING, FULFILLED, REJECTED = 0, 1, 2
_LOOP = Failure("a promise was resolved to itself", "ValueError")


class Cells:
    """The promises that sessions know."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._late: list[tuple[str, str]] = []

    def row(self, cell: str) -> dict[str, Any] | None:
        """A cell's row; None for one that nothing used any more."""
        found: dict[str, Any] | None = self._core.batch.get(f"c.{cell[1:]}")
        return found

    def _put(self, cell: str, row: dict[str, Any]) -> None:
        self._core.batch.put(f"c.{cell[1:]}", row)

    def new(self, by: list[Any], name: str | None = None) -> str:
        """A promise that nobody has settled."""
        cell = f"c{self._core.batch.count('cell')}"
        self._put(
            cell, {"name": name, "by": by, "state": PENDING, "sinks": [], "uses": 0, "sent": 0, "held": 0}
        )
        if name is not None:
            self._core.batch.put(f"p.{name}", cell)
        return cell

    def set_by(self, cell: str, by: list[Any]) -> None:
        """Another will settle it from now on."""
        row = self.row(cell)
        if row is not None:
            self._put(cell, {**row, "by": by})

    def change(self, cell: str, **parts: Any) -> None:
        """Change parts of a cell's row."""
        row = self.row(cell)
        if row is not None:
            self._put(cell, {**row, **parts})

    def use(self, cell: str) -> None:
        """A row begins to use it."""
        row = self.row(cell)
        if row is not None:
            self._put(cell, {**row, "uses": row["uses"] + 1})

    def unuse(self, cell: str) -> None:
        """A row no longer uses it."""
        row = self.row(cell)
        if row is not None:
            self._put(cell, {**row, "uses": row["uses"] - 1})
            self._core.todo.append(partial(self._tidy, cell))

    def _tidy(self, cell: str) -> None:
        row = self.row(cell)
        if row is not None and row["state"] and row["uses"] <= 0 and not row["held"]:
            self._core.batch.drop(f"c.{cell[1:]}")
            for slot in row["slots"]:
                self._core.names.unuse(slot)
            if row.get("paid"):
                conn, size = row["paid"]
                self._core.sessions.within(conn, "copied", -size)

    # The kernel's names.

    def of_name(self, name: str) -> str:
        """The cell of a promise that the kernel has named to us; a new one is subscribed to."""
        cell: str | None = self._core.batch.get(f"p.{name}")
        if cell is None:
            cell = self.new(["local"], name)
            self._core.after(self._core.local.subscribe, name)
        return cell

    def of_own(self, name: str) -> str:
        """The cell of a promise that the kernel wants settled here."""
        known = self.known(name)
        cell = self.new(["own"], name) if known is None else known
        self.set_by(cell, ["own"])
        return cell

    def known(self, name: str) -> str | None:
        """The cell of a promise by the kernel's name, or None."""
        cell: str | None = self._core.batch.get(f"p.{name}")
        return cell

    def name_of(self, cell: str) -> str:
        """What to call a promise towards the kernel; one that is settled gets a name for one syscall."""
        row = self.row(cell)
        if row is None or row["state"]:
            for other, name in self._late:
                if other == cell:
                    return name
            name = self._new_name()
            self._late.append((cell, name))
            return name
        if row["name"] is None:
            name = self._new_name()
            self._put(cell, {**row, "name": name})
            self._core.batch.put(f"p.{name}", cell)
            return name
        known: str = row["name"]
        return known

    def is_made_known(self, cell: str) -> bool:
        """Whether the kernel knows a promise by a name of this vat's, and not by one of its own."""
        row = self.row(cell)
        return row is not None and (row["name"] or "").startswith("p+")

    def _new_name(self) -> str:
        return f"p+{self._core.batch.count('promise')}"

    def slot_of(self, ref: Ref) -> str:
        """The slot of a reference in a body for the kernel."""
        if ref.is_promise:
            return self.name_of(ref.name)
        name = self._core.names.now(ref.name)
        self._core.names.hand(name)
        return name

    def ref_of(self, slot: str) -> Ref:
        """The reference of a slot in a body that the kernel has sent."""
        if slot.startswith("p"):
            return Ref(self.of_name(slot))
        self._core.names.touch(slot)
        return Ref(slot)

    def late(self) -> list[tuple[str, bool, str, list[str]]]:
        """The resolutions of the settled promises that the last body mentions, for the same syscall."""
        found, at = [], 0
        while at < len(self._late):
            cell, name = self._late[at]
            at += 1
            rejected, value = self.outcome(cell)
            body, slots = capdata.encode(value, self.slot_of)
            found.append((name, rejected, body, slots))
        self._late.clear()
        return found

    # Settling.

    def outcome(self, cell: str) -> tuple[bool, Any]:
        """Whether a settled cell is rejected, and its value."""
        row = self.row(cell)
        if row is None or not row["state"]:
            return True, Failure("nothing is known of this promise any more")
        return row["state"] == REJECTED, capdata.decode(row["body"], row["slots"], Ref)

    def add_sink(self, cell: str, sink: list[Any]) -> None:
        """Have something done once it is settled, see `Routing.fire`; at once if it is."""
        row = self.row(cell)
        if row is not None and not row["state"]:
            self._put(cell, {**row, "sinks": [*row["sinks"], sink]})
        elif row is not None:
            rejected, value = self.outcome(cell)
            self._core.todo.append(partial(self._core.routing.fire, sink, rejected, value))

    def reject(self, cell: str | None, failure: Failure) -> None:
        """Settle a promise with an error, if there is one."""
        if cell is not None:
            self.settle(cell, True, failure)

    def settle(self, cell: str, rejected: bool, value: Any) -> None:
        """Settle a promise; one that is settled already stays as it is."""
        row = self.row(cell)
        if row is None or row["state"]:
            return
        if isinstance(value, Ref) and not rejected:
            if value.is_promise:
                self._follow(cell, row, value.name)
                return
            value = Ref(self._core.names.now(value.name))
            if row.get("bind") is not None:
                value = self._core.reaching.bound(row["bind"], value)
            if self._must_wait(row, value.name):
                self._embargo(cell, row, value)
                return
        self._finish(cell, row, rejected, value)

    def settle_made(self, conn: str, cell: str, rejected: bool, value: Any) -> None:
        """Settle a promise with what was made of others for a session, which pays for it while it is kept."""
        row = self.row(cell)
        if row is not None and not row["state"]:
            size = extent(value)
            self._core.sessions.within(conn, "copied", size)
            self.change(cell, paid=[conn, size])
            self.settle(cell, rejected, value)

    def _follow(self, cell: str, row: dict[str, Any], other: str) -> None:
        ahead: str | None = other
        while ahead is not None:
            if ahead == cell:
                self._finish(cell, row, True, _LOOP)
                return
            found = self.row(ahead)
            ahead = found.get("follows") if found is not None and not found["state"] else None
        found = self.row(other)
        if found is None or found["state"]:
            rejected, value = self.outcome(other)
            self.settle(cell, rejected, value)
            return
        self._put(cell, {**row, "follows": other})
        self.add_sink(other, ["settle", cell])

    def _must_wait(self, row: dict[str, Any], name: str) -> bool:
        """Whether messages that were pipelined to a promise could be overtaken by later ones.

        They were sent to the peer, which sends them back if the promise is for an object that is not on its
        side. So the promise is settled only when something sent after them has come back too.
        """
        by = row["by"]
        if row["sent"] == 0 or by[0] not in ("answer", "import") or not self._core.sessions.is_live(by[1]):
            return False
        return bool(self._core.names.session_of(name) != by[1])

    def _embargo(self, cell: str, row: dict[str, Any], value: Ref) -> None:
        self._core.names.use(value.name)
        self._put(cell, {**row, "embargo": value.name})
        self._core.routing.loop_back(cell, row["by"])

    def lift(self, cell: str) -> None:
        """What was sent after the pipelined messages has come back."""
        row = self.row(cell)
        if row is None or row["state"] or row.get("embargo") is None:
            return
        name = row["embargo"]
        self._finish(cell, row, False, Ref(name))
        self._core.names.unuse(name)

    def _finish(self, cell: str, row: dict[str, Any], rejected: bool, value: Any) -> None:
        try:
            body, slots = capdata.encode(value, _store_name)
        except Refused as problem:
            rejected, value = True, Failure(str(problem), "TypeError")
            body, slots = capdata.encode(value, _store_name)
        for slot in slots:
            self._core.names.use(slot)
        name, sinks, by = row["name"], row["sinks"], row["by"]
        state = REJECTED if rejected else FULFILLED
        # Of a new row, because the value may mention the cell.
        self.change(cell, body=body, slots=slots, state=state, name=None, sinks=[], by=["own"], embargo=None)
        if name is not None:
            self._core.batch.drop(f"p.{name}")
            if by[0] != "local":
                said = capdata.encode(value, self.slot_of)
                self._core.after(self._core.local.resolve, [(name, rejected, *said), *self.late()])
        for sink in sinks:
            self._core.todo.append(partial(self._core.routing.fire, sink, rejected, value))
        if row["held"]:
            self._core.todo.append(partial(self._release_held, cell))
        self._core.descriptors.settled(by, cell)
        self._core.todo.append(partial(self._tidy, cell))

    # Messages that wait.

    def hold(self, cell: str, args: list[Any], result: str | None) -> None:
        """Keep a message until the cell is settled; raises `Refused` if too many wait."""
        row = self.row(cell)
        if row is None:
            return
        if row["held"] >= self._core.limits.held:
            raise Refused(f"{row['held']} messages wait for this promise, and no more may")
        body, slots = capdata.encode(args, _store_name)
        for slot in slots:
            self._core.names.use(slot)
        self._core.batch.put(f"w.{cell[1:]}.{row['held']:08d}", [body, slots, result])
        self.change(cell, held=row["held"] + 1)  # of a new row, because the message may mention the cell

    def pipeline(self, cell: str) -> None:
        """Another settles the cell from now on: send what waited for it on."""
        row = self.row(cell)
        if row is not None and row["held"]:
            self._core.todo.append(partial(self._release_held, cell))

    def _release_held(self, cell: str) -> None:
        for key in self._core.batch.below(f"w.{cell[1:]}."):
            body, slots, result = self._core.batch.get(f"w.{cell[1:]}.{key}")
            self._core.batch.drop(f"w.{cell[1:]}.{key}")
            args = capdata.decode(body, slots, Ref)
            self._core.routing.deliver(cell, args, result)
            for slot in slots:
                self._core.names.unuse(slot)
        self.change(cell, held=0)
        self._core.todo.append(partial(self._tidy, cell))


def _store_name(ref: Ref) -> str:
    return ref.name


def projected(kind: str, key: Any, value: Any) -> Any:
    """A part of a settled value; raises `Refused` if it has no such part."""
    if kind == "get" and type(value) is dict and key in value:
        return value[key]
    if kind == "index" and type(value) is list and 0 <= key < len(value):
        return value[key]
    if kind == "untag" and isinstance(value, Tagged) and value.tag == key:
        return value.value
    wanted = {"get": "a struct with this field", "index": "a list with this index", "untag": "under this tag"}
    raise Refused(f"op:{kind}: the value is not {wanted[kind]}")
