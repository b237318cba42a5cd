"""Spritely Goblins as a peer: what was measured, measured again.

`make peer-goblins` installs it. Without it all of these are skipped, and say so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.net.locators import Locator, sturdyref_uri
from swingset.net.values import Failure, Hidden, Ref, Symbol, Tagged
from tests.net.bench import World
from tests.net.goblins.process import CHROOT, Goblins, GoblinsOnWebSocket, installed
from tests.net.sockets import Sockets
from tests.net.wellknown import BUILDER, ECHO, ENLIVENER, GREETER, PAIR, publish

RELAY = b"relay---------------------------"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not installed(),
        reason="Spritely Goblins is not installed: make peer-goblins (needs root on Debian)",
    ),
]


@pytest.fixture(scope="module")
def goblins() -> Iterator[list[Goblins]]:
    """Two peers."""
    made = [Goblins("first"), Goblins("second")]
    yield made
    for peer in made:
        peer.close()


class Ours:
    """A world on a socket."""

    def __init__(self, name: str, sockets: Sockets) -> None:
        self.sockets = sockets
        self.world = World(sockets, name)
        sockets.listen(self.world)
        publish(self.world)

    def value(self, promise: str) -> Any:
        assert self.sockets.until(lambda: self.world.outcome(promise) is not ...), "no answer came"
        return self.world.outcome(promise)

    def fetched(self, peer: Goblins, swissnum: bytes) -> str:
        return str(self.value(self.world.fetch(peer.here, swissnum)).name)

    def call(self, target: str, *args: Any) -> Any:
        return self.value(self.world.call(target, "call", *args))

    def close(self) -> None:
        for conn in self.world.hub.connections():
            self.world.hub.hang_up(conn, "the test is over")
        self.sockets.run()


_made: list[str] = []


@pytest.fixture
def ours(request: pytest.FixtureRequest) -> Iterator[Ours]:
    sockets = Sockets()
    _made.append(request.node.name)
    made = Ours(f"ours{len(_made)}", sockets)
    yield made
    made.close()
    sockets.close()


def test_its_version_is_the_one_that_was_measured(goblins: list[Goblins]) -> None:
    """Another version may speak another start of sessions, which needs a dialect of its own."""
    command = ["chroot", str(CHROOT), "dpkg-query", "-W", "-f", "${Version}", "guile-goblins"]
    version = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    print(f"guile-goblins {version}")
    assert version.startswith("0.18."), version


def test_three_messages_are_pipelined(goblins: list[Goblins], ours: Ours) -> None:
    """They are sent behind the fetch, before anything has come back."""
    world = ours.world
    builder = world.fetch(goblins[0].here, BUILDER)
    factory = world.call(builder, "call")
    car = world.call(factory, "call", [Symbol("red"), Symbol("zoomracer")])
    assert ours.value(world.call(car, "call")) == "Vroom! I am a red zoomracer car!"


VALUES = [
    *(True, False, 0, -5, 2**70, 1.5, float("inf"), "", "h\u00e9\U0001f600", b"", b"x", Symbol("s"), None),
    *([], [1, [2]], {"a": 1, "b": [2]}, Tagged("usd", 5), Tagged("tuple", [1, 2])),
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_values_come_back_as_they_were(goblins: list[Goblins], ours: Ours, value: Any) -> None:
    """The echo returns each value equal."""
    assert ours.call(ours.fetched(goblins[0], ECHO), value) == [value]


def test_references_come_back_as_themselves(goblins: list[Goblins], ours: Ours) -> None:
    """An object of ours and one of its own keep their identity."""
    echo = ours.fetched(goblins[0], ECHO)
    mine = ours.world.object(lambda method: None)
    assert ours.call(echo, Ref(mine), Ref(echo)) == [Ref(mine), Ref(echo)]


def test_an_error_breaks_the_promise(goblins: list[Goblins], ours: Ours) -> None:
    """It does not say what went wrong, and that is what its reader learns."""
    rejected, failure = ours.value(ours.world.fetch(goblins[0].here, b"x" * 32))
    assert (rejected, isinstance(failure, Failure)) == ("rejected", True)
    assert "did not say" in failure.message


def test_it_calls_our_object(goblins: list[Goblins], ours: Ours) -> None:
    """The greeter says hello to an object of ours, with an answer position of 0."""
    got: list[Any] = []
    listener = ours.world.object(lambda method, *args: got.append((method, *args)))
    assert ours.call(ours.fetched(goblins[0], GREETER), Ref(listener)) is True
    assert ours.sockets.until(lambda: got)
    assert got == [("call", "Hello")]


@pytest.mark.parametrize(("verb", "heard"), [("fulfill", 42), ("break", "oh no")])
def test_a_promise_of_its_own_settles_here(goblins: list[Goblins], ours: Ours, verb: str, heard: Any) -> None:
    """A promise in a value is listened to, and settles when its resolver is called."""
    promise, resolver = ours.call(ours.fetched(goblins[0], PAIR))
    assert ours.world.outcome(promise.name) is ...
    ours.world.call(resolver.name, verb, heard)
    found = ours.value(promise.name)
    assert found == 42 if verb == "fulfill" else found[1].message == "oh no"


def test_what_we_passed_is_let_go_of(goblins: list[Goblins], ours: Ours) -> None:
    """Its collector frees our exports by counts, however often each has crossed."""
    echo = ours.fetched(goblins[0], ECHO)
    mine = Ref(ours.world.object(lambda method: None))
    for _ in range(3):
        assert ours.call(echo, mine, mine) == [mine, mine]
    assert ours.sockets.until(lambda: ours.world.hub.peers()[0]["exports"] == 0, 60)
    assert mine.name in ours.world.dropped


def test_a_gift_of_its_own_reaches_us(goblins: list[Goblins], ours: Ours) -> None:
    """It gives us an object of the other process, which we fetch from there."""
    reference = ours.call(ours.fetched(goblins[1], ECHO), 1)
    assert reference == [1]
    sturdy = _sturdyref(ours, goblins[1].here, ECHO)
    found = ours.call(ours.fetched(goblins[0], ENLIVENER), Ref(sturdy))
    assert ours.call(found.name, "through the gift") == ["through the gift"]
    assert len(ours.world.hub.peers()) == 2


def _sturdyref(ours: Ours, peer: Locator, swissnum: bytes) -> str:
    """A sturdyref that our world can pass on: what arrives in a message."""
    return ours.world.hub.refer(peer, Hidden(ours.world.device.hide(swissnum), len(swissnum)))


def test_our_gift_reaches_it(goblins: list[Goblins], ours: Ours) -> None:
    """We give an object of one process to the other, which then calls it directly."""
    relay = ours.fetched(goblins[0], RELAY)
    echo = ours.fetched(goblins[1], ECHO)
    assert ours.call(relay, Ref(echo), 5) == [5]


def test_a_gift_of_ours_is_fetched_from_us(goblins: list[Goblins], ours: Ours) -> None:
    """One process gives our object to the other, which dials us and withdraws it."""
    got: list[Any] = []

    def take(method: str, *args: Any) -> str:
        got.append(args)
        return "done"

    mine = ours.world.object(take)
    first, second = ours.fetched(goblins[0], RELAY), ours.fetched(goblins[1], RELAY)
    assert ours.call(first, Ref(second), Ref(mine), 7) == "done"
    assert got == [(7,)]


def test_both_dial_at_once(goblins: list[Goblins], ours: Ours) -> None:
    """It dials a world of ours that dials it: one session stays, over which both get what they ask for.

    If it has accepted our session before it was done with dialling, it never says what came of its own dial:
    then it has to be asked once more.
    """
    other = Ours(f"{ours.world.name}x", ours.sockets)
    sturdy = _sturdyref(ours, other.world.here, ECHO)
    enlivener = ours.fetched(goblins[0], ENLIVENER)
    asked = ours.world.call(enlivener, "call", Ref(sturdy))
    fetched = other.world.fetch(goblins[0].here, ECHO)
    assert other.call(fetched, 1) == [1]
    if not ours.sockets.until(lambda: ours.world.outcome(asked) is not ..., 2):
        asked = ours.world.call(enlivener, "call", Ref(sturdy))
    found = ours.value(asked)
    assert ours.call(found.name, 2) == [2]
    peers = [row["peer"] for row in other.world.hub.peers() if "first" in row["peer"]]
    assert len(peers) == 1
    other.close()


USER = """
from swingset.vat import E, Tagged, remotable

