"""How much of an answer a notebook shows: a bound that does not grow with the world, and how to see the rest.

What a cell shows is stored in the notebook file, in three forms. A world may have millions of objects, so
every answer of a magic passes through `fit`: at most `ROWS` rows of a table, `LINES` lines of a text, and
`BYTES` of all forms together. The line below says what to type for the rest. Only a user who asks for more,
with `--rows N` or `--all`, gets more.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from swingset_nb.arguments import LineParser
from swingset_nb.errors import BadArguments
from swingset_nb.render import Message, Room, Shown

ROWS = 50
"""The most rows of a table, or lines of a message, unless the user asks for more."""
LINES = 400
"""The most lines of a difference or a trace."""
BYTES = 60_000
"""The most bytes that the forms of one answer have together."""
EVERYTHING = 2**53
"""A number of rows that no world has."""
_MOST_TYPED = 160


@dataclass(frozen=True)
class Extent:
    """What the user has asked for: a number of rows, everything, or neither."""

    rows: int | None = None
    everything: bool = False

    def most(self, usual: int = ROWS) -> int:
        """The most rows to look for; `usual` if the user has not said."""
        if self.everything:
            return EVERYTHING
        return usual if self.rows is None else self.rows


def add_extent(parser: LineParser) -> None:
    """Add `--rows` and `--all` to the parser of a line."""
    hidden = argparse.SUPPRESS  # every line takes them, so `%swingset help` says it once
    parser.add_argument("--rows", type=int, metavar="N", help=hidden)
    parser.add_argument("--all", action="store_true", help=hidden)


def extent_of(given: argparse.Namespace) -> Extent:
    """What a line asks for; raises `BadArguments` for a number of rows below 1."""
    if given.rows is not None and given.rows < 1:
        raise BadArguments(f"--rows takes a number from 1, not {given.rows}", "--rows 200")
    return Extent(given.rows, given.all)


def fit(shown: Shown, typed: str, extent: Extent = Extent(), rest: str = "") -> Shown:
    """Cut an answer down to what is shown of it.

    Args:
        shown: the answer.
        typed: the line that was typed, which shows more with `--rows N`.
        extent: what the user has asked for.
        rest: what shows the rest, if typing the same line again would do something again.
    """
    if extent.everything:
        return shown
    if extent.rows is not None:
        return shown.cut(Room(extent.rows, extent.rows, rest, "`--rows {}`"))
    long = len(typed) > _MOST_TYPED or "`" in typed or "{" in typed
    again = "the same line with `--rows {}`" if long else f"`{typed} --rows {{}}`"
    rows, lines = ROWS, LINES
    while size(found := shown.cut(Room(rows, lines, rest, again))) > BYTES:
        if lines == 1:
            return _too_long(size(shown), rest or f"`{'--all' if long else f'{typed} --all'}` shows it")
        rows, lines = max(1, rows // 2), max(1, lines // 2)
    return found


def size(shown: Shown) -> int:
    """How many bytes the forms of an answer have together."""
    return sum(len(form.encode()) for form in shown._repr_mimebundle_().values())


def _too_long(count: int, rest: str) -> Message:
    return Message(f"the answer takes {count:,} bytes, too many for a notebook", (), (rest,))
