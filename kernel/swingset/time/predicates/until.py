"""Runs a world until a predicate holds, and stops after that crank: a breakpoint.

The predicate is looked at between two cranks, after each that could have changed what it speaks of. Looking
reads the state and the record of the crank, and changes nothing: the world is the same as if its host had run
that many cranks.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.report import CrankReport
from swingset.host.base import policies
from swingset.host.base.policies import RunPolicy
from swingset.host.worlds.controller import Controller
from swingset.model.messages import Send
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.time.looking.stored import NOTHING, in_words, rejection_in
from swingset.time.predicates.meanings import CUT, EVENTS, Happened, Holds
from swingset.time.predicates.predicate import Predicate
from swingset.world.records import CrankRecord

_OF_STATE = frozenset({"vats", "vatstore", "clists", "objects"})
"""The tables that say what a name of the state means."""


@dataclass(frozen=True, repr=False)
class Reached(InLines):
    """How far a run to a predicate came.

    `held` says whether the predicate holds, after crank `crank`, and `because` names the places that decided
    it. `ran` is how many cranks were run. `report` is that of the last of them. `unknown` are names of the
    predicate that mean nothing in the world, and `missing` says which fields of it there are not. `cut` says
    that it did not hold, and that there were too many objects to try every choice of them.
    """

    predicate: str
    held: bool
    crank: int
    ran: int
    because: tuple[str, ...] = ()
    report: CrankReport | None = None
    unknown: tuple[str, ...] = ()
    cut: bool = False
    missing: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        ran = f"{self.ran:,} {'crank' if self.ran == 1 else 'cranks'}"
        said = one_line(self.predicate, 200)
        if self.held and not self.ran:
            head = f"{said} holds already, after crank {self.crank:,}: nothing was run"
            return [head, *self.because, *self.missing]
        if self.held:
            return [
                f"{said} holds after crank {self.crank:,}: stopped after {ran}",
                *self.because,
                *self.missing,
            ]
        lines = [f"{said} did not hold after any of {ran}"]
        lines += [f"{one_line(name, 80)} means nothing in this world" for name in self.unknown]
        return [*lines, *self.missing, *([CUT] if self.cut else [])]


class Breakpoint:
    """A run policy that stops a run after the first crank after which a predicate holds.

    `found` says whether that has happened, and `ran` counts cranks. `cut` says that in some state not every
    choice of objects was tried.
    """

    def __init__(self, controller: Controller, predicate: Predicate) -> None:
        self._controller = controller
        self._predicate = predicate
        self.found = Holds(False)
        self.cut = False
        self.ran = 0
        self.report: CrankReport | None = None

    def look(self) -> bool:
        """Look at the state before a run; returns whether the predicate holds without one."""
        if self._predicate.about == "state":
            self.found = self._predicate.holds(self._controller.kernel.store)
            self.cut = self.found.cut
        return self.found.holds

    def __call__(self, report: CrankReport) -> bool:
        """Look at the state after a crank; returns whether to run on."""
        self.ran += 1
        self.report = report
        record = self._controller.history.last_crank()
        if record is not None and (self._predicate.about != "state" or _touches(record)):
            self.found = self._predicate.holds(self._controller.kernel.store, happened(record))
            self.cut = self.cut or self.found.cut
        return not self.found.holds

    def reached(self) -> Reached:
        """How far the run came."""
        store, predicate = self._controller.kernel.store, self._predicate
        held, because, _ = self.found
        unknown = () if held else predicate.unknown(store)
        missing = predicate.missing(store)
        crank = self._controller.crank if self.report is None else self.report.number
        cut = self.cut and not held
        return Reached(predicate.text, held, crank, self.ran, because, self.report, unknown, cut, missing)


def until(controller: Controller, predicate: str, policy: RunPolicy | None = None) -> Reached:
    """Run until a predicate holds, stop after that crank, and commit.

    A predicate of the state that holds already runs nothing.

    Args:
        controller: the world.
        predicate: such as `purse.balance < 0` or `method == "deposit" and rejection`.
        policy: how far to run at most, one of `swingset.policies`; None runs until nothing can run.
    Returns:
        Whether it holds, after which crank, and because of what.
    Raises:
        BadPredicate: for a text that is no predicate.
        KernelPanic: after the commit, if the world has stopped for good.
    Source:
        Ours.
    Example:
        >>> purse = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> paid = world.queue_to_object(purse, "deposit", [10])
        >>> swingset.until(world, "purse.balance > 5").because
        ('Purse o+d10/1 of bank: balance 10',)
    """
    wanted = Predicate(predicate)
    with controller.lock:
        stop = Breakpoint(controller, wanted)
        if not stop.look():
            controller.run(policies.all_of(*([policy] if policy else []), stop))
        return stop.reached()


def happened(record: CrankRecord) -> Happened:
    """A crank in the words of predicates."""
    event, send = record.event, record.event if isinstance(record.event, Send) else None
    rejection = rejection_in(record)
    return Happened(
        record.vat,
        None if send is None else send.message.method,
        None if send is None else send.target,
        None if rejection is NOTHING else in_words(rejection, 500),
        record.outcome,
        record.computrons,
        EVENTS[type(event).__name__],
    )


def _touches(record: CrankRecord) -> bool:
    """Whether a crank may have changed what a predicate of the state speaks of."""
    return record.rows is None or any(change.table in _OF_STATE for change in record.rows)


__all__ = ["Breakpoint", "Reached", "happened", "until"]
