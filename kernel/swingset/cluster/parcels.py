"""An archive as its rows: those that other worlds may have too are named by their content, and travel apart.

Two states of one world, or two worlds of one engine, have most of their heap pages, transcript entries and
commits in common. So a world that is brought to another process is a *manifest*: the metadata of its archive,
its small rows, and the hashes of the others. The process says which of those it has not had before, and only
these are sent.

What is put together again is the archive, to the byte. It is unpacked like any archive: its own hash covers
every row, so a wrong one cannot come in.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from swingset.time.copies.archives import measured
from swingset.world.archive_pieces import Writer
from swingset.world.archive_rows import written
from swingset.world.archiving import ArchiveLevel
from swingset.world.codec import compress, decompress
from swingset.world.file import WorldFile

LEAST = 256
"""Bytes from which a row travels apart. Heap pages do in any case."""

MOST_REMEMBERED = 256 << 20
"""How many bytes of rows a process remembers at most, those that were used last."""

_MOST_RUN = 1 << 32
_PAGES = "heaps/pages"
_APART = ("history/commits", "code/bundles", "code/libraries", "heaps/snapshots", _PAGES, "transcripts")

Rows = Mapping[bytes, bytes]
"""Rows as they stand in an archive, by the SHA-256 of their text."""

_ROW, _RUN = b"=", b"+"


@dataclass(frozen=True)
class Manifest:
    """What an archive has: metadata, and for each artifact the names of rows, between runs of others."""

    id: str
    metadata: bytes
    artifacts: tuple[tuple[bytes, ...], ...]

    def named(self) -> list[bytes]:
        """The names of the rows that travel apart, each once, in their order."""
        parts = (part for artifact in self.artifacts for part in artifact)
        return list(dict.fromkeys(part[1:] for part in parts if part[:1] == _ROW))

    def write(self, file: IO[bytes], rows: Rows) -> None:
        """Write the archive. Raises `KeyError` if a row is not among those that are given."""
        writer = Writer(file, self.metadata)
        for artifact in self.artifacts:
            writer.artifact(self._plain(artifact, rows))

    def _plain(self, artifact: Iterable[bytes], rows: Rows) -> Iterator[bytes]:
        for part in artifact:
            if part[:1] == _ROW:
                yield rows[part[1:]]
            else:
                yield decompress(part[1:], _MOST_RUN, f"a run of rows of {self.id}")


def taken_apart(world: WorldFile, level: ArchiveLevel) -> tuple[Manifest, dict[bytes, bytes]]:
    """A committed world as a manifest, and the rows that it names.

    Args:
        world: the world.
        level: how complete the archive is.
    Raises:
        WorldError: if the world lacks what the level needs.
    """
    contents, metadata = measured(world, level)
    rows: dict[bytes, bytes] = {}
    artifacts = []
    for name in contents.names:
        parts, run = list[bytes](), list[bytes]()
        for text in map(written, contents.rows(name)):
            if name == _PAGES or (name in _APART and len(text) >= LEAST):
                parts += _packed(run)
                run.clear()
                digest = hashlib.sha256(text).digest()
                rows[digest] = text
                parts.append(_ROW + digest)
            else:
                run.append(text)
        artifacts.append((*parts, *_packed(run)))
    return Manifest(metadata.id(), metadata.text(), tuple(artifacts)), rows


def name_of(world: WorldFile, level: ArchiveLevel) -> str:
    """The hash that names the archive of a committed world, without its rows."""
    return measured(world, level)[1].id()


def _packed(run: list[bytes]) -> list[bytes]:
    return [_RUN + compress(b"".join(run))] if run else []


class Remembered:
    """The rows that a process has had, up to so many bytes: those that were used last."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._size = 0
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()

    def lacks(self, names: Iterable[bytes]) -> list[bytes]:
        """Those of the rows that are not here."""
        return [name for name in names if name not in self._rows]

    def take(self, rows: Rows) -> None:
        """Remember rows."""
        for name, text in rows.items():
            if name not in self._rows:
                self._rows[name] = text
                self._size += len(text)

    def of(self, manifest: Manifest) -> Rows:
        """The rows of a manifest, as far as they are here; older ones are forgotten if there are too many."""
        found = {name: self._rows[name] for name in manifest.named() if name in self._rows}
        for name in found:
            self._rows.move_to_end(name)
        while self._size > self._most and self._rows:
            self._size -= len(self._rows.popitem(last=False)[1])
        return found
