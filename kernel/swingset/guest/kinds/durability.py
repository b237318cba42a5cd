"""Tells whether a value may be kept for the next incarnation, without keeping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.context import current

if TYPE_CHECKING:
    from .vat import Vat


def can_be_durable(value: Any) -> bool:
    """Whether durable state could hold a value: the baggage, a field, or an entry of a collection.

        if can_be_durable(note): baggage["note"] = note

    Source:
        `canBeDurable` of vat-data.
    """
    vat: Vat = current()
    try:
        vat.slots.encode_durable(value, "value")
    except TypeError:
        return False
    return True
