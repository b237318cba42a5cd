"""What comes of a file in which one place was made wrong: a refusal by name, a suspended vat, or nothing.

The tamperings are generated from the schema (`cases`), so a new table or column has its own at once. A few of
each are tried here, all of them in the slow sweep.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from swingset.host.worlds.opening import open_world
from swingset.lens.state.verifying import verify
from swingset.world import schema
from swingset.world.rows import RULES
from swingset.world.seals import names_seal
from tests.tampering import worlds
from tests.tampering.cases import Case, cases
from tests.tampering.probing import REFUSALS, Probe

pytestmark = pytest.mark.unaudited

TABLES = sorted(
    {str(name) for kind, name, _, _ in schema.expected() if kind == "table"} - {"sqlite_sequence"}
)
LIVING = {
    "rich": worlds.rich,
    "panicked": worlds.panicked,
    "confined": worlds.confined,
    "logged": worlds.logged,
}
WHERE = {"panics": "panicked", "heap_pages": "confined", "snapshots": "confined", "meta": "logged"}
"""The worlds that have rows which the rich one has none of."""

MATTERS_NOT = ("meta[software].value", "new_bytes", "new_pages")
"""Places where a wrong value is only a wrong word: who made the file, and what a snapshot took in it."""


class Made:
    """The worlds, each made once, and a folder for their copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """The file of one world."""
        path = self.folder / f"{name}.world"
        if not path.exists():
            LIVING[name](path)
        return path

    def tampered(self, name: str, case: Case) -> Path | None:
        """A copy with one place made wrong; None where SQLite does not let it be."""
        copy = self.folder / "tampered.world"
        for left in self.folder.glob("tampered.world*"):
            left.unlink()
        shutil.copyfile(self.path(name), copy)
        return copy if case.apply(copy) else None

    def cases(self, table: str) -> list[Case]:
        """All cases of one table."""
        db = sqlite3.connect(self.path(WHERE.get(table, "rich")))
        try:
            return list(cases(db, table))
        finally:
            db.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The worlds to tamper with."""
    return Made(tmp_path_factory.mktemp("worlds"))


def some(found: list[Case], count: int) -> list[Case]:
    """So many of the cases, always the same ones, spread over columns and kinds of wrong values."""
    return sorted(found, key=lambda case: hashlib.sha256(case.name.encode()).digest())[:count]


def one_each(found: list[Case]) -> list[Case]:
    """One case of each column, and each that concerns whole rows."""
    chosen: dict[str, Case] = {}
    for case in some(found, len(found)):
        place = case.name.rpartition("]")[2].split(" ")[0]
        chosen.setdefault(place or case.name.partition("[")[0] + case.name.rpartition("]")[2], case)
    return list(chosen.values())


def probed(made: Made, world: str, case: Case, *, thoroughly: bool = False) -> None:
    """Nothing that is done with the tampered file fails in a way that it must not."""
    path = made.tampered(world, case)
    if path is None:
        return
    probe = Probe(path, made.folder)
    if thoroughly:
        probe.everything()
    else:
        probe.much()
    assert not probe.raw, f"{case.name}:\n" + "\n".join(probe.raw)


def found_out(made: Made, world: str, case: Case, *, must: bool = False) -> None:
    """Opening the tampered file is refused, or verify finds something wrong; it `must` have been altered."""
    path = made.tampered(world, case)
    assert not must or path is not None, case.name
    if path is None or any(place in case.name for place in MATTERS_NOT):
        return
    try:
        with open_world(path, worker="local", create=False, look_only=True) as controller:
            assert verify(controller.kernel.store), f"{case.name}: verify calls it sound"
    except REFUSALS:
        pass


def test_worlds_that_nobody_tampered_with_are_sound(made: Made) -> None:
    """Verify finds nothing wrong with worlds that have something in every table."""
    seen: set[str] = set()
    for name in LIVING:
        with open_world(made.path(name), worker="local", create=False, look_only=True) as controller:
            assert verify(controller.kernel.store) == []
            seen |= {table for table in TABLES if controller.world.row(f"SELECT 1 from {table}") is not None}
    assert seen == set(TABLES)


def test_every_column_of_the_state_has_a_rule() -> None:
    """A table or a column that is added is not read without being looked at."""
    db = sqlite3.connect(":memory:")
    for statement in schema.SCHEMA:
        db.execute(statement)
    for table, _ in schema.STATE_TABLES:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        assert sorted(RULES[table]) == sorted(columns), table


@pytest.mark.parametrize("table", TABLES)
def test_what_is_tampered_with_is_found(table: str, made: Made) -> None:
    """One place of each column made wrong, a row too many, too few or exchanged: verify tells of it."""
    for case in one_each(made.cases(table)):
        found_out(made, WHERE.get(table, "rich"), case)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_fails_over_what_is_tampered_with(table: str, made: Made) -> None:
    """Looking, running, attending, going back: refused by name, a suspended vat, or no effect."""
    for case in some(made.cases(table), 1):
        probed(made, WHERE.get(table, "rich"), case)


RECORDED = (
    "DELETE FROM meta WHERE key = 'log'",
    "UPDATE meta SET key = 'lag' WHERE key = 'log'",
    "UPDATE meta SET value = 'another' WHERE key = 'log'",
    "UPDATE meta SET value = value || ' ' WHERE key = 'log'",
    "DELETE FROM meta WHERE key = 'names'",
    f"UPDATE meta SET value = '{names_seal(None, ())}' WHERE key = 'names'",
    "DELETE FROM labels",
    *(
        f"UPDATE {table} SET sender = {value}"
        for table in ("queue", "parked", "promise_queue")
        for value in ("NULL", "sender + 1", "sender - 1", "0", "1")
    ),
    *(
        f"UPDATE commits SET {change} WHERE seq = (SELECT {which} FROM commits WHERE seq > 0)"
        for change in (
            "record = record + 1",
            "record = record - 1",
            "record = 0",
            "records = (SELECT records FROM commits WHERE seq = 0)",
            "records = (SELECT other.records FROM commits AS other WHERE other.seq = commits.seq - 1)",
            "records = x''",
            "records = CAST(records || x'00' AS BLOB)",
            "records = substr(records, 1, length(records) - 1)",
        )
        for which in ("min(seq)", "max(seq)", "max(seq) / 2")
    ),
)
"""One statement each: what records say, who sent what waits, and where commits are handed."""


@pytest.mark.parametrize("statement", RECORDED)
def test_what_is_recorded_cannot_be_another_unnoticed(statement: str, made: Made) -> None:
    """Verify tells of it, in a world that is sound without."""
    found_out(made, "logged", Case(statement, ((statement, ()),)), must=True)


def test_a_log_that_a_world_has_not_is_noticed(made: Made) -> None:
    """Who writes one into the file has a world that verify does not call sound."""
    statement = "INSERT INTO meta VALUES('log', 'ledger')"
    found_out(made, "rich", Case(statement, ((statement, ()),)), must=True)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_all_tamperings(table: str, made: Made) -> None:
    """The same two facts of every case there is."""
    for case in made.cases(table):
        found_out(made, WHERE.get(table, "rich"), case)
        probed(made, WHERE.get(table, "rich"), case, thoroughly=True)
