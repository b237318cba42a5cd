"""What is let through the door of a vat, byte by byte: every shape, and every limit to the letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.model.syscalls import Syscall
from swingset.workers.base import VatSpec
from swingset.workers.wasm.door import Door, ProtocolBreach

SPEC = VatSpec("v1", "tester", 3, (("one", "x = 1"), ("two", "y = 2")))
DATA = {"body": "#1", "slots": ["o+1"]}


class Kernel:
    """Who answers syscalls: everything is fine, until it is not."""

    def __init__(self, *answers: list[Any]) -> None:
        self.heard: list[list[Any]] = []
        self._answers = list(answers)

    def __call__(self, syscall: Syscall) -> list[Any]:
        self.heard.append(syscall.raw)
        return self._answers.pop(0) if self._answers else ["ok", None]


def door(*answers: list[Any], delivery: list[Any] | None = None) -> tuple[Door, Kernel]:
    kernel = Kernel(*answers)
    return Door(SPEC, delivery or ["bringOutYourDead"], kernel), kernel


def said(*syscalls: Any) -> bytes:
    return b"S" + json.dumps(list(syscalls)).encode()


GOOD: list[list[Any]] = [
    ["send", "o-50", {"methargs": DATA, "result": None}],
    ["send", "p+1", {"methargs": DATA, "result": "p+7"}],
    ["subscribe", "p-60"],
    ["resolve", []],
    ["resolve", [["p+1", True, DATA], ["p+2", False, DATA]]],
    ["exit", True, DATA],
    ["exit", False, DATA],
    ["vatstoreGet", ""],
    ["vatstoreGet", "key"],
    ["vatstoreSet", "key", "value"],
    ["vatstoreDelete", "key"],
    ["vatstoreGetNextKey", "key"],
    ["dropImports", []],
    ["dropImports", ["o-50", "o-51"]],
    ["retireImports", ["o-50"]],
    ["retireExports", ["o+1"]],
    ["abandonExports", ["o+1"]],
    ["keepPromises", ["p+1"]],
    ["callNow", "d-70", "method", DATA],
]


@pytest.mark.parametrize("syscall", GOOD, ids=lambda syscall: json.dumps(syscall)[:40])
def test_what_a_guest_may_say_reaches_the_kernel_as_it_was_said(syscall: list[Any]) -> None:
    """The answer comes back as bytes, and nothing is changed on the way."""
    at, kernel = door(["ok", ["é", 1]])
    assert at(said(syscall)) == '["ok",["é",1]]'.encode()
    assert kernel.heard == [syscall]


def spoilt() -> list[Any]:
    """Every good syscall with each of its parts replaced, one too few and one too many."""
    strange: list[Any] = [None, 5, True, "\ud800", [], {}, [["x"]], {"body": "#1"}]
    found: list[Any] = []
    for syscall in GOOD:
        found += [syscall[:-1], [*syscall, "more"], [syscall[0].upper(), *syscall[1:]]]
        for place in range(1, len(syscall)):
            found += [
                [*syscall[:place], value, *syscall[place + 1 :]]
                for value in strange
                if not (isinstance(value, type(syscall[place])) and value in ([], True))
            ]
    for bad in ({"methargs": DATA}, {"methargs": DATA, "result": 5}, {"methargs": "#1", "result": None}):
        found.append(["send", "o-50", bad])
    found.append(["send", "o-50", {"methargs": DATA, "result": None, "more": 1}])
    found.append(["send", "o-50", {"methargs": DATA, "result": "\udfff"}])
    for bad in (["p+1", False], ["p+1", False, DATA, 1], ["p+1", 0, DATA], [1, False, DATA], "p+1", {}):
        found.append(["resolve", [["p+2", True, DATA], bad]])
    for bad in (
        {"body": 1, "slots": []},
        {"body": "#1", "slots": "o+1"},
        {"body": "#1", "slots": [1]},
        {"body": "#1", "slots": {}},
        {"body": "\ud800", "slots": []},
        {"body": "#1", "slots": ["\ud800"]},
        {"body": "#1", "slots": [], "more": 1},
        {"body": "#1"},
        [],
    ):
        found += [["exit", True, bad], ["callNow", "d-70", "m", bad], ["resolve", [["p+1", True, bad]]]]
    for name in ("dropImports", "retireImports", "retireExports", "abandonExports", "keepPromises"):
        found += [[name, ["o-50", bad]] for bad in (5, None, ["o-50"], "\ud800")]
    return [*found, [], None, 5, "send", {}, ["noSuch"], [5], [None], [["send"]], True]


def test_what_has_not_the_form_of_a_syscall_is_a_breach_and_reaches_nobody() -> None:
    """Not even those before it in one knock, which were well-formed."""
    cases = spoilt()
    assert len(cases) > 200
    for bad in cases:
        for knock in ([bad], [["subscribe", "p-60"], bad]):
            at, kernel = door()
            with pytest.raises(ProtocolBreach):
                at(said(*knock))
            assert kernel.heard == [], bad
            assert at.result is None


KNOCKS = [
    b"",
    b"X",
    b"s[]",
    b" S[]",
    b"S",
    b"S[]",
    b"S{}",
    b"Snull",
    b'S"send"',
    b"S5",
    b'S[["subscribe","p-60"]',
    b'S[["subscribe","p-60"]] x',
    b"S[NaN]",
    b"S[Infinity]",
    b"S[-Infinity]",
    b'S[["exit",NaN,{"body":"","slots":[]}]]',
    b"S\xff",
    b'S[["subscribe","\xff"]]',
    b"S" + b"[" * 100_000,
    b"S" + b'{"a":' * 100_000,
    b"S[" + b"9" * 5_000 + b"]",
    b"R",
    b"R[]",
    b"R{}",
    b"Rnull",
    b'R"ok"',
    b'R{"status":"good"}',
    b'R{"status":null}',
    b'R{"status":true}',
    b'R{"status":"error"}',
    b'R{"status":"error","error":"words"}',
    b'R{"status":"error","error":null}',
    b'R{"status":"error","error":[]}',
    b'R{"status":"ok"',
    b"R\xff",
    b"R" + b"[" * 100_000,
]


@pytest.mark.parametrize("knock", KNOCKS, ids=lambda knock: repr(knock[:24]))
def test_what_is_not_of_the_protocol_is_a_breach(knock: bytes) -> None:
    """Whatever the bytes are, it is the one exception that ends the delivery, and there is no result."""
    at, kernel = door()
    with pytest.raises(ProtocolBreach):
        at(knock)
    assert (kernel.heard, at.result) == ([], None)


@pytest.mark.parametrize(
    "result", [{"status": "ok"}, {"status": "ok", "more": 1}, {"status": "error", "error": {}}]
)
def test_a_delivery_has_one_result_and_then_the_door_is_shut(result: dict[str, Any]) -> None:
    """Nothing comes through after it, not even the same once more."""
    at, kernel = door()
    assert at(b"R" + json.dumps(result).encode()) == b""
    assert at.result == result
    for knock in (b"D", said(["subscribe", "p-60"]), b'R{"status":"ok"}', b""):
        with pytest.raises(ProtocolBreach, match="after the delivery had ended"):
            at(knock)
    assert (at.result, kernel.heard) == (result, [])


def test_a_delivery_is_handed_over_once() -> None:
    """Asked for again, also after syscalls, it is a breach."""
    at, _ = door(delivery=["notify", []])
    assert json.loads(at(b"D")) == {"delivery": ["notify", []], "vat": None}
    at(said(["subscribe", "p-60"]))
    with pytest.raises(ProtocolBreach, match="asked for twice"):
        at(b"D")


LINES: list[tuple[list[Any], bytes]] = [
    (["message", "o+0", {"methargs": DATA, "result": "p-60"}], b"Mo+0\np-60\no+1\n#1"),
    (["message", "p+5", {"methargs": {"body": "#1", "slots": []}, "result": None}], b"Mp+5\n\n\n#1"),
    (
        ["message", "o+0", {"methargs": {"body": "#[\n\n1]", "slots": ["o-50", "p-61"]}, "result": None}],
        b"Mo+0\n\no-50 p-61\n#[\n\n1]",
    ),
    (["notify", [["p-60", {"data": DATA, "rejected": True}]]], b"Np-60\nrejected\no+1\n#1"),
    (["notify", [["p-60", {"data": DATA, "rejected": False}]]], b"Np-60\n\no+1\n#1"),
    (["bringOutYourDead"], b'J{"delivery":["bringOutYourDead"],"vat":null}'),
    (["notify", []], b'J{"delivery":["notify",[]],"vat":null}'),
]


@pytest.mark.parametrize(("delivery", "lines"), LINES, ids=[str(n) for n in range(len(LINES))])
def test_what_is_common_comes_as_lines(delivery: list[Any], lines: bytes) -> None:
    """Asked for with G, a message or one outcome comes as lines, body last, and all else as JSON."""
    at, _ = door(delivery=delivery)
    assert at(b"G") == lines
    for again in (b"G", b"D"):
        with pytest.raises(ProtocolBreach, match="asked for twice"):
            at(again)


def test_the_last_syscalls_may_end_the_delivery() -> None:
    """F serves what it brings, ends the delivery well, and the door is shut; a refusal leaves no result."""
    at, kernel = door()
    assert at(b"F" + said(["subscribe", "p-60"])[1:]) == b""
    assert (at.result, kernel.heard) == ({"status": "ok"}, [["subscribe", "p-60"]])
    with pytest.raises(ProtocolBreach, match="after the delivery had ended"):
        at(b"F[]")
    at, kernel = door()
    at(b"F[]")
    assert (at.result, kernel.heard) == ({"status": "ok"}, [])
    at, _ = door(["error", "it is not yours"])
    with pytest.raises(ProtocolBreach, match="it is not yours"):
        at(b"F" + said(["subscribe", "p-60"])[1:])
    assert at.result is None


def test_a_vat_learns_who_it_is_when_it_starts() -> None:
    """Its name, incarnation and code, in order; keys are sorted, for a replay gives the same bytes."""
    at, _ = door(delivery=["startVat", DATA])
    assert at(b"D") == (
        b'{"delivery":["startVat",{"body":"#1","slots":["o+1"]}],'
        b'"vat":{"incarnation":3,"name":"tester","parts":[["one","x = 1"],["two","y = 2"]]}}'
    )


def test_syscalls_of_one_knock_stop_at_the_first_error() -> None:
    """The last answer is the guest's; after a refusal nothing more is applied."""
    at, kernel = door(["ok", 1], ["ok", 2])
    assert at(said(["vatstoreGet", "a"], ["vatstoreGet", "b"])) == b'["ok",2]'
    at, kernel = door(["ok", 1], ["error", "it is not yours"], ["ok", 3])
    with pytest.raises(ProtocolBreach, match="it is not yours"):
        at(said(["vatstoreGet", "a"], ["subscribe", "p-60"], ["vatstoreGet", "c"]))
    assert kernel.heard == [["vatstoreGet", "a"], ["subscribe", "p-60"]]


