"""D(device) in vat code, on both workers."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base import context
from swingset.guest.sending.device_calls import D
from tests.staging import Stage

from .shelf import Shelf

USER = """
    from swingset.vat import D, E, make_promise, remotable

    @remotable
    class Thing:
        pass

    @remotable
    class User:
        def use(self, shelf):
            thing = Thing()
            ticket = D(shelf).put(thing, {"n": 5})
            again = D(ticket).take()
            return [again[0] is thing, again[1], D(shelf).count(), repr(shelf), repr(ticket)]

        def fail(self, shelf):
            try:
                D(shelf).fail()
            except ValueError as error:
                return ["caught", str(error), error.code, D(shelf).count()]

        def promise(self, shelf):
            D(shelf).put([make_promise()[0]])

        def function(self, shelf):
            D(shelf).put(len)

        async def later(self, shelf):
            promise = D(shelf).later()
            print("not yet")
            return await promise

        def now(self, shelf, value):
            D(shelf).now(value)

        def reach(self, shelf):
            return shelf.count

        def misuse(self):
            D(Thing())

        async def send(self, shelf):
            await E(shelf).count()

    def build_root_object():
        return User()
"""


@pytest.fixture
def user(stage: Stage) -> Any:
    """A vat that uses devices, on either worker."""
    stage.shelf = Shelf()
    stage.controller.kernel.devices.install(stage.shelf)
    return stage.define("user", USER)


def shelf_of(stage: Stage) -> Any:
    """The shelf, as the session knows it."""
    return stage.session.reference(stage.controller.kernel.add_device("shelf", "shelf"), "shelf")


def test_a_call_answers_at_once_with_the_very_object(stage: Stage, user: Any) -> None:
    """What the device kept comes back as the same object, before the next line runs."""
    answer = stage.ask(user, "use", shelf_of(stage))
    assert answer == [True, {"n": 5}, 1, "<Device d-70 Alleged: shelf>", "<Device d-71 Alleged: ticket>"]


def test_an_error_of_the_device_is_raised_and_can_be_caught(stage: Stage, user: Any) -> None:
    """The complaint arrives as an exception of its name, with its code; the delivery goes on."""
    assert stage.ask(user, "fail", shelf_of(stage)) == ["caught", "the shelf is wet", "wet", 1]


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("promise", "D(x).put(...) was not called: .*await it first"),
        ("function", r"D\(x\).put\(...\) was not called: \[0\] is"),
        ("reach", r"is a device: use `D\(x\).count\(...\)`"),
        ("send", r"a device takes no messages: call it with D\(x\).count"),
    ],
)
def test_misuse_is_explained_and_the_vat_lives(stage: Stage, user: Any, method: str, words: str) -> None:
    """What cannot be done with a device is an exception that names the right way."""
    with pytest.raises(Exception, match=words.replace("D(x).put(...)", r"D\(x\).put\(...\)")):
        stage.ask(user, method, shelf_of(stage))
    assert stage.ask(user, "use", shelf_of(stage))[2] == 1


def test_only_devices_are_called(stage: Stage, user: Any) -> None:
    """D of anything else says what to use instead."""
    with pytest.raises(TypeError, match=r"D\(x\) wants a device, got .*send to anything else with E\(x\)"):
        stage.ask(user, "misuse")


def test_a_promise_from_a_device_can_be_awaited(stage: Stage, user: Any) -> None:
    """The call returns at once, the value comes in a later crank."""
    shelf = shelf_of(stage)
    answer = stage.send(user, "later", shelf)
    stage.session.settle()
    assert stage.log == ["not yet"]
    assert answer.status == "pending"
    stage.ask(user, "now", shelf, "here")
    assert stage.session.wait(answer) == "here"


def test_a_session_calls_devices_too(stage: Stage, user: Any) -> None:
    """The embedder's own vat has D like any other."""
    shelf = shelf_of(stage)
    with context.activate(stage.session.liveslots):
        assert D(shelf).count() == 1
        with pytest.raises(ValueError, match="the shelf is wet"):
            D(shelf).fail()
    assert stage.ask(user, "use", shelf)[2] == 2


def test_replay_does_not_call_the_device(stage: Stage, user: Any) -> None:
    """A worker that is brought back hears the recorded answers."""
    shelf = shelf_of(stage)
    stage.ask(user, "use", shelf)
    calls = len(stage.shelf.calls)
    stage.controller.kernel.warehouse.discard_all()
    assert stage.ask(user, "use", shelf)[2] == 2
    assert len(stage.shelf.calls) == calls + 3
