"""Variables that would run code of their own when they are asked anything. Adding one is a line in `ODD`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock, Mock


class Odd:
    """An object whose every method is an alarm."""

    def alarm(self, *_: Any) -> Any:
        """Stop the test."""
        raise SystemExit("code of a variable has run")

    __getattribute__ = __eq__ = __len__ = __iter__ = __repr__ = __bool__ = __contains__ = alarm
    __class__ = property(alarm)  # type: ignore[assignment]
    __hash__ = alarm  # type: ignore[assignment]
    keys = values = items = __getitem__ = alarm


class Meta(type):
    """A metaclass whose every method is an alarm."""

    def alarm(cls, *_: Any) -> Any:
        """Stop the test."""
        raise SystemExit("code of a metaclass has run")

    __getattribute__ = __eq__ = __instancecheck__ = __subclasscheck__ = __repr__ = alarm
    __hash__ = alarm  # type: ignore[assignment]


class OfMeta(metaclass=Meta):
    """An instance of it."""


class LyingDict(dict):  # type: ignore[type-arg]
    """A dict whose methods are alarms."""

    __iter__ = __len__ = keys = values = items = Odd.alarm  # type: ignore[assignment]


class OddDict:
    """An object whose __dict__ is a property."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise SystemExit("code of a variable has run")


ODD: dict[str, Callable[[], Any]] = {
    "object": Odd,
    "metaclass": OfMeta,
    "class of a metaclass": lambda: OfMeta,
    "dict": lambda: LyingDict(a=1),
    "dict property": OddDict,
    "mock": lambda: Mock(spec=dict),
    "magic mock": lambda: MagicMock(spec=list),
    "generator": lambda: (item for item in ()),
    "module": lambda: random,
    "exception": lambda: ValueError("x"),
}
CLASSES = {"Odd": Odd, "OddDict": OddDict, "LyingDict": LyingDict}
