"""A disk that can be watched, stopped, filled and unplugged: what crash tests put below SQLite.

While a `Disk` is in use, SQLite opens the files of one world through it. Each write, truncation, sync and
deletion is a step of which the disk tells before it happens. The operations then go to the real files, so
that everything else that reads them sees what it always sees.

The disk also keeps what is durable: the content of each file as of its last sync. So it can say what a power
failure may leave: that content, and any of the later writes, in any order, the last of them torn. A killed
process loses nothing of what it has written, which is the difference between the two.

What it cannot show: a disk that says that it has synced and has not, and a new name in a folder that is lost
because the folder was not synced. A deletion counts as durable at once.
"""

from __future__ import annotations

import os
import random
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

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have SQLite open its files through this disk, in this process."""
        before = apsw.vfs_names()[0]
        vfs = _Watching(self, before)
        apsw.set_default_vfs(_NAME)
        try:
            yield
        finally:
            apsw.set_default_vfs(before)
            vfs.unregister()

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
        now, found = self.images(), dict[str, bytes]()
        for end, content in self._durable.items():
            writes = list(self._writes[end])
            if end in now:
                writes += _beside(_replayed(content, writes), now[end])
            found[end] = _replayed(content, _reached(writes, loss, chance))
        return found

    def put_back(self, images: Images) -> None:
        """Make the files be so, and forget all that was beside them; only while no world is open."""
        for end in (*ENDS, "-shm", "-lock", "-new"):
            if end in images:
                with open(self.path + end, "wb") as file:
                    file.write(images[end])
            elif os.path.lexists(self.path + end):
                os.unlink(self.path + end)
        self._durable = dict(images)
        for writes in self._writes.values():
            writes.clear()

    def end_of(self, name: str | None) -> str | None:
        """The end of a file's name if the file is one of this world's, or None."""
        if name is None or not name.startswith(self.path):
            return None
        end = name[len(self.path) :]
        return end if end in ENDS else None

    def opened(self, end: str) -> None:
        """Note that SQLite has opened a file; what it holds and was never written here is durable."""
        if end not in self._durable:
            self._durable[end] = self.images().get(end, b"")

    def step(self, name: str) -> None:
        """Tell of a step."""
        if self.told is not None:
            self.told(name)

    def written(self, end: str, offset: int, data: bytes | None) -> None:
        """Note a write, or a truncation."""
        self._writes[end].append(Write(offset, data))

    def synced(self, end: str) -> None:
        """Note that all that a file holds is durable."""
        self._durable[end] = self.images().get(end, b"")
        self._writes[end].clear()

    def deleted(self, end: str) -> None:
        """Note that a file is gone."""
        self._durable.pop(end, None)
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


def _beside(known: bytes, now: bytes) -> list[Write]:
    """What was written to a file by others than SQLite: the mark in the header of a world."""
    if known == now:
        return []
    if len(known) != len(now):
        return [Write(len(now), None), Write(0, now)]
    different = [at for at in range(len(now)) if known[at] != now[at]]
    return [Write(different[0], now[different[0] : different[-1] + 1])]


def _reached(writes: list[Write], loss: Loss, chance: random.Random) -> list[Write]:
    if loss == "nothing" or not writes:
        return []
    if loss == "torn":
        return [*writes[:-1], _torn(writes[-1])]
    some = [write for write in writes if chance.random() < 0.5]
    if some:
        some[-1] = _torn(some[-1])
    return some


def _torn(write: Write) -> Write:
    """The first half of a write, in whole sectors if it has several."""
    if write.data is None:
        return write
    half = len(write.data) // 2
    return Write(write.offset, write.data[: half - half % _SECTOR if half > _SECTOR else half])


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

    def xSync(self, flags: int) -> None:
        self._disk.step("file-sync")
        super().xSync(flags)
        self._disk.synced(self._end)
