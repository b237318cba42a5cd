"""What a device may answer, and settle: code of the host can be wrong, and a vat must not get to see how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.device_board import DeviceContext
from swingset.model.capdata import CapData
from swingset.model.sourced import naming
from swingset.testing import audit
from tests.core.raw import RawWorld

Ask = Callable[[list[Any]], Any]
NOTHING = {"body": "#[]", "slots": []}
ANSWER = CapData("#7")


class Says:
    """A device that does what a test says, and answers with what that returns."""

    kind = "says"

    def __init__(self) -> None:
        self.does: Callable[[DeviceContext], Any] = lambda _context: ANSWER

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        context.set("written", CapData("#true"))
        answer: CapData = self.does(context)
        return answer


def world_with(does: Callable[[DeviceContext], Any]) -> RawWorld:
    """A raw vat A that knows such a device as d-70."""
    world, device = RawWorld("A"), Says()
    device.does = does
    world.kernel.devices.install(device)
    world.kernel.introduce(world.ids["A"], world.kernel.add_device("says", "says"))
    return world


def call(world: RawWorld) -> list[Any]:
    answers: list[Any] = []
    report = world.run_in("A", lambda ask: answers.append(ask(["callNow", "d-70", "do", NOTHING])))
    assert report.fault is None
    assert audit(world.store) == []
    return list(answers[0])


WRONG: list[tuple[str, Any, str]] = [
    ("nothing", None, "it is NoneType"),
    ("text", "seven", "it is str"),
    ("wire form", {"body": "#7", "slots": []}, "it is dict"),
    ("body of bytes", CapData(b"#7"), "capdata body wants str"),  # type: ignore[arg-type]
    ("no body", CapData(None), "capdata body wants str"),  # type: ignore[arg-type]
    ("slot that is no text", CapData('#"$0"', (5,)), "capdata slots want a list of str"),  # type: ignore[arg-type]
    ("half a character", CapData('#"\ud800"'), "lone surrogate"),
    ("a body too long", CapData('#"' + "x" * 9_999_998 + '"'), "10,000,001 characters"),
    ("too many slots", CapData("#null", ("kd30",) * 10_001), "10,001 slots"),
    ("a slot of no form", CapData('#"$0"', ("x",)), "it mentions 'x'"),
    ("an empty slot", CapData('#"$0"', ("",)), "it mentions ''"),
    ("a vat's name for a thing", CapData('#"$0"', ("o+0",)), "it mentions 'o+0'"),
    ("an object that is not there", CapData('#"$0"', ("ko999",)), "it mentions 'ko999'"),
    ("a promise that is not there", CapData('#"&0"', ("kp999",)), "it mentions 'kp999'"),
    ("a device that is not there", CapData('#"$0"', ("kd999",)), "it mentions 'kd999'"),
    ("the source of a bundle", naming("b1-0"), "only a bundle device answers with the source"),
    ("one good slot and a bad one", CapData('#["$0","$1"]', ("kd30", "ko999")), "it mentions 'ko999'"),
]


@pytest.mark.parametrize(("answer", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_an_answer_that_cannot_pass_is_an_error_of_the_caller(answer: Any, words: str) -> None:
    """The vat gets a TypeError that names device and method, what the device did is undone, and all go on."""
    world = world_with(lambda _context: answer)
    failed, error = call(world)
    assert failed
    assert "device says: the answer of do() cannot pass: " in error["body"]
    assert words in error["body"]
    assert '"name":"TypeError"' in error["body"]
    assert error["slots"] == []
    assert world.store.devices.kept() == []
    assert world.vref("A", "kd30") == "d-70"
    assert world.kernel.vat("A").state == "live"


def test_the_largest_answer_passes() -> None:
    """Ten million characters, and ten thousand references."""
    body = '#"' + "x" * 9_999_997 + '"'
    world = world_with(lambda _context: CapData(body, ("kd30",) * 10_000))
    failed, answer = call(world)
    assert (failed, len(answer["body"]), answer["slots"]) == (False, 10_000_000, ["d-70"] * 10_000)


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_what_ends_the_host_comes_out_and_leaves_nothing(problem: BaseException) -> None:
    """It is not the vat's to catch: the crank has not happened, and its message still waits."""

    def leave(_context: DeviceContext) -> Any:
        raise problem

    world = world_with(leave)
    before = world.world.digest()
    world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    world.vat("A").next = lambda _delivery, ask: ask(["callNow", "d-70", "do", NOTHING])
    with pytest.raises(type(problem)):
        world.step()
    assert world.store.devices.kept() == []
    assert len(world.store.queues.all()) == 1
    assert not world.store.in_crank
    assert world.world.digest() != before  # the message
    assert [report.outcome for report in world.drain()] == ["delivered"]


