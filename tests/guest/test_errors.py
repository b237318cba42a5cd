"""Errors on their way out of a vat, and back in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest.base import errors
from tests.guest.guest_bench import Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import E, RemoteError, remotable

class MyError(Exception):
    code = "out-of-stock"

class Unprintable(Exception):
    def __str__(self):
        raise ValueError

def helper(kind):
    raise kind

@remotable
class Root:
    def plain(self):
        raise ValueError("five is too much")

    def key(self):
        return {}["missing"]

    def own(self):
        raise MyError("no more")

    def unprintable(self):
        raise Unprintable

    def address(self):
        raise ValueError(f"bad {object()!r}")

    def exits(self):
        raise SystemExit(3)

    def last_word(self):
        raise SystemExit("bye")

    def interrupt(self):
        raise KeyboardInterrupt

    def memory(self):
        raise MemoryError

    def recurse(self):
        return self.recurse()

    def stop(self):
        raise StopIteration("x")

    async def nested(self):
        helper(RuntimeError("deep"))

    async def caught(self, value, name):
        import builtins
        try:
            await value
        except getattr(builtins, name) as exc:
            return [isinstance(exc, RemoteError), type(exc).__name__, str(exc), exc.code]

    async def passed(self, value):
        await value

    async def waits_for_nothing(self):
        import asyncio
        await asyncio.sleep(0)

    async def forgets(self):
        E(self).plain()

    def alive(self):
        return True

def build_root_object():
    return Root()
"""


HERE = ["bank", SOURCE[: SOURCE.index("await value\n\n    async def waits")].count("\n") + 1, "Root.passed"]


def line(text: str) -> int:
    """The line of the source that holds a text."""
    return next(n for n, found in enumerate(SOURCE.splitlines(), 1) if text in found)


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def test_error_carries_name_message_and_trace(bench: Bench) -> None:
    """An exception leaves with its class name, its message and the lines of the vat's own source."""
    assert bench.ask("plain") == {
        "#error": "five is too much",
        "name": "ValueError",
        "trace": [["bank", line("five is"), "Root.plain"]],
    }


def test_exit_status_is_not_a_reason(bench: Bench) -> None:
    """What a SystemExit is given is its message, not a machine-readable code."""
    error = bench.ask("last_word")
    assert error["#error"] == "bye"
    assert "code" not in error


@pytest.mark.parametrize(
    ("method", "words"), [("memory", "the vat's memory is full"), ("interrupt", "interrupted")]
)
def test_silent_error_gets_words(bench: Bench, method: str, words: str) -> None:
    """An exception that the interpreter raises without a word arrives with one."""
    assert bench.ask(method)["#error"] == words


def test_trace_is_innermost_last(bench: Bench) -> None:
    """The trace of a coroutine leads from the method to the line that raised."""
    assert bench.ask("nested")["trace"] == [
        ["bank", line("deep"), "Root.nested"],
        ["bank", line("raise kind"), "helper"],
    ]


def test_key_error_is_not_quoted(bench: Bench) -> None:
    """A KeyError's message is its key, without quotes around it."""
    assert bench.ask("key")["#error"] == "missing"


def test_own_error_carries_its_code(bench: Bench) -> None:
    """A vat's own exception keeps its name and its machine-readable code."""
    wire = bench.ask("own")
    assert (wire["name"], wire["code"]) == ("MyError", "out-of-stock")


def test_unprintable_error_is_still_an_error(bench: Bench) -> None:
    """An exception whose message raises is reported without it."""
    assert bench.ask("unprintable")["#error"] == "(Unprintable whose message cannot be read: ValueError)"


def test_addresses_are_left_out(bench: Bench) -> None:
    """A message never carries a memory address."""
    assert bench.ask("address")["#error"] == "bad <object object>"


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("exits", "SystemExit"),
        ("interrupt", "KeyboardInterrupt"),
        ("memory", "MemoryError"),
        ("recurse", "RecursionError"),
        ("stop", "StopIteration"),
        ("waits_for_nothing", "TypeError"),
    ],
)
def test_nothing_a_method_raises_stops_the_vat(bench: Bench, method: str, name: str) -> None:
    """Even exceptions that end a program become rejections, and the vat serves on."""
    assert bench.ask(method)["name"] == name
    assert bench.ask("alive") is True


@pytest.mark.parametrize(
    "name", ["ValueError", "KeyError", "ZeroDivisionError", "PermissionError", "LookupError"]
)
def test_remote_error_is_caught_by_its_builtin_name(bench: Bench, name: str) -> None:
    """`except KeyError` catches a KeyError of another vat."""
    result = bench.send("caught", "&0", name, slots=("p-70",))
    bench.notify(("p-70", True, capdata({"#error": "x is no key", "name": name, "code": "abandoned"})))
    data = bench.take()[-1][1][0]
    assert data[0] == result
    assert json.loads(data[2]["body"][1:]) == [True, name, "x is no key", "abandoned"]


@pytest.mark.parametrize(
    "name", ["StopIteration", "SystemExit", "Strange", "not a name", "UnicodeDecodeError"]
)
def test_error_passes_through_unchanged(bench: Bench, name: str) -> None:
    """An error of any name goes through a vat losing nothing, and gains the line that waited for it."""
    wire: dict[str, Any] = {"#error": "no", "name": name, "trace": [["kind A", 3, "f"]], "code": "x"}
    result = bench.send("passed", "&0", slots=("p-70",))
    bench.notify(("p-70", True, capdata(wire)))
    wire["trace"].insert(0, HERE)
    assert bench.take()[-1] == ["resolve", [[result, True, capdata(wire)]]]


def test_hostile_trace_is_left_out(bench: Bench) -> None:
    """Frames that do not look like frames are dropped from an error that came in."""
    wire: dict[str, Any] = {"#error": "no", "name": "ValueError", "trace": [["a", "b", "c"], 5]}
    bench.send("passed", "&0", slots=("p-70",))
    bench.notify(("p-70", True, capdata(wire)))
    told = json.loads(bench.take()[-1][1][0][2]["body"][1:])
    assert told == {"#error": "no", "name": "ValueError", "trace": [HERE]}


def test_forgotten_rejection_is_reported_with_its_line(bench: Bench) -> None:
    """The failure of a call that nobody waits for is told with the lines that raised and sent."""
    bench.send("forgets")
    assert bench.unhandled == [
        "unhandled rejection in bank: ValueError: five is too much "
        f"(bank, line {line('five is')}, in Root.plain); "
        f"sent as E(...).plain() in bank, line {line('E(self).plain')}"
    ]


def test_no_message_has_an_address() -> None:
    """It differs between two runs of a local vat, and tells a reader nothing."""
    assert errors.message_of(ValueError(object())) == "<object object>"
