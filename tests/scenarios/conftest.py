"""What the stories about making, upgrading and ending vats share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from tests.conftest import MakeStage
from tests.replayed import replaying
from tests.scenarios.admin import Admin
from tests.staging import Stage

FULL = 20
"""One in so many tests on the engine is replayed in full."""

_replayed = set[tuple[Path, str]]()


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def admin(request: pytest.FixtureRequest, stage: Stage) -> Admin:
    """A world with vatAdmin, which is or is not upgraded between the steps."""
    return Admin(stage, request.param)


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def metered(request: pytest.FixtureRequest, make_stage: MakeStage) -> Admin:
    """The same in the engine, for only there computrons are counted."""
    return Admin(make_stage("wasm"), request.param)


@pytest.fixture(autouse=True)
def replays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replay the worlds of a test from their records, and compare every step.

    No vat runs in such a replay, so a test of both workers is replayed as the quicker one ran. Of a test with
    many cases the quick tests replay the first. Of those that ran on the other worker, the vats of one in
    `FULL` run again, on the engine.
    """
    chosen = getattr(request.node, "callspec", None)
    again = chosen is not None and any(
        type(each) is str and each == "wasm" for each in chosen.params.values()
    )
    full = again and crc32(request.node.nodeid.encode()) % FULL == 0
    if not again and "not slow" in request.config.option.markexpr:
        test = (request.node.path, request.node.originalname)
        again = test in _replayed
        _replayed.add(test)
    if (again and not full) or request.node.get_closest_marker("unreplayed"):
        yield
    else:
        with replaying(monkeypatch, full=full):
            yield
