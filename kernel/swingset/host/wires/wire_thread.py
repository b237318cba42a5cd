"""The thread with the sockets: one event loop for all worlds of a process. It never touches a world."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")


class Thread:
    """The thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Its event loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="swingset-wire", daemon=True).start()
            return self._loop

    def begin(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Have something run there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)


thread = Thread()
