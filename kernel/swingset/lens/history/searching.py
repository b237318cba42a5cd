"""A search through the records of a world: by vat, method, object, text, rejection, cell, kind and cost.

Cells of two sessions may have the same number. A search for a cell without a session is one in the newest
session that has such a cell, and says so if there are others.

The records are read once, from the first on, and at most as many hits are returned as were asked for. A
commit whose text cannot have a hit is not decoded. So a search through a long history is cheap if what is
searched for is rare, and a file of a stranger can neither fill the memory nor hide a line in the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal, get_args

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes, Step
from swingset.lens.history.recorded import Recorded, Wanted
from swingset.lens.history.story import entries_of, syscalls_of
from swingset.model.capdata import CapData, MalformedCapData, method_of
from swingset.model.messages import CloneVat, Collect, CreateVat, Event, Send, kind_of
from swingset.model.result_lines import InLines
from swingset.world.promises import REJECTED
from swingset.world.records import CrankRecord, Record, RequestRecord

EventKind = Literal[
    "send",
    "notify",
    "create-vat",
    "clone-vat",
    "upgrade-vat",
    "change-vat-options",
    "collect",
    "reap",
    "clean-up",
    "request",
]
"""What a record is of: the kind of the event of a crank, or a request."""

_PLAIN = re.compile(r"[A-Za-z0-9_]+\Z", re.ASCII)
_BYTES = re.compile(r'\\?"#tag\\?": ?\\?"bytes\\?", ?\\?"payload\\?": ?\\?"[A-Za-z0-9+/=]*')
"""Bytes in a body, or in a body within a text of JSON."""

_REFUSED = ("refused", "rejected")
_MOST_NAMED = 10
_LATELY = 5_000  # records


@dataclass(frozen=True)
class Query:
    """What is searched for: a record that fits all parts that are not None, as `swingset.search` says."""

    vat: str | None = None
    method: str | None = None
    object: str | None = None
    text: str | None = None
    rejected: bool | None = None
    cell: int | None = None
    session: int | None = None
    kind: EventKind | None = None
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, repr=False)
class Found(InLines):
    """The steps that a search found, oldest first; `more` says that there are others.

    `gone` says what could not be searched, because it is not in the file. `notes` say of which session a cell
    is, if several sessions have a cell of that number.
    """

    steps: tuple[Step, ...]
    more: bool
    gone: str | None = None
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        found = [self.gone] if self.gone else []
        found += [str(step) for step in self.steps] or ["nothing was found"]
        return [*found, *(["and more"] if self.more else []), *self.notes]


def search(store: KernelStore, query: Query, since: int, most: int) -> Found:
    """The first records after crank `since` that fit a query.

    Raises `KernelError` for a kind that is none, and if `most` is not a number from 1.
    """
    if query.kind is not None and query.kind not in get_args(EventKind):
        raise KernelError(f"no event is a {query.kind!r}; there are: {', '.join(get_args(EventKind))}")
    if most < 1:
        raise KernelError(f"at most {most} steps are nothing to search for: ask for 1 or more")
    seeker = _Seeker(store, query)
    gone = seeker.causes.recorded.gone
    lacking = str(gone) if gone is not None and since < gone.crank else None
    steps: list[Step] = []
    for record in seeker.hits(since):
        if len(steps) == most:
            return Found(tuple(steps), True, lacking, seeker.notes)
        steps.append(seeker.causes.step(record))
    return Found(tuple(steps), False, lacking, seeker.notes)


class _Seeker:
    """One search."""

    def __init__(self, store: KernelStore, query: Query) -> None:
        self._store = store
        self._query = query
        self._text = query.text.casefold() if query.text is not None else None
        self._ids = {vat.id for vat in store.vats.all() if query.vat in (vat.name, vat.id)}
        self._caused: set[int] = set()
        self.causes = Causes(store)
        self.notes: tuple[str, ...] = ()
        self._session = query.session
        if query.cell is not None:
            self._choose_session(query.cell)

    def _choose_session(self, cell: int) -> None:
        """Search the newest session that has the cell, unless another is asked for; say where others are."""
        sessions = self.causes.sessions.with_cell(cell)
        if self._session is None and sessions:
            self._session = sessions[-1]
        others = [f"{session:,}" for session in sessions if session != self._session]
        if others:
            this = f"this is cell [{cell}] of session {self._session:,}"
            if self._session not in sessions:
                this = f"session {self._session:,} has no requests of a cell [{cell}]"
            which = "session" if len(others) == 1 else "sessions"
            shown = ", ".join(others[-_MOST_NAMED:])
            self.notes = (f"{this}; there is one in {which} {shown} too: ask for that session",)

    def hits(self, since: int) -> Iterator[Record]:
        for record in self.causes.recorded.mentioning(self._wanted()):
            # A request has the number of the crank before it.
            later = record.crank >= since if isinstance(record, RequestRecord) else record.crank > since
            if self._is_caused(record) and later and self._fits(record):
                yield record

    def _wanted(self) -> Wanted:
        """What a line must have, so that its commit is decoded."""
        query = self._query
        needles = [needle for needle in (query.object, query.method, query.text) if needle is not None]
        # Other characters may be spelled as escapes.
        known = [needle.casefold().encode() for needle in needles if _PLAIN.match(needle)]
        if query.cell is not None or query.session is not None or not known:
            return lambda _: True  # what came of a cell may be anywhere
        return lambda line: all(needle in line.lower() for needle in known)

    def _is_caused(self, record: Record) -> bool:
        """Whether the cell or session that is asked for made a request, or sent what ran, if any is."""
        cell = self._query.cell
        if cell is None and self._session is None:
            return True
        if isinstance(record, RequestRecord):
            fits = (cell is None or (record.cell is not None and record.cell[0] == cell)) and (
                self._session is None or self.causes.sessions.of(record.number) == self._session
            )
        else:
            fits = record.sender in self._caused
        if fits:
            self._caused.add(record.number)
        return fits

    def _fits(self, record: Record) -> bool:
        query = self._query
        if isinstance(record, RequestRecord):
            if query.at_least is not None or query.at_most is not None or query.rejected is not None:
                return False
        elif not self._cost_fits(record):
            return False
        return (
            (query.kind is None or _kind(record) == query.kind)
            and (query.vat is None or self._is_of_vat(record))
            and (query.method is None or _method(record) == query.method)
            and (query.object is None or _mentions(record, query.object))
            and (
                self._text is None or any(self._text in _readable(text).casefold() for text in _texts(record))
            )
            and (query.rejected is None or self._is_rejected(record) == query.rejected)
        )

    def _cost_fits(self, record: CrankRecord) -> bool:
        least, most = self._query.at_least, self._query.at_most
        if least is None and most is None:
            return True
        cost = record.computrons
        return cost is not None and (least or 0) <= cost and (most is None or cost <= most)

    def _is_of_vat(self, record: Record) -> bool:
        if isinstance(record, RequestRecord):
            vat = record.arguments.get("vat")
            return vat in self._ids or self._query.vat in (vat, record.arguments.get("name"))
        if record.vat == self._query.vat or record.transcripts.keys() & self._ids:
            return True
        return not isinstance(record.event, Send) and record.event.vat in self._ids

    def _is_rejected(self, record: Record) -> bool:
        """Whether a crank failed, or rejected a promise."""
        return isinstance(record, CrankRecord) and has_rejected(self._store, record)


def has_rejected(store: KernelStore, record: CrankRecord) -> bool:
    """Whether a crank failed, or rejected a promise."""
    if record.fault is not None or record.outcome in _REFUSED:
        return True
    for row in record.rows or ():
        if row.table == "promises" and row.after is not None and row.after[1] == REJECTED:
            return True
    # A promise that nobody waited for is gone at the end of the crank; the transcript has its rejection.
    return any(map(_rejects, syscalls_of(entries_of(store, record))))


def last_said(store: KernelStore) -> int | None:
    """The newest crank in which a vat printed something, failed or rejected a promise; None if none did.

    The last thousands of records are looked at.
    """
    recorded = Recorded(store.world)
    for record in islice(recorded.before(lambda _: True, recorded.last + 1), _LATELY):
        if isinstance(record, CrankRecord) and (record.console or has_rejected(store, record)):
            return record.crank
    return None


def _rejects(syscall: Any) -> bool:
    match syscall:
        case ["resolve", list() as resolutions]:
            return any(isinstance(item, list) and len(item) == 3 and item[1] is True for item in resolutions)
    return False


def _kind(record: Record) -> str:
    return "request" if isinstance(record, RequestRecord) else kind_of(record.event)


def _method(record: Record) -> str | None:
    if isinstance(record, CrankRecord):
        return record.event.message.method if isinstance(record.event, Send) else None
    methargs: Any = record.arguments.get("methargs")
    match record.arguments.get("syscall"):
        case ["send", _, {"methargs": sent}]:
            methargs = sent
    try:
        return method_of(CapData.from_json(methargs))
    except MalformedCapData:
        return None


def _mentions(record: Record, kref: str) -> bool:
    if any(kref in (call.node, *call.args.slots, *call.answer.slots) for call in record.calls or ()):
        return True
    if isinstance(record, RequestRecord):
        return f'"{kref}"' in json.dumps(dict(record.arguments))
    return kref in _krefs(record.event)


def _krefs(event: Event) -> tuple[str, ...]:
    return event.krefs if isinstance(event, Collect) else tuple(event.refs())


def _readable(text: str) -> str:
    """A text without what stands for bytes in it, which nobody reads."""
    return _BYTES.sub("", text) if "bytes" in text else text


def _texts(record: Record) -> Iterator[str]:
    """The texts of a record that a reader would search: what was sent, printed, said and settled."""
    for call in record.calls or ():
        yield from chain((call.method,), (call.args.body, call.answer.body))
    if isinstance(record, RequestRecord):
        yield record.verb
        yield json.dumps(dict(record.arguments), ensure_ascii=False)
        return
    match record.event:
        case Send(message=message):
            yield message.methargs.body
        case CreateVat(name=name) | CloneVat(name=name):
            yield name
    yield from (text for _, text in record.console)
    if record.fault is not None:
        yield f"{record.fault.name}: {record.fault.message}"
    for row in record.rows or ():
        if row.table == "promises" and row.after is not None and isinstance(row.after[5], str):
            yield row.after[5]
