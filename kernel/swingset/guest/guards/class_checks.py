"""Refuses what a class may have in Python but what would silently do nothing in a vat.

Most of Python's classes work in a vat: inheritance, properties, static and class methods as helpers, wrapping
decorators, operators, generics. But a message can call only functions, so a method that is another sort of
object could never be called. The class decorator refuses such a method, with its line and what to write
instead. (`kinds.kind_checks` refuses what only a stored object loses.)

A class with a `Protocol` among its bases has that interface. It must define the protocol's methods itself,
and a parameter without an annotation is guarded by the protocol's.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

from ..base.collector import refuse_finaliser
from .class_members import CACHED, HELPERS, attribute_of, function_of, reachable
from .conformance import adopt_interface
from .interfaces import methods_of

_BOUND_LATE = (functools.partialmethod, functools.singledispatchmethod)


def _stub(self: Any) -> Any: ...


def _told_stub(self: Any) -> Any:
    """Nothing."""


async def _later_stub(self: Any) -> Any: ...


_STUBS = {stub.__code__.co_code for stub in (_stub, _told_stub, _later_stub)}


def check_remotable(cls: type) -> None:
    """Raise TypeError for a part of a `@remotable` class that would silently do nothing."""
    refuse_finaliser(cls)
    check_methods(cls)
    if "__dataclass_fields__" not in vars(cls) and "__post_init__" in vars(cls):
        raise TypeError(
            f"{line_of(cls, '__post_init__')} is never called: {cls.__name__} is not a dataclass; "
            "name it __init__(self, ...)"
        )
    adopt_protocols(cls)


def own_bases(cls: type) -> list[Any]:
    """A class and those of its bases that users wrote, without protocols and classes of the libraries."""
    return [
        base
        for base in cls.__mro__
        if base.__module__ not in ("builtins", "typing", "abc", "typing_extensions")
        and not getattr(base, "_is_protocol", False)
        and ("__kind__" not in vars(base) or base is cls)
    ]


def is_the_librarys(value: Any) -> bool:
    """Whether this library added an attribute to a class."""
    return type(value).__module__.startswith("swingset.guest.")


def check_methods(cls: type) -> None:
    """Raise TypeError for a public attribute that looks like a method but that no message could call."""
    for base in own_bases(cls):
        for attribute, value in list(vars(base).items()):
            if attribute.startswith("_") or reachable(value) or isinstance(value, (type, *HELPERS)):
                if type(value) is CACHED and function_of(value) is not None:
                    _refuse_cached_coroutine(base, attribute, value)
                continue
            if is_the_librarys(value):
                continue
            if callable(value) or isinstance(value, _BOUND_LATE):
                raise TypeError(
                    f"{line_of(base, attribute)} is a {type(value).__name__}, which no message reaches: "
                    f"write `def {attribute}(self, ...)`, or call it _{attribute} if it is for its own "
                    "methods"
                )


def _refuse_cached_coroutine(base: type, attribute: str, value: Any) -> None:
    function = function_of(value)
    if function is not None and function.__code__.co_flags & 0x80:
        raise TypeError(
            f"{line_of(base, attribute)} is async and cached: a coroutine runs once, and the cache would "
            "give it out again; keep the answer in an attribute"
        )


def adopt_protocols(cls: type) -> None:
    """Guard a class by the protocols among its bases; raises TypeError if it lacks one of their methods."""
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


def line_of(cls: type, attribute: str) -> str:
    """A name for an attribute in errors, `Purse.total, line 12`; without the line if that is unknown."""
    function = attribute_of(cls, attribute)
    for inner in ("__func__", "fget", "func"):
        function = getattr(function, inner, function)
    function = function_of(function)
    line = f", line {function.__code__.co_firstlineno}" if function is not None else ""
    return f"{cls.__name__}.{attribute}{line}"
