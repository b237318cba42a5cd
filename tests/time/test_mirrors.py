"""Worlds whose state their host owns: in SQLite and in PostgreSQL, in the host's own transactions."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.host.worlds.opening import open_world
from swingset.world.place import Place
from tests.time.hosts import Connect, server, sqlite
from tests.time.packed import PARTS, asked, make

__all__ = ["server"]

ROOT = Path(__file__).parents[2]
_names = count(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of local vats, closed."""
    path = tmp_path_factory.mktemp("made") / "a.world"
    make(path)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    (tmp_path / "a.world").write_bytes(made.read_bytes())
    return tmp_path / "a.world"


@pytest.fixture
def connect(server: Any, tmp_path: Path) -> Connect:
    found: Connect = server(tmp_path)
    return found


@pytest.fixture
def database(connect: Connect) -> Iterator[Any]:
    connection = connect()
    yield connection
    connection.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Any]:
    """A database of one kind, for what does not depend on the kind."""
    connection = sqlite(tmp_path)()
    yield connection
    connection.close()


@pytest.fixture
def name() -> str:
    """A name that no other test uses, because all share one server."""
    return f"bank_{next(_names)}"


def fetched(database: Any, sql: str) -> list[Any]:
    cursor = database.cursor()
    cursor.execute(sql)
    rows = cursor.fetchall()
    database.rollback()
    return list(rows)


def equal(path: Path, world: swingset.Controller) -> bool:
    """Whether a file is sound, and has the digests, the commits and the records of an open world."""
    with open_world(path, worker="local", look_only=True) as other:
        assert other.verify() == []
        assert other.digest() == world.digest()
        assert other.history.activity_digest() == world.history.activity_digest()
        assert list(other.history.records()) == list(world.history.records())
        assert other.world.commits() == world.world.commits()
        return other.history.head == world.history.head


def test_a_world_is_built_again_from_its_mirror(path: Path, database: Any, name: str, tmp_path: Path) -> None:
    """From the first copy and from each commit after it, with equal digests and history, and it goes on."""
    with open_world(path, worker="local") as world:
        kept = swingset.mirror(world, database, name)
        assert kept.commit == world.history.head
        assert swingset.rebuild(tmp_path / "first.world", database, name) == world.history.head
        assert equal(tmp_path / "first.world", world)
        asked(world, "bank", "deposit", "alice", 5)
        world.upgrade_vat("shop", world.vats.parts("bank"))
        world.terminate_vat("shop")
        world.checkpoint("mirrored")
        asked(world, "bank", "deposit", "alice", 6)
        assert kept.commit == world.history.head
        swingset.rebuild(tmp_path / "again.world", database, name)
        assert equal(tmp_path / "again.world", world)
        known = {vat.name: vat.state for vat in world.kernel.store.vats.all()}
        rows = fetched(database, f'SELECT name, state FROM "swingset_{name}_vats"')
        assert dict(rows) == known
    with pytest.raises(swingset.LogAway), open_world(tmp_path / "again.world", worker="local") as again:
        asked(again, "bank", "calls")
    started = swingset.start_from(tmp_path / "again.world", database, name, worker="local")
    with started.controller as again:
        assert (started.how, started.commits) == ("current", 0)
        assert asked(again, "bank", "calls") == [10, 100, 5, 6]
        again.history.go_back("mirrored")
        assert asked(again, "bank", "calls") == [10, 100, 5]
        assert started.mirror.commit == again.history.head


