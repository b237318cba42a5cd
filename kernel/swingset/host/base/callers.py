"""Lets one thread at a time into a world, and serves the requests of other threads between cranks.

A run may last for hours, or for ever if vats keep each other busy. A request of another thread, such as to
pause the world or to suspend a vat, must not wait for its end. It is handed to the thread that runs, which
carries it out between two cranks; the other thread gets the result or the exception.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from swingset.world.edge import refuse_child

_T = TypeVar("_T")

_LOOK = 0.02
"""Seconds after which a waiting thread checks whether the world has become free."""


class Inside:
    """A reentrant lock for the threads of one process; a forked child is refused."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process = os.getpid()
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; returns whether it did. Raises `WorldOfParent` in a forked child."""
        refuse_child(self._name, self._process)
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Callers:
    """The lock of one world, and the requests that wait for it. The lock is reentrant."""

    def __init__(self, name: str = "this world") -> None:
        self.lock = Inside(name)
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def ask(self, act: Callable[[], _T]) -> _T:
        """Call `act` with the lock: at once, or before the next crank of the thread that has it."""
        if self.lock.acquire(blocking=False):
            try:
                return act()
            finally:
                self.lock.release()
        answer: Future[_T] = Future()
        self._asked.append((act, answer))
        while not answer.done():
            if self.lock.acquire(timeout=_LOOK):
                try:
                    self.serve()
                finally:
                    self.lock.release()
        return answer.result()

    def serve(self) -> None:
        """Carry out waiting requests, between two cranks of the thread that has the lock."""
        while self._asked:
            act, answer = self._asked.popleft()
            try:
                answer.set_result(act())
            except BaseException as problem:
                answer.set_exception(problem)
                if not isinstance(problem, Exception):
                    raise
