"""A client of Cap'n Web for tests, message by message, with a world of the bench on the other side."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.net.bench import Cable, Network, World, cables

ADDRESS = hashlib.sha256(b"an address").hexdigest()


class Client:
    """What a client says, and what it gets."""

    def __init__(self, world: World, digest: str = ADDRESS, batch: list[Any] | bytes | None = None) -> None:
        self.world = world
        self.network: Network = world.network
        self.got: list[Any] = []
        self.why: str | None = None
        self.asked = 0
        self.cable, other = cables(self.network)
        self.cable.take = lambda data: self.got.append(json.loads(data))
        self.cable.ended = self._ended
        self.network.made += 1
        self.conn = f"web{self.network.made}"
        world.device.attach(self.conn, other)
        lines = "\n".join(map(json.dumps, batch)).encode() if isinstance(batch, list) else batch
        world.hub.visit(self.conn, digest, lines)
        self.network.run()

    def _ended(self, why: str) -> None:
        self.why = why

    def raw(self, data: bytes) -> None:
        self.cable.send(data)
        self.network.run()

    def send(self, *message: Any) -> None:
        self.raw(json.dumps(message).encode())

    def push(self, expression: Any) -> int:
        """Push an expression; returns the number of its result."""
        self.send("push", expression)
        self.asked += 1
        return self.asked

    def call(self, target: int, method: str, *args: Any) -> int:
        """Call a method; the arguments are expressions."""
        return self.push(["pipeline", target, [method], list(args)])

    def value(self, number: int) -> Any:
        """What a result is resolved with; `...` if it is not. `["!", name, message]` is a rejection."""
        if not any(each[:2] in (["resolve", number], ["reject", number]) for each in self.got):
            self.send("pull", number)
        for each in self.got:
            if each[:2] == ["resolve", number]:
                return each[2]
            if each[:2] == ["reject", number]:
                return ["!", *each[2][1:3]]
        return ...

    def take(self, kind: str) -> list[Any]:
        """The messages of a kind, which are forgotten then."""
        self.network.run()
        found = [each for each in self.got if each[0] == kind]
        self.got = [each for each in self.got if each[0] != kind]
        return found


def served(method: Any, limits: Any = None) -> World:
    """A world that serves one object, `method(name, *args)`."""
    world = World(Network(), "world", limits)
    world.hub.share(ADDRESS, world.object(method))
    return world


__all__ = ["ADDRESS", "Cable", "Client", "served"]
