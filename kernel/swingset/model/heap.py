"""The memory of a vat's worker, as data.

An engine image is large and the same for all vats, so a heap is stored as its difference from that
image: the pages that changed, and in each of them what changed. Running code touches many pages but
changes only a few bytes of most (reference counts), so the difference is nearly all zeros and packs to
a twentieth. The world file stores heaps and the worker makes them, and neither knows the other; they
share this type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HEAP_PAGE = 4096


@dataclass(frozen=True)
class HeapImage:
    """A linear memory: `size` bytes of the image `base`, with these pages laid over its own.

    Pages are 4 KiB and keyed by page number. Each is the exclusive or of the page and the same page of
    the base image; beyond the end of the base image, the base counts as zeros.
    """

    base: str
    size: int
    pages: Mapping[int, bytes]
