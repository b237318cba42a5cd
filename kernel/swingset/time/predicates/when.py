"""Since when: finds the crank after which a predicate holds, in the past of a world. Nothing is run.

A predicate of the state is looked at in moments of the past, found by bisection: if it holds now and did not
hold at a moment, it began to hold in between, and each look halves what is between. So a history of 100,000
cranks takes 17 looks. A predicate may have begun and ceased to hold several times. What is found then is the
newest beginning of which the looks know; a shorter change between two of them is not seen.

If it does not hold now, moments further and further back are looked at for one where it did.

A predicate of a crank is true at single cranks. The newest is found in the records, without any look. One of
both is looked at only at cranks for which the part about the crank holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.cause import Cause
from swingset.lens.history.recorded import Recorded
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.time.deliveries.sending import sent_from
from swingset.time.predicates.meanings import CUT, Holds
from swingset.time.predicates.predicate import Predicate
from swingset.time.predicates.until import happened
from swingset.world.errors import NoSuchMoment
from swingset.world.gone import Gone
from swingset.world.records import CrankRecord

MOST_LOOKS = 1_000
"""How many moments are looked at for a predicate of the state and of a crank."""


@dataclass(frozen=True, repr=False)
class Since(InLines):
    """Since when a predicate holds.

    `crank` is the crank that made it true, None if none was found; 0 means that it holds since the beginning.
    `before` is the first crank that is left of a pruned past, if it held before that one already: the crank
    that made it true is gone. `ended` is the crank after which it did not hold any more, None if it holds
    now. `because` names the places that decided it at that moment. `looks` is how many moments of the past
    were looked at. `cause` says what that crank was, who sent it, and what came of it. `notes` say what could
    not be looked at, and which names and fields of the predicate there are not.
    """

    predicate: str
    crank: int | None
    looks: int
    because: tuple[str, ...] = ()
    ended: int | None = None
    cause: Cause | None = None
    notes: tuple[str, ...] = ()
    before: int | None = None

    def _lines(self) -> list[str]:
        said = one_line(self.predicate, 200)
        looks = f"{self.looks:,} {'state' if self.looks == 1 else 'states'} looked at"
        until = f", until crank {self.ended:,}" if self.ended is not None else ""
        if self.before is not None:
            return [f"{said} since before crank {self.before:,}{until}", *self.because, looks, *self.notes]
        if self.crank is None:
            return [f"{said}: at no moment that was looked at", looks, *self.notes]
        since = f"since crank {self.crank:,}" if self.crank else "since the beginning"
        lines = [f"{said} {since}{until}", *self.because, looks, *self.notes]
        if self.cause is not None:
            lines.append(str(self.cause.step))
            lines += [f"  sent by {step}" for step in self.cause.up]
            lines.append(f"  {self.cause.origin}")
        return lines


def when(controller: Controller, predicate: str) -> Since:
    """Find since when a predicate holds, by looking at the past; nothing is run or changed.

    Args:
        controller: the world.
        predicate: such as `purse.balance < 0`; one of a crank, such as `rejection and vat == "bank"`, finds
            the newest crank for which it holds.
    Returns:
        The crank, what made it true, how many states were looked at, and the messages that led there.
    Raises:
        BadPredicate: for a text that is no predicate.
        WorldError: if a record or a change of the history is damaged.
    Source:
        Ours.
    Example:
        >>> purse = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> paid = [world.queue_to_object(purse, "deposit", [amount]) for amount in (20, -50, 10)]
        >>> report = world.run()
        >>> since = swingset.when(world, "purse.balance < 0")
        >>> since.crank, since.because
        (4, ('Purse o+d10/1 of bank: balance -30',))
    """
    wanted = Predicate(predicate)
    with controller.lock:
        search = _Search(controller, wanted)
        return search.in_state() if wanted.about == "state" else search.in_records()


def sender_of(controller: Controller, since: Since) -> list[str]:
    """The line of vat code that sent the message, as text; empty if it was none.

    The sender's delivery is repeated beside the world, which does not change.
    """
    cause = since.cause
    if cause is None or cause.step.kind != "send" or not cause.up or cause.up[0].outcome is None:
        return []
    try:
        return [f"it was sent from {sent_from(controller, cause.step.crank)!r}"]
    except KernelError as problem:
        return [f"the line that sent it is not known: {one_line(str(problem), 200)}"]


class _Search:
    def __init__(self, controller: Controller, predicate: Predicate) -> None:
        self._controller = controller
        self._predicate = predicate
        self._looks = 0
        self._cut = False
        self._gone: Gone | None = Recorded(controller.world).gone
        self._unseen: str | None = None

    def in_state(self) -> Since:
        """The beginning of the newest period of which the looks know."""
        now = self._controller.crank
        least = 0 if self._gone is None else self._gone.crank
        present = self._seen(self._predicate.holds(self._controller.kernel.store))
        if present.holds:
            return self._began(now, present, None)
        back, later = 1, now
        while (crank := max(now - back, least)) < later:
            found = self._look(crank)
            if found.holds:
                ended, _ = self._first(crank, later, Holds(True), self._turned)
                return self._began(crank, found, ended)
            back, later = back * 2, crank
        return Since(self._predicate.text, None, self._looks, notes=self._notes(found=False))

    def in_records(self) -> Since:
        """The newest crank for which it holds."""
        recorded = Recorded(self._controller.world)
        for record in recorded.before(lambda line: b'"crank":' in line, recorded.last + 1):
            if not isinstance(record, CrankRecord):
                continue
            told = happened(record)
            if self._predicate.about == "event":
                found = self._predicate.holds(self._controller.kernel.store, told)
            elif not self._predicate.may_hold(told):
                continue
            elif self._looks == MOST_LOOKS:
                note = f"older cranks than {record.crank + 1:,} were not looked at"
                return Since(self._predicate.text, None, self._looks, notes=(note, *self._notes(found=False)))
            else:
                self._looks += 1
                with self._controller.at(record.crank) as moment:
                    found = self._seen(self._predicate.holds(moment.kernel.store, told))
            if found.holds:
                return self._since(record.crank, found)
        return Since(self._predicate.text, None, self._looks, notes=self._notes(found=False))

    def _began(self, true: int, found: Holds, ended: int | None) -> Since:
        """The beginning of a period in which it holds after crank `true`."""
        if self._gone is None:
            crank, found = self._first(-1, true, found, self._look)
            return self._since(crank, found, ended=ended)
        first = self._look(self._gone.crank) if true > self._gone.crank else found
        if first.holds:
            text, looks, before = self._predicate.text, self._looks, self._gone.first
            return Since(text, None, looks, first.because, ended, None, self._notes(), before)
        crank, found = self._first(self._gone.crank, true, found, self._look)
        return self._since(crank, found, ended=ended)

    def _first(self, false: int, true: int, found: Holds, look: Callable[[int], Holds]) -> tuple[int, Holds]:
        """The first crank at which a look holds: after `false`, where none does, up to `true`."""
        while true - false > 1:
            middle = (false + true) // 2
            seen = look(middle)
            if seen.holds:
                true, found = middle, seen
            else:
                false = middle
        return true, found

    def _look(self, crank: int) -> Holds:
        """What holds after a crank; where the past begins, in the state with which it begins."""
        self._looks += 1
        world, gone = self._controller, self._gone
        try:
            begins = gone is not None and crank <= gone.crank
            with world.history.at_record(gone.record) if gone and begins else world.at(crank) as moment:
                return self._seen(self._predicate.holds(moment.kernel.store))
        except NoSuchMoment as problem:
            self._unseen = str(problem)
            return Holds(False)

    def _seen(self, found: Holds) -> Holds:
        self._cut = self._cut or found.cut
        return found

    def _turned(self, crank: int) -> Holds:
        found = self._look(crank)
        return found._replace(holds=not found.holds)

    def _since(self, crank: int, found: Holds, *, ended: int | None = None) -> Since:
        cause: Cause | None = None
        notes = list(self._notes())
        if crank > 0:
            try:
                cause = self._controller.lens.cause(crank)
            except KernelError as problem:
                notes.append(one_line(str(problem), 300))
        return Since(self._predicate.text, crank, self._looks, found.because, ended, cause, tuple(notes))

    def _notes(self, found: bool = True) -> tuple[str, ...]:
        """What could not be looked at, and what the predicate speaks of that there is not."""
        store = self._controller.kernel.store
        unknown = () if found else self._predicate.unknown(store)
        notes = tuple(f"{one_line(name, 80)} means nothing in this world as it is now" for name in unknown)
        notes = (*notes, *self._predicate.missing(store), *((CUT,) if self._cut else ()))
        if self._gone is not None:
            notes = (*notes, f"what was before cannot be looked at: {self._gone}")
        return notes if self._unseen is None else (*notes, one_line(self._unseen, 300))


__all__ = ["Since", "sender_of", "when"]
