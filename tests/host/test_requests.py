"""A host without a notebook: messages from outside, their outcomes, and looking into the world."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

import swingset
from swingset import Controller, KernelError, KernelPanic, Ref, policies
from swingset.host.base.requests import write
from swingset.testing import audit

BANK = dedent("""
    from swingset.vat import E, durable, remotable

    @durable
    class Purse:
        balance: int = 0

        def get(self):
            return self.balance

    @remotable
    class Bank:
        def echo(self, *args, **kwargs):
            return [list(args), kwargs]

        def purse(self, balance):
            return Purse(balance)

        def read(self, purse):
            return purse.get()

        def fail(self, words):
            raise ValueError(words)

        def loop(self, other):
            E(other).loop(self)

        def say(self, words):
            print(words)

    def build_root_object():
        return Bank()
""")


@pytest.fixture
def world() -> Iterator[Controller]:
    """A world in memory with one vat."""
    with swingset.open_world(worker="local") as controller:
        controller.create_vat("bank", (("bank", BANK),))
        yield controller
        assert audit(controller.kernel.store) == []


def ask(world: Controller, method: str, *args: Any, **kwargs: Any) -> Any:
    result = world.queue_to_root("bank", method, args, kwargs)
    assert result is not None
    world.run()
    return world.resolution(result)


@pytest.mark.parametrize("value", [None, True, 7, -(2**80), 1.5, "!#$text", [1, [2]], {"a": {"!b": 1}}])
def test_plain_data_comes_back_as_it_went(world: Controller, value: Any) -> None:
    """Arguments and results are the same Python values."""
    assert ask(world, "echo", value, key=value) == [[value], {"key": value}]


@pytest.mark.parametrize("value", [{1, 2}, range(3), {(): 2}, object(), Exception, [{"a": {3}}]])
def test_what_cannot_pass_is_refused_with_its_place(world: Controller, value: Any) -> None:
    """Nothing is queued, and the message says where in the arguments the trouble is."""
    with pytest.raises(TypeError, match=r"the argument\[1\]\[0\]"):
        world.queue_to_root("bank", "echo", [value])
    assert world.stats()["queue"] == 0


def test_a_reference_in_a_result_can_be_sent_to_while_the_result_is_held(world: Controller) -> None:
    """A `Ref` is a target and an argument; once the result is released its object is nobody's."""
    result = world.queue_to_root("bank", "purse", [12])
    world.run()
    purse = world.resolution(result)
    assert isinstance(purse, Ref)
    assert purse.iface == "Purse"
    got, read = world.queue_to_object(purse.kref, "get"), world.queue_to_root("bank", "read", [purse])
    through = world.queue_to_object(result, "get")
    world.run()
    assert [world.resolution(kref) for kref in (got, read, through)] == [12, 12, 12]
    world.release(result)
    world.run()
    with pytest.raises(KernelError, match=f"nobody holds {purse.kref}"):
        world.queue_to_object(purse.kref, "get")
    with pytest.raises(KernelError, match="it was released"):
        world.status(result)


def test_a_failure_is_an_outcome_and_not_an_exception(world: Controller) -> None:
    """With the policy `ignore` the promise says rejected, and holds the error."""
    problem = ask(world, "fail", "no money")
    assert isinstance(problem, Exception)
    assert "no money" in str(problem)


def test_a_failure_under_the_policy_panic_stops_the_kernel(world: Controller) -> None:
    """The run raises, and so does each run after it; the outcome can still be read."""
    result = world.queue_to_root("bank", "fail", ["gratuitous error"], policy="panic")
    assert result is not None
    with pytest.raises(KernelPanic, match=f"kernel panic {result}.policy panic: rejected .*gratuitous error"):
        world.run()
    with pytest.raises(KernelPanic):
        world.run()
    assert world.status(result) == "rejected"
    assert "gratuitous error" in str(world.resolution(result))


