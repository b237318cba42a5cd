"""Who is inside a world, and where what was raised goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from swingset.host.base.callers import Callers


class Ask:
    """Something asked for by another thread while this one is inside."""

    def __init__(self, callers: Callers, act: Callable[[], Any]) -> None:
        self.answer: Any = None
        self.problem: BaseException | None = None
        before = len(callers._asked)
        self._thread = threading.Thread(target=self._run, args=(callers, act), daemon=True)
        self._thread.start()
        while len(callers._asked) == before:
            pass

    def _run(self, callers: Callers, act: Callable[[], Any]) -> None:
        try:
            self.answer = callers.ask(act)
        except BaseException as problem:
            self.problem = problem

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


def failing(problem: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise problem

    return act


class Leaving(BaseException):
    """What no `except Exception` catches."""


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), Leaving("away")])
def test_what_ends_a_thread_ends_the_one_inside_too(problem: BaseException) -> None:
    """An interrupt that comes while another's wish is done is the run's too; what was asked next waits."""
    callers = Callers()
    with callers.lock:
        first, second = Ask(callers, failing(problem)), Ask(callers, lambda: 7)
        with pytest.raises(type(problem)) as caught:
            callers.serve()
        assert caught.value is problem
        first.join()
        assert first.problem is problem
        assert second.answer is None
        callers.serve()
        second.join()
        assert second.answer == 7


@pytest.mark.parametrize("problem", [ValueError("no"), StopIteration(), MemoryError(), RecursionError()])
def test_an_exception_goes_to_who_asked_and_not_to_the_run(problem: Exception) -> None:
    """The thread inside goes on, and does what else was asked for, in the order in which it was."""
    callers, done = Callers(), list[int]()
    with callers.lock:
        asked = [
            Ask(callers, failing(problem)),
            *[Ask(callers, lambda n=n: done.append(n)) for n in range(3)],
        ]
        callers.serve()
        for ask in asked:
            ask.join()
    assert asked[0].problem is problem
    assert done == [0, 1, 2]


def test_who_finds_nobody_inside_does_it_itself() -> None:
    """The lock is reentrant, and free again afterwards, also after an error."""
    callers = Callers()
    assert callers.ask(lambda: callers.ask(threading.get_ident)) == threading.get_ident()
    for problem in (ValueError("no"), Leaving("away")):
        with pytest.raises(type(problem)):
            callers.ask(failing(problem))
    free = threading.Thread(target=lambda: done.append(callers.lock.acquire(blocking=False)))
    done: list[bool] = []
    free.start()
    free.join(10)
    assert done == [True]


def test_who_asked_does_it_when_the_one_inside_leaves_without_serving() -> None:
    """Nothing asked for is forgotten by a run that ends at the wrong moment."""
    callers = Callers()
    with callers.lock:
        asked = Ask(callers, threading.get_ident)
    asked.join()
    assert asked.answer not in (None, threading.get_ident())
