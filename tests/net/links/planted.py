"""Faults that are planted in one of two worlds, and that the harness has to notice.

Each is a slip that somebody could make in a link. The vat `net` runs from source text, so most are a change
of that; the others are of the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from swingset import service_vats
from swingset.host.base.opened import Opened
from swingset.host.wires.wire_line import Line


def _changed(module: str, old: str, new: str) -> Callable[[], None]:
    """Have the vat made of other text."""

    def change() -> None:
        really = service_vats.raw_parts

        def raw_parts(name: str) -> tuple[tuple[str, str], ...]:
            parts = really(name)
            found = [text for part, text in parts if part.endswith(f".{module}")]
            assert found[0].count(old) == 1, f"{module} does not have this text: {old}"
            return tuple(
                (part, text.replace(old, new) if part.endswith(f".{module}") else text)
                for part, text in parts
            )

        service_vats.raw_parts = raw_parts

    return change


def _sent_before_the_commit() -> None:
    """On a slow disk: else the moment is too short for a kill to meet it."""
    really = Opened.commit

    def commit(self: Opened, note: str = "") -> int | None:
        for flush in self.committed:
            if isinstance(getattr(flush, "__self__", None), Line):
                flush()
                time.sleep(0.05)
        return really(self, note)

    Opened.commit = commit  # type: ignore[method-assign]


FAULTS: dict[str, Callable[[], None]] = {
    "a gap is accepted, and messages are lost before it": _changed(
        "links",
        "row = self.change(link, passed=number, told",
        "row = self.change(link, passed=row['sent'], told",
    ),
    "a frame that comes twice is taken twice": _changed(
        "links", '        if number <= row["received"]:\n', '        if number < row["received"]:\n'
    ),
    "nothing is sent again": _changed(
        "links",
        'self.change(link, passed=(self.row(link) or {})["acked"], flying=0)',
        'self.change(link, passed=(self.row(link) or {})["sent"], flying=0)',
    ),
    "what was sent is forgotten before it is acknowledged": _changed(
        "links",
        "            data, secrets, head = self._core.batch.get(_frame(link, number))\n            flying",
        "            data, secrets, head = self._core.batch.get(_frame(link, number))\n"
        '            self._core.batch.put(_frame(link, number), ["", [], head])\n            flying',
    ),
    "a count of what crossed is off by one": _changed(
        "sessions", "found[position] = found.get(position, 0) + delta", "found[position] = 1"
    ),
    "what is sent is not committed yet": _sent_before_the_commit,
}


def plant(name: str) -> None:
    """Plant a fault in this process, if one is named."""
    if name:
        FAULTS[name]()
