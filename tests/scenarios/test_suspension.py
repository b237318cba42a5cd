"""A vat that is suspended: looked at while it stands, and resumed as if it had never stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.vat import make_promise
from tests.conftest import MakeStage
from tests.staging import Stage

LISTENER = """
    from swingset.vat import E, remotable

    @remotable
    class Listener:
        def __init__(self):
            self.heard = []

        async def ask(self, source, name):
            self.heard.append(f"asked {name}")
            self.heard.append(await E(source).wait(name))
            return name

        def say(self, what):
            self.heard.append(what)

        def all(self):
            return self.heard

    def build_root_object():
        return Listener()
"""

SOURCE = """
    from swingset.vat import E, make_promise, remotable

    @remotable
    class Source:
        def __init__(self):
            self.open = {}

        def wait(self, name):
            promise, self.open[name] = make_promise()
            return promise

        def answer(self, listener, name):
            E(listener).say(f"before {name}")
            self.open[name].resolve(f"answer {name}")
            E(listener).say(f"after {name}")

    def build_root_object():
        return Source()
"""

HEARD = ["asked x", "asked y", "before x", "after x", "answer x", "before y", "after y", "answer y"]


def begun(stage: Stage) -> tuple[Any, Any, list[Any]]:
    """A listener that waits for two answers, and the promises for its own."""
    listener, source = stage.define("listener", LISTENER), stage.define("source", SOURCE)
    asked = [stage.send(listener, "ask", source, name) for name in ("x", "y")]
    stage.session.settle()
    return listener, source, asked


def answered(stage: Stage, listener: Any, source: Any) -> None:
    """The source says something and answers, first x and then y."""
    for name in ("x", "y"):
        stage.send(source, "answer", listener, name)
        stage.session.settle()


@pytest.mark.parametrize("suspended", [False, True])
def test_what_waits_is_delivered_in_the_order_in_which_it_came(stage: Stage, suspended: bool) -> None:
    """Messages and notifications alike, and before what is sent later, as if it had never been suspended."""
    listener, source, asked = begun(stage)
    if suspended:
        stage.controller.vats.suspend("listener", "for a look")
    answered(stage, listener, source)
    assert {promise.status for promise in asked} == {"pending" if suspended else "fulfilled"}
    late = stage.send(listener, "say", "late")
    stage.session.flush()
    if suspended:
        stage.controller.vats.resume("listener")
    assert [stage.session.wait(promise) for promise in asked] == ["x", "y"]
    stage.session.wait(late)
    assert stage.ask(listener, "all") == [*HEARD, "late"]


def test_a_suspended_vat_can_be_looked_at(stage: Stage) -> None:
    """The reason, what is parked for it, its names and its memory are there to see, and nothing moves."""
    listener, source, asked = begun(stage)
    heap, transcript = stage.heap("listener"), stage.transcript("listener")
    stage.controller.vats.suspend("listener", "for a look")
    answered(stage, listener, source)
    [row] = [row for row in stage.lens.vats() if row.name == "listener"]
    assert (row.state, row.parked, row.reason) == ("suspended", 6, "for a look")
    assert {row.where for row in stage.lens.queue()} == {"vat listener, suspended"}
    assert stage.lens.clist("listener") != []
    assert (stage.heap("listener"), stage.transcript("listener")) == (heap, transcript)
    assert stage.controller.run().cranks == 0
    stage.controller.vats.resume("listener")
    assert [stage.session.wait(promise) for promise in asked] == ["x", "y"]
    assert stage.ask(listener, "all") == HEARD


def test_new_code_takes_what_waited(stage: Stage) -> None:
    """An upgrade of a suspended vat resumes it: parked messages reach the new incarnation in their order."""
    listener, source, _ = begun(stage)
    stage.controller.vats.suspend("listener", "it is broken")
    answered(stage, listener, source)
    stage.upgrade("listener", LISTENER)
    stage.session.settle()
    assert stage.ask(listener, "all") == ["before x", "after x", "before y", "after y"]
    assert [row.state for row in stage.lens.vats() if row.name == "listener"] == ["live"]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_suspension_outlives_the_process(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """Another process finds the vat suspended, with what waits for it, and can resume it."""
    path = tmp_path / "a.world"
    stage = make_stage(worker, path)
    listener, source, _ = begun(stage)
    stage.controller.vats.suspend("listener", "for a look")
    answered(stage, listener, source)
    stage.close()
    stage = make_stage(worker, path)
    stage.session.settle()
    [row] = [row for row in stage.lens.vats() if row.name == "listener"]
    assert (row.state, row.parked, row.reason) == ("suspended", 6, "for a look")
    stage.controller.vats.resume("listener")
    assert stage.ask(stage.session.root("listener"), "all") == HEARD


LOOPS = """
    from swingset.vat import E, remotable

    @remotable
    class Root:
        def wait_for(self, promise):
            E.when(promise, self.told)
            self.heard = 0
        def told(self, value):
            while value == "loop": pass
            self.heard += 1
        def spin(self):
            while True: pass
        def count(self):
            return self.heard

    def build_root_object():
        return Root()
"""


def test_what_suspends_a_vat_each_time_can_be_given_up(wasm: Stage) -> None:
    """The first parked event goes: an outcome is never told, a message is rejected; the rest is as it was."""
    root = wasm.define("vat", LOOPS, options={"computrons": 300_000_000})
    promise, resolver = make_promise()
    wasm.ask(root, "wait_for", promise)
    resolver.resolve("loop")
    wasm.session.settle()
    assert wasm.controller.kernel.vat("vat").state == "suspended"
    lost, kept = wasm.send(root, "spin"), wasm.send(root, "count")
    wasm.session.settle()
    assert (wasm.controller.vats.drop_parked("vat") or "").startswith("the outcome of kp")
    assert wasm.controller.vats.drop_parked("vat") == "the message spin()"
    wasm.controller.vats.resume("vat")
    with pytest.raises(RemoteError) as caught:
        wasm.session.wait(lost)
    assert caught.value.code == "dropped"
    assert wasm.session.wait(kept) == 0
    assert wasm.controller.vats.drop_parked("vat") is None
