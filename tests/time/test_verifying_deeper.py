"""Verifying in four depths: each finds what it is for, and says what it did not check."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.time.replaying.verification import DEPTHS, Depth
from tests.scenarios.test_digests import ACTOR


def written(path: Path) -> Path:
    """A world with a vat that has counted, confined, and opened to be looked at afterwards."""
    with swingset.open_world(path) as world:
        world.create_vat("ann", (("ann", ACTOR),))
        for amount in range(3):
            world.queue_to_root("ann", "earn", ["zoe", amount])
            world.run()
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("worlds") / "a.world")


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_sound_world_is_right_in_each_depth(depth: Depth, sound: Path) -> None:
    """Nothing is found, deeper looks are named as not checked, and the file stays as it is."""
    before = sound.read_bytes()
    with swingset.open_world(sound, look_only=True) as world:
        found = swingset.verify(world, depth)
    assert (found.ok, found.depth, found.found()) == (True, depth, [])
    assert found.not_checked[-len(DEPTHS) + depth :] == tuple(DEPTHS.values())[depth:] or depth == 4
    assert sound.read_bytes() == before


CHANGED = {
    "a note": (1, "UPDATE commits SET note = 'other' WHERE seq = 2"),
    "an entry": (1, "UPDATE transcript SET entry = replace(entry, 'zoe', 'joe')"),
    "a counter": (2, "UPDATE counters SET value = value + 1 WHERE name = 'kp'"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_each_depth_finds_what_it_is_for(what: str, sound: Path, tmp_path: Path) -> None:
    """An alteration is found from its depth on, and no replay is made of a file that has problems."""
    least, change = CHANGED[what]
    path = tmp_path / "altered.world"
    path.write_bytes(sound.read_bytes())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    for depth in (1, 2, 3):
        with swingset.open_world(path, look_only=True) as world:
            found = swingset.verify(world, depth)  # type: ignore[arg-type]
        assert found.ok == (depth < least)
        assert found.depth == min(depth, 2)
        assert found.difference is None


def test_the_command_takes_a_depth(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset verify --depth` says what it found, and on the side what it did not check."""
    for depth in DEPTHS:
        assert main(["verify", str(sound), "--depth", str(depth)]) == 0
        printed = capsys.readouterr()
        assert printed.out == "0 problems found\n"
        unchecked = [f"not checked: {words}" for each, words in DEPTHS.items() if each > depth]
        assert printed.err.splitlines() == unchecked


def test_a_pruned_world_is_repeated_from_its_cut(sound: Path, tmp_path: Path) -> None:
    """A kernel replay begins with the first state that is kept, and says that it took it as it is."""
    path = tmp_path / "pruned.world"
    path.write_bytes(sound.read_bytes())
    with swingset.open_world(path) as world:
        world.history.prune(before=world.crank)
        found = swingset.verify(world, 3)
    assert (found.ok, found.depth) == (True, 3)
    assert len(found.not_checked) == 2
