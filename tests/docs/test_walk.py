"""The walks through the code in CONTRIBUTING.md are the ways that messages, bids and upgrades really take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import swingset
from swingset import Controller, Session, open_world
from swingset.vat import E

GUIDE = Path(__file__).parent.parent.parent / "CONTRIBUTING.md"
CODE = Path(swingset.__path__[0])

COUNTER = """
from swingset.vat import durable, provide, remotable

@durable
class Count:
    n: int = 0

@remotable
class Counter:
    def __init__(self, baggage):
        self.count = provide(baggage, "count", Count)

    def add(self, k: int):
        self.count.n += k
        return self.count.n

def build_root_object(baggage):
    return Counter(baggage)
"""


def stops(title: str) -> list[str]:
    """The files that a walk names, one for each numbered line."""
    text = GUIDE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `([^`]+)`", text, re.MULTILINE)


def entered(work: Callable[[], Any]) -> list[str]:
    """The files of the project whose code some work enters, call by call."""
    files = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(CODE):
            files.append(str(path.relative_to(CODE)))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return files


def message(world: Controller) -> None:
    result = world.queue_to_root("counter", "add", [1])
    assert result is not None
    world.run()
    world.release(result)


def upgrade(world: Controller) -> None:
    world.upgrade_vat("counter", (("counter", COUNTER + "# changed\n"),))


def bid(world: Controller) -> None:
    session = Session(world)
    world.market.open()
    world.market.open_account("ann", 10**9)
    account, counter = session.devices.market("account", "ann"), session.root("counter")
    session.wait(E.bid(account, base=5, cap=9)(counter).add(1))


WALKS = {
    "One message, file by file": message,
    "One bid, file by file": bid,
    "One upgrade, file by file": upgrade,
}


@pytest.mark.parametrize(("title", "work"), WALKS.items())
def test_the_walk_is_the_way_it_goes(title: str, work: Callable[[Controller], None]) -> None:
    """Each file that a walk names is entered, and after the one before it."""
    walk = stops(title)
    assert walk
    with open_world(None, worker="local") as world:
        world.create_vat("counter", (("counter", COUNTER),))
        message(world)
        files = entered(lambda: work(world))
    at = 0
    for stop in walk:
        assert stop in files, f"{stop} is not entered at all"
        assert stop in files[at:], f"{stop} is not entered after {walk[walk.index(stop) - 1]}"
        at = files.index(stop, at) + 1