def test_what_the_host_writes_is_committed_with_it(path: Path, connect: Connect, name: str) -> None:
    """Rows of the host and the commit are one transaction: both are there, or neither."""
    database, other = connect(), connect()
    database.cursor().execute(f"CREATE TABLE IF NOT EXISTS orders_{name}(number INTEGER)")
    database.commit()
    with open_world(path, worker="local") as world:
        kept = swingset.mirror(world, database, name)
        database.cursor().execute(f"INSERT INTO orders_{name} VALUES(1)")
        assert fetched(other, f"SELECT number FROM orders_{name}") == []
        asked(world, "bank", "deposit", "alice", 5)
        assert fetched(other, f"SELECT number FROM orders_{name}") == [(1,)]
        before, head = world.digest(), kept.commit
        database.cursor().execute(f"INSERT INTO orders_{name} VALUES(2)")

        def fail(feed: swingset.CommitFeed) -> None:
            raise OSError("the host has no room")

        world.world.history.takers.insert(0, fail)
        with pytest.raises(swingset.TakerFailed, match="the host has no room"):
            asked(world, "bank", "deposit", "alice", 6)
        world.world.history.takers.remove(fail)
        assert (world.digest(), kept.commit) == (before, head)
        database.rollback()
        database.cursor().execute(f'DROP TABLE "swingset_{name}_commits"')
        database.commit()
        with pytest.raises(swingset.TakerFailed, match="which takes its commits"):
            asked(world, "bank", "deposit", "alice", 7)
        assert world.digest() == before
        assert fetched(other, f"SELECT number FROM orders_{name}") == [(1,)]
    database.close()
    other.close()


def test_a_world_that_went_back_is_mirrored(path: Path, database: Any, name: str, tmp_path: Path) -> None:
    """Its mirror takes the whole state, and has both branches."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, database, name)
        asked(world, "bank", "deposit", "alice", 5)
        world.history.go_back("early")
        asked(world, "bank", "deposit", "alice", 7)
        swingset.rebuild(tmp_path / "b.world", database, name)
        assert equal(tmp_path / "b.world", world)
        world.history.go_back("early")
        head = world.history.head
    with open_world(path, worker="local") as world:
        assert world.history.head == head
        swingset.mirror(world, database, name)
        swingset.rebuild(tmp_path / "c.world", database, name)
        assert equal(tmp_path / "c.world", world)


def test_a_world_whose_past_was_cut_off_is_mirrored(
    path: Path, database: Any, name: str, tmp_path: Path
) -> None:
    """All its commits have other seals then; the mirror copies them, at the next commit or when it opens."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, database, name)
        world.history.prune(before=world.crank - 4)
        asked(world, "bank", "deposit", "alice", 5)
        swingset.rebuild(tmp_path / "b.world", database, name)
        assert equal(tmp_path / "b.world", world)
        world.history.prune(before=world.crank)
    with open_world(path, worker="local") as world:
        swingset.mirror(world, database, name)
        swingset.rebuild(tmp_path / "c.world", database, name)
        assert equal(tmp_path / "c.world", world)
        assert asked(world, "bank", "calls") == [10, 100, 5]


def test_two_worlds_in_one_database(path: Path, database: Any, name: str, tmp_path: Path) -> None:
    """Each mirror has tables of its own, and none takes another world."""
    make(tmp_path / "other.world")
    with (
        open_world(path, worker="local") as one,
        open_world(tmp_path / "other.world", worker="local") as other,
    ):
        swingset.mirror(one, database, name)
        swingset.mirror(other, database, f"{name}_b")
        asked(one, "bank", "deposit", "alice", 5)
        asked(other, "bank", "deposit", "alice", 50)
        swingset.rebuild(tmp_path / "1.world", database, name)
        swingset.rebuild(tmp_path / "2.world", database, f"{name}_b")
        assert equal(tmp_path / "1.world", one)
        assert equal(tmp_path / "2.world", other)
    with open_world(worker="local") as stranger:
        stranger.create_vat("stranger", PARTS)
        with pytest.raises(swingset.MirrorError, match="no file of mirror"):
            swingset.mirror(stranger, database, name)
        assert stranger.history.log is None


@pytest.mark.parametrize(
    "bad", ["", "Bank", "1bank", "a b", 'a"; DROP TABLE x; --', "a" * 31, "bänk", "a\n", "../x", None]
)
def test_a_name_that_could_be_a_statement_is_refused(bad: Any, tmp_path: Path) -> None:
    """Only letters, digits and underscores get into the names of tables."""
    database = sqlite3.connect(tmp_path / "host.db")
    with open_world(worker="local") as world:
        with pytest.raises(swingset.MirrorError, match="a mirror has a name of"):
            swingset.mirror(world, database, bad)
        with pytest.raises(swingset.MirrorError, match="a mirror has a name of"):
            swingset.rebuild(tmp_path / "b.world", database, bad)
    assert fetched(database, "SELECT * FROM sqlite_master") == []
    database.close()


