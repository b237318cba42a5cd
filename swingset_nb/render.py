"""Renders an answer in three forms with the same content.

HTML is for the notebook, Markdown is for programs that convert notebooks, and plain text is for terminals and
comparisons. All are static and deterministic: no scripts, no times, no addresses. Pictures are in `<img>`
with the SVG as its address, because untrusted notebooks remove inline SVG. Every text is escaped here and
nowhere else: code that builds an answer passes text unescaped.

An answer can be cut to a `Room`, and says then what is left out; `extent` decides how large the room is.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from swingset.lens.pictures.paper import Picture
from swingset.model.visible import one_line, visible
from swingset_nb.sanitised import safe_text

Bundle = dict[str, str]

_CELL = "text-align:left;padding:3px 10px;border:1px solid rgba(128,128,128,0.35)"
_HEAD = _CELL + ";font-weight:bold"
_CODE = "font-family:monospace;padding:1px 5px;border:1px solid rgba(128,128,128,0.35)"
_ADDED = "background-color:rgba(46,160,67,0.18)"
_REMOVED = "background-color:rgba(248,81,73,0.18)"
_PRE = "line-height:1.35;padding:8px;border:1px solid rgba(128,128,128,0.35)"
_BUTTON = "display:inline-block;padding:4px 12px;border-radius:4px;border:1px solid rgba(128,128,128,0.6)"
_MOST_IN_CELL = 120
_LONGEST_LINE = 2_000
_MOST_IN_LINE = 1_000
_MOST_HINTS = 8


@dataclass(frozen=True)
class Room:
    """The most rows and lines of an answer, and how its reader sees more.

    `rest` says what shows the rest. If it is empty, the same line shows more with another number: `again` is
    that line, with `{}` for the number.
    """

    rows: int
    lines: int
    rest: str
    again: str

    def more(self, left: int, kept: int) -> str:
        """A sentence about what is left out."""
        if self.rest:
            return f"and {left:,} more: {self.rest}"
        count = min(left + kept, max(200, 4 * kept))
        return f"and {left:,} more: {self.again.replace('{}', str(count))} shows {count:,}, `--all` shows all"


class Shown:
    """An answer that a cell can return."""

    def plain(self) -> str:
        """As text for a terminal."""
        raise NotImplementedError

    def markdown(self) -> str:
        """As markdown."""
        raise NotImplementedError

    def html(self) -> str:
        """As HTML without scripts."""
        raise NotImplementedError

    def cut(self, room: Room) -> Shown:  # noqa: ARG002
        """The answer, as far as there is room for it."""
        return self

    def __repr__(self) -> str:
        return self.plain()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:  # noqa: ARG002
        return {"text/plain": self.plain(), "text/markdown": self.markdown(), "text/html": self.html()}


@dataclass(frozen=True, repr=False)
class Message(Shown):
    """A sentence, some lines below it, and hints what to type next."""

    headline: str
    lines: Sequence[str] = ()
    hints: Sequence[str] = ()

    def cut(self, room: Room) -> Message:  # noqa: D102
        lines, left = _cut_lines(self.lines, room.rows)
        hints, unsaid = _cut_lines(self.hints, max(_MOST_HINTS, room.rows // 4))
        if left or unsaid:
            lines.append(room.more(left or unsaid, len(lines)))
        return Message(_line(self.headline, _MOST_IN_LINE), lines, hints)

    def plain(self) -> str:  # noqa: D102
        lines = [one_line(self.headline), *(f"  {one_line(line)}" for line in self.lines)]
        return "\n".join([*lines, *(f"→ {one_line(hint)}" for hint in self.hints)])

    def markdown(self) -> str:  # noqa: D102
        parts = [_md(self.headline)]
        if self.lines:
            parts.append("\n".join(f"- {_md(line)}" for line in self.lines))
        parts += [f"→ {_md(hint)}" for hint in self.hints]
        return "\n\n".join(parts)

    def html(self) -> str:  # noqa: D102
        parts = [f"<div><b>{_ht(self.headline)}</b></div>"]
        if self.lines:
            items = "".join(f"<li>{_ht(line)}</li>" for line in self.lines)
            parts.append(f'<ul style="margin:4px 0">{items}</ul>')
        parts += [f"<div>→ {_with_code(hint)}</div>" for hint in self.hints]
        return "".join(parts)


@dataclass(frozen=True, repr=False)
class SavedFile(Shown):
    """A file that was written, with a link that downloads it if it is below the notebook's folder.

    The link has the address of the file beside the notebook, so it needs no server but the notebook's own.
    """

    path: str
    said: Message

    def cut(self, room: Room) -> SavedFile:  # noqa: D102
        return SavedFile(self.path, self.said.cut(room))

    def plain(self) -> str:  # noqa: D102
        return self.said.plain()

    def markdown(self) -> str:  # noqa: D102
        return self.said.markdown()

    def html(self) -> str:  # noqa: D102
        path = os.path.normpath(self.path)
        if os.path.isabs(path) or path.split(os.sep)[0] == os.pardir:
            return self.said.html()
        name = _ht(os.path.basename(path))
        link = f'<a href="{quote(path)}" download style="{_BUTTON}">Download {name}</a>'
        return f'{self.said.html()}<div style="margin:6px 0">{link}</div>'


@dataclass(frozen=True, repr=False)
class Line(Shown):
    """Facts in one line, the first of them in bold."""

    facts: Sequence[str]

    def plain(self) -> str:  # noqa: D102
        return one_line(" · ".join(self.facts), _LONGEST_LINE)

    def markdown(self) -> str:  # noqa: D102
        first, *rest = self._cut()
        return " · ".join([f"**{_md(first)}**", *map(_md, rest)])

    def html(self) -> str:  # noqa: D102
        first, *rest = self._cut()
        return "<div>" + " · ".join([f"<b>{_ht(first)}</b>", *map(_ht, rest)]) + "</div>"

    def _cut(self) -> list[str]:
        return self.plain().split(" · ")


@dataclass(frozen=True, repr=False)
class Table(Shown):
    """Rows under a caption; `empty` is shown if there are none."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str = "nothing"
    notes: Sequence[str] = ()

    def cut(self, room: Room) -> Table:  # noqa: D102
        rows, left = self.rows[: room.rows], max(0, len(self.rows) - room.rows)
        notes, unsaid = _cut_lines(self.notes, max(_MOST_HINTS, room.rows // 4))
        if left or unsaid:
            notes.insert(0, room.more(left or unsaid, len(rows)))
        columns = [_line(str(column), _MOST_IN_CELL) for column in self.columns]
        return Table(_line(self.caption, _MOST_IN_LINE), columns, rows, self.empty, notes)

    def plain(self) -> str:  # noqa: D102
        if not self.rows:
            return "\n".join([one_line(f"{self.caption}: {self.empty}"), *map(one_line, self.notes)])
        grid = [[one_line(str(column)) for column in self.columns], *self.texts()]
        widths = [max(len(row[place]) for row in grid) for place in range(len(self.columns))]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in grid
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join([one_line(self.caption), *lines, *map(one_line, self.notes)])

    def markdown(self) -> str:  # noqa: D102
        if not self.rows:
            return "\n\n".join([f"**{_md(self.caption)}**: {_md(self.empty)}", *map(_md, self.notes)])
        lines = [_md_row(self.columns), _md_row(["---"] * len(self.columns), escaped=True)]
        lines += [_md_row(row) for row in self.texts()]
        return "\n\n".join([f"**{_md(self.caption)}**", "\n".join(lines), *map(_md, self.notes)])

    def html(self) -> str:  # noqa: D102
        notes = "".join(f"<div>{_with_code(note)}</div>" for note in self.notes)
        if not self.rows:
            return f"<div><b>{_ht(self.caption)}</b>: {_ht(self.empty)}</div>{notes}"
        head = "".join(f'<th scope="col" style="{_HEAD}">{_ht(column)}</th>' for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{_ht(text)}</td>' for text in row) + "</tr>"
            for row in self.texts()
        )
        return (
            f'<table style="border-collapse:collapse"><caption style="text-align:left;font-weight:bold">'
            f"{_ht(self.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
        )

    def texts(self) -> list[list[str]]:
        """The rows as short texts, safe to show."""
        return [
            [one_line(_begin(_cell(value), _MOST_IN_CELL), _MOST_IN_CELL) for value in row]
            for row in self.rows
        ]


@dataclass(frozen=True, repr=False)
class Diff(Shown):
    """The lines of a unified diff."""

    lines: Sequence[str]

    def cut(self, room: Room) -> Shown:  # noqa: D102
        lines, left = _cut_lines(self.lines, room.lines)
        return Stack([Diff(lines), Message(room.more(left, len(lines)))]) if left else Diff(lines)

    def plain(self) -> str:  # noqa: D102
        return "\n".join(_line(line) for line in self.lines)

    def markdown(self) -> str:  # noqa: D102
        fence = "````"
        return f"{fence}diff\n{self.plain().replace(fence, '` ` ` `')}\n{fence}"

    def html(self) -> str:  # noqa: D102
        spans = []
        for line in self.lines:
            style = "" if line.startswith(("+++", "---")) else {"+": _ADDED, "-": _REMOVED}.get(line[:1], "")
            spans.append(f'<span style="{style}">{_in_pre(line)}</span>' if style else _in_pre(line))
        return f'<pre style="{_PRE}">' + "\n".join(spans) + "</pre>"


@dataclass(frozen=True, repr=False)
class Listing(Shown):
    """Lines of text of one width, under a caption, such as a trace."""

    caption: str
    lines: Sequence[str]

    def cut(self, room: Room) -> Shown:  # noqa: D102
        caption = _line(self.caption, _MOST_IN_LINE)
        lines, left = _cut_lines(self.lines, room.lines)
        shown = Listing(caption, lines)
        return Stack([shown, Message(room.more(left, len(lines)))]) if left else shown

    def plain(self) -> str:  # noqa: D102
        return "\n".join([one_line(self.caption), *map(_line, self.lines)])

    def markdown(self) -> str:  # noqa: D102
        fence = "````"
        listed = "\n".join(map(_line, self.lines)).replace(fence, "` ` ` `")
        return f"**{_md(self.caption)}**\n\n{fence}text\n{listed}\n{fence}"

    def html(self) -> str:  # noqa: D102
        listed = "\n".join(map(_in_pre, self.lines))
        return f'<div><b>{_ht(self.caption)}</b></div><pre style="{_PRE}">{listed}</pre>'


@dataclass(frozen=True, repr=False)
class Drawn(Shown):
    """A picture of a world, with a text for readers who cannot see it."""

    picture: Picture

    def plain(self) -> str:  # noqa: D102
        return self.picture.words

    def markdown(self) -> str:  # noqa: D102
        fence = "````"
        return f"{fence}\n{self.picture.words.replace(fence, '` ` ` `')}\n{fence}"

    def html(self) -> str:  # noqa: D102
        alt = html.escape(self.picture.words, quote=True)
        return (
            f'<img alt="{alt}" src="{self.picture.data_uri}" width="{self.picture.width}" '
            f'height="{self.picture.height}" style="max-width:100%;height:auto">'
        )


@dataclass(frozen=True, repr=False)
class Illustrated(Shown):
    """An answer with a picture of it above, for readers who see pictures: the answer says the same."""

    picture: Picture
    answer: Shown

    def cut(self, room: Room) -> Illustrated:  # noqa: D102
        return Illustrated(self.picture, self.answer.cut(room))

    def plain(self) -> str:  # noqa: D102
        return self.answer.plain()

    def markdown(self) -> str:  # noqa: D102
        return self.answer.markdown()

    def html(self) -> str:  # noqa: D102
        return f"{Drawn(self.picture).html()}{self.answer.html()}"


@dataclass(frozen=True, repr=False)
class Stack(Shown):
    """Several answers, one below the other."""

    items: Sequence[Shown]

    def cut(self, room: Room) -> Stack:  # noqa: D102
        items: list[Shown] = [item.cut(room) for item in self.items[: room.rows]]
        left = len(self.items) - len(items)
        return Stack([*items, Message(room.more(left, len(items)))] if left else items)

    def plain(self) -> str:  # noqa: D102
        return "\n\n".join(item.plain() for item in self.items)

    def markdown(self) -> str:  # noqa: D102
        return "\n\n".join(item.markdown() for item in self.items)

    def html(self) -> str:  # noqa: D102
        return "".join(f"<div>{item.html()}</div>" for item in self.items)


def _cut_lines(lines: Sequence[str], most: int) -> tuple[list[str], int]:
    """The first lines, none of them longer than a line can be, and how many are left out."""
    return [_line(line, _MOST_IN_LINE) for line in lines[:most]], max(0, len(lines) - most)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value) or "-"
    return str(value)


def _ht(text: object) -> str:
    return safe_text(_line(str(text)))


def _in_pre(text: str) -> str:
    """Escape a line for `<pre>`, in which no reader looks for formulas."""
    return html.escape(_line(text), quote=True)


def _line(text: str, limit: int | None = None) -> str:
    """A text as one line, which keeps its tabs."""
    return visible(_begin(text, limit).replace("\n", "⏎"), limit)


def _begin(text: str, limit: int | None) -> str:
    """The beginning of a text, with one character more than is shown, so that the cut shows."""
    return text if limit is None else text[: limit + 1]


def _with_code(hint: str) -> str:
    """Escape a text for HTML, with parts in backquotes as code."""
    pieces = hint.split("`")
    return "".join(
        f'<code style="{_CODE}">{_ht(piece)}</code>' if place % 2 else _ht(piece)
        for place, piece in enumerate(pieces)
    )


_MARKS = str.maketrans(
    {mark: "\\" + mark for mark in "\\*_{}[]()#+!|~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)


_ADDRESS = re.compile(r"://|(?i:www)\.")


def _plain(text: str) -> str:
    """Escape a text for Markdown so that it stays plain, even if a reader turns bare addresses into links."""
    text = text.translate(_MARKS)
    return _ADDRESS.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), text)


def _md(text: object) -> str:
    """Escape a text for Markdown; parts in backquotes stay code."""
    pieces = one_line(str(text)).split("`")
    if len(pieces) % 2 == 0:  # an odd number of backquotes: none of them marks code
        return "\\`".join(map(_plain, pieces))
    return "`".join(piece if place % 2 else _plain(piece) for place, piece in enumerate(pieces))


def _md_row(row: Iterable[object], *, escaped: bool = False) -> str:
    texts = [str(text) if escaped else str(text).replace("`", "'") for text in row]
    return "| " + " | ".join(text if escaped else _md(text) for text in texts) + " |"
