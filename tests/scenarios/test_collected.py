"""The host's collector and vats in its process: it may work whenever it likes, and no vat shows it."""

from __future__ import annotations

import gc
import weakref

import pytest

from tests.conftest import MakeStage
from tests.staging import Stage

WAITING = """
from swingset.vat import E, make_promise, remotable

@remotable
class Waiting:
    def __init__(self): self.log = []
    async def wait(self, other):
        promise, resolver = make_promise()
        try:
            await promise
        finally:
            print("finally")
            E(other).note("from a call that is gone")
    def steps(self, other):
        def walk():
            try:
                yield 1
            finally:
                print("finally")
                E(other).note("from a walk that is gone")
        ring = [walk()]
        next(ring[0])
        ring.append(ring)
    def note(self, text: str): self.log.append(text)
    def busy(self): return len([[i] for i in range(100_000)])
    def read(self): return self.log

def build_root_object():
    return Waiting()
"""


@pytest.mark.parametrize("method", ["wait", "steps"])
def test_what_is_freed_between_deliveries_says_nothing(
    make_stage: MakeStage, capfd: pytest.CaptureFixture[str], method: str
) -> None:
    """The host may collect at any moment: no message is sent, and the next delivery is none the worse."""
    stage = make_stage("local")
    vat, other = stage.define("a", WAITING), stage.define("b", WAITING)
    stage.send(vat, method, other)
    stage.session.settle()
    gc.collect()
    assert stage.ask(vat, "busy") == 100_000
    assert stage.ask(other, "read") == []
    assert "outside" not in capfd.readouterr().err


def test_workers_agree_about_calls_that_can_never_go_on(make_stage: MakeStage) -> None:
    """Whether and when memory is freed leaves no trace in the transcript of either worker."""
    transcripts = []
    for worker in ("local", "wasm"):
        stage = make_stage(worker)
        vat, other = stage.define("a", WAITING), stage.define("b", WAITING)
        for _ in range(3):
            stage.send(vat, "wait", other)
            stage.ask(vat, "busy")
            if worker == "local":
                gc.collect()
        stage.controller.gc.reap_all()
        stage.session.settle()
        assert stage.ask(other, "read") == []
        assert stage.log == []
        read = stage.controller.kernel.world.transcripts.read
        for name in ("a", "b"):
            entries = read(stage.transcript(name))
            transcripts.append([(entry["delivery"], entry["syscalls"]) for entry in entries])
    assert transcripts[:2] == transcripts[2:]


def test_an_upgrade_closes_suspended_calls_in_silence(
    make_stage: MakeStage, capfd: pytest.CaptureFixture[str]
) -> None:
    """The old incarnation's calls end with it: nothing is printed, nothing sent, nothing kept in memory."""
    stage = make_stage("local")
    vat, other = stage.define("a", WAITING), stage.define("b", WAITING)
    stage.send(vat, "wait", other)
    stage.session.settle()
    kernel = stage.controller.kernel
    worker = kernel.warehouse.online(kernel.vat("a"))
    calls = [weakref.ref(call) for call in worker.vat.collector.suspended.values()]  # type: ignore[union-attr]
    del worker
    assert len(calls) == 1
    stage.upgrade("a", WAITING)
    gc.collect()
    assert calls[0]() is None
    assert stage.ask(other, "read") == []
    assert capfd.readouterr() == ("", "")
    assert stage.log == []


def test_a_call_that_can_never_go_on_holds_its_world_no_longer_than_asked(stage: Stage) -> None:
    """When the dead are brought out, what only such a call held is let go of by its vat."""
    vat, other = stage.define("a", WAITING), stage.define("b", WAITING)
    stage.send(vat, "wait", other)
    stage.session.settle()
    kernel = stage.controller.kernel

    def imports() -> list[str]:
        return [entry.vref for entry in kernel.store.clists.of(kernel.vat("a").id) if entry.vref[:2] == "o-"]

    assert len(imports()) == 1
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert imports() == []