def test_a_process_that_is_killed_between_both_commits(
    path: Path, connect: Connect, name: str, tmp_path: Path
) -> None:
    """The host has the commit and the file lacks it; the file catches up, and nothing is lost or doubled."""
    database = connect()
    with open_world(path, worker="local") as world:
        head = world.history.head
    where = str(tmp_path / "host.db")
    kind = "sqlite"
    if not isinstance(database, sqlite3.Connection):
        kind, where = "postgres", database.info.dsn
    command = [sys.executable, "-m", "tests.time.dying", str(path), kind, where, name, "2"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'kernel'}{os.pathsep}{ROOT}"}
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=120, cwd=ROOT)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    with open_world(path, worker="local", look_only=True) as world:
        lagging = world.history.head
        with pytest.raises(swingset.MirrorError, match="is ahead"):
            swingset.mirror(world, database, name)
    database.rollback()
    swingset.rebuild(tmp_path / "b.world", database, name)
    started = swingset.start_from(path, database, name, worker="local")
    with started.controller as world:
        assert (started.how, started.commits) == ("caught up", 1)
        assert world.history.head == lagging + 1 > head
        assert equal(tmp_path / "b.world", world)
        assert world.verify() == []
        found = asked(world, "bank", "calls")
        assert found == [10, 100, *range(1, len(found) - 1)]
        assert len(found) >= 2
    database.close()


def test_a_file_that_lags_by_many_commits_catches_up(
    path: Path, database: Any, name: str, tmp_path: Path
) -> None:
    """Closed or open, and it then stands at the same commit with the same seal."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, database, name)
        world.history.export(tmp_path / "older.world")
        world.history.export(tmp_path / "early.world")
        asked(world, "bank", "deposit", "alice", 5)
        world.checkpoint("later")
        world.create_vat("new", world.vats.parts("bank"))
        asked(world, "new", "deposit", "zoe", 5)
        assert swingset.catch_up(tmp_path / "older.world", database, name) > 2
        assert swingset.catch_up(tmp_path / "older.world", database, name) == 0
        assert equal(tmp_path / "older.world", world)
        with open_world(tmp_path / "early.world", worker="local") as early:
            assert asked_of_a_copy(early, "bank", "calls") == [10, 100]
            assert swingset.catch_up(early, database, name) > 2
            assert early.digest() == world.digest()
            swingset.mirror(early, database, name)
            assert asked(early, "new", "deposit", "zoe", 1) == 6
            assert [label.name for label in early.history.checkpoints()] == ["early", "later"]
            assert early.verify() == []


def asked_of_a_copy(world: swingset.Controller, *message: Any) -> Any:
    """Ask a fork, and so warm nothing and change nothing."""
    with world.fork() as fork:
        return asked(fork, *message)


def test_the_command_builds_and_catches_up(
    path: Path, database: Any, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset rebuild` and `swingset catch-up` take a SQLite file or an address, and refuse in words."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, database, name)
        world.history.export(tmp_path / "older.world")
        asked(world, "bank", "deposit", "alice", 5)
        where = str(tmp_path / "host.db")
        if not isinstance(database, sqlite3.Connection):
            where = f"postgresql://tests@/postgres?host={database.info.host}"
        again, older = str(tmp_path / "again.world"), str(tmp_path / "older.world")
        assert main(["rebuild", where, again, "--name", name]) == 0
        assert main(["catch-up", where, older, "--name", name]) == 0
        said = capsys.readouterr().out
        assert said == f"{again} stands at commit {world.history.head}\n2 commits caught up with\n"
        assert equal(tmp_path / "again.world", world)
        assert equal(tmp_path / "older.world", world)
    assert main(["rebuild", where, str(tmp_path / "c.world"), "--name", "another"]) == 1
    assert "has no mirror another" in capsys.readouterr().err
    nowhere = "postgresql://tests@/none?host=/nowhere" if "postgresql" in where else str(tmp_path / "none.db")
    assert main(["rebuild", nowhere, str(tmp_path / "c.world")]) == 1
    assert "the database of the mirror: " in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_too_new_is_set_aside(path: Path, one: Any, name: str, tmp_path: Path) -> None:
    """What was done without the mirror is in no state of the host's, and the world is built again."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, one, name)
        digest = world.digest()
    with open_world(path, worker="local") as world:
        world.history.leave_log()
        asked(world, "bank", "deposit", "alice", 1_000_000)
        with pytest.raises(swingset.WorldLeads, match="it is too new"):
            swingset.catch_up(world, one, name)
        with pytest.raises(swingset.MirrorError, match="or leads it"):
            swingset.mirror(world, one, name)
    started = swingset.start_from(path, one, name, worker="local")
    with started.controller as world:
        assert started.how == "set aside"
        assert world.digest() == digest
        assert asked(world, "bank", "calls") == [10, 100]
    with open_world(f"{path}-set-aside", worker="local") as aside:
        assert asked(aside, "bank", "calls")[-1] == 1_000_000


