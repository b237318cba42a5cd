"""The tables of a session: what its positions name, on either side, and how references are written and read.

Rows, for each connection C: `x.C.POS` is what this side exports there, `["o", name, count]` an object, `["c",
cell, count]` a promise, `["result", cell, 1]` and `["loop", cell, 1]` resolvers; `y.C.NAME` is the position
of a name; `i.C.POS` what the peer exports, `[name, count]`; `a.C.POS` the cell of an answer that the peer has
asked for; `q.C.POS` the cell of one that this side has asked for. A count is how often a reference crossed,
because what is on its way when a peer lets go of one must not be lost.

A peer can name only what it was given: a position that it never got ends its session.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import locators
from .dialects import DIALECTS, UNREAD, Dialect, placed
from .extents import measured
from .nearness import bound
from .routing import WEB, disconnected
from .values import (
    UNDEFINED,
    Failure,
    Hidden,
    Malformed,
    Record,
    Ref,
    Refused,
    Symbol,
    Tagged,
    Undefined,
    kind_of,
)

if TYPE_CHECKING:
    from .core import Core

IMPORT_OBJECT, IMPORT_PROMISE = Symbol("desc:import-object"), Symbol("desc:import-promise")
EXPORT, ANSWER = Symbol("desc:export"), Symbol("desc:answer")
ENVELOPE = Symbol("desc:sig-envelope")
BOOTSTRAP = 0
_REFERENCES = (IMPORT_OBJECT, IMPORT_PROMISE, EXPORT, ANSWER, ENVELOPE, locators.STURDYREF)


class Descriptors:
    """What crosses between a session's tables and its messages."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # Writing.

    def write(self, conn: str, value: Any) -> Any:
        """A value as it stands in a message to a peer; raises `Refused` for one that cannot be sent."""
        dialect = self._dialect(conn)
        most, size = self._core.limits.message_bytes, measured(value)
        if size > most:
            raise Refused(f"a message to another world has at most {most:,} bytes, and this is some {size:,}")
        return self._write(conn, dialect, value)

    def _dialect(self, conn: str) -> Dialect:
        row = self._core.sessions.row(conn)
        if row is None:
            raise Refused("the session has ended")
        return DIALECTS[row["dialect"]]

    def _write(self, conn: str, dialect: Dialect, value: Any) -> Any:
        kind = type(value)
        if kind in (bool, int, float, str, bytes, Symbol):
            return value
        if value is None or kind is Undefined:
            return dialect.nothing(value)
        if kind is list:
            return [self._write(conn, dialect, item) for item in value]
        if kind is dict:
            return {key: self._write(conn, dialect, item) for key, item in value.items()}
        if kind is Tagged:
            return Record(dialect.tagged, (Symbol(value.tag), self._write(conn, dialect, value.value)))
        if kind is Failure:
            return dialect.error(value)
        if kind is Ref:
            return self.describe(conn, value)
        raise Refused(f"{kind_of(value)} cannot be sent")

    def describe(self, conn: str, ref: Ref) -> Record:
        """A reference, named from the peer's side."""
        name = self._core.names.now(ref.name)
        if ref.is_promise:
            row = self._core.cells.row(name)
            by = row["by"] if row is not None and not row["state"] else ["own"]
            if by[0] in ("answer", "import") and by[1] == conn:
                return Record(ANSWER if by[0] == "answer" else EXPORT, (by[2],))
            return Record(IMPORT_PROMISE, (self._export(conn, "c", name),))
        found = self._core.names.row(name) if self._core.names.is_remote(name) else None
        if found is not None and found["kind"] == "sturdy":
            secret = Hidden(found["secret"], found["length"])
            return locators.sturdyref_to_record(_locator(found["uri"]), secret)
        if found is not None and found["kind"] == WEB:
            return Record(IMPORT_OBJECT, (self._export(conn, "o", name),))
        if found is not None and found.get("conn") == conn:
            return Record(EXPORT, (found["pos"],))
        if found is not None and found.get("conn") is not None:
            given = self._core.handoff.give(conn, found["conn"], found["pos"])
            if given is not None:
                return given
        return Record(IMPORT_OBJECT, (self._export(conn, "o", name),))

    def _export(self, conn: str, kind: str, name: str) -> int:
        batch = self._core.batch
        position: int | None = batch.get(f"y.{conn}.{name}")
        if position is None:
            position = self._new_export(conn, [kind, name, 1])
            batch.put(f"y.{conn}.{name}", position)
            self._core.names.use(name)
            if self._is_of_vats(name):
                self._core.sessions.befriend(conn)
            return position
        row = batch.get(f"x.{conn}.{position}")
        batch.put(f"x.{conn}.{position}", [kind, name, row[2] + 1])
        return position

    def _is_of_vats(self, name: str) -> bool:
        """Whether it is an object of a vat of this world, or a promise of one."""
        if name.startswith("c"):
            row = self._core.cells.row(name)
            return row is not None and row["by"][0] == "local"
        return not self._core.names.is_remote(self._core.names.now(name))

    def new_resolver(self, conn: str, kind: str, cell: str) -> int:
        """A position at which the peer tells the outcome of a promise."""
        self._core.sessions.change(conn, "waits", 1)
        return self._new_export(conn, [kind, cell, 1])

    def _new_export(self, conn: str, row: list[Any]) -> int:
        position = self._core.sessions.count(conn, "exported")
        self._core.sessions.within(conn, "exports", 1)
        self._core.batch.put(f"x.{conn}.{position}", row)
        return position

    def new_question(self, conn: str, cell: str) -> int:
        """The position of an answer that the peer will give; it settles the cell from now on."""
        position = self._core.sessions.count(conn, "asked")
        self._core.batch.put(f"q.{conn}.{position}", cell)
        self._core.cells.set_by(cell, ["answer", conn, position])
        return position

    # Reading. First a message is looked at whole, then its references are taken: what is refused takes none.

    def check(self, conn: str, value: Any) -> None:
        """Look at a value that came; raises `Malformed` or `Refused`, and changes nothing."""
        stack = [value]
        while stack:
            item = stack.pop()
            kind = type(item)
            if kind is list:
                stack += item
            elif kind is dict:
                for key in item:
                    if type(key) is not str:
                        raise Refused(f"the keys of a struct are texts, not {kind_of(key)}")
                stack += item.values()
            elif kind is Record and item.label not in _REFERENCES:
                if self._dialect(conn).plain(item) is UNREAD:
                    raise Refused(f"{kind_of(item)} means nothing here")
                stack += item.fields
            elif kind is Record:
                self._check_reference(conn, item)

    def _check_reference(self, conn: str, item: Record) -> None:
        if item.label == ENVELOPE:
            self._core.handoff.check(item)
        elif item.label == locators.STURDYREF:
            locators.sturdyref_from_record(item)
        else:
            position = position_in(item)
            if item.label == EXPORT:
                row = self.exported(conn, position)
                if position == BOOTSTRAP or row is None or row[0] not in ("o", "c"):
                    raise Refused(f"desc:export {position} is no reference to pass on")
            elif item.label == ANSWER:
                self.answer(conn, position)

    def read(self, conn: str, value: Any) -> Any:
        """A value that came and was checked, with its references taken into the tables."""
        kind = type(value)
        if kind is list:
            return [self.read(conn, item) for item in value]
        if kind is dict:
            return {key: self.read(conn, item) for key, item in value.items()}
        if kind is not Record:
            return value
        if value.label in _REFERENCES:
            return Ref(self._read_reference(conn, value))
        fields = tuple([self.read(conn, item) for item in value.fields])
        found = self._dialect(conn).plain(Record(value.label, fields))
        if isinstance(found, Failure):
            return placed(found, self._core.sessions.peer_of(conn))
        return UNDEFINED if found is UNREAD else found

    def _read_reference(self, conn: str, item: Record) -> str:
        if item.label == ENVELOPE:
            return self._core.handoff.receive(conn, item)
        if item.label == locators.STURDYREF:
            found = locators.sturdyref_from_record(item)
            secret = self._core.wire.hide(found.swissnum)
            nearest = bound(self._core.sessions.live(conn), self._core.limits)
            said = {"kind": "sturdy", "uri": locators.uri(found.locator), "nearest": nearest}
            return self._core.names.new({**said, "secret": secret, "length": len(found.swissnum)})
        position = position_in(item)
        if item.label == EXPORT:
            row = self.exported(conn, position)
            if row is None:
                raise Refused(f"desc:export {position} is gone")
            name: str = row[1]
            self._core.names.touch(name)
            return name
        if item.label == ANSWER:
            return self.answer(conn, position)
        return self.imported(conn, position, item.label == IMPORT_PROMISE)

    def imported(self, conn: str, position: int, promise: bool, *, listen: bool = True) -> str:
        """The name of what the peer exports at a position, which has crossed once more."""
        batch = self._core.batch
        key = f"i.{conn}.{position}"
        row = batch.get(key)
        if row is not None:
            name: str = row[0]
            if name.startswith("c") != promise:
                raise Malformed(f"position {position} named an object and a promise")
            batch.put(key, [name, row[1] + 1])
            self._core.names.touch(name)
            return name
        self._core.sessions.within(conn, "imports", 1)
        if promise:
            name = self._core.cells.new(["import", conn, position])
        else:
            name = self._core.names.new({"kind": "far", "conn": conn, "pos": position})
        batch.put(key, [name, 1])
        if promise and listen:
            self._core.todo.append(partial(self._core.routing.listen, conn, position, name))
        return name

    def exported(self, conn: str, position: int) -> list[Any] | None:
        """The row of what we export at a position; None if the peer has let go of it.

        Raises `Malformed` for a position that the peer was never given.
        """
        row = self._core.sessions.live(conn)
        if position > row["exported"]:
            raise Malformed(f"desc:export {position} was never given")
        found: list[Any] | None = self._core.batch.get(f"x.{conn}.{position}")
        return found

    def answer(self, conn: str, position: int) -> str:
        """The promise at an answer position of the peer's; raises `Malformed` if there is none."""
        found: str | None = self._core.batch.get(f"a.{conn}.{position}")
        if found is None:
            raise Malformed(f"desc:answer {position} is no answer that is kept")
        return found

    def new_answer(self, conn: str, position: int, cell: str) -> None:
        """Keep a promise at an answer position of the peer's."""
        key = f"a.{conn}.{position}"
        if self._core.batch.get(key) is not None:
            raise Malformed(f"answer position {position} is in use")
        self._core.sessions.within(conn, "answers", 1)
        self._core.batch.put(key, cell)
        self._core.cells.use(cell)

    # Letting go.

    def settled(self, by: list[Any], cell: str) -> None:
        """A promise that a peer settles is settled: the peer need not keep it for us."""
        if by[0] == "answer" and self._core.batch.get(f"q.{by[1]}.{by[2]}") == cell:
            self._core.batch.drop(f"q.{by[1]}.{by[2]}")
            self._core.sessions.release_answer(by[1], by[2])
        elif by[0] == "import":
            self.release(by[1], by[2], cell)

    def release(self, conn: str, position: int, name: str) -> None:
        """Let go of what the peer exports at a position, if it is the object or promise of this name."""
        key = f"i.{conn}.{position}"
        row = self._core.batch.get(key)
        if row is not None and row[0] == name:
            self._core.batch.drop(key)
            self._core.sessions.within(conn, "imports", -1)
            if position != BOOTSTRAP:
                self._core.sessions.release_export(conn, position, row[1])

    def let_go(self, conn: str, position: int, delta: int) -> None:
        """The peer lets go of what it has received so many times."""
        row = self.exported(conn, position)
        if row is None or position == BOOTSTRAP:
            return
        left = row[2] - delta
        if left > 0:
            self._core.batch.put(f"x.{conn}.{position}", [row[0], row[1], left])
            return
        self.drop_export(conn, position, row)

    def drop_export(self, conn: str, position: int, row: list[Any]) -> None:
        """Free an exported position."""
        self._core.batch.drop(f"x.{conn}.{position}")
        self._core.sessions.within(conn, "exports", -1)
        if row[0] in ("o", "c"):
            self._core.batch.drop(f"y.{conn}.{row[1]}")
            self._core.names.unuse(row[1])
        elif row[0] in ("result", "loop"):
            self._core.sessions.change(conn, "waits", -1)

    def drop_answer(self, conn: str, position: int) -> None:
        """The peer no longer keeps an answer."""
        cell = self._core.batch.get(f"a.{conn}.{position}")
        if cell is not None:
            self._core.batch.drop(f"a.{conn}.{position}")
            self._core.sessions.within(conn, "answers", -1)
            self._core.cells.unuse(cell)

    def end(self, conn: str, why: str, code: str) -> None:
        """Empty the tables of a session that has ended."""
        core, failure = self._core, disconnected(why, code)
        for key in core.batch.below(f"x.{conn}."):
            self.drop_export(conn, int(key), core.batch.get(f"x.{conn}.{key}"))
        for key in core.batch.below(f"a.{conn}."):
            self.drop_answer(conn, int(key))
        for key in core.batch.below(f"q.{conn}."):
            self._broken(core.batch.get(f"q.{conn}.{key}"), failure)
            core.batch.drop(f"q.{conn}.{key}")
        for key in core.batch.below(f"i.{conn}."):
            name = core.batch.get(f"i.{conn}.{key}")[0]
            core.batch.drop(f"i.{conn}.{key}")
            if name.startswith("c"):
                self._broken(name, failure)
            else:
                self.severed(name, why, code)

    def _broken(self, cell: str, failure: Failure) -> None:
        row = self._core.cells.row(cell)
        if row is not None and row.get("embargo") is not None:
            self._core.cells.lift(cell)
        else:
            self._core.cells.reject(cell, failure)

    def severed(self, name: str, why: str, code: str = "disconnected") -> None:
        """The session that a remote object was on has ended."""
        row = self._core.names.row(name)
        if row is None:
            return
        if row["kind"] == "lasting":
            self._core.names.put(name, {**row, "conn": None, "pos": None})
        else:
            kept = {"held": row["held"], "known": row.get("known", False)}
            self._core.names.put(name, {"kind": "dead", "why": why, "code": code, **kept})
        self._core.names.touch(name)


def position_in(item: Record) -> int:
    """The position in a descriptor; raises `Malformed`."""
    if len(item.fields) != 1 or type(item.fields[0]) is not int or not 0 <= item.fields[0] < 2**53:
        raise Malformed(f"{kind_of(item)} has one position, an integer that is not negative")
    position: int = item.fields[0]
    return position


def _locator(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    if isinstance(found, locators.Sturdyref):
        raise Refused("a locator was wanted")
    return found
