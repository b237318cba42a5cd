"""Watched, adopted and resumed promises, as the kernel sees them: what is said, and what is stored."""

from __future__ import annotations

import json

import pytest

from .guest_bench import Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import E, adopt_promise, durable, make_promise, provide, remotable, watch_promise

kept = {}

@durable
class Watcher:
    name: str
    heard: list = []

    def on_fulfilled(self, value, *args):
        self.heard = [*self.heard, [value, *args]]
        if args[:1] == ("fail",):
            raise ValueError("cannot bear it")

    def on_rejected(self, reason, *args):
        self.heard = [*self.heard, ["rejected", getattr(reason, "reason", None), *args]]

@durable
class Optimist:
    def on_fulfilled(self, value):
        pass

@durable
class Mute:
    pass

@durable
class Heir:
    def on_adopted(self, resolver, *args):
        kept["resolver"] = resolver
        kept["args"] = list(args)

@remotable
class Fleeting:
    def on_fulfilled(self, value):
        pass

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage

    def watcher(self):
        return provide(self.baggage, "watcher", lambda: Watcher("w"))

    def heard(self):
        return self.watcher().heard

    def watch(self, value, *args):
        watch_promise(value, self.watcher(), *args)

    def watch_second(self, items, *args):
        second = provide(self.baggage, "second", lambda: Watcher("second"))
        watch_promise(items[0], second, *args)

    def watch_rejected(self, *args):
        promise, resolver = make_promise()
        resolver.reject(KeyError("lost"))
        return watch_promise(promise, self.watcher(), *args)

    def log(self, name):
        return self.baggage[name].heard

    def watch_own(self, *args):
        promise, kept["own"] = make_promise()
        watch_promise(promise, self.watcher(), *args)

    def watch_first(self, items, *args):
        watch_promise(items[0], self.watcher(), *args)

    def watch_with(self, kind, value):
        watch_promise(value, {"optimist": Optimist, "mute": Mute, "fleeting": Fleeting}[kind]())

    def watch_by(self, watcher, value):
        watch_promise(value, watcher)

    def settle_own(self, value):
        kept["own"].resolve(value)

    def settle_own_to(self, items):
        kept["own"].resolve(items[0])

    def promise(self, *args):
        promise, kept["resolver"] = make_promise()
        adopt_promise(promise, provide(self.baggage, "heir", Heir), *args)
        return promise

    def adopted(self):
        return kept.get("args")

    def adopt(self, value):
        adopt_promise(value, provide(self.baggage, "heir", Heir))

    def adopt_badly(self):
        adopt_promise(make_promise()[0], self.watcher())

    def resolve(self, value):
        kept["resolver"].resolve(value)

def build_root_object(baggage):
    return Root(baggage)
