"""The timeline, what the past takes in a file, and dropping it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.host.worlds.controller import Controller
from tests.scenarios.test_digests import ACTOR, HOSTS, Host, Play
from tests.staging import Stage

EARN = ("zoe", 1)


def world_of(path: Path | None, messages: int, worker: Any = "local") -> Controller:
    """A world with one vat and that many messages, each with a commit of its own."""
    world = swingset.open_world(path, worker=worker)
    world.create_vat("ann", (("ann", ACTOR),))
    for _ in range(messages):
        world.queue_to_root("ann", "earn", EARN, policy="none")
        world.run()
    return world


def seen(world: Controller, first: int) -> dict[int, str]:
    """The digest of each moment from a crank on."""
    found = {}
    for crank in range(first, world.crank + 1):
        with world.at(crank) as moment:
            found[crank] = moment.digest()
    return found


def test_the_timeline_tells_what_happened_to_vats() -> None:
    """Creations, upgrades, suspensions, resumptions and terminations are told once each, refusals never."""
    world = world_of(None, 2)
    world.upgrade_vat("ann", (("ann", ACTOR + "# new"),))
    with pytest.raises(swingset.VatFault):
        world.upgrade_vat("ann", (("ann", "raise RuntimeError('no')"),))
    world.checkpoint("here")
    world.vats.suspend("ann")
    world.vats.resume("ann")
    world.terminate_vat("ann")
    stretches = world.history.timeline()
    told = [str(each) for stretch in stretches for each in stretch.happenings]
    assert told == [
        "ann created",
        "ann upgraded to incarnation 1",
        "ann suspended",
        "ann resumed",
        "ann terminated",
    ]
    assert [stretch.checkpoints for stretch in stretches if stretch.checkpoints] == [("here",)]
    assert sum(stretch.cranks for stretch in stretches) == world.crank
    assert sum(stretch.cranks + stretch.requests for stretch in stretches) == stretches[-1].record
    world.close()


def test_the_costs_add_up_to_the_file(tmp_path: Path) -> None:
    """Each page of the file belongs to one part, and a message costs less if the past is smaller."""
    world = world_of(tmp_path / "a.world", 30)
    costs = world.history.costs()
    parts = (costs.state, costs.history, costs.transcripts, costs.images, costs.code, costs.rest)
    assert sum(parts) == costs.file == (tmp_path / "a.world").stat().st_size
    assert costs.messages == 30
    assert costs.changes + costs.records <= costs.history
    world.history.prune(before=world.crank)
    after = world.history.costs()
    assert after.past < costs.past
    assert after.file < costs.file
    world.close()


def test_a_past_is_cut_at_a_crank_and_to_a_size(tmp_path: Path) -> None:
    """With both, the cut is at the crank or later, and the file gets as small as wanted."""
    world = world_of(tmp_path / "a.world", 30)
    at_crank = world.history.would_prune(before=5)
    least = world.history.would_prune(before=world.crank)
    small = (at_crank.size + least.size) // 2
    both = world.history.would_prune(before=5, ceiling=small)
    assert both.size <= small
    assert both.first > at_crank.first
    assert world.history.would_prune(before=5, ceiling=1 << 40).first == at_crank.first
    world.close()


@pytest.mark.parametrize("looked", ["at", "at_record"])
def test_the_empty_world_is_no_moment_of_a_past_that_was_cut(looked: str, tmp_path: Path) -> None:
    """Nothing leads from it to the present any more, so it is refused like the cranks that are gone."""
    world = world_of(tmp_path / "a.world", 10)
    look = world.at if looked == "at" else world.history.at_record
    look(0).close()
    world.history.prune(before=5)
    with pytest.raises(swingset.NoSuchMoment, match=r"the past up to crank [0-9]+ was pruned"):
        look(0)
    world.close()


PRUNED: dict[str, dict[str, Any]] = {
    "before a crank": {"before": 20},
    "before a crank, to the images": {"before": 20, "to_images": True},
    "to a size": {"ceiling": 1},
}


@pytest.mark.parametrize("how", PRUNED)
@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_what_is_kept_is_as_it_was(how: str, worker: str, tmp_path: Path) -> None:
    """After pruning, the present and each later moment are the same, all seals fit, and vats go on."""
    given = dict(PRUNED[how])
    play = Play(worker, Host(interval=3), 12).doings(5)
    play.controller.history.export(tmp_path / "a.world")
    play.controller.close()
    with swingset.open_world(tmp_path / "a.world", worker=worker) as world:
        if "ceiling" in given:
            given["ceiling"] = world.history.would_prune(before=world.crank).size + 20_000
        else:
            given["before"] = world.crank // 2
        before, known, size = world.digest(), seen(world, 1), world.world.size
        foreseen = world.history.would_prune(**given)
        assert (world.digest(), world.world.size) == (before, size)
        freed = world.history.prune(**given)
        assert (freed.first, freed.what.records) == (foreseen.first, foreseen.what.records)
        assert 1 < freed.first <= world.crank
        assert world.digest() == before
        assert world.verify() == []
        assert seen(world, freed.first) == {c: known[c] for c in range(freed.first, world.crank + 1)}
        for lost in (1, freed.first - 1):
            with pytest.raises(swingset.NoSuchMoment, match="was pruned"):
                world.at(lost)
        with world.fork(at=freed.first) as other:
            assert other.digest() == known[freed.first]
            other.run()
            assert other.verify() == []
    with swingset.open_world(tmp_path / "a.world", worker=worker) as world:
        for name in [vat.name for vat in world.vats if vat.name in ("ann", "ben", "cyd")]:
            kref = world.queue_to_root(name, "earn", EARN)
            world.run()
            assert world.status(kref or "") == "fulfilled"
        assert world.verify() == []
        again = world.history.prune(before=world.crank)
        assert again.first > freed.first
        assert world.verify() == []


def test_branches_and_checkpoints_before_the_cut_are_gone_and_named() -> None:
    """Checkpoints of the dropped past go, those after it stay, and can be gone back to."""
    world = world_of(None, 3)
    world.checkpoint("early")
    world.queue_to_root("ann", "earn", EARN)
    world.run()
    middle = world.crank
    world.queue_to_root("ann", "earn", EARN)
    world.run()
    world.checkpoint("late")
    late, digest = world.crank, world.digest()
    world.queue_to_root("ann", "earn", EARN)
    world.run()
    freed = world.history.would_prune(before=late)
    assert freed.what.labels == ("early",)
    assert "These checkpoints are gone: early." in freed.lines()
    assert [label.name for label in world.history.checkpoints()] == ["early", "late"]
    world.history.prune(before=late)
    assert [label.name for label in world.history.checkpoints()] == ["late"]
    world.history.go_back("late")
    assert (world.digest(), world.crank, world.verify()) == (digest, late, [])
    with pytest.raises(swingset.NoSuchMoment):
        world.at(middle - 1)
    world.close()


def test_without_arguments_only_what_nothing_leads_to_goes() -> None:
    """A branch that was left without a name goes; the line to the present stays whole."""
    world = world_of(None, 2)
    world.checkpoint("fork")
    for _ in range(3):
        world.queue_to_root("ann", "earn", EARN)
        world.run()
    world.history.go_back("fork")
    known = seen(world, 1)
    freed = world.history.prune()
    assert (freed.first, freed.what.records, freed.what.commits) == (1, 0, 3)
    assert freed.undebuggable == (f"{freed.what.entries:,} deliveries are in no transcript any more, so they "
                                  "cannot be repeated.",)  # fmt: skip
    assert seen(world, 1) == known
    assert world.verify() == []
    world.close()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"before": -1}, "crank -1 is none that comes next"),
        ({"before": 99}, "crank 99 is none that comes next"),
        ({"ceiling": 10}, "the present alone takes .* more than the 10 that are wanted: nothing was pruned"),
    ],
)
def test_what_cannot_be_pruned_is_refused(given: dict[str, int], error: str) -> None:
    """The error says what was wanted, and nothing is dropped."""
    world = world_of(None, 3)
    before = len(world.history.timeline())
    for act in (world.history.would_prune, world.history.prune):
        with pytest.raises(swingset.WorldError, match=error):
            act(**given)
    assert len(world.history.timeline()) == before
    world.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = '[9,9,9]' WHERE key = 'cut'",
        "UPDATE meta SET value = 'x' WHERE key = 'cut'",
        "UPDATE meta SET value = '[1,2]' WHERE key = 'cut'",
        "DELETE FROM meta WHERE key = 'cut'",
        "UPDATE commits SET crank = crank - 1 WHERE parent = 0",
        "DELETE FROM transcript WHERE position = (SELECT max(position) FROM transcript) - 1",
    ],
)
def test_a_cut_that_was_altered_is_found(change: str, tmp_path: Path) -> None:
    """What a file says of its cut is checked against its seals and its first commit."""
    path = tmp_path / "a.world"
    with world_of(path, 8) as world:
        world.history.prune(before=5)
        assert world.verify() == []
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    with swingset.open_world(path, look_only=True) as world:
        assert world.verify()


def test_a_pruned_past_says_so_where_a_vat_needs_it() -> None:
    """A heap image that cannot be used is not made up for by a transcript that was dropped."""
    world = swingset.open_world(None, snapshot_interval=2)
    world.create_vat("ann", (("ann", ACTOR),))
    for _ in range(6):
        world.queue_to_root("ann", "earn", EARN)
        world.run()
    world.history.prune(before=world.crank - 1, to_images=True)
    assert world.verify() == []
    span = world.kernel.store.vats.span(world.vats["ann"].id)
    with pytest.raises(swingset.WorldError, match=r"of vat v\d+ begins at position \d+: older"):
        world.world.transcripts.deliveries(span.vat, span.hash, span.incarnation_hash)
    world.close()


def test_moments_and_looks_of_before_a_prune_are_left(local: Stage) -> None:
    """A moment that is open stays as it is; the next look begins anew."""
    world = local.controller
    world.create_vat("ann", (("ann", ACTOR),))
    for _ in range(4):
        world.queue_to_root("ann", "earn", EARN)
        world.run()
    early = world.at(2)
    digest = early.digest()
    world.at(3).close()
    world.history.prune(before=world.crank)
    assert early.digest() == digest
    early.close()
    with world.at(world.crank) as moment:
        assert moment.crank == world.crank


def test_the_command_shows_before_it_prunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset prune` changes nothing without --yes, and does what it said with it."""
    path = tmp_path / "a.world"
    world_of(path, 10).close()
    whole = path.read_bytes()
    assert main(["history", str(path), "--last", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("bytes  run")
    assert said[-1].startswith("a message costs ")
    assert main(["prune", str(path), "--before", "8"]) == 0
    would = capsys.readouterr().out
    assert would.startswith("this would free ")
    assert would.endswith("nothing was changed: say --yes to do it; it cannot be undone\n")
    assert path.read_bytes() == whole
    assert main(["prune", str(path), "--before", "8", "--yes", "--trust-local"]) == 0
    done = capsys.readouterr().out
    assert (
        done.splitlines()[1]
        == would.splitlines()[1]
        == ("Cranks before 8 cannot be seen, repeated, debugged or gone back to any more.")
    )
    assert main(["history", str(path), "--json"]) == 0
    assert '"cut": true' in capsys.readouterr().out
    assert main(["verify", str(path)]) == 0


def test_a_pruned_world_goes_on_for_a_long_time() -> None:
    """A random history that is pruned again and again ends in the same state as one that is not."""
    pruned, whole = (Play("local", HOSTS["every third crank, out of memory"], 9) for _ in range(2))
    for _ in range(4):
        pruned.doings(3)
        whole.doings(3)
        pruned.controller.history.prune(before=pruned.controller.crank - 4, to_images=True)
        assert pruned.controller.verify() == []
    assert pruned.digests() == whole.digests()
