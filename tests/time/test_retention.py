"""The retention of a world: what it drops by itself, what it never drops, and what it says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset import Controller, Retention
from swingset.command.cli import main
from tests.scenarios.test_digests import ACTOR
from tests.time.test_keeping import EARN, seen, world_of


def earn(world: Controller, times: int = 1) -> None:
    """Send the vat some messages, each with a commit of its own."""
    for _ in range(times):
        world.queue_to_root("ann", "earn", EARN, policy="none")
        world.run()


def told(world: Controller) -> list[str]:
    """What a world says of its file from now on."""
    found: list[str] = []
    world.outputs.listen(lambda output: found.append(output.text) if output.stream == "file" else None)
    return found


def test_the_last_cranks_are_kept() -> None:
    """A cut comes at twice as many, says what is gone, and leaves the state and later moments alone."""
    with world_of(None, 4) as world, world_of(None, 4) as other:
        assert world.history.retain(Retention(cranks=5)) is None
        said = told(world)
        for number in range(1, 13):
            earn(world)
            earn(other)
            assert world.digest() == other.digest()
            assert world.history.kept().cranks == 5 + number % 5
        assert said == [
            "retention of the last 5 cranks, up to 4,294,967,296 bytes:"
            f" Cranks before {first} cannot be seen, repeated, debugged or gone back to any more."
            for first in (6, 11)
        ]
        assert seen(world, 11) == seen(other, 11)
        assert world.verify() == []
        assert [(each.crank, each.first, each.why) for each in world.history.kept().prunes] == [
            (10, 6, "cranks"),
            (15, 11, "cranks"),
        ]


def test_a_past_is_kept_back_to_a_checkpoint_that_moves() -> None:
    """Nothing goes until the checkpoint is moved; then what is before it does, at the next commit."""
    with world_of(None, 3) as world:
        world.checkpoint("day")
        assert world.history.retain(Retention(checkpoint="day")) is None
        earn(world, 5)
        first = world.history.timeline()[0]
        assert (first.cut, first.checkpoints) == (True, ("day",))
        said = told(world)
        world.checkpoint("day", move=True)
        earn(world)
        assert said == [
            "retention of what came after checkpoint day, up to 4,294,967,296 bytes:"
            " Cranks before 10 cannot be seen, repeated, debugged or gone back to any more."
        ]
        world.history.go_back("day")
        assert world.crank == 9
        assert world.verify() == []


def test_a_ceiling_is_kept() -> None:
    """The bytes in use never stay above it, and few cuts are made for that."""
    with world_of(None, 30) as world:
        world.upgrade_vat("ann", (("ann", ACTOR + "# other"),))
        least = world.history.would_prune(before=world.crank).size
        world.history.retain(Retention(ceiling=least + 60_000))
        said, most = told(world), 0
        for _ in range(15):
            earn(world, 4)
            world.upgrade_vat("ann", (("ann", ACTOR),))
            most = max(most, world.world.used)
        assert most <= least + 60_000
        assert 1 <= len(said) <= 8
        assert world.history.kept().unmet is None
        assert world.verify() == []


UNMET: dict[str, tuple[Retention, str]] = {
    "cranks": (Retention(cranks=2), "checkpoint here keeps the past since crank 4"),
    "a checkpoint": (Retention(checkpoint="later"), "checkpoint here keeps the past since crank 4"),
    "a ceiling": (Retention(ceiling=1), "checkpoint here keeps the past since crank 4"),
}


@pytest.mark.parametrize("what", UNMET)
def test_no_retention_drops_a_checkpoint(what: str) -> None:
    """Neither on the line to the present nor on a branch; it is said what keeps the past, and not often."""
    policy, words = UNMET[what]
    with world_of(None, 3) as world:
        world.checkpoint("here")
        earn(world, 3)
        world.checkpoint("there")
        world.history.go_back("here")
        earn(world, 3)
        world.checkpoint("later")
        earn(world)
        said = told(world)
        world.history.retain(policy)
        assert words in str(world.history.kept().unmet)
        earn(world, 6)
        assert len(said) <= 2
        assert words in world.history.kept().lines()[-2 if world.history.kept().prunes else -1]
        assert [label.name for label in world.history.checkpoints()] == ["here", "there", "later"]
        for name in ("there", "later", "here"):
            world.history.go_back(name)
        assert world.verify() == []


def test_what_vats_need_stays_and_the_error_says_what_helps() -> None:
    """A ceiling below the transcripts of current incarnations drops all commits but the last."""
    with world_of(None, 12) as world:
        world.history.retain(Retention(ceiling=1_000))
        assert "transcripts of current incarnations are needed" in str(world.history.kept().unmet)
        assert [stretch.cut for stretch in world.history.timeline()] == [True, False]
        earn(world)
        assert world.verify() == []
        with world.fork() as other:
            assert swingset.replay(other, full=True).ok


def test_a_cut_that_was_due_is_made_when_the_world_is_opened(tmp_path: Path) -> None:
    """A process that ends between a commit and its cut leaves a whole file, which is cut later."""
    path = tmp_path / "a.world"
    world = world_of(path, 2)
    world.history.retain(Retention(cranks=2))

    def strike(step: str) -> None:
        if step == "begin" and world.world.history.commit(world.world.head).crank == 4:
            raise KeyboardInterrupt

    world.world.faults = strike
    with pytest.raises(KeyboardInterrupt):
        earn(world)
    world.world.faults = None
    digest = world.digest()
    world.close(keep=False)
    with swingset.open_world(path, worker="local", look_only=True) as world:
        assert (world.crank, world.history.kept().cranks, world.digest()) == (4, 4, digest)
    with swingset.open_world(path, worker="local") as world:
        assert (world.crank, world.history.kept().cranks, world.digest()) == (4, 2, digest)
        assert world.verify() == []


def test_a_failing_disk_fails_no_commit_that_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A cut that cannot be written is logged, and made after the next commit."""
    with world_of(None, 2) as world:
        world.history.retain(Retention(cranks=2))
        prune = world.world.prune

        def full(*_given: Any, **_named: Any) -> None:
            monkeypatch.setattr(world.world, "prune", prune)
            raise swingset.world.errors.StorageError("no room")

        monkeypatch.setattr(world.world, "prune", full)
        earn(world)
        assert caplog.messages == ["the past is not dropped as the retention asks for: no room"]
        assert world.history.kept().cranks == 4
        earn(world)
        assert world.history.kept().cranks == 2


