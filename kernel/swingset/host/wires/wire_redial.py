"""Dials the peers of links that have no connection, again and again until one is there.

A link that is in use and cut is dialled from the thread with the sockets, each time after a longer pause, and
with some chance in it, so that two worlds that dial each other do not do so at the same moment for ever. The
vat is told only when a connection is there, so nothing of what failed is in a journal. If a link is cut anew
before anything of it got through, the pauses go on growing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

FIRST, LONGEST = 0.05, 60.0
"""How many seconds the first and the longest pause have."""


@dataclass(frozen=True)
class Cut:
    """A link without a connection: where its peer is, and how far it has come."""

    locator: str
    progress: tuple[int, int]


@dataclass
class Redials:
    """The links of one world that are dialled; all of it on the thread of the sockets.

    `dial` returns once its connection is gone, or none could be made; `failed` is called then.
    """

    dial: Callable[[str], Awaitable[None]]
    failed: Callable[[], None]
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _where: dict[str, str] = field(default_factory=dict)
    _tried: dict[str, tuple[tuple[int, int], int]] = field(default_factory=dict)

    def set(self, links: Mapping[str, Cut]) -> None:
        """Dial these links and no others."""
        for link in [link for link in self._tasks if link not in links]:
            self._tasks.pop(link).cancel()
        self._where = {link: where for link, where in self._where.items() if link in links}
        for link, cut in links.items():
            if self._where.get(link) != cut.locator:  # the peer has moved
                self._where[link] = cut.locator
                self._tried.pop(link, None)
                if (task := self._tasks.pop(link, None)) is not None:
                    task.cancel()
            if link not in self._tasks:
                if link not in self._tried or self._tried[link][0] != cut.progress:
                    self._tried[link] = (cut.progress, 0)
                self._tasks[link] = asyncio.get_running_loop().create_task(self._keep(link, cut.locator))

    async def _keep(self, link: str, locator: str) -> None:
        while True:
            progress, attempts = self._tried[link]
            self._tried[link] = progress, attempts + 1
            pause = min(FIRST * 2 ** min(attempts, 20), LONGEST)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # nothing of it reaches a world
            await self.dial(locator)
            self.failed()
