"""Sessions with clients, and what their messages ask for.

A session begins by the digest of an address, which the device lets open it or not. It ends with its
connection, if its address is taken back, or if the client breaks a rule; a batch of HTTP ends once all that
it asked for is answered. Its row is among those of `sessions`, with the dialect `capnweb`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dialects import reason_of
from ..sessions import OverLimit
from ..values import Failure, Malformed, Ref, Refused, Symbol, Tagged
from . import text
from .later import Later
from .mapping import Mapping
from .reading import Reader, SessionScope
from .tables import Tables
from .writing import aborted, error, written

if TYPE_CHECKING:
    from ..core import Core

DIALECT = "capnweb"
"""What the row of a session with a client says."""

MOST_IN_BATCH = 1_000
"""How many messages a batch has at most."""

_NOTHING = "this address opens nothing: it was taken back, used, has expired, or never was one"
_LARGEST = ["pipeline", -(2**53) + 1]


class Web:
    """All sessions with clients, for one input."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.tables = Tables(core)
        self.later = Later(core)
        self.mapping = Mapping(core)
        self._batches: dict[str, None] = {}

    # Beginning and ending.

    def open(self, conn: str, digest: str, *, batch: bool) -> None:
        """A client has connected; nothing is found yet."""
        row = {"web": digest, "batch": batch, "pushed": 0, "lowest": 0, "waited": 0, "due": 0}
        self._core.sessions.open_web(conn, {"dialect": DIALECT, **row})

    def begin(self, conn: str, digest: str, lines: bytes | None) -> None:
        """Have the client find what is shared under a digest, and serve its batch; raises `OverLimit`."""
        core = self._core
        core.sessions.check_room(conn)
        name = core.batch.get(f"f.{digest}")
        if name is None or not core.wire.may_serve(digest, conn):
            raise OverLimit(conn, _NOTHING)
        self.tables.put_main(conn, name)
        if lines is None:
            return
        messages = lines.split(b"\n") if lines else []
        if len(messages) > MOST_IN_BATCH:
            raise OverLimit(conn, f"a batch has at most {MOST_IN_BATCH} messages")
        for message in messages:
            if core.sessions.row(conn) is None:
                return
            self.receive(conn, message)
        self._batches[conn] = None

    def end_batches(self) -> bool:
        """End the batches that have all their answers; returns whether there was one."""
        ended = False
        for conn in self._batches:
            row = self._core.sessions.row(conn)
            if row is not None and row["batch"] and not row["due"]:
                self._core.after(self._core.wire.close, conn, "the batch is done")
                self._core.sessions.end(conn, "ended", "the batch is done")
                ended = True
        return ended

    def opened_by(self, digest: str) -> list[str]:
        """The connections of the sessions that an address has opened."""
        rows = {conn: self._core.sessions.row(conn) or {} for conn in self._core.batch.below("s.")}
        return [conn for conn, row in rows.items() if row.get("web") == digest]

    def end(self, conn: str, why: str) -> None:
        """Forget what a session had."""
        self.later.end(conn)
        self.tables.end(conn, why)

    # Sending.

    def send(self, conn: str, message: list[Any]) -> None:
        """Send a message to a client whose connection is open."""
        self._core.sessions.send_bytes(conn, text.write(message))

    def abort(self, conn: str, reason: str) -> None:
        """Tell a client why its session ends."""
        self._core.sessions.send_bytes(conn, aborted(reason))

    def _written(self, conn: str, value: Any) -> Any:
        """The expression of a value; raises `Refused` before any reference is given out."""
        size = len(text.write([written(value, lambda _ref: _LARGEST)]))
        most = self._core.limits.message_bytes - 1_000
        if size > most:
            raise Refused(f"a message to a web client has at most {most:,} bytes, and this has {size:,}")
        return written(value, lambda ref: self.tables.refer(conn, ref))

    def call(self, conn: str, position: int, args: list[Any], result: str | None) -> None:
        """Call what a client exports; raises `Refused` for arguments that cannot be sent."""
        path = []
        if args and isinstance(args[0], Symbol):
            path, args = [args[0].name], args[1:]
        if args and isinstance(args[-1], Tagged) and args[-1].tag == "kwargs":
            raise Refused("a web client has no keyword arguments: pass a dict")
        said = self._written(conn, args)[0]
        cell = self._core.cells.new(["own"]) if result is None else result
        number = self.tables.new_question(conn, cell)
        self.send(conn, ["push", ["pipeline", position, path, said]])
        if result is None:
            self.tables.release(conn, number, cell)
        else:
            self.send(conn, ["pull", number])

    def answer(self, conn: str, number: int, rejected: bool, value: Any) -> None:
        """Tell a client what something is settled with, if it waits for it."""
        if self._core.sessions.row(conn) is None:
            return
        row = self.tables.answered(conn, number)
        if row is None:
            return
        try:
            said = self._written(conn, value)
        except Refused as problem:
            rejected, said = True, error(Failure(str(problem), "TypeError"))
        self.send(conn, ["reject" if rejected else "resolve", number, said])
        if row["auto"]:
            self.tables.drop_export(conn, number)
        self._batches[conn] = None

    # Receiving.

    def receive(self, conn: str, data: bytes) -> None:
        """Do what a message of a client asks for; raises `Malformed` if it breaks the rules."""
        self._core.sessions.meter(conn, len(data))
        self._core.sessions.live(conn)
        kind, *rest = text.read(data, self._core.limits.values)
        if kind in ("push", "stream") and len(rest) == 1:
            self._push(conn, rest[0], streamed=kind == "stream")
        elif kind == "pipe" and not rest:
            self._rejected(conn, "streams do not pass to a vat: pass bytes in pieces")
        elif kind == "pull" and len(rest) == 1:
            self.tables.answer(conn, rest[0])
        elif kind in ("resolve", "reject") and len(rest) == 2:
            self._settle(conn, rest[0], rest[1], rejected=kind == "reject")
        elif kind == "release" and len(rest) == 2:
            self.tables.let_go(conn, *rest)
            self._batches[conn] = None
        elif kind == "abort" and len(rest) == 1:
            self._aborted(conn, rest[0])
        else:
            raise Malformed(f"there is no message {kind[:40]!a} with {len(rest)} parts")

    def _push(self, conn: str, tree: Any, *, streamed: bool) -> None:
        reader = Reader(self._core, conn, SessionScope(self._core, conn))
        value = reader.read(tree)
        if reader.refused is not None or not isinstance(value, Ref):
            words = reader.refused or "a client pushes calls and references: data is passed as an argument"
            number = self._rejected(conn, words, streamed=streamed)
        elif value.is_promise:
            number = self.tables.new_result(conn, value.name, streamed=streamed)
        else:
            cell = self._core.cells.new(["own"])
            self._core.cells.settle(cell, False, value)
            number = self.tables.new_result(conn, cell, streamed=streamed)
        if streamed:
            self.tables.answer(conn, number)

    def _rejected(self, conn: str, words: str, *, streamed: bool = False) -> int:
        cell = self._core.cells.new(["own"])
        number = self.tables.new_result(conn, cell, streamed=streamed)
        self._core.cells.reject(cell, Failure(words, "TypeError"))
        return number

    def _settle(self, conn: str, number: Any, tree: Any, *, rejected: bool) -> None:
        reader = Reader(self._core, conn, SessionScope(self._core, conn))
        value = reader.read(tree)
        cell = self.tables.settled(conn, number)
        if cell is None:
            return
        if reader.refused is not None:
            self._core.cells.reject(cell, Failure(reader.refused, "TypeError"))
        elif rejected:
            self._core.cells.settle(cell, True, reason_of(value, "web client."))
        else:
            self.later.when(conn, value, reader.waits, ["settle", cell])

    def _aborted(self, conn: str, tree: Any) -> None:
        value = Reader(self._core, conn, SessionScope(self._core, conn)).read(tree)
        reason = value.message if isinstance(value, Failure) else "no reason given"
        self._core.after(self._core.wire.close, conn, "the client aborted")
        self._core.sessions.end(conn, "ended", f"the client aborted: {reason}")
