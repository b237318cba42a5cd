"""The story of one crank: all that its record and its vat's transcript say of it, in words.

The record has the event, the outcome, the cost, the fault with the user's line, the console and the changed
rows. The transcript has the syscalls, in the vat's own names. A delivery that was rolled back is in no
transcript, so its story has no syscalls. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.history.cause import Asked, Causes, Step, result_of, row_of
from swingset.lens.history.changes import changes_in_words
from swingset.lens.history.recorded import naming
from swingset.lens.history.wording import syscall_in_words
from swingset.lens.state.records import descriptors
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.messages import ChangeVatOptions, CloneVat, Collect, CreateVat, Notify, Send, UpgradeVat
from swingset.model.reports import Fault
from swingset.model.result_lines import InLines
from swingset.model.values import value_in_words
from swingset.model.visible import MARK, one_line, visible
from swingset.world.errors import DamagedWorld
from swingset.world.promises import FULFILLED, REJECTED
from swingset.world.records import CrankRecord, Record, RequestRecord, RowChange
from swingset.world.transcripts import Entry

MOST = 200
"""How many syscalls, and how many changes, a story tells of at most."""

_MOST_TOLD = 20


@dataclass(frozen=True)
class Settlement:
    """How a promise was settled: its state, its value in words, and the step in which it happened."""

    promise: str
    state: str
    value: str
    step: Step


@dataclass(frozen=True, repr=False)
class Story(InLines):
    """One crank or request.

    `sender` is the step that sent it; `sender_gone` says why it is not known. `incarnation` is that of the
    vat that ran. `target`, `method` and `args` are those of a message. `told` are the details of another
    event: the outcomes that a notification brought, the parameters of a start, the objects of a collection,
    options. `syscalls` are in the vat's own names; None if its transcript does not have the delivery, as
    after a rollback. `changes` are the changed rows in words; None if they were too many to list. `result`
    says how the promise for the result was settled; None if there is none, or it waits for it.
    """

    step: Step
    sender: Step | None = None
    incarnation: int | None = None
    target: str | None = None
    method: str | None = None
    args: str | None = None
    told: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    syscalls: tuple[str, ...] | None = ()
    fault: Fault | None = None
    changes: tuple[str, ...] | None = ()
    promise: str | None = None
    result: Settlement | None = None
    sender_gone: str | None = None

    def _lines(self) -> list[str]:
        step = self.step
        found = [str(step)]
        if step.vat is not None and step.outcome is not None:
            lived = "" if self.incarnation is None else f", incarnation {self.incarnation}"
            cost = "" if step.computrons is None else f", {step.computrons:,} computrons"
            found.append(f"vat: {step.vat}{lived}; {step.outcome}{cost}")
        if self.method is not None:
            found.append(f"message: {one_line(self.args or '', 400)}")
            found.append(f"target: {self.target}")
        found += [f"told: {told}" for told in self.told]
        if self.sender is not None:
            found.append(f"sent by: {self.sender}")
        if self.sender_gone is not None:
            found.append(f"sender: {self.sender_gone}")
        if self.fault is not None:
            found.append(f"fault: {one_line(f'{self.fault.name}: {self.fault.message}', 400)}")
            found += [f"  {one_line(str(frame), 200)}" for frame in self.fault.trace]
        found += [f"{MARK}{line}" for line in self.console]
        found += _listed("syscalls", self.syscalls, "not in the transcript: the delivery was rolled back")
        found += _listed("changes", self.changes, "too many to list: the commit has them")
        if self.result is not None:
            settled = self.result
            found.append(
                f"result: {settled.promise} {settled.state} with {settled.value}, {settled.step.title}"
            )
        elif self.promise is not None:
            found.append(f"result: {self.promise}, which no later record settles")
        return found


def _listed(title: str, items: tuple[str, ...] | None, missing: str) -> list[str]:
    if items is None:
        return [f"{title}: {missing}"]
    return [f"{title}:", *(f"  {item}" for item in items)] if items else []


def story(store: KernelStore, asked: Asked) -> Story:
    """The story of a crank, of the message whose result a promise is, or of a record."""
    causes = Causes(store)
    record = causes.record(asked)
    step = causes.step(record)
    changes = None if record.rows is None else _changes(store, causes, record.rows)
    if isinstance(record, RequestRecord):
        return Story(step, changes=changes)
    entries = list(entries_of(store, record))
    sender = causes.recorded.number(record.sender) if record.sender is not None else None
    promise = result_of(record.event)
    target = method = args = None
    if isinstance(record.event, Send):
        message = record.event.message
        target, method = causes.words.thing(record.event.target), one_line(message.method, 100)
        args = causes.words.call(message.methargs, 400)
    syscalls = None
    if entries or not record.transcripts:
        syscalls = tuple(islice(_syscalls(entries), MOST))
    return Story(
        step,
        causes.step(sender) if sender is not None else None,
        entries[-1].incarnation if entries else None,
        target,
        method,
        args,
        tuple(_told(causes, record, entries)),
        tuple(_console(record)),
        syscalls,
        record.fault,
        changes,
        promise,
        None if promise is None else _settlement(causes, record, promise, entries),
        causes.unknown_sender(record.sender) if record.sender is not None and sender is None else None,
    )


def _told(causes: Causes, record: CrankRecord, entries: list[Entry]) -> Iterator[str]:
    """The details of an event that is no message, in words."""
    words = causes.words
    match record.event:
        case Notify(promise=promise):
            yield from _outcomes(causes, record, promise, entries)
        case CreateVat(worker=worker, options=options, parameters=parameters):
            yield one_line(f"worker {worker}, parameters {words.value(parameters)}", 400)
            yield from _options(options)
        case CloneVat(wanted=wanted, options=options, queued=queued):
            yield f"waiting messages: {queued}; {len(wanted):,} exports have a counterpart in it"
            yield from map(words.thing, wanted[:_MOST_TOLD])
            yield from _options(options)
        case UpgradeVat(message=message, parameters=parameters):
            yield one_line(f"message {message!r}, parameters {words.value(parameters)}", 400)
        case ChangeVatOptions(options=options):
            yield from _options(options)
        case Collect(krefs=krefs):
            yield from map(words.thing, krefs[:_MOST_TOLD])
            if len(krefs) > _MOST_TOLD:
                yield f"and {len(krefs) - _MOST_TOLD:,} more"


def _options(options: Mapping[str, Any]) -> Iterator[str]:
    if options:
        yield one_line("options " + ", ".join(f"{name} {value!r}" for name, value in options.items()), 400)


def _outcomes(causes: Causes, record: CrankRecord, promise: str, entries: list[Entry]) -> Iterator[str]:
    """The outcome of which a vat was notified, and those of other promises that came with it."""
    brought = list(islice(_brought(entries), _MOST_TOLD + 1))
    for earlier in causes.recorded.before(naming(promise), record.number):
        row = row_of(earlier, promise)
        if row is not None and row.after is not None and row.after[1] in (FULFILLED, REJECTED):
            value = changes_in_words([row], causes.words, {})[0].partition(" with ")[2]
            yield one_line(f"{promise} {row.after[1]} with {value}", 400)
            brought = brought[1:]  # in the vat's own names
            break
    yield from brought[:_MOST_TOLD]
    if len(brought) > _MOST_TOLD:
        yield "and more"


def _brought(entries: list[Entry]) -> Iterator[str]:
    """The outcomes that a transcript has of a notification, in the vat's own names."""
    for entry in entries:
        match entry.entry.get("delivery") if isinstance(entry.entry, dict) else None:
            case ["notify", list() as outcomes]:
                for outcome in outcomes:
                    match outcome:
                        case [str() as name, {"rejected": bool() as rejected, "data": data}]:
                            state = "rejected" if rejected else "fulfilled"
                            yield one_line(f"{name} {state} with {_said(data)}", 400)


