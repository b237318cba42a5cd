"""The reference implementation's message patterns, with its exact outcomes in Python spelling.

What the vats print, in the order of cranks, is the shared log of those scenarios. An object is shown by the
name that its class has, so `Alleged: Amy` stands where the reference has `[object Alleged: amy]`; a Python
method cannot raise plain data, so what the reference throws is returned as a rejected promise.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.staging import Stage

ALICE = """
    import json
    from swingset.vat import E, Promise, RemoteRejection, make_promise, remotable

    @remotable
    class Amy:
        def three(self):
            print("three")

        def four(self):
            print("four")

    @remotable
    class Alice:
        async def a10(self, bob):
            await E(bob).b10()
            print("a10 done")

        async def a20(self, bob):
            amy = Amy()
            await E(bob).b20_first(amy)
            await E(bob).b20_second(amy)
            print("a20 done")

        async def a30(self, bob):
            await E(bob).b30_first(bob)
            await E(bob).b30_second(bob)
            print("a30 done")

        async def same_twice(self, bob, method):
            first = await getattr(E(bob), method)()
            second = await getattr(E(bob), method)()
            print(f"match: {first is second}")

        async def a43(self, bob):
            try:
                await E(bob).b43()
            except RemoteRejection as problem:
                print("a43 rejected with", json.dumps(problem.reason))

        async def a44(self, bob):
            ret = await E(bob).b44()
            print("a44 got ret")
            try:
                await ret[0]
            except RemoteRejection as problem:
                print("a44 ret[0] rejected with", json.dumps(problem.reason))

        async def a53(self, bob):
            amy = Amy()
            record = await E(bob).b53(amy)
            print(f"match: {(await record['promise']) is amy}")

        async def a60(self, bob):
            amy = Amy()
            promise, resolver = make_promise()
            resolver.resolve(amy)
            print(f"match: {(await E(bob).b60({'promise': promise})) is amy}")

        async def a61(self, bob):
            amy = Amy()
            promise, resolver = make_promise()
            answer = E(bob).b60({"promise": promise})
            resolver.resolve(amy)
            print(f"match: {(await answer) is amy}")

        async def a64(self, bob):
            amy = Amy()
            early = E(bob).echo(amy)
            fresh, resolver = make_promise()
            first, second = await E(bob).b64(early, fresh)
            resolver.resolve(amy)
            print((await first) is amy, (await second) is amy, (await early) is amy, (await fresh) is amy)

        async def a65(self, bob):
            promise, resolver = make_promise()
            done = E(bob).b65(promise)
            await E(bob).b10()
            resolver.reject({"message": "nope"})
            await done

        async def a66(self, bob):
            p1 = E(bob).wait()
            p2 = E(p1).msg2()
            await E(bob).msg1(p2)
            await E(bob).release()

        async def a70(self, bob, target):
            p1 = E(target).pipe1()
            p1.then(lambda _: print("p1.then"))
            p2 = E(p1).pipe2()
            p2.then(lambda _: print("p2.then"))
            p3 = E(p2).pipe3()
            p3.then(lambda _: print("p3.then"))

        async def a71(self, bob):
            px = E(bob).wait()
            await self.a70(bob, px)
            await E(bob).release()

        async def a80(self, bob, by_result, to_mine, as_target):
            amy = Amy()
            if by_result:
                promise = E(bob).wait()
            else:
                [promise] = await E(bob).wait_in_list()
            await E(bob).release(amy if to_mine else None)
            if as_target:
                await E(promise).three()
            else:
                await E(bob).b84(promise, amy if to_mine else None)

        async def a90(self, carol, bert):
            await E(carol).c90(bert)

        async def a91(self, carol, bert):
            promise, resolver = make_promise()
            answer = E(carol).c91(promise)
            resolver.resolve(bert)
            await answer

        async def a100(self, bob):
            pa1, pb1 = await E(bob).b100()
            [pa2], [pb2] = await pa1, await pb1
            [pa3], [pb3] = await pa2, await pb2
            print(pb3 is not pa3)
            print(pa3 is pb2)

        async def queued(self, bob):
            [waits] = await E(bob).wait_in_list()
            settled, resolver = make_promise()
            resolver.resolve(3)
            self.answer = E(waits).checks(settled)

        async def delivered(self, bob):
            await E(bob).release()
            return await self.answer

    def build_root_object():
        return Alice()
