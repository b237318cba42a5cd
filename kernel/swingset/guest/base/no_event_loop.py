"""What to use instead of `asyncio` and `time.sleep`, said where somebody tries them.

A vat has no event loop and no clock: it waits for promises, and its kernel runs what comes next. The standard
library says so in words of its own, `no running event loop`, which help nobody who does not know that. They
are completed here, where the message of an error is read, by what does the same in a vat.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

_TIMER = "`await E(timer).delay(n)` waits for a time, with the timer of the world"
_BOTH = "`await Promise.all([...])` waits for several"
_CALL = "an async method runs by itself once it is called, `E(self).method()`, and " + _BOTH

_INSTEAD = {
    "gather": _BOTH,
    "wait": _BOTH,
    "as_completed": _BOTH,
    "sleep": _TIMER,
    "wait_for": _TIMER + ", and whoever settles a promise of make_promise() first decides it",
    "timeout": _TIMER + ", and whoever settles a promise of make_promise() first decides it",
    "create_task": _CALL,
    "ensure_future": _CALL,
    "TaskGroup": _CALL,
    "run": "`await` it in an async method",
}
_LACKING = re.compile("no (running|current) event loop")
_ENTERED = {"taskgroups.py": "TaskGroup", "timeouts.py": "timeout"}

NO_LOOP = f"there is no asyncio loop in a vat: {_BOTH}, {_TIMER}"


def not_awaitable(awaited: object) -> TypeError:
    """The complaint about what an async method awaits and nobody will ever settle."""
    return TypeError(
        f"a vat can only await promises and its own coroutines, not {type(awaited).__name__}: {NO_LOOP}"
    )


def instead(exc: BaseException) -> str:
    """What to use instead of the part of asyncio that has raised an error; empty where none has."""
    lacks_loop = type(exc) is RuntimeError and _LACKING.search(str(exc)) is not None
    if not lacks_loop and type(exc) is not OSError:
        return ""
    used = _used(exc)
    if used in _INSTEAD:
        return f": there is no asyncio loop in a vat; {_INSTEAD[used]}"
    return f": {NO_LOOP}" if lacks_loop else ""


def _used(exc: BaseException) -> str:
    """The function of asyncio that an error has come out of; empty where there is none."""
    trace: Any = exc.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        folder, _, file = code.co_filename.replace("\\", "/").rpartition("/")
        if folder.endswith("/asyncio"):
            return _ENTERED.get(file, str(code.co_name))
        trace = trace.tb_next
    return ""


def refuse_sleep(_seconds: object) -> NoReturn:
    """Stands in the place of `time.sleep` in a confined vat."""
    raise RuntimeError(f"a vat cannot sleep: {_TIMER}")
