"""A world that anybody can reach does not knock where a peer says that it is on this machine."""

from __future__ import annotations

import socket
from urllib.parse import quote

from swingset.net.locators import parse_uri
from tests.scenarios.linked import BANK, Side, settle, with_session


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_a_cut_link_is_not_dialled_at_a_private_address_that_its_peer_has_named() -> None:
    """Bob has come from far away, and says that he is on this machine; `near` has him dialled there."""
    alice, bob = Side(), Side()
    alice.other, bob.other = bob, alice
    with_session(alice)
    alice.session.define("bank", BANK)
    port, far = _free_port(), "wss://alice.example"
    alice.world.net.listen("websocket", port=port, url=far)
    bob.world.net.listen("websocket")
    string = alice.shared()
    assert parse_uri(string).locator.hint("url") == far  # type: ignore[union-attr]
    theirs = bob.fetch(string.replace(quote(far, safe=""), quote(f"ws://127.0.0.1:{port}", safe="")))
    assert bob.ask(theirs, "deposit", 1) == 1
    settle(alice, bob)
    wires = alice.world.net._line.wires
    assert wires is not None
    bob.close()
    settle(alice)
    assert [each.state for each in alice.world.net.peers()] == ["cut"]
    assert not wires.redialling
    alice.world.net.limits(near=1)
    settle(alice)
    alice.world.net._line.look()
    settle(alice)
    assert wires.redialling
    alice.close()
