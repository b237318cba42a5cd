"""Two worlds of one process that speak to each other, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swingset.guest.base import context
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.testing import audit, audit_holdings

BANK = """
from swingset.vat import E, durable, remotable

@durable
class Purse:
    balance: int = 0
    def deposit(self, amount: int):
        if amount < 0:
            raise ValueError("no debts")
        self.balance += amount
        return self.balance
    def sub_purse(self):
        return Purse()
    def call_back(self, other):
        return E(other).deposit(7)

@durable
class Log:
    lines: list
    def add(self, line: str):
        self.lines = [*self.lines, line]
        return len(self.lines)
    def said(self):
        return self.lines

@remotable
class Bank:
    def log(self):
        return Log(lines=[])
    def purse(self):
        return Purse()
    def never(self):
        from swingset.vat import make_promise
        return make_promise()[0]

def build_root_object():
    return Bank()
"""
KEEPER = """
from swingset.vat import E, durable, remotable

@remotable
class Keeper:
    def __init__(self, baggage):
        self._baggage = baggage
    def keep(self, name: str, theirs):
        self._baggage[name] = theirs
    def deposit(self, name: str, amount: int):
        return E(self._baggage[name]).deposit(amount)

def build_root_object(baggage):
    return Keeper(baggage)
"""


class Side:
    """One world, with a session in it; `other` is pumped while this one waits."""

    def __init__(self, path: Path | None = None, worker: Any = "local") -> None:
        self.path, self.worker = path, worker
        self.other: Side | None = None
        self.open()

    def open(self) -> None:
        """Open the world, for the first time or again."""
        self.world = open_world(self.path, worker=self.worker)
        self.session = Session(self.world)
        self.session.awaits = self.pump_other
        self.is_open = True

    def close(self) -> None:
        """Close the world; everything that it holds is counted again."""
        self.is_open = False
        store = self.world.kernel.store
        problems = audit(store) + audit_holdings(store)
        self.session.close()
        self.world.close()
        assert not problems, "\n".join(problems)

    def pump_other(self) -> None:
        """Let the other side serve what came, if it is there."""
        if self.other is not None and self.other.is_open:
            self.other.world.net.wait(0.05)
            self.other.world.net.pump()

    def ask(self, target: Any, method: str, *args: Any) -> Any:
        """Send, and wait for what comes back."""
        with_session(self)
        return self.session.wait(getattr(E(target), method)(*args))

    def fetch(self, uri: Any) -> Any:
        """Fetch, and wait."""
        with_session(self)
        return self.session.wait(self.session.net.fetch(uri))

    def shared(self, method: str = "purse", **options: Any) -> str:
        """The string for a new object of the bank."""
        with_session(self)
        return self.session.net.share(self.ask(self.session.root("bank"), method), **options)

    def ended(self) -> list[str]:
        """Why sessions have ended, as people are told."""
        return [event["why"] for event in self.world.net.events() if event["event"] != "began"]


def with_session(side: Side) -> None:
    """Make a side's session the one that sends."""
    context.set_default(side.session.liveslots)


def settle(*sides: Side) -> None:
    """Pump until nothing comes in any more."""
    quiet, patience = 0, 60
    while quiet < 3:
        quiet += 1
        for side in sides:
            side.session.settle()
            side.world.net.wait(0.03)
            if side.world.net.pump():
                quiet = 0
            elif patience and owed(side):
                quiet, patience = 0, patience - 1


def owed(side: Side) -> bool:
    """Whether the other side, if it is there, still has to acknowledge something."""
    return any(peer.unacknowledged and peer.state == "live" for peer in side.world.net.peers())
