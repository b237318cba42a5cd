"""Archives: a world, or one vat, in one `.swingset` file that can be sent, kept and checked.

What an archive has at each level is in `swingset.world.archiving`, how it is cut into pieces in
`swingset.world.archive_pieces`. An archive is written from a read transaction or between two cranks, and
looking at a world this way changes nothing in it. Unpacking makes a new file: nothing in the archive is
trusted, everything is checked while it comes, and the complete draft has to pass `verify` before it gets its
name. No code runs, and a draft that fails is deleted.

One vat is a world in which all other vats have ended. A fork gets that state by the kernel's own rules: the
vat is suspended, the others are terminated and cleaned up, what waited for them is rejected or parked. So
what the vat refers to is there as an object without a vat, and every count is right. It cannot become a vat
of another world: its references would need objects there that are the same, and nobody can say which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

from swingset.core.errors import KernelError, KernelPanic
from swingset.core.store import KernelStore
from swingset.host.base.opened import Opened
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.lens.state.verifying import verify
from swingset.model.capdata import NOTHING
from swingset.model.messages import CloneVat, CreateVat, UpgradeVat
from swingset.model.modules import by_module
from swingset.model.spelling import canonical
from swingset.model.visible import visible
from swingset.world import beginnings, names, opening, paths, schema
from swingset.world.archive_metadata import Metadata, read_metadata
from swingset.world.archive_pieces import MAGIC, Artifact, Reader
from swingset.world.archiving import LEVELS, ArchiveLevel, Contents, has_past
from swingset.world.descriptors import close_descriptor, open_descriptor, refuse_odd
from swingset.world.edge import told_in_words
from swingset.world.errors import BadArchive, UnknownLabel, WorldError, WorldMissing
from swingset.world.file import WorldFile
from swingset.world.lock import WorldLock
from swingset.world.retention import KEY, Retention, as_json, listed, of_json, read
from swingset.world.sources import MODULES
from swingset.world.unarchiving import Filling
from swingset.world.vats import SUSPENDED, TERMINATED

MOST_UNPACKED = 1 << 30
MOST_TIMES = 200
"""An archive may unpack to that many times its size or to `MOST_UNPACKED` bytes, unless told otherwise."""

SUSPENDED_ALONE = "archived alone, without the vats that it knew; resume it to go on without them"


@dataclass(frozen=True)
class Archive:
    """An archive that was written or unpacked.

    `id` is the hash of its metadata, which have the hash of everything else. `commit`, `crank` and `digest`
    are those of the archived state. `size` is that of the file, in bytes. `retention` is how much of its past
    the world was told to keep, and `import_archive` has taken over; None if the archive does not say.

    Source:
        An export of swing-store.
    """

    path: str
    id: str
    level: ArchiveLevel
    vat: str | None
    commit: int
    crank: int
    digest: str
    size: int
    artifacts: tuple[Artifact, ...]
    retention: Retention | None = None


def export_archive(
    world: Controller | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    level: ArchiveLevel = "operational",
    vat: str | None = None,
) -> Archive:
    """Write a world, or one of its vats, to a new archive.

    Uncommitted changes of an open world are committed first; otherwise nothing in it changes, and no code
    runs.

    Args:
        world: an open world, or the path of a world file, which another process may have open.
        path: the archive, a file that does not exist yet.
        level: how complete it is. `operational` is enough to go on, `replay` has the transcripts of the
            current incarnations too, `archival` has the past, and `debug` everything in the file.
        vat: the name of a vat, to archive it alone; None for the whole world.
    Returns:
        What was written, with the hash that names it.
    Raises:
        WorldError: if the archive cannot be written, or if the world lacks what the level needs.
        KernelError: for an unknown level, or a vat that lives in its host's interpreter.
        NoSuchVat: if there is no vat of that name.
    Source:
        The state export of swing-store: small trusted metadata, artifacts with hashes, and four levels.
    Example:
        >>> made = swingset.export_archive(world, folder / "bank.swingset", level="replay")
        >>> made.level, made.digest == world.digest()
        ('replay', True)
    """
    if level not in LEVELS:
        raise KernelError(f"{level!r} is no level of an archive; there are: {', '.join(LEVELS)}")
    if not isinstance(world, Controller):
        with open_world(world, create=False, workers=False, look_only=True) as opened:
            return export_archive(opened, path, level=level, vat=vat)
    with world.lock, told_in_words(world.world.name):
        if not world.world.look_only:
            world.commit("before it is archived")
        if vat is None:
            return _write(world.world, path, level)
        with _alone(world, vat) as fork:
            return _write(fork.world, path, level, (vat, fork.vats[vat].id))


def import_archive(
    path: str | os.PathLike[str],
    world_path: str | os.PathLike[str],
    *,
    expected: str | None = None,
    most: int | None = None,
    retention: Retention | None = None,
) -> Archive:
    """Make a new world file of an archive, which may come from anybody.

    The world is verified before the file gets its name. If anything is wrong, no file is made.

    Args:
        path: the archive.
        world_path: the new world, a file that does not exist yet.
        expected: the hash that the archive must have, as `export_archive` returned it; None for any.
        most: how many bytes it may unpack to; None for 1 GiB or 200 times its size, whichever is more.
        retention: how much of its past the world keeps; None for what the archive says.
    Returns:
        What was unpacked, with the retention that was taken over.
    Raises:
        BadArchive: for anything wrong with the archive; its `fault` says what, and its text what exactly.
        WorldMissing: if there is no archive at `path`.
        WorldError: if the world cannot be written, or if there is a file at `world_path`.
        UnknownLabel: if the archive lacks the checkpoint of `retention`.
    Source:
        The state import of swing-store (`importSwingStore`), with its checks.
    Example:
        >>> made = swingset.export_archive(world, folder / "bank.swingset")
        >>> unpacked = swingset.import_archive(folder / "bank.swingset", folder / "b.world", expected=made.id)
        >>> with swingset.open_world(folder / "b.world", worker="local") as other:
        ...     other.digest() == world.digest()
        True
    """
    source = paths.real(path)
    if not os.path.lexists(source):
        raise WorldMissing(f"there is no archive at {source}: check the path")
    target = paths.free(world_path)
    refuse_odd(source)
    with told_in_words(source), _reading(source) as file:
        reader = Reader(file, source)
        limit = max(MOST_UNPACKED, MOST_TIMES * reader.size) if most is None else most
        metadata = read_metadata(source, reader.metadata(), limit)
        if expected is not None and metadata.id() != expected:
            words = f"has the hash {metadata.id()}, and {visible(expected, 80)} was expected"
            raise BadArchive("expected", f"{source} {words}: it is another archive")
        policy = of_json(metadata.retention) if retention is None else retention
        needed = None if retention is None else retention.checkpoint
        with WorldLock(target):
            opening.fill_new(
                target,
                lambda db: Filling(db, reader, metadata, policy).fill(),
                lambda draft: _refuse_problems(source, draft, needed),
            )
        return replace(_described(source, metadata), retention=policy)


def _refuse_problems(source: str, draft: str, checkpoint: str | None) -> None:
    """Raise `BadArchive` unless the draft is a sound world, and `UnknownLabel` if it lacks the checkpoint."""
    try:
        with WorldFile.look(draft) as world:
            problems = verify(KernelStore(world))
            if checkpoint is not None and not problems:
                world.labelled(checkpoint)
    except UnknownLabel:
        raise
    except WorldError as problem:
        raise BadArchive("content", f"{source} makes no sound world: {problem}") from None
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise BadArchive("content", f"{source} makes no sound world: {problems[0]}{more}")


def _write(
    world: WorldFile,
    path: str | os.PathLike[str],
    level: ArchiveLevel,
    alone: tuple[str, str] | None = None,
) -> Archive:
    target = paths.free(path)
    contents, metadata = measured(world, level, alone)
    with (
        WorldLock(target),
        paths.new_file(target, "an archive", _is_draft) as (_, fd),
        open(fd, "wb", closefd=False) as file,
    ):
        contents.write(file, metadata.text())
    return _described(target, metadata)


def measured(
    world: WorldFile, level: ArchiveLevel, alone: tuple[str, str] | None = None
) -> tuple[Contents, Metadata]:
    """What an archive of a committed world has, and its metadata, whose hash names it.

    Args:
        world: the world.
        level: how complete the archive is.
        alone: the name and the id of its only vat; None for the whole world.
    Raises:
        WorldError: if the world lacks what the level needs.
    """
    name, vat_id = alone or (None, None)
    contents = Contents(world, level, vat_id)
    commit, cut = world.history.commit(world.head), world.history.cut
    past = has_past(level) and alone is None
    metadata = Metadata(
        world_format=schema.FORMAT,
        software=opening.software_version(),
        level=level,
        vat=name,
        vat_id=vat_id,
        commit=commit.seq,
        crank=commit.crank,
        record=commit.record,
        last=world.commits()[-1].seq,
        seal=world.history.seal(commit.seq),
        digest=world.digest(),
        cut=list(cut) if cut is not None and past else None,
        begins=beginnings.as_json(contents.begins),
        artifacts=tuple(contents.measured()),
        retention=_retention(world, contents, alone is None),
        prunes=[list(each) for each in listed(world.db)] or None if past else None,
    )
    return contents, metadata


def _retention(world: WorldFile, contents: Contents, is_whole: bool) -> list[Any] | None:
    """The retention that an archive has, as JSON data; a checkpoint only together with the checkpoint."""
    if not is_whole or names.stored(world.db, KEY) is None:
        return None
    policy, _ = read(world.db)
    labels = contents.rows("history/labels") if "history/labels" in contents.names else ()
    if policy.checkpoint is not None and policy.checkpoint not in {row[0] for row in labels}:
        policy = replace(policy, checkpoint=None)
    return as_json(policy)


def _described(path: str, made: Metadata) -> Archive:
    size = os.path.getsize(path)
    said = made.id(), made.level, made.vat, made.commit, made.crank, made.digest
    return Archive(path, *said, size, made.artifacts, of_json(made.retention))


@contextmanager
def _reading(path: str) -> Iterator[IO[bytes]]:
    fd = open_descriptor(path, os.O_RDONLY)
    try:
        with open(fd, "rb", closefd=False) as file:
            yield file
    finally:
        close_descriptor(fd)


def _is_draft(header: bytes) -> bool:
    return MAGIC.startswith(header[: len(MAGIC)])


@contextmanager
def _alone(controller: Controller, name: str) -> Iterator[Controller]:
    """A fork in which all vats but one have ended, and that one is suspended; no code runs in it."""
    if controller.vats[name].attached:
        raise KernelError(f"vat {name} lives in its host's interpreter, so there is no code of it to archive")
    with controller.lock:
        choices = replace(controller._opened.choices, scheduler=None, trusts_local=True)
        fork = Controller(Opened(controller.world.fork(), {}, choices))
    try:
        _end_others(fork, name)
        yield fork
    finally:
        fork.close(keep=False)


def _end_others(fork: Controller, name: str) -> None:
    fork.queue.unpause()
    if fork.vats[name].state != SUSPENDED:
        fork.vats.suspend(name, SUSPENDED_ALONE)
    for vat in fork.vats:
        if vat.name != name:
            if vat.options.get("critical"):
                fork.vats.change_options(vat.name, {"critical": False})
            fork.terminate_vat(vat.name, "left in the world of which this one was made")
    store = fork.kernel.store
    for waiting in store.queues.all():
        if isinstance(waiting.item, CreateVat | CloneVat | UpgradeVat):
            fork.queue.drop(waiting.seq)  # it would start code, and none is to run here
    while True:
        try:
            fork.run()
            break
        except KernelPanic:
            fork.queue.overrule_panic()  # a message that must not fail was for a vat that is not here
    kept = by_module(fork.vats.parts(name))
    shared = by_module(store.sources.parts(MODULES))
    fork.kernel.keep_sources(MODULES, tuple(part for module in kept for part in shared.get(module, ())))
    for vat in store.vats.all():
        if vat.state == TERMINATED:
            with fork.kernel.request("leave-out", vat=vat.id):
                store.vats.save(vat.having(bundle=None, library=None, parameters=NOTHING))
                if vat.name != name:
                    store.sources.replace(vat.name, ())
    fork.commit(canonical(["alone", name]))
