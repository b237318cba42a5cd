"""One picture of a world, as SVG: laid out by hand, the same bytes for the same world.

Two columns of boxes with a gutter between them. Everything that an arrow can start at or end on touches the
gutter, so arrows cross only each other. There is no layout engine, and no measuring of fonts: widths are
bounded by cutting texts. Colours only tell arrows of different holders apart; shapes and words say what a
thing is. A picture lies on paper of its own, light or dark as the reader prefers: in an `<img>` it cannot see
the page. What cannot read its style sheet shows it light.

`scene` chooses what is drawn. Every text is escaped.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from xml.sax.saxutils import escape

from swingset.lens import scene as scenes
from swingset.lens.scene import Arrow, Box, Queued, Scene, Thing
from swingset.lens.tables import Lens

_BOX_WIDTH = 264
_GUTTER = 190
_MARGIN = 20
_HEAD = 46
_LINE = 28
_GAP = 20
_CARD_WIDTH = 232
_CARD_HEIGHT = 44
_WIDTH = 2 * (_MARGIN + _BOX_WIDTH) + _GUTTER

_INK, _FAINT, _PAPER, _RULE = "#1c2733", "#5b6877", "#ffffff", "#9aa7b5"
_BOX, _CARD, _CARD_EDGE = "#f6f8fa", "#fff8e6", "#b08900"
# Distinguishable under the common colour-vision deficiencies, and dark enough on white.
_HOLDERS = ("#0b62a4", "#b2470a", "#13795b", "#8a3b8f", "#7a6000", "#b3243f", "#3f4fb0", "#4d5b66")
DARK = {
    _INK: "#e6edf3",
    _FAINT: "#a3b1bf",
    _PAPER: "#14191f",
    _RULE: "#66727f",
    _BOX: "#1d242c",
    _CARD: "#2e2814",
    _CARD_EDGE: "#c9a227",
    **dict(
        zip(
            _HOLDERS,
            ("#5aa9e6", "#f0883e", "#3fb68b", "#cf8bd3", "#c9b037", "#f2768c", "#8f9bf0", "#9fb0bd"),
            strict=True,
        )
    ),
}
"""What each colour is on dark paper."""

_STYLE = "<style>@media(prefers-color-scheme:dark){{{}}}</style>".format(
    "".join(
        f"[fill='{light}']{{fill:{dark}}}[stroke='{light}']{{stroke:{dark}}}" for light, dark in DARK.items()
    )
)
_FONT = "font-family='DejaVu Sans,Verdana,Arial,sans-serif'"


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


def draw(lens: Lens) -> Picture:
    """Draw a world as it is now."""
    scene = scenes.compose(lens)
    return _Drawing(scene).picture()


class _Drawing:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._side: dict[str, int] = {}
        self._top: dict[str, int] = {}
        self._colour: dict[str, str] = {}
        self._bottom = self._place()

    def picture(self) -> Picture:
        body = [self._box(box) for box in self._scene.boxes]
        body += [self._arrow(arrow) for arrow in self._scene.arrows]
        y = self._bottom
        queue, y = self._queue(y)
        body.append(queue)
        notes = [_LEGEND, *self._scene.left_out]
        for note in notes:
            body.append(_text(_MARGIN, y + 14, note, size=11, colour=_FAINT))
            y += 18
        height = y + _MARGIN - 6
        words = scenes.in_words(self._scene)
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}' "
            f"viewBox='0 0 {_WIDTH} {height}' role='img' {_FONT}>"
            f"<title>{escape(words)}</title>{_STYLE}<defs>{self._markers()}</defs>"
            f"<rect x='0.5' y='0.5' width='{_WIDTH - 1}' height='{height - 1}' rx='8' fill='{_PAPER}' "
            f"stroke='{_RULE}' stroke-opacity='0.5'/>{''.join(body)}</svg>"
        )
        return Picture(svg, words, _WIDTH, height)

    def _place(self) -> int:
        """Place every box in a column; the notebook comes first on the left, the rest fill up evenly."""
        ends = [_MARGIN, _MARGIN]
        for number, box in enumerate(self._scene.boxes):
            side = 0 if box.name == "notebook" else 1 if number < 2 or ends[1] <= ends[0] else 0
            self._side[box.name] = side
            self._top[box.name] = ends[side]
            self._colour[box.name] = _HOLDERS[number % len(_HOLDERS)]
            ends[side] += _height(box) + _GAP
        return max(ends)

    def _inner_edge(self, name: str) -> int:
        left = _MARGIN if self._side[name] == 0 else _MARGIN + _BOX_WIDTH + _GUTTER
        return left + _BOX_WIDTH if self._side[name] == 0 else left

    def _markers(self) -> str:
        return "".join(
            f"<marker id='a{number}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='8' markerHeight='8' "
            f"markerUnits='userSpaceOnUse' orient='auto'><path d='M0 0.5 8 4 0 7.5Z' fill='{colour}'/>"
            "</marker>"
            for number, colour in enumerate(_HOLDERS)
        )

    def _arrow(self, arrow: Arrow) -> str:
        colour = self._colour[arrow.holder]
        start_x, end_x = self._inner_edge(arrow.holder), self._inner_edge(arrow.owner)
        start_y = self._top[arrow.holder] + _HEAD // 2
        end_y = self._top[arrow.owner] + _HEAD + arrow.place * _LINE + _LINE // 2 - 2
        out = 1 if self._side[arrow.holder] == 0 else -1
        into = 1 if self._side[arrow.owner] == 0 else -1
        # A thing lies a little inside its box, so the arrow enters the box to touch it.
        end_x -= into * 9
        reach = _GUTTER // 2 if out != into else min(_GUTTER * 2 // 3, 40 + abs(end_y - start_y) // 3)
        dash = " stroke-dasharray='5 4'" if arrow.waits else ""
        return (
            f"<path d='M{start_x} {start_y}C{start_x + out * reach} {start_y} {end_x + into * reach} {end_y} "
            f"{end_x} {end_y}' fill='none' stroke='{colour}' stroke-width='1.6'{dash} "
            f"marker-end='url(#a{_HOLDERS.index(colour)})'/>"
        )

    def _box(self, box: Box) -> str:
        edge, top, height = self._inner_edge(box.name), self._top[box.name], _height(box)
        left = edge - _BOX_WIDTH if self._side[box.name] == 0 else edge
        colour = self._colour[box.name]
        stands = " stroke-dasharray='6 4'" if "suspended" in box.state or box.name == "nobody" else ""
        shapes = [
            f"<rect x='{left}' y='{top}' width='{_BOX_WIDTH}' height='{height}' rx='8' fill='{_BOX}' "
            f"fill-opacity='0.94' stroke='{colour}' stroke-width='1.5'{stands}/>",
            _text(left + 14, top + 20, box.title, size=14, weight="bold"),
            _text(left + 14, top + 36, box.state, size=10.5, colour=_FAINT),
        ]
        if any(arrow.holder == box.name for arrow in self._scene.arrows):
            shapes.append(f"<circle cx='{edge}' cy='{top + _HEAD // 2}' r='4.5' fill='{colour}'/>")
        shapes += [_thing(left, top + _HEAD + place * _LINE, thing) for place, thing in enumerate(box.things)]
        return "".join(shapes)

    def _queue(self, y: int) -> tuple[str, int]:
        scene = self._scene
        shapes = [f"<path d='M{_MARGIN} {y}H{_WIDTH - _MARGIN}' stroke='{_RULE}' stroke-opacity='0.6'/>"]
        if not scene.queue:
            shapes.append(_text(_MARGIN, y + 22, "Run-queue: empty, nothing is waiting", size=12))
            return "".join(shapes), y + 32
        shown = f", the first {len(scene.queue)} drawn" if scene.queue_length > len(scene.queue) else ""
        heading = f"{_waiting(scene)}{shown}"
        shapes.append(_text(_MARGIN, y + 22, heading, size=12, weight="bold"))
        y += 34
        across = (_WIDTH - 2 * _MARGIN) // _CARD_WIDTH
        for number, item in enumerate(scene.queue):
            x = _MARGIN + number % across * (_CARD_WIDTH + 9)
            shapes.append(_card(x, y + number // across * (_CARD_HEIGHT + 8), item))
        rows = -(-len(scene.queue) // across)
        return "".join(shapes), y + rows * (_CARD_HEIGHT + 8) + 4


_LEGEND = "■ root and ● durable objects survive an upgrade; ○ objects in the heap and … open promises do not"
_SIGNS = {
    scenes.ROOT: "■",
    scenes.DURABLE: "●",
    scenes.HEAP: "○",
    scenes.PROMISE: "…",
    scenes.LOST: "✕",
    scenes.REST: "+",
}


def _waiting(scene: Scene) -> str:
    """How many events wait, and where: only those in the run-queue are next."""
    ready = scene.queue_length - scene.elsewhere
    words = f"Run-queue: {ready} waiting; 1 is next" if ready else "Run-queue: empty"
    if scene.elsewhere:
        words += (
            f"; {scene.elsewhere} {'waits' if scene.elsewhere == 1 else 'wait'} at a promise or for a vat"
        )
    return words


def _height(box: Box) -> int:
    return _HEAD + max(len(box.things), 1) * _LINE + (6 if box.things else -18)


def _thing(left: int, top: int, thing: Thing) -> str:
    dashed = " stroke-dasharray='4 3'" if thing.sort in (scenes.HEAP, scenes.PROMISE, scenes.LOST) else ""
    return (
        f"<rect x='{left + 9}' y='{top}' width='{_BOX_WIDTH - 18}' height='{_LINE - 5}' rx='11' "
        f"fill='{_PAPER}' stroke='{_RULE}'{dashed}/>"
        + _text(left + 20, top + 16, _SIGNS[thing.sort], size=12)
        + _text(left + 38, top + 16, thing.label, size=12)
        + _text(left + _BOX_WIDTH - 20, top + 16, thing.kref, size=11, colour=_FAINT, anchor="end")
    )


def _card(x: int, y: int, item: Queued) -> str:
    return (
        f"<rect x='{x}' y='{y}' width='{_CARD_WIDTH}' height='{_CARD_HEIGHT}' rx='6' fill='{_CARD}' "
        f"stroke='{_CARD_EDGE}'/>"
        + _text(x + 10, y + 18, f"{item.position}. {_cut(item.text, 27)}", size=12, weight="bold")
        + _text(x + 10, y + 35, f"to {_cut(item.target, 33)}", size=11, colour=_FAINT)
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text(
    x: int, y: int, text: str, *, size: float, colour: str = _INK, weight: str = "", anchor: str = ""
) -> str:
    extra = f" font-weight='{weight}'" if weight else ""
    extra += f" text-anchor='{anchor}'" if anchor else ""
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{colour}'{extra}>{escape(text)}</text>"
