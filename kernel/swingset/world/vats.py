"""The vats' records: what runs under which name, and where its transcript stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from swingset.model.capdata import CapData
from swingset.model.cloning import read_cloned_from
from swingset.model.states import VatState
from swingset.world.errors import DamagedRow
from swingset.world.rows import shown
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

LIVE: Final = "live"
SUSPENDED: Final = "suspended"
TERMINATED: Final = "terminated"

ATTACHED = "attached"
"""What stands for the worker of a vat that runs in the embedder's own interpreter."""


@dataclass(frozen=True)
class VatRecord:
    """One vat. `reason` says why it is suspended or terminated; `created` is a crank number.

    `library` is the guest library that this incarnation runs on, None where that is always the host's own.
    """

    id: str
    name: str
    worker: str
    state: VatState
    reason: str | None
    incarnation: int
    bundle: str | None
    parameters: CapData
    options: dict[str, Any]
    created: int
    library: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether it has a transcript; a vat without one cannot be restored, and begins a new incarnation."""
        return self.options.get("use_transcript") is not False

    @property
    def attached(self) -> bool:
        """Whether it runs in the embedder's own interpreter, which no worker of the kernel's can stand for.

        So it is delivered to only while its embedder has handed in a worker; its transcript is never repeated
        and no part of the activity digest; it has no code to upgrade, no heap image, no admin node, and no
        limits but on what it writes; and it is not suspended when the host fails, for the world is of no use
        to the embedder without it.
        """
        return self.worker == ATTACHED

    def having(self, **changes: Any) -> VatRecord:
        """A copy with these fields changed."""
        return replace(self, **changes)


class Span(NamedTuple):
    """Where a vat's transcript stands.

    Entries `[start, position)` follow the heap image `snapshot` (None: they follow the start of the
    incarnation, at `incarnation_start`). Hashes are running hashes up to, not including, that position.
    `computrons` is the sum over the vat's life.
    """

    vat: str
    incarnation: int
    incarnation_start: int
    incarnation_hash: str | None
    start: int
    start_hash: str | None
    position: int
    hash: str | None
    snapshot: str | None
    computrons: int

    def of_incarnation(self, incarnation: int) -> Span:
        """The span of a new incarnation, which begins where the transcript stands."""
        here = self.position, self.hash
        return Span(self.vat, incarnation, *here, *here, *here, None, self.computrons)

    def after(self, running: str, spent: int) -> Span:
        """The span with one more entry, up to which the running hash is this."""
        start = self.start, self.start_hash
        begun = self.incarnation, self.incarnation_start, self.incarnation_hash
        return Span(
            self.vat, *begun, *start, self.position + 1, running, self.snapshot, self.computrons + spent
        )


_VATS, _SPANS = Table("vats", VatRecord, heavy=("reason", "parameters", "options")), Table("spans", Span)


class Vats:
    """The tables `vats` and `spans`."""

    def __init__(self, world: WorldFile, wants: Callable[[str, object], str | None]) -> None:
        """`wants` says what an option of a name wants instead of a value, None where the value fits."""
        self._world = world
        self._rows = Rows(world, _VATS)
        self._rows.held.inspect = self._look_at
        self._by_name, self._by_state = self._rows.index("name"), self._rows.index("state")
        self._spans = Rows(world, _SPANS)
        self._wants = wants
        self.saved = 0  # how often a record was changed: who remembers something of one then looks again

    def add(self, vat: VatRecord) -> None:
        """Record a new vat with an empty transcript."""
        self._rows.add(vat)
        self._spans.add(Span(vat.id, 0, 0, None, 0, None, 0, None, None, 0))

    def save(self, vat: VatRecord) -> None:
        """Store a changed record."""
        self.saved += 1
        self._rows.put(vat)

    def get(self, vat_id: str) -> VatRecord | None:
        """The vat of that id, or None."""
        return self._rows.get(vat_id)

    def known(self, vat_id: str) -> VatRecord:
        """The vat of an id that another row of the world names. Raises `DamagedRow` where there is none."""
        vat = self.get(vat_id)
        if vat is None:
            raise self._rows.missing(vat_id, why="others name it")
        return vat

    def named(self, name: str) -> VatRecord | None:
        """The vat of that name that is not terminated, or None."""
        for key in self._by_name.keys(name):
            vat = self._rows.get(*key)
            if vat is not None and vat.state != TERMINATED:
                return vat
        return None

    def suspended(self) -> list[VatRecord]:
        """The suspended vats, oldest first."""
        return sorted(self._rows.of(self._by_state, SUSPENDED), key=lambda vat: int(vat.id[1:]))

    def origin(self, vat: VatRecord) -> VatRecord:
        """The vat as which an incarnation was started: another one if it is a clone's first, else itself.

        Raises `DamagedRow` for a clone of a vat that is not there, or that is younger.
        """
        found = vat
        for earlier in self.lineage(vat):
            of = read_cloned_from(found.options.get("cloned_from"))
            if of is None or of[1] != vat.incarnation:
                break
            found = earlier
        return found

    def lineage(self, vat: VatRecord) -> Iterator[VatRecord]:
        """The vat that a clone was made of, the one of which that is a clone, and so on, as they are now.

        Raises `DamagedRow` as `origin` does.
        """
        while (of := read_cloned_from(vat.options.get("cloned_from"))) is not None:
            if int(of[0][1:]) >= int(vat.id[1:]):
                words = "option cloned_from in options names a vat that is not older"
                raise DamagedRow(self._world.name, "vats", shown(vat.id), words)
            vat = self.known(of[0])
            yield vat

    def all(self) -> list[VatRecord]:
        """Every vat, terminated ones included, oldest first."""
        return sorted(self._rows.all(), key=lambda vat: int(vat.id[1:]))

    def span(self, vat_id: str) -> Span:
        """Where the vat's transcript stands; raises `DamagedRow` for a vat that has none."""
        span = self._spans.get(vat_id)
        if span is None:
            raise DamagedRow(self._world.name, "spans", vat_id, "the row of this vat is missing")
        return span

    def save_span(self, span: Span) -> None:
        """Store where the vat's transcript stands."""
        self._spans.put(span)

    def _look_at(self, vat: VatRecord) -> None:
        for option, value in vat.options.items():
            if (wanted := self._wants(option, value)) is not None:
                words = f"option {option} in options wants {wanted}"
                raise DamagedRow(self._world.name, "vats", shown(vat.id), words)
