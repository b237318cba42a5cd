"""A peer names no address that is nearer than where it is itself reached."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.net import syrup
from swingset.net.limits import Limits
from swingset.net.locators import Locator, located, uri
from swingset.net.nearness import ANYWHERE, MACHINE, NETWORK, bound, nearness
from swingset.net.values import Failure, Hidden, Ref, Refused
from tests.net.bench import Network, World
from tests.net.test_moves import Key, place

HOSTS = {
    MACHINE: (
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "localhost", "LOCALHOST.", "a.localhost", "[::1]", "[::]"),
        *("[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "127.1", "2130706433", "0x7f.1", "0177.0.0.1.", ""),
    ),
    NETWORK: (
        *("10.0.0.1", "192.168.1.2", "172.16.0.9", "172.31.255.1", "169.254.169.254", "100.64.0.1"),
        *("[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "printer", "printer.local", "db.internal"),
    ),
    ANYWHERE: ("8.8.8.8", "172.32.0.1", "100.63.0.1", "example.org", "[2001:db8::1]", "[::ffff:8.8.8.8]"),
}


def at(host: str, name: str = "x") -> Locator:
    return located("websocket", name, {"url": f"wss://{host}:7/"})


@pytest.mark.parametrize(("host", "near"), [(host, near) for near, hosts in HOSTS.items() for host in hosts])
def test_how_near_an_address_is(host: str, near: int) -> None:
    """By its text, however it is written; a user's name before it does not count."""
    assert nearness(at(host)) == near
    assert nearness(at(f"example.org@{host}")) == near
    assert nearness(at(host)) == nearness(located("other", "x", {"host": host.strip("[]")}))


@pytest.mark.parametrize("transport", ["unix", "in-process", "tcp-testing-only", "websocket"])
def test_what_has_no_address_is_as_near_as_its_transport(transport: str) -> None:
    """A socket or a process is on this machine; so is a `url` that cannot be read."""
    assert nearness(Locator(transport, "x")) == (ANYWHERE if transport == "websocket" else MACHINE)
    assert nearness(located(transport, "x", {"url": "nonsense"})) == MACHINE


FAR, OURS = uri(at("example.org")), uri(at("127.0.0.1"))
ROWS: list[tuple[str, dict[str, Any], int]] = [
    ("dialled far away", {"outgoing": True, "expected": FAR, "here": OURS}, ANYWHERE),
    ("dialled on this machine", {"outgoing": True, "expected": OURS, "here": FAR}, MACHINE),
    ("came to where anybody can", {"outgoing": False, "expected": OURS, "here": FAR}, ANYWHERE),
    ("came on this machine", {"outgoing": False, "expected": FAR, "here": OURS}, MACHINE),
]


@pytest.mark.parametrize(("row", "near"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_a_peer_may_name(row: dict[str, Any], near: int) -> None:
    """As near as where this world has reached it, or was reached by it; what it says of itself counts not."""
    assert bound(row, Limits()) == near
    assert bound(row, Limits(near=1)) == MACHINE


def _dialled_far() -> tuple[World, World, list[Locator]]:
    """A world that has a session with one that is far away; and whom it dials from then on."""
    network = Network()
    here, gifter = World(network, "here"), World(network, "gifter")
    gifter.here = located(gifter.here.transport, "gifter", {"host": "example.org", "port": "1"})
    dialled: list[Locator] = []
    dial = network.dial

    def noted(peer: Locator, who: Locator | None = None) -> Any:
        dialled.append(peer)
        return dial(peer, who)

    network.dial = noted  # type: ignore[method-assign]
    return here, gifter, dialled


@pytest.mark.parametrize("near", [0, 1])
def test_who_is_far_away_introduces_nobody_on_this_machine(near: int) -> None:
    """The promise for the gift is rejected, nothing is dialled, and the session goes on; `near` allows it."""
    here, gifter, dialled = _dialled_far()
    here.limits = Limits(near=near)
    exporter = World(here.network, "exporter")
    theirs = exporter.object(lambda method: "from the exporter")
    exporter.share(theirs, b"t" * 32)
    held = gifter.fetch(exporter.here, b"t" * 32)
    here.network.run()
    given = gifter.outcome(held)
    gifter.share(gifter.object(lambda method: Ref(given.name)), b"g" * 32)
    asked = here.call(here.fetch(gifter.here, b"g" * 32), "call")
    called = here.call(asked, "call")
    dialled.clear()
    here.network.run()
    if near:
        assert here.outcome(called) == "from the exporter"
        return
    rejected, failure = here.outcome(called)
    assert rejected == "rejected"
    assert isinstance(failure, Failure)
    assert "peer-named private address: 127.0.0.1 is on this machine" in failure.message
    assert failure.more["code"] == "unreachable"
    assert exporter.here.peer not in [each.peer for each in dialled]
    assert [row["state"] for row in here.hub.peers()] == ["live"]


def test_a_sturdyref_of_who_is_far_away_is_not_followed_to_this_machine() -> None:
    """It can be passed on, and a person can fetch by it; that a peer has sent it is not enough."""
    here, gifter, _ = _dialled_far()
    exporter = World(here.network, "exporter")
    sturdy = gifter.hub.refer(exporter.here, Hidden(gifter.device.hide(b"t" * 32), 32))
    gifter.share(gifter.object(lambda method: Ref(sturdy)), b"g" * 32)
    asked = here.call(here.fetch(gifter.here, b"g" * 32), "call")
    here.network.run()
    with pytest.raises(Refused, match="peer-named private address"):
        here.hub.enliven_held(here.outcome(asked).name)


def test_who_is_far_away_does_not_move_to_this_machine() -> None:
    """Its card says so, and that is passed over; what it says of its key counts."""
    world, key, successor = World(Network(), "world"), Key("A"), Key("B")
    said = syrup.write([successor.at(2, 1), key.to(successor)])
    core = world.hub._core()
    assert core.moves.follow(said, successor.name, nearest=ANYWHERE) == 1
    core.finish()
    assert place(world, key) == (successor.name, None)
