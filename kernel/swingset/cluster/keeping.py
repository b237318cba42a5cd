"""What a sweep or a run of worlds keeps in a folder, to find it again.

Others may write to the folder, and a crash may leave half of a file there. So nothing in it is believed for
its name alone: data is kept with its hash, an archive is read to its end and held against the hash that names
it, and only plain files are read. Whatever is not as it was written is not known, and its task runs again.
A draft has a name that nobody can guess and no link leads to, and takes its place in one step.

A hash finds accidents. Who may write to the folder may also write other data with the right hash, so the
folder is as trusted as those who may write to it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from swingset.cluster.carrying import MOST_UNPACKED
from swingset.cluster.variants import MOST_NESTED, respelled, spelled
from swingset.model.foreign import Unreadable
from swingset.world.archive_metadata import Metadata, read_metadata
from swingset.world.archive_pieces import Reader
from swingset.world.descriptors import close_descriptor, open_descriptor
from swingset.world.errors import WorldError
from swingset.world.paths import replace_file

MOST_KEPT = 64 << 20
"""How many bytes of data are read again; a task with a larger row runs again."""

_HASH = 64


def keep(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Put a file in its place, as a whole.

    Args:
        path: its place. A link there is replaced, not followed.
        content: what is in it.
        sync: whether it has to outlive a power cut.
    Raises:
        WorldError: if it cannot be written.
    """
    try:
        replace_file(os.fspath(path), content, sync=sync)
    except OSError as problem:
        words = problem.strerror or type(problem).__name__
        raise WorldError(f"{path} cannot be written: {words}: make room there, or choose a folder") from None


def keep_data(path: Path, data: dict[str, Any], *, sync: bool = True) -> None:
    """Put plain data in a file, with its hash.

    Args:
        path: the file.
        data: nested at most a little deeper than a row may be.
        sync: whether it has to outlive a power cut.
    Raises:
        WorldError: if it cannot be written.
    """
    text = spelled(data).encode()
    keep(path, hashlib.sha256(text).hexdigest().encode() + text, sync=sync)


def kept_data(path: Path) -> dict[str, Any] | None:
    """The data of a file; None if there is none, or if it is not as it was written.

    Args:
        path: the file.
    """
    content = b""
    with suppress(OSError, WorldError), _Plain(path) as file:
        content = file.read(MOST_KEPT + 1)
    text = content[_HASH:]
    if len(content) > MOST_KEPT or hashlib.sha256(text).hexdigest().encode() != content[:_HASH]:
        return None
    try:
        found = respelled(text, depth=MOST_NESTED + 2)
    except Unreadable:
        return None
    return found if isinstance(found, dict) else None


def kept_archive(path: Path, id: str) -> Metadata | None:
    """The metadata of an archive whose every piece was read; None if it is not the one of that hash.

    Args:
        path: the archive.
        id: the hash that names it.
    """
    with suppress(OSError, WorldError), _Plain(path) as file:
        reader = Reader(file, str(path))
        metadata = read_metadata(reader.name, reader.metadata(), MOST_UNPACKED)
        if metadata.id() != id:
            return None
        for artifact in metadata.artifacts:
            for _ in reader.artifact(artifact):
                pass
        reader.end()
        return metadata
    return None


class _Plain:
    """A plain file, open to be read: neither what a link leads to, nor a pipe or a folder."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)

    def __enter__(self) -> IO[bytes]:
        self._fd = open_descriptor(self._path, os.O_RDONLY)
        return open(self._fd, "rb", closefd=False)

    def __exit__(self, *_: object) -> None:
        close_descriptor(self._fd)
