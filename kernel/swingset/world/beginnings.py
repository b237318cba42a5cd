"""Where the transcripts of a file begin, if older entries are not in it.

A transcript that has all its entries begins at position 0. A world that was unpacked from an archive may have
only the later ones: those since the heap image, or those of the current incarnation. The running hash still
covers the entries before. So the file stores, for each such vat, the position and the running hash at which
its entries begin, and which older hashes the state names. `verify` then knows an entry that is left out from
one that was lost. The seal of all names covers this row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from swingset.model.foreign import Unreadable, read_json
from swingset.model.refs import is_vat_id
from swingset.model.spelling import canonical

from . import names
from .errors import DamagedRow
from .rows import MOST, is_hash

KEY = "begins"
"""The key of the row of `meta`."""


@dataclass(frozen=True)
class Beginning:
    """Where the entries of one vat begin: a position, and the running hash before it.

    `older` are the running hashes before that one that the world names.
    """

    position: int
    hash: str | None
    older: tuple[str, ...] = ()


def beginnings(db: apsw.Connection, name: str) -> dict[str, Beginning]:
    """The beginnings by vat, of those vats that lack older entries. Raises `DamagedRow`."""
    text = names.stored(db, KEY)
    if text is None:
        return {}
    try:
        found = read_json(text)
    except Unreadable as problem:
        raise DamagedRow(name, "meta", KEY, f"it is {problem}") from None
    if not are_beginnings(found):
        raise DamagedRow(name, "meta", KEY, "it does not say where transcripts begin")
    return read(found)


def are_beginnings(found: Any) -> bool:
    """Whether JSON data are beginnings."""
    return isinstance(found, dict) and all(_is_beginning(vat, given) for vat, given in found.items())


def read(found: Mapping[str, Any]) -> dict[str, Beginning]:
    """Beginnings out of JSON data that are some."""
    return {vat: Beginning(at, before, tuple(older)) for vat, (at, before, older) in found.items()}


def as_json(found: Mapping[str, Beginning]) -> dict[str, Any]:
    """Beginnings as JSON data."""
    return {vat: [at.position, at.hash, list(at.older)] for vat, at in found.items()}


def keep(db: apsw.Connection, found: Mapping[str, Beginning]) -> None:
    """Store the beginnings, in the caller's transaction; the caller then renews the seal of all names."""
    db.execute("DELETE FROM meta WHERE key = ?", (KEY,))
    if found:
        names.keep(db, KEY, canonical(as_json(found)))


def left_out(found: Mapping[str, Beginning]) -> Iterator[str]:
    """The hashes of entries that the world names and that are left out of its file."""
    for at in found.values():
        if at.hash is not None:
            yield at.hash
        yield from at.older


def _is_beginning(vat: Any, given: Any) -> bool:
    return (
        is_vat_id(vat)
        and isinstance(given, list)
        and len(given) == 3
        and type(given[0]) is int
        and 0 < given[0] < MOST
        and is_hash(given[1])
        and isinstance(given[2], list)
        and all(map(is_hash, given[2]))
    )
