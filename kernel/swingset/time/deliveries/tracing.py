"""A past delivery line by line: what ran, what changed, what was said, and whether it is what was recorded.

The delivery is repeated in the vat's own engine (`swingset.time.deliveries.past`), watched by a tracer that
is sent into the guest (`swingset.workers.agents.tracing`), and its syscalls are answered from the record. A
local vat is repeated in this interpreter. What comes back is compared with the record; at the first
difference the repetition ends, and what the record has from there on is listed instead.

Everything that a tracer says comes from where hostile code runs. It is read as data, bounded, and shown with
every invisible character spelt out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.wording import syscall_in_words
from swingset.model import reasons
from swingset.model.foreign import Unreadable, read_json
from swingset.model.limits import Limits
from swingset.model.lines import source_lines
from swingset.model.reports import DeliveryResult
from swingset.model.result_lines import InLines
from swingset.model.states import ConsoleStream
from swingset.model.syscalls import Syscall
from swingset.model.visible import one_line, quoted
from swingset.time.deliveries.answering import Answers
from swingset.time.deliveries.past import (
    PastDelivery,
    brought_before,
    code_name,
    crank_record,
    find_delivery,
    limits_then,
)
from swingset.time.deliveries.undone import differs, repeat_undone
from swingset.workers.agents import program
from swingset.workers.agents.tracing import Tracer, syscall_of
from swingset.workers.base import SyscallHandler, WatchableWorker, Worker
from swingset.workers.replaying import short
from swingset.world.records import CrankRecord
from swingset.world.vats import VatRecord

StepKind = Literal[
    "call", "resume", "line", "raise", "return", "suspend", "await", "leave", "syscall", "printed"
]
"""What a step of a trace is: a call began or went on, a line is about to run, an await has its value."""

MOST_STEPS = 2_000
"""How many steps a trace has by default."""

_MOST_STEPS_EVER = 100_000
_MOST_BYTES = 16 << 20
_MOST_VALUES = 5_000
_EFFORT = 20_000_000_000  # computrons beside those that the delivery took
_EACH_STEP = 3_000_000
_TIMES = 500  # a watched line takes so many times the computrons, at most


@dataclass(frozen=True)
class ValueChange:
    """A value that is new or changed, as text: a local name, or a field such as `self.balance`.

    `before` is None if it was not known before.
    """

    name: str
    value: str
    before: str | None = None

    def __str__(self) -> str:
        return f"{self.name} = {self.value}" + ("" if self.before is None else f" (was {self.before})")


@dataclass(frozen=True)
class TraceStep:
    """One step of a delivery.

    `depth` counts the vat's own calls around it. `part` is the cell, and `line` the 1-based line in it, of
    which `source` is the text. `changes` are the values that changed since the step before in the same call.
    `text` is the value that was returned, yielded or awaited, the exception, the syscall or the printed text.
    """

    kind: StepKind
    depth: int = 0
    part: str = ""
    line: int = 0
    function: str = ""
    source: str = ""
    changes: tuple[ValueChange, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        indent = "    " * min(self.depth, 20)
        where = f"{self.part}:{self.line}"
        changes = "".join(f"\n{indent}        {change}" for change in self.changes)
        given = ", ".join(f"{change.name} = {change.value}" for change in self.changes)
        match self.kind:
            case "call":
                return f"{indent}{self.function}({given})  {where}"
            case "resume":
                return f"{indent}{self.function} goes on  {where}{changes}"
            case "line":
                return f"{changes[1:]}\n{indent}{where:<16} {self.source}".lstrip("\n")
            case "raise":
                return f"{changes[1:]}\n{indent}{where:<16} raises {self.text}".lstrip("\n")
            case "return":
                return f"{changes[1:]}\n{indent}{self.function} returns {self.text}".lstrip("\n")
            case "suspend":
                does = f"yields {self.text}" if self.text else "awaits"
                return f"{changes[1:]}\n{indent}{self.function} {does} at {where}".lstrip("\n")
            case "await":
                return f"{changes[1:]}\n{indent}{where:<16} the await returns {self.text}".lstrip("\n")
            case "leave":
                return f"{indent}{self.function} is left by the exception"
            case "syscall":
                return f"{indent}    → {self.text}"
            case "printed":
                return f"{indent}    prints {quoted(self.text.rstrip())}"


@dataclass(frozen=True, repr=False)
class Trace(InLines):
    """A past delivery, step by step. `str(trace)` is all of it as text.

    `difference` is None if the repeated delivery did what the record says, else the first difference, with
    both sides; `rest` then lists what the record has from there on. `cut` says that there were more steps.
    """

    crank: int
    vat: str
    title: str
    steps: tuple[TraceStep, ...]
    cut: bool
    difference: str | None
    rest: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        found = [self.title, *(line for step in self.steps for line in str(step).split("\n"))]
        if not self.steps:
            found.append("no line of the vat's own code ran in it")
        if self.cut:
            found.append(f"cut after {len(self.steps):,} steps: ask for more")
        if self.difference is None:
            found.append("it did what the record says")
        else:
            found.append(f"it differs from the record: {self.difference}")
            found += [f"recorded then: {said}" for said in self.rest]
        return found


def trace(controller: Controller, crank: int, *, steps: int = MOST_STEPS) -> Trace:
    """Repeat the delivery of a past crank beside the world, and show it line by line.

    The world does not change. A confined vat is repeated in its own engine, with the guest library that it
    ran on; a local vat in this interpreter, if the world is trusted with that.

    Args:
        controller: the world.
        crank: the number of a committed crank that delivered something.
        steps: how many steps are shown at most.
    Returns:
        The steps, and whether the delivery did again what is recorded.
    Raises:
        NotRepeatable: if there is no such crank, or its delivery cannot be repeated; it says why. A delivery
            that was rolled back is repeated in a fork, whose kernel answers it.
        KernelError: if the vat cannot be brought back to where it was.
    Source:
        Ours.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> print(swingset.trace(world, world.crank).lines()[-1])
        it did what the record says
    """
    if type(steps) is not int or not 1 <= steps <= _MOST_STEPS_EVER:
        raise KernelError(f"steps is a number from 1 to {_MOST_STEPS_EVER:,}, not {steps!r}")
    record = crank_record(controller, crank)
    if record.fault is not None:
        return _trace_undone(controller, record, steps)
    past = find_delivery(controller, crank)
    gathered = _Gathered(steps, _parts(controller, past.vat.bundle))
    worker = brought_before(controller, past)
    answers = Answers(past.syscalls, controller.world.bundles.get)
    try:
        limits = _watched(limits_then(past), past.entry.entry["computrons"])
        result = _watch(worker, past.code_name, past.delivery, answers, limits, gathered)
    finally:
        worker.close()
    difference = first_difference(past, answers, result)
    rest = tuple(one_line(short(said)) for said in answers.rest()) if difference else ()
    vat, shown = one_line(past.vat.name), tuple(gathered.steps)
    return Trace(crank, vat, past.title, shown, gathered.cut, difference, rest)


def _trace_undone(controller: Controller, record: CrankRecord, steps: int) -> Trace:
    """The trace of a crank that was rolled back, repeated in a fork."""
    gathered = _Gathered(steps, {})

    def hand_over(
        vat: VatRecord, worker: Worker, delivery: list[Any], handler: SyscallHandler, limits: Limits
    ) -> DeliveryResult:
        gathered.read(_parts(controller, vat.bundle))
        if record.fault is not None and record.fault.code != reasons.OUT_OF_COMPUTRONS:
            limits = _watched(limits, record.computrons)
        elif limits.computrons is not None:
            limits = replace(limits, computrons=limits.computrons + _EACH_STEP * steps, seconds=None)
        return _watch(worker, code_name(controller, vat), delivery, handler, limits, gathered)

    report = repeat_undone(controller, record, hand_over)
    vat = one_line(record.vat or "")
    title = f"crank {record.crank}: rolled back, for vat {vat}: {one_line(str(record.fault), 300)}"
    difference = differs(record.fault, report.fault)
    return Trace(record.crank, vat, title, tuple(gathered.steps), gathered.cut, difference)


def _parts(controller: Controller, bundle: str | None) -> dict[str, str]:
    with controller.lock:
        return dict(controller.world.bundles.get(bundle)) if bundle else {}


def _watched(limits: Limits, taken: int | None) -> Limits:
    """The limits of a watched delivery, which spends more computrons than it did."""
    most = min(max(taken or 0, 0), _EFFORT) * _TIMES + _EFFORT
    return replace(limits, computrons=most, seconds=None)


class _Gathered:
    """The steps of a trace as they come; what is not an event of the tracer is left out."""

    def __init__(self, most: int, parts: dict[str, str]) -> None:
        self.steps: list[TraceStep] = []
        self.cut = False
        self.most = most
        self._bytes = 0
        self._lines: dict[str, list[str]] = {}
        self.read(parts)

    def read(self, parts: dict[str, str]) -> None:
        """Take the sources whose lines are shown."""
        self._lines |= {part: source_lines(source) for part, source in parts.items()}

    def hear(self, said: bytes) -> None:
        """Take an event as JSON from a guest."""
        self._bytes += len(said)
        try:
            event = read_json(said, values=_MOST_VALUES) if self._bytes <= _MOST_BYTES else ["cut"]
        except Unreadable:
            return
        if isinstance(event, list) and event:
            self.take(event)

    def take(self, event: list[Any]) -> None:
        """Take one event."""
        if event == ["cut"]:
            self.cut = True
        elif (step := self._step(event)) is not None:
            self._add(step)

    def printed(self, console: Iterable[tuple[ConsoleStream, str]]) -> None:
        """Take what the vat has printed since the last event."""
        for _stream, text in console:
            self._add(TraceStep("printed", self.steps[-1].depth if self.steps else 0, text=text))

    def _add(self, step: TraceStep) -> None:
        if len(self.steps) < self.most:
            self.steps.append(step)
        else:
            self.cut = True

    def _step(self, event: list[Any]) -> TraceStep | None:
        match event:
            case ["syscall", str() | list() as said]:
                text = one_line(said) if isinstance(said, str) else syscall_in_words(said)
                return TraceStep("syscall", self.steps[-1].depth if self.steps else 0, text=text)
            case [str(kind), int(depth), str(part), int(line), str(function), list(changes), *rest]:
                if kind not in get_args(StepKind) or len(rest) > 1 or not all(map(_is_text, rest)):
                    return None
                shown = tuple(map(_change, filter(_is_change, changes)))
                text = one_line(rest[0], 500) if rest else ""
                source = self._source(part, line)
                part, function = one_line(part, 120), one_line(function, 200)
                return TraceStep(
                    cast(StepKind, kind), max(depth, 0), part, line, function, source, shown, text
                )
        return None

    def _source(self, part: str, line: int) -> str:
        lines = self._lines.get(part, [])
        return one_line(lines[line - 1].strip(), 200) if 0 < line <= len(lines) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_change(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and _is_text(value[0])
        and _is_text(value[1])
        and (value[2] is None or _is_text(value[2]))
    )


def _change(value: list[Any]) -> ValueChange:
    name, text, before = value
    return ValueChange(
        one_line(name, 120), one_line(text, 500), None if before is None else one_line(before, 500)
    )


def _watch(
    worker: Worker,
    vat: str,
    delivery: list[Any],
    answer: SyscallHandler,
    limits: Limits,
    gathered: _Gathered,
) -> DeliveryResult:
    """Run a delivery in a worker, and gather its steps."""
    prefix = f"<{vat}:"
    if not isinstance(worker, WatchableWorker):
        tracer = Tracer(prefix, gathered.take, gathered.most)
        before = sys.gettrace()
        tracer.start()
        try:
            result = worker.deliver(delivery, _told(answer, gathered), limits)
        finally:
            sys.settrace(before)
        gathered.printed(result.console)
        return result

    def listen(said: bytes) -> bytes:
        gathered.printed(worker.printed())
        if said[:1] == b"T":
            gathered.hear(said[1:])
        return b""

    worker.instrument(program("tracing", "watch_guest", prefix, gathered.most), listen)
    result = worker.deliver(delivery, answer, limits)
    gathered.printed(worker.printed())
    return result


def _told(answers: SyscallHandler, gathered: _Gathered) -> SyscallHandler:
    """Answers that also report each syscall, for a worker whose syscalls arrive where they are made."""

    def answer(syscall: Syscall) -> list[Any]:
        gathered.take(["syscall", syscall_of(syscall.raw)])
        return answers(syscall)

    return answer


def first_difference(past: PastDelivery, answers: Answers, result: DeliveryResult) -> str | None:
    """The first thing in which a repeated delivery differs from the record, with both sides, or None."""
    if answers.difference is not None:
        return answers.difference
    if result.fault is not None:
        return one_line(f"recorded no fault, repeated {result.fault}", 400)
    if left := answers.rest():
        return one_line(f"recorded {short(left[0])}, repeated nothing more")
    printed, recorded = _by_stream(result.console), _by_stream(past.record.console)
    if printed != recorded and past.record.vat == past.vat.name:
        return one_line(f"printed: recorded {recorded!r}, repeated {printed!r}", 400)
    return None


def _by_stream(console: Iterable[tuple[ConsoleStream, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for stream, text in console:
        found[stream] = found.get(stream, "") + text
    return found
