"""Vat source code, addressed by content.

A bundle is the ordered list of a vat's parts as JSON. Its id is the hash of that text, so the same code is
stored once, and code that was altered in the file does not match its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swingset.model.capdata import is_well_formed
from swingset.model.foreign import Unreadable, read_json, shown
from swingset.model.spelling import canonical

from .bulk import stored
from .errors import DamagedRow, DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile


class Bundles:
    """The bundle table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._pile = world.memory.pile("bundles", 2)

    def put(self, parts: Sequence[tuple[str, str]]) -> str:
        """Store these parts, in this order; returns the bundle's id. Raises `TypeError` if they are none."""
        text = _text(parts)
        bundle = _id(text)
        self._world.begin()
        self._world.memory.lay(self._pile, (bundle, text))
        return bundle

    def id_of(self, parts: Sequence[tuple[str, str]]) -> str:
        """The id of a bundle of these parts, remembered or not."""
        return _id(_text(parts))

    def get(self, id: str) -> tuple[tuple[str, str], ...]:
        """The parts of a bundle; raises `DamagedWorld` if it was altered."""
        (text,) = stored(self._world, "SELECT source FROM bundles WHERE id = ?", id, f"bundle {id}")
        if _id(text) != id:
            raise DamagedWorld(f"{self._world.name}: bundle {id} was altered: its code has another hash")
        return _parts(self._world.name, id, text)


def check_parts(parts: Sequence[tuple[str, str]]) -> None:
    """Raise `TypeError` unless these are parts, each a name and a text that can be stored."""
    for number, part in enumerate(parts, 1):
        if not _is_part(part):
            words = f"part {number} of a vat's code is no pair of a name and a text: {shown(part)}"
            raise TypeError(words)


def _text(parts: Sequence[tuple[str, str]]) -> str:
    check_parts(parts)
    return canonical([[name, source] for name, source in parts])


def _parts(world: str, id: str, text: str) -> tuple[tuple[str, str], ...]:
    try:
        found = read_json(text)
    except Unreadable as problem:
        raise DamagedRow(world, "bundles", id[:19], f"source is {problem}") from None
    if not isinstance(found, list) or not all(_is_part(part) for part in found):
        raise DamagedRow(world, "bundles", id[:19], "source is no list of parts, each a name and a text")
    return tuple((name, source) for name, source in found)


def _is_part(part: Any) -> bool:
    return (
        isinstance(part, list | tuple)
        and len(part) == 2
        and all(isinstance(text, str) and is_well_formed(text) for text in part)
    )


def _id(text: str) -> str:
    return "b1-" + hashlib.sha512(text.encode()).hexdigest()
