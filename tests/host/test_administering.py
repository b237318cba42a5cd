"""What a host changes about vats that run: options, meters, pins; admin nodes; and what it finds."""

from __future__ import annotations

from typing import Any

import pytest

from swingset import KernelError
from swingset.guest.base.errors import RemoteError
from tests.conftest import MakeStage
from tests.staging import Stage

WORKER = """
    from swingset.vat import durable, remotable

    @durable
    class Thing:
        other: object = None

        def hold(self, other):
            self.other = other

    @remotable
    class Worker:
        def spin(self, times):
            total = 0
            for number in range(times):
                total += number
            return total

        def make(self):
            return Thing()

        def ping(self):
            return "pong"

    def build_root_object():
        return Worker()
"""

BOSS = """
    from swingset.vat import E, remotable

    @remotable
    class Boss:
        def tune(self, admin_node, options):
            return E(admin_node).change_options(options)

        async def end(self, admin_node, reason):
            await E(admin_node).terminate_with_failure(reason)
            try:
                await E(admin_node).done()
            except Exception as error:
                return str(error)

    def build_root_object():
        return Boss()
"""


def options_of(stage: Stage, vat: str) -> dict[str, Any]:
    """What the kernel keeps."""
    return dict(stage.controller.kernel.vat(vat).options)


def test_options_of_a_running_vat_are_changed(stage: Stage) -> None:
    """They hold from the next delivery on, in either spelling; None takes one back, a bad one is named."""
    stage.define("a", WORKER, options={"reap_interval": 7})
    stage.controller.vats.change_options("a", {"neverReap": True, "critical": True})
    assert options_of(stage, "a") == {"reap_interval": 7, "never_reap": True, "critical": True}
    stage.controller.vats.change_options("a", {"reap_interval": None, "critical": False})
    assert options_of(stage, "a") == {"never_reap": True, "critical": False}
    for bad, words in (
        ({"enable_pipelining": True}, "vat a: unknown option str 'enable_pipelining'"),
        ({"computrons": "few"}, "vat a: option computrons wants None or an int from 1, got str 'few'"),
        ({"meter": "m7"}, "there is no meter 'm7'"),
    ):
        with pytest.raises(KernelError) as caught:
            stage.controller.vats.change_options("a", bad)
        assert words in str(caught.value)
    assert options_of(stage, "a") == {"never_reap": True, "critical": False}


def test_a_host_gives_its_vats_meters(wasm: Stage) -> None:
    """A vat that the host made starves on the host's meter, and carries on after the host's refill."""
    world = wasm.controller
    worker = wasm.define("worker", WORKER)
    meter = world.meters.create(1_000)
    assert (meter, world.meters.get(meter).vats) == ("m1", ())
    world.vats.change_options("worker", {"meter": meter})
    answer = wasm.send(worker, "spin", 1_000)
    wasm.session.settle()
    assert "meter-exhausted" in str(world.kernel.vat("worker").reason)
    assert (world.meters.get(meter).remaining, world.meters.get(meter).vats) == (1_000, ("worker",))
    with pytest.raises(KernelError, match="meter m1 pays for worker"):
        world.meters.forget(meter)
    assert world.meters.refill(meter, 10**9).remaining == 10**9 + 1_000
    assert wasm.session.wait(answer) == 499_500
    world.meters.set_threshold(meter, 5)
    assert world.meters.all()[0].threshold == 5
    world.vats.change_options("worker", {"meter": None})
    world.meters.forget(meter)
    assert world.meters.all() == []
    with pytest.raises(KernelError, match="there is no meter 'm1'"):
        world.meters.refill(meter, 1)


def test_a_host_pins_and_lets_go(stage: Stage) -> None:
    """A pinned object stays as long as the pin does, and no longer."""
    world = stage.controller
    root = stage.define("a", WORKER)
    result = world.queue_to_root("a", "make")
    stage.session.settle()
    thing = world.resolution(str(result)).kref
    world.gc.pin(thing)
    world.release(str(result))
    stage.session.settle()
    assert world.gc.explain(thing).verdict != "gone"
    world.queue_to_object(thing, "hold", [1], policy="none")
    world.gc.unpin(thing)
    world.gc.reap_all()
    stage.session.settle()
    assert world.gc.explain(thing).verdict == "gone"
    with pytest.raises(KernelError, match="is not pinned"):
        world.gc.unpin(thing)
    with pytest.raises(KernelError, match="cannot be pinned"):
        world.gc.pin(thing)
    assert stage.ask(root, "ping") == "pong"


