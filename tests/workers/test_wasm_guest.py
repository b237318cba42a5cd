"""The confined engine with the real guest library in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Frame
from swingset.model.syscalls import Syscall
from swingset.workers.base import VatSpec
from swingset.workers.wasm import WasmWorker, WasmWorkerFactory, prepare_engine

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    count = 0

    def up(self, by: int):
        Counter.count += by
        return Counter.count

    def spin(self):
        while True:
            pass

def build_root_object():
    return Counter()
"""


class Life:
    """A vat with a store of its own."""

    def __init__(self, factory: WasmWorkerFactory, source: str) -> None:
        self.factory = factory
        self.spec = VatSpec("v7", "counter", 0, (("counter", source),))
        self.worker: WasmWorker = factory.start(self.spec)
        self.store: dict[str, str] = {}
        self.resolved: list[Any] = []
        self.sent = 0

    def _serve(self, syscall: Syscall) -> list[Any]:
        match syscall.raw:
            case ["vatstoreGet", key]:
                return ["ok", self.store.get(key)]
            case ["vatstoreSet", key, value]:
                self.store[key] = value
            case ["vatstoreDelete", key]:
                self.store.pop(key, None)
            case ["vatstoreGetNextKey", prior]:
                return ["ok", min((key for key in self.store if key > prior), default=None)]
            case ["resolve", resolutions]:
                self.resolved += resolutions
        return ["ok", None]

    def start(self) -> DeliveryResult:
        """Deliver startVat."""
        parameters = {"body": "#{}", "slots": []}
        return self.worker.deliver(["startVat", parameters], self._serve, Limits())

    def call(self, method: str, *arguments: Any) -> DeliveryResult:
        """Deliver a message to the root object."""
        self.sent += 1
        methargs = {"body": "#" + json.dumps([method, list(arguments)]), "slots": []}
        message = {"methargs": methargs, "result": f"p-{60 + self.sent}"}
        return self.worker.deliver(["message", "o+0", message], self._serve, Limits())


@pytest.fixture(scope="module")
def factory() -> WasmWorkerFactory:
    return prepare_engine()


@pytest.fixture
def life(factory: WasmWorkerFactory) -> Iterator[Life]:
    made = Life(factory, COUNTER)
    yield made
    made.worker.close()


def test_the_engine_is_prepared_once_per_process(factory: WasmWorkerFactory) -> None:
    """Asking again gives the same one."""
    assert prepare_engine() is factory


def test_a_vat_serves_messages(life: Life) -> None:
    """It starts, takes a message and resolves the result."""
    assert life.start().ok
    assert life.call("up", 5).ok
    assert life.resolved == [["p-61", False, {"body": "#5", "slots": []}]]


def test_a_vat_wakes_from_its_heap_image(life: Life) -> None:
    """What was only in its memory is still there."""
    life.start()
    life.call("up", 5)
    heap = life.worker.snapshot()
    life.worker.close()
    life.worker = life.factory.restore(life.spec, heap)
    life.call("up", 2)
    assert life.resolved[-1][2]["body"] == "#7"


def test_a_looping_method_is_named(life: Life) -> None:
    """The fault carries the user's own line."""
    life.start()
    fault = life.call("spin").fault
    assert fault is not None
    assert fault.code == reasons.OUT_OF_COMPUTRONS
    assert fault.trace[-1] in (Frame("counter", 13, "Counter.spin"), Frame("counter", 14, "Counter.spin"))


def test_code_that_fails_at_its_start_is_a_start_fault(factory: WasmWorkerFactory) -> None:
    """With the exception's name and line."""
    life = Life(factory, "\nimport numpy\n")
    fault = life.start().fault
    assert fault is not None
    assert (fault.code, fault.name) == (reasons.START_FAILED, "ModuleNotFoundError")
    assert fault.trace[-1][:2] == ("counter", 2)
    life.worker.close()
