"""Makes world files, and checks existing ones before it opens them.

A new file is complete before it gets its name (`paths.new_file`). Of an existing one the header is checked
first, then the rest through a connection that cannot write, and only a file that passes is opened for
writing. So a file that is not a world stays exactly as it was. Links, pipes and other files beside it are
neither followed nor overwritten, and never block.

The time for this does not depend on the size of the file: it reads the header, the schema and the beginning
of each table. Pages are read when they are used, and `verify` reads all.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from importlib import metadata
from urllib.request import pathname2url

import apsw

from . import paths, schema
from .codec import compress
from .descriptors import read_start, refuse_odd_beside, same_file
from .edge import told_in_words
from .errors import (
    CannotWrite,
    DamagedWorld,
    LogMissing,
    NewerFormat,
    NotAWorld,
    OddFile,
    OlderFormat,
    WorldError,
    WorldLocked,
)
from .paths import HEADER, new_file
from .rows import RULES, SMALL, Reader
from .whole import is_marked, unmarked

_MAGIC = b"SQLite format 3\0"
_CACHED_STATEMENTS = 400
_BUSY_MS = 5_000
_MOST_IN_MEMORY = 1 << 40  # the machine's memory is the limit, instead of SQLite's 1 GiB


def software_version() -> str:
    """The version of this release, which is stored in the files that it makes."""
    try:
        return metadata.version("swingset-nb")
    except metadata.PackageNotFoundError:
        return "unknown"


def in_memory(image: bytes | None = None) -> apsw.Connection:
    """Open a world in memory: an empty one, or the one whose bytes are `image`."""
    db = apsw.Connection(":memory:", statementcachesize=_CACHED_STATEMENTS)
    if image is None:
        # A copy of one that was made before takes a fraction of the time of its statements.
        empty = apsw.Connection(":memory:")
        empty.deserialize("main", _empty())
        with db.backup("main", empty, "main") as copy:
            copy.step()
        empty.close()
    else:
        db.deserialize("main", unmarked(image, 1))
        most = ctypes.c_int64(_MOST_IN_MEMORY)
        db.file_control("main", apsw.SQLITE_FCNTL_SIZE_LIMIT, ctypes.addressof(most))
    _set_up(db)
    return db


@cache
def _empty() -> bytes:
    """The bytes of an empty world."""
    db = apsw.Connection(":memory:")
    schema.create(db, software_version(), compress(b""))
    image = db.serialize("main")
    db.close()
    return image


def write_new(path: str, image: bytes) -> None:
    """Write a database's bytes to a new file, as a whole or not at all."""
    with new_file(path, "a world", _is_draft) as (_, fd), open(fd, "wb", closefd=False) as file:
        file.write(unmarked(image, 2))


def fill_new(path: str, fill: Callable[[apsw.Connection], None], check: Callable[[str], None]) -> None:
    """Make a new world file on disk, as a whole or not at all, without holding it in memory.

    `fill` gets a connection to an empty database. `check` gets the path of the draft when it is complete, and
    raises if it must not become the file.
    """
    with new_file(path, "a world", _is_draft) as (draft, fd):
        db = apsw.Connection(draft, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.execute("PRAGMA journal_mode=OFF")  # nothing is rolled back: a draft that fails is deleted
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA temp_store=MEMORY")
            schema.harden(db)
            fill(db)
        finally:
            db.close()
        check(draft)
        if not same_file(fd, draft):
            raise OddFile(f"{draft} was replaced while it was made: keep other programs away from it")
        os.pwrite(fd, bytes((2, 2)), 18)  # it is opened with a log


def _is_draft(header: bytes) -> bool:
    return header.startswith(_MAGIC) and _application(header) == schema.APPLICATION_ID


def make(path: str) -> None:
    """Write an empty world to a new file."""
    if os.path.lexists(path + "-wal"):
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
    """Raise for anything that is not a valid world of this format, without changing it."""
    look(path, live=False).close()


def look(path: str, *, live: bool = True) -> apsw.Connection:
    """Open a read-only connection; raises if the beginning of the file is not that of a valid world."""
    refuse_odd_beside(path)
    check_header(path)
    try:
        db = read_only(path, live=live)
    except apsw.BusyError as problem:
        raise _busy(path) from problem
    except apsw.Error as problem:
        raise NotAWorld(f"{path} cannot be read as a world: {problem}") from problem
    try:
        _check(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: apsw.Connection, path: str) -> None:
    try:
        schema.harden(db)
        if db.pragma("user_version") != schema.FORMAT:
            raise _wrong_format(path, int(db.pragma("user_version")))
        # In another encoding keys would have another order.
        if schema.stored(db) != schema.expected() or db.pragma("encoding") != "UTF-8":
            raise NotAWorld(
                f"{path} has other tables than a world has: it was altered, or belongs to another program"
            )
        for _kind, _name, table, statement in schema.stored(db):
            if statement is not None and str(statement).startswith("CREATE TABLE"):
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
        head = db.execute("SELECT value FROM meta WHERE key = 'head'").fetchone()
        if head is None or not db.execute("SELECT 1 FROM commits WHERE seq = ?", (head[0],)).fetchone():
            raise DamagedWorld(f"{path} does not say which commit it stands at: go back to a copy of it")
        _check_small_tables(db, path)
    except apsw.BusyError as problem:
        raise _busy(path) from problem
    except (apsw.Error, UnicodeDecodeError) as problem:
        raise DamagedWorld(f"{path} is damaged ({problem}): go back to a copy of it") from problem


def _check_small_tables(db: apsw.Connection, path: str) -> None:
    """Raise `DamagedRow` for an invalid row in one of the tables that stay small."""
    for table in SMALL:
        reader = Reader(table, ", ".join(RULES[table]))
        for row in db.execute(f"SELECT {', '.join(reader.columns)} FROM {table}"):
            reader.check(path, row)


def on_disk(path: str) -> apsw.Connection:
    """Open a connection that writes durably, to a file that `inspect` has accepted."""
    with told_in_words(path):
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_CACHED_STATEMENTS)
    try:
        db.set_busy_timeout(_BUSY_MS)
        mode = db.pragma("journal_mode", "wal")
        if mode != "wal":
            raise WorldError(f"{path}: SQLite cannot keep its write-ahead log here (journal mode {mode})")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA fullfsync=ON")  # for systems on which a plain fsync does not reach the disk
        _set_up(db)
        db.execute("SELECT 1 FROM meta").fetchall()  # which opens the log
        paths.sync_folder(path)  # and a log that is needed is not lost with its name
    except apsw.BusyError as problem:
        db.close()
        raise _busy(path) from problem
    except apsw.ReadOnlyError as problem:
        db.close()
        raise CannotWrite(f"{path} cannot be written: give yourself the right to write it") from problem
    except BaseException:
        db.close()
        raise
    return db


