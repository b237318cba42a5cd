"""Work that goes on in a thread of its own, whoever waits for it: the compilation of an engine.

The first compilation on a machine takes from ten seconds to some minutes. A host can begin it early, while
its user reads. Who needs the engine waits for the same work, sees its progress, and may stop waiting: the
work goes on, and the next who asks finds it further along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from swingset.workers.base import Progress

T = TypeVar("T")
_LOOK = 0.1  # seconds between two looks at the progress


class Preparation(Generic[T]):
    """Work that has begun, and its progress."""

    def __init__(self, work: Callable[[Progress], T], name: str) -> None:
        self.said: list[tuple[str, float | None]] = []
        """The stages so far, each with the fraction that is done."""
        self._outcome: list[T | BaseException] = []
        self._ended = threading.Event()

        def run() -> None:
            try:
                self._outcome.append(work(lambda stage, fraction: self.said.append((stage, fraction))))
            except BaseException as error:
                self._outcome.append(error)
            finally:
                self._ended.set()

        threading.Thread(target=run, name=name, daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether it is done, well or not."""
        return self._ended.is_set()

    def wait(self, progress: Progress) -> T:
        """Wait for the result, and report the progress; raises what the work has raised.

        A KeyboardInterrupt ends the wait, and not the work.
        """
        told = 0
        while True:
            ended = self._ended.wait(_LOOK)
            while told < len(self.said):
                progress(*self.said[told])
                told += 1
            if ended:
                break
        (outcome,) = self._outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
