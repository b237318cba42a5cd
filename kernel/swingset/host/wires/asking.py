"""What a host says when it listens, shares and fetches, looked at before anything is done.

All of it is refused in words, with what was wanted: a wrong length of time, once stored, would make a file of
secrets unreadable. No refusal repeats a string that opens something, because notebooks keep their outputs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict

from swingset.core.errors import KernelError
from swingset.host.wires.keys import SIZE
from swingset.model.foreign import shown
from swingset.model.visible import one_line
from swingset.net import locators
from swingset.net.limits import Limits, range_of
from swingset.net.locators import Locator, Sturdyref
from swingset.net.values import Malformed

LONGEST_LABEL = 200
"""How many characters the label of what is shared has at most."""

MOST_SECONDS = 1e10
"""For how many seconds something may be shared at most; some three hundred years."""

_LONGEST_ADDRESS = 60_000


class NetError(KernelError):
    """This world cannot be reached, or cannot reach another; the message says what to do."""


def check_share(
    label: object, seconds: object, once: object, transport: object, swissnum: object
) -> float | None:
    """What something is shared with; returns the seconds. Raises `NetError`."""
    check_text("label", label)
    if len(str(label)) > LONGEST_LABEL:
        raise NetError(f"a label has at most {LONGEST_LABEL} characters, not {len(str(label))}")
    if type(once) is not bool:
        raise NetError(f"`once` is True or False, not {shown(once)}")
    if transport is not None:
        check_text("transport", transport)
    if swissnum is not None and (type(swissnum) is not bytes or len(swissnum) != SIZE):
        raise NetError(f"a swissnum is {SIZE} bytes, or None for chance")
    return None if seconds is None else check_seconds("seconds", seconds, ", or None for ever")


def check_seconds(what: str, seconds: object, otherwise: str = "") -> float:
    """A length of time. Raises `NetError`."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise NetError(f"`{what}` is a number{otherwise}, not {shown(seconds)}")
    if not 0 < seconds <= MOST_SECONDS:  # nor is what is no number
        words = f"`{what}` is more than 0 and at most {MOST_SECONDS:g}{otherwise}"
        raise NetError(f"{words}, not {shown(seconds)}")
    return float(seconds)


def check_limits(now: Limits, changes: Mapping[str, object]) -> Limits:
    """The limits of a world with some of them changed; None is the usual one. Raises `NetError`."""
    usual, found = asdict(Limits()), asdict(now)
    for name, value in changes.items():
        if name not in usual:
            known = ", ".join(sorted(usual))
            raise NetError(f"there is no limit called {one_line(name, 40)}: there are {known}")
        least, most = range_of(name)
        if value is None:
            found[name] = usual[name]
        elif type(value) is not int or not least <= value <= most:
            what = f"{value:,}" if type(value) is int and abs(value) < 10**15 else shown(value)
            wants = "0 or 1" if most == 1 else f"a number from {least} to {most:,}"
            raise NetError(f"the limit {name} is {wants}, not {what}")
        else:
            found[name] = value
    return Limits(**found)


def check_listen(transport: object, options: Mapping[str, object]) -> None:
    """By what a world listens, and with which options. Raises `NetError`."""
    check_text("transport", transport)
    for name, value in options.items():
        check_text(f"option {one_line(name, 40)}", value)


def check_text(what: str, value: object) -> None:
    """That something is a text that can be shown and stored. Raises `NetError`."""
    if not isinstance(value, str):
        raise NetError(f"the {what} is a text, not {shown(value)}")
    if "\0" in value or any(0xD800 <= ord(each) <= 0xDFFF for each in value):
        raise NetError(f"the {what} is a text without a NUL and without half of a character")


def address(source: object) -> Sturdyref:
    """The address that a string has, or the file of a path object. Raises `NetError`."""
    text = text_of(source, "address")
    try:
        found = locators.parse_uri(text.strip())
    except Malformed as problem:
        raise NetError(f"this is no address of an object of another world: {problem}") from None
    if not isinstance(found, Sturdyref):
        raise NetError("this is the location of a world, and of no object: it needs the part /s/...")
    return found


def location(text: str) -> Locator:
    """The location of a world that a string has, or that of an object of it. Raises `NetError`."""
    try:
        found = locators.parse_uri(text.strip())
    except Malformed as problem:
        raise NetError(f"this is no location of a world: {problem}") from None
    return found.locator if isinstance(found, Sturdyref) else found


def text_of(source: object, what: str) -> str:
    """A text that was given, or that of the file of a path object. Raises `NetError`."""
    if isinstance(source, str):
        return source
    if not isinstance(source, os.PathLike):
        article = "an" if what[0] in "aeiou" else "a"
        raise NetError(
            f"{article} {what} is a string, or a path object of a file with it, not {shown(source)}"
        )
    path = os.fspath(source)
    named = one_line(os.fsdecode(path), 200)
    if "ocapn:" in named.lower() or "/s/" in named:
        raise NetError("this path is the string itself: give it as a text, without a path object")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_LONGEST_ADDRESS)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "it is no text"
        raise NetError(f"the {what} cannot be read from {named}: {why}") from None
