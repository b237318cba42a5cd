"""The paper of pictures: light or dark as the reader prefers, with colours that can be told apart.

A picture is SVG in an `<img>`, the form that survives in untrusted notebooks, so it cannot see the variables
of the page. It lies on paper of its own. The browser shows it in the colour scheme of the page around it:
JupyterLab and Notebook 7 set one with their theme, and a page without one has what its reader prefers. What
cannot read the style sheet shows it light. Every text is escaped here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from xml.sax.saxutils import escape

INK, FAINT, PAPER, RULE = "#1c2733", "#5b6877", "#ffffff", "#9aa7b5"
BOX, CARD, CARD_EDGE = "#f6f8fa", "#fff8e6", "#b08900"
# Distinguishable under the common colour-vision deficiencies, and dark enough on white.
HOLDERS = ("#0b62a4", "#b2470a", "#13795b", "#8a3b8f", "#7a6000", "#b3243f", "#3f4fb0", "#4d5b66")
DARK = {
    INK: "#e6edf3",
    FAINT: "#a3b1bf",
    PAPER: "#14191f",
    RULE: "#66727f",
    BOX: "#1d242c",
    CARD: "#2e2814",
    CARD_EDGE: "#c9a227",
    **dict(
        zip(
            HOLDERS,
            ("#5aa9e6", "#f0883e", "#3fb68b", "#cf8bd3", "#c9b037", "#f2768c", "#8f9bf0", "#9fb0bd"),
            strict=True,
        )
    ),
}
"""What each colour is on dark paper."""

STYLE = "<style>@media(prefers-color-scheme:dark){{{}}}</style>".format(
    "".join(
        f"[fill='{light}']{{fill:{dark}}}[stroke='{light}']{{stroke:{dark}}}" for light, dark in DARK.items()
    )
)
FONT = "font-family='DejaVu Sans,Verdana,Arial,sans-serif'"


@dataclass(frozen=True)
class Picture:
    """A picture of a world, as SVG and in words."""

    svg: str
    words: str
    width: int
    height: int

    @property
    def data_uri(self) -> str:
        """The SVG as an address for `<img src=...>`, the form that survives in untrusted notebooks."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


def cut(text: str, limit: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def text_at(
    x: int,
    y: int,
    text: str,
    *,
    size: float,
    colour: str = INK,
    weight: str = "",
    anchor: str = "",
    halo: bool = False,
) -> str:
    """A text of one line at a place of the picture; a halo lets it be read across lines."""
    extra = f" font-weight='{weight}'" if weight else ""
    extra += f" text-anchor='{anchor}'" if anchor else ""
    extra += f" stroke='{PAPER}' stroke-width='3' paint-order='stroke'" if halo else ""
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{colour}'{extra}>{escape(text)}</text>"


def sheet(body: str, words: str, width: int, height: int, defs: str = "") -> Picture:
    """A picture of this size: its body on paper, with words for readers who cannot see it."""
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' role='img' {FONT}>"
        f"<title>{escape(words)}</title>{STYLE}<defs>{defs}</defs>"
        f"<rect x='0.5' y='0.5' width='{width - 1}' height='{height - 1}' rx='8' fill='{PAPER}' "
        f"stroke='{RULE}' stroke-opacity='0.5'/>{body}</svg>"
    )
    return Picture(svg, words, width, height)


def markers() -> str:
    """The heads of arrows, one for each colour: `a0`, `a1` and so on."""
    return "".join(
        f"<marker id='a{number}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='8' markerHeight='8' "
        f"markerUnits='userSpaceOnUse' orient='auto'><path d='M0 0.5 8 4 0 7.5Z' fill='{colour}'/>"
        "</marker>"
        for number, colour in enumerate(HOLDERS)
    )
