"""The part of a vat that this room uses: what continues in the next incarnation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..stores import vat as stores

if TYPE_CHECKING:
    from .adoption import Adoptions
    from .resumable import Calls
    from .watching import Watches


class Vat(stores.Vat, Protocol):
    """A vat with the parts that continue in the next incarnation."""

    watches: Watches
    adoptions: Adoptions
    calls: Calls

    def new_seed(self, call: int) -> str:
        """The seed for the random numbers of a call."""
        ...
