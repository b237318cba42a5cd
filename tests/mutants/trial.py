"""Tests that are run in a process of their own, upon a copy of the tree.

The process is forked from one that has imported what the tests import from elsewhere, so that it begins at
once, and never this project, so that it imports the copy. What a fault can do to a test is bounded: computing
time, memory and, for one that waits, time. The limits are on computing time first, for a machine may be busy.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
WARM = ("pytest", "hypothesis", "apsw", "zstandard", "wasmtime", "numpy", "asyncio", "sqlite3", "coverage")
COPIED = ("kernel", "swingset_nb", "tests", "docs", "notebooks", "benchmarks")
NOT_CONFINED = "not wasm"
"""Tests that do not name the engine's worker: a guest library with a fault in it is baked anew for each."""
LEAST_SECONDS = 4
COLLECTING = 60
MOST_WAITED = 900
MOST_MEMORY = 6 << 30


@dataclass(frozen=True)
class Outcome:
    """How a run of tests ended: `passed`, `failed`, `hung`, or `broken` where none could be collected."""

    state: str
    by: str
    """The first test that failed, or what there is to say instead."""

    @property
    def noticed(self) -> bool:
        """Whether the tests told the fault from the sources as they are."""
        return self.state != "passed"


class Copy:
    """A copy of the tree in which faults are planted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        leave = shutil.ignore_patterns("__pycache__", ".*", "*.world-*")
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=leave)
        for path in ROOT.iterdir():
            if path.is_file():
                shutil.copy2(path, folder / path.name)

    def remove(self) -> None:
        """Delete the copy and what was said about it."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    @contextmanager
    def planted(self, module: str, text: bytes) -> Any:
        """Have another text in the place of a module meanwhile."""
        path = self.folder / module
        before = path.read_bytes()
        try:
            self._write(path, text)
            yield
        finally:
            self._write(path, before)

    def _write(self, path: Path, text: bytes) -> None:
        path.write_bytes(text)
        # Compiled code is told apart by second and size, which two texts may share.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    def try_tests(self, tests: Iterable[str], slowest: float, only: str = NOT_CONFINED) -> Outcome:
        """Run tests until one fails; `slowest` is how many seconds of computing one takes otherwise.

        `only` is what their names say.
        """
        said = self.folder.parent / "failed"
        said.unlink(missing_ok=True)
        seconds = int(LEAST_SECONDS + 4 * slowest)

        def run() -> int:
            limit(COLLECTING)
            return pytest_upon(self.folder, ["-x", "-k", only, *tests], [_Listener(said, seconds)])

        status = forked(run, MOST_WAITED, self.folder.parent / "output")
        by = said.read_text() if said.exists() else ""
        if status in (0, 5):  # 5: none of that name
            return Outcome("passed", "")
        if status == 1:
            return Outcome("failed", by)
        if status in (2, 3, 4):
            return Outcome("broken", by or "no test could be collected")
        return Outcome("hung", "more time or memory than tests take")


class _Listener:
    """Writes down the first test that fails, and gives each so many seconds of computing."""

    def __init__(self, path: Path, seconds: int) -> None:
        self._path = path
        self._seconds = seconds

    def pytest_runtest_logstart(self) -> None:
        limit(int(time.process_time()) + 1 + self._seconds)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self._path.exists():
            self._path.write_text(report.nodeid)


def warm_up() -> None:
    """Import what forked processes will have."""
    for name in WARM:
        with suppress(ImportError):
            importlib.import_module(name)


def limit(seconds: int) -> None:
    """Bound what this process and its children may take."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def pytest_upon(folder: Path, arguments: list[str], plugins: list[Any]) -> int:
    """Run pytest in this process upon the copy, and answer how it ended."""
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("tests", "swingset", "swingset_nb")
    ]:
        del sys.modules[name]
    kernel = str(folder / "kernel")
    os.chdir(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([kernel, str(folder)])
    sys.path[:] = [kernel, str(folder), *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("planted", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("planted")
    quiet = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:xdist"]
    quick = ["--timeout=120", "-m", "not slow and not browser"]
    return int(pytest.main([*quiet, *quick, *arguments], plugins=plugins))


def forked(run: Callable[[], int], wait: float, output: Path) -> int:
    """Run a function in a process of its own, and answer its number; below zero where it was ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        number = 99
        try:
            os.setsid()
            handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            number = run()
            sys.stdout.flush()
        finally:
            os._exit(number)
    end = time.monotonic() + wait
    pause = 0.005
    while True:
        found, status, _ = os.wait4(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status, _ = os.wait4(child, 0)
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it has left behind
    return os.waitstatus_to_exitcode(status)
