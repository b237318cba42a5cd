"""What the protocol asks of where it runs: of the kernel, and of the device that has the wire.

The protocol has no socket, no clock, no chance and no secret key. All that needs one is asked for here, so
that it can run inside a vat, and be tested by bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .locators import Locator


@dataclass(frozen=True)
class Opening:
    """How a connection came about.

    Attributes:
        outgoing: whether this side dialled.
        here: where this side is, on this netlayer.
        expected: whom this side dialled, or None.
        proven: whether the netlayer has proved where the other side is.
        dialect: the name of the peer's dialect, see `dialects`.
        lasting: whether both sides are worlds of this library that are proved, and so speak over a link.
    """

    outgoing: bool
    here: Locator
    expected: Locator | None
    proven: bool
    dialect: str = "goblins"
    lasting: bool = False


class Local(Protocol):
    """The kernel, as a vat sees it. Names are the vat's; a value is a body with its slots."""

    def send(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        """Send a message; `result` is a promise that this vat makes, or decides and passes on."""
        ...

    def subscribe(self, promise: str) -> None:
        """Ask to be notified when a promise is settled."""
        ...

    def resolve(self, resolutions: list[tuple[str, bool, str, list[str]]]) -> None:
        """Settle promises at once: each with whether it is rejected, and with its value."""
        ...

    def drop_imports(self, names: list[str]) -> None:
        """Drop and retire objects of other vats."""
        ...

    def retire_exports(self, names: list[str]) -> None:
        """Retire objects of this vat that nobody can reach."""
        ...

    def tell(self, event: dict[str, str]) -> None:
        """Tell people what became of a connection or link: `event`, `connection`, `peer`, `why`, `code`."""
        ...


class Cut(Exception):
    """The device did not serve a call: the wire of this world is not there, or inert."""


class Wire(Protocol):
    """The device: connections, keys, signatures, chance and secrets."""

    def connect(self, locator: str) -> str:
        """Begin to dial the peer of a URI; returns the name of the connection to be."""
        ...

    def send(self, connection: str, data: bytes, secrets: list[tuple[int, str]]) -> None:
        """Send one message; at each offset, put the secret of the handle there."""
        ...

    def close(self, connection: str, reason: str) -> None:
        """Close a connection, after what was sent. The protocol has forgotten it already."""
        ...

    def new_key(self) -> tuple[str, bytes]:
        """Make an Ed25519 key; returns its handle and its public half of 32 bytes."""
        ...

    def forget_key(self, key: str) -> None:
        """Forget a key, by its handle."""
        ...

    def sign(self, key: str, data: bytes) -> bytes:
        """Sign with the key of a handle; returns 64 bytes."""
        ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether a signature is right; False for a key that is none."""
        ...

    def life(self) -> str:
        """The life of this world, in hexadecimal digits: it changes when the world goes back in time."""
        ...

    def random(self) -> bytes:
        """32 bytes that nobody can guess."""
        ...

    def hide(self, secret: bytes) -> str:
        """Keep a swissnum of another peer; returns a handle."""
        ...

    def knows(self, handle: str) -> bool:
        """Whether the swissnum of a handle is still kept: it does not come along where a world is copied."""
        ...

    def may_fetch(self, digest: str, connection: str) -> bool:
        """Whether what was shared under a digest may be fetched; asked for each fetch, which it may count."""
        ...

    def may_serve(self, digest: str, connection: str) -> bool:
        """The same for what is served under a digest to clients of the web; asked for each session."""
        ...
