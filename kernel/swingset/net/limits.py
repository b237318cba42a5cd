"""How much a peer may ask of a world: each limit is held against one session, or against all of them.

A peer that passes one is told which, and its session is aborted; nothing else in the world notices.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any


def _limit(usual: int, what: str) -> Any:
    """A field with what it limits, in words for people."""
    return field(default=usual, metadata={"what": what})


@dataclass(frozen=True)
class Limits:
    """What peers may use. A limit of references counts those that are alive; some may be 0, for none."""

    silence: int = _limit(90, "seconds without a sign of life of a peer, or in which it takes nothing")
    foreign: int = _limit(20_000, "strings of objects of other worlds that are kept")
    peer_bytes: int = _limit(
        0, "bytes of all messages of a peer since the world was opened, or limits were set"
    )
    near: int = _limit(0, "1 if peers that are farther away may name addresses of this machine and network")
    peer_computrons: int = _limit(0, "computrons with which those messages are read")
    message_bytes: int = _limit(1_000_000, "bytes of one message, compared before it is read")
    values: int = _limit(100_000, "values in one message, containers and what is in them")
    session_bytes: int = _limit(4_000_000_000, "bytes of all messages that one session receives")
    sessions: int = _limit(200, "worlds at the same time, whether their session has begun or not")
    clients: int = _limit(200, "web clients at the same time, by all addresses")
    clients_of_address: int = _limit(
        50, "web clients at the same time by one address, so that others have room"
    )
    exports: int = _limit(10_000, "references that a session has been given")
    imports: int = _limit(10_000, "references that a session has given this world")
    answers: int = _limit(10_000, "results that a session keeps by their answer position")
    copied: int = _limit(
        32_000_000, "bytes that a session takes out of earlier results, and keeps as results"
    )
    gifts: int = _limit(200, "gifts that a session has deposited, or waits for")
    gift_age: int = _limit(3, "hours until a gift that nobody fetched is dropped")
    handoffs: int = _limit(10_000, "withdrawals in one session, each with a count of its own")
    introductions: int = _limit(50, "peers that a session may introduce, each of which is dialled")
    moves: int = _limit(1_000, "worlds of which is kept where they have moved to")
    link_frames: int = _limit(
        20_000, "messages of a link that wait to be acknowledged before vats are refused"
    )
    link_bytes: int = _limit(32_000_000, "bytes of them; what no vat has sent may come to twice as much")
    window_frames: int = _limit(500, "messages of a link that may be on their way at the same time")
    window_bytes: int = _limit(4_000_000, "bytes of them, but for one message, which may always be")
    held: int = _limit(1_000, "messages that wait for one promise, while its peer is dialled")

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

    @classmethod
    def words(cls) -> dict[str, str]:
        """What each limit counts, for people."""
        return {each.name: each.metadata["what"] for each in fields(cls)}

    @classmethod
    def switches(cls) -> frozenset[str]:
        """Those that say whether something may be done: 0 or 1."""
        return _SWITCHES


LEAST, MOST = 1, 10**12
"""Between what each limit is, but for those for which 0 means none."""

MAY_BE_NONE = frozenset({"near", "peer_bytes", "peer_computrons"})

_SWITCHES = frozenset({"near"})


def range_of(name: str) -> tuple[int, int]:
    """The least and the greatest value that a limit may have."""
    return 0 if name in MAY_BE_NONE else LEAST, 1 if name in _SWITCHES else MOST
