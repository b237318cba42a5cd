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
import os
import pickle
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.cluster.carrying import Carried, unpacked
from swingset.cluster.outcomes import TrialOutcome
from swingset.cluster.packs import LOST, Bringer, Lacking, itself
from swingset.cluster.trials import Measuring, outcome_of
from swingset.cluster.variants import BadVariant, Variant
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.model.foreign import said
from swingset.model.visible import error_in_words, one_line

if TYPE_CHECKING:
    from distributed import Client

MOST_LOST = 20
"""How often a task is given out again whose processes have died."""


class ClusterMissing(KernelError):
    """Processes are asked for, and the extra `cluster` is not installed."""


class NotLoaded(KernelError):
    """A measure or a feed is of a module that a process of the cluster does not have."""


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
def clients(client: Client | None, processes: int | None, tasks: int | None = None) -> Iterator[Client]:
    """A client of Dask: the one that is given, or one of processes that end with it.

    Args:
        client: the one that is given.
        processes: how many there are at most, None for one for each core.
        tasks: how many tasks there are: no more processes are made than that.
    """
    package = distributed()
    if client is not None:
        yield client
        return
    many = (os.cpu_count() or 1) if processes is None else processes
    if tasks is not None:
        many = min(many, tasks)
    with ExitStack() as stack:
        cluster = stack.enter_context(
            package.LocalCluster(
                n_workers=many,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                security=True,
                silence_logs=logging.CRITICAL,
            )
        )
        # A process that dies while it starts is given up by its nanny; this starts another in its place.
        cluster.adapt(minimum=many, maximum=many, interval="500 ms")
        yield stack.enter_context(package.Client(cluster, set_as_default=False))


@contextmanager
def the_world(carried: Carried) -> Iterator[Controller | Lacking]:
    """A world that was brought into this process, or what is lacking of it.

    A process has one task at a time. With several threads they take turns.
    """
    with unpacked.lock:
        place = here()
        found = unpacked.get(carried)
        yield found if isinstance(found, Controller) else Lacking(place, carried.id, tuple(found))


def here() -> str:
    """The address of this process of a cluster, in whose folder worlds are unpacked from now on."""
    worker = distributed().get_worker()
    if unpacked.base is None:
        unpacked.base = worker.local_directory
    return str(worker.address)


def play(carried: Carried, measuring: Packed, task: Task) -> TrialOutcome | Lacking:
    """Live a variant of a world that was brought into this process.

    Args:
        carried: the world.
        measuring: has the measure, which is called in the fork.
        task: the variant.
    Raises:
        NotLoaded: if the measure cannot be loaded here.
    """
    measure: Measuring = measuring.value()
    with the_world(carried) as found:
        if isinstance(found, Lacking):
            return found
        return outcome_of(found, task.place, task.name, task.variant, task.refs, measure)


