"""Merges the changes of many commits into the net changes between two, so that a long way is one step.

To merge the changes of a commit costs a few microseconds; to apply them by themselves costs a hundred times
as much. Merged changes are applied or undone piece by piece. A piece is bounded, because a hostile file can
have small changesets that unpack to very much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apsw

from .codec import Unpacking
from .errors import HistoryBroken

MOST_MERGED = 16 << 20
"""How many bytes of changes are merged into one piece."""

MOST_ALONE = 1 << 20
"""How many bytes the changes of one commit may have to be merged with others."""

Changes = Unpacking | bytes
"""A changeset, packed or plain."""


def merged(way: Iterable[Unpacking], *, backwards: bool) -> Iterator[Changes]:
    """Merge changes that are applied one after the other, or undone: `way` has them in the order of travel.

    Yields pieces in the order of travel. Raises `HistoryBroken` for changes that cannot be read.
    """
    some: list[Unpacking] = []
    size = 0
    for changes in way:
        if some and (size + changes.size > MOST_MERGED or changes.size > MOST_ALONE):
            yield _one(some, backwards)
            some, size = [], 0
        if changes.size > MOST_ALONE:
            yield changes
        elif changes.size:
            some.append(changes)
            size += changes.size
    if some:
        yield _one(some, backwards)


def whole_of(way: Iterable[Unpacking]) -> bytes:
    """Merge changes that are applied one after the other into one changeset, however large it is."""
    builder = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]
    for changes in way:
        if changes.size:
            _add(builder, changes)
    return builder.output()


def _one(some: list[Unpacking], backwards: bool) -> bytes:
    if len(some) == 1:
        return some[0].whole()
    builder = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]
    for changes in reversed(some) if backwards else some:
        _add(builder, changes)
    return builder.output()


def _add(builder: apsw.ChangesetBuilder, changes: Unpacking) -> None:
    try:
        builder.add(changes.whole() if changes.size <= MOST_ALONE else changes.reader())
    except (apsw.Error, UnicodeDecodeError) as problem:
        raise HistoryBroken(f"{changes.what}: its changeset cannot be read: {problem}") from problem
