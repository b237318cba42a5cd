"""The room that each vat takes by the world's own rules, beside what it takes in a file.

Vats that are followed have it counted (`swingset.world.footprints`). For all others it is computed here in
the same way; their memory is that of their newest heap image, as far as there is one.
"""

from __future__ import annotations

from collections import Counter

from swingset.core.rooms import waiting_bytes
from swingset.core.store import KernelStore
from swingset.world.footprints import IMPORTED, Room
from swingset.world.vats import TERMINATED

_MOST = 1 << 32  # bytes of a heap: a stranger's file may say anything
_IMPORTS = "SELECT vat, count(*) from clists where substr(vref, 2, 1) = '-' group by vat"
_MEMORY = (
    "SELECT spans.vat, snapshots.size from spans join snapshots on snapshots.id = spans.snapshot"
    " and snapshots.vat = spans.vat"
)


def rooms(store: KernelStore) -> dict[str, Room]:
    """The room of each vat that is not terminated, by its id."""
    imports = Counter({str(vat): int(count) for vat, count in store.world.rows(_IMPORTS)})
    memory = {str(vat): min(max(int(size), 0), _MOST) for vat, size in store.world.rows(_MEMORY)}
    waiting = waiting_bytes(store)
    found = {}
    for vat in store.vats.all():
        if vat.state == TERMINATED:
            continue
        if store.footprints.follows(vat.id):
            found[vat.id] = store.footprints.of(vat.id)
        else:
            kept = store.holdings.of(vat.id)
            room = Room(kept, IMPORTED * imports[vat.id], waiting[vat.id], memory.get(vat.id, 0))
            found[vat.id] = room
    return found
