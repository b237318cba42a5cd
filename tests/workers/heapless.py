"""What the workers of tests have in common: nothing to save, nothing to digest, nothing to let go of."""

from __future__ import annotations

from swingset.workers.base import HeapImage


class Heapless:
    """A worker without a heap; a test's own worker derives from it, and says what it does with a delivery."""

    def snapshot(self) -> HeapImage | None:
        """None: there is no heap."""
        return None

    def heap_digest(self) -> str | None:
        """None: there is no heap."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""
