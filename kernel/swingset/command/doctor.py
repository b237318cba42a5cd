"""The subcommands `doctor` and `demo`: does it work on this machine, and what does it look like?

`doctor` tries what can be tried without changing anything: it makes a world in a temporary folder, sends a
message to a vat, upgrades it, and opens the file again. It compiles no engine unless it is asked to, because
that takes minutes on a slow machine. Each finding is a line; one that is not good is followed by its cure.

Packages are looked up by their installed versions and never imported: the doctor has to work where they do
not.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import apsw

from swingset.command.adding import AddCommand
from swingset.core.errors import KernelError
from swingset.guest.sending.eventual import E
from swingset.host.opening import open_world
from swingset.host.saying import say
from swingset.host.session import Session
from swingset.workers.base import WorkerError
from swingset.world.descriptors import HAS_LOCKS
from swingset.world.errors import WorldError

DONE, PROBLEM = 0, 1
MEGABYTES = 300
"""How much room an engine takes in the cache."""

Grade = Literal["good", "missing", "broken"]
"""`missing` is what the project works without; `broken` is what it does not work without."""

_SIGNS: dict[Grade, str] = {"good": "ok", "missing": "--", "broken": "NO"}

_TRIED = """
from swingset.vat import remotable

@remotable
class Patient:
    def answer(self) -> int:
        return {answer}

def build_root_object():
    return Patient()
