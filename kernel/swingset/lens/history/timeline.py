"""The timeline of a world: its commits in order, with what happened in each that people look for.

That is: vats that were created, upgraded, suspended, resumed and terminated, sessions that began anew,
checkpoints, and how many cranks and requests there were. It is read from the records of the line of commits
that leads to the present. Only commits in which a vat's own row changed are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import apsw

from swingset.model.cloning import read_cloned_from
from swingset.model.visible import one_line
from swingset.world.edge import told_in_words
from swingset.world.file import WorldFile
from swingset.world.line import Line, Mark
from swingset.world.record_lines import lines, read_records
from swingset.world.records import RowChange
from swingset.world.rows import RULES, Reader, not_text, options_of
from swingset.world.vats import ATTACHED

_VATS = b'["vats",'
_CELL = re.compile(rb'^\{"cell":\[([0-9]{1,15}),')
_AT = {
    column: list(RULES["vats"]).index(column)
    for column in ("name", "state", "incarnation", "id", "worker", "options")
}
_WORDS = {"suspended": "suspended", "live": "resumed", "terminated": "terminated"}
RENEWED = "session began anew"
"""What happens to the vat of an embedder or a notebook where another gets new code."""


@dataclass(frozen=True)
class Happening:
    """What happened to a vat: `created`, `upgraded`, `suspended`, `resumed` or `terminated`.

    The vat of a session is not upgraded: of it, `what` is `session began anew`. Of a clone that is created,
    `clone_of` is the name of its vat.

    `record` is the number of the record, and `crank` the last crank by then.
    """

    crank: int
    record: int
    vat: str
    what: str
    incarnation: int
    clone_of: str | None = None

    def __str__(self) -> str:
        return in_words(one_line(self.vat, 40), self.what, self.incarnation, self.clone_of)


def in_words(vat: str, what: str, incarnation: int, clone_of: str | None = None) -> str:
    """What happened to a vat, as a line names it."""
    if what == RENEWED:
        return f"{vat}: {RENEWED}"
    if clone_of is not None:
        return f"{vat} {what}, a clone of {one_line(clone_of, 40)}"
    return f"{vat} {what}" + (f" to incarnation {incarnation}" if what == "upgraded" else "")


@dataclass(frozen=True)
class Stretch:
    """One commit of the timeline: its last crank and record, and what happened since the one before.

    `cranks` and `requests` count those since. `cell` is the notebook cell that made the requests, if one did.
    `checkpoints` are its names. `size` is how many bytes its
    changes and records take. `cut` says that the past before it was pruned.

    Source:
        Ours.
    """

    commit: int
    crank: int
    record: int
    note: str
    cranks: int
    requests: int
    size: int
    checkpoints: tuple[str, ...] = ()
    happenings: tuple[Happening, ...] = ()
    cut: bool = False
    cell: int | None = None

    def words(self) -> str:
        """What happened, in words for people.

        Example:
            >>> made = world.checkpoint("before-lunch")
            >>> world.history.timeline()[-1].words()
            'checkpoint before-lunch'
        """
        found = [f"checkpoint {one_line(name, 60)}" for name in self.checkpoints]
        found += [str(happening) for happening in self.happenings]
        if self.cut:
            found.append("the past before it was pruned")
        return "; ".join(found) or one_line(self.note, 60)


@dataclass
class _Vats:
    """The vats as of a commit, by what is needed to see how they change."""

    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def begin(self, world: WorldFile, cut: int) -> None:
        """Begin with the vats of the commit at which the past was cut off."""
        for row in vats_then(world, cut):
            self.see(row, 0, 0)

    def see(self, row: RowChange, crank: int, record: int) -> Happening | None:
        """Take a row of the table of vats, and return what happened to that vat, if anything."""
        if row.after is None:
            self.known.pop(str(row.key[0]), None)
            return None
        vat, name, state = (str(row.after[_AT[column]]) for column in ("id", "name", "state"))
        incarnation = int(row.after[_AT["incarnation"]] or 0)
        before = self.known.get(vat)
        self.known[vat], self.names[vat] = (state, incarnation), name
        of = None
        if before is None:
            what, of = "created", clone_of(row, lambda vat: self.names.get(vat, vat))
        elif before[0] != state:
            what = _WORDS.get(state, state)
        elif before[1] != incarnation:
            what = RENEWED if row.after[_AT["worker"]] == ATTACHED else "upgraded"
        else:
            return None
        return Happening(crank, record, name, what, incarnation, of)


def clone_of(row: RowChange, called: Callable[[str], str]) -> str | None:
    """The name of the vat that the vat of a row is a clone of, or None; `called` says names by ids."""
    try:
        options = options_of(str(row.after[_AT["options"]])) if row.after is not None else {}
    except ValueError:
        return None
    of = read_cloned_from(options.get("cloned_from"))
    return None if of is None else called(of[0])


def vats_then(world: WorldFile, commit: int) -> Iterator[RowChange]:
    """The rows of the vats in the state with which a past begins that was cut.

    Raises `WorldError` for rows that are not as they should be.
    """
    reader = Reader("vats", ", ".join(RULES["vats"]))
    with told_in_words(world.name):
        try:
            for change in apsw.Changeset.iter(world.history.changes(commit).reader()):
                if change.name == "vats" and change.new is not None:
                    row: tuple[Any, ...] = tuple(change.new)
                    reader.check(world.name, row)
                    yield RowChange("vats", (), row)
        except UnicodeDecodeError as problem:
            raise not_text(world.name, "from vats", problem) from None


def timeline(world: WorldFile) -> Iterator[Stretch]:
    """The commits that lead to the current one, oldest first.

    Raises `WorldError` when it comes to records that cannot be read.
    """
    world.make_whole()
    line = Line(world.db, world.history, world.name)
    line.follow(world.head)
    names: dict[int, list[str]] = {}
    for label in world.labels():
        names.setdefault(label.seq, []).append(label.name)
    cut, vats = world.history.cut, _Vats()
    for before, mark in pairwise(line.marks):
        is_cut = cut is not None and mark.seq == cut.seq
        if is_cut:
            vats.begin(world, mark.seq)
        commit = world.history.commit(mark.seq)
        cranks = 0 if is_cut else mark.crank - before.crank
        yield Stretch(
            mark.seq,
            mark.crank,
            mark.record,
            commit.note,
            cranks,
            0 if is_cut else mark.record - before.record - cranks,
            commit.size,
            tuple(names.get(mark.seq, ())),
            *(((), True, None) if is_cut else _found(world, before, mark, vats)),
        )


def _found(
    world: WorldFile, before: Mark, mark: Mark, vats: _Vats
) -> tuple[tuple[Happening, ...], bool, int | None]:
    """What happened to vats in a commit, that it is no cut, and the cell that made its requests."""
    packed = world.history.records(mark.seq)
    cell, wanted = None, False
    for text in lines(packed):
        wanted = wanted or _VATS in text
        if cell is None and (found := _CELL.search(text)) is not None:
            cell = int(found[1])
    return tuple(_happenings(world, before, mark, vats)) if wanted else (), False, cell


def _happenings(world: WorldFile, before: Mark, mark: Mark, vats: _Vats) -> Iterator[Happening]:
    packed = world.history.records(mark.seq)
    for record in read_records(world.name, mark.seq, packed, number=before.record + 1, crank=before.crank):
        for row in record.rows or ():
            if row.table == "vats" and (seen := vats.see(row, record.crank, record.number)) is not None:
                yield seen
