"""What a delivery costs in a small world and in a large one.

A kernel that looked at all vats or all objects for the work of one crank would be slower in a large world.
This measures cranks of trivial vats, so that the kernel's own work is nearly all there is: a message with a
result and a reference, and its notification. Run by itself it prints a table; a ratio above the target is a
failure. It also asks SQLite how it would answer each query that a crank makes, and names those that scan.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

from swingset.core.cranks import Cranks
from swingset.core.kernel import Kernel
from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.workers.base import HeapImage, SyscallHandler, VatSpec
from swingset.world.counters import Counters
from swingset.world.file import WorldFile
from swingset.world.graveyard import Graveyard

TARGET = 1.5
FEW_VATS, MANY_VATS = 10, 1_000
FEW_OBJECTS, MANY_OBJECTS = 1_000, 1_000_000
ROUNDS, MESSAGES = 9, 200

SMALL_TABLES = frozenset({"dead", "queue", "devices", "told", "CONSTANT"})
"""Tables of which only the first row is wanted, or which hold a handful."""


class Echo:
    """A vat that answers each message with the reference it was sent."""

    kind = "echo"

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Settle the result at once."""
        if delivery[0] == "message" and delivery[2]["result"]:
            slots = delivery[2]["methargs"]["slots"]
            body = '#"$0"' if slots else "#null"
            raw = ["resolve", [[delivery[2]["result"], False, {"body": body, "slots": slots}]]]
            syscall(syscalls.read(raw))
        return DeliveryResult()

    def snapshot(self) -> HeapImage | None:
        """None: there is no heap."""
        return None

    def heap_digest(self) -> str | None:
        """None: there is no heap."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""


class EchoFactory:
    """Makes such vats."""

    kind = "echo"
    image_id: str | None = None
    library: bytes | None = None

    def start(self, spec: VatSpec) -> Echo:
        """A fresh one; they are all the same."""
        return Echo()

    def restore(self, spec: VatSpec, image: HeapImage) -> Echo:
        """The same."""
        return Echo()


def make(vats: int, objects: int) -> Kernel:
    """A world of so many vats, and about so many objects, each held by one of them."""
    kernel = Kernel(Cranks(WorldFile.open(None), {"echo": EchoFactory()}))
    options = {"never_reap": True}
    for number in range(vats):
        name = f"v{number}"
        result = kernel.queue_creation(name, "echo", ((name, ""),), CapData("#null"), options)
        kernel.cranks.step()
        kernel.pin(kernel.root_of(name))
        kernel.release_result(result)
    ids = [kernel.vat(f"v{number}").id for number in range(vats)]
    counters = Counters(kernel.world)
    with kernel.request("configure", counter="ko", value=0):
        first = counters.get("ko", 20)
        for number in range(first, first + objects):
            owner, holder = ids[number % len(ids)], ids[(number + 1) % len(ids)]
            kernel.world.execute(
                "insert into objects (kref, owner, reachable, recognizable) values (?, ?, 1, 1)",
                (f"ko{number}", owner),
            )
            entry = "insert into clists values (?, ?, ?, 1)"
            kernel.world.execute(entry, (owner, f"ko{number}", f"o+{number}"))
            kernel.world.execute(entry, (holder, f"ko{number}", f"o-{number + 1_000_000}"))
        counters.set("ko", first + objects)
    kernel.world.commit("made")
    return kernel


def measure(kernel: Kernel) -> float:
    """Seconds for one crank: the median of several rounds, each to the same ten vats."""
    roots = [kernel.root_of(f"v{number}") for number in range(FEW_VATS)]
    rounds = []
    for _ in range(ROUNDS):
        results = []
        for number in range(MESSAGES):
            there, other = roots[number % FEW_VATS], roots[(number + 1) % FEW_VATS]
            results.append(kernel.queue_message(there, CapData('#["echo",["$0"]]', (other,))))
        begin, cranks = time.perf_counter(), 0
        while kernel.cranks.step() is not None:
            cranks += 1
        rounds.append((time.perf_counter() - begin) / cranks)
        for result in results:
            kernel.release_result(result)
        kernel.world.commit("round")
    return statistics.median(rounds)


def scans(kernel: Kernel) -> list[str]:
    """The queries of a crank that look at every row of a table that can be large."""
    asked: dict[str, None] = {}

    def note(_cursor: object, sql: str, _given: object) -> bool:
        asked[sql] = None
        return True

    kernel.world.db.exec_trace = note
    try:
        measure(kernel)
        kernel.terminate("v9", "")
        while kernel.cranks.step(clean_up=100) is not None and Graveyard(kernel.world).next() is not None:
            pass
    finally:
        kernel.world.db.exec_trace = None
    found = []
    for sql in asked:
        # A table that is held whole is read once, if it has no more rows than may be held.
        held_whole = " where " not in sql and " limit " in sql
        if sql.lower().startswith(("select", "with", "update", "delete")) and not held_whole:
            marks = sql.count("?") or 1
            plan = kernel.world.db.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * _parameters(sql, marks))
            for *_, detail in plan:
                table = str(detail).removeprefix("SCAN ").split()[0]
                if str(detail).startswith("SCAN") and table not in SMALL_TABLES:
                    found.append(f"{detail}: {sql}")
    return found


def _parameters(sql: str, marks: int) -> int:
    numbered = [int(piece[0]) for piece in sql.split("?")[1:] if piece[:1].isdigit()]
    return max(numbered) if numbered else (marks if "?" in sql else 0)


def main() -> int:
    """Measure, print, and fail where the target is missed."""
    small = make(FEW_VATS, FEW_OBJECTS)
    base = measure(small)
    print(f"one crank, {FEW_VATS} vats, {FEW_OBJECTS:,} objects: {base * 1e6:7.0f} µs")
    missed = False
    for vats, objects in ((MANY_VATS, FEW_OBJECTS), (FEW_VATS, MANY_OBJECTS)):
        cost = measure(make(vats, objects))
        ratio = cost / base
        missed |= ratio > TARGET
        print(f"one crank, {vats:,} vats, {objects:,} objects: {cost * 1e6:7.0f} µs, {ratio:.2f} times")
    for line in scans(small):
        missed = True
        print(line)
    print(f"target: within {TARGET} times" + (", MISSED" if missed else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
