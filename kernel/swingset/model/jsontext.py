"""JSON from a stranger, read within bounds.

Python's own reader recurses on the host's stack, so how deep is too deep would depend on who calls. Here
depth is counted in the text before anything is built, and whatever is wrong is one exception, a
`MalformedJSON`, whose words fit behind the name of the place.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

DEEPEST = 100
"""How many lists and dicts may lie in each other. What the kernel itself writes has four or five."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class MalformedJSON(ValueError):
    """The text is not JSON, or deeper than allowed."""


def parse(text: str, deepest: int = DEEPEST) -> Any:
    """The value of a JSON text. Raises `MalformedJSON` for anything else."""
    if is_deeper(text, deepest):
        raise MalformedJSON(f"is JSON of more than {deepest} levels")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as problem:
        raise MalformedJSON(f"is no JSON ({str(problem)[:80]})") from None
    except RecursionError:
        raise MalformedJSON("is JSON of too many levels for this host") from None


def is_deeper(text: str, deepest: int) -> bool:
    """Whether lists and dicts lie in each other more than so many levels deep."""
    if text.count("[") + text.count("{") <= deepest:
        return False
    depth = 0
    for found in _TOKEN.finditer(text):
        mark = text[found.start()]
        if mark in "[{":
            depth += 1
            if depth > deepest:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
