"""Whether the world at the other end of a connection is there, as the thread with the sockets finds out.

Each side of a connection between worlds of this library says from time to time that it is there, and answers
when it is asked. So it does while its world runs a long cell, or cannot take more for now: a busy world is
not a silent one. None of it is delivered, and none is in a journal; the clock is the host's.

Who is not heard for long while this side reads has gone without a word, as when a machine is switched off.
Then the connection ends here. Connections to other programs have the keep-alive of their netlayer, if any.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

BEATS = 3
"""How often a side says that it is there in the time for which it may be silent."""

_SAID = re.compile(rb"<7'op:(ping|pong)([0-9]{1,15})\+>\Z")


@dataclass
class Pulse:
    """The pulse of one connection."""

    say: Callable[[bytes], None]
    heard: float = 0.0
    reading: bool = False
    latency: float | None = None
    """How many seconds the last answer took, or None before the first."""

    _number: int = 0
    _asked: float | None = None

    def begin(self) -> None:
        """This side waits for bytes."""
        self.reading, self.heard = True, _now()

    def came(self) -> None:
        """Bytes came, and nothing more is read until `begin`."""
        self.reading, self.heard = False, _now()

    def takes(self, message: bytes) -> bool:
        """Whether a message is of the pulse, and not for the world; a question is answered."""
        found = _SAID.match(message)
        if found is None:
            return False
        if found[1] == b"ping":
            self.say(b"<7'op:pong" + found[2] + b"+>")
        elif int(found[2]) == self._number and self._asked is not None:
            self.latency, self._asked = _now() - self._asked, None
        return True

    async def beat(self, silence: Callable[[], float]) -> float:
        """Say from time to time that this side is there; returns once the other side has been silent.

        Returns for how many seconds it may have been.
        """
        while True:
            self._number += 1
            self._asked = _now()
            self.say(b"<7'op:ping%d+>" % self._number)
            await asyncio.sleep(silence() / BEATS)
            most = silence()
            if self.reading and _now() - self.heard > most:
                return most


def _now() -> float:
    return asyncio.get_running_loop().time()
