"""From a path to a connection: making a world file, and looking at one before trusting it.

A new file is laid out in memory and moved to its name in one step, so there is never half a world
on disk. An existing file is looked at first by its header alone, then through a connection that
cannot write, and only a file that passes is opened for writing: what is not a world stays exactly
as it was, whatever it is.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib import metadata
from urllib.request import pathname2url

import apsw

from . import schema
from .codec import compress
from .errors import DamagedWorld, NewerFormat, NotAWorld, OlderFormat, WorldError, WorldLocked

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_CACHED_STATEMENTS = 400
_BUSY_MS = 5_000
_MOST_IN_MEMORY = 1 << 40  # as far as the machine goes, instead of SQLite's cautious 1 GiB


def software_version() -> str:
    """The release that is running, as it signs the files that it makes."""
    try:
        return metadata.version("swingset-nb")
    except metadata.PackageNotFoundError:
        return "unknown"


def in_memory(image: bytes | None = None) -> apsw.Connection:
    """A world that no file holds: an empty one, or the one that `image` is the bytes of."""
    db = apsw.Connection(":memory:", statementcachesize=_CACHED_STATEMENTS)
    if image is None:
        schema.create(db, software_version(), compress(b""))
    else:
        db.deserialize("main", _with_journal_mode(image, 1))
        most = ctypes.c_int64(_MOST_IN_MEMORY)
        db.file_control("main", apsw.SQLITE_FCNTL_SIZE_LIMIT, ctypes.addressof(most))
    _set_up(db)
    return db


def write_new(path: str, image: bytes) -> None:
    """Put a database's bytes at `path`, whole or not at all; an existing file there is replaced."""
    draft = path + "-new"
    with open(draft, "wb") as file:
        file.write(_with_journal_mode(image, 2))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    if sys.platform != "win32":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def make(path: str) -> None:
    """Write an empty world at a path where nothing is."""
    if os.path.exists(path + "-wal"):
        raise NotAWorld(
            f"{path} is missing, but {path}-wal beside it holds work of a world: put the file back, "
            f"or delete {path}-wal to begin anew"
        )
    db = in_memory()
    try:
        write_new(path, db.serialize("main"))
    finally:
        db.close()


def inspect(path: str) -> None:
    """Refuse anything that is not a sound world of this format, without touching it."""
    _check_header(path)
    try:
        db = _read_only(path)
    except apsw.Error as problem:
        raise NotAWorld(f"{path} cannot be read as a world: {problem}") from problem
    try:
        db.set_busy_timeout(_BUSY_MS)
        schema.harden(db)
        if db.pragma("user_version") != schema.FORMAT:
            raise _wrong_format(path, int(db.pragma("user_version")))
        # In another encoding keys would have another order.
        if schema.stored(db) != schema.expected() or db.pragma("encoding") != "UTF-8":
            raise NotAWorld(
                f"{path} has other tables than a world has: it was altered, or belongs to another program"
            )
        found = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise DamagedWorld(f"{path} is damaged ({'; '.join(found)}): go back to a copy of it")
        head = db.execute("SELECT value FROM meta WHERE key = 'head'").fetchone()
        if head is None or not db.execute("SELECT 1 FROM commits WHERE seq = ?", (head[0],)).fetchone():
            raise DamagedWorld(f"{path} does not say which commit it stands at: go back to a copy of it")
    except apsw.BusyError as problem:
        raise _busy(path) from problem
    except apsw.Error as problem:
        raise DamagedWorld(f"{path} is damaged ({problem}): go back to a copy of it") from problem
    finally:
        db.close()


def on_disk(path: str) -> apsw.Connection:
    """A connection that writes durably to a file that `inspect` let pass."""
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_CACHED_STATEMENTS)
    try:
        db.set_busy_timeout(_BUSY_MS)
        mode = db.pragma("journal_mode", "wal")
        if mode != "wal":
            raise WorldError(f"{path}: SQLite cannot keep its write-ahead log here (journal mode {mode})")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA fullfsync=ON")  # where a plain fsync does not reach the disk
        _set_up(db)
    except apsw.BusyError as problem:
        db.close()
        raise _busy(path) from problem
    except apsw.ReadOnlyError as problem:
        db.close()
        raise WorldError(f"{path} cannot be written: give yourself the right to write it") from problem
    except BaseException:
        db.close()
        raise
    return db


def _busy(path: str) -> WorldLocked:
    return WorldLocked(f"{path} is being used by another program: close it there")


def _set_up(db: apsw.Connection) -> None:
    schema.harden(db)
    db.execute("PRAGMA temp_store=MEMORY")


def _check_header(path: str) -> None:
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER)
    except OSError as problem:
        raise NotAWorld(f"{path} cannot be read: {problem.strerror}") from problem
    if not header:
        raise NotAWorld(f"{path} is empty: delete it to begin a world there")
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise NotAWorld(f"{path} is not a world: choose another path")
    if int.from_bytes(header[68:72], "big") != schema.APPLICATION_ID:
        raise NotAWorld(f"{path} is a database of another program: choose another path")
    made_in = int.from_bytes(header[60:64], "big")
    if made_in != schema.FORMAT:
        raise _wrong_format(path, made_in)


def _wrong_format(path: str, made_in: int) -> WorldError:
    maker = _maker(path)
    what = f"{path} was made by {maker} in format {made_in}; swingset-nb {software_version()}"
    if made_in > schema.FORMAT:
        return NewerFormat(f"{what} reads up to format {schema.FORMAT}: install {maker} or later")
    return OlderFormat(f"{what} reads format {schema.FORMAT} only: open it with {maker}")


def _maker(path: str) -> str:
    try:
        db = _read_only(path)
        try:
            schema.harden(db)
            row = db.execute("SELECT value FROM meta WHERE key = 'software'").fetchone()
        finally:
            db.close()
    except apsw.Error:
        row = None
    if row is None or not isinstance(row[0], str) or not row[0].isprintable() or len(row[0]) > 40:
        return "an unknown version of swingset-nb"
    return f"swingset-nb {row[0]}"


def _read_only(path: str) -> apsw.Connection:
    """A connection that sees the file as it is now and changes nothing, not even beside it if it can."""
    try:
        pending = os.path.getsize(path + "-wal") > 0
    except OSError:
        pending = False
    mode = "mode=ro" if pending else "immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{pathname2url(path)}?{mode}", flags=flags)


def _with_journal_mode(image: bytes, version: int) -> bytes:
    """The same database, marked for a write-ahead log (2) or not (1); memory has no such log."""
    return b"".join((image[:18], bytes((version, version)), memoryview(image)[20:]))
