"""Refuses what a class may have in Python but would lose as a kind.

The Python object of a kind is a stand-in that may be made again at any time. So anything that is kept in the
object, or that depends on how it is made, is lost: a constructor, slots, a metaclass, a cached property. The
decorator refuses it, with its line and what to write instead.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ..base.collector import refuse_finaliser
from ..guards.annotations import annotations_of
from ..guards.class_checks import adopt_protocols, check_methods, is_the_librarys, line_of, own_bases
from ..guards.class_members import CACHED, function_of

if TYPE_CHECKING:
    from .kind import Kind

_MUTABLE = (list, dict, set, bytearray)
_OWN_WAYS = {
    "__new__": "the constructor is made from the annotations; do the rest in finish(self)",
    "__setattr__": "what is written is checked and stored; use a property with a setter",
    "__delattr__": "state is not deleted; assign None or a default",
    "__getattribute__": "what is read comes from the store; use a property",
    "__copy__": "an object has one identity: write a method that makes a new one",
    "__deepcopy__": "an object has one identity: write a method that makes a new one",
}
"""Methods that a kind replaces, so that a class's own would never be called, with what to write instead."""


def check_kind(cls: type) -> None:
    """Raise TypeError for a part of a `@durable` or `@virtual` class that would silently be lost."""
    name = cls.__name__
    refuse_finaliser(cls)
    if "__dataclass_fields__" in vars(cls):
        raise TypeError(
            f"durable class {name} cannot be a @dataclass too: the decorator of the kind makes its "
            "constructor from the annotations; leave @dataclass away"
        )
    _check_bases(cls)
    for base in own_bases(cls):
        fields = annotations_of(base)
        for attribute, value in list(vars(base).items()):
            if not is_the_librarys(value):
                _check_attribute(cls, base, attribute, value, attribute in fields)
    check_methods(cls)
    for attribute in ("finish", "__post_init__"):
        _check_finisher(cls, attribute)
    adopt_protocols(cls)


def call_finishers(instance: Any) -> None:
    """Call `__post_init__` and then `finish` on a new instance, if its class has them."""
    for name in ("__post_init__", "finish"):
        finisher = getattr(type(instance), name, None)
        if finisher is not None:
            finisher(instance)


def check_unchanged(kind: Kind) -> None:
    """Raise TypeError for a class that another decorator changed after it became a kind."""
    cls: Any = kind.cls
    if kind.constructor is not None and (
        cls.__init__ is not kind.constructor or "__dataclass_fields__" in vars(cls)
    ):
        raise TypeError(
            f"durable class {cls.__name__} was changed by a decorator above its own, such as @dataclass: "
            "leave that away, the constructor is made from the annotations"
        )


def _check_bases(cls: type) -> None:
    name = cls.__name__
    for base in cls.__mro__[1:]:
        if base is not object and base.__module__ == "builtins":
            raise TypeError(
                f"durable class {name} cannot be a kind of {base.__name__}, whose contents would not be "
                f"kept: have a field, `items: {base.__name__}`"
            )
    meta: Any = type(cls)
    made_by = next(base for base in meta.__mro__ if "__call__" in vars(base))
    if made_by is not type:
        raise TypeError(
            f"durable class {name} cannot have the metaclass {meta.__name__}, which makes instances in a way "
            f"of its own ({made_by.__name__}.__call__), and those of a kind are made by the store: leave the "
            "metaclass away"
        )


def _check_attribute(cls: type, base: type, attribute: str, value: Any, annotated: bool) -> None:
    where, name = line_of(base, attribute), cls.__name__
    if attribute == "__init__" and value is not object.__init__:
        raise TypeError(
            f"durable class {name} cannot define __init__ ({where}): the constructor is made from the "
            "annotations; do the rest in finish(self)"
        )
    if attribute == "__slots__" and (base is cls or value not in ((), [])):
        raise TypeError(
            f"durable class {name} cannot define __slots__ ({where}): its state is not kept in the object"
        )
    if attribute in _OWN_WAYS:
        raise TypeError(f"durable class {name} cannot define {attribute} ({where}): {_OWN_WAYS[attribute]}")
    if isinstance(value, functools.cached_property):
        raise TypeError(
            f"{where} cannot be a cached_property: the object is only a stand-in for what is stored, and may "
            "be made anew at any time: make it a @property, or a field"
        )
    if type(value) is CACHED:
        raise TypeError(
            f"{where} cannot be cached: the object is only a stand-in for what is stored, and the cache "
            "would go on answering with what the state was: keep the answer in a field, or cache a function "
            "of the module"
        )
    if attribute.startswith("__") or isinstance(value, (type, property)):
        return
    if hasattr(type(value), "__set__") or hasattr(type(value), "__delete__"):
        raise TypeError(
            f"{where} is a descriptor, {type(value).__name__}, whose values would not be stored: make it a "
            "field with an annotation, or a @property"
        )
    if isinstance(value, _MUTABLE) and not annotated:
        raise TypeError(
            f"{where} is one {type(value).__name__} for all instances, in memory, and ends with the "
            f"incarnation: write `{attribute}: {type(value).__name__} = ...` for a field of each, or "
            f"`{attribute}: ClassVar[{type(value).__name__}]` if that is meant"
        )


def _check_finisher(cls: type, attribute: str) -> None:
    finisher = getattr(cls, attribute, None)
    if finisher is None:
        return
    function = function_of(finisher)
    if function is None:
        raise TypeError(f"{line_of(cls, attribute)} must be a function: `def {attribute}(self)`")
    code = function.__code__
    if code.co_flags & 0x80:
        raise TypeError(
            f"{cls.__name__}.{attribute} cannot be async: an instance is finished when its constructor "
            "returns"
        )
    needed = code.co_argcount - len(function.__defaults__ or ())
    if needed > 1:
        raise TypeError(
            f"{line_of(cls, attribute)} takes {', '.join(code.co_varnames[1:needed])}: it is called "
            "with self alone, when the fields have their values; what it needs of the constructor has to be "
            "a field"
        )
