"""A vat whose root object nobody holds, and what is sent to things that take no messages."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from swingset.core.errors import NoSuchVat
from swingset.model import reasons
from tests.core.raw import RawWorld
from tests.staging import Stage

PLAIN = """
from swingset.vat import remotable

@remotable
class Root:
    def ping(self): return "pong"

def build_root_object():
    return Root()
"""


def rootless(stage: Stage) -> Any:
    """A vat made through vatAdmin, of which only the admin node is kept; answers that."""
    admin = stage.session.devices.vat_admin()
    made = stage.ask(admin, "create_vat", stage.session.devices.bundle(PLAIN), {"name": "lonely"})
    node = made["adminNode"]
    del made
    for _ in range(3):
        gc.collect()
        stage.controller.gc.reap_all()
        stage.session.settle()
    return node


def test_a_world_with_a_forgotten_root_opens(stage: Stage) -> None:
    """The names of all other vats come back, and who asks for this root hears what became of it."""
    stage.define("other", PLAIN)
    node = rootless(stage)
    assert [vat.name for vat in stage.controller.vats if not vat.attached][-1] == "lonely"
    assert "other" in stage.session.names.recall()
    assert "lonely" not in stage.session.names.recall()
    with pytest.raises(NoSuchVat, match="root object of vat lonely is gone, because nothing held it"):
        stage.session.root("lonely")
    assert stage.ask(node, "upgrade", stage.session.devices.bundle(PLAIN)) == {"incarnationNumber": 1}
    assert "other" in stage.session.names.recall()


def test_a_vat_cannot_abandon_its_root() -> None:
    """Whoever holds the root would hold nothing, the host included: it is an illegal syscall."""
    world = RawWorld("A", "B")
    report = world.run_in("A", lambda ask: ask(["abandonExports", ["o+0"]]))
    assert report.fault is not None
    assert report.fault.code == reasons.ILLEGAL_SYSCALL
    assert "a vat cannot abandon its root object" in report.fault.message


def test_a_device_node_takes_no_messages(stage: Stage) -> None:
    """A message to one is rejected, saying so: vats call devices."""
    node = stage.controller.kernel.add_device("clock", "timer")
    result = stage.controller.queue_to_object(node, "now")
    stage.controller.run()
    outcome = stage.controller.resolution(result)
    assert isinstance(outcome, TypeError)
    assert "a device node takes no messages" in str(outcome)
