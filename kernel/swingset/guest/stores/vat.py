"""A vat as this room and those above it see it: with its collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..kinds import vat as kinds

if TYPE_CHECKING:
    from .collections import Collections


class DeletesEntries(Protocol):
    """Deletes the entries of a collection that has died, a little at a time."""

    def condemn(self, collection: int) -> None:
        """It has died: have what belongs to it deleted."""
        ...

    def delete_entry(self, collection: int, text: str, value: dict[str, list[str]] | None) -> None:
        """Delete one entry of a collection that has died."""
        ...


class Vat(kinds.Vat, Protocol):
    """A vat that has collections."""

    @property
    def collections(self) -> Collections:
        """The collections."""
        ...

    @property
    def deferred(self) -> DeletesEntries:
        """What is deleted a little at a time."""
        ...
