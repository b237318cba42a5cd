"""Keeps a world within its retention: chooses a cut after a commit, and makes it.

Whether anything is to be dropped is decided by numbers of the file alone: bytes in use, cranks, and where a
checkpoint is. So no clock or chance has a say, and a host that knows the `bounds` compares two numbers after
each commit. The cut goes some way below what is allowed, so that the next one is far off and each commit is
dropped once.

No cut drops a checkpoint or the past after one, the last commit, or the present. Where the policy cannot be
met because of these, the file notes up to where that is known, and it is tried again beyond.

Each cut is a transaction of its own after the commit. If the process ends between the two, the cut is made
when the world is opened again. The file does not get smaller: the room is filled by later commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from swingset.model.visible import one_line

from . import retention
from .cuts import Cut
from .line import Line
from .prune import Pruned
from .retention import PruneReason, Retention, Tried
from .rows import MOST

if TYPE_CHECKING:
    from .file import WorldFile

_MOST_CUTS = 6
"""How many cuts are made at most to get below a ceiling; each is chosen with what the last one freed."""


class Enforced(NamedTuple):
    """What was dropped to keep a world within its retention; `unmet` says why that was not enough."""

    first: int
    what: Pruned | None
    unmet: str | None


class Bounds(NamedTuple):
    """Nothing has to go while fewer bytes are in use than these, and before that crank."""

    bytes: int
    crank: int


def bounds(world: WorldFile) -> Bounds:
    """Up to where nothing of the past has to go; with a checkpoint as the policy, each commit has to ask."""
    policy, tried = retention.read(world.db)
    if policy.checkpoint is not None:
        return Bounds(0, 0)
    return Bounds(
        MOST if policy.ceiling is None else max(policy.ceiling, tried.bytes),
        MOST if policy.cranks is None else max(_begins(world) + 2 * policy.cranks, tried.crank),
    )


def idle(world: WorldFile) -> str | None:
    """Why a world drops nothing by itself, and what does it; None if it does.

    Who takes its commits has them with their seals, which a cut computes again.
    """
    if world.lends_all:
        return "this is a fork, which goes when it is closed"
    log = world.history.log
    if log is None and not world.history.takers:
        return None
    taker = "a function of this program" if log is None else f"the log {one_line(log, 60)!r}"
    return f"{taker} has its commits with their seals, and a cut makes others; `prune` does it by hand"


def due(world: WorldFile) -> PruneReason | None:
    """The part of the policy that asks for a cut now, or None."""
    return _reason(world, *retention.read(world.db))


def unmet(world: WorldFile) -> str | None:
    """Why the policy cannot be met, and what helps; None if it is met, or a cut will be made."""
    policy, _ = retention.read(world.db)
    why = _reason(world, policy, Tried())
    return _unmet(world, policy, why) if why is not None and _cut(world, policy, why) is None else None


def _reason(world: WorldFile, policy: Retention, tried: Tried) -> PruneReason | None:
    if policy.ceiling is not None and world.used > max(policy.ceiling, tried.bytes):
        return "ceiling"
    if policy.cranks is not None:
        crank = world.history.commit(world.head).crank
        if crank >= tried.crank and crank - _begins(world) >= 2 * policy.cranks:
            return "cranks"
    if policy.checkpoint is not None:
        commit = _commit_of(world, policy.checkpoint)
        cut = world.history.cut
        # The last commit stays, so one that has the checkpoint waits for the next.
        if commit not in (None, 0, world.head, tried.commit, cut.seq if cut is not None else 0):
            return "checkpoint"
    return None


def enforce(world: WorldFile) -> Enforced | None:
    """Drop what the policy does not keep; None if nothing is due."""
    what: Pruned | None = None
    lacking: str | None = None
    for _ in range(_MOST_CUTS):
        if (why := due(world)) is None:
            break
        policy, _tried = retention.read(world.db)
        if (cut := _cut(world, policy, why)) is None:
            lacking = _unmet(world, policy, why)
            _note_tried(world, policy, why)
            continue
        pruned = world.prune(cut, to_images=policy.to_images, why=why)
        what = pruned if what is None else what + pruned
    if what is None and lacking is None:
        return None
    return Enforced(_begins(world) + 1, what, lacking)


def keep_policy(world: WorldFile, policy: Retention, tried: Tried | None = None) -> None:
    """Store a policy in the file. The world has no uncommitted changes."""
    world.begin()
    retention.store(world.db, policy, tried or Tried())
    world.history.seal_names()
    world.commit()


def _begins(world: WorldFile) -> int:
    """The last crank that is gone."""
    cut = world.history.cut
    return 0 if cut is None else cut.crank


def _commit_of(world: WorldFile, name: str) -> int | None:
    found = [label.seq for label in world.history.labels() if label.name == name]
    return found[0] if found else None


def _cut(world: WorldFile, policy: Retention, why: PruneReason) -> Cut | None:
    """The cut to make; None if nothing may be dropped."""
    line = Line(world.db, world.history, world.name)
    line.follow(world.head)
    most, _ = _bound(world, line)
    cut = world.history.cut
    least = 2 if cut is not None else 1  # the place of the cut that there is already is 1
    wanted = most
    if why == "cranks":
        assert policy.cranks is not None, "it is the reason"
        place = line.with_crank(line.marks[-1].crank - policy.cranks + 1) - 1
        wanted = min(place, most)
    elif why == "checkpoint":
        place = line.places.get(_commit_of(world, policy.checkpoint or "") or 0, 0)
        wanted = min(place, most)
    else:
        assert policy.ceiling is not None, "it is the reason"
        need = world.used - policy.ceiling * 3 // 4
        freed = _would_free(world, line, policy)
        wanted = next((place for place, size in freed if least <= place <= most and size >= need), most)
    return Cut(*line.marks[wanted]) if wanted >= least else None


def _bound(world: WorldFile, line: Line) -> tuple[int, str | None]:
    """The last place at which the line may be cut, and the checkpoint that allows no later one."""
    most, name = max(len(line.marks) - 2, 0), None
    for label in world.history.labels():
        at = label.seq
        while at not in line.places:
            at = world.history.parent(at) or 0
        if line.places[at] < most:
            most, name = line.places[at], label.name
    return most, name


def _would_free(world: WorldFile, line: Line, policy: Retention) -> Iterator[tuple[int, int]]:
    """For each place of the line, about how many bytes a cut there frees.

    Heap images, and with `to_images` transcripts, go in the measure in which commits do. What the whole state
    takes as a commit is not known before; if it is much, another cut follows.
    """
    world.make_whole()
    sizes = dict(world.rows("SELECT seq, length(changeset) + length(records) FROM commits"))
    ((shared,),) = world.rows("SELECT coalesce(sum(length(data)), 0) FROM heap_pages")
    if policy.to_images:
        ((told,),) = world.rows("SELECT coalesce(sum(octet_length(entry)), 0) FROM transcript")
        shared += told
    of_line = [sizes.get(mark.seq, 0) for mark in line.marks]
    beside = sum(sizes.values()) - sum(of_line)
    if world.history.cut is not None:
        of_line[1] = 0  # the whole state, which the new cut has too
    whole = max(sum(of_line), 1)
    for place, size in enumerate(accumulate(of_line)):
        yield place, beside + size + shared * size // whole


def _unmet(world: WorldFile, policy: Retention, why: PruneReason) -> str:
    """Why the policy cannot be met, and what helps."""
    line = Line(world.db, world.history, world.name)
    line.follow(world.head)
    place, name = _bound(world, line)
    if why == "ceiling":
        taken = f"{world.used:,} bytes are in use, more than the {policy.ceiling:,} of its retention"
        if name is None:
            return (
                f"{taken}, and no more of the past can go: the transcripts of current incarnations are needed"
                " to restore vats. Restart the vats (`upgrade-all`), allow `to_images`, or raise the ceiling"
            )
    else:
        taken = f"more is kept than {policy}"
        if name is None:
            return f"{taken}, because no older commit is left"
    crank = line.marks[place].crank
    return (
        f"{taken}, because checkpoint {one_line(name, 60)} keeps the past since crank {crank:,}: delete"
        " or move it, or choose another retention"
    )


def _note_tried(world: WorldFile, policy: Retention, why: PruneReason) -> None:
    """Note up to where the policy cannot be met."""
    _, tried = retention.read(world.db)
    if why == "ceiling":
        tried = tried._replace(bytes=world.used + max(policy.ceiling or 0, world.used) // 8)
    elif why == "cranks":
        crank = world.history.commit(world.head).crank
        tried = tried._replace(crank=2 * crank - _begins(world))
    else:
        tried = tried._replace(commit=_commit_of(world, policy.checkpoint or "") or 0)
    keep_policy(world, policy, tried)
