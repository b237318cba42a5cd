"""What vats say, printed under the cell that let them speak.

Every line carries the name of its vat, so that the words of a vat cannot pass for those of another, of the
kernel or of the notebook. Outputs arrive here only after the commit that makes them true. All of it goes to
standard output: two streams would lose their order on the way to the page.

A panel's button has no cell to print under. Whoever acts for it takes the lines with `collecting`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from swingset.host.outputs import Output
from swingset.model.visible import one_line, visible

MOST_LINES = 200
"""Lines of one output that are shown; a vat that prints thousands is summarised."""


class Console:
    """A listener for the outputs of one world."""

    def __init__(self) -> None:
        self._collected: list[str] | None = None

    def __call__(self, output: Output) -> None:
        """Show one output."""
        lines = marked(output)
        if self._collected is not None:
            self._collected += lines
        else:
            print("\n".join(lines))

    @contextmanager
    def collecting(self) -> Iterator[list[str]]:
        """Gather lines instead of printing them."""
        before, self._collected = self._collected, []
        try:
            yield self._collected
        finally:
            self._collected = before


def marked(output: Output) -> list[str]:
    """The lines of an output, each with the name of who says it."""
    mark = "" if output.stream == "stdout" else f" ({output.stream})"
    lines = visible(output.text).removesuffix("\n").split("\n")
    shown = lines[:MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown):,} more lines")
    return [f"{one_line(output.vat, 60)}{mark} │ {line}" for line in shown]
