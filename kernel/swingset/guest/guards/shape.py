"""A shape: a compiled annotation that can check a value and has a name.

A shape never converts a value. It accepts the value, or returns the first misfit inside it with its path.

It has two names. `spelled` is the annotation as code would write it; errors show it, and a collection reads
it by `spelling` when it is opened. `text` also contains the fields of dataclasses and the members of enums,
because an upgrade compares it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..passing.passable import came

if TYPE_CHECKING:
    from collections.abc import Callable

Misfit = tuple[str, str, Any]  # where inside the value, what was wanted there, what came


class BadAnnotationError(TypeError):
    """An annotation cannot be used as a guard; the message says what to write instead."""


class Shape:
    """One compiled annotation.

    `text` and `spelled` are its names, and `misfit(value)` is None for a value that fits. `optional` says
    that None fits. `fleeting` names a type in it whose instances end with an upgrade, if there is one.
    """

    __slots__ = ("fleeting", "optional", "spelled", "test", "text")

    def __init__(
        self,
        text: str,
        test: Callable[[Any], Misfit | None],
        *,
        spelled: str | None = None,
        optional: bool = False,
        fleeting: str | None = None,
    ) -> None:
        self.text = text
        self.spelled = text if spelled is None else spelled
        self.test = test
        self.optional = optional
        self.fleeting = fleeting

    def misfit(self, value: Any) -> Misfit | None:
        """Return the first misfit in a value, or None if it fits."""
        return self.test(value)

    def takes_over(self, stored: str) -> bool:
        """Whether values stored under the text of a shape fit this one.

        They fit if the text is the same, or if only enums have more members. A stored text may also be the
        spelling, without the fields of classes.
        """
        return stored in (self.text, self.spelled) or _with_members_of(self.text, stored) == self.text


_MEMBERS = re.compile(r"\b(\w+){([^{}:]*)}")


def _with_members_of(text: str, stored: str) -> str:
    now = {name: members.split(", ") for name, members in _MEMBERS.findall(text)}

    def grown(found: re.Match[str]) -> str:
        members = now.get(found[1], [])
        return f"{found[1]}{{{', '.join(members)}}}" if {*found[2].split(", ")} <= {*members} else found[0]

    return _MEMBERS.sub(grown, stored)


def complaint(where: str, misfit: Misfit, close: str = "") -> str:
    """The message for a misfit: `Purse.deposit(amount): wanted int, got str 'five'`."""
    path, wanted, got = misfit
    return f"{where}{path}{close}: wanted {wanted}, got {came(got)}"


def simple(
    text: str, fits: Callable[[Any], bool], *, optional: bool = False, fleeting: str | None = None
) -> Shape:
    """A shape with this name that checks a value as a whole."""
    return Shape(
        text,
        lambda value: None if fits(value) else ("", text, value),
        optional=optional,
        fleeting=fleeting,
    )


def first_fleeting(shapes: list[Shape]) -> str | None:
    """The first type in these shapes whose instances end with an upgrade; None if there is none."""
    return next((shape.fleeting for shape in shapes if shape.fleeting is not None), None)


ANY = Shape("Any", lambda _: None, optional=True)
