"""Devices that a session or the host calls between deliveries: the record has it, and all replays agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.lens.history.taken_back import effects
from tests.staging import Stage

CLERK = """
from swingset.vat import remotable

@remotable
class Clerk:
    def __init__(self, baggage):
        self.baggage = baggage

    def inbound(self, data):
        self.baggage["got"] = data

    def deliver(self, peer: str, number: int, body: str):
        self.baggage["mail"] = body

    def wake(self, now: int):
        self.baggage["woken"] = now

    def register(self, device):
        D(device).register(self)

def build_root_object(baggage):
    return Clerk(baggage)
"""


class Library(swingset.Device):
    """A device of the program's own that does all that a device can."""

    kind = "library"

    def lend(self, call: swingset.DeviceCall, reader: swingset.Ref, title: str) -> swingset.Ref:
        """Keep state, make a node and a promise, and send a message."""
        call.state["last"] = title
        call.state["back"] = call.new_promise()
        call.send(reader, "inbound", title)
        return call.new_node({"title": title})

    def shelve(self, call: swingset.DeviceCall, title: str) -> None:
        """Make a node that only the state holds."""
        call.state[f"shelf {title}"] = call.new_node({"title": title})

    def discard(self, call: swingset.DeviceCall, title: str) -> None:
        """Let go of that node, which ends it."""
        del call.state[f"shelf {title}"]

    def take_back(self, call: swingset.DeviceCall) -> str:
        """Settle the promise."""
        call.settle(call.state.pop("back"), "thanks")
        return str(call.state["last"])

    def burn(self, call: swingset.DeviceCall) -> None:
        """Fail after a change."""
        call.state["last"] = "ashes"
        raise ValueError("no fire")

    def on_node_gone(self, call: swingset.DeviceCall, state: Any) -> None:
        """Keep which node has gone."""
        call.state["gone"] = state["title"]

    def on_vat_ended(self, call: swingset.DeviceCall, vat: str) -> None:
        """Keep which vat has ended."""
        call.state["ended"] = vat


class Scene:
    """A world with a clerk and a device of the program's own."""

    def __init__(self, path: Path | None = None) -> None:
        self.stage = Stage("local", path)
        self.controller = self.stage.controller
        self.session = self.stage.session
        self.devices = self.session.devices
        self.host = self.controller.devices
        self.host.own.install(Library())
        self.clerk = self.stage.define("clerk", CLERK)
        self.library = self.devices.get("library")
        self.node: Any = None

    def call(self, device: Any, method: str, *args: Any) -> Any:
        return self.devices.call(device, method, *args)

    def registered(self, kind: str) -> Any:
        """The device of a kind, with which the clerk has registered."""
        device = self.session.devices.mailbox() if kind == "mailbox" else self.session.devices.bridge()
        self.call(device, "register", self.clerk)
        return device

    def visit(self, act: Callable[[swingset.DeviceCall], object]) -> None:
        with self.host.own.visit("library") as call:
            act(call)


def _fails(scene: Scene, device: Any, method: str, *args: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError, swingset.RemoteError)):
        scene.call(device, method, *args)


def _lend(scene: Scene) -> None:
    node = scene.call(scene.library, "lend", scene.clerk, "Emma")
    assert scene.call(scene.library, "take_back") == "Emma"
    del node


def _discard(scene: Scene) -> None:
    scene.call(scene.library, "shelve", "Emma")
    scene.call(scene.library, "discard", "Emma")


def _plugin(scene: Scene) -> None:
    add = scene.devices.plugin("add", lambda one, two: one + two)
    assert scene.call(add, "call", 1, 2) == 3
    _fails(scene, add, "call", 1, "2")


def _mail(scene: Scene) -> None:
    box = scene.registered("mailbox")
    assert scene.call(box, "send", "paris", "hello") == 1
    scene.host.receive("paris", [[1, "salut"]], 1)
    scene.session.settle()
    scene.call(box, "ack", "paris", 1)


def _bridge(scene: Scene) -> None:
    bridge = scene.registered("bridge")
    scene.call(bridge, "send", {"order": 1})
    scene.devices.bridge_receive(lambda data: None)
    scene.devices.bridge_send({"paid": True})


def _timer(scene: Scene) -> None:
    scene.host.add("clock", "timer")
    clock = scene.devices.get("clock")
    scene.call(clock, "alarm", 5, scene.clerk)
    later = scene.call(clock, "promise_at", 6)
    scene.host.poll(5, device="clock")
    scene.host.poll(7, device="clock")
    scene.session.settle()
    del later


