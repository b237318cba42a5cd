"""What a message cannot cost less than, and where the rest of its time goes: `python benchmarks/floors.py`.

The floors, each a part of a message by itself: a metered turn of the engine that asks for its delivery and
answers at once; a small message with its answer, and an answer with the next message, straight through a
worker without a kernel; a round trip of that message through the codec; and a commit of one changed row.
Beside them a crank of the whole kernel. All but the commit is time of the processor, so that a machine that
does something else meanwhile changes little of it.
Then a profile of that crank by layer, on both workers: the share of each folder in the time that the
profiler saw, and how many calls and statements of SQL a crank makes. A profiler slows down what it sees, so
the shares are to be trusted, not the times.
"""

from __future__ import annotations

import cProfile
import itertools
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import swingset
from swingset import Ref
from swingset.host.worlds.opening import open_world
from swingset.model.limits import DEFAULT_LIMITS
from swingset.model.reports import DeliveryResult
from swingset.model.syscalls import Send, Syscall
from swingset.workers.base import SyscallHandler, VatSpec, Worker
from swingset.workers.interrupts import routed
from swingset.workers.wasm.engine import make_factory, prepare_engine
from swingset.world.counters import Counters
from swingset.world.file import WorldFile

sys.path.insert(0, str(Path(__file__).parent / "peer"))

from ours import ALICE, BOB  # the vats of bench-peer

BARE = """
import _host

def turn():
    _host.call(b"D")
    _host.call(b'R{"status":"ok"}')
"""
"""A guest library that does nothing: what is left is the engine and the door."""


def message(number: int) -> list[Any]:
    """A small message, with a result of its own."""
    methargs = {"body": '#["ping",[5]]', "slots": []}
    return ["message", "o+0", {"methargs": methargs, "result": f"p-{number}"}]


ROUNDS, TIMES, CRANKS = 5, 400, 500


def each(
    work: Callable[[], object], times: int = TIMES, clock: Callable[[], float] = time.process_time
) -> float:
    """Microseconds that some work takes: the median of several rounds."""
    found = []
    for _ in range(ROUNDS):
        begin = clock()
        for _ in range(times):
            work()
        found.append((clock() - begin) / times * 1e6)
    return statistics.median(found)


def yes(_: Syscall) -> list[Any]:
    """A kernel to which every syscall is right."""
    return ["ok", None]


def turn(
    worker: Worker, delivery: Callable[[int], list[Any]], kernel: SyscallHandler = yes
) -> tuple[float, int | None]:
    """Microseconds and computrons of one delivery to a warm worker whose syscalls all succeed."""
    numbers = itertools.count(60)

    def deliver() -> DeliveryResult:
        return worker.deliver(delivery(next(numbers)), kernel, DEFAULT_LIMITS)

    with routed():  # as in a run
        for _ in range(5):
            result = deliver()
            if result.fault is not None:
                raise SystemExit(f"the delivery failed: {result.fault}")
        return each(deliver), result.computrons


def bare_turn() -> tuple[float, int | None]:
    """A turn of an engine without a guest library."""
    sources = {
        "swingset": (True, ""),
        "swingset.guest": (True, ""),
        "swingset.guest.supervisor": (False, BARE),
    }
    worker = make_factory("lean", sources).start(VatSpec("v1", "bare", 0, ()))
    return turn(worker, lambda _: ["bringOutYourDead"])


START = ["startVat", {"body": "#null", "slots": []}]


def small_delivery() -> tuple[float, int | None]:
    """A small message to a small vat, which answers, with nothing of the kernel around it."""
    worker = prepare_engine().start(VatSpec("v1", "bob", 0, (("bob", BOB),)))
    worker.deliver(START, yes, DEFAULT_LIMITS)
    return turn(worker, message)


