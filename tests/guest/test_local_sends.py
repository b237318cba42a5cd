"""A message that stays in its vat: sent, answered and reported as one that leaves it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
import json
from dataclasses import dataclass
from decimal import Decimal
from swingset.vat import *

class Broke(ValueError):
    pass

@dataclass(frozen=True)
class Price:
    parts: list

register_copy("price", Price)

@durable
class Purse:
    items: list = [3, 1]
    def all(self): return self.items
    def me(self): return [self]

@remotable
class Inner:
    def __init__(self):
        self.secret = [1]
        self.price = Price([1])
        self.promise, self.resolver = make_promise()
        self.error = None
    def read(self): return self.secret
    async def read_later(self):
        await E(self).read()
        return self.secret
    def priced(self): return self.price
    def me(self): return {"me": [self, self.promise]}
    def pass_promise(self): return self.promise
    def settle(self): self.resolver.resolve(self.secret)
    def set_(self): return {1, 2}
    def half(self): return "\\ud800"
    def deep(self):
        deep = []
        for _ in range(200): deep = [deep]
        return deep
    def odd_error(self): return [ValueError("in it")]
    def fails(self, what="broke"):
        if what == "json": json.loads("{")
        if what == "decimal": Decimal("x")
        if what == "code": raise VatError("no", code="broke")
        try:
            raise Broke("no money")
        except Broke as exc:
            self.error = exc
            raise
    def take(self, exc): return exc is self.error
    def seen(self): return [self.secret, self.price.parts, getattr(self.error, "note", None)]
    def fails_plainly(self):
        promise, resolver = make_promise()
        resolver.reject({"plain": "data"})
        return promise

@remotable
class Root:
    def __init__(self): self.inner = Inner()
    def inner_(self): return self.inner
    def purse(self): return Purse()
    async def changes(self, inner):
        for method in ("read", "read_later"):
            got = await getattr(E(inner), method)()
            got.append("written by the reader")
        priced = await E(inner).priced()
        priced.parts.append("written by the reader")
        E(inner).settle()
        promised = await E(inner).pass_promise()
        promised.append("written by the reader")
        try:
            await E(inner).fails()
        except ValueError as exc:
            exc.note = "written by the catcher"
        return await E(inner).seen()
    async def sorts(self, purse):
        got = await E(purse).all()
        got.sort()
        return got
    async def same(self, inner):
        first, second = await E(inner).me(), await E(inner).me()
        return [inner is first["me"][0] is second["me"][0], first["me"][1] is second["me"][1]]
    async def outcome(self, inner, method, *args):
        try:
            return [True, await getattr(E(inner), method)(*args)]
        except BaseException as exc:
            kinds = (ValueError, ArithmeticError, TypeError)
            families = [kind.__name__ for kind in kinds if isinstance(exc, kind)]
            remote, code = isinstance(exc, RemoteError), getattr(exc, "code", None)
            return [type(exc).__name__, str(exc), families, remote, code]
    async def plain(self, inner):
        try:
            await E(inner).fails_plainly()
        except RemoteRejection as exc:
            return exc.reason
    async def identity(self, inner):
        try:
            await E(inner).fails()
        except ValueError as exc:
            return await E(inner).take(exc)
    async def outer(self, bob): return await self.middle(bob)
    async def middle(self, bob):
        return await E(bob).boom()
    def gather(self, bob):
        Promise.all([1, E(bob).boom()])
    def only(self):
        E.send_only(self.inner).fails()
    def only_later(self):
        promise, resolver = make_promise()
        E.send_only(promise).fails()
        resolver.resolve(self.inner)
    def unsendable(self, bob):
        return E.send_only(bob).boom({1}) is None
    async def forgets(self, bob): await E(bob).ok
    async def forgets_more(self, bob): await E.send_only(bob).ok
    def fails(self): raise ValueError("no")
    def watch(self, promise): watch_promise(promise, Fussy())

@durable
class Fussy:
    def on_fulfilled(self, value): raise ValueError("I do not want it")

def build_root_object():
    return Root()
"""

