"""Does it work on this machine? What was found, and how to mend what is not good.

It is tried as far as that changes nothing: a world is made in a temporary folder, a message is sent to a vat,
the vat is upgraded, and the file is opened again. No engine is compiled unless that is asked for, because it
takes minutes on a slow machine.

Packages are looked up by their installed versions and never imported: this has to work where they do not.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import apsw

from swingset.core.errors import KernelError
from swingset.guest.base import context
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.workers.base import WorkerError
from swingset.world.descriptors import HAS_LOCKS
from swingset.world.errors import WorldError

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

OPTIONAL = {
    "jupyterlab": "the notebook's page: pip install 'swingset-nb[lab]'",
    "sidecar": "a panel beside the notebook: pip install 'swingset-nb[lab]'",
    "debugpy": "an editor's debugger on past messages: pip install 'swingset-nb[debug]'",
    "pandas": "tables as data frames: pip install 'swingset-nb[pandas]'",
    "opentelemetry-sdk": "histories as spans: pip install 'swingset-nb[otel]'",
    "cryptography": "speaking to other worlds: pip install 'swingset-nb[net]'",
    "websockets": "speaking to other machines: pip install 'swingset-nb[net]'",
    "httpx": "vats that fetch over HTTP: pip install 'swingset-nb[net]'",
    "h11": "a server for sites and web clients: pip install 'swingset-nb[net]'",
    "dask": "forks by the thousand in other processes: pip install 'swingset-nb[cluster]'",
    "psycopg": "mirrors and leases in PostgreSQL: pip install 'swingset-nb[postgres]'",
}
"""Each package of an extra for users: what it is for, and how to have it."""

_PROGRAMS = {
    ("chromium", "chromium-browser"): "the tests that drive a browser: apt-get install chromium",
    ("node",): "the tests of the panels' JavaScript, and `make bench-peer`: install Node 20",
}


@dataclass(frozen=True)
class Finding:
    """What one look found.

    `of` is what was looked at, `grade` how it stands, and `words` says so for people. `cure` is how to mend
    it; it is empty if all is good.
    """

    of: str
    grade: Grade
    words: str
    cure: str = ""

    @property
    def sign(self) -> str:
        """How it stands, in two characters."""
        return _SIGNS[self.grade]

    def lines(self) -> Iterator[str]:
        """The finding as lines."""
        yield f"{self.sign}  {self.of:<18} {self.words}"
        if self.cure:
            yield f"    {'':<18} {self.cure}"


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
    # A session of a new world becomes the one that `E` sends for; the one before goes on here afterwards.
    outside = context.found()
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
    finally:
        if outside is not None:
            context.set_default(outside)
    if (before, after) != (1, 2):
        return Finding("vats", "broken", f"answered {before} and {after}, not 1 and 2", "please report it")
    return Finding("vats", "good", "answered, were upgraded, and came back from their file")


def _of_packages() -> Iterator[Finding]:
    for name in ("ipykernel", "ipywidgets", "anywidget"):
        if (found := _installed(name)) is None:
            yield Finding(name, "broken", "is not installed", f"pip install {name}")
        else:
            yield Finding(name, "good", found)
    for name, use in OPTIONAL.items():
        found = _installed(name)
        yield Finding(name, "missing", f"only for {use}") if found is None else Finding(name, "good", found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def verdict(found: Iterable[Finding]) -> str:
    """All of it in one sentence.

    Args:
        found: what `examine` found.
    """
    grades = {finding.grade for finding in found}
    if "broken" in grades:
        return "something does not work; what to do stands below it"
    return "all that is needed works" + ("; -- is not needed, or not yet" if "missing" in grades else "")
