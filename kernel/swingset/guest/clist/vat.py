"""A vat as this room and those above it see it: with its tables of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..passing import vat as passing

if TYPE_CHECKING:
    from .promise_table import PromiseTable
    from .recognizers import Recognizers
    from .references import References
    from .slots import Slots


class Vat(passing.Vat, Protocol):
    """A vat that knows names."""

    references: References
    recognizers: Recognizers

    @property
    def slots(self) -> Slots:
        """Objects by name."""
        ...

    @property
    def promises(self) -> PromiseTable:
        """Promises by name."""
        ...
