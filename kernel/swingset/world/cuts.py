"""Where the past of a file was cut off: which commit comes right after the empty world, and what is gone.

A file that was cut says so in a row of `meta`, which the seal of the names covers. The first commit after the
empty world is then the one that it names, and that commit has no records. Where its transcripts begin is said
as for any file that lacks older entries (`swingset.world.beginnings`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import canonical

from .beginnings import Beginning
from .rows import MOST, RULES

if TYPE_CHECKING:
    from .codec import Unpacking

KEY = "cut"
"""The key of the row of `meta`."""


class Cut(NamedTuple):
    """The commit after which the past is kept, and its last crank and record."""

    seq: int
    crank: int
    record: int

    def text(self) -> str:
        """The cut as the file has it."""
        return canonical(list(self))


def read_cut(text: str | None) -> Cut | None:
    """The cut that a row says, or None if it says none."""
    try:
        raw = None if text is None else read_json(text)
    except Unreadable:
        return None
    if not isinstance(raw, list) or len(raw) != len(Cut._fields):
        return None
    if not all(type(part) is int and 0 <= part <= MOST for part in raw) or raw[0] == 0:
        return None
    return Cut(*raw)


def spans_in(changes: Unpacking) -> Iterator[dict[str, Any]]:
    """The rows of the spans of vats that a changeset writes, by column."""
    for change in apsw.Changeset.iter(changes.reader()):
        if change.name == "spans" and change.new is not None:
            yield dict(zip(RULES["spans"], change.new, strict=True))


def beginning(span: dict[str, Any], *, to_image: bool) -> Beginning | None:
    """Where a transcript begins without what is before a span's incarnation, or before its heap image."""
    at, before = span["incarnation_start"], span["incarnation_hash"]
    older: tuple[str, ...] = ()
    if to_image and span["snapshot"] is not None and span["start"] > at:
        older = (before,) if before is not None else ()
        at, before = span["start"], span["start_hash"]
    return None if before is None or at == 0 else Beginning(at, before, older)
