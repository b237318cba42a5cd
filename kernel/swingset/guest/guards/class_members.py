"""Tells what an attribute of a class is: a method that messages can call, a helper, or something else."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

CACHED = type(functools.cache(lambda: None))
"""The class of the objects that `functools.cache` and `lru_cache` return."""

HELPERS = (staticmethod, classmethod, property, functools.cached_property)
"""Attributes for the use of a class's own methods, which no message can call."""


def reachable(value: Any) -> bool:
    """Whether an attribute of a class is a method that messages can call."""
    return type(value) is FunctionType or type(value) is CACHED


def why_unreachable(cls: type, name: str) -> str:
    """The end of an error for a message to `name`, if that is a helper of the class; else an empty text."""
    value = attribute_of(cls, name)
    for helper in HELPERS:
        if isinstance(value, helper):
            return f"; its @{helper.__name__} {name} is a helper for its own methods, and no message calls it"
    return ""


def attribute_of(cls: type, name: str) -> Any:
    """An attribute as it is stored in a class, without calling its `__get__`; None if there is none."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def function_of(value: Any) -> FunctionType | None:
    """The function that decorators have wrapped; None if it is not a function."""
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return value if type(value) is FunctionType else None