BOB = ("o-50",)


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def line(text: str) -> int:
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


def inner(bench: Bench) -> tuple[str, ...]:
    """The name of the object that the tests are about."""
    result = bench.send("inner_")
    told = [entry for call in bench.take() if call[0] == "resolve" for entry in call[1] if entry[0] == result]
    return tuple(told[0][2]["slots"])


def test_what_is_answered_is_a_copy(bench: Bench) -> None:
    """Who asks an object of its own vat cannot change what that keeps, neither values nor errors."""
    assert bench.ask("changes", "$0", slots=inner(bench)) == [[1], [1], None]


def test_what_state_answers_is_no_frozen_copy(bench: Bench) -> None:
    """A list from durable state arrives as any list does."""
    result = bench.send("purse")
    slots = next(entry[2]["slots"] for call in bench.take() for entry in call[1] if entry[0] == result)
    assert bench.ask("sorts", "$0", slots=tuple(slots)) == [1, 3]


def test_objects_and_promises_in_an_answer_are_the_same(bench: Bench) -> None:
    """References keep their identity."""
    assert bench.ask("same", "$0", slots=inner(bench)) == [True, True]


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("set_", "the result of Inner.set_() is a set of 2, which cannot be passed: a set has no order"),
        ("half", "the result of Inner.half() cannot be passed: a str in it holds half of a surrogate pair"),
        ("deep", "the result of Inner.deep() cannot be passed: nested deeper than 100 levels"),
    ],
)
def test_an_answer_that_cannot_pass_is_a_rejection(bench: Bench, method: str, told: str) -> None:
    """It is refused with the words that another vat would be told."""
    name, text, families, remote, _ = bench.ask("outcome", "$0", method, slots=inner(bench))
    assert (name, families, remote) == ("TypeError", ["TypeError"], True)
    assert text.startswith(told)


def test_an_error_is_a_copy_too(bench: Bench) -> None:
    """What is caught is not the object that was raised, and sent back it is another one still."""
    assert bench.ask("identity", "$0", slots=inner(bench)) is False


def test_a_rejection_with_plain_data_carries_the_data(bench: Bench) -> None:
    """It is wrapped as one from another vat is."""
    assert bench.ask("plain", "$0", slots=inner(bench)) == {"plain": "data"}


ERRORS = [
    ("broke", "Broke", ["ValueError"], None),
    ("json", "JSONDecodeError", ["ValueError"], None),
    ("decimal", "InvalidOperation", ["ArithmeticError"], None),
    ("code", "VatError", [], "broke"),
]


@pytest.mark.parametrize(("what", "name", "families", "code"), ERRORS)
def test_an_error_keeps_its_family_and_name(
    bench: Bench, what: str, name: str, families: list[str], code: str | None
) -> None:
    """A class below a builtin is caught as that builtin, in the vat where it was raised."""
    told = bench.ask("outcome", "$0", "fails", what, slots=inner(bench))
    assert [told[0], *told[2:]] == [name, families, True, code]


@pytest.mark.parametrize(("what", "name", "families", "code"), ERRORS)
def test_an_error_keeps_its_family_between_vats(
    bench: Bench, what: str, name: str, families: list[str], code: str | None
) -> None:
    """What one vat writes about an error, another reads as one of the same builtin."""
    result = bench.send("fails", what, target=inner(bench)[0])
    wire = next(entry[2] for call in bench.take() for entry in call[1] if entry[0] == result)
    other = Bench(SOURCE).up()
    outcome = other.send("outcome", "$0.Alleged: Inner", "fails", what, slots=BOB)
    other.take()
    other.notify(("p+5", True, wire))
    told: Any = next(entry for call in other.take() for entry in call[1] if entry[0] == outcome)
    assert f'["{name}",' in told[2]["body"]
    assert f"{str(families).replace(chr(39), chr(34)).replace(' ', '')},true" in told[2]["body"]


