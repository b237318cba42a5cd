"""How much a peer may ask of a world: each limit is held against one session, or against all of them.

A peer that passes one is told which, and its session is aborted; nothing else in the world notices.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Limits:
    """What peers may use. A limit of references counts those that are alive."""

    silence: int = 90
    """Seconds without a sign of life of a peer, or in which it takes nothing, until its connection ends."""

    foreign: int = 20_000
    """Swissnums of other worlds that are kept."""

    peer_bytes: int = 0
    """Bytes of all messages of a peer since the world was opened, or limits were set; 0 for no limit."""

    peer_computrons: int = 0
    """The same of computrons with which its messages are read."""

    message_bytes: int = 1_000_000
    """Bytes of one message; it is compared before the message is read."""

    values: int = 100_000
    """Values in one message, containers and what is in them."""

    session_bytes: int = 4_000_000_000
    """Bytes of all messages that one session receives."""

    sessions: int = 200
    """Worlds at the same time: links, and connections whether their session has begun or not."""

    clients: int = 200
    """Web clients at the same time, by all addresses."""

    clients_of_address: int = 50
    """The same by one address, so that who has one leaves room for those of the others."""

    exports: int = 10_000
    """References that a session has been given."""

    imports: int = 10_000
    """References that a session has given us."""

    answers: int = 10_000
    """Results that a session keeps by their answer position."""

    copied: int = 32_000_000
    """Bytes of what a session makes of earlier results or takes out of them, and keeps as results."""

    gifts: int = 200
    """Gifts that a session has deposited, or waits for."""

    gift_age: int = 3
    """How often `Hub.age` is called until a gift that nobody fetched is dropped."""

    handoffs: int = 10_000
    """Withdrawals in one session, each with a count of its own."""

    introductions: int = 50
    """Peers that a session may introduce to this world, each of which is dialled."""

    moves: int = 1_000
    """Keys of which is kept where they have moved to."""

    link_frames: int = 20_000
    """Frames of a link that wait to be acknowledged before a vat's messages are refused."""

    link_bytes: int = 32_000_000
    """The same in bytes. What is no message of a vat may come to twice as much of either."""

    window_frames: int = 500
    """Frames of a link that may be on their way at the same time."""

    window_bytes: int = 4_000_000
    """The same in bytes, but for one frame, which may always be."""

    held: int = 1_000
    """Messages that wait for one promise, while its peer is dialled."""

    @classmethod
    def read(cls, text: str | None) -> Limits:
        """The limits that a world has of its own, of their row; those that it does not name are the usual."""
        if text is None:
            return cls()
        said = json.loads(text)
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known and type(value) is int})

    def row(self) -> dict[str, int]:
        """Those that are not the usual ones, for the row."""
        usual = asdict(Limits())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}


LEAST, MOST = 1, 10**12
"""Between what each limit is, but for those for which 0 means none."""

MAY_BE_NONE = frozenset({"peer_bytes", "peer_computrons"})
