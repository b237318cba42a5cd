"""A closed WASI: every function of the system interface is implemented, and none reaches the host's system.

A vat may not see a clock, a random source, a file, a socket or a process of the machine it runs on, both
because nobody gave it those and because its next run must come out the same. So the system interface that
the guest's libc expects is implemented here in full, without any resource of the host: the clock stands
still, random bytes are derived from the delivery, what is printed is collected, and the only files are the
standard library's archive and the data of packages, read-only, from bytes that all vats share, with made-up,
constant attributes.

Linear memory must be the whole state of a vat, so open files are closed when a delivery ends (`at_rest`): a
vat that kept one gets an error from it in the next delivery, whether or not it was saved and restored in
between.

Nothing the guest passes is trusted: addresses are checked against its memory, counts are bounded.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from swingset.model.states import ConsoleStream
from swingset.workers.wasm.data_files import Bytes, DataFiles
from swingset.workers.wasm.native import Guest, OutOfBounds

LIBRARY_FOLDER = b"/usr/local/lib"
LIBRARY_NAME = b"python315.zip"

SUCCESS, BADF, FAULT, INVAL, ISDIR, NOENT = 0, 8, 21, 28, 31, 44
NOSYS, NOTDIR, ROFS, SPIPE = 52, 54, 69, 70

Library = Bytes
"""The archive's bytes."""

_CHARACTER_DEVICE, _DIRECTORY, _REGULAR_FILE = 2, 3, 4
_ALL_RIGHTS = 0x1FFFFFFF
_MAX_VECTORS = 1024
_MAX_FILES = 64
_MAX_RANDOM = 1 << 20
_PREOPENED = 3


