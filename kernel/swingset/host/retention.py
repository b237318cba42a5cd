"""How much of the past a world keeps: what it costs, and dropping what nobody wants to look back on.

Everything is kept until it is pruned. Pruning without arguments drops the branches that neither the present
nor a checkpoint needs. It can also drop the past before a crank, or as much of it as a size in bytes demands.
What is kept can be looked at, verified and forked as before. What is dropped is gone: those cranks cannot be
seen, repeated, debugged or gone back to, and no seal of a copy that was made before is the same.

What pruning would free is measured, not estimated: it is done in a copy that is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.atomic import refuse_within_crank
from swingset.host.opened import Opened
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset.world.cuts import Cut
from swingset.world.errors import NoSuchMoment, WorldError
from swingset.world.line import Line
from swingset.world.prune import Pruned

_PROBES = 5  # how often a copy is pruned to find how much has to go


@dataclass(frozen=True)
class Freed:
    """What pruning has freed, or would free.

    `first` is the first crank that can be looked back on, and `bytes` what the file gets smaller by.
    `undebuggable` says in words what cannot be done any more.
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
