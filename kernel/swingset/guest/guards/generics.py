"""Shapes that are made of shapes: unions, literals, sequences, mappings, and types with patterns.

Each checks a value from the outside inwards, and returns the first misfit with its path.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from ..passing.passable import SCALARS, brief
from .shape import BadAnnotationError, Shape, first_fleeting
from .type_variables import attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from .patterns import Pattern
    from .shape import Misfit


def union_shape(members: list[Shape]) -> Shape:
    """The shape of a value that fits any member. They are sorted, so a reordered union is the same shape."""
    # None reads best at the end.
    by_text = {member.text: member for member in members}
    order = sorted(by_text, key=lambda text: (text == "None", text))
    chosen = [by_text[name] for name in order]
    spelled = " | ".join(sorted((s.spelled for s in chosen), key=lambda text: (text == "None", text)))

    def test(value: Any) -> Misfit | None:
        inside = []  # misfits in a field: the value is an instance of that member
        for member in chosen:
            found = attempt(member.test, value)
            if found is None:
                return None
            if found[0][:1] == ".":
                inside.append(found)
        return inside[0] if len(inside) == 1 else ("", spelled, value)

    return Shape(
        " | ".join(order),
        test,
        spelled=spelled,
        optional=any(member.optional for member in chosen),
        fleeting=first_fleeting(chosen),
    )


def annotated_shape(base: Shape, patterns: list[Pattern]) -> Shape:
    """The shape of a value that fits the base and all the patterns."""
    if not patterns:
        return base
    wanted = f"{base.spelled} {' and '.join(pattern.words for pattern in patterns)}"
    more = ", ".join(pattern.text for pattern in patterns)

    def test(value: Any) -> Misfit | None:
        found = base.test(value)
        if found is not None:
            return found
        return None if all(pattern.fits(value) for pattern in patterns) else ("", wanted, value)

    return Shape(
        f"Annotated[{base.text}, {more}]",
        test,
        spelled=f"Annotated[{base.spelled}, {more}]",
        optional=base.optional and all(pattern.fits(None) for pattern in patterns),
        fleeting=base.fleeting,
    )


def _spelled(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return str(f"{type(value).__name__}.{value.name}")
    if type(value) in SCALARS:
        return repr(value)
    raise BadAnnotationError(
        f"Literal of {brief(value)}: a literal is None, a bool, an int, a float, a str, bytes, or a member "
        "of an enum, which later code can spell again"
    )


def literal_shape(values: tuple[Any, ...]) -> Shape:
    """The shape of one of these values, of exactly that type."""
    spelled = f"Literal[{', '.join(map(_spelled, values))}]"

    def test(value: Any) -> Misfit | None:
        fits = any(type(value) is type(item) and value == item for item in values)
        return None if fits else ("", spelled, value)

    text = f"Literal[{', '.join(sorted(map(_spelled, values)))}]"  # the order does not matter
    return Shape(text, test, spelled=spelled, optional=None in values)


def sequence_shape(name: str, item: Shape) -> Shape:
    """The shape of a list of such items; of a tuple too, if `name` is not `list`."""
    spelled = f"{name}[{item.spelled}]"
    kinds = list if name == "list" else (list, tuple)

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, kinds):
            return ("", spelled, value)
        for index, element in enumerate(value):
            found = item.test(element)
            if found is not None:
                return (f"[{index}]{found[0]}", found[1], found[2])
        return None

    return Shape(f"{name}[{item.text}]", test, spelled=spelled, fleeting=item.fleeting)


def tuple_shape(args: tuple[Any, ...], inner: Callable[[Any], Shape]) -> Shape:
    """The shape of a tuple with the named items, or with any number of items of one shape."""
    endless = len(args) == 2 and args[1] is Ellipsis
    items = [inner(arg) for arg in (args[:1] if endless else args)]

    def named(texts: list[str]) -> str:
        return f"tuple[{texts[0]}, ...]" if endless else f"tuple[{', '.join(texts) or '()'}]"

    spelled = named([item.spelled for item in items])

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, tuple) or not (endless or len(value) == len(items)):
            return ("", spelled, value)
        for index, element in enumerate(value):
            found = items[0 if endless else index].test(element)
            if found is not None:
                return (f"[{index}]{found[0]}", found[1], found[2])
        return None

    return Shape(named([item.text for item in items]), test, spelled=spelled, fleeting=first_fleeting(items))


def mapping_shape(name: str, key: Shape, item: Shape) -> Shape:
    """The shape of a dict with such keys and values."""
    spelled = f"{name}[{key.spelled}, {item.spelled}]"

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, dict):
            return ("", spelled, value)
        for k, element in value.items():
            found = key.test(k)
            if found is not None:
                return (" (a key)", found[1], found[2])
            found = item.test(element)
            if found is not None:
                return (f"[{k!r}]{found[0]}", found[1], found[2])
        return None

    text = f"{name}[{key.text}, {item.text}]"
    return Shape(text, test, spelled=spelled, fleeting=first_fleeting([key, item]))
