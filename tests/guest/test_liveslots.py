"""Deliveries from the kernel's side: starting, serving, refusing, ending."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest.base.context import DeliveryAbandonedError
from swingset.guest.liveslots import SyscallError
from tests.guest.guest_bench import ROOT, Bench, capdata, host_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import Baggage, E, Powers, Presence, provide, durable, remotable, make_promise

@durable
class Ledger:
    total: int = 0

@remotable
class Thing: pass

@remotable
class Root:
    def __init__(self, powers, parameters, baggage):
        self.powers, self.parameters, self.baggage = powers, parameters, baggage
        self.ledger = provide(baggage, "ledger", Ledger)

    def told(self): return [self.parameters, self.powers.vat_name, self.powers.incarnation]
    def put(self, key, value): self.baggage[key] = value
    def get(self, key): return self.baggage[key]
    def drop(self, key): del self.baggage[key]
    def keys(self): return [list(self.baggage), len(self.baggage), "a" in self.baggage]
    def put_thing(self): self.baggage["t"] = Thing()
    def same_ledger(self): return self.baggage["ledger"] is self.ledger
    def leave(self, failed: bool): self.powers.exit({"why": "done"}, failed=failed)
    def thing(self): return Thing()
    def keep(self, x): self.x = x
    def use(self, how: str): return eval(how, {"x": self.x, "E": E, "self": self})
    async def send(self, x, *args, **kwargs):
        try:
            return await E(x).take(*args, **kwargs)
        except TypeError as exc:
            return str(exc)
    async def send_odd(self, how):
        odd = {"set": [{"x": {1}}], "lambda": [lambda: 1], "class": [Thing], "self": [], "object": [object()],
               "proxy": [E(self)], "range": [range(3)], "big": ["x" * 10_000_001], "half": ["\\ud800"],
               "key": [{"a": {1}, 2**20000: 1}], "long key": [{2**20000: 1}]}[how]
        if how == "self":
            odd.append(odd)
        try:
            return await E(self.x).take(*odd)
        except TypeError as exc:
            return str(exc)
    def many(self): return [make_promise()[0] for _ in range(10_001)]
    def a_set(self): return {"a": {1}}
    def greet(self): return "hi"

def build_root_object(powers, parameters, baggage):
    return Root(powers, parameters, baggage)
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up({"version": "v1"})


def test_builder_gets_what_it_names(bench: Bench) -> None:
    """`build_root_object` is handed powers, parameters and baggage, as far as it names them."""
    assert bench.ask("told") == [{"version": "v1"}, "bank", 0]


ROOT_LINE = "from swingset.vat import *\n@remotable\nclass R:\n    def hi(self): return 'hi'\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1", "vat bank defines no build_root_object: add `def build_root_object"),
        (
            "def build_root_object(): return 5",
            "build_root_object of vat bank must return an instance of a @remo",
        ),
        (
            ROOT_LINE + "@durable\nclass D: pass\ndef build_root_object(): return D()",
            "build_root_object of vat bank must return an instance of a @remotable class, not durable",
        ),
        (
            "def build_root_object(vats): pass",
            "build_root_object of vat bank asks for vats; it can have powers, p",
        ),
        (
            ROOT_LINE + "async def build_root_object():\n    await make_promise()[0]",
            "build_root_object of vat bank waits for something outside",
        ),
        ("def build_root_object(): raise ValueError('kaboom')", "kaboom"),
        ("build_root_object = 5", "build_root_object of vat bank must be a function"),
        ("def f(:", "invalid syntax"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    ],
)
def test_vat_that_cannot_start_says_why(source: str, told: str) -> None:
    """A start that fails reports the reason, with the line where there is one."""
    bench = Bench(source)
    result = bench.start()
    assert result["status"] == "error"
    assert result["error"]["message"].startswith(told)


def test_start_error_has_a_trace() -> None:
    """An exception in the vat's own code comes with part, line and function, a syntax error with its line."""
    error = Bench("\ndef build_root_object(): raise ValueError('kaboom')").start()["error"]
    assert error == {
        "name": "ValueError",
        "message": "kaboom",
        "trace": [["bank", 2, "build_root_object"]],
    }
    assert Bench("\n\ndef f(:").start()["error"]["trace"] == [["bank", 3, "<module>"]]


