"""What if: code of a host runs in a fork of its world, and both worlds are shown beside each other.

The fork is the whole world, at present or at a moment of its past, on the same engines. In it the code has a
session of its own, with the vat `what-if`. A reference of the first world means the same object there, found
by the kernel's name for it (`Fork.here`). While the code runs, references of the first world refuse to send,
so nothing in the live world moves.

Python is not forked: an object of the host that the code changes stays changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from swingset.core.errors import KernelError, VatFault
from swingset.core.scheduler import Scheduler
from swingset.guest.base.promises import Promise
from swingset.host.base.outputs import Output
from swingset.host.base.policies import RunPolicy
from swingset.host.base.starting import Parts
from swingset.host.sessions.session import Session
from swingset.host.sessions.standing_in import StandIns, set_aside
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.model.foreign import said
from swingset.model.visible import one_line, visible
from swingset.time.branches.branch import Branch, Changes
from swingset.time.branches.branching import branch, recorded_after, strangers_refused
from swingset.time.branches.living import Living
from swingset.time.forks.where import check_crank
from swingset.time.looking.comparing import Unlike, compare, touched
from swingset.world.records import CrankRecord, Record, RequestRecord

VAT = "what-if"
"""The name of the vat of the session in the fork."""

MOST_ROWS = 50
"""How many rows a comparison has at most when it is shown."""

_MOST_LINES = 1_000


class Fork:
    """A fork of a world while code runs in it: its controller, a session, and what references mean there.

    `root("bank")` is a reference to the root object of a vat, as in a `Session`.
    """

    def __init__(self, controller: Controller, session: Session, stand_ins: StandIns) -> None:
        self.controller = controller
        self.session = session
        self.root = session.root
        self._stand_ins = stand_ins

    def here(self, value: Any) -> Any:
        """What a value of the live world means in the fork.

        Args:
            value: a reference, or a list, dict, tuple or set with references in it, which is copied.
        Raises:
            LifeEndedError: for a reference to something that does not exist there.
        Example:
            >>> found = swingset.what_if(world, lambda fork: fork.here([bank])[0] is fork.root("bank"))
            >>> found.answer
            True
        """
        return self._stand_ins.here(value)


@dataclass(frozen=True)
class WhatIf:
    """What came of code in a fork.

    `answer` is what the code returned, or the value of the promise that it returned; a reference in it
    belongs to the fork and is of no use. `error` is what it raised. `console` has the lines that vats
    printed, with the name of the vat, and `live_console` those of the live world since crank `at`. `unlike`
    are the places that are different in the live world and in
    the fork. `notes` say what could not be shown. `at` is the crank at which the fork began, None for the
    present.
    """

    answer: Any
    error: BaseException | None
    console: tuple[tuple[str, str], ...]
    unlike: tuple[Unlike, ...]
    cranks: int
    computrons: int
    at: int | None = None
    notes: tuple[str, ...] = ()
    live_console: tuple[tuple[str, str], ...] = ()

    def rows(self, most: int | None = None) -> list[tuple[str, str, str]]:
        """What, how it is in the live world, and how it would be.

        Args:
            most: how many rows there are at most: the first ones, and the last two, with the costs. None for
                all of them.
        Example:
            >>> found = swingset.what_if(world, lambda fork: 3)
            >>> found.rows()[0]
            ('answer', '-', '3')
        """
        answer = shown(self.answer) if self.error is None else one_line(said(self.error), 200)
        sort = "answer" if self.error is None else type(self.error).__name__
        rows = [] if self.answer is None and self.error is None else [(one_line(sort, 80), "-", answer)]
        for lines, others, is_live in (
            (self.live_console, self.console, True),
            (self.console, self.live_console, False),
        ):
            for vat, text in (Counter(lines) - Counter(others)).elements():
                shown_text = one_line(text, 200)
                sides = (shown_text, "-") if is_live else ("-", shown_text)
                rows.append((f"{one_line(vat, 80)} prints", *sides))
        rows += [(unlike.place, unlike.first, unlike.second) for unlike in self.unlike]
        costs = [("cranks", "-", f"{self.cranks:,}"), ("computrons", "-", f"{self.computrons:,}")]
        return [*(rows if most is None else rows[: max(0, most - len(costs))]), *costs]

    def __str__(self) -> str:
        rows, shown = self.rows(), self.rows(MOST_ROWS)
        more = f"{len(rows) - len(shown):,} rows more: `rows()` has all of them"
        told = [f"{place}: {first} → {second}" for place, first, second in shown]
        return "\n".join([*told, *([more] if len(rows) > len(shown) else []), *self.notes])


def what_if(
    controller: Controller,
    act: Callable[[Fork], Any] | None = None,
    *,
    at: int | None = None,
    drop: bool = False,
    again: bool = False,
    code: Mapping[str, Parts] | None = None,
    policy: RunPolicy | None = None,
    scheduler: Scheduler | None = None,
    session: Callable[[Controller, str], Session] = Session,
) -> WhatIf:
    """Run code in a fork of a world, and compare the fork with the world, which is not changed.

    The fork runs until nothing can run. Then it is discarded.

    Args:
        controller: the world.
        act: called with the `Fork`; None for nothing. If it returns a promise of the fork, the answer is the
            promise's value. What it raises is reported, not raised.
        at: the crank after which the fork begins; None for the present.
        drop: begin before crank `at`, and leave out the message that it delivered. After `act`, what came
            from outside since then comes again, in its order.
        again: with `at`, what came since then comes again after `act`, so that `act` is added to the past.
        code: vats that are upgraded to other parts as the fork begins, by name. With `at`, what came since
            then comes again after `act`.
        policy: how far each run of the fork goes at most; None runs until nothing can run.
        scheduler: chooses among the events of the fork's run-queue; None for the one of the world.
        session: makes the session in the fork, from its controller and the name of its vat.
    Raises:
        NoSuchMoment: if the history does not lead to crank `at`.
        WrongCrank: if there is no crank `at`, or if it delivered no message that can be dropped; it is a
            `KernelError`, and says which cranks near it would do.
        KernelError: if that state has local vats, and the world is not trusted with them.
    Source:
        Ours.
    Example:
        >>> purse = session.wait(E(bank).open_purse("alice"))
        >>> found = swingset.what_if(world, lambda fork: E(fork.here(purse)).deposit(100))
        >>> found.answer
        100
        >>> print(*found.unlike)
        Purse o+d10/1 of bank: balance: 0 → 100
        >>> session.wait(E(purse).deposit(1))
        1
    """
    if at is None and (drop or again):
        words = (
            "the message that is dropped is that of a crank"
            if drop
            else "what came after a crank comes again"
        )
        raise KernelError(f"{words}: say `at`")
    with controller.lock, ExitStack() as stack:
        if at is not None:
            check_crank(controller, at, message=drop)
        later = _Later(controller, at, drop) if at is not None and (drop or again or code) else None
        if later is not None and act is None:
            return _branched(controller, later, code)
        begins = at if at is None or not drop else at - 1
        fork = controller.fork(begins, scheduler=scheduler)
        stack.callback(lambda: fork.close(keep=False))
        living = None
        if later is not None and begins is not None:
            living = stack.enter_context(later.living(controller, fork, begins))
        make = partial(StandIns, controller.kernel, stack.enter_context(set_aside(controller)))
        return _run(controller, fork, _upgrading(code, act), at, policy, session, make, living)


def _upgrading(code: Mapping[str, Parts] | None, act: Callable[[Fork], Any] | None) -> Callable[[Fork], Any]:
    """Upgrade vats, then do what is asked for."""

    def both(fork: Fork) -> Any:
        for vat, parts in (code or {}).items():
            fork.controller.upgrade_vat(vat, parts)
        return None if act is None else act(fork)

    return both


def _branched(controller: Controller, later: _Later, code: Mapping[str, Parts] | None) -> WhatIf:
    """The past lived again as a branch."""
    try:
        branched = later.branch(controller, code)
    except VatFault as fault:
        return WhatIf(None, fault, (), (), 0, 0, later.at)
    with branched:
        with controller.at(branched.at) as moment:
            since = moment.record
        records = list(branched.controller.history.records(since))
        ran = [record for record in records if isinstance(record, CrankRecord)]
        live = _since(controller, branched.at)
        rows = touched([*records, *live])
        answers = [
            Unlike(f"answer to {one_line(answer.message, 80)}", answer.recorded, answer.came)
            for answer in branched.answers
        ]
        unlike = [*answers, *compare(controller.kernel.store, branched.controller.kernel.store, rows)]
        notes = _notes_of(branched)
    spent = sum(record.computrons or 0 for record in ran)
    told = tuple(one_line(note, 300) for note in notes)
    consoles = _console(ran, since), _console(live, since)
    return WhatIf(None, None, consoles[0], tuple(unlike), len(ran), spent, later.at, told, consoles[1])


def _notes_of(branched: Branch) -> list[str]:
    """What could not come again in a branch, and what did on another premise."""
    return replace(branched, answers=()).lines()


def _console(records: Iterable[Record], since: int) -> tuple[tuple[str, str], ...]:
    """The lines that vats printed in the cranks after a record, with the name of the vat."""
    lines = [
        (record.vat or "kernel", text.rstrip("\n"))
        for record in records
        if isinstance(record, CrankRecord) and record.number > since
        for _, text in record.console
    ]
    return tuple(lines[:_MOST_LINES])


def _since(controller: Controller, crank: int) -> list[Record]:
    """The records from a crank on."""
    recorded = Recorded(controller.world)
    return list(recorded.after(recorded.crank(crank).number - 1 if crank > 0 else 0))


class _Later:
    """What came after a crank, to come again in a fork; with `drop`, but for the message of that crank."""

    def __init__(self, controller: Controller, at: int, drop: bool) -> None:
        self.at = at
        self._dropped: CrankRecord | None = None
        self._request: RequestRecord | None = None
        recorded = Recorded(controller.world)
        if drop:
            self._dropped = recorded.crank(at)
            sender = recorded.number(self._dropped.sender or 0)
            self._request = sender if isinstance(sender, RequestRecord) else None

    def branch(self, controller: Controller, code: Mapping[str, Parts] | None) -> Branch:
        """The branch without the message, which was never sent if it came from outside."""
        if self._dropped is None:
            return branch(controller, at=self.at, code=code)
        if self._request is None:
            return branch(controller, at=self.at - 1, drop=[self._dropped.number], code=code)
        return branch(controller, at=self._request.crank, drop=[self._request.number], code=code)

    @contextmanager
    def living(self, controller: Controller, fork: Controller, at: int) -> Iterator[Living]:
        """What came after crank `at`, to come again in a fork in which nothing has happened yet."""
        drop = frozenset() if self._dropped is None else frozenset((self._dropped.number,))
        with recorded_after(controller, at) as (present, records):
            with strangers_refused(at):
                living = Living(fork, present, at, records, Changes(drop))
            yield living


def _run(
    controller: Controller,
    fork: Controller,
    act: Callable[[Fork], Any],
    at: int | None,
    policy: RunPolicy | None,
    attach: Callable[[Controller, str], Session],
    stand_ins: Callable[[Session], StandIns],
    living: Living | None,
) -> WhatIf:
    printed = list[Output]()
    since = fork.world.journal.last
    fork.outputs.listen(printed.append)
    if fork.queue.paused:
        fork.queue.unpause()
    inside = attach(fork, _free_name(fork))
    inside.policy = policy
    answer, error, branched = None, None, None
    try:
        answer = act(Fork(fork, inside, stand_ins(inside)))
        if isinstance(answer, Promise) and answer._turns.vat is inside.liveslots:
            answer = inside.wait(answer)
        inside.settle()
        if living is not None:
            branched = living.live()
            inside.settle()
    except Exception as problem:
        error = problem
    fork.commit("what if")
    records = list(fork.history.records(since))
    ran = [record for record in records if isinstance(record, CrankRecord)]
    live = _since(controller, at) if at is not None else []
    records += live
    without = inside.vat_id
    unlike = compare(controller.kernel.store, fork.kernel.store, touched(records), without=without)
    console = [(output.vat or "kernel", output.text.rstrip("\n")) for output in printed[:_MOST_LINES]]
    notes = _notes(controller, fork, inside, len(printed)) + (_notes_of(branched) if branched else [])
    spent = sum(record.computrons or 0 for record in ran)
    told = tuple(notes)
    return WhatIf(
        answer, error, tuple(console), tuple(unlike), len(ran), spent, at, told, _console(live, since)
    )


def _free_name(fork: Controller) -> str:
    names = {vat.name for vat in fork.vats}
    return next(
        name for name in (VAT, *(f"{VAT}-{n}" for n in range(2, len(names) + 3))) if name not in names
    )


def _notes(controller: Controller, fork: Controller, inside: Session, printed: int) -> list[str]:
    before = {row.name: row.parked for row in controller.lens.vats()}
    notes = []
    for row in fork.lens.vats():
        more = row.parked - before.get(row.name, 0)
        if row.attached and row.name != inside.name and more > 0:
            count = "1 event waits" if more == 1 else f"{more:,} events wait"
            notes.append(
                f"{count} for {one_line(row.name, 80)}, which runs in this program and not in the fork"
            )
    if len(fork.queue) and not fork.queue.paused:
        notes.append(f"the fork stopped before its end: {len(fork.queue):,} events wait")
    if printed > _MOST_LINES:
        notes.append(f"{printed - _MOST_LINES:,} more lines were printed")
    return notes


def shown(value: Any) -> str:
    """An answer as a short text that is safe to show."""
    try:
        return one_line(repr(value), 200)
    except Exception as problem:
        return f"{visible(type(value).__name__, 80)} that cannot be shown: {one_line(said(problem), 80)}"


__all__ = ["Fork", "WhatIf", "what_if"]
