"""Tells of one crank: what it delivered, what came of it, and the chain of causes through it.

The chain leads from the request of a cell or of the host down to the crank, and on to what was sent because
of it. What followed is looked for in the next records only, so a long history costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Iterator

from swingset.core.store import KernelStore
from swingset.lens.history.cause import result_of, row_of
from swingset.lens.history.recorded import naming, sent_by
from swingset.lens.history.wording import Words
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.messages import Send
from swingset.model.values import call_in_words
from swingset.model.visible import one_line, visible
from swingset.time.explorer.answers import Link, LinkSide, Tick
from swingset.time.explorer.labels import LABEL, NAME, NOTE, Labels
from swingset.time.explorer.queueing import event_in_words
from swingset.time.explorer.reel import Budget, Reel
from swingset.time.explorer.ticks import error_of
from swingset.world.promises import FULFILLED, REJECTED
from swingset.world.records import CrankRecord, Record, RequestRecord
from swingset.world.rows import slots_of

MOST_PRINTS, MOST_UP, MOST_DOWN = 40, 12, 12
"""How many printed lines, steps up and steps down a tick has at most."""

_FOLLOWED = 1_000
_LONG, _LONG_BYTES = 8, 1 << 30  # how often commits are read that are too long to keep
_NEXT = Budget(400, 4 << 20)


class Teller:
    """Tells of the cranks of one world."""

    def __init__(self, store: KernelStore, reel: Reel, labels: Labels) -> None:
        self._store = store
        self._reel = reel
        self._labels = labels
        self._words = Words(store)

    def tick(self, crank: int) -> Tick:
        """One crank. Raises `KernelError` if there is no record of it."""
        record = self._reel.crank(crank)
        what, args, target = event_in_words(record.event, self._labels)
        up = self._up(record)
        parent = up[-1].text if up else ""
        here = Link(self._text(record), record.crank, None, _where(record), "here")
        return Tick(
            crank,
            one_line(record.vat or "", NAME),
            what,
            args,
            record.outcome,
            one_line(error_of(record), NOTE),
            tuple(_prints(record)),
            record.computrons,
            parent,
            (*up, here, *self._down(record)),
            target,
            self._result(record),
        )

    def link(self, record: Record, side: LinkSide = "here") -> Link:
        """A record as one step of a chain."""
        crank = record.crank if isinstance(record, CrankRecord) else None
        cell = record.cell[0] if isinstance(record, RequestRecord) and record.cell else None
        return Link(self._text(record), crank, cell, _where(record), side)

    def _text(self, record: Record) -> str:
        if isinstance(record, RequestRecord):
            return one_line(self._sent(record) or self._words.request(record), NOTE)
        said = self._words.event(record.event)
        if record.vat is not None and isinstance(record.event, Send) and f" of {record.vat}" not in said:
            said = f"{said} of {record.vat}"
        return one_line(said, NOTE)

    def _sent(self, record: RequestRecord) -> str | None:
        """A message that a session sent, in the kernel's names for its own; None for another request."""
        vat = record.arguments.get("vat")
        match record.arguments.get("syscall"):
            case ["send", str() as target, {"methargs": raw}] if isinstance(vat, str):
                return self._message(vat, target, raw)
        return None

    def _message(self, vat: str, target: str, raw: object) -> str | None:
        try:
            methargs = CapData.from_json(raw)
        except MalformedCapData:
            return None

        def named(slot: str, iface: str | None = None) -> str:
            entry = self._store.clists.by_vref(vat, slot)
            return self._labels.thing(entry.kref, iface) if entry else one_line(iface or slot, NAME)

        return f"{self._labels.owner(vat)}: {call_in_words(methargs, named)} to {named(target)}"

    def _up(self, record: Record) -> list[Link]:
        """What led to a record, the first cause first; of a long chain the middle is left out."""
        found: list[Link] = []
        at, followed, budget = record, 0, Budget(_LONG, _LONG_BYTES)
        while isinstance(at, CrankRecord) and at.sender is not None and followed < _FOLLOWED:
            sender = self._reel.number(at.sender, budget)
            if sender is None or sender.number >= at.number:
                break
            at, followed = sender, followed + 1
            if followed <= MOST_UP:
                found.append(self.link(at, "up"))
        if followed > MOST_UP:
            between = followed - MOST_UP - 1
            if between:
                found.append(Link(f"{between:,} more", side="up"))
            found.append(self.link(at, "up"))
        return found[::-1]

    def _down(self, record: Record) -> Iterator[Link]:
        sent = {record.number}
        shown = 0
        budget = Budget(_NEXT.commits, _NEXT.bytes)
        for found in self._reel.on(sent_by(sent), budget, record.number):
            if isinstance(found, CrankRecord) and found.sender in sent:
                sent.add(found.number)
                shown += 1
                if shown > MOST_DOWN:
                    yield Link("and more", side="down")
                    return
                yield self.link(found, "down")

    def _result(self, record: CrankRecord) -> str:
        """What the message of a crank was answered with, as far as the next records tell."""
        promise = result_of(record.event)
        if promise is None:
            return ""
        budget = Budget(_NEXT.commits, _NEXT.bytes)
        for found in self._reel.on(naming(promise), budget, record.number - 1):
            row = row_of(found, promise)
            if row is None or row.after is None or row.after[1] not in (FULFILLED, REJECTED):
                continue
            body, slots = row.after[5], row.after[6]
            if isinstance(body, str):
                how = "" if row.after[1] == FULFILLED else "rejected: "
                return one_line(how + self._words.value(_data(body, slots), LABEL), NOTE)
        return ""


def _data(body: str, slots: object) -> CapData:
    found = slots_of(slots) if isinstance(slots, str) else ()
    return CapData(body, found)


def _where(record: Record) -> str:
    """The place in code: of a request its cell, of a failed delivery the line of the vat."""
    if isinstance(record, RequestRecord):
        if record.cell is None:
            return ""
        line = f", line {record.cell[1]:,}" if record.cell[1] is not None else ""
        return f"cell [{record.cell[0]}]{line}"
    if record.fault is not None and record.fault.trace:
        return one_line(str(record.fault.trace[-1]), LABEL)
    return ""


def _prints(record: CrankRecord) -> Iterator[str]:
    lines = [line for _, text in record.console for line in visible(text[:20_000]).splitlines()]
    for line in lines[:MOST_PRINTS]:
        yield one_line(line, NOTE)
    if len(lines) > MOST_PRINTS:
        yield f"and {len(lines) - MOST_PRINTS:,} more lines"


def came_of(tick: Tick) -> str:
    """What came of a crank: its result, why it failed, or its outcome."""
    waits = "parked, so not delivered yet" if tick.outcome == "parked" else tick.outcome
    return tick.result or tick.error or waits