"""

GONE = {"name": "vatUpgraded", "upgradeMessage": "m", "incarnationNumber": 0}


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def resolution(vpid: str | None, tree: object, *slots: str, rejected: bool = False) -> list[object]:
    return ["resolve", [[vpid, rejected, capdata(tree, *slots)]]]


def error_of(call: list[object]) -> str:
    ((_, rejected, data),) = call[1]  # type: ignore[attr-defined]
    assert rejected
    return str(json.loads(data["body"][1:])["#error"])


def test_watcher_hears_of_a_promise_that_came_in(bench: Bench) -> None:
    """A durable watcher is called with the value and its arguments when the kernel tells."""
    bench.send("watch_first", ["&0"], "a", 1, slots=("p-70",), result=None)
    assert bench.take() == [["subscribe", "p-70"]]
    bench.notify(("p-70", False, capdata(5)))
    assert bench.ask("heard") == [[5, "a", 1]]
    assert [key for key in bench.store if key.startswith("vc.3")] == []


def test_watch_survives_an_upgrade(bench: Bench) -> None:
    """The next incarnation hears of a promise of another vat, without subscribing again."""
    bench.send("watch_first", ["&0"], "a", slots=("p-70",), result=None)
    later = bench.upgrade(SOURCE).up()
    assert later.take() == []
    later.notify(("p-70", False, capdata(5)))
    assert later.ask("heard") == [[5, "a"]]


@pytest.mark.parametrize("upgraded", [False, True])
def test_watchers_are_told_in_the_order_in_which_they_came(bench: Bench, upgraded: bool) -> None:
    """One promise may have many watchers, and one watcher twice; each is told once for each time."""
    for method, word in (("first", "a"), ("second", "b"), ("first", "c"), ("first", "c")):
        bench.send(f"watch_{method}", ["&0"], word, slots=("p-70",), result=None)
    bench.send("watch_first", ["&0"], "other", slots=("p-71",), result=None)
    assert bench.take() == [["subscribe", "p-70"], ["subscribe", "p-71"]]
    later = bench.upgrade(SOURCE).up() if upgraded else bench
    later.notify(("p-70", False, capdata(1)))
    assert later.ask("log", "watcher") == [[1, "a"], [1, "c"], [1, "c"]]
    assert later.ask("log", "second") == [[1, "b"]]
    later.notify(("p-70", False, capdata(2)))
    assert later.ask("log", "second") == [[1, "b"]]
    later.notify(("p-71", True, capdata("no")))
    assert later.ask("heard")[-1] == ["rejected", "no", "other"]
    assert [key for key in later.store if key.startswith("vc.3")] == []


def test_watcher_that_fails_is_reported_and_others_are_told(bench: Bench) -> None:
    """What a watcher raises is nobody's rejection but its own, and its state is as it left it."""
    bench.send("watch_first", ["&0"], "fail", slots=("p-70",), result=None)
    bench.send("watch_second", ["&0"], "b", slots=("p-70",), result=None)
    bench.notify(("p-70", False, capdata(1)))
    assert bench.ask("log", "second") == [[1, "b"]]
    assert bench.ask("heard") == [[1, "fail"]]
    assert len(bench.unhandled) == 1
    assert bench.unhandled[0].startswith("unhandled rejection in bank: ValueError: cannot bear it")


def test_references_reach_a_watcher_of_the_next_incarnation(bench: Bench) -> None:
    """The value and the arguments may be objects, which are the same when they arrive."""
    bench.send("watcher")
    bench.send("watch_first", ["&0"], "$1.Alleged: Bob", "$2", slots=("p-70", "o-50", "o+d10/1"), result=None)
    assert bench.store["vom.rc.o-50"] == "1"
    later = bench.upgrade(SOURCE).up()
    later.take()
    later.notify(("p-70", False, capdata("$0.Alleged: Eve", "o-51")))
    later.send("heard")
    assert later.take()[-1][1][0][2] == capdata(
        [["$0.Alleged: Eve", "$1.Alleged: Bob", "$2.Alleged: Watcher"]], "o-51", "o-50", "o+d10/1"
    )


def test_rejection_that_is_there_already_is_told_too(bench: Bench) -> None:
    """A promise that was rejected before it was watched needs no name and no subscription."""
    result = bench.send("watch_rejected", "x")
    assert bench.take() == [["resolve", [[result, False, capdata(None)]]]]
    assert bench.ask("heard") == [["rejected", None, "x"]]
    assert bench.unhandled == []


def test_local_promise_is_exported_and_subscribed_to(bench: Bench) -> None:
    """A watched promise that only this vat knows gets a name and a subscription of its own vat."""
    bench.send("watch_own", "a", result=None)
    assert bench.take() == [["subscribe", "p+5"]]
    bench.send("settle_own", 3, result=None)
    assert bench.take() == [resolution("p+5", 3)]
    assert bench.ask("heard") == [[3, "a"]]


