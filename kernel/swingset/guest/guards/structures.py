"""Shapes with named parts: TypedDicts, and the dataclasses and enums that a vat has registered as copies.

The fields of such a value, or the name of its member, are stored under a tag. A later class of the same name
may have other fields, and then no stored value could be read. So the text that an upgrade compares contains
the fields and the members, with the tag instead of the class's name.

A dataclass may mention itself; inside its own text, only its tag stands for it.
"""

from __future__ import annotations

import sys
from enum import Enum, Flag
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef, NotRequired, Required, get_args, get_origin

from ..passing.copies import RESERVED_TAGS, copy_of
from .annotations import annotations_of, evaluate
from .shape import BadAnnotationError, Shape, first_fleeting

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..passing.exact import Copy
    from .shape import Misfit

_under_way: dict[type, Shape] = {}  # the shapes of dataclasses whose fields are still being compiled


def copy_shape(copy: Copy, compile_note: Callable[[Any, dict[str, Any]], Shape]) -> Shape:
    """The shape of a class whose instances pass as copies."""
    cls = copy.cls
    if copy.names is not None:
        return _under_way.get(cls) or _dataclass(copy, compile_note)
    inside = ""
    if issubclass(cls, Flag):
        inside = ", ".join(f"{name}={member.value}" for name, member in cls.__members__.items())
    elif issubclass(cls, Enum):
        inside = ", ".join(cls.__members__)
    text = f"{copy.tag}{{{inside}}}" if inside else cls.__name__
    fits = _fits(copy)
    return Shape(text, lambda v: None if fits(v) else ("", cls.__name__, v), spelled=cls.__name__)


def _fits(copy: Copy) -> Callable[[Any], bool]:
    """A test for instances of the class, or of a newer class with its tag, from a cell that was run again."""

    def fits(value: Any) -> bool:
        if isinstance(value, copy.cls):
            return True
        other = copy_of(type(value))
        return other is not None and other.tag == copy.tag not in RESERVED_TAGS

    return fits


def _dataclass(copy: Copy, compile_note: Callable[[Any, dict[str, Any]], Shape]) -> Shape:
    cls: Any = copy.cls
    fields: dict[str, Shape] = {}
    fits = _fits(copy)

    def test(value: Any) -> Misfit | None:
        if not fits(value) or any(not hasattr(value, name) for name in fields):
            return ("", cls.__name__, value)
        for name, shape in fields.items():
            found = shape.test(getattr(value, name))
            if found is not None:
                return (f".{name}{found[0]}", found[1], found[2])
        return None

    _under_way[cls] = Shape(copy.tag, test, spelled=cls.__name__)
    try:
        for base in reversed(cls.__mro__[:-1]):
            names = _names_of(base, copy)
            for name, note in annotations_of(base).items():
                if name in cls.__dataclass_fields__:
                    fields[name] = compile_note(note, names)
    except BadAnnotationError as exc:
        raise BadAnnotationError(f"{cls.__name__}.{name}: {exc}") from None
    finally:
        del _under_way[cls]
    inside = ", ".join(f"{name}: {fields[name].text}" for name in sorted(fields))
    return Shape(
        f"{copy.tag}{{{inside}}}",
        test,
        spelled=cls.__name__,
        fleeting=first_fleeting(list(fields.values())),
    )


def _names_of(cls: type, copy: Copy) -> dict[str, Any]:
    """The namespace for the annotations of a class: that of its module."""
    registered = copy.names or {}
    if registered.get("__name__") == cls.__module__:
        return registered
    return getattr(sys.modules.get(cls.__module__), "__dict__", registered)


def typed_dict_shape(
    cls: Any, names: dict[str, Any], compile_note: Callable[[Any, dict[str, Any]], Shape]
) -> Shape:
    """The shape of a TypedDict: a dict with certain keys, of which some may be missing."""
    notes = {
        name: evaluate(note, names) if isinstance(note, (str, ForwardRef)) else note
        for name, note in annotations_of(cls).items()
    }
    fields = {name: compile_note(note, names) for name, note in notes.items()}
    # The class's own `__required_keys__` ignores annotations that are text.
    required = sorted(
        name for name, note in notes.items() if _is_required(note, name in cls.__required_keys__)
    )
    wanted = f"{cls.__name__} (a dict with {', '.join(required)})"
    inside = [f"{name}{'' if name in required else '?'}: {shape.text}" for name, shape in fields.items()]

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, dict) or any(name not in value for name in required):
            return ("", wanted, value)
        for name, shape in fields.items():
            found = shape.test(value[name]) if name in value else None
            if found is not None:
                return (f"[{name!r}]{found[0]}", found[1], found[2])
        return None

    return Shape(
        f"{cls.__name__}{{{', '.join(inside)}}}",
        test,
        spelled=cls.__name__,
        fleeting=first_fleeting(list(fields.values())),
    )


def _is_required(note: Any, otherwise: bool) -> bool:
    origin = get_origin(note)
    while origin is not None:
        if origin in (Required, NotRequired):
            return origin is Required
        if origin is not Annotated and getattr(origin, "__name__", "") != "ReadOnly":
            break
        note = get_args(note)[0]
        origin = get_origin(note)
    return otherwise
