"""Prints the outputs of vats under the cell that ran them.

Every line begins with the name of its vat, so that a vat cannot imitate another, the kernel or the notebook.
Outputs arrive here only after their commit. All are printed to standard output, because two streams would
lose their order on the page.

A panel's button has no cell to print under, so its handler gathers the lines with `collecting`.

What is printed is stored in the notebook file, so the outputs under one cell are bounded. The lines that are
not printed are counted, and are in the records of their cranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swingset.host.outputs import Output
from swingset.model.visible import one_line, visible

MOST_LINES = 200
"""How many lines of one output are shown; of the rest only the number."""
MOST_IN_LINE = 4_000
"""How many characters of a line are shown."""


class Console:
    """A listener for the outputs of one world."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._collected: list[str] | None = None
        self._printed = 0
        self._left_out = 0
        self._first_left_out = 0

    def begin(self) -> None:
        """A cell begins, which may print up to the limit."""
        self._printed = self._left_out = 0

    def end(self) -> None:
        """A cell ends: print how many lines it has left out, and what shows them."""
        if self._left_out:
            print(
                f"and {self._left_out:,} more lines of vats: `%swingset story {self._first_left_out}` has"
                " those of the first crank; `%config SwingSet.print_limit = 0` prints all"
            )
        self._left_out = 0

    def __call__(self, output: Output) -> None:
        """Print one output."""
        lines = marked(output)
        if self._collected is not None:
            self._collected += lines
            return
        text, limit = "\n".join(lines), self._limit()
        if limit > 0 and self._printed + len(text) > limit:
            if not self._left_out:
                self._first_left_out = output.crank
            self._left_out += len(lines)
            self._printed = limit  # no later output is printed before an earlier one
            return
        self._printed += len(text)
        print(text)

    @contextmanager
    def collecting(self) -> Iterator[list[str]]:
        """Collect the lines in a list instead of printing them, in the body."""
        before, self._collected = self._collected, []
        try:
            yield self._collected
        finally:
            self._collected = before


def marked(output: Output) -> list[str]:
    """The lines of an output, each with the name of its vat."""
    mark = "" if output.stream == "stdout" else f" ({output.stream})"
    lines = visible(output.text).removesuffix("\n").split("\n")
    shown = lines[:MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown):,} more lines")
    return [f"{one_line(output.vat, 60)}{mark} │ {_cut(line)}" for line in shown]


def _cut(line: str) -> str:
    more = len(line) - MOST_IN_LINE
    return line if more <= 0 else f"{line[:MOST_IN_LINE]}… and {more:,} more characters"
