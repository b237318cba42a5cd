"""A workload that follows from its step number alone, so that any process knows what a commit must hold.

Run as a program it works on a world file until it is killed: at a moment of the killer's choosing, or
by its own hand at the step that it is told.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys

from swingset.model.heap import HEAP_PAGE, HeapImage
from swingset.world import WorldFile


def page(seed: object) -> bytes:
    """A page of memory that compresses about as well as a real one."""
    return hashlib.sha256(str(seed).encode()).digest() * 4 + bytes(HEAP_PAGE - 128)


def crank(world: WorldFile, number: int) -> None:
    """One crank's worth of writes: state, transcript, now and then a heap snapshot and an abort."""
    world.begin_crank()
    world.execute(
        "INSERT INTO counters VALUES('crank', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        (number,),
    )
    for lane in range(3):
        world.execute(
            "INSERT OR REPLACE INTO vatstore VALUES('v1', ?, ?)",
            (f"key{(number * 7 + lane) % 40}", "x" * number),
        )
    world.execute("INSERT OR REPLACE INTO queue VALUES(?, ?, null)", (number, f"item {number}"))
    world.execute("DELETE FROM queue WHERE seq = ?", (number - 5,))
    if number % 4 == 3:
        world.rollback_crank()
        world.begin_crank()
        world.execute("UPDATE counters SET value = ? WHERE name = 'crank'", (number,))
    row = world.row("SELECT hash, snapshot FROM spans WHERE vat = 'v1'")
    last, snapshot = row if row else (None, None)
    last = world.transcripts.append("v1", 1, number, number, last, {"delivery": number})
    if number % 5 == 0:
        heap = HeapImage("base", 64 * HEAP_PAGE, {0: page("same"), 1: page(number)})
        snapshot = world.heaps.save("v1", heap)
    span(world, number + 1, last, snapshot)
    world.release_crank()


def span(world: WorldFile, position: int, last: str | None, snapshot: str | None) -> None:
    """Say what vat v1's current span is."""
    world.execute(
        "INSERT OR REPLACE INTO spans"
        "(vat, incarnation, incarnation_start, start, position, hash, snapshot, computrons) "
        "VALUES('v1', 1, 0, 0, ?, ?, ?, 0)",
        (position, last, snapshot),
    )


def at(world: WorldFile) -> int:
    """The crank that a world stands at."""
    row = world.row("SELECT value FROM counters WHERE name = 'crank'")
    return int(row[0]) if row else 0


def work(world: WorldFile, cranks: int, per_commit: int = 2) -> None:
    """Bring a world to this crank, from wherever it stands."""
    for number in range(at(world) + 1, cranks + 1):
        crank(world, number)
        if number % per_commit == 0 or number == cranks:
            world.commit(f"to crank {number}")


def check(world: WorldFile) -> None:
    """All bulk that the state names is in the file and is what it says it is."""
    row = world.row("SELECT hash, snapshot FROM spans WHERE vat = 'v1'")
    if row is not None:
        entries = world.transcripts.read(row[0])
        assert entries == [{"delivery": number} for number in range(1, at(world) + 1)]
        if row[1] is not None:
            assert world.heaps.load(row[1]).pages[0] == page("same")


def expected(cranks: int) -> str:
    """The digest of a world that was never interrupted on its way to this crank."""
    with WorldFile.open(None) as world:
        work(world, cranks)
        return world.digest()


def _die_at(world: WorldFile, step: int) -> None:
    passed = 0

    def fault(name: str) -> None:
        nonlocal passed
        passed += 1
        if passed == step:
            os.kill(os.getpid(), signal.SIGKILL)

    world.faults = fault


def main(path: str, cranks: int, step: int) -> None:
    """Work, telling each commit once it is durable."""
    world = WorldFile.open(path)
    if step:
        _die_at(world, step)
    for number in range(at(world) + 1, cranks + 1):
        crank(world, number)
        if number % 2 == 0 or number == cranks:
            world.commit()
            print(number, flush=True)
    world.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
