"""Shows frames, series and indexes of pandas, which may be a vat's, as pandas draws them but made safe.

pandas writes labels and texts as they are. So what it drew is made visible, and the signs of formulas stand
alone in the HTML. pandas also writes labels of any length and pads each row to the longest, so a frame with
a very long label is not drawn but named in words. It cannot be told which frames came from a vat, since each
step of a computation makes new ones: all are shown in this way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

from swingset.model.visible import visible
from swingset_nb.sanitised import without_formulas

_MOST_TEXT = 100_000
_MOST_HTML = 1_000_000
_LONGEST_LABEL = 300
_MOST = {"display.max_rows": 500, "display.max_columns": 100, "display.max_colwidth": 1_000,
         "display.max_seq_items": 1_000, "display.max_categories": 100}  # fmt: skip
"""The most of each that is drawn, if the reader's options of pandas allow more."""

_ROWS = _MOST["display.max_rows"]
_KINDS = (
    *(("pandas", name) for name in ("DataFrame", "Series", "Index")),
    *(("pandas.core.frame", "DataFrame"), ("pandas.core.series", "Series")),
    *(("pandas.core.indexes.base", "Index"), ("pandas.core.arrays.base", "ExtensionArray")),
    ("pandas.api.extensions", "ExtensionArray"),
)
"""Where versions of pandas say that the classes are."""


class FrameDisplays:
    """How one shell shows these values. pandas is not loaded for that."""

    def __init__(self, shell: Any) -> None:
        self._formatters = shell.display_formatter.formatters

    def install(self) -> None:
        """Begin to show them."""
        for module, name in _KINDS:
            self._formatters["text/plain"].for_type_by_name(module, name, _plain)
            if name == "DataFrame":
                self._formatters["text/html"].for_type_by_name(module, name, frame_html)

    def remove(self) -> None:
        """Show them as pandas does."""
        for module, name in _KINDS:
            self._formatters["text/plain"].pop(f"{module}.{name}", None)
            self._formatters["text/html"].pop(f"{module}.{name}", None)


def frame_text(value: Any) -> str:
    """A frame, series, index or array of pandas as text."""
    words = _too_wide(value)
    if words is not None:
        return words
    try:
        with _bounds():
            return visible(repr(value)[: _MOST_TEXT + 1], _MOST_TEXT)
    except Exception as problem:  # what pandas makes of odd data is its own affair
        return f"<a {type(value).__name__} that pandas does not draw: {visible(str(problem), 200)}>"


def frame_html(frame: Any) -> str | None:
    """A frame as a table of HTML; None if there is only its text."""
    if _too_wide(frame) is not None:
        return None
    try:
        with _bounds():
            drawn = frame._repr_html_()
    except Exception:  # its text says what
        return None
    if drawn is None or len(drawn) > _MOST_HTML:
        return None
    return without_formulas(visible(drawn))


def _plain(value: Any, printer: Any, cycle: bool) -> None:  # noqa: ARG001
    with printer.group():
        for at, line in enumerate(frame_text(value).split("\n")):
            if at:
                printer.break_()
            printer.text(line)


def _bounds() -> Any:
    pandas: Any = sys.modules["pandas"]
    options = []
    for name, most in _MOST.items():
        chosen = pandas.get_option(name)
        options += [name, most if chosen is None else min(chosen, most)]
    return pandas.option_context(*options)


def _too_wide(value: Any) -> str | None:
    """What stands for a value with a label that is too long to be drawn."""
    longest = max((len(label) for label in _labels(value) if isinstance(label, str | bytes)), default=0)
    if longest <= _LONGEST_LABEL:
        return None
    size = " by ".join(f"{length:,}" for length in getattr(value, "shape", (len(value),)))
    return (
        f"<a {type(value).__name__} of {size} that is not drawn: a label in it has {longest:,} characters; "
        "make its labels shorter to see it>"
    )


def _labels(value: Any) -> Iterator[Any]:
    """The labels that pandas would draw."""
    pandas: Any = sys.modules["pandas"]
    yield getattr(value, "name", None)
    for index in getattr(
        value, "axes", [value]
    ):  # an index and an array have their items drawn as labels are
        yield from getattr(index, "names", ())
        if not isinstance(index, pandas.RangeIndex):
            for label in chain(index[:_ROWS], index[-_ROWS:]):
                yield from label if isinstance(label, tuple) else (label,)
