"""The part of a vat that this room and those above it use: its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..clist import vat as clist

if TYPE_CHECKING:
    from .kinds import Kinds


class BuiltinInstances(Protocol):
    """Deletes the instances of this library's own kinds, the collections, which have no record."""

    def condemn(self, base: str) -> None:
        """Delete what belongs to a collection that has died, a little at a time."""
        ...


class Vat(clist.Vat, Protocol):
    """A vat with its kinds."""

    definitions: int
    kinds: Kinds

    @property
    def collections(self) -> BuiltinInstances:
        """The collections."""
        ...
