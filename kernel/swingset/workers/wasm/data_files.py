"""Files that modules of an engine read, beside the archive of modules: fonts and styles, and time zones.

matplotlib reads the first, in the engine that has it. `zoneinfo` reads the zones, which are those of the
package tzdata in the archive that comes with the interpreter; engines with that package find them there.

They are in an archive of their own, without compression, so that what a vat reads of a file is a part of one
mapping that all vats share. To a vat they look like files in folders, which can be listed and read.
"""

from __future__ import annotations

import io
import mmap
import zipfile
from importlib.resources import files
from typing import NamedTuple

from swingset.workers.wasm.guest_library import HAS_DATA_FILES

Bytes = bytes | mmap.mmap
"""The content of an archive."""

RECIPE = "1"
"""Version of how this module builds the archives; part of their cache keys."""

FOLDER = "python315.zip/matplotlib/mpl-data"
"""Where matplotlib looks for them: beside its modules, which are in the archive."""

FONT_LIST = "fontlist-v3.11.0.json"
"""The name under which matplotlib looks for its list of fonts, which would take it a second to make."""

ZONES = "python315.zip/tzdata/zoneinfo"
"""Where `zoneinfo` looks for time zones: the bootstrap of the guest library says so."""

_MEMBER = "matplotlib/mpl-data.zip"
_DATE = (1980, 1, 1, 0, 0, 0)
_HEADER = 30  # bytes of a member's header before its name


class Extent(NamedTuple):
    """Where the content of one file is in the archive."""

    start: int
    size: int


def data_archive(library: bytes) -> bytes:
    """The archive of data files, out of the archive that comes with the interpreter; the same everywhere."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(library)) as whole,
        zipfile.ZipFile(io.BytesIO(whole.read(_MEMBER))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target,
    ):
        for name in sorted(source.namelist()):
            if not name.endswith("/"):
                target.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}", _DATE), source.read(name))
        target.writestr(zipfile.ZipInfo(f"{FOLDER}/{FONT_LIST}", _DATE), font_list())
    return out.getvalue()


def zone_archive(library: bytes) -> bytes:
    """The archive of time zones, out of the archive that comes with the interpreter; the same everywhere."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(library)) as whole,
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target,
    ):
        for name in sorted(whole.namelist()):
            zone = name.removeprefix("tzdata/zoneinfo/")
            if zone != name and not name.endswith(("/", ".py", ".pyc")):
                target.writestr(zipfile.ZipInfo(f"{ZONES}/{zone}", _DATE), whole.read(name))
    return out.getvalue()


def font_list() -> bytes:
    """What matplotlib's list of these fonts says, as it is stored beside this module."""
    return files("swingset.workers.wasm").joinpath("fontlist.json").read_bytes()


class DataFiles:
    """The files of such an archive, by their paths from the folder of the library on.

    All are in `folder`, and guest libraries of an older interface than `since` have none.
    """

    def __init__(self, content: Bytes, folder: str = FOLDER, since: int = HAS_DATA_FILES) -> None:
        self.content = content
        self.since = since
        self._folder = folder.encode()
        self.files: dict[bytes, Extent] = {}
        self.folders: dict[bytes, list[bytes]] = {}
        """The names in each folder, sorted."""
        with zipfile.ZipFile(io.BytesIO(content[:])) as archive:
            for member in archive.infolist():
                name = member.filename.encode()
                header = content[member.header_offset : member.header_offset + _HEADER]
                named, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
                start = member.header_offset + _HEADER + named + extra
                self.files[name] = Extent(start, member.file_size)
                self._enter(name)

    def _enter(self, path: bytes) -> None:
        while path != self._folder:
            above, _, name = path.rpartition(b"/")
            known = self.folders.setdefault(above, [])
            if name in known:
                return
            known.append(name)
            known.sort()
            path = above
