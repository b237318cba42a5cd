"""Verifies many worlds at once, each in a process of its own turn: a corpus, before a new kernel is used.

The worlds are files that every process can read, or that are sent to it as archives. Nothing in them changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swingset.cluster.bars import tell
from swingset.cluster.carrying import refuse_local
from swingset.cluster.pools import clients, over
from swingset.host.worlds.opening import open_world
from swingset.model.visible import error_in_words, one_line
from swingset.time.replaying.verification import Depth, check_depth, verify

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, repr=False)
class CheckedWorld:
    """What was found in one world: its path, how deep was looked, the problems in words, and its digest.

    `digest` is None if the world could not be opened.
    """

    path: str
    depth: int
    problems: tuple[str, ...]
    digest: str | None

    def __repr__(self) -> str:
        told = "; ".join(self.problems) or f"nothing wrong to depth {self.depth}"
        return f"<{one_line(self.path, 80)}: {one_line(told, 600)}>"

    @property
    def ok(self) -> bool:
        """Whether everything that was checked is right."""
        return not self.problems


def verify_worlds(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    depth: Depth = 2,
    *,
    processes: int | None = None,
    client: Client | None = None,
    each: Callable[[CheckedWorld], None] | None = None,
) -> list[CheckedWorld]:
    """Verify worlds, many at the same time.

    Args:
        paths: world files, or one. With a `client`, its processes read them by these paths.
        depth: how deep, as in `swingset.verify`: 3 repeats all records, 4 runs all vats again.
        processes: of this machine, None for one for each core, 0 for none but this.
        client: a client of a Dask cluster, whose processes are used instead.
        each: called with what was found in a world as it comes.
    Returns:
        What was found, in the order of the paths. A world that cannot be opened is a problem of its own.
    Raises:
        KernelError: for another depth.
        ClusterMissing: if processes are asked for, and the extra is not installed.
    Source:
        Ours: corpora of recorded worlds are what new kernels are tried on.
    Example:
        >>> from swingset.cluster import verify_worlds
        >>> with swingset.open_world(folder / "a.world", worker="local") as made:
        ...     made.crank
        0
        >>> [found.ok for found in verify_worlds([folder / "a.world"], processes=0)]
        [True]
    """
    check_depth(depth)
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    wanted = [os.fspath(path) for path in several]
    found: dict[str, CheckedWorld] = {}
    if client is None and processes == 0:
        for path in wanted:
            found[path] = check(path, depth)
            tell(each, found[path])
    elif wanted:
        tasks = {f"verify-{os.getpid()}-{at}": (path, depth) for at, path in enumerate(wanted)}

        def lost(name: str, words: str) -> CheckedWorld:
            return CheckedWorld(tasks[name][0], depth, (words,), None)

        with clients(client, processes, len(wanted)) as using:
            for checked in over(using, check, {}, tasks, lost):
                found[checked.path] = checked
                tell(each, checked)
    return [found[path] for path in wanted]


def check(path: str, depth: Depth) -> CheckedWorld:
    """Verify one world file, without its lock; whatever goes wrong is what was found.

    Args:
        path: the file.
        depth: how deep.
    """
    try:
        with open_world(path, create=False, look_only=True) as world:
            if depth == 4:
                refuse_local(world)
            found = verify(world, depth)
            return CheckedWorld(path, found.depth, tuple(found.found()), world.digest())
    except Exception as problem:
        return CheckedWorld(path, 0, (error_in_words(problem),), None)