NOT_DROPPED: dict[str, Callable[[Controller, Path], Controller]] = {
    "a fork": lambda world, _: world.fork(),
    "a world that hands its commits on": lambda world, _: world.history.feed(lambda _commit: None) or world,
    "a world with a log": lambda world, _: world.history.feed(lambda _: None, log="ledger") or world,
}


IDLE = {
    "a fork": "this is a fork",
    "a world that hands its commits on": "a function of this program has its commits with their seals",
    "a world with a log": "the log 'ledger' has its commits with their seals",
}


@pytest.mark.parametrize("what", NOT_DROPPED)
def test_who_has_commits_of_others_drops_none(what: str, tmp_path: Path) -> None:
    """It is said why, where the past is shown, and once in an output as soon as more is kept than wanted."""
    with world_of(None, 3) as world:
        world.history.retain(Retention(cranks=2))
        other = NOT_DROPPED[what](world, tmp_path)
        said = told(other)
        for _ in range(4):
            other.queue_to_root("ann", "earn", EARN, policy="none")
            other.run()
        kept = other.history.kept()
        assert (kept.cranks, kept.prunes[-1].first) == (6, 3)
        assert f"nothing is dropped by itself: {IDLE[what]}" in "\n".join(kept.lines())
        assert [IDLE[what] in line for line in said] == ([] if what == "a fork" else [True])
        assert other.history.retain(Retention(cranks=1)) is None
        if other is not world:
            other.close()


