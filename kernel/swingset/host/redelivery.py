"""Re-delivers recorded messages to a vat's old and new code, and names the first difference in what it does.

Two forks begin right before the first of these messages; one of them upgrades the vat. Both then repeat all
messages that came from outside since (`repeating`). So a message to the vat that another vat sent is
delivered in both forks, if the new code still makes that vat send it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from swingset.core.errors import VatFault
from swingset.host.controller import Controller
from swingset.host.resending import Answered, Resending, is_to
from swingset.host.starting import Parts
from swingset.lens.recorded import Recorded
from swingset.model.messages import CreateVat, UpgradeVat
from swingset.model.visible import one_line
from swingset.world.records import CrankRecord, Record


@dataclass(frozen=True)
class Redelivered:
    """What came of re-delivered messages.

    `count` is how many messages the old code got, and `differing` how many of them the new code answered
    differently. `first` has both answers to the first of these; one is None if that code did not get the
    message. `crank` is the first crank that was repeated. `notes` say what could not be repeated.
    """

    count: int
    differing: int = 0
    first: tuple[Answered | None, Answered | None] | None = None
    crank: int | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The same in sentences.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> source = dict(world.vats.parts("bank"))["bank"]
            >>> session.rehearse("bank", "bank", source + "# better", messages=1).messages.lines()
            ['1 recorded message re-delivered: the new code answers the same']
        """
        messages = "1 recorded message" if self.count == 1 else f"{self.count:,} recorded messages"
        if self.first is None:
            return [f"{messages} re-delivered: the new code answers the same", *self.notes]
        old, new = self.first
        call = (old or new or Answered("", "")).call
        return [
            f"{messages} re-delivered: {self.differing:,} answered differently, {call} first",
            f"the old code: {old if old is not None else 'does not get it'}",
            f"the new code: {new if new is not None else 'does not get it'}",
            *self.notes,
        ]


def redeliver(controller: Controller, vat: str, parts: Parts, count: int) -> Redelivered:
    """Re-deliver the last `count` messages that the current incarnation of a vat got, to both codes."""
    window, short = _window(controller, vat, count)
    got = [record for record in window if is_to(record, vat)]
    if not got:
        return Redelivered(0, notes=(*short, "this incarnation has got no message yet"))
    first = got[0].crank
    old, new = (Resending(controller.fork(first - 1)) for _ in range(2))
    try:
        try:
            new.fork.upgrade_vat(vat, parts)
        except VatFault as error:
            words = f"as it was before crank {first:,}, the vat refuses the new code: {error.fault}"
            return Redelivered(len(got), crank=first, notes=(*short, one_line(words, 300)))
        for branch in (old, new):
            branch.repeat(window)
        told = [list(branch.told(vat)) for branch in (old, new)]
        differing = [(one, other) for one, other in zip_longest(*told) if one != other]
        notes = [*short, *dict.fromkeys([*old.notes, *new.notes])]
        if (more := len(told[0]) - len(got)) != 0:
            many = "1 message" if abs(more) == 1 else f"{abs(more):,} messages"
            notes.append(f"the old code got {many} {'more' if more > 0 else 'fewer'} than it did")
        return Redelivered(
            len(told[0]), len(differing), differing[0] if differing else None, first, tuple(notes)
        )
    finally:
        old.fork.close(keep=False)
        new.fork.close(keep=False)


def _window(controller: Controller, vat: str, count: int) -> tuple[list[Record], tuple[str, ...]]:
    """The records from the first of the last `count` messages to a vat on, and a note if there are fewer.

    A fork begins a crank before the first message, so that crank must be left, too.
    """
    recorded = Recorded(controller.world)
    vat_id, gone, notes = controller.vats[vat].id, recorded.gone, tuple[str, ...]()
    first, left, oldest = recorded.last + 1, count, 1 if gone is None else gone.first + 1
    for record in recorded.before(lambda line: b'"crank":' in line, first):
        if isinstance(record, CrankRecord) and record.crank >= oldest:
            event = record.event
            if isinstance(event, CreateVat | UpgradeVat) and event.vat == vat_id:
                break
            if is_to(record, vat):
                first, left = record.number, left - 1
                if left == 0:
                    break
    else:
        if gone is not None:
            notes = (f"earlier messages cannot be re-delivered: {gone}",)
    # A request of a message has an earlier number than its crank, so what was sent is known by the crank.
    return list(recorded.after(first - 1)), notes
