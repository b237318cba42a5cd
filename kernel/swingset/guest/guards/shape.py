"""A shape: one annotation, compiled, that can check a value and say its own name.

A shape never converts a value. It accepts it or says where inside it the first misfit is.

It has two names. `spelled` is the annotation as it would be written again, which is what errors say and what
a collection reads, by `spelling`, when it is opened. `text` also tells what the classes in it are made of,
the fields of a dataclass and the members of an enum, because an upgrade compares it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..passing.passable import brief

if TYPE_CHECKING:
    from collections.abc import Callable

Misfit = tuple[str, str, Any]  # where inside the value, what was wanted there, what came


class BadAnnotationError(TypeError):
    """An annotation that cannot serve as a guard."""


class Shape:
    """One compiled annotation: `text` and `spelled` name it, `misfit(value)` is None for a value that fits.

    `optional` says that None fits; `fleeting` names a type in it whose instances an upgrade ends.
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
        """The first misfit, or None."""
        return self.test(value)

    def takes_over(self, stored: str) -> bool:
        """Whether values stored under the text of a shape fit this one: it is the same, or an enum grew.

        The text that was stored before classes were looked into is the spelling.
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
    """`Purse.deposit(amount): wanted int, got str 'five'`."""
    path, wanted, got = misfit
    return f"{where}{path}{close}: wanted {wanted}, got {brief(got)}"


def simple(
    text: str, fits: Callable[[Any], bool], *, optional: bool = False, fleeting: str | None = None
) -> Shape:
    """A shape of this name that looks at the value as a whole."""
    return Shape(
        text,
        lambda value: None if fits(value) else ("", text, value),
        optional=optional,
        fleeting=fleeting,
    )


def first_fleeting(shapes: list[Shape]) -> str | None:
    """What is fleeting in one of these shapes, if anything is."""
    return next((shape.fleeting for shape in shapes if shape.fleeting is not None), None)


ANY = Shape("Any", lambda _: None, optional=True)
