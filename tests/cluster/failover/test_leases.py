"""Worlds whose truth is in PostgreSQL: each commit is there first, under the epoch of a lease, or nowhere."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.cluster import LeasedWorld, LeaseError, lease_world, look_at_lease
from swingset.command.cli import main
from swingset.core.errors import KernelError
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from tests.cluster.failover.cutting import Cut, cutting
from tests.crash import crash_story
from tests.time.hosts import Server
from tests.time.packed import asked

SECONDS = 0.4
"""How long a lease lasts that is to run out; others outlast their test."""


@pytest.fixture
def leased(server: Server, name: str, path: Path) -> Iterator[LeasedWorld]:
    """A world with a lease, as its founder has it open."""
    with lease_world(server.address, path, name, worker="local") as found:
        yield found


def take(server: Server, name: str, path: Path, **options: Any) -> LeasedWorld:
    """Take a lease with a file of its own."""
    return lease_world(server.address, path, name, worker="local", create=False, **options)


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The body is refused with this code."""
    with pytest.raises(LeaseError) as raised:
        yield
    assert raised.value.code == code


def ran(server: Server, sql: str, *values: Any) -> list[Any]:
    """Rows of the database, or a change of it."""
    with server.connect() as connection:
        cursor = connection.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def some(cases: Iterable[str], *quick: str) -> list[Any]:
    """All cases, of which only these are quick: the others show much the same."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.slow) for case in cases]


def run_out(server: Server, name: str) -> None:
    """Have a lease run out, as if its holder had sent no heartbeat."""
    ran(server, "UPDATE swingset_leases SET until = '2000-01-01' WHERE world = %s", name)


def like(one: swingset.Controller, other: swingset.Controller) -> bool:
    """Whether two worlds have the same state, history and checkpoints, and the second is sound."""
    assert other.verify() == []
    assert other.world.commits() == one.world.commits()
    assert other.history.checkpoints() == one.history.checkpoints()
    assert list(other.history.records()) == list(one.history.records())
    return other.digest() == one.digest() and other.history.head == one.history.head


def test_another_takes_over_with_no_file(server: Server, name: str, path: Path, tmp_path: Path) -> None:
    """What one process has committed, another has, and goes on from: state, records, checkpoints."""
    with lease_world(server.address, path, name, worker="local") as first:
        assert (first.how, first.epoch) == ("founded", 1)
        assert asked(first.controller, "bank", "deposit", "alice", 5) == 15 + 1
        first.controller.checkpoint("leased", "a note")
    with take(server, name, tmp_path / "b.world") as second, open_world(path, look_only=True) as file:
        assert (second.how, second.epoch) == ("built", 2)
        assert like(file, second.controller)
        assert asked(second.controller, "bank", "deposit", "alice", 1) == 17
    with take(server, name, path) as third:
        assert (third.how, third.commits > 0, third.epoch) == ("caught up", True, 3)
        assert asked(third.controller, "bank", "deposit", "alice", 1) == 18
    with take(server, name, path) as fourth:
        assert (fourth.how, fourth.commits) == ("current", 0)


def test_half_done_methods_go_on_elsewhere(server: Server, name: str, tmp_path: Path) -> None:
    """After a take-over a session finds its names, and an async method that waited goes on."""
    with lease_world(server.address, tmp_path / "a.world", name, worker="local") as first:
        crash_story.begin(Session(first.controller))
    with take(server, name, tmp_path / "b.world") as second:
        crash_story.check_and_finish(second.controller, Session(second.controller))


def test_confined_vats_are_taken_over(server: Server, name: str, tmp_path: Path) -> None:
    """Heap images and guest libraries come with the commits that need them."""
    with lease_world(server.address, tmp_path / "a.world", name, snapshot_interval=2) as first:
        first.controller.create_vat("slow", (("slow", crash_story.SLOW),))
        for _ in range(4):
            asked(first.controller, "slow", "bump")
    with lease_world(server.address, tmp_path / "b.world", name) as second:
        assert asked(second.controller, "slow", "bumps") == 4
        assert second.controller.verify() == []


def test_who_was_taken_over_commits_nothing(
    server: Server, name: str, leased: LeasedWorld, tmp_path: Path
) -> None:
    """Its commit is refused, now and later; its file stays a prefix of the truth, and no output leaves."""
    heard: list[str] = []
    leased.controller.outputs.listen(lambda output: heard.append(output.text))
    run_out(server, name)
    with take(server, name, tmp_path / "b.world") as second:
        asked(second.controller, "bank", "deposit", "alice", 100)
        for _ in range(2):
            leased.controller.queue_to_root("bank", "nonsense", policy="none")
            with refused("taken-over"):
                leased.controller.run()
            assert heard == []
        with refused("taken-over"):
            leased.controller.checkpoint("too late")
        assert leased.stopped is not None
        leased.close(keep=False)
        assert asked(second.controller, "bank", "calls")[-1] == 100
        assert second.lease().epoch == 2
        with open_world(Path(str(leased.controller.path)), look_only=True) as file:
            seals = {
                seq: file.world.history.seal(seq) for seq in file.world.history.ancestors(file.history.head)
            }
        stored = ran(server, "SELECT seq, seal FROM swingset_leased_commits WHERE world = %s", name)
        assert seals.items() <= set(stored)


def test_a_lease_that_ran_out_still_counts_until_it_is_taken(
    server: Server, name: str, leased: LeasedWorld
) -> None:
    """A holder that was slow goes on under its epoch, and its commit lengthens the lease."""
    run_out(server, name)
    asked(leased.controller, "bank", "deposit", "alice", 5)
    lease = leased.lease()
    assert (lease.epoch, lease.seconds is not None and lease.seconds > 0) == (1, True)


def test_a_lease_is_not_shared(server: Server, name: str, leased: LeasedWorld, tmp_path: Path) -> None:
    """While one has it another is refused; it may wait, and has it as soon as the first is closed."""
    with refused("lease-held"):
        take(server, name, tmp_path / "b.world")
    taken: list[LeasedWorld] = []
    waits = threading.Thread(target=lambda: taken.append(take(server, name, tmp_path / "b.world", wait=60)))
    waits.start()
    head = leased.controller.history.head
    leased.close()
    waits.join()
    with taken[0] as second:
        assert second.controller.history.head == head
        assert "process" in str(second.lease().holder)
    assert look_at_lease(server.address, name).holder is None


def test_who_waits_is_told_for_what(server: Server, name: str, leased: LeasedWorld, tmp_path: Path) -> None:
    """For whom, and that the database is away meanwhile; it is waited for, and the lease is had then."""
    told: queue.Queue[str] = queue.Queue()
    taken: list[LeasedWorld] = []
    with cutting(server) as cutter:
        waits = threading.Thread(
            target=lambda: taken.append(
                lease_world(
                    cutter.address, tmp_path / "b.world", name, worker="local", wait=None, tell=told.put
                )
            )
        )
        waits.start()
        assert told.get().startswith(f"waits for the lease {name}, which ")
        cutter.refuses = True
        cutter.cut_all()
        assert told.get().startswith("the database of the lease does not answer: ")
        leased.close()
        cutter.refuses = False
        waits.join()
        taken[0].close()


def test_an_address_that_leads_nowhere_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who would wait for ever is told at once that nothing answers, on one line, and what to give."""
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    for address in ("service=nowhere", f"host={tmp_path}", ""):
        with pytest.raises(
            LeaseError, match=r"does not answer: [^\n?⏎]*\. Nothing was committed: "
        ) as raised:
            lease_world(address, tmp_path / "a.world", wait=None)
        assert raised.value.code == "database-away"
        assert ("give postgresql://USER@HOST/NAME" in str(raised.value)) == (address == "")


