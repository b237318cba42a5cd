"""How a run is stopped from outside, what it keeps, and what it leaves for another."""

from __future__ import annotations

import threading
from textwrap import dedent
from typing import Any

import pytest

from swingset import Controller, KernelError, NoSuchVat, policies
from swingset.core.store import KernelStore
from swingset.model.messages import CleanUp, QueuedEvent
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
    assert run_and(stage.controller, stage.controller.pause) == []
    assert stage.controller.paused
    stage.controller.unpause()
    stage.controller.run(policies.cranks(10))
    stage.controller.suspend_vat("two")
    assert stage.ask(one, "played") > 4


@pytest.mark.parametrize("request_of", ["suspend_vat", "terminate_vat"])
def test_a_runaway_vat_is_stopped_from_another_thread(stage: Stage, request_of: str) -> None:
    """A vat that keeps the world busy is suspended or ended while it does, and the run comes to its end."""
    one = ping_pong(stage)
    assert run_and(stage.controller, lambda: getattr(stage.controller, request_of)("two")) == []
    assert stage.ask(one, "played") > 0


def test_a_request_that_cannot_be_met_is_told_to_who_made_it(local: Stage) -> None:
    """The thread that runs the world does not hear of it."""
    ping_pong(local)
    problems = run_and(local.controller, lambda: local.controller.suspend_vat("nobody"))
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
    step = stage.controller.kernel.step

    def watched(clean_up: int | None = 0) -> Any:
        seen.append(step(clean_up))
        return seen[-1]

    stage.controller.kernel.step = watched  # type: ignore[method-assign]
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
        (lambda: policies.Cleaning(rows=-1), "Cleaning: rows wants an int from 0, got -1"),
        (lambda: policies.Cleaning(total=-1), "Cleaning: total wants an int from 0, got -1"),
    ],
)
def test_budgets_of_nothing_are_refused(make: Any, words: str) -> None:
    """A policy that could not keep its word is not made."""
    with pytest.raises(KernelError, match=words):
        make()


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
    fork.outbox.listen(lambda output: said.append(output.text.strip()))
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
