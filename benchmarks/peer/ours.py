"""One load on this kernel, in this process, with its state on disk:

    python benchmarks/peer/ours.py LOAD local|wasm COUNT FOLDER

prints one line of JSON, with the same names as reference.mjs prints. Vats and messages are those of `vats/`,
in Python, and nothing is configured. Times include the commit.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swingset import Ref
from swingset.host.worlds.opening import open_world

ALICE = """
from swingset.vat import E, remotable

@remotable
class Alice:
    async def in_turn(self, bob, count):
        for i in range(count):
            await E(bob).ping(i)
        return count

    async def fan_out(self, bob, count):
        answers = [E(bob).ping(i) for i in range(count)]
        for answer in answers:
            await answer
        return count

    async def hold(self, keeper, count):
        self.held = await E(keeper).make_and_export(count)
        return count

    def poke(self):
        return E(self.held[-1]).change()

def build_root_object():
    return Alice()
"""

BOB = """
from swingset.vat import remotable

@remotable
class Bob:
    def __init__(self):
        self.counted = 0

    def ping(self, i):
        self.counted += 1
        return i

    def count(self):
        return self.counted

def build_root_object():
    return Bob()
"""

KEEPER = """
from swingset.vat import BigMap, durable, provide, remotable

@durable
class Thing:
    value: int

    def change(self):
        self.value += 1
        return self.value

@remotable
class Keeper:
    def __init__(self, baggage):
        self.things = provide(baggage, "things", lambda: BigMap("things", keys=int))

    def make_and_export(self, count: int):
        return [Thing(i) for i in range(count)]

    def make(self, first: int, count: int):
        for i in range(first, first + count):
            self.things.init(i, Thing(i))

    def change(self, first: int, count: int):
        for i in range(first, first + count):
            self.things[i].change()

def build_root_object(baggage):
    return Keeper(baggage)
"""

SOURCES = {"alice": ALICE, "bob": BOB, "keeper": KEEPER}


class Load:
    """A fresh world in a file, and what is done with it."""

    def __init__(self, path: Path, worker: str) -> None:
        self.controller = open_world(path, worker=worker)

    def vat(self, name: str) -> Ref:
        """Make a vat, and answer its root."""
        self.controller.create_vat(name, ((name, SOURCES[name]),))
        return Ref(self.controller.vats.pin_root(name), name)

    def ask(self, vat: str, method: str, *args: Any) -> Any:
        """Send a message, run until nothing is left to do, and answer the result; raises where it fails."""
        return self.settle([self.controller.queue_to_root(vat, method, args)])[0]

    def settle(self, results: list[str | None]) -> list[Any]:
        """Run, and answer what each was fulfilled with; raises for one that was not."""
        self.controller.run()
        answers = []
        for result in results:
            assert result is not None
            outcome = self.controller.outcome(result)
            if outcome.status != "fulfilled":
                raise SystemExit(f"{outcome.status}: {outcome.value!r}")
            answers.append(outcome.value)
            self.controller.release(result)
        return answers


def timed(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def pingpong(world: Load, count: int, method: str = "in_turn") -> dict[str, float]:
    """Messages per second, each sent after the answer to the one before."""
    world.vat("alice")
    bob = world.vat("bob")
    world.ask("alice", method, bob, 5)
    return {"rate": count / timed(lambda: world.ask("alice", method, bob, count))}


def fanout(world: Load, count: int) -> dict[str, float]:
    """Messages per second, all sent at once."""
    return pingpong(world, count, "fan_out")


def vats(world: Load, count: int) -> dict[str, float]:
    """Milliseconds for a new vat."""
    parts = (("bob", BOB),)
    world.controller.create_vat("first", parts)

    def make() -> None:
        for number in range(count):
            world.controller.create_vat(f"v{number}", parts)

    return {"ms": timed(make) / count * 1000}


def upgrade(world: Load, count: int) -> dict[str, float]:
    """Milliseconds for the upgrade of a vat with exported durable objects, and an answer of one of them."""
    world.vat("alice")
    world.ask("alice", "hold", world.vat("keeper"), count)

    def work() -> None:
        world.controller.upgrade_vat("keeper", (("keeper", KEEPER),))
        world.ask("alice", "poke")

    return {"ms": timed(work) * 1000}


def objects(world: Load, count: int) -> dict[str, float]:
    """Durable objects made and changed per second, a hundred in each delivery."""
    world.vat("keeper")

    def work(method: str) -> None:
        queue = world.controller.queue_to_root
        world.settle([queue("keeper", method, [first, 100]) for first in range(0, count, 100)])

    return {method: count / timed(lambda method=method: work(method)) for method in ("make", "change")}


def prepare(world: Load, count: int) -> dict[str, float]:
    """Have so many deliveries made, for `start` to open."""
    world.vat("alice")
    world.ask("alice", "in_turn", world.vat("bob"), count // 2)
    return {}


LOADS = {load.__name__: load for load in (pingpong, fanout, vats, upgrade, objects, prepare)}


def measure(load: str, worker: str, count: int, folder: Path) -> dict[str, Any]:
    """Run one load, and answer its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench.world"
    begin = time.perf_counter()
    world = Load(path, worker)
    with world.controller:
        if load == "start":
            world.ask("bob", "count")
            found = {"ms": (time.perf_counter() - begin) * 1000}
        else:
            found = LOADS[load](world, count)
    return {"load": load, "worker": worker, "count": count, **found}


if __name__ == "__main__":
    name, kind, number, place = sys.argv[1:]
    print(json.dumps(measure(name, kind, int(number), Path(place))))
