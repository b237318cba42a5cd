"""What to write instead: the advice that belongs to an error, by the error's class and its words.

Errors of Python's own and errors that vats send have texts that cannot know of promises, references and
magics. Each case here is one line: a class, a pattern of the text, and what to write. The advice is shown
below the error, as the last thing that is read.

The words of an error may be a stranger's, so advice repeats only a name out of them, and only if it is one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from swingset import vat as names_of_vats
from swingset.guest.base.errors import RemoteError
from swingset.guest.passing.remotables import Presence
from swingset.host.sessions.references import References
from swingset.lens.present.described import Described
from swingset.model.foreign import said

_LONGEST = 2_000
_TIMERS = ("<timed eval>", "<timed exec>", "<magic-timeit-setup>", "<magic-timeit-stmt>", "<string>")
"""The names that the magics of IPython give to the code that they are to time."""
_UNHANDLED = re.compile(r"unhandled rejection in [\w.-]{1,199}: (\w{1,100}): (.*)\Z", re.DOTALL)
_IN_VATS = frozenset(names_of_vats.__all__)


class Case(NamedTuple):
    """One mistake: the class of its error, the pattern of its text, and what to write instead."""

    kind: str
    pattern: re.Pattern[str]
    advice: Callable[[re.Match[str]], Iterable[str]]


def _always(*hints: str) -> Callable[[re.Match[str]], Iterable[str]]:
    return lambda _found: hints


def _misspelt(found: re.Match[str]) -> Iterable[str]:
    names = [name.strip() for name in found[2].split(",")]
    return [f"did you mean .{near}(...)?" for near in difflib.get_close_matches(found[1], names, 1, 0.5)]


def _unsent(found: re.Match[str]) -> Iterable[str]:
    return [
        "E(x) is for a reference into the world, or an object of a @remotable or @durable class",
        f"call it directly, x.{found[1]}(...), if it is a plain value of this notebook",
    ]


def _lacks_name(found: re.Match[str]) -> Iterable[str]:
    name = found[1]
    if name not in _IN_VATS:
        return []
    return [f"from swingset.vat import {name}"]


_AWAIT = "`await` the promise for its value: `value = await E(x).method(...)`"

CASES = (
    Case(
        "TypeError",
        re.compile(r"a coroutine was expected, got <.*promise", re.IGNORECASE),
        _always(
            "E(x).method(...) has sent the message already, it needs no task: keep the promise,"
            " `p = E(x).method(...)`, and `await p` where you need the answer",
            "`await Promise.all([p, q])` waits for several: `from swingset.vat import Promise`",
        ),
    ),
    Case(
        "TypeError",
        re.compile(r"object Presence can't be used in 'await' expression"),
        _always("a reference is no promise: `await E(x).method(...)` sends it a message and gets the answer"),
    ),
    Case(
        "RuntimeError",
        re.compile(r"asyncio\.run\(\) cannot be called|event loop is already running"),
        _always("`await` works at the top of a cell, without asyncio.run: `value = await E(x).method(...)`"),
    ),
    Case(
        "TypeError",
        re.compile(r"Eventual\.__call__\(\) (?:missing|takes)|EProxy\.__init__\(\)"),
        _always("E takes the one object that a message is for: `await E(x).method(...)`"),
    ),
    Case(
        "TypeError",
        re.compile(r"cannot pickle '_thread\.RLock' object"),
        _always(
            "a reference into a world cannot be pickled: a name that holds one comes back with the world,"
            " and its data is asked for with a message"
        ),
    ),
    Case("TypeError", re.compile(r"""['"]Promise['"]"""), _always(_AWAIT)),
    Case(
        "TypeError",
        re.compile(r"""['"]Presence['"]"""),
        _always("a reference is not the object itself: ask it with a message, `await E(x).method(...)`"),
    ),
    Case(
        "TypeError",
        re.compile(r"""['"](?:EProxy|EMethod)['"]"""),
        _always("nothing is sent before a method is called: `await E(x).method(...)`"),
    ),
    Case(
        "TypeError",
        re.compile(r"data is not callable, has no method get_update_since\b"),
        _always("`async for` is for a notifier: `await` the promise, and loop over the list that it brings"),
    ),
    Case(
        "TypeError",
        re.compile(r"data is not callable, has no method \w"),
        _always("the answer is plain data, no object: `value = await E(x).method(...)`, and then use value"),
    ),
    Case("TypeError", re.compile(r'cannot send method "(\w{1,100})" to '), _unsent),
    Case(
        "TypeError",
        re.compile(r'target has no method "(\w{1,100})", has \[([\w, ]{0,1500})\](?!;)'),
        _misspelt,
    ),
    Case(
        "VatStartError",
        re.compile(r"must return an instance of a @remotable class, not durable \w{1,100} object"),
        _always(
            "return an object of a @remotable class that makes the durable ones, or has them in its baggage"
        ),
    ),
    Case(
        "VatStartError",
        re.compile(r"must return an instance of a @remotable class, not (\w{1,100}) object"),
        lambda found: [f"write @remotable above class {found[1]}, with `from swingset.vat import remotable`"],
    ),
    Case("NameError", re.compile(r"name '(\w{1,100})' is not defined"), _lacks_name),
    Case(
        "SyntaxError",
        re.compile(r"'await' outside (?:async )?function"),
        _always("`await` works at the top of a cell and in an `async def`: make the function one"),
    ),
)


def advice_on(kind: str, words: str, cases: Iterable[Case] = CASES) -> list[str]:
    """What the first of some cases advises for an error of that class with these words."""
    for case in cases:
        found = case.pattern.search(words[:_LONGEST]) if case.kind == kind else None
        if found is not None:
            return list(case.advice(found))
    return []


def advice_on_unhandled(text: str) -> list[str]:
    """What to write instead, for the printed text of a rejection that nobody has handled."""
    told = _UNHANDLED.match(text[:_LONGEST].rpartition("; sent as ")[0])
    return [] if told is None else advice_on(told[1], told[2])


def of_state(references: References, error: BaseException) -> list[str]:
    """What to do about a part of an object's state that was taken for a method or an attribute."""
    found: Described | None = None
    name: str | None = None
    if isinstance(error, AttributeError) and isinstance(error.obj, Presence):
        found, name = references.describe(error.obj), error.name
    elif isinstance(error, RemoteError):
        missing = re.match(r'target has no method "(\w{1,100})"', error.remote_message)
        found, name = references.target_of(error), missing[1] if missing else None
    if found is None or name not in dict(found.fields):
        return []
    return [
        f".{name} is a part of its state: the class needs a method that returns or changes it",
        "a reference alone in a cell shows its state",
    ]


def below_a_timer(error: SyntaxError) -> bool:
    """Whether it is an `await` in the code that `%time`, `%timeit` or `%prun` runs, which they cannot."""
    return "outside" in str(error.msg) and error.filename in _TIMERS


def advice(error: BaseException) -> list[str]:
    """What to write instead of what raised an error; nothing for an error that is no known mistake."""
    if isinstance(error, SyntaxError) and below_a_timer(error):
        return ["`%%time` on the first line of a cell takes the time of all of it, `await` included"]
    if isinstance(error, RemoteError):
        return advice_on(error.remote_name, error.remote_message)
    return advice_on(type(error).__name__, said(error))