def test_outcomes_are_logged_once_and_only_as_asked(world: Controller) -> None:
    """`log_failure` speaks of failures, `log_always` of all outcomes, both after the commit."""
    notices: list[str] = []
    world.outputs.listen(lambda out: notices.append(out.text))
    fine = world.queue_to_root("bank", "echo", [1], policy="log_failure")
    bad = world.queue_to_root("bank", "fail", ["x"], policy="log_failure")
    told = world.queue_to_root("bank", "echo", [2], policy="log_always")
    world.run()
    world.run()
    assert notices[0].startswith(f"{bad} was rejected: ValueError: ")
    assert notices[1].startswith(f"{told} was fulfilled: ")
    assert "#" not in "".join(notices), "in words, not as a body"
    assert len(notices) == 2
    assert world.status(str(fine)) == "fulfilled"


def test_without_a_result_there_is_no_promise(world: Controller) -> None:
    """The policy `none` sends a message whose outcome nobody hears."""
    before = world.stats()["promises"]
    assert world.queue_to_root("bank", "echo", policy="none") is None
    world.run()
    assert world.stats()["promises"] == before


def test_an_unknown_policy_or_vat_is_refused_by_name(world: Controller) -> None:
    """The words list what there is."""
    with pytest.raises(KernelError, match="no result policy 'loud'; there are: ignore"):
        world.queue_to_root("bank", "echo", policy="loud")
    with pytest.raises(KernelError, match="there is no vat 'bnak'; there are: bank"):
        world.queue_to_root("bnak", "echo")


def test_a_dump_is_json_and_complete(world: Controller) -> None:
    """Vats, objects, promises, c-lists and queues are all there, and survive JSON."""
    result = world.queue_to_root("bank", "purse", [1])
    world.queue_to_root("bank", "echo")
    dump = json.loads(json.dumps(world.dump()))
    assert [event["type"] for event in dump["run_queue"]] == ["send", "send"]
    assert dump["promises"][0]["kref"] == result
    (vat,) = dump["vats"]
    assert vat["name"] == "bank"
    root = world.vats.pin_root("bank")
    assert [root, "o+0", "R"] in dump["clists"][vat["id"]]
    assert root in dump["pins"]


def test_statistics_count_what_there_is_and_what_there_was(world: Controller) -> None:
    """Rows now, and totals over the world's life."""
    ask(world, "purse", 1)
    stats = world.stats()
    assert (stats["vats_live"], stats["objects"], stats["promises"]) == (1, 2, 1)
    assert stats["promises_created"] == 2  # the vat's own creation had one too
    assert stats["cranks"] == stats["deliveries"] == 2


def test_equal_histories_have_equal_activity_and_others_do_not() -> None:
    """The activity digest tells two runs apart at the first crank that differs."""

    def play(words: str) -> list[str]:
        with swingset.open_world(worker="local") as world:
            world.create_vat("bank", (("bank", BANK),))
            digests = [world.history.activity_digest()]
            for text in ("a", words, "b"):
                ask(world, "say", text)
                digests.append(world.history.activity_digest())
            return digests

    one, same, other = play("x"), play("x"), play("y")
    assert one == same
    assert one[:2] == other[:2]
    assert not set(one[2:]) & set(other[2:])


def test_going_back_in_time_takes_the_activity_back(world: Controller) -> None:
    """The digest belongs to the state: a checkpoint brings it back, and the same steps lead to the same."""
    world.checkpoint("start")
    before = world.history.activity_digest()
    ask(world, "say", "x")
    after = world.history.activity_digest()
    world.history.go_back("start")
    assert world.history.activity_digest() == before
    ask(world, "say", "x")
    assert world.history.activity_digest() == after


def test_reaping_all_vats_gives_each_one_more_crank(world: Controller) -> None:
    """Each vat brings out its dead once in the next run."""
    world.create_vat("other", (("other", BANK),))
    assert list(world.gc.reap_all()) == ["bank", "other"]
    assert [type(report.event).__name__ for report in world.run().reports] == ["Reap", "Reap"]
    assert world.run().cranks == 0


