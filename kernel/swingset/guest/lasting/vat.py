"""A vat as this room sees it: with what goes on in the next incarnation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..stores import vat as stores

if TYPE_CHECKING:
    from .adoption import Adoptions
    from .resumable import Calls
    from .watching import Watches


class Vat(stores.Vat, Protocol):
    """A vat that hands something on."""

    @property
    def watches(self) -> Watches:
        """Watched promises."""
        ...

    @property
    def adoptions(self) -> Adoptions:
        """Promises that are handed on."""
        ...

    @property
    def calls(self) -> Calls:
        """The `@resumable` calls."""
        ...

    def new_seed(self, call: int) -> str:
        """What the randomness of a call follows from."""
        ...
