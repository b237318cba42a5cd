"""Questions in SQL about a world and its history, which can read and nothing else.

A question is answered in a database of its own, in memory: it gets a copy of the tables that the question
names, with the exact schema of the world, and of the history (`swingset.lens.exports.history_tables`). So no
question reaches the world's file. An authorizer lets through SELECT, those tables and the functions listed
here; it refuses PRAGMA, ATTACH, every write and every function that could reach outside. A question runs for
a limited time, and its answer has a limited number of rows.

Rows pass the rules of their tables on the way. The texts in an answer are strangers' texts, as they are.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import apsw
import apsw.ext

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.exports.history_tables import COLUMNS, rows_of
from swingset.model.foreign import said
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.world.rows import RULES, Reader
from swingset.world.schema import SCHEMA, STATE_NAMES

MOST_BYTES = 1 << 30
"""How many bytes of tables are copied for one question at most."""

MOST_ANSWER = 1 << 26
"""How many bytes an answer has at most."""

_LONGEST = 1 << 24  # bytes of one value
_LONGEST_PATTERN = 1_000  # characters
_STEPS = 20_000  # instructions of SQLite between two looks at the clock
_PIECE = 2_000
_MOST_TOLD = 4  # tables whose columns are listed below a wrong one

_NAMES = """
abs char coalesce concat concat_ws format glob hex ifnull iif instr length like likelihood likely lower
ltrim max min nullif octet_length printf quote replace round rtrim sign substr substring trim typeof
unhex unicode unlikely upper
avg count group_concat median percentile string_agg sum total
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
json json_array json_array_length json_error_position json_extract json_group_array json_group_object
json_object json_patch json_quote json_remove json_replace json_set json_type json_valid -> ->>
acos asin atan atan2 ceil ceiling cos degrees exp floor ln log log10 log2 mod pi pow power radians sin
sqrt tan trunc
"""

FUNCTIONS = frozenset(_NAMES.split())
"""The functions that a question may call: they work on their arguments alone."""

TABLES = frozenset((*STATE_NAMES, *COLUMNS))
"""The tables that can be asked about: those of the state, and those of the history."""

_LISTS = frozenset(("json_each", "json_tree"))
"""The table-valued functions that may be read; all others are refused."""


class BadQuery(KernelError):
    """A question is no SELECT, asks for what it may not have, or takes too long; the message says which."""


@dataclass(frozen=True, repr=False)
class Answer(InLines):
    """The answer to a question: the names of its columns, and its rows; `more` says that there are others."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool

    def _lines(self) -> list[str]:
        grid = [list(map(_cell, row)) for row in (self.columns, *self.rows)]
        widths = [max(len(row[at]) for row in grid) for at in range(len(self.columns))]
        found = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in grid]
        return [*found, "and more"] if self.more else found


def _cell(value: Any) -> str:
    return one_line("-" if value is None else str(value), 80)


def query(store: KernelStore, sql: str, most: int, seconds: float) -> Answer:
    """The answer to one SELECT, with at most `most` rows.

    Raises `BadQuery`, and `WorldError` for a damaged row.
    """
    with closing(_empty()) as db:
        try:
            for table in sorted(_tables_of(db, sql)):
                _fill(db, store, table)
            return _ask(db, sql, most, seconds)
        except apsw.InterruptError:
            raise BadQuery(f"the question took more than {seconds:g} seconds: ask for less") from None
        except apsw.AuthError as problem:
            raise BadQuery(
                f"{_words(problem)}: only SELECT over the tables of the world is allowed"
            ) from None
        except MemoryError:
            raise BadQuery("the question takes more memory than there is: ask for less") from None
        except (apsw.Error, ValueError) as problem:
            raise BadQuery(f"no answer: {_words(problem)}") from None


def _words(problem: Exception) -> str:
    return one_line(said(problem), 300)


def _empty() -> apsw.Connection:
    """A database with the tables and without rows."""
    db = apsw.Connection(":memory:")
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.enable_load_extension(False)
    db.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST)
    db.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    db.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _LONGEST_PATTERN)
    # SQLite's own take a time that grows with the product of both lengths, and look at no clock.
    db.create_scalar_function("instr", _instr, 2, deterministic=True)
    db.create_scalar_function("replace", _replace, 3, deterministic=True)
    for statement in SCHEMA:
        name = statement.partition("(")[0].split()[2]
        if statement.startswith("CREATE TABLE") and name in STATE_NAMES:
            db.execute(statement)
    for table, columns in COLUMNS.items():
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        db.execute(f"CREATE TABLE {table}({listed}) STRICT")
    return db