class Packed:
    """A function on its way, in bytes that are read where it is called.

    Dask reads what comes with a message as the message comes, and a process that cannot read it ends: so a
    function of a module that is not there would end one process after the other. Here it is an error of the
    task.

    To read it is to run code. So it is to read any task of Dask, this one too: these bytes come with a task,
    from whoever may give tasks, and such a one may run any code there without them. Nothing else is ever read
    so: no row, no file of a folder, and nothing of a world.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._found: list[Any] = []

    @classmethod
    def of(cls, value: Any) -> Packed:
        """Pack a value: what is of the notebook or script comes whole, as with Dask.

        So does what is of a module of which `cloudpickle` was told so, wherever it stands in the value.

        Raises:
            BadVariant: if it cannot be packed.
        """
        import cloudpickle  # type: ignore[import-untyped]  # comes with distributed

        try:
            return cls(cloudpickle.dumps(value))
        except Exception as problem:
            raise BadVariant(
                "the function cannot be sent to another process, because of something that it uses:"
                f" {error_in_words(problem, 200)}. Make that inside of the function, or say processes=0"
            ) from None

    def value(self) -> Any:
        """What was packed, read once in each process.

        Raises:
            NotLoaded: if it cannot be read here.
        """
        if not self._found:
            try:
                self._found.append(pickle.loads(self._content))
            except Exception as problem:
                raise NotLoaded(
                    "a process of the cluster cannot load the function that it is to call:"
                    f" {error_in_words(problem, 200)}. Define it in the notebook or the script, or put its"
                    " module where that process finds it"
                ) from None
        return self._found[0]

    def __reduce__(self) -> tuple[type[Packed], tuple[bytes]]:
        return Packed, (self._content,)


@dataclass(frozen=True)
class Shared:
    """Stands among the arguments of tasks for a value that they share, by its name."""

    name: str


class _SharedValues:
    """The values that tasks share. Each is itself a task, so Dask brings it once to each process."""

    def __init__(self, client: Client, values: Mapping[str, Any]) -> None:
        self._client = client
        self._values = values
        self._futures = {name: self._given(name, anew=False) for name in values}

    def _given(self, name: str, *, anew: bool = True) -> Any:
        return self._client.submit(itself, self._values[name], key=_key(name, anew=anew))

    def give_anew(self) -> None:
        """Give all of them again, because the scheduler has lost one."""
        self._futures = {name: self._given(name) for name in self._values}

    def put_in(self, arguments: Sequence[Any]) -> list[Any]:
        """Arguments with the values in the place of their names. One that Dask has given up comes anew."""
        for name in [each.name for each in arguments if isinstance(each, Shared)]:
            if self._futures[name].status in LOST:
                self._futures[name] = self._given(name)
        return [self._futures[each.name] if isinstance(each, Shared) else each for each in arguments]


def _key(name: str, *, anew: bool) -> str:
    """The name of a task of Dask. One that is given anew has another: the scheduler remembers failures."""
    return f"swingset-{name}" + (f"-{secrets.token_hex(8)}" if anew else "")


def over(
    client: Client,
    call: Callable[..., Any],
    shared: Mapping[str, Any],
    tasks: Mapping[str, Sequence[Any]],
    lost: Callable[[str, str], Any],
    bringer: Bringer | None = None,
) -> Iterator[Any]:
    """Run a call for each task on a cluster; yields what they return, as they finish.

    Args:
        client: the cluster.
        call: a pure function of the arguments of a task.
        shared: values that stand in arguments as `Shared`, by their names.
        tasks: the arguments, by the names of the tasks.
        lost: makes what is yielded for a task that no process survives, of its name and the reason.
        bringer: brings what a call returns as `Lacking`, which then is called again.
    """
    package = distributed()
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "100GB"}):
        values = _SharedValues(client, shared)
        died = dict.fromkeys(tasks, 0)
        futures: dict[Any, str] = {}

        def submit(name: str, after: Any = None, *, anew: bool = True) -> Any:
            key = _key(name, anew=anew)
            called = [call, *values.put_in(tasks[name])]
            called = called if after is None else [_after, after, *called]
            future = client.submit(*called, key=key, pure=True)
            futures[future] = name
            return future

        try:
            waiting = package.as_completed(
                [submit(name, anew=False) for name in tasks], loop=client.loop, raise_errors=False
            )
            for future in waiting:
                name, brought = futures.pop(future), None
                try:
                    found = future.result()
                    if bringer is not None and isinstance(found, Lacking):
                        brought = bringer.bring(found)
                except (package.scheduler.KilledWorker, package.client.FutureCancelledError) as problem:
                    died[name] += 1
                    words = f"its process died {died[name]} times: {one_line(said(problem), 200)}"
                    if not isinstance(problem, package.scheduler.KilledWorker):
                        values.give_anew()  # the scheduler does not know any more what the task needs
                        if bringer is not None:
                            bringer.give_anew()
                    found = lost(name, words) if died[name] == MOST_LOST else None
                if found is not None and brought is None:
                    yield found
                    continue
                waiting.add(submit(name, brought))
        finally:
            if futures:
                client.cancel(list(futures))  # type: ignore[no-untyped-call]


def _after(_brought: None, call: Callable[..., Any], *given: Any) -> Any:
    return call(*given)