def sending_delivery() -> tuple[float, int | None]:
    """An answer to a vat that awaits it and then sends the next message, again without a kernel."""
    worker = prepare_engine().start(VatSpec("v1", "alice", 0, (("alice", ALICE),)))
    worker.deliver(START, yes, DEFAULT_LIMITS)
    sent = ""

    def kernel(syscall: Syscall) -> list[Any]:
        nonlocal sent
        if isinstance(syscall.asked, Send):
            sent = syscall.asked.result or ""
        return ["ok", None]

    def answer(_: int) -> list[Any]:
        return ["notify", [[sent, {"rejected": False, "data": {"body": "#5", "slots": []}}]]]

    methargs = {"body": '#["in_turn",["$0.Alleged: bob",1000000]]', "slots": ["o-50"]}
    worker.deliver(["message", "o+0", {"methargs": methargs, "result": "p-60"}], kernel, DEFAULT_LIMITS)
    return turn(worker, answer, kernel)


def codec() -> float:
    """A delivery written as JSON and read again, as the door and the transcript do."""

    said = message(60)

    def both() -> Any:
        return json.loads(json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")))

    return each(both, 2_000)


def commit(folder: Path) -> float:
    """A commit of one changed row in a file."""
    world = WorldFile.open(folder / "floor.world")
    counters = Counters(world)

    def work() -> None:
        world.begin_crank()
        counters.take("benchmark", 0)
        world.release_crank()
        world.commit("floor")

    try:
        return each(work, 50, time.perf_counter)
    finally:
        world.close()


class Crank:
    """A world in a file in which one vat asks another, as often as is wanted."""

    def __init__(self, folder: Path, worker: str) -> None:
        self.controller = open_world(folder / f"{worker}.world", worker=worker)
        for name, source in (("alice", ALICE), ("bob", BOB)):
            self.controller.create_vat(name, ((name, source),))
        self.bob = Ref(self.controller.vats.pin_root("bob"), "bob")
        self.run()

    def run(self) -> int:
        """Ask, run, and answer how many cranks it took."""
        result = self.controller.queue_to_root("alice", "in_turn", [self.bob, CRANKS // 2])
        cranks = self.controller.run().cranks
        assert result is not None
        self.controller.release(result)
        return cranks


def profile(crank: Crank) -> tuple[list[tuple[str, float]], float, float]:
    """The share of each layer, and how many calls and statements of SQL one crank makes."""
    profiler = cProfile.Profile(time.thread_time)
    profiler.enable()
    cranks = crank.run()
    profiler.disable()
    home = str(Path(swingset.__path__[0]))
    spent: Counter[str] = Counter()
    calls = statements = 0
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for (file, _, name), (_, count, own, _, _) in stats.items():
        if file.endswith("native.py") or "ctypes" in name or "wasmtime" in file:
            spent["the engine, and the guest in it"] += own
        elif file.startswith(home):
            spent[Path(file).relative_to(home).parts[0]] += own
            calls += count
        elif "apsw" in name:
            spent["sqlite"] += own
            statements += count if "'execute'" in name else 0
        else:
            spent["the standard library"] += own
    whole = sum(spent.values())
    shares = [(layer, own / whole) for layer, own in spent.most_common()]
    return shares, calls / cranks, statements / cranks


def main() -> None:
    """Print the floors, then the profiles."""
    with tempfile.TemporaryDirectory(prefix="swingset-floors-") as name:
        folder = Path(name)
        for words, (spent, computrons) in (
            ("a bare metered turn", bare_turn()),
            ("a small message and its answer", small_delivery()),
            ("an answer, and the next message", sending_delivery()),
        ):
            print(f"{words:44}{spent:10,.1f} µs{computrons:14,} computrons")
        print(f"{'a round trip through the codec':44}{codec():10,.1f} µs")
        print(f"{'a commit of one row':44}{commit(folder):10,.1f} µs")
        cranks = {worker: Crank(folder, worker) for worker in ("wasm", "local")}
        for worker, crank in cranks.items():
            rounds = []
            for _ in range(ROUNDS):
                begin = time.process_time()
                count = crank.run()
                rounds.append((time.process_time() - begin) / count * 1e6)
            print(f"{f'a crank of a small message, {worker}':44}{statistics.median(rounds):10,.1f} µs")
        for worker, crank in cranks.items():
            shares, calls, statements = profile(crank)
            print(
                f"\n{worker}: {calls:,.0f} calls, {statements:.1f} statements of SQL a crank; shares of time"
            )
            for layer, share in shares:
                print(f"  {layer:34}{share:8.1%}")
        for crank in cranks.values():
            crank.controller.close()


if __name__ == "__main__":
    main()
