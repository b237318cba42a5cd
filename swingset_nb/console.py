"""Prints the outputs of vats under the cell that ran them.

Every line begins with the name of its vat, so that a vat cannot imitate another, the kernel or the notebook.
Outputs arrive here only after their commit. All are printed to standard output, because two streams would
lose their order on the page.

A panel's button has no cell to print under, so its handler gathers the lines with `collecting`.

What is printed is stored in the notebook file, so the outputs under one cell are bounded. The lines that are
not printed are counted, and are in the records of their cranks. A rejection that nobody handled is printed
once under a cell, however many promises of a loop were rejected so, and counted at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swingset.host.base.outputs import Output
from swingset.model.visible import one_line, visible

MOST_LINES = 200
"""How many lines of one output are shown; of the rest only the number."""
MOST_IN_LINE = 4_000
"""How many characters of a line are shown."""
_UNHANDLED = "unhandled rejection in "
_MOST_KINDS = 100  # of rejections that are counted
_SHORT = 200


class Console:
    """A listener for the outputs of one world."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._collected: list[str] | None = None
        self._printed = 0
        self._left_out = 0
        self._first_left_out = 0
        self._in_cell = False
        self._times: dict[tuple[str, ...], int] = {}

    def begin(self) -> None:
        """A cell begins, which may print up to the limit."""
        self._printed = self._left_out = 0
        self._in_cell = True
        self._times = {}

    def end(self) -> None:
        """A cell ends: print how many lines it has left out, and what shows them."""
        self._in_cell = False
        for lines, times in self._times.items():
            if times > 1:
                print(f"{lines[0][:_SHORT]}{'…' if len(lines[0]) > _SHORT else ''} ({times:,} times in all)")
        self._times = {}
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
        if self._again(output, lines):
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

    def _again(self, output: Output, lines: list[str]) -> bool:
        """Whether a rejection that nobody handled was printed under this cell in the same words."""
        if not self._in_cell or output.stream != "stderr" or not output.text.startswith(_UNHANDLED):
            return False
        key = tuple(lines)
        if key in self._times or len(self._times) < _MOST_KINDS:
            self._times[key] = self._times.get(key, 0) + 1
        return self._times.get(key, 1) > 1

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
