"""Verifies one history in slices at once: the replay of a long past, on all cores or on a cluster.

What is found is what `swingset.verify` finds, to the word: a slice begins in the state with which the one
before it has to end (`swingset.time.replaying.slices`). The file itself, its hash chain and its rows, is
checked here first, because no deeper look is made of a file that has problems.

A world is brought into the other processes like that of a sweep. A file that is given by its path is read
there by that path, and no local vat of it runs, as in `swingset.replay`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from swingset.cluster.bars import listener, tell
from swingset.cluster.carrying import Carried, carry, refuse_local
from swingset.cluster.packs import Bringer, Lacking
from swingset.cluster.parcels import Rows
from swingset.cluster.pools import Shared, clients, over, the_world
from swingset.core.errors import KernelError
from swingset.host.base.engines import CONFINING, Engines
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.time.replaying.slices import HistorySlice, SliceReplayed, joined, replay_slice, slices_of
from swingset.time.replaying.verification import Depth, Verified, check_depth, deeper, verify
from swingset.workers.base import WorkerFactory
from swingset.world.errors import HistoryBroken
from swingset.world.file import WorldFile

if TYPE_CHECKING:
    from distributed import Client

FOR_EACH = 2
"""How many slices there are for each process, so that none waits long for the last one."""


class SliceLost(KernelError):
    """A slice of a history that no process survives."""


def verify_history(
    world: Controller | Session | str | os.PathLike[str],
    depth: Depth = 4,
    *,
    processes: int | None = None,
    client: Client | None = None,
    slices: int | None = None,
    progress: Callable[[int, int], None] | bool = False,
    each: Callable[[SliceReplayed], None] | None = None,
) -> Verified:
    """Verify a world whose history is replayed in slices, many at the same time.

    Args:
        world: an open world, or the path of a world file. With a `client`, its processes read the file by
            that path, and an open world is sent to them.
        depth: how deep, as in `swingset.verify`: 3 repeats all records, 4 runs all vats again.
        processes: of this machine, None for one for each core, 0 for none but this.
        client: a client of a Dask cluster, whose processes are used instead.
        slices: how many there are at most, None for two for each process.
        progress: called with how many slices are done, and how many there are, as in `sweep`.
        each: called with each slice as it comes.
    Returns:
        What `swingset.verify` returns.
    Raises:
        KernelError: for another depth, and for a path in depth 4 to a world with local vats: give it open.
        ClusterMissing: if processes are asked for, and the extra is not installed.
        SliceLost: if the processes that replay a slice die again and again.
        WorldError: if the history cannot be read, or has changed meanwhile.
    Source:
        Ours. Replays of transcripts elsewhere begin at a snapshot of a vat; a slice is one of a whole world.
    Example:
        >>> from swingset.cluster import verify_history
        >>> verify_history(world, 3, processes=0, slices=2).ok
        True
    """
    check_depth(depth)
    show = listener(progress)
    controller = world.controller if isinstance(world, Session) else world
    if not isinstance(controller, Controller):
        with open_world(controller, create=False, look_only=True) as opened:
            if depth == 4:
                refuse_local(opened)
            return _verify(opened, opened.path or "", depth, processes, client, slices, show, each)
    with controller.lock:
        path = None if controller.engines else controller.path
        return _verify(controller, path, depth, processes, client, slices, show, each)


def _verify(
    controller: Controller,
    path: str | None,
    depth: Depth,
    processes: int | None,
    client: Client | None,
    most: int | None,
    progress: Callable[[int, int], None] | None,
    each: Callable[[SliceReplayed], None] | None,
) -> Verified:
    file = verify(controller, min(depth, 2))
    if depth < 3 or not file.ok:
        return file
    many = processes
    if client is not None:
        many = len(client.scheduler_info()["workers"])
    elif many is None:
        many = os.cpu_count() or 1
    wanted = slices_of(controller.world, most or FOR_EACH * max(1, many))
    done: list[SliceReplayed] = []
    tell(progress, 0, len(wanted))
    for replayed in _replayed(controller, path, wanted, depth == 4, many, client):
        done.append(replayed)
        tell(each, replayed)
        tell(progress, len(done), len(wanted))
    found = joined(done)
    return Verified(depth, (), found.difference, (*found.not_checked, *deeper(depth)))


def _replayed(
    controller: Controller,
    path: str | None,
    wanted: list[HistorySlice],
    full: bool,
    processes: int,
    client: Client | None,
) -> Iterator[SliceReplayed]:
    if client is None and processes == 0:
        engines = Engines(kinds=CONFINING) if path is not None else controller.engines
        for each in wanted:
            with controller.world.fork() as source:
                yield replay_slice(source, engines if full else None, each)
        return
    end = controller.world.head, controller.world.history.seal(controller.world.head)
    rows: Rows = {}
    given: Carried | str = path or ""
    if path is None:
        given, rows = carry(controller, past=True)

    def lost(name: str, words: str) -> SliceReplayed:
        raise SliceLost(f"{name} of {controller.world.name}: {words}")

    name = f"world-{given.id}" if isinstance(given, Carried) else f"path-{given}"
    what = f"{end[1]}-of-{name}-depth-{4 if full else 3}"
    tasks = {f"slice-{each.begin}-{each.end}-{what}": (Shared(name), end, full, each) for each in wanted}
    with clients(client, processes, len(wanted)) as using:
        bringer = Bringer(using, [given], rows) if isinstance(given, Carried) else None
        yield from over(using, play_slice, {name: given}, tasks, lost, bringer)


def play_slice(
    given: Carried | str, end: tuple[int, str], full: bool, wanted: HistorySlice
) -> SliceReplayed | Lacking:
    """Replay a slice in this process.

    Args:
        given: the world that was brought here, or the path of its file.
        end: the number and the seal of the commit that the world has to stand at.
        full: whether the vats run again.
        wanted: the slice.
    Raises:
        HistoryBroken: if it is another world, or stands elsewhere.
    """
    with ExitStack() as stack:
        engines: Mapping[str, WorkerFactory] = Engines(kinds=CONFINING)
        if isinstance(given, Carried):
            found = stack.enter_context(the_world(given))
            if isinstance(found, Lacking):
                return found
            given, engines = found.path or "", found.engines
        file = stack.enter_context(WorldFile.look(given))
        source = stack.enter_context(file.fork())
        if (source.head, source.history.seal(source.head)) != end:
            raise HistoryBroken(f"{source.name} has changed while it was verified: verify it again")
        return replay_slice(source, engines if full else None, wanted)
