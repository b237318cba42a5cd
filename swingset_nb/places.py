"""Finds where in the user's own code an error arose, and where a request came from: a line of a cell.

A front end gives the files of cells any names, so IPython is asked which files are cells, and which numbers
they have. The name of such a file, which may be a temporary path, is never shown.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Any, Literal

import swingset
from swingset.model.lines import source_lines
from swingset.model.places import code_file
from swingset.model.visible import one_line, visible

MOST_MODULES = 3
"""Frames of the user's own modules that are shown, the innermost ones."""

_MACHINERY = tuple(
    os.path.join(folder, "")
    for folder in {
        *(path for name, path in sysconfig.get_paths().items() if name in ("stdlib", "purelib", "platlib")),
        os.path.dirname(os.path.abspath(swingset.__file__)),
        os.path.dirname(os.path.abspath(__file__)),
    }
)


class Cells:
    """The files of the cells of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._state: Literal["idle", "runs", "ran"] = "idle"
        self._running: int | None = None  # the number of the running cell, once it is known

    def begin(self) -> None:
        """A cell begins to run."""
        self._state, self._running = "runs", None

    def ran(self) -> None:
        """The code of the cell has ended; the steps after it follow."""
        self._state = "ran"

    def end(self) -> None:
        """The steps after the cell have ended."""
        self._state = "idle"

    def here(self) -> tuple[int, int | None] | None:
        """The number of the running cell, and its line that calls this, as far as they can be known.

        The line is None in the steps after a cell, in which none of its code runs. This is called for each
        request, so it looks at no more frames than it must: some microseconds.
        """
        if self._state == "idle":
            return None
        known: Mapping[str, int] = getattr(self._shell.compile, "_filename_map", {})
        number, at = self._running, None
        frame: FrameType | None = sys._getframe(1) if self._state == "runs" else None
        while frame is not None:
            found = known.get(frame.f_code.co_filename)
            if found is not None and found == self._running:
                return found, frame.f_lineno
            if found is not None and found != number:
                number, at = found, frame.f_lineno  # the outermost cell is the one that runs
            frame = frame.f_back
        if at is not None:
            self._running = number
        # IPython has incremented its counter by then.
        return (int(self._shell.execution_count) - 1, None) if number is None else (number, at)

    def number(self, filename: str) -> int | None:
        """The number of the cell that was compiled under this name; None for other files."""
        known: Mapping[str, int] = getattr(self._shell.compile, "_filename_map", {})
        if filename in known:
            return known[filename]
        return 0 if filename.startswith("<ipython-input-") else None

    def called(self, filename: str) -> str:
        """The name of a file in messages: `cell [3]`, or its own name without folders if it is no cell."""
        number = self.number(filename)
        if number is None:
            return code_file(filename)
        return f"cell [{number}]" if number else "a cell"

    def lines(self, error: BaseException) -> tuple[str, ...]:
        """The line of the cell that an error passed through, and the user's module lines below it."""
        cell: tuple[str, int] | None = None
        modules: list[tuple[str, int, str]] = []
        tb: TracebackType | None = error.__traceback__
        while tb is not None:
            filename = tb.tb_frame.f_code.co_filename
            if self.number(filename) is not None:
                cell, modules = (filename, tb.tb_lineno), []
            elif cell is not None and _is_users(filename):
                modules.append((filename, tb.tb_lineno, tb.tb_frame.f_code.co_name))
            tb = tb.tb_next
        shown = () if cell is None else self._cell(*cell)
        for filename, number, function in modules[-MOST_MODULES:]:
            shown += (one_line(f"  {os.path.basename(filename)}, line {number}, in {function}", 200),)
            shown += _arrow(number, linecache.getline(filename, number))
        return shown

    def _cell(self, filename: str, at: int) -> tuple[str, ...]:
        number = self.number(filename) or 0
        text = self._line(filename, number, at)
        if text.lstrip().startswith(
            "get_ipython()"
        ):  # a magic, as IPython rewrites it: not what the user wrote
            return ()
        # IPython increments its counter when a cell begins; older versions do when it ends.
        this = number == 0 or number >= self._shell.execution_count - 1
        cell = "this cell" if this else self.called(filename)
        return (f"  {cell}, line {at}", *_arrow(at, text))

    def _line(self, filename: str, number: int, at: int) -> str:
        """A line of a cell as it was run; IPython splits those that it keeps for tracebacks differently."""
        history = self._shell.history_manager.input_hist_parsed if number else []
        if 0 < number < len(history):
            lines = source_lines(history[number])
            if at <= len(lines):
                return lines[at - 1]
        return linecache.getline(filename, at)


def _arrow(number: int, text: str) -> tuple[str, ...]:
    return (f"  ----> {number} {visible(text.strip(), 160)}",) if text.strip() else ()


def _is_users(filename: str) -> bool:
    return not filename.startswith(("<", *_MACHINERY)) and os.path.isfile(filename)
