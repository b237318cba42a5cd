"""What goes on over a link while it is cut: restarts, upgrades, and messages that are sent meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset.guest.sending.eventual import E
from swingset.model.capdata import Ref
from tests.net.links.pairs import BANK, Pair, listening, slow
from tests.scenarios.linked import Side, settle, with_session

pytestmark = pytest.mark.unaudited  # both sides are, when they close


@pytest.mark.parametrize("who", ["both", slow("alice"), slow("bob")])
def test_what_came_over_a_link_outlives_a_restart(pair: Pair, who: str) -> None:
    """A reference that no string is for is reached again, on either side or on both."""
    assert pair.pay() == 1
    for side in (pair.alice, pair.bob):
        if who in ("both", "alice" if side is pair.alice else "bob"):
            side.close()
            side.open()
            listening(side)
    pair.rest()
    assert pair.pay() == 2
    assert pair.codes() == [set(), set()]


def test_an_answer_is_waited_for_over_a_restart(pair: Pair) -> None:
    """The other world ends and begins again before it knows the answer."""
    with_session(pair.bob)
    asked = E(pair.bank).later()
    pair.rest()
    pair.alice.close()
    pair.alice.open()
    listening(pair.alice)
    pair.rest()
    pair.bob.ask(pair.bank, "release", 5)
    assert pair.bob.session.wait(asked) == 5


def test_messages_wait_while_the_vat_behind_is_upgraded(pair: Pair) -> None:
    """While the link is cut, one side sends and the other upgrades: the new code gets all, in order."""
    assert pair.pay() == 1
    pair.rest()
    pair.alice.close()
    with_session(pair.bob)
    keeper = pair.bob.session.root("keeper")
    paid = [E(keeper).deposit("inner", 1) for _ in range(5)]
    pair.bob.session.settle()
    pair.alice.open()
    pair.alice.session.upgrade(
        "bank", "bank", BANK.replace("self.balance += amount", "self.balance += 10 * amount")
    )
    listening(pair.alice)
    pair.rest()
    with_session(pair.bob)
    assert [pair.bob.session.wait(each) for each in paid] == [11, 21, 31, 41, 51]
    assert pair.codes() == [set(), set()]


def test_a_fetch_that_a_restart_cut_short_is_done_after_it(pair: Pair, tmp_path: Path) -> None:
    """Nothing was sent, so the other world is dialled once more."""
    uri = pair.alice.shared()
    carol = Side(tmp_path / "carol.world")
    asked = carol.world.net.fetch(uri)
    carol.world.run()
    carol.close()
    carol.open()
    settle(pair.alice, carol)
    assert isinstance(carol.world.resolution(asked), Ref)
    carol.close()
