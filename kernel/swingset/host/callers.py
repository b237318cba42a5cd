"""Who is inside a world: one thread at a time, and what others ask for is done between cranks.

A run may last for hours, or for ever where vats keep each other busy. A request of another thread, to pause
it or to suspend the vat that runs away, must not wait for its end. It is handed to the thread that runs,
which does it between two cranks; who asked has the answer, or the exception, as if it had done it itself.
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
"""Seconds after which one who asked looks whether nobody is inside any more."""


class Inside:
    """A reentrant lock for the threads of one process; a forked child is refused."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process = os.getpid()
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Go inside; answers whether it did. Raises `WorldOfParent` in a forked child."""
        refuse_child(self._name, self._process)
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Leave."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Callers:
    """The lock of one world. `lock` is reentrant, and held by the thread that is inside."""

    def __init__(self, name: str = "this world") -> None:
        self.lock = Inside(name)
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def ask(self, act: Callable[[], _T]) -> _T:
        """Do something inside: at once where nobody else is, else before the next crank of whoever is."""
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
        """Do what was asked for meanwhile; for the thread inside, between two cranks."""
        while self._asked:
            act, answer = self._asked.popleft()
            try:
                answer.set_result(act())
            except BaseException as problem:
                answer.set_exception(problem)
                if not isinstance(problem, Exception):
                    raise
