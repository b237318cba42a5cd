"""Two worlds of one process that have a link, for tests of what ends it and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import linked
from tests.scenarios.linked import KEEPER, Side, settle, with_session

BANK = linked.BANK.replace(
    "    def never(self):",
    """    def later(self):
        from swingset.vat import make_promise
        promise, self.resolver = make_promise()
        return promise
    def release(self, value):
        self.resolver.resolve(value)
    def never(self):""",
)


def slow(case: str) -> Any:
    """A case for the slow tests: the quick ones have another that shows much the same."""
    return pytest.param(case, marks=pytest.mark.slow)


@dataclass
class Pair:
    """Alice's bank, and Bob, who keeps a purse that he fetched, `it`, and one that came of it, `inner`."""

    alice: Side
    bob: Side
    bank: Any

    def pay(self, name: str = "inner") -> int:
        """Bob deposits one; returns the balance that he is told."""
        balance: int = self.bob.ask(self.bob.session.root("keeper"), "deposit", name, 1)
        return balance

    def close(self) -> None:
        """Close both worlds."""
        self.alice.close()
        self.bob.close()

    def mark(self) -> None:
        """Have both worlds know this moment."""
        settle(self.alice, self.bob)
        for side in (self.alice, self.bob):
            side.world.checkpoint("then")

    def rest(self) -> None:
        """Until nothing is on its way."""
        settle(self.alice, self.bob)

    def codes(self) -> list[set[str]]:
        """The codes with which links have ended, at either side."""
        return [
            {event["code"] for event in side.world.net.events()} - {"", "disconnected"}
            for side in (self.alice, self.bob)
        ]


def listening(side: Side) -> None:
    """Have a world that was opened take connections."""
    with_session(side)
    side.world.net.listen("unix")


def made(folder: Path) -> Pair:
    """Two worlds in files, linked by a socket."""
    alice, bob = Side(folder / "alice.world"), Side(folder / "bob.world")
    alice.other, bob.other = bob, alice
    listening(alice)
    alice.session.define("bank", BANK)
    theirs = bob.fetch(alice.shared())
    with_session(alice)
    bank = bob.fetch(alice.session.net.share(alice.session.root("bank")))
    listening(bob)
    keeper = bob.session.define("keeper", KEEPER)
    bob.ask(keeper, "keep", "it", theirs)
    bob.ask(keeper, "keep", "inner", bob.ask(bank, "purse"))
    return Pair(alice, bob, bank)
