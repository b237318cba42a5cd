"""The market in a notebook: the command that shows who waits with which offer, and who pays."""

from __future__ import annotations

import pytest

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
    assert "there is none" in opened.run("%swingset market --open").plain
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
