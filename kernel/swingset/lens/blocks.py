"""The source of a vat in blocks: its classes, functions, fields and imports, with the lines that each takes.

With it a part of a source can be replaced by the same part of another one, and all else stays as its author
wrote it, comments and empty lines included. Like `outlines` it reads tokens and makes no syntax tree, because
the code may be a stranger's. Source that cannot be read to its end has the blocks up to there.
"""

from __future__ import annotations

import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from swingset.lens.outlines import MOST_SOURCE, Line, lines_of
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
        self.top = list(_blocks("\n".join(self.lines)[:MOST_SOURCE]))

    @property
    def source(self) -> str:
        """The whole source."""
        return self._joined(self.lines)

    def named(self, sort: Sort, name: str) -> Block | None:
        """The last block of that sort and name at the top."""
        return next((b for b in reversed(self.top) if b.sort == sort and b.name == name), None)

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

    def words(self) -> set[str]:
        """The names and keywords that the source has anywhere."""
        found: set[str] = set()
        waiting = list(self.top)
        for block in waiting:
            waiting += block.inner
            for line in (block.line, *block.decorators):
                found.update(token.string for token in line.tokens if token.type == tokenize.NAME)
        return found

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

    def importing(self, name: str, module: str) -> str:
        """The source with a name imported from a module, behind those that it imports from there."""
        for block in self.top:
            words = block.line.words
            if block.sort == "import" and words[0] == "from" and "import" in words:
                at = words.index("import")
                if "".join(words[1:at]) == module and words[at + 1 : at + 2] == ["("]:
                    return self.spliced(block.line.tokens[at + 1].end, f"{name}, ")
                if "".join(words[1:at]) == module:
                    return self.spliced(block.line.tokens[-1].end, f", {name}")
        first = next((b.first for b in self.top if b.sort != "import" and not _is_text(b)), None)
        at_line = first if first is not None else len(self.lines) + 1
        return self.replaced(at_line, at_line - 1, [f"from {module} import {name}"])

    def _joined(self, lines: list[str]) -> str:
        return "\n".join(lines) + ("\n" if self.ended else "")


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