SECOND: list[tuple[str, bool, CapData]] = [
    ("another value", False, CapData("#8")),
    ("a rejection", True, CapData("#8")),
    ("the same", False, ANSWER),
    ("a reference", False, CapData('#"$0"', ("kd30",))),
    ("a promise", False, CapData('#"&0"', ("kp-other",))),
]


@pytest.mark.parametrize(
    ("rejected", "outcome"), [case[1:] for case in SECOND], ids=[case[0] for case in SECOND]
)
@pytest.mark.parametrize("first_rejected", [False, True])
def test_a_second_outcome_is_ignored(rejected: bool, outcome: CapData, first_rejected: bool) -> None:
    """Who waits hears the first one, once, and nothing that the second mentions is held."""
    made: list[str] = []

    def twice(context: DeviceContext) -> CapData:
        made.extend([context.new_promise(), context.new_promise()])
        later = CapData(
            outcome.body, tuple(made[1] if slot == "kp-other" else slot for slot in outcome.slots)
        )
        context.set("other", CapData('#"&0"', (made[1],)))
        context.settle(made[0], first_rejected, ANSWER)
        context.settle(made[0], rejected, later)
        return CapData('#"&0"', (made[0],))

    world = world_with(twice)
    answers: list[Any] = []

    def ask_it(ask: Ask) -> None:
        answers.append(ask(["callNow", "d-70", "do", NOTHING]))
        ask(["subscribe", answers[0][1]["slots"][0]])

    world.run_in("A", ask_it)
    world.drain()
    [promise] = answers[0][1]["slots"]
    told = [promise, {"rejected": first_rejected, "data": {"body": "#7", "slots": []}}]
    assert world.vat("A").take_log() == [["notify", [told]]]
    assert audit(world.store) == []


def test_a_promise_that_was_forwarded_is_not_settled_again() -> None:
    """It follows another one, which alone settles it."""
    made: list[str] = []

    def forward(context: DeviceContext) -> CapData:
        made.extend([context.new_promise(), context.new_promise()])
        context.set("both", CapData('#["&0","&1"]', tuple(made)))
        context.settle(made[0], False, CapData('#"&0"', (made[1],)))
        context.settle(made[0], False, CapData("#8"))
        return ANSWER

    world = world_with(forward)
    call(world)
    first, second = (world.store.promises.get(kref) for kref in made)
    assert first is not None
    assert second is not None
    assert (first.state, first.decider) == ("forwarded", made[1])
    assert second.state == "unresolved"


def test_a_device_settles_only_what_it_made() -> None:
    """A promise that a vat decides stays as it is, and one that is gone is nothing."""
    world = world_with(lambda _context: ANSWER)
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("A"))
    methargs = {"body": '#["x",["&0"]]', "slots": ["p+5"]}
    world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    kref = world.kref("A", "p+5")
    assert kref is not None

    def meddle(context: DeviceContext) -> CapData:
        context.settle(kref, False, ANSWER)
        context.settle("kp999", False, ANSWER)
        return ANSWER

    device = Says()
    device.does = meddle
    world.kernel.devices.install(device)
    assert call(world) == [False, {"body": "#7", "slots": []}]
    promise = world.store.promises.get(kref)
    assert promise is not None
    assert promise.state == "unresolved"
