"""What is next is found without looking at vats that cannot run."""

from __future__ import annotations

import pytest

from swingset.model.capdata import CapData
from swingset.model.messages import Message, Send
from tests.core.raw import RawWorld


def effort(idle: int, waiting_for: str) -> int:
    """Tens of the database's instructions for 50 cranks beside so many suspended vats that wait."""
    names = [f"s{i}" for i in range(idle)]
    world = RawWorld("A", *names)
    for name in names:
        vat = world.ids[name]
        if waiting_for == "news":
            with world.kernel.undoing():
                world.store.clists.add(vat, world.store.new_object(vat), "o+5")
        else:
            world.store.reaping.schedule(vat)
        world.kernel.suspend(name, "it is late")
    root, tens = world.kernel.root_of("A"), 0

    def tick() -> bool:
        nonlocal tens
        tens += 1
        return False

    def crank() -> None:
        with world.kernel.undoing():
            world.store.enqueue(Send(root, Message(CapData('#["go",[]]'))))
        assert world.step() is not None

    crank()
    world.world.db.set_progress_handler(tick, 10)
    for _ in range(50):
        crank()
    return tens


@pytest.mark.unaudited
@pytest.mark.parametrize("waiting_for", ["news", "a reap"])
def test_suspended_vats_cost_others_nothing(waiting_for: str) -> None:
    """A crank asks the same of the database beside 2 suspended vats and beside 200."""
    few, many = effort(2, waiting_for), effort(200, waiting_for)
    assert 0 < many <= few * 1.2


def test_a_vat_that_wakes_is_told_what_it_missed() -> None:
    """What was to be told while it was suspended comes first when it is resumed."""
    world = RawWorld("A", "B")
    kref = world.give("A", "o+5", "B")
    vref = world.vref("B", kref)
    world.kernel.suspend("A", "it is late")
    world.run_in("B", lambda ask: ask(["dropImports", [vref]]))
    assert world.drain() == []
    world.kernel.resume("A")
    world.drain()
    assert world.vat("A").take_log() == [["dropExports", ["o+5"]]]
