"""What a message to another world costs: `python benchmarks/wires.py`.

Two worlds in two processes, each in a file: one has a vat that sends, the other one that answers. They are
joined by a Unix socket and by a WebSocket; beside them stands the same between two vats of one world. `in
turn` waits for each answer before the next message, `at once` sends all and then waits for the answers. Where
Spritely Goblins is installed (`make peer-goblins`), two processes of it do the same over plain TCP.

Wall time on a busy machine says little, so the processor's time of both processes stands beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the other peer, which tests know how to start

from benchmarks.costs import Cost, cost, middle  # noqa: E402
from swingset.host.base.engines import WorkerKind  # noqa: E402
from swingset.host.worlds.controller import Controller  # noqa: E402
from swingset.host.worlds.opening import open_world  # noqa: E402
from swingset.model.capdata import Ref  # noqa: E402
from swingset.net.locators import sturdyref_uri  # noqa: E402
from tests.net.goblins.process import Goblins, installed  # noqa: E402
from tests.net.wellknown import ECHO  # noqa: E402

RUNS = 3
IN_TURN, AT_ONCE = 200, 1_000
PATIENCE = 600.0

ALICE = """
from swingset.vat import E, remotable

@remotable
class Alice:
    async def in_turn(self, bob, count):
        for number in range(count):
            await E(bob).ping(number)

    async def at_once(self, bob, count):
        for answer in [E(bob).ping(number) for number in range(count)]:
            await answer

def build_root_object():
    return Alice()
"""

BOB = """
from swingset.vat import remotable

@remotable
class Bob:
    def ping(self, number):
        return number

def build_root_object():
    return Bob()
"""


class Loads(NamedTuple):
    """What was measured over one wire."""

    in_turn: Cost
    at_once: Cost


def serve(path: str, worker: WorkerKind, transport: str, pipe: Connection) -> None:
    """The other process: give out an object, and answer until it is told to end."""
    with open_world(path, worker=worker) as world:
        world.create_vat("bob", (("bob", BOB),))
        world.net.listen(transport)
        pipe.send(world.net.share(world.vats.root("bob")))
        while True:
            if pipe.poll():
                if pipe.recv() == "end":
                    return
                pipe.send(time.process_time())
            world.net.wait(0.02)
            world.net.pump()


@contextmanager
def served(folder: str, worker: WorkerKind, transport: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """The string for an object of another process, and what asks that for its time of the processor."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (os.path.join(folder, "bob.world"), worker, transport, theirs)
    process = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
    process.start()

    def used() -> float:
        ours.send("processor")
        found: float = ours.recv()
        return found

    try:
        yield ours.recv(), used
    finally:
        ours.send("end")
        process.join()


def asked(world: Controller, vat: str, method: str, *args: Any) -> None:
    """Have a vat do something, and wait until it is done."""
    kref = world.queue_to_root(vat, method, list(args))
    assert kref is not None
    world.net.settle(kref, PATIENCE)
    if world.status(kref) != "fulfilled":
        raise SystemExit(f"{vat}.{method}: {world.status(kref)}, {world.resolution(kref)}")
    world.release(kref)


def loads(world: Controller, bob: Ref, used: Callable[[], float]) -> Loads:
    """Both loads, once all is warm."""

    def each(method: str, count: int) -> Cost:
        return cost(lambda: asked(world, "alice", method, bob, count), count, used)

    asked(world, "alice", "in_turn", bob, 5)
    return Loads(each("in_turn", IN_TURN), each("at_once", AT_ONCE))


def inside(worker: WorkerKind) -> Loads:
    """Between two vats of one world."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_world(Path(folder) / "a.world", worker=worker) as world,
    ):
        world.create_vat("alice", (("alice", ALICE),))
        world.create_vat("bob", (("bob", BOB),))
        return loads(world, Ref(world.vats.root("bob"), "bob"), time.process_time)


def between(worker: WorkerKind, transport: str) -> Loads:
    """Between two worlds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(folder, worker, transport) as (uri, theirs),
        open_world(Path(folder) / "alice.world", worker=worker) as world,
    ):
        world.create_vat("alice", (("alice", ALICE),))
        world.net.listen(transport)
        promise = world.net.fetch(uri)
        world.net.settle(promise)
        return loads(world, world.resolution(promise), lambda: time.process_time() + theirs())


def goblins() -> Loads:
    """Between two processes of Goblins, which we only tell to begin."""
    peers = [Goblins("first"), Goblins("second")]

    def used() -> float:
        return sum(_processor(peer.process.pid) for peer in peers)

    def fetched(world: Controller, peer: Goblins, swissnum: bytes) -> Ref:
        promise = world.net.fetch(sturdyref_uri(peer.here, swissnum))
        world.net.settle(promise)
        found: Ref = world.resolution(promise)
        return found

    try:
        with open_world(None) as world:
            world.net.listen("tcp-testing-only")
            echo = fetched(world, peers[1], ECHO)

            def each(swissnum: bytes, count: int) -> Cost:
                sender = fetched(world, peers[0], swissnum)

                def called(count: int) -> None:
                    kref = world.queue_to_object(sender.kref, "call", [echo, count])
                    assert kref is not None
                    world.net.settle(kref, PATIENCE)
                    if world.resolution(kref) is not True:
                        raise SystemExit(f"Goblins: {world.resolution(kref)}")

                called(20)
                return cost(lambda: called(count), count, used)

            return Loads(each(b"in-turn".ljust(32, b"-"), IN_TURN), each(b"at-once".ljust(32, b"-"), AT_ONCE))
    finally:
        for peer in peers:
            peer.close()


def _processor(pid: int) -> float:
    """Seconds of the processor that a process has used; where Goblins runs, there is `/proc`."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def median(measure: Callable[[], Loads]) -> Loads:
    """The medians of three runs, each figure by itself."""
    runs = [measure() for _ in range(RUNS)]

    return Loads(middle(run.in_turn for run in runs), middle(run.at_once for run in runs))


def rows() -> Iterator[tuple[str, Loads | None]]:
    """What is measured, as it comes."""
    workers: tuple[WorkerKind, ...] = ("wasm", "local")
    for worker in workers:
        yield f"{worker}: inside one world", median(partial(inside, worker))
        for transport, words in (("unix", "a Unix socket"), ("websocket", "a WebSocket")):
            yield f"{worker}: two worlds, {words}", median(partial(between, worker, transport))
    yield "Goblins to Goblins, plain TCP", median(goblins) if installed() else None


def shown(cost: Cost) -> str:
    """A cost as it stands in the table."""
    return f"{1_000 / cost.wall:,.0f}/s, {cost.processor:.2f} ms"


def main() -> None:
    """Print a line for each wire."""
    print("round trips a second, and milliseconds of the processor for each, of all processes together")
    print(f"medians of {RUNS}; load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':36}{f'{IN_TURN} in turn':>24}{f'{AT_ONCE:,} at once':>24}")
    for what, found in rows():
        if found is None:
            print(
                f"{what:36}skipped: Spritely Goblins is not installed, or this is not root: make peer-goblins"
            )
        else:
            print(f"{what:36}{shown(found.in_turn):>24}{shown(found.at_once):>24}", flush=True)


if __name__ == "__main__":
    main()
