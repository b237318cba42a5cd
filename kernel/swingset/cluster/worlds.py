"""Whole worlds as tasks: a world is loaded, fed, run until nothing can run, and comes back as a new archive.

What comes of it is a pure function of the world and what is fed. So a task is named by a hash of both, it can
run anywhere, twice if a process dies, and the digest of the new world is that which the same world would have
here. The world that was given stays as it is.

The new worlds are written into a folder under the names of their tasks, each with what is known of it beside
it. A task whose new world is there already does not run again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from swingset.cluster.bars import listener, tell
from swingset.cluster.carrying import Carried, carry, level_of, opened, refuse_local, unpacked
from swingset.cluster.keeping import keep, keep_data, kept_archive, kept_data
from swingset.cluster.packs import Bringer, Lacking
from swingset.cluster.parcels import Rows
from swingset.cluster.pools import Packed, Shared, clients, here, over
from swingset.cluster.sweeps import fingerprint
from swingset.cluster.variants import Variant, plain, spelled, variant_of
from swingset.core.errors import KernelError
from swingset.host.base.requests import PromiseStatus
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.foreign import said
from swingset.model.visible import error_in_words, one_line
from swingset.time.copies.archives import export_archive, import_archive
from swingset.world.archive_pieces import MAGIC
from swingset.world.archiving import ArchiveLevel

if TYPE_CHECKING:
    from distributed import Client

Feed = Callable[[Controller, dict[str, Any]], Any]
"""What is called with a loaded world and the values of its task; it returns the row of the task."""


@dataclass(frozen=True)
class WorldTask:
    """A world, and what is fed to it.

    `world` is an open world, or the path of a world file or of an archive. `send` are messages, each a vat's
    name, a method and its arguments. `values` are what the feed reads.
    """

    world: Controller | Session | str | os.PathLike[str]
    send: Sequence[tuple[str, str, Sequence[Any]]] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class NewWorld:
    """What came of a task.

    `path` is the archive of the new world, and `id` the hash that names it, None if something went wrong.
    Then `error` says in words what. `digest` is that of the new world's state, `crank` its last crank,
    `settled` the status of each message that was sent, `reasons` why it was rejected, in words, or None, and
    `row` what the feed has returned. A rejected message is no error of the task: the world goes on.
    """

    place: int
    name: str
    path: str | None = None
    id: str | None = None
    digest: str | None = None
    crank: int = 0
    settled: tuple[str, ...] = ()
    reasons: tuple[str | None, ...] = ()
    row: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def __repr__(self) -> str:
        if self.error is not None:
            return f"<new world {self.place}: {one_line(self.error, 600)}>"
        why = "".join(f"; rejected: {reason}" for reason in self.reasons if reason is not None)
        told = ", ".join(self.settled) or "nothing sent"
        return f"<new world {self.place}: crank {self.crank}, {one_line(told + why, 600)}>"


def run_worlds(
    tasks: Iterable[WorldTask],
    into: str | os.PathLike[str],
    feed: Feed | None = None,
    *,
    past: bool = True,
    processes: int | None = None,
    client: Client | None = None,
    progress: Callable[[int, int], None] | bool = False,
    each: Callable[[NewWorld], None] | None = None,
) -> list[NewWorld]:
    """Run whole worlds elsewhere: load each, feed it, run it, and bring the new world back as an archive.

    Args:
        tasks: the worlds, and what is fed to each. They are in memory here until all are done.
        into: a folder for the new worlds. `swingset.import_archive` makes world files of them.
        feed: called with the controller of each loaded world and the values of its task, after the messages
            of the task were delivered, for everything that is no message: a clock, a bridge, a new vat. It
            asks for nothing but these. What it returns is the row, a dict of plain data, or one such value.
        past: whether the worlds take their past along; without it the new one begins a history of its own.
        processes: of this machine, None for one for each core, 0 for none but this. They need the extra
            `cluster`.
        client: a client of a Dask cluster, whose processes are used instead.
        progress: called with how many tasks are done, and how many there are, as in `sweep`.
        each: called with each new world as it comes.
    Returns:
        The new worlds, in the order of the tasks. What goes wrong in one is its `error`.
    Raises:
        BadVariant: for messages or values that are no plain data, and for a feed that cannot be sent to
            another process.
        ClusterMissing: if processes are asked for, and the extra is not installed.
        NotLoaded: if a process of the cluster does not have the module of the feed.
        WorldError: if a world cannot be read or packed, or a new one cannot be written.
    Source:
        Ours. The digest of the new world is that which the given one would have after the same, here.
    Example:
        >>> from swingset.cluster import WorldTask, run_worlds
        >>> task = WorldTask(world, send=[("bank", "open_purse", ["ann"])])
        >>> (new,) = run_worlds([task], folder / "new", processes=0)
        >>> new.crank > world.crank, new.error
        (True, None)
    """
    folder = Path(into)
    folder.mkdir(parents=True, exist_ok=True)
    print_of = "" if feed is None else fingerprint(feed) or secrets.token_hex(16)
    worlds: dict[str, Carried] = {}
    files: dict[str, tuple[Carried, str | None]] = {}  # by their paths: each is read and packed once
    rows: dict[bytes, bytes] = {}
    refused: dict[str, NewWorld] = {}
    made: list[tuple[str, str, Variant]] = []
    for place, task in enumerate(tasks):
        variant = variant_of(Variant(task.values, task.send), place)
        if isinstance(task.world, Controller | Session):
            carried, words = _packed(task.world, past, rows), None
        else:
            path = os.fspath(task.world)
            if path not in files:
                files[path] = _packed_file(path, past, rows)
            carried, words = files[path]
        worlds[carried.id] = carried
        content = [carried.id, carried.worker, dict(variant.values), list(variant.send), past, print_of]
        name = hashlib.sha256(spelled(content).encode()).hexdigest()
        made.append((name, carried.id, variant))
        if words is not None:
            refused[name] = NewWorld(0, name, error=words)
    found = {name: _known(folder, name, level_of(past), len(variant.send)) for name, _, variant in made}
    done = {name: known for name, known in found.items() if known is not None} | refused
    left = {name: (world, variant) for name, world, variant in made if name not in done}
    total = len(done) + len(left)
    for known in done.values():
        tell(each, known)
    show = listener(progress)
    tell(show, len(done), total)
    for name, new, archive in _ran(worlds, rows, feed, past, left, client, processes):
        done[name] = kept = _keep(folder, new, archive)
        tell(each, kept)
        tell(show, len(done), total)
    return [replace(done[name], place=place) for place, (name, *_) in enumerate(made)]


def _packed(world: Controller | Session, past: bool, rows: dict[bytes, bytes]) -> Carried:
    """An open world as it is brought to other processes; its rows are added to the others."""
    controller = world.controller if isinstance(world, Session) else world
    with controller.lock:
        carried, brought = carry(controller, past=past, opens=False)
    rows.update(brought)
    return carried


def _packed_file(path: str, past: bool, rows: dict[bytes, bytes]) -> tuple[Carried, str | None]:
    """The world of a path as it is brought to other processes, and why it does not run; None if it does."""
    with _open(path) as controller:
        return _packed(controller, past, rows), _refusal(controller)


def _refusal(controller: Controller) -> str | None:
    """Why the vats of a world that was given by its path do not run here, in words; None if they do."""
    try:
        refuse_local(controller)
    except KernelError as problem:
        return f"{type(problem).__name__}: {problem}"
    return None


def _ran(
    worlds: Mapping[str, Carried],
    rows: Rows,
    feed: Feed | None,
    past: bool,
    left: Mapping[str, tuple[str, Variant]],
    client: Client | None,
    processes: int | None,
) -> Iterator[tuple[str, NewWorld, bytes]]:
    if client is None and processes == 0:
        for name, (world, variant) in left.items():
            yield (name, *run_one(worlds[world], rows, feed, past, name, variant))
    elif left:

        def lost(name: str, words: str) -> tuple[NewWorld, bytes]:
            return NewWorld(0, name, error=words), b""

        feed_name = f"feed-{secrets.token_hex(16)}"
        shared = {
            feed_name: Packed.of(feed),
            **{f"whole-{world}": carried for world, carried in worlds.items()},
        }
        tasks = {
            name: (Shared(feed_name), Shared(f"whole-{world}"), past, name, variant)
            for name, (world, variant) in left.items()
        }
        with clients(client, processes, len(left)) as using:
            bringer = Bringer(using, worlds.values(), rows)
            for new, archive in over(using, play_world, shared, tasks, lost, bringer):
                yield new.name, new, archive


def play_world(
    feed: Packed, carried: Carried, past: bool, name: str, variant: Variant
) -> tuple[NewWorld, bytes] | Lacking:
    """Run a task in a process of a cluster.

    Args:
        feed: called with the loaded world.
        carried: the world.
        past: whether the new world takes its past along.
        name: the name of the task.
        variant: its messages and values.
    Raises:
        NotLoaded: if the feed cannot be loaded here.
    """
    call: Feed | None = feed.value()
    with unpacked.lock:
        process = here()
        if lacking := unpacked.rows.lacks(carried.manifest.named()):
            return Lacking(process, carried.id, tuple(lacking))
        rows = unpacked.rows.of(carried.manifest)
    return run_one(carried, rows, call, past, name, variant)


def run_one(
    carried: Carried, rows: Rows, feed: Feed | None, past: bool, name: str, variant: Variant
) -> tuple[NewWorld, bytes]:
    """Load a world, feed it, run it, and pack what came of it.

    Args:
        carried: the world.
        rows: the rows that it names.
        feed: called with the loaded world.
        past: whether the new world takes its past along.
        name: the name of the task.
        variant: its messages and values.
    """
    with tempfile.TemporaryDirectory(prefix="swingset-", dir=unpacked.base) as folder:
        try:
            with opened(carried, rows, Path(folder)) as controller:
                sent = [
                    controller.queue_to_root(vat, method, list(args)) for vat, method, args in variant.send
                ]
                controller.run()
                row = {} if feed is None else feed(controller, dict(variant.values))
                controller.run()
                row = plain(row if isinstance(row, Mapping) else {"answer": row}, "the row of the feed")
                settled = tuple(controller.status(kref or "") for kref in sent)
                reasons = tuple(_why(controller, kref or "") for kref in sent)
                for kref in sent:
                    controller.release(kref or "")
                path = Path(folder) / "new.swingset"
                made = export_archive(controller, path, level=level_of(past))
            new = NewWorld(0, name, None, made.id, made.digest, made.crank, settled, reasons, row)
            return new, path.read_bytes()
        except Exception as problem:
            return NewWorld(0, name, error=error_in_words(problem)), b""


def _why(controller: Controller, kref: str) -> str | None:
    """Why a message was rejected, in words; None if it was not."""
    if controller.status(kref) != "rejected":
        return None
    try:
        reason = controller.resolution(kref)
    except KernelError as problem:
        return one_line(said(problem), 400)
    if isinstance(reason, BaseException):
        return error_in_words(reason)
    return one_line(repr(reason), 400)


@contextmanager
def _open(given: str) -> Iterator[Controller]:
    """The world to which a path leads: a world file, or an archive."""
    with tempfile.TemporaryDirectory(prefix="swingset-") as folder:
        path = Path(given)
        if path.is_file() and _begins(path).startswith(MAGIC):
            path = Path(folder) / "world"
            import_archive(given, path)
        with open_world(path, create=False, look_only=True) as controller:
            yield controller


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MAGIC))


def _keep(folder: Path, new: NewWorld, archive: bytes) -> NewWorld:
    """Write a new world into the folder, and then what is known of it."""
    if new.error is not None:
        return new
    path = folder / f"{new.name}.swingset"
    keep(path, archive)
    told: dict[str, Any] = {"name": new.name, "id": new.id, "row": new.row}
    told |= {"settled": list(new.settled), "reasons": list(new.reasons)}
    keep_data(folder / f"{new.name}.json", told)
    return replace(new, path=os.fspath(path))


_KEPT = {"name": str, "id": str, "settled": list, "reasons": list, "row": dict}
"""What is kept beside a new world, and of which type it is; its archive says the rest."""

_STATUSES = get_args(PromiseStatus)


def _known(folder: Path, name: str, level: ArchiveLevel, sent: int) -> NewWorld | None:
    """The new world of a task that has run before; None if it is not there, or not as it was written."""
    found = kept_data(folder / f"{name}.json")
    if found is None or {key: type(each) for key, each in found.items()} != _KEPT or found["name"] != name:
        return None
    settled = tuple(found["settled"])
    path = folder / f"{name}.swingset"
    reasons = tuple(found["reasons"])
    is_sound = len(settled) == sent and all(type(each) is str and each in _STATUSES for each in settled)
    wanted = tuple(str if each == "rejected" else type(None) for each in settled)
    is_sound = is_sound and tuple(map(type, reasons)) == wanted
    archive = kept_archive(path, found["id"]) if is_sound else None
    if archive is None or archive.vat is not None or archive.level != level:
        return None
    return NewWorld(
        0, name, os.fspath(path), found["id"], archive.digest, archive.crank, settled, reasons, found["row"]
    )
