"""From a typed record to a row of its table and back, for every table in the same way.

A `Table` says what a table is: its record, whose fields are its columns, and by `swingset.world.rows` the
rule of each column and, where a column holds more than a number or a text, how that is spelled and read.
`Rows` are the rows of one open world. All that reads or writes a row as a whole goes through them, so what a
row has to be like is looked at in one place, and a record that came out of a world can be trusted.

A record is frozen: who wants a row to be another writes another record, or changes a column by its key. What
was read by its key is remembered for as long as it stays as it is (`swingset.world.remembered`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from swingset.model.foreign import Unreadable

from .errors import DamagedRow
from .rows import RULES, Reader, Stored, shown
from .schema import STATE_TABLES

if TYPE_CHECKING:
    from .file import WorldFile

R = TypeVar("R")

_KEYS = dict(STATE_TABLES)

_LONGEST = 500
"""The longest text, and the most slots, in a record that is remembered."""

TABLES: dict[str, Table[Any]] = {}
"""The tables that have a record, by name."""


class Table(Generic[R]):
    """One state table and its record. `columns` names the column of a field that is called otherwise.

    Records are remembered where `remembered` says so, which is for what each crank asks for again.
    """

    def __init__(self, name: str, record: type[R], *, remembered: bool = False, **columns: str) -> None:
        self.name = name
        self.remembered = remembered
        self._record: Callable[..., R] = record
        names = _fields_of(record)
        self.columns = tuple(columns.get(field, field) for field in names)
        rules = RULES[name]
        stored = {column: rule for column in self.columns if isinstance(rule := rules[column], Stored)}
        self._reader = Reader(name, ", ".join(self.columns), but=frozenset(stored))
        self._loads = [(at, c, stored[c].load) for at, c in enumerate(self.columns) if c in stored]
        self._stores = [(at, stored[c].store) for at, c in enumerate(self.columns) if c in stored]
        self._values: Callable[[Any], tuple[Any, ...]] = (
            tuple if issubclass(record, tuple) else attrgetter(*names)
        )
        listed, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
        self.selecting = f"SELECT {listed} from {name} "
        self.inserting = f"insert into {name} ({listed}) values ({marks})"
        self.putting = f"insert or replace into {name} ({listed}) values ({marks})"
        self.key = " and ".join(f"{column} = ?" for column in _KEYS[name])
        self._fields = dict(zip(self.columns, names, strict=True))
        TABLES.setdefault(name, self)

    def read(self, world: str, row: tuple[Any, ...]) -> R:
        """The record of a row. Raises `DamagedRow` for one that is not as it should be."""
        self._reader.check(world, row)
        if not self._loads:
            return self._record(*row)
        values = list(row)
        for at, column, load in self._loads:
            try:
                values[at] = load(values[at])
            except Unreadable as problem:
                raise self._damaged(world, row, f"{column} is {problem}") from None
            except ValueError as problem:
                raise self._damaged(world, row, f"{column} {problem}") from None
        return self._record(*values)

    def row(self, record: R) -> tuple[Any, ...]:
        """The row of a record."""
        row = self._values(record)
        if not self._stores:
            return row
        values = list(row)
        for at, store in self._stores:
            values[at] = store(values[at])
        return tuple(values)

    def key_of(self, record: R) -> tuple[Any, ...]:
        """The key of a record."""
        return tuple([getattr(record, self._fields[column]) for column in _KEYS[self.name]])

    def is_small(self, record: R) -> bool:
        """Whether a record may be remembered: memory is bounded by the number of records."""
        return all(
            len(value) <= _LONGEST for value in self._values(record) if isinstance(value, (str, tuple))
        )

    def changed(self, record: R, columns: dict[str, Any]) -> R:
        """A record with other values in these columns."""
        changes = {self._fields[column]: value for column, value in columns.items()}
        if is_dataclass(record) and not isinstance(record, type):
            return replace(record, **changes)
        changed: R = record._replace(**changes)  # type: ignore[attr-defined]
        return changed

    def counted(self, record: R, amounts: dict[str, int]) -> R:
        """A record to whose columns so much was added."""
        columns = {column: getattr(record, self._fields[column]) + more for column, more in amounts.items()}
        return self.changed(record, columns)

    def stored(self, column: str, value: Any) -> Any:
        """A value as one of the columns holds it."""
        rule = RULES[self.name][column]
        return rule.store(value) if isinstance(rule, Stored) else value

    def _damaged(self, world: str, row: tuple[Any, ...], reason: str) -> DamagedRow:
        return DamagedRow(world, self.name, self._reader.key(row), reason)


class Rows(Generic[R]):
    """The rows of one table in one world."""

    def __init__(self, world: WorldFile, table: Table[R]) -> None:
        self._world = world
        self._table = table
        self._held: dict[tuple[Any, ...], R] = world.remembered.records(table.name)
        self._answers = world.remembered.answers(table.name)
        self._getting = f"{table.selecting}where {table.key}"

    def get(self, *key: Any) -> R | None:
        """The record of that key, or None."""
        found = self._held.get(key)
        if found is not None:
            return found
        row = self._world.row(self._getting, key)
        if row is None:
            return None
        return self.hold(self._table.read(self._world.name, row))

    def held(self, *key: Any) -> R | None:
        """The record of that key if it is remembered."""
        return self._held.get(key)

    def hold(self, record: R) -> R:
        """Remember a record, and return it."""
        if self._table.remembered and self._table.is_small(record):
            self._world.remembered.put(self._held, self._table.key_of(record), record)
        return record

    def select(self, rest: str = "", *given: Any) -> Iterator[R]:
        """The records that the rest of a SELECT finds, such as `where vat = ? order by seq`."""
        for row in self._world.rows(self._table.selecting + rest, given):
            yield self._table.read(self._world.name, row)

    def first(self, rest: str, *given: Any) -> R | None:
        """The first of them, or None."""
        question = (rest, given)
        if question in self._answers:
            known: R | None = self._answers[question]
            return known
        row = self._world.row(self._table.selecting + rest, given)
        found = None if row is None else self._table.read(self._world.name, row)
        if self._table.remembered and (found is None or self._table.is_small(found)):
            self._world.remembered.put(self._answers, question, found)
        return found

    def add(self, record: R) -> tuple[Any, ...]:
        """Write a new row, and return it."""
        row = self._table.row(record)
        self._change(self._table.inserting, row)
        self.hold(record)
        return row

    def put(self, record: R) -> None:
        """Write a row, over the one of the same key where there is one."""
        self._held.pop(self._table.key_of(record), None)
        self._change(self._table.putting, self._table.row(record))
        self.hold(record)

    def change(self, *key: Any, **columns: Any) -> None:
        """Let columns of one row hold something else."""
        values = [self._table.stored(column, value) for column, value in columns.items()]
        found = self._held.pop(key, None)
        self._change(_changing(self._table.name, self._table.key, *columns), (*values, *key))
        if found is not None:
            self.hold(self._table.changed(found, columns))

    def count(self, *key: Any, **amounts: int) -> None:
        """Add to columns of one row (negative to subtract)."""
        found = self._held.pop(key, None)
        self._change(_counting(self._table.name, self._table.key, *amounts), (*amounts.values(), *key))
        if found is not None:
            self.hold(self._table.counted(found, amounts))

    def delete(self, *key: Any) -> None:
        """Forget the row of that key, if there is one."""
        self._held.pop(key, None)
        self._change(f"delete from {self._table.name} where {self._table.key}", key)

    def _change(self, sql: str, given: tuple[Any, ...]) -> None:
        # Whoever changes a row has forgotten it first: an interrupt may come between this and what is known.
        if self._answers:
            self._answers.clear()
        self._world.write(sql, given)

    def missing(self, *key: Any, why: str) -> DamagedRow:
        """The complaint about a row that is not there, though something says that it is."""
        return DamagedRow(self._world.name, self._table.name, shown(*key), f"the row is missing, and {why}")


def _fields_of(record: type[Any]) -> tuple[str, ...]:
    if is_dataclass(record):
        return tuple(field.name for field in fields(record))
    names: tuple[str, ...] = record._fields
    return names


@cache
def _changing(table: str, key: str, *columns: str) -> str:
    return f"update {table} set {', '.join(f'{column} = ?' for column in columns)} where {key}"


@cache
def _counting(table: str, key: str, *columns: str) -> str:
    return f"update {table} set {', '.join(f'{column} = {column} + ?' for column in columns)} where {key}"
