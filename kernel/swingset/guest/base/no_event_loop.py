"""Error messages that say what to use instead of `asyncio` and `time.sleep`.

A vat has no event loop and no clock: it waits for promises, and its kernel runs what comes next. The standard
library only says `no running event loop`, which does not help anyone who does not know that. This module adds
to the message what does the same in a vat.
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
    """The message for an await of something that nothing will ever settle."""
    return TypeError(
        f"a vat can only await promises and its own coroutines, not {type(awaited).__name__}: {NO_LOOP}"
    )


def instead(exc: BaseException) -> str:
    """What to use instead of the part of asyncio that raised an error; empty for other errors."""
    lacks_loop = type(exc) is RuntimeError and _LACKING.search(str(exc)) is not None
    if not lacks_loop and type(exc) is not OSError:
        return ""
    used = _used(exc)
    if used in _INSTEAD:
        return f": there is no asyncio loop in a vat; {_INSTEAD[used]}"
    return f": {NO_LOOP}" if lacks_loop else ""


def _used(exc: BaseException) -> str:
    """The function of asyncio that raised an error; empty if there is none."""
    trace: Any = exc.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        folder, _, file = code.co_filename.replace("\\", "/").rpartition("/")
        if folder.endswith("/asyncio"):
            return _ENTERED.get(file, str(code.co_name))
        trace = trace.tb_next
    return ""


def refuse_sleep(_seconds: object) -> NoReturn:
    """Replaces `time.sleep` in a confined vat."""
    raise RuntimeError(f"a vat cannot sleep: {_TIMER}")
