"""The source of a vat in blocks: its classes, functions, fields and imports, with the lines that each takes.

With it a part of a source can be replaced by the same part of another one, and all else stays as its author
wrote it, comments and empty lines included. Like `outlines` it reads tokens and makes no syntax tree, because
the code may be a stranger's. Source that cannot be read to its end has the blocks up to there.
"""

from __future__ import annotations

import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from swingset.lens.source.outlines import MOST_SOURCE, Line, lines_of
from swingset.model.lines import source_lines

Sort = Literal["class", "def", "field", "import", "other"]


@dataclass
class Block:
    """One statement with what is inside it: `first` and `last` are its lines, decorators included."""

    sort: Sort
    name: str
    first: int
    last: int
    line: Line
    decorators: list[Line] = field(default_factory=list)
    inner: list[Block] = field(default_factory=list)

    @property
    def shares(self) -> bool:
        """Whether other statements are on the line of this one: no fix changes such a line."""
        return ";" in self.line.words

    @property
    def opens(self) -> bool:
        """Whether what is inside it begins on a line of its own."""
        return self.line.words[-1] == ":"

    @property
    def head(self) -> int:
        """The line of `class` or `def`."""
        return self.line.tokens[0].start[0]

    @property
    def head_end(self) -> int:
        """The last line of the statement's own tokens, before what is inside it."""
        return self.line.tokens[-1].end[0]

    def inside(self, sort: Sort) -> dict[str, Block]:
        """The blocks of one sort right inside this one, by name."""
        return {block.name: block for block in self.inner if block.sort == sort}


class Code:
    """One source: its lines, and the blocks at its top."""

    def __init__(self, source: str) -> None:
        self.lines = source_lines(source)
        self.ended = source.endswith(("\n", "\r"))
        self._end = "\r\n" if 0 < source.count("\n") == source.count("\r\n") else "\n"
        self.top = list(_blocks("\n".join(self.lines)[:MOST_SOURCE]))
        self._named = {(block.sort, block.name): block for block in self.top}

    @property
    def source(self) -> str:
        """The whole source."""
        return self._joined(self.lines)

    def named(self, sort: Sort, name: str) -> Block | None:
        """The last block of that sort and name at the top."""
        return self._named.get((sort, name))

    def text(self, block: Block) -> list[str]:
        """The lines of a block."""
        return self.lines[block.first - 1 : block.last]

    def indent(self, block: Block) -> str:
        """The white space in front of a block."""
        text = self.lines[block.head - 1]
        return text[: len(text) - len(text.lstrip())]

    def replaced(self, first: int, last: int, lines: Sequence[str]) -> str:
        """The source with some lines in place of those from `first` to `last`."""
        return self._joined([*self.lines[: first - 1], *lines, *self.lines[last:]])

    def spliced(self, at: tuple[int, int], text: str, skip: int = 0) -> str:
        """The source with a text at a place of a token, instead of `skip` characters there."""
        row, column = at
        line = self.lines[row - 1]
        return self.replaced(row, row, [line[:column] + text + line[column + skip :]])

    def imports(self) -> dict[str, str]:
        """The names that `from MODULE import NAME` binds at the top, with their modules."""
        found: dict[str, str] = {}
        for block in self.top:
            words = block.line.words
            if block.sort == "import" and words[0] == "from" and "import" in words:
                at = words.index("import")
                module = "".join(words[1:at])
                names = [word for word in words[at + 1 :] if word not in ("(", ")")]
                found.update((piece[-1], module) for piece in _pieces(names) if len(piece) == 1)
        return found

    def binds(self, name: str) -> bool:
        """Whether a statement at the top defines, assigns or imports the name."""
        if any((sort, name) in self._named for sort in ("class", "def")):
            return True
        for block in self.top:
            words = block.line.words
            assigned = block.sort == "other" and words[0] == name and "=" in words
            if assigned or (block.sort == "import" and name in words):
                return True
        return False

    def importing(self, names: Mapping[str, str]) -> str:
        """The source with names imported, each from its module, behind those that it imports from there.

        A line that has more than one statement, or imports everything, is left as it is.
        """
        wanted: dict[str, list[str]] = {}
        for name, module in names.items():
            wanted.setdefault(module, []).append(name)
        edits: list[tuple[tuple[int, int], str, int]] = []
        for block in self.top:
            words = block.line.words
            if block.sort != "import" or words[0] != "from" or "import" not in words or {";", "*"} & {*words}:
                continue
            at = words.index("import")
            more = ", ".join(wanted.pop("".join(words[1:at]), []))
            if more and words[at + 1 : at + 2] == ["("]:
                edits.append((block.line.tokens[at + 1].end, f"{more}, ", 0))
            elif more:
                edits.append((block.line.tokens[-1].end, f", {more}", 0))
        lines = self.edited(edits)
        first = next((b.first for b in self.top if b.sort != "import" and not _is_text(b)), None)
        at_line = first - 1 if first is not None else len(lines)
        fresh = [f"from {module} import {', '.join(each)}" for module, each in wanted.items()]
        return self._joined([*lines[:at_line], *fresh, *lines[at_line:]])

    def edited(self, edits: Iterable[tuple[tuple[int, int], str, int]]) -> list[str]:
        """The lines with many edits of one line each: place, text, and how many characters it replaces."""
        lines = list(self.lines)
        for (row, column), text, skip in sorted(edits, reverse=True):
            line = lines[row - 1]
            lines[row - 1] = line[:column] + text + line[column + skip :]
        return lines

    def with_edits(self, edits: Iterable[tuple[tuple[int, int], str, int]]) -> str:
        """The source with many edits, made from its end on, so that it is read once."""
        return self._joined(self.edited(edits))

    def with_blocks(self, edits: Iterable[tuple[int, int, list[str]]]) -> str:
        """The source with other lines in place of some: first, last, and the lines."""
        lines = list(self.lines)
        for first, last, text in sorted(edits, reverse=True):
            lines[first - 1 : last] = text
        return self._joined(lines)

    def _joined(self, lines: list[str]) -> str:
        return self._end.join(lines) + (self._end if self.ended else "")


def _pieces(words: list[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    for word in [*words, ","]:
        if word != ",":
            piece.append(word)
        elif piece:
            yield piece
            piece = []


def _is_text(block: Block) -> bool:
    return block.line.tokens[0].type == tokenize.STRING


def _blocks(source: str) -> Iterator[Block]:
    around: list[tuple[int, Block]] = []
    top: list[Block] = []
    marks: list[Line] = []
    for line in lines_of(source):
        while around and around[-1][0] >= line.depth:
            around.pop()
        for _, outer in around:
            outer.last = line.tokens[-1].end[0]
        words = line.words
        if words[0] == "@":
            marks.append(line)
            continue
        first = marks[0].tokens[0].start[0] if marks else line.tokens[0].start[0]
        sort, name = _sort(words, around[-1][1] if around else None)
        made = Block(sort, name, first, line.tokens[-1].end[0], line, marks)
        marks = []
        (around[-1][1].inner if around else top).append(made)
        if words[-1] == ":":
            around.append((line.depth, made))
    yield from top


def _sort(words: list[str], outer: Block | None) -> tuple[Sort, str]:
    start = words[1:] if words[0] == "async" else words
    if start[0] == "class" and len(start) > 1:
        return "class", start[1]
    if start[0] == "def" and len(start) > 1:
        return "def", start[1]
    if words[0] in ("import", "from"):
        return "import", words[1] if len(words) > 1 else ""
    if outer is not None and outer.sort == "class" and words[1:2] == [":"] and words[0].isidentifier():
        return "field", words[0]
    return "other", ""
