"""A past delivery under pdb: the guest's own debugger, with the reader's terminal at its door.

The delivery is repeated beside the world (`swingset.time.deliveries.past`), with the debugger sent into its
guest (`swingset.workers.agents.terminal`). Lines that are typed go in, text comes out. Syscalls are answered
from the record; stored values that the delivery did not read come from the vat's store as it was. So one may
look at everything, and even change it: the first syscall that is not as recorded has no answer, and the
session ends and says so. Nothing reaches the world.

A local vat is repeated in this interpreter, with its pdb. While the debugger waits for a line there is no
limit of any sort. What a line makes a guest do is limited in computrons, and Ctrl-C ends the session.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

from swingset.guest.base.context import DeliveryAbandonedError
from swingset.host.worlds.controller import Controller
from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.model.visible import visible
from swingset.time.deliveries.answering import Answers
from swingset.time.deliveries.attaching import attach_debugger
from swingset.time.deliveries.past import (
    PastDelivery,
    brought_before,
    code_name,
    crank_record,
    find_delivery,
    limits_then,
    stored_before,
)
from swingset.time.deliveries.tracing import first_difference
from swingset.time.deliveries.undone import differs, repeat_undone
from swingset.workers import interrupts
from swingset.workers.agents import program
from swingset.workers.agents.terminal import attach
from swingset.workers.base import SyscallHandler, WatchableWorker, Worker
from swingset.world.records import CrankRecord
from swingset.world.vats import VatRecord

MOST_COMPUTRONS = 20_000_000_000
"""What one line at the prompt may make the guest spend, beside what the delivery takes: some ten seconds."""

_TIMES = 100  # a watched delivery takes so many times the computrons, at most
_MOST_SHOWN = 1 << 20  # characters that the guest may show between two prompts


@dataclass(frozen=True)
class Debugged:
    """How a session of the debugger ended.

    `left` is true if the reader quit before the delivery's end. `difference` is the first thing in which the
    delivery differs from the record, None if there is none or the reader left before.
    """

    crank: int
    vat: str
    left: bool
    difference: str | None

    def __str__(self) -> str:
        if self.left:
            return "left the delivery; the world is as it was"
        if self.difference is None:
            return "the delivery did what the record says; the world is as it was"
        return f"the delivery differs from the record: {self.difference}; the world is as it was"


class _Left(Exception):
    """The reader has left the debugger."""


def debug(
    controller: Controller,
    crank: int,
    *,
    read: Callable[[str], str] | None = None,
    write: Callable[[str], object] | None = None,
    listen: int | None = None,
) -> Debugged:
    """Repeat the delivery of a past crank under pdb, in the vat's own engine; the world does not change.

    pdb stops at the first line of the vat's own code. Its commands are those of the guest's Python. A local
    vat is repeated in this interpreter, if the world is trusted with that.

    Args:
        controller: the world.
        crank: the number of a committed crank that delivered something.
        read: called with a prompt for each line; None for `input`. EOFError or KeyboardInterrupt quits.
        write: called with each text to show; None for standard output.
        listen: a port, or 0 for a free one, for an editor's debugger instead of pdb (the extra `debug`). The
            delivery is then repeated in this interpreter, unconfined, if it did there what is recorded.
    Returns:
        How the session ended, and whether the delivery did what the record says.
    Raises:
        NotRepeatable: if there is no such crank, or its delivery cannot be repeated; it says why.
        KernelError: if the vat cannot be brought back to where it was.
    Source:
        Ours; the reference replays one vat from a transcript (`replay-transcript.js`).
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> typed, seen = iter(["p owner", "c"]), []
        >>> str(swingset.debug(world, world.crank, read=lambda prompt: next(typed), write=seen.append))
        'the delivery did what the record says; the world is as it was'
        >>> seen[-1]
        "'alice'\\n"
    """
    if listen is not None:
        past = find_delivery(controller, crank)
        difference = attach_debugger(controller, past, listen, write or _to_stdout)
        return Debugged(crank, visible(past.vat.name), False, difference)
    record = crank_record(controller, crank)
    terminal = _Terminal(read or _from_stdin, write or _to_stdout, record.computrons)
    try:
        if record.fault is not None:
            difference = _debug_undone(controller, record, terminal)
        else:
            difference = _debug_recorded(controller, find_delivery(controller, crank), terminal)
    except (_Left, KeyboardInterrupt):
        return Debugged(crank, visible(record.vat or ""), True, None)
    if not terminal.stopped:
        terminal.show("no line of the vat's own code runs in this delivery\n")
    return Debugged(crank, visible(record.vat or ""), False, difference)


def _debug_recorded(controller: Controller, past: PastDelivery, terminal: _Terminal) -> str | None:
    """Repeat a delivery of a transcript; returns the first difference."""
    worker = brought_before(controller, past)
    answers = Answers(past.syscalls, controller.world.bundles.get, lambda: stored_before(controller, past))
    limits = replace(limits_then(past), computrons=terminal.computrons, memory_pages=None)
    try:
        result = _run(worker, past.code_name, past.delivery, answers, limits, terminal)
    finally:
        worker.close()
    if result.fault is not None and result.fault.code == reasons.OUT_OF_COMPUTRONS:
        return f"what was typed spent {terminal.computrons:,} computrons, and was stopped"
    return first_difference(past, answers, result)


def _debug_undone(controller: Controller, record: CrankRecord, terminal: _Terminal) -> str | None:
    """Repeat a crank that was rolled back, in a fork; returns in what it differs."""

    def hand_over(
        vat: VatRecord, worker: Worker, delivery: list[Any], handler: SyscallHandler, limits: Limits
    ) -> DeliveryResult:
        limits = replace(limits, computrons=terminal.computrons, seconds=None)
        return _run(worker, code_name(controller, vat), delivery, handler, limits, terminal)

    return differs(record.fault, repeat_undone(controller, record, hand_over).fault)


def _from_stdin(prompt: str) -> str:
    return input(prompt)  # a notebook replaces it for the length of a cell


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class _Terminal:
    """Answers what the debugger says at the door."""

    def __init__(self, read: Callable[[str], str], write: Callable[[str], object], taken: int | None) -> None:
        self.computrons = MOST_COMPUTRONS + _TIMES * min(max(taken or 0, 0), MOST_COMPUTRONS)
        self.worker: Worker | None = None
        self._room = _MOST_SHOWN
        self._read = read
        self._write = write
        self._prompt = ""
        self.stopped = False

    def __call__(self, said: bytes) -> bytes:
        """Answer one knock: a text to show, a line that is wanted, a module, or the end."""
        self.show_printed()
        match said[:1]:
            case b"O":
                text = said[1:].decode("utf-8", "replace")[:_MOST_SHOWN]
                before, _, last = (self._prompt + text).rpartition("\n")
                if before or "\n" in text:
                    self.show(f"{before}\n")
                self._prompt = last[:_MOST_SHOWN]  # the line that is not ended may be a prompt
            case b"I":
                return self._line()
            case b"M":
                return _module(said[1:])
            case b"Q":
                raise _Left
        return b""

    def show_printed(self) -> None:
        """Show what the vat has printed."""
        if isinstance(self.worker, WatchableWorker):
            for _stream, text in self.worker.printed():
                self.show(text)

    def show(self, text: str) -> None:
        """Show a text of the vat's."""
        if self._room <= 0:
            return
        self._room -= len(text)
        self._write(visible(text))
        if self._room <= 0:
            self._write("\n[the rest of what it shows before the next prompt is cut]\n")

    def _line(self) -> bytes:
        self.stopped, self._room = True, _MOST_SHOWN
        prompt, self._prompt = self._prompt, ""
        try:
            # A delivery notes Ctrl-C and goes on; at the prompt nothing runs, and it means to leave.
            with interrupts.taken(signal.default_int_handler):
                line = self._read(visible(prompt))
        except EOFError:
            return b""  # the end of the input, with which pdb quits
        except KeyboardInterrupt:
            raise _Left from None
        if isinstance(self.worker, WatchableWorker):
            self.worker.refuel(self.computrons)
        return f"{line}\n".encode("utf-8", "replace")


