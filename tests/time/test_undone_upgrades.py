"""An upgrade that is undone after many messages of all kinds: none is lost, and each difference is listed."""

from __future__ import annotations

from typing import Any

import swingset
from swingset.guest.sending.eventual import E
from swingset.vat import remotable
from tests.staging import Stage

BANK = """
from swingset.vat import E, durable, make_promise, remotable

waiting = []

@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise ValueError("less than nothing")
        self.balance += amount
        return self.balance

    def deposit_later(self, promise):
        return promise.then(self.deposit)

    def tell(self, listener):
        return E(listener).hear(self.balance)

    def settled(self):
        promise, resolver = make_promise()
        waiting.append(resolver)
        return promise

    def settle(self):
        for resolver in waiting:
            resolver.resolve(self.balance)
        waiting.clear()

@remotable
class Bank:
    def purse(self):
        return Purse()

def build_root_object():
    return Bank()
"""
TWICE = BANK.replace("+= amount", "+= 2 * amount if amount > 5 else amount")

CLERK = """
from swingset.vat import E, remotable

@remotable
class Clerk:
    def relay(self, purse, amount):
        return E(purse).deposit(amount)

    async def several(self, purse, *amounts):
        return [await E(purse).deposit(amount) for amount in amounts]

    def caught(self, purse, amount):
        return E(purse).deposit(amount).then(None, lambda problem: f"caught {problem}")

    def one_way(self, purse, amount):
        E(purse).deposit(amount)

def build_root_object():
    return Clerk()
"""


@remotable
class Listener:
    """An object of the session, which the bank calls."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def hear(self, balance: int) -> str:
        """Note a balance."""
        self.heard.append(balance)
        return f"heard {balance}"


class Life:
    """A bank and a clerk, and 50 messages of all kinds; if `upgraded`, the bank was upgraded before them."""

    def __init__(self, *, upgraded: bool) -> None:
        self.stage = Stage("local")
        self.world = self.stage.controller
        self.listener = Listener()
        bank, self.clerk = self.stage.define("bank", BANK), self.stage.define("clerk", CLERK)
        self.purse = self.stage.ask(bank, "purse")
        self.kref = self.stage.session.kref_of(self.purse) or ""
        self.came: list[tuple[str, str]] = []
        if upgraded:
            self.stage.upgrade("bank", TWICE)
        for turn in range(5):
            self.messages(turn)

    def messages(self, turn: int) -> None:
        """Ten messages."""
        purse, clerk, session = self.purse, self.clerk, self.stage.session
        # A message whose result is awaited by the next one, before it is there; and one in a callback.
        first = E(purse).deposit(turn)
        later = E(purse).deposit_later(first)
        after = first.then(lambda _: E(purse).deposit(3))
        held = E(purse).settled()
        session.settle()
        self.note("deposit", first)
        self.note("deposit_later", later)
        self.note("deposit", after)
        self.note("relay", E(clerk).relay(purse, turn + 4))
        self.note("caught", E(clerk).caught(purse, -turn))
        self.note("deposit", E(purse).deposit(-1 - turn))
        self.note("several", E(clerk).several(purse, 1, 9))
        E(clerk).one_way(purse, 6)
        E(purse).settle()
        session.settle()
        self.note("settled", held)
        self.note("tell", E(purse).tell(self.listener))
        result = self.world.queue_to_object(self.kref, "deposit", [turn * 3])
        self.world.run()
        self.came.append(("deposit", str(self.world.resolution(result or ""))))

    def note(self, message: str, promise: Any) -> None:
        """Note the outcome of a message of the session."""
        try:
            self.came.append((message, repr(self.stage.session.wait(promise))))
        except ValueError as problem:
            self.came.append((message, f"rejected with ValueError: {problem}"))


def got(world: swingset.Controller, since: int) -> list[str]:
    """The messages that vats got after a crank, in order."""
    return [
        f"{record.event.message.method}() to {record.vat}"
        for record in world.history.records()
        if isinstance(record, swingset.CrankRecord)
        and record.crank > since
        and isinstance(record.event, swingset.Send)
    ]


def test_no_message_is_lost_and_each_difference_is_listed() -> None:
    """The branch is the world in which the upgrade never was, and lists where its answers are others."""
    life, other = Life(upgraded=True), Life(upgraded=False)
    heard = list(life.listener.heard)
    with swingset.undo_upgrade(life.world, "bank") as found:
        assert len(life.came) == len(other.came) == 50
        differ = [
            # The bank's call of the listener is another one, so no record answers it.
            (f"{message}()", recorded, "no outcome" if message == "tell" else came)
            for (message, recorded), (_, came) in zip(life.came, other.came, strict=True)
            if recorded != came
        ]
        assert len(differ) > 20
        assert sorted((each.message, each.recorded, each.came) for each in found.answers) == sorted(differ)
        assert (found.withheld, found.notes) == ((), ())
        assert [call.partition(" ")[0] for call in found.unanswered] == ["hear()"] * len(found.unanswered)
        # A listener that hears the same balance is answered; everything else came as if nothing had been.
        assert len(found.unanswered) == len([1 for message, *_ in differ if message == "tell()"])
        assert got(found.controller, found.at) == got(other.world, found.at)
        store = "SELECT key, value FROM vatstore WHERE key LIKE 'vom.o+d%' ORDER BY key"
        assert found.controller.world.rows(store) == other.world.world.rows(store)
    assert life.listener.heard == heard
    for each in (life, other):
        each.stage.close()
