"""The part of a vat that this room uses: what serves `bringOutYourDead`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..stores import vat as stores

if TYPE_CHECKING:
    from .cycles import Cycles
    from .reaper import Reaper


class Vat(stores.Vat, Protocol):
    """A vat with the parts that serve `bringOutYourDead`."""

    reaper: Reaper
    cycles: Cycles
