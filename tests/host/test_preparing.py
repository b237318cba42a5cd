"""What a host prepares while a world is opened stands before anything can be committed."""

from __future__ import annotations

from pathlib import Path

import pytest

import swingset
from swingset.host.base.opened import Opened
from swingset.host.worlds.config import Configuration, VatConfig
from swingset.host.worlds.opening import open_world
from tests.vat_sources import SPY


class NotNow(Exception):
    """What a host raises that wants no world."""


def test_a_fence_that_is_put_up_first_is_asked_for_every_commit(tmp_path: Path) -> None:
    """Even for what a new world is configured with, and it can refuse all of it."""
    asked: list[int] = []

    def prepare(opened: Opened) -> None:
        opened.world.history.fencing.put_up(lambda _: asked.append(opened.world.history.head()))

    wanted = Configuration(vats={"spy": VatConfig(parts=(("spy", SPY),))})
    with open_world(tmp_path / "a.world", wanted, worker="local", prepare=prepare) as world:
        head = world.world.head
    assert asked
    assert max(asked) == head


def test_who_raises_has_the_file_as_it_was(tmp_path: Path) -> None:
    """It is closed, what was to be done at its end is done, and it can be opened again at once."""
    path, ended = tmp_path / "a.world", list[str]()
    with open_world(path, worker="local") as world:
        world.create_vat("spy", (("spy", SPY),))
        digest = world.digest()
    before = path.read_bytes()

    def prepare(opened: Opened) -> None:
        opened.ending.append(lambda: ended.append("ended"))
        raise NotNow

    with pytest.raises(NotNow):
        open_world(path, worker="local", prepare=prepare)
    assert ended == ["ended"]
    assert path.read_bytes() == before
    with swingset.open_world(path, worker="local") as again:
        assert again.digest() == digest
