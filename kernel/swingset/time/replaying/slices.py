"""A history in slices, each of which can be replayed by itself: in another process, or on another machine.

A replay takes the state with which it begins as it is, and compares every later one. So a history that is cut
at some of its commits is replayed piece by piece: each slice begins in the recorded state of a commit, and
has to end in the one with which the next begins. The first begins where the history does. By induction all of
it then leads from there to the present, as if it had been replayed in one go.

Joined, the slices say what one replay says, to the word: the first difference is that of the first slice that
has one, because up to there all states are those that were recorded. One thing is more: in a full replay a
vat of a later slice is brought back from its heap image in the file, as `open_world` would do it, and from
the transcript since. If that is not the memory that the vat had, its slice may find it, and one replay never
looks.

A slice begins with a commit at which a heap image was saved, if there is one near, for then there is little
to repeat until its vats are back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise, takewhile

from swingset.time.replaying.replay import FirstDifference, Replayed, Replaying, in_words
from swingset.workers.base import WorkerFactory
from swingset.world.errors import HistoryBroken
from swingset.world.file import WorldFile
from swingset.world.prune import texts_written

_NEAR = 200
"""Within how many commits an image is looked for."""


@dataclass(frozen=True)
class HistorySlice:
    """A part of a history: its number, the commit in whose state it begins, and the one with which it ends.

    `cranks` is how many of them it has.
    """

    number: int
    begin: int
    end: int
    cranks: int


@dataclass(frozen=True)
class SliceReplayed:
    """What the replay of a slice has compared, with the digests of the states in which it begins and ends.

    `not_checked` has what could not be repeated, and how often.
    """

    slice: HistorySlice
    cranks: int
    requests: int
    commits: int
    not_checked: tuple[tuple[str, int], ...]
    difference: FirstDifference | None
    begins: str
    ends: str

    @property
    def ok(self) -> bool:
        """Whether everything that was compared agreed."""
        return self.difference is None


def slices_of(world: WorldFile, most: int) -> list[HistorySlice]:
    """Cut the history that leads to the present of a world.

    Args:
        world: a world that is committed.
        most: how many slices there are at most. They have about the same number of cranks.
    Raises:
        WorldError: if the history cannot be read.
    """
    line = list(world.history.ancestors(world.head))[::-1]
    cranks = [world.history.commit(seq).crank for seq in line]
    ends = [0]
    for number in range(1, most):
        wanted = cranks[0] + (cranks[-1] - cranks[0]) * number // most
        at = _with_image(world, line, ends[-1], bisect_left(cranks, wanted))
        if ends[-1] < at < len(line) - 1:
            ends.append(at)
    ends.append(len(line) - 1)
    return [
        HistorySlice(number, line[begin], line[end], cranks[end] - cranks[begin])
        for number, (begin, end) in enumerate(pairwise(ends))
        if begin < end or len(ends) == 2
    ]


def _with_image(world: WorldFile, line: list[int], after: int, at: int) -> int:
    """The last place before `at` whose commit has saved a heap image, if it is near; otherwise `at`."""
    least = max(at - _NEAR, (after + at) // 2)
    for place in range(at, least, -1):
        written = texts_written(world.history.changes(line[place]))
        if any(table == "spans" and text.startswith("h1-") for table, text in written):
            return place
    return at


def replay_slice(
    source: WorldFile, engines: Mapping[str, WorkerFactory] | None, wanted: HistorySlice
) -> SliceReplayed:
    """Replay a slice of a world.

    Args:
        source: a copy of the world, which goes to other commits meanwhile.
        engines: where the vats run again; None if their transcripts say what they did.
        wanted: the slice.
    Raises:
        HistoryBroken: if the history has no such slice.
        WorldError: if the history cannot be read.
    """
    line = list(takewhile(lambda seq: seq >= wanted.begin, source.history.ancestors(wanted.end)))[::-1]
    if line[:1] != [wanted.begin]:
        raise HistoryBroken(f"{source.name}: commit {wanted.begin} does not lead to commit {wanted.end}")
    source.goto(wanted.begin)
    begins = source.digest()
    replaying = Replaying(source, engines)
    try:
        found = replaying.along(line)
        source.goto(wanted.end)
        unchecked = tuple(replaying.not_checked.items())
        counted = found.cranks, found.requests, found.commits
        return SliceReplayed(wanted, *counted, unchecked, found.difference, begins, source.digest())
    finally:
        replaying.close()


def joined(slices: Iterable[SliceReplayed]) -> Replayed:
    """What all slices of a history say together, in the order of their numbers."""
    cranks = requests = commits = 0
    unchecked = Counter[str]()
    difference: FirstDifference | None = None
    before: SliceReplayed | None = None
    for each in sorted(slices, key=lambda replayed: replayed.slice.number):
        if before is not None and before.ends != each.begins:
            what = "the digest of the state with which the next slice begins"
            commit = before.slice.end
            difference = FirstDifference(commit, None, 0, None, what, each.begins, before.ends)
            break
        cranks, requests, commits = cranks + each.cranks, requests + each.requests, commits + each.commits
        unchecked.update(dict(each.not_checked))
        difference, before = each.difference, each
        if difference is not None:
            break
    return Replayed(cranks, requests, commits, in_words(unchecked), difference)
