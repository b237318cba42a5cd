"""Linear memory as a whole: the base image all vats start from, and how one vat's memory differs from it.

The base image is a file of the baked guest's memory. A new vat gets it by mapping that file, privately,
over its own memory, so that pages are shared until they are written to; where that cannot be done it is
copied. A heap image then holds only the 4 KiB pages that differ, each as its difference. They are found
by comparing large blocks first.

The guest's C stack fills the low addresses, up to where the stack pointer rests between deliveries. What
lies there between deliveries is left over from calls that have returned, and no later call may read it; so
it is part of no image and no digest.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

from swingset.workers.base import PAGE_SIZE, ImageMismatch
from swingset.workers.wasm.native import Guest

_BLOCK = 65536
_ZEROS = bytes(_BLOCK)
_ZERO_PAGE = bytes(PAGE_SIZE)

MAP_OVER = sys.platform == "linux"
"""Whether to map a new vat's memory instead of copying it: faster, with shared pages; no vat can tell."""

_MAP_FIXED = 0x10

_libc = ctypes.CDLL(None) if os.name == "posix" else None
if _libc is not None:
    _memcmp = _libc.memcmp
    _memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    _memcmp.restype = ctypes.c_int
    _mmap = _libc.mmap
    _mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
    )  # fmt: skip
    _mmap.restype = ctypes.c_void_p


class BaseImage:
    """The memory every vat starts from, as a mapping of a file that holds it from `stack_end` on.

    In it, at `turn_at`, lies the function that serves a delivery. `interface` is that of its guest library.
    """

    def __init__(self, path: Path, base: str, stack_end: int, turn_at: int, interface: int) -> None:
        self.base = base
        self.interface = interface
        self.stack_end = stack_end
        self.turn_at = turn_at
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)
        os.utime(path)  # the cache keeps what was used last
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_COPY)
        self._at = ctypes.addressof(ctypes.c_char.from_buffer(self._map)) - stack_end
        self.size = stack_end + len(self._map)

    def lay_over(self, guest: Guest) -> None:
        """Make the guest's memory this image."""
        guest.grow_to(self.size)
        if guest.size != self.size:
            raise ValueError(f"the guest has {guest.size} bytes of memory, the image {self.size}")
        start, length = guest.base + self.stack_end, self.size - self.stack_end
        if not (MAP_OVER and self._map_over(start, length)):
            ctypes.memmove(start, self._at + self.stack_end, length)

    def _map_over(self, start: int, length: int) -> bool:
        """Put a private mapping of the file in place of the guest's memory."""
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        got = _mmap(start, length, protection, mmap.MAP_PRIVATE | _MAP_FIXED, self._file, 0)
        return bool(got == start)

    def differing_pages(self, guest: Guest) -> dict[int, bytes]:
        """The guest's pages that differ from this image, each as its difference."""
        guest.refresh()
        pages = {}
        for at in self._differing_blocks(guest):
            for page in range(at // PAGE_SIZE, (at + _BLOCK) // PAGE_SIZE):
                content = ctypes.string_at(guest.base + page * PAGE_SIZE, PAGE_SIZE)
                if at >= self.size:  # beyond this image is nothing: what is there is the difference
                    if content != _ZERO_PAGE:
                        pages[page] = content
                elif content != (own := self.page(page)):
                    pages[page] = _exclusive_or(content, own)
        return pages

    def _differing_blocks(self, guest: Guest) -> Iterator[int]:
        for at in range(self.stack_end, guest.size, _BLOCK):
            if at >= self.size:
                same = ctypes.string_at(guest.base + at, _BLOCK) == _ZEROS
            elif _libc is not None:
                same = _memcmp(guest.base + at, self._at + at, _BLOCK) == 0
            else:
                same = ctypes.string_at(guest.base + at, _BLOCK) == self.block(at, _BLOCK)
            if not same:
                yield at

    def page(self, number: int) -> bytes:
        """One page of this image; zeros beyond its end."""
        start = number * PAGE_SIZE
        return self.block(start, PAGE_SIZE) if start < self.size else _ZERO_PAGE

    def block(self, start: int, length: int) -> bytes:
        """Some bytes of this image, from `stack_end` on."""
        return self._map[start - self.stack_end : start - self.stack_end + length]

    def copy(self, guest: Guest, to: Guest) -> None:
        """Make the memory of a guest that equals this image that of another guest."""
        guest.refresh()
        to.grow_to(guest.size)
        for at in self._differing_blocks(guest):
            ctypes.memmove(to.base + at, guest.base + at, _BLOCK)

    def write_pages(self, guest: Guest, size: int, pages: Mapping[int, bytes]) -> None:
        """Apply a heap image to a guest whose memory equals this image. Raises `ImageMismatch`."""
        if size % _BLOCK or size < self.size:
            raise ImageMismatch(f"a heap image of {size:,} bytes is none that this engine makes")
        for number, difference in pages.items():
            at = number * PAGE_SIZE
            if not self.stack_end <= at < size or len(difference) != PAGE_SIZE:
                raise ImageMismatch(f"page {number} of the heap image is no page of a heap")
        guest.grow_to(size)
        for number, difference in pages.items():
            guest.write(number * PAGE_SIZE, _exclusive_or(difference, self.page(number)))


def _exclusive_or(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(PAGE_SIZE, "little")


def digest(guest: Guest, stack_end: int) -> str:
    """SHA-256 of all memory but the dead stack, and of its size."""
    guest.refresh()
    found = hashlib.sha256(guest.size.to_bytes(8, "little"))
    view = (ctypes.c_ubyte * (guest.size - stack_end)).from_address(guest.base + stack_end)
    found.update(view)
    return found.hexdigest()
