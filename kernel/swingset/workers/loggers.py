"""The loggers of a vat that runs in an interpreter with others.

In the wasm engine a vat has the module `logging` to itself. In a host's interpreter all share it, so there a
vat's root logger, and what is set for all loggers at once, are exchanged for the time of a delivery: the
host's handlers neither get what vats log, before it is committed, nor decide which of it there is, and no vat
changes what another logs. Loggers with names are shared all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from swingset.guest.base.logged import LAST_RESORT, say_it_cannot

_Names = tuple[dict[int, str], dict[str, int]]
_STOCK: _Names = dict(logging._levelToName), dict(logging._nameToLevel)
"""The names of levels that a vat begins with, whatever a program has named since."""


@dataclass
class _Settings:
    """What can be set for all loggers at once."""

    handlers: list[logging.Handler] = field(default_factory=list)
    filters: list[Any] = field(default_factory=list)
    level: int = logging.WARNING
    disabled: int = 0
    maker: Any = logging.LogRecord
    names: _Names = _STOCK
    last: logging.Handler | None = None
    cannot: Any = say_it_cannot

    @classmethod
    def now(cls) -> _Settings:
        """Those that hold now."""
        root = logging.root
        return cls(
            list(root.handlers),
            list(root.filters),
            root.level,
            root.manager.disable,
            logging.getLogRecordFactory(),
            _names(),
            logging.lastResort,
            logging.Handler.handleError,
        )

    def set(self) -> None:
        """Have these hold."""
        root = logging.root
        root.handlers[:] = self.handlers
        root.filters[:] = self.filters
        logging.setLogRecordFactory(self.maker)
        if _names() is not self.names:
            words, numbers = self.names
            logging._levelToName.clear()
            logging._levelToName.update(words)
            logging._nameToLevel.clear()
            logging._nameToLevel.update(numbers)
        logging.lastResort = self.last
        logging.Handler.handleError = self.cannot  # type: ignore[method-assign]
        if (root.level, root.manager.disable) != (self.level, self.disabled):
            root.manager.disable = self.disabled
            root.setLevel(self.level)  # it clears what every logger remembers


def _names() -> _Names:
    """The names that levels have now; nearly always those of the beginning, which are not copied."""
    if (logging._levelToName, logging._nameToLevel) == _STOCK:
        return _STOCK
    return dict(logging._levelToName), dict(logging._nameToLevel)


class RootLogger:
    """The root logger of a vat in an interpreter that it shares: what it sets stays for its next delivery."""

    def __init__(self) -> None:
        self._own = _Settings(last=LAST_RESORT)

    @contextmanager
    def exchanged(self) -> Iterator[None]:
        """Have this vat's root logger instead of the host's in the body."""
        before = _Settings.now()
        self._own.set()
        try:
            yield
        finally:
            self._own = _Settings.now()
            before.set()
