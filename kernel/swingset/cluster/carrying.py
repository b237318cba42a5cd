"""Brings a world into another process: as an archive, once, however many variants are lived there.

The archive has a hash of all that is in it, which names the world in every task. A process that has unpacked
it keeps it open for the next task, at most `MOST_OPEN` worlds at a time. The engine is the process's own: it
is compiled there, or comes from that machine's cache.

What comes is checked like any archive. It never brings code into the interpreter that runs this, except for
local vats, and for those only if the process that sent it trusts the world with them.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from swingset.host.base.engines import WorkerKind
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.time.copies.archives import export_archive, import_archive

MOST_OPEN = 4
"""How many worlds a process keeps open for later tasks."""

MOST_UNPACKED = 64 << 30


@dataclass(frozen=True)
class Carried:
    """A world on its way: its archive, the hash that names it, and on which workers its vats may run."""

    id: str
    archive: bytes
    worker: WorkerKind


def carry(controller: Controller, *, past: bool, complete: bool = True) -> Carried:
    """Pack a world, which is committed first.

    Args:
        controller: the world.
        past: whether it is to be followed to earlier cranks there.
        complete: False for the hash alone, without the archive.
    """
    with tempfile.TemporaryDirectory(prefix="swingset-") as folder:
        path = Path(folder) / "world.swingset"
        made = export_archive(controller, path, level="archival" if past else "operational")
        archive = path.read_bytes() if complete else b""
    choices = controller._opened.choices
    local = choices.trusts_local and any(vat.worker == "local" for vat in controller.vats)
    return Carried(made.id, archive, "local" if local else choices.default_worker)


class _Unpacked:
    """The worlds that this process has unpacked, the one that was used last at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.base: str | None = None
        """The folder for the files, None for that of temporary files."""
        self._open: OrderedDict[str, tuple[Controller, str]] = OrderedDict()

    def get(self, carried: Carried) -> Controller:
        """The world, unpacked if it is not yet. The caller has the lock."""
        known = self._open.pop(carried.id, None)
        if known is None:
            while len(self._open) >= MOST_OPEN:
                self._drop(*self._open.popitem(last=False)[1])
            known = self._unpack(carried)
        self._open[carried.id] = known
        return known[0]

    def _unpack(self, carried: Carried) -> tuple[Controller, str]:
        folder = tempfile.mkdtemp(prefix="swingset-", dir=self.base)
        try:
            packed, path = Path(folder) / "world.swingset", Path(folder) / "world"
            packed.write_bytes(carried.archive)
            import_archive(packed, path, expected=carried.id, most=MOST_UNPACKED)
            packed.unlink()
            return open_world(path, create=False, worker=carried.worker, threads=1), folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _drop(self, controller: Controller, folder: str) -> None:
        controller.close(keep=False)
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Close all of them."""
        while self._open:
            self._drop(*self._open.popitem()[1])


unpacked = _Unpacked()
atexit.register(unpacked.close)
"""The worlds of this process. A task has `unpacked.lock` while it uses one, for a world has one caller."""
