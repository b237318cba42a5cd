"""The peer for other implementations' tests is a real world: its objects answer as the standard says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from swingset.command.ocapn_peer import SWISSNUMS, publish, serve
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.net import locators
from swingset.net.values import Hidden, Ref, Symbol
from tests.net.bench import World
from tests.net.sockets import Sockets
from tests.net.wellknown import BUILDER, ECHO, ENLIVENER, GREETER, PAIR

pytestmark = pytest.mark.unreplayed("its answers come from another peer, over a socket")


class Asking:
    """A peer on a socket that asks a real world."""

    def __init__(self, world: Controller) -> None:
        self.world = world
        found = locators.parse_uri(publish(world, 0, "suite-next"))
        assert isinstance(found, locators.Locator)
        self.there = found
        self.sockets = Sockets()
        self.peer = World(self.sockets, "asking")
        self.sockets.listen(self.peer)

    def value(self, promise: str) -> Any:
        for _ in range(200):
            serve(self.world, 0.0)
            self.world.net.pump()
            if self.sockets.until(lambda: self.peer.outcome(promise) is not ..., 0.05):
                return self.peer.outcome(promise)
        raise AssertionError("no answer came")

    def call(self, swissnum: bytes, *args: Any) -> Any:
        return self.value(self.peer.call(self.peer.fetch(self.there, swissnum), "call", *args))


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with open_world(worker="local") as world:
        asked = Asking(world)
        yield asked
        asked.sockets.close()


def test_the_swissnums_are_those_of_the_standard() -> None:
    """Each object is found by the number that everybody knows."""
    assert list(SWISSNUMS.values()) == [BUILDER, ECHO, GREETER, PAIR, ENLIVENER]


def test_a_car_is_made_by_pipelined_messages(asking: Asking) -> None:
    """Three messages, each to the answer of the one before."""
    peer = asking.peer
    factory = peer.call(peer.fetch(asking.there, BUILDER), "call")
    car = peer.call(factory, "call", [Symbol("red"), Symbol("zoomracer")])
    assert asking.value(peer.call(car, "call")) == "Vroom! I am a red zoomracer car!"


def test_the_echo_and_the_greeter_answer(asking: Asking) -> None:
    """One returns what it is given, the other greets its argument."""
    got: list[Any] = []
    mine = asking.peer.object(lambda method, *args: got.append(args))
    assert asking.call(ECHO, 1, Symbol("s"), [b"x", None], Ref(mine)) == [
        1,
        Symbol("s"),
        [b"x", None],
        Ref(mine),
    ]
    assert asking.call(GREETER, Ref(mine)) is True
    assert asking.value(asking.peer.fetch(asking.there, ECHO))
    assert got == [("Hello",)]


@pytest.mark.parametrize("verb", ["fulfill", "break"])
def test_a_promise_is_settled_by_its_resolver(asking: Asking, verb: str) -> None:
    """The pair is a promise and what settles it, either way."""
    promise, resolver = asking.call(PAIR)
    asking.peer.call(resolver.name, verb, "so")
    found = asking.value(promise.name)
    assert found == "so" if verb == "fulfill" else found[1].message == "so"


def test_a_sturdyref_is_followed(asking: Asking) -> None:
    """The enlivener returns what a sturdyref refers to: here an object of who asks."""
    mine = asking.peer.object(lambda method: "mine")
    asking.peer.share(mine, b"m" * 32)
    secret = locators.sturdyref_uri(asking.peer.here, b"m" * 32)
    found = locators.parse_uri(secret)
    assert isinstance(found, locators.Sturdyref)
    handle = asking.peer.device.hide(found.swissnum)
    name = asking.peer.hub.refer(found.locator, Hidden(handle, 32))
    assert asking.call(ENLIVENER, Ref(name)) == Ref(mine)
