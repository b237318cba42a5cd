"""What a world file packs: zstd with a ceiling.

Whatever is unpacked may come from a stranger, so the size that a frame announces is looked at before any
memory is taken for it. What can be large is unpacked a piece at a time, as it is used (`Unpacking`).
"""

from __future__ import annotations

from collections.abc import Callable

import zstandard

from .errors import DamagedWorld

_compressor = zstandard.ZstdCompressor(level=3, write_content_size=True)
_decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)


def compress(data: bytes) -> bytes:
    """A zstd frame that announces its size."""
    return _compressor.compress(data)


class Unpacking:
    """The content of a frame made by `compress`, to be read in pieces as often as it is wanted.

    Raises `DamagedWorld` for a frame that announces more than `most` bytes.
    """

    def __init__(self, data: bytes, most: int, what: str) -> None:
        self.size = announced(data, most, what)
        self._data = data
        self._what = what

    def reader(self) -> Callable[[int], bytes]:
        """Reads at most so many bytes on from the last ones. It raises `DamagedWorld` for a bad frame."""
        stream, left = _decompressor.stream_reader(self._data), self.size

        def read(most: int) -> bytes:
            nonlocal left
            try:
                piece = stream.read(min(most, left + 1))
            except zstandard.ZstdError as problem:
                raise DamagedWorld(f"{self._what} cannot be unpacked: {problem}") from problem
            left -= len(piece)
            if left < 0 or (not piece and left):
                raise DamagedWorld(f"{self._what} does not unpack to the {self.size} bytes that it says")
            return piece

        return read


def announced(data: bytes, most: int, what: str) -> int:
    """How many bytes a frame says that it unpacks to. Raises `DamagedWorld` for more than `most`."""
    try:
        size = int(zstandard.get_frame_parameters(data).content_size)
    except zstandard.ZstdError as problem:
        raise DamagedWorld(f"{what} cannot be unpacked: {problem}") from problem
    if not 0 <= size <= most:
        raise DamagedWorld(f"{what} says that it unpacks to {size} bytes; at most {most} make sense")
    return size


def decompress(data: bytes, most: int, what: str) -> bytes:
    """The content of a frame made by `compress`, refused when it is larger than `most` bytes."""
    size = announced(data, most, what)
    try:
        plain = _decompressor.decompress(data, max_output_size=max(size, 1), allow_extra_data=False)
    except zstandard.ZstdError as problem:
        raise DamagedWorld(f"{what} cannot be unpacked: {problem}") from problem
    if len(plain) != size:
        raise DamagedWorld(f"{what} says that it unpacks to {size} bytes, but unpacks to {len(plain)}")
    return plain