def _busy(path: str) -> WorldLocked:
    return WorldLocked(f"{path} is being used by another program: close it there")


def _set_up(db: apsw.Connection) -> None:
    schema.harden(db)
    db.execute("PRAGMA temp_store=MEMORY")


def check_header(path: str, wanted: int = schema.FORMAT) -> bytes:
    """Read and check the first bytes of a file of that format; raises `NotAWorld` and its subclasses."""
    try:
        header = read_start(path, HEADER)
    except OddFile as problem:
        raise NotAWorld(f"{path} cannot be read: {problem}") from None
    except OSError as problem:
        raise NotAWorld(f"{path} cannot be read: {problem.strerror}") from problem
    if not header:
        raise NotAWorld(f"{path} is empty: delete it to begin a world there")
    if len(header) < HEADER or not header.startswith(_MAGIC):
        raise NotAWorld(f"{path} is not a world: choose another path")
    if _application(header) != schema.APPLICATION_ID:
        raise NotAWorld(f"{path} is a database of another program: choose another path")
    made_in = int.from_bytes(header[60:64], "big")
    if made_in != wanted:
        raise _wrong_format(path, made_in)
    if int.from_bytes(header[16:18], "big") != schema.PAGE_SIZE:
        raise NotAWorld(f"{path} has pages of another size than a world has: it was altered")
    if is_marked(header) and not os.path.lexists(path + "-wal"):
        raise LogMissing(
            f"{path} is not whole: a part of the world was in {path}-wal when this file was copied or moved."
            " Put that file beside it under this name, or use `%swingset export` where the world is open. An"
            f" empty {path}-wal says that it is lost, and that what the file has alone will do"
        )
    return header


def is_pending(path: str) -> bool:
    """Whether the log holds commits."""
    try:
        return os.path.getsize(path + "-wal") > 0
    except OSError:
        return False


def read_only(path: str, *, live: bool = False) -> apsw.Connection:
    """Open a connection that sees the file as it is now and changes nothing, if possible not even beside it.

    `live` says that another process may have the world open and write it meanwhile.
    """
    if not live:
        return _connect(path, "mode=ro" if is_pending(path) else "immutable=1")
    if any(os.path.lexists(path + end) for end in ("-wal", "-shm")):
        db = _connect(path, "mode=ro")
        try:
            db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            return db
        except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError):
            db.close()
            if is_pending(path):
                raise
    return _connect(path, "immutable=1")


def _connect(path: str, mode: str) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(f"file:{pathname2url(path)}?{mode}", flags=flags)
    db.set_busy_timeout(_BUSY_MS)
    return db


def _application(header: bytes) -> int:
    return int.from_bytes(header[68:72], "big")


def _wrong_format(path: str, made_in: int) -> WorldError:
    maker = _maker(path)
    what = f"{path} was made by {maker} in format {made_in}; swingset-nb {software_version()}"
    if made_in > schema.FORMAT:
        return NewerFormat(f"{what} reads up to format {schema.FORMAT}: install {maker} or later")
    if made_in == schema.FORMAT:
        return NotAWorld(f"{path} is of format {made_in} already: open it as it is")
    if made_in == schema.FORMAT - 1:
        fix = f"`swingset migrate {path} NEW` makes a copy of it that it can read"
    else:
        fix = f"open it with {maker}"
    return OlderFormat(f"{what} reads format {schema.FORMAT} only: {fix}")


def _maker(path: str) -> str:
    try:
        refuse_odd_beside(path)
        db = read_only(path)
        try:
            schema.harden(db)
            row = db.execute("SELECT value FROM meta WHERE key = 'software'").fetchone()
        finally:
            db.close()
    except (apsw.Error, WorldError, UnicodeDecodeError):
        row = None
    if row is None or not isinstance(row[0], str) or not row[0].isprintable() or len(row[0]) > 40:
        return "an unknown version of swingset-nb"
    return f"swingset-nb {row[0]}"