def test_of_two_standbys_one_wins(server: Server, name: str, leased: LeasedWorld, tmp_path: Path) -> None:
    """Two wait for the same lease: one has it, and the other when that one gives it back."""
    taken: queue.Queue[LeasedWorld] = queue.Queue()

    def stand_by(file: str) -> None:
        taken.put(take(server, name, tmp_path / file, wait=None))

    waiting = [threading.Thread(target=stand_by, args=(f"{n}.world",)) for n in range(2)]
    for each in waiting:
        each.start()
    leased.close()
    with taken.get() as first:
        asked(first.controller, "bank", "deposit", "alice", 5)
        assert (first.lease().epoch, taken.qsize()) == (2, 0)
    with taken.get() as second:
        assert asked(second.controller, "bank", "calls")[-1] == 5
        assert second.lease().epoch == 3
    for each in waiting:
        each.join()


def test_a_heartbeat_keeps_a_lease_and_notices_its_loss(server: Server, name: str, path: Path) -> None:
    """The lease of an idle world is lengthened, and one that was taken over is told without a commit."""
    with lease_world(server.address, path, name, seconds=SECONDS, worker="local") as leased:
        ends = "SELECT until FROM swingset_leases WHERE world = %s"
        (before,) = ran(server, ends, name)
        while ran(server, ends, name) == [before]:
            time.sleep(0.01)
        assert leased.stopped is None
        ran(server, "UPDATE swingset_leases SET epoch = epoch + 1 WHERE world = %s", name)
        while leased.stopped is None:
            time.sleep(0.01)
        assert leased.stopped.code == "taken-over"
        leased.close(keep=False)


