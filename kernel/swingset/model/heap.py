"""The memory of a vat's worker, as data.

An engine image is large and the same for all vats, so a heap is told by its difference from that
image: the pages that changed, and of each of them what changed. Running code touches many pages and
changes a few bytes of most, counts of references, so what is left is nearly all zeros and packs to
a twentieth. The world file stores it and the worker makes it, and neither knows the other; this is
the word they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HEAP_PAGE = 4096


@dataclass(frozen=True)
class HeapImage:
    """A linear memory: `size` bytes of the image `base`, with these pages laid over its own.

    Pages are 4 KiB and keyed by page number. Each is what its page is, bit by bit, other than in the
    image (exclusive or); behind the end of the base image all is zero.
    """

    base: str
    size: int
    pages: Mapping[int, bytes]