@pytest.mark.parametrize("family", ["Exception", "StopIteration", "no such", 5, None])
def test_a_family_that_is_none_is_overlooked(bench: Bench, family: Any) -> None:
    """A stranger can make an error one of the ordinary builtins and of nothing else."""
    outcome = bench.send("outcome", "$0.Alleged: Inner", "fails", slots=BOB)
    bench.take()
    bench.notify(("p+5", True, capdata({"#error": "no", "name": "Odd", "family": family})))
    told = next(entry for call in bench.take() for entry in call[1] if entry[0] == outcome)
    assert told[2]["body"] == '#["Odd","no",[],true,null]'


def test_a_trace_has_the_lines_that_waited(bench: Bench) -> None:
    """In front of where it was raised stand the lines of this vat through which an error came."""
    result = bench.send("outer", "$0.Alleged: Bob", slots=BOB)
    bench.take()
    wire = {"#error": "boom", "name": "KeyError", "trace": [["b", 5, "B.boom"]]}
    bench.notify(("p+5", True, capdata(wire)))
    wire["trace"] = [
        ["bank", line("return await self.middle"), "Root.outer"],
        ["bank", line("return await E(bob).boom()"), "Root.middle"],
        ["b", 5, "B.boom"],
    ]
    assert bench.take() == [["resolve", [[result, True, capdata(wire)]]]]


def test_a_rejection_among_many_names_its_send(bench: Bench) -> None:
    """What `Promise.all` gathers in vain is reported with the line of the send that failed."""
    bench.send("gather", "$0.Alleged: Bob", slots=BOB, result=None)
    bench.notify(("p+5", True, capdata({"#error": "boom", "name": "KeyError"})))
    where = f"sent as E(...).boom() in bank, line {line('Promise.all')}"
    assert bench.unhandled == [f"unhandled rejection in bank: KeyError: boom; {where}"]


@pytest.mark.parametrize("method", ["only", "only_later"])
def test_a_message_without_answer_names_its_send(bench: Bench, method: str) -> None:
    """When an object of this vat fails and nobody wants its answer, the line of the send is told."""
    bench.send(method, result=None)
    (told,) = bench.unhandled
    assert "Broke: no money" in told
    sent = {"only": "E.send_only(self.inner)", "only_later": "E.send_only(promise)"}[method]
    assert told.endswith(f"; sent as E(...).fails() in bank, line {line(sent)}")


def test_a_message_from_outside_without_answer_names_its_method(bench: Bench) -> None:
    """A failure that no sender hears of is told with the method that failed."""
    bench.send("fails", result=None)
    (told,) = bench.unhandled
    assert told.endswith("; Root.fails() was called by a sender that wants no answer")


def test_a_watcher_that_fails_is_named(bench: Bench) -> None:
    """What a watcher makes of an outcome is nobody's answer, so its failure is told with its name."""
    bench.send("watch", "&0", slots=("p-70",), result=None)
    bench.notify(("p-70", False, capdata(1)))
    (told,) = bench.unhandled
    assert "I do not want it" in told
    assert told.endswith("; Fussy.on_fulfilled() was to be told by watch_promise")


def test_a_message_without_answer_that_cannot_be_sent_answers_nothing(bench: Bench) -> None:
    """`E.send_only` returns None whatever becomes of the message, and the failure is reported."""
    assert bench.ask("unsendable", "$0.Alleged: Bob", slots=BOB) is True
    (told,) = bench.unhandled
    assert "TypeError: E(x).boom(...) was not sent: args[0] is a set of 1" in told
    assert told.endswith(f"; sent as E(...).boom() in bank, line {line('E.send_only(bob).boom')}")


@pytest.mark.parametrize(("method", "sender"), [("forgets", "E"), ("forgets_more", "E.send_only")])
def test_a_method_that_was_not_called_is_named(bench: Bench, method: str, sender: str) -> None:
    """To await a method of a reference says that the call is missing."""
    told = bench.ask(method, "$0.Alleged: Bob", slots=BOB)
    assert told["name"] == "TypeError"
    assert told["#error"] == f"{sender}(x).ok was not called: await E(x).ok(...)"
