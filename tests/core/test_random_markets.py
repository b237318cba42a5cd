"""Random histories of worlds with a market: what is in memory is always what the state alone says.

Vats send to objects and to promises, settle them, fail and break rules; the host bids, raises, suspends,
resumes and drops. Now and then the order is found anew from the tables, and has to choose the same.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest

from swingset.core import trading
from swingset.core.errors import KernelError
from swingset.lens.state.audit import audit
from swingset.model.messages import Send
from swingset.model.reports import Fault
from tests.core.raw import Failed
from tests.core.test_escalators import CALL, Traded

VATS = "ABC"
OUTCOMES = (
    (False, {"body": '#"$0.Alleged: x"', "slots": ["o+0"]}),
    (True, {"body": "#1", "slots": []}),
    (False, {"body": "#1", "slots": []}),
)


class History:
    """A random history."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        prices, refusals = ("first", "second"), ("charge", "refund")
        terms = {
            "price": chance.choice(prices),
            "refusal": chance.choice(refusals),
            "base": chance.choice([0, 5]),
        }
        self.world = world = Traded(terms={**terms, "slope": chance.choice([0, 1, "1/2"])})
        for name, balance in (("ann", 3_000), ("bob", 800), ("free", None)):
            world.account(name, balance)
        self._decides: dict[str, list[str]] = {name: [] for name in VATS}
        self._promises = 100
        self._roots = {
            (one, other): world.kernel.introduce(world.raw.ids[one], world.kernel.root_of(other))
            for one in VATS
            for other in VATS
            if one != other
        }

    def _acts(self, name: str) -> Any:
        chance, decides = self.chance, self._decides[name]

        def act(delivery: list[Any], ask: Any) -> int:
            if delivery[0] == "message" and delivery[2]["result"]:
                decides.append(delivery[2]["result"])
            for _ in range(chance.randrange(3)):
                root = self._roots.get((name, chance.choice(VATS)))
                if root is not None:
                    self._send(root, ask)
            while decides and chance.random() < 0.5:
                rejected, data = chance.choice(OUTCOMES)
                ask(["resolve", [[decides.pop(0), rejected, data]]])
            if chance.random() < 0.1:
                raise Failed(Fault("guest-crashed", "it fell"), None)
            return chance.choice([1, 2, 7])

        return act

    def _send(self, root: str, ask: Any) -> None:
        result = None
        if self.chance.random() < 0.6:
            self._promises += 1
            result = f"p+{self._promises}"
        ask(["send", root, {"methargs": CALL.to_json(), "result": result}])
        if result is not None and self.chance.random() < 0.7:
            ask(["send", result, {"methargs": CALL.to_json(), "result": None}])
        if result is not None and self.chance.random() < 0.3:
            ask(["subscribe", result])

    def _host(self) -> None:
        """What the host does between cranks, if it is allowed to."""
        world, chance, kernel = self.world, self.chance, self.world.kernel
        waiting = [seq for seq, event in world.raw.store.queues.all() if isinstance(event, Send)]
        vat, what = chance.choice(VATS), chance.random()
        if what < 0.3:
            bid = {"base": chance.randrange(-20, 60), "slope": chance.choice([0, 1, 4, "1/4"])}
            bid |= {"cap": chance.randrange(80), "allowance": chance.randrange(1, 4)}
            bid |= {"account": chance.choice(["ann", "bob", "free"]), "inherits": chance.random() < 0.7}
            policy: Any = chance.choice(["none", "ignore"])
            trading.offer(kernel, kernel.root_of(vat), CALL, bid, policy=policy)
        elif what < 0.45:
            world.plain(vat, chance.choice(["A", "B", "C", None]))
        elif what < 0.55 and waiting:
            raised = {chance.choice(["base", "cap"]): chance.randrange(90)}
            trading.raise_bid(kernel, chance.choice(waiting), raised)
        elif what < 0.65:
            (kernel.resume if what < 0.6 else lambda name: kernel.suspend(name, "a while"))(vat)
        elif what < 0.68 and waiting:
            kernel.drop_queued(chance.choice(waiting))

    def step(self) -> bool:
        """Let the host act and a crank run; returns whether one could."""
        with contextlib.suppress(KernelError):
            self._host()
        for name in VATS:
            self.world.raw.vat(name).next = self._acts(name)
        ran = self.world.raw.step() is not None
        assert audit(self.world.raw.store) == []
        return ran

    def is_the_same_anew(self) -> None:
        """Assert that an order found anew from the tables chooses what this one does."""
        agenda = self.world.kernel.agenda
        chosen = agenda.choose(lambda _: True, clean_up=True)
        agenda.look_again()
        assert agenda.choose(lambda _: True, clean_up=True) == chosen

    def end(self) -> None:
        """Run all that waits, and assert that nothing is left."""
        for name in VATS:
            self.world.raw.vat(name).next = None
            with contextlib.suppress(KernelError):
                self.world.kernel.resume(name)
        self.world.raw.drain()
        assert audit(self.world.raw.store) == []
        assert self.world.raw.store.queues.all() == []


def live(seed: int) -> None:
    """Live a history to its end."""
    history = History(seed)
    for number in range(40):
        history.step()
        if number % 3 == 0:
            history.is_the_same_anew()
    history.end()


@pytest.mark.unaudited
@pytest.mark.parametrize("seed", range(6))
def test_an_order_found_anew_chooses_the_same(seed: int) -> None:
    """Whatever happens, a restart would go on in the same order, and the accounts add up after each crank."""
    live(seed)


@pytest.mark.slow
@pytest.mark.unaudited
@pytest.mark.parametrize("block", range(20))
def test_many_orders_found_anew_choose_the_same(block: int) -> None:
    """The same, for more histories."""
    for seed in range(100 + 50 * block, 150 + 50 * block):
        live(seed)
