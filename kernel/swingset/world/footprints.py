"""How much room each vat takes in all: what it stores, refers to, has sent, and its memory.

A footprint is logical, so it is the same on every host: the bytes of the store with a share for each export
(`holdings`), a share for each reference that the vat has imported, the bytes of the messages that it has sent
and that wait, and the size of its linear memory after its last delivery. A message that waits is its
sender's, not its receiver's: so nobody fills the room of another by sending to it.

The last three are counted only for vats that are followed, because they pay rent or have a limit: as counters
of the world, which change with each reference and each message. `counted` computes two of them again from all
rows. The third is what the worker said, and is in the vat's transcript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.counters import COUNTERS, Counter
from swingset.world.holdings import GIVEN_OUT, Holdings
from swingset.world.tables import Rows

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

IMPORTED = GIVEN_OUT
"""How many bytes an import counts, an object, a promise or a device node."""


class Room(NamedTuple):
    """The room that one vat takes, in bytes, by the rules of its world: the same on every host.

    `store` is what its option `stored_bytes` limits, `references` a share for each import, `waiting` the
    arguments of the messages that it has sent and that wait, `memory` its linear memory.

    Source:
        Ours.
    """

    store: int
    references: int
    waiting: int
    memory: int

    @property
    def total(self) -> int:
        """All of it: what rent is for, and what the option `total_bytes` limits."""
        return self.store + self.references + self.waiting + self.memory

    @property
    def own(self) -> int:
        """What the vat alone makes grow: others can give it references, and replies that take memory."""
        return self.store + self.waiting

    def __str__(self) -> str:
        return (
            f"store {self.store:,}, references {self.references:,}, waiting messages {self.waiting:,},"
            f" memory {self.memory:,}"
        )


class Footprints:
    """The counters of the vats that are followed."""

    def __init__(self, world: WorldFile) -> None:
        self._rows = Rows(world, COUNTERS)
        self._holdings = Holdings(world)

    def follows(self, vat: str) -> bool:
        """Whether a vat is followed."""
        return self._rows.get(f"{vat}.imports") is not None

    def follow(self, vat: str, imports: int, waiting: int) -> None:
        """Count for a vat from now on, which has so many imports and bytes of waiting messages."""
        for name, value in (("imports", imports), ("waiting", waiting), ("memory", 0)):
            self._rows.put(Counter(f"{vat}.{name}", value))

    def forget(self, vat: str) -> None:
        """Count for a vat no more."""
        for name in ("imports", "waiting", "memory"):
            self._rows.delete(f"{vat}.{name}")

    def imported(self, vat: str, change: int) -> None:
        """Count imports, or the end of some if the number is negative, if the vat is followed."""
        self._change(f"{vat}.imports", change)

    def sent(self, vat: str, change: int) -> None:
        """Count the bytes of a message that waits, negative for one that does not any more."""
        self._change(f"{vat}.waiting", change)

    def _change(self, name: str, change: int) -> None:
        found = self._rows.get(name)
        if found is not None and change:
            # A file that somebody has altered may have too little; the auditor says so.
            self._rows.put(Counter(name, max(found.value + change, 0)))

    def remembers(self, vat: str, memory: int) -> bool:
        """Note the memory of a followed vat after a delivery; returns whether it is followed."""
        found = self._rows.get(f"{vat}.memory")
        if found is not None and found.value != memory:
            self._rows.put(Counter(f"{vat}.memory", memory))
        return found is not None

    def of(self, vat: str) -> Room:
        """The room that a vat takes; of one that is not followed only what it stores."""
        imports, waiting, memory = (self._value(f"{vat}.{name}") for name in ("imports", "waiting", "memory"))
        return Room(self._holdings.of(vat), IMPORTED * imports, waiting, memory)

    def _value(self, name: str) -> int:
        found = self._rows.get(name)
        return 0 if found is None else found.value
