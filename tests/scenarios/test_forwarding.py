"""Promises that follow other promises, from vat to vat."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from tests.staging import Stage

VAT = """
    from swingset.vat import E, make_promise, remotable

    @remotable
    class Vat:
        def __init__(self):
            self.heard = []

        def relay(self, *vats):
            if not vats:
                promise, self.resolver = make_promise()
                return promise
            return E(vats[0]).relay(*vats[1:])

        def open(self):
            promise, self.resolver = make_promise()
            return [promise]

        def follow(self, promise):
            self.resolver.resolve(promise)

        def answer(self, value):
            self.resolver.resolve(value)

        def answer_self(self):
            self.resolver.resolve(self)

        def fail(self, words):
            self.resolver.reject(ValueError(words))

        def say(self, what):
            self.heard.append(what)
            return len(self.heard)

        def all(self):
            return self.heard

    def build_root_object():
        return Vat()
"""


@pytest.fixture
def vats(stage: Stage) -> list[Any]:
    """Four vats of the same code."""
    return [stage.define(name, VAT) for name in ("A", "B", "C", "D")]


def relayed(stage: Stage, vats: list[Any]) -> Any:
    """The answer of A, which is that of B, which is that of C, which is what D will say."""
    promise = stage.send(vats[0], "relay", *vats[1:])
    stage.session.settle()
    assert promise.status == "pending"
    return promise


def test_an_answer_that_is_awaited_nowhere_is_decided_at_the_end_of_the_chain(
    stage: Stage, vats: list[Any]
) -> None:
    """D alone decides, for all of them, and who sent a message on the way is told once."""
    promise = relayed(stage, vats)
    assert {row.decider for row in stage.lens.promises() if row.state == "unresolved"} == {"D"}
    stage.send(vats[3], "answer", 5)
    stage.session.flush()
    told = [
        report.vat or ""
        for report in stage.controller.run().reports
        if type(report.event).__name__ == "Notify"
    ]
    assert stage.session.wait(promise) == 5
    assert sorted(told) == ["A", "B", "C", "notebook", "notebook"]  # the second is of `answer` itself
    assert stage.lens.promises() == []


@pytest.mark.parametrize("how", ["ended", "upgraded"])
def test_the_vats_in_between_may_be_gone(stage: Stage, vats: list[Any], how: str) -> None:
    """Once they have passed on what they owed, neither an end nor an upgrade of theirs breaks it."""
    promise = relayed(stage, vats)
    for name in ("A", "B", "C"):
        if how == "ended":
            stage.controller.terminate_vat(name, "done with")
        else:
            assert stage.upgrade(name, VAT).disconnected == ()
    stage.session.settle()
    assert promise.status == "pending"
    stage.ask(vats[3], "answer", [1, 2])
    assert stage.session.wait(promise) == [1, 2]


def test_a_failure_at_the_end_reaches_the_beginning(stage: Stage, vats: list[Any]) -> None:
    """A rejection goes the same way as a value, by its name and its words."""
    promise = relayed(stage, vats)
    stage.ask(vats[3], "fail", "not today")
    with pytest.raises(RemoteError, match="not today") as caught:
        stage.session.wait(promise)
    assert caught.value.remote_name == "ValueError"


def test_messages_before_and_after_the_forwarding_keep_their_order(stage: Stage, vats: list[Any]) -> None:
    """What waits for A's promise moves to B's when A's follows it, and what comes later lines up behind."""
    a, b = vats[:2]
    [first] = stage.ask(a, "open")
    [second] = stage.ask(b, "open")
    answers = [E(first).say("one")]
    stage.session.settle()
    stage.ask(a, "follow", second)
    answers.append(E(first).say("two"))
    answers.append(E(second).say("three"))
    stage.session.settle()
    assert [row.where for row in stage.lens.queue()] != []
    assert {promise.status for promise in answers} == {"pending"}
    stage.ask(b, "answer_self")
    assert [stage.session.wait(promise) for promise in answers] == [1, 2, 3]
    assert stage.ask(b, "all") == ["one", "two", "three"]
    assert stage.ask(a, "all") == []
    assert (stage.session.wait(first), stage.session.wait(second)) == (b, b)


def test_a_promise_that_follows_itself_is_refused_by_its_own_vat(stage: Stage, vats: list[Any]) -> None:
    """No kernel is needed to see it: the promise is rejected with a TypeError, and the vat goes on."""
    [promise] = stage.ask(vats[0], "open")
    stage.ask(vats[0], "follow", promise)
    with pytest.raises(RemoteError, match="cannot be resolved to itself") as caught:
        stage.session.wait(promise)
    assert caught.value.remote_name == "TypeError"
    assert stage.ask(vats[0], "say", "still here") == 1


@pytest.mark.parametrize("length", [2, 3])
def test_a_circle_through_vats_is_refused(stage: Stage, vats: list[Any], length: int) -> None:
    """Promises of two or three vats that wait for each other are all rejected, as promise-cycle."""
    ring = vats[:length]
    promises = [stage.ask(vat, "open")[0] for vat in ring]
    for vat, promise in zip(ring, [*promises[1:], promises[0]], strict=True):
        stage.ask(vat, "follow", promise)
    for promise in promises:
        with pytest.raises(RemoteError) as caught:
            stage.session.wait(promise)
        assert caught.value.code == "promise-cycle"
    stage.session.settle()
    assert stage.lens.promises() == []
    assert [stage.ask(vat, "say", "still here") for vat in ring] == [1] * length
