"""How much of the past a world keeps: what it costs, and dropping what nobody wants to look back on.

A world drops the oldest part of its past by itself where its retention asks for it, right after a commit, and
says so in an output; `swingset.world.enforcing` says how. Pruning by hand drops the branches that neither the
present nor a checkpoint needs. It can also drop the past before a crank, or as much of it as a size in bytes
demands.
What is kept can be looked at, verified and forked as before. What is dropped is gone: those cranks cannot be
seen, repeated, debugged or gone back to, and no seal of a copy that was made before is the same.

What pruning or a retention would free is measured, not estimated: it is done in a copy that is thrown away.
"""

from __future__ import annotations

import logging
from argparse import Namespace
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from swingset.core.atomic import refuse_within_crank
from swingset.lens.watching.costs import costs as count_costs
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset.world import enforcing
from swingset.world.cuts import Cut
from swingset.world.edge import told_in_words
from swingset.world.errors import NoSuchMoment, StorageError, WorldError
from swingset.world.line import Line
from swingset.world.prune import Pruned
from swingset.world.retention import PastPrune, Retention, listed
from swingset.world.retention import read as read_retention

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from swingset.host.base.opened import Opened

_PROBES = 5  # how often a copy is pruned to find how much has to go


@dataclass(frozen=True)
class Freed:
    """What pruning has freed, or would free.

    `first` is the first crank that can be looked back on, and `bytes` what the file gets smaller by.
    `undebuggable` says in words what cannot be done any more.

    Source:
        Ours; swing-store has `keepTranscripts` and `keepSnapshots`.
    """

    first: int
    bytes: int
    size: int
    what: Pruned

    @property
    def undebuggable(self) -> tuple[str, ...]:
        """What is lost, one sentence each."""
        found = []
        if self.what.records and self.first > 1:
            found.append(
                f"Cranks before {self.first:,} cannot be seen, repeated, debugged or gone back to any more."
            )
        if self.what.labels:
            names = ", ".join(one_line(name, 40) for name in self.what.labels)
            found.append(f"These checkpoints are gone: {names}.")
        if self.what.entries:
            found.append(
                f"{self.what.entries:,} deliveries are in no transcript any more, so they cannot be repeated."
            )
        return tuple(found)

    def lines(self) -> list[str]:
        """What is freed and what is lost, in words.

        Example:
            >>> world.history.would_prune().lines()[0].endswith("bytes stay")
            True
        """
        what = self.what
        parts = (
            (what.commits, "commit"),
            (what.records, "record"),
            (what.entries, "delivery"),
            (what.snapshots, "heap image"),
            (what.pages, "heap page"),
            (what.bundles, "bundle"),
            (what.libraries, "guest library"),
        )
        counted = ", ".join(plural(count, name) for count, name in parts if count) or "nothing"
        return [f"{self.bytes:,} bytes: {counted}; {self.size:,} bytes stay", *self.undebuggable]


@dataclass(frozen=True)
class Kept:
    """How a world stands to its retention.

    `used` is how many bytes of the file are in use, and `cranks` how many cranks are kept. `more` is about
    how many messages fit below the ceiling, if that can be told. `prunes` are what was dropped, oldest first.
    `unmet` says why the retention cannot be kept, and `idle` why nothing is dropped by itself, if that is so.

    Source:
        Ours.
    """

    policy: Retention
    used: int
    cranks: int
    more: int | None
    prunes: tuple[PastPrune, ...]
    unmet: str | None = None
    idle: str | None = None

    def lines(self) -> list[str]:
        """The same in sentences.

        Example:
            >>> "bytes are in use" in world.history.kept().lines()[1]
            True
        """
        share = ""
        if self.policy.ceiling is not None:
            share = f", {100 * self.used // self.policy.ceiling} % of the ceiling"
        found = [
            f"retention: {self.policy}",
            f"{self.used:,} bytes are in use{share}; {self.cranks:,} cranks",
        ]
        if self.more is not None:
            found.append(f"about {self.more:,} more messages fit below the ceiling")
        return [*found, *self.troubles, *map(str, self.prunes[-3:])]

    @property
    def troubles(self) -> list[str]:
        """Why the retention is not kept, and why nothing is dropped by itself, in sentences.

        Example:
            >>> world.history.kept().troubles
            []
        """
        unmet = [] if self.unmet is None else [f"it is not kept: {self.unmet}"]
        return unmet if self.idle is None else [*unmet, f"nothing is dropped by itself: {self.idle}"]


def kept(opened: Opened) -> Kept:
    """How a world stands to its retention."""
    world = opened.world
    policy, costs = read_retention(world.db)[0], count_costs(world)
    more = None
    if policy.ceiling is not None and costs.each_message:
        more = max(policy.ceiling - world.used, 0) // costs.each_message
    idle = enforcing.idle(world)
    unmet = None if idle else enforcing.unmet(world)
    return Kept(policy, world.used, costs.cranks, more, tuple(listed(world.db)), unmet, idle)


def prune(opened: Opened, before: int | None, ceiling: int | None, to_images: bool) -> Freed:
    """Drop what is not to be kept, and shrink the file."""
    with opened.lock:
        refuse_within_crank(opened.kernel.store)
        opened.commit("before it is pruned")
        cut = _cut(opened, before, ceiling, to_images)
        return _freed(opened.world.prune(cut, to_images=to_images), cut)


def would_prune(opened: Opened, before: int | None, ceiling: int | None, to_images: bool) -> Freed:
    """Say what `prune` would free, without doing it."""
    with opened.lock:
        refuse_within_crank(opened.kernel.store)
        return _in_a_copy(opened, _cut(opened, before, ceiling, to_images), to_images)


