"""What `verify` tells of a file: one alteration at a time, and each of them is found where it is."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from swingset.world import WorldFile, verifying
from swingset.world.codec import compress
from swingset.world.counters import Counters
from swingset.world.seals import Sealed, commit_seal
from swingset.world.verifying import problems

HEX = "0123456789abcdef" * 4
REAP = {"type": "reap", "vat": "v1"}
NOT_TEXT = "CAST(x'ff' AS TEXT)"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with four commits, one of them on a branch, bulk of each kind, and a label."""
    path = tmp_path_factory.mktemp("sound") / "sound.world"
    with WorldFile.open(path) as world:
        for number, crank in ((1, 1), (2, 2), (3, 2)):
            if number == 3:
                world.goto(1)
            world.begin_crank()
            Counters(world).set("crank", crank)
            Counters(world).set(f"n{number}", number)
            entry = world.transcripts.append("v1", 0, 0, 1, None, {"n": 0})
            world.transcripts.append("v1", 0, 1, 2, entry, {"n": 1})
            world.bundles.put((("main", "x = 1"),))
            world.journal.append({"crank": crank, "event": REAP, "outcome": "delivered"})
            world.release_crank()
            world.commit(f"number {number}")
        world.label("here")
        assert list(problems(world)) == []
    return path


FOUND: dict[str, tuple[str, str]] = {
    "format": ("UPDATE meta SET value = '9' WHERE key = 'format'", "meta, format: it is not 3"),
    "no format": ("DELETE FROM meta WHERE key = 'format'", "meta, format: it is not 3"),
    "software": ("DELETE FROM meta WHERE key = 'software'", "meta, software: the row is missing"),
    "a row more": ("INSERT INTO meta VALUES('more', 'x')", "meta, more: no world has such a row"),
    "a value": ("UPDATE counters SET value = 9 WHERE name = 'n3'", "counters, n3: it holds other values"),
    "a row too many": ("INSERT INTO counters VALUES('odd', 1)", "counters, odd: no commit has written this"),
    "a row missing": ("DELETE FROM counters WHERE name = 'n1'", "counters, n1: it is not there any more"),
    "a rule": ("INSERT INTO pins VALUES('v1')", "pins, v1: kref is no kref"),
    "no text in state": (
        f"INSERT INTO pins VALUES('ko1'), ({NOT_TEXT})",
        "pins, ?: it holds text that is not",
    ),
    "no text in a note": (f"UPDATE commits SET note = {NOT_TEXT} WHERE seq = 2", "commits, ?: it holds text"),
    "no text in a label": (
        f"INSERT INTO labels SELECT 'herf', 3, {NOT_TEXT}, seal FROM labels",
        "labels, ?: it holds text",
    ),
    "no text in bulk": (
        f"INSERT INTO bundles VALUES({NOT_TEXT}, '[]')",
        "bundles, ?: it holds text that is not UTF-8",
    ),
    "a seal": (f"UPDATE commits SET seal = '{HEX}' WHERE seq = 2", "commits, 2: it was altered: its seal"),
    "a note": ("UPDATE commits SET note = 'x' WHERE seq = 3", "commits, 3: it was altered: its seal"),
    "a parent": ("UPDATE commits SET parent = 7 WHERE seq = 3", "commits, 3: its parent 7 is not before it"),
    "a loop": ("UPDATE commits SET parent = 3 WHERE seq = 3", "commits, 3: its parent 3 is not before it"),
    "no parent": ("UPDATE commits SET parent = NULL WHERE seq = 2", "commits, 2: its parent None is not"),
    "a first that has one": (
        "UPDATE commits SET parent = 1 WHERE seq = 0",
        "commits, 0: its parent 1 is not",
    ),
    "no first": ("DELETE FROM commits WHERE seq = 0", "commits, 0: the row is missing"),
    "a digest": ("UPDATE commits SET digest = 'x' WHERE seq = 1", "commits, 1: digest is no SHA-256 in hex"),
    "another digest": (
        f"UPDATE commits SET digest = '{HEX}' WHERE seq = 2",
        "commits, 2: digest is not that",
    ),
    "a digest of the head": (
        f"UPDATE commits SET digest = '{HEX}' WHERE seq = 3",
        "commits, 3: digest is not",
    ),
    "a label's commit": (
        "UPDATE labels SET commit_seq = 9",
        "labels, here: it names commit 9, which is missing",
    ),
    "a label moved": (
        "UPDATE labels SET commit_seq = 1",
        "labels, here: it was altered: its seal is another",
    ),
    "a label without digest": (
        "UPDATE commits SET digest = NULL",
        "commits, 3: it has the label here, and no",
    ),
    "a label gone": (
        "DELETE FROM labels",
        "meta, names: a label, the log, a beginning, the cut or the retention is missing",
    ),
    "a log": (
        "INSERT INTO meta VALUES('log', 'x')",
        "meta, names: a label, the log, a beginning, the cut or the retention is missing",
    ),
    "no names": (
        "DELETE FROM meta WHERE key = 'names'",
        "meta, names: a label, the log, a beginning, the cut or the retention is missing",
    ),
    "a low number": ("UPDATE sqlite_sequence SET seq = 2", "sqlite_sequence, commits: it is lower than the"),
    "no number": ("DELETE FROM sqlite_sequence", "sqlite_sequence, commits: it is lower than the number of"),
    "odd number": ("UPDATE sqlite_sequence SET seq = 'x'", "sqlite_sequence, commits: it is lower than the"),
    "an entry": ("UPDATE transcript SET entry = '{}'", "was altered"),
    "an entry's order": ("DELETE FROM transcript WHERE position = 0", "the entry before it is not there"),
    "a bundle": ("UPDATE bundles SET source = '[]'", "bundles, b1-"),
}


