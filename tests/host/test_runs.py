"""How a run is stopped from outside, what it keeps, and what it leaves for another."""

from __future__ import annotations

import math
import threading
from operator import attrgetter
from textwrap import dedent
from typing import Any

import pytest

from swingset import Controller, KernelError, NoSuchVat, policies
from swingset.core.report import CrankReport
from swingset.core.store import KernelStore
from swingset.host.base.policies import RunPolicy
from swingset.model.messages import CleanUp, QueuedEvent, Reap
from tests.staging import Stage

PLAYER = """
    from swingset.vat import E, remotable

    @remotable
    class Player:
        def __init__(self):
            self.count = 0

        def play(self, other):
            self.count += 1
            E.send_only(other).play(self)

        def played(self):
            return self.count

        def say(self, words):
            print(words)

        def take(self, data):
            return len(data)


    def build_root_object():
        return Player()
"""

KEEPER = """
    from swingset.vat import durable, remotable

    @durable
    class Thing:
        value: int = 0

    @remotable
    class Keeper:
        def keep(self, baggage_size):
            for number in range(baggage_size):
                self.baggage[f"thing{number}"] = Thing(number)

        def __init__(self, baggage):
            self.baggage = baggage

    def build_root_object(parameters, baggage):
        return Keeper(baggage)
"""


def run_and(controller: Controller, request: Any) -> list[BaseException]:
    """Ask something of a world from another thread while it runs; what the request raised."""
    problems: list[BaseException] = []
    started = threading.Event()

    def ask() -> None:
        started.wait()
        try:
            request()
        except BaseException as problem:
            problems.append(problem)
        finally:
            over.set()

    over = threading.Event()
    limit = 200_000

    def policy(report: Any) -> bool:
        started.set()
        return report.number < limit and not (over.is_set() and problems)

    asking = threading.Thread(target=ask)
    asking.start()
    report = controller.run(policy)
    asking.join()
    assert report.cranks < limit - 1_000, "the run went on to its own end"
    return problems


def ping_pong(stage: Stage) -> Any:
    """Two vats that keep each other busy for ever."""
    one, two = stage.define("one", PLAYER), stage.define("two", PLAYER)
    stage.send(one, "play", two)
    stage.session.flush()
    return one


def test_a_run_is_paused_from_another_thread(stage: Stage) -> None:
    """A pause that is asked for during an endless run ends it at the next crank, and nothing is lost."""
    one = ping_pong(stage)
    assert run_and(stage.controller, stage.controller.queue.pause) == []
    assert stage.controller.queue.paused
    stage.controller.queue.unpause()
    stage.controller.run(policies.cranks(10))
    stage.controller.vats.suspend("two")
    assert stage.ask(one, "played") > 4


@pytest.mark.parametrize("request_of", ["vats.suspend", "terminate_vat"])
def test_a_runaway_vat_is_stopped_from_another_thread(stage: Stage, request_of: str) -> None:
    """A vat that keeps the world busy is suspended or ended while it does, and the run comes to its end."""
    one = ping_pong(stage)
    assert run_and(stage.controller, lambda: attrgetter(request_of)(stage.controller)("two")) == []
    assert stage.ask(one, "played") > 0


def test_a_request_that_cannot_be_met_is_told_to_who_made_it(local: Stage) -> None:
    """The thread that runs the world does not hear of it."""
    ping_pong(local)
    problems = run_and(local.controller, lambda: local.controller.vats.suspend("nobody"))
    assert [type(problem) for problem in problems] == [NoSuchVat]


def test_a_run_keeps_what_its_last_cranks_were_about(local: Stage) -> None:
    """It counts all of its cranks, and holds the reports of the last thousand."""
    ping_pong(local)
    heard: list[int] = []
    report = local.controller.run(policies.cranks(1_500), watch=lambda one: heard.append(one.number))
    assert (report.cranks, len(heard), len(report.reports)) == (1_500, 1_500, 1_000)
    assert [one.number for one in report.reports] == heard[500:]


