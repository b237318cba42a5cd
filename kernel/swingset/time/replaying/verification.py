"""Verifies a world in four depths, and says at each what was not checked.

1. The hash chain: pages, seals of commits and labels, hashes of transcripts, heap images and code. It finds
   accidents and edits by hand.
2. Also each row by its rules, the references and ties between tables, and the state unwound through all its
   changes to the empty world. It finds a state that its history does not lead to.
3. Also a kernel replay: this kernel repeats each record, with what the transcripts say of vats. It finds
   records that the kernel would not have made.
4. Also a full replay: the vats run again. It finds transcripts that the code of the vats would not have made.

A depth looks deeper only if the ones before it found nothing. Nothing is changed: replays happen in copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.model.counting import plural
from swingset.model.foreign import shown
from swingset.time.replaying.replay import FirstDifference, replay
from swingset.world.verifying import Problem

Depth = Literal[1, 2, 3, 4]
"""How deep `verify` looks."""

DEPTHS: dict[int, str] = {
    1: "pages, the hash chain of commits, and the hashes of transcripts, heap images and code",
    2: "rows, references, and that all changes lead from the empty world to the state",
    3: "that this kernel repeats each record (kernel replay)",
    4: "that the vats repeat their transcripts (full replay)",
}
"""What each depth checks, besides what those before it do."""


@dataclass(frozen=True)
class Verified:
    """What `verify` found.

    `depth` is how deep it looked, which is less than was asked for if it found problems before. `problems`
    are those of the file, `difference` is the first difference of a replay. `not_checked` has a sentence for
    each thing that was not looked at.
    """

    depth: int
    problems: tuple[Problem, ...]
    difference: FirstDifference | None
    not_checked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that was checked is right."""
        return not self.problems and self.difference is None

    def headline(self) -> str:
        """How many problems were found.

        Example:
            >>> swingset.verify(world, 1).headline()
            '0 problems found'
        """
        count = len(self.problems) + (self.difference is not None)
        return f"{plural(count, 'problem')} found"

    def found(self) -> list[str]:
        """The problems and the first difference, one line each.

        Example:
            >>> swingset.verify(world, 1).found()
            []
        """
        difference = [] if self.difference is None else [f"the first difference: {self.difference}"]
        return [*map(str, self.problems), *difference]


def verify(controller: Controller, depth: Depth = 2) -> Verified:
    """Check a world in one of four depths, and say what was not checked.

    It commits first, because it compares the file with its history.

    Args:
        controller: an open world, which may be open to be looked at only.
        depth: 1 for the hash chain, 2 for the whole file, 3 for a kernel replay too, 4 for a full replay too,
            which runs the vats on the engines of the world, or if it has none, on those that confine them.
    Raises:
        KernelError: for another depth.
        WorldError: if the history cannot be read.
    Source:
        Ours; `assertComplete` of swing-store looks at the artifacts only.
    Example:
        >>> found = swingset.verify(world, 3)
        >>> found.ok, found.depth
        (True, 3)
    """
    check_depth(depth)
    problems = tuple(controller.verify(1 if depth == 1 else 2))
    if problems or depth < 3:
        return Verified(min(depth, 2), problems, None, deeper(min(depth, 2)))
    full = depth == 4
    alone = full and not controller.engines and controller.path is not None
    found = replay(controller.path if alone and controller.path else controller, full=full)
    return Verified(depth, (), found.difference, (*found.not_checked, *deeper(depth)))


def check_depth(depth: int) -> None:
    """Raise `KernelError` for a depth that there is not."""
    if type(depth) is not int or depth not in DEPTHS:
        depths = "; ".join(f"{each} {words}" for each, words in DEPTHS.items())
        raise KernelError(f"there is no depth {shown(depth)}: say 1, 2, 3 or 4. Each checks more: {depths}")


def deeper(depth: int) -> tuple[str, ...]:
    """What a look of that depth does not check, in words."""
    return tuple(words for each, words in DEPTHS.items() if each > depth)
