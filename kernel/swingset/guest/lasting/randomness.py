"""Random numbers in a `@resumable` call: the same again when the call is resumed.

A call that is resumed repeats what it did up to the end of its log. The random numbers in it have to be the
same, because an id that it made may be in messages that it has sent. So each call has a seed, which is stored
with it, and all random numbers follow from the seed and from how many were drawn before, in any incarnation
and any worker: `os.urandom`, and with it `uuid`, `secrets` and `SystemRandom`; the functions of `random` and
every `Random()` without a seed of its own; and the global generator of numpy, if a vat in the host uses it.
Clocks stand still at the epoch in a call, as they do in a confined vat. One clock cannot be stopped in a
host, that of `datetime.now()`, which C code reads; it is refused there, with what to do instead.

While a step of a call runs, the functions of these modules are replaced by those of this module, for the
thread of the call only. A name that a vat imports from one of them while it is defined (`from os import
urandom`) stays replaced, and calls the original except during such a step.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from _thread import get_ident
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_EPOCH, _NOW = time.gmtime(0), ((), (None,))
_BARE: dict[str, Callable[[Callable[..., Any], tuple[Any, ...]], Any]] = {
    "gmtime": lambda original, given: original(*given) if given not in _NOW else _EPOCH,
    "localtime": lambda original, given: original(*given) if given not in _NOW else _EPOCH,
    "ctime": lambda original, given: original(*given) if given not in _NOW else time.asctime(_EPOCH),
    "asctime": lambda original, given: original(*(given or (_EPOCH,))),
    "strftime": lambda original, given: original(*given) if len(given) != 1 else original(*given, _EPOCH),
    "clock_gettime": lambda _original, _given: 0.0,
    "clock_gettime_ns": lambda _original, _given: 0,
}  # functions that read a clock unless they are given a time
_UNSTOPPED = ("now", "utcnow")
_ANY_SEED = 32  # bytes

_urandom = os.urandom
_getrandom: Callable[[int, int], bytes] = getattr(os, "getrandom", lambda size, _flags: _urandom(size))
_clocks: dict[str, Callable[[], Any]] = {
    name: getattr(time, name)
    for name in (*_CLOCKS, *(f"{name}_ns" for name in _CLOCKS))
    if hasattr(time, name)
}
_bare: dict[str, Callable[..., Any]] = {name: getattr(time, name) for name in _BARE if hasattr(time, name)}
_drawer: Randomness | None = None
_thread = 0


class Randomness:
    """The random numbers of one call."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._drawn = 0
        self._random: Any = None  # the state of the functions of `random`, while the call does not run
        self._numpy: Any = None  # the state of numpy's global generator
        self._ids: dict[str, Any] = {}  # the state of `uuid`

    def draw(self, length: int) -> bytes:
        """Return the next random bytes."""
        if length < 0:
            raise ValueError("negative argument not allowed")
        self._drawn += 1
        return hashlib.shake_256(f"{self.seed}/{self._drawn}".encode()).digest(length)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Make all random numbers in the body come from this call; the body is a step of it."""
        import random

        global _drawer, _thread
        before, thread = _drawer, _thread
        outer = random.getstate()
        outer_ids = _swap_ids(self._ids)
        numpy = sys.modules.get("numpy.random")
        outer_numpy = numpy.get_state() if numpy is not None else None
        _drawer, _thread = self, get_ident()
        random.setstate(self._random or random.Random(self.seed).getstate())
        if numpy is not None and self._numpy is None:
            numpy.seed(int(self.seed[:8], 16))
        elif numpy is not None:
            numpy.set_state(self._numpy)
        try:
            with patched(), _refusing_clocks():
                yield
        finally:
            _drawer, _thread = before, thread
            self._random = random.getstate()
            random.setstate(outer)
            if numpy is not None:
                self._numpy = numpy.get_state()
                numpy.set_state(outer_numpy)
            self._ids = _swap_ids(outer_ids)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Use the original functions in the body, which is not part of the call."""
        global _drawer
        before, _drawer = _drawer, None
        try:
            yield
        finally:
            _drawer = before


def reseed(seed: str) -> None:
    """Have the generators of Python's modules go on from another seed, in a clone of a confined vat.

    The clone has the memory of its vat, so it would draw the same numbers as the vat. In a host's process the
    modules are the host's, and not a vat's. A `Random` that vat code has made for itself stays as it is.
    """
    if sys.platform != "wasi":
        return
    random, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    if random is not None:
        random.seed(seed)
    if numpy is not None:
        numpy.seed(int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16))
    _swap_ids({})


def seed_of(vat: str, incarnation: int, call: int) -> str:
    """The seed of a new call: unique in this vat, and the same in a replay."""
    return hashlib.sha256(f"{vat}\n{incarnation}\n{call}".encode()).hexdigest()


@contextmanager
def patched() -> Iterator[None]:
    """Replace the random functions and the clocks of Python's modules in the body."""
    places: list[tuple[Any, str, Any]] = [(os, "urandom", urandom), (os, "getrandom", getrandom)]
    places += [(time, name, _still(name)) for name in _clocks]
    places += [(time, name, _still_unless_told(name)) for name in _bare]
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
    """Return random bytes, like `os.urandom`."""
    drawer = _mine()
    return _urandom(size) if drawer is None else drawer.draw(size)


def getrandom(size: int, flags: int = 0) -> bytes:
    """Return random bytes, like `os.getrandom` where the system has it."""
    drawer = _mine()
    return _getrandom(size, flags) if drawer is None else drawer.draw(size)


def _mine() -> Randomness | None:
    return _drawer if _drawer is not None and _thread == get_ident() else None


def _seeding(seed: Callable[..., None]) -> Callable[..., None]:
    """Wrap `Random.seed`, the method or the module's function, which would use its own random bytes."""
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


def _still_unless_told(name: str) -> Callable[..., Any]:
    original, still = _bare[name], _BARE[name]
    return lambda *given: original(*given) if _mine() is None else still(original, given)


@contextmanager
def _refusing_clocks() -> Iterator[None]:
    """Refuse calls of `datetime.now()` in the body; in a confined vat that clock stands still anyway.

    Only a profiler sees calls of C code. If another profiler is active, nothing is refused, and a call that
    read the clock may differ from its log when it is resumed, which is then reported.
    """
    if sys.platform == "wasi" or sys.getprofile() is not None:
        yield
        return
    sys.setprofile(_look)
    try:
        yield
    finally:
        sys.setprofile(None)


def _look(_frame: object, event: str, called: Any) -> None:
    if event != "c_call" or getattr(called, "__name__", "") not in _UNSTOPPED or _mine() is None:
        return
    owner = getattr(called, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, date):
        raise RuntimeError(
            f"datetime.{called.__name__}() in a @resumable call would give another time when the call is"
            " resumed: take the time as an argument, or await it from an object that tells it"
        )


def _swap_ids(state: dict[str, Any]) -> dict[str, Any]:
    """Set the state of `uuid`, and return the state it had."""
    uuid = sys.modules.get("uuid")
    if uuid is None:
        return state
    names = [name for name in vars(uuid) if name == "_node" or name.startswith("_last_")]
    before = {name: getattr(uuid, name) for name in names}
    for name in names:
        setattr(uuid, name, state.get(name, 0 if name.startswith("_last_counter") else None))
    return before
