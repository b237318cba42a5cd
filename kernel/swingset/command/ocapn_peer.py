"""The subcommand `ocapn-testpeer`: a world with the objects by which implementations of OCapN are tested.

Their swissnums are known to everybody, so it listens on a loopback address only, and its world is thrown away
when it ends. It reaps when it is idle, because other implementations' checks wait for what a world would
collect later.
"""

from __future__ import annotations

import argparse
import time

from swingset.command.adding import AddCommand
from swingset.command.saying import say
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref

SWISSNUMS = {
    "builder": b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ",
    "echo": b"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w",
    "greeter": b"VMDDd1voKWarCe2GvgLbxbVFysNzRPzx",
    "pair": b"IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr",
    "enlivener": b"gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB",
}
"""The five objects, by what the root of the vat calls them."""

SOURCE = """
from swingset.vat import E, Tagged, make_promise, remotable

def word(value):
    return value.payload if isinstance(value, Tagged) and value.tag == "symbol" else value

@remotable
class Car:
    def __init__(self, colour, model):
        self.said = f"Vroom! I am a {colour} {model} car!"
    def call(self):
        return self.said

@remotable
class Factory:
    def call(self, spec):
        colour, model = spec
        return Car(word(colour), word(model))

@remotable
class Builder:
    def call(self):
        return Factory()

@remotable
class Echo:
    def call(self, *values):
        return list(values)

@remotable
class Greeter:
    def call(self, who):
        E(who).call("Hello")
        return True

@remotable
class Resolver:
    def __init__(self, resolver):
        self.resolver = resolver
    def fulfill(self, value):
        self.resolver.resolve(value)
    def reject(self, reason):
        self.resolver.reject(reason)
    vars()["break"] = reject  # a word of Python's, and of the protocol's

@remotable
class Pair:
    def call(self):
        promise, resolver = make_promise()
        return [promise, Resolver(resolver)]

@remotable
class Enlivener:
    def __init__(self, root):
        self.root = root
    def call(self, sturdyref):
        return E(self.root).follow(sturdyref)

@remotable
class Peer:
    def objects(self, root):
        return [Builder(), Echo(), Greeter(), Pair(), Enlivener(root)]

def build_root_object():
    return Peer()
"""


def add(command: AddCommand) -> None:
    """Add the subcommand."""
    peer = command(
        "ocapn-testpeer",
        _serve,
        "publish the five objects by which implementations of OCapN test each other, until interrupted",
        opens=False,
        workers=True,
    )
    peer.add_argument("--port", type=int, default=22045, help="on 127.0.0.1; 0 for a free one")
    peer.add_argument(
        "--dialect",
        default="goblins",
        choices=["goblins", "endo", "suite", "suite-next"],
        help="which peer comes",
    )
    peer.add_argument("--seconds", type=float, help="for how long; without it, until it is interrupted")


def _serve(chosen: argparse.Namespace) -> int:
    with open_world() as world:
        location = publish(world, chosen.port, chosen.dialect)
        say(f"READY {location}")
        try:
            serve(world, chosen.seconds)
        except KeyboardInterrupt:
            return 0
    return 0


def publish(world: Controller, port: int, dialect: str) -> str:
    """Have a world listen, with the five objects; returns where it is."""
    location = world.net.listen("tcp-testing-only", port=str(port), dialect=dialect)
    session = Session(world)
    session.define("peer", SOURCE)
    kref = world.queue_to_root("peer", "objects", [world.net.root()])
    assert kref is not None
    world.run()
    for (name, swissnum), target in zip(SWISSNUMS.items(), world.resolution(kref), strict=True):
        assert isinstance(target, Ref)
        world.net.share(target, label=name, swissnum=swissnum)
    world.run()
    return location


def serve(world: Controller, seconds: float | None) -> None:
    """Deliver what comes in, and collect when nothing does."""
    until = None if seconds is None else time.monotonic() + seconds
    reaped: dict[str, int] = {}
    while until is None or time.monotonic() < until:
        if world.net.wait(0.05):
            world.net.pump()
            continue
        reaped = world.gc.reap_all(reaped)
        world.net.pump()
