"""Chance in a `@resumable` call: drawn once, and the same when the call is resumed.

A call that is resumed does again what it did, up to where its log ends. What it drew then has to come again:
an id that it made stands in messages it has sent. So each call has a seed, stored with it, and all it draws
follows from that and from how much it has drawn before, whichever incarnation and whichever worker it runs
in: `os.urandom`, and with it `uuid`, `secrets` and `SystemRandom`; the functions of `random` and every
`Random()` without a seed of its own. Clocks stand still at the epoch in it, as they do in a confined vat.

While a step of a call runs, the modules that vat code draws from lead here; in between they are what they
were, and for other threads of the host they stay so. A name that a vat imports from one of them while it is
defined (`from os import urandom`) leads here for good, and on to the original unless such a step runs.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from _thread import get_ident
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_ANY_SEED = 32  # bytes

_urandom = os.urandom
_clocks: dict[str, Callable[[], Any]] = {
    name: getattr(time, name)
    for name in (*_CLOCKS, *(f"{name}_ns" for name in _CLOCKS))
    if hasattr(time, name)
}
_drawer: Randomness | None = None
_thread = 0


class Randomness:
    """What one call draws."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._drawn = 0
        self._random: Any = None  # the state of the functions of `random`, while the call does not run
        self._ids: dict[str, Any] = {}  # and what `uuid` remembers from one id to the next

    def draw(self, length: int) -> bytes:
        """The next bytes."""
        if length < 0:
            raise ValueError("negative argument not allowed")
        self._drawn += 1
        return hashlib.shake_256(f"{self.seed}/{self._drawn}".encode()).digest(length)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw from here in the body, which is a step of the call."""
        import random

        global _drawer, _thread
        before, thread = _drawer, _thread
        outer = random.getstate()
        outer_ids = _swap_ids(self._ids)
        _drawer, _thread = self, get_ident()
        random.setstate(self._random or random.Random(self.seed).getstate())
        try:
            with patched():
                yield
        finally:
            _drawer, _thread = before, thread
            self._random = random.getstate()
            random.setstate(outer)
            self._ids = _swap_ids(outer_ids)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Draw as before in the body: it is no part of the call."""
        global _drawer
        before, _drawer = _drawer, None
        try:
            yield
        finally:
            _drawer = before


def seed_of(vat_name: str, incarnation: int, call: int) -> str:
    """The seed of a call that begins: no other of this vat has it, and a replay begins with the same."""
    return hashlib.sha256(f"{vat_name}\n{incarnation}\n{call}".encode()).hexdigest()


@contextmanager
def patched() -> Iterator[None]:
    """Have the modules that are drawn from lead here in the body."""
    places: list[tuple[Any, str, Any]] = [(os, "urandom", urandom)]
    places += [(time, name, _still(name)) for name in _clocks]
    random, uuid = sys.modules.get("random"), sys.modules.get("uuid")
    if random is not None and hasattr(random, "Random"):
        places += [
            (random, "_urandom", urandom),
            (random, "seed", _seeding(random.seed)),
            (random.Random, "seed", _seeding(random.Random.seed)),
        ]
    if uuid is not None:
        places += [(uuid, "_generate_time_safe", None)]
    before = [(place, name, getattr(place, name)) for place, name, _ in places if hasattr(place, name)]
    for place, name, value in places:
        if hasattr(place, name):
            setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)


def urandom(size: int, /) -> bytes:
    """Random bytes, as `os.urandom` gives them."""
    drawer = _mine()
    return _urandom(size) if drawer is None else drawer.draw(size)


def _mine() -> Randomness | None:
    return _drawer if _drawer is not None and _thread == get_ident() else None


def _seeding(seed: Callable[..., None]) -> Callable[..., None]:
    """`Random.seed`, as a method or as the function of the module, which otherwise draws on its own."""
    original = getattr(seed, "__wrapped__", seed)
    first = 0 if hasattr(original, "__self__") else 1

    def seeded(*args: Any, **kwargs: Any) -> None:
        given = args[first] if len(args) > first else kwargs.get("a")
        drawer = _mine()
        if given is not None or drawer is None:
            original(*args, **kwargs)
        else:
            original(*args[:first], drawer.draw(_ANY_SEED))

    seeded.__wrapped__ = original  # type: ignore[attr-defined]
    return seeded


def _still(name: str) -> Callable[[], Any]:
    original = _clocks[name]
    nothing = 0 if name.endswith("_ns") else 0.0
    return lambda: original() if _mine() is None else nothing


def _swap_ids(state: dict[str, Any]) -> dict[str, Any]:
    """Give `uuid` what it remembers, as far as it does, and take what it did remember."""
    uuid = sys.modules.get("uuid")
    if uuid is None:
        return state
    names = [name for name in vars(uuid) if name == "_node" or name.startswith("_last_")]
    before = {name: getattr(uuid, name) for name in names}
    for name in names:
        setattr(uuid, name, state.get(name, 0 if name.startswith("_last_counter") else None))
    return before