BAD: dict[str, Callable[[], object]] = {
    "cranks is 0: give a whole number from 1": lambda: Retention(cranks=0),
    "ceiling is True": lambda: Retention(ceiling=True),
    "cranks is '3'": lambda: Retention(cranks="3"),  # type: ignore[arg-type]
    "checkpoint is 3": lambda: Retention(checkpoint=3),  # type: ignore[arg-type]
    "to_images is 1": lambda: Retention(to_images=1),  # type: ignore[arg-type]
    "choose one": lambda: Retention(cranks=3, checkpoint="here"),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_no_retention_is_refused(words: str) -> None:
    """The error says what was given and what is wanted."""
    with pytest.raises(swingset.WorldError, match=words):
        BAD[words]()


def test_a_checkpoint_that_is_not_there_is_refused() -> None:
    """The retention stays as it was."""
    with world_of(None, 1) as world:
        for act in (world.history.retain, world.history.would_retain):
            with pytest.raises(swingset.UnknownLabel, match="no label 'here'"):
                act(Retention(checkpoint="here"))
        assert world.history.retention == Retention()


def test_what_another_retention_would_drop_is_measured() -> None:
    """As much goes as was said, and nothing before."""
    with world_of(None, 20) as world:
        before = world.world.size
        would = world.history.would_retain(Retention(cranks=4))
        assert (world.world.size, world.history.retention) == (before, Retention())
        freed = world.history.retain(Retention(cranks=4))
        assert would is not None
        assert freed is not None
        assert (would.first, would.bytes, would.what.records) == (
            freed.first,
            freed.bytes,
            freed.what.records,
        )
        assert world.world.size == before - freed.bytes


def test_the_retention_is_of_the_file_and_of_no_state(tmp_path: Path) -> None:
    """It is there after a restart, in a copy and an archive; going back leaves it, no digest covers it."""
    path = tmp_path / "a.world"
    with swingset.open_world(path, worker="local", retention=Retention(cranks=100)) as world:
        world.create_vat("ann", (("ann", ACTOR),))
        world.checkpoint("here")
        earn(world)
        digest = world.digest()
        world.history.retain(Retention(cranks=50, ceiling=None))
        assert world.digest() == digest
        world.history.go_back("here")
        assert world.history.retention == Retention(cranks=50, ceiling=None)
        world.history.export(tmp_path / "b.world")
        swingset.export_archive(world, tmp_path / "b.swingset")
    swingset.import_archive(tmp_path / "b.swingset", tmp_path / "c.world")
    for copy in (path, tmp_path / "b.world", tmp_path / "c.world"):
        with swingset.open_world(copy, worker="local") as world:
            assert world.history.retention == Retention(cranks=50, ceiling=None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = 'x' WHERE key = 'retention'",
        "UPDATE meta SET value = '[1,null,null,false,[0,0,0]]' WHERE key = 'retention'",
        "UPDATE meta SET value = '[0,null,null,false,[0,0,0]]' WHERE key = 'retention'",
        "UPDATE meta SET value = '[2,null,null,false,[0,0]]' WHERE key = 'retention'",
        "UPDATE meta SET value = '[2,null,null,false,[0,0,-1]]' WHERE key = 'retention'",
        "DELETE FROM meta WHERE key = 'retention'",
        "UPDATE meta SET value = '[]' WHERE key = 'prunes'",
        "UPDATE meta SET value = '[[1]]' WHERE key = 'prunes'",
        "UPDATE meta SET value = '[[1,1,1,1,1,\"for fun\"]]' WHERE key = 'prunes'",
        "UPDATE meta SET value = '[[1,1,1,1,-1,\"asked\"]]' WHERE key = 'prunes'",
        "DELETE FROM meta WHERE key = 'prunes'",
    ],
)
def test_a_row_that_was_altered_is_found_and_drops_nothing(change: str, tmp_path: Path) -> None:
    """A row that says nothing keeps everything; `verify` finds each change."""
    path = tmp_path / "a.world"
    with world_of(path, 8) as world:
        world.history.retain(Retention(cranks=4))
        assert world.verify() == []
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    with swingset.open_world(path, look_only=True) as world:
        assert [problem.table for problem in world.verify()] != []
        kept = world.history.kept()
        assert kept.policy.cranks in (None, 1, 4)
        assert len(kept.prunes) <= 1


