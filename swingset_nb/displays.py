"""Shows what a vat sends to be looked at: pictures, HTML and Markdown, each taken for a stranger's.

The result of a cell that is such a value is shown in this way. A value inside of a list or a dict is named in
words, as everywhere.
"""

from __future__ import annotations

import base64
from typing import Any

from swingset.guest.passing.displays import Html, Markdown, Picture
from swingset.model.visible import visible
from swingset_nb.png import BadPicture, checked
from swingset_nb.sanitised import safe_html, safe_markdown

_LONGEST = 10_000
_Bundle = tuple[dict[str, str], dict[str, Any]]


class VatDisplays:
    """How one shell shows these values."""

    def __init__(self, shell: Any) -> None:
        self._bundles = shell.display_formatter.mimebundle_formatter
        self._plain = shell.display_formatter.formatters["text/plain"]

    def install(self) -> None:
        """Begin to show them."""
        for kind, show in _SHOWN.items():
            self._bundles.for_type(kind, show)
            self._plain.for_type(kind, _named)

    def remove(self) -> None:
        """Show them as Python does."""
        for kind in _SHOWN:
            self._bundles.pop(kind, None)
            self._plain.pop(kind, None)


def _named(shown: Any, printer: Any, cycle: bool) -> None:  # noqa: ARG001
    if len(printer.stack) > 1:  # inside of another value
        printer.text(visible(repr(shown)[:501], 500))
    else:
        printer.text(_SHOWN[type(shown)](shown)[0]["text/plain"])


def _picture(picture: Picture, include: object = None, exclude: object = None) -> _Bundle:  # noqa: ARG001
    alt = visible(picture.alt, 500)
    try:
        png = checked(picture.png)
    except BadPicture as problem:
        return {"text/plain": f"<a picture that is not shown: {problem}>"}, {}
    words = f"<picture of {png.width:,} by {png.height:,} pixels{': ' if alt else ''}{alt}>"
    # A picture may have no paper of its own, and ink of any colour: most ink is dark.
    metadata = {"image/png": {"alt": alt or words}, "needs_background": "light"}
    return {"text/plain": words, "image/png": base64.b64encode(png.data).decode()}, metadata


def _html(shown: Html, include: object = None, exclude: object = None) -> _Bundle:  # noqa: ARG001
    return {"text/plain": visible(shown.text, _LONGEST), "text/html": safe_html(shown.text)}, {}


def _markdown(shown: Markdown, include: object = None, exclude: object = None) -> _Bundle:  # noqa: ARG001
    return {"text/plain": visible(shown.text, _LONGEST), "text/html": safe_markdown(shown.text)}, {}


_SHOWN: dict[type, Any] = {Picture: _picture, Html: _html, Markdown: _markdown}
