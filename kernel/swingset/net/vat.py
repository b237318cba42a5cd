"""The service vat that speaks the protocol: between the kernel's deliveries and the `Hub`.

It is a raw vat. The root takes the inputs of the device and the wishes of the host, who alone has it: whoever
holds the root can share what the vat holds and fetch in the name of the world. Every other export is a remote
object, or a promise for one. All state is in the store: `net.` has the tables of the hub, and `home.wire` the
vat's name for the device.

Where the device does not work, in a fork or before the host has it ready, what is sent goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import capdata, locators
from .hub import Hub
from .outside import Cut, Opening
from .values import Failure, Hidden, Ref, Refused

ROOT = "o+0"
_DEVICE = "home.wire"
_LOST = "the world was closed, or has gone back in time, while this connection was open"

Syscall = Callable[[list[Any]], Any]


class _Kept:
    """The vat's store, as the hub wants it."""

    def __init__(self, syscall: Syscall) -> None:
        self._syscall = syscall

    def get(self, key: str) -> str | None:
        """The value at a key, or None."""
        found: str | None = self._syscall(["vatstoreGet", key])
        return found

    def set(self, key: str, value: str) -> None:
        """Store a value."""
        self._syscall(["vatstoreSet", key, value])

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._syscall(["vatstoreDelete", key])

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`, or None."""
        found: str | None = self._syscall(["vatstoreGetNextKey", prior])
        return found


class _Device:
    """The wire, by calls of the device."""

    def __init__(self, syscall: Syscall, node: str | None) -> None:
        self._syscall = syscall
        self._node = node

    def _call(self, method: str, *args: Any) -> Any:
        if self._node is None:
            raise Cut("this world has no wire")
        body, slots = capdata.encode(list(args), lambda ref: ref.name)
        failed, answer = self._syscall(["callNow", self._node, method, {"body": body, "slots": slots}])
        value = capdata.decode(answer["body"], answer["slots"], Ref)
        if failed:
            raise Cut(value.message if isinstance(value, Failure) else "the device failed")
        return value

    def _try(self, method: str, *args: Any) -> None:
        try:
            self._call(method, *args)
        except Cut:
            return  # what is sent into a wire that is not there is lost, as on any wire

    def connect(self, locator: str) -> str:
        """Begin to dial; returns the connection's name."""
        return str(self._call("connect", locator))

    def send(self, connection: str, data: bytes, secrets: list[tuple[int, str]]) -> None:
        """Send one message."""
        self._try("send", connection, data, [list(secret) for secret in secrets])

    def close(self, connection: str, reason: str) -> None:
        """Close a connection."""
        self._try("close", connection, reason)

    def new_key(self) -> tuple[str, bytes]:
        """Make a key."""
        handle, public = self._call("new_key")
        return handle, public

    def forget_key(self, key: str) -> None:
        """Forget a key."""
        self._try("forget_key", key)

    def sign(self, key: str, data: bytes) -> bytes:
        """Sign with a key."""
        return bytes(self._call("sign", key, data))

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether a signature is right."""
        return bool(self._call("verify", public, data, signature))

    def life(self) -> str:
        """The life of this world."""
        return str(self._call("life"))

    def random(self) -> bytes:
        """32 bytes that nobody can guess."""
        return bytes(self._call("random"))

    def hide(self, secret: bytes) -> str:
        """Keep a swissnum of another peer."""
        return str(self._call("hide", secret))

    def knows(self, handle: str) -> bool:
        """Whether the swissnum of a handle is still kept."""
        return bool(self._call("knows", handle))

    def may_fetch(self, digest: str, connection: str) -> bool:
        """Whether what is shared under a digest may be fetched."""
        return bool(self._call("may_fetch", digest, connection))

    def may_serve(self, digest: str, connection: str) -> bool:
        """Whether what is served under a digest may be opened."""
        return bool(self._call("may_serve", digest, connection))

    def tell(self, event: dict[str, str]) -> None:
        """Tell people what became of a connection."""
        self._try("tell", dict(event))


class _Kernel:
    """The kernel, by syscalls."""

    def __init__(self, syscall: Syscall, device: _Device) -> None:
        self._syscall = syscall
        self.tell = device.tell

    def send(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        """Send a message."""
        methargs = {"body": body, "slots": slots}
        self._syscall(["send", target, {"methargs": methargs, "result": result}])

    def subscribe(self, promise: str) -> None:
        """Ask to be notified."""
        self._syscall(["subscribe", promise])

    def resolve(self, resolutions: list[tuple[str, bool, str, list[str]]]) -> None:
        """Settle promises."""
        said = [[name, bad, {"body": body, "slots": slots}] for name, bad, body, slots in resolutions]
        self._syscall(["resolve", said])

    def drop_imports(self, names: list[str]) -> None:
        """Drop and retire objects of other vats."""
        self._syscall(["dropImports", names])
        self._syscall(["retireImports", names])

    def retire_exports(self, names: list[str]) -> None:
        """Retire exports that nobody can reach."""
        self._syscall(["retireExports", names])


def build_dispatch(syscall: Syscall) -> Callable[[list[Any]], None]:
    """The dispatch of the vat."""
    kept = _Kept(syscall)

    def dispatch(delivery: list[Any]) -> None:
        kind = delivery[0]
        if kind == "startVat":
            slots = delivery[1]["slots"]
            if slots:
                kept.set(_DEVICE, slots[0])
        device = _Device(syscall, kept.get(_DEVICE))
        home = _Home(Hub(kept, device, _Kernel(syscall, device)), syscall)
        home.take(kind, delivery)

    return dispatch


class _Home:
    """One delivery."""

    def __init__(self, hub: Hub, syscall: Syscall) -> None:
        self._hub = hub
        self._syscall = syscall
        self._served: dict[str, Callable[..., Any]] = {
            "opened": self._opened,
            "received": hub.received,
            "visit": hub.visit,
            "closed": hub.closed,
            "lost": self._lost,
            "age": hub.age,
            "abandon": hub.abandon,
            "acknowledge": hub.acknowledge,
            "failed": hub.failed,
            "part": hub.part,
            "share": self._share,
            "unshare": hub.unshare,
            "moved": hub.moved,
            "succeeded": lambda connection, card: hub.moved(card, connection),
            "introduce": hub.introduce,
            "departed": hub.departed,
            "limit": hub.limit,
            "fetch": self._fetch,
            "follow": self._follow,
            "hang_up": hub.hang_up,
            "peers": hub.peers,
        }

    def take(self, kind: str, delivery: list[Any]) -> None:
        """Serve the delivery."""
        hub = self._hub
        if kind == "message":
            target, message = delivery[1], delivery[2]
            given = message["methargs"]
            if target == ROOT:
                self._serve(given["body"], given["slots"], message["result"])
            else:
                self._message(target, given["body"], given["slots"], message["result"])
        elif kind == "notify":
            hub.notify(
                [
                    (name, outcome["rejected"], outcome["data"]["body"], outcome["data"]["slots"])
                    for name, outcome in delivery[1]
                ]
            )
        elif kind == "dropExports":
            hub.dropped([name for name in delivery[1] if name != ROOT])
        elif kind == "retireExports":
            hub.retired([name for name in delivery[1] if name != ROOT])
        elif kind == "startVat":
            promises = hub.promises()
            if promises:
                self._syscall(["keepPromises", promises])

    def _message(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        try:
            self._hub.message(target, body, slots, result)
        except Cut as problem:
            words = f"this message cannot leave its world: {problem}"
            failure = Failure(words, "Disconnected", {"code": "disconnected"})
            self._answer(result, True, *capdata.encode(failure, lambda ref: ref.name))

    def _serve(self, body: str, slots: list[str], result: str | None) -> None:
        """Serve an input of the device, or a wish of the host."""
        try:
            said = capdata.decode(body, slots, Ref)
            method, args = said[0], said[1]
            served = self._served.get(method)
            if served is None:
                raise Refused(f"the root of this vat has {', '.join(self._served)}")
            value = served(*args)
            if method in ("fetch", "follow"):
                self._answer(result, False, '#"&0"', [value])
                return
        except Exception as problem:
            answer = capdata.encode(Failure(str(problem), type(problem).__name__), lambda ref: ref.name)
            self._answer(result, True, *answer)
            return
        self._answer(result, False, *capdata.encode(value, lambda ref: ref.name))

    def _answer(self, result: str | None, rejected: bool, body: str, slots: list[str]) -> None:
        if result is not None:
            self._syscall(["resolve", [[result, rejected, {"body": body, "slots": slots}]]])

    def _opened(
        self,
        connection: str,
        outgoing: bool,
        here: str,
        expected: str | None,
        proven: bool,
        dialect: str,
        lasting: bool,
    ) -> None:
        there = None if expected is None else _locator(expected)
        self._hub.opened(connection, Opening(outgoing, _locator(here), there, proven, dialect, lasting))

    def _lost(self, designators: list[str]) -> None:
        self._hub.lost(designators, _LOST)

    def _share(self, digest: str, target: Ref) -> None:
        self._hub.share(digest, target.name)

    def _follow(self, sturdyref: Ref) -> str:
        return self._hub.enliven_held(sturdyref.name)

    def _fetch(self, locator: str, handle: str, length: int) -> str:
        return self._hub.enliven(_locator(locator), Hidden(handle, length))


def _locator(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    if isinstance(found, locators.Sturdyref):
        raise Refused("a locator was wanted, without a swissnum")
    return found
