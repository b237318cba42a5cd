"""What a vat is told of promises, and that nobody can suspend a vat by what he settles his promises with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core import notification
from swingset.guest.base.errors import RemoteError
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.reports import Fault
from swingset.testing import audit
from tests.conftest import MakeStage
from tests.staging import Stage

from .mallory import Mallory, list_of
from .raw import RawWorld

Ask = Callable[[list[Any]], Any]

VICTIM = """
    from swingset.vat import remotable

    @remotable
    class Victim:
        def __init__(self):
            self.heard = []
            self.turns = 0

        async def take(self, promise):
            try:
                found = await promise
                for _ in range(self.turns):
                    pass
                self.heard.append(f"a list of {len(found)}")
            except Exception as problem:
                self.heard.append(f"{problem.code}: {problem}")

        def burn(self, turns):
            self.turns = turns

        def said(self):
            return self.heard

    def build_root_object():
        return Victim()
"""


SHELF = """
    from swingset.vat import remotable

    @remotable
    class Shelf:
        def put(self, promise):
            self.promise = promise

        def get(self):
            return self.promise

    def build_root_object():
        return Shelf()
"""


def circles(count: int, each: int) -> list[tuple[str, str, list[str]]]:
    """So many promises in a circle, each fulfilled with a list of itself and those that follow."""
    names = [f"p+{number}" for number in range(1, count + 1)]
    return [(name, list_of(each), (names * 2)[at : at + each]) for at, name in enumerate(names)]


def attack(stage: Stage, outcomes: list[tuple[str, str, list[str]]], **options: Any) -> Any:
    """Have a victim wait for the first of some promises that are settled so; answers the victim."""
    victim = stage.define("victim", VICTIM, options=options or None)
    mallory = Mallory(stage)
    mallory.send(mallory.meet("victim"), "take", outcomes[0][0])
    mallory.settle(*outcomes)
    stage.session.settle()
    return victim


def promises_of(stage: Stage, vat: str) -> list[str]:
    """The names of promises that a vat has."""
    kernel = stage.controller.kernel
    return [entry.vref for entry in kernel.store.clists.of(kernel.vat(vat).id) if entry.vref[0] == "p"]


def test_a_circle_that_is_too_large_is_told_as_a_rejection(stage: Stage) -> None:
    """A vat that waits for one of 700 promises that all mention one another lives, and hears why not."""
    victim = attack(stage, circles(700, 60))
    (heard,) = stage.ask(victim, "said")
    assert heard.startswith("too-large: the outcome of this promise is more than vat victim can be told")
    assert "more than 20,000 references" in heard
    assert stage.controller.kernel.vat("victim").state == "live"
    assert promises_of(stage, "victim") == []


def test_a_circle_of_moderate_size_is_told_at_once(stage: Stage) -> None:
    """A vat hears of 40 promises that all mention one another in one delivery, and no name is left."""
    victim = attack(stage, circles(40, 40))
    assert stage.ask(victim, "said") == ["a list of 40"]
    assert promises_of(stage, "victim") == []


def test_an_outcome_that_breaks_a_vat_is_told_as_a_rejection(make_stage: MakeStage) -> None:
    """One large value that takes more computrons than the vat may use is undone, and told of in words."""
    stage = make_stage("wasm")
    large = "#[" + ",".join(["[]"] * 50_000) + "]"
    victim = attack(stage, [("p+1", large, [])], computrons=300_000_000)
    (heard,) = stage.ask(victim, "said")
    assert "can be told in one delivery: the delivery used up its computrons (300,000,000)" in heard
    assert stage.controller.kernel.vat("victim").state == "live"
    assert promises_of(stage, "victim") == []


def test_a_vat_that_breaks_at_modest_news_is_suspended(make_stage: MakeStage) -> None:
    """Where what others settled cannot be the reason, the vat waits for better code with its event parked."""
    stage = make_stage("wasm")
    victim = stage.define("victim", VICTIM, options={"computrons": 300_000_000})
    stage.ask(victim, "burn", 100_000_000)
    mallory = Mallory(stage)
    mallory.send(mallory.meet("victim"), "take", "p+1")
    mallory.settle(("p+1", "#[]", []))
    stage.session.settle()
    record = stage.controller.kernel.vat("victim")
    assert record.state == "suspended"
    assert [type(event).__name__ for _, event in stage.controller.kernel.store.queues.parked(record.id)] == [
        "Notify"
    ]


def test_others_hear_the_outcome_as_it_is(make_stage: MakeStage) -> None:
    """Of two vats that wait for one promise, only the one it is too much for hears a rejection."""
    stage = make_stage("wasm")
    victims = [
        stage.define("small", VICTIM, options={"computrons": 300_000_000}),
        stage.define("large", VICTIM),
    ]
    mallory = Mallory(stage)
    for name in ("small", "large"):
        mallory.send(mallory.meet(name), "take", "p+1")
    mallory.settle(("p+1", "#[" + ",".join(["[]"] * 50_000) + "]", []))
    stage.session.settle()
    heard = [stage.ask(victim, "said")[0] for victim in victims]
    assert heard[0].startswith(reasons.TOO_LARGE)
    assert heard[1] == "a list of 50000"


def settle_in(world: RawWorld, vat: str, outcomes: list[tuple[str, str, list[str]]]) -> None:
    def do(ask: Ask) -> None:
        ask(["resolve", [[name, False, {"body": body, "slots": slots}] for name, body, slots in outcomes]])

    world.run_in(vat, do)


def given(world: RawWorld, names: list[str]) -> list[str]:
    """Let A send B promises that A decides, and B subscribe to them; what B calls them."""
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    heard: list[str] = []

    def subscribe(delivery: list[Any], ask: Ask) -> None:
        heard.extend(delivery[2]["methargs"]["slots"])
        for vref in heard:
            ask(["subscribe", vref])

    world.vat("B").next = subscribe
    body = f'#["take",{list_of(len(names))[1:]}]'
    send = ["send", root, {"methargs": {"body": body, "slots": names}, "result": None}]
    world.run_in("A", lambda ask: ask(send))
    world.drain()
    world.vat("B").take_log()
    return heard


def test_a_circle_is_told_once_and_its_names_are_retired() -> None:
    """Three promises in a circle come in one delivery, whichever of them were waited for."""
    world = RawWorld("A", "B")
    (name,) = given(world, ["p+1"])
    settle_in(world, "A", circles(3, 3))
    world.drain()
    (told,) = world.vat("B").take_log()
    assert told[0] == "notify"
    assert [vref for vref, _ in told[1]] == [name, "p-61", "p-62"]
    assert all(sorted(outcome["data"]["slots"]) == sorted([name, "p-61", "p-62"]) for _, outcome in told[1])
    assert [entry for entry in world.store.clists.of(world.ids["B"]) if entry.vref[0] == "p"] == []
    assert audit(world.store) == []


def test_what_was_heard_with_another_promise_is_not_told_again() -> None:
    """Two of three promises in a circle are waited for: the first brings all, the second brings nothing."""
    world = RawWorld("A", "B")
    given(world, ["p+1", "p+2"])
    settle_in(world, "A", circles(3, 3))
    reports = world.drain()
    assert [(report.outcome, report.vat) for report in reports] == [("delivered", "B"), ("dropped", "B")]
    assert len(world.vat("B").take_log()) == 1
    assert audit(world.store) == []


def test_each_promise_of_a_circle_that_is_too_large_is_told_once() -> None:
    """Ten of 201 promises are waited for: ten rejections, no more of them, and no name is left."""
    world = RawWorld("A", "B")
    names = given(world, [f"p+{number}" for number in range(1, 11)])
    settle_in(world, "A", circles(201, 100))
    reports = world.drain()
    assert [report.outcome for report in reports] == ["refused"] * 10 + ["delivered"] * 10
    told = world.vat("B").take_log()
    assert [delivery[1][0][0] for delivery in told] == names
    for _, ((_, resolution),) in told:
        assert resolution["rejected"]
        assert '"code":"too-large"' in resolution["data"]["body"]
        assert resolution["data"]["slots"] == []
    assert [entry for entry in world.store.clists.of(world.ids["B"]) if entry.vref[0] == "p"] == []
    assert audit(world.store) == []


def test_one_outcome_is_told_however_large_it_is() -> None:
    """The most that one value may hold is told as it is, when it drags nothing along."""
    world = RawWorld("A", "B")
    given(world, ["p+1"])
    slots = [f"o+{number}" for number in range(1, 10_001)]
    settle_in(world, "A", [("p+1", "#" + "x" * 9_000_000, slots)])
    world.drain()
    ((kind, ((_, resolution),)),) = world.vat("B").take_log()
    assert (kind, resolution["rejected"], len(resolution["data"]["slots"])) == ("notify", False, 10_000)


@pytest.mark.parametrize(
    ("body", "slots", "too_much"), [(9_999_990, 1, False), (9_999_990, 10_000, False), (0, 10_000, True)]
)
def test_what_is_gathered_is_twice_what_one_value_may_hold(body: int, slots: int, too_much: bool) -> None:
    """References and characters are counted apart, over all promises that would be told."""
    world = RawWorld("A", "B")
    names = [f"p+{number}" for number in range(1, slots + 1)] if too_much else ["p+1", "p+2"]
    objects = [] if too_much else [f"o+{number}" for number in range(1, slots)]
    given(world, ["p+1"])
    kref = world.kref("A", "p+1")
    assert kref is not None
    filler = "#" + "x" * body
    outcomes = [("p+1", filler, [*names[1:2], *objects][:10_000]), ("p+2", filler, objects[:10_000])]
    if too_much:
        outcomes = [(name, "#", names) for name in names[:3]]
    settle_in(world, "A", outcomes)
    found = notification.gather(world.store, kref)
    assert found.too_much == too_much
    assert found.slots <= notification.MOST_SLOTS + 10_000
    assert found.text <= 2 * 10_000_000


@pytest.mark.parametrize(("most", "gathered"), [(3, 2), (4, 3), (5, 3), (6, 4), (15, 8), (16, 8)])
def test_no_more_is_gathered_than_can_be_told(
    monkeypatch: pytest.MonkeyPatch, most: int, gathered: int
) -> None:
    """Of promises that drag others along, as many are looked at as it takes to see that it is too much."""
    monkeypatch.setattr(notification, "MOST_SLOTS", most)
    world = RawWorld("A", "B")
    names = given(world, [f"p+{number}" for number in range(1, 9)])
    settle_in(world, "A", circles(8, 2))
    kref = world.kref("B", names[0])
    assert kref is not None
    found = notification.gather(world.store, kref)
    assert len(found.outcomes) == gathered
    assert found.too_much is (most < 16)


ANY = (False, CapData("#1"))


@pytest.mark.parametrize(
    ("promises", "slots", "text", "too_much"),
    [
        (2, 20_000, 20_000_000, False),
        (2, 20_001, 0, True),
        (2, 0, 20_000_001, True),
        (1, 20_001, 20_000_001, False),
        (0, 0, 0, False),
    ],
)
def test_more_than_one_promise_may_have_as_much_as_two_values(
    promises: int, slots: int, text: int, too_much: bool
) -> None:
    """20,000 references and 20 million characters are not too much, and one alone never is."""
    found = notification.Notification({f"kp{number}": ANY for number in range(promises)}, slots, text)
    assert found.too_much is too_much


@pytest.mark.parametrize(
    ("slots", "text", "broke"), [(100, 10_000, False), (101, 0, True), (0, 10_001, True), (0, 0, False)]
)
@pytest.mark.parametrize(
    ("code", "may"),
    [
        (reasons.OUT_OF_COMPUTRONS, True),
        (reasons.OUT_OF_MEMORY, True),
        (reasons.STACK_OVERFLOW, True),
        (reasons.GUEST_CRASHED, True),
        (reasons.PROTOCOL, False),
        (reasons.ILLEGAL_SYSCALL, False),
        (reasons.CODE_MISSING, False),
        (reasons.WALL_CLOCK, False),
        (reasons.INTERRUPTED, False),
    ],
)
def test_modest_news_break_no_vat(slots: int, text: int, broke: bool, code: str, may: bool) -> None:
    """Up to 100 references and 10,000 characters are modest, and only some failures can come of size."""
    found = notification.Notification({"kp40": ANY}, slots, text)
    assert found.broke(Fault(code, "it failed")) is (broke and may)


def test_an_answer_that_is_too_much_is_a_rejection_for_the_session(stage: Stage) -> None:
    """Whoever waits in a cell for what drags too much along hears the reason, and no name is left."""
    shelf = stage.define("shelf", SHELF)
    mallory = Mallory(stage)
    mallory.send(mallory.meet("shelf"), "put", "p+1")
    stage.session.settle()
    promise = stage.send(shelf, "get")
    stage.session.settle()
    mallory.settle(*circles(700, 60))
    with pytest.raises(RemoteError, match="can be told in one delivery") as caught:
        stage.session.wait(promise)
    assert caught.value.code == reasons.TOO_LARGE
    assert promises_of(stage, "notebook") == []