def test_a_run_does_not_keep_large_messages(local: Stage) -> None:
    """Reports of messages that hold more than so much together are let go of, the oldest first."""
    local.define("one", PLAYER)
    for _ in range(12):
        local.controller.queue_to_root("one", "take", ["x" * 2_000_000], policy="none")
    report = local.controller.run()
    assert (report.cranks, len(report.reports)) == (12, 4)


# Clean-up


def test_a_request_does_not_wait_for_the_clean_up(stage: Stage) -> None:
    """A vat is made and upgraded before what a dead one left is deleted, which is left to runs."""
    big = stage.define("big", KEEPER)
    stage.ask(big, "keep", 300)
    stage.controller.terminate_vat("big")
    seen: list[Any] = []
    step = stage.controller.kernel.cranks.step

    def watched(clean_up: int | None = 0, *, more: bool = False) -> Any:
        seen.append(step(clean_up, more=more))
        return seen[-1]

    stage.controller.kernel.cranks.step = watched  # type: ignore[method-assign]
    stage.define("one", PLAYER)
    stage.upgrade("one", PLAYER + "\n    # new\n")
    assert not [report for report in seen if isinstance(report.event, CleanUp)]
    assert stage.controller.run(policies.Cleaning(rows=50)).cranks > 6


def test_a_run_that_may_not_clean_up_is_over_when_nothing_else_is_left(local: Stage) -> None:
    """`more` is about the same policy again; under another there is more to do."""
    big = local.define("big", KEEPER)
    local.ask(big, "keep", 20)
    local.controller.terminate_vat("big")
    assert local.controller.run(policies.Cleaning(rows=0)).more is False
    assert local.controller.run(policies.Cleaning(total=5)).more is True
    assert local.controller.run().more is False


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: policies.cranks(0), r"cranks\(\) wants an int from 1, got 0"),
        (lambda: policies.computrons(-5), r"computrons\(\) wants an int from 1, got -5"),
        (lambda: policies.vats_created(0), r"vats_created\(\) wants an int from 1"),
        *[
            (
                lambda name=name, limit=limit: getattr(policies, name)(limit),
                rf"{name}\(\) wants an int from 1",
            )
            for name in ("cranks", "computrons", "vats_created")
            for limit in (True, 1.0, "1", None, math.inf)
        ],
        *[
            (lambda limit=limit: policies.seconds(limit), r"seconds\(\) wants a number of seconds from 0")
            for limit in (-1, -0.1, True, None, "1", math.nan, math.inf, -math.inf, 10**400, 10**9 + 1)
        ],
        *[
            (lambda what=what, rows=rows: policies.Cleaning(**{what: rows}), f"{what} wants an int from 0")
            for what in ("rows", "total")
            for rows in (True, 1.0, "1", math.inf)
        ],
        (lambda: policies.Cleaning(rows=-1), "Cleaning: rows wants an int from 0, got -1"),
        (lambda: policies.Cleaning(total=-1), "Cleaning: total wants an int from 0, got -1"),
    ],
)
def test_budgets_of_nothing_are_refused(make: Any, words: str) -> None:
    """A policy that could not keep its word is not made."""
    with pytest.raises(KernelError, match=words):
        make()


def report_of(outcome: str, *, computrons: int | None = None, cleaned: int = 0) -> CrankReport:
    return CrankReport(Reap("v1"), outcome, "a", computrons, cleaned=cleaned, number=1)  # type: ignore[arg-type]


BUDGETS: list[tuple[str, RunPolicy, list[CrankReport], list[bool]]] = [
    ("cranks", policies.cranks(3), [report_of("delivered")] * 3, [True, True, False]),
    ("one crank", policies.cranks(1), [report_of("delivered")], [False]),
    ("computrons", policies.computrons(10), [report_of("x", computrons=n) for n in (4, 5, 1)], [1, 1, 0]),
    ("more computrons", policies.computrons(10), [report_of("x", computrons=11)], [False]),
    ("unmetered", policies.computrons(1), [report_of("x")] * 3, [True] * 3),
    (
        "vats",
        policies.vats_created(2),
        [report_of(outcome) for outcome in ("created", "delivered", "refused", "upgraded", "created")],
        [True, True, True, True, False],
    ),
    ("for ever", policies.forever(), [report_of("delivered", computrons=1 << 60)] * 3, [True] * 3),
    ("no time", policies.seconds(0), [report_of("delivered")], [False]),
    ("time enough", policies.seconds(10**9), [report_of("delivered")] * 3, [True] * 3),
    (
        "the first of several",
        policies.all_of(policies.cranks(9), policies.cranks(2)),
        [report_of("delivered")] * 2,
        [True, False],
    ),
    ("none", policies.all_of(), [report_of("delivered")], [True]),
    ("with cleaning", policies.Cleaning(policies.cranks(2)), [report_of("cleaned")] * 2, [True, False]),
]


