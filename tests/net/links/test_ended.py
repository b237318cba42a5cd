"""What ends a link: a lease that is over, and a message that cannot be taken. Both sides are told."""

from __future__ import annotations

import time

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.wires.asking import NetError
from tests.net.links.pairs import Pair
from tests.scenarios.linked import BANK, Side, settle, with_session

pytestmark = pytest.mark.unaudited  # both sides are, when they close


def test_a_message_that_cannot_be_taken_ends_its_link() -> None:
    """It is neither lost in silence nor sent for ever: both sides say why, and the vat goes on."""
    alice, bob = Side(worker="wasm"), Side()
    bob.other, alice.other = alice, bob
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    log = bob.fetch(alice.shared("log"))
    assert bob.ask(log, "add", "short") == 1
    alice.world.vats.change_options("net", {"computrons": 40_000_000})
    assert bob.ask(log, "add", "short") == 2
    with pytest.raises(
        RemoteError, match="could not take a message: the delivery used up its comp"
    ) as caught:
        bob.ask(log, "add", "x" * 900_000)
    assert caught.value.code == "ended"
    assert bob.ask(log, "add", "short") == 3
    settle(alice, bob)
    for side in (alice, bob):
        assert [each["code"] for each in side.world.net.events()].count("ended") == 1
        side.close()


def test_a_link_ends_when_its_lease_is_over(pair: Pair) -> None:
    """What waited is rejected with a code, the other side learns it later, and a string works anew."""
    assert pair.pay() == 1
    pair.rest()
    pair.alice.close()
    with_session(pair.bob)
    waiting = E(pair.bob.session.root("keeper")).deposit("inner", 1)
    pair.bob.session.settle()
    pair.bob.world.net.set_lease(0.001)
    time.sleep(0.01)
    with pytest.raises(RemoteError, match="its lease is over") as caught:
        pair.bob.session.wait(waiting)
    assert caught.value.code == "expired"
    assert pair.bob.world.net.peers() == []
    pair.bob.world.net.set_lease(1_000)
    pair.alice.open()
    with_session(pair.alice)
    pair.alice.world.net.listen("unix")
    pair.rest()
    assert pair.codes() == [{"expired"}, {"expired"}]
    assert pair.pay("it") == 1
    with pytest.raises(RemoteError) as caught:
        pair.pay()
    assert caught.value.code == "expired"


def test_the_lease_of_a_link_that_is_cut_is_shown(pair: Pair) -> None:
    """Until when it stays; while it is connected it has no end. What is no length of time is refused."""
    for seconds in (0, -1, float("nan"), "a week", None):
        with pytest.raises(NetError, match="`seconds` is"):
            pair.bob.world.net.set_lease(seconds)  # type: ignore[arg-type]
    pair.rest()
    assert [peer.expires for peer in pair.bob.world.net.peers()] == [None]
    pair.alice.close()
    pair.bob.world.net.wait(1.0)
    pair.bob.world.net.pump()
    (peer,) = pair.bob.world.net.peers()
    assert (peer.state, peer.lasting) == ("cut", True)
    assert peer.expires is not None
    assert 29 * 86_400 < peer.expires - time.time() <= 30 * 86_400
    pair.alice.open()