def altered(sound: Path, folder: Path, *statements: str) -> Path:
    """A copy in which statements were run."""
    copy = folder / "altered.world"
    shutil.copyfile(sound, copy)
    db = sqlite3.connect(copy)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return copy


@pytest.mark.parametrize("name", FOUND)
def test_an_alteration_is_found_where_it_is(name: str, sound: Path, tmp_path: Path) -> None:
    """The table, the row and what is wrong with it, whatever else is wrong because of it."""
    statement, words = FOUND[name]
    with WorldFile.look(altered(sound, tmp_path, statement)) as world:
        told = [str(problem) for problem in problems(world)]
    assert [one for one in told if words in one], told


def test_a_sender_is_an_earlier_record(sound: Path, tmp_path: Path) -> None:
    """The record just before may be it."""
    path = altered(sound, tmp_path)
    sealed(path, 2, records=compress(SENT_BY % 1))
    with WorldFile.look(path) as world:
        assert list(problems(world)) == []


def test_a_head_that_is_missing_is_told_of(sound: Path, tmp_path: Path) -> None:
    """Though such a file can hardly be opened."""
    with WorldFile.look(altered(sound, tmp_path)) as world:
        world.head = 9
        assert [str(found) for found in problems(world)] == [
            "meta, head: it names commit 9, which is missing"
        ]


def sealed(path: Path, seq: int, **columns: object) -> None:
    """Alter columns of a commit, the last of its branch, under a seal that is right."""
    db = sqlite3.connect(path)
    for column, value in columns.items():
        db.execute(f"UPDATE commits SET {column} = ? WHERE seq = ?", (value, seq))
    query = "SELECT seq, parent, crank, record, note, changeset, records FROM commits WHERE seq = ?"
    found = Sealed(*db.execute(query, (seq,)).fetchone())
    (before,) = db.execute("SELECT seal FROM commits WHERE seq = ?", (found.parent,)).fetchone()
    db.execute("UPDATE commits SET seal = ? WHERE seq = ?", (commit_seal(before, found), seq))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()


SENT_BY = b'{"crank":2,"event":{"type":"reap","vat":"v1"},"outcome":"delivered","sender":%d}'
SEALED: list[tuple[dict[str, object], str]] = [
    ({"crank": 7}, "commits, 2: crank is 7, and the state's is another"),
    ({"record": 3}, "commits, 2: its records end with number 2 and crank 2, and it says otherwise"),
    ({"record": 1}, "commits, 2: its records end with number 2 and crank 2, and it says otherwise"),
    ({"records": compress(b"x")}, "commits, 2: record 2 is none: "),
    ({"records": compress(SENT_BY % 2)}, "commits, 2: record 2 names record 2 as its sender, which is later"),
    ({"changeset": compress(b"garbage")}, "commits, 2: it cannot be repeated: its changeset cannot be read"),
    ({"changeset": compress(b"")}, "commits, 2: crank is 2, and the state's is another"),
]


@pytest.mark.parametrize(("columns", "words"), SEALED, ids=[words for _, words in SEALED])
def test_a_commit_is_held_against_its_state(
    columns: dict[str, object], words: str, sound: Path, tmp_path: Path
) -> None:
    """On a branch too, and even where all seals are right."""
    path = altered(sound, tmp_path)
    sealed(path, 2, **columns)
    with WorldFile.look(path) as world:
        told = [str(problem) for problem in problems(world)]
    assert [one for one in told if one.startswith(words)], told


@pytest.mark.parametrize(("more", "told"), [(0, False), (-1, True)])
def test_history_may_unpack_to_so_much(
    more: int, told: bool, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records and changes of all commits, each as often as it is gone through; beyond that it ends."""
    with WorldFile.look(sound) as world:
        history = world.history
        records = sum(history.records(seq).size for seq in (1, 2, 3))
        changes = {seq: history.changes(seq).size for seq in (1, 2, 3)}
        needed = records + changes[3] + changes[1] + 2 * changes[2]
        monkeypatch.setattr(verifying, "MOST_TIMES", 0)
        monkeypatch.setattr(verifying, "MOST_UNPACKED", needed + more)
        found = [str(problem) for problem in problems(world)]
        assert any("unpack" in one for one in found) is told
        monkeypatch.setattr(verifying, "MOST_UNPACKED", records - 1)
        assert any("its records unpack to more" in str(problem) for problem in problems(world))


def test_so_many_problems_are_told_of(sound: Path, tmp_path: Path) -> None:
    """A file in which everything is wrong does not fill the memory."""
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
    statements = [f"{rows} INSERT INTO {table} SELECT {values} FROM n" for table, values in (
        ("pins", "'ko' || i"), ("kept", "'kp' || i"), ("dead", "'v' || i"),
    )]  # fmt: skip
    with WorldFile.look(altered(sound, tmp_path, *statements)) as world:
        told = [problem for problem in problems(world) if problem.reason == "no commit has written this row"]
    assert len(told) == 3 * 20
