"""Finds the steps of earlier sessions in the records of a world.

A record of a request has the number of the cell that made it. So the commits of one cell are found: those
with its number, and those after them that only ran what it had sent. A request without a number is a step by
itself. Commits that only keep house, such as storing names, belong to the step before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from swingset.lens.history.taken_back import did_nothing, is_quiet
from swingset.world.edge import told_in_words
from swingset.world.history import History
from swingset.world.records import Record, RequestRecord


@dataclass
class EarlierStep:
    """One step: the cell that made it, if that is known, and the commit before it."""

    cell: int | None
    before: int
    loud: bool = False

    @property
    def words(self) -> str:
        """What it is called."""
        if self.cell is None:
            return f"what followed commit {self.before:,}"
        return f"cell [{self.cell}] of an earlier session"


def words_of_step(number: int | None) -> str:
    """What a step of the running session is called."""
    return "the last step" if number is None else f"cell [{number}]"


def find(
    history: History, last: int, count: int, vat: str, came_in: Callable[[Record], bool]
) -> list[EarlierStep]:
    """At most `count` steps up to a commit, newest first.

    Args:
        history: the commits.
        last: the newest one that is looked at.
        count: how many steps are wanted.
        vat: the id of the session's vat.
        came_in: whether a record is of something that came from another world, which is no step.
    """
    with told_in_words("the world"):
        return list(islice((step for step in _steps(history, last, vat, came_in) if step.loud), count))


def _steps(history: History, last: int, vat: str, came_in: Callable[[Record], bool]) -> Iterator[EarlierStep]:
    cut = history.cut
    step: EarlierStep | None = None
    ran = False  # whether newer commits without a request did more than keep house
    for seq in history.ancestors(last):
        parent = history.parent(seq)
        if parent is None or (cut is not None and seq <= cut.seq):
            break
        records = [record for record in history.records_of(seq) if not came_in(record)]
        ran = ran or not did_nothing(records, vat)
        cell = _cell(records)
        if cell is None and not _asks(records, vat):
            continue
        if step is None or cell is None or step.cell != cell:
            if step is not None:
                yield step
            step = EarlierStep(cell, parent)
        step.before, step.loud, ran = parent, step.loud or ran, False
        if any(_attaches(record) for record in records):
            yield step
            step = None
    if step is not None:
        yield step


def _cell(records: list[Record]) -> int | None:
    cells = (record.cell for record in records if isinstance(record, RequestRecord))
    return next((cell[0] for cell in cells if cell is not None), None)


def _asks(records: list[Record], vat: str) -> bool:
    return any(
        isinstance(record, RequestRecord) and not is_quiet(record, vat) for record in records
    ) and not did_nothing(records, vat)


def _attaches(record: Record) -> bool:
    return isinstance(record, RequestRecord) and record.verb == "attach-vat"