@remotable
class User:
    async def drive(self, builder):
        spec = [Tagged("symbol", "red"), Tagged("symbol", "zoomracer")]
        return await E(E(E(builder).call()).call(spec)).call()
    async def relay(self, relay, target, *args):
        return await E(relay).call(target, *args)
    async def give_me(self, relay, target):
        return await E(relay).call(target, self, 7)
    def call(self, *args):
        return ["me", *args]

def build_root_object():
    return User()
"""


@pytest.mark.unreplayed("its answers come from another peer")
def test_a_vat_of_a_real_world_speaks_to_it(goblins: list[Goblins]) -> None:
    """A confined vat calls, pipelines, gives what is another's, and is given to another."""
    with open_world() as world:
        world.net.listen("tcp-testing-only")
        Session(world).define("user", USER)

        def settled(kref: str | None) -> Any:
            assert kref is not None
            world.net.settle(kref)
            return world.resolution(kref)

        def fetched(peer: Goblins, swissnum: bytes) -> Any:
            return settled(world.net.fetch(sturdyref_uri(peer.here, swissnum)))

        def asked(method: str, *args: Any) -> Any:
            return settled(world.queue_to_root("user", method, list(args)))

        assert asked("drive", fetched(goblins[0], BUILDER)) == "Vroom! I am a red zoomracer car!"
        first, second = fetched(goblins[0], RELAY), fetched(goblins[1], RELAY)
        assert asked("relay", first, fetched(goblins[1], ECHO), 5) == [5]
        assert asked("give_me", first, second) == ["me", 7]


