"""Deliveries to the confined engine: metering, limits, interruption, heap images."""

from __future__ import annotations

import _thread
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.workers.base import PAGE_SIZE, ImageMismatch, Worker, WorkerFactory
from swingset.workers.wasm.engine import WasmWorkerFactory

from .conftest import SPEC, Bench

STORY = [
    "import random, weakref",
    "things = {str(i): {i, str(i), (i,)} for i in range(2000)}; random.seed(5)",
    "class Node: pass\nnodes = [Node() for _ in range(500)]\nfor n in nodes: n.me = n",
    "refs = [weakref.ref(n) for n in nodes]",
    "del nodes[::2]; import gc; gc.collect(); print(sum(r() is not None for r in refs))",
    "import decimal; print(sorted(map(hash, things)), decimal.Decimal(2).sqrt())",
    "big = bytearray(30_000_000); big[::4096] = b'x' * len(big[::4096])",
    "del big; print(random.random(), [id(x) for x in list(things.values())[:3]])",
]


def _tell(factory: WasmWorkerFactory, pause_after: int | None = None) -> list[object]:
    bench = Bench(factory.start(SPEC))
    told: list[object] = []
    for index, source in enumerate(STORY):
        result = bench.run(source)
        assert result.fault is None
        told.append([result.computrons, result.console, bench.worker.heap_digest()])
        if index == pause_after:
            heap = bench.worker.snapshot()
            bench.worker.close()
            bench = Bench(factory.restore(SPEC, heap))
    bench.worker.close()
    return told


def test_worker_and_factory_have_the_shape_the_kernel_wants(bare: WasmWorkerFactory, bench: Bench) -> None:
    """They satisfy the protocols."""
    assert isinstance(bare, WorkerFactory)
    assert isinstance(bench.worker, Worker)


def test_a_delivery_costs_the_same_computrons_each_time(bare: WasmWorkerFactory) -> None:
    """Two vats that live the same story spend the same and remember the same, to the last bit."""
    assert _tell(bare) == _tell(bare)


@pytest.mark.parametrize("pause_after", [0, 2, 5])
def test_a_restored_vat_carries_on_as_if_nothing_had_been(bare: WasmWorkerFactory, pause_after: int) -> None:
    """Saving and restoring in the middle changes neither computrons nor memory."""
    assert _tell(bare, pause_after) == _tell(bare)


