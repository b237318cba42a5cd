"""Paths into plain data: keys of objects and indices of arrays, and nothing that is inherited."""

from __future__ import annotations

import re
from typing import Any

from ..values import HALF_PAIR, Malformed, Ref, Refused, Tagged, is_sound

Part = str | int
"""A key or an index. Clients write an index as a text of its digits, too."""

_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
_LONGEST = 100


def checked(path: Any) -> list[Part]:
    """A path; raises `Malformed` for what is none, and `Refused` for one that no vat can be sent."""
    if type(path) is not list or len(path) > _LONGEST:
        raise Malformed(f"a path has at most {_LONGEST} names")
    for part in path:
        if type(part) not in (str, int):
            raise Malformed("a path has names and indices")
        if type(part) is str and not is_sound(part):
            raise Refused(HALF_PAIR)
    return path


def projected(value: Any, path: list[Part]) -> Any:
    """A part of plain data; raises `Refused` if there is none."""
    for part in path:
        if isinstance(value, Tagged) and value.tag == "tuple":
            value = value.value
        if isinstance(value, Ref):
            raise Refused("an object has methods to call, and no properties to read")
        value = _part(value, part)
    return value


def _part(value: Any, part: Part) -> Any:
    if type(value) is dict and type(part) is str and part in value:
        return value[part]
    if type(value) is list:
        index = int(part) if type(part) is int or _INDEX.match(str(part)) else -1
        if 0 <= index < len(value):
            return value[index]
    raise Refused(f"the value has no part {str(part)[:40]!a}")
