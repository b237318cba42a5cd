"""A vat as this room sees it: with what brings out its dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..stores import vat as stores

if TYPE_CHECKING:
    from .cycles import Cycles
    from .deferred_deletions import DeferredDeletions
    from .reaper import Reaper


class Vat(stores.Vat, Protocol):
    """A vat whose objects die."""

    reaper: Reaper
    cycles: Cycles

    @property
    def deferred(self) -> DeferredDeletions:
        """What is deleted a little at a time."""
        ...