LARGEST: list[tuple[str, int, Any]] = [
    ("bytes", 64 << 20, lambda size: b'S[["subscribe","p-60"]]' + b" " * (size - 23)),
    ("syscalls", 100_000, lambda count: b"S[" + b",".join([b'["subscribe","p-6"]'] * count) + b"]"),
    ("key", 10_000_000, lambda size: said(["vatstoreGet", "k" * size])),
    ("value", 10_000_000, lambda size: said(["vatstoreSet", "k", "v" * size])),
    ("reference", 10_000_000, lambda size: said(["dropImports", ["o" * size]])),
    ("body", 10_000_000, lambda size: said(["exit", True, {"body": "b" * size, "slots": []}])),
    ("slots", 10_000, lambda count: said(["exit", True, {"body": "", "slots": ["o+1"] * count}])),
]


@pytest.mark.parametrize(("most", "knock"), [case[1:] for case in LARGEST], ids=[case[0] for case in LARGEST])
def test_the_most_passes_and_one_more_does_not(most: int, knock: Any) -> None:
    """Each limit is the documented number, exactly."""
    at, kernel = door()
    at(knock(most))
    assert kernel.heard
    at, kernel = door()
    with pytest.raises(ProtocolBreach):
        at(knock(most + 1))
    assert kernel.heard == []
