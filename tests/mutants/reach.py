"""Which tests execute which lines, and how long each takes.

A fault is shown only to tests that go where it stands, those first that take least time. That is measured for
each file of tests, and kept until it or a source changes. What runs inside the engine is not seen: modules of
the guest are looked at where the same code runs in this process.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage

from .planting import Fault
from .tables import LEFT_OUT, Area
from .trial import NOT_CONFINED, ROOT, Copy, forked, pytest_upon

MOST_SECONDS = 10.0
"""Tests that take longer are not shown any fault."""


@dataclass
class Test:
    """One test: the time it takes, and the lines of each module that it executes."""

    seconds: float = 0.0
    lines: dict[str, set[int]] = field(default_factory=dict)


class Reach:
    """What all tests of some files execute of some modules."""

    def __init__(self, tests: dict[str, Test], sources: dict[str, bytes]) -> None:
        self.tests = tests
        self._words = {module: _uses(text) for module, text in sources.items()}
        self._on: dict[tuple[str, int], list[str]] = defaultdict(list)
        for name, test in tests.items():
            for module, lines in test.lines.items():
                for line in lines:
                    self._on[module, line].append(name)

    def of(self, fault: Fault, files: tuple[str, ...], most: float) -> list[str]:
        """Tests of these files that go where the fault stands, quick ones first, for so many seconds."""
        places = [(fault.module, line) for line in range(fault.near[0], fault.near[1] + 1)]
        for name in fault.names:
            for module, words in self._words.items():
                places += [(module, line) for line in words.get(name, ())]
        found = {name for place in places for name in self._on.get(place, ()) if _is_in(name, files)}
        if not found:  # it is executed by the import alone, or by nobody
            found = {n for n, test in self.tests.items() if fault.module in test.lines and _is_in(n, files)}
        chosen, spent = [], 0.0
        for name in _spread(found, self.tests):
            spent += self.tests[name].seconds
            if spent > most and chosen:
                break
            chosen.append(name)
        return chosen

    def slowest(self, names: Iterable[str]) -> float:
        """How long the slowest of these takes."""
        return max(self.tests[name].seconds for name in names)


def _is_in(name: str, files: tuple[str, ...]) -> bool:
    file = name.partition("::")[0]
    return any(file == entry or file.startswith(entry.rstrip("/") + "/") for entry in files)


def _spread(names: set[str], tests: dict[str, Test]) -> list[str]:
    """Quick ones first, and early cases of a function a little before its later ones."""
    by_function: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names, key=lambda name: (tests[name].seconds, name)):
        by_function[name.partition("[")[0]].append(name)
    ranked = [
        ((20 + rank) * (0.02 + tests[name].seconds), name)
        for group in by_function.values()
        for rank, name in enumerate(group)
    ]
    return [name for _, name in sorted(ranked)]


def _uses(text: bytes) -> dict[str, list[int]]:
    """The lines on which a module says each name."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(text.decode().splitlines(), 1):
        for word in set(re.findall(r"\w+", line)):
            found[word].append(number)
    return found


def measure(copy: Copy, areas: Iterable[Area], sources: dict[str, bytes], folder: Path) -> Reach:
    """Run those files of tests that were not measured with these sources yet."""
    common = hashlib.sha256(b"".join(path.read_bytes() for path in _all_sources()))
    kept = folder / "reach"
    kept.mkdir(parents=True, exist_ok=True)
    files = sorted({file for area in areas for file in files_of(area.tests)})
    paths = {file: kept / f"{_key(common, file)}.json" for file in files}
    stale = {file: path for file, path in paths.items() if not path.exists()}
    if stale:
        print(f"measuring what the tests of {len(stale)} files execute", flush=True)
        _measure(copy, stale, sources)
    tests: dict[str, Test] = {}
    for path in paths.values():
        for name, (seconds, lines) in json.loads(path.read_text()).items():
            if seconds <= MOST_SECONDS:
                tests[name] = Test(seconds, {module: _bits(text) for module, text in lines.items()})
    return Reach(tests, sources)


def _measure(copy: Copy, stale: dict[str, Path], sources: dict[str, bytes]) -> None:
    def run() -> int:
        left_out = [f"--deselect={name}" for name in LEFT_OUT]
        watch = _Watch(copy.folder, list(sources), stale)
        try:
            return pytest_upon(copy.folder, ["-k", NOT_CONFINED, *left_out, *stale], [watch])
        finally:
            watch.keep()

    output = copy.folder.parent / "measured"
    if forked(run, 3_600, output) not in (0, 1):
        raise SystemExit(f"the tests do not run:\n{output.read_text()[-4_000:]}")
    for path in stale.values():
        if not path.exists():  # all its tests are left out
            path.write_text("{}")
    for line in output.read_text().splitlines():
        if line.startswith(("FAILED", "ERROR")):
            print(f"{line}\n  fails without any fault, and is shown none", flush=True)


class _Watch:
    """Tells coverage which test runs, and keeps what each file's tests executed when they are done."""

    def __init__(self, folder: Path, modules: list[str], paths: dict[str, Path]) -> None:
        self._cov: Any = None
        self._folder = folder
        self._modules = [str(folder / module) for module in modules]
        self._paths = paths
        self._file = ""
        self._began = 0.0
        self._took: dict[str, float] = {}
        self._failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        if file != self._file:
            self.keep()
            self._file = file
            self._cov = coverage.Coverage(
                data_file=None, config_file=False, include=self._modules, messages=False
            )
            self._cov.start()
        self._cov.switch_context(nodeid)
        self._began = time.process_time()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._took[nodeid] = time.process_time() - self._began

    def keep(self) -> None:
        """Write down what the tests of one file did."""
        if self._cov is None:
            return
        self._cov.stop()
        data = self._cov.get_data()
        lines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for path in data.measured_files():
            module = Path(path).relative_to(self._folder).as_posix()
            for line, names in data.contexts_by_lineno(path).items():
                for name in names:
                    lines[name][module] |= 1 << line
        found = {
            name: [round(took, 4), {module: f"{bits:x}" for module, bits in lines[name].items()}]
            for name, took in self._took.items()
            if name not in self._failed
        }
        if self._file in self._paths:
            self._paths[self._file].write_text(json.dumps(found))
        self._took, self._cov = {}, None


def _bits(text: str) -> set[int]:
    bits = int(text, 16)
    return {line for line in range(bits.bit_length()) if bits >> line & 1}


def files_of(entries: Iterable[str]) -> set[str]:
    """The files of tests that files and folders stand for."""
    found: set[str] = set()
    for entry in entries:
        path = ROOT / entry
        if not path.exists():
            raise SystemExit(f"{entry} is in a table of tests/mutants and is not there")
        names = [path] if path.is_file() else path.rglob("test_*.py")
        found |= {name.relative_to(ROOT).as_posix() for name in names}
    return found


def _all_sources() -> list[Path]:
    return sorted(path for name in ("kernel", "swingset_nb") for path in (ROOT / name).rglob("*.py"))


def _key(common: Any, file: str) -> str:
    state = common.copy()
    path = ROOT / file
    for other in [ROOT / "tests" / "conftest.py", path.parent / "conftest.py", path]:
        state.update(other.read_bytes() if other.exists() else b"")
    state.update(file.encode())
    return f"{path.stem}-{state.hexdigest()[:24]}"
