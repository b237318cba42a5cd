"""Baking: run the interpreter once, load the guest library into it, and keep its memory.

What vats have in common is the guest library and the standard modules vat code mostly wants. They are
loaded once, in a guest that is then thrown away; its memory is the base image that every vat starts from.
So no vat pays for imports, and a heap image holds only what a vat changed since.

The memory depends on the interpreter and on the library, of which the bootstrap below is a part, and on
nothing else: the guest has no clock, no chance and no environment. That is why two machines agree on its
digest without ever exchanging it, why it may be cached by the digest of its ingredients, and why a library
that a world has kept can be baked again.

Such a library may be a stranger's, with any content. So libraries are baked under the limits that vats run
under: confined, with bounded fuel and memory, stopped by Ctrl-C; and the result is checked before it is used.
"""

from __future__ import annotations

import ctypes
from importlib.resources import files
from importlib.resources.abc import Traversable

from swingset.model.wording import fit
from swingset.workers.base import LibraryUnusable, WorkerError
from swingset.workers.interrupts import NotedInterrupt
from swingset.workers.wasm import image
from swingset.workers.wasm.compiled import Compiled
from swingset.workers.wasm.door import Surroundings
from swingset.workers.wasm.guest_library import INTERFACE, GuestLibrary, Sources
from swingset.workers.wasm.native import Guest, GuestStopped, StopCode
from swingset.workers.wasm.wasi import GuestExit, Library

RECIPE = "3"
"""Version of how images are baked, apart from the text below; part of the cache key. Raise it too when the
system interface answers differently, since the answers it gave while baking are in the image."""

PACKAGES = ("swingset.wire", "swingset.guest", "swingset.vat")

FUEL = 20_000_000_000
"""What baking may spend: several times what the library of this version needs."""

MOST_MEMORY = 128 << 20
"""How large the memory of a baked guest may be, in bytes."""

_MOST_SHOWN = 2_000

BOOTSTRAP = '''
import sys, _imp

def _guard():
    """Compiled packages whose code was removed must be missing, not fatal."""
    there = frozenset(sys.stdlib_module_names) | {"_host"} | frozenset(globals().get("PACKAGES", ()))
    allowed = frozenset(n for n in sys.builtin_module_names if n.partition(".")[0] in there)
    sys.builtin_module_names = tuple(sorted(allowed))
    is_builtin, create_builtin = _imp.is_builtin, _imp.create_builtin
    def guarded_is_builtin(name):
        return is_builtin(name) if name in allowed else 0
    def guarded_create_builtin(spec):
        if spec.name not in allowed:
            raise ImportError(f"{spec.name} is not in this vat engine", name=spec.name)
        return create_builtin(spec)
    _imp.is_builtin, _imp.create_builtin = guarded_is_builtin, guarded_create_builtin

import os
if LEAN:
    _guard()
    # zoneinfo looks there first; an engine with the package of time zones has no such folder.
    os.environ["PYTHONTZPATH"] = "/usr/local/lib/python315.zip/tzdata/zoneinfo"
else:
    # matplotlib wants a folder with its settings and its list of fonts; the one with its data has both.
    os.environ["MPLCONFIGDIR"] = "/usr/local/lib/python315.zip/matplotlib/mpl-data"
    os.environ["MPLBACKEND"] = "agg"

class _Library:
    """Imports the guest library from the sources given, while baking."""
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in SOURCES:
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, _Library, origin=f"<{name}>", is_package=SOURCES[name][0])
    @staticmethod
    def create_module(spec):
        return None
    @staticmethod
    def exec_module(module):
        name = module.__name__
        module.__file__ = f"<{name}>"
        exec(compile(SOURCES[name][1], f"<{name}>", "exec", dont_inherit=True), module.__dict__)

def _bake():
    for importer in list(sys.path_importer_cache.values()):
        if importer is not None:
            importer.invalidate_caches()  # this archive may not be the one the interpreter knew
    import importlib
    for name in STANDARD:
        importlib.import_module(name)
    sys.meta_path.insert(0, _Library)
    for name in SOURCES:
        importlib.import_module(name)
    sys.meta_path.remove(_Library)
    if not LEAN and "swingset.guest.fonts" in SOURCES:
        sys.modules["swingset.guest.fonts"].install()
    sys.path_importer_cache.clear()
    supervisor = sys.modules["swingset.guest.supervisor"]
    main = sys.modules["__main__"].__dict__
    for name in [n for n in main if not n.startswith("__")]:
        del main[name]
    import gc
    gc.disable()  # a vat collects when it is told to bring out its dead, and at no other moment
    gc.collect()
    gc.freeze()
    return id(supervisor.turn)

print(_bake())
'''

