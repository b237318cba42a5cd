"""What a peer's message asks for: one method for each operation.

A message is looked at whole before anything is done. One that breaks the rules raises `Malformed`, which ends
its session; one that cannot be served rejects its result, and the session goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import syrup
from .descriptors import ANSWER, BOOTSTRAP, EXPORT, IMPORT_OBJECT, IMPORT_PROMISE, position_in
from .dialects import DELIVER, DIALECTS, FREES, FREES_ONE, reason_of
from .grants import REVOKED
from .routing import BREAK, FULFILL, LISTEN
from .sessions import ABORT, START, OverLimit
from .values import Failure, Malformed, Record, Refused, Symbol, kind_of

if TYPE_CHECKING:
    from .core import Core

_PARTS = {Symbol("op:get"): "get", Symbol("op:index"): "index", Symbol("op:untag"): "untag"}
_MOST_FREED = 100_000


def receive(core: Core, conn: str, data: bytes) -> None:
    """Do what a message of a peer asks for; raises `Malformed` if it breaks the rules."""
    core.sessions.meter(conn, len(data))
    serve(core, conn, syrup.read(data, strict=False, most=core.limits.values))


def serve(core: Core, conn: str, message: Any) -> None:
    """Do what a message asks for that was read; raises `Malformed` if it breaks the rules."""
    if not isinstance(message, Record) or not isinstance(message.label, Symbol):
        raise Malformed(f"a message is a record, not {kind_of(message)}")
    label, fields = message.label, message.fields
    if label == START:
        core.sessions.started(conn, fields)
    elif label == ABORT:
        reason = fields[0] if len(fields) == 1 and type(fields[0]) is str else "no reason given"
        if core.links.row(conn) is None:
            core.after(core.wire.close, conn, "the peer aborted")
        core.sessions.end(conn, "ended", f"the peer aborted: {reason}")
    else:
        dialect = DIALECTS[core.sessions.live(conn)["dialect"]]
        _Operation(core, conn).serve(*dialect.understood(label, fields))


class _Operation:
    def __init__(self, core: Core, conn: str) -> None:
        self._core = core
        self._conn = conn

    def serve(self, label: Symbol, fields: tuple[Any, ...]) -> None:
        if label == DELIVER and len(fields) == 4:
            self._deliver(*fields)
        elif label == LISTEN and len(fields) in (2, 3):
            self._listen(fields[0], fields[1])
        elif label in _PARTS and len(fields) == 3:
            self._part(_PARTS[label], *fields)
        elif label in (FREES[0], FREES_ONE[0]) and len(fields) == 2:
            self._free_exports(*fields)
        elif label in (FREES[1], FREES_ONE[1]) and len(fields) == 1:
            for position in _positions(fields[0]):
                self._core.descriptors.drop_answer(self._conn, position)
        else:
            raise Malformed(f"there is no operation {label.name[:40]!a} with {len(fields)} fields")

    def _deliver(self, target: Any, args: Any, answer: Any, resolver: Any) -> None:
        core, conn = self._core, self._conn
        if type(args) is not list:
            raise Malformed("op:deliver has a list of arguments")
        where, position = self._target(target)
        _check_answer(answer, optional=True)
        if resolver is not False:
            _check_resolver(resolver)
        result = None
        if answer is not False or resolver is not False:
            result = core.cells.new(["own"])
        if answer is not False:
            core.descriptors.new_answer(conn, answer, result or "")
        if resolver is not False:
            self._tell(result or "", resolver)
        if where == "bootstrap":
            core.bootstrap.deliver(conn, args, result)
            return
        try:
            core.descriptors.check(conn, args)
            if where == "resolver":
                self._resolve(position, args, result)
                return
            if where == "cut":
                core.cells.reject(result, REVOKED)
                return
            if where == "gone":
                raise Refused("the object is gone: the sender has let go of it")
            said = core.descriptors.read(conn, args)
        except Refused as problem:
            core.cells.reject(result, Failure(str(problem), "TypeError"))
            return
        core.routing.deliver(where, said, result)

    def _target(self, target: Any) -> tuple[str, int]:
        """The name of a target, or `bootstrap`, `resolver`, `gone` or `cut`; and its position."""
        if not isinstance(target, Record) or target.label not in (EXPORT, ANSWER):
            raise Malformed(f"a target is a desc:export or a desc:answer, not {kind_of(target)}")
        position = position_in(target)
        if target.label == ANSWER:
            return self._core.descriptors.answer(self._conn, position), position
        if position == BOOTSTRAP:
            return "bootstrap", position
        row = self._core.descriptors.exported(self._conn, position)
        if row is None:
            return "gone", position
        if row[0] == "cut":
            return "cut", position
        return (row[1] if row[0] in ("o", "c") else "resolver"), position

    def _tell(self, cell: str, resolver: Record) -> None:
        """Have a resolver of the peer told what a promise is settled with."""
        core, conn = self._core, self._conn
        self._wait(cell)
        position = position_in(resolver)
        name = core.descriptors.imported(conn, position, resolver.label == IMPORT_PROMISE, listen=False)
        core.names.use(name)
        core.cells.add_sink(cell, ["tell", name, conn, position])

    def _wait(self, cell: str) -> None:
        """Raise `OverLimit` if as much waits for a promise as may."""
        row, most = self._core.cells.row(cell), self._core.limits.held
        if row is not None and len(row["sinks"]) >= most:
            raise OverLimit(self._conn, f"{most} wait for the outcome of this promise, and no more may")

    def _resolve(self, position: int, args: list[Any], result: str | None) -> None:
        core, conn = self._core, self._conn
        if len(args) != 2 or args[0] not in (FULFILL, BREAK):
            raise Refused("a resolver has fulfill and break, with one argument")
        row = core.descriptors.exported(conn, position)
        if row is None:
            return
        value = core.descriptors.read(conn, args[1])
        core.descriptors.drop_export(conn, position, row)
        if row[0] == "loop":
            core.cells.lift(row[1])
        else:
            rejected = args[0] == BREAK
            core.cells.settle(
                row[1], rejected, reason_of(value, core.sessions.peer_of(conn)) if rejected else value
            )
        if result is not None:
            core.cells.settle(result, False, None)

    def _promise(self, target: Any) -> str:
        """The name of what may be listened to, or be taken apart."""
        where, position = self._target(target)
        if where in ("bootstrap", "resolver", "gone", "cut"):
            raise Refused(f"desc:export {position} is no promise")
        return where

    def _listen(self, target: Any, resolver: Any) -> None:
        _check_resolver(resolver)
        core = self._core
        try:
            found = self._promise(target)
        except Refused as problem:
            found = core.cells.new(["own"])
            core.cells.reject(found, Failure(str(problem), "TypeError"))
        if not found.startswith("c"):
            raise Malformed("op:listen takes a promise")
        self._tell(found, resolver)

    def _part(self, kind: str, target: Any, key: Any, answer: Any) -> None:
        core = self._core
        _check_answer(answer, optional=False)
        if type(key) is not (int if kind == "index" else str):
            raise Malformed(f"op:{kind} takes {'an index' if kind == 'index' else 'a text'}")
        cell = core.cells.new(["own"])
        core.descriptors.new_answer(self._conn, answer, cell)
        try:
            found = self._promise(target)
            if not found.startswith("c"):
                raise Refused(f"op:{kind}: an object has no parts")
            self._wait(found)
        except Refused as problem:
            core.cells.reject(cell, Failure(str(problem), "TypeError"))
            return
        core.cells.add_sink(found, ["part", kind, key, cell, self._conn])

    def _free_exports(self, positions: Any, deltas: Any) -> None:
        found, counts = _positions(positions), _positions(deltas)
        if len(found) != len(counts):
            raise Malformed("op:gc-exports has as many deltas as positions")
        for position, delta in zip(found, counts, strict=True):
            self._core.descriptors.let_go(self._conn, position, delta)


def _positions(value: Any) -> list[int]:
    if type(value) is not list or len(value) > _MOST_FREED:
        raise Malformed("positions are a list")
    for item in value:
        if type(item) is not int or not 0 <= item < 2**53:
            raise Malformed("a position is an integer that is not negative")
    return value


def _check_answer(answer: Any, *, optional: bool) -> None:
    if answer is False and optional:
        return
    if type(answer) is not int or not 0 <= answer < 2**53:
        raise Malformed("an answer position is an integer that is not negative" + (", or false" * optional))


def _check_resolver(resolver: Any) -> None:
    if not isinstance(resolver, Record) or resolver.label not in (IMPORT_OBJECT, IMPORT_PROMISE):
        raise Malformed("a resolver is a desc:import-object or a desc:import-promise")
    position_in(resolver)
