"""What stands in a class under a name: a method that messages can call, a helper, or something else."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

CACHED = type(functools.cache(lambda: None))
"""The class of what `functools.cache` and `lru_cache` make of a function."""

HELPERS = (staticmethod, classmethod, property, functools.cached_property)
"""What a class has for its own methods, and no message reaches."""


def reachable(value: Any) -> bool:
    """Whether an attribute of a class is a method that messages can call."""
    return type(value) is FunctionType or type(value) is CACHED


def why_unreachable(cls: type, name: str) -> str:
    """What else a class has by a name that is no method, in words; empty if that is nobody's business."""
    value = attribute_of(cls, name)
    for helper in HELPERS:
        if isinstance(value, helper):
            return f"; its @{helper.__name__} {name} is a helper for its own methods, and no message calls it"
    return ""


def attribute_of(cls: type, name: str) -> Any:
    """An attribute as it stands in the class, whatever it would give when it is looked up."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def function_of(value: Any) -> FunctionType | None:
    """The function that decorators have wrapped, if there is one."""
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return value if type(value) is FunctionType else None
