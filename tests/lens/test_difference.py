"""How two sources differ, where one of them is a stranger's."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from swingset.lens.source.difference import MOST_STEPS, Difference, steps
from swingset.lens.source.sides import Side
from swingset.model.lines import source_lines

CELL = "".join(f"\nline {count}\n" for count in range(60))
NUMBERS = "".join(f"{count}\n" for count in range(150))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n" * 100_000, CELL),
        ("\n" * 100_000 + CELL, CELL),
        ("\nline 1\n" * 100_000, CELL),
        (NUMBERS * 300, NUMBERS * 100),
    ],
)
def test_a_source_of_too_many_equal_lines_is_shown_whole(old: str, new: str) -> None:
    """A search for what is equal would take hours; all of the old code goes and all of the new comes."""
    before, after = source_lines(old), source_lines(new)
    assert steps(before, after) > MOST_STEPS
    lines = Difference("vat", "vat", old, new).unified()
    assert lines[:2] == ["--- vat (running)", "+++ vat (this cell)"]
    assert lines[3] == f"-{before[0]}"
    assert lines[-1] == f"+{after[-1]}"


def test_long_code_is_compared_line_by_line() -> None:
    """Three thousand lines, a sixth of them empty, are no matter."""
    lines = [f"x = {count}" if count % 6 else "" for count in range(3_000)]
    old, new = "\n".join(lines), "\n".join([*lines[:7], *lines[8:]])
    assert Difference("vat", "vat", old, new).unified()[3:] == [
        *(" x = 5", " "),
        "-x = 7",
        *(" x = 8", " x = 9"),
    ]


def spelled(side: Side | None) -> str:
    """A line with its number, and brackets around what is marked."""
    if side is None:
        return ""
    return f"{side.number} " + "".join(f"[{p.text}]" if p.marked else p.text for p in side.pieces)


ROWS = (
    (
        "a word is changed",
        "a = 1\nb = 2",
        "a = 1\nb = 3",
        ["same|1 a = 1|1 a = 1", "changed|2 b = [2]|2 b = [3]"],
    ),
    (
        "a line comes and one goes",
        "a\nb\nc",
        "a\nc\nd",
        ["same|1 a|1 a", "removed|2 b|", "same|3 c|2 c", "added||3 d"],
    ),
    (
        "lines are paired with those like them",
        "x = f(1)\n",
        "import y\nx = f(2)\n",
        ["added||1 import y", "changed|1 x = f([1])|2 x = f([2])"],
    ),
    (
        "what is far away is left out",
        "a\n" + "k\n" * 9 + "z",
        "b\n" + "k\n" * 9 + "z",
        ["removed|1 a|", "added||1 b", "same|2 k|2 k", "same|3 k|3 k", "gap||"],
    ),
    ("nothing is changed", "a\n", "a\n", []),
)


@pytest.mark.parametrize(("old", "new", "rows"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_a_difference_has_two_sides(old: str, new: str, rows: list[str]) -> None:
    """Each row has the line that runs and the line in its place, with the words that are different."""
    found = Difference("vat", "vat", old, new).side_by_side()
    assert ["|".join((row.change, spelled(row.old), spelled(row.new))) for row in found] == rows


TONES = (
    ("x = 1  # one", [("x = ", ""), ("1", "number"), ("  ", ""), ("# one", "comment")]),
    ("@durable", [("@durable", "mark")]),
    ("class A: pass", [("class", "keyword"), (" ", ""), ("A", "name"), (": ", ""), ("pass", "keyword")]),
    ("f'{a} b' + 'c'", [("f'{a} b'", "text"), (" + ", ""), ("'c'", "text")]),
    ("x = 'no end", [("x = 'no end", "")]),
)


@pytest.mark.parametrize(("line", "pieces"), TONES)
def test_the_words_of_a_line_have_tones(line: str, pieces: list[tuple[str, str]]) -> None:
    """Keywords, texts, numbers, comments, names and decorators; what cannot be read has none."""
    (row,) = Difference("vat", "vat", "", line).side_by_side()
    assert row.new is not None
    merged: list[tuple[str, str]] = []
    for piece in row.new.pieces:
        if merged and merged[-1][1] == piece.tone:
            merged[-1] = (merged[-1][0] + piece.text, piece.tone)
        else:
            merged.append((piece.text, piece.tone))
    assert merged == pieces


@pytest.mark.parametrize("size", [1, 30_000])
def test_two_sides_have_all_of_the_text(size: int) -> None:
    """However long lines are and however many, no character is lost between the pieces."""
    old, new = "a" * size + "\nb\n" * min(size, 300), "a" * size + "x\n" + "c = 'd'\n" * min(size, 300)
    rows = Difference("vat", "vat", old, new).side_by_side()
    assert [row.new.text for row in rows if row.new is not None] == source_lines(new)
    assert [row.old.text for row in rows if row.old is not None] == source_lines(old)


HEAVY = (
    ("lines of brackets", "(" * 399 + "{}", "()" * 199 + "{}", 20),
    ("groups of lines of brackets", "()" * 20 + "{}", ")(" * 20 + "{}", 2_000),
    ("words and spaces", "a b " * 99 + "{}", "b  a " * 79 + "{}", 20),
    ("lines that all differ", "x{} = 1", "y{} = 2", 10_000),
)
"""The running line, the new one, and how many of each."""


@pytest.mark.parametrize(("old", "new", "lines"), [case[1:] for case in HEAVY], ids=[x[0] for x in HEAVY])
def test_no_line_takes_long(monkeypatch: pytest.MonkeyPatch, old: str, new: str, lines: int) -> None:
    """What repeats is not compared word by word: the steps of a difference are bounded."""
    compared: list[int] = []
    plain = difflib.SequenceMatcher.find_longest_match

    def counted(self: Any, alo: int, ahi: int, blo: int, bhi: int) -> Any:
        compared.append(sum(len(self.b2j.get(self.a[at], ())) for at in range(alo, ahi)))
        return plain(self, alo, ahi, blo, bhi)

    monkeypatch.setattr(difflib.SequenceMatcher, "find_longest_match", counted)
    before, after = (
        "\n".join("" if n % 21 == 20 else line.format(n) for n in range(lines)) for line in (old, new)
    )
    rows, left = Difference("vat", "vat", before, after).first_rows(400)
    assert sum(compared) <= 11_000_000
    assert len(rows) == min(400, len(rows) + left)
    assert rows
