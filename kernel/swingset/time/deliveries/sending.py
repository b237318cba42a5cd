"""Where a message was sent from: the line of a cell, or of a vat's code.

The line of a cell is in the record of the request. The line of a vat's code is in no record, because the vat
would have to find it out for each message, and pay for that. But a vat can be repeated: the delivery in which
it sent the message runs again beside the world, watched line by line (`swingset.time.deliveries.tracing`), up
to the syscall that sent it. Which of its sends it is, the rows say that the sender's crank put into the
run-queue.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.cause import Asked, Cause, Causes, Step
from swingset.model.messages import Send, event_from_json
from swingset.model.reports import Frame
from swingset.model.visible import one_line
from swingset.time.deliveries.tracing import MOST_STEPS, Trace, TraceStep, trace
from swingset.world.records import CrankRecord, Record, RequestRecord

MOST_LINES = 20
"""How many deliveries are repeated for one cause at most."""

_STEPS = 20 * MOST_STEPS
_SENDS = ("send ", "['send',")
"""How the step of a send begins, in words or, if it is long, as it was made."""


@dataclass(frozen=True, repr=False)
class SentFrom:
    """Where a message was sent from.

    `step` is what sent it. `frame` is the line of the vat's code, and `source` its text. Both are None if it
    was not sent by a vat's code, or if the line cannot be known; `note` then says why.
    """

    step: Step
    frame: Frame | None = None
    source: str | None = None
    note: str | None = None

    def __repr__(self) -> str:
        if self.frame is None:
            return self.step.title + (f": {one_line(self.note, 300)}" if self.note else "")
        return f"{self.step.title}, {self.frame}: {self.source}"


def sent_from(controller: Controller, asked: Asked) -> SentFrom:
    """Find the line that sent a message: of a notebook cell, or of a vat's code.

    The delivery in which a vat sent it is repeated beside the world, which does not change.

    Args:
        controller: the world.
        asked: the number of a crank, the kref of a result, or a record, as in `lens.cause`.
    Raises:
        KernelError: if no record tells of it, or if it is no message.
    Source:
        Ours; Causeway shows the line of each send.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> swingset.sent_from(world, kref).step.title
        'request 8'
    """
    causes = Causes(controller.kernel.store)
    with controller.lock:
        record = causes.record(asked)
        if not isinstance(record, CrankRecord) or not isinstance(record.event, Send):
            raise KernelError(f"{causes.step(record)}: it is no message, so no line sent it")
        sender = None if record.sender is None else causes.recorded.number(record.sender)
    if sender is None:
        raise KernelError(f"{causes.step(record)}: its record does not say who sent it")
    step = causes.step(sender)
    if isinstance(sender, RequestRecord):
        return SentFrom(step)
    if record.event.sender is None:
        return SentFrom(step, note="a device or the kernel sent it, not the vat's code")
    at = _place(sender, record)
    if at is None:
        return SentFrom(step, note="the rows of its record do not say which of its messages this is")
    try:
        seen = trace(controller, sender.crank, steps=_STEPS)
    except KernelError as problem:
        return SentFrom(step, note=str(problem))
    return _found(step, seen, at)


def lines_of(controller: Controller, cause: Cause) -> list[str]:
    """For the messages of a cause, nearest first, the lines of vat code that sent them, as text."""
    found: list[str] = []
    for step, sender in zip((cause.step, *cause.up), cause.up, strict=False):
        if len(found) == MOST_LINES:
            return [*found, "and more"]
        if sender.outcome is not None and step.kind == "send":
            found.append(f"{step.title} was sent from {sent_from(controller, step.crank)!r}")
    return found


def _place(sender: CrankRecord, record: CrankRecord) -> int | None:
    """Which of the messages of its sender's crank a message is, counted from 0."""
    assert isinstance(record.event, Send), "it was looked at"
    sent = sorted(_sent(sender, record.event.sender))
    places = [place for place, (seq, _) in enumerate(sent) if seq == record.position]
    # It may have waited for a promise, and have another place in the run-queue now.
    places = places or [place for place, (_, event) in enumerate(sent) if event == record.event]
    return places[0] if len(places) == 1 else None


def _sent(sender: Record, vat: str | None) -> list[tuple[int, Send]]:
    found = []
    for row in sender.rows or ():
        if row.table == "queue" and row.after is not None:
            event = event_from_json(str(row.after[1]))
            if isinstance(event, Send) and event.sender == vat:
                found.append((int(row.key[0] or 0), event))
    return found


def _found(step: Step, seen: Trace, at: int) -> SentFrom:
    """The line that ran when the send of that place was made."""
    lines: list[TraceStep] = []
    sends = 0
    for done in seen.steps:
        if done.kind == "syscall" and done.text.startswith(_SENDS):
            if sends == at:
                return _at(step, lines)
            sends += 1
        elif done.part:
            lines = [line for line in lines if line.depth < done.depth]
            if done.kind not in ("return", "suspend", "leave"):
                lines.append(done)
    if seen.cut:
        return SentFrom(step, note=f"it is not among the first {_STEPS:,} steps of the delivery")
    return SentFrom(step, note=seen.difference or "the repeated delivery did not send it")


def _at(step: Step, lines: list[TraceStep]) -> SentFrom:
    if not lines:
        return SentFrom(step, note="no line of the vat's own code ran")
    last = lines[-1]
    return SentFrom(step, Frame(last.part, last.line, last.function), last.source)
