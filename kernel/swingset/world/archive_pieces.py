"""The container of a `.swingset` archive: metadata first, then the bulk in pieces of bounded size.

    line       b"swingset archive 1\\n"
    metadata   one piece: canonical JSON
    artifacts  one after the other, in the order of the metadata, each cut into pieces of 1 MiB

A piece is its packed length (4 bytes), a link (32 bytes) and a zstd frame that announces its size. The link
is the SHA-256 of the link before and of the packed bytes, so a piece that was altered, left out, doubled or
moved is noticed before it is unpacked. Nothing may follow the last piece. The metadata has the size and the
SHA-256 of each artifact, so its own hash identifies the whole archive.

Writing and reading need the memory of one piece, whatever the size of the archive. How large each artifact is
stands in the metadata, and is held against a limit before anything of it is unpacked. Names of artifacts are
words to compare; none is ever used as a path.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple, NoReturn

from swingset.model.visible import one_line

from .codec import compress, decompress
from .errors import ArchiveFault, BadArchive, DamagedWorld

VERSION = 1
MAGIC = b"swingset archive "
LINE = MAGIC + b"%d\n" % VERSION

PIECE = 1 << 20
"""Bytes of each plain piece of an artifact but its last, which may be shorter."""

MOST_METADATA = 8 << 20

_HEAD = struct.Struct(">I32s")
_MOST_PACKED = MOST_METADATA + (MOST_METADATA >> 7)  # more than a frame of as many random bytes takes


class Artifact(NamedTuple):
    """One part of an archive: its name, its rows, its plain bytes, and their SHA-256 in hex."""

    name: str
    rows: int
    size: int
    sha256: str


class Measure:
    """The size and the hash of an artifact, piece by piece."""

    def __init__(self) -> None:
        self.size = 0
        self.rows = 0
        self._hasher = hashlib.sha256()

    def add(self, plain: bytes) -> None:
        """Count the next bytes."""
        self.size += len(plain)
        self._hasher.update(plain)

    def artifact(self, name: str) -> Artifact:
        """What was counted, as an entry of the metadata."""
        return Artifact(name, self.rows, self.size, self._hasher.hexdigest())


class Writer:
    """Writes one archive to an open file."""

    def __init__(self, file: IO[bytes], metadata: bytes) -> None:
        self._file = file
        self._link = b""
        file.write(LINE)
        self._piece(metadata)

    def artifact(self, plain: Iterable[bytes]) -> None:
        """Write the content of the next artifact, which comes in parts of any size."""
        waiting = bytearray()
        for part in plain:
            waiting += part
            while len(waiting) >= PIECE:
                self._piece(bytes(waiting[:PIECE]))
                del waiting[:PIECE]
        if waiting:
            self._piece(bytes(waiting))

    def _piece(self, plain: bytes) -> None:
        packed = compress(plain)
        self._link = _link(self._link, packed)
        self._file.write(_HEAD.pack(len(packed), self._link))
        self._file.write(packed)


class Reader:
    """Reads one archive from an open file, in order. Everything that it raises is a `BadArchive`."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._link = b""
        line = file.read(len(LINE))
        if not line.startswith(MAGIC):
            words = "begins like a world file: open it as it is" if line.startswith(b"SQLite format") else ""
            self._refuse("not an archive", words or "is no archive of a world: choose another file")
        if line != LINE:
            version = one_line(line[len(MAGIC) :].decode("ascii", "replace").strip(), 20)
            self._refuse(
                "another format", f"is an archive of format {version}, and this release reads {VERSION}"
            )

    def metadata(self) -> bytes:
        """The plain metadata; it comes first, and once."""
        return self._piece("the metadata", None, MOST_METADATA)

    def artifact(self, artifact: Artifact) -> Iterator[bytes]:
        """The pieces of the next artifact; raises at its end if their hash is another."""
        what = f"artifact {artifact.name}"
        left, measured = artifact.size, Measure()
        while left:
            wanted = min(left, PIECE)
            piece = self._piece(what, wanted, wanted)
            measured.add(piece)
            left -= wanted
            yield piece
        if measured.artifact("").sha256 != artifact.sha256:
            self._refuse("hash", f"{what} has another hash than its metadata say")

    def end(self) -> None:
        """Raise if anything follows."""
        if self._file.read(1):
            self._refuse("altered", "has more after its last artifact: it was altered")

    def _piece(self, what: str, size: int | None, most: int) -> bytes:
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            self._cut_off(what)
        length, link = _HEAD.unpack(head)
        if length > _MOST_PACKED:
            self._refuse("altered", f"was altered: a piece of {what} says that it has {length:,} bytes")
        packed = self._file.read(length)
        if len(packed) < length:
            self._cut_off(what)
        self._link = _link(self._link, packed)
        if link != self._link:
            self._refuse("altered", f"was altered in {what}, or a piece before it is missing or doubled")
        try:
            plain = decompress(packed, most, f"{self.name}: {what}")
        except DamagedWorld as problem:
            raise BadArchive("size", str(problem)) from None
        if size is not None and len(plain) != size:
            self._refuse("size", f"has a piece of {len(plain):,} bytes in {what}, where {size:,} are due")
        return plain

    def _cut_off(self, what: str) -> NoReturn:
        self._refuse("truncated", f"ends within {what}: it was cut off; copy it again")

    def _refuse(self, fault: ArchiveFault, words: str) -> NoReturn:
        raise BadArchive(fault, f"{self.name} {words}")


def _link(before: bytes, packed: bytes) -> bytes:
    return hashlib.sha256(before + packed).digest()
