"""Devices that an embedder writes: values and objects in and out, state, nodes, promises, hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

import swingset
from swingset import Device, DeviceCall, DeviceError, KernelError, Ref
from swingset.guest.base.errors import RemoteError
from swingset.testing import audit
from tests.conftest import MakeStage
from tests.staging import Stage

CALLER = """
    from swingset.vat import D, E, remotable

    @remotable
    class Guest:
        def greet(self):
            return "hello"

        def hear(self, words, *, loud=False):
            print("heard", words, loud)

    @remotable
    class Caller:
        def __init__(self):
            self.kept = []

        def call(self, device, method, *args):
            return getattr(D(device), method)(*args)

        def call_and_fail(self, device, method, *args):
            getattr(D(device), method)(*args)
            raise RuntimeError("after the call")

        def leave(self, device):
            D(device).leave("me", Guest())

        def same(self, device):
            guest = Guest()
            D(device).leave("me", guest)
            return D(device).fetch("me") is guest

        async def later(self, device):
            return await D(device).promise("answer")

        def sit(self, device):
            self.kept.append(D(device).seat(5))
            return D(self.kept[0]).whose()

        def stand(self):
            self.kept.clear()

    def build_root_object():
        return Caller()
"""


class Desk(Device):
    """A device that does a little of everything."""

    kind = "desk"
    gone: ClassVar[list[Any]] = []
    drawer = "no method"

    def add(self, call: DeviceCall, number: int) -> int:
        call.state["count"] = call.state.get("count", 0) + number
        return int(call.state["count"])

    def leave(self, call: DeviceCall, name: str, thing: Ref) -> None:
        call.state[f"thing.{name}"] = thing

    def fetch(self, call: DeviceCall, name: str) -> Ref:
        found: Ref = call.state[f"thing.{name}"]
        return found

    def promise(self, call: DeviceCall, name: str) -> Ref:
        call.state[name] = call.new_promise()
        promise: Ref = call.state[name]
        return promise

    def seat(self, call: DeviceCall, number: int) -> Ref:
        return call.new_node({"seat": number})

    def whose(self, call: DeviceCall) -> Any:
        return call.node_state

    def caller(self, call: DeviceCall) -> str | None:
        return call.caller

    def refuse(self, call: DeviceCall) -> None:
        call.state["count"] = 1_000
        raise DeviceError("the desk is closed", name="Closed")

    def stale(self, call: DeviceCall) -> Ref:
        return Ref("ko9999", "Ghost")

    def on_node_gone(self, call: DeviceCall, state: Any) -> None:
        call.state["empty"] = state["seat"]

    def on_vat_ended(self, call: DeviceCall, vat: str) -> None:
        call.state["ended"] = vat
        if vat == call.state.get("feared"):
            raise LookupError("a hook that fails")

    def _secret(self, call: DeviceCall) -> str:
        return "secret"


def at_desk(stage: Stage) -> tuple[Any, Any]:
    """A vat that calls, and the device it calls."""
    stage.controller.devices.own.install(Desk())
    return stage.define("caller", CALLER), stage.session.devices.get("desk")


def state(stage: Stage) -> dict[str, Any]:
    """What the device remembers."""
    with stage.controller.devices.own.visit("desk") as call:
        return dict(call.state)


def test_a_vat_calls_a_device_of_the_embedders_own(stage: Stage) -> None:
    """It hears the answer at once, and the device remembers."""
    caller, desk = at_desk(stage)
    assert [stage.ask(caller, "call", desk, "add", number) for number in (2, 3)] == [2, 5]
    assert state(stage) == {"count": 5}
    assert stage.ask(caller, "call", desk, "caller") == stage.controller.vats["caller"].id


def test_an_object_goes_in_and_the_same_comes_out(stage: Stage) -> None:
    """The device holds it meanwhile, and can send to it."""
    caller, desk = at_desk(stage)
    assert stage.ask(caller, "same", desk) is True
    stage.ask(caller, "leave", desk)
    with stage.controller.devices.own.visit("desk") as call:
        call.send(call.state["thing.me"], "hear", ["news"], loud=True)
    stage.session.settle()
    assert stage.log == ["heard ['news'] True"]
    assert audit(stage.controller.kernel.store) == []


def test_a_promise_is_settled_when_the_host_knows(stage: Stage) -> None:
    """What a device has promised comes later; a second outcome is ignored."""
    caller, desk = at_desk(stage)
    for value in (7, ValueError("no")):
        answer = stage.send(caller, "later", desk)
        stage.session.settle()
        with stage.controller.devices.own.visit("desk") as call:
            call.settle(call.state["answer"], value)
            call.settle(call.state["answer"], "too late")
        if value == 7:
            assert stage.session.wait(answer) == 7
        else:
            with pytest.raises(ValueError, match="no"):
                stage.session.wait(answer)


def test_a_node_has_its_own_state_and_says_when_it_is_gone(local: Stage) -> None:
    """Its calls find what it was made with, and the device hears that nobody holds it any more."""
    caller, desk = at_desk(local)
    assert local.ask(caller, "sit", desk) == {"seat": 5}
    local.ask(caller, "stand")
    for _ in range(3):
        local.controller.gc.reap_all()
        local.session.settle()
    assert state(local)["empty"] == 5


def test_a_device_hears_of_the_end_of_a_vat_and_a_hook_that_fails_harms_nothing(local: Stage) -> None:
    """What the hook wrote is there; where it fails it is undone, and the vat has ended all the same."""
    at_desk(local)
    local.define("other", CALLER)
    ids = {vat.name: vat.id for vat in local.controller.vats}
    local.controller.terminate_vat("other")
    assert state(local)["ended"] == ids["other"]
    with local.controller.devices.own.visit("desk") as call:
        call.state["feared"] = ids["caller"]
    local.controller.terminate_vat("caller")
    assert state(local)["ended"] == ids["other"]
    assert "caller" not in local.controller.vats


REFUSED = {
    "refuse": ("Closed: the desk is closed|the desk is closed", ()),
    "stale": ("nobody holds ko9999", ()),
    "nonesuch": ("device desk has no method 'nonesuch', has", ()),
    "_secret": ("_secret cannot be called: names that start with _", ()),
    "on_node_gone": ("device desk has no method 'on_node_gone'", ()),
    "drawer": ("device desk has no method 'drawer'", ()),
    "install": ("device desk has no method 'install'", ()),
    "kind": ("device desk has no method 'kind'", ()),
    "add": ("missing 1 required positional argument", ()),
    "leave": ("thing", ("too few",)),
    "fetch": ("KeyError", ("nothing",)),
}


@pytest.mark.parametrize("method", REFUSED)
def test_what_a_device_refuses_is_told_and_undone(method: str, local: Stage) -> None:
    """Its caller hears why; nothing that the call wrote stays, and no name reaches what vats may not call."""
    caller, desk = at_desk(local)
    words, args = REFUSED[method]
    with pytest.raises(Exception, match=words) as told:
        local.ask(caller, "call", desk, method, *args)
    assert isinstance(told.value, RemoteError | LookupError | TypeError | AttributeError)
    assert "count" not in state(local)


def test_what_a_visit_has_done_is_kept_whole_or_not_at_all(local: Stage) -> None:
    """An error in the body takes back what it wrote, and the world goes on."""
    at_desk(local)
    with (
        pytest.raises(ZeroDivisionError, match="by zero"),
        local.controller.devices.own.visit("desk") as call,
    ):
        call.state.update((key, 1 // number) for key, number in (("first", 1), ("second", 0)))
    assert state(local) == {}
    with local.controller.devices.own.visit("desk") as call:
        call.state.update(a=1, b=[2])
        del call.state["a"]
        assert (len(call.state), list(call.state)) == (1, ["b"])
        with pytest.raises(KeyError):
            del call.state["a"]
    with (
        pytest.raises(KernelError, match="there is no device 'bank'"),
        local.controller.devices.own.visit("bank"),
    ):
        pass


def test_a_device_comes_back_with_its_world(tmp_path: Path, make_stage: MakeStage) -> None:
    """Its state is in the file; until its code is installed again, calls say that it is not here."""
    path = tmp_path / "my.world"
    first = make_stage("local", path)
    caller, desk = at_desk(first)
    first.ask(caller, "call", desk, "add", 5)
    first.session.names.remember({"caller": caller, "desk": desk})
    first.close()
    again = make_stage("local", path)
    names = again.session.names.recall()
    with pytest.raises(RemoteError, match="no code for devices of kind 'desk'"):
        again.ask(names["caller"], "call", names["desk"], "add", 1)
    again.controller.devices.own.install(Desk())
    assert again.ask(names["caller"], "call", names["desk"], "add", 1) == 6
    with again.controller.fork() as fork:
        there = Ref(fork.kernel.devices.context("desk").device.root, "desk")
        kref = fork.queue_to_root("caller", "call", [there, "add", 1])
        fork.run()
        assert kref is not None
        assert "no code" in str(fork.resolution(kref))


BAD = {
    "a kind of the library": ("timer", None, "come with the library"),
    "no kind": ("", None, "bad kind ''"),
    "a bad name": ("desk", "two words", "bad name 'two words'"),
    "the name of another kind": ("desk", "clock", "device clock is a timer, not a desk"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_device_that_cannot_be_is_refused(what: str, local: Stage) -> None:
    """The message says what is wrong, and no device was made."""
    local.controller.devices.add("clock", "timer")
    kind, name, words = BAD[what]
    made = type("Made", (swingset.Device,), {"kind": kind})
    with pytest.raises(KernelError, match=words):
        local.controller.devices.own.install(made(), name)
    assert len(local.controller.kernel.store.devices.all()) == 1
