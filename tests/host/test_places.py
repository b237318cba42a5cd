"""The command where little works: read-only places, folders without a cache, streams that fail, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import swingset
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref

VAT = """
from swingset.vat import E, remotable

@remotable
class Vat:
    def say(self, words):
        print(words)

    def ping(self, other):
        E(other).ping(self)

def build_root_object():
    return Vat()
"""

LOOKS = (
    ("status",),
    ("vats",),
    ("vats", "--json"),
    ("dump",),
    ("digest",),
    ("verify",),
    ("rings",),
    ("meters",),
    ("options", "a"),
    ("explain", "ko20"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A world in a folder of its own, with a message that has yet to run."""
    where = tmp_path / "it" / "my.world"
    where.parent.mkdir()
    with swingset.open_world(where, worker="local") as world:
        for name in ("a", "b"):
            world.create_vat(name, ((name, VAT),))
        world.queue_to_root("a", "say", ["→ open €"], policy="none")
    return where


def swing(*args: str, **given: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with an environment of a few more variables."""
    env = {**os.environ, **{name: str(value) for name, value in given.items()}}
    return subprocess.run(
        [sys.executable, "-m", "swingset.command.cli", *args],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
        check=False,
        encoding="utf-8",
    )


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The files of a folder, with their bytes and when they were written."""
    return {found.name: (found.read_bytes(), found.stat().st_mtime_ns) for found in folder.iterdir()}


@contextmanager
def as_it_is(_path: Path) -> Iterator[None]:
    """Nothing more."""
    yield


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """A file and a folder that may not be written."""
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        yield
    finally:
        path.parent.chmod(0o755)


@contextmanager
def mounted(path: Path) -> Iterator[None]:
    """A medium that cannot be written."""
    folder = str(path.parent)
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode:
        pytest.skip("only root mounts")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """A world that another process has open."""
    code = "import sys\nfrom swingset import open_world\nworld = open_world(sys.argv[1], worker='local')\n"
    code += "print('open', flush=True)\nsys.stdin.read()\n"
    run = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield
        child.kill()


PLACES = {"as it is": as_it_is, "read-only": read_only, "mounted": mounted, "open elsewhere": open_elsewhere}


@pytest.mark.parametrize("place", PLACES)
def test_looking_works_everywhere(
    path: Path, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command that looks works without a right to write, a lock or a cache, and writes nothing."""
    from swingset.command.cli import main

    monkeypatch.setenv("SWINGSET_CACHE", "/proc/nope")
    with PLACES[place](path):
        before = contents(path.parent)
        for name, *more in LOOKS:
            assert main([name, str(path), *more]) == 0, capsys.readouterr().err
        assert contents(path.parent) == before
    capsys.readouterr()


def test_looking_imports_no_engine(path: Path) -> None:
    """A look needs neither the runtime of the engine nor its cache."""
    code = (
        "import sys\nfrom swingset.command.cli import main\n"
        f"assert main(['status', {str(path)!r}]) == 0\nprint('wasmtime' in sys.modules)"
    )
    env = {**os.environ, "SWINGSET_CACHE": "/proc/nope"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("False", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_stream_cannot_show_is_escaped(path: Path, encoding: str) -> None:
    """Letters of a vat that the terminal has not come as escapes, and the run ends as any other."""
    done = swing("run", str(path), "--trust-local", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "open" in done.stdout
    assert "1 crank" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", [("status",), ("dump",), ("run", "--trust-local")])
def test_output_that_cannot_be_written(path: Path, command: tuple[str, ...]) -> None:
    """A full disk or a closed pipe is told in one line, or not at all; what was run is committed."""
    name, *more = command
    run = [sys.executable, "-m", "swingset.command.cli", name, str(path), *more]
    with open("/dev/full", "w") as full:
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "swingset: No space left on device\n")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(run, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
    with open_world(path, look_only=True) as world:
        assert world.stats()["queue"] == (0 if name == "run" else 1)


def test_an_interrupted_run_says_so_in_a_line(path: Path) -> None:
    """Ctrl-C ends a run that would not end, with the status of an interrupt, and keeps what was done."""
    with open_world(path, worker="local") as world:
        world.queue_to_root("a", "ping", [Ref(world.kernel.root_of("b"), "Vat")], policy="none")
        before = world.kernel.cranks.count
    code = (
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from swingset.command.cli import main\nsys.exit(main(['run', {str(path)!r}, '--trust-local']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as child:
        while True:
            time.sleep(0.1)
            with open_world(path, look_only=True) as seen:
                if seen.kernel.cranks.count > before + 10:
                    break
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert child.stderr.read() == "swingset: interrupted; what was committed stays\n"
    assert child.returncode == 130
    with open_world(path, worker="local") as again:
        assert again.kernel.cranks.count > before + 10
