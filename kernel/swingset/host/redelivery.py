"""Re-delivers recorded messages to a vat's old and new code, and names the first difference in what it does.

Two forks begin right before the first of these messages; one of them upgrades the vat. Both then get all
messages that came from outside since, in the recorded order: those of the host, and those of vats that run in
the host's interpreter. What other vats send follows from that by itself. So a message to the vat that another
vat sent is delivered in both forks, if the new code still makes that vat send it.

A recorded reference that was new since then has another number in a fork. It is found by its origin: the
result of a re-delivered message, or a place in its outcome. A message whose reference has no origin in a fork
is not sent there, and this is said. So are other requests of the host, which are not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from swingset.core.errors import VatFault
from swingset.host.controller import Controller
from swingset.host.policies import cranks
from swingset.host.starting import Parts
from swingset.lens.recorded import Recorded
from swingset.lens.wording import Words
from swingset.model.capdata import CapData
from swingset.model.messages import CreateVat, Send, UpgradeVat
from swingset.model.refs import kref_type
from swingset.model.spelling import spelled
from swingset.model.visible import one_line
from swingset.world.promises import FORWARDED, FULFILLED, REJECTED
from swingset.world.records import CrankRecord, Record, RequestRecord
from swingset.world.rows import RULES, slots_of

MOST_CRANKS = 10_000
"""How many cranks each message may lead to in a fork."""

_COLUMNS = tuple(RULES["promises"])
_QUIET = frozenset(
    {"send", "syscall", "introduce", "take-capdata", "release", "attach-vat", "unpark", "snapshot-vat"}
    | {"keep-sources", "pin", "unpin", "log-outcomes", "draft", "pause"}
)
"""Requests that are repeated as messages, or that change nothing that a vat could notice."""


@dataclass(frozen=True)
class Answered:
    """What a vat did with one message: the call in words, its outcome, what it printed, and a fault."""

    call: str
    answer: str
    printed: tuple[str, ...] = ()
    fault: str | None = None
    exactly: str = field(default="", repr=False)
    """The whole answer, of which `answer` shows the beginning."""

    def __str__(self) -> str:
        said = [self.answer, *(f"prints {one_line(text, 200)}" for text in self.printed)]
        return "; ".join([*said, *([] if self.fault is None else [f"rolled back: {self.fault}"])])


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
    window = list(_window(controller, vat, count))
    got = [record for record in window if _is_to(record, vat)]
    if not got:
        return Redelivered(0, notes=("this incarnation has got no message yet",))
    first = got[0].crank
    old, new = _Branch(controller, vat, first), _Branch(controller, vat, first)
    try:
        try:
            new.fork.upgrade_vat(vat, parts)
        except VatFault as error:
            words = f"as it was before crank {first:,}, the vat refuses the new code: {error.fault}"
            return Redelivered(len(got), crank=first, notes=(one_line(words, 300),))
        told = [branch.repeat(window) for branch in (old, new)]
        differing = [(one, other) for one, other in zip_longest(*told) if one != other]
        notes = [*dict.fromkeys([*_not_repeated(window), *old.notes, *new.notes])]
        if (more := len(told[0]) - len(got)) != 0:
            many = "1 message" if abs(more) == 1 else f"{abs(more):,} messages"
            notes.append(f"the old code got {many} {'more' if more > 0 else 'fewer'} than it did")
        return Redelivered(
            len(told[0]), len(differing), differing[0] if differing else None, first, tuple(notes)
        )
    finally:
        old.fork.close(keep=False)
        new.fork.close(keep=False)


def _window(controller: Controller, vat: str, count: int) -> Iterator[Record]:
    """The records from the first of the last `count` messages to a vat on, oldest first."""
    recorded = Recorded(controller.world)
    vat_id = controller.vats[vat].id
    first, left = recorded.last + 1, count
    for record in recorded.before(lambda line: b'"crank":' in line, first):
        if isinstance(record, CrankRecord):
            event = record.event
            if isinstance(event, CreateVat | UpgradeVat) and event.vat == vat_id:
                break
            if _is_to(record, vat):
                first, left = record.number, left - 1
                if left == 0:
                    break
    # A request of a message has an earlier number than its crank, so what was sent is known by the crank.
    yield from recorded.after(first - 1)


def _is_to(record: Record, vat: str) -> bool:
    return isinstance(record, CrankRecord) and record.vat == vat and isinstance(record.event, Send)


def _not_repeated(window: Iterable[Record]) -> Iterator[str]:
    verbs = [record.verb for record in window if isinstance(record, RequestRecord)]
    left = list(dict.fromkeys(verb for verb in verbs if verb not in _QUIET))
    if left:
        yield f"requests of the host since then are not repeated: {', '.join(left)}"


@dataclass
class _Settled:
    """How promises were settled, by the records of a window."""

    by_kref: dict[str, tuple[str, CapData | str]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Add what one record settled."""
        for change in record.rows or ():
            if change.table == "promises" and change.after is not None:
                row = dict(zip(_COLUMNS, change.after, strict=True))
                state, kref = str(row["state"]), str(row["kref"])
                if state == FORWARDED:
                    self.by_kref[kref] = state, str(row["decider"])
                elif state in (FULFILLED, REJECTED):
                    data = CapData(str(row["body"]), tuple(slots_of(str(row["slots"]))))
                    self.by_kref[kref] = state, data

    def of(self, kref: str | None) -> tuple[str, CapData] | None:
        """The outcome of a promise, or None."""
        for _ in range(len(self.by_kref)):
            state, data = self.by_kref.get(kref or "", ("", ""))
            if isinstance(data, CapData):
                return state, data
            kref = data
        return None


