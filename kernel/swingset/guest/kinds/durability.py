"""Asking whether a value may be kept for the next incarnation, without keeping it."""

from __future__ import annotations

from typing import Any

from ..base.context import current


def can_be_durable(value: Any) -> bool:
    """Whether durable state could hold a value: the baggage, a field, or an entry of a collection."""
    try:
        current().slots.encode_durable(value, "value")
    except TypeError:
        return False
    return True
