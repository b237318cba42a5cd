"""How the rows of a world are written in an archive, and read from one that may come from anybody.

A row is its number of values, and each value with its type and length: `n`, `i` and digits up to `;`, or `s`
or `b` with a length up to `:` and that many bytes. So a value may hold anything, a reader never searches for
its end, and one row has one spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .archive_pieces import PIECE
from .errors import BadArchive

_MOST_DIGITS = 20
_MOST_VALUE = 1 << 30  # SQLite keeps a value below it
_LIMIT = 1 << 63  # SQLite's numbers are below it

Row = tuple[Any, ...]


def written(row: Row) -> bytes:
    """The bytes of one row."""
    parts = [b"%d:" % len(row)]
    for value in row:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, int):
            parts.append(b"i%d;" % value)
        elif isinstance(value, str):
            text = value.encode()
            parts += (b"s%d:" % len(text), text)
        else:
            parts += (b"b%d:" % len(value), value)
    return b"".join(parts)


def in_parts(rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
    """Rows as parts of about a piece each, with the number of rows that end in it."""
    waiting, size, count = list[bytes](), 0, 0
    for row in rows:
        waiting.append(written(row))
        size += len(waiting[-1])
        count += 1
        if size >= PIECE:
            yield count, b"".join(waiting)
            waiting, size, count = [], 0, 0
    if waiting:
        yield count, b"".join(waiting)


class RowReader:
    """Reads the rows of one artifact out of its pieces. All that it raises is a `BadArchive`."""

    def __init__(self, pieces: Iterator[bytes], columns: int, what: str) -> None:
        self._pieces = pieces
        self._columns = b"%d" % columns
        self._what = what
        self._buffer = b""
        self._at = 0

    def rows(self) -> Iterator[Row]:
        """All rows, and then nothing may be left."""
        while self._more(1):
            if self._until(b":") != self._columns:
                raise self._wrong("a row has not the columns of its table")
            yield tuple(self._value() for _ in range(int(self._columns)))

    def _value(self) -> Any:
        kind = self._take(1)
        if kind == b"n":
            return None
        if kind == b"i":
            return self._number(b";")
        if kind in (b"s", b"b"):
            length = self._number(b":")
            if not 0 <= length < _MOST_VALUE:
                raise self._wrong("a value has a length that none can have")
            content = self._take(length)
            if kind == b"b":
                return content
            try:
                return content.decode()
            except UnicodeDecodeError:
                raise self._wrong("a text is not UTF-8") from None
        raise self._wrong("a value is of no known type")

    def _number(self, end: bytes) -> int:
        digits = self._until(end)
        plain = digits.removeprefix(b"-")
        if not plain.isdigit() or digits != b"%d" % int(digits) or not -_LIMIT <= int(digits) < _LIMIT:
            raise self._wrong("a number is misspelt or too large")
        return int(digits)

    def _until(self, end: bytes) -> bytes:
        self._more(_MOST_DIGITS + 1)
        found = self._buffer.find(end, self._at, self._at + _MOST_DIGITS + 1)
        if found < 0:
            raise self._wrong("a number has no end")
        digits, self._at = self._buffer[self._at : found], found + 1
        return digits

    def _take(self, length: int) -> bytes:
        if not self._more(length):
            raise self._wrong("it ends within a row")
        taken = self._buffer[self._at : self._at + length]
        self._at += length
        return taken

    def _more(self, length: int) -> bool:
        """Have that many bytes at hand; returns whether there are as many."""
        if len(self._buffer) - self._at >= length:
            return True
        parts, size = [self._buffer[self._at :]], len(self._buffer) - self._at
        while size < length and (piece := next(self._pieces, None)) is not None:
            parts.append(piece)
            size += len(piece)
        self._buffer, self._at = b"".join(parts), 0
        return size >= length

    def _wrong(self, words: str) -> BadArchive:
        return BadArchive("content", f"{self._what}: {words}: the archive was not made by this project")
