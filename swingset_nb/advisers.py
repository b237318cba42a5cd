"""Adds advice below the errors that IPython shows itself: those of Python's own, in the user's cells.

IPython lays out such an error by two objects of the shell, one for errors of syntax. Their method is wrapped
in this shell only, and adds lines at the end; it never changes the error or what is shown of it. Two errors
are shown short, because all their frames are the machinery's: an `await` below a magic that times code, and
an interrupt that stopped this library, as while it writes what a cell shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import swingset
from swingset.model.visible import one_line
from swingset_nb.advice import advice, below_a_timer
from swingset_nb.errors import short_form

_LIBRARIES = tuple(os.path.dirname(path) + os.sep for path in (__file__, swingset.__file__))
_AFTER_STOP = "everything up to the last commit is kept; `%swingset` says where the world stands"


class Advisers:
    """The wrapped methods of one shell."""

    def __init__(
        self,
        shell: Any,
        of_name: Callable[[BaseException], list[str]],
        in_own_words: Callable[[BaseException, list[str]], list[str]],
    ) -> None:
        def hints(error: BaseException) -> list[str]:
            return in_own_words(error, of_name(error) or advice(error))

        self._hints = hints
        self._layouts = [shell.InteractiveTB, shell.SyntaxTB]

    def install(self) -> None:
        """Begin to add advice."""
        for layout in self._layouts:
            layout.structured_traceback = _advising(layout.structured_traceback, self._hints)

    def remove(self) -> None:
        """Stop it; the methods of the classes are there again."""
        for layout in self._layouts:
            del layout.structured_traceback


def _advising(
    before: Callable[..., list[str]], hints_on: Callable[[BaseException], list[str]]
) -> Callable[..., list[str]]:
    def structured_traceback(etype: Any, evalue: Any = None, *given: Any, **options: Any) -> list[str]:
        if isinstance(evalue, SyntaxError) and below_a_timer(evalue):
            return short_form(evalue, str(evalue.msg), advice(evalue))
        if isinstance(evalue, KeyboardInterrupt) and any(map(_is_ours, _files(evalue.__traceback__))):
            return short_form(evalue, "stopped", [_AFTER_STOP])
        lines = before(etype, evalue, *given, **options)
        hints = hints_on(evalue) if isinstance(evalue, BaseException) else []
        return [*lines, *(f"→ {one_line(hint, 600)}" for hint in hints)]

    return structured_traceback


def _files(tb: TracebackType | None) -> Iterator[str]:
    while tb is not None:
        yield tb.tb_frame.f_code.co_filename
        tb = tb.tb_next


def _is_ours(filename: str) -> bool:
    return filename.startswith(_LIBRARIES)
