"""What a vat logs: lines on its standard error with level, logger and line of code, as a console reads them.

`logging` needs no handler to be set up. What no handler takes, it prints by its last resort, from warnings on
and as the bare message. In a vat the last resort is the handler of this module: it writes
`ERROR:bank:no money (bank, line 7, in pay)`. There is no time in a line, because a vat has no clock; further
lines of a message or a traceback are indented, so that they belong to it.

In the wasm engine a vat has the module `logging` to itself. In a host's interpreter all share it, so there a
vat's root logger is exchanged for the time of a delivery (`RootLogger`): the host's handlers neither get what
vats log, before it is committed, nor decide which of it there is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Lines(logging.Formatter):
    """Records as the console of a world reads them."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        path = record.pathname
        where = ""
        if path.startswith("<") and path.endswith(">") and ":" in path:
            where = f" ({path[1:-1].partition(':')[2]}, line {record.lineno}, in {record.funcName})"
        return f"{record.levelname}:{record.name}:{record.message}{where}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n  ")


class _ToConsole(logging.Handler):
    """Prints to whatever is the standard error at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


LAST_RESORT = _ToConsole()
LAST_RESORT.setFormatter(_Lines())


class RootLogger:
    """The root logger of a vat in an interpreter that it shares: what it sets stays for its next delivery."""

    def __init__(self) -> None:
        self._handlers: list[logging.Handler] = []
        self._level = logging.WARNING

    @contextmanager
    def exchanged(self) -> Iterator[None]:
        """Have this vat's root logger instead of the host's in the body."""
        root = logging.root
        before = list(root.handlers), root.level, logging.lastResort
        self._set(self._handlers, self._level, LAST_RESORT)
        try:
            yield
        finally:
            self._handlers, self._level = list(root.handlers), root.level
            self._set(*before)

    def _set(self, handlers: list[logging.Handler], level: int, last: logging.Handler | None) -> None:
        root = logging.root
        root.handlers[:] = handlers
        logging.lastResort = last
        if root.level != level:  # it clears what every logger remembers
            root.setLevel(level)
