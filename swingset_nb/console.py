"""Prints the outputs of vats under the cell that ran them.

Every line begins with the name of its vat, so that a vat cannot imitate another, the kernel or the notebook.
Outputs arrive here only after their commit. All are printed to standard output, because two streams would
lose their order on the page.

A panel's button has no cell to print under, so its handler gathers the lines with `collecting`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from swingset.host.outputs import Output
from swingset.model.visible import one_line, visible

MOST_LINES = 200
"""How many lines of one output are shown; of the rest only the number."""


class Console:
    """A listener for the outputs of one world."""

    def __init__(self) -> None:
        self._collected: list[str] | None = None

    def __call__(self, output: Output) -> None:
        """Print one output."""
        lines = marked(output)
        if self._collected is not None:
            self._collected += lines
        else:
            print("\n".join(lines))

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
    return [f"{one_line(output.vat, 60)}{mark} │ {line}" for line in shown]
