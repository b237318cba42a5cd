"""Replays the worlds that a test has made: each one when it is closed, or when the test ends.

`make test` replays those of every sixteenth test, chosen by the test's name; a run with the slow tests
replays all. A test whose worlds cannot be replayed says so with the mark `unreplayed` and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakSet
from zlib import crc32

import pytest

from swingset.host.controller import Controller
from swingset.host.opened import Opened
from swingset.time.repeating import EXECUTORS, by_rows
from swingset.time.replay import Replaying, replay
from swingset.world.file import WorldFile

ONE_OF = 16
"""One of so many tests is in the sample."""


def is_replayed(item: pytest.Item) -> bool:
    """Whether the worlds of a test are to be replayed in this run."""
    if item.get_closest_marker("unreplayed"):
        return False
    is_sample = "not slow" in str(item.config.getoption("markexpr"))
    return not is_sample or crc32(item.nodeid.encode()) % ONE_OF == 0


def know_meddling(patch: pytest.MonkeyPatch) -> None:
    """Repeat by its rows what a test writes by hand (`tests.meddling`), which has a verb of its own."""
    patch.setitem(cast(dict[str, Any], EXECUTORS), "meddle", by_rows("meddle"))


def agrees(world: WorldFile) -> None:
    """Replay the world of a kernel that has no controller."""
    with world.fork() as source, pytest.MonkeyPatch.context() as patch:
        know_meddling(patch)
        replayed = Replaying(source, None).run()
        assert replayed.ok, str(replayed)


@contextmanager
def replaying(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replay every world that is opened in the body, except forks, and fail at the first difference."""
    made = WeakSet[Controller]()
    init, close = Controller.__init__, Controller.close

    def remember(controller: Controller, opened: Opened) -> None:
        init(controller, opened)
        if not opened.world.name.startswith("a fork of ") and not opened.world.look_only:
            made.add(controller)

    def check(controller: Controller) -> None:
        made.discard(controller)
        replayed = replay(controller)
        assert replayed.ok, str(replayed)

    def checked_close(controller: Controller, *, keep: bool = True) -> None:
        if keep and controller in made and not controller.lives.closed:
            check(controller)
        close(controller, keep=keep)

    know_meddling(monkeypatch)
    monkeypatch.setattr(Controller, "__init__", remember)
    monkeypatch.setattr(Controller, "close", checked_close)
    yield
    for controller in list(made):
        if not controller.lives.closed:
            check(controller)
