"""What a vat logs: lines on its standard error with level, logger and line of code, as a console reads them.

`logging` needs no handler to be set up. What no handler takes, it prints by its last resort, from warnings on
and as the bare message. In a vat the last resort is the handler of this module: it writes
`ERROR:bank:no money (bank, line 7, in pay)`. There is no time in a line, because a vat has no clock; further
lines of a message or a traceback are indented, so that they belong to it.

Only frames of vat code are written, of exceptions and of stacks alike: those of the interpreter and of the
host differ from one machine to the next, and what vats print is a part of the world.
"""

from __future__ import annotations

import logging
import sys
from typing import Any


class _Lines(logging.Formatter):
    """Records as the console of a world reads them."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        path = record.pathname
        where = ""
        if path.startswith("<") and path.endswith(">") and ":" in path:
            where = f" ({path[1:-1].partition(':')[2]}, line {record.lineno}, in {record.funcName})"
        return f"{record.levelname}:{record.name}:{record.message}{where}"

    def formatException(self, ei: Any) -> str:
        return _of_vats(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _of_vats(stack_info)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n  ")


def _of_vats(traceback: str) -> str:
    """A traceback without the frames that are not of vat code."""
    kept, shown = [], True
    for line in traceback.split("\n"):
        if line.startswith('  File "'):
            name = line[8:].partition('"')[0]  # the library's own have no colon: "<swingset.guest.base>"
            shown = name.startswith("<") and ":" in name
        elif not line.startswith("  "):  # a heading, or the exception itself
            shown = True
        if shown:
            kept.append(line)
    return "\n".join(kept)


def say_it_cannot(_handler: logging.Handler, record: logging.LogRecord) -> None:
    """Say that a line cannot be made; what `logging` says itself shows the frames of the host."""
    problem = sys.exc_info()[0]
    what = "an error" if problem is None else problem.__name__
    print(f"{record.levelname}:{record.name}:a line that cannot be written: {what}", file=sys.stderr)


class _ToConsole(logging.Handler):
    """Prints to whatever is the standard error at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except Exception:
            say_it_cannot(self, record)


LAST_RESORT = _ToConsole()
LAST_RESORT.setFormatter(_Lines())
