"""Compresses data of a world file with zstd, and unpacks it within a limit.

Packed data may come from anybody, so the announced size of a frame is checked before any memory is allocated
for it. Large data is unpacked piece by piece, as it is used (`Unpacking`).

Two worlds of one process may run on two threads, and zstd's contexts serve one thing at a time: each thread
has its own, and what is unpacked in pieces one of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import zstandard

from .errors import DamagedWorld


def _unpacker() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=1 << 27)


class _Contexts(threading.local):
    """What a thread packs and unpacks with."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3, write_content_size=True)
        self.decompressor = _unpacker()


_contexts = _Contexts()


def compress(data: bytes) -> bytes:
    """A zstd frame that announces its size."""
    return _contexts.compressor.compress(data)


class Unpacking:
    """The content of a frame made by `compress`, which can be read in pieces, and more than once.

    Raises `DamagedWorld` for a frame that announces more than `most` bytes.
    """

    def __init__(self, data: bytes, most: int, what: str) -> None:
        self.size = announced(data, most, what)
        self._data = data
        self.what = what

    def whole(self) -> bytes:
        """The content, all at once. Raises `DamagedWorld`."""
        return _unpacked(self._data, self.size, self.what)

    def reader(self) -> Callable[[int], bytes]:
        """Return a function that reads the next bytes, at most `most`; it raises `DamagedWorld`."""
        stream, left = _unpacker().stream_reader(self._data), self.size

        def read(most: int) -> bytes:
            nonlocal left
            try:
                piece = stream.read(min(most, left + 1))
            except zstandard.ZstdError as problem:
                raise DamagedWorld(f"{self.what} cannot be unpacked: {problem}") from problem
            left -= len(piece)
            if left < 0 or (not piece and left):
                raise DamagedWorld(f"{self.what} does not unpack to the {self.size} bytes that it says")
            return piece

        return read


def announced(data: bytes, most: int, what: str) -> int:
    """The announced size of a frame in bytes. Raises `DamagedWorld` if it is more than `most`."""
    try:
        size = int(zstandard.get_frame_parameters(data).content_size)
    except zstandard.ZstdError as problem:
        raise DamagedWorld(f"{what} cannot be unpacked: {problem}") from problem
    if not 0 <= size <= most:
        raise DamagedWorld(f"{what} says that it unpacks to {size} bytes; at most {most} make sense")
    return size


def decompress(data: bytes, most: int, what: str) -> bytes:
    """Unpack a frame made by `compress`. Raises `DamagedWorld` if it has more than `most` bytes."""
    return _unpacked(data, announced(data, most, what), what)


def _unpacked(data: bytes, size: int, what: str) -> bytes:
    try:
        plain = _contexts.decompressor.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as problem:
        raise DamagedWorld(f"{what} cannot be unpacked: {problem}") from problem
    if len(plain) != size:
        raise DamagedWorld(f"{what} says that it unpacks to {size} bytes, but unpacks to {len(plain)}")
    return plain
