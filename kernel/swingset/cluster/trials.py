"""Lives one variant of a world in a fork of it, and measures what came of it.

The fork is a `what_if`: on the world's own engines, with a session of its own, discarded afterwards. Where
the past comes again, it is one of the branch in which it came. A vat's fault or the measure's own error is an
outcome, not a reason to stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from traceback import walk_tb
from typing import Any

from swingset.cluster.outcomes import TrialOutcome
from swingset.cluster.variants import BadVariant, Variant, plain
from swingset.core.scheduler import Scheduler, Shuffled
from swingset.guest.base.promises import REJECTED, Promise
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.model.visible import error_in_words, one_line
from swingset.time.branches.branch import Addition
from swingset.time.branches.branching import branch
from swingset.time.forks.what_if import Fork, WhatIf, what_if
from swingset.world.records import CrankRecord

Measure = Callable[["Trial"], Any]
"""What a sweep calls in each fork; it returns the row of the variant, or a promise for it."""

MakeScheduler = Callable[[dict[str, Any]], Scheduler]
"""Makes the scheduler of a fork, of the values of its variant."""


@dataclass(frozen=True)
class Measuring:
    """What all variants of a sweep have in common: the measure, and the schedulers that they may name."""

    measure: Measure
    schedulers: Mapping[str, MakeScheduler] = field(default_factory=dict)


def shuffled(values: Mapping[str, Any]) -> Scheduler:
    """The scheduler `shuffled`, which every sweep has: the order that belongs to `seed` of the values."""
    return Shuffled(str(values.get("seed", "")))


class Trial:
    """A fork of a world while a measure runs in it.

    `values` are those of the variant, `controller` and `session` those of the fork. `sent` are the promises
    of the messages that the variant sends, in order; none where the past comes again. A measure that asks for
    `sent` judges them itself; for any other a rejected one is an error of the fork.

    Example:
        >>> from swingset.cluster import sweep
        >>> found = sweep(world, [{"amount": 5}, {"amount": 7}], lambda trial: trial.values, processes=0)
        >>> [outcome.row for outcome in found]
        [{'amount': 5}, {'amount': 7}]
    """

    def __init__(self, fork: Fork, variant: Variant, refs: Mapping[str, str]) -> None:
        self.controller: Controller = fork.controller
        self.session: Session = fork.session
        self.values: dict[str, Any] = dict(variant.values)
        self._variant = variant
        self._refs = refs
        self._sent: list[Promise[Any]] = []
        self._asked = False

    @property
    def sent(self) -> list[Promise[Any]]:
        """The promises of the messages that the variant sends."""
        self._asked = True
        return self._sent

    def send(self) -> None:
        """Send what the variant sends."""
        for vat, method, args in self._variant.send:
            self._sent.append(getattr(E(self.root(vat)), method)(*args))

    def refuse_rejected(self) -> None:
        """Raise why the first message of the variant was rejected, unless the measure has asked for them."""
        if not self._asked:
            for promise in self._sent:
                if promise.status == REJECTED:
                    self.wait(promise)

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat.

        Raises:
            NoSuchVat: if there is no such vat in the fork.
        """
        return self.session.root(vat)

    def ref(self, name: str) -> Any:
        """What a name that was given to the sweep as `refs` stands for, in the fork.

        Raises:
            BadVariant: if no such name was given.
        """
        if name not in self._refs:
            known = ", ".join(map(repr, self._refs)) or "none"
            words = f"no reference was given as {one_line(name, 60)!r}; there are: {known}"
            raise BadVariant(f"{words}. Give it to the sweep: refs={{{one_line(name, 60)!r}: reference}}")
        return self.session.reference(self._refs[name], name)

    def wait(self, promise: Promise[Any]) -> Any:
        """Run the fork until a promise is settled; returns its value, or raises its reason.

        Raises:
            StillPending: if nothing can run, and it is not settled.
        """
        return self.session.wait(promise)

    def run(self) -> None:
        """Run the fork until nothing can run."""
        self.session.settle()


def live(
    controller: Controller,
    variant: Variant,
    refs: Mapping[str, str],
    measuring: Measuring,
    look: Callable[[Trial], None] | None = None,
) -> tuple[WhatIf, str | None]:
    """Live a variant in a fork of a world.

    Args:
        controller: the world, which stays as it is.
        variant: what is other.
        refs: the kernel's names of references that the measure may use, by the names it uses.
        measuring: has the measure, which is called in the fork. It runs until nothing can run before and
            after it.
        look: called in the fork at its end.
    Returns:
        What came of it, with the row as its answer, and the digest of the fork at its end; None if it did not
        come so far.
    """
    ended: list[str] = []

    def act(fork: Fork) -> Any:
        trial = Trial(fork, variant, refs)
        if not variant.again:
            trial.send()
        trial.run()
        row = measuring.measure(trial)
        if isinstance(row, Promise):
            row = trial.wait(row)
        trial.run()
        trial.refuse_rejected()
        ended.append(fork.controller.digest())
        if look is not None:
            look(trial)
        return plain(row if isinstance(row, Mapping) else {"answer": row}, "the row of the measure")

    if not variant.again or variant.at is None:
        order = _scheduler(variant, measuring)
        found = what_if(controller, act, at=variant.at, code=variant.code or None, scheduler=order)
        return found, ended[0] if ended else None
    added = [Addition(variant.at, *message) for message in variant.send]
    with branch(controller, at=variant.at, drop=variant.drop, add=added, code=variant.code or None) as past:
        since = [record for record in past.controller.history.records() if isinstance(record, CrankRecord)]
        came = [record for record in since if record.crank > variant.at]
        found = what_if(past.controller, act)
        spent = found.computrons + sum(record.computrons or 0 for record in came)
        found = replace(found, cranks=found.cranks + len(came), computrons=spent, at=variant.at)
        return found, ended[0] if ended else None


def _scheduler(variant: Variant, measuring: Measuring) -> Scheduler | None:
    """The scheduler that a variant names; None for the world's own."""
    if not variant.scheduler:
        return None
    known = {"shuffled": shuffled, **measuring.schedulers}
    if variant.scheduler not in known:
        words = f"there is no scheduler {one_line(variant.scheduler, 60)!r}; there are: {', '.join(known)}"
        raise BadVariant(f"{words}. Give it to the sweep: schedulers={{name: what makes it of the values}}")
    return known[variant.scheduler](dict(variant.values))


def outcome_of(
    controller: Controller,
    place: int,
    name: str,
    variant: Variant,
    refs: Mapping[str, str],
    measuring: Measuring,
) -> TrialOutcome:
    """Live a variant; whatever goes wrong in the fork is its outcome.

    Args:
        controller: the world.
        place: the number of the variant.
        name: the name of the task.
        variant: what is other.
        refs: the kernel's names of references that the measure may use.
        measuring: has the measure.
    """
    measure = measuring.measure
    try:
        found, digest = live(controller, variant, refs, measuring)
    except Exception as problem:
        return TrialOutcome(place, name, dict(variant.values), error=_in_words(problem, measure))
    error = None if found.error is None else _in_words(found.error, measure)
    row = {} if error is not None else dict(found.answer)
    return TrialOutcome(place, name, dict(variant.values), row, digest, found.cranks, found.computrons, error)


def _in_words(problem: BaseException, measure: Measure) -> str:
    words = error_in_words(problem)
    code = getattr(measure, "__code__", None)
    if code is None:
        return words
    lines = [line for frame, line in walk_tb(problem.__traceback__) if frame.f_code is code]
    return words if not lines else f"{words} (line {lines[-1] - code.co_firstlineno + 1} of the measure)"