def test_snapshots_are_saved_of_vats_that_did_something(world: Controller) -> None:
    """A local vat has no heap image to give; a confined one gives one, once."""
    assert world.vats.snapshot_all() == []
    with swingset.open_world() as confined:
        confined.create_vat("bank", (("bank", BANK),))
        assert confined.vats.snapshot_all() == ["bank"]
        assert confined.vats.snapshot_all() == []
        result = confined.queue_to_root("bank", "echo", [1])
        confined.run()
        assert confined.resolution(str(result)) == [[1], {}]
        assert confined.vats.snapshot_all() == ["bank"]


def endless(world: Controller) -> None:
    world.create_vat("other", (("other", BANK),))
    other = Ref(world.kernel.root_of("other"), "other")
    world.queue_to_root("bank", "loop", [other])


@pytest.mark.parametrize("limit", [15, 2, 16])
def test_a_run_stops_at_its_limit_of_cranks(world: Controller, limit: int) -> None:
    """An endless exchange runs for exactly so many cranks, and there is more."""
    endless(world)
    report = world.run(policies.cranks(limit))
    assert (report.cranks, report.more) == (limit, True)


def test_a_run_stops_when_a_vat_was_created(world: Controller) -> None:
    """The policy counts creations, whoever asked for them."""
    endless(world)
    world.kernel.queue_creation("late", "local", (("late", BANK),), write(None), {})
    report = world.run(policies.vats_created(1))
    assert report.reports[-1].outcome == "created"
    assert report.more


def test_a_policy_limits_how_much_is_cleaned_up(world: Controller) -> None:
    """Rows of a terminated vat are deleted a few in a crank, and in all no more than the run may."""
    for number in range(20):
        ask(world, "purse", number)
    world.terminate_vat("bank", "enough")
    rows = world.stats()["clists"]
    none = world.run(policies.Cleaning(rows=0))
    assert none.cranks == 0
    assert not none.more
    some = world.run(policies.all_of(policies.forever(), policies.Cleaning(rows=3, total=7)))
    assert [report.cleaned for report in some.reports] == [3, 3, 1]
    assert world.stats()["clists"] == rows - 7
    world.run()
    assert world.stats()["clists"] == 0


def test_a_suspended_vat_finds_its_events_in_their_order(world: Controller) -> None:
    """What came meanwhile is delivered first and in order when the vat is resumed."""
    heard: list[str] = []
    world.outputs.listen(lambda out: heard.append(out.text.strip()))
    world.vats.suspend("bank", "to look at it")
    for words in ("one", "two"):
        world.queue_to_root("bank", "say", [words])
    world.run()
    world.queue_to_root("bank", "say", ["three"])
    world.run()
    assert heard == []
    assert world.stats()["parked"] == 3
    assert world.kernel.vat("bank").reason == "to look at it"
    world.queue_to_root("bank", "say", ["four"])
    world.vats.resume("bank")
    world.run()
    assert heard == ["one", "two", "three", "four"]
    assert world.stats()["parked"] == 0


def test_a_paused_world_runs_nothing_but_steps(world: Controller) -> None:
    """Pausing keeps the queue as it is; a step still takes one event."""
    for words in ("one", "two"):
        world.queue_to_root("bank", "say", [words])
    world.queue.pause()
    assert world.run().cranks == 0
    assert world.step() is not None
    assert world.stats()["queue"] == 1
    world.queue.unpause()
    assert world.run().cranks == 1


def test_the_package_offers_its_names_when_they_are_asked_for() -> None:
    """Every public name can be had from `swingset`, and an unknown one is an AttributeError."""
    for name in swingset.__all__:
        assert getattr(swingset, name) is not None
    assert set(swingset.__all__) <= set(dir(swingset))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = swingset.nothing  # type: ignore[attr-defined]


def test_a_vat_whose_root_is_gone_is_told_of() -> None:
    """No message can be sent to it by its name, and the error says why."""
    with swingset.open_world(worker="local") as world:
        world.gc.unpin(world.create_vat("bank", (("main", BANK),)))
        world.run()
        with pytest.raises(swingset.NoSuchVat, match="the root object of vat bank is gone"):
            world.queue_to_root("bank", "echo")