class GuestExit(Exception):
    """The guest asked to end its process."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the vat's interpreter exited with code {code}")
        self.code = code


@dataclass
class _File:
    """An open file or folder: where it is in which archive, or its path and the names in it."""

    kind: int
    content: Library = b""
    start: int = 0
    size: int = 0
    path: tuple[bytes, ...] = ()
    names: tuple[tuple[bytes, int], ...] = ()
    position: int = 0

    @property
    def is_folder(self) -> bool:
        return self.kind == _DIRECTORY


class Console:
    """What a vat printed in one delivery, up to a cap; the guest cannot see that it was cut."""

    def __init__(self, cap: int) -> None:
        self._left = cap
        self._cut = False
        self._chunks: list[tuple[ConsoleStream, bytearray]] = []
        self._told = 0, 0  # whole chunks, and bytes of the one after them

    @property
    def room(self) -> int:
        """How many bytes are worth reading: one more than fit."""
        return self._left + 1

    def write(self, stream: ConsoleStream, data: bytes) -> None:
        """Keep as much of the text as fits."""
        if len(data) > self._left:
            self._cut = True
            data = data[: self._left]
        self._left -= len(data)
        if not data:
            return
        if not self._chunks or self._chunks[-1][0] != stream:
            self._chunks.append((stream, bytearray()))
        self._chunks[-1][1].extend(data)

    def news(self) -> tuple[tuple[ConsoleStream, str], ...]:
        """What was printed since this was last called."""
        chunk, at = self._told
        found = []
        for stream, data in self._chunks[chunk:]:
            if data[at:]:
                found.append((stream, bytes(data[at:]).decode("utf-8", "replace")))
            at = 0
        if self._chunks:
            self._told = len(self._chunks) - 1, len(self._chunks[-1][1])
        return tuple(found)

    def text(self) -> tuple[tuple[ConsoleStream, str], ...]:
        """What was printed, as (stream, text) in order."""
        shown = [(stream, bytes(data).decode("utf-8", "replace")) for stream, data in self._chunks]
        if self._cut:
            shown.append(("stderr", "\n[the rest of this delivery's output was cut]\n"))
        return tuple(shown)


class Wasi:
    """The system interface of one vat. Its guest is set once the instance exists."""

    guest: Guest

    def __init__(self, library: Library, data: DataFiles | None = None) -> None:
        self.library = library
        self._data = data
        self._files: dict[int, _File] = {}
        self.begin(bytes, Console(1 << 20))
        self.at_rest()

    def begin(self, seed: Callable[[], bytes], console: Console) -> None:
        """Begin a delivery: `seed` is called when random bytes are wanted; `console` collects the output."""
        self._make_seed, self._seed, self._drawn = seed, b"", 0
        self.console = console

    def at_rest(self) -> None:
        """Close what the vat left open."""
        self._files = {_PREOPENED: self._folder()}

    # What the guest's libc calls when it starts.

    def args_get(self, _argv: int, _buffer: int) -> int:
        """No arguments."""
        return SUCCESS

    def args_sizes_get(self, count: int, size: int) -> int:
        """No arguments."""
        return self._put(count, "<I", 0) or self._put(size, "<I", 0)

    environ_get = args_get
    environ_sizes_get = args_sizes_get

    # Time and random bytes.

    def clock_res_get(self, _clock: int, at: int) -> int:
        """A nanosecond."""
        return self._put(at, "<Q", 1)

    def clock_time_get(self, _clock: int, _precision: int, at: int) -> int:
        """The clock stands still at the epoch."""
        return self._put(at, "<Q", 0)

    def random_get(self, at: int, length: int) -> int:
        """Bytes derived from the delivery: new in each, the same when it is replayed, never a secret."""
        if length > _MAX_RANDOM:
            return INVAL
        self._seed = self._seed or hashlib.sha256(self._make_seed()).digest()
        self._drawn += 1
        return self._put_bytes(
            at, hashlib.shake_256(self._seed + struct.pack("<Q", self._drawn)).digest(length)
        )

    def sched_yield(self) -> int:
        """Nobody to yield to."""
        return SUCCESS

    def proc_exit(self, code: int) -> None:
        """Ends the delivery, not the host."""
        raise GuestExit(code)

    # Open files.

    def fd_write(self, fd: int, vectors: int, count: int, written: int) -> int:
        """Standard output and error are collected; nothing else can be written."""
        if fd not in (1, 2):
            return BADF
        if count > _MAX_VECTORS:
            return INVAL
        try:
            total = 0
            stream: ConsoleStream = "stdout" if fd == 1 else "stderr"
            for at, length in struct.iter_unpack("<II", self.guest.read(vectors, 8 * count)):
                self.console.write(stream, self.guest.read(at, min(length, self.console.room)))
                total += length
        except OutOfBounds:
            return FAULT
        return self._put(written, "<I", total & 0xFFFFFFFF)

    def fd_read(self, fd: int, vectors: int, count: int, read: int) -> int:
        """Standard input is at its end."""
        if fd == 0:
            return self._put(read, "<I", 0)
        file = self._files.get(fd)
        if file is None:
            return BADF
        if file.is_folder:
            return ISDIR
        error, total = self._scatter(file, file.position, vectors, count)
        file.position += total
        return error or self._put(read, "<I", total)

    def fd_pread(self, fd: int, vectors: int, count: int, offset: int, read: int) -> int:
        """Read without moving."""
        file = self._files.get(fd)
        if file is None:
            return BADF
        if file.is_folder:
            return ISDIR
        error, total = self._scatter(file, offset, vectors, count)
        return error or self._put(read, "<I", total)

    def fd_seek(self, fd: int, offset: int, whence: int, result: int) -> int:
        """Move within a file."""
        file = self._files.get(fd)
        if file is None:
            return SPIPE if fd < _PREOPENED else BADF
        if file.is_folder or whence > 2:
            return INVAL
        signed = offset - (1 << 64) if offset >> 63 else offset
        position = (0, file.position, file.size)[whence] + signed
        if not 0 <= position < 1 << 40:
            return INVAL
        file.position = position
        return self._put(result, "<Q", position)

    def fd_tell(self, fd: int, result: int) -> int:
        """Where in a file."""
        file = self._files.get(fd)
        return BADF if file is None else self._put(result, "<Q", file.position)

    def fd_close(self, fd: int) -> int:
        """Close a file; the standard streams stay."""
        if fd < _PREOPENED:
            return SUCCESS
        return BADF if self._files.pop(fd, None) is None else SUCCESS

    def fd_fdstat_get(self, fd: int, at: int) -> int:
        """The file type of a descriptor."""
        kind = self._kind(fd)
        return BADF if kind is None else self._put(at, "<BxHxxxxQQ", kind, 0, _ALL_RIGHTS, _ALL_RIGHTS)

    def fd_fdstat_set_flags(self, fd: int, _flags: int) -> int:
        """Accepted, without effect."""
        return BADF if self._kind(fd) is None else SUCCESS

    def fd_filestat_get(self, fd: int, at: int) -> int:
        """Attributes of an open file."""
        if fd < _PREOPENED:
            return self._put_stat(at, _File(_CHARACTER_DEVICE))
        file = self._files.get(fd)
        return BADF if file is None else self._put_stat(at, file)

    def fd_prestat_get(self, fd: int, at: int) -> int:
        """One folder is open from the start: the library's."""
        return self._put(at, "<II", 0, len(LIBRARY_FOLDER)) if fd == _PREOPENED else BADF

    def fd_prestat_dir_name(self, fd: int, at: int, length: int) -> int:
        """That folder's name."""
        if fd != _PREOPENED:
            return BADF
        return self._put_bytes(at, LIBRARY_FOLDER[:length])

    def fd_readdir(self, fd: int, at: int, length: int, cookie: int, used: int) -> int:
        """The names in a folder, in order, from the one that the cookie counts on."""
        file = self._files.get(fd)
        if file is None:
            return BADF
        if not file.is_folder:
            return NOTDIR
        entries = b""
        for number, (name, kind) in enumerate(file.names[cookie:], cookie + 1):
            entries += struct.pack("<QQIBxxx", number, 0, len(name), kind) + name
            if len(entries) >= length:
                break
        entries = entries[:length]
        return self._put_bytes(at, entries) or self._put(used, "<I", len(entries))

    # Paths.

    def path_open(
        self, fd: int, _flags: int, path: int, length: int, how: int, rights: int, _inherit: int,
        _fdflags: int, opened: int,
    ) -> int:  # fmt: skip
        """The folder, the archive and the data files open for reading; nothing else exists."""
        file = self._look_up(fd, path, length)
        if isinstance(file, int):
            return ROFS if file == NOENT and how & 1 else file
        if how & 8 or (rights & 0x40 and not file.is_folder):  # truncate, or the right to write
            return ROFS
        if how & 2 and not file.is_folder:
            return NOTDIR
        if how & 5 == 5:  # create, exclusively
            return ROFS
        if len(self._files) >= _MAX_FILES:
            return 33  # too many open files
        number = _PREOPENED + 1
        while number in self._files:
            number += 1
        self._files[number] = file
        return self._put(opened, "<I", number)

    def path_filestat_get(self, fd: int, _flags: int, path: int, length: int, at: int) -> int:
        """Attributes by name."""
        file = self._look_up(fd, path, length)
        return file if isinstance(file, int) else self._put_stat(at, file)

    def path_readlink(self, fd: int, path: int, length: int, _at: int, _room: int, _used: int) -> int:
        """There are no links."""
        file = self._look_up(fd, path, length)
        return file if isinstance(file, int) else INVAL

    # Helpers.

    def _look_up(self, fd: int, path: int, length: int) -> _File | int:
        """The file of a path, freshly opened, or an error."""
        file = self._files.get(fd)
        if file is None or not file.is_folder:
            return BADF
        if length > 4096:
            return NOENT
        try:
            name = self.guest.read(path, length)
        except OutOfBounds:
            return NOENT
        parts = [*file.path, *(part for part in name.split(b"/") if part not in (b"", b"."))]
        if name.startswith(b"/"):
            return NOENT
        if not parts:
            return self._folder()
        if parts == [LIBRARY_NAME]:
            return _File(_REGULAR_FILE, self.library, 0, len(self.library))
        return self._data_file(tuple(parts))

    def _folder(self) -> _File:
        return _File(_DIRECTORY, names=((LIBRARY_NAME, _REGULAR_FILE),))

    def _data_file(self, parts: tuple[bytes, ...]) -> _File | int:
        data, path = self._data, b"/".join(parts)
        if data is None:
            return NOENT
        extent, names = data.files.get(path), data.folders.get(path)
        if extent is not None:
            return _File(_REGULAR_FILE, data.content, extent.start, extent.size)
        if names is None:
            return NOENT
        kinds = (
            (name, _DIRECTORY if path + b"/" + name in data.folders else _REGULAR_FILE) for name in names
        )
        return _File(_DIRECTORY, path=parts, names=tuple(kinds))

    def _kind(self, fd: int) -> int | None:
        if fd < _PREOPENED:
            return _CHARACTER_DEVICE
        file = self._files.get(fd)
        return None if file is None else file.kind

    def _put_stat(self, at: int, file: _File) -> int:
        return self._put(at, "<QQB7xQQQQQ", 1, file.kind, file.kind, 1, file.size, 0, 0, 0)

    def _scatter(self, file: _File, position: int, vectors: int, count: int) -> tuple[int, int]:
        if count > _MAX_VECTORS:
            return INVAL, 0
        total = 0
        try:
            for at, length in struct.iter_unpack("<II", self.guest.read(vectors, 8 * count)):
                at_most = max(0, min(length, file.size - position - total))
                begin = file.start + position + total
                chunk = file.content[begin : begin + at_most]
                self.guest.write(at, chunk)
                total += len(chunk)
        except OutOfBounds:
            return FAULT, 0
        return SUCCESS, total

    def _put(self, at: int, layout: str, *values: int) -> int:
        return self._put_bytes(at, struct.pack(layout, *values))

    def _put_bytes(self, at: int, data: bytes) -> int:
        try:
            self.guest.write(at, data)
        except OutOfBounds:
            return FAULT
        return SUCCESS


def answer_for(name: str) -> Callable[..., int | None]:
    """The function that answers one import of the system interface."""
    method = getattr(Wasi, name, None)
    if method is not None:
        return method  # type: ignore[no-any-return]
    if name.startswith("path_"):
        return _read_only
    return _not_here


def _read_only(_wasi: Wasi, *_arguments: int) -> int:
    return ROFS


def _not_here(_wasi: Wasi, *_arguments: int) -> int:
    return NOSYS
