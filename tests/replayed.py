"""Replays the worlds that a test has made: those in memory when they are closed, the others when it ends.

A test whose worlds cannot be replayed says so with the mark `unreplayed` and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakSet

import pytest

from swingset.core.atomic import refuse_within_crank
from swingset.host.base.opened import Opened
from swingset.host.worlds.controller import Controller
from swingset.time.replaying.repeating import EXECUTORS, by_rows
from swingset.time.replaying.replay import Replaying, replay
from swingset.world.file import WorldFile


def know_meddling(patch: pytest.MonkeyPatch) -> None:
    """Repeat by its rows what a test writes by hand (`tests.meddling`), which has a verb of its own."""
    patch.setitem(cast(dict[str, Any], EXECUTORS), "meddle", by_rows("meddle"))


def agrees(world: WorldFile) -> None:
    """Replay the world of a kernel that has no controller."""
    with world.fork() as source, pytest.MonkeyPatch.context() as patch:
        know_meddling(patch)
        replaying = Replaying(source, None)
        try:
            replayed = replaying.run()
        finally:
            replaying.close()
        assert replayed.ok, str(replayed)


@contextmanager
def replaying(monkeypatch: pytest.MonkeyPatch, *, full: bool = False) -> Iterator[None]:
    """Replay every world that is opened in the body, except forks, and fail at the first difference.

    With `full`, the vats of worlds in memory run again. A world of a file may be opened again, and then has
    all of its past still. So it is replayed at the end, as it was when it was last closed, and without vats.
    """
    made = WeakSet[Controller]()
    files: dict[str, WorldFile] = {}
    init, close = Controller.__init__, Controller.close

    def remember(controller: Controller, opened: Opened) -> None:
        init(controller, opened)
        if not opened.world.name.startswith("a fork of ") and not opened.world.look_only:
            made.add(controller)

    def check(controller: Controller) -> None:
        made.discard(controller)
        replayed = replay(controller, full=full)
        assert replayed.ok, str(replayed)

    def checked_close(controller: Controller, *, keep: bool = True) -> None:
        if keep and controller in made and not controller.lives.closed:
            if controller.path is None:
                check(controller)
            else:
                refuse_within_crank(controller.kernel.store)
                if controller.path in files:
                    files.pop(controller.path).close()
                files[controller.path] = controller.world.fork()
        close(controller, keep=keep)

    know_meddling(monkeypatch)
    monkeypatch.setattr(Controller, "__init__", remember)
    monkeypatch.setattr(Controller, "close", checked_close)
    yield
    for controller in list(made):
        if not controller.lives.closed:
            check(controller)
    for world in files.values():
        with world:
            agrees(world)
