"""What a vat shows to people: pictures, Markdown and HTML, as values that pass by copy.

They are plain data under a name, and a vat that gets one does nothing with it. A notebook shows it, and takes
it for a stranger's: it checks pictures, and leaves only text, tables and lists of HTML and Markdown.
"""

from __future__ import annotations

import io
from typing import Any, NoReturn

_LONGEST = 80


class _Display:
    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} does not change: make another")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def _data(self) -> tuple[Any, ...]:
        """The arguments that make it."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        return type(self), self._data()  # for `copy`, which would set the attributes

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._data() == other._data()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._data()))


class Picture(_Display):
    """A picture in the format PNG, `Picture(png, "sales by month")`; `alt` is for those who cannot see it.

    `Picture.of(figure)` draws a figure of matplotlib. A method may also return the figure itself, which
    arrives as a picture.

    Source:
        Ours.
    """

    __slots__ = ("alt", "png")

    alt: str
    png: bytes

    def __init__(self, png: bytes, alt: str = "") -> None:
        if type(png) is not bytes or type(alt) is not str:
            raise TypeError("Picture(png, alt) wants bytes and a str")
        object.__setattr__(self, "png", png)
        object.__setattr__(self, "alt", alt)

    def _data(self) -> tuple[Any, ...]:
        return self.png, self.alt

    @classmethod
    def of(cls, figure: Any, alt: str = "") -> Picture:
        """Draw a `figure` of matplotlib, with `alt` in words: `Picture.of(figure, "sales by month")`."""
        out = io.BytesIO()
        # Without the version of matplotlib in it, so that the same figure has the same bytes.
        figure.savefig(out, format="png", bbox_inches="tight", metadata={"Software": None})
        return cls(out.getvalue(), alt)

    def __repr__(self) -> str:
        return f"<Picture of {len(self.png):,} bytes{f': {_short(self.alt)}' if self.alt else ''}>"


def _short(text: str) -> str:
    """A text as Python spells it, which no terminal obeys, and not more of it than a line."""
    return repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}..."


class _Text(_Display):
    __slots__ = ("text",)

    text: str

    def __init__(self, text: str) -> None:
        if type(text) is not str:
            raise TypeError(f"{type(self).__name__}(text) wants a str")
        object.__setattr__(self, "text", text)

    def _data(self) -> tuple[Any, ...]:
        return (self.text,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_short(self.text)})"


class Markdown(_Text):
    """A `text` that a notebook shows with its headings, lists and tables: `Markdown("# Sales")`.

    Source:
        Ours.
    """

    __slots__ = ()


class Html(_Text):
    """HTML: a notebook shows paragraphs, lists, tables and PNG pictures of `text`: `Html("<b>Sales</b>")`.

    Source:
        Ours.
    """

    __slots__ = ()


def picture_data(picture: Picture) -> dict[str, Any]:
    """A picture as plain data."""
    return {"png": picture.png, "alt": picture.alt}


def picture_of_data(data: Any) -> Picture:
    """Make a picture of data that may be anybody's; raises an error."""
    if not isinstance(data, dict) or data.keys() != {"png", "alt"}:
        raise ValueError("a picture has png and alt")
    return Picture(data["png"], data["alt"])


def figure_data(figure: Any) -> dict[str, Any]:
    """A figure of matplotlib as the data of its picture."""
    return picture_data(Picture.of(figure))
