"""What of Python's classes means something in a vat, and what is refused where it is written.

Much of what a class can have works here as anywhere: inheritance, properties, static and class methods as
helpers, decorators that wrap, operators, generics. Some of it would be lost without a word. A message reaches
functions, so a method that is another sort of object could never be called. The object of a kind is a
stand-in that may be made anew at any time, so what hangs on it, or on its way of being made, does not last.
Such things are refused on the line of the class, with what to write instead.

A class that names a `Protocol` among its bases has that interface: it must have the methods, and not only the
protocol's empty ones, and its guards are those of the protocol where it has none of its own.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..base.collector import refuse_finaliser
from .class_members import CACHED, HELPERS, attribute_of, function_of, reachable
from .interfaces import adopt_interface, methods_of

if TYPE_CHECKING:
    from ..kinds.kinds import Kind

_BOUND_LATE = (functools.partialmethod, functools.singledispatchmethod)
_MUTABLE = (list, dict, set, bytearray)
_OWN_WAYS = {
    "__new__": "the constructor is made from the annotations; do the rest in finish(self)",
    "__setattr__": "what is written is checked and stored; use a property with a setter",
    "__delattr__": "state is not deleted; assign None or a default",
    "__getattribute__": "what is read comes from the store; use a property",
    "__copy__": "an object has one identity: write a method that makes a new one",
    "__deepcopy__": "an object has one identity: write a method that makes a new one",
}
"""What a kind does in its own way, so that nobody would ever call what a class has."""


def _stub(self: Any) -> Any: ...


def _told_stub(self: Any) -> Any:
    """Nothing."""


async def _later_stub(self: Any) -> Any: ...


_STUBS = {stub.__code__.co_code for stub in (_stub, _told_stub, _later_stub)}


def check_remotable(cls: type) -> None:
    """Refuse what would be lost without a word in a `@remotable` class; raises TypeError."""
    refuse_finaliser(cls)
    _check_methods(cls)
    if "__dataclass_fields__" not in vars(cls) and "__post_init__" in vars(cls):
        raise TypeError(
            f"{_at(cls, '__post_init__')} is called by nobody: {cls.__name__} is no dataclass; "
            "call it __init__(self, ...)"
        )
    _adopt_protocols(cls)


def check_kind(cls: type) -> None:
    """Refuse what would be lost without a word in a `@durable` or `@virtual` class; raises TypeError."""
    name = cls.__name__
    refuse_finaliser(cls)
    if "__dataclass_fields__" in vars(cls):
        raise TypeError(
            f"durable class {name} cannot be a @dataclass too: the decorator of the kind makes its "
            "constructor from the annotations; leave @dataclass away"
        )
    from .shapes import annotations_of

    _check_bases(cls)
    for base in _own_bases(cls):
        fields = annotations_of(base)
        for attribute, value in list(vars(base).items()):
            if not _is_the_kinds(value):
                _check_attribute(cls, base, attribute, value, attribute in fields)
    _check_methods(cls)
    for attribute in ("finish", "__post_init__"):
        _check_finisher(cls, attribute)
    _adopt_protocols(cls)


def call_finishers(instance: Any) -> None:
    """Let a class finish a new instance: `__post_init__`, then `finish`, as far as it has them."""
    for name in ("__post_init__", "finish"):
        finisher = getattr(type(instance), name, None)
        if finisher is not None:
            finisher(instance)


def check_unchanged(kind: Kind) -> None:
    """Refuse a class that was changed after it became a kind; raises TypeError."""
    cls: Any = kind.cls
    if kind.constructor is not None and (
        cls.__init__ is not kind.constructor or "__dataclass_fields__" in vars(cls)
    ):
        raise TypeError(
            f"durable class {cls.__name__} was changed by a decorator above its own, such as @dataclass: "
            "leave that away, the constructor is made from the annotations"
        )


def _own_bases(cls: type) -> list[Any]:
    """A class and those of its bases that users wrote: no protocols, nothing of the library or of Python."""
    return [
        base
        for base in cls.__mro__
        if base.__module__ not in ("builtins", "typing", "abc", "typing_extensions")
        and not getattr(base, "_is_protocol", False)
        and ("__kind__" not in vars(base) or base is cls)
    ]


def _is_the_kinds(value: Any) -> bool:
    return type(value).__module__.startswith("swingset.guest.")


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
    where, name = _at(base, attribute), cls.__name__
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


def _check_methods(cls: type) -> None:
    """Refuse public attributes that are called like methods and that no message could reach."""
    for base in _own_bases(cls):
        for attribute, value in list(vars(base).items()):
            if attribute.startswith("_") or reachable(value) or isinstance(value, (type, *HELPERS)):
                if type(value) is CACHED and function_of(value) is not None:
                    _refuse_cached_coroutine(base, attribute, value)
                continue
            if _is_the_kinds(value):
                continue
            if callable(value) or isinstance(value, _BOUND_LATE):
                raise TypeError(
                    f"{_at(base, attribute)} is a {type(value).__name__}, which no message reaches: write "
                    f"`def {attribute}(self, ...)`, or call it _{attribute} if it is for its own methods"
                )


def _refuse_cached_coroutine(base: type, attribute: str, value: Any) -> None:
    function = function_of(value)
    if function is not None and function.__code__.co_flags & 0x80:
        raise TypeError(
            f"{_at(base, attribute)} is async and cached: a coroutine runs once, and the cache would give it "
            "out again; keep the answer in an attribute"
        )


def _check_finisher(cls: type, attribute: str) -> None:
    finisher = getattr(cls, attribute, None)
    if finisher is None:
        return
    function = function_of(finisher)
    if function is None:
        raise TypeError(f"{_at(cls, attribute)} must be a function: `def {attribute}(self)`")
    code = function.__code__
    if code.co_flags & 0x80:
        raise TypeError(
            f"{cls.__name__}.{attribute} cannot be async: an instance is finished when its constructor "
            "returns"
        )
    needed = code.co_argcount - len(function.__defaults__ or ())
    if needed > 1:
        raise TypeError(
            f"{_at(cls, attribute)} takes {', '.join(code.co_varnames[1:needed])}: it is called with self "
            "alone, when the fields have their values; what it needs of the constructor has to be a field"
        )


def _adopt_protocols(cls: type) -> None:
    for base in cls.__mro__[1:]:
        if not getattr(base, "_is_protocol", False) or base.__module__ in ("typing", "typing_extensions"):
            continue
        name, methods = methods_of(base)
        for method, declared in methods.items():
            definer: Any = next(owner for owner in cls.__mro__ if method in vars(owner))
            found = vars(definer)[method]
            if getattr(definer, "_is_protocol", False) and _is_stub(found):
                raise TypeError(
                    f"{cls.__name__} names the protocol {name} and has no method {method}: a message would "
                    "be answered by the protocol's empty one; define it"
                )
            adopt_interface(cls, name, method, declared)


def _is_stub(function: Any) -> bool:
    if type(function) is not FunctionType or function.__code__.co_code not in _STUBS:
        return False
    return all(const is None or const in (..., function.__doc__) for const in function.__code__.co_consts)


def _at(cls: type, attribute: str) -> str:
    """`Purse.total, line 12`; the line where it can be had."""
    function = attribute_of(cls, attribute)
    for inner in ("__func__", "fget", "func"):
        function = getattr(function, inner, function)
    function = function_of(function)
    line = f", line {function.__code__.co_firstlineno}" if function is not None else ""
    return f"{cls.__name__}.{attribute}{line}"
