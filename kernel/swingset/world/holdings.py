"""How much each vat stores: the bytes of its store, and an amount for each reference that it has exported.

The sum is updated with each change, and never computed from the rows; the auditor computes it again. It
counts UTF-8 bytes and not the size in a file, so it is the same on every host. Imports are not counted,
because other vats could fill a vat's limit with them. For a terminated vat nothing is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Holding(NamedTuple):
    """How much one vat stores."""

    vat: str
    bytes: int


_HOLDINGS = Table("holdings", Holding)

GIVEN_OUT = 200
"""How many bytes an export counts, an object or a promise."""


def size(text: str) -> int:
    """How many bytes a text counts."""
    return len(text) if text.isascii() else len(text.encode())


class Holdings:
    """The table `holdings`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _HOLDINGS)

    def of(self, vat: str) -> int:
        """How many bytes a vat stores."""
        found = self._rows.get(vat)
        return 0 if found is None else found.bytes

    def change(self, vat: str, bytes: int) -> None:
        """Add bytes, or subtract them if the number is negative."""
        found = self._rows.get(vat)
        if bytes and (found is not None or bytes > 0):
            self._rows.put(Holding(vat, bytes if found is None else found.bytes + bytes))

    def forget(self, vat: str) -> None:
        """Stop counting for a terminated vat."""
        self._rows.delete(vat)

    def counted(self, vat: str) -> int:
        """The same as `of`, computed from all rows of the vat."""
        stored = (
            "SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) from vatstore where vat = ?"
        )
        given = "SELECT count(*) from clists where vat = ? and substr(vref, 2, 1) = '+'"
        (kept,), (count,) = self._world.rows(stored, (vat,))[0], self._world.rows(given, (vat,))[0]
        return int(kept) + GIVEN_OUT * int(count)
