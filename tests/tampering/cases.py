"""Tamperings with a world file, generated from whatever tables and columns it has.

A case is one place of the file made wrong. Each column of each table gets values that no world writes there
and values that another row might have; each place inside a column of JSON too; rows go missing, come twice,
and have what another row has.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

ROWS = 3
"""How many rows of a table are tampered with."""

DEEP = "[" * 100_000
BOMB = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))

WORDS = ("", "x", "[]", "{}", "v99", "ko99999", "3.0", "\0", "é\u202e" * 9)
TEXTS: tuple[Any, ...] = (None, *WORDS, DEEP, "y" * 300_000)
NUMBERS: tuple[Any, ...] = (None, -1, 0, 1, 10**12, 2**63 - 1, -(2**63))
BLOBS: tuple[Any, ...] = (None, b"", b"x", BOMB)
JSON: tuple[Any, ...] = (None, -1, 1.5, True, "", "\ud800", "ko99999", "kp99999", [], {}, [[]])

NOT_UTF8 = "CAST(x'ff' AS TEXT)"


@dataclass(frozen=True)
class Case:
    """One tampering: what it is, and the statements that do it."""

    name: str
    statements: tuple[tuple[str, tuple[Any, ...]], ...]

    def apply(self, path: Path) -> bool:
        """Tamper; False where SQLite itself does not let it be."""
        db = sqlite3.connect(path)
        try:
            for sql, values in self.statements:
                db.execute(sql, values)
            db.commit()
            db.execute("PRAGMA journal_mode=DELETE")
            return True
        except sqlite3.IntegrityError:
            return False
        finally:
            db.close()


@dataclass(frozen=True)
class Column:
    """A column as SQLite tells of it."""

    name: str
    type: str
    key: bool


def tables(db: sqlite3.Connection) -> list[str]:
    """The tables of a file."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    return [name for (name,) in db.execute(query)]


def cases(db: sqlite3.Connection, table: str) -> Iterator[Case]:
    """All tamperings with one table."""
    columns = [Column(row[1], row[2], bool(row[5])) for row in db.execute(f"PRAGMA table_info({table})")]
    keys = [column.name for column in columns if column.key]
    count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    step = max(1, count // ROWS)
    rows = db.execute(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}").fetchall()
    chosen = rows[::step][:ROWS] + (rows[-1:] if count > 1 else [])
    names = [column.name for column in columns]
    for row in dict.fromkeys(chosen):
        known = dict(zip(names, row, strict=True))
        where = " AND ".join(f"{key} = ?" for key in keys)
        key = tuple(known[key] for key in keys)
        place = f"{table}[{','.join(str(part)[:20] for part in key)}]"
        yield Case(f"{place} missing", ((f"DELETE FROM {table} WHERE {where}", key),))
        for column in columns:
            sql = f"UPDATE {table} SET {column.name} = ? WHERE {where}"
            others = [other[names.index(column.name)] for other in rows]
            for words, value in values(column, known[column.name], others):
                yield Case(f"{place}.{column.name} {words}", ((sql, (value, *key)),))
            if column.type == "TEXT":
                sql = f"UPDATE {table} SET {column.name} = {NOT_UTF8} WHERE {where}"
                yield Case(f"{place}.{column.name} is not UTF-8", ((sql, key),))
        yield from extra(table, columns, known)
    yield from swapped(table, columns, rows)


def values(column: Column, now: Any, others: list[Any]) -> Iterator[tuple[str, Any]]:
    """Wrong values of one column."""
    wrong = {"TEXT": TEXTS, "INTEGER": NUMBERS, "BLOB": BLOBS}[column.type]
    found = list(wrong)
    if isinstance(now, int):
        found += [now + 1, now - 1]
    if isinstance(now, bytes) and now:
        found += [now[:-1], now[:-1] + bytes([now[-1] ^ 1]), now + b"x"]
    if isinstance(now, str):
        found += [now + "0", now[:-1], now.upper()]
    found += [other for other in others if other != now][:2]
    seen = []
    for value in found:
        if value != now and value not in seen:
            seen.append(value)
            yield f"= {_short(value)}", value
    if isinstance(now, str) and now[:1] in ("{", "["):
        yield from inside(now)
    if isinstance(now, bytes):
        yield from packed(now)


def packed(blob: bytes) -> Iterator[tuple[str, bytes]]:
    """Packed JSON lines with one left out, twice or elsewhere, and with each place of the last left out."""
    try:
        lines = zstandard.ZstdDecompressor().decompress(blob).split(b"\n")
        tree = json.loads(lines[-1])
    except (zstandard.ZstdError, ValueError):
        return
    found = {
        "without the first line": lines[1:],
        "without the last line": lines[:-1],
        "with the last line twice": [*lines, lines[-1]],
        "backwards": lines[::-1] if len(lines) > 1 else [],
        "with one more in the last line": [*lines[:-1], json.dumps({**tree, "more": 1}).encode()],
    }
    for path in _paths(tree):
        left = json.dumps(_without(tree, path), separators=(",", ":")).encode()
        found[f"with {path} of the last line left out"] = [*lines[:-1], left]
    for words, others in found.items():
        yield words, zstandard.ZstdCompressor().compress(b"\n".join(others))


def inside(text: str) -> Iterator[tuple[str, str]]:
    """The JSON text with each of its places made wrong, and with each left out."""
    try:
        tree = json.loads(text)
    except ValueError:
        return
    for path in _paths(tree):
        for value in JSON:
            yield f"{path} = {_short(value)}", json.dumps(_with(tree, path, value))
        yield f"{path} left out", json.dumps(_without(tree, path))
    yield "with one more", json.dumps({**tree, "more": 1} if isinstance(tree, dict) else [*tree, 1])


def extra(table: str, columns: list[Column], known: dict[str, Any]) -> Iterator[Case]:
    """A row too many: the same under another key."""
    for column in columns:
        if not column.key:
            continue
        value = known[column.name]
        for other in (value + 1000, -7) if isinstance(value, int) else (value + value[-1:],):
            more = {**known, column.name: other}
            sql = f"INSERT INTO {table} VALUES({', '.join('?' * len(more))})"
            name = f"{table} with a row more ({column.name} {_short(other)})"
            yield Case(name, ((sql, tuple(more.values())),))


def swapped(table: str, columns: list[Column], rows: list[tuple[Any, ...]]) -> Iterator[Case]:
    """Two rows that have each other's values."""
    keys = [at for at, column in enumerate(columns) if column.key]
    if len(rows) < 2 or len(keys) == len(columns):
        return
    first, last = rows[0], rows[-1]
    statements = []
    for mine, other in ((first, last), (last, first)):
        changed = [at for at in range(len(columns)) if at not in keys]
        where = " AND ".join(f"{columns[at].name} = ?" for at in keys)
        sets = ", ".join(f"{columns[at].name} = ?" for at in changed)
        given = (*(other[at] for at in changed), *(mine[at] for at in keys))
        statements.append((f"UPDATE {table} SET {sets} WHERE {where}", given))
    if [value for at, value in enumerate(first) if at not in keys] != [
        value for at, value in enumerate(last) if at not in keys
    ]:
        yield Case(f"{table} with first and last row swapped", tuple(statements))


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _with(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _with(tree[path[0]], path[1:], value)
    return copy


def _without(tree: Any, path: tuple[Any, ...]) -> Any:
    copy: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(tree[path[0]], path[1:])
    return copy


def _short(value: Any) -> str:
    return f"{str(value)[:20]!r}{'...' if len(str(value)) > 20 else ''}"
