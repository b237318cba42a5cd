"""How many vats have a worker at one time, and that nobody notices when one is brought back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.model.capdata import CapData
from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]


def test_fifty_vats_are_online_and_the_one_used_longest_ago_goes_first() -> None:
    """With 52 vats two are not there; a message brings one back, by its transcript, in place of another."""
    names = [f"V{number}" for number in range(1, 53)]
    world = RawWorld(*names)
    online = world.kernel.warehouse.is_online

    def absent() -> list[str]:
        return [name for name in names if not online(world.ids[name])]

    def send(name: str, number: int) -> None:
        world.vat(name).next = lambda _delivery, ask: ask(["vatstoreSet", f"key{number}", "x"])
        result = world.kernel.queue_message(world.kernel.root_of(name), CapData('#["go",[]]'))
        world.kernel.release_result(result)
        world.drain()

    assert absent() == ["V1", "V2"]
    send("V3", 1)
    send("V1", 2)  # V3 was used since, so it is V4 that goes
    assert absent() == ["V2", "V4"]
    assert [delivery[0] for delivery in world.vat("V1").take_log()] == ["message"]
    send("V4", 3)
    assert absent() == ["V2", "V5"]
    assert world.store.vats.span(world.ids["V1"]).position == 2
    assert audit(world.store) == []
