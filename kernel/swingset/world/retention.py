"""How much of its past a world keeps: a policy in its file, and the list of what was dropped.

Both belong to the host. They are rows of `meta`, which the seal of the names covers, so going back does not
change them, and no digest covers them. A row that cannot be read keeps everything: nothing is ever dropped
because a file is damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import apsw

from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import canonical
from swingset.model.visible import one_line

from .errors import WorldError
from .names import keep, stored
from .rows import MOST

KEY, PRUNES = "retention", "prunes"
"""The keys of the rows of `meta`."""

CEILING = 4 << 30
"""The ceiling of a world that nobody has chosen one for, in bytes: about a million messages."""

MOST_LISTED = 20
"""How many prunes a file lists; the oldest go first."""

PruneReason = Literal["asked", "cranks", "checkpoint", "ceiling"]
"""Why a past was dropped: because a host asked for it, or for a part of the policy."""


@dataclass(frozen=True)
class Retention:
    """How much of its past a world keeps. Without arguments: everything, up to a ceiling of 4 GiB.

    `cranks` is how many of the last cranks are kept; before the others go there may be twice as many.
    `checkpoint` is the name of a checkpoint, before which nothing is kept; it may be moved. `ceiling` is how
    many bytes of the file may be in use, None for any number. `to_images` also drops deliveries before the
    heap images of then, with which such a vat needs the engine that made its image.

    No policy drops a checkpoint, the past after one, the last commit, or the present.
    """

    cranks: int | None = None
    checkpoint: str | None = None
    ceiling: int | None = CEILING
    to_images: bool = False

    def __post_init__(self) -> None:
        for name, value in (("cranks", self.cranks), ("ceiling", self.ceiling)):
            if value is not None and not (type(value) is int and 1 <= value <= MOST):
                raise WorldError(f"{name} is {value!r}: give a whole number from 1, or None")
        if self.checkpoint is not None and type(self.checkpoint) is not str:
            raise WorldError(f"checkpoint is {self.checkpoint!r}: give the name of a checkpoint, or None")
        if self.cranks is not None and self.checkpoint is not None:
            raise WorldError("a past is kept back to a checkpoint or for a number of cranks: choose one")
        if type(self.to_images) is not bool:
            raise WorldError(f"to_images is {self.to_images!r}: give True or False")

    def __str__(self) -> str:
        kept = "everything"
        if self.cranks is not None:
            kept = f"the last {self.cranks:,} cranks"
        elif self.checkpoint is not None:
            kept = f"what came after checkpoint {one_line(self.checkpoint, 60)}"
        most = "" if self.ceiling is None else f", up to {self.ceiling:,} bytes"
        return f"{kept}{most}{', and transcripts back to heap images' if self.to_images else ''}"


EVERYTHING = Retention(ceiling=None)


class Tried(NamedTuple):
    """Where the policy could not be met: it is tried again beyond these bytes and that crank.

    `commit` is the checkpoint's commit back to which nothing more could be dropped.
    """

    bytes: int = 0
    crank: int = 0
    commit: int = 0


class PastPrune(NamedTuple):
    """One time at which a part of the past was dropped.

    `crank` is where the world stood, and `first` the first crank that was left. `commits`, `records` and
    `bytes` are what was dropped, and `why` is the part of the policy that asked for it, or `asked`.
    """

    crank: int
    first: int
    commits: int
    records: int
    bytes: int
    why: PruneReason

    def __str__(self) -> str:
        why = "asked for" if self.why == "asked" else f"for the {self.why} of its retention"
        dropped = f"{self.commits:,} commits, {self.records:,} records, {self.bytes:,} bytes"
        return f"dropped at crank {self.crank:,}, {why}: {dropped}; crank {self.first:,} was the first left"


def read(db: apsw.Connection) -> tuple[Retention, Tried]:
    """The policy of a file, and where it could not be met."""
    text = stored(db, KEY)
    if text is None:
        return Retention(), Tried()
    return parsed(text) or (EVERYTHING, Tried())


def parsed(text: str) -> tuple[Retention, Tried] | None:
    """A stored policy; None if it is none."""
    found = _json(text)
    if not isinstance(found, list) or len(found) != 5 or not _are_numbers(found[4], len(Tried._fields)):
        return None
    policy = of_json(found[:4])
    return None if policy is None else (policy, Tried(*found[4]))


def as_json(policy: Retention) -> list[Any]:
    """A policy as JSON data."""
    return [policy.cranks, policy.checkpoint, policy.ceiling, policy.to_images]


def of_json(found: Any) -> Retention | None:
    """The policy that JSON data stand for; None if it is none."""
    if not isinstance(found, list) or len(found) != 4:
        return None
    try:
        return Retention(*found)
    except WorldError:
        return None


def store(db: apsw.Connection, policy: Retention, tried: Tried) -> None:
    """Store a policy in the caller's transaction, who then renews the seal of the names."""
    keep(db, KEY, canonical([*as_json(policy), list(tried)]))


def listed(db: apsw.Connection) -> list[PastPrune]:
    """What was dropped of a file, oldest first; empty if the list cannot be read."""
    text = stored(db, PRUNES)
    return [] if text is None else parsed_list(text) or []


def parsed_list(text: str) -> list[PastPrune] | None:
    """A stored list; None if it is none."""
    found = _json(text)
    return [PastPrune(*each) for each in found] if are_prunes(found) else None


def are_prunes(found: Any) -> bool:
    """Whether JSON data are a list of what was dropped."""
    return (
        isinstance(found, list)
        and 0 < len(found) <= MOST_LISTED
        and all(isinstance(each, list) and _is_prune(each) for each in found)
    )


def list_again(db: apsw.Connection, prunes: list[list[Any]]) -> None:
    """Store a list of what was dropped, as JSON data; the caller then renews the seal of the names."""
    keep(db, PRUNES, canonical(prunes))


def note(db: apsw.Connection, prune: PastPrune) -> None:
    """Add to the list in the caller's transaction, who then renews the seal of the names.

    One that follows another at the same crank, for the same reason, is added to it.
    """
    known = listed(db)
    if known and (known[-1].crank, known[-1].why) == (prune.crank, prune.why) and prune.why != "asked":
        last = known.pop()
        prune = prune._replace(
            commits=last.commits + prune.commits,
            records=last.records + prune.records,
            bytes=last.bytes + prune.bytes,
        )
    list_again(db, [list(each) for each in [*known, prune][-MOST_LISTED:]])


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except Unreadable:
        return None


def _are_numbers(found: Any, count: int) -> bool:
    return (
        isinstance(found, list)
        and len(found) == count
        and all(type(each) is int and 0 <= each <= MOST for each in found)
    )


def _is_prune(found: list[Any]) -> bool:
    *numbers, why = found if found else [None]
    return _are_numbers(numbers, len(PastPrune._fields) - 1) and why in get_args(PruneReason)
