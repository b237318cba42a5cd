"""Worlds of the format before: what is altered in one is refused by name, and nothing is made of it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from swingset.world import WorldFile
from swingset.world.errors import DamagedWorld, NotAWorld, OddFile, OlderFormat, WorldError, WorldMissing
from swingset.world.migration import migrate
from swingset.world.verifying import problems
from tests.corpus.playing import FOLDER, SUFFIX, unpack
from tests.meddling import altered

OLD = "unfinished"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of the format before, with two labels."""
    path = unpack(FOLDER / f"{OLD}{SUFFIX}", tmp_path_factory.mktemp("old") / "old.world")
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()
    return path


def changed(old: Path, folder: Path, *statements: str) -> Path:
    """A copy in which some statements were run."""
    copy = folder / "changed.world"
    shutil.copyfile(old, copy)
    db = sqlite3.connect(copy)
    db.execute("PRAGMA writable_schema=ON")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return copy


REFUSED: dict[str, tuple[str, type[WorldError], str]] = {
    "another table": ("CREATE TABLE more(a)", NotAWorld, "has other tables than a world of format 2 has"),
    "no table": ("DROP TABLE labels", NotAWorld, "has other tables than a world of format 2 has"),
    "an older format": ("PRAGMA user_version=1", OlderFormat, "in format 1"),
    "a note": ("UPDATE commits SET note = 'x' WHERE seq = 2", DamagedWorld, "commit 2 was altered"),
    "a crank": ("UPDATE commits SET crank = crank + 1 WHERE seq = 1", DamagedWorld, "commit 1 was altered"),
    "a change": ("UPDATE commits SET changeset = x'00' WHERE seq = 1", DamagedWorld, "commit 1 was altered"),
    "a seal": (f"UPDATE commits SET seal = '{'0' * 64}' WHERE seq = 0", DamagedWorld, "commit 0 was altered"),
    "a missing commit": ("DELETE FROM commits WHERE seq = 1", DamagedWorld, "commit 2 was altered"),
    "a label's note": ("UPDATE labels SET note = note || 'x'", DamagedWorld, "a label was altered"),
    "a label's name": ("UPDATE labels SET name = name || 'x'", DamagedWorld, "a label was altered"),
    "a label's commit": ("UPDATE labels SET commit_seq = 1", DamagedWorld, "a label was altered"),
    "a label of no commit": ("UPDATE labels SET commit_seq = 9999", DamagedWorld, "a label was altered"),
    "no head": ("DELETE FROM meta WHERE key = 'head'", DamagedWorld, "does not say which commit"),
    "another head": ("UPDATE meta SET value = '9999' WHERE key = 'head'", DamagedWorld, "does not say which"),
    "a head that is none": ("UPDATE meta SET value = 'x' WHERE key = 'head'", DamagedWorld, "does not say"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_altered_world_is_not_copied(name: str, old: Path, tmp_path: Path) -> None:
    """The copy would have seals that are right, so each seal is held against what it covers first."""
    statement, kind, words = REFUSED[name]
    label = "INSERT INTO labels SELECT 'here', seq, 'note', seal FROM commits ORDER BY seq LIMIT 1"
    has_label = sqlite3.connect(old).execute("SELECT count(*) FROM labels").fetchone()[0] > 0
    given = (statement,) if has_label or "label" not in name else (label, statement)
    path = changed(old, tmp_path, *given)
    before = path.read_bytes()
    with pytest.raises(kind, match=words):
        migrate(path, tmp_path / "new.world")
    assert (path.read_bytes(), sorted(found.name for found in tmp_path.iterdir())) == (before, [path.name])


def test_what_is_no_world_is_not_copied(old: Path, tmp_path: Path) -> None:
    """A missing file, a folder, a world of this format, and a place that is taken."""
    new = tmp_path / "new.world"
    with pytest.raises(WorldMissing, match="check the path"):
        migrate(tmp_path / "none.world", new)
    with pytest.raises(NotAWorld, match="is a folder"):
        migrate(tmp_path, new)
    migrate(old, new)
    with pytest.raises(WorldError, match="exists already"):
        migrate(old, new)
    with pytest.raises(NotAWorld, match="is of format 3 already"):
        migrate(new, tmp_path / "newer.world")
    (tmp_path / "link.world-wal").symlink_to(old)
    shutil.copyfile(old, tmp_path / "link.world")
    with pytest.raises(OddFile, match="symbolic link"):
        migrate(tmp_path / "link.world", tmp_path / "newer.world")


def test_the_copy_is_the_same_world(old: Path, tmp_path: Path) -> None:
    """State, commits, digests and labels are the same; it is sound, and no number is used twice."""
    path = changed(old, tmp_path, "UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'commits'")
    migrate(path, tmp_path / "new.world")
    db = sqlite3.connect(path)
    with WorldFile.open(tmp_path / "new.world") as world:
        assert list(problems(world)) == []
        columns = "seq, parent, crank, note, digest, changeset"
        for query in (
            f"SELECT {columns} FROM commits ORDER BY seq",
            "SELECT name, commit_seq, note FROM labels ORDER BY name",
            "SELECT vat, key, value FROM vatstore ORDER BY vat, key",
            "SELECT seq, item FROM queue ORDER BY seq",
            "SELECT hash, entry FROM transcript ORDER BY hash",
        ):
            assert world.db.execute(query).fetchall() == db.execute(query).fetchall()
        assert world.rows("SELECT max(record) FROM commits") == [(0,)]
        altered(world, "INSERT INTO counters VALUES('x', 1)")
        assert world.commit("next") == 5001
    db.close()
