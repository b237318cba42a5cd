"""The state as of any crank is the one that was there, and to look at it changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset import api
from swingset.core.cranks import Cranks
from swingset.host.worlds.controller import Controller
from swingset.world import merging, spans
from swingset.world.errors import HistoryBroken, WorldMisuse
from tests.looks import CHANGES, looks, watch
from tests.scenarios.test_digests import ACTOR, HOSTS, NAMES, Host, Play
from tests.staging import Stage

Digests = dict[Cranks, dict[int, str]]


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> Digests:
    """The digest of each world after each of its cranks, taken while it runs."""
    step, found = Cranks.step, Digests()

    def noted(cranks: Cranks, *given: Any, **named: Any) -> Any:
        report = step(cranks, *given, **named)
        if report is not None:
            found.setdefault(cranks, {})[report.number] = cranks.world.digest()
        return report

    monkeypatch.setattr(Cranks, "step", noted)
    return found


def looked_at(world: Controller, cranks: list[int]) -> dict[int, str]:
    """The digest of the moment after each of these cranks."""
    found = {}
    for crank in cranks:
        with world.at(crank) as moment:
            assert moment.crank == crank
            found[crank] = moment.digest()
    return found


def shuffled(most: int) -> list[int]:
    """All numbers from 1 to `most`, so that each is far from the one before."""
    return [1 + 7_919 * number % most for number in range(most)] if most % 7_919 else list(range(1, most + 1))


LIVES = {
    "local, a commit for each run": ("local", Host(), 48),
    "local, a commit for each crank": ("local", HOSTS["each crank"], 24),
    "local, five cranks to a commit": ("local", HOSTS["checkpoints"], 24),
    "wasm, opened again": ("wasm", HOSTS["opened again and again"], 8),
}


@pytest.mark.parametrize("life", LIVES)
def test_each_moment_has_the_state_that_was_there(life: str, digests: Digests) -> None:
    """After each crank of messages, upgrades, terminations and devices, the digest is the one of then."""
    worker, host, count = LIVES[life]
    play = Play(worker, host, 5).doings(count)
    world = play.controller
    known = {crank: digest for seen in digests.values() for crank, digest in seen.items()}
    before = world.digest()
    assert set(known) == set(range(1, world.crank + 1))
    assert looked_at(world, shuffled(world.crank)) == known
    assert world.digest() == before
    world.close()


@pytest.mark.slow
def test_each_moment_of_a_thousand_cranks_has_the_state_that_was_there(digests: Digests) -> None:
    """The same for a thousand cranks, in both directions and by leaps."""
    play = Play("local", Host(cranks=2), 11)
    while play.controller.crank < 1_000:
        play.doings(12)
    world = play.controller
    known = digests[world.kernel.cranks]
    for order in (shuffled(world.crank), sorted(known), sorted(known, reverse=True)):
        assert looked_at(world, order) == known
    world.close()


def test_a_branch_has_its_own_past(digests: Digests) -> None:
    """After going back, the moments are those of the line that leads here, also for a look left behind."""
    play = Play("local", HOSTS["each crank"], 2).doings(4)
    world = play.controller
    known = digests[world.kernel.cranks]
    world.checkpoint("fork")
    here = world.crank
    trunk = {crank: known[crank] for crank in range(1, here + 1)}
    play.doings(3)
    end, there, known_there = world.crank, world.history.head, dict(known)
    assert end > here
    assert looked_at(world, [end]) == {end: known_there[end]}
    world.history.go_back("fork")
    with pytest.raises(swingset.NoSuchMoment, match=f"after crank {end}: its last record"):
        world.at(end)
    assert looked_at(world, [here, 1]) == {here: trunk[here], 1: trunk[1]}
    world.terminate_vat(NAMES[0])
    world.run()
    line = trunk | {crank: known[crank] for crank in range(here + 1, world.crank + 1)}
    assert looked_at(world, list(line)) == line
    world.history.go_back_to_commit(there)
    assert looked_at(world, shuffled(end)) == {crank: known_there[crank] for crank in range(1, end + 1)}
    world.close()


def test_requests_after_a_crank_belong_to_what_comes_next(local: Stage) -> None:
    """A moment ends with its crank; what was requested after it is seen in the moment of its own record."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    here, digest = world.crank, world.at(world.crank).digest()
    kref = world.queue_to_root("ann", "earn", ["zoe", 5])
    with world.at(here) as moment:
        assert moment.digest() == digest
        with pytest.raises(swingset.KernelError, match="no promise"):
            moment.status(kref or "")
    number = world.world.journal.last
    with world.history.at_record(number) as moment:
        assert (moment.record, moment.crank, moment.status(kref or "")) == (number, here, "unresolved")
        assert moment.digest() == world.digest()
    world.commit()
    with world.history.at_record(number) as moment:
        assert moment.digest() == world.digest()


