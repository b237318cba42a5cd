"""Brings a world into another process, once, however many variants are lived there.

A world is an archive, and an archive is a manifest and rows (`swingset.cluster.parcels`). The manifest comes
with every task. A process that has not got all the rows says which it lacks, and `packs` brings those to it,
and no others: a second world that is much like the first one costs what is new in it. A process that has
unpacked a world keeps it open for the next task, at most `MOST_OPEN` worlds at a time. The engine is the
process's own: it is compiled there, or comes from that machine's cache.

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

from swingset.cluster import parcels
from swingset.cluster.parcels import Manifest, Remembered, Rows, taken_apart
from swingset.core.errors import KernelError
from swingset.host.base.engines import WorkerKind
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.wording import named
from swingset.time.copies.archives import import_archive
from swingset.world.archiving import ArchiveLevel

MOST_OPEN = 4
"""How many worlds a process keeps open for later tasks."""

MOST_UNPACKED = 64 << 30
"""To how many bytes an archive may unpack that a task has brought or kept."""


@dataclass(frozen=True)
class Carried:
    """A world on its way: its manifest, and on which workers its vats may run.

    `opens` is whether a process keeps it open, and forks it; otherwise each task has a copy of its own.
    """

    manifest: Manifest
    worker: WorkerKind
    opens: bool = True

    @property
    def id(self) -> str:
        """The hash of the archive."""
        return self.manifest.id


def carry(controller: Controller, *, past: bool, opens: bool = True) -> tuple[Carried, Rows]:
    """Pack a world, which is committed first; returns it with the rows that travel apart.

    Args:
        controller: the world.
        past: whether it is to be followed to earlier cranks there, or to go on with its whole past.
        opens: whether a process keeps it open.
    """
    manifest, rows = taken_apart(_committed(controller).world, level_of(past))
    choices = controller._opened.choices
    local = choices.trusts_local and any(vat.worker == "local" for vat in controller.vats)
    return Carried(manifest, "local" if local else choices.default_worker, opens), rows


def refuse_local(controller: Controller) -> None:
    """Raise `KernelError` for a world that was given by its path, and has vats in the local worker.

    Args:
        controller: the world, open to be looked at.
    """
    local = [vat.name for vat in controller.vats if vat.worker == "local"]
    if local:
        raise KernelError(
            f"this world has vats in the local worker ({named(local)}): their code would run in a process of"
            ' yours, unconfined. If you trust the file, open it with worker="local", and give the open world'
            " in the place of its path"
        )


def name_of(controller: Controller, *, past: bool) -> str:
    """The hash that names a world, which is committed first."""
    return parcels.name_of(_committed(controller).world, level_of(past))


def _committed(controller: Controller) -> Controller:
    if not controller.world.look_only:
        controller.commit("before it is archived")
    return controller


def level_of(past: bool) -> ArchiveLevel:
    """How complete the archive of a world is that travels with its past, or without it."""
    return "archival" if past else "operational"


class _Unpacked:
    """The worlds that this process has unpacked, the one that was used last at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.base: str | None = None
        """The folder for the files, None for that of temporary files."""
        self.rows = Remembered()
        self._open: OrderedDict[str, tuple[Controller, str]] = OrderedDict()

    def get(self, carried: Carried) -> Controller | list[bytes]:
        """The world, or the names of the rows that are lacking. The caller has the lock."""
        known = self._open.pop(carried.id, None)
        if known is None:
            if lacking := self.rows.lacks(carried.manifest.named()):
                return lacking
            while len(self._open) >= MOST_OPEN:
                self._drop(*self._open.popitem(last=False)[1])
            known = self._unpack(carried)
        self._open[carried.id] = known
        return known[0]

    def _unpack(self, carried: Carried) -> tuple[Controller, str]:
        folder = tempfile.mkdtemp(prefix="swingset-", dir=self.base)
        try:
            return opened(carried, self.rows.of(carried.manifest), Path(folder)), folder
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


def opened(carried: Carried, rows: Rows, folder: Path) -> Controller:
    """Unpack a world into an empty folder, and open it.

    Args:
        carried: the world.
        rows: the rows that it names.
        folder: where its file is made.
    """
    packed, path = folder / "world.swingset", folder / "world"
    with packed.open("wb") as file:
        carried.manifest.write(file, rows)
    import_archive(packed, path, expected=carried.id, most=MOST_UNPACKED)
    packed.unlink()
    return open_world(path, create=False, worker=carried.worker, threads=1)


unpacked = _Unpacked()
atexit.register(unpacked.close)
"""The worlds of this process. A task has `unpacked.lock` while it uses one, for a world has one caller."""
