"""A world with a market through the public API: facets in vats, restarts, going back, replays, branches."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.core.errors import KernelError
from swingset.host.worlds.opening import open_world
from swingset.lens.state.accounts import audit_market
from tests.conftest import MakeStage
from tests.staging import Stage

SHOP = """
from swingset.vat import D, E, durable, remotable

@remotable
class Shop:
    def __init__(self):
        self.sold = []

    def sell(self, what: str) -> str:
        self.sold.append(what)
        return what

    def list(self) -> list[str]:
        return self.sold

    def burn(self, turns: int) -> int:
        return sum(range(turns))

def build_root_object():
    return Shop()
"""

CLIENT = """
from swingset.vat import D, E, remotable

@remotable
class Client:
    def use(self, account, shop):
        self.account, self.shop = account, shop
        return D(account).get()["balance"]

    def buy(self, what, base, slope, cap):
        escalator = D(self.account).escalator(base, slope, cap, 1)
        self.result, self.bid = D(escalator).offer(self.shop, "sell", [what])
        return what

    def raise_to(self, base, cap):
        D(self.bid).raise_to(base, None, cap)
        return D(self.bid).get()

    def plainly(self, what):
        E(self.shop).sell(what)

    def bought(self):
        return self.result

    def call(self, node, method, args):
        return getattr(D(node), method)(*args)

    def through(self, base, slope, cap, *call):
        return D(D(self.account).escalator(base, slope, cap, 1)).send(*call)

def build_root_object():
    return Client()
