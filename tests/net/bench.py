"""Worlds for tests of the protocol: a small kernel around each hub, and a network of bytes between them.

The kernel here has what matters to a service vat: promises with deciders, notification, names that are gone
once a promise is settled, references that are dropped. It fails the test if the protocol uses a name that it
has given up, or settles what it does not decide.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from swingset.model import syscalls
from swingset.net import capdata, locators, syrup
from swingset.net.hub import Hub
from swingset.net.limits import Limits
from swingset.net.locators import Locator, located
from swingset.net.outside import Opening
from swingset.net.store import MemoryStore
from swingset.net.values import Failure, Hidden, Record, Ref, Symbol

TRANSPORT = "tcp-testing-only"
Method = Callable[..., Any]


def raw_key(seed: str) -> Ed25519PrivateKey:
    """A key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def verified(public: bytes, data: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


class Network:
    """Carries messages between ends, in order, one at a time."""

    def __init__(self) -> None:
        self.listeners: dict[str, Any] = {}
        self.events: deque[Callable[[], None]] = deque()
        self.made = 0
        self.worlds: list[World] = []

    def dial(self, peer: Locator, here: Locator | None = None) -> Cable | None:
        """This end of a new connection; None if nobody listens there. `here` is who is proved to dial."""
        listener = self.listeners.get(peer.peer)
        if listener is None:
            return None
        mine, other = cables(self)
        if here is None:
            listener.accept(other)
        else:
            listener.accept(other, here)
        return mine

    def run(self) -> None:
        """Until nothing is on its way and no vat has work."""
        for _ in range(100_000):
            if self.events:
                self.events.popleft()()
            elif not any(world.step() for world in self.worlds):
                return
        raise AssertionError("the network never comes to rest")


@dataclass
class Cable:
    """One end of a connection."""

    network: Network
    other: Cable | None = None
    take: Callable[[bytes], None] = lambda data: None
    ended: Callable[[str], None] = lambda why: None
    closed: bool = False

    def send(self, data: bytes) -> None:
        other = self.other
        if not self.closed and other is not None:
            self.network.events.append(lambda: None if other.closed else other.take(data))

    def close(self, why: str) -> None:
        other, self.closed = self.other, True
        if other is not None:
            self.network.events.append(lambda: other.end(why))

    def end(self, why: str) -> None:
        if not self.closed:
            self.closed = True
            self.ended(why)


def cables(network: Network) -> tuple[Cable, Cable]:
    one, other = Cable(network), Cable(network)
    one.other, other.other = other, one
    return one, other


class World:
    """A hub with its kernel and its device."""

    def __init__(
        self,
        network: Network,
        name: str,
        limits: Limits | None = None,
        *,
        dialect: str = "goblins",
        proven: bool = True,
        lasting: bool = False,
    ) -> None:
        self.network, self.name, self.dialect, self.proven = network, name, dialect, proven
        self.lasting = lasting
        self.store = MemoryStore()
        self.limits = limits
        self.here = located(TRANSPORT, name, {"host": "127.0.0.1", "port": "1"})
        network.worlds.append(self)
        # the kernel
        self.objects: dict[str, Method] = {}
        self.queue: deque[tuple[str, str, list[str], str | None]] = deque()
        self.settled: dict[str, tuple[bool, str, list[str]]] = {}
        self.decided_here: set[str] = set()
        self.subscribed: set[str] = set()
        self.named: set[str] = set()
        self.retired: set[str] = set()
        self.waiting: dict[str, list[tuple[str, str, list[str], str | None]]] = {}
        self.dropped: list[str] = []
        self.retired_exports: list[str] = []
        self.events: list[dict[str, str]] = []
        self.made = 0
        self.device = Device(self)
        network.listeners[self.here.peer] = self.device

    @property
    def hub(self) -> Hub:
        """A new one each time, for a hub has no state of its own."""
        return Hub(self.store, self.device, self, self.limits)

    # What tests do.

    def object(self, method: Method) -> str:
        """A new object of a local vat; `method(name, *args)` returns the result, or a `Ref` of a promise."""
        name = f"o-{len(self.objects) + 1}"
        self.objects[name] = method
        return name

    def promise(self) -> str:
        """A new promise that a local vat decides."""
        self.made += 1
        return f"p-{self.made}"

    def settle(self, promise: str, rejected: bool, value: Any) -> None:
        """A local vat settles a promise."""
        body, slots = capdata.encode(value, lambda ref: ref.name)
        self._settled(promise, rejected, body, slots)

    def call(self, target: str, method: str, *args: Any, result: bool = True, **kwargs: Any) -> str:
        """Send a message; returns the promise of its result."""
        promise = self.promise() if result else None
        said: list[Any] = [method, list(args)] + ([kwargs] if kwargs else [])
        body, slots = capdata.encode(said, lambda ref: ref.name)
        self.queue.append((target, body, slots, promise))
        return promise or ""

    def outcome(self, promise: str) -> Any:
        """What a promise was settled with; `...` if it was not. A rejection is `("rejected", value)`."""
        if promise not in self.settled:
            return ...
        rejected, body, slots = self.settled[promise]
        value = capdata.decode(body, slots, Ref)
        if isinstance(value, Ref) and value.is_promise:
            return self.outcome(value.name)
        return ("rejected", value) if rejected else value

    def share(self, name: str, swissnum: bytes) -> None:
        digest = hashlib.sha256(swissnum).digest()
        self.device.shared[swissnum] = digest
        self.hub.share(digest.hex(), name)

    def fetch(self, peer: Locator, swissnum: bytes) -> str:
        """The promise of what a peer has shared."""
        handle = self.device.hide(swissnum)
        promise = self.hub.enliven(peer, Hidden(handle, len(swissnum)))
        self.decided_here.add(promise)
        return promise

    def follow(self, name: str) -> str:
        """The promise of what a sturdyref refers to."""
        promise = self.hub.enliven_held(name)
        self.decided_here.add(promise)
        return promise

    def rows(self, prefix: str = "") -> list[str]:
        """The keys of the store that begin so."""
        return [key for key in sorted(self.store.table) if key.startswith("net." + prefix)]

    # The kernel.

    def step(self) -> bool:
        """One delivery; whether there was one."""
        if not self.queue:
            return False
        target, body, slots, result = self.queue.popleft()
        if target.startswith("p"):
            self._to_promise(target, body, slots, result)
        elif target.startswith("o+d10/"):
            if result is not None:
                self.decided_here.add(result)
            self.hub.message(target, body, self._fresh(slots), result)
        else:
            call = capdata.decode(body, slots, Ref)
            try:
                words = call[2] if len(call) == 3 else {}
                value = self.objects[target](call[0], *call[1], **words)
                rejected = False
            except Exception as error:
                value, rejected = Failure(str(error), type(error).__name__), True
            if result is not None:
                self._result(result, rejected, value)
        return True

    def _notify(self, promise: str) -> None:
        self.retired.add(promise)
        rejected, body, slots = self.settled[promise]
        self.hub.notify([(promise, rejected, body, self._fresh(slots))])

    def _to_promise(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        if target in self.settled:
            rejected, said, refs = self.settled[target]
            value = capdata.decode(said, refs, Ref)
            if not rejected and isinstance(value, Ref):
                self.queue.append((value.name, body, slots, result))
            elif result is not None:
                self._result(result, True, value if rejected else Failure("is not callable", "TypeError"))
        elif target in self.decided_here:
            if result is not None:
                self.decided_here.add(result)
            self.hub.message(target, body, self._fresh(slots), result)
        else:
            self.waiting.setdefault(target, []).append((target, body, slots, result))

    def _result(self, result: str, rejected: bool, value: Any) -> None:
        if not rejected and isinstance(value, Ref) and value.name.startswith("p"):
            if value.name in self.settled:
                self._settled(result, *self.settled[value.name])
            else:
                self.waiting.setdefault(value.name, []).append(("settle", result, [], None))
                self.subscribed.add(value.name)
            return
        body, slots = capdata.encode(value, lambda ref: ref.name)
        self._settled(result, rejected, body, slots)

    def _settled(self, promise: str, rejected: bool, body: str, slots: list[str]) -> None:
        if promise in self.settled:
            return
        self.settled[promise] = (rejected, body, slots)
        for each in self.waiting.pop(promise, []):
            if each[0] == "settle":
                self._settled(each[1], rejected, body, slots)
            else:
                self.queue.append(each)
        if promise in self.subscribed and promise not in self.decided_here:
            self._notify(promise)

    def _fresh(self, slots: list[str]) -> list[str]:
        """The names that the kernel gives to things in a delivery; what was given up has a new one."""
        found = []
        for slot in slots:
            name = slot
            if slot in self.retired:
                name = self.promise()
                self.settled[name] = self.settled[slot]
            elif slot in self.dropped:
                name = self.object(self.objects[slot])
            found.append(name)
        return found

    # What the protocol asks of the kernel.

    @staticmethod
    def _lawful(syscall: list[Any]) -> None:
        """The kernel would take it: for one that it does not, it ends the vat."""
        asked = syscalls.read(syscall).asked
        assert not isinstance(asked, syscalls.Malformed), asked

    def send(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        self._lawful(["send", target, {"methargs": {"body": body, "slots": slots}, "result": result}])
        self._may_use(target, *slots, *([result] if result else []))
        if result is not None:
            assert result.startswith("p+") or result in self.decided_here, result
            assert result not in self.named, result
            assert result.startswith("p-") or result not in slots, result
            self.decided_here.discard(result)
        for slot in slots:
            if slot.startswith("p+") and slot not in self.subscribed:
                self.decided_here.add(slot)
        self._name(*slots, *([result] if result else []))
        self.queue.append((target, body, slots, result))

    def _name(self, *names: str) -> None:
        self.named |= {name for name in names if name.startswith("p+")}

    def _may_use(self, *names: str) -> None:
        for name in names:
            assert name not in self.retired, f"{name} was settled and is gone"
            assert name not in self.dropped, f"{name} was dropped"

    def subscribe(self, promise: str) -> None:
        self._may_use(promise)
        self.subscribed.add(promise)
        if promise in self.settled:
            self._notify(promise)

    def resolve(self, resolutions: list[tuple[str, bool, str, list[str]]]) -> None:
        said = [[name, bad, {"body": body, "slots": slots}] for name, bad, body, slots in resolutions]
        self._lawful(["resolve", said])
        self._may_use(*(name for name, *_ in resolutions))
        for name, _, _, slots in resolutions:
            self._may_use(*slots)
            self._name(name, *slots)
            self.decided_here |= {slot for slot in slots if slot.startswith("p+")} - self.subscribed
        for promise, rejected, body, slots in resolutions:
            assert promise in self.decided_here or promise.startswith("p+"), promise
            self.retired.add(promise)
            self._settled(promise, rejected, body, slots)

    def drop_imports(self, names: list[str]) -> None:
        self.dropped += names

    def retire_exports(self, names: list[str]) -> None:
        self.retired_exports += names

    def tell(self, event: dict[str, str]) -> None:
        self.events.append(event)


class Device:
    """The wire of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.forgotten: set[str] = set()
        self.secrets: dict[str, bytes] = {}
        self.shared: dict[bytes, bytes] = {}
        self.revoked: set[str] = set()
        self.cables: dict[str, Cable] = {}
        self.chance = 0
        self.lived = 0
        self.log: list[tuple[str, bytes]] = []

    def connect(self, locator: str) -> str:
        found = locators.parse_uri(locator)
        assert isinstance(found, Locator)
        self.world.network.made += 1
        conn = f"out{self.world.network.made}"
        self.world.network.events.append(lambda: self._dial(conn, found))
        return conn

    def _dial(self, conn: str, peer: Locator) -> None:
        mine = self.world.network.dial(peer, self.world.here if self.world.lasting else None)
        if mine is None:
            self.world.hub.closed(conn, "nobody listens there")
            return
        self.attach(conn, mine)
        self.world.hub.opened(conn, self._opening(True, peer))

    def _opening(self, outgoing: bool, peer: Locator | None) -> Opening:
        world = self.world
        return Opening(outgoing, world.here, peer, world.proven, world.dialect, world.lasting)

    def accept(self, cable: Cable, who: Locator | None = None) -> str:
        """Somebody dials this world, who is proved to be somewhere if that is given."""
        self.world.network.made += 1
        conn = f"in{self.world.network.made}"
        self.attach(conn, cable)
        self.world.hub.opened(conn, self._opening(False, who))
        return conn

    def attach(self, conn: str, cable: Cable) -> None:
        self.cables[conn] = cable
        cable.take = lambda data: self.receive(conn, data)
        cable.ended = lambda why: self.world.hub.closed(conn, why)

    def receive(self, conn: str, data: bytes) -> None:
        for swissnum, digest in self.shared.items():
            data = data.replace(b"32:" + swissnum, b"32:" + digest)
        self.world.hub.received(conn, data)

    def send(self, conn: str, data: bytes, secrets: list[tuple[int, str]]) -> None:
        for at, handle in secrets:
            secret = self.secrets[handle]
            assert data[at : at + len(secret)] == bytes(len(secret))
            data = data[:at] + secret + data[at + len(secret) :]
        self.log.append((conn, data))
        self.cables[conn].send(data)

    def close(self, connection: str, reason: str) -> None:
        if connection in self.cables:
            self.cables[connection].close(reason)

    def new_key(self) -> tuple[str, bytes]:
        handle = f"k{len(self.keys)}"
        self.keys[handle] = key = raw_key(f"{self.world.name}{handle}")
        return handle, key.public_key().public_bytes_raw()

    def forget_key(self, key: str) -> None:
        assert key in self.keys
        self.forgotten.add(key)

    def sign(self, key: str, data: bytes) -> bytes:
        assert key not in self.forgotten
        return self.keys[key].sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        return verified(public, data, signature)

    def life(self) -> str:
        return hashlib.sha256(f"{self.world.name}{self.lived}".encode()).hexdigest()[:32]

    def random(self) -> bytes:
        self.chance += 1
        return hashlib.sha256(f"{self.world.name}{self.chance}".encode()).digest()

    def hide(self, secret: bytes) -> str:
        handle = f"s{len(self.secrets)}"
        self.secrets[handle] = secret
        return handle

    def knows(self, handle: str) -> bool:
        return handle in self.secrets

    def may_fetch(self, digest: str, connection: str) -> bool:
        return digest not in self.revoked

    def may_serve(self, digest: str, connection: str) -> bool:
        return digest not in self.revoked


@dataclass
class Peer:
    """A peer that a test speaks for, byte by byte."""

    network: Network
    name: str
    seed: str = ""
    cable: Cable | None = None
    got: list[Record] = field(default_factory=list)
    why: str | None = None

    def __post_init__(self) -> None:
        self.key = raw_key(self.seed or self.name)
        self.public = self.key.public_key().public_bytes_raw()
        self.here = located(TRANSPORT, self.name, {"host": "127.0.0.1", "port": "2"})
        self.network.listeners.setdefault(self.here.peer, self)

    def accept(self, cable: Cable) -> None:
        """The world dials this peer."""
        self.cable = cable
        cable.take = lambda data: self.got.append(syrup.read(data))
        cable.ended = self._ended

    def _ended(self, why: str) -> None:
        self.why = why

    def dial(self, world: World) -> str:
        mine, other = cables(self.network)
        self.accept(mine)
        return world.device.accept(other)

    def send(self, label: str, *fields: Any) -> None:
        self.raw(syrup.write(Record(Symbol(label), fields)))

    def raw(self, data: bytes) -> None:
        assert self.cable is not None
        self.cable.send(data)

    def take(self, label: str) -> list[tuple[Any, ...]]:
        """The fields of all messages of an operation that have come, which are then forgotten."""
        self.network.run()
        found = [record.fields for record in self.got if record.label == Symbol(label)]
        self.got = [record for record in self.got if record.label != Symbol(label)]
        return found
