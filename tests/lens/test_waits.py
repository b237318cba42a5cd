"""What an unsettled promise waits for, as a chain of sentences, and the cycle that it may end in."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.host.sessions.pending import StillPending
from swingset.lens.present import waits as told
from swingset.lens.present.waits import Waits, waits
from tests.staging import Stage

LINK = """
from swingset.vat import E, make_promise, remotable


@remotable
class Link:
    def __init__(self):
        self.promise, self.settle = make_promise()

    def own(self):
        return self.promise

    async def tie(self, other) -> None:
        self.settle.resolve(await E(other).own())


def build_root_object():
    return Link()
"""


def found(stage: Stage, promise: Any) -> Waits:
    """What a promise of the session waits for, after it was asked for and nothing is left to run."""
    stage.session.settle()
    kref = stage.session.kref_of(promise)
    assert kref is not None
    return waits(stage.controller.kernel.store, kref)


def tied(stage: Stage, ties: list[tuple[int, int]]) -> list[Any]:
    """Vats, of which one waits for another in each tie."""
    links = [stage.define(f"v{number}", LINK) for number in range(3)]
    for one, other in ties:
        stage.session.settle()
        stage.send(links[one], "tie", links[other])
    stage.session.settle()
    return links


RING = "a cycle: v0 waits for v1"
ENDS = "vat {} waits for no other vat: its own code has to settle it"
CASES: list[tuple[list[tuple[int, int]], tuple[str, ...], int, str]] = [
    ([], (), 2, ENDS.format("v0")),
    ([(0, 1), (1, 2)], (), 4, ENDS.format("v2")),
    ([(0, 1), (1, 0)], ("v0", "v1"), 4, "a cycle: v0 waits for v1, v1 waits for v0"),
    ([(0, 1), (1, 2), (2, 0)], ("v0", "v1", "v2"), 5, f"{RING}, v1 waits for v2, v2 waits for v0"),
    ([(0, 1), (1, 2), (2, 1)], ("v1", "v2"), 5, "a cycle: v1 waits for v2, v2 waits for v1"),
    ([(0, 1), (0, 2), (2, 0)], ("v0", "v2"), 4, "a cycle: v0 waits for v2, v2 waits for v0"),
]  # fmt: skip


@pytest.mark.parametrize(("ties", "cycle", "count", "last"), CASES)
def test_the_chain_is_told_to_its_end(
    stage: Stage, ties: list[tuple[int, int]], cycle: tuple[str, ...], count: int, last: str
) -> None:
    """Each promise of it has a sentence; only the vats that wait for each other are in the cycle."""
    told = found(stage, stage.send(tied(stage, ties)[0], "own"))
    assert told.cycle == cycle
    assert len(told.steps) == count
    assert told.steps[-1] == last
    assert told.steps[0].endswith("the answer to own() to root of v0 ko20: vat v0 has to settle it")


def test_what_else_a_vat_waits_for_is_counted(stage: Stage) -> None:
    """The chain takes one way, and says that there are others."""
    told = found(stage, stage.send(tied(stage, [(0, 1), (0, 2)])[0], "own"))
    assert told.steps[1].endswith("; it waits for 1 more")


def test_what_was_sent_on_account_of_the_message_comes_first(stage: Stage) -> None:
    """A vat that waits for two is asked about one of them: the way is that of its own message."""
    links = tied(stage, [])
    first, second = stage.send(links[0], "tie", links[1]), stage.send(links[0], "tie", links[2])
    assert "to root of v1" in found(stage, first).steps[1]
    assert "to root of v2" in found(stage, second).steps[1]


def test_a_suspended_vat_ends_the_chain(stage: Stage) -> None:
    """Nobody knows what it would wait for next."""
    links = tied(stage, [(0, 1), (1, 0)])
    stage.controller.vats.suspend("v1", "for a rest")
    told = found(stage, stage.send(links[0], "own"))
    assert told.cycle == ()
    assert told.steps[-1].endswith("vat v1 has to settle it, and is suspended")


def test_a_message_that_waits_is_a_step(stage: Stage) -> None:
    """What is sent to the answer of another waits for it, and a device for nobody in the world."""
    own = stage.send(tied(stage, [])[0], "own")
    sent = stage.send(own, "more")
    told = found(stage, sent)
    kref = stage.session.kref_of(own)
    assert told.steps[0].endswith(f"more() to promise {kref}: its message waits for promise {kref}")
    assert told.steps[1].startswith(f"{kref}, the answer to own()")
    alarm = stage.send(stage.session.devices.timer(), "wake_at", 10)
    assert found(stage, alarm).steps[0].endswith("a device or the host has to settle it")


def test_a_long_chain_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how much is left out, and names the cycle all the same."""
    monkeypatch.setattr(told, "MOST", 1)
    steps = found(stage, stage.send(tied(stage, [(0, 1), (1, 2), (2, 0)])[0], "own")).steps
    assert steps[1] == "and so on: the chain has 3 more"
    assert steps[2].startswith("a cycle: v0 waits for v1")


def test_it_is_part_of_why_a_promise_is_alive(stage: Stage) -> None:
    """And of what a session is told that waits; what is settled waits for nothing."""
    links = tied(stage, [(0, 1), (1, 0)])
    promise = stage.send(links[0], "own")
    with pytest.raises(
        StillPending, match="vat v0 has to settle it, and v0 and v1 wait for each other"
    ) as caught:
        stage.session.wait(promise)
    kref = stage.session.kref_of(promise)
    assert caught.value.kref == kref
    assert stage.controller.gc.explain(str(kref)).notes == found(stage, promise).steps
    assert waits(stage.controller.kernel.store, "kp9999") == Waits()