"""

BOB = """
    from swingset.vat import E, Promise, RemoteRejection, make_promise, remotable

    @remotable
    class Bert:
        def hi(self):
            print("hi bert")

        def three(self):
            print("three")

        def four(self):
            print("four")

        def msg2(self):
            print("two")
            return "two"

    @remotable
    class Bob:
        def __init__(self):
            self.bert = Bert()
            self.bill = None

        def get_bert(self):
            return self.bert

        def b10(self):
            print("b10 called")

        def b20_first(self, amy):
            print("b20 got", amy._iface)
            self.amy = amy

        def b20_second(self, amy):
            print(f"match: {amy is self.amy}")

        def b30_first(self, obj):
            print("b30 got", "obj-bob" if obj is self else obj)
            self.b30 = obj
            print(f"match: {obj is self}")

        def b30_second(self, obj):
            print(f"match: {obj is self.b30}")

        def b40(self):
            return self

        def b41(self):
            return self.bert

        def b42(self):
            self.bill = self.bill or Bert()
            return self.bill

        def b43(self):
            promise, resolver = make_promise()
            resolver.reject({"message": "nope"})
            return promise

        def b44(self):
            return [self.b43()]

        def b53(self, amy):
            promise, resolver = make_promise()
            resolver.resolve(amy)
            return {"promise": promise}

        async def b60(self, record):
            return await record["promise"]

        def echo(self, value):
            return value

        def b64(self, first, second):
            return [first, second]

        async def b65(self, promise):
            try:
                await promise
            except RemoteRejection as problem:
                print("b65 rejected with", problem.reason["message"])

        def wait(self):
            promise, self.resolver = make_promise()
            return promise

        def wait_in_list(self):
            return [self.wait()]

        def release(self, value=None):
            self.resolver.resolve(self.bert if value is None else value)

        def msg1(self, p2):
            print("one")
            p2.then(lambda _: print("p2 resolved"))

        def pipe1(self):
            print("pipe1")
            return self

        def pipe2(self):
            print("pipe2")
            return self

        def pipe3(self):
            print("pipe3")

        async def b84(self, promise, amy):
            print((await promise) is (amy or self.bert))
            await E(promise).four()

        def b100(self):
            pa, ra = make_promise()
            pb, rb = make_promise()
            ra.resolve([pb])
            rb.resolve([pa])
            return [pa, pb]

    @remotable
    class Waiter(Bob):
        def release(self, value=None):
            self.resolver.resolve(self)

        async def checks(self, promise):
            return [isinstance(promise, Promise), await promise]

    def build_root_object():
        return WAITS_CLASS()
"""

CAROL = """
    from swingset.vat import E, remotable

    @remotable
    class Carol:
        async def c90(self, bert):
            print("carol got bert")
            await E(bert).hi()

        async def c91(self, promise):
            bert = await promise
            print("carol got Pbert")
            await E(bert).hi()

    def build_root_object():
        return Carol()
