"""Histories as Chrome trace events, which Perfetto and `chrome://tracing` show.

A world is a process, a vat is a track, and so is the host. A crank is a slice. Arrows lead from the slice
that sent a message to the one that delivers it, and from world to world where mail passed between them. The
time axis has no clock: it is what was computed. A million computrons are a millisecond, and a record without
any is as long as a thousand, so that it can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from swingset.lens.exports.merging import Mailboxes, MergedRecord, merge
from swingset.lens.history.cause import Causes, Step
from swingset.model.messages import kind_of
from swingset.model.visible import one_line, quoted
from swingset.world.records import CrankRecord, Record

SHORTEST = 1_000
"""How many computrons a slice is long at least."""

_HOST = "host"
_MOST_TEXT = 2_000


class _Slice(NamedTuple):
    process: int
    track: int
    begin: int


def trace_events(
    worlds: Mapping[str, Causes], mailboxes: Mailboxes | None = None
) -> Iterator[dict[str, Any]]:
    """The trace events of some worlds, by the names that their mailboxes have for each other."""
    histories = {name: causes.recorded.after() for name, causes in worlds.items()}
    return _Tracing(worlds).events(merge(histories, mailboxes))


class _Tracing:
    """One trace."""

    def __init__(self, worlds: Mapping[str, Causes]) -> None:
        self._worlds = worlds
        self._processes = {name: number for number, name in enumerate(worlds, 1)}
        self._tracks: dict[tuple[str, str], int] = {}
        self._slices: dict[tuple[str, int], _Slice] = {}
        self._now = 0

    def events(self, history: Iterable[MergedRecord]) -> Iterator[dict[str, Any]]:
        for name, process in self._processes.items():
            shown = one_line(name, 80)
            yield _named("process_name", process, 0, f"world {shown}" if shown else "world")
        for merged in history:
            world, record = merged.world, merged.record
            step = self._worlds[world].step(record)
            vat = step.vat if isinstance(record, CrankRecord) else None
            process, known = self._processes[world], len(self._tracks)
            track = self._tracks.setdefault((world, vat or _HOST), known)
            if track == known:
                yield _named("thread_name", process, track, f"vat {vat}" if vat else _HOST)
            here = _Slice(process, track, self._now)
            length = max(SHORTEST, step.computrons or 0)
            self._slices[world, record.number] = here
            yield _slice(here, length, record, step)
            if isinstance(record, CrankRecord):
                yield from self._arrow(world, record.sender, here, f"{world}/{record.number}")
            for arrival in merged.received:
                sender, receiver, number = arrival.passage
                name = f"{sender}/{receiver}/mail {number}"
                yield from self._arrow(arrival.world, arrival.sent_in, here, name)
            self._now += length

    def _arrow(
        self, world: str | None, sender: int | None, here: _Slice, name: str
    ) -> Iterator[dict[str, Any]]:
        """An arrow from the slice of a sender, if there is one."""
        start = None if world is None or sender is None else self._slices.get((world, sender))
        if start is None:
            return
        told = {"name": "message", "cat": "message", "id": one_line(name, 200)}
        yield {"ph": "s", **told, **_place(start)}
        yield {"ph": "f", "bp": "e", **told, **_place(here)}


def _place(found: _Slice) -> dict[str, Any]:
    return {"ts": found.begin / 1_000, "pid": found.process, "tid": found.track}


def _named(what: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": track, "args": {"name": name}}


def _slice(here: _Slice, length: int, record: Record, step: Step) -> dict[str, Any]:
    args: dict[str, Any] = {"record": record.number, "crank": record.crank, "what": step.title}
    kind = "request"
    if isinstance(record, CrankRecord):
        kind = kind_of(record.event)
        args |= {"outcome": record.outcome, "sender": record.sender, "computrons": record.computrons}
        if record.fault is not None:
            args["fault"] = one_line(f"{record.fault.name}: {record.fault}", _MOST_TEXT)
        if record.console:
            args["console"] = quoted("".join(text for _, text in record.console).rstrip("\n"), _MOST_TEXT)
    told = {name: value for name, value in args.items() if value is not None}
    category = kind if getattr(record, "fault", None) is None else f"{kind},failed"
    found = {"ph": "X", "name": step.summary, "cat": category, "dur": length / 1_000, "args": told}
    return {**found, **_place(here)}
