"""A difference of sources as an answer: side by side in HTML, a unified diff in Markdown and plain text.

A changed line is tinted as a whole, the words in it that are different are bold, and each line has its sign
and its number, so colour is never the only mark. All styles are in the elements, because a notebook that is
not trusted keeps nothing else.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from swingset.lens.source.difference import Difference
from swingset.lens.source.sides import DiffRow, Piece, Side
from swingset.model.visible import one_line, visible
from swingset_nb.render import Diff, Message, Room, Shown, Stack
from swingset_nb.sanitised import safe_text

SIGNS = {"same": (" ", " "), "changed": ("−", "+"), "removed": ("−", " "), "added": (" ", "+")}
"""The signs of the two sides of a row."""
MOST_ROWS = 2_000
"""The most rows that are made of a difference."""
_LONGEST = 1_000
_CELL = "text-align:left;vertical-align:top;padding:0;border:0"
_PRE = "margin:0;padding:0 6px;white-space:pre-wrap"
_TINTS = (";background-color:rgba(248,81,73,0.16)", ";background-color:rgba(46,160,67,0.16)")
_MARKS = ("background-color:rgba(248,81,73,0.32)", "background-color:rgba(46,160,67,0.32)")
_TONES: dict[str, str] = {
    "keyword": "color:#a0489c",
    "text": "color:#1a7f37",
    "number": "color:#b35900",
    "comment": "color:#6e7781;font-style:italic",
    "name": "color:#2f6fd0",
    "mark": "color:#7a5af0",
}


@dataclass(frozen=True, repr=False)
class SideBySide(Shown):
    """The lines of a unified diff, and the same change in rows of two sides.

    `hidden` is how many rows there are behind those that were made.
    """

    title: str
    lines: Sequence[str]
    rows: Sequence[DiffRow]
    hidden: int = 0

    @classmethod
    def of(cls, difference: Difference) -> SideBySide:
        """A difference in both forms."""
        return cls(difference.part, difference.unified(), *difference.first_rows(MOST_ROWS))

    def cut(self, room: Room) -> Shown:  # noqa: D102
        kept = min(room.lines, len(self.rows)) if self.hidden else room.lines
        left = max(len(self.lines), len(self.rows) + self.hidden) - kept
        if left <= 0:
            return self
        shown = SideBySide(self.title, self.lines[:kept], self.rows[:kept])
        return Stack([shown, Message(room.more(left, kept))])

    def plain(self) -> str:  # noqa: D102
        return Diff(self.lines).plain()

    def markdown(self) -> str:  # noqa: D102
        return Diff(self.lines).markdown()

    def html(self) -> str:  # noqa: D102
        title = safe_text(one_line(self.title, 80))
        head = "".join(
            f'<th scope="col" style="{_CELL}">{title}, {which}</th>' for which in ("running", "this cell")
        )
        body = "".join(map(_row, self.rows))
        style = "border-collapse:collapse;width:100%;table-layout:fixed"
        return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(row: DiffRow) -> str:
    if row.change == "gap":
        return f'<tr><td colspan="2" style="{_CELL}">⋯</td></tr>'
    signs = SIGNS[row.change]
    cells = [_side(side, signs[at], at) for at, side in enumerate((row.old, row.new))]
    return f"<tr>{''.join(cells)}</tr>"


def _side(side: Side | None, sign: str, at: int) -> str:
    if side is None:
        return f'<td style="{_CELL}"></td>'
    tint = _TINTS[at] if sign.strip() else ""
    text, room = "", _LONGEST
    for piece in side.pieces:
        text += _piece(piece, at, room)
        room -= len(piece.text)
        if room < 0:
            break
    return f'<td style="{_CELL}"><pre style="{_PRE}{tint}">{side.number:4} {sign} {text}</pre></td>'


def _piece(piece: Piece, at: int, room: int) -> str:
    text = html.escape(visible(piece.text[: room + 1], max(1, room)), quote=True)
    if piece.marked:
        return f'<b style="{_MARKS[at]}">{text}</b>'
    tone = _TONES.get(piece.tone, "")
    return f'<span style="{tone}">{text}</span>' if tone else text
