"""What a branch of the past has come to: the world in it, and everything in it that is not as it was."""

from __future__ import annotations

from dataclasses import dataclass

from swingset.host.controller import Controller


@dataclass(frozen=True)
class BranchEntry:
    """An entry of the journal that is not as it was: its record, what it was, and why it is listed."""

    record: int
    what: str
    why: str

    def __str__(self) -> str:
        return f"record {self.record}: {self.what}: {self.why}"


@dataclass(frozen=True)
class BranchAnswer:
    """A message from outside whose outcome is another one in the branch."""

    record: int
    message: str
    recorded: str
    came: str

    def __str__(self) -> str:
        return f"record {self.record}: {self.message}: recorded {self.recorded}, came {self.came}"


@dataclass(frozen=True)
class Branch:
    """A changed past that has been lived to the end.

    `controller` is the world in which it happened, in memory; closing the branch discards it, and
    `controller.history.export` keeps it as a file. `entries` counts what was asked of it again. `withheld`
    could not be, `premise_changed` was sent after another outcome than it was then, `unanswered` are messages
    to scripts that no record answers, and `answers` are the outcomes that are others than they were.
    """

    controller: Controller
    at: int
    entries: int
    withheld: tuple[BranchEntry, ...]
    premise_changed: tuple[BranchEntry, ...]
    unanswered: tuple[str, ...]
    answers: tuple[BranchAnswer, ...]

    def close(self) -> None:
        """Discard the branch.

        Example:
            >>> swingset.branch(world, at=world.crank).close()
        """
        self.controller.close()

    def __enter__(self) -> Branch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        told = [f"a branch from crank {self.at}: {self.entries:,} entries came again"]
        told += [f"withheld: {entry}" for entry in self.withheld]
        told += [f"premise changed: {entry}" for entry in self.premise_changed]
        told += [f"unanswered: {line}" for line in self.unanswered]
        told += [f"another answer: {answer}" for answer in self.answers]
        return "\n".join(told)