"""

_OPTIONAL = {
    "jupyterlab": "the notebook's page: pip install 'swingset-nb[lab]'",
    "debugpy": "an editor's debugger on past messages: pip install 'swingset-nb[debug]'",
    "pandas": "tables as data frames: pip install 'swingset-nb[pandas]'",
    "opentelemetry-sdk": "histories as spans: pip install 'swingset-nb[otel]'",
    "psycopg": "mirrors in PostgreSQL: pip install 'swingset-nb[postgres]'",
}
_PROGRAMS = {
    ("chromium", "chromium-browser"): "the tests that drive a browser: apt-get install chromium",
    ("node",): "the tests of the panels' JavaScript, and `make bench-peer`: install Node 20",
}


@dataclass(frozen=True)
class Finding:
    """What one look found: of what, how it stands, in words, and how to mend it if it is not good."""

    of: str
    grade: Grade
    words: str
    cure: str = ""

    def lines(self) -> Iterator[str]:
        """The finding as lines."""
        yield f"{_SIGNS[self.grade]}  {self.of:<18} {self.words}"
        if self.cure:
            yield f"    {'':<18} {self.cure}"


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    doctor = command(
        "doctor", _doctor, "say what works on this machine, and how to mend what does not", opens=False
    )
    doctor.add_argument(
        "--folder", default=".", metavar="PATH", help="where worlds are to be kept (here); nothing stays"
    )
    doctor.add_argument(
        "--prepare", action="store_true", help="compile the vat engine if it was never compiled here"
    )
    command("demo", _demo, "run the quickstart notebook for real, and print it", opens=False)


def examine(folder: Path, *, prepare: bool = False) -> Iterator[Finding]:
    """Look at everything, one after the other.

    Args:
        folder: where worlds are to be kept; a world is made there, and removed.
        prepare: whether to compile the engine if it was never compiled on this machine.
    """
    yield Finding("Python", "good", f"{platform.python_version()} on {sys.platform} {platform.machine()}")
    yield Finding("SQLite", "good", f"{apsw.sqlite_lib_version()}, its own by apsw {version('apsw')}")
    yield _of_cache()
    compiled = _of_engine("lean", prepare)
    yield compiled
    for flavour in ("numpy", "pandas", "full"):
        yield _of_engine(flavour, False)
    yield from _of_worlds(folder, runs=compiled.grade == "good")
    yield from _of_packages()
    for names, use in _PROGRAMS.items():
        found = next((name for name in names if shutil.which(name)), None)
        yield Finding(names[0], "good", "found") if found else Finding(names[0], "missing", f"only for {use}")


def _of_cache() -> Finding:
    # Imported late, here and below: the doctor tells of an engine that is not installed whole.
    try:
        from swingset.workers.wasm.cache import CACHE_VARIABLE, cache_folder

        folder = cache_folder()
        free = shutil.disk_usage(folder).free // 1_000_000
    except (ImportError, OSError, WorkerError) as problem:
        return Finding("cache", "broken", str(problem), "point $SWINGSET_CACHE at a folder of your own")
    if free < MEGABYTES:
        cure = f"free {MEGABYTES:,} MB, or point ${CACHE_VARIABLE} elsewhere"
        return Finding("cache", "broken", f"{folder}: {free:,} MB free", cure)
    return Finding("cache", "good", f"{folder}: {free:,} MB free")


def _of_engine(flavour: str, prepare: bool) -> Finding:
    of = f"engine {flavour}"
    option = "" if flavour == "lean" else f" --worker wasm-{flavour}"
    cure = f"the first vat compiles it, or now: python -m swingset.workers.wasm{option}"
    try:
        from swingset.workers.wasm import is_compiled, prepare_engine

        if not is_compiled(flavour):
            if not prepare:
                return Finding(of, "missing", "never compiled on this machine", cure)
            prepare_engine(flavour)
        return Finding(of, "good", "compiled")
    except (ImportError, OSError, WorkerError) as problem:
        cure = "pip install --force-reinstall swingset-nb; until then, worlds with local vats work"
        return Finding(of, "broken", str(problem), cure)


def _of_worlds(folder: Path, *, runs: bool) -> Iterator[Finding]:
    """Make a world, and let it do what worlds do."""
    try:
        with tempfile.TemporaryDirectory(prefix=".swingset-doctor-", dir=folder) as made:
            path = Path(made) / "patient.world"
            yield _of_locks(folder, path)
            if runs:
                yield _of_vats(path)
    except OSError as problem:
        cure = "choose another folder: swingset doctor --folder PATH"
        yield Finding("worlds", "broken", f"{folder.resolve()}: {problem.strerror or problem}", cure)


def _of_locks(folder: Path, path: Path) -> Finding:
    try:
        open_world(path, workers=False).close()
    except (KernelError, WorldError, WorkerError) as problem:
        return Finding("worlds", "broken", str(problem), "keep worlds on a local disk")
    words = f"can be kept in {folder.resolve()}"
    if not HAS_LOCKS:
        return Finding(
            "worlds", "missing", f"{words}; this system has no locks of open files", "keep one name per world"
        )
    return Finding("worlds", "good", f"{words}, and locked")


def _of_vats(path: Path) -> Finding:
    try:
        with open_world(path) as world:
            session = Session(world)
            patient = session.define("patient", _TRIED.format(answer=1))
            before = session.wait(E(patient).answer())
            session.upgrade("patient", "patient", _TRIED.format(answer=2))
        with open_world(path) as world:
            session = Session(world)
            after = session.wait(E(session.root("patient")).answer())
    except (KernelError, WorldError, WorkerError) as problem:
        return Finding("vats", "broken", str(problem), "please report it, with this line")
    if (before, after) != (1, 2):
        return Finding("vats", "broken", f"answered {before} and {after}, not 1 and 2", "please report it")
    return Finding("vats", "good", "answered, were upgraded, and came back from their file")


def _of_packages() -> Iterator[Finding]:
    for name in ("ipykernel", "ipywidgets", "anywidget"):
        if (found := _installed(name)) is None:
            yield Finding(name, "broken", "is not installed", f"pip install {name}")
        else:
            yield Finding(name, "good", found)
    for name, use in _OPTIONAL.items():
        found = _installed(name)
        yield Finding(name, "missing", f"only for {use}") if found is None else Finding(name, "good", found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _doctor(chosen: argparse.Namespace) -> int:
    grades: list[Grade] = []
    for finding in examine(Path(chosen.folder), prepare=chosen.prepare):
        for line in finding.lines():
            say(line)
        grades.append(finding.grade)
    if "broken" in grades:
        say("something does not work; what to do stands below it")
        return PROBLEM
    say("all that is needed works" + ("; -- is not needed, or not yet" if "missing" in grades else ""))
    return DONE


def _demo(_chosen: argparse.Namespace) -> int:
    """Run the demonstration in a process of its own, because the notebook's layer is above this one."""
    return subprocess.run([sys.executable, "-m", "swingset_nb.demo"]).returncode