def test_another_process_with_other_hashes_agrees(bare: WasmWorkerFactory) -> None:
    """The story comes out the same in a process with another PYTHONHASHSEED, base image included."""
    program = (
        "import json\n"
        "from tests.workers.conftest import SOURCES\n"
        "from tests.workers.test_wasm_worker import _tell\n"
        "from swingset.workers.wasm.engine import make_factory\n"
        "factory = make_factory('lean', SOURCES)\n"
        "print(json.dumps([factory.image_id, _tell(factory)]))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads(json.dumps([bare.image_id, _tell(bare)]))


def test_a_heap_image_of_another_engine_is_refused(bare: WasmWorkerFactory, bench: Bench) -> None:
    """The message names the vat and both engines."""
    heap = replace(bench.worker.snapshot(), base="0" * 64)
    with pytest.raises(ImageMismatch, match=r"tester.*0000.*transcript"):
        bare.restore(SPEC, heap)


def test_a_fresh_vat_differs_from_the_base_image_by_little(bench: Bench) -> None:
    """Before its first delivery by nothing, after it by less than a megabyte."""
    assert not bench.worker.snapshot().pages
    bench.run("x = 1")
    assert 0 < len(bench.worker.snapshot().pages) < 256


def test_a_heap_image_packs_to_little(bench: Bench) -> None:
    """Of a page it says what differs, a few counts of references mostly, so nearly all of it is zeros."""
    bench.run("kept = [str(number) for number in range(100)]")
    pages = bench.worker.snapshot().pages.values()
    assert sum(len(zlib.compress(page)) for page in pages) < len(pages) * PAGE_SIZE // 10


def test_syscalls_reach_the_handler_and_answers_come_back(bench: Bench) -> None:
    """A syscall goes out in its JSON form, its answer comes back in."""
    bench.answer = lambda syscall: ["ok", syscall[1] + "!é"]
    assert bench.run("assert syscall(['vatstoreGet', 'kéy']) == ['ok', 'kéy!é']").fault is None
    assert bench.syscalls == [["vatstoreGet", "kéy"]]


def test_a_refused_syscall_ends_the_delivery(bench: Bench) -> None:
    """A syscall that is answered with an error stops the guest at its line; nothing after it is served."""
    bench.answer = lambda _syscall: ["error", "no"]
    source = (
        "import json\n"
        "calls = [['vatstoreSet', 'a', 'b'], ['vatstoreSet', 'c', 'd']]\n"
        "_host.call(b'S' + json.dumps(calls).encode())\n"
    )
    fault = bench.run(source).fault
    assert fault is not None
    assert (fault.code, fault.message) == (reasons.PROTOCOL, "no")
    assert [frame.line for frame in fault.trace] == [3]
    assert bench.syscalls == [["vatstoreSet", "a", "b"]]


class HostBug(BaseException):
    pass


def test_what_the_handler_raises_comes_out_of_deliver(bench: Bench) -> None:
    """The guest is stopped and cannot catch it."""

    def broken(_syscall: list[object]) -> list[object]:
        raise HostBug

    bench.answer = broken
    with pytest.raises(HostBug):
        bench.run("try: syscall(['vatstoreGet', 'k'])\nexcept BaseException: pass")


def test_memory_beyond_the_limit_is_refused(bench: Bench) -> None:
    """The limit counts all of the vat's memory, and the vat lives on below it."""
    limits = Limits(memory_pages=700)
    assert bench.run("b = bytes(1_000_000)", limits).ok
    fault = bench.run("b = bytes(20_000_000)", limits).fault
    assert fault is not None
    assert fault.code == reasons.OUT_OF_MEMORY


def test_a_delivery_that_takes_too_long_is_stopped(bench: Bench) -> None:
    """Seconds stop what computrons would let run, and the line is named."""
    begun = time.monotonic()
    fault = bench.run("def spin():\n    while True: pass\nspin()", Limits(computrons=None, seconds=0.3)).fault
    assert fault is not None
    assert fault.code == reasons.WALL_CLOCK
    assert [(frame.line, frame.function) for frame in fault.trace] == [(3, "<module>"), (2, "spin")]
    assert time.monotonic() - begun < 5


def test_the_host_can_interrupt(bare: WasmWorkerFactory, bench: Bench) -> None:
    """From another thread, while the guest loops."""
    threading.Timer(0.2, bare.interrupt).start()
    fault = bench.run("while True: pass", Limits(computrons=None, seconds=20)).fault
    assert fault is not None
    assert fault.code == reasons.INTERRUPTED


def test_ctrl_c_stops_a_looping_vat(bench: Bench) -> None:
    """KeyboardInterrupt comes out of deliver although the guest never returns by itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        threading.Timer(0.2, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            bench.run("while True: pass", Limits(computrons=None, seconds=20))
    finally:
        signal.signal(signal.SIGINT, before)


def test_two_vats_run_at_once_on_two_threads(bare: WasmWorkerFactory) -> None:
    """Each thread's syscalls go to its own vat."""
    benches = [Bench(bare.start(SPEC)) for _ in range(4)]

    def live(bench: Bench, number: int) -> None:
        for turn in range(20):
            bench.run(f"syscall(['vatstoreSet', 'n', '{number}-{turn}']); sum(range(20000))")

    threads = [threading.Thread(target=live, args=(bench, number)) for number, bench in enumerate(benches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, bench in enumerate(benches):
        assert bench.syscalls == [["vatstoreSet", "n", f"{number}-{turn}"] for turn in range(20)]
        bench.worker.close()
