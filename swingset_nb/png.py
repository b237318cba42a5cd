"""Reads a picture in the format PNG that a stranger made, and writes it again with nothing but the picture.

A program that shows pictures meets every byte of them. So the file is taken apart by the rules of the format,
each part is checked, and only the parts that make the picture are written again: no texts, no profiles, no
animation. What it unpacks to is computed from its size first, so a small file cannot be a large picture.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MOST_BYTES = 20_000_000
"""The largest file."""

MOST_PIXELS = 40_000_000
"""The most pixels of the pictures of one answer."""

MOST_ALONG = 30_000
"""The most pixels of one side."""

_MOST_UNPACKED = 160_000_000
_READ, _PIECE = 1 << 16, 1 << 20

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SMALL = {b"PLTE": 768, b"tRNS": 256, b"pHYs": 9, b"gAMA": 4, b"sRGB": 1}
"""Parts that are kept as they are, and their largest sizes."""


class BadPicture(ValueError):
    """The bytes are no picture that can be shown; the message says why."""


class Png(NamedTuple):
    """A picture that was checked: its size in pixels, and its file."""

    width: int
    height: int
    data: bytes


def checked(data: bytes, most: int = MOST_PIXELS) -> Png:
    """Read a picture of up to `most` pixels, and write it again; raises `BadPicture`."""
    if len(data) > MOST_BYTES:
        raise BadPicture(f"{len(data):,} bytes are more than {MOST_BYTES:,}")
    if not data.startswith(_SIGNATURE):
        raise BadPicture("it is no PNG")
    header: tuple[int, ...] = ()
    small: dict[bytes, bytes] = {}
    packed: list[bytes] = []
    at, ended = len(_SIGNATURE), False
    while at < len(data) and not ended:
        name, content, at = _part(data, at)
        if (name == b"IHDR") == bool(header):
            raise BadPicture("it begins with no header, or has two")
        if name == b"IHDR":
            header = _header(content, most)
        elif name == b"IDAT":
            packed.append(content)
        elif name == b"IEND":
            ended = True
        elif name in _SMALL:
            if packed or name in small or len(content) > _SMALL[name]:
                raise BadPicture("a part of it is at the wrong place, or too large")
            small[name] = content
        elif name[:1].isupper():
            raise BadPicture("it has a part that is unknown here")
    if not ended:
        raise BadPicture("its end is missing")
    width, height, depth, colours, *_ = header
    if (colours == 3) != (b"PLTE" in small) and colours not in (2, 6):
        raise BadPicture("its palette is missing, or it needs none")
    pixels = b"".join(packed)
    _unpack(pixels, height * (1 + (width * depth * _CHANNELS[colours] + 7) // 8))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), *sorted(small.items(), key=_place)]
    written = [_written(name, content) for name, content in (*parts, (b"IDAT", pixels), (b"IEND", b""))]
    return Png(width, height, _SIGNATURE + b"".join(written))


def _part(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    if at + 12 > len(data):
        raise BadPicture("its end is missing")
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + 12 + length
    if end > len(data):
        raise BadPicture("its end is missing")
    name, content = data[at + 4 : at + 8], data[at + 8 : end - 4]
    if not name.isalpha() or zlib.crc32(name + content) != int.from_bytes(data[end - 4 : end], "big"):
        raise BadPicture("a part of it is damaged")
    return name, content, end


def _header(content: bytes, most: int) -> tuple[int, ...]:
    if len(content) != 13:
        raise BadPicture("its header is damaged")
    width, height, depth, colours, packing, filtering, interlaced = struct.unpack(">IIBBBBB", content)
    if not 0 < width * height <= most:
        raise BadPicture(f"{width:,} by {height:,} pixels are none, or more than {most:,}")
    if max(width, height) > MOST_ALONG:
        raise BadPicture(f"{width:,} by {height:,} pixels are more than {MOST_ALONG:,} along one side")
    if depth not in _DEPTHS.get(colours, ()) or packing or filtering or interlaced:
        raise BadPicture("its colours, or its order of lines, are not supported here")
    return width, height, depth, colours, packing, filtering, interlaced


def _unpack(pixels: bytes, size: int) -> None:
    """Check that the packed pixels are of the expected size: piece by piece, and not more than that."""
    if size > _MOST_UNPACKED:
        raise BadPicture(f"its pixels are {size:,} bytes, more than {_MOST_UNPACKED:,}")
    unpacker = zlib.decompressobj()
    found = at = 0
    try:
        while at < len(pixels) and found <= size and not unpacker.eof:
            left, at = pixels[at : at + _READ], at + _READ
            while found <= size:
                piece = unpacker.decompress(left, _PIECE)
                found, left = found + len(piece), unpacker.unconsumed_tail
                if len(piece) < _PIECE:
                    break
    except zlib.error:
        raise BadPicture("its pixels are damaged") from None
    if found != size or not unpacker.eof or unpacker.unused_data or at < len(pixels):
        raise BadPicture("it has more or fewer pixels than its header says")


def _place(part: tuple[bytes, bytes]) -> int:
    return [b"gAMA", b"sRGB", b"PLTE", b"tRNS", b"pHYs"].index(part[0])


def _written(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
