"""What a vat may say to the kernel, behind the door: forms, sizes and what may be said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.meddling import atomic

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
DATA = {"body": "#1", "slots": []}


def illegal(world: RawWorld, *syscalls: Any) -> str:
    """Have A say these things; why the last of them is illegal."""
    said = []

    def speak(ask: Ask) -> None:
        for syscall in syscalls:
            said.append(syscall)
            ask(syscall)

    report = world.run_in("A", speak)
    assert said == list(syscalls), "an earlier one was illegal"
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"
    assert world.store.vats.named("A") is None
    world.drain()
    assert audit(world.store) == []
    return report.fault.message


TWICE: list[tuple[str, list[list[Any]], str]] = [
    ("resolve", [["resolve", [["p+1", False, DATA], ["p+1", False, DATA]]]], "does not decide it"),
    ("resolve otherwise", [["resolve", [["p+1", False, DATA], ["p+1", True, DATA]]]], "does not decide it"),
    (
        "resolve apart",
        [["resolve", [["p+1", False, DATA], ["p+2", False, DATA], ["p+1", False, DATA]]]],
        "p+1 cannot be resolved",
    ),
    ("drop", [["dropImports", ["o-50", "o-50"]]], "o-50 is dropped already"),
    ("retire", [["dropImports", ["o-50"]], ["retireImports", ["o-50", "o-50"]]], "is not an import"),
    ("abandon", [["abandonExports", ["o+1", "o+1"]]], "o+1 is not an export"),
    (
        "result",
        [["send", "o-50", {"methargs": DATA, "result": "p+1"}] for _ in range(2)],
        "the kernel knows it already",
    ),
    (
        "settle a result",
        [
            ["send", "o-50", {"methargs": DATA, "result": "p+1"}],
            ["resolve", [["p+1", False, DATA]]],
        ],
        "does not decide it",
    ),
]


@pytest.mark.parametrize(("syscalls", "words"), [case[1:] for case in TWICE], ids=[case[0] for case in TWICE])
def test_what_can_be_said_once_ends_a_vat_that_says_it_twice(syscalls: list[list[Any]], words: str) -> None:
    """A name is settled, dropped, retired and given up once, also within one list."""
    world = RawWorld("A", "B")
    world.give("A", "o+1", "B")
    world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    assert words in illegal(world, *syscalls)


def test_of_a_list_that_is_illegal_nothing_is_done() -> None:
    """The promise that comes first in it is not settled either: the crank is undone."""
    world = RawWorld("A", "B")
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    methargs = {"body": '#["x",["&0"]]', "slots": ["p+1"]}
    world.vat("B").next = lambda delivery, ask: ask(["subscribe", delivery[2]["methargs"]["slots"][0]])
    world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    world.drain()
    illegal(world, ["resolve", [["p+1", False, DATA], ["p+1", False, {"body": "#2", "slots": []}]]])
    [heard] = [entry for entry in world.vat("B").take_log() if entry[0] == "notify"]
    [[_, outcome]] = heard[1]
    assert outcome["rejected"]
    assert "vat-terminated" in outcome["data"]["body"] or "illegal-syscall" in outcome["data"]["body"]


LISTS = ("resolve", "dropImports", "retireImports", "retireExports", "abandonExports", "keepPromises")
FORMS: list[Any] = [
    None,
    5,
    "send",
    {},
    [],
    [5],
    ["format"],
    ["send"],
    ["send", "o+0"],
    ["send", "o+0", {}, 1],
    ["send", "o+0", {"methargs": DATA}],
    ["send", "o+0", {"methargs": DATA, "result": 5}],
    ["send", "o+0", {"methargs": DATA, "result": "o+5"}],
    ["send", "o+0", {"methargs": DATA, "result": "p-60"}],
    ["send", "o+0", {"methargs": DATA, "result": "x"}],
    ["send", 5, {"methargs": DATA, "result": None}],
    ["send", "d+1", {"methargs": DATA, "result": None}],
    ["subscribe"],
    ["subscribe", 5],
    ["subscribe", "o+0"],
    ["subscribe", "p-60"],
    ["resolve", 5],
    ["resolve", [5]],
    ["resolve", [["p+1", False]]],
    ["resolve", [["p+1", 0, DATA]]],
    ["resolve", [["o+0", False, DATA]]],
    ["resolve", [["p+1", False, {"body": "#1"}]]],
    ["exit", 1, DATA],
    ["exit", None, DATA],
    ["exit", False],
    ["exit", False, "bye"],
    ["vatstoreGet", 5],
    ["vatstoreGet", "\ud800"],
    ["vatstoreSet", "k", 5],
    ["vatstoreSet", "k", "\ud800"],
    ["vatstoreSet", "k"],
    ["vatstoreDelete", None],
    ["vatstoreGetNextKey", None],
    ["dropImports", "o-50"],
    ["dropImports", [5]],
    ["dropImports", ["p-60"]],
    ["dropImports", ["o+0"]],
    ["retireImports", ["o-50"]],
    ["retireExports", ["o-50"]],
    ["retireExports", ["o+0"]],
    ["abandonExports", ["o+0"]],
    ["abandonExports", ["p+1"]],
    ["keepPromises", "p+1"],
    ["keepPromises", ["o+0"]],
    ["keepPromises", ["p-60"]],
    ["send", "o+0", 5],
    ["send", "o+0", ["methargs", "result"]],
    ["send", "o+0", {"methargs": DATA, "result": None, "more": 1}],
    *[[name, value] for name in LISTS for value in (None, {}, "", 5, True)],
    ["resolve", [{}]],
    ["resolve", ["p+1"]],
    ["callNow", "d-70", "m", DATA],
    ["callNow", "o-50", "m", DATA],
    ["callNow", "o-50", "m"],
]


@pytest.mark.parametrize("syscall", FORMS, ids=repr)
def test_what_has_not_the_form_is_illegal(syscall: Any) -> None:
    """Whatever engine let it through, the kernel does not fail over it and does nothing."""
    world = RawWorld("A", "B")
    world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    assert illegal(world, syscall).startswith("illegal syscall ")


LIST = "a syscall wants to be a list that begins with its name, got"
WORDS: list[tuple[Any, str]] = [
    (["sing", "o+0"], "'sing': there is no syscall 'sing'"),
    (["send", "o+0", 5, None, []], "'send': syscall 'send' wants 2 arguments, got str 'o+0', int 5, None"),
    (["send"], "'send': syscall 'send' wants 2 arguments, got none"),
    (["subscribe", 5], "'subscribe': syscall 'subscribe' wants text, got int 5"),
    (["exit", 1, DATA], "'exit': syscall 'exit' wants true or false, got int 1, dict of 2"),
    (["s" * 41], f"'{'s' * 40}': there is no syscall '{'s' * 40}'"),
    (5, f"int 5: {LIST} int 5"),
    ([5], f"int 5: {LIST} list of int 5"),
    ([], f"list of 0: {LIST} list of 0"),
]


@pytest.mark.parametrize(("syscall", "words"), WORDS, ids=[repr(case[0]) for case in WORDS])
def test_a_syscall_that_there_is_not_is_told_with_its_arguments(syscall: Any, words: str) -> None:
    """By its name, what it wants, and the first three of what came with it."""
    assert illegal(RawWorld("A", "B"), syscall) == f"illegal syscall {words}"


EDGES: list[tuple[str, int, Callable[[int], list[Any]]]] = [
    ("key", 1_000, lambda size: ["vatstoreGet", "k" * size]),
    ("key to set", 1_000, lambda size: ["vatstoreSet", "k" * size, "v"]),
    ("key to delete", 1_000, lambda size: ["vatstoreDelete", "k" * size]),
    ("key before", 1_000, lambda size: ["vatstoreGetNextKey", "k" * size]),
    ("value", 10_000_000, lambda size: ["vatstoreSet", "k", "v" * size]),
    ("body", 10_000_000, lambda size: send({"body": "b" * size, "slots": []})),
    ("slots", 10_000, lambda count: send({"body": "#1", "slots": ["o+0"] * count})),
    ("own number", 10**16 - 1, lambda number: send({"body": "#1", "slots": [f"o+{number}"]})),
]


def send(methargs: dict[str, Any]) -> list[Any]:
    return ["send", "o+0", {"methargs": methargs, "result": None}]


@pytest.mark.parametrize(("most", "say"), [case[1:] for case in EDGES], ids=[case[0] for case in EDGES])
def test_the_most_may_be_said_and_one_more_may_not(most: int, say: Callable[[int], list[Any]]) -> None:
    """Limits are what they are said to be, to the letter."""
    world = RawWorld("A")
    report = world.run_in("A", lambda ask: ask(say(most)))
    assert report.fault is None
    illegal(world, say(most + 1))


def test_what_a_vat_calls_its_export_is_noted_once() -> None:
    """At its first mention, by the slot that it is; imports and later mentions change nothing."""
    world = RawWorld("A", "B")
    amy = world.give("B", "o+1", "A")
    noted = world.store.objects.get(amy)
    assert noted is not None
    assert noted.iface == "thing"
    body = '#["x",["$1.Alleged: two","$0.Alleged: one","$2.Alleged: not mine","$3"]]'
    slots = ["o+5", "o+6", str(world.vref("A", amy)), "o+7"]
    world.run_in("A", lambda ask: ask(send({"body": body, "slots": slots})))
    world.run_in("A", lambda ask: ask(send({"body": '#["x",["$0.Alleged: another"]]', "slots": ["o+5"]})))
    ifaces = []
    for slot in slots:
        record = world.store.objects.get(str(world.kref("A", slot)))
        assert record is not None
        ifaces.append(record.iface)
    assert ifaces == ["one", "two", "thing", None]


def test_after_an_illegal_syscall_nothing_is_heard() -> None:
    """Whatever a vat says in the rest of its delivery is answered with the first reason, and not done."""
    world = RawWorld("A")
    answers: list[str] = []

    def go_on(ask: Ask) -> None:
        for syscall in (["subscribe", "o+0"], ["vatstoreSet", "k", "v"], ["subscribe", "p-9"]):
            try:
                ask(syscall)
            except RuntimeError as error:
                answers.append(str(error))

    report = world.run_in("A", go_on)
    assert len(answers) == 3
    assert len(set(answers)) == 1
    assert report.fault is not None
    assert report.fault.message == answers[0]


def test_a_name_that_was_dropped_comes_back_with_a_message_only() -> None:
    """An import that the vat dropped is reachable again when it is sent once more, under the same name."""
    world = RawWorld("A", "B")
    amy = world.give("B", "o+1", "A")
    name = world.vref("A", amy)
    world.run_in("A", lambda ask: ask(["dropImports", [name]]))
    assert world.counts(amy) == ("B", 0, 1)
    world.give("B", "o+1", "A")
    assert (world.vref("A", amy), world.counts(amy)) == (name, ("B", 1, 1))
    world.run_in("A", lambda ask: ask(["send", name, {"methargs": DATA, "result": None}]))
    world.drain()
    assert [entry[:2] for entry in world.vat("B").take_log()][-1] == ["message", "o+1"]


@pytest.mark.parametrize(
    ("state", "told"),
    [("unresolved", 0), ("forwarded", 0), ("fulfilled", 1), ("rejected", 1)],
)
def test_who_subscribes_is_told_once_it_is_settled(state: str, told: int) -> None:
    """At once where it is settled already, and of a forwarded one with the one that it follows."""
    world = RawWorld("A")
    with atomic(world.kernel):
        kref, other = world.store.new_promise(None), world.store.new_promise(None)
        name, _ = world.name_for("A", kref), world.name_for("A", other)
        if state == "forwarded":
            world.store.resolve([(kref, False, CapData('#"&0"', (other,)))])
        elif state != "unresolved":
            world.store.resolve([(kref, state == "rejected", CapData("#1"))])
    world.run_in("A", lambda ask: ask(["subscribe", name]))
    world.drain()
    assert len(world.vat("A").take_log()) == told
    with atomic(world.kernel):
        world.store.resolve([(other, False, CapData("#2"))])
    world.drain()
    assert len(world.vat("A").take_log()) == (1 if state == "forwarded" else 0)
