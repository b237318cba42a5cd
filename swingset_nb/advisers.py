"""Adds advice below the errors that IPython shows itself: those of Python's own, in the user's cells.

IPython lays out such an error by two objects of the shell, one for errors of syntax. Their method is wrapped
in this shell only, and adds lines at the end; it never changes the error or what is shown of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.model.visible import one_line
from swingset_nb.advice import advice


class Advisers:
    """The wrapped methods of one shell."""

    def __init__(self, shell: Any) -> None:
        self._layouts = [shell.InteractiveTB, shell.SyntaxTB]

    def install(self) -> None:
        """Begin to add advice."""
        for layout in self._layouts:
            layout.structured_traceback = _advising(layout.structured_traceback)

    def remove(self) -> None:
        """Stop it; the methods of the classes are there again."""
        for layout in self._layouts:
            del layout.structured_traceback


def _advising(before: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def structured_traceback(etype: Any, evalue: Any = None, *given: Any, **options: Any) -> list[str]:
        lines = before(etype, evalue, *given, **options)
        hints = advice(evalue) if isinstance(evalue, BaseException) else []
        return [*lines, *(f"→ {one_line(hint, 600)}" for hint in hints)]

    return structured_traceback