def _bundles(scene: Scene) -> None:
    scene.devices.bundle("def build_root_object(): ...", "empty")
    scene.host.node("bundle")
    bundles = scene.devices.get("bundles")
    scene.call(bundles, "get_named_bundlecap", "empty")
    _fails(scene, bundles, "get_named_bundlecap", "none")


def _admin(scene: Scene) -> None:
    scene.host.critical_vat_key()
    admin = scene.devices.get("vatAdmin")
    meter = scene.call(admin, "create_meter", 500, 0)
    scene.call(meter, "add_remaining", 5)
    node = scene.session.wait(scene.devices.admin_node("clerk"))
    _fails(scene, admin, "create", None, {})
    del meter, node


def _visit(scene: Scene) -> None:
    def change(call: swingset.DeviceCall) -> None:
        call.state["seat"] = call.new_node({"title": "Emma"})
        call.settle(call.new_promise(), 5)

    scene.visit(change)
    scene.visit(lambda call: call.state.pop("seat"))


CASES: dict[str, Callable[[Scene], None]] = {
    "own device": _lend,
    "own device that fails": lambda scene: _fails(scene, scene.library, "burn"),
    "own device that lacks the method": lambda scene: _fails(scene, scene.library, "sell"),
    "own device whose node ends": _discard,
    "own device that hears of an end": lambda scene: scene.controller.terminate_vat("clerk"),
    "visit": _visit,
    "plugin": _plugin,
    "mailbox": _mail,
    "bridge": _bridge,
    "timer": _timer,
    "bundles": _bundles,
    "vat administration": _admin,
}


HELD = "own device whose node ends"
"""A branch holds all that was made for a script, so this device does not hear of its node's end."""


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.stage.close()


@pytest.mark.parametrize("case", CASES)
def test_each_replay_agrees(scene: Scene, case: str) -> None:
    """Kernel replay, full replay and a branch in which nothing is changed do the same as the world."""
    began = scene.controller.crank
    CASES[case](scene)
    scene.session.settle()
    scene.controller.commit()
    for full in (False, True):
        replayed = swingset.replay(scene.controller, full=full)
        assert (str(replayed.difference), replayed.not_checked) == ("None", ())
    with swingset.branch(scene.controller, at=began) as found:
        listed = tuple(str(entry) for entry in found.withheld)
        assert (found.premise_changed, found.unanswered, found.answers) == ((), (), ())
        store = "SELECT key, value FROM device_state ORDER BY device, key"
        if case == HELD:
            assert len(listed) == 1
            assert "what it did does not come again here" in listed[0]
        else:
            assert listed == ()
            assert found.controller.world.rows(store) == scene.controller.world.rows(store)


def test_mirrors_archives_and_the_file_have_them(tmp_path: Path) -> None:
    """The file itself, one made of a mirror and one of an archive are replayed, in all depths of `verify`."""
    path, database = tmp_path / "a.world", sqlite3.connect(tmp_path / "host.db")
    scene = Scene(path)
    swingset.mirror(scene.controller, database, "scene")
    for case in [*CASES][::-1]:
        CASES[case](scene)
        scene.session.settle()
    scene.controller.commit()
    calls = [record.calls for record in scene.controller.history.records() if record.calls]
    swingset.rebuild(tmp_path / "mirror.world", database, "scene")
    swingset.export_archive(scene.controller, tmp_path / "a.swingset", level="archival")
    swingset.import_archive(tmp_path / "a.swingset", tmp_path / "archive.world")
    assert scene.controller.verify(4) == []
    scene.stage.close()
    database.close()
    for name in ("a", "mirror", "archive"):
        assert swingset.replay(tmp_path / f"{name}.world").ok
        with swingset.open_world(tmp_path / f"{name}.world", look_only=True) as again:
            assert [record.calls for record in again.history.records() if record.calls] == calls


def test_views_of_the_past_have_them(scene: Scene) -> None:
    """A search, SQL, a merge of histories and an undo take a session's call as they take a vat's."""
    _mail(scene)
    _plugin(scene)
    number = next(
        record.number
        for record in scene.controller.history.records()
        if any(call.method == "send" for call in record.calls or ())
    )
    heard = [step.number for step in swingset.search(scene.controller, text='["paris","hello"]').steps]
    assert number in heard
    rows = swingset.sql(scene.controller, f"SELECT caller, method FROM calls WHERE record = {number}").rows
    assert rows == (("notebook", "send"),)
    records = {"here": scene.controller.history.records(), "paris": ()}
    merged = list(swingset.merge(records))
    assert [item.sent for item in merged if item.record.number == number] == [(("here", "paris", 1),)]
    commits = [commit.seq for commit in scene.controller.world.commits()]
    gone = effects(scene.controller.kernel.store, commits)
    assert any("call() of device" in line for line in gone.outside)
