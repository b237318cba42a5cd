"""The tables of a session with a client: what its numbers name on either side, and how often they crossed.

Rows, for each connection C: `X.C.N` is what this side exports at N; `Y.C.NAME` the number of an object that
was passed; `I.C.N` what the client exports, `[name, count]`. A row of an export has `name`, an object or a
cell; `count`; `due`, which is true while the client is to be told the outcome, and null once it was; and
`auto`, whether it is let go of by that.

A client that uses a number that it never got, or gives one twice, ends its session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..routing import disconnected
from ..sessions import OverLimit
from ..values import Malformed, Ref

if TYPE_CHECKING:
    from ..core import Core

MAIN = 0
KIND = "web"
"""What the row of a remote object and the decider of a promise say that are a client's."""

_LARGEST = 2**53


class Tables:
    """What crosses between sessions with clients and their messages."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # What this side exports.

    def put_main(self, conn: str, name: str) -> None:
        """Have the main object found."""
        self._core.names.touch(name)
        self._put_export(conn, MAIN, name)

    def new_result(self, conn: str, cell: str, *, streamed: bool = False) -> int:
        """Keep the result of what the client has pushed, at its next number."""
        self._core.sessions.within(conn, "answers", 1)
        number = self._core.sessions.count(conn, "pushed")
        self._put_export(conn, number, cell, auto=streamed)
        return number

    def refer(self, conn: str, ref: Ref) -> list[Any]:
        """The expression of a reference for the client, which has crossed once more."""
        name, batch = self._core.names.now(ref.name), self._core.batch
        if ref.is_promise:
            cell = self._core.cells.row(name)
            if cell is not None and not cell["state"] and cell["by"][:2] == [KIND, conn]:
                return ["pipeline", cell["by"][2]]
            number = self._new_export(conn, name)
            self.answer(conn, number)
            return ["promise", number]
        row = self._core.names.row(name) if self._core.names.is_remote(name) else None
        if row is not None and row["kind"] == KIND and row["conn"] == conn:
            return ["import", row["pos"]]
        known: int | None = batch.get(f"Y.{conn}.{name}")
        if known is None:
            known = self._new_export(conn, name)
            batch.put(f"Y.{conn}.{name}", known)
        else:
            export = batch.get(f"X.{conn}.{known}")
            batch.put(f"X.{conn}.{known}", {**export, "count": export["count"] + 1})
        return ["export", known]

    def _new_export(self, conn: str, name: str) -> int:
        self._core.sessions.within(conn, "exports", 1)
        number = -self._core.sessions.count(conn, "exported")
        self._put_export(conn, number, name)
        return number

    def _put_export(self, conn: str, number: int, name: str, *, auto: bool = False) -> None:
        self._core.batch.put(f"X.{conn}.{number}", {"name": name, "count": 1, "due": False, "auto": auto})
        self._core.names.use(name)

    def exported(self, conn: str, number: Any) -> dict[str, Any]:
        """What this side exports at a number; raises `Malformed` if there is nothing."""
        _check(number)
        row: dict[str, Any] | None = self._core.batch.get(f"X.{conn}.{number}")
        if row is None:
            raise Malformed(f"nothing is exported at {number}, or it was released")
        return row

    def answer(self, conn: str, number: int) -> None:
        """Have the client told what an export is settled with, once."""
        row = self.exported(conn, number)
        if row["due"] is not False:
            return
        self._core.batch.put(f"X.{conn}.{number}", {**row, "due": True})
        self._core.sessions.change(conn, "due", 1)
        sink = [KIND, conn, "answer", number]
        if row["name"].startswith("c"):
            self.wait(conn, row["name"], sink)
        else:
            self._core.todo.append(lambda: self._core.routing.fire(sink, False, Ref(row["name"])))

    def answered(self, conn: str, number: int) -> dict[str, Any] | None:
        """The client is told now; returns the row, or None if it is not to be told."""
        row = self._core.batch.get(f"X.{conn}.{number}")
        if row is None or row["due"] is not True:
            return None
        self._core.batch.put(f"X.{conn}.{number}", {**row, "due": None})
        self._core.sessions.change(conn, "due", -1)
        return dict(row)

    def wait(self, conn: str, cell: str, sink: list[Any]) -> None:
        """Have something done once a promise is settled; raises `OverLimit` if as much waits as may."""
        row, most = self._core.cells.row(cell), self._core.limits.held
        if row is not None and len(row["sinks"]) >= most:
            raise OverLimit(conn, f"{most} wait for the outcome of this promise, and no more may")
        self._core.cells.add_sink(cell, sink)

    def let_go(self, conn: str, number: Any, count: Any) -> None:
        """The client lets go of what it has received so many times; raises `Malformed`."""
        row = self.exported(conn, number)
        if type(count) is not int or not 0 < count <= row["count"] or number == MAIN:
            raise Malformed(f"{number} is released more often than it was received")
        if count < row["count"]:
            self._core.batch.put(f"X.{conn}.{number}", {**row, "count": row["count"] - count})
        else:
            self.drop_export(conn, number)

    def drop_export(self, conn: str, number: int) -> None:
        """Free an exported number."""
        row = self._core.batch.get(f"X.{conn}.{number}")
        if row is None:
            return
        if row["due"] is True:
            self._core.sessions.change(conn, "due", -1)
        self._core.batch.drop(f"X.{conn}.{number}")
        if number != MAIN:
            self._core.sessions.within(conn, "answers" if number > 0 else "exports", -1)
        if self._core.batch.get(f"Y.{conn}.{row['name']}") == number:
            self._core.batch.drop(f"Y.{conn}.{row['name']}")
        self._core.names.unuse(row["name"])

    # What the client exports.

    def imported(self, conn: str, number: Any, *, promise: bool) -> str:
        """The name of what the client exports at a number, which has crossed once more."""
        _check(number)
        batch = self._core.batch
        row = batch.get(f"I.{conn}.{number}")
        if row is not None and not promise and not row[0].startswith("c"):
            batch.put(f"I.{conn}.{number}", [row[0], row[1] + 1])
            self._core.names.touch(row[0])
            return str(row[0])
        # An object may come again while this side lets go of it; a promise has a number of its own.
        session = self._core.sessions.live(conn)
        if row is not None or (promise and number >= session["lowest"]):
            raise Malformed(f"{number} was given out before: a promise has a number of its own")
        self._core.sessions.change(conn, "lowest", min(number - session["lowest"], 0))
        self._core.sessions.within(conn, "imports", 1)
        if promise:
            name = self._core.cells.new([KIND, conn, number])
        else:
            name = self._core.names.new({"kind": KIND, "conn": conn, "pos": number})
        batch.put(f"I.{conn}.{number}", [name, 1])
        return name

    def new_question(self, conn: str, cell: str) -> int:
        """The number of a result that the client will give; it settles the cell from now on."""
        number = self._core.sessions.count(conn, "asked")
        self._core.sessions.within(conn, "imports", 1)
        self._core.batch.put(f"I.{conn}.{number}", [cell, 1])
        self._core.cells.set_by(cell, [KIND, conn, number])
        return number

    def settled(self, conn: str, number: Any) -> str | None:
        """The cell that the client settles by a number, which is let go of; None if nothing waits for it.

        Raises `Malformed` for a number that is no promise of the client.
        """
        _check(number)
        row = self._core.batch.get(f"I.{conn}.{number}")
        if row is None:
            session = self._core.sessions.live(conn)
            if not session["lowest"] <= number <= session["asked"] or number == MAIN:
                raise Malformed(f"{number} is no promise of this session")
            return None
        if not row[0].startswith("c"):
            raise Malformed(f"{number} is an object, and no promise")
        self.release(conn, number, row[0])
        return str(row[0])

    def release(self, conn: str, number: int, name: str) -> None:
        """Let go of what the client exports at a number, if it is the object or promise of this name."""
        row = self._core.batch.get(f"I.{conn}.{number}")
        if row is not None and row[0] == name:
            self._core.batch.drop(f"I.{conn}.{number}")
            self._core.sessions.within(conn, "imports", -1)
            self._core.web.send(conn, ["release", number, row[1]])

    # Ending.

    def end(self, conn: str, why: str) -> None:
        """Empty the tables of a session that has ended."""
        batch = self._core.batch
        for key in batch.below(f"X.{conn}."):
            self.drop_export(conn, int(key))
        for key in batch.below(f"I.{conn}."):
            name = batch.get(f"I.{conn}.{key}")[0]
            batch.drop(f"I.{conn}.{key}")
            if name.startswith("c"):
                self._core.cells.reject(name, disconnected(why))
            else:
                self._core.descriptors.severed(name, why)


def _check(number: Any) -> None:
    if type(number) is not int or not -_LARGEST < number < _LARGEST:
        raise Malformed("what is exported has a number, which is an integer")
