"""How many forks of a confined world are lived in a second, here and in other processes: `make bench`.

Each small fork sends one message that does next to nothing, so what is measured is the fork. A longer one
sends a hundred. Starting the processes is told apart, because a sweep that is long enough does not notice
it. Then two thousand forks at once, one history verified in slices, whole worlds as tasks, and what of a
world travels to another process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for what benchmarks share

from benchmarks.costs import COUNTER  # noqa: E402
from swingset.cluster import Trial, WorldTask, pools, run_worlds, sweep, sweeps, verify_history  # noqa: E402
from swingset.cluster.carrying import carry  # noqa: E402
from swingset.cluster.parcels import Remembered  # noqa: E402
from swingset.cluster.trials import Measuring, live  # noqa: E402
from swingset.cluster.variants import Variant  # noqa: E402
from swingset.host.sessions.session import Session  # noqa: E402
from swingset.host.worlds.opening import open_world  # noqa: E402
from swingset.time.replaying.verification import verify  # noqa: E402
from swingset.vat import E  # noqa: E402

FORKS = 200
LONG = 20
EACH = 100
MANY = 2_000
CRANKS = 2_000
WORLDS = 20


def measure(trial: Trial) -> Any:
    """As many messages as the variant says, one after the other."""
    for _ in range(trial.values.get("messages", 1) - 1):
        trial.wait(E(trial.root("counter")).add(1))
    return E(trial.root("counter")).add(trial.values["amount"])


def rate(session: Session, count: int, messages: int = 1, **given: Any) -> float:
    """Forks a second of a sweep in which nothing is known before."""
    sweeps._known.clear()
    variants = [{"amount": amount, "messages": messages} for amount in range(count)]
    before = time.perf_counter()
    found = sweep(session, variants, measure, **given)
    took = time.perf_counter() - before
    assert not found.failed
    return count / took


def on_threads(session: Session, count: int, threads: int) -> float:
    """Forks a second of plain threads in this process, which is what a sweep is to be held against."""
    before = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        variants = [Variant({"amount": amount}) for amount in range(count)]
        list(pool.map(lambda each: live(session.controller, each, {}, Measuring(measure)), variants))
    return count / (time.perf_counter() - before)


def numbers() -> list[int]:
    """How many processes are tried: 1, 2, and one for each core."""
    return sorted({1, 2, os.cpu_count() or 1})


def forks(count: int, longer: int, many: int) -> Iterator[str]:
    """Lines about forks."""
    with open_world(None) as world:
        world.create_vat("counter", (("counter", COUNTER),))
        session = Session(world)
        yield f"forks a second of a confined world, {count} with one message and {longer} with {EACH}:"
        here = rate(session, count, processes=0), rate(session, longer, EACH, processes=0)
        yield f"  in this process:          {here[0]:6.0f} {here[1]:6.1f}"
        for threads in numbers()[1:]:
            yield f"  on {threads} plain threads:       {on_threads(session, count, threads):6.0f}"
        for processes in numbers():
            before = time.perf_counter()
            with pools.clients(None, processes) as client:
                started = time.perf_counter() - before
                first = rate(session, count, client=client)
                then = rate(session, count, client=client), rate(session, longer, EACH, client=client)
                words = f"{started:.1f} s to start, {first:.0f} with what is loaded first"
                yield f"  in {processes:>2} processes of Dask:   {then[0]:6.0f} {then[1]:6.1f} ({words})"
                if processes == numbers()[-1]:
                    found = rate(session, many, client=client)
                    yield f"  {many:,} forks in {processes} processes: {found:6.0f}"
        yield "bytes of a world that travel to a process, and of the same world ten messages later:"
        world.checkpoint("before")
        first_rows = carry(world, past=False)[1]
        for _ in range(10):
            session.wait(E(session.root("counter")).add(1))
        world.checkpoint("later")
        manifest, rows = carry(world, past=False)
        here_before = Remembered()
        here_before.take(first_rows)
        new = here_before.lacks(manifest.manifest.named())
        yield f"  {sum(map(len, first_rows.values())):,} and {sum(len(rows[name]) for name in new):,}"


def seconds(work: Callable[[], Any]) -> float:
    """How long some work takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def histories(cranks: int, worlds: int) -> Iterator[str]:
    """Lines about a history in slices, and about whole worlds."""
    with tempfile.TemporaryDirectory(prefix="swingset-bench-") as folder:
        path = Path(folder) / "a.world"
        with open_world(path) as world:
            world.create_vat("counter", (("counter", COUNTER),))
            for number in range(cranks):
                world.queue_to_root("counter", "add", [number], policy="none")
                world.run()
        yield f"seconds to verify a history of {cranks:,} cranks in depth 4:"
        with open_world(path, look_only=True) as world:
            yield f"  in one go:                {seconds(lambda: verify(world, 4)):6.1f}"
        send = [[("counter", "add", [number])] for number in range(worlds)]
        tasks = [WorldTask(path, each) for each in send]
        lines = [f"whole worlds a second, each with that history, {worlds} of them:"]

        def run(where: str, **given: Any) -> str:
            took = seconds(lambda: run_worlds(tasks, Path(folder) / where, **given))
            return f"{worlds / took:6.1f}"

        lines.append(f"  in this process:          {run('here', processes=0)}")
        for processes in numbers():
            with pools.clients(None, processes) as client:
                verify_history(path, 3, client=client)  # so that everything is loaded
                took = seconds(lambda client=client: verify_history(path, 4, client=client))
                yield f"  in {processes:>2} processes of Dask:   {took:6.1f}"
                lines.append(f"  in {processes:>2} processes of Dask:   {run(str(processes), client=client)}")
        yield from lines


def main() -> None:
    """Print a line for each way to live forks, and then about histories and worlds."""
    for line in forks(FORKS, LONG, MANY):
        print(line, flush=True)
    for line in histories(CRANKS, WORLDS):
        print(line, flush=True)


if __name__ == "__main__":
    main()