def test_async_builder_may_use_the_turn_queue() -> None:
    """An async builder is fine if it settles within the delivery."""
    source = ROOT_LINE + "async def build_root_object(*, baggage, more=5):\n    return await E.when(R())"
    assert Bench(source).up().ask("hi") == "hi"


def test_parts_share_one_namespace() -> None:
    """The parts of a vat run in order in one namespace, each under its own file name."""
    parts = [
        [
            "kind R",
            "from swingset.vat import remotable\n@remotable\nclass R:\n    def hi(self):\n        1 / 0",
        ],
        ["bank", "assert __name__ == 'bank'\ndef build_root_object(): return R()"],
    ]
    bench = Bench(parts=parts).up()
    assert bench.ask("hi")["trace"] == [["kind R", 5, "R.hi"]]


def test_baggage_outlives_the_incarnation(bench: Bench) -> None:
    """What is put into baggage is there for the next incarnation, in the order of the keys."""
    bench.ask("put", "b", {"x": [1]})
    bench.ask("put", "a", "$0.Alleged: Amy", slots=("o-50",))
    bench.ask("put", "", 0)
    after = bench.upgrade(SOURCE).up()
    assert after.ask("keys") == [["", "a", "b", "ledger"], 4, True]
    assert after.ask("get", "b") == {"x": [1]}
    after.send("get", "a")
    assert after.take()[-1][1][0][2] == capdata("$0.Alleged: Amy", "o-50")
    assert after.ask("same_ledger") is True
    after.ask("drop", "b")
    assert after.ask("get", "b")["#error"] == "key 'b' not found in baggage"
    assert after.ask("drop", "b")["name"] == "KeyError"
    assert after.ask("put", 5, 1)["#error"] == "a key of baggage is a str, got int 5"


def test_baggage_is_for_durable_values(bench: Bench) -> None:
    """A heap object cannot be put into baggage."""
    assert bench.ask("put_thing")["#error"].startswith(
        "value for 'baggage[\"t\"]' is not durable: slot 0 of it"
    )


def test_ephemeral_object_keeps_its_name_until_retired(bench: Bench) -> None:
    """A heap object is exported under one name; once the kernel retires it, under a new one."""
    bench.send("thing")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+10"]
    bench.send("keep", "$0", slots=("o+10",))
    bench.vat.deliver(["dropExports", ["o+10"]])
    bench.take()
    bench.send("use", "x")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+10"]
    bench.vat.deliver(["retireExports", ["o+10"]])
    bench.send("use", "x")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+11"]


@pytest.mark.parametrize(
    "delivery",
    [["bringOutYourDead"], ["changeVatOptions", {}], ["dropExports", []], ["retireImports", ["o-50"]]],
)
def test_quiet_deliveries(bench: Bench, delivery: list[Any]) -> None:
    """Deliveries that ask for nothing are answered with nothing."""
    assert bench.vat.deliver(delivery) == {"status": "ok"}
    assert bench.take() == []


def test_unknown_delivery_is_an_error(bench: Bench) -> None:
    """A delivery of a kind that this library does not know is refused."""
    assert (
        bench.vat.deliver(["sing"])["error"]["message"] == "vat bank cannot serve a delivery of kind 'sing'"
    )


