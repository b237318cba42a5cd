"""A host that fails in the middle of a crank, and then fails to undo it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from swingset.core.delivery import Deliverer
from swingset.model.capdata import CapData
from swingset.testing import audit
from swingset.world.errors import WorldMisuse
from tests.meddling import atomic
from tests.staging import Stage

from .raw import RawWorld

SOURCE = """
from swingset.vat import remotable

@remotable
class Root:
    def ping(self):
        return "pong"

def build_root_object():
    return Root()
"""


def test_a_crank_that_cannot_even_be_undone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The world goes back to its last commit, and nobody takes it for being within that crank still."""
    stage.define("vat", SOURCE)
    result = stage.controller.queue_to_root("vat", "ping")
    assert result is not None
    stage.controller.commit("queued")

    def fails(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Deliverer, "deliver", fails)
        patch.setattr(stage.controller.world, "rollback_crank", fails)
        with pytest.raises(WorldMisuse, match="cannot commit while 'crank' is open") as caught:
            stage.controller.run()
    assert "the disk is full" in str(caught.value.__context__)
    assert stage.controller.status(result) == "unresolved"
    stage.controller.run()
    assert stage.controller.resolution(result) == "pong"


@pytest.mark.parametrize("undo", ["asked for", "failed"])
def test_what_was_to_follow_from_a_crank_that_was_undone_does_not_follow(undo: str) -> None:
    """An ending that a device noted in it, and counts that it changed, are forgotten with it."""
    world = RawWorld("A", "B")
    before = world.world.digest()
    with contextlib.suppress(ZeroDivisionError), atomic(world.kernel) as crank:
        world.kernel.administration.end(world.ids["B"], CapData('#"enough"'))
        world.store.hold(world.kernel.root_of("A"))
        crank.undo()
        if undo == "failed":
            raise ZeroDivisionError
    assert world.store.to_terminate == {}
    assert world.world.digest() == before
    world.kernel.release_result(world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]')))
    assert [(report.outcome, report.vat) for report in world.drain()] == [("delivered", "A")]
    assert world.kernel.vat("B").state == "live"
    assert audit(world.store) == []


@pytest.mark.parametrize("made", ["promise", "device node"])
def test_what_is_made_and_held_by_nobody_is_gone_with_its_crank(made: str) -> None:
    """It is looked at when the crank ends, as if somebody had let go of it."""
    world = RawWorld("A")
    with atomic(world.kernel):
        device = world.kernel.devices.ensure("shelf", "shelf").id
    before = list(world.store.promises.all()), list(world.store.objects.all())
    with atomic(world.kernel):
        if made == "promise":
            world.store.new_promise(None)
        else:
            world.store.new_device_node(device)
    assert (list(world.store.promises.all()), list(world.store.objects.all())) == before
    assert audit(world.store) == []
