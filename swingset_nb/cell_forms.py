"""Forms of cells that people try: a comment or other code above `%%vat`, `%%time` over an `await`.

IPython takes a cell magic only from the first line of a cell, and its `%%time` cannot compile an `await`. So
the lines of a cell are looked at before IPython sees them. Comments and empty lines above one of our magics
go below it, which keeps the number of every line of code. `%%time` above an `await` is replaced by a call
that notes the time; it is printed when the cell has ended, and the cell runs as it would without it.
A magic further down is refused with what to do, by a line magic of its name, and nothing of the code above it
has run. `E(purse).deposit?` asks IPython about `deposit` alone, so it becomes `purse.deposit?`.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable
from typing import Any

from swingset_nb.errors import BadArguments

MAGICS = ("%%vat", "%%kind", "%%module", "%%whatif")
"""The cell magics that may stand below comments."""

_TIME = "%%time"
_NOTE = "get_ipython().run_line_magic('swingset_time', '')\n"
_ASKED = re.compile(r"(?:await )?E\(\s*([^\W\d]\w*(?:\[[^\[\]]*\])*)\s*\)\.(\w+)(?:\(\))?(\?\??)")
"""A question about a method of a remote object, of which IPython takes the last word only."""
_STATEMENTS = (ast.Await, ast.AsyncFor, ast.AsyncWith)
_INSIDE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def reorder(lines: list[str]) -> list[str]:
    """The lines of a cell as IPython has to see them."""
    first = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        return lines
    line = lines[first]
    if line.split(maxsplit=1)[0] in MAGICS and first > 0:
        above = lines[:first]
        return [line if line.endswith("\n") else line + "\n", *above, *lines[first + 1 :]]
    below = next((at for at, line in enumerate(lines) if at > first and line.startswith(MAGICS)), None)
    if below is not None and lines[below].split()[0] in MAGICS and _is_whole("".join(lines[:below])):
        return [f"get_ipython().run_line_magic('{lines[below].split()[0][1:]}', '')\n"]
    asked = _ASKED.fullmatch(line.strip())
    if asked is not None and not "".join(lines[first + 1 :]).strip():
        return [*lines[:first], f"{asked[1]}.{asked[2]}{asked[3]}\n"]
    if line.strip() == _TIME and waits("".join(lines[first + 1 :])):
        return [*lines[:first], _NOTE, *lines[first + 1 :]]
    return lines


def _is_whole(source: str) -> bool:
    """Whether the source is Python that ends there, and not in the middle of a text."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def waits(source: str) -> bool:
    """Whether a cell awaits at its top, so that it is no plain function body."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    waiting: list[ast.AST] = list(tree.body)
    for node in waiting:
        if isinstance(node, _STATEMENTS):
            return True
        if not isinstance(node, _INSIDE):
            waiting += ast.iter_child_nodes(node)
    return False


class CellForms:
    """The forms of cells of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._began: tuple[float, float] | None = None

    def install(self) -> None:
        """Begin to look at cells."""
        manager = self._shell.magics_manager
        self._shell.input_transformers_cleanup.append(reorder)
        manager.register_function(self._note, "line", "swingset_time")
        for magic in MAGICS:
            manager.register_function(_refusing(magic), "line", magic.removeprefix("%"))
        self._shell.events.register("post_run_cell", self._told)

    def remove(self) -> None:
        """Stop it."""
        self._shell.input_transformers_cleanup.remove(reorder)
        self._shell.events.unregister("post_run_cell", self._told)
        line_magics = self._shell.magics_manager.magics["line"]
        for name in ("swingset_time", *(magic.removeprefix("%") for magic in MAGICS)):
            line_magics.pop(name, None)

    def _note(self, _line: str) -> None:
        self._began = time.perf_counter(), time.process_time()

    def _told(self, _result: Any = None) -> None:
        if self._began is None:
            return
        wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        self._began = None
        print(f"CPU time: {_seconds(cpu)}, wall time: {_seconds(wall)}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1_000 * seconds:.1f} ms"


def _refusing(magic: str) -> Callable[[str], None]:
    def refuse(_line: str) -> None:
        raise BadArguments(
            f"{magic} stands on the first line of its cell, with only comments above it",
            "move the code above it to a cell of its own",
        )

    return refuse
