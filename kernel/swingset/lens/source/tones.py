"""Which parts of a source are keywords, texts, numbers, comments and names: the tones of its words.

The tokens are Python's own, and a text with values in it counts as one text, so that the tones are the same
with every Python. Source that cannot be read to its end has tones up to there.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from typing import Literal, NamedTuple

from swingset.lens.source.outlines import MOST_SOURCE

Tone = Literal["", "keyword", "text", "number", "comment", "name", "mark"]
"""What a piece of code is: `name` is that of a class or function where it is defined, `mark` a decorator."""


class Toned(NamedTuple):
    """One piece of a line with a tone, from one column to before another."""

    start: int
    end: int
    tone: Tone


def tones(lines: list[str]) -> dict[int, list[Toned]]:
    """The toned pieces of a source by the number of the line, from 1, in order."""
    found: dict[int, list[Toned]] = {}
    source = "\n".join(lines)[:MOST_SOURCE] + "\n"
    before = ""
    inside: list[tuple[int, int]] = []  # where the texts with values in them begin
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            sort = tokenize.tok_name[token.type]
            if sort == "ERRORTOKEN" and {*"\"'"} & set(token.string):
                break  # a text without an end, which would be looked for anew at each of its quotes
            if sort.endswith("STRING_START"):
                inside.append(token.start)
            elif sort.endswith("STRING_END"):
                start = inside.pop()
                if not inside:
                    _add(found, lines, start, token.end, "text")
            elif not inside and (tone := _tone(sort, token.string, before)):
                _add(found, lines, token.start, token.end, tone)
            if sort not in ("NL", "COMMENT", "INDENT", "DEDENT"):
                before = token.string
    except (tokenize.TokenError, SyntaxError, ValueError, IndexError):
        pass
    return found


def _tone(sort: str, word: str, before: str) -> Tone:
    if sort == "NAME":
        if keyword.iskeyword(word):
            return "keyword"
        if before in ("class", "def"):
            return "name"
        return "mark" if before == "@" else ""
    if sort == "OP":
        return "mark" if word == "@" and before in ("", "\n") else ""
    tones: dict[str, Tone] = {"STRING": "text", "NUMBER": "number", "COMMENT": "comment"}
    return tones.get(sort, "")


def _add(
    found: dict[int, list[Toned]], lines: list[str], start: tuple[int, int], end: tuple[int, int], tone: Tone
) -> None:
    for number in range(start[0], min(end[0], len(lines)) + 1):
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(lines[number - 1])
        if first < last:
            found.setdefault(number, []).append(Toned(first, last, tone))
