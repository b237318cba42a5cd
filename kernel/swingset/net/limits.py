"""How much a peer may ask of a world: each limit is held against one session, or against all of them.

A peer that passes one is told which, and its session is aborted; nothing else in the world notices.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What peers may use. A limit of references counts those that are alive."""

    message_bytes: int = 1_000_000
    """Bytes of one message; it is compared before the message is read."""

    values: int = 100_000
    """Values in one message, containers and what is in them."""

    session_bytes: int = 4_000_000_000
    """Bytes of all messages that one session receives."""

    sessions: int = 200
    """Connections at the same time, whether their session has begun or not."""

    exports: int = 10_000
    """References that a session has been given."""

    imports: int = 10_000
    """References that a session has given us."""

    answers: int = 10_000
    """Results that a session keeps by their answer position."""

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