def test_looks_leave_the_file_as_it_is(tmp_path: Path) -> None:
    """The bytes of the file, the digest and the head are the same after looks and forks."""
    path = tmp_path / "a.world"
    world = swingset.open_world(path, worker="local")
    world.create_vat("ann", (("ann", ACTOR),))
    for amount in range(4):
        world.queue_to_root("ann", "earn", ["zoe", amount])
        world.run()
    before = path.read_bytes(), world.digest(), world.history.head
    for crank in range(world.crank + 1):
        world.at(crank).close()
        world.fork(at=crank).close()
    assert (path.read_bytes(), world.digest(), world.history.head) == before
    with swingset.open_world(path, look_only=True) as looking, looking.at(2) as moment, world.at(2) as same:
        assert moment.digest() == same.digest()
    world.close()


def test_a_look_that_changes_a_world_is_noticed(local: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function that is given a world is watched or said to change it: a look that does fails a test."""
    watched = looks()
    assert {"trace", "when", "what_if", "branch", "search", "sql", "replay", "verify", "debug"} <= set(
        watched
    )
    assert all(callable(getattr(api, name)) for name in CHANGES)

    def careless(controller: Controller) -> None:
        controller.terminate_vat("bank")

    local.define("bank", ACTOR)
    monkeypatch.setattr(api, "storage", careless)
    monkeypatch.setattr("tests.looks.looks", lambda: {"storage": careless})
    watch(monkeypatch)
    with pytest.raises(AssertionError, match=r"careless\(\) has changed"):
        swingset.storage(local.controller)


def test_moments_that_are_open_together_do_not_disturb_each_other(local: Stage) -> None:
    """Each has a state of its own, a view of one goes on, and one that was closed says so."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    between = world.crank
    world.create_vat("ben", (("ben", ACTOR),))
    with world.at(world.crank) as later, world.at(between) as earlier, world.at(0) as empty:
        views = [moment.lens for moment in (later, earlier, empty)]
        seen = [{row.name for row in view.vats()} & {"ann", "ben"} for view in views]
        assert seen == [{"ann", "ben"}, {"ann"}, set()]
    with pytest.raises(WorldMisuse, match=rf"after crank {between} was closed: look again"):
        views[1].vats()


def test_a_moment_cannot_be_changed(local: Stage) -> None:
    """A send, a suspension and an option are refused, and the moment says that it is only looked at."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    with world.at(world.crank) as moment:
        with pytest.raises(swingset.WorldError, match="opened to be looked at"):
            moment.vats.suspend("ann")
        assert moment.vats.parts("ann") == (("ann", ACTOR),)
        assert moment.dump()["vats"] == world.dump()["vats"]


@pytest.mark.parametrize("crank", [-1, 99, 10**30])
def test_a_crank_that_was_not_run_is_refused(local: Stage, crank: int) -> None:
    """The error says how far the history goes."""
    local.controller.create_vat("ann", (("ann", ACTOR),))
    with pytest.raises(swingset.NoSuchMoment, match=r"has no moment after crank"):
        local.controller.at(crank)
    with pytest.raises(swingset.NoSuchMoment, match=r"has no moment after crank"):
        local.controller.fork(at=crank)
    with pytest.raises(swingset.NoSuchMoment, match=r"has no moment after record"):
        local.controller.history.at_record(crank)


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_a_fork_at_a_crank_goes_on_from_there(worker: str, digests: Digests) -> None:
    """Its state and its cranks are those of then, its vats run on, and its past is that of the original."""
    play = Play(worker, Host(interval=2), 8).doings(5)
    world = play.controller
    known = dict(digests[world.kernel.cranks])
    for crank in shuffled(world.crank)[:12]:
        with world.fork(at=crank) as other:
            assert (other.crank, other.digest()) == (crank, known[crank])
            assert looked_at(other, [crank, 1]) == {crank: known[crank], 1: known[1]}
            assert other.verify() == []
            before = [record.number for record in other.history.records()]
            assert before == list(range(1, len(before) + 1))
            other.run()
            assert other.verify() == []
    world.close()


def test_a_fork_repeats_what_was_done(local: Stage) -> None:
    """A vat of a fork, with the messages that waited then, ends in the state in which the world ended."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    start = world.crank
    for amount in (5, 6, 7):
        world.queue_to_root("ann", "earn", ["zoe", amount])
    world.run()
    with world.fork(at=start + 1) as other:
        other.run()
        assert other.digest() == world.digest()


def test_many_rows_are_committed_at_once(local: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crank or request whose record does not list its rows ends a commit, so each crank can be seen."""
    monkeypatch.setattr("swingset.core.recording.MOST_ROWS", 6)
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    seen: dict[int, str] = {}
    for amount in range(6):
        world.queue_to_root("ann", "trade", [swingset.Ref(world.kernel.root_of("ann"), "ann"), amount])
    world.run(watch=lambda report: seen.update({report.number: world.digest()}))
    assert any(record.rows is None for record in world.history.records())
    assert looked_at(world, list(seen)) == seen


def test_a_record_without_rows_elsewhere_is_named(local: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file has such a record in the middle of a commit, what follows it is refused by its number."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    monkeypatch.setattr("swingset.core.recording.MOST_ROWS", 1)
    before = world.world.journal.last
    for amount in range(3):
        world.queue_to_root("ann", "earn", ["zoe", amount])
    world.commit()
    for number in (before + 1, before + 2):
        words = f"record {before + 1:,} changed more rows than a record lists.*look at record {before + 3:,}"
        with pytest.raises(swingset.NoSuchMoment, match=words):
            world.history.at_record(number)
    with world.history.at_record(before + 3) as moment:
        assert moment.digest() == world.digest()


def test_a_long_way_is_merged_and_the_same(monkeypatch: pytest.MonkeyPatch, digests: Digests) -> None:
    """With spans of two and eight commits and pieces of a few bytes, each moment is still the same."""
    monkeypatch.setattr(spans, "SIZES", (8, 2))
    play = Play("local", HOSTS["each crank"], 4).doings(10)
    world = play.controller
    known = digests[world.kernel.cranks]
    large = 16 << 20
    for most, alone, kept in ((large, large, large), (2_000, 900, large), (large, large, 500)):
        monkeypatch.setattr(merging, "MOST_MERGED", most)
        monkeypatch.setattr(spans, "MOST_MERGED", most)
        monkeypatch.setattr(merging, "MOST_ALONE", alone)
        monkeypatch.setattr(spans, "MOST_KEPT", kept)
        with world.fork() as other:
            assert looked_at(other, shuffled(world.crank)[:60]) == {
                crank: known[crank] for crank in shuffled(world.crank)[:60]
            }
    world.close()


def test_changes_that_do_not_fit_are_named(local: Stage) -> None:
    """A history that was altered is refused when a look passes it, and the world goes on."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    commits = world.world.commits()
    world.world.db.execute(
        "UPDATE commits SET changeset = (SELECT changeset FROM commits WHERE seq = ?) WHERE seq = ?",
        (commits[-1].seq, commits[-1].seq - 1),
    )
    with pytest.raises(HistoryBroken):
        world.at(world.crank)
    world.at(0).close()
    world.queue_to_root("ann", "earn", ["zoe", 1])
    assert world.run().cranks


def test_a_look_begins_with_what_is_nearer(local: Stage) -> None:
    """Near the present it goes back from there, and does not need what was long before."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    known = {}
    for _ in range(6):
        world.queue_to_root("ann", "earn", ["zoe", 1], policy="none")
        world.run()
        known[world.crank] = world.digest()
    altered = world.world.commits()[2]
    world.world.db.execute("UPDATE commits SET changeset = records WHERE seq = ?", (altered.seq,))
    with pytest.raises(HistoryBroken):
        world.history.at_record(altered.record)
    for crank in (world.crank - 1, world.crank):
        with world.at(crank) as moment:
            assert moment.digest() == known[crank]
    world.queue_to_root("ann", "earn", ["zoe", 1])
    with world.at(world.crank) as moment:
        assert moment.digest() == known[world.crank]


def test_going_back_a_long_way_is_the_same_and_names_what_does_not_fit(digests: Digests) -> None:
    """A world goes over many commits by merged changes; one that was altered is named by its number."""
    play = Play("local", HOSTS["each crank"], 6).doings(5)
    world = play.controller
    known, here = digests[world.kernel.cranks], world.world.head
    marks = [(commit.seq, commit.crank) for commit in world.world.commits()]
    world.commit()
    for seq, crank in (marks[3], marks[-1], marks[0], marks[-2]):
        world.history.go_back_to_commit(seq)
        assert world.crank == crank
    world.history.go_back_to_commit(here)
    assert world.digest() == known[world.crank]
    altered = marks[len(marks) // 2][0]
    world.world.db.execute("UPDATE commits SET changeset = records WHERE seq = ?", (altered,))
    with pytest.raises(HistoryBroken, match=f"commit {altered} cannot be undone"):
        world.history.go_back_to_commit(1)
    assert (world.history.head, world.digest()) == (here, known[world.crank])
    world.close()