def test_a_host_finds_rings(stage: Stage) -> None:
    """Two durable objects of two vats that hold each other are a ring as soon as nobody else holds them."""
    world = stage.controller
    made = []
    for name in ("a", "b"):
        stage.define(name, WORKER)
        made.append(str(world.queue_to_root(name, "make")))
    stage.session.settle()
    one, two = (world.resolution(kref) for kref in made)
    for holder, held in ((one, two), (two, one)):
        world.queue_to_object(holder.kref, "hold", [held], policy="none")
    stage.session.settle()
    assert world.gc.rings() == []
    for kref in made:
        world.release(kref)
    world.gc.reap_all()
    stage.session.settle()
    assert [(ring.krefs, ring.vats) for ring in world.gc.rings()] == [((one.kref, two.kref), ("a", "b"))]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_the_right_over_a_vat_of_the_host_can_be_given_away(make_stage: MakeStage, worker: str) -> None:
    """A vat that gets the admin node of a vat which the host made changes its options, ends it, and hears."""
    stage = make_stage(worker)
    victim, boss = stage.define("victim", WORKER), stage.define("boss", BOSS)
    node = stage.session.wait(stage.session.devices.admin_node("victim"))
    stage.ask(boss, "tune", node, {"reapInterval": 9})
    assert options_of(stage, "victim") == {"reap_interval": 9}
    again = stage.session.wait(stage.session.devices.admin_node("victim"))
    done = stage.send(again, "done")
    assert stage.ask(boss, "end", node, "enough") == "rejected with 'enough'"
    with pytest.raises(RemoteError):
        stage.session.wait(done)
    with pytest.raises(RemoteError, match="vat terminated"):
        stage.ask(victim, "ping")


def test_the_session_has_no_admin_node(local: Stage) -> None:
    """Its interpreter is the embedder's own."""
    with pytest.raises(KernelError, match="vat notebook lives in the embedder's interpreter"):
        local.controller.devices.admin_node("notebook")


def test_modules_are_uploaded_for_good(tmp_path: Any) -> None:
    """What was sent over a slow line is there when the host starts anew, and what is missing is told."""
    first = Stage("local", tmp_path / "my.world")
    digest = first.controller.devices.upload_module("x = 1\n")
    first.close()
    second = Stage("local", tmp_path / "my.world")
    devices = second.controller.devices
    assert devices.missing_modules([("main", digest), ("other", "0" * 128)]) == ["0" * 128]
    with pytest.raises(KernelError, match="modules are missing: 000000000000"):
        devices.install_manifest([("main", digest), ("other", "0" * 128)])
    assert devices.install_manifest([("main", digest)])
    second.close()


HOSTILE = """
    import json
    import _host
    from swingset.vat import D, remotable

    def syscall(*call):
        return _host.call(b"S" + json.dumps([list(call)]).encode())

    @remotable
    class Hostile:
        def send(self, bridge, junk):
            return D(bridge).send(junk)

        def junk(self, bridge, body):
            return json.loads(syscall("callNow", "d-70", "send", {"body": body, "slots": []}))

    def build_root_object():
        return Hostile()
"""


def test_nothing_unreadable_crosses_the_bridge(wasm: Stage) -> None:
    """A body that the host could not read is refused to its sender, and later messages come through."""
    hostile, bridge = wasm.define("hostile", HOSTILE), wasm.session.devices.bridge()
    wasm.ask(hostile, "junk", bridge, '#[{"#tag":"x"}]')
    wasm.ask(hostile, "junk", bridge, '#["#nothing"]')
    wasm.ask(hostile, "send", bridge, {"fine": (1, 2)})
    received: list[Any] = []
    assert wasm.session.devices.bridge_receive(received.append) == 1
    assert received == [{"fine": (1, 2)}]
