"""A thousand worlds on a hundred machines, on paper: which resource is full first?

Each world is open in a process of a machine, and its truth is in one PostgreSQL database: a commit waits
until the database has it, and a machine that is lost loses no world. Nothing of it is run here. The inputs
are in `Inputs`, each with what it was measured with, or that it is assumed. First formulae say at how many
commits a second in each world a resource is full. Then commits come at random, from a seed, and queue for
cores and for the database one by one, which shows what happens to the waits on the way there.

What is printed is the same each time. `docs/design/thousand-worlds.md` has it, and says what follows.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Inputs:
    """All that goes in. Times are milliseconds of a processor, sizes are bytes."""

    worlds: int = 1_000
    machines: int = 100
    cores: int = 8  # of a machine: assumed
    crank: float = 0.61  # measured: 2,000 cranks of a confined vat in one commit
    commit: float = 2.84  # measured: a crank in a commit of its own takes 3.45
    sending: float = 0.05  # measured: what the client of the database spends on a commit
    stored: int = 1_674  # measured: changes, records and transcript of such a commit, the median
    more: int = 740  # measured: what each crank more adds to a commit of a hundred
    database: float = 0.06  # measured: the server's time for a commit and its lease, on one connection
    crowd: float = 4.0  # assumed: how many times as long with a hundred connections that meet in its locks
    database_cores: int = 16  # assumed
    logged: int = 1_972  # measured: bytes of its write-ahead log, with the lease
    disk: float = 500e6  # assumed: bytes a second that its log can take
    sync: float = 1.0  # assumed: one write that is safe; all commits that wait go with the next
    wire: float = 0.3  # assumed: from one machine to another, one way
    machine_net: float = 125e6  # assumed: 1 Gbit/s
    database_net: float = 1.25e9  # assumed: 10 Gbit/s
    image: float = 19.0  # measured: a heap image
    image_stored: int = 50_000  # measured: 42,000 to 64,000
    image_every: int = 500  # cranks: the kernel's own rule
    foreign: float = 15.0  # measured: a message to another world and its answer, both sides
    task: float = 1.0  # Dask's own figure for one task of its scheduler
    archive: int = 380_000  # measured: a world of one vat and 3,500 cranks, without its past
    opening: float = 52.0  # measured: to unpack it, open it and answer once
    lease: float = 10.0  # seconds until a lease that nobody lengthens has run out: the default


@dataclass(frozen=True)
class Load:
    """What a commit has: its cranks, and which share of them is a message to another world."""

    name: str
    cranks: int
    foreign: float = 0.0


LOADS = (
    Load("one crank a commit", 1),
    Load("100 cranks a commit", 100),
    Load("one crank, one in ten to another world", 1, 0.1),
)


def busy(given: Inputs, load: Load) -> float:
    """Milliseconds of a core of the machine for one commit."""
    cranks = load.cranks * (given.crank + given.image / given.image_every)
    return cranks + load.cranks * load.foreign * given.foreign + given.commit + given.sending


def written(given: Inputs, load: Load) -> float:
    """Bytes of a commit, with its share of the heap images."""
    return (
        given.stored + given.more * (load.cranks - 1) + load.cranks * given.image_stored / given.image_every
    )


def full_at(given: Inputs, load: Load) -> dict[str, float]:
    """At how many commits a second in each world each resource is full."""
    each = given.machines / given.worlds
    spent, size = busy(given, load), written(given, load)
    served = given.database * given.crowd * size / given.stored
    logged = size * given.logged / given.stored
    return {
        "the world itself, one commit after the other": 1000
        / (spent + 2 * given.wire + served + 1.5 * given.sync),
        "the cores of its machine": 1000 * given.cores / spent * each,
        "the network of its machine": given.machine_net / size * each,
        "the cores of the database": 1000 * given.database_cores / served / given.worlds,
        "the log of the database": given.disk / logged / given.worlds,
        "the network of the database": given.database_net / size / given.worlds,
        "Dask's scheduler, if each commit is a task": 1000 / given.task / given.worlds,
    }


# One commit after the other.


class Queue:
    """Some servers of one kind, and what waits for them."""

    def __init__(self, servers: int) -> None:
        self.free = servers
        self.servers = servers
        self.waiting: deque[int] = deque()
        self.used = 0.0


@dataclass(frozen=True)
class Lived:
    """What came of a simulation: shares of time in which things were busy, and milliseconds of commits."""

    rate: float
    done: int
    came: int
    cores: float
    database: float
    median: float
    late: float


def lived(given: Inputs, load: Load, rate: float, seconds: float) -> Lived:
    """Have commits come at random in each world, and follow each through cores, database and sync.

    Args:
        given: the inputs.
        load: what a commit has.
        rate: commits a second in each world.
        seconds: how long.
    """
    chance, end = random.Random(f"{rate}"), 1000 * seconds
    began: list[float] = []
    world_of: list[int] = []
    events: list[tuple[float, int, str, int]] = []
    for world in range(given.worlds):
        at = chance.expovariate(rate / 1000)
        while at < end:
            heapq.heappush(events, (at, len(began), "comes", len(began)))
            began.append(at)
            world_of.append(world)
            at += chance.expovariate(rate / 1000)
    machines = [Queue(given.cores) for _ in range(given.machines)]
    database = Queue(given.database_cores)
    open_worlds: dict[int, deque[int]] = {}
    spent, served = busy(given, load), given.database * given.crowd * written(given, load) / given.stored
    syncing: list[int] = []
    is_syncing, took, order = False, list[float](), len(began)

    def later(at: float, what: str, commit: int) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (at, order, what, commit))

    def enter(queue: Queue, commit: int, now: float, time: float, then: str) -> None:
        if queue.free:
            queue.free -= 1
            queue.used += time
            later(now + time, then, commit)
        else:
            queue.waiting.append(commit)

    def leave(queue: Queue, now: float, time: float, then: str) -> None:
        if queue.waiting:
            queue.used += time
            later(now + time, then, queue.waiting.popleft())
        else:
            queue.free += 1

    while events:
        now, _, what, commit = heapq.heappop(events)
        if now > end:
            break
        machine = machines[world_of[commit] % given.machines]
        if what == "comes":
            before = open_worlds.setdefault(world_of[commit], deque())
            before.append(commit)
            if len(before) == 1:
                enter(machine, commit, now, spent, "is run")
        elif what == "is run":
            leave(machine, now, spent, "is run")
            later(now + given.wire, "arrives", commit)
        elif what == "arrives":
            enter(database, commit, now, served, "is written")
        elif what == "is written":
            leave(database, now, served, "is written")
            syncing.append(commit)
            if not is_syncing:
                is_syncing = True
                later(now + given.sync, "is safe", commit)
                batch, syncing = syncing, []
        elif what == "is safe":
            for each in batch:
                later(now + given.wire, "is done", each)
            batch, syncing = syncing, []
            is_syncing = bool(batch)
            if batch:
                later(now + given.sync, "is safe", batch[0])
        else:
            took.append(now - began[commit])
            own = open_worlds[world_of[commit]]
            own.popleft()
            if own:
                enter(machine, own[0], now, spent, "is run")
    took.sort()
    cores = sum(machine.used for machine in machines) / (end * given.cores * given.machines)
    used = database.used / (end * given.database_cores)
    return Lived(rate, len(took), len(began), cores, used, took[len(took) // 2], took[len(took) * 99 // 100])


def storm(given: Inputs, machines: int) -> dict[str, float]:
    """Seconds until the worlds of some lost machines have answered elsewhere, by what they wait for."""
    moved, left = machines * given.worlds // given.machines, given.machines - machines
    return {
        "the lease": given.lease,
        "the network of the database": moved * given.archive / given.database_net,
        "the network of the machines": moved * given.archive / given.machine_net / left,
        "cores to unpack and open": moved * given.opening / 1000 / (left * given.cores),
    }


def told(given: Inputs) -> Iterator[str]:
    """All lines of the answer."""
    yield f"{given.worlds:,} worlds on {given.machines} machines of {given.cores} cores, one database"
    for load in LOADS:
        found = full_at(given, load)
        yield ""
        yield f"{load.name}: full at so many commits a second in each world"
        for what, rate in sorted(found.items(), key=lambda row: row[1]):
            yield f"  {what:46}{rate:10,.1f}"
    yield ""
    yield "one crank a commit, one after the other"
    yield "  commits/s a world   done    cores   database   median ms   99 in 100 below"
    for rate in (1, 10, 30, 60, 75):
        seconds = 0.5
        found_here = lived(given, LOADS[0], rate, seconds)
        share = found_here.done / found_here.came
        yield (
            f"  {rate:17}{share:7.0%}{found_here.cores:9.0%}{found_here.database:11.0%}"
            f"{found_here.median:12.1f}{found_here.late:18.1f}"
        )
    yield ""
    yield "machines lost at once: seconds until their worlds answer elsewhere"
    for machines in (1, 20, 50):
        parts = ", ".join(f"{what} {seconds:.2f}" for what, seconds in storm(given, machines).items())
        yield f"  {machines:3}: {parts}"


def main() -> None:
    """Print it."""
    for line in told(Inputs()):
        print(line)


if __name__ == "__main__":
    main()
