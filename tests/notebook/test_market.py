"""The market in a notebook: the command that shows who waits with which offer, and who pays."""

from __future__ import annotations

import pytest

from swingset.host.worlds.opening import open_world
from swingset_nb import limits
from tests.notebook.kernels import Kernel

SHOP = """%%vat shop
from swingset.vat import remotable

@remotable
class Shop:
    def sell(self, what: str) -> str:
        return what

def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a world open that has a shop."""
    kernel.run("%swingset close")
    kernel.run("%swingset open market.world --worker local")
    kernel.run(SHOP)
    return kernel


def test_the_command_shows_offers_accounts_and_meters(opened: Kernel) -> None:
    """Before a market is open it says how to open one; then the picture and tables say what waits."""
    assert "this world has no market" in opened.run("%swingset market").plain
    opened.run("import swingset_nb\ncontroller = swingset_nb.session().controller")
    opened.run("top = controller.meters.create(1_000)\nlow = controller.meters.create(10, superior=top)")
    assert "└ m2" in opened.run("%swingset market").plain
    begun = opened.run("%swingset market --open").plain
    assert "there is none" in begun
    assert "account with units" in begun
    assert "account with units" not in opened.run("%swingset market --open").plain
    opened.run("controller.market.open_account('ann', 100_000_000)\ncontroller.queue.pause()")
    opened.run("kref = controller.market.send('shop', 'sell', ['x'], account='ann', base=7, cap=9)")
    shown = opened.run("%swingset market")
    assert "Offers: 1 message waits, the highest offer is 7 for sell()" in shown.plain
    assert "<img" in str(shown.shown[-1]["text/html"])
    row = next(line for line in shown.plain.splitlines() if " sell " in line)
    assert row.split()[2:] == [
        "host",
        "shop",
        "sell",
        "ann",
        "7",
        "7",
        "+",
        "1",
        "a",
        "tick",
        "9",
        "0",
        "0",
        "0",
    ]
    assert opened.run("controller.market.account('ann').held").plain == "90000000"
    assert "└ m2" in shown.plain


def test_the_views_of_the_queue_follow_the_market(kernel: Kernel) -> None:
    """The queue and the picture number what waits in the order in which it runs, with what is offered."""
    kernel.run("%swingset close")
    kernel.run("%swingset open order.world --worker local")
    for vat in ("shop", "other"):
        kernel.run(SHOP.replace("%%vat shop", f"%%vat {vat}"))
    kernel.run("import swingset_nb\ncontroller = swingset_nb.session().controller\ncontroller.market.open()")
    kernel.run("bob = controller.market.open_account('bob', 10**12)\ncontroller.queue.pause()")
    kernel.run(
        "for vat, base in (('shop', 7), ('shop', 3), ('other', 50)):\n"
        "    kref = controller.market.send(vat, 'sell', ['y'], account='bob', base=base, cap=90)"
    )
    shown = kernel.run("%swingset queue").plain.splitlines()
    rows = [line.split() for line in shown if " sell() " in line]
    assert [(row[0], row[2], *row[-2:]) for row in rows] == [
        ("1", "other", "50", "bob"),
        ("2", "shop", "7", "bob"),
        ("3", "shop", "3", "bob"),
    ]
    assert "the order if nothing else comes" in shown[-1]
    picture = kernel.run("%swingset picture").plain
    assert "waiting 1: sell() offers 50 for other" in picture
    assert "waiting 2: sell() offers 7 for shop" in picture
    assert "a market is open, with 1 account: `%swingset market` shows" in kernel.run("%swingset").plain
    ran = kernel.run("controller.queue.unpause()\n[ran.vat for ran in controller.run().reports][:3]")
    assert ran.plain == "['other', 'shop', 'shop']"


def test_an_account_says_what_it_is_and_how_it_pays(kernel: Kernel) -> None:
    """A device node alone in a cell is described; a bid without terms, or by a name, says what to write."""
    kernel.run("ann = swingset_nb.session().devices.market('account', 'bob')")
    assert kernel.run("ann").plain == "node of device market · account 'bob' · call it with D(x)"
    given = kernel.run("%swingset serve ann").traceback
    assert "ann is a node of a device, which stays in its world" in given
    assert "%swingset listen web" not in given
    assert "E.bid(account, base=5, cap=40)(x)" in kernel.run("await E.bid(ann)(shop).sell('x')").traceback
    named = kernel.run("await E.bid('bob', base=3)(shop).sell('x')").traceback
    assert "a name pays for nothing" in named
    assert "bids.py" not in named


class _Stopped(Exception):
    """Stands for the error of a delivery that its bid has stopped."""

    code = "out-of-computrons"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.remote_message = words


def test_what_a_bid_has_stopped_is_not_cured_by_a_limit() -> None:
    """The step names the allowance; without a bid it is the limit of the vat that is to be raised."""
    with open_world(None, worker="local") as world:
        world.create_vat("shop", (("shop", SHOP.partition("\n")[2]),))
        words = "vat shop: sell(): the delivery used up its computrons (1,000)"
        (raised,) = limits.advice(world, _Stopped(words))
        assert raised.startswith("`%swingset limits shop --computrons")
        words += ", the allowance of its bid: bid with more, such as allowance=4_000; account ann paid"
        (better,) = limits.advice(world, _Stopped(words))
        assert better.startswith("send it again with `allowance=4_000` in its bid")