def test_the_command_shows_before_it_takes_a_retention(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset retention` changes nothing without --yes, and tells how far the file is from it."""
    path = tmp_path / "a.world"
    world_of(path, 10).close()
    whole = path.read_bytes()
    assert main(["retention", str(path)]) == 0
    assert capsys.readouterr().out.startswith("retention: everything, up to 4,294,967,296 bytes\n")
    assert main(["retention", str(path), "--cranks", "3"]) == 0
    would = capsys.readouterr().out.splitlines()
    assert would[0] == "it would be: the last 3 cranks, up to 4,294,967,296 bytes"
    assert would[1].startswith("this would free ")
    assert would[2].startswith("Cranks before 9 cannot be seen")
    assert would[3] == "nothing was changed: say --yes to do it; what is dropped is gone"
    assert path.read_bytes() == whole
    assert main(["retention", str(path), "--cranks", "3", "--no-ceiling", "--yes", "--trust-local"]) == 0
    done = capsys.readouterr().out.splitlines()
    assert (done[0], done[2]) == ("retention: the last 3 cranks", would[2])
    assert main(["history", str(path), "--json"]) == 0
    said = capsys.readouterr().out
    assert '"cranks": 3' in said
    assert '"why": "cranks"' in said
    assert main(["retention", str(path), "--everything", "--cranks", "3"]) == 1
    assert "choose one" in capsys.readouterr().err
    assert main(["retention", str(path), "--everything", "--yes", "--trust-local"]) == 0
    assert capsys.readouterr().out == "retention: everything\n"


LEVELS: dict[str, tuple[dict[str, Any], str | None, bool]] = {
    "operational": ({"level": "operational"}, "the last 3 cranks", False),
    "replay": ({"level": "replay"}, "the last 3 cranks", False),
    "archival": ({"level": "archival"}, "the last 3 cranks", True),
    "debug": ({"level": "debug"}, "the last 3 cranks", True),
    "one vat": ({"level": "debug", "vat": "ann"}, None, False),
}


@pytest.fixture(scope="module")
def cut_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world that was told to keep three cranks, and has dropped others; it has a checkpoint."""
    path = tmp_path_factory.mktemp("cut") / "a.world"
    with world_of(path, 8) as world:
        world.history.retain(Retention(cranks=3, ceiling=None))
        world.checkpoint("day")
    return path


@pytest.mark.parametrize("case", LEVELS)
def test_an_archive_says_what_it_takes_along(case: str, cut_world: Path, tmp_path: Path) -> None:
    """The policy comes at every level, what was dropped with the past, and unpacking says what it took."""
    options, wanted, lists = LEVELS[case]
    made = swingset.export_archive(cut_world, tmp_path / "a.swingset", **options)
    unpacked = swingset.import_archive(tmp_path / "a.swingset", tmp_path / "b.world", expected=made.id)
    assert made.retention == unpacked.retention
    assert (None if unpacked.retention is None else str(unpacked.retention)) == wanted
    with swingset.open_world(tmp_path / "b.world", worker="local", look_only=True) as world:
        assert world.history.retention == (unpacked.retention or Retention())
        assert len(world.history.kept().prunes) == lists
        assert world.verify() == []


@pytest.mark.parametrize("level", ["operational", "archival"])
def test_a_checkpoint_comes_only_with_its_retention(level: Any, tmp_path: Path) -> None:
    """Where the checkpoint is left out, the rest of the policy comes; what the host wants instead counts."""
    policy = Retention(checkpoint="day", ceiling=10**9)
    with world_of(tmp_path / "a.world", 3) as world:
        world.checkpoint("day")
        world.history.retain(policy)
        made = swingset.export_archive(world, tmp_path / "a.swingset", level=level)
    assert made.retention == (policy if level == "archival" else Retention(ceiling=10**9))
    if level == "operational":
        with pytest.raises(swingset.UnknownLabel):
            swingset.import_archive(made.path, tmp_path / "b.world", retention=policy)
        assert not (tmp_path / "b.world").exists()
    unpacked = swingset.import_archive(made.path, tmp_path / "b.world", retention=Retention(cranks=9))
    with swingset.open_world(tmp_path / "b.world", look_only=True) as world:
        assert world.history.retention == unpacked.retention == Retention(cranks=9)


def test_the_commands_say_what_was_taken_over(
    cut_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`unpack` names the retention, and with `--everything` keeps all."""
    archive = str(tmp_path / "a.swingset")
    assert main(["archive", str(cut_world), archive, "--level", "archival"]) == 0
    capsys.readouterr()
    assert main(["unpack", archive, str(tmp_path / "b.world")]) == 0
    assert "it keeps the last 3 cranks: `swingset retention` changes that" in capsys.readouterr().out
    assert main(["unpack", archive, str(tmp_path / "c.world"), "--everything"]) == 0
    assert "it keeps everything: " in capsys.readouterr().out
    with swingset.open_world(tmp_path / "c.world", look_only=True) as world:
        assert world.history.retention == Retention(ceiling=None)
