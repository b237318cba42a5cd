"""What of a world's past is not in its file: up to where it is gone, and what was made by then.

The past of a file begins with the empty world, unless it was pruned, or unpacked from an archive without it,
or made by a version that kept no records. The state at which the records begin is known in each case. So what
was made before can be told from what was made later: names are numbered, and the state has the next numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import apsw

from .history import History
from .line import Line

_COUNTED = ("ko", "kp", "kd", "v")
_NAME = re.compile(r"(ko|kp|kd|v)([0-9]{1,18})\Z", re.ASCII)


@dataclass(frozen=True)
class Gone:
    """The beginning of a past that is not whole.

    `commit` is the last commit without records, and `place` its place on the line; `crank` and `record` are
    its last crank and record. `last` is the last crank of the line. `pruned` says whether the past was
    pruned, or never was in this file.
    """

    commit: int
    crank: int
    record: int
    last: int
    pruned: bool
    place: int

    @property
    def first(self) -> int:
        """The first crank that is left, or the next one that is run."""
        return self.crank + 1

    def __str__(self) -> str:
        words = "was pruned" if self.pruned else "is not in this file"
        left = f"crank {self.first:,} is the first that is left"
        if self.last == self.crank:
            left = "no crank has been run since"
        return f"the past up to crank {self.crank:,} {words}; {left}"


def what_is_gone(history: History, line: Line) -> Gone | None:
    """What the past on a line of commits lacks; None if it begins with the empty world."""
    cut, marks = history.cut, line.marks
    place = next((at for at, mark in enumerate(marks) if mark.record > marks[0].record), len(marks)) - 1
    was_cut = cut is not None and len(marks) > 1 and marks[1].seq == cut.seq
    if was_cut:
        place = max(place, 1)
    if place <= 0:
        return None
    base = marks[place]
    return Gone(base.seq, base.crank, base.record, marks[-1].crank, was_cut, place)


class Made:
    """Tells what was made before the past that is left, by its name."""

    def __init__(self, history: History, line: Line, gone: Gone | None) -> None:
        self._next: dict[str, int] = {}
        if gone is not None:
            for place in range(gone.place, 0, -1):
                self._read(history, line.marks[place].seq)
                if len(self._next) == len(_COUNTED):
                    break

    def _read(self, history: History, commit: int) -> None:
        found: dict[str, int] = {}
        for change in apsw.Changeset.iter(history.changes(commit).reader()):
            if change.name != "counters":
                if found:
                    break  # the rows of a table are beside each other
            elif change.new is not None:
                name, value = change.new
                if name is apsw.no_change and change.old is not None:
                    name = change.old[0]
                if name in _COUNTED and type(value) is int:
                    found[str(name)] = value
        self._next = found | self._next

    def before(self, name: str) -> bool:
        """Whether an object, promise, device or vat of that name was made before."""
        found = _NAME.match(name)
        return found is not None and int(found[2]) < self._next.get(found[1], 0)