def test_next_incarnation_hears_that_a_local_promise_was_broken(bench: Bench) -> None:
    """The disconnection object, sent by the kernel, reaches the watcher as the reason."""
    bench.send("watch_own", "a", result=None)
    later = bench.upgrade(SOURCE).up()
    later.notify(("p+5", True, capdata(GONE)))
    assert later.ask("heard") == [["rejected", GONE, "a"]]


def test_watch_of_a_settled_value_is_never_stored(bench: Bench) -> None:
    """A value that is there already is told in a turn of its own."""
    bench.send("watch", 7, "x", result=None)
    assert bench.take() == []
    assert bench.ask("heard") == [[7, "x"]]


def test_watches_move_with_a_forwarded_promise(bench: Bench) -> None:
    """When a watched promise is forwarded, its watches wait for the other one, also after an upgrade."""
    bench.send("watch_own", "a", result=None)
    bench.send("watch_first", ["&0"], "b", slots=("p-70",), result=None)
    bench.send("settle_own_to", ["&0"], slots=("p-70",), result=None)
    assert bench.take()[-1] == ["resolve", [["p+5", False, capdata("&0", "p-70")]]]
    later = bench.upgrade(SOURCE).up()
    later.notify(("p-70", False, capdata(5)))
    assert later.ask("heard") == [[5, "b"], [5, "a"]]


def test_missing_on_rejected_is_an_unhandled_rejection(bench: Bench) -> None:
    """A rejection that the watcher has no method for is reported."""
    bench.send("watch_with", "optimist", "&0", slots=("p-70",), result=None)
    bench.notify(("p-70", True, capdata({"#error": "no", "name": "ValueError"})))
    assert len(bench.unhandled) == 1
    assert bench.unhandled[0].startswith("unhandled rejection in bank: ValueError: no")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mute", "a Mute cannot watch: give it a method on_fulfilled(self, value, *args)"),
        ("fleeting", "make its class @durable"),
    ],
)
def test_unfit_watcher_is_refused(bench: Bench, kind: str, words: str) -> None:
    """A watcher must be durable and have a method to be told by."""
    bench.send("watch_with", kind, 1)
    assert words in error_of(bench.take()[-1])


def test_watcher_of_another_vat_is_refused(bench: Bench) -> None:
    """A presence cannot be a watcher here."""
    bench.send("watch_by", "$0.Alleged: X", 1, slots=("o-50",))
    assert "lives in another vat and cannot watch here" in error_of(bench.take()[-1])


def test_adopted_promise_is_kept_and_claimed(bench: Bench) -> None:
    """The kernel is told to keep an adopted promise; the next incarnation claims it and gets its resolver."""
    result = bench.send("promise", "a")
    assert bench.take() == [
        ["keepPromises", ["p+5"]],
        ["resolve", [[result, False, capdata("&0", "p+5")]]],
    ]
    later = bench.upgrade(SOURCE).up()
    assert later.take() == [["keepPromises", ["p+5"]]]
    assert later.ask("adopted") == ["a"]
    later.send("resolve", 9, result=None)
    assert later.take() == [resolution("p+5", 9)]
    last = later.upgrade(SOURCE).up()
    assert last.take() == []


def test_settled_promise_is_kept_no_longer(bench: Bench) -> None:
    """A promise that is settled in time leaves nothing behind for the next incarnation."""
    bench.send("promise", "a", result=None)
    bench.send("resolve", 9, result=None)
    assert [key for key in bench.store if key.startswith("vc.4")] == []
    assert bench.upgrade(SOURCE).up().take() == []


def test_promise_of_another_vat_is_not_adopted(bench: Bench) -> None:
    """Only who decides a promise can leave it to somebody."""
    bench.send("keep_it", result=None)
    bench.send("adopt", "x")
    assert "adopt_promise wants a promise, got str 'x'" in error_of(bench.take()[-1])
    bench.send("adopt_badly")
    assert "give it a method on_adopted(self, resolver, *args)" in error_of(bench.take()[-1])