"""


@pytest.fixture
def traded(make_stage: MakeStage) -> Stage:
    """A shop and two clients with an account each; messages without a bid come first."""
    return market_stage(make_stage("local"), base=100)


def market_stage(stage: Stage, **terms: Any) -> Stage:
    """Open a market in a world, with a shop and two clients that have an account each."""
    market = stage.controller.market
    market.open(**terms)
    shop = stage.define("shop", SHOP)
    for name in ("ann", "bob"):
        market.open_account(name, 1_000)
        client = stage.define(name, CLIENT)
        account = stage.session.devices.market("account", name)
        assert stage.ask(client, "use", account, shop) == 1_000
    return stage


def client(stage: Stage, name: str) -> Any:
    return stage.session.root(name)


def sold(stage: Stage) -> list[str]:
    found: list[str] = stage.ask(stage.session.root("shop"), "list")
    return found


def test_an_impatient_client_overtakes_a_patient_one(traded: Stage) -> None:
    """Two vats bid with their accounts, and the shop serves the higher offer first, whoever came first."""
    traded.send(client(traded, "ann"), "buy", "apples", 1, 1, 50)
    traded.send(client(traded, "bob"), "buy", "beans", 20, 0, 50)
    traded.session.settle()
    assert sold(traded) == ["beans", "apples"]
    ann, bob = traded.controller.market.accounts()
    assert (ann.held, bob.held, bob.balance) == (0, 0, 980)
    assert traded.ask(client(traded, "bob"), "bought") == "beans"
    totals = traded.controller.market.totals()
    assert totals.issued == 2_000 == totals.sink + (ann.balance or 0) + (bob.balance or 0)


def test_the_holder_of_a_bid_raises_it(make_stage: MakeStage) -> None:
    """A vat raises the bid that it holds while the message waits, and not once it was delivered."""
    stage = market_stage(make_stage("local"))
    ann = client(stage, "ann")
    stage.ask(ann, "buy", "apples", 2, 0, 50)
    with pytest.raises(swingset.RemoteError, match="does not wait any more"):
        stage.ask(ann, "raise_to", 9, 60)
    stage.send(ann, "buy", "pears", -4_000, 1, 50)
    stage.controller.run(swingset.policies.cranks(1))
    (row,) = [row for row in stage.controller.market.bids() if row.method == "sell"]
    assert (row.sender, row.vat, row.account, row.offer, row.behind) == ("ann", "shop", "ann", -3_999, None)
    stage.controller.market.raise_bid(row.position, base=7, cap=60)
    assert stage.controller.market.account("ann").held == 60
    stage.session.settle()
    assert sold(stage) == ["apples", "pears"]


def test_a_vat_without_a_bid_sends_as_ever_and_is_served(traded: Stage) -> None:
    """Messages of E ride with the house for nothing, in the order of their sender."""
    bob = client(traded, "bob")
    for what in ("a", "b", "c"):
        traded.send(bob, "plainly", what)
    traded.session.settle()
    assert sold(traded) == ["a", "b", "c"]
    assert traded.controller.market.totals().sink == 0


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_a_restart_a_replay_and_going_back_keep_the_market(
    tmp_path: Path, make_stage: MakeStage, worker: Any
) -> None:
    """The file alone says what was bid: another process runs the same order to the same accounts."""
    path = tmp_path / "m.world"
    stage = market_stage(make_stage(worker, path), base=100)
    stage.send(client(stage, "ann"), "buy", "apples", 1, 1, 50)
    stage.send(client(stage, "bob"), "buy", "beans", 20, 1, 50)
    stage.controller.run(swingset.policies.cranks(4))
    controller = stage.controller
    controller.checkpoint("bid")
    waiting = controller.market.bids()
    assert [row.account for row in waiting if row.method == "sell"] == ["ann", "bob"]
    with controller.fork() as other:
        assert other.market.bids() == waiting
        other.run()
        wanted = other.market.accounts()
    controller.run()
    assert controller.market.accounts() == wanted
    controller.history.go_back("bid")
    assert controller.market.bids() == waiting
    assert controller.market.account("bob").held == 50
    replayed = swingset.replay(controller)
    assert replayed.ok, replayed
    stage.close()
    with open_world(path, worker=worker) as again:
        assert again.market.bids() == waiting
        again.run()
        assert again.market.accounts() == wanted
        again.market.open_account("host", None)
        sent = again.market.send("shop", "list", account="host", base=5, slope=0, allowance=10**9)
        again.upgrade_vat("shop", again.vats.parts("shop"))
        again.run()
        assert again.status(sent or "") == "fulfilled", again.resolution(sent or "")
        assert again.market.totals().sink > sum(1_000 - (account.balance or 0) for account in wanted)
        assert audit_market(again.kernel.store) == []
        # A full replay has no heap image from which a confined vat comes back after a failed delivery.
        for full in (False, True) if worker == "local" else (False,):
            replayed = swingset.replay(again, full=full)
            assert replayed.ok, replayed
        assert again.verify() == []


def test_what_if_the_reader_had_bid_more(tmp_path: Path) -> None:
    """A branch in which one bid is edited runs the other message first; the live world is as before."""
    with open_world(tmp_path / "b.world", worker="local") as world:
        world.market.open()
        for name in ("ann", "bob"):
            world.market.open_account(name, 100)
            world.create_vat(name, ((name, SHOP),))
        world.commit()
        at = world.crank
        world.market.send("ann", "sell", ["apples"], account="ann", base=5, slope=0, cap=50, allowance=1)
        world.market.send("bob", "sell", ["beans"], account="bob", base=9, slope=0, cap=50, allowance=1)
        world.run()
        digest = world.world.digest()
        offer = next(
            record
            for record in world.history.records()
            if isinstance(record, swingset.RequestRecord) and record.verb == "offer"
        )
        more = {offer.number: {"bid": {**offer.arguments["bid"], "base": 10}}}
        edits: list[tuple[Any, list[str]]] = [({}, ["bob", "ann"]), (more, ["ann", "bob"])]
        for edit, wanted in edits:
            with swingset.branch(world, at=at, edit=edit) as branch:
                ran = [
                    record.vat
                    for record in branch.controller.history.records()
                    if isinstance(record, swingset.CrankRecord) and record.crank > at
                ]
                assert ran[-2:] == wanted, branch
        assert world.world.digest() == digest


@pytest.mark.parametrize("worker", ["wasm"])
def test_a_confined_vat_is_charged_for_what_it_spends(make_stage: MakeStage, worker: str) -> None:
    """The price is per computron, and the delivery gets no more than the allowance that is paid for."""
    stage = make_stage(worker)
    market = stage.controller.market
    market.open()
    market.open_account("ann", 10**12)
    stage.define("shop", SHOP)
    result = market.send("shop", "burn", [10], account="ann", base=2, slope=0, cap=3, allowance=10**9)
    assert market.account("ann").held == 3 * 10**9
    (report,) = [report for report in stage.controller.run().reports if report.computrons]
    assert stage.controller.resolution(result or "") == 45
    assert market.account("ann") == swingset.AccountRow("ann", 10**12 - 2 * (report.computrons or 0), 0)
    short = market.send("shop", "burn", [10**6], account="ann", base=2, slope=0, cap=3, allowance=1_000)
    stage.controller.run()
    assert stage.controller.status(short or "") == "rejected"
    faults = [getattr(record, "fault", None) for record in stage.controller.history.records()]
    assert [fault.message for fault in faults if fault is not None] == [
        "the delivery used up its computrons (1,000), the allowance of its bid: bid with more, such as"
        " allowance=4_000; account ann was charged 2,000"
    ]
    assert market.account("ann").balance == 10**12 - 2 * (report.computrons or 0) - 2_000


def test_a_vat_that_fills_the_disk_is_stopped_and_others_go_on(tmp_path: Path) -> None:
    """Its messages are refused once its account is empty; a restart and a replay have the same accounts."""
    path = tmp_path / "r.world"
    with open_world(path, worker="local") as world:
        world.market.open(fee=1 << 20)
        world.market.open_account("ann", 2_000)
        for name in ("hog", "other"):
            world.create_vat(name, ((name, SHOP),))
        world.vats.change_options("hog", {"account": "ann"})
        results = [world.queue_to_root("hog", "sell", ["x" * 300]) or "" for _ in range(9)]
        other = world.queue_to_root("other", "sell", ["y"])
        world.run()
        status = [world.status(result) for result in results]
        assert status == sorted(status)
        assert {*status} == {"fulfilled", "rejected"}
        assert world.resolution(other or "") == "y"
        wanted = world.market.accounts(), world.market.rents(), world.world.digest()
    with open_world(path, worker="local") as again:
        assert (again.market.accounts(), again.market.rents(), again.world.digest()) == wanted
        assert swingset.replay(again).ok
        assert swingset.replay(again, full=True).ok
        again.market.credit("ann", 10_000)
        last = again.queue_to_root("hog", "list")
        again.run()
        assert again.status(last or "") == "fulfilled"
        assert audit_market(again.kernel.store) == []


def test_a_bid_without_an_allowance_runs_in_a_confined_vat(make_stage: MakeStage) -> None:
    """The allowance that nobody named is enough for a plain message, and a market that refunds says so."""
    stage = make_stage("wasm")
    market = stage.controller.market
    market.open(refusal="refund")
    market.open_account("ann", 10**12)
    stage.define("shop", SHOP)
    plain = market.send("shop", "sell", ["x"], account="ann", base=2, slope=0, cap=3)
    market.send("shop", "burn", [10**6], account="ann", base=2, slope=0, cap=3, allowance=1_000)
    stage.controller.run()
    assert stage.controller.resolution(plain or "") == "x"
    (fault,) = filter(None, (getattr(each, "fault", None) for each in stage.controller.history.records()))
    assert fault.message.endswith("account ann was charged nothing")
    assert swingset.replay(stage.controller).ok


def test_prices_and_funds_are_read_from_the_records(traded: Stage) -> None:
    """The past says who won for what, and at which rate accounts and meters are spent."""
    market, meters = traded.controller.market, traded.controller.meters
    low = meters.create(10**6, superior=meters.create(10**9))
    market.open_account("free", None)
    for _ in range(3):
        traded.send(client(traded, "ann"), "buy", "apples", 5, 0, 50)
        traded.session.settle()
    won = [row for row in market.prices() if row.account == "ann"]
    assert [(row.method, row.offer, row.paid) for row in won] == [("sell", 5, 5)] * 3
    assert market.prices(1) == market.prices()[-1:]
    ann, bob, free, top, below = market.funds()
    assert (ann.name, ann.left, ann.rate > 0, (ann.lasts or 0) > 100) == ("ann", 985, True, True)
    assert (bob.rate, bob.lasts, free.left, free.lasts) == (0, None, None, None)
    assert (below.name, below.above, below.left, top.above) == (low, top.name, 10**6, None)
    words = [each.words for each in market.pictures()]
    assert words[0] == "Offers: nothing waits"
    assert words[1] == "Order: nothing waits"
    assert words[2].startswith("Prices: ")


# Hostile clients: each line is a call of a facet, and the words with which it is refused

REFUSED: dict[str, tuple[str, str, list[Any], str]] = {
    "a cap below zero": ("account", "escalator", [0, 1, -1], "cap of a bid wants"),
    "no cap for a finite account": ("account", "escalator", [0, 1, None], "wants a cap"),
    "a slope below zero": ("account", "escalator", [0, -1, 5], "slope of a bid wants"),
    "a slope that overflows": ("account", "escalator", [0, 1 << 200, 5], "slope of a bid wants"),
    "a slope off the menu": ("account", "escalator", [0, 3, 5], "slope of a bid wants"),
    "a slope that is a float": ("account", "escalator", [0, 0.5, 5], "slope of a bid wants"),
    "a slope that is text": ("account", "escalator", [0, "1/0", 5], "slope of a bid wants"),
    "a base that is true": ("account", "escalator", [True, 1, 5], "base of a bid wants"),
    "a base that overflows": ("account", "escalator", [1 << 100, 1, 5], "base of a bid wants"),
    "an allowance of nothing": ("account", "escalator", [0, 1, 5, 0], "allowance of a bid wants"),
    "a hold that overflows": ("account", "escalator", [0, 1, 1 << 40, 1 << 40], "too much"),
    "an offer that never rises to nothing": ("account", "escalator", [-1, 0, 5], "could never run"),
    "more arguments than there are": ("account", "escalator", [0, 1, 5, 1, True, 9], "got 6 arguments"),
    "an amount below zero": ("account", "transfer", ["bob", -5], "amount wants an int"),
    "more than there is": ("account", "transfer", ["bob", 1 << 40], "can spend"),
    "to a stranger's account by name": (
        "account",
        "transfer",
        ["name", 5],
        "wants an account that was handed over, not its name",
    ),
    "to what is no account": ("account", "transfer", ["mint", 5], "wants an account of this market"),
    "money without a mint": ("account", "credit", ["bob", 5], "has no method"),
    "money below zero": ("mint", "credit", ["bob", -1], "amount wants an int"),
    "money without end": ("mint", "credit", ["bob", (1 << 62) - 1], "all that is issued"),
    "a message to nothing": ("escalator", "send", [5, "sell", ["x"]], "wants an object"),
    "a message to a facet": ("escalator", "send", ["mint", "credit", []], "wants an object"),
    "a message without arguments": ("escalator", "send", ["shop", "sell"], "wants a list of arguments"),
    "a message with no list": ("escalator", "send", ["shop", "sell", {"x": 1}], "wants a list of arguments"),
    "a private method": ("escalator", "send", ["shop", "_sell", []], "cannot be sent"),
    "a bid without cover": ("escalator", "send", ["shop", "sell", ["x"]], "can spend"),
}


@pytest.fixture(scope="module")
def robbed() -> Any:
    """A world for hostile calls, which leave no trace."""
    stage = market_stage(Stage("local"))
    yield stage
    stage.close()


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_call_is_refused_with_words_and_changes_nothing(robbed: Stage, case: str) -> None:
    """The caller gets an exception, the accounts are as before, and the vat goes on."""
    facet, method, args, words = REFUSED[case]
    devices, market = robbed.session.devices, robbed.controller.market
    ann = client(robbed, "ann")
    known = {
        "bob": lambda: devices.market("account", "bob"),
        "mint": lambda: devices.market("mint"),
        "shop": lambda: robbed.session.root("shop"),
    }
    given = [known[arg]() if isinstance(arg, str) and arg in known else arg for arg in args]
    before = market.accounts(), market.totals()
    if facet == "escalator":
        call = ("through", 2_000, 0, 2_000, *given)
    else:
        node = devices.market("mint") if facet == "mint" else devices.market("account", "ann")
        call = ("call", node, method, given)
    with pytest.raises((swingset.RemoteError, TypeError), match=words):
        robbed.ask(ann, *call)
    assert (market.accounts(), market.totals().sink) == (before[0], before[1].sink)
    assert audit_market(robbed.controller.kernel.store) == []
    assert robbed.ask(ann, "use", devices.market("account", "ann"), robbed.session.root("shop")) == 1_000


HOST_REFUSED: dict[str, tuple[Any, str]] = {
    "a second market": (lambda market: market.open(), "has a market already"),
    "a taken name": (lambda market: market.open_account("ann"), "already"),
    "a bad name": (lambda market: market.open_account("a b"), "no account can be called"),
    "a balance below zero": (lambda market: market.open_account("eve", -1), "int from 0"),
    "a facet that is none": (lambda market: market.facet("till"), "no facet 'till'; there are: "),
    "an account without a name": (lambda market: market.facet("account"), "name it, there are: ann"),
    "an account that is none": (lambda market: market.facet("account", "eve"), "no account"),
    "a part that is none": (
        lambda market: market.send("shop", "sell", ["x"], account="ann", price=1),
        "a bid has no",
    ),
    "no account": (
        lambda market: market.send("shop", "sell", ["x"], account="eve", cap=1),
        "no account eve: there are: ann, bob",
    ),
    "a hold that is too much": (
        lambda market: market.send("shop", "sell", ["x"], account="ann", cap=9),
        "its cap of 9 for its allowance of 10,000,000: lower one",
    ),
    "a result that waits no more": (lambda market: market.raise_bid("kp1", base=5), "no message waits for"),
    "a position that is none": (lambda market: market.raise_bid(None, base=5), "named by its position"),
    "text for a list": (
        lambda market: market.send("shop", "sell", "x", account="ann", cap=0, allowance=1),
        r"arguments of sell\(\) want a list",
    ),
    "an account that is near": (
        lambda market: market.account("anna"),
        "no account anna: there are: ann, bob",
    ),
    "nothing that waits": (lambda market: market.raise_bid(10**9, base=5), "does not wait any more"),
}


def test_a_market_is_shown_without_an_address() -> None:
    """What a cell shows of it is the same in each run, also once its world was closed."""
    world = open_world(None, worker="local")
    assert repr(world.market) == "<no market: `open()` opens one, for good>"
    world.market.open()
    world.market.open_account("ann")
    assert repr(world.market) == "<a market with 1 account: `bids()` says what waits>"
    world.close()
    assert repr(world.market) == "<the market of a world that was closed>"
    with pytest.raises(swingset.WorldError, match="this world was closed: open it again"):
        world.market.bids()


@pytest.mark.parametrize("case", HOST_REFUSED)
def test_a_host_is_refused_with_words_too(robbed: Stage, case: str) -> None:
    """Every refusal names what is wrong, and nothing is committed."""
    act, words = HOST_REFUSED[case]
    head = robbed.controller.history.head
    with pytest.raises(KernelError, match=words):
        act(robbed.controller.market)
    assert robbed.controller.history.head == head


TERMS: dict[str, tuple[dict[str, Any], str]] = {
    "a term that is none": ({"tax": 1}, "no term"),
    "a price that is none": ({"price": "third"}, "of a market wants"),
    "a reserve that is a float": ({"reserve": 0.5}, "of a market wants"),
    "a house that never runs": ({"reserve": 5, "slope": 0}, "would never run"),
    "a slope off the menu": ({"slope": 3}, "slope of a market wants units a tick"),
    "a cap that no message can have": ({"cap": 1 << 41}, "cap of a market wants units"),
    "a cap below the base": ({"base": 5, "cap": 2}, "base 5, and cap 2 is below it: give a cap of 5 or more"),
    "a reserve below nothing": ({"reserve": -1}, "reserve of a market wants units, an int from 0"),
}


def test_a_slope_is_said_as_it_was_given() -> None:
    """A fraction and its text are one slope, in units a tick, and a restart reads it the same."""
    for given, said in ((Fraction(1, 8), "1/8"), ("1/8", "1/8"), (4, 4), (Fraction(4), 4)):
        with open_world(None, worker="local") as world:
            assert world.market.open(slope=given).slope == said
            world.kernel.agenda.look_again()
            assert world.market.terms().slope == said


@pytest.mark.parametrize("case", TERMS)
def test_bad_terms_open_no_market(case: str) -> None:
    """A world stays without a market, and says that it has none."""
    terms, words = TERMS[case]
    with open_world(None, worker="local") as world:
        with pytest.raises(KernelError, match=words):
            world.market.open(**terms)
        assert not world.market.is_open
        with pytest.raises(KernelError, match="has no market"):
            world.market.bids()
