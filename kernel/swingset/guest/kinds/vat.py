"""A vat as this room and those above it see it: with its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..clist import vat as clist

if TYPE_CHECKING:
    from .kinds import Kinds


class BuiltinInstances(Protocol):
    """What becomes of an instance of a kind of this library, which has no record: a collection."""

    def condemn(self, base: str) -> None:
        """It has died: have what belongs to it deleted."""
        ...


class Vat(clist.Vat, Protocol):
    """A vat that has kinds."""

    definitions: int

    @property
    def kinds(self) -> Kinds:
        """Stored objects."""
        ...

    @property
    def collections(self) -> BuiltinInstances:
        """The collections."""
        ...