def retain(opened: Opened, policy: Retention) -> Freed | None:
    """Store a policy, and drop what it does not keep; None if that is nothing."""
    with opened.lock:
        refuse_within_crank(opened.kernel.store)
        _refuse_missing(opened, policy)
        opened.commit("before its retention changes")
        before = opened.world.size
        opened.bounds = None
        enforcing.keep_policy(opened.world, policy)
        found = enforcing.enforce(opened.world) if enforcing.idle(opened.world) is None else None
        if found is None or found.what is None:
            return None
        opened.world.shrink()
        return Freed(found.first, before - opened.world.size, opened.world.size, found.what)


def would_retain(opened: Opened, policy: Retention) -> Freed | None:
    """Say what `retain` would drop, without doing it."""
    with opened.lock:
        refuse_within_crank(opened.kernel.store)
        _refuse_missing(opened, policy)
        if enforcing.idle(opened.world) is not None:
            return None
        with opened.world.fork() as twin:
            twin.make_whole()
            before = twin.size
            twin.commit()
            enforcing.keep_policy(twin, policy)
            found = enforcing.enforce(twin)
            if found is None or found.what is None:
                return None
            twin.shrink()
            return Freed(found.first, before - twin.size, twin.size, found.what)


def enforce(opened: Opened) -> None:
    """Keep a world within its retention, after a commit, and say in an output what was dropped.

    A failure is logged and not raised, because the commit is made. The next commit tries again, unless the
    history is damaged.
    """
    world, crank = opened.world, opened.kernel.cranks.count
    try:
        with told_in_words(world.name):
            if (idle := enforcing.idle(world)) is not None:
                _say_idle(opened, idle)
                return
            found = enforcing.enforce(world)
            opened.bounds = enforcing.bounds(world)
    except WorldError as problem:
        opened.retains, opened.bounds = isinstance(problem, StorageError), None
        _log.warning("the past is not dropped as the retention asks for: %s", problem)
        return
    if found is None:
        return
    if found.what is not None:
        lost = Freed(found.first, 0, 0, found.what).undebuggable[:1]
        opened.outputs.say(crank, f"retention of {read_retention(world.db)[0]}: {' '.join(lost)}", "file")
    if found.unmet is not None:
        opened.outputs.say(crank, f"retention of {read_retention(world.db)[0]}: {found.unmet}", "file")
    opened.outputs.release()


def _say_idle(opened: Opened, why: str) -> None:
    """Say once, in an output, that a world goes beyond its retention and drops nothing by itself."""
    world = opened.world
    if world.lends_all:
        return
    opened.bounds = enforcing.bounds(world)
    if opened.said_idle or enforcing.due(world) is None:
        return
    opened.said_idle = True
    words = f"retention of {read_retention(world.db)[0]}: nothing is dropped by itself: {why}"
    opened.outputs.say(opened.kernel.cranks.count, words, "file")
    opened.outputs.release()


def _refuse_missing(opened: Opened, policy: Retention) -> None:
    if policy.checkpoint is not None:
        opened.world.labelled(policy.checkpoint)


def _freed(pruned: Pruned, cut: Cut | None) -> Freed:
    first = 1 if cut is None else cut.crank + 1
    return Freed(first, pruned.before - pruned.after, pruned.after, pruned)


def _in_a_copy(opened: Opened, cut: Cut | None, to_images: bool) -> Freed:
    with opened.world.fork() as twin:
        return _freed(twin.prune(cut, to_images=to_images), cut)


def _cut(opened: Opened, before: int | None, ceiling: int | None, to_images: bool) -> Cut | None:
    """Where to cut: None if no past is to be dropped."""
    line = Line(opened.world.db, opened.world.history, opened.world.name)
    line.follow(opened.world.head)
    least_cut = 0
    if before is not None:
        if not 0 <= before <= line.marks[-1].crank + 1:
            words = f"has run {line.marks[-1].crank:,} cranks, and crank {before:,} is none that comes next"
            raise NoSuchMoment(f"{opened.world.name} {words}")
        least_cut = max(line.with_crank(before) - 1, 0)  # the last commit with all its cranks before that one
    first = Cut(*line.marks[least_cut]) if least_cut else None
    if ceiling is None or _in_a_copy(opened, first, to_images).size <= ceiling:
        return first
    low, high = least_cut + 1, len(line.marks) - 1
    last = Cut(*line.marks[high]) if high else None
    if last is None or (least := _in_a_copy(opened, last, to_images).size) > ceiling:
        least = opened.world.size if last is None else least
        raise WorldError(
            f"{opened.world.name}: the present alone takes {least:,} bytes, more than the {ceiling:,} that"
            " are wanted: nothing was pruned"
        )
    for _ in range(_PROBES):
        if low >= high:
            break
        middle = (low + high) // 2
        if _in_a_copy(opened, Cut(*line.marks[middle]), to_images).size <= ceiling:
            high = middle
        else:
            low = middle + 1
    return Cut(*line.marks[high])


def policy_of(options: Namespace, policy: Retention) -> Retention:
    """A policy as the options of a command or of a magic change it; what was not given stays as it is."""
    part = options.cranks is not None or options.checkpoint is not None
    if options.everything and part:
        raise WorldError("everything is kept, or a part of it: choose one")
    if options.ceiling is not None and options.no_ceiling:
        raise WorldError("there is a ceiling, or none: choose one")
    if options.everything or part:
        policy = replace(policy, cranks=options.cranks, checkpoint=options.checkpoint)
    if options.ceiling is not None or options.no_ceiling:
        policy = replace(policy, ceiling=options.ceiling)
    if options.to_images or options.everything:
        policy = replace(policy, to_images=options.to_images)
    return policy