STANDARD = (
    "abc", "ast", "base64", "bisect", "builtins", "collections", "collections.abc", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "inspect",
    "itertools", "json", "keyword", "linecache", "logging", "math", "numbers", "operator", "re", "reprlib",
    "string", "struct", "textwrap", "traceback", "types", "typing", "warnings", "weakref",
)  # fmt: skip
"""Standard modules that every vat finds already loaded; without `random`, which draws its seed at import."""


class BakeError(LibraryUnusable):
    """The guest library did not load."""


def installed(sources: Sources) -> GuestLibrary:
    """These modules as a library of this version, with the bootstrap and the standard modules above."""
    return GuestLibrary(INTERFACE, BOOTSTRAP, STANDARD, sources)


def library_sources() -> Sources:
    """The modules of the guest library, packages before what is in them."""
    found: Sources = {"swingset": (True, "")}
    for package in PACKAGES:
        _collect(package, files(package), found)
    return found


def _collect(package: str, folder: Traversable, found: Sources) -> None:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    sources = {entry.name.removesuffix(".py"): entry for entry in entries if entry.name.endswith(".py")}
    init = sources.pop("__init__", None)
    found[package] = (True, init.read_text("utf-8") if init else "")
    for name, entry in sources.items():
        found[f"{package}.{name}"] = (False, entry.read_text("utf-8"))
    for entry in entries:
        if entry.is_dir() and entry.joinpath("__init__.py").is_file():
            _collect(f"{package}.{entry.name}", entry, found)


def standard_names(compiled: Compiled) -> frozenset[str]:
    """What the interpreter itself lists as its standard library."""
    guest, printed, _ = _run(compiled, b"", "import sys; print(*sys.stdlib_module_names)")
    guest.close()
    return frozenset(printed.split())


def bake(compiled: Compiled, archive: Library, program: str) -> tuple[bytes, int, int]:
    """The memory of a guest that ran a library's program, from the end of its stack on.

    Also returns where the stack ends, and the address of the function that serves a delivery. Raises
    `BakeError` if the library is at fault.
    """
    guest, printed, stack_end = _run(compiled, archive, program)
    try:
        guest.refresh()
        said = printed.strip()
        if not (said.isascii() and said.isdecimal() and len(said) <= 10 and 0 < int(said) < guest.size):
            shown = fit(printed, _MOST_SHOWN)
            raise BakeError(f"the guest library printed while it was loaded, or is not what it says: {shown}")
        return ctypes.string_at(guest.base + stack_end, guest.size - stack_end), stack_end, int(said)
    finally:
        guest.close()


def _run(compiled: Compiled, archive: Library, program: str) -> tuple[Guest, str, int]:
    host = Surroundings(archive)  # with a door that is shut
    guest = compiled.guest(host)
    guest.set_fuel(FUEL)
    guest.limit_memory(MOST_MEMORY)
    resting = guest.global_i32(image.STACK_POINTER)
    text = program.encode()
    try:
        with NotedInterrupt() as ctrl_c, compiled.ticker:

            def on_tick() -> None:
                if ctrl_c.came:
                    raise WorkerError("loading the guest library was interrupted")

            guest.on_tick = on_tick
            guest.arm_epochs()
            at = guest.function("host_alloc")(len(text))
            guest.write(at, text)
            status = guest.function("turn")(at, len(text))
    except (GuestStopped, GuestExit) as stop:
        guest.close()
        why = f"it took more than {FUEL:,} computrons" if _out_of_fuel(stop) else str(stop)
        raise BakeError(f"the guest library could not be loaded: {why}\n{_printed(host)}") from stop
    except BaseException:
        guest.close()
        raise
    atop = guest.global_i32(image.STACK_POINTER) == resting and guest.read(image.TURN_RUNS_AT, 1) == b"\0"
    if status or not atop:
        guest.close()
        words = "the guest library could not be loaded:" if status else "the interpreter is not at rest:"
        raise BakeError(f"{words}\n{_printed(host)}")
    return guest, _all_printed(host), resting


def _out_of_fuel(stop: Exception) -> bool:
    return isinstance(stop, GuestStopped) and stop.code is StopCode.FUEL


def _all_printed(host: Surroundings) -> str:
    return "".join(text for _, text in host.console.text())


def _printed(host: Surroundings) -> str:
    return fit(_all_printed(host), _MOST_SHOWN)
