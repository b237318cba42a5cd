"""The vats' records: what runs under which name, and where its transcript stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from swingset.model.capdata import CapData
from swingset.world.errors import DamagedRow
from swingset.world.rows import Reader, capdata_of, options_of, shown

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

LIVE, SUSPENDED, TERMINATED = "live", "suspended", "terminated"

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
    state: str
    reason: str | None
    incarnation: int
    bundle: str | None
    parameters: CapData
    options: dict[str, Any]
    created: int
    library: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether it has a transcript; one without cannot be brought back, and begins anew."""
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


@dataclass(frozen=True)
class Span:
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


class Vats:
    """The tables `vats` and `spans`."""

    def __init__(self, world: WorldFile, wants: Callable[[str, object], str | None]) -> None:
        """`wants` says what an option of a name wants instead of a value, None where the value fits."""
        self._world = world
        self._wants = wants
        self._read: dict[tuple[Any, ...], tuple[CapData, dict[str, Any]]] = {}
        self.saved = 0  # how often a record was changed: who remembers something of one then looks again

    def add(self, vat: VatRecord) -> None:
        """Record a new vat with an empty transcript."""
        self._world.execute(f"insert into vats ({_VAT}) values ({_MARKS})", _row(vat))
        self._world.execute(
            "insert into spans (vat, incarnation, incarnation_start, start, position, computrons)"
            " values (?,0,0,0,0,0)",
            (vat.id,),
        )

    def save(self, vat: VatRecord) -> None:
        """Store a changed record."""
        self.saved += 1
        self._world.execute(f"insert or replace into vats ({_VAT}) values ({_MARKS})", _row(vat))

    def get(self, vat_id: str) -> VatRecord | None:
        """The vat of that id, or None."""
        return next(self._select("where id = ?", (vat_id,)), None)

    def known(self, vat_id: str) -> VatRecord:
        """The vat of an id that another row of the world names. Raises `DamagedRow` where there is none."""
        vat = self.get(vat_id)
        if vat is None:
            raise DamagedRow(
                self._world.name, "vats", shown(vat_id), "the row is missing, and others name it"
            )
        return vat

    def named(self, name: str) -> VatRecord | None:
        """The vat of that name that is not terminated, or None."""
        return next(self._select("where name = ? and state <> 'terminated'", (name,)), None)

    def suspended(self) -> list[VatRecord]:
        """The suspended vats, oldest first."""
        return sorted(self._select("where state = 'suspended'", ()), key=lambda vat: int(vat.id[1:]))

    def all(self) -> list[VatRecord]:
        """Every vat, terminated ones included, oldest first."""
        return sorted(self._select("", ()), key=lambda vat: int(vat.id[1:]))

    def span(self, vat_id: str) -> Span:
        """Where the vat's transcript stands; raises `DamagedRow` for a vat that has none."""
        for row in self._world.rows(f"SELECT {_SPAN} from spans where vat = ?", (vat_id,)):
            _SPAN_ROW.check(self._world.name, row)
            return Span(*row)
        raise DamagedRow(self._world.name, "spans", vat_id, "the row of this vat is missing")

    def save_span(self, span: Span) -> None:
        """Store where the vat's transcript stands."""
        self._world.execute(
            f"insert or replace into spans ({_SPAN}) values (?,?,?,?,?,?,?,?,?,?)",
            (
                span.vat,
                span.incarnation,
                span.incarnation_start,
                span.incarnation_hash,
                span.start,
                span.start_hash,
                span.position,
                span.hash,
                span.snapshot,
                span.computrons,
            ),
        )

    def _select(self, where: str, params: tuple[Any, ...]) -> Iterator[VatRecord]:
        for row in self._world.rows(f"SELECT {_VAT} from vats {where}", params):
            given, chosen = self._read.get(row) or self._look_at(row)
            vat, name, worker, state, reason, incarnation, bundle, _, _, created, library = row
            yield VatRecord(
                vat, name, worker, state, reason, incarnation, bundle, given, dict(chosen), created, library
            )

    def _look_at(self, row: tuple[Any, ...]) -> tuple[CapData, dict[str, Any]]:
        """Parameters and options of a row that is as it should be, remembered: one is read in every crank."""
        _VAT_ROW.check(self._world.name, row)
        parameters, options = row[7:9]
        found = capdata_of(parameters), options_of(options)
        for option, value in found[1].items():
            if (wanted := self._wants(option, value)) is not None:
                words = f"option {option} in options wants {wanted}"
                raise DamagedRow(self._world.name, "vats", shown(row[0]), words)
        if len(parameters) < _LONG:
            if len(self._read) == _REMEMBERED:
                self._read.clear()
            self._read[row] = found
        return found


_REMEMBERED, _LONG = 1_000, 10_000
_VAT = "id, name, worker, state, reason, incarnation, bundle, parameters, options, created, library"
_MARKS = "?,?,?,?,?,?,?,?,?,?,?"
_SPAN = (
    "vat, incarnation, incarnation_start, incarnation_hash, start, start_hash, position, hash, snapshot,"
    " computrons"
)
_VAT_ROW, _SPAN_ROW = Reader("vats", _VAT), Reader("spans", _SPAN)


def _row(vat: VatRecord) -> tuple[Any, ...]:
    return (
        vat.id,
        vat.name,
        vat.worker,
        vat.state,
        vat.reason,
        vat.incarnation,
        vat.bundle,
        json.dumps(vat.parameters.to_json(), ensure_ascii=False),
        json.dumps(vat.options, ensure_ascii=False, sort_keys=True),
        vat.created,
        vat.library,
    )