@pytest.fixture
def on_websocket() -> Iterator[GoblinsOnWebSocket]:
    """A peer that listens for WebSockets, and dials them."""
    made = GoblinsOnWebSocket()
    yield made
    made.close()


def _called(world: Controller, other: Controller, string: str, *args: Any) -> Any:
    """Fetch and call, while another world serves."""
    fetched = world.net.fetch(string)
    world.net.settle(fetched)
    kref = world.queue_to_object(world.resolution(fetched).kref, "call", list(args))
    assert kref is not None
    for _ in range(200):
        for each in (world, other):
            each.net.pump()
            each.net.wait(0.02)
        if world.status(kref) != "unresolved":
            break
    return world.resolution(kref)


@pytest.mark.unreplayed("its answers come from another peer")
def test_websockets_are_dialled_from_either_side(on_websocket: GoblinsOnWebSocket) -> None:
    """A world dials Goblins, which proves who it is, and Goblins dials another world; both call."""
    with open_world() as dialler, open_world() as dialled:
        assert _called(dialler, dialled, on_websocket.echo, "there and back", 2**70) == [
            "there and back",
            2**70,
        ]
        (peer,) = dialler.net.peers()
        assert (peer.state, peer.proven, peer.outgoing) == ("live", True, True)

        dialled.net.listen("websocket")
        Session(dialled).define("user", USER)
        string = dialled.net.share(dialled.vats.root("user"))
        assert _called(dialler, dialled, on_websocket.visitor, string, "hello") == ["me", "hello"]
        (peer,) = dialled.net.peers()
        assert (peer.state, peer.proven, peer.outgoing) == ("live", False, False)
