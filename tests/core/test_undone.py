"""A host that fails in the middle of a crank, and then fails to undo it."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.delivery import Deliverer
from swingset.world.errors import WorldMisuse
from tests.staging import Stage

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
        with pytest.raises(WorldMisuse, match="cannot commit while 'deliver' is open") as caught:
            stage.controller.run()
    assert "the disk is full" in str(caught.value.__context__)
    assert stage.controller.status(result) == "unresolved"
    stage.controller.run()
    assert stage.controller.resolution(result) == "pong"