def _module(name: bytes) -> bytes:
    from swingset.workers.wasm.tools import compiled_module  # needs the engine, as this guest does

    found = compiled_module(name.decode("ascii", "replace"))
    return b"" if found is None else (b"p" if found[0] else b"m") + found[1]


def _run(
    worker: Worker,
    vat: str,
    delivery: list[Any],
    answer: SyscallHandler,
    limits: Limits,
    terminal: _Terminal,
) -> DeliveryResult:
    """Run a delivery in a worker under pdb."""
    prefix = f"<{vat}:"
    terminal.worker = worker
    if isinstance(worker, WatchableWorker):
        worker.instrument(program("terminal", "open_pdb", prefix), terminal)
        result = worker.deliver(delivery, answer, limits)
        terminal.show_printed()
        return result
    with _pdb_here(prefix, terminal):
        result = worker.deliver(delivery, answer, limits)
    for _stream, text in result.console:
        terminal.show(text)
    return result


@contextmanager
def _pdb_here(prefix: str, terminal: _Terminal) -> Iterator[None]:
    """Have what runs in the body stop in this interpreter's pdb; raises `_Left` where the reader left."""
    streams, left = (sys.stdout, sys.stderr), False

    def call(request: bytes) -> bytes:
        nonlocal left
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):  # a delivery collects what is printed
            try:
                return terminal(request[1:])
            except _Left:
                left = True
                raise DeliveryAbandonedError from None  # nothing in the vat catches it

    before = sys.gettrace()
    attach(prefix, call, lambda: None)
    try:
        yield
    finally:
        sys.settrace(before)
    if left:
        raise _Left
