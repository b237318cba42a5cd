"""Repeats recorded messages in a fork that begins before them, and tells what a vat does with them.

What is repeated are the messages that came from outside, in the recorded order: those of the host, and those
of vats that run in the host's interpreter. What other vats send follows from that by itself. After each
message the fork runs until nothing can run.

A recorded reference that was new since then has another number in the fork. It is found by its origin: the
result of a repeated message, or a place in its outcome. A message whose reference has no origin in the fork
is not sent there, and this is said. So are other requests of the host, which are not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from swingset.host.controller import Controller
from swingset.host.policies import cranks
from swingset.lens.wording import Words
from swingset.model.capdata import CapData
from swingset.model.messages import Send
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


def is_to(record: Record, vat: str) -> bool:
    """Whether a record is of a message to a vat."""
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


class Resending:
    """Repeats recorded messages in one fork. `notes` say what could not be repeated."""

    def __init__(self, fork: Controller) -> None:
        self.fork = fork
        self.notes: list[str] = []
        self._names: dict[str, str] = {}  # what is new since then, by its recorded kref
        store = self.fork.kernel.store
        self._attached = {row.id for row in store.vats.all() if row.attached}
        self._waiting = {queued.seq for queued in store.queues.all()}
        lens = self.fork.lens.cached()
        self._before = {row.kref for row in lens.objects()} | {row.kref for row in lens.promises()}
        self._settled = _Settled()  # in the fork, up to record `_read`
        self._read = self._since = fork.world.journal.last
        if fork.queue.paused:
            fork.queue.unpause()

    def repeat(self, window: list[Record]) -> None:
        """Repeat the messages of a window, run after each of them, and commit."""
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
                self._learn(results, recorded)
                self._send(record.event, results)
                self._run()
        self._run()
        self.fork.commit("re-delivered")
        self.notes += _not_repeated(window)

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

    def _learn(self, results: list[tuple[str, str]], recorded: _Settled) -> None:
        """Find the references in the outcomes of earlier messages."""
        for record in self.fork.history.records(self._read):
            self._settled.add(record)
            self._read = record.number
        for then, now in list(results):
            one, other = recorded.of(then), self._settled.of(now)
            if one is not None and other is not None and len(one[1].slots) == len(other[1].slots):
                for kref, made in zip(one[1].slots, other[1].slots, strict=True):
                    if kref not in self._before:
                        self._names.setdefault(kref, made)
            if one is None or other is not None:
                results.remove((then, now))

    def told(self, vat: str) -> Iterator[Answered]:
        """What a vat did with each message that it got in the fork, in order."""
        records, settled = list(self.fork.history.records(self._since)), _Settled()
        for record in records:
            settled.add(record)
        words, names = Words(self.fork.kernel.store), _Names(self._before)
        for record in records:
            if is_to(record, vat):
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