def _console(record: CrankRecord) -> Iterator[str]:
    for _, text in record.console:
        yield from visible(text).splitlines()


def _changes(store: KernelStore, causes: Causes, rows: tuple[RowChange, ...]) -> tuple[str, ...]:
    found = changes_in_words(rows, causes.words, descriptors(store))
    return tuple(found[:MOST]) + ((f"and {len(found) - MOST:,} more",) if len(found) > MOST else ())


def entries_of(store: KernelStore, record: CrankRecord) -> Iterator[Entry]:
    """The entries that a crank appended to transcripts, those of each vat oldest first."""
    for vat, running in record.transcripts.items():
        found: list[Entry] = []
        at: str | None = running
        try:
            while at is not None and (entry := store.world.transcripts.record(at)).crank == record.crank:
                if entry.vat != vat:
                    break
                found.append(entry)
                at = entry.prev
        except DamagedWorld:
            pass
        yield from reversed(found)


def _syscalls(entries: list[Entry]) -> Iterator[str]:
    for syscall in syscalls_of(entries):
        yield syscall_in_words(syscall)


def syscalls_of(entries: Iterable[Entry]) -> Iterator[Any]:
    """The syscalls that a vat made in some deliveries, as it made them."""
    for entry in entries:
        made = entry.entry.get("syscalls") if isinstance(entry.entry, dict) else None
        for exchange in made if isinstance(made, list) else ():
            if isinstance(exchange, list) and exchange:
                yield exchange[0]


def _settlement(causes: Causes, record: CrankRecord, promise: str, entries: list[Entry]) -> Settlement | None:
    """How the result of a message was settled; also if its promise was gone at the end of its crank."""
    found = causes.settled(promise, record.number)
    if found is not None:
        by, row = found
        assert row.after is not None, "a settled row is there"
        value = changes_in_words([row], causes.words, {})[0].partition(" with ")[2]
        return Settlement(promise, str(row.after[1]), value, causes.step(by))
    return _in_its_own_crank(causes, record, promise, entries)


def _in_its_own_crank(
    causes: Causes, record: Record, promise: str, entries: list[Entry]
) -> Settlement | None:
    for entry in entries:
        match entry.entry.get("delivery") if isinstance(entry.entry, dict) else None:
            case ["message", _, {"result": str() as vref}]:
                for rejected, data in _resolutions(entry, vref):
                    state = "rejected" if rejected else "fulfilled"
                    return Settlement(promise, state, _said(data), causes.step(record))
    return None


def _resolutions(entry: Entry, vref: str) -> Iterator[tuple[bool, Any]]:
    """How a delivery settled a promise of its vat: whether it rejected it, and with what."""
    for syscall in syscalls_of([entry]):
        match syscall:
            case ["resolve", list() as resolutions]:
                for item in resolutions:
                    match item:
                        case [str() as name, bool() as rejected, data] if name == vref:
                            yield rejected, data


def _said(raw: Any) -> str:
    try:
        return value_in_words(CapData.from_json(raw), lambda slot, iface: f"{iface or 'object'} {slot}")
    except MalformedCapData:
        return "?"
