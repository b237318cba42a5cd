"""How much each vat keeps: bytes of its store, and a share for each reference that it has given out.

The sum is kept as things come and go, and never counted by looking through them; the auditor counts them
again. It is of what is kept, in UTF-8, not of what a file takes for it, so it is the same on every host. What
a vat was given is not counted: strangers could fill it up. Of a vat that has ended nothing is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Holding(NamedTuple):
    """What one vat keeps."""

    vat: str
    bytes: int


_HOLDINGS = Table("holdings", Holding)

GIVEN_OUT = 200
"""What a reference to an object or a promise of its own counts."""


def size(text: str) -> int:
    """How many bytes a text counts."""
    return len(text) if text.isascii() else len(text.encode())


class Holdings:
    """The table `holdings`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _HOLDINGS)

    def of(self, vat: str) -> int:
        """How many bytes a vat keeps."""
        found = self._rows.get(vat)
        return 0 if found is None else found.bytes

    def change(self, vat: str, bytes: int) -> None:
        """Count so many bytes more, or fewer where they are negative."""
        found = self._rows.get(vat)
        if bytes and (found is not None or bytes > 0):
            self._rows.put(Holding(vat, bytes if found is None else found.bytes + bytes))

    def forget(self, vat: str) -> None:
        """Count nothing more of a vat that has ended."""
        self._rows.delete(vat)

    def counted(self, vat: str) -> int:
        """The same as `of`, counted anew by looking through all that the vat keeps."""
        stored = (
            "SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) from vatstore where vat = ?"
        )
        given = "SELECT count(*) from clists where vat = ? and substr(vref, 2, 1) = '+'"
        (kept,), (count,) = self._world.rows(stored, (vat,))[0], self._world.rows(given, (vat,))[0]
        return int(kept) + GIVEN_OUT * int(count)
