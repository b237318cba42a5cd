"""The standard library's archive, as vats see it.

The interpreter finds its library in one zip file. For the full flavour that is the archive that comes with
the interpreter, scientific packages and all; for the others it is rewritten without what cannot work
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


def smaller_archive(full: bytes, standard_names: frozenset[str], packages: frozenset[str]) -> bytes:
    """The archive with only the standard library and some packages in it.

    `standard_names` is the guest's own list of the library. If there are packages, nothing of it is left out,
    because they import more of it.
    """
    unwanted = frozenset() if packages else _UNWANTED
    wanted = (standard_names | _OWN | packages) - unwanted
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(full)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            top = name.split("/")[0].removesuffix(".pyc")
            if not name.endswith("/") and top in wanted:
                target.writestr(zipfile.ZipInfo(name, _DATE), source.read(name))
    return out.getvalue()
