"""What a branch of the past changes, and what it has come to: everything in it that is not as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swingset.host.base.requests import write
from swingset.host.worlds.controller import Controller
from swingset.model.capdata import CapData
from swingset.model.visible import one_line

MOST_SHOWN = 50
"""How many lines a branch in words has at most for each sort of thing that it lists."""


@dataclass(frozen=True)
class Addition:
    """A message that a branch adds: it is sent right after a crank, at the end of the run-queue.

    `target` is the name of a vat, for its root, or a kref of the recorded world. Each reference among
    the arguments is a `Ref` with a kref of that world.
    """

    after: int
    target: str
    method: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def methargs(self) -> CapData:
        """The call as capdata.

        Raises:
            TypeError: for an argument that cannot be passed.
        Example:
            >>> swingset.Addition(0, "bank", "open_purse", ["alice"]).methargs().body
            '#["open_purse",["alice"]]'
        """
        call: list[Any] = [self.method, list(self.args)]
        return write([*call, dict(self.kwargs)] if self.kwargs else call)


@dataclass(frozen=True)
class Changes:
    """What a branch changes: records that do not happen, other arguments, and messages that are added."""

    drop: frozenset[int] = frozenset()
    edit: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    add: tuple[Addition, ...] = ()
    strict: bool = False


@dataclass(frozen=True)
class BranchEntry:
    """An entry of the journal that is not as it was.

    `record` is the number of its record, `what` says what it was, and `why` says why it is listed.
    """

    record: int
    what: str
    why: str

    def __str__(self) -> str:
        return f"record {self.record}: {self.what}: {self.why}"


@dataclass(frozen=True)
class BranchAnswer:
    """A message from outside whose outcome is another one in the branch, or mail that is another one.

    `record` is 0 for mail that nothing recorded corresponds to.
    """

    record: int
    message: str
    recorded: str
    came: str

    def __str__(self) -> str:
        where = f"record {self.record}: " if self.record else ""
        return f"{where}{self.message}: recorded {self.recorded}, came {self.came}"


@dataclass(frozen=True)
class BranchAddition:
    """A message that was added, and what came of it."""

    message: Addition
    came: str

    def __str__(self) -> str:
        method = one_line(f"{self.message.method}()", 80)
        return f"after crank {self.message.after}: {method}: came {self.came}"


@dataclass(frozen=True)
class Branch:
    """A changed past that has been lived to the end.

    `controller` is the world in which it happened, in memory; closing the branch discards it, and
    `controller.history.export` keeps it as a file. `entries` counts what was asked of it again. `dropped` is
    what was left out because the caller wants it. `withheld` could not come again, `premise_changed` was sent
    after another outcome than it was then, `unanswered` are messages to scripts and calls of host code that
    no record answers, and `answers` are the outcomes that are others than they were. `added` has the messages
    that were added, with their outcomes. `notes` say what else is not as it was.
    """

    controller: Controller
    at: int
    entries: int
    withheld: tuple[BranchEntry, ...]
    premise_changed: tuple[BranchEntry, ...]
    unanswered: tuple[str, ...]
    answers: tuple[BranchAnswer, ...]
    dropped: tuple[BranchEntry, ...] = ()
    added: tuple[BranchAddition, ...] = ()
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Discard the branch.

        Example:
            >>> swingset.branch(world, at=world.crank).close()
        """
        self.controller.close(keep=False)

    def __enter__(self) -> Branch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lines(self, most: int | None = MOST_SHOWN) -> list[str]:
        """Everything that is not as it was, a line each.

        Args:
            most: how many lines of each sort there are at most, with a line that counts the others, and one
                line for all messages that were sent on another premise; None for all of them.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> sent = next(record.number for record in world.history.records() if record.verb == "send")
            >>> with swingset.branch(world, at=world.crank - 1, drop=[sent]) as found:
            ...     found.lines()
            []
        """
        sorts: tuple[tuple[str, Sequence[object]], ...] = (
            ("added", self.added),
            ("withheld", self.withheld),
            ("another answer", self.answers),
            ("unanswered", self.unanswered),
        )
        told = [line for sort, items in sorts for line in _some(sort, items, most)]
        return [*told, *_premises(self.premise_changed, most), *self.notes]

    def __str__(self) -> str:
        dropped = _some("dropped", self.dropped, MOST_SHOWN)
        first = f"a branch from crank {self.at}: {self.entries:,} entries came again"
        return "\n".join([first, *dropped, *self.lines()])


def _premises(entries: Sequence[BranchEntry], most: int | None) -> Iterator[str]:
    """After the first other outcome all later messages are listed, so the first one tells most of it."""
    if most is None or len(entries) < 2:
        yield from _some("premise changed", entries, most)
    else:
        yield one_line(f"premise changed: {entries[0]}, and {len(entries) - 1:,} more after it", 600)


def _some(sort: str, items: Sequence[object], most: int | None) -> Iterator[str]:
    """The first of some items, and how many more there are."""
    shown = items if most is None else items[:most]
    for item in shown:
        yield one_line(f"{sort}: {item}", 600)
    if len(items) > len(shown):
        yield f"{sort}: {len(items) - len(shown):,} more"
