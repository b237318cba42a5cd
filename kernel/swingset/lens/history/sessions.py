"""The sessions of a world, which tell cells with the same number apart.

A notebook counts its cells from 1 each time it is started, so a number alone does not name a cell of a world
that several starts have used. A session is a life of a vat in the embedder's own interpreter, which begins
with a request to attach that vat. If a cell made this request, and cells before it have smaller numbers, the
notebook has only gone back in time or opened the world again: it goes on counting, and so does the session.

A session has the number of the life with which it began; lives are numbered from 1. The count of all lives is
in the state, and numbers are counted back from there. So a session keeps its number when the records of
earlier ones are pruned.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from swingset.core.store import KernelStore
from swingset.lens.history.recorded import Recorded, naming
from swingset.world.records import RequestRecord


class Sessions:
    """The sessions of one world, as of its current commit."""

    def __init__(self, store: KernelStore, recorded: Recorded) -> None:
        self._store = store
        self._recorded = recorded

    @cached_property
    def several(self) -> bool:
        """Whether the world has had more than one session, so that a cell is named with its own."""
        return self._gone > 0 or len({session for _, session in self._begins}) > 1

    def of(self, number: int) -> int:
        """The session that made the request with this number of a record."""
        place = bisect_right(self._begins, number, key=lambda begin: begin[0])
        return self._begins[place - 1][1] if place else max(1, self._gone)

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
    def _attached(self) -> list[RequestRecord]:
        """The requests in which a life began, in order."""
        return [
            record
            for record in self._recorded.mentioning(naming("attach-vat"))
            if isinstance(record, RequestRecord) and record.verb == "attach-vat"
        ]

    @cached_property
    def _gone(self) -> int:
        """How many lives began before the records that are left."""
        lives = sum(vat.incarnation + 1 for vat in self._store.vats.all() if vat.attached)
        return max(0, lives - len(self._attached))

    @cached_property
    def _begins(self) -> list[tuple[int, int]]:
        """The numbers of the records in which a life began, in order, each with its session."""
        found: list[tuple[int, int]] = []
        last: dict[str, int] = {}  # the session of each vat, by name
        for life, record in enumerate(self._attached, self._gone + 1):
            name = str(record.arguments.get("name"))
            session = last[name] if name in last and self._goes_on(record) else life
            last[name] = session
            found.append((record.number, session))
        return found

    def _goes_on(self, record: RequestRecord) -> bool:
        """Whether a cell began a life, and the last cell before it has a smaller number."""
        if record.cell is None:
            return False
        earlier = self._recorded.before(lambda line: b'"cell":[' in line, record.number)
        cells = (found.cell for found in earlier if isinstance(found, RequestRecord))
        before = next((cell for cell in cells if cell is not None), None)
        return before is not None and before[0] < record.cell[0]