def _tables_of(db: apsw.Connection, sql: str) -> set[str]:
    """The tables that a question names. Raises `BadQuery` unless it is one SELECT."""
    found: set[str] = set()
    refused: list[str] = []
    virtual = {str(name) for (name,) in db.execute("PRAGMA module_list")} - _LISTS

    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in (apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE):
            return apsw.SQLITE_OK
        name = (first or "").lower()
        if action == apsw.SQLITE_READ and name not in virtual and not name.startswith("pragma_"):
            found.add(name)  # a table, or a name that the question itself has given to a SELECT
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION and (second or "").lower() in FUNCTIONS:
            return apsw.SQLITE_OK
        changes = action != apsw.SQLITE_READ and name.startswith("sqlite_")  # such as a table that goes away
        refused.append(
            "" if changes else first or second or "" if action != apsw.SQLITE_FUNCTION else f"{second}()"
        )
        return apsw.SQLITE_DENY

    db.authorizer = authorize
    try:
        details = apsw.ext.query_info(db, sql)
    except apsw.AuthError:
        what = repr(one_line(refused[0], 60)) if refused and refused[0] else "a change"
        raise BadQuery(f"only SELECT is allowed: the question asks for {what}") from None
    except apsw.SQLError as problem:
        raise BadQuery(f"no answer: {_words(problem)}{_there_is(said(problem), sql)}") from None
    if details.query_remaining is not None and details.query_remaining.strip(" \t\r\n;"):
        raise BadQuery("ask one question at a time: only one SELECT is allowed")
    if details.is_explain or not details.is_readonly or not details.description:
        raise BadQuery("only SELECT is allowed, such as SELECT name, state FROM vats")
    return found & TABLES


def _there_is(words: str, sql: str) -> str:
    """What there is instead of a column or a table that is not there, as the end of a sentence."""
    if words.startswith("no such table"):
        return f"; there are {', '.join(sorted(TABLES))}"
    if not words.startswith("no such column"):
        return ""
    named = {word.lower() for word in re.findall(r"\w+", sql)} & TABLES
    columns = {table: list(COLUMNS.get(table, RULES.get(table, ()))) for table in sorted(named)}
    told = [f"; {table} has {', '.join(names)}" for table, names in columns.items()]
    return "".join(told[:_MOST_TOLD]) or f"; the tables are {', '.join(sorted(TABLES))}"


def _fill(db: apsw.Connection, store: KernelStore, table: str) -> None:
    """Copy the rows of a table."""
    authorizer, db.authorizer = db.authorizer, None
    columns, rows = whole_table(store, table)
    insert = f"INSERT INTO {table} VALUES({', '.join('?' * len(columns))})"
    with db:
        while piece := list(islice(rows, _PIECE)):
            db.executemany(insert, piece)
            if db.pragma("page_count") * db.pragma("page_size") > MOST_BYTES:
                raise BadQuery(f"table {table} is too large to be copied: at most {MOST_BYTES:,} bytes are")
    db.authorizer = authorizer


def whole_table(store: KernelStore, table: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The columns and the rows of one of `TABLES`; a row that breaks the rules raises `DamagedRow`."""
    if table in COLUMNS:
        return list(COLUMNS[table]), rows_of(store, table)
    return list(RULES[table]), _state(store, table)


def _state(store: KernelStore, table: str) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(RULES[table])
    reader = Reader(table, columns)
    for row in store.world.rows(f"SELECT {columns} from {table}"):
        reader.check(store.world.name, row)
        yield row


def _ask(db: apsw.Connection, sql: str, most: int, seconds: float) -> Answer:
    end = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    cursor = db.cursor()
    try:
        cursor.execute(sql)
        columns = tuple(str(column[0]) for column in cursor.description)
        rows = list(_bounded(islice(cursor, most + 1)))
    except apsw.ExecutionCompleteError:
        return _without_rows(db, sql)
    finally:
        db.set_progress_handler(None)
    return Answer(columns, tuple(map(tuple, rows[:most])), len(rows) > most)


def _bounded(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows of an answer. Raises `BadQuery` if they are too large together."""
    left = MOST_ANSWER
    for row in rows:
        left -= sum(len(value) for value in row if isinstance(value, str | bytes))
        if left < 0:
            raise BadQuery(f"the answer has more than {MOST_ANSWER:,} characters: ask for less")
        yield row


def _instr(*given: Any) -> int | None:
    """SQLite's `instr`, in a time that grows with the text alone."""
    text, part = given
    if text is None or part is None:
        return None
    if isinstance(text, bytes) and isinstance(part, bytes):
        return text.find(part) + 1
    return _text(text).find(_text(part)) + 1


def _replace(*given: Any) -> str | None:
    """SQLite's `replace`, in a time that grows with the text alone."""
    text, old, new = given
    if text is None or old is None or new is None:
        return None
    whole, before, after = _text(text), _text(old), _text(new)
    if not before:
        return whole
    if len(whole) + whole.count(before) * (len(after) - len(before)) > _LONGEST:
        raise ValueError("string or blob too big")
    return whole.replace(before, after)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _without_rows(db: apsw.Connection, sql: str) -> Answer:
    """An answer without rows, whose columns SQLite tells only before it begins."""
    details = apsw.ext.query_info(db, sql)
    return Answer(tuple(str(column[0]) for column in details.description), (), more=False)
