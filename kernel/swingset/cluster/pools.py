"""The processes that forks run in: this one, some of this machine, or those of a Dask cluster.

Processes of this machine are a cluster too, `LocalCluster`, made for one sweep and closed after it. It
listens on the loopback address only, and speaks TLS with keys made for it, because whoever may give it tasks
may run code.

A process that dies takes no outcome with it: what it had not returned is run by another. Dask gives up a task
whose processes die again and again; such a task is given to it anew `MOST_LOST` times, and then it is the
task's own fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.cluster.carrying import Carried, unpacked
from swingset.cluster.outcomes import TrialOutcome
from swingset.cluster.packs import Bringer, Lacking
from swingset.cluster.trials import Measure, outcome_of
from swingset.cluster.variants import Variant
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.model.visible import one_line

if TYPE_CHECKING:
    from distributed import Client

MOST_LOST = 20
"""How often a task is given out again whose processes have died."""


class ClusterMissing(KernelError):
    """Processes are asked for, and the extra `cluster` is not installed."""


@dataclass(frozen=True)
class Task:
    """One variant to be lived: its number, the name of the task, and what is other."""

    place: int
    name: str
    variant: Variant
    refs: Mapping[str, str]


def distributed() -> Any:
    """The package that runs tasks in other processes.

    Raises:
        ClusterMissing: if it is not installed.
    """
    try:
        import distributed as found
    except ImportError:
        raise ClusterMissing(
            "other processes need the extra cluster: pip install 'swingset-nb[cluster]'."
            " `processes=0` runs everything in this process"
        ) from None
    return found


@contextmanager
def clients(client: Client | None, processes: int) -> Iterator[Client]:
    """A client of Dask: the one that is given, or one of processes that end with it."""
    package = distributed()
    if client is not None:
        yield client
        return
    with ExitStack() as stack:
        cluster = stack.enter_context(
            package.LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                security=True,
                silence_logs=logging.CRITICAL,
            )
        )
        # A process that dies while it starts is given up by its nanny; this starts another in its place.
        cluster.adapt(minimum=processes, maximum=processes, interval="500 ms")
        yield stack.enter_context(package.Client(cluster, set_as_default=False))


@contextmanager
def the_world(carried: Carried) -> Iterator[Controller | Lacking]:
    """A world that was brought into this process, or what is lacking of it.

    A process has one task at a time. With several threads they take turns.
    """
    worker = distributed().get_worker()
    with unpacked.lock:
        if unpacked.base is None:
            unpacked.base = worker.local_directory
        found = unpacked.get(carried)
        yield found if isinstance(found, Controller) else Lacking(worker.address, tuple(found))


def play(carried: Carried, measure: Measure, task: Task) -> TrialOutcome | Lacking:
    """Live a variant of a world that was brought into this process.

    Args:
        carried: the world.
        measure: called in the fork.
        task: the variant.
    """
    with the_world(carried) as found:
        if isinstance(found, Lacking):
            return found
        return outcome_of(found, task.place, task.name, task.variant, task.refs, measure)


def over(
    client: Client,
    call: Callable[..., Any],
    shared: Sequence[tuple[str, Any]],
    tasks: Mapping[str, tuple[Any, ...]],
    lost: Callable[[str, str], Any],
    bringer: Bringer | None = None,
) -> Iterator[Any]:
    """Run a call for each task on a cluster; yields what they return, as they finish.

    What they share is itself a task, so Dask brings it once to each process, and again where it was lost.

    Args:
        client: the cluster.
        call: a pure function of what is shared and of a task's own arguments.
        shared: the first arguments of each call, with names for them.
        tasks: the other arguments, by the names of the tasks.
        lost: makes what is yielded for a task that no process survives, of its name and the reason.
        bringer: brings what a call returns as `Lacking`, which then is called again.
    """
    package = distributed()
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "100GB"}):
        common = [client.submit(_itself, value, key=f"swingset-{name}") for name, value in shared]
        given, died = dict.fromkeys(tasks, 0), dict.fromkeys(tasks, 0)
        futures = {_submit(client, [call, *common, *tasks[name]], name): name for name in given}
        try:
            waiting = package.as_completed(futures, loop=client.loop, raise_errors=False)
            for future in waiting:
                name, brought = futures.pop(future), None
                try:
                    found = future.result()
                    if bringer is not None and isinstance(found, Lacking):
                        brought = bringer.bring(found)
                except (package.scheduler.KilledWorker, package.client.FutureCancelledError) as problem:
                    died[name] += 1
                    words = f"its process died {died[name]} times: {one_line(type(problem).__name__, 60)}"
                    found = lost(name, words) if died[name] == MOST_LOST else None
                if found is not None and brought is None:
                    yield found
                    continue
                given[name] += 1
                again = _submit(client, [call, *common, *tasks[name]], name, given[name], brought)
                futures[again] = name
                waiting.add(again)
        finally:
            client.cancel([*futures, *common])  # type: ignore[no-untyped-call]


def _submit(client: Client, called: Sequence[Any], name: str, times: int = 0, after: Any = None) -> Any:
    # A new name, because the scheduler remembers that the last one has failed.
    key = f"swingset-{name}" + (f"-{times}" if times else "")
    if after is None:
        return client.submit(*called, key=key, pure=True)
    return client.submit(_after, after, *called, key=key, pure=True)


def _after(_brought: None, call: Callable[..., Any], *given: Any) -> Any:
    return call(*given)


def _itself(value: Any) -> Any:
    return value
