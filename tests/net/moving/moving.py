"""Two worlds between which vats move, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.net.links import pairs
from tests.scenarios.linked import Side, settle, with_session

COUNTER = """
from swingset.vat import E, durable, make_promise, provide, remotable, watch_promise

@durable
class Counter:
    count: int = 0
    friend: object = None
    heard: list

    def inc(self):
        self.count += 1
        return self.count

    def meet(self, friend):
        self.friend = friend

    def of_friend(self):
        return self.friend

    def call(self, amount: int):
        return E(self.friend).deposit(amount)

    def me(self):
        return self

    def watch(self, promise):
        watch_promise(promise, self, "about it")

    def on_fulfilled(self, value, *args):
        self.heard = [*self.heard, ["fulfilled", value, *args]]

    def on_rejected(self, reason, *args):
        self.heard = [*self.heard, ["rejected", reason, *args]]

    def has_heard(self):
        return self.heard

@remotable
class Root:
    def __init__(self, parameters, baggage):
        self.counter = provide(baggage, "counter", lambda: Counter(heard=[]))
        self.parameters = parameters
        self.baggage = baggage

    def counter_of(self):
        return self.counter

    def new(self):
        return Counter(heard=[])

    def given(self):
        return self.parameters

    def fleeting(self):
        @remotable
        class Fleeting:
            pass
        return Fleeting()

    def never(self):
        promise, self.resolver = make_promise()
        return promise

    def wait_for_myself(self):
        watch_promise(self.never(), self.counter, "about me")

    def keep(self, name: str, value):
        self.baggage[name] = value

    def kept(self, name: str):
        return self.baggage[name]

def build_root_object(parameters, baggage):
    return Root(parameters, baggage)
"""


class Others:
    """Several sides that are pumped as one while another waits."""

    is_open = True

    def __init__(self, *sides: Side) -> None:
        self.sides = sides
        self.world = self.net = self

    def wait(self, seconds: float) -> None:
        """Wait for the first."""
        self.sides[0].world.net.wait(seconds)

    def pump(self) -> None:
        """Have all serve what came."""
        for side in self.sides:
            side.world.net.pump()


class Worlds:
    """Alice, who has vats that can move, and Bob, who accepts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pair = pairs.made(folder)
        self.alice, self.bob = self.pair.alice, self.pair.bob
        self.made = 0

    def close(self) -> None:
        """Close both; what they hold is counted again."""
        self.pair.close()

    def counter(self, name: str = "", source: str = COUNTER, **options: Any) -> tuple[str, Any, Any]:
        """A new confined vat of Alice: its name, its root and its counter."""
        self.made += 1
        name = name or f"counter-{self.made}"
        with_session(self.alice)
        root = self.alice.session.define(name, source, worker="wasm", **options)
        return name, root, self.alice.ask(root, "counter_of") if source is COUNTER else None

    def acceptance(self, **limits: Any) -> Any:
        """What Alice has fetched to send vats to Bob by."""
        with_session(self.bob)
        accepts = self.bob.session.wait(self.bob.session.net.accept_vats(**limits))
        uri = self.bob.session.net.share(accepts)
        with_session(self.alice)
        return self.alice.fetch(uri)

    def move(self, name: str, acceptance: Any = None, called: str | None = None) -> dict[str, Any]:
        """Move a vat of Alice to Bob."""
        found = self.acceptance() if acceptance is None else acceptance
        with_session(self.alice)
        moved = self.alice.session.net.move_vat(name, found, name=called)
        told: dict[str, Any] = self.alice.session.wait(moved)
        settle(self.alice, self.bob)
        with_session(self.alice)
        return told

    def at(self, side: Side, name: str) -> Any:
        """The record of a vat that lives at a side, or None."""
        return side.world.kernel.store.vats.named(name)

    def homes(self, name: str) -> list[str]:
        """Who has a vat of this name."""
        sides = {"alice": self.alice, "bob": self.bob}
        return [who for who, side in sides.items() if self.at(side, name) is not None]