@pytest.mark.parametrize(
    ("methargs", "told"),
    [
        ({"body": "nonsense", "slots": []}, "a body starts with '#'"),
        ({"body": "#{", "slots": []}, "not JSON"),
        (capdata("x"), "it is not [method, args, kwargs]"),
        (capdata(["x"]), "it is not [method, args, kwargs]"),
        (capdata(["x", {}]), "it is not [method, args, kwargs]"),
        (capdata([5, []]), "it is not [method, args, kwargs]"),
        (capdata(["x", [], {"#tag": "map", "payload": [[1, 2]]}]), "it is not [method, args, kwargs]"),
        (capdata(["x", ["$0"]]), "slot 0 of 0"),
        (capdata(["x", ["$1"]], "o-50"), "slot 1 of 1"),
        (capdata(["x", ["$0"]], "p-60"), "slot 0 is 'p-60', which '$' does not fit"),
        (capdata(["x", ["&0"]], "o-50"), "slot 0 is 'o-50', which '&' does not fit"),
        (capdata(["x", ["$0"]], "o+99"), "there is no object o+99 in vat bank"),
        (capdata(["x", ["$0"]], "o+d77/1"), "o+d77/1 in vat bank is of an unknown kind"),
    ],
)
def test_malformed_message_rejects_its_result(bench: Bench, methargs: Any, told: str) -> None:
    """A message that cannot be read is answered with an error and harms nothing."""
    result = bench.vat.deliver(["message", ROOT, {"methargs": methargs, "result": "p-60"}])
    assert result == {"status": "ok"}
    (resolve,) = bench.take()
    wire = json.loads(resolve[1][0][2]["body"][1:])
    assert wire["name"] == "TypeError"
    assert wire["#error"].startswith(f"the message cannot be read: {told}")
    assert bench.ask("greet") == "hi"


def test_message_to_an_unknown_object(bench: Bench) -> None:
    """A message for an object or a promise that is not there rejects."""
    assert bench.ask("hi", target="p-77")["#error"].endswith("there is no promise p-77 here")
    assert bench.ask("hi", target="o+77")["#error"].endswith("there is no object o+77 in vat bank")


def test_presence_is_opaque(bench: Bench) -> None:
    """A presence shows its name and says how to call it; calling it directly is an error."""
    bench.send("keep", "$0.Alleged: Purse", slots=("o-50",))
    assert bench.ask("use", "repr(x)") == "<Presence o-50 Alleged: Purse>"
    assert bench.ask("use", "x.deposit(5)")["#error"] == (
        "<Presence o-50 Alleged: Purse> lives in another vat, so .deposit cannot be reached directly: "
        "use `await E(x).deposit(...)`"
    )
    assert bench.ask("use", "setattr(x, 'a', 1)")["name"] == "AttributeError"
    assert bench.ask("use", "E(x)._secret()")["name"] == "AttributeError"


@pytest.mark.parametrize("iface", ["", ".", ".evil\nname", "." + "x" * 999, ".Alleged: a\x1b[2J"])
def test_strange_names_of_objects_are_not_shown(bench: Bench, iface: str) -> None:
    """An alleged name that is not fit to be shown is replaced."""
    bench.send("keep", "$0" + iface, slots=("o-50",))
    assert bench.ask("use", "repr(x)") == "<Presence o-50 Alleged: Remotable>"


def test_send_to_data_rejects(bench: Bench) -> None:
    """A message to something that is no object rejects and names both."""
    assert bench.ask("send", 5) == 'cannot send method "take" to int 5'
    assert bench.ask("send", ["x"]) == 'cannot send method "take" to list of 1'


def test_keyword_arguments_travel(bench: Bench) -> None:
    """Keyword arguments are the third element of a call, and only there when given."""
    bench.send("send", "$0.Alleged: X", 1, slots=("o-50",), kwargs={"a": 2})
    send = next(call for call in bench.take() if call[0] == "send")
    assert send[2]["methargs"] == capdata(["take", [1], {"a": 2}])