@pytest.mark.parametrize(
    ("policy", "reports", "on"), [case[1:] for case in BUDGETS], ids=[case[0] for case in BUDGETS]
)
def test_a_budget_ends_with_the_crank_that_spends_it(
    policy: RunPolicy, reports: list[CrankReport], on: list[bool]
) -> None:
    """Not one sooner, and not one later."""
    assert [policy(report) for report in reports] == [bool(answer) for answer in on]


def test_each_of_several_policies_is_told_of_every_crank() -> None:
    """One that has had enough does not keep the others from counting."""
    counted = policies.cranks(3)
    both = policies.all_of(policies.cranks(1), counted)
    assert [both(report_of("delivered")), both(report_of("delivered"))] == [False, False]
    assert counted(report_of("delivered")) is False


ROWS: list[tuple[str, RunPolicy, list[int], list[int | None]]] = [
    # what each crank deleted, and how many rows the crank after it may delete
    ("as usual", policies.cranks(9), [5], [1_000, 1_000]),
    ("so many at once", policies.Cleaning(rows=7), [7, 7], [7, 7, 7]),
    ("so many in all", policies.Cleaning(rows=7, total=10), [7, 3], [7, 3, None]),
    ("none", policies.Cleaning(rows=0), [], [None]),
    ("none in all", policies.Cleaning(total=0), [], [None]),
    (
        "the least of several",
        policies.all_of(policies.Cleaning(rows=7), policies.Cleaning(rows=9, total=3), policies.cranks(9)),
        [2, 1],
        [3, 1, None],
    ),
    ("several without", policies.all_of(policies.cranks(9), policies.forever()), [5], [1_000, 1_000]),
]


@pytest.mark.parametrize(
    ("policy", "cleaned", "allowed"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS]
)
def test_a_budget_of_rows_is_spent_exactly(
    policy: RunPolicy, cleaned: list[int], allowed: list[int | None]
) -> None:
    """Each crank may delete what is left, and none when nothing is."""
    found = [policies.rows_allowed(policy)]
    for rows in cleaned:
        assert policy(report_of("cleaned", cleaned=rows)) is True
        found.append(policies.rows_allowed(policy))
    assert found == allowed


# Scheduling


class LastFirst:
    """The event that came last."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        events = store.queues.all()
        return events[-1] if events else None


class Never:
    """An auction in which no offer reaches the reserve."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        return None


def test_a_host_brings_its_own_scheduler(make_stage: Any) -> None:
    """The order of the run-queue is the scheduler's, in a fork too; what the host asks for comes first."""
    stage: Stage = make_stage("local", scheduler=LastFirst())
    stage.define("one", PLAYER)
    for words in ("a", "b", "c"):
        stage.controller.queue_to_root("one", "say", [words], policy="none")
    fork = stage.controller.fork()
    said: list[str] = []
    fork.outputs.listen(lambda output: said.append(output.text.strip()))
    fork.run()
    fork.close()
    stage.define("two", PLAYER)
    stage.session.settle()
    assert said == stage.log == ["c", "b", "a"]


def test_a_scheduler_that_waits_lets_the_session_rest(make_stage: Any) -> None:
    """A session does not ask again and again for what is held back, and vats are made all the same."""
    stage: Stage = make_stage("local", scheduler=Never())
    stage.define("one", PLAYER)
    stage.controller.queue_to_root("one", "say", ["never"], policy="none")
    assert stage.session.settle().more is False
    stage.upgrade("one", dedent(PLAYER) + "# new\n")
    assert stage.log == []
