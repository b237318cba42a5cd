"""The part of a vat that this room and those above it use: its collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..kinds import vat as kinds

if TYPE_CHECKING:
    from .collections import Collections


class DeletesEntries(Protocol):
    """Deletes the entries of a collection that has died, a little at a time."""

    def condemn(self, collection: int) -> None:
        """Note that a collection has died, so that its entries are deleted."""
        ...

    def delete_entry(self, collection: int, text: str, value: dict[str, list[str]] | None) -> None:
        """Remove the references of an entry that is being deleted."""
        ...


class Vat(kinds.Vat, Protocol):
    """A vat with its collections."""

    collections: Collections

    @property
    def deferred(self) -> DeletesEntries:
        """The deletion of dead collections."""
        ...
