"""Why something happened, and what came of it: the chains of records that lead to one and away from it.

Two orders lead through the records of a world. Message order says who sent a message: a crank, whose event
another crank sent, up to a request of the host and the cell that made it. Process order says what the same
vat did before and after. The first is the cause of an event, the second only its surroundings, so they are
never mixed: a cause has both, as two lists.

The sender of each event is in its record, so nothing is run and nothing is guessed. Which line of vat code
sent a message is in no record, because a vat would pay for saying it: a trace of the sender's delivery shows
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.recorded import Recorded, naming, sent_by
from swingset.lens.history.sessions import Sessions
from swingset.lens.history.wording import Words
from swingset.model.messages import (
    CloneVat,
    Collect,
    CreateVat,
    Event,
    Notify,
    Reap,
    Send,
    UpgradeVat,
    kind_of,
)
from swingset.model.refs import is_kref, kref_type
from swingset.model.result_lines import InLines
from swingset.model.states import CrankOutcome
from swingset.model.visible import one_line
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.records import CrankRecord, Record, RequestRecord, RowChange

MOST_UP = 1_000
"""How many senders are followed at most."""

BESIDE = 3
"""How many cranks of the same vat are shown before and after."""


@dataclass(frozen=True)
class Step:
    """One record in words.

    `number` is the number of the record, and `sender` that of the record that sent it. `crank` is its crank;
    for a request, the last crank before it. `kind` is the kind of its event, or `request`. `vat` is the name
    of the vat that ran or would have, and `outcome` is None for a request. `cell` is the notebook cell that
    made a request, with the line. `session` is the number of the session that has this cell; it is None if
    the world has had one session only. `failed` says that it was rolled back or refused, and `printed` that
    the vat printed something.
    """

    number: int
    crank: int
    summary: str
    kind: str
    vat: str | None = None
    outcome: CrankOutcome | None = None
    computrons: int | None = None
    sender: int | None = None
    cell: tuple[int, int | None] | None = None
    session: int | None = None
    failed: bool = False
    printed: bool = False

    @property
    def title(self) -> str:
        """What it is called in a line: `crank 8`, `cell [3], line 2` or `request 5`.

        Where a world has had several sessions, a cell has its session too: `cell [3] of session 2, line 2`.
        """
        if self.outcome is not None:
            return f"crank {self.crank:,}"
        if self.cell is None:
            return f"request {self.number:,}"
        line = f", line {self.cell[1]}" if self.cell[1] is not None else ""
        session = f" of session {self.session:,}" if self.session is not None else ""
        return f"cell [{self.cell[0]}]{session}{line}"

    def __str__(self) -> str:
        ended = f": {self.outcome}" if self.outcome not in (None, "delivered") else ""
        return f"{self.title}: {self.summary}{ended}"


@dataclass(frozen=True)
class Effect:
    """A step that came of another, `depth` messages further down."""

    depth: int
    step: Step


@dataclass(frozen=True, repr=False)
class Cause(InLines):
    """Why a step happened, and what came of it.

    `up` are the steps that led to it in message order, nearest first; `origin` says why they end. `down` is
    what came of it, in the order in which it ran; `more` says that there is more than that. `before` and
    `after` are process order: what the same vat did just before it and next, in order of time. `gone` says
    that the vat did something before the past that is left.

    Source:
        The orders of Causeway: message order, and process order.
    """

    step: Step
    up: tuple[Step, ...]
    origin: str
    down: tuple[Effect, ...]
    more: bool
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    gone: str | None = None

    def _lines(self) -> list[str]:
        found = [str(self.step), "message order, up: what led to it"]
        found += [f"  {step}" for step in self.up]
        found += [f"  {self.origin}", "message order, down: what came of it"]
        found += [f"{'  ' * effect.depth}{effect.step}" for effect in self.down] or ["  nothing"]
        found += ["  and more"] if self.more else []
        return found + self.process_order()

    def process_order(self) -> list[str]:
        """What the same vat did before and next, as lines; empty if it did nothing else, or no vat ran.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.lens.cause(1).process_order()[0]
            'process order, vat bank: what it did before and next'
        """
        if not (self.before or self.after or self.gone):
            return []
        found = [f"process order, vat {self.step.vat}: what it did before and next"]
        found += [f"  {self.gone}"] if self.gone else []
        return found + [f"  {step}" for step in (*self.before, self.step, *self.after)]


Asked = int | str | Record
"""What can be asked about: the number of a crank, a kref, or a record."""


class Causes:
    """The causes of what is in the records of one world."""

    def __init__(self, store: KernelStore) -> None:
        self._world = store.world.name
        self.recorded = Recorded(store.world)
        self.words = Words(store)
        self.sessions = Sessions(store, self.recorded)

    def cause(self, asked: Asked, most: int, beside: int = BESIDE) -> Cause:
        """The cause of a crank, a promise, an object or a record.

        It has at most `most` steps down, and `beside` ones of the same vat before and after.
        """
        record = self.record(asked)
        up, origin = self._up(record)
        down = list(islice(self._down(record), most + 1))
        before, after = self._beside(record, beside)
        gone = None
        if len(before) < beside and isinstance(record, CrankRecord):
            gone = next((str(self.recorded.gone) for vat in record.transcripts if self._is_older(vat)), None)
        return Cause(self.step(record), up, origin, tuple(down[:most]), len(down) > most, before, after, gone)

    def step(self, record: Record) -> Step:
        """A record in words."""
        if isinstance(record, RequestRecord):
            session = self.session(record) if self.sessions.several else None
            asked = self.words.request(record)
            return Step(record.number, record.crank, asked, "request", cell=record.cell, session=session)
        vat = one_line(record.vat, 60) if record.vat is not None else None
        summary = self.words.event(record.event)
        sent = record.event if isinstance(record.event, Send) else None
        if vat is not None and sent and sent.target != self.words.wire.root and f" of {vat}" not in summary:
            summary = f"{summary} of {vat}"
        said = kind_of(record.event), vat, record.outcome, record.computrons, record.sender
        signs = record.fault is not None, bool(record.console)
        return Step(record.number, record.crank, summary, *said, None, None, *signs)

    def session(self, record: RequestRecord) -> int | None:
        """The number of the session whose cell made a request, None if no cell did."""
        return None if record.cell is None else self.sessions.of(record.number)

    def record(self, asked: Asked) -> Record:
        """The record that is asked about.

        For a promise it is that of the message whose result it is; else that in which it was settled or made.
        Raises `KernelError` if there is none, and if it was before the past that is left.
        """
        if isinstance(asked, RequestRecord | CrankRecord):
            return asked
        if isinstance(asked, int):
            return self.recorded.crank(asked)
        if not is_kref(asked):
            raise KernelError(
                f"no cause of {one_line(repr(asked), 60)}: ask about a crank by its number, or about an"
                " object or a promise by its kref, such as kp40"
            )
        found = self._of_promise(asked) if kref_type(asked) == "p" else self._first(asked)
        if self._is_older(asked) and not (isinstance(found, CrankRecord) and result_of(found.event) == asked):
            raise KernelError(self._made_before(asked, found))
        if found is None:
            raise KernelError(f"{self._world} has no record of {asked}: the table of promises has all")
        return found

    def _is_older(self, name: str) -> bool:
        return self.recorded.gone is not None and self.recorded.made_before(name)

    def _made_before(self, kref: str, found: Record | None) -> str:
        words = f"{kref} was made before the records of {self._world} begin: {self.recorded.gone}"
        if found is None:
            return f"{words}. No record that is left tells of it"
        where = f"crank {found.crank:,}" if isinstance(found, CrankRecord) else f"record {found.number:,}"
        told = "settles it" if kref_type(kref) == "p" and is_settled(row_of(found, kref)) else "tells of it"
        return f"{words}. The record of {where} {told}: ask about that"

    def _first(self, kref: str) -> Record | None:
        """The record in which an object was made known to the kernel."""
        found = self.recorded.mentioning(naming(kref))
        return next((record for record in found if row_of(record, kref) is not None), None)

    def _of_promise(self, kref: str) -> Record | None:
        sent: Record | None = None
        settled: Record | None = None
        made: Record | None = None
        for record in self.recorded.mentioning(naming(kref)):
            if isinstance(record, CrankRecord) and result_of(record.event) == kref:
                sent = record
            row = row_of(record, kref)
            made = made or (record if row is not None else None)
            if settled is None and row is not None and is_settled(row):
                settled = record
        return sent or settled or made

    def settled(self, kref: str, since: int) -> tuple[Record, RowChange] | None:
        """The record from number `since` on that settled a promise, with its row.

        If the promise follows another that is not settled, it is the record in which that began.
        """
        follows: tuple[Record, RowChange] | None = None
        for record in self.recorded.mentioning(naming(kref), since - 1):
            row = row_of(record, kref)
            if row is None or row.after is None or row.after[1] == UNRESOLVED:
                continue
            if row.after[1] != FORWARDED:
                return record, row
            follows = follows or (record, row)
        return follows

    # Message order

    def _up(self, record: Record) -> tuple[tuple[Step, ...], str]:
        found: list[Step] = []
        at = record
        while isinstance(at, CrankRecord):
            if at.sender is None:
                return tuple(found), _by_itself(at)
            sender = self.recorded.number(at.sender)
            if sender is None or sender.number >= at.number:
                return tuple(found), self.unknown_sender(at.sender)
            if len(found) == MOST_UP:
                return tuple(found), "and so on: there are more senders"
            found.append(self.step(sender))
            at = sender
        return tuple(found), self._of_request(at)

    def _of_request(self, request: RequestRecord) -> str:
        """Where a request has come from."""
        if self.words.wire.came_in(request):
            return "it came into the world from another world"
        return f"it came into the world from {'its host' if request.cell is None else 'a cell'}"

    def sender_of(self, record: Record) -> Record | None:
        """The record that sent the event of a crank; None where message order ends."""
        if not isinstance(record, CrankRecord) or record.sender is None:
            return None
        sender = self.recorded.number(record.sender)
        return None if sender is None or sender.number >= record.number else sender

    def origin(self, record: Record) -> str:
        """Why message order ends at a record, of which `sender_of` has found none."""
        if not isinstance(record, CrankRecord):
            return self._of_request(record)
        return _by_itself(record) if record.sender is None else self.unknown_sender(record.sender)

    def effects_of(self, record: Record) -> Iterator[Effect]:
        """What came of a record within its world, in the order in which it ran."""
        return self._down(record)

    def unknown_sender(self, number: int) -> str:
        """Words for a sender of which there is no record."""
        gone = self.recorded.gone
        if gone is None or number > gone.record:
            return f"it was sent in record {number:,}, which is not in the history"
        return f"it was sent in record {number:,}, and {gone}"

    def _down(self, record: Record) -> Iterator[Effect]:
        depths = {record.number: 0}
        for found in self.recorded.mentioning(sent_by(depths), record.number):
            if isinstance(found, CrankRecord) and found.sender in depths:
                depths[found.number] = depths[found.sender] + 1
                yield Effect(depths[found.number], self.step(found))

    # Process order

    def _beside(self, record: Record, most: int) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        if not isinstance(record, CrankRecord) or not record.transcripts:
            return (), ()
        vats = record.transcripts.keys()
        wanted = naming(next(iter(vats)))
        before = islice(self._same(self.recorded.before(wanted, record.number), record), most)
        after = islice(self._same(self.recorded.mentioning(wanted, record.number), record), most)
        return tuple(reversed(list(before))), tuple(after)

    def _same(self, records: Iterator[Record], record: CrankRecord) -> Iterator[Step]:
        vats = record.transcripts.keys()
        return (
            self.step(found)
            for found in records
            if isinstance(found, CrankRecord) and found.transcripts.keys() & vats
        )


def result_of(event: Event) -> str | None:
    """The promise that an event settles, or None."""
    match event:
        case Send(message=message):
            return message.result
        case CreateVat(result=result) | CloneVat(result=result) | UpgradeVat(result=result):
            return result
    return None


def is_settled(row: RowChange | None) -> bool:
    """Whether a changed row of a promise says that it was settled, or forwarded to another."""
    return row is not None and row.after is not None and row.after[1] != UNRESOLVED


def row_of(record: Record, kref: str) -> RowChange | None:
    """The row of an object or a promise that a record changed, or None."""
    for row in record.rows or ():
        if row.table in ("promises", "objects") and row.key == (kref,):
            return row
    return None


def _by_itself(record: CrankRecord) -> str:
    match record.event:
        case Collect():
            return "the kernel chose it by itself: references were dropped or retired"
        case Reap():
            return "the kernel chose it by itself: the vat was due to be reaped"
        case Notify() | Send() | CreateVat() | CloneVat() | UpgradeVat():
            return "its record does not say who sent it"
    return "the kernel chose it by itself"
