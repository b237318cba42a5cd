"""The wire as a device: what the service vat `net` asks of the host while it runs.

A call changes nothing outside. What is to be sent stands in the device's state until the commit, and the host
takes it from there (`host.networking`). Keys, signatures and chance are the host's; the answers are in the
transcript, so a vat that is replayed needs none of them. A fork does not have this code: its wire is inert.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from swingset.host.controls.own_devices import Device, DeviceCall
from swingset.host.wires.keys import Key
from swingset.host.wires.wire_secrets import Secrets

NAME = "wire"
OUT = "out."
"""How the keys of what is to be sent begin; a number follows."""

CALLED = "name."
"""How the keys of petnames begin; the designator follows. No call of a vat reads them."""


class WireDevice(Device):
    """Serves the device of kind `wire`.

    `peer_of` has the proved peer of a connection, `newest` the designator that has succeeded one.
    """

    kind: ClassVar[str] = NAME

    def __init__(
        self,
        secrets: Callable[[], Secrets],
        peer_of: Callable[[str], str],
        newest: Callable[[str], str] = str,
    ) -> None:
        self._secrets = secrets
        self._peer_of = peer_of
        self._newest = newest
        self._keys: dict[str, Key] = {}
        self.wrote = False
        """Whether something may be there to send."""

    def connect(self, call: DeviceCall, locator: str) -> str:
        """Begin to dial; returns the name of the connection, which no other ever has."""
        count = call.state.get("count", 0) + 1
        call.state["count"] = count
        name = f"{call.state['life']}-{count}"
        self._write(call, "connect", name, locator)
        return name

    def send(self, call: DeviceCall, connection: str, data: bytes, secrets: list[Any]) -> None:
        """Send a message."""
        self._write(call, "send", connection, data, secrets)

    def close(self, call: DeviceCall, connection: str, reason: str) -> None:
        """Close a connection."""
        self._write(call, "close", connection, reason)

    def tell(self, call: DeviceCall, event: dict[str, str]) -> None:
        """Tell people what became of a connection."""
        self._write(call, "tell", event["connection"], event)

    def new_key(self, call: DeviceCall) -> list[Any]:  # noqa: ARG002
        """Make a key for one session, which outlives this host: it follows from its handle."""
        handle = f"k{self._secrets().random().hex()[:24]}"
        return [handle, self._key(handle).public]

    def forget_key(self, call: DeviceCall, key: str) -> None:  # noqa: ARG002
        """Forget a key."""
        self._keys.pop(key, None)

    def sign(self, call: DeviceCall, key: str, data: bytes) -> bytes:  # noqa: ARG002
        """Sign with the key of a session."""
        return self._key(key).sign(data)

    def _key(self, handle: str) -> Key:
        if handle not in self._keys:
            self._keys[handle] = self._secrets().session_key(handle)
        return self._keys[handle]

    def life(self, call: DeviceCall) -> str:  # noqa: ARG002
        """The life of this world, which is another after it went back in time."""
        return self._secrets().life

    def verify(self, call: DeviceCall, public: bytes, data: bytes, signature: bytes) -> bool:  # noqa: ARG002
        """Whether a signature is right."""
        return self._secrets().verify(public, data, signature)

    def random(self, call: DeviceCall) -> bytes:  # noqa: ARG002
        """32 bytes that nobody can guess."""
        return self._secrets().random()

    def hide(self, call: DeviceCall, secret: bytes) -> str:  # noqa: ARG002
        """The handle of a swissnum of another world, by the mark that came in its place."""
        return self._secrets().hide(secret)

    def knows(self, call: DeviceCall, handle: str) -> bool:  # noqa: ARG002
        """Whether the file of secrets has the swissnum of a handle; that of a copied world has not."""
        return handle in self._secrets().foreign

    def may_fetch(self, call: DeviceCall, digest: str, connection: str) -> bool:  # noqa: ARG002
        """Whether what is shared under a digest may be fetched now; counts it."""
        return self._secrets().may_fetch(digest, self._peer_of(connection), time.time(), self._newest)

    def may_serve(self, call: DeviceCall, digest: str, connection: str) -> bool:  # noqa: ARG002
        """Whether what is served under a digest may be opened by a web client now; counts it."""
        return self._secrets().may_serve(digest, time.time())

    def _write(self, call: DeviceCall, *said: Any) -> None:
        number = call.state.get("written", 0) + 1
        call.state["written"] = number
        call.state[f"{OUT}{number:015d}"] = list(said)
        self.wrote = True