CHANGES: dict[str, Callable[[swingset.Controller], object]] = {
    "goes back": lambda world: world.history.go_back("early"),
    "goes back and on": lambda world: (world.history.go_back("early"), asked(world, "bank", "calls")),
    "names the present": lambda world: world.checkpoint("now"),
    "forgets a name": lambda world: world.history.delete_checkpoint("early"),
    "drops branches": lambda world: world.history.prune(),
    "drops its past": lambda world: world.history.prune(before=world.crank),
    "drops its past and goes on": lambda world: (
        world.history.prune(before=world.crank),
        asked(world, "bank", "deposit", "alice", 1),
    ),
    "keeps less": lambda world: world.history.retain(swingset.Retention(cranks=5)),
    "saves heaps": lambda world: world.vats.snapshot_all(),
}


@pytest.mark.parametrize(
    "change", some(CHANGES, "goes back and on", "names the present", "drops its past and goes on")
)
def test_whatever_becomes_durable_is_taken_over(
    change: str, server: Server, name: str, path: Path, tmp_path: Path
) -> None:
    """Going back, checkpoints, prunes and a retention are there without a later commit."""
    with lease_world(server.address, path, name, worker="local") as first:
        CHANGES[change](first.controller)
        run_out(server, name)
        with take(server, name, tmp_path / "b.world") as second:
            assert second.controller.history.retention == first.controller.history.retention
            assert like(first.controller, second.controller)
            before = second.controller.world.commits()[-1].seq
            asked(second.controller, "bank", "deposit", "alice", 2)
            assert second.controller.history.head > before
        first.close(keep=False)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_asked_for(when: Cut, server: Server, name: str, path: Path) -> None:
    """The connection is cut before or after the server has the commit: it is made once, and all goes on."""
    with cutting(server) as cutter, lease_world(cutter.address, path, name, worker="local") as leased:
        cutter.cut(when)
        asked(leased.controller, "bank", "deposit", "alice", 7)
        assert cutter.cuts == 1
        assert asked(leased.controller, "bank", "calls")[-1] == 7
        assert asked(leased.controller, "bank", "calls").count(7) == 1
        made = ran(server, "SELECT count(*), max(seq) FROM swingset_leased_commits WHERE world = %s", name)
        commits = leased.controller.world.commits()
        assert made == [(len(commits), commits[-1].seq)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("again", ["the same", "another"])
def test_an_unknown_commit_is_known_before_the_next(
    again: str, when: Cut, server: Server, name: str, path: Path
) -> None:
    """While nobody answers the commit fails and nothing leaves; then it counts exactly if it was made."""
    with cutting(server) as cutter:
        leased = lease_world(cutter.address, path, name, seconds=SECONDS, worker="local")
        world = leased.controller
        cutter.cut(when, refuse=True)
        world.queue_to_root("bank", "deposit", ["alice", 7], policy="none")
        with refused("commit-unknown"):
            world.commit()
        cutter.refuses = False
        world.queue_to_root("bank", "deposit", ["alice", 7 if again == "the same" else 8], policy="none")
        if when == "after" and again == "another":
            with refused("file-lags"):
                world.commit()
            leased.close(keep=False)
            leased = take(server, name, path)
            assert (leased.how, leased.commits) == ("caught up", 1)
        leased.controller.commit()
        leased.controller.run()
        calls = asked(leased.controller, "bank", "calls")
        assert calls[-1] == (7 if when == "after" or again == "the same" else 8)
        assert len(calls) == 3
        leased.close()


def test_a_database_that_is_away_costs_nothing(server: Server, name: str, path: Path) -> None:
    """Before anything was sent the commit fails, and it is made when the database is back."""
    with cutting(server) as cutter:
        with lease_world(cutter.address, path, name, seconds=SECONDS, worker="local") as leased:
            cutter.refuses = True
            cutter.cut_all()
            leased.controller.queue_to_root("bank", "deposit", ["alice", 7], policy="none")
            with refused("database-away"):
                leased.controller.run()
            assert leased.away is not None
            with refused("database-away"):
                leased.lease()
            cutter.refuses = False
            assert asked(leased.controller, "bank", "deposit", "alice", 8) == 19
            assert leased.away is None
        cutter.refuses = True
        with refused("database-away"):
            lease_world(cutter.address, path, name)
        with refused("database-away"):
            look_at_lease(cutter.address, name)


def test_a_wait_for_the_database_can_be_interrupted(server: Server, name: str, path: Path) -> None:
    """Who waits is told, once; after an interrupt no commit waits again until the database has answered."""
    told: list[str] = []

    def interrupt(words: str) -> None:
        told.append(words)
        raise KeyboardInterrupt

    with (
        cutting(server) as cutter,
        lease_world(cutter.address, path, name, seconds=600, worker="local", tell=interrupt) as leased,
    ):
        cutter.refuses = True
        cutter.cut_all()
        leased.controller.queue_to_root("bank", "deposit", ["alice", 7], policy="none")
        with pytest.raises(KeyboardInterrupt):
            leased.controller.commit()
        leased.controller.queue_to_root("bank", "deposit", ["alice", 7], policy="none")
        with refused("database-away"):
            leased.controller.commit()
        cutter.refuses = False
        assert asked(leased.controller, "bank", "deposit", "alice", 8) == 19
    assert told == [
        f"the database of the lease {name} does not answer: the commit waits for it, for at most 600 s"
    ]


def test_the_server_may_be_started_anew(server: Server, leased: LeasedWorld) -> None:
    """A server that crashes and comes back has what was committed, and the world goes on by itself."""
    server.stop()
    server.start()
    assert asked(leased.controller, "bank", "deposit", "alice", 5) == 16
    assert leased.lease().head == leased.controller.history.head


def test_a_server_that_refuses_says_why(server: Server, name: str, leased: LeasedWorld) -> None:
    """A statement that fails there is rolled back on both sides, and may be tried again."""
    ran(
        server,
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no room'; END $$ LANGUAGE plpgsql",
    )
    ran(
        server,
        "CREATE TRIGGER refuse BEFORE INSERT ON swingset_leased_commits FOR EACH ROW"
        f" WHEN (NEW.world = '{name}') EXECUTE FUNCTION refuse()",
    )
    try:
        with refused("database-refused"):
            asked(leased.controller, "bank", "deposit", "alice", 5)
    finally:
        ran(server, "DROP TRIGGER refuse ON swingset_leased_commits")
        ran(server, "DROP FUNCTION refuse")
    assert asked(leased.controller, "bank", "deposit", "alice", 6) == 17


# Files


def altered_commit(file: sqlite3.Connection) -> None:
    file.execute(
        "UPDATE commits SET seal = replace(seal, '0', '1') WHERE seq = (SELECT max(seq) FROM commits)"
    )


def altered_state(file: sqlite3.Connection) -> None:
    file.execute("UPDATE counters SET value = value + 1000 WHERE name = 'crank'")


BESIDE: dict[str, Callable[[sqlite3.Connection], None]] = {"commit": altered_commit, "state": altered_state}


@pytest.mark.parametrize("what", BESIDE)
def test_an_altered_file_is_set_aside_by_name(what: str, server: Server, name: str, path: Path) -> None:
    """A file that is no prefix of the truth is refused, and built again if the caller says so."""
    with lease_world(server.address, path, name, worker="local") as first:
        digest = first.controller.digest()
    with sqlite3.connect(path) as file:
        BESIDE[what](file)
    file.close()
    with refused("file-beside"):
        take(server, name, path, verified=True)
    with take(server, name, path, verified=True, set_aside=True) as second:
        assert (second.how, second.controller.digest()) == ("set aside", digest)
    assert path.with_name("a.world-set-aside").exists()


def test_a_file_that_went_on_alone_is_refused(server: Server, name: str, path: Path, tmp_path: Path) -> None:
    """A copy commits nothing without its lease; one that was told to forget it is none of its files."""
    lease_world(server.address, path, name, worker="local").close()
    with pytest.raises(swingset.LogAway), open_world(path, worker="local") as alone:
        asked(alone, "bank", "calls")
    with open_world(path, worker="local") as alone:
        alone.history.leave_log()
        asked(alone, "bank", "deposit", "alice", 1)
    with refused("file-beside"):
        take(server, name, path)


def test_a_world_of_its_own_is_begun_under_a_name_once(server: Server, name: str, tmp_path: Path) -> None:
    """Without a world in the database one is begun, or refused if the caller wants one that is there."""
    with refused("not-leased"):
        take(server, name, tmp_path / "a.world")
    with refused("not-leased"):
        look_at_lease(server.address, name)
    with lease_world(server.address, tmp_path / "a.world", name) as made:
        assert (made.how, made.controller.history.log) == ("founded", f"lease {name}")
        assert str(look_at_lease(server.address, name)).startswith(f"{name}: at commit")


# What a database says


ALTERED = {
    "a commit is gone": "DELETE FROM swingset_leased_commits WHERE world = %s AND seq = 3",
    "a note": "UPDATE swingset_leased_commits SET note = 'x' WHERE world = %s AND seq = 3",
    "a changeset": "UPDATE swingset_leased_commits SET changeset = 'x' WHERE world = %s AND seq = 3",
    "a crank": "UPDATE swingset_leased_commits SET crank = -1 WHERE world = %s AND seq = 3",
    "the place": "UPDATE swingset_leases SET head = head - 1 WHERE world = %s",
    "a place that is none": "UPDATE swingset_leases SET head = -1 WHERE world = %s",
    "names": "UPDATE swingset_leases SET names = '[[[' WHERE world = %s",
    "a name": "UPDATE swingset_leases SET names = replace(names, 'early', 'later') WHERE world = %s",
    "a delivery": "UPDATE swingset_leased_transcript SET entry = 'x' WHERE world = %s",
    "bulk is gone": "DELETE FROM swingset_leased_bundles WHERE world = %s",
}


@pytest.mark.parametrize(
    "what", some(ALTERED, "a commit is gone", "a changeset", "the place", "names", "a delivery")
)
def test_an_altered_database_builds_nothing(
    what: str, server: Server, name: str, path: Path, tmp_path: Path
) -> None:
    """Whatever was altered there, no file is made of it, and the lease is free again."""
    lease_world(server.address, path, name, worker="local").close()
    ran(server, ALTERED[what], name)
    with refused("database-altered"):
        take(server, name, tmp_path / "b.world")
    assert not (tmp_path / "b.world").exists()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE swingset_leased_commits SET note = 'x' WHERE world = %s AND seq > 20",
        "DELETE FROM swingset_leased_commits WHERE world = %s AND seq > 20",
        "UPDATE swingset_leases SET seal = 'x' WHERE world = %s",
    ],
)
def test_an_altered_database_brings_no_file_up(
    change: str, server: Server, name: str, path: Path, tmp_path: Path
) -> None:
    """A file that lags stays where it was, and is not set aside for it."""
    with lease_world(server.address, path, name, worker="local") as first:
        first.controller.history.export(tmp_path / "b.world")
        before = first.controller.history.head, first.controller.digest()
        asked(first.controller, "bank", "deposit", "alice", 5)
    ran(server, change, name)
    with refused("database-altered"):
        take(server, name, tmp_path / "b.world", set_aside=True)
    with open_world(tmp_path / "b.world", look_only=True) as file:
        assert (file.history.head, file.digest()) == before


