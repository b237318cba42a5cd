"""Where a message goes: to the kernel, to a peer, or to wait for a promise.

A message is a target, arguments as they stand on the wire, and a cell for its result. The target may be an
object of this world, a remote one, or a promise; what is sent to a promise goes where that is settled, at
once if it can be pipelined. A message that cannot go anywhere rejects its result, and never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import capdata
from .cells import projected
from .dialects import DELIVER, DIALECTS
from .values import Failure, Full, Record, Ref, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

EXPORT, ANSWER = Symbol("desc:export"), Symbol("desc:answer")
IMPORT_OBJECT = Symbol("desc:import-object")
LISTEN = Symbol("op:listen")
FULFILL, BREAK = Symbol("fulfill"), Symbol("break")
WEB = "web"
"""What the row of a remote object and the decider of a promise say that are those of a client of the web."""


class Routing:
    """Sends messages on, and does what waits for a settled promise."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def deliver(self, target: str, args: list[Any], result: str | None) -> None:
        """Send a message to an object or a promise by its name in the tables."""
        target = self._core.names.now(target)
        try:
            if target.startswith("c"):
                self._to_promise(target, args, result)
            elif self._core.names.is_remote(target):
                self._to_remote(target, args, result)
            else:
                self._to_kernel(target, args, result)
        except Full as problem:
            self._core.cells.reject(result, Failure(str(problem), "Disconnected", {"code": "link-full"}))
        except Refused as problem:
            self._core.cells.reject(result, Failure(str(problem), "TypeError"))

    def is_plain(self, target: str) -> bool:
        """Whether the peer of a target calls objects, and not methods of them."""
        core, conn = self._core, None
        if target.startswith("p"):
            cell = core.cells.known(target)
            row = core.cells.row(cell) if cell is not None else None
            if row is not None and row["by"][0] in ("answer", "import"):
                conn = row["by"][1]
        else:
            conn = core.names.session_of(target)
        session = core.sessions.row(conn) if conn is not None else None
        return session is None or session["dialect"] != "swingset"

    def _to_kernel(self, target: str, args: list[Any], result: str | None) -> None:
        cells, core = self._core.cells, self._core
        body, slots = capdata.encode_call(args, cells.slot_of)
        late = cells.late()
        if result is not None and cells.is_made_known(result):
            # The kernel knows it by its name, so it is no result of a new message: it follows one that is.
            ahead = cells.new(["own"])
            cells.settle(result, False, Ref(ahead))
            result = ahead
        name = None if result is None else cells.name_of(result)
        core.after(core.local.send, target, body, slots, name)
        if late:
            core.after(core.local.resolve, late)
        if result is not None:
            cells.set_by(result, ["local"])
            core.after(core.local.subscribe, name)

    def _to_promise(self, cell: str, args: list[Any], result: str | None) -> None:
        cells = self._core.cells
        row = cells.row(cell)
        if row is None or row["state"]:
            rejected, value = cells.outcome(cell)
            if rejected:
                self._settle(result, True, value)
            elif isinstance(value, Ref):
                self.deliver(value.name, args, result)
            else:
                raise Refused("the message was sent to a value that is no object")
            return
        by = row["by"]
        if by[0] in ("own", WEB) or row.get("embargo") is not None:
            cells.hold(cell, args, result)
        elif by[0] == "local":
            self._to_kernel(cells.name_of(cell), args, result)
        else:
            cells.change(cell, sent=row["sent"] + 1)
            self.send(by[1], Record(ANSWER if by[0] == "answer" else EXPORT, (by[2],)), args, result)

    def _settle(self, result: str | None, rejected: bool, value: Any) -> None:
        if result is not None:
            self._core.cells.settle(result, rejected, value)

    def _to_remote(self, name: str, args: list[Any], result: str | None) -> None:
        row = self._core.names.row(name)
        if row is None or row["kind"] == "dead":
            why, code = ("it is gone", "disconnected") if row is None else (row["why"], row["code"])
            self._core.cells.reject(result, broken(why, code))
        elif row["kind"] == "sturdy":
            raise Refused("a sturdyref takes no messages: enliven it first")
        elif row["kind"] == WEB:
            self._core.web.call(row["conn"], row["pos"], args, result)
        elif row["kind"] == "far" and not self._core.sessions.is_live(row["conn"]):
            self._core.cells.reject(result, broken("it is closed", "disconnected"))
        elif row.get("conn") is not None:
            target = Record(EXPORT, (row["pos"],))
            self.send(row["conn"], target, args, result, pressing=self._core.names.is_pressed(name))
        else:
            self._core.reaching.wake(name, row, args, result)

    def send(
        self, conn: str, target: Record, args: list[Any], result: str | None, *, pressing: bool = False
    ) -> None:
        """Send `op:deliver` to a peer; raises `Refused` for arguments that cannot be sent.

        What is `pressing` has the room of what the protocol itself has to say.
        """
        core = self._core
        if not pressing:
            core.links.check_room(conn)
        said = core.descriptors.write(conn, args)
        if result is None:
            core.sessions.send(conn, Record(DELIVER, (target, said, False, False)))
            return
        position = core.descriptors.new_question(conn, result)
        resolver = core.descriptors.new_resolver(conn, "result", result)
        back = Record(IMPORT_OBJECT, (resolver,))
        core.sessions.send(conn, Record(DELIVER, (target, said, position, back)))

    def loop_back(self, cell: str, by: list[Any]) -> None:
        """Ask the peer that settles a promise for its outcome once more, behind what was pipelined."""
        position = self._core.descriptors.new_resolver(by[1], "loop", cell)
        target = Record(ANSWER if by[0] == "answer" else EXPORT, (by[2],))
        self._core.sessions.send(by[1], Record(LISTEN, (target, Record(IMPORT_OBJECT, (position,)), False)))

    def listen(self, conn: str, position: int, cell: str) -> None:
        """Ask a peer for the outcome of a promise that it exports."""
        resolver = Record(IMPORT_OBJECT, (self._core.descriptors.new_resolver(conn, "result", cell),))
        self._core.sessions.send(conn, Record(LISTEN, (Record(EXPORT, (position,)), resolver, False)))

    def fire(self, sink: list[Any], rejected: bool, value: Any) -> None:
        """Do what waited for a promise.

        Args:
            sink: `["settle", cell]`; `["tell", name, connection, position]`, a resolver of a peer; `["part",
                operation, key, cell, connection]`, a part of the value; `["web", ...]`, see `capnweb.later`.
            rejected: whether the promise was rejected.
            value: with what it was settled.
        """
        kind = sink[0]
        if kind == WEB:
            self._core.web.later.fire(sink, rejected, value)
        elif kind == "settle":
            self._core.cells.change(sink[1], follows=None)
            self._core.cells.settle(sink[1], rejected, value)
        elif kind == "part":
            try:
                part = value if rejected else projected(sink[1], sink[2], value)
                self._core.cells.settle_made(sink[4], sink[3], rejected, part)
            except Refused as problem:
                self._core.cells.reject(sink[3], Failure(str(problem), "TypeError"))
        else:
            self._tell(sink[2], sink[3], rejected, value)
            self._core.names.unuse(sink[1])

    def _tell(self, conn: str, position: int, rejected: bool, value: Any) -> None:
        row = self._core.sessions.row(conn)
        if row is None:
            return
        write, error = self._core.descriptors.write, DIALECTS[row["dialect"]].error
        verb = BREAK if rejected else FULFILL
        try:
            said = write(conn, value)
        except Refused as problem:
            verb, said = BREAK, error(Failure(str(problem), "TypeError"))
        target = Record(EXPORT, (position,))
        self._core.sessions.send(conn, Record(DELIVER, (target, [verb, said], False, False)))


def disconnected(why: str, code: str = "disconnected") -> Failure:
    """What a promise is rejected with whose peer is gone; whether the message arrived is unknown."""
    words = f"the {_what(code)} to the other world has ended ({why})"
    return _ended(f"{words}: the message was sent, and whether it was done is unknown", code)


def broken(why: str, code: str) -> Failure:
    """What a promise is rejected with whose message was for an object of a connection that has ended."""
    words = f"the {_what(code)} over which this object came has ended ({why})"
    return _ended(f"nothing was sent: {words}; fetch it again, or ask the object that gave it", code)


def _what(code: str) -> str:
    return "connection" if code == "disconnected" else "link"


def _ended(words: str, code: str) -> Failure:
    return Failure(words, "Disconnected", {"code": code})
