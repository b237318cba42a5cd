"""`E.bid` in vats and in a session: a message that bids is sent like any other, and paid for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import swingset
import swingset.vat
from swingset.guest.sending.device_calls import D
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from swingset.lens.state.accounts import audit_market
from tests.conftest import MakeStage
from tests.staging import Stage

SHOP = """
from swingset.vat import Promise, make_promise, remotable

@remotable
class Till:
    def __init__(self):
        self.sold = []

    def sell(self, what, count: int = 1):
        self.sold.append(what if count == 1 else [what, count])
        return what

@remotable
class Shop:
    def __init__(self):
        self.till, self.open = Till(), None

    def till_later(self):
        promise, self.open = make_promise()
        return promise

    def open_till(self):
        self.open.resolve(self.till)

    def get_till(self):
        return self.till

    def sell(self, what, count: int = 1):
        return self.till.sell(what, count)

    def list(self):
        return self.till.sold

def build_root_object():
    return Shop()
"""

CLIENT = """
from swingset.vat import D, E, durable, make_promise, remotable, resumable

@durable
class Fast:
    escalator: object

    def buy(self, shop, what):
        return buy_both(self.escalator, shop, what)

@resumable
async def buy_both(escalator, shop, what):
    first = await E.bid(escalator)(shop).sell(what)
    return [first, await E.bid(escalator)(shop).sell(what + "!")]

@remotable
class Client:
    def use(self, account, shop):
        self.account, self.shop = account, shop
        self.fast = D(account).escalator(9, 0, 9, 10_000_000)

    def buy(self, what, **terms):
        return E.bid(self.account, **terms)(self.shop).sell(what)

    def ride(self, what, count):
        return E.bid(self.fast)(self.shop).sell(what, count=count)

    def only(self, what):
        return E.bid(self.fast).send_only(self.shop).sell(what)

    def offer(self, what):
        promise, self.bid = E.bid(self.account, 1, 0, 50).offer(self.shop).sell(what)
        return promise

    def only_dear(self):
        return E.bid(self.account, 0, 1, 10**6).send_only(self.shop).sell("gold")

    def offer_dear(self):
        return E.bid(self.account, 0, 1, 10**6).offer(self.shop).sell("gold")

    def raise_to(self, base):
        D(self.bid).raise_to(base)

    def plain(self, what):
        return E(self.shop).sell(what)

    def pipelined(self, what):
        return E.bid(self.fast)(E(self.shop).till_later()).sell(what)

    def gives_a_promise(self):
        promise, resolver = make_promise()
        answer = E.bid(self.fast)(self.shop).sell(promise)
        resolver.resolve("late")
        return answer

    def near(self):
        return E.bid(self.fast)(Fast(self.fast)).buy(self.shop, "near")

    def to_what_this_vat_decides(self):
        promise, resolver = make_promise()
        answer = E.bid(self.fast)(promise).sell("decided here")
        resolver.resolve(self.shop)
        return answer

    def wrong(self, which):
        if which == "name":
            return E.bid("ann")(self.shop).sell("x")
        if which == "account":
            return E.bid(self.account)(self.shop).sell("x")
        if which == "unpassable":
            return E.bid(self.fast)(self.shop).sell(object())
        if which == "near":
            return E.bid(self.fast).offer(self).plain("x")
        return E.bid(self.fast).sell("x")

    def keep(self):
        return Fast(self.fast)

def build_root_object():
    return Client()
