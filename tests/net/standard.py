"""A conversation with a world, spoken byte by byte by a test."""

from __future__ import annotations

from typing import Any

from swingset.net import keys, syrup
from swingset.net.locators import Locator, from_record, sturdyref_to_record, to_record
from swingset.net.values import Hidden, Record, Symbol
from tests.net.bench import Network, Peer, World, raw_key

MY_LOCATION = Symbol("my-location")


def symbol(name: str) -> Symbol:
    return Symbol(name)


def export(position: int) -> Record:
    return Record(Symbol("desc:export"), (position,))


def answer(position: int) -> Record:
    return Record(Symbol("desc:answer"), (position,))


def new_object(position: int) -> Record:
    return Record(Symbol("desc:import-object"), (position,))


def new_promise(position: int) -> Record:
    return Record(Symbol("desc:import-promise"), (position,))


def sturdyref(peer: Locator, swissnum: bytes | Hidden) -> Record:
    return sturdyref_to_record(peer, swissnum)


class Talk(Peer):
    """A peer that knows how a session begins, and keeps its own tables."""

    def start(self, version: Any = "1.0", signature: bytes | None = None) -> None:
        """Send `op:start-session`."""
        here = to_record(self.here)
        signed = syrup.write(Record(MY_LOCATION, (here,)))
        made = self.key.sign(signed) if signature is None else signature
        self.send(
            "op:start-session", version, keys.key_to_value(self.public), here, keys.signature_to_value(made)
        )

    def met(self) -> None:
        """Take the world's `op:start-session`, and check it as the standard says."""
        ((version, key, location, signature),) = self.take("op:start-session")
        assert version == "1.0"
        self.theirs = keys.key_from_value(key)
        from_record(location)
        raw = keys.signature_from_value(signature)
        signed = syrup.write(Record(MY_LOCATION, (location,)))
        assert self.network.worlds[0].device.verify(self.theirs, signed, raw)
        self.side = keys.public_id(self.public)
        self.session = keys.session_id(self.side, keys.public_id(self.theirs))

    def begin(self, world: World) -> str:
        """Dial a world, and begin a session; returns its connection."""
        conn = self.dial(world)
        self.start()
        self.met()
        self.resolvers = 1_000
        self.answers = 0
        return conn

    def deliver(self, target: Record, args: list[Any], *, wants: bool = True) -> int:
        """Send a message; returns its answer position, which has the resolver `1000 + position`."""
        if not wants:
            self.send("op:deliver", target, args, False, False)
            return 0
        self.answers += 1
        self.send("op:deliver", target, args, self.answers, new_object(1_000 + self.answers))
        return self.answers

    def fetch(self, swissnum: bytes) -> int:
        return self.deliver(export(0), [symbol("fetch"), swissnum])

    def told(self, position: int) -> Any:
        """What a resolver was told, by its answer position; `...` if nothing."""
        return self.told_at(1_000 + position)

    def told_at(self, resolver: int) -> Any:
        self.network.run()
        for record in self.got:
            if record.label == Symbol("op:deliver") and record.fields[0] == export(resolver):
                verb, value = record.fields[1]
                assert record.fields[2:] == (False, False)
                self.got.remove(record)
                return value if verb == Symbol("fulfill") else ("broken", value)
        return ...

    def object(self, swissnum: bytes) -> Record:
        """A shared object of the world, as a target."""
        found = self.told(self.fetch(swissnum))
        assert found.label == Symbol("desc:import-object"), found
        return export(found.fields[0])

    def aborted(self) -> str | None:
        """The reason with which the world has aborted the session, or None."""
        found = self.take("op:abort")
        return found[0][0] if found else None

    def envelope(self, inner: Record, seed: str | None = None) -> Record:
        """A record and its signature."""
        key = self.key if seed is None else raw_key(seed)
        return Record(
            Symbol("desc:sig-envelope"), (inner, keys.signature_to_value(key.sign(syrup.write(inner))))
        )


def talk(network: Network, name: str, seed: str = "") -> Talk:
    return Talk(network, name, seed)
