"""What a small delivery costs inside the engine; the short ways through it say what the long ones do."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest import supervisor
from swingset.guest.base import jsontext
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import UnpassableError
from swingset.model.limits import DEFAULT_LIMITS
from swingset.model.syscalls import Send, Syscall
from swingset.workers.base import VatSpec
from swingset.workers.wasm.engine import prepare_engine

PING = """
from swingset.vat import remotable

@remotable
class Bob:
    def ping(self, number):
        return number

def build_root_object():
    return Bob()
"""

SENDING = """
from swingset.vat import E, remotable

@remotable
class Alice:
    async def go(self, bob):
        for number in range(100):
            await E(bob).ping(number)

def build_root_object():
    return Alice()
"""


class Kernel:
    """Says yes to all syscalls, and remembers the promise for the answer to the last message."""

    def __init__(self) -> None:
        self.result = ""

    def __call__(self, syscall: Syscall) -> list[Any]:
        if isinstance(syscall.asked, Send):
            self.result = str(syscall.asked.result)
        return ["ok", None]


def message(body: str, slots: list[str], result: str) -> list[Any]:
    """A delivery of a message to the root."""
    return ["message", "o+0", {"methargs": {"body": body, "slots": slots}, "result": result}]


def settled(source: str, first: list[Any], later: str) -> int:
    """The computrons of the last of some deliveries to a vat: the first ones still settle its memory."""
    kernel, worker = Kernel(), prepare_engine().start(VatSpec("v1", "vat", 0, (("vat", source),)))
    spent = 0
    for number in range(8):
        delivery: list[Any] = ["startVat", {"body": "#null", "slots": []}]
        if number == 1 or (number > 1 and later == "message"):
            delivery = [*first[:2], {**first[2], "result": f"p-{60 + number}"}]
        elif number > 1:
            answer = {"rejected": False, "data": {"body": "#5", "slots": []}}
            delivery = ["notify", [[kernel.result, answer]]]
        result = worker.deliver(delivery, kernel, DEFAULT_LIMITS)
        assert result.fault is None
        spent = result.computrons or 0
    worker.close()
    return spent


DELIVERIES = {
    "a message and its answer": (PING, message('#["ping",[5]]', [], ""), "message", 172_000),
    "an answer, and a send": (SENDING, message('#["go",["$0.Alleged: b"]]', ["o-50"], ""), "notify", 255_000),
}


@pytest.mark.parametrize(("source", "first", "later", "most"), DELIVERIES.values(), ids=DELIVERIES)
def test_a_small_delivery_stays_small(source: str, first: list[Any], later: str, most: int) -> None:
    """The computrons of a small delivery are the same on every machine, and within a bound."""
    assert 0 < settled(source, first, later) <= most


RESOLUTION = ["p-60", False, {"body": '#"it said \\"no\\""', "slots": []}]
MESSAGE = {"methargs": {"body": '#["ping",["é\\\\"]]', "slots": []}, "result": "p+5"}

KNOCKS: list[list[Any]] = [
    ["resolve", [RESOLUTION]],
    ["resolve", [["p-60", True, {"body": '#{"#error":"no"}', "slots": []}]]],
    ["resolve", [["p-60", False, {"body": '#"$0.Alleged: x"', "slots": ["o+5"]}]]],
    ["resolve", [RESOLUTION, ["p-61", True, {"body": "#5", "slots": []}]]],
    ["subscribe", "p+5"],
    ["send", "o-50", MESSAGE],
    ["send", "o-50", {**MESSAGE, "result": None}],
    ["send", "o-50", {"methargs": {"body": '#["m",["$0"]]', "slots": ["o+5"]}, "result": "p+6"}],
    ["vatstoreSet", 'a "key"\n', 'a "value" \x00 é'],
    ["vatstoreDelete", "key"],
    ["dropImports", ["o-50"]],
]


@pytest.mark.parametrize(
    "calls", [[], *([call] for call in KNOCKS), KNOCKS], ids=lambda calls: str(len(calls))
)
def test_syscalls_are_spelled_as_json(calls: list[Any]) -> None:
    """What is put together from pieces reads as what the codec would have written."""
    said = supervisor._spelled("F", calls).decode()
    assert said[0] == "F"
    assert jsontext.read(said[1:]) == calls


ARGUMENTS: list[list[Any]] = [
    [],
    [0, -1, 2**53 - 1, -(2**53) + 1],
    [2**53, -(2**53)],
    ["", "plain", 'with "quotes" and \\', "\n\x00\x7f"],
    ["!", "$0", "&0", "+5", "-", "#NaN", "(", '"', ","],
    ["é", "\U0001f600"],
    [None, True, False],
    [1.5, float("inf")],
    [[1, "a"], {"a": 1}],
    [b"bytes", (1, 2)],
]


@pytest.mark.parametrize("method", ["ping", "!odd", "!", "$", "", "é", 'a"b'])
@pytest.mark.parametrize("args", ARGUMENTS, ids=str)
def test_a_message_is_written_as_any_value(method: str, args: list[Any]) -> None:
    """Messages of few plain arguments take a shorter way to the same body, and are read back the same."""
    written = smallcaps.encode_call(method, args, {}, lambda _: ())
    assert written == smallcaps.encode([method, args], lambda _: ())
    assert smallcaps.decode(written.body, lambda *_: None) == [method, args]


def test_a_message_that_cannot_pass_is_refused() -> None:
    """The shorter way refuses what the longer one refuses."""
    for method, args in (("ping", ["\ud800"]), ("\ud800", []), ("\ud800", [1])):
        with pytest.raises(UnpassableError):
            smallcaps.encode_call(method, args, {}, lambda _: ())
