"""Shows the progress of long operations: compiling the engine, running many cranks.

Nothing is shown before `progress_after` seconds, and the progress is removed when the cell ends. So a
notebook that is stored, or run by a test, has the same outputs on a fast and on a slow machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swingset.core.report import CrankReport
from swingset.model.reports import Frame
from swingset.model.visible import one_line
from swingset.workers.pulses import Pulse

REFRESH = 0.3
ASKED = 2.0
"""After this many seconds it is asked again at which line a delivery stands."""
LONG = 10
"""The pulse, about half a second after it began, from which on a single delivery shows how far it is."""
QUIET = 1.0
"""After this many seconds without an update, the next update begins a new activity."""


class Progress:
    """One line of progress under the running cell. `after` returns how many seconds to wait before it."""

    def __init__(self, shell: Any, after: Callable[[], float]) -> None:
        self._shell = shell
        self._after = after
        self._began: float | None = None
        self._heard = 0.0
        self._drawn = 0.0
        self._id: str | None = None
        self._count = 0
        self._silent = False
        self._asked = 0.0
        self._place = self._text = ""

    def stage(self, name: str, fraction: float | None) -> None:
        """Update it with a stage of preparing an engine."""
        if fraction is not None and fraction >= 1.0:
            self.clear()
            return
        self._tell(name if fraction is None else f"{name}: {round(100 * fraction)} %")

    def crank(self, report: CrankReport) -> None:
        """Update it with one crank."""
        self._tell(
            f"running: crank {report.number}, in vat {one_line(report.vat or '-', 60)};"
            " interrupt to stop between cranks"
        )

    def waiting(self) -> None:
        """Update it with the wait for an answer of another world."""
        self._tell("waiting for another world; interrupt to stop")

    def pulse(self, pulse: Pulse) -> None:
        """Update it with how far one long delivery is; short ones are told of as cranks."""
        if pulse.beats < LONG:
            return
        spent = f"at least {pulse.computrons:,}"
        if pulse.limit is not None:
            spent += f" of {pulse.limit:,} computrons ({100 * pulse.computrons // pulse.limit} %)"
        else:
            spent += " computrons"
        now = time.monotonic()
        if self._id is not None and now - self._asked > ASKED:
            self._place, self._asked = _place_of(pulse.stands_at()), now
        vat = one_line(pulse.vat, 60)
        self._tell(f"one delivery to vat {vat}{self._place}: {spent}; interrupt to stop it")

    def clear(self) -> None:
        """Remove the line; the next update begins a new activity."""
        if self._id is not None:
            self._publish({}, update=True)
        self._id = self._began = None
        self._drawn = self._asked = 0.0
        self._place = ""

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Show nothing in the body, because there is no cell to show it under."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def _tell(self, text: str) -> None:
        now = time.monotonic()
        if self._began is None or (self._id is None and now - self._heard > QUIET + self._after()):
            self._began = now
        self._heard = now
        if self._id is not None and text == self._text:
            return
        if self._silent or now - self._began < self._after() or now - self._drawn < REFRESH:
            return
        self._drawn, self._text = now, text
        update = self._id is not None
        if not update:
            self._count += 1
            self._id = f"swingset-progress-{self._count}"
        self._publish({"text/plain": f"… {text}"}, update=update)

    def _publish(self, data: dict[str, str], *, update: bool) -> None:
        if getattr(self._shell, "kernel", None) is None:
            sys.stderr.write("\r\x1b[K" + data.get("text/plain", ""))
            sys.stderr.flush()
        else:
            self._shell.display_pub.publish(data, {}, transient={"display_id": self._id}, update=update)


def _place_of(trace: tuple[Frame, ...]) -> str:
    """The innermost line of vat code, as a part of a sentence."""
    if not trace:
        return ""
    part, line, function = trace[-1].part, trace[-1].line, trace[-1].function
    return f", at line {line} of {one_line(part, 60)} in {one_line(function, 60)}"
