"""The part of a vat that this room uses: the classes that it has registered as copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..base import vat as base

if TYPE_CHECKING:
    from .copies import Copies


class Vat(base.Vat, Protocol):
    """A vat with the classes that it has registered as copies."""

    copies: Copies
