"""What an interrupt stopped: the event whose crank was rolled back, which waits in the run-queue again.

Ctrl-C stops a run between two cranks, or in the middle of a delivery, whose crank is then rolled back. The
event would run into the same delivery again. So the host remembers which it was, and can drop it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from swingset.core.kernel import Kernel
from swingset.model.messages import described, event_from_json
from swingset.model.reports import Frame
from swingset.workers.base import DeliveryInterrupted


@dataclass(frozen=True)
class Interruption:
    """A delivery that was interrupted.

    `position` is that of its event in the run-queue, and `event` the event in a few words. `vat` is the name
    of the vat, None if it is not known. `trace` has the lines of vat code that it stood at, outermost first.
    """

    position: int
    event: str
    vat: str | None
    trace: tuple[Frame, ...] = ()


def interruption(kernel: Kernel, interrupt: BaseException) -> Interruption | None:
    """What an interrupt has just stopped; None if it came between two cranks."""
    cranks = kernel.cranks
    position = cranks.taken
    if position is None or not isinstance(interrupt, DeliveryInterrupted):
        return None
    text = kernel.store.queues.text_at(position)
    if text is None:
        return None
    with suppress(ValueError):
        event = event_from_json(text)
        vat = cranks.vat_of(event)
        name = None if vat is None else vat.name
        return Interruption(position, described(event), name, interrupt.trace)
    return None
