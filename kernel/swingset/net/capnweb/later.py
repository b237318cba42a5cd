"""What is done with a value once the promises in it are settled: a call, an answer, or a map.

A client means by a promise what it is settled with, so a call with one in its arguments waits; other calls go
on. What waits belongs to its session, counts as a result of it, and is dropped when it ends.

Rows: `J.C.N` is what waits, with its value as `body` and `slots`, how many promises are `left`, and what
follows, `then`: `["call", method, result]`, where the value is the target and the arguments; `["settle",
result]`; `["map", instructions, result]`, where it is the input and the captures. The result is a cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from swingset.wire.grammar import BODY_LIMIT

from .. import capdata
from ..extents import extent
from ..values import Failure, Ref, Refused, Symbol, Tagged
from .paths import Part, projected
from .tables import KIND

if TYPE_CHECKING:
    from ..core import Core


class Later:
    """What waits, and the parts of values."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # Calls and parts.

    def call(
        self, conn: str, base: Any, path: list[Part], args: list[Any], waits: Iterable[str], result: str
    ) -> None:
        """Call what is at the end of a path; its last name is the method, and without one it is a function.

        Args:
            conn: the client's connection.
            base: where the path begins: a reference, or plain data.
            path: names and indices.
            args: the arguments, as values.
            waits: the promises that have to be settled first.
            result: the cell for the result.
        """
        method = None if not path else path[-1]
        if type(method) is int:
            self._core.cells.reject(result, Failure("the name of a method is a text", "TypeError"))
            return
        try:
            target = self.part(conn, base, path[:-1]) if len(path) > 1 else base
            if not isinstance(target, Ref):
                raise Refused("the call is of a value that is no object")
        except Refused as problem:
            self._core.cells.reject(result, Failure(str(problem), "TypeError"))
            return
        self.when(conn, [target, args], waits, ["call", method, result])

    def part(self, conn: str, base: Any, path: list[Part]) -> Any:
        """A part of a value; a promise for it if the value is one. Raises `Refused` if there is none."""
        if not (isinstance(base, Ref) and base.is_promise):
            return projected(base, path)
        cell = self._core.cells.new(["own"])
        self._core.web.tables.wait(conn, base.name, [KIND, conn, "part", path, cell])
        return Ref(cell)

    # What waits.

    def when(self, conn: str, value: Any, waits: Iterable[str], then: list[Any]) -> None:
        """Do something with a value, now or once some promises in it are settled."""
        known = list(waits)
        pending = [cell for cell in known if not (self._core.cells.row(cell) or {"state": 1})["state"]]
        if not pending:
            self._do(conn, value, known, then)
            return
        try:
            body, slots = capdata.encode(value, lambda ref: ref.name)
        except Refused as problem:
            self._core.cells.reject(then[-1], Failure(str(problem), "TypeError"))
            return
        self._core.sessions.within(conn, "answers", 1)
        number = self._core.sessions.count(conn, "waited")
        for slot in (*slots, *known):
            self._core.names.use(slot)
        row = {"body": body, "slots": slots, "waits": known, "left": len(pending), "then": then}
        self._core.batch.put(f"J.{conn}.{number}", row)
        for cell in pending:
            self._core.web.tables.wait(conn, cell, [KIND, conn, "joined", number])

    def fire(self, sink: list[Any], rejected: bool, value: Any) -> None:
        """Do what waited for a promise.

        Args:
            sink: the session's connection and what is to be done, after `KIND`: `answer`, `part` or `joined`.
            rejected: whether the promise was rejected.
            value: with what it was settled.
        """
        _, conn, what, *rest = sink
        if what == "answer":
            self._core.web.answer(conn, rest[0], rejected, value)
        elif what == "part":
            path, cell = rest
            try:
                part = value if rejected else projected(value, path)
                self._core.cells.settle_made(conn, cell, rejected, part)
            except Refused as problem:
                self._core.cells.reject(cell, Failure(str(problem), "TypeError"))
        else:
            self._joined(conn, rest[0], rejected, value)

    def _joined(self, conn: str, number: int, rejected: bool, value: Any) -> None:
        row = self._core.batch.get(f"J.{conn}.{number}")
        if row is None:
            return
        if not rejected and row["left"] > 1:
            self._core.batch.put(f"J.{conn}.{number}", {**row, "left": row["left"] - 1})
            return
        if rejected:
            self._core.cells.settle(row["then"][-1], True, value)
        else:
            said = capdata.decode(row["body"], row["slots"], Ref)
            self._do(conn, said, row["waits"], row["then"])
        self._drop(conn, number, row)

    def _drop(self, conn: str, number: int, row: dict[str, Any]) -> None:
        self._core.batch.drop(f"J.{conn}.{number}")
        self._core.sessions.within(conn, "answers", -1)
        for slot in (*row["slots"], *row["waits"]):
            self._core.names.unuse(slot)

    def _do(self, conn: str, value: Any, waits: list[str], then: list[Any]) -> None:
        """Do what follows, with what the promises are settled with in their place."""
        found: dict[str, Any] = {}
        for cell in waits:
            rejected, outcome = self._core.cells.outcome(cell)
            if rejected:
                self._core.cells.settle(then[-1], True, outcome)
                return
            found[cell] = outcome
        verb, result = then[0], then[-1]
        try:
            value = _Filling(found, BODY_LIMIT).fill(value) if found else value
            if verb == "settle":
                self._core.cells.settle_made(conn, result, False, value)
            elif verb == "map":
                self._core.web.mapping.apply(conn, value[0], value[1], then[1], result)
            else:
                target, args = value
                if not isinstance(target, Ref):
                    raise Refused("the call is of a value that is no object")
                head = [] if then[1] is None else [Symbol(then[1])]
                self._core.routing.deliver(target.name, [*head, *args], result)
        except Refused as problem:
            self._core.cells.reject(result, Failure(str(problem), "TypeError"))

    def end(self, conn: str) -> None:
        """Drop what waits, because its session has ended."""
        for key in self._core.batch.below(f"J.{conn}."):
            self._drop(conn, int(key), self._core.batch.get(f"J.{conn}.{key}"))


class _Filling:
    """Puts outcomes in the place of promises; raises `Refused` if that makes too much."""

    def __init__(self, found: dict[str, Any], most: int) -> None:
        self._found = found
        self._sizes = {cell: extent(value) for cell, value in found.items()}
        self._left = most

    def fill(self, value: Any) -> Any:
        """A value with the outcomes in it."""
        kind = type(value)
        if kind is Ref:
            if value.name not in self._found:
                return value
            self._left -= self._sizes[value.name]
            if self._left < 0:
                raise Refused("with what its promises are settled with, the message is too long")
            return self._found[value.name]
        if kind is list:
            return [self.fill(item) for item in value]
        if kind is dict:
            return {key: self.fill(item) for key, item in value.items()}
        return Tagged(value.tag, self.fill(value.value)) if kind is Tagged else value
