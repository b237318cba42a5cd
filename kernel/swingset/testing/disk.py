"""A disk that can be watched, stopped, filled and unplugged: what crash tests put below SQLite.

While a `Disk` is in use, SQLite opens the files of one world through it, and `os.pwrite` and `os.fsync` tell
it too. Each write, truncation, sync and deletion is a step of which the disk tells before it happens. The
operations then go to the real files, so that everything else that reads them sees what it always sees.

The disk also keeps what is durable: the content of each file as of its last sync, and the names in its folder
as of the folder's. So it can say what a power failure may leave: that content, and any of the later writes,
in any order, the last of them torn between two sectors. A killed process loses nothing of what it has
written, which is the difference between the two.

What it cannot show is a disk that says that it has synced and has not, or that tears a sector. A deletion
counts as durable at once.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import apsw

Loss = Literal["nothing", "torn", "some"]
"""What of the writes since the last sync has reached the disk: none, all but half of the last, or some."""

LOSSES: tuple[Loss, ...] = ("nothing", "torn", "some")

ENDS = ("", "-wal")
"""What the names of the files end with that a world consists of."""

_SECTOR = 512
_NAME = "swingset-crashing"


class Write(NamedTuple):
    """A write that no sync has followed; of a truncation, `data` is None and `offset` the new size."""

    offset: int
    data: bytes | None


Images = dict[str, bytes]
"""The content of the files of a world, by the end of the name; a file that is not there is missing."""


class Disk:
    """The files of the world at one path, watched while it is `in_use`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.told: Callable[[str], None] | None = None
        """Called with the name of each step before it happens; what it raises, the operation raises."""
        self._durable: Images = {}
        self._writes: dict[str, list[Write]] = {end: [] for end in ENDS}
        self._named: set[str] = set()  # the files whose names are durable
        self._synced: set[tuple[int, int]] = set()  # the files that were synced, by device and number

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have SQLite, `os.pwrite` and `os.fsync` of this process go through this disk."""
        before, pwrite, fsync = apsw.vfs_names()[0], os.pwrite, os.fsync

        def watched_pwrite(fd: int, data: bytes, offset: int, /) -> int:
            end = self._end_at(fd)
            if end is None:
                return pwrite(fd, data, offset)
            self.step("file-write")
            self.written(end, offset, bytes(data))
            return pwrite(fd, data, offset)

        def watched_fsync(fd: int, /) -> None:
            self.step("file-sync")
            found = os.fstat(fd)
            self._synced.add((found.st_dev, found.st_ino))
            if os.path.samestat(found, os.stat(os.path.dirname(self.path))):
                self._named.update(self.images())
            elif (end := self._end_at(fd)) is not None:
                self.synced(end)

        vfs = _Watching(self, before)
        apsw.set_default_vfs(_NAME)
        os.pwrite, os.fsync = watched_pwrite, watched_fsync  # type: ignore[assignment]
        try:
            yield
        finally:
            os.pwrite, os.fsync = pwrite, fsync
            apsw.set_default_vfs(before)
            vfs.unregister()

    def _end_at(self, fd: int) -> str | None:
        """The end of the name of the file that a descriptor is of, or None if it is not of this world."""
        for end in ENDS:
            try:
                if os.path.samestat(os.fstat(fd), os.stat(self.path + end)):
                    return end
            except OSError:
                continue
        return None

    def images(self) -> Images:
        """What the files hold now, as another process would read them."""
        found: Images = {}
        for end in ENDS:
            try:
                with open(self.path + end, "rb") as file:
                    found[end] = file.read()
            except FileNotFoundError:
                continue
        return found

    def after_loss(self, loss: Loss, chance: random.Random) -> Images:
        """What the files may hold after the power failed now."""
        found: Images = {}
        for end, content in self._durable.items():
            if end in self._named or (loss == "some" and chance.random() < 0.5):
                found[end] = _replayed(content, _reached(self._writes[end], loss, chance))
        return found

    def put_back(self, images: Images) -> None:
        """Make the files be so, and forget all that was beside them; only while no world is open."""
        for end in (*ENDS, "-shm", "-lock", "-new"):
            if end in images:
                with open(self.path + end, "wb") as file:
                    file.write(images[end])
            elif os.path.lexists(self.path + end):
                os.unlink(self.path + end)
        self._durable, self._named = dict(images), set(images)
        for writes in self._writes.values():
            writes.clear()

    def end_of(self, name: str | None) -> str | None:
        """The end of a file's name if the file is one of this world's, or None."""
        if name is None or not name.startswith(self.path):
            return None
        end = name[len(self.path) :]
        return end if end in ENDS else None

    def opened(self, end: str) -> None:
        """Note that SQLite has opened a file. If it is new, it is as durable as it was made."""
        if end not in self._durable:
            found = os.stat(self.path + end)
            synced = (found.st_dev, found.st_ino) in self._synced
            self._durable[end] = self.images()[end] if synced else b""
            if sys.platform == "win32":  # which has no sync of folders
                self._named.add(end)

    def step(self, name: str) -> None:
        """Tell of a step."""
        if self.told is not None:
            self.told(name)

    def written(self, end: str, offset: int, data: bytes | None) -> None:
        """Note a write, or a truncation."""
        self._writes[end].append(Write(offset, data))

    def synced(self, end: str) -> None:
        """Note that all that a file holds is durable, and the name of a log: SQLite sees to that."""
        if end:
            self._named.add(end)
        self._durable[end] = self.images().get(end, b"")
        self._writes[end].clear()

    def deleted(self, end: str) -> None:
        """Note that a file is gone."""
        self._durable.pop(end, None)
        self._named.discard(end)
        self._writes[end].clear()


def _replayed(content: bytes, writes: list[Write]) -> bytes:
    found = bytearray(content)
    for offset, data in writes:
        if data is None:
            del found[offset:]
            found.extend(bytes(offset - len(found)))
        else:
            found.extend(bytes(max(offset - len(found), 0)))
            found[offset : offset + len(data)] = data
    return bytes(found)


def _reached(writes: list[Write], loss: Loss, chance: random.Random) -> list[Write]:
    if loss == "nothing" or not writes:
        return []
    if loss == "torn":
        return [*writes[:-1], *_torn(writes[-1])]
    some = [write for write in writes if chance.random() < 0.5]
    return [*some[:-1], *_torn(some[-1])] if some else []


def _torn(write: Write) -> list[Write]:
    """The sectors in the first half of a write; nothing of a write within one sector, or of a truncation."""
    offset, data = write
    if data is None:
        return []
    cut = (offset + len(data) // 2) // _SECTOR * _SECTOR - offset
    return [Write(offset, data[:cut])] if cut > 0 else []


class _Watching(apsw.VFS):
    def __init__(self, disk: Disk, base: str) -> None:
        self._disk = disk
        self._base = base
        super().__init__(_NAME, base)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        end = self._disk.end_of(name if name is None or isinstance(name, str) else name.filename())
        if end is None:
            return apsw.VFSFile(self._base, name, flags)
        return _File(self._disk, end, self._base, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        end = self._disk.end_of(name)
        if end is not None:
            self._disk.step("file-delete")
        super().xDelete(name, sync)
        if end is not None:
            self._disk.deleted(end)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, end: str, base: str, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._end = end
        super().__init__(base, name, flags)
        disk.opened(end)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.step("file-write")
        self._disk.written(self._end, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.step("file-truncate")
        self._disk.written(self._end, size, None)
        super().xTruncate(size)

    def xSync(self, _flags: int) -> None:
        self._disk.step("file-sync")
        self._disk.synced(self._end)  # this disk decides what is durable, so the real one need not wait

    def xLock(self, level: int) -> None:
        try:
            super().xLock(level)
        except apsw.IOError:  # a reader cannot lock what it may not write, and SQLite goes on without
            raise apsw.BusyError("this file was opened to be read") from None
