"""The sessions of a world, which tell cells with the same number apart.

A notebook counts its cells from 1 each time it is started, so a number alone does not name a cell of a world
that has been opened twice. Each life of a vat in the embedder's own interpreter is one session. It begins
with a request to attach that vat. Sessions are numbered from 1, in the order in which they began.

The count of all is in the state, and numbers are counted back from there. So a session keeps its number when
the records of earlier ones are pruned.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from swingset.core.store import KernelStore
from swingset.lens.recorded import Recorded, naming
from swingset.world.records import RequestRecord


class Sessions:
    """The sessions of one world, as of its current commit."""

    def __init__(self, store: KernelStore, recorded: Recorded) -> None:
        self._store = store
        self._recorded = recorded

    @cached_property
    def count(self) -> int:
        """How many sessions the world has had."""
        return sum(vat.incarnation + 1 for vat in self._store.vats.all() if vat.attached)

    def of(self, number: int) -> int:
        """The session that made the request with this number of a record."""
        return max(1, self.count - len(self._begins) + bisect_right(self._begins, number))

    def with_cell(self, cell: int) -> tuple[int, ...]:
        """The sessions in which a cell of this number made a request, in order."""
        needle = b'"cell":[%d,' % cell
        found = self._recorded.mentioning(lambda line: needle in line)
        numbers = {
            self.of(record.number)
            for record in found
            if isinstance(record, RequestRecord) and record.cell is not None and record.cell[0] == cell
        }
        return tuple(sorted(numbers))

    @cached_property
    def _begins(self) -> list[int]:
        """The numbers of the records in which a session began, in order."""
        return [
            record.number
            for record in self._recorded.mentioning(naming("attach-vat"))
            if isinstance(record, RequestRecord) and record.verb == "attach-vat"
        ]
