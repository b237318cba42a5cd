"""Worlds on links, for tests: connections are cut, and hosts are killed, wherever a test wants it.

What a world sends waits in its outbox, as it waits for the commit in a world file, and is lost with a host
that is killed. What it has stored stays.
"""

from __future__ import annotations

import copy
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from swingset.net import locators
from swingset.net.limits import Limits
from swingset.net.locators import Locator
from swingset.net.values import Ref
from tests.net.bench import Cable, Network, World


class Linked(World):
    """A world that speaks over links, and writes down what its object `home` was told."""

    def __init__(self, network: Network, name: str, limits: Limits | None = None) -> None:
        super().__init__(network, name, limits, dialect="swingset", lasting=True)
        self.told: list[Any] = []
        self.kept: Any = None
        self.outbox: deque[Callable[[], None]] = deque()
        self.share(self.object(self._home), self.swissnum)
        send, close = self.device.send, self.device.close
        self.device.send = lambda *said: self.outbox.append(lambda: send(*said))  # type: ignore[method-assign]
        self.device.close = lambda *said: self.outbox.append(lambda: close(*said))  # type: ignore[method-assign]

    @property
    def swissnum(self) -> bytes:
        return self.name.ljust(32, "-").encode()

    def _home(self, method: str, *args: Any) -> Any:
        if method == "keep":
            self.kept = args[0]
        if method == "promise":
            self.kept = Ref(self.promise())
            return self.kept
        self.told.append(args[0] if args else method)
        return args[0] if args else None

    def flush(self) -> bool:
        """Send the oldest message that waits for the commit; whether there was one."""
        if not self.outbox:
            return False
        self.outbox.popleft()()
        return True

    def home(self, there: Linked) -> str:
        """The object of another world, as this one names it."""
        promise = self.fetch(there.here, there.swissnum)
        run(self.network)
        found = self.outcome(promise)
        assert isinstance(found, Ref), found
        return found.name

    def value(self, promise: str) -> Any:
        run(self.network)
        return self.outcome(promise)

    # What hosts do.

    def link(self) -> dict[str, Any]:
        """The only link, as the host sees it."""
        (found,) = self.hub.peers()
        return found

    def redial(self) -> None:
        """Dial the peers of links that are cut, as the host does."""
        waiting = [json.loads(self.store.table[key])[0] for key in self.rows("later.")]
        for uri in [peer["peer"] for peer in self.hub.peers() if peer["state"] == "cut"] + waiting:
            self.network.made += 1
            found = locators.parse_uri(uri)
            assert isinstance(found, locators.Locator)
            if found.peer in self.network.listeners:
                self.device._dial(f"re{self.network.made}", found)

    def kill(self) -> None:
        """The host is killed, and another opens the world: what was not sent yet is lost with it."""
        self.outbox.clear()
        for cable in self.device.cables.values():
            if not cable.closed:
                cable.close("the other side was killed")
        self.hub.lost([self.here.designator], "the host was killed")

    def cut(self) -> None:
        """All connections end, for this side first."""
        for conn, cable in list(self.device.cables.items()):
            if not cable.closed:
                cable.close("cut")
                self.hub.closed(conn, "cut")

    def remember(self) -> Callable[[], None]:
        """What goes back to this moment in time: the store and the small kernel, but no connection."""
        restore = self.durable()

        def back() -> None:
            self.outbox.clear()
            for cable in self.device.cables.values():
                if not cable.closed:
                    cable.close("it has gone back in time")
            restore()
            self.device.lived += 1
            self.hub.lost([self.here.designator], "it has gone back in time")

        return back

    def durable(self) -> Callable[[], None]:
        """What puts back the store and the small kernel as they are now, and nothing else."""
        skipped = ("network", "device", "outbox", "limits")
        table, keys = dict(self.store.table), list(self.store._keys)
        objects = {**self.objects}
        kept = {
            name: copy.deepcopy(value)
            for name, value in self.__dict__.items()
            if name not in (*skipped, "store", "objects")
        }

        def restore() -> None:
            self.store.table, self.store._keys = dict(table), list(keys)
            self.objects = {**objects}
            self.__dict__.update(copy.deepcopy(kept))

        return restore


def run(network: Network, *, redial: bool = True) -> None:
    """Until nothing is on its way, all links that can be are connected, and all is acknowledged."""
    for _ in range(100_000):
        if network.events:
            network.events.popleft()()
        elif any(world.flush() for world in linked(network)) or any(world.step() for world in network.worlds):
            continue
        else:
            for world in linked(network):
                world.hub.acknowledge()
            if redial and not any(world.outbox for world in linked(network)):
                for world in linked(network):
                    world.redial()
            if not network.events and not any(world.outbox for world in linked(network)):
                return
    raise AssertionError("the network never comes to rest")


def linked(network: Network) -> list[Linked]:
    return [world for world in network.worlds if isinstance(world, Linked)]


def two(limits: Limits | None = None) -> tuple[Linked, Linked]:
    """Two worlds that can reach each other."""
    network = Network()
    return Linked(network, "here", limits), Linked(network, "there", limits)


def cables_of(world: World) -> list[Cable]:
    """The connections that are open."""
    return [cable for cable in world.device.cables.values() if not cable.closed]


@dataclass
class Lane(Cable):
    """An end of a connection each direction of which has its own pace; it writes down what is sent."""

    said: list[bytes] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        self.said.append(data)
        super().send(data)

    def insert(self, data: bytes, *, first: bool) -> None:
        """Have the other end hear what this one has not said, before or after what is on its way."""
        other, events = self.other, self.network.events
        assert other is not None
        put = events.appendleft if first else events.append
        put(lambda: None if other.closed else other.take(data))


class Lanes(Network):
    """Each direction of each connection has its own pace: order is kept within one alone."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.ends: list[tuple[str, Lane]] = []
        """All ends of connections, each with the peer whose end it is."""

    @property
    def busy(self) -> list[deque[Callable[[], None]]]:
        """Where something is on its way."""
        return [lane.events for lane in (self, *(end.network for _, end in self.ends)) if lane.events]

    def dial(self, peer: Locator, here: Locator | None = None) -> Cable | None:
        assert here is not None
        one, other = Lane(Network()), Lane(Network())
        one.other, other.other = other, one
        self.ends += [(here.peer, one), (peer.peer, other)]

        def hear(data: bytes) -> None:
            self.listeners[peer.peer].accept(other, here)
            other.take(data)

        other.take = hear  # as hosts do, which let no vat know before the first message
        return one

    def carry(self, worlds: tuple[Linked, ...]) -> None:
        """Until nothing is on its way."""
        for _ in range(10_000):
            busy = [events.popleft for events in self.busy]
            ready = [world.flush for world in worlds if world.outbox]
            act = self.chance.choice([*busy, *ready]) if busy or ready else None
            if act is None:
                if not any(world.step() for world in worlds):
                    return
            elif act in ready:
                act()
            else:
                act()()
        raise AssertionError("the network never comes to rest")
