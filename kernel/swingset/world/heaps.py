"""Heap snapshots: a map of page numbers to pages, and each distinct page once.

Few pages change between two snapshots of a vat, and vats of one engine have many pages in common. So a page
is stored under the hash of its content, and a snapshot is little more than a list of hashes. A page is
checked against its hash when it is loaded, so a worker gets exactly the saved memory, or an error.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.model.heap import HEAP_PAGE, HeapImage
from swingset.model.spelling import canonical

from .bulk import stored, unpacked
from .codec import compress, decompress
from .errors import DamagedRow, DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile

_RECORD = struct.Struct(">I32s")
_MOST_MEMORY = 1 << 32  # the largest 32-bit linear memory


@dataclass(frozen=True)
class SnapshotStats:
    """The size of a snapshot; `new` counts the pages that the file did not have before it."""

    pages: int
    new_pages: int
    new_bytes: int
    size: int


class Heaps:
    """The snapshot and page tables of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._pages = world.memory.pile("heap_pages", 2)
        self._snapshots = world.memory.pile("snapshots", 7)

    def save(self, vat: str, image: HeapImage) -> str:
        """Store a heap; returns the snapshot's id, which is the same for the same heap of the same vat."""
        _check_size(image.size)
        memory, fetch = self._world.memory, self._world.fetch
        self._world.begin()
        self._world.step("snapshot")
        records: list[bytes] = []
        new_pages = new_bytes = 0
        for number in sorted(image.pages):
            page = image.pages[number]
            if len(page) != HEAP_PAGE or not 0 <= number < image.size // HEAP_PAGE:
                raise ValueError(
                    f"vat {vat}: heap page {number} of {len(page)} bytes does not fit a heap of "
                    f"{image.size} bytes in pages of {HEAP_PAGE}"
                )
            digest = hashlib.sha256(page).digest()
            records.append(_RECORD.pack(number, digest))
            if digest in self._pages.waiting:
                continue
            known = "SELECT 1 FROM heap_pages WHERE digest = ?"
            if (fetch(known, (digest,)) or self._world.borrowed(known, (digest,))) is None:
                packed = compress(page)
                memory.lay(self._pages, (digest, packed))
                new_pages += 1
                new_bytes += len(packed)
        table = b"".join(records)
        snapshot = _id(vat, image.base, image.size, table)
        row = (snapshot, vat, image.base, image.size, compress(table), new_pages, new_bytes)
        memory.lay(self._snapshots, row)
        return snapshot

    def copy(self, id: str, vat: str) -> str:
        """Store the heap of an id as one of another vat, too; returns the snapshot's id. No page is read."""
        base, size, packed = self._row(id, "base, size, pages")
        copied = _id(vat, base, size, self._table(id, size, packed))
        self._world.begin()
        self._world.step("snapshot")
        self._world.memory.lay(self._snapshots, (copied, vat, base, size, packed, 0, 0))
        return copied

    def has(self, id: str) -> bool:
        """Whether the heap of an id is there."""
        known = "SELECT 1 FROM snapshots WHERE id = ?"
        return (self._world.fetch(known, (id,)) or self._world.borrowed(known, (id,))) is not None

    def load(self, id: str, *, vat: str | None = None, most: int | None = None) -> HeapImage:
        """Load the heap of an id; raises `DamagedRow` if it is not of `vat` or has more than `most` bytes.

        Both are checked before anything is unpacked.
        """
        owner, base, size, packed = self._row(id, "vat, base, size, pages")
        if vat is not None and owner != vat:
            raise self._damaged(id, f"it is of vat {owner}, and the span of {vat} names it")
        if most is not None and size > most:
            words = f"it is a memory of {size:,} bytes, and the vat may have {most:,} (option memory_pages)"
            raise self._damaged(id, words)
        table = self._table(id, size, packed)
        if _id(owner, base, size, table) != id:
            raise DamagedWorld(f"{self._world.name}: snapshot {id} was altered: its content has another hash")
        self._check_numbers(id, size, table)
        pages: dict[int, bytes] = {}
        shared: dict[bytes, bytes] = {}
        for number, digest in _RECORD.iter_unpack(table):
            if digest not in shared:
                shared[digest] = self._page(digest)
            pages[number] = shared[digest]
        return HeapImage(base=base, size=size, pages=pages)

    def _check_numbers(self, id: str, size: int, table: bytes) -> None:
        """Raise `DamagedRow` unless each page is inside of the memory, and none comes twice."""
        before = -1
        for number, _ in _RECORD.iter_unpack(table):
            if not before < number < size // HEAP_PAGE:
                raise self._damaged(id, f"page {number} is out of order or outside of its {size:,} bytes")
            before = number

    def _damaged(self, id: str, reason: str) -> DamagedRow:
        return DamagedRow(self._world.name, "snapshots", id[:19], reason)

    def check(self, id: str) -> None:
        """Check a snapshot against its id, and that all its pages exist. Raises `DamagedWorld`."""
        vat, base, size, packed, new_pages = self._row(id, "vat, base, size, pages, new_pages")
        table = self._table(id, size, packed)
        if _id(vat, base, size, table) != id:
            raise self._damaged(id, "it was altered: its content has another hash")
        self._check_numbers(id, size, table)
        if not 0 <= new_pages <= len(table) // _RECORD.size:
            raise self._damaged(id, "new_pages is no number of its pages")
        for digest in {digest for _, digest in _RECORD.iter_unpack(table)}:
            if self._world.row("SELECT 1 FROM heap_pages WHERE digest = ?", (digest,)) is None:
                raise self._damaged(id, f"its page {digest.hex()[:16]} is missing")

    def check_page(self, digest: bytes) -> None:
        """Check a page against its hash. Raises `DamagedWorld`."""
        self._page(digest)

    def stats(self, id: str) -> SnapshotStats:
        """The size of a snapshot, without loading it."""
        size, packed, new_pages, new_bytes = self._row(id, "size, pages, new_pages, new_bytes")
        pages = len(self._table(id, size, packed)) // _RECORD.size
        return SnapshotStats(pages, new_pages, new_bytes, size)

    def digests(self, id: str) -> set[bytes]:
        """The pages that a snapshot refers to."""
        size, packed = self._row(id, "size, pages")
        return {digest for _, digest in _RECORD.iter_unpack(self._table(id, size, packed))}

    def _row(self, id: str, columns: str) -> tuple[Any, ...]:
        return stored(self._world, f"SELECT {columns} FROM snapshots WHERE id = ?", id, f"snapshot {id}")

    def _table(self, id: str, size: int, packed: bytes) -> bytes:
        try:
            _check_size(size)
        except ValueError as problem:
            raise DamagedWorld(f"{self._world.name}: snapshot {id}: {problem}") from None
        what = f"{self._world.name}: the page map of snapshot {id}"
        table = decompress(packed, size // HEAP_PAGE * _RECORD.size, what)
        if len(table) % _RECORD.size:
            raise DamagedWorld(f"{what} is cut off")
        return table

    def _page(self, digest: bytes) -> bytes:
        query = "SELECT data FROM heap_pages WHERE digest = ?"
        page = unpacked(self._world, query, digest, HEAP_PAGE, f"heap page {digest.hex()}")
        if hashlib.sha256(page).digest() != digest:
            raise DamagedWorld(f"{self._world.name}: heap page {digest.hex()} was altered")
        return page


def _check_size(size: int) -> None:
    if not 0 <= size <= _MOST_MEMORY or size % HEAP_PAGE:
        raise ValueError(f"a heap of {size} bytes is not one of whole 4 KiB pages in 4 GiB of memory")


def _id(vat: str, base: str, size: int, table: bytes) -> str:
    head = canonical([vat, base, size]).encode()
    return "h1-" + hashlib.sha256(b"%d:%b%b" % (len(head), head, table)).hexdigest()