def test_send_only_wants_no_answer(bench: Bench) -> None:
    """A send without an answer allocates no promise."""
    bench.send("keep", "$0.Alleged: X", slots=("o-50",))
    bench.take()
    bench.send("use", "E.send_only(x).hi(1)", result=None)
    assert bench.take() == [["send", "o-50", {"methargs": capdata(["hi", [1]]), "result": None}]]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            "set",
            'args[0]["x"] is a set of 1, which cannot be passed: a set has no order, pass sorted(...) of it',
        ),
        (
            "lambda",
            "args[0] is a function, which cannot be passed: pass a @remotable object that has this functi",
        ),
        ("class", "args[0] is the class Thing, which cannot be passed: pass an instance of the class"),
        (
            "self",
            "the message cannot be passed: nested deeper than 100 levels, or contains itself: pass a flatter",
        ),
        (
            "object",
            "args[0] is an object, which cannot be passed: pass str, numbers, lists and dicts, or an obj",
        ),
        (
            "proxy",
            "args[0] is an EProxy object, which cannot be passed: pass the object itself, not E(...) of it",
        ),
        ("key", 'args[0]["a"] is a set of 1, which cannot be passed: a set has no order'),
        (
            "long key",
            "args[0] (its key int (very large)) is an int (very large), which cannot be passed",
        ),
        ("range", "args[0] is a range, which cannot be passed: pass list(...) of it"),
        ("big", "the message cannot be passed: 10000015 bytes is more than the 10000000 a message may have"),
        ("half", "the message cannot be passed: a str in it holds half of a surrogate pair: pass bytes"),
    ],
)
def test_unpassable_argument_is_not_sent(bench: Bench, how: str, told: str) -> None:
    """A send of what cannot pass rejects with path, type and fix, and nothing goes out."""
    local = [] if "bytes" in told else [(ROOT, "$0")]
    for vref, spelled in [("o-50", "$0"), ("p-70", "&0"), *local]:
        bench.send("keep", spelled, slots=(vref,))
        bench.take()
        answer = bench.ask("send_odd", how)
        assert answer.startswith("E(x).take(...) was not sent: " + told), vref
    assert json.loads(bench.store["idCounters"])["promiseID"] == 5


def test_unpassable_answer_rejects_by_method(bench: Bench) -> None:
    """An answer that cannot pass rejects and names the method."""
    assert bench.ask("a_set")["#error"] == (
        'the result of Root.a_set()["a"] is a set of 1, which cannot be passed: a set has no order, '
        "pass sorted(...) of it"
    )
    assert bench.ask("many")["#error"] == (
        "the result of Root.many() cannot be passed: more than 10000 references in one message: send it in "
        "pieces"
    )


def test_exit(bench: Bench) -> None:
    """A vat ends itself with data for whoever asks."""
    bench.send("leave", True, result=None)
    assert bench.take() == [["exit", True, capdata({"why": "done"})]]


@host_only
def test_refused_syscall_fails_the_delivery(bench: Bench) -> None:
    """When the kernel refuses a syscall the delivery fails, even if vat code catches the exception."""

    def refuse(call: list[Any]) -> Any:
        if call[0] == "exit":
            raise SyscallError("prepare to die")
        return bench.syscall(call)

    bench.vat._kernel = refuse
    result = bench.vat.deliver(["message", ROOT, {"methargs": capdata(["leave", [True]]), "result": None}])
    assert result["status"] == "error"
    assert (result["error"]["name"], result["error"]["message"]) == ("SyscallError", "prepare to die")


@host_only
def test_abandoned_delivery_is_not_caught(bench: Bench) -> None:
    """The exception by which a worker stops a delivery goes through everything."""

    def stop(call: list[Any]) -> Any:
        raise DeliveryAbandonedError

    bench.vat._kernel = stop
    with pytest.raises(DeliveryAbandonedError):
        bench.vat.deliver(["message", ROOT, {"methargs": capdata(["leave", [True]]), "result": None}])


def test_replay_makes_the_same_syscalls() -> None:
    """The same deliveries over the same store make the same syscalls, to the byte."""

    def run() -> str:
        bench = Bench(SOURCE).up({"a": 1})
        bench.send("thing")
        bench.send("put", "k", ["$0.Alleged: A", "$1.Alleged: B"], slots=("o-50", "o-51"))
        bench.send("send", "$0", 1, slots=("o-50",), kwargs={"b": 2})
        bench.notify(("p+5", False, capdata("x")))
        bench.send("keys")
        return json.dumps(bench.everything)

    assert run() == run()
