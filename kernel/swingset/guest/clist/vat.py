"""The part of a vat that this room and those above it use: its tables of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..passing import vat as passing

if TYPE_CHECKING:
    from .promise_table import PromiseTable
    from .recognizers import Recognizers
    from .references import References
    from .slots import Slots


class Vat(passing.Vat, Protocol):
    """A vat with its tables of names."""

    references: References
    recognizers: Recognizers
    slots: Slots
    promises: PromiseTable
