"""Histories as OpenTelemetry spans: a record is a span, and its parent is the record that sent it.

Spans are handed to an exporter of the SDK in pieces, in the order of the history, so a parent always comes
before its children. What a request set off is one trace; mail between two worlds is a link between two
traces. Ids are hashes of the world's name, the seal of its first commit and the number of the record:
exporting twice gives the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from swingset.core.errors import KernelError
from swingset.lens.exports.chrome import SHORTEST
from swingset.lens.exports.merging import Mailboxes, MergedRecord, merge
from swingset.lens.history.cause import Causes
from swingset.model.messages import kind_of
from swingset.model.visible import one_line, quoted
from swingset.world.records import CrankRecord

_PIECE = 512
_MOST_TEXT = 2_000
_SCOPE = InstrumentationScope("swingset")


def export(
    worlds: Mapping[str, Causes], exporter: SpanExporter, begin: int, mailboxes: Mailboxes | None = None
) -> int:
    """Hand the spans of some worlds to an exporter; returns how many. Raises `KernelError` if it fails."""
    spans, count = _Spans(worlds, begin).all(mailboxes), 0
    while piece := list(islice(spans, _PIECE)):
        if exporter.export(piece) is not SpanExportResult.SUCCESS:
            raise KernelError(f"the exporter {type(exporter).__name__} failed after {count:,} spans")
        count += len(piece)
    return count


class _Spans:
    """The spans of one export."""

    def __init__(self, worlds: Mapping[str, Causes], begin: int) -> None:
        self._worlds = worlds
        self._now = begin
        self._known: dict[tuple[str, int], SpanContext] = {}
        self._resources = {
            name: Resource({"service.name": one_line(name, 80) or "swingset"}) for name in worlds
        }

    def all(self, mailboxes: Mailboxes | None) -> Iterator[ReadableSpan]:
        histories = {name: causes.recorded.after() for name, causes in self._worlds.items()}
        for merged in merge(histories, mailboxes):
            yield self._span(merged)

    def _span(self, merged: MergedRecord) -> ReadableSpan:
        world, record = merged.world, merged.record
        step = self._worlds[world].step(record)
        parent = self._of(world, record.sender) if isinstance(record, CrankRecord) else None
        own = f"{world}/{self._worlds[world].recorded.origin}/{record.number}"
        trace = parent.trace_id if parent is not None else _id("trace", own, 16)
        context = SpanContext(trace, _id("span", own, 8), False, TraceFlags(TraceFlags.SAMPLED))
        self._known[world, record.number] = context
        begin, length = self._now, max(SHORTEST, step.computrons or 0)
        self._now += length
        sent = (self._of(arrival.world, arrival.sent_in) for arrival in merged.received)
        found: dict[str, Any] = {"swingset.record": record.number, "swingset.crank": record.crank}
        status, events, kind = Status(StatusCode.UNSET), [], SpanKind.INTERNAL
        if isinstance(record, CrankRecord):
            kind = SpanKind.CONSUMER if record.sender is not None else kind
            found |= {"swingset.event": kind_of(record.event), "swingset.outcome": record.outcome}
            found |= {"swingset.vat": step.vat, "swingset.computrons": record.computrons}
            events = [
                Event(stream, {"text": quoted(text.rstrip("\n"), _MOST_TEXT)}, begin)
                for stream, text in record.console
            ]
            if record.fault is not None:
                words = one_line(f"{record.fault.name}: {record.fault}", _MOST_TEXT)
                status = Status(StatusCode.ERROR, words)
                found["swingset.fault"] = record.fault.code
        elif record.cell is not None:
            session = self._worlds[world].session(record)
            found |= {"swingset.cell": record.cell[0], "swingset.line": record.cell[1]}
            found |= {"swingset.session": session}
        return ReadableSpan(
            name=step.summary,
            context=context,
            parent=parent,
            resource=self._resources[world],
            attributes={name: value for name, value in found.items() if value is not None},
            events=events,
            links=[Link(context) for context in sent if context is not None],
            kind=kind,
            instrumentation_scope=_SCOPE,
            status=status,
            start_time=begin,
            end_time=begin + length,
        )

    def _of(self, world: str | None, number: int | None) -> SpanContext | None:
        return None if world is None or number is None else self._known.get((world, number))


def _id(sort: str, text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{sort}:{text}".encode()).digest()[:size], "big") or 1