def test_a_commit_that_only_the_host_has_is_not_made_twice(
    path: Path, one: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file fails after the host has committed, the world takes up the host's commit, not another."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, one, name)

        def fail(place: Place) -> None:
            raise OSError(28, "no room")

        monkeypatch.setattr(Place, "before_commit", fail)
        with pytest.raises(swingset.WorldError):
            asked(world, "bank", "deposit", "alice", 5)
        monkeypatch.undo()
        with pytest.raises(swingset.TakerFailed, match="that the file lacks"):
            asked(world, "bank", "deposit", "alice", 6)
        assert swingset.catch_up(world, one, name) == 1
        asked(world, "bank", "calls")
        assert world.verify() == []


@pytest.fixture(scope="module")
def mirrored(made: Path) -> Iterator[Any]:
    """A database with a mirror."""
    copy = made.with_name("mirrored.world")
    copy.write_bytes(made.read_bytes())
    database = sqlite3.connect(":memory:")
    with open_world(copy, worker="local") as world:
        swingset.mirror(world, database, "bank")
    yield database
    database.close()


TAMPERED = {
    "a balance": "UPDATE {}vatstore SET value = '7' WHERE key IN (SELECT min(key) FROM {}vatstore)",
    "a vat": "DELETE FROM {}vats",
    "a note": "UPDATE {}commits SET note = 'x' WHERE seq = 3",
    "a seal": "UPDATE {}commits SET seal = '0' WHERE seq = 3",
    "an entry": "UPDATE {}transcript SET entry = '[]'",
    "an entry that is gone": "DELETE FROM {}transcript",
    "code": "UPDATE {}bundles SET source = '[]'",
    "the head": "UPDATE {}mirror SET value = '3' WHERE key = 'head'",
    "no head": "DELETE FROM {}mirror WHERE key = 'head'",
    "an odd head": "UPDATE {}mirror SET value = '-3' WHERE key = 'head'",
    "a head that is not there": "UPDATE {}mirror SET value = '999' WHERE key = 'head'",
    "another format": "UPDATE {}mirror SET value = '1' WHERE key = 'format'",
    "a label": "UPDATE {}labels SET note = 'x'",
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_mirror_that_was_altered_makes_no_world(mirrored: Any, tmp_path: Path, case: str) -> None:
    """It is refused with the reason, and no file is left."""
    database, name = sqlite3.connect(":memory:"), "bank"
    mirrored.backup(database)
    database.cursor().execute(TAMPERED[case].replace("{}", f"swingset_{name}_"))
    database.commit()
    with pytest.raises(swingset.MirrorError, match=name):
        swingset.rebuild(tmp_path / "b.world", database, name)
    assert sorted(found.name for found in tmp_path.glob("b.world*")) == []
    database.close()


@pytest.mark.parametrize("column", ["note", "changeset", "records", "seal"])
def test_a_commit_that_was_altered_is_not_caught_up_with(
    path: Path, one: Any, name: str, tmp_path: Path, column: str
) -> None:
    """Its seal has to follow from its parent's; the file stays at its own commit."""
    with open_world(path, worker="local") as world:
        swingset.mirror(world, one, name)
        world.history.export(tmp_path / "older.world")
        asked(world, "bank", "deposit", "alice", 5)
    table = f'"swingset_{name}_commits"'
    where = f"WHERE seq = (SELECT max(seq) FROM {table})"
    other = f"(SELECT {column} FROM {table} WHERE seq = 2)"
    one.cursor().execute(f"UPDATE {table} SET {column} = {other} {where}")
    one.commit()
    before = (tmp_path / "older.world").read_bytes()
    with pytest.raises(swingset.WorldError, match="altered"):
        swingset.catch_up(tmp_path / "older.world", one, name)
    assert (tmp_path / "older.world").read_bytes()[100:] == before[100:]


def test_texts_that_a_database_cannot_hold_come_back(database: Any, name: str, tmp_path: Path) -> None:
    """PostgreSQL stores no character 0; a vat may write one, and one that looks like its escape."""
    odd = ["\0", "a\0b", "\x01", "\x010", "\x01\x010\0", "é\U0001f600", "", "\\0", "NULL"]
    with open_world(tmp_path / "a.world", worker="local") as world:
        swingset.mirror(world, database, name)
        with world.kernel.request("put-off-migration", vat="v1"):
            for number, text in enumerate(odd):
                world.world.execute("INSERT INTO sources VALUES(?, ?, ?, ?)", (f"x{number}", text, 1, text))
        world.commit()
        swingset.rebuild(tmp_path / "b.world", database, name)
        assert equal(tmp_path / "b.world", world)
    with sqlite3.connect(tmp_path / "b.world") as db:
        assert [row[0] for row in db.execute("SELECT source FROM sources ORDER BY vat")] == odd


def test_heap_images_and_a_prune_are_mirrored(tmp_path: Path) -> None:
    """A confined vat of the world that was built again goes on from its image."""
    database = sqlite(tmp_path)()
    make(tmp_path / "a.world", "wasm")
    with open_world(tmp_path / "a.world") as world:
        swingset.mirror(world, database)
        world.vats.snapshot_all()
        asked(world, "bank", "deposit", "bob", 1)
        world.world.prune()
        asked(world, "bank", "deposit", "bob", 1)
        swingset.rebuild(tmp_path / "b.world", database)
        digest = world.digest()
    started = swingset.start_from(tmp_path / "b.world", database)
    with started.controller as world:
        assert world.digest() == digest
        assert world.verify() == []
        assert asked(world, "bank", "calls") == [10, 100, 1, 1]
    database.close()


def test_connections_that_commit_by_themselves_or_are_none(tmp_path: Path) -> None:
    """What cannot be one transaction is refused; a connection of sqlite3 in autocommit gets a BEGIN."""

    class Odd:
        pass

    none = sqlite3.connect(":memory:")
    with open_world(tmp_path / "a.world", worker="local") as world:
        with pytest.raises(swingset.MirrorError, match="needs a connection of sqlite3 or psycopg"):
            swingset.mirror(world, Odd())  # type: ignore[arg-type]
        with pytest.raises(swingset.MirrorError, match="has no mirror world"):
            swingset.rebuild(tmp_path / "b.world", none)
        none.close()
        database = sqlite3.connect(tmp_path / "host.db", isolation_level=None)
        swingset.mirror(world, database)
        world.queue.pause()
        assert not database.in_transaction
        swingset.rebuild(tmp_path / "b.world", database)
        assert equal(tmp_path / "b.world", world)
        assert not database.in_transaction
        with pytest.raises(swingset.WorldError, match="exists already"):
            swingset.rebuild(tmp_path / "b.world", database)
    database.close()
