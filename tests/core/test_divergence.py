"""A vat that is brought back has to say again what it said: every syscall and every count is compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from swingset.host.sessions.pending import StillPending
from swingset.model.capdata import CapData
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
    """The vat is suspended for the first difference, and its message waits for a better worker."""
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
    result = world.kernel.queue_message(root, CapData('#["again",[]]'))
    reports = world.drain()
    assert [report.outcome for report in reports] == ["parked"]
    vat = world.kernel.vat("A")
    assert vat.state == "suspended"
    assert (vat.reason or "").startswith("replay-diverged: vat A, delivery 1 (")
    assert words in (vat.reason or "")
    assert not world.kernel.warehouse.is_online(vat.id)
    world.vat("A").history[-1] = true
    world.kernel.resume("A")
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
        "local": r"^replay-diverged: vat vat, delivery 1 .*: syscall \d+: recorded .*x.*, now .*y",
        "wasm": r"^replay-diverged: vat vat, delivery 0 .*: computrons: recorded [\d,]+, now [\d,]+",
    }
    other_vat = stage.define("other", SOURCE)
    kernel.warehouse.discard_all()
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "get", other)
        with pytest.raises(StillPending):
            stage.ask(root, "keep", "more")
        assert re.match(words[stage.worker], kernel.vat("vat").reason or "")
    assert stage.ask(other_vat, "keep", "key") == "key"
    stage.controller.checkpoint("anyway")
    stage.controller.vats.resume("vat")
    assert stage.ask(root, "keep", "more") == "more"


def test_a_vat_that_cannot_be_brought_back_can_be_upgraded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had stored is there for the new code, and what waited for it is delivered."""
    root = stage.define("vat", SOURCE)
    assert stage.ask(root, "keep", "key") == "key"
    kernel, bundles = stage.controller.kernel, stage.controller.world.bundles
    true = bundles.get
    kernel.warehouse.discard_all()
    monkeypatch.setattr(
        bundles, "get", lambda bundle: tuple((n, s.replace('"x"', '"y"')) for n, s in true(bundle))
    )
    waiting = stage.send(root, "keep", "more")
    stage.session.settle()
    assert kernel.vat("vat").state == "suspended"
    new = SOURCE.replace('"x"', '"z"').replace("return key", "return sorted(self.baggage.items())")
    assert stage.upgrade("vat", new).incarnation == 1
    assert stage.session.wait(waiting) == [("key", "x"), ("more", "z")]
