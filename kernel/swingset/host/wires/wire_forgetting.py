"""Swissnums of other worlds that nothing refers to any more are forgotten, before there is no room left.

They are kept beside the world by handles, which stand in the rows of the vat that speaks and in what is to be
sent. A world that goes back in time may need one again that nothing refers to now. So they stay as long as
there is plenty of room, and are looked through only when half of it is used.
"""

from __future__ import annotations

import re

from swingset.host.wires.wire_inbox import Inbox
from swingset.host.wires.wire_secrets import Secrets
from swingset.host.wires.wire_thread import thread
from swingset.world.file import WorldFile

_PATIENCE = 20.0
_HANDLE = re.compile(r'"(s[0-9a-f]{2,32})')


class Forgetting:
    """Decides when to look through them, for one world."""

    def __init__(self) -> None:
        self._at = 0

    def due(self, secrets: Secrets) -> bool:
        """Whether they should be looked through."""
        return len(secrets.foreign) >= max(self._at, secrets.most_foreign // 2)

    def forget(self, secrets: Secrets, world: WorldFile, vat: str, inbox: Inbox) -> int:
        """Forget those that no row of the world has; returns how many. Nothing waits in the run-queue.

        What came and waits in the inbox may mention any of them; then none is forgotten.
        """

        async def idle() -> set[str]:  # where messages are read, so none is between its bytes and the inbox
            return set() if inbox else secrets.untouched()

        candidates = thread.begin(idle()).result(_PATIENCE)
        used: set[str] = set()
        for query, given in (
            ("SELECT value from vatstore where vat = ? and instr(value, ?)", (vat, '"s')),
            ("SELECT value from device_state where instr(value, ?)", ('"s',)),
        ):
            for (text,) in world.rows(query, given):
                used.update(_HANDLE.findall(text.replace('\\"', '"')))
        gone = secrets.forget(candidates - used)
        self._at = (len(secrets.foreign) + secrets.most_foreign) // 2
        return gone
