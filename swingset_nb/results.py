"""Bounds what the result of a cell takes in the notebook file: a long text, or an array of long texts.

A vat may return a text of megabytes, and what a cell shows is stored with the notebook. So the plain text of
a result is cut to the length to which what vats print is cut, `%config SwingSet.print_limit`, and says how
much more there is and how to see it. Only the text is cut: the value is in `_` as always.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PLAIN = "text/plain"


class Results:
    """Bounds the results of one shell. `limit` is the most characters; 0 stands for all."""

    def __init__(self, shell: Any, limit: Callable[[], int]) -> None:
        self._formatter = shell.display_formatter
        self._limit = limit

    def install(self) -> None:
        """Begin to bound them."""
        before = self._formatter.format

        def bounded(value: Any, *given: Any, **options: Any) -> Any:
            forms, metadata = before(value, *given, **options)
            if isinstance(forms, dict) and isinstance(text := forms.get(_PLAIN), str):
                forms[_PLAIN] = cut(text, self._limit())
            return forms, metadata

        self._formatter.format = bounded

    def remove(self) -> None:
        """Show them whole."""
        del self._formatter.format


def cut(text: str, limit: int) -> str:
    """A text of at most a number of characters, with a line about the rest."""
    if limit <= 0 or len(text) <= limit:
        return text
    rest = f"and {len(text) - limit:,} more characters: a part of the value shows them, such as `_[:1000]`;"
    return f"{text[:limit]}…\n{rest} `%config SwingSet.print_limit = 0` shows all"
