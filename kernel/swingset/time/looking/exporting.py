"""Exports of histories for tools that people have: Chrome trace events, and OpenTelemetry spans."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.exports.chrome import trace_events
from swingset.lens.exports.merging import Mailboxes
from swingset.lens.history.cause import Causes


def export_trace(
    worlds: Controller | Mapping[str, Controller],
    path: str | os.PathLike[str],
    *,
    mailboxes: Mailboxes | None = None,
) -> int:
    """Write the history of a world, or of several, as Chrome trace events, which Perfetto shows.

    A vat is a track, a crank is a slice as long as its computrons, and an arrow leads from each sender to
    what it sent. Mail between worlds gives arrows too.

    Args:
        worlds: a world; or several, by the names that their mailboxes have for each other.
        path: a file that does not exist yet.
        mailboxes: if worlds have several mailboxes, the world and the device of each by its name, as in
            `swingset.merge`.
    Returns:
        How many events were written.
    Raises:
        KernelError: if there is such a file.
        WorldError: if a record cannot be read.
        OSError: if the file cannot be written.
    Source:
        Ours, in the trace event format of Chrome.
    Example:
        >>> swingset.export_trace(world, folder / "trace.json") > 0
        True
    """
    with _reading(worlds) as known:
        return _write(trace_events(known, mailboxes), path)


@contextmanager
def _reading(worlds: Controller | Mapping[str, Controller]) -> Iterator[dict[str, Causes]]:
    """The causes of some worlds by name, while their locks are held."""
    known = {"": worlds} if isinstance(worlds, Controller) else dict(worlds)
    with ExitStack() as stack:
        for world in known.values():
            stack.enter_context(world.lock)
        yield {name: Causes(world.kernel.store) for name, world in known.items()}


def _write(events: Iterator[dict[str, Any]], path: str | os.PathLike[str]) -> int:
    try:
        file = open(path, "x", encoding="ascii")  # noqa: SIM115 - it is closed below, and deleted if it is no trace
    except FileExistsError:
        raise KernelError(f"there is a file {os.fspath(path)!r} already: give another name") from None
    count = 0
    try:
        with file:
            file.write('{"displayTimeUnit":"ns","traceEvents":[')
            for event in events:
                file.write("\n" if count == 0 else ",\n")
                file.write(json.dumps(event))
                count += 1
            file.write("\n]}\n")
    except BaseException:
        os.unlink(path)
        raise
    return count


def export_spans(
    worlds: Controller | Mapping[str, Controller],
    exporter: Any,
    *,
    begin: int = 0,
    mailboxes: Mailboxes | None = None,
) -> int:
    """Export the history of a world, or of several, as OpenTelemetry spans, through an exporter of the SDK.

    A record is a span, and its parent is the record that sent it; mail between worlds is a link. All that
    came of one request is one trace. Ids are hashes, so a second export gives the same spans. The time is
    what was computed, one nanosecond a computron. It needs the SDK: `pip install swingset-nb[otel]`.

    Args:
        worlds: a world; or several, by the names that their mailboxes have for each other.
        exporter: a `SpanExporter` of the SDK, such as `ConsoleSpanExporter()`. It is not shut down.
        begin: the time of the first span, in nanoseconds since 1970.
        mailboxes: if worlds have several mailboxes, the world and the device of each by its name, as in
            `swingset.merge`.
    Returns:
        How many spans were exported.
    Raises:
        KernelError: if the SDK is not installed, or the exporter fails.
        WorldError: if a record cannot be read.
    Source:
        `slogger` and the OpenTelemetry sender of Agoric's `telemetry`, from records after the fact.
    Example:
        >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        >>> exporter = InMemorySpanExporter()
        >>> swingset.export_spans(world, exporter) == len(exporter.get_finished_spans())
        True
    """
    try:
        from swingset.time.looking.spans import export
    except ImportError:
        raise KernelError("OpenTelemetry is not installed: pip install 'swingset-nb[otel]'") from None
    with _reading(worlds) as known:
        return export(known, exporter, begin, mailboxes)
