"""Converts typed records to rows of their tables and back, for every table in the same way.

A `Table` describes a table: its record, whose fields are the columns, and by `swingset.world.rows` the rule
of each column and the encoding of columns that hold more than a number or a text. `Rows` are the rows of one
open world. Code that reads or writes a whole row goes through them, so rows are checked in one place, and a
record from a world can be trusted.

A record is frozen: to change a row, write another record, or change a column by the row's key. Rows are
changed in memory, and written to the file later (`swingset.world.memory`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from swingset.model.capdata import CapData
from swingset.model.foreign import Unreadable
from swingset.model.messages import Send

from .errors import DamagedRow
from .indexes import Index, Order
from .rows import RULES, Reader, Stored, shown
from .schema import STATE_TABLES
from .unread import ROW, Key, Unread

if TYPE_CHECKING:
    from .file import WorldFile

R = TypeVar("R")

_KEYS = dict(STATE_TABLES)

TABLES: dict[str, Table[Any]] = {}
"""The tables that have a record, by name."""


class Table(Generic[R]):
    """One table and its record. `columns` maps fields to columns with another name.

    `heavy` are the columns whose texts may be long. `small` is False for a table whose rows should not all be
    in memory.
    """

    def __init__(
        self,
        name: str,
        record: type[R],
        *,
        heavy: tuple[str, ...] = (),
        small: bool = True,
        **columns: str,
    ) -> None:
        self.name = name
        self.small = small
        self._is_tuple = issubclass(record, tuple)
        self._record: Callable[[Iterable[Any]], R] = _maker(record)
        names = _fields_of(record)
        self.columns = tuple(columns.get(field, field) for field in names)
        self.keys = _KEYS[name]
        rules = RULES[name]
        wanted = tuple(rules)
        self.as_in_file: Callable[[tuple[Any, ...]], tuple[Any, ...]] = (
            tuple if self.columns == wanted else itemgetter(*map(self.columns.index, wanted))
        )
        """Puts the columns of a row into the order of the table in the file."""
        stored = {column: rule for column in self.columns if isinstance(rule := rules[column], Stored)}
        self._reader = Reader(name, ", ".join(self.columns), but=frozenset(stored))
        self._loads = [(at, c, stored[c].load) for at, c in enumerate(self.columns) if c in stored]
        self._stores = [(at, stored[c].store) for at, c in enumerate(self.columns) if c in stored]
        self._values: Callable[[Any], tuple[Any, ...]] = tuple if self._is_tuple else attrgetter(*names)
        self._at = {column: at for at, column in enumerate(self.columns)}
        self._names = names
        self.key_of_row, self.key_of = self.getters(self.keys)
        self.heavy = self.getters(heavy) if heavy else None
        self.heavy_columns = frozenset(heavy)
        listed, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
        self.key = " and ".join(f"{column} = ?" for column in self.keys)
        others = ", ".join(f"{c} = excluded.{c}" for c in self.columns if c not in self.keys)
        self.selecting = f"SELECT {listed} from {name} "
        self.inserting = f"insert into {name} ({listed}) values ({marks})"
        over = f"update set {others}" if others else "nothing"
        self.putting = f"{self.inserting} on conflict ({', '.join(self.keys)}) do {over}"
        self.deleting = f"delete from {name} where {self.key}"
        TABLES.setdefault(name, self)

    def read(self, world: str, row: tuple[Any, ...]) -> R:
        """Return the record of a row. Raises `DamagedRow` for a row that breaks the rules of its table."""
        self._reader.check(world, row)
        if not self._loads:
            return self._record(row)
        values = list(row)
        for at, column, load in self._loads:
            try:
                values[at] = load(values[at])
            except Unreadable as problem:
                raise self._damaged(world, row, f"{column} is {problem}") from None
            except ValueError as problem:
                raise self._damaged(world, row, f"{column} {problem}") from None
        return self._record(values)

    def row(self, record: R) -> tuple[Any, ...]:
        """Return the row of a record."""
        row = self._values(record)
        if not self._stores:
            return row
        values = list(row)
        for at, store in self._stores:
            values[at] = store(values[at])
        return tuple(values)

    def getters(self, columns: tuple[str, ...]) -> tuple[Callable[[Any], Key], Callable[[Any], Key]]:
        """Return two functions: the values of these columns in a row, and in a record."""
        at = [self._at[column] for column in columns]
        names = [self._names[place] for place in at]
        of_row: Callable[[Any], Key]
        of_record: Callable[[Any], Key]
        if len(columns) == 1:
            (place,), (name,) = at, names
            of_row, of_record = (lambda row: (row[place],)), (lambda record: (getattr(record, name),))
        else:
            of_row, of_record = itemgetter(*at), attrgetter(*names)
        return of_row, of_row if self._is_tuple else of_record

    def weigh(self, found: Any) -> int:
        """Return about how many bytes a record or an `Unread` takes."""
        if self.heavy is None:
            return ROW
        if found is None:
            return 0
        of_row, of_record = self.heavy
        return ROW + _weight(of_row(found.row) if found.__class__ is Unread else of_record(found))

    def changed(self, record: R, columns: dict[str, Any]) -> R:
        """Return a copy of a record with new values in these columns."""
        values = list(self._values(record))
        for column, value in columns.items():
            values[self._at[column]] = value
        return self._record(values)

    def counted(self, record: R, amounts: dict[str, int]) -> R:
        """Return a copy of a record with these amounts added to its columns."""
        values = list(self._values(record))
        for column, more in amounts.items():
            values[self._at[column]] += more
        return self._record(values)

    def _damaged(self, world: str, row: tuple[Any, ...], reason: str) -> DamagedRow:
        return DamagedRow(world, self.name, shown(*self.key_of_row(row)), reason)


class Rows(Generic[R]):
    """The rows of one table in one world."""

    def __init__(self, world: WorldFile, table: Table[R]) -> None:
        self._world = world
        self._table = table
        self.held = world.memory.of(table)

    def get(self, *key: Any) -> R | None:
        """The record of that key, or None. Raises `DamagedRow` for a row that breaks its rules."""
        found: R | None = self.held.get(key)
        return found

    def has(self, *key: Any) -> bool:
        """Whether there is a row of that key, even a damaged one."""
        return self.held.look(key) is not None

    def row(self, *key: Any) -> tuple[Any, ...] | None:
        """The row of that key as it is or will be in the file, even a damaged one; None if there is none."""
        found = self.held.look(key)
        if found is None:
            return None
        row: tuple[Any, ...] = found.row if found.__class__ is Unread else self._table.row(found)
        return row

    def index(self, *columns: str) -> Index:
        """The index of the keys by other columns."""
        return self.held.index(*columns)

    def order(self) -> Order:
        """The ordered keys, for a table whose key is one number."""
        return self.held.ordered()

    def of(self, index: Index, *value: Any) -> list[R]:
        """The records that an index finds for a value, in no particular order."""
        found = [self.held.get(key) for key in index.keys(*value)]
        return [record for record in found if record is not None]

    def one(self, index: Index, *value: Any) -> R | None:
        """A record that an index finds for a value, or None."""
        for key in index.keys(*value):
            found: R | None = self.held.get(key)
            if found is not None:
                return found
        return None

    def select(self, rest: str = "", *given: Any) -> Iterator[R]:
        """The records that the rest of a SELECT finds, such as `where vat = ? order by seq`."""
        for row in self._world.rows(self._table.selecting + rest, given):
            yield self._table.read(self._world.name, row)

    def all(self) -> Iterator[R]:
        """All records, in no particular order."""
        if not self.held.is_whole():
            yield from self.select()
            return
        for key in list(self.held.rows):
            record = self.get(*key)
            if record is not None:
                yield record

    def surely_empty(self) -> bool:
        """Whether memory tells that there is no row; False if there may be none all the same."""
        return self.held.is_whole() and not self.held.rows

    def first(self, rest: str, *given: Any) -> R | None:
        """The first record that `select` finds, or None."""
        return next(self.select(rest, *given), None)

    def add(self, record: R) -> None:
        """Add a new row. Raises `ValueRefused` if there is a row of that key."""
        self.held.set(self._table.key_of(record), record, fresh=True)

    def add_row(self, row: tuple[Any, ...]) -> None:
        """As `add`, for a row that was stored in another table; it is not decoded."""
        self.held.set(self._table.key_of_row(row), Unread(row), fresh=True)

    def put(self, record: R) -> None:
        """Add a row, or replace the row of the same key."""
        self.held.set(self._table.key_of(record), record)

    def change(self, *key: Any, **columns: Any) -> None:
        """Set columns of the row of that key, if there is one."""
        found = self.held.get(key)
        if found is not None:
            moves = not self.held.indexed.isdisjoint(columns)
            weighs = not self._table.heavy_columns.isdisjoint(columns)
            self.held.set(key, self._table.changed(found, columns), moves=moves, weighs=weighs)

    def count(self, *key: Any, **amounts: int) -> None:
        """Add to columns of the row of that key (negative to subtract), if there is one."""
        found = self.held.get(key)
        if found is not None:
            moves = not self.held.indexed.isdisjoint(amounts)
            self.held.set(key, self._table.counted(found, amounts), moves=moves, weighs=False)

    def delete(self, *key: Any) -> None:
        """Delete the row of that key, if there is one."""
        self.held.set(key, None)

    def missing(self, *key: Any, why: str) -> DamagedRow:
        """Make the error for a missing row; `why` says what refers to it."""
        return DamagedRow(self._world.name, self._table.name, shown(*key), f"the row is missing, and {why}")


def _fields_of(record: type[Any]) -> tuple[str, ...]:
    if is_dataclass(record):
        return tuple(field.name for field in fields(record))
    names: tuple[str, ...] = record._fields
    return names


def _maker(record: type[Any]) -> Callable[[Iterable[Any]], Any]:
    """Return a function that makes a record of the values of all its fields."""
    return partial(tuple.__new__, record) if issubclass(record, tuple) else lambda values: record(*values)


def _weight(value: Any) -> int:
    """About how many bytes a value takes."""
    if value.__class__ is str:
        return len(value)
    if value is None or value.__class__ is int:
        return 0
    if value.__class__ is CapData:
        return len(value.body) + sum(map(len, value.slots))
    if value.__class__ is tuple:
        return sum(map(_weight, value))
    if value.__class__ is dict:
        return sum(map(_weight, value.values()))
    if value.__class__ is Send:
        return _weight(value.message.methargs)
    return _weight(getattr(value, "parameters", None))
