"""A vat that is brought back has to say again what it said: every syscall and every count is compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.testing import audit
from swingset.workers.replaying import ReplayDiverged
from tests.staging import Stage

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
FIRST, SECOND, OTHER = (["vatstoreSet", key, "x"] for key in ("first", "second", "other"))


@pytest.mark.parametrize(
    ("said", "computrons", "words"),
    [
        ([FIRST, OTHER], 7, f"syscall 2: recorded {json.dumps(SECOND)}, now {json.dumps(OTHER)}"),
        ([FIRST, SECOND, OTHER], 7, f"syscall 3: recorded no further syscall, now {json.dumps(OTHER)}"),
        ([FIRST], 7, f"syscall 2: recorded {json.dumps(SECOND)}, now none"),
        ([SECOND, FIRST], 7, f"syscall 1: recorded {json.dumps(FIRST)}, now {json.dumps(SECOND)}"),
        ([FIRST, SECOND], 8, "computrons: recorded 7, now 8"),
    ],
    ids=["another", "one more", "one less", "another order", "another count"],
)
def test_the_first_difference_is_named(said: list[list[Any]], computrons: int, words: str) -> None:
    """The error names vat, delivery and syscall; no worker is kept, and the world waits for a better one."""
    world = RawWorld("A")

    def behave(_delivery: list[Any], ask: Ask) -> int:
        for syscall in (FIRST, SECOND):
            ask(syscall)
        return 7

    world.vat("A").next = behave
    root = world.kernel.root_of("A")
    world.kernel.release_result(world.kernel.queue_message(root, CapData('#["go",[]]')))
    world.drain()
    true = world.vat("A").history[-1]
    world.vat("A").history[-1] = (said, computrons)
    world.kernel.warehouse.discard_all()
    before = world.world.digest()
    result = world.kernel.queue_message(root, CapData('#["again",[]]'))
    crank, queued = world.kernel.crank, world.store.queues.all()
    for _ in range(2):
        with pytest.raises(ReplayDiverged) as caught:
            world.step()
        assert str(caught.value).startswith("vat A, delivery 1 (")
        assert words in str(caught.value)
        assert not world.kernel.warehouse.is_online(world.ids["A"])
        assert (world.kernel.crank, world.store.queues.all()) == (crank, queued)
    assert audit(world.store) == []
    assert world.world.digest() != before  # the message waits
    world.vat("A").history[-1] = true
    world.drain()
    assert world.vat("A").log[-1][0] == "message"
    world.kernel.release_result(result)


SOURCE = """
from swingset.vat import remotable

@remotable
class Root:
    def keep(self, key):
        self.baggage[key] = "x"
        return key

def build_root_object(baggage):
    Root.baggage = baggage
    return Root()
"""


def test_other_code_is_found_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vat of either worker does not quietly become one that has written something else."""
    root = stage.define("vat", SOURCE)
    assert stage.ask(root, "keep", "key") == "key"
    kernel, bundles = stage.controller.kernel, stage.controller.world.bundles
    true = bundles.get

    def other(bundle: str) -> Any:
        return tuple((part, source.replace('"x"', '"y"')) for part, source in true(bundle))

    words = {
        "local": r"^vat vat, delivery 1 .*: syscall \d+: recorded .*x.*, now .*y",
        "wasm": r"^vat vat, delivery 0 .*: computrons: recorded [\d,]+, now [\d,]+",  # it shows at once
    }
    kernel.warehouse.discard_all()
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "get", other)
        with pytest.raises(ReplayDiverged, match=words[stage.worker]):
            stage.ask(root, "keep", "more")
    assert stage.ask(root, "keep", "more") == "more"
