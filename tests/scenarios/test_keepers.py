"""Keepers in vats: the service of a meter is held by one vat, and its use by another."""

from __future__ import annotations

from typing import Any

import pytest

import swingset
from tests.staging import Stage

KEEPER = """
from swingset.vat import E, remotable

@remotable
class Keeper:
    def __init__(self):
        self.asked, self.service, self.later = [], None, False

    def serve(self, service, later: bool = False):
        self.service, self.later = service, later

    def refill_wanted(self, meter, computrons: int):
        self.asked.append(computrons)
        if not self.later:
            return E(self.service).add_remaining(computrons)

    def refill(self):
        return E(self.service).add_remaining(self.asked[-1])

    def list(self):
        return self.asked

def build_root_object():
    return Keeper()
"""

MINER = """
from swingset.vat import remotable

@remotable
class Miner:
    def dig(self, depth: int) -> int:
        return sum(range(depth))

def build_root_object():
    return Miner()
"""


@pytest.fixture(scope="module")
def mine() -> Any:
    """A confined vat that is paid by a meter below another, and a keeper in a local vat for that one."""
    stage = Stage("wasm")
    yield stage
    stage.close()


def test_a_keeper_refills_at_once_or_later_and_nobody_can_tell(mine: Stage) -> None:
    """What is asked is answered as if there had been enough; use and service are two authorities."""
    admin = mine.session.devices.vat_admin()
    keeper = mine.define("keeper", KEEPER)
    top = mine.ask(admin, "create_meter", 10**12)
    meter = mine.ask(mine.ask(top, "use"), "create_meter", 10**8)
    use, service = mine.ask(meter, "use"), mine.ask(meter, "service")
    for facet, method in ((use, "add_remaining"), (service, "create_meter"), (use, "service")):
        with pytest.raises((swingset.RemoteError, AttributeError, TypeError)):
            mine.ask(facet, method, 5)
    mine.ask(meter, "set_keeper", keeper)
    with pytest.raises((swingset.RemoteError, ValueError), match="has a keeper"):
        mine.ask(meter, "get_notifier")
    mine.ask(keeper, "serve", service)
    made = mine.ask(
        admin,
        "create_vat",
        mine.session.devices.bundle(MINER),
        {"worker": "wasm", "meter": use, "name": "miner"},
    )
    remaining = mine.ask(meter, "get")["remaining"]
    assert mine.ask(top, "get")["remaining"] == 10**12 - (10**8 - remaining)
    assert mine.ask(made["root"], "dig", 10**6) == sum(range(10**6))
    asked = mine.ask(keeper, "list")
    assert asked
    mine.ask(keeper, "serve", service, True)
    pending = mine.send(made["root"], "dig", 3 * 10**6)
    mine.session.settle()
    assert mine.controller.vats["miner"].state == "suspended"
    for _ in range(20):
        if mine.controller.vats["miner"].state == "live":
            break
        mine.ask(keeper, "refill")
    assert mine.session.wait(pending) == sum(range(3 * 10**6))
    assert len(mine.ask(keeper, "list")) > len(asked)
    assert swingset.replay(mine.controller).ok