def test_a_fork_of_a_leased_world_is_its_own(leased: LeasedWorld) -> None:
    """What is tried in a fork commits there, and the database does not hear of it."""
    head = leased.lease().head
    with leased.controller.fork() as other:
        assert asked(other, "bank", "deposit", "alice", 5) == 16
    assert leased.lease().head == head
    assert asked(leased.controller, "bank", "deposit", "alice", 1) == 12


def test_a_database_that_changes_under_a_holder_stops_it(
    server: Server, name: str, leased: LeasedWorld
) -> None:
    """Another place under the same epoch, or no lease any more, stops the world."""
    ran(server, "DELETE FROM swingset_leases WHERE world = %s", name)
    with refused("database-altered"):
        asked(leased.controller, "bank", "deposit", "alice", 5)
    leased.close(keep=False)


def test_another_format_is_refused(server: Server, name: str, path: Path) -> None:
    """A lease of worlds of another format is not taken."""
    lease_world(server.address, path, name, worker="local").close()
    ran(server, "UPDATE swingset_leases SET format = 1 WHERE world = %s", name)
    with refused("not-leased"):
        take(server, name, path)


@pytest.mark.parametrize(
    "address",
    ["postgresql://tests:hunter2%zz@nowhere/x", "postgresql://tests:hunter2@127.0.0.1:1/x", "hunter2 = = x"],
)
def test_no_error_tells_the_password(address: str, tmp_path: Path) -> None:
    """An address that cannot be read or reached is refused without a word of it."""
    with pytest.raises(LeaseError) as raised:
        lease_world(address, tmp_path / "a.world")
    assert raised.value.code == "database-away"
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "Bank", "a b", "x" * 41, "a;drop", 5])
def test_a_name_is_small_letters(name: Any, tmp_path: Path) -> None:
    """Other names are refused before anything is asked."""
    with pytest.raises(KernelError, match="is no name of a lease"):
        lease_world("host=/nowhere", tmp_path / "a.world", name)


