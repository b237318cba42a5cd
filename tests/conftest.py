"""What all tests share: an auditor after every crank, and stages on either kind of worker."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from swingset.core.cranks import Cranks
from swingset.testing import audit, audit_holdings
from swingset.world.file import WorldFile
from swingset.world.memory import Memory
from swingset.world.tables import TABLES
from swingset.world.unread import Unread
from tests.staging import Stage

WORKERS = ("local", "wasm")

MakeStage = Callable[..., Stage]

AUDITED_EACH = 2_000
"""A world with so many c-list entries is counted again after every crank; one of twice the size after every
second, and so on, so that a test of a large world ends."""

COMPARED_EACH = 3
"""Memory and file are compared after every third crank: what differs goes on to differ, and to compare them
the memory is written out."""

SLOW = pytest.mark.timeout(3_600)
"""How many seconds a slow sweep may take."""


def is_of_both(item: pytest.Item) -> bool:
    """Whether a confined vat runs beside a service vat that is upgraded between all steps.

    The quick tests show each of the two without the other.
    """
    chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return chosen.get("stage") == "wasm" and any(chosen.get(name) is True for name in ("admin", "clockwork"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the slow sweeps more time than other tests have."""
    for item in items:
        if is_of_both(item):
            item.add_marker("slow")
        if item.get_closest_marker("slow"):
            item.add_marker(SLOW, append=False)


IN_MEMORY, ENOUGH = Path("/dev/shm"), 2_000_000_000


def pytest_configure(config: pytest.Config) -> None:
    """Have temporary files in memory, if there is room: the worlds of tests are synced thousands of times."""
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or config.option.basetemp or not os.access(IN_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(IN_MEMORY).free >= ENOUGH:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)
        config.stash[MOVED] = True


MOVED = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Free the memory at once, unless somebody wants to see why a test has failed.

    Of such runs pytest keeps the last three.
    """
    if session.config.stash.get(MOVED, False) and exitstatus != pytest.ExitCode.TESTS_FAILED:
        config: Any = session.config
        shutil.rmtree(config._tmp_path_factory.getbasetemp(), ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files, and all tests of the browser to one, which starts one JupyterLab."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return BROWSER if file.startswith(BROWSER) else file

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


BROWSER = "tests/browser/"


def leave_out_what_is_there() -> None:
    """Free all garbage since the last time, and leave what is there out of later garbage collections.

    What is left out is never freed, so garbage must be gone before.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def swift_collector() -> None:
    """Collect what the test before has left, and only what the next one makes.

    A vat in this interpreter collects whenever its dead are brought out, and would walk each time through all
    that the tests have imported, which takes a quarter of a second.
    """
    leave_out_what_is_there()


@pytest.fixture(scope="module", autouse=True)
def clean_module() -> Iterator[None]:
    """Collect all garbage at the end of every few modules, such as that of fixtures of a module."""
    yield
    if next(_ended) % MODULES == 0:
        gc.unfreeze()
        leave_out_what_is_there()


MODULES = 30
"""After so many modules of tests all garbage is collected, which takes most of a second: all that is imported
is walked through."""

_ended = count(1)


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test write state by hand, outside of a crank and a request, as nobody else may."""

    def begin(memory: Memory) -> None:
        memory._world.begin()

    monkeypatch.setattr(Memory, "refuse_unrecorded", begin)


def misremembered(world: WorldFile) -> list[str]:
    """What memory holds of a row and is not what the file has once all is written, and what indexes miss."""
    world.flush()
    problems = []
    for name, table in TABLES.items():
        held = world.memory.of(table)
        rows = {table.key_of_row(row): row for row in world.rows(table.selecting)}
        for key, found in held.rows.items():
            row = found
            if found is not None:
                row = found.row if isinstance(found, Unread) else table.row(found)
            stored = rows.get(key)
            # A world of an earlier version may have spelled the same otherwise.
            again = table.row(table.read(world.name, stored)) if stored is not None and row != stored else row
            if row != again or (row is None) != (stored is None):
                problems.append(f"{name} {key}: {row} is held, {stored} is stored")
        if held.whole:
            missed = [key for key in rows if held.rows.get(key) is None]
            problems += [f"{name} {key}: it is stored, and not held" for key in missed]
        for columns, index in held.indexes.items() if held.whole else ():
            wanted = dict[Any, set[Any]]()
            for key, row in rows.items():
                if (value := index.value(Unread(row))) is not None:
                    wanted.setdefault(value, set()).add(key)
            for value, keys in wanted.items():
                missed = keys.difference(index.keys(*value))
                problems += [f"{name} {key}: the index of {columns} misses it" for key in missed]
    return problems


@pytest.fixture(autouse=True)
def auditor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every reference again after every crank that any test runs in this process."""
    if request.node.get_closest_marker("unaudited"):
        return
    step, left = Cranks.step, WeakKeyDictionary[Cranks, int]()

    def audited_step(kernel: Cranks, *given: Any, **named: Any) -> Any:
        report = step(kernel, *given, **named)
        left[kernel] = left.get(kernel, 0) - 1
        if report is not None and left[kernel] < 0:
            problems = audit(kernel.store) + audit_holdings(kernel.store)
            if kernel.store.counters.get("crank") % COMPARED_EACH == 0:
                problems += misremembered(kernel.world)
            assert not problems, "\n".join(problems)
            (entries,) = kernel.world.row("SELECT count(*) from clists") or (0,)
            left[kernel] = entries // AUDITED_EACH
        return report

    monkeypatch.setattr(Cranks, "step", audited_step)


@pytest.fixture
def make_stage() -> Iterator[MakeStage]:
    """Makes stages that are closed when the test ends."""
    made: list[Stage] = []

    def make(worker: str, path: Path | None = None, **options: Any) -> Stage:
        made.append(Stage(worker, path, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture(params=WORKERS)
def stage(request: pytest.FixtureRequest, make_stage: MakeStage) -> Stage:
    """A fresh world in memory, once with each kind of worker."""
    return make_stage(request.param)


@pytest.fixture
def wasm(make_stage: MakeStage) -> Stage:
    """A fresh world in memory with confined workers."""
    return make_stage("wasm")


@pytest.fixture
def local(make_stage: MakeStage) -> Stage:
    """A fresh world in memory with local workers."""
    return make_stage("local")