"""


def bidding_stage(stage: Stage) -> tuple[Any, Any]:
    """Open a market with a shop and a client that has an account; returns the roots."""
    market = stage.controller.market
    market.open(base=100)
    market.open_account("ann", 10**10)
    shop, client = stage.define("shop", SHOP), stage.define("client", CLIENT)
    stage.ask(client, "use", stage.session.devices.market("account", "ann"), shop)
    return shop, client


@pytest.fixture(scope="module", params=["local", "wasm"])
def traders(request: pytest.FixtureRequest) -> Any:
    """A world with a shop and a client that bids."""
    stage = Stage(request.param)
    yield stage, *bidding_stage(stage)
    stage.close()


WAYS: dict[str, tuple[tuple[Any, ...], Any, Any]] = {
    "with terms": (("buy", "tea"), "tea", "tea"),
    "with an escalator, and arguments by name": (("ride", "cups", 2), "cups", ["cups", 2]),
    "a promise as an argument": (("gives_a_promise",), "late", "late"),
    "from a resumable function that is called here": (("near",), ["near", "near!"], "near!"),
    "to a promise of this vat": (("to_what_this_vat_decides",), "decided here", "decided here"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_bids_has_an_answer_like_any_other(traders: Any, way: str) -> None:
    """Its promise has the result, the account has paid, and nothing is held any more."""
    stage, shop, client = traders
    (method, *args), answer, last = WAYS[way]
    before = stage.controller.market.account("ann")
    terms = {"base": 5, "cap": 5} if way == "with terms" else {}
    assert stage.ask(client, method, *args, **terms) == answer
    after = stage.controller.market.account("ann")
    assert after.held == 0
    assert (after.balance or 0) < (before.balance or 0)
    sold = stage.ask(shop, "list")[-1]
    assert (stage.session.wait(sold) if isinstance(sold, swingset.vat.Promise) else sold) == last


def test_a_bid_goes_ahead_of_messages_of_others(traders: Any) -> None:
    """It can be sent without wanting an answer, and the holder of an offer raises it while it waits."""
    stage, shop, client = traders
    stage.send(client, "only", "first of the flow")
    offered = stage.send(client, "offer", "offered")
    stage.controller.run(swingset.policies.cranks(3))
    waiting = [row for row in stage.controller.market.bids() if row.method == "sell"]
    assert [(row.account, row.offer) for row in waiting] == [("ann", 9), ("ann", 1)]
    stage.ask(client, "raise_to", 20)
    assert stage.session.wait(offered) == "offered"
    assert stage.ask(shop, "list")[-2:] == ["first of the flow", "offered"]


def test_a_bid_is_pipelined_to_a_promise(traders: Any) -> None:
    """The message waits with the promise, and bids when it comes back."""
    stage, shop, client = traders
    sent = stage.send(client, "pipelined", "pipelined")
    stage.session.settle()
    assert stage.controller.market.account("ann").held == 9 * 10**7
    stage.ask(shop, "open_till")
    assert stage.session.wait(sent) == "pipelined"
    assert stage.controller.market.account("ann").held == 0


WRONG = {
    "name": (TypeError, r"E.bid\(x\) wants an escalator.*got str.*a name pays for nothing"),
    "account": (TypeError, r"a message from account .* wants terms: E\.bid"),
    "unpassable": (TypeError, r"was not sent: .*object"),
    "near": (TypeError, "wants an object of another vat"),
    "no target": (AttributeError, "sends to nobody: use E.bid"),
}


@pytest.mark.parametrize("which", WRONG)
def test_a_bid_that_is_none_says_what_to_write(traders: Any, which: str) -> None:
    """Nothing is sent and nothing is held, and the caller reads what was wanted."""
    stage, _, client = traders
    error, words = WRONG[which]
    with pytest.raises((error, swingset.RemoteError), match=words):
        stage.ask(client, "wrong", which)
    assert stage.controller.market.account("ann").held == 0


def test_what_the_account_cannot_hold_rejects_the_promise(traders: Any) -> None:
    """The message is not sent, and the rejection says what is lacking."""
    stage, _, client = traders
    with pytest.raises(swingset.RemoteError, match="can spend"):
        stage.ask(client, "buy", "gold", base=10**6, cap=10**6)
    for method in ("only_dear", "offer_dear"):
        with pytest.raises(swingset.RemoteError, match="can spend"):
            stage.ask(client, method)
    with pytest.raises(swingset.RemoteError, match="wants a cap"):
        stage.ask(client, "buy", "gold", base=1)


def test_a_session_bids_too(traders: Any) -> None:
    """A cell names the account that pays, and gets a promise as from E."""
    stage, shop, _ = traders
    ann = stage.session.devices.market("account", "ann")
    sold = E.bid(ann, base=3, cap=20)(shop).sell("pears")
    later, bid = E.bid(ann, base=3, slope=0, cap=20).offer(shop).sell("plums")
    D(bid).raise_to(12)
    E.bid(ann, base=1, cap=20).send_only(shop).sell("nuts")
    stage.session.flush()
    offers = [(row.sender, row.account, row.offer) for row in stage.controller.market.bids()]
    assert offers[1] == ("notebook", "ann", 12)
    assert stage.session.wait(later) == "plums"
    assert stage.session.wait(sold) == "pears"
    stage.session.settle()
    assert stage.ask(shop, "list")[-1] == "nuts"
    with pytest.raises(TypeError, match="a name pays for nothing"):
        E.bid("ann", base=3)


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_bids_go_on_over_an_upgrade_a_restart_and_a_replay(
    tmp_path: Path, make_stage: MakeStage, worker: Any
) -> None:
    """An escalator is kept by a durable object, and a resumable function bids on in the next incarnation."""
    path = tmp_path / "b.world"
    stage = make_stage(worker, path)
    shop, client = bidding_stage(stage)
    fast = stage.ask(client, "keep")
    stage.send(fast, "buy", shop, "tea")
    stage.controller.run(swingset.policies.cranks(1))
    assert [row.account for row in stage.controller.market.bids()] == ["ann"]
    stage.upgrade("client", CLIENT + "# another text\n")
    stage.session.settle()
    assert stage.ask(shop, "list") == ["tea", "tea!"]
    assert stage.ask(fast, "buy", shop, "milk") == ["milk", "milk!"]
    for full in (False, True) if worker == "local" else (False,):
        replayed = swingset.replay(stage.controller, full=full)
        assert replayed.ok, replayed
    wanted = stage.controller.market.accounts()
    stage.close()
    with open_world(path, worker=worker) as again:
        assert again.market.accounts() == wanted
        assert audit_market(again.kernel.store) == []
        assert again.verify() == []
