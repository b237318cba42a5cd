"""One picture of a world, as SVG: laid out by hand, the same bytes for the same world.

Two columns of boxes with a gutter between them. Everything that an arrow can start at or end on touches the
gutter, so arrows cross only each other. There is no layout engine, and no measuring of fonts: widths are
bounded by cutting texts. Colours only tell arrows of different holders apart; shapes and words say what a
thing is. A picture lies on paper of its own, light or dark as the reader prefers: in an `<img>` it cannot see
the page. What cannot read its style sheet shows it light.

`scene` chooses what is drawn. Every text is escaped.
"""

from __future__ import annotations

from swingset.lens.pictures.paper import (
    BOX,
    CARD,
    CARD_EDGE,
    FAINT,
    HOLDERS,
    PAPER,
    RULE,
    Picture,
    cut,
    markers,
    sheet,
    text_at,
)
from swingset.lens.pictures.scene import Arrow, Box, Queued, Scene, Sort, Thing, compose, in_words
from swingset.lens.present.tables import Lens

_BOX_WIDTH = 264
_GUTTER = 190
_MARGIN = 20
_HEAD = 46
_LINE = 28
_GAP = 20
_CARD_WIDTH = 232
_CARD_HEIGHT = 44
_WIDTH = 2 * (_MARGIN + _BOX_WIDTH) + _GUTTER


def draw(lens: Lens) -> Picture:
    """Draw a world as it is now."""
    return _Drawing(compose(lens)).picture()


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
            body.append(text_at(_MARGIN, y + 14, note, size=11, colour=FAINT))
            y += 18
        height = y + _MARGIN - 6
        words = in_words(self._scene)
        return sheet("".join(body), words, _WIDTH, height, markers())

    def _place(self) -> int:
        """Place every box in a column; the notebook comes first on the left, the rest fill up evenly."""
        ends = [_MARGIN, _MARGIN]
        for number, box in enumerate(self._scene.boxes):
            side = 0 if box.name == "notebook" else 1 if number < 2 or ends[1] <= ends[0] else 0
            self._side[box.name] = side
            self._top[box.name] = ends[side]
            self._colour[box.name] = HOLDERS[number % len(HOLDERS)]
            ends[side] += _height(box) + _GAP
        return max(ends)

    def _inner_edge(self, name: str) -> int:
        left = _MARGIN if self._side[name] == 0 else _MARGIN + _BOX_WIDTH + _GUTTER
        return left + _BOX_WIDTH if self._side[name] == 0 else left

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
            f"marker-end='url(#a{HOLDERS.index(colour)})'/>"
        )

    def _box(self, box: Box) -> str:
        edge, top, height = self._inner_edge(box.name), self._top[box.name], _height(box)
        left = edge - _BOX_WIDTH if self._side[box.name] == 0 else edge
        colour = self._colour[box.name]
        stands = " stroke-dasharray='6 4'" if "suspended" in box.state or box.name == "nobody" else ""
        shapes = [
            f"<rect x='{left}' y='{top}' width='{_BOX_WIDTH}' height='{height}' rx='8' fill='{BOX}' "
            f"fill-opacity='0.94' stroke='{colour}' stroke-width='1.5'{stands}/>",
            text_at(left + 14, top + 20, box.title, size=14, weight="bold"),
            text_at(left + 14, top + 36, box.state, size=10.5, colour=FAINT),
        ]
        if any(arrow.holder == box.name for arrow in self._scene.arrows):
            shapes.append(f"<circle cx='{edge}' cy='{top + _HEAD // 2}' r='4.5' fill='{colour}'/>")
        shapes += [_thing(left, top + _HEAD + place * _LINE, thing) for place, thing in enumerate(box.things)]
        return "".join(shapes)

    def _queue(self, y: int) -> tuple[str, int]:
        scene = self._scene
        shapes = [f"<path d='M{_MARGIN} {y}H{_WIDTH - _MARGIN}' stroke='{RULE}' stroke-opacity='0.6'/>"]
        if not scene.queue:
            shapes.append(text_at(_MARGIN, y + 22, "Run-queue: empty, nothing is waiting", size=12))
            return "".join(shapes), y + 32
        shown = f", the first {len(scene.queue)} drawn" if scene.queue_length > len(scene.queue) else ""
        heading = f"{_waiting(scene)}{shown}"
        shapes.append(text_at(_MARGIN, y + 22, heading, size=12, weight="bold"))
        y += 34
        across = (_WIDTH - 2 * _MARGIN) // _CARD_WIDTH
        for number, item in enumerate(scene.queue):
            x = _MARGIN + number % across * (_CARD_WIDTH + 9)
            shapes.append(_card(x, y + number // across * (_CARD_HEIGHT + 8), item))
        rows = -(-len(scene.queue) // across)
        return "".join(shapes), y + rows * (_CARD_HEIGHT + 8) + 4


_LEGEND = "■ root and ● durable objects survive an upgrade; ○ objects in the heap and … open promises do not"
_SIGNS: dict[Sort, str] = {
    "root": "■",
    "durable": "●",
    "heap": "○",
    "promise": "…",
    "lost": "✕",
    "rest": "+",
}
_DASHED: tuple[Sort, ...] = ("heap", "promise", "lost")


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
    dashed = " stroke-dasharray='4 3'" if thing.sort in _DASHED else ""
    return (
        f"<rect x='{left + 9}' y='{top}' width='{_BOX_WIDTH - 18}' height='{_LINE - 5}' rx='11' "
        f"fill='{PAPER}' stroke='{RULE}'{dashed}/>"
        + text_at(left + 20, top + 16, _SIGNS[thing.sort], size=12)
        + text_at(left + 38, top + 16, thing.label, size=12)
        + text_at(left + _BOX_WIDTH - 20, top + 16, thing.kref, size=11, colour=FAINT, anchor="end")
    )


def _card(x: int, y: int, item: Queued) -> str:
    return (
        f"<rect x='{x}' y='{y}' width='{_CARD_WIDTH}' height='{_CARD_HEIGHT}' rx='6' fill='{CARD}' "
        f"stroke='{CARD_EDGE}'/>"
        + text_at(x + 10, y + 18, f"{item.position}. {cut(item.text, 27)}", size=12, weight="bold")
        + text_at(x + 10, y + 35, f"to {cut(item.target, 33)}", size=11, colour=FAINT)
    )
