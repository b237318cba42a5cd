"""Answers of the library as the data that a page is sent: dicts, lists, numbers and texts that are safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from swingset.model.visible import one_line

MOST_TEXT = 2_000
"""The most characters of one text."""


def plain(value: Any) -> Any:
    """A value as data; every text in it becomes one line, in which every character is drawn."""
    if isinstance(value, str):
        return one_line(value, MOST_TEXT)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    raise TypeError(f"a page cannot be sent {type(value).__name__}")


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))
