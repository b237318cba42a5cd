"""The standard library's archive, as vats see it.

The interpreter finds its library in one zip file. For the full flavour that is the archive that comes with
the interpreter, scientific packages and all; for the lean one it is rewritten without what cannot work
there, in a fixed order with fixed dates, so that the bytes are the same on every machine.
"""

from __future__ import annotations

import io
import zipfile

RECIPE = "2"
"""Version of how this module builds archives; part of every cache key."""

_UNWANTED = frozenset({
    "_pyrepl", "antigravity", "ctypes", "curses", "doctest", "host", "idlelib", "lib2to3", "pdb",
    "profiling", "pydoc", "pydoc_data", "ssl", "test", "this", "tkinter", "turtle", "turtledemo", "unittest",
    "webbrowser", "ensurepip", "venv",
})  # fmt: skip
"""Parts of the library that are of no use to a vat: developers' tools, toys, what needs a machine."""

_OWN = frozenset({"_sysconfigdata__wasi_wasm32-wasi", "_ast_unparse"})
"""Modules of the interpreter's own that it does not list as standard."""

_DATE = (1980, 1, 1, 0, 0, 0)


def lean_archive(full: bytes, standard_names: frozenset[str]) -> bytes:
    """The archive with only the standard library in it; `standard_names` is the guest's own list of it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(full)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            top = name.split("/")[0].removesuffix(".pyc")
            if not name.endswith("/") and _wanted(top, standard_names):
                target.writestr(zipfile.ZipInfo(name, _DATE), source.read(name))
    return out.getvalue()


def _wanted(top: str, standard_names: frozenset[str]) -> bool:
    return top not in _UNWANTED and (top in standard_names or top in _OWN)
