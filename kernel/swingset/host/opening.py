"""Opening a world: the one way in, for programs, for the command and for notebooks.

A file is checked before it is used, and a file that was there already may be anybody's: no code of it runs in
this process unless whoever opens it says so.
"""

from __future__ import annotations

import os

from swingset.core.errors import KernelError
from swingset.core.scheduler import Scheduler
from swingset.core.warehouse import checked_capacity
from swingset.host import building
from swingset.host.config import Configuration, load
from swingset.host.controller import Controller
from swingset.host.engines import Engines, WorkerKind
from swingset.host.opened import Choices, Opened
from swingset.workers.base import Progress
from swingset.world.file import WorldFile


def open_world(
    path: str | os.PathLike[str] | None = None,
    config: Configuration | str | os.PathLike[str] | None = None,
    *,
    create: bool = True,
    worker: WorkerKind = "wasm",
    progress: Progress | None = None,
    snapshot_interval: int | None = None,
    online: int | None = None,
    scheduler: Scheduler | None = None,
    workers: bool = True,
    look_only: bool = False,
) -> Controller:
    """Open a world file, or make one.

    No local worker is made for a file that was there already, whatever asks for one, unless `worker` is
    local: its code would run in this process, unconfined, and a file may come from anybody. A creation
    of a local vat that waits in its run-queue goes on waiting then (`queue.held_back`).

    Args:
        path: the file; None for a world that lives only in memory.
        config: what a new world is made of, as an object or as the path of a TOML or JSON file. It is
            ignored where the world exists. It is built whole: where it cannot be, the world stays empty.
            The bootstrap message waits in the run-queue then.
        create: whether to make the file where there is none.
        worker: the kind of worker new vats run in unless told otherwise: wasm, wasm-full or local.
        progress: told of the stages of preparing an engine that was never compiled here.
        snapshot_interval: after how many deliveries a heap image is saved, for as long as the world is
            open this time; None as the world's own option says.
        online: how many vats have a worker at once, 50 unless told otherwise; others are brought back
            when they are needed.
        scheduler: chooses among the events of the run-queue (`swingset.core.scheduler`).
        workers: False where no code is to run; any world may be opened then.
        look_only: True where nothing is to change: the file is seen as it is now, takes no lock, may be on
            a medium that cannot be written, and may be open in another process.
    Raises:
        WorldError: for files that are not worlds, or cannot be opened; they are left as they are.
        KernelError: for a world with local vats, unless `worker` is local.
        BadConfiguration: for a configuration that does not say what is needed.
        VatFault: where the code of a configured vat fails.
    Example:
        >>> with swingset.open_world(folder / "new.world", worker="local") as made:
        ...     len(made.vats)
        0
    """
    checked_capacity(online)
    engines = Engines(progress)
    if worker not in engines:
        raise KernelError(f"no worker of kind {worker!r}; there are: {', '.join(engines)}")
    wanted = load(config) if isinstance(config, str | os.PathLike) else config
    if online is None and wanted is not None:
        online = wanted.online
    found = path is not None and os.path.lexists(path)
    look = look_only and path is not None
    opened = Opened(
        WorldFile.look(path or "") if look else WorldFile.open(path, create=create),
        engines if workers and not look_only else {},
        Choices(worker, snapshot_interval, online, scheduler, worker == "local" or not found),
    )
    try:
        opened.refuse_untrusted()
        opened.kernel.resume_refused()
        controller = Controller(opened)
        if wanted is not None:
            building.build_new(controller, wanted)
    except BaseException:
        opened.close(keep=False)
        raise
    return controller