"""


def cast(stage: Stage, waits: bool = False, **options: Any) -> tuple[Any, Any]:
    """Alice, and a Bob who resolves the promise of `wait` to Bert, or to himself."""
    root = "Waiter" if waits else "Bob"
    bob = stage.define("bob", BOB.replace("WAITS_CLASS", root), options=options)
    return stage.define("alice", ALICE), bob


def play(stage: Stage, method: str, *, waits: bool = False) -> list[str]:
    """Run one pattern between Alice and Bob, and answer the log."""
    alice, bob = cast(stage, waits)
    stage.ask(alice, method, bob)
    stage.session.settle()
    return stage.log


@pytest.mark.parametrize(
    ("method", "log"),
    [
        ("a10", ["b10 called", "a10 done"]),
        ("a20", ["b20 got Alleged: Amy", "match: True", "a20 done"]),
        ("a30", ["b30 got obj-bob", "match: True", "match: True", "a30 done"]),
        ("a43", ['a43 rejected with {"message": "nope"}']),
        ("a44", ["a44 got ret", 'a44 ret[0] rejected with {"message": "nope"}']),
        ("a53", ["match: True"]),
        ("a60", ["match: True"]),
        ("a61", ["match: True"]),
        ("a64", ["True True True True"]),
        ("a65", ["b10 called", "b65 rejected with nope"]),
        ("a66", ["one", "two", "p2 resolved"]),
        ("a100", ["True", "True"]),
    ],
)
def test_pattern(stage: Stage, method: str, log: list[str]) -> None:
    """Data, references and promises pass between two vats as in the reference."""
    assert play(stage, method) == log


@pytest.mark.parametrize("method", ["b40", "b41", "b42"])
def test_answers_are_identical(stage: Stage, method: str) -> None:
    """The same object returned twice, by its own vat, known or new, is one presence."""
    alice, bob = cast(stage)
    stage.ask(alice, "same_twice", bob, method)
    assert stage.log == ["match: True"]


def test_pipelining(stage: Stage) -> None:
    """A chain of messages to promises runs in the order it was sent, without waiting for the sender.

    The reference moves each send through a second queue first, so that it interleaves pipe1, p1.then,
    pipe2. Here there is one queue: the chain was sent before the answers, and so it runs before them.
    """
    alice, bob = cast(stage)
    stage.ask(alice, "a70", bob, bob)
    stage.session.settle()
    assert stage.log == ["pipe1", "pipe2", "pipe3", "p1.then", "p2.then", "p3.then"]


def test_pipelining_to_a_promise_settled_later(stage: Stage) -> None:
    """A chain that waits for an unresolved promise is told of each answer before the next message runs."""
    log = play(stage, "a71", waits=True)
    assert log == ["pipe1", "p1.then", "pipe2", "p2.then", "pipe3", "p3.then"]


@pytest.mark.parametrize("method", ["a70", "a71"])
def test_pipelining_to_a_vat_that_takes_it(stage: Stage, method: str) -> None:
    """Where the target takes messages for what it has not settled yet, the chain goes before any answer."""
    alice, bob = cast(stage, waits=True, enable_pipelining=True)
    stage.ask(alice, method, bob, *([bob] if method == "a70" else []))
    stage.session.settle()
    assert stage.log == ["pipe1", "pipe2", "pipe3", "p1.then", "p2.then", "p3.then"]


@pytest.mark.parametrize("by_result", [True, False])
@pytest.mark.parametrize("to_mine", [True, False])
@pytest.mark.parametrize("as_target", [True, False])
def test_retired_promise_used_again(stage: Stage, by_result: bool, to_mine: bool, as_target: bool) -> None:
    """A promise whose name the kernel has retired still works as a target and as an argument."""
    alice, bob = cast(stage)
    stage.ask(alice, "a80", bob, by_result, to_mine, as_target)
    assert stage.log == (["three"] if as_target else ["True", "four"])


@pytest.mark.parametrize(
    ("method", "log"),
    [("a90", ["carol got bert", "hi bert"]), ("a91", ["carol got Pbert", "hi bert"])],
)
def test_three_parties(stage: Stage, method: str, log: list[str]) -> None:
    """A third vat sends to an object it was introduced to, directly or through a promise."""
    alice, bob = cast(stage)
    carol = stage.define("carol", CAROL)
    stage.ask(alice, method, carol, stage.ask(bob, "get_bert"))
    assert stage.log == log
