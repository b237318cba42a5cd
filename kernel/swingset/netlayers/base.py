"""What a netlayer is: the classes that one has to implement, and what it is given.

A netlayer may prove where the other side is. Then its links say so, and the protocol lets that peer take part
in introductions; a link that proves nothing can only be spoken over. What comes from the other side before a
link is handed in is a stranger's: a netlayer reads a bounded number of bytes, within a bounded time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from swingset.net.framing import FramerName
from swingset.net.locators import Locator


class NetlayerError(Exception):
    """A netlayer cannot listen or dial; the message says why, and what to do."""


class Succeeded(NetlayerError):
    """The world that was dialled has another key now, which it has proved: the old one has signed for it.

    Attributes:
        card: the statements of that, as the bytes of a card.
    """

    def __init__(self, card: bytes) -> None:
        super().__init__("the world that was dialled has another key now")
        self.card = card


class Identity(Protocol):
    """The lasting key of a world, and what can be done with keys."""

    @property
    def designator(self) -> str:
        """The world's designator: its public key in small base32."""
        ...

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes of Ed25519."""
        ...

    @property
    def past(self) -> Sequence[bytes]:
        """What its former keys have signed before they were forgotten: each by which it is succeeded."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign with the world's key; 64 bytes."""
        ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether a signature is by a public key."""
        ...

    def random(self) -> bytes:
        """32 bytes that nobody can guess."""
        ...


class Link(Protocol):
    """An open connection, whose netlayer is done with its own greeting.

    If both sides are proved worlds of this library, by `greet` and `be_greeted`, it has an attribute
    `lasting`, which is True. Then what they say to each other outlasts the connection.
    """

    @property
    def location(self) -> Locator | None:
        """Where the other side is, if this netlayer has proved it; else None."""
        ...

    @property
    def dialect(self) -> str:
        """`swingset` where both sides are worlds of this library, else the name of a dialect of OCapN."""
        ...

    async def receive(self) -> bytes:
        """The next bytes; none if the other side has closed the link. Raises `OSError`."""
        ...

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more. Raises `OSError`."""
        ...

    async def close(self) -> None:
        """Close the link; what was sent before still arrives."""
        ...


class Listening(Protocol):
    """A netlayer that takes connections.

    If it has chosen where, such as a free port, it has an attribute `again`: the options with which it
    listens there once more. So a world that changes its key stays where it is.
    """

    @property
    def location(self) -> Locator:
        """Where it can be dialled."""
        ...

    async def close(self) -> None:
        """Take no more connections; those that are open stay."""
        ...


Accept = Callable[[Link], None]
"""Called with each link that was dialled from outside."""


class Netlayer(Protocol):
    """One way to reach other worlds. An entry point names a class of these, called without arguments."""

    @property
    def transport(self) -> str:
        """What a locator calls it, such as `unix`."""
        ...

    @property
    def framing(self) -> FramerName:
        """How messages are told apart on its links."""
        ...

    async def listen(self, identity: Identity, accept: Accept, options: Mapping[str, str]) -> Listening:
        """Take connections; raises `NetlayerError` for options that it does not have, and `OSError`."""
        ...

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> Link:
        """Connect to a location, from one's own; raises `NetlayerError` and `OSError`."""
        ...


def options_of(given: Mapping[str, str], *known: str) -> Mapping[str, str]:
    """The options, if all are known; raises `NetlayerError`."""
    for name in given:
        if name not in known:
            words = ", ".join(known) or "none"
            raise NetlayerError(f"this netlayer has no option {name[:60]!r}; it has {words}")
    return given
