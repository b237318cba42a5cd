"""Opening a world: the one way, for programs, for the command and for notebooks.

A file is checked before it is used. An existing file may come from anybody, so none of its code runs in this
process unless the caller trusts it explicitly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypedDict

from swingset.core.ahead import checked_threads
from swingset.core.errors import KernelError
from swingset.core.scheduler import Scheduler
from swingset.core.warehouse import checked_capacity
from swingset.host.base.engines import Engines, WorkerKind
from swingset.host.base.opened import Choices, Opened
from swingset.host.base.retention import enforce as keep_within
from swingset.host.worlds import building
from swingset.host.worlds.config import Configuration, load
from swingset.host.worlds.controller import Controller
from swingset.workers.base import Progress
from swingset.world.file import WorldFile
from swingset.world.retention import Retention


class OpenOptions(TypedDict, total=False):
    """The arguments of `open_world` that others hand on to it, who see to the file themselves."""

    config: Configuration | str | os.PathLike[str] | None
    worker: WorkerKind
    progress: Progress | None
    snapshot_interval: int | None
    online: int | None
    scheduler: Scheduler | None
    threads: int | None
    workers: bool
    retention: Retention | None


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
    threads: int | None = None,
    workers: bool = True,
    look_only: bool = False,
    retention: Retention | None = None,
    prepare: Callable[[Opened], None] | None = None,
) -> Controller:
    """Open a world file, or make one; returns its controller.

    For an existing file no local worker is made unless `worker` is local, because its code would run in this
    process, unconfined, and the file may come from anybody. If the creation of a local vat waits in the
    run-queue, it goes on waiting (`queue.held_back`).

    Args:
        path: the file; None for a world in memory only.
        config: the contents of a new world, as an object or as the path of a TOML or JSON file. It is
            ignored if the world exists. It is built whole: if that fails, the world stays empty. The
            bootstrap message then waits in the run-queue.
        create: whether to make the file if there is none.
        worker: the default kind of worker for new vats: wasm, wasm-numpy, wasm-pandas, wasm-full or local.
        progress: called with the stages of preparing an engine that was never compiled here.
        snapshot_interval: after how many deliveries a heap image is saved at the latest, while the world is
            open; None for the world's own option.
        online: how many vats have a worker at once, 50 by default; others are restored when they are needed.
        scheduler: chooses among the events of the run-queue (`swingset.core.scheduler`).
        threads: how many threads may run long deliveries of different vats at the same time, None for one
            for each core; what comes of a run is the same with any number.
        workers: False to run no code at all; any world may be opened then.
        look_only: True to change nothing: the world is seen as it is now, without a lock, even if the file
            cannot be written or is open in another process.
        retention: how much of its past the world keeps from now on, as in `history.retain`; None for what its
            file says. A new file keeps everything, up to 4 GiB.
        prepare: called with the open file and its kernel before anything can be committed, as `lease_world`
            does it to put up its fence. If it raises, the file is closed as it was.
    Raises:
        WorldError: for files that are not worlds, or that cannot be opened; they are left as they are.
        KernelError: for a world with local vats, unless `worker` is local.
        BadConfiguration: for a configuration that lacks something or has something wrong.
        VatFault: if the code of a configured vat fails.
    Source:
        `initializeSwingset` and `makeSwingsetController` in one.
    Example:
        >>> with swingset.open_world(folder / "new.world", worker="local") as made:
        ...     len(made.vats)
        0
    """
    checked_capacity(online)
    most = checked_threads(threads)
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
        Choices(worker, snapshot_interval, online, scheduler, most, worker == "local" or not found),
    )
    try:
        if prepare is not None:
            prepare(opened)
        opened.refuse_untrusted()
        opened.kernel.resume_refused()
        controller = Controller(opened)
        if wanted is not None:
            building.build_new(controller, wanted)
        if retention is not None and not look and retention != controller.history.retention:
            controller.history.retain(retention)
        if not look:
            keep_within(opened)
            controller.net.wake()
    except BaseException:
        opened.close(keep=False)
        raise
    return controller