@pytest.mark.parametrize("seconds", [0, -1, 1e9, "10"])
def test_a_lease_lasts_some_time(seconds: Any, tmp_path: Path) -> None:
    """A lease that no heartbeat could keep, or that nobody would live to see end, is refused."""
    with pytest.raises(KernelError, match="a lease lasts between"):
        lease_world("host=/nowhere", tmp_path / "a.world", seconds=seconds)


# In a terminal


def test_a_terminal_stands_by(
    server: Server, name: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset standby` takes over and runs what waits; `swingset lease` says who has it."""
    with lease_world(server.address, path, name, worker="local") as first:
        first.controller.queue_to_root("bank", "deposit", ["alice", 7], policy="none")
    file = str(tmp_path / "b.world")
    assert main(["standby", server.address, file, "--name", name, "--once", "--trust-local"]) == 0
    assert f"{name}: taken under epoch 2, file built" in capsys.readouterr().out
    assert main(["lease", server.address, "--name", name]) == 0
    assert capsys.readouterr().out.endswith(", epoch 2, free\n")
    with take(server, name, path) as third:
        assert asked(third.controller, "bank", "calls")[-1] == 7
    assert main(["lease", server.address, "--name", "nobody"]) == 1
    assert "→ `swingset help not-leased` says what to do" in capsys.readouterr().err


def test_a_standby_that_is_taken_over_ends_with_the_reason(
    server: Server, name: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends by itself, as a process that has nothing more to do, and says why."""
    lease_world(server.address, path, name, worker="local").close()

    def take_it() -> None:
        sql = (
            "UPDATE swingset_leases SET epoch = epoch + 1 WHERE world = %s AND holder IS NOT NULL RETURNING 1"
        )
        while not ran(server, sql, name):
            time.sleep(0.01)

    other = threading.Thread(target=take_it)
    other.start()
    arguments = ["standby", server.address, str(path), "--name", name, "--seconds", str(SECONDS)]
    assert main([*arguments, "--trust-local"]) == 1
    other.join()
    assert "another process has taken over the lease" in capsys.readouterr().err
