"""Worlds of random histories, whole and vat by vat, come out of their archives as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

import swingset
from swingset.host.worlds.opening import open_world
from swingset.world.archiving import LEVELS
from swingset.world.vats import LIVE
from tests.core.test_random_histories import History


def carried(seed: int, folder: Path) -> None:
    """Archive a world of this seed at every level, and each of its vats alone, and unpack them all."""
    history = History(seed, 120)
    history.commit()
    path = folder / f"{seed}.world"
    history.world.export(path)
    digest, vats = history.world.digest(), [vat for vat in history.live() if vat.state == LIVE]
    for level in LEVELS:
        made = swingset.export_archive(path, folder / f"{seed}-{level}.swingset", level=level)
        assert made.digest == digest
        swingset.import_archive(made.path, folder / f"{seed}-{level}.world", expected=made.id)
        with open_world(folder / f"{seed}-{level}.world", workers=False) as world:
            assert world.digest() == digest
            assert world.verify() == []
    for vat in vats:
        alone = folder / f"{seed}-{vat.name}"
        swingset.export_archive(path, alone.with_suffix(".swingset"), level="replay", vat=vat.name)
        swingset.import_archive(alone.with_suffix(".swingset"), alone.with_suffix(".world"))
        with open_world(alone.with_suffix(".world"), workers=False) as world:
            assert [found.id for found in world.vats] == [vat.id]
            assert world.verify() == []


@pytest.mark.parametrize("seed", range(2))
def test_a_random_world_is_carried(seed: int, tmp_path: Path) -> None:
    """Each level has its digest and passes verify, and so does each vat alone."""
    carried(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 60))
def test_many_random_worlds_are_carried(seed: int, tmp_path: Path) -> None:
    """The same for many."""
    carried(seed, tmp_path)
