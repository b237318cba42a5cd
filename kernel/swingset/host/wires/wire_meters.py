"""What each peer has used since the world was opened: bytes of its messages, and computrons to read them.

The computrons are those of the vat that speaks the protocol; what other vats do for a peer is theirs. A peer
is metered as the world that it is proved to be, over all its connections; who is not proved, by connection.
A limit that is passed ends the session with the word `over-limit`, as an input of the host: it is in the
journal, so a replay does not have to count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swingset.net.limits import Limits

_MOST = 10_000
"""Of how many peers is kept what they have used; then the count begins anew."""


@dataclass
class Used:
    """What one peer has used."""

    size: int = 0
    computrons: int = 0


class Meters:
    """What peers have used. `peer_of` has the proved peer of a connection, or an empty text."""

    def __init__(self, peer_of: Callable[[str], str]) -> None:
        self._peer_of = peer_of
        self._used: dict[str, Used] = {}

    def of(self, peer: str) -> Used:
        """What a peer has used."""
        return self._used.get(peer, Used())

    def count(self, connection: str, size: int, computrons: int, limits: Limits) -> str | None:
        """Count a message; returns why the session ends if it was one too many."""
        peer = self._peer_of(connection) or connection
        if len(self._used) >= _MOST and peer not in self._used:
            self._used.clear()
        used = self._used.setdefault(peer, Used())
        used.size += size
        used.computrons += computrons
        for name, spent, most in (
            ("bytes", used.size, limits.peer_bytes),
            ("computrons", used.computrons, limits.peer_computrons),
        ):
            if most and spent > most:
                return f"over-limit: the messages of a peer may take {most:,} {name}, and no more"
        return None

    def reset(self) -> None:
        """Begin to count anew."""
        self._used.clear()
