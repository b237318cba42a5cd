"""Sweeps: forks of a world by the thousand, each with something other, and a measure of what came of it.

What a fork does is a pure function of the world, the variant and the measure, so a task is named by a hash of
the three. An outcome that is known by that name is not lived again: in this process, or in a folder that is
given as a cache. A sweep that was stopped goes on from there when it is repeated.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swingset.cluster.bars import listener, tell
from swingset.cluster.carrying import Carried, carry, name_of
from swingset.cluster.keeping import keep_data, kept_data
from swingset.cluster.outcomes import Sweep, TrialOutcome
from swingset.cluster.packs import Bringer
from swingset.cluster.parcels import Rows
from swingset.cluster.pools import Packed, Shared, Task, clients, over, play
from swingset.cluster.trials import MakeScheduler, Measure, Measuring, Trial, live, outcome_of
from swingset.cluster.variants import BadVariant, Variant, spelled, task_name, variant_of
from swingset.host.sessions.session import Session
from swingset.host.variables.looking import is_reference
from swingset.host.worlds.controller import Controller
from swingset.model.visible import one_line
from swingset.world.rows import is_hash

if TYPE_CHECKING:
    from distributed import Client

    from swingset.time.forks.what_if import WhatIf

MOST_KNOWN = 20_000
"""How many outcomes this process remembers, those that were asked for last."""

_known: OrderedDict[str, TrialOutcome] = OrderedDict()


def sweep(
    world: Controller | Session,
    variants: Iterable[Variant | Mapping[str, Any]],
    measure: Measure,
    *,
    refs: Mapping[str, Any] | None = None,
    schedulers: Mapping[str, MakeScheduler] | None = None,
    processes: int | None = None,
    client: Client | None = None,
    progress: Callable[[int, int], None] | bool = False,
    each: Callable[[TrialOutcome], None] | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Live a world differently, many times, and measure what comes of it. The world does not change.

    Args:
        world: an open world, or a session of one. What waits to be committed is committed.
        variants: what is other in each fork: a `Variant`, or only the values that the measure reads.
        measure: called with a `Trial` in each fork, after the variant's messages were delivered. What it
            returns is the row: a dict of plain data, one such value, or a promise of the fork for it. It runs
            in other processes, so it may use nothing of the live world, and it should ask for nothing outside
            of the fork: chance and times are values of the variant.
        refs: references of the session that the measure may use, by name: `trial.ref("purse")`.
        schedulers: makers of schedulers that variants may name, called with their values. One named
            `shuffled`, the order that belongs to the value `seed`, is always there.
        processes: of this machine, None for one for each core, 0 for none but this. They need the extra
            `cluster`.
        client: a client of a Dask cluster, whose processes are used instead.
        progress: called with how many variants are done, and how many there are. True draws a bar in the
            terminal; in a notebook `swingset_nb.progress_bar()` does.
        each: called with each outcome as it comes.
        cache: a folder in which outcomes are kept and looked for, by the names of their tasks.
    Returns:
        The outcomes, in the order of the variants. What went wrong in a fork is its outcome.
    Raises:
        BadVariant: for a variant that is no plain data; for a measure that names a live reference or
            cannot be sent to another process.
        ClusterMissing: if processes are asked for, and the extra is not installed.
        NotLoaded: if a process of the cluster does not have the module of the measure.
        WorldError: if the world cannot be packed.
    Source:
        Ours. Golem forks one agent, Antithesis whole systems; here a fork is a file and a name.
    Example:
        >>> from swingset.cluster import Variant, sweep
        >>> def opened(trial):
        ...     return {"cranks": trial.controller.crank}
        >>> many = [Variant({"n": n}, send=[("bank", "open_purse", ["ann"])] * n) for n in range(3)]
        >>> found = sweep(world, many, opened, processes=0)
        >>> len(found), found[2].cranks > found[1].cranks
        (3, True)
    """
    controller = world.controller if isinstance(world, Session) else world
    made = [variant_of(given, place) for place, given in enumerate(variants)]
    named = _named(world, refs or {})
    _refuse_live(measure)
    past = any(variant.at is not None for variant in made)
    with controller.lock:
        crank = controller.crank
        brought = None if client is None and processes == 0 else carry(controller, past=past)
        world_id = name_of(controller, past=past) if brought is None else brought[0].id
    measuring = Measuring(measure, dict(schedulers or {}))
    print_of = _fingerprint(measuring)
    # A measure that nothing tells apart from others has no outcomes to find again.
    apart = print_of or secrets.token_hex(16)
    names = [task_name(world_id, variant, named, apart) for variant in made]
    kept = _Kept(cache) if print_of is not None else None
    tasks = {
        name: Task(place, name, variant, named)
        for place, (name, variant) in enumerate(zip(names, made, strict=True))
    }
    found = (
        {}
        if kept is None
        else {name: known for name, task in tasks.items() if (known := kept.get(task)) is not None}
    )
    before = len(found)
    show = listener(progress)
    tell(show, before, len(tasks))
    for outcome in found.values():
        tell(each, outcome)
    left = {name: task for name, task in tasks.items() if name not in found}
    for outcome in _lived(controller, brought, measuring, left, client, processes):
        found[outcome.name] = outcome
        if kept is not None:
            kept.put(outcome)
        tell(each, outcome)
        tell(show, len(found), len(tasks))
    ordered = [_at(found[name], place) for place, name in enumerate(names)]
    return Sweep(ordered, before, partial(_again, controller, made, named, measuring, world_id, crank))


