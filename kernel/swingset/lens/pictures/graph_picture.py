"""The graph of modules of a proposal as a picture: what imports what, and what of it is new.

The same bytes for the same proposal. The own cell is on top, each module below those that import it, and at
the bottom the exits. A module that is known has a plain box; one that is changed, moved or new has a coloured
edge, and the word stands in the box, as does that of a doubt: nothing is told by a colour alone. The names
are a stranger's, and are escaped and cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from swingset.lens.pictures.paper import (
    BOX,
    FAINT,
    HOLDERS,
    RULE,
    Picture,
    cut,
    markers,
    sheet,
    text_at,
)
from swingset.lens.source.judging import Judged, JudgedModule
from swingset.model.modules import module_of
from swingset.model.visible import one_line

_WIDE, _HIGH, _GAP_X, _GAP_Y, _EDGE = 170, 46, 24, 44, 20
_IN_ROW = 4

MOST_MODULES = 40
"""How many modules are drawn at most, and how many exits."""

_COLOURS = {"known": RULE, "moved": HOLDERS[6], "changed": HOLDERS[1], "new": HOLDERS[5]}


def draw_graph(found: Judged) -> Picture:
    """Draw the modules of a proposal."""
    rows = _rows(found)
    names = [name for row in rows for name in row]
    modules = {_name(module): module for module in found.modules}
    places = {
        name: (_EDGE + at * (_WIDE + _GAP_X), _EDGE + 24 + depth * (_HIGH + _GAP_Y))
        for depth, row in enumerate(rows)
        for at, name in enumerate(row)
    }
    arrows = [
        _arrow(places[_name(module)], places[target])
        for module in found.modules
        if _name(module) in places
        for target in (*module.facts.imports, *module.facts.exits)
        if target in places and target != _name(module)
    ]
    boxes = [
        _module(places[name], modules[name]) if name in modules else _exit(places[name], name, found)
        for name in names
    ]
    width = 2 * _EDGE + max(map(len, rows), default=1) * (_WIDE + _GAP_X) - _GAP_X
    height = 2 * _EDGE + 24 + len(rows) * (_HIGH + _GAP_Y) - _GAP_Y
    words = in_words(found)
    title = text_at(_EDGE, 26, cut(words, width // 7), size=13, weight="bold")
    return sheet("".join([title, *arrows, *boxes]), words, max(width, 360), height, markers())


def in_words(found: Judged) -> str:
    """The picture for readers who cannot see it."""
    counts = [
        f"{count} {standing}"
        for standing in _COLOURS
        if (count := sum(module.standing == standing for module in found.modules))
    ]
    exits = f", {len(found.exits)} exits" if len(found.exits) != 1 else ", 1 exit"
    more = max(0, len(found.modules) - MOST_MODULES)
    return f"Modules: {', '.join(counts) or 'none'}{exits}" + (f"; {more:,} are not drawn" if more else "")


def _name(module: JudgedModule) -> str:
    return module_of(module.name) or module.name


def _rows(found: Judged) -> list[list[str]]:
    """The names by depth: each module below the deepest that imports it, in rows of a few, and exits last."""
    shown = found.modules[-MOST_MODULES:]
    depth = {_name(module): 0 for module in shown}
    for _ in shown:  # a circle of imports ends with the number of modules
        changed = False
        for module in shown:
            for target in module.facts.imports:
                if target in depth and depth[target] <= depth[_name(module)] < len(shown) - 1:
                    depth[target] = depth[_name(module)] + 1
                    changed = True
        if not changed:
            break
    levels = [[name for name in depth if depth[name] == level] for level in sorted(set(depth.values()))]
    levels.append(list(found.exits[:MOST_MODULES]))
    return [level[begin : begin + _IN_ROW] for level in levels for begin in range(0, len(level), _IN_ROW)]


def _arrow(begin: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = begin[0] + _WIDE // 2, begin[1] + _HIGH
    to_x, to_y = end[0] + _WIDE // 2, end[1]
    if to_y < y:  # upwards, in a circle
        return f"<path d='M{x} {y - _HIGH}L{to_x} {to_y + _HIGH}' stroke='{RULE}' marker-end='url(#a7)'/>"
    middle = (y + to_y) // 2
    path = f"M{x} {y}C{x} {middle} {to_x} {middle} {to_x} {to_y}"
    if to_y - y > _GAP_Y:  # past other rows, in the gap beside the box: nothing else seems to import it
        aside, bend = begin[0] + _WIDE + _GAP_X // 2, _GAP_Y // 2
        path = (
            f"M{x} {y}C{x} {y + bend} {aside} {y} {aside} {y + bend}V{to_y - bend}"
            f"C{aside} {to_y} {to_x} {to_y - bend} {to_x} {to_y}"
        )
    return f"<path d='{path}' fill='none' stroke='{RULE}' marker-end='url(#a7)'/>"


def _module(place: tuple[int, int], module: JudgedModule) -> str:
    said: Sequence[str] = [
        module.standing,
        *(["audited"] if module.audits else []),
        *(["not judged"] if module.facts.doubts else []),
    ]
    colour = _COLOURS[module.standing]
    return _box(place, _name(module), ", ".join(said), colour, "1" if module.standing == "known" else "2")


def _exit(place: tuple[int, int], name: str, found: Judged) -> str:
    said = "exit, new" if name in found.new_exits else "exit"
    return _box(place, name, said, HOLDERS[5] if name in found.new_exits else RULE, "1", "4 3")


def _box(place: tuple[int, int], name: str, said: str, colour: str, edge: str, dashes: str = "") -> str:
    x, y = place
    dashed = f" stroke-dasharray='{dashes}'" if dashes else ""
    return (
        f"<rect x='{x}' y='{y}' width='{_WIDE}' height='{_HIGH}' rx='6' fill='{BOX}' stroke='{colour}' "
        f"stroke-width='{edge}'{dashed}/>"
        + text_at(x + 10, y + 20, cut(one_line(name, 60), 22), size=12, weight="bold")
        + text_at(x + 10, y + 36, said, size=10.5, colour=FAINT)
    )
