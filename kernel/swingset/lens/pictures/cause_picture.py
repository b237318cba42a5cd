"""A cause as a picture: a lane for each vat, a row for each event, and arrows from sending to delivery.

The two orders are drawn in two ways. Message order are the arrows: they lead from what sent a message to what
it set off. Process order are the lanes: time runs down, and what the same vat did before and next stands on
its lane, hollow, with no arrow.

The same bytes for the same cause. However long the chain is, the nearest events are drawn, and the words
below say what is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.lens.history.cause import Cause, Step
from swingset.lens.pictures.paper import FAINT, HOLDERS, INK, PAPER, Picture, cut, markers, sheet, text_at

MOST_UP = 12
"""How many senders are drawn at most."""
MOST_DOWN = 24
"""How many of the events that came of it are drawn at most."""

_MOST_BESIDE = 6
_MOST_LANES = 8
_OUTSIDE = "host"
_OTHERS = "others"

_TOP, _ROW, _LANE, _LEFT, _LABEL = 66, 28, 92, 46, 330
_LONGEST = 58


@dataclass(frozen=True)
class _Drawn:
    """One event of the picture: its lane, its row, and whether it is only a neighbour in process order."""

    step: Step
    lane: int
    row: int
    beside: bool


def draw_cause(cause: Cause) -> Picture:
    """Draw a cause."""
    return _Drawing(cause).picture()


class _Drawing:
    def __init__(self, cause: Cause) -> None:
        self._cause = cause
        beside = (*cause.before[-_MOST_BESIDE:], *cause.after[:_MOST_BESIDE])
        chain = (*cause.up[:MOST_UP], cause.step, *(effect.step for effect in cause.down[:MOST_DOWN]))
        numbers = {step.number for step in chain}
        steps = {step.number: step for step in (*beside, *chain)}
        ordered = [steps[number] for number in sorted(steps)]
        self._lanes = _lanes(ordered)
        self._events = {
            step.number: _Drawn(step, self._lanes[_lane(step)], row, step.number not in numbers)
            for row, step in enumerate(ordered)
        }

    def picture(self) -> Picture:
        events, names = self._events.values(), list(dict.fromkeys(self._lanes.values()))
        bottom = _TOP + len(self._events) * _ROW
        body = [text_at(_LEFT - 26, 24, cut(str(self._cause.step), 90), size=13, weight="bold")]
        for lane in names:
            body.append(
                f"<path d='M{_x(lane)} {_TOP - 14}V{bottom - 8}' stroke='{_colour(lane)}' stroke-width='1.2' "
                "stroke-dasharray='2 4'/>"
            )
            shared = [name for name, known in self._lanes.items() if known == lane]
            title = shared[0] if len(shared) == 1 else f"{len(shared)} {_OTHERS}"
            body.append(
                text_at(_x(lane), _TOP - 22, cut(title, 13), size=11.5, weight="bold", anchor="middle")
            )
        body += [self._arrow(event) for event in events]
        body += [self._event(event) for event in events]
        notes = self._left_out()
        for note in notes:
            body.append(text_at(_LEFT - 26, bottom + 12, note, size=11, colour=FAINT))
            bottom += 18
        width = _LEFT + len(names) * _LANE + _LABEL
        return sheet("".join(body), self._words(), width, bottom + 14, markers())

    def _arrow(self, event: _Drawn) -> str:
        """From what sent it, if that is drawn."""
        sender = self._events.get(event.step.sender or 0)
        if sender is None or event.beside:
            return ""
        x, y, end_x, end_y = _x(sender.lane), _y(sender.row), _x(event.lane), _y(event.row) - 7
        bend = -34 if x == end_x else 0
        middle = (y + end_y) // 2
        return (
            f"<path d='M{x} {y}C{x + bend} {middle} {end_x + bend} {middle} {end_x} {end_y}' fill='none' "
            f"stroke='{_colour(sender.lane)}' stroke-width='1.6' "
            f"marker-end='url(#a{sender.lane % len(HOLDERS)})'/>"
        )

    def _event(self, event: _Drawn) -> str:
        step, x, y = event.step, _x(event.lane), _y(event.row)
        asked = step.number == self._cause.step.number
        colour = _colour(event.lane)
        fill = PAPER if event.beside else colour
        shape = f"<circle cx='{x}' cy='{y}' r='5' fill='{fill}' stroke='{colour}' stroke-width='1.6'/>"
        if asked:
            shape = f"<circle cx='{x}' cy='{y}' r='9' fill='none' stroke='{INK}' stroke-width='1.4'/>{shape}"
        signs = f"{'✕ ' if step.failed else ''}{'❝ ' if step.printed else ''}"
        label = cut(f"{signs}{step}", _LONGEST)
        ink, weight = (FAINT, "") if event.beside else (INK, "bold" if asked else "")
        return shape + text_at(x + 14, y + 4, label, size=11, colour=ink, weight=weight, halo=True)

    def _left_out(self) -> list[str]:
        cause = self._cause
        found = ["arrows: message order; a lane from top to bottom: process order; ❝ it printed, ✕ it failed"]
        if len(cause.up) > MOST_UP:
            found.append(f"{len(cause.up) - MOST_UP:,} senders further up are not drawn")
        left = len(cause.down) - MOST_DOWN
        if left > 0 or cause.more:
            more = "more than " if cause.more else ""
            found.append(f"{more}{max(left, 0):,} events that came of it are not drawn")
        return found

    def _words(self) -> str:
        lanes = ", ".join(list(self._lanes)[:_MOST_LANES])
        chain = " from ".join(step.title for step in (self._cause.step, *self._cause.up[:MOST_UP]))
        return f"{self._cause.step}. {len(self._events)} events in the lanes {lanes}. Sent: {chain}."


def _lanes(steps: list[Step]) -> dict[str, int]:
    """The lane of each vat, in the order in which they appear; those beyond the last share it."""
    names = dict.fromkeys(_lane(step) for step in steps)
    return {name: min(place, _MOST_LANES - 1) for place, name in enumerate(names)}


def _lane(step: Step) -> str:
    return _OUTSIDE if step.outcome is None else step.vat or "kernel"


def _x(lane: int) -> int:
    return _LEFT + lane * _LANE


def _y(row: int) -> int:
    return _TOP + row * _ROW


def _colour(lane: int) -> str:
    return HOLDERS[lane % len(HOLDERS)]