class _Branch:
    """One fork, in which the recorded messages are repeated."""

    def __init__(self, controller: Controller, vat: str, first: int) -> None:
        self.fork = controller.fork(first - 1)
        self.notes: list[str] = []
        self._vat = vat
        self._names: dict[str, str] = {}  # what is new since then, by its recorded kref
        store = self.fork.kernel.store
        self._attached = {row.id for row in store.vats.all() if row.attached}
        self._waiting = {queued.seq for queued in store.queues.all()}
        lens = self.fork.lens.cached()
        self._before = {row.kref for row in lens.objects()} | {row.kref for row in lens.promises()}
        if self.fork.queue.paused:
            self.fork.queue.unpause()

    def repeat(self, window: list[Record]) -> list[Answered]:
        """Repeat the messages of a window; returns what the vat did with each that it got."""
        since = self.fork.world.journal.last
        recorded = _Settled()
        for record in window:
            recorded.add(record)
        results: list[tuple[str, str]] = []
        for record in window:
            if (
                isinstance(record, CrankRecord)
                and isinstance(record.event, Send)
                and self._is_outside(record)
            ):
                self._learn(results, recorded, since)
                self._send(record.event, results)
                self._run()
        self._run()
        self.fork.commit("re-delivered")
        return list(self._told(list(self.fork.history.records(since))))

    def _is_outside(self, record: CrankRecord) -> bool:
        """Whether a message came from outside, and does not wait in the queue of the fork already."""
        assert isinstance(record.event, Send)
        return record.position not in self._waiting and (
            record.event.sender is None or record.event.sender in self._attached
        )

    def _run(self) -> None:
        report = self.fork.run(cranks(MOST_CRANKS))
        if report.more:
            self.notes.append(f"after {MOST_CRANKS:,} cranks the fork still ran")

    def _send(self, event: Send, results: list[tuple[str, str]]) -> None:
        missing = [kref for kref in event.refs() if kref != event.message.result and self._here(kref) is None]
        if missing:
            note = f"{event.message.method}() was not sent: {missing[0]} has no origin in the fork"
            self.notes.append(one_line(note, 200))
            return
        methargs = event.message.methargs
        slots = tuple(self._here(kref) or kref for kref in methargs.slots)
        result = self.fork.kernel.queue_message(self._here(event.target) or "", CapData(methargs.body, slots))
        if event.message.result is not None:
            self._names[event.message.result] = result
            results.append((event.message.result, result))

    def _here(self, kref: str) -> str | None:
        """What a recorded kref is called in the fork; None if it has no origin there."""
        if kref in self._names:
            return self._names[kref]
        return kref if kref in self._before and self._known(kref) else None

    def _known(self, kref: str) -> bool:
        store = self.fork.kernel.store
        if kref_type(kref) == "p":
            return store.promises.get(kref) is not None
        found = store.objects.get(kref)
        return found is not None and found.owner is not None

    def _learn(self, results: list[tuple[str, str]], recorded: _Settled, since: int) -> None:
        """Find the references in the outcomes of earlier messages."""
        here = _Settled()
        for record in self.fork.history.records(since) if results else ():
            here.add(record)
        for then, now in results:
            one, other = recorded.of(then), here.of(now)
            if one is not None and other is not None and len(one[1].slots) == len(other[1].slots):
                for kref, made in zip(one[1].slots, other[1].slots, strict=True):
                    if kref not in self._before:
                        self._names.setdefault(kref, made)

    def _told(self, records: list[Record]) -> Iterator[Answered]:
        settled = _Settled()
        for record in records:
            settled.add(record)
        words, names = Words(self.fork.kernel.store), _Names(self._before)
        for record in records:
            if _is_to(record, self._vat):
                assert isinstance(record, CrankRecord)
                assert isinstance(record.event, Send)
                message = record.event.message
                call = (
                    f"{words.call(names.data(message.methargs))} to {names.label(words, record.event.target)}"
                )
                outcome = settled.of(message.result)
                if outcome is not None:
                    answer = f"{outcome[0]} {words.value(names.data(outcome[1]))}"
                else:
                    answer = "no answer" if message.result is None else "unresolved"
                printed = tuple(text.rstrip("\n") for _, text in record.console)
                fault = None if record.fault is None else one_line(str(record.fault), 300)
                exactly = "" if outcome is None else spelled(names.data(outcome[1]).to_json())
                yield Answered(call, answer, printed, fault, exactly)


class _Names:
    """Names of one fork's references that are the same in another: what is new is numbered in order."""

    def __init__(self, before: set[str]) -> None:
        self._before = before
        self._new: dict[str, str] = {}

    def name(self, kref: str) -> str:
        """The name of one reference."""
        if kref in self._before:
            return kref
        return self._new.setdefault(kref, f"new {len(self._new) + 1}")

    def data(self, data: CapData) -> CapData:
        """Data with such names for its slots."""
        return CapData(data.body, tuple(map(self.name, data.slots)))

    def label(self, words: Words, kref: str) -> str:
        """A target in words."""
        return words.thing(kref).removesuffix(kref) + self.name(kref)
