from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.model.syscalls import Syscall
from swingset.workers.base import VatSpec
from swingset.workers.wasm.engine import WasmWorkerFactory, make_factory
from swingset.workers.wasm.worker import WasmWorker

# A guest with no object model: each delivery is source text, run in one namespace. It shows the engine bare.
SUPERVISOR = """
import json
import sys
import _host

NAMES = {"_host": _host}
STREAMS = (sys.stdout, sys.stderr)

def knock(syscall):
    return json.loads(_host.call(b"S" + json.dumps([syscall]).encode()))

NAMES["syscall"] = knock

def turn():
    request = json.loads(_host.call(b"D"))
    result = {"status": "ok"}
    try:
        exec(compile(request["delivery"][1], "<tester:cell>", "exec"), NAMES)
    except BaseException as error:
        result = {"status": "error", "error": {"name": type(error).__name__, "message": str(error)}}
    for stream in STREAMS:
        stream.flush()
    _host.call(b"R" + json.dumps(result).encode())
"""

SOURCES = {
    "swingset": (True, ""),
    "swingset.guest": (True, ""),
    "swingset.guest.supervisor": (False, SUPERVISOR),
}

SPEC = VatSpec("v1", "tester", 0, (("cell", ""),))


class Bench:
    """One worker of the bare guest, and the syscalls it made."""

    def __init__(self, worker: WasmWorker) -> None:
        self.worker = worker
        self.syscalls: list[list[Any]] = []
        self.answer: Callable[[list[Any]], list[Any]] = lambda _syscall: ["ok", None]

    def _serve(self, syscall: Syscall) -> list[Any]:
        self.syscalls.append(syscall.raw)
        return self.answer(syscall.raw)

    def run(self, source: str, limits: Limits | None = None) -> DeliveryResult:
        """Deliver source text."""
        return self.worker.deliver(["message", source], self._serve, limits or Limits())


@pytest.fixture(scope="session")
def bare() -> WasmWorkerFactory:
    return make_factory("lean", SOURCES)


@pytest.fixture
def bench(bare: WasmWorkerFactory) -> Iterator[Bench]:
    made = Bench(bare.start(SPEC))
    yield made
    made.worker.close()
