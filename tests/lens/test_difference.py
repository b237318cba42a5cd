"""How two sources differ, where one of them is a stranger's."""

from __future__ import annotations

import pytest

from swingset.lens.difference import MOST_STEPS, Difference, steps
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