def _lived(
    controller: Controller,
    brought: tuple[Carried, Rows] | None,
    measuring: Measuring,
    tasks: Mapping[str, Task],
    client: Client | None,
    processes: int | None,
) -> Iterator[TrialOutcome]:
    if brought is None:
        for task in tasks.values():
            yield outcome_of(controller, task.place, task.name, task.variant, task.refs, measuring)
    elif tasks:

        def lost(name: str, words: str) -> TrialOutcome:
            return TrialOutcome(tasks[name].place, name, dict(tasks[name].variant.values), error=words)

        carried, rows = brought
        world_name, measure_name = f"world-{carried.id}", f"measure-{secrets.token_hex(16)}"
        shared = {world_name: carried, measure_name: Packed.of(measuring)}
        given = {name: (Shared(world_name), Shared(measure_name), task) for name, task in tasks.items()}
        with clients(client, processes, len(tasks)) as using:
            yield from over(using, play, shared, given, lost, Bringer(using, [carried], rows))


def _again(
    controller: Controller,
    variants: list[Variant],
    refs: Mapping[str, str],
    measuring: Measuring,
    world: str,
    crank: int,
    place: int,
    look: Callable[[Trial], None] | None,
) -> tuple[WhatIf, str | None]:
    """A variant lived again in this process: from where the world was, if it has gone on."""
    variant = variants[place]
    with controller.lock:
        past = any(each.at is not None for each in variants)
        if variant.at is None and name_of(controller, past=past) != world:
            variant = replace(variant, at=crank)
        return live(controller, variant, refs, measuring, look)


def _at(outcome: TrialOutcome, place: int) -> TrialOutcome:
    return outcome if outcome.place == place else TrialOutcome(**{**asdict(outcome), "place": place})


def _named(world: Controller | Session, refs: Mapping[str, Any]) -> dict[str, str]:
    """The kernel's names of references, which mean the same in every copy of the world."""
    named: dict[str, str] = {}
    for name, value in refs.items():
        kref = world.kref_of(value) if isinstance(world, Session) else None
        if kref is None or not kref.startswith("ko"):
            words = "is no reference of this session to an object"
            where = "" if isinstance(world, Session) else ": give the sweep the session, not its controller"
            raise BadVariant(f"refs: {one_line(name, 60)!r} {words}{where}")
        named[name] = kref
    return named


def _refuse_live(measure: Measure) -> None:
    """Raise `BadVariant` for a measure that names a reference of the live world."""
    if not inspect.isfunction(measure):
        return
    found = inspect.getclosurevars(measure)
    for name, value in {**found.globals, **found.nonlocals}.items():
        if is_reference(value):
            words = f"the measure uses {one_line(name, 60)}, a reference of the live world"
            raise BadVariant(
                f"{words}: a fork has its own. Give refs={{{name!r}: {name}}} to the sweep, and use"
                f" trial.ref({name!r}) in the measure"
            )


def _fingerprint(measuring: Measuring) -> str | None:
    """A hash of the measure and the schedulers; None if nothing tells one of them apart."""
    prints = [fingerprint(measuring.measure)]
    for name, make in sorted(measuring.schedulers.items()):
        prints += [name, fingerprint(make)]
    return None if None in prints else hashlib.sha256(spelled(prints).encode()).hexdigest()


def fingerprint(measure: Callable[..., Any]) -> str | None:
    """A hash of what a measure does; None for one that nothing tells apart, whose outcomes are not kept.

    Args:
        measure: a function. What it uses of a module that is a file is hashed with the file.
    """
    try:
        from dask.tokenize import TokenizationError, tokenize
    except ImportError:
        return None
    try:
        token = tokenize(measure, ensure_deterministic=True)
    except (TokenizationError, TypeError, ValueError):
        return None
    module = sys.modules.get(getattr(measure, "__module__", None) or "")
    path = getattr(module, "__file__", None)
    if path is not None:
        try:
            token += hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError:
            return None
    return hashlib.sha256(token.encode()).hexdigest()


class _Kept:
    """Outcomes that are known, in this process and in a folder."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, task: Task) -> TrialOutcome | None:
        """The outcome of a task, if it is known."""
        found = _known.get(task.name)
        if found is None and self._folder is not None:
            found = _read(self._folder / f"{task.name}.json", task)
        if found is not None:
            _known[task.name] = found
            _known.move_to_end(task.name)
        return found

    def put(self, outcome: TrialOutcome) -> None:
        """Remember an outcome, unless something outside of the fork may have gone wrong."""
        if outcome.error is not None:
            return
        _known[outcome.name] = outcome
        while len(_known) > MOST_KNOWN:
            _known.popitem(last=False)
        if self._folder is not None:
            path = self._folder / f"{outcome.name}.json"
            keep_data(
                path, {each: value for each, value in asdict(outcome).items() if each in _KEPT}, sync=False
            )


_KEPT = {"name": str, "row": dict, "digest": str, "cranks": int, "computrons": int}
"""What is kept of an outcome, and of which type it is; the rest is known from its task."""


def _read(path: Path, task: Task) -> TrialOutcome | None:
    """An outcome from a file; None if there is none, or if it is not what was written."""
    found = kept_data(path)
    if found is None or {key: type(each) for key, each in found.items()} != _KEPT:
        return None
    is_sound = is_hash(found["digest"]) and min(found["cranks"], found["computrons"]) >= 0
    if not is_sound or found["name"] != task.name:
        return None
    return TrialOutcome(place=task.place, values=dict(task.variant.values), **found)
