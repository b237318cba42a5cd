"""The outputs of a world: what vats print, and notices about vats.

An output waits for the commit of its crank, and is shown only after it. If the commit fails, the output is
dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from swingset.core.report import CrankReport
from swingset.model import reasons
from swingset.model.messages import CloneVat, CreateVat, Send, UpgradeVat
from swingset.model.states import OutputStream


@dataclass(frozen=True)
class Output:
    """One text.

    `stream` is `stdout` or `stderr` of the vat, `notice` for the kernel's about the vat, or `file` for what
    is done with the file besides, such as dropping an old past: after a failure it may come at another crank.
    """

    crank: int
    vat: str
    stream: OutputStream
    text: str


_log = logging.getLogger(__name__)

Listener = Callable[[Output], None]


MOST_WAITING = 1_000_000
"""The most characters that wait for one commit: vats that print without end would fill the host's memory."""


class Outputs:
    """The outputs of a world, as `controller.outputs`, which listeners get when they are committed.

    Source:
        The vats' `console`, held until the commit as `hostStorage` holds the state.
    """

    def __init__(self, waiting: WaitingOutputs) -> None:
        self._waiting = waiting

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with every output that is released from now on.

        Args:
            listener: called with an `Output`, after its commit.
        Returns:
            A function that removes the listener.
        Example:
            >>> stop = world.outputs.listen(lambda output: print(output.vat, output.text))
            >>> stop()
        """
        return self._waiting.listen(listener)


class WaitingOutputs:
    """The outputs that wait for their commit, and the listeners that get them then."""

    def __init__(self) -> None:
        self._waiting: list[Output] = []
        self._room = MOST_WAITING
        self._lost = 0
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every output released from now on; returns a function that removes it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def collect(self, report: CrankReport) -> None:
        """Add the outputs of a crank."""
        vat = report.vat or "?"
        for stream, text in report.console:
            self._take(Output(report.number, vat, stream, text))
        notice = _notice(report)
        if notice:
            self._take(Output(report.number, vat, "notice", notice))

    def _take(self, output: Output) -> None:
        size = len(output.text)
        if size > self._room:
            output = replace(output, text=output.text[: self._room])
            self._lost += size - self._room
        self._room -= len(output.text)
        if output.text:
            self._waiting.append(output)

    def say(self, crank: int, text: str, stream: OutputStream = "notice") -> None:
        """Add a notice of the kernel."""
        self._waiting.append(Output(crank, "kernel", stream, text))

    def release(self) -> list[Output]:
        """Give all waiting outputs to the listeners, after their commit; returns them."""
        if self._lost:
            words = f"{self._lost:,} more characters were said in this run, and are not shown"
            self.say(self._waiting[-1].crank, words)
        released = self._waiting
        self.drop()
        for output in released:
            for listener in list(self._listeners):
                try:
                    listener(output)
                except Exception:
                    # The output is committed, and other listeners still have to get it.
                    _log.exception("a listener failed over what vat %s said", output.vat)
        return released

    def drop(self) -> None:
        """Drop all waiting outputs, because their commit failed."""
        self._waiting, self._room, self._lost = [], MOST_WAITING, 0


def _notice(report: CrankReport) -> str | None:
    """The notice about a failure that no rejected promise reports; None if there is none."""
    fault = report.fault
    if fault is None:
        return None
    if report.outcome == "stopped" and fault.code == reasons.HOST_FAILED:
        which = f"an event of vat {report.vat}" if report.vat else "an event"
        return f"this host cannot process {which}, and has set it aside: {fault}"
    if report.outcome == "stopped" and isinstance(report.event, CreateVat | CloneVat | UpgradeVat):
        what = "suspended" if isinstance(report.event, UpgradeVat) else "not started"
        return f"vat {report.vat} is {what}: {fault}. Its start waits, and is tried again when it is resumed"
    if report.outcome == "stopped":
        return f"vat {report.vat} is suspended: {fault}. The delivery was rolled back, and its messages wait"
    match report.event:
        case Send(message=message) if message.result is None:
            return f"crank {report.number}: {message.method}() was rolled back: {fault}"
        case Send():
            return None
        case _ if report.outcome == "parked":
            what_next = "Its messages wait; upgrade the vat, or resume it"
            return f"crank {report.number}: suspended: {fault}. {what_next}"
    return None
