"""What the vats of a world have cost: computrons by vat and method, and what they hold, over time.

The records have the computrons of each delivery, the bytes that a vat stored after it, and the heap image
that was saved of it. So all of this is known of any stretch of the past, in one pass over its records, and
nothing has to be measured while a world runs. A vat that runs in the host's interpreter is not metered and
has no heap image: of it there are deliveries, and what it stores.

However long the stretch is, the answer is small: it is cut into columns of equally many cranks, and only the
vats and methods that cost most have rows of their own.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.recorded import Recorded
from swingset.lens.history.wording import Words
from swingset.model.messages import Send, kind_of
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.world.file import WorldFile
from swingset.world.records import CrankRecord, Record

MOST_COLUMNS = 1_000
"""The most columns of an answer."""

MOST_VATS = 7
"""How many vats have columns and rows of their own; what the others cost is added up."""

_MOST_METHODS = 5_000  # that are told apart
_MOST_KNOWN = 20_000  # heap images whose size is kept
_MEMORY = 1 << 32


@dataclass(frozen=True)
class MethodCosts:
    """What the deliveries of one method to one vat have cost.

    `method` is a method such as `deposit()`, or the kind of another event, such as `notify`. `deliveries`
    counts all, `measured` those with computrons: `total`, `median` and `worst` are theirs, and `worst_crank`
    is the first crank that cost most. `share` is its part of all that is compared, in thousandths.
    """

    vat: str
    method: str
    deliveries: int
    measured: int
    total: int
    median: int
    worst: int
    worst_crank: int | None
    share: int


@dataclass(frozen=True)
class VatCosts:
    """What one vat has cost, and the bytes that it stored and that its heap image took in the end.

    `stored` and `memory` are None if no record of the stretch tells. `others` says that this is not one vat.
    """

    vat: str
    deliveries: int
    computrons: int
    stored: int | None
    memory: int | None
    others: bool = False


@dataclass(frozen=True)
class CostsBin:
    """The costs of the cranks from `first` to `last`, with a number for each vat of the answer.

    `stored` and `memory` are those at the end of it.
    """

    first: int
    last: int
    deliveries: tuple[int, ...]
    computrons: tuple[int, ...]
    stored: tuple[int | None, ...]
    memory: tuple[int | None, ...]


@dataclass(frozen=True, repr=False)
class CostsOverTime(InLines):
    """What the vats of a world have cost between two cranks.

    `vats` and `methods` are those that cost most, the dearest first; `bins` has the columns in order of time.
    `net` is what speaking with other worlds has cost, which is set apart: the vat that does it is not among
    `vats` and `methods`, and its costs are not in `computrons` and `deliveries`. It is None if there is no
    such vat, and if it was asked about alone.
    `metered` says that computrons are compared: otherwise deliveries are, because none was metered.
    `more_methods` counts those that are left out. `gone` says which part of the past is not in the file.

    Source:
        Ours; the slog has the computrons of each delivery.
    """

    since: int
    until: int
    metered: bool
    computrons: int
    deliveries: int
    vats: tuple[VatCosts, ...]
    methods: tuple[MethodCosts, ...]
    bins: tuple[CostsBin, ...]
    more_methods: int = 0
    gone: str | None = None
    net: VatCosts | None = None

    def headline(self) -> str:
        """What was spent in all.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> swingset.costs_over_time(world, since=1).headline()
            'cranks 2 to 2: 1 delivery, not metered'
        """
        if self.until <= self.since:
            return "no cranks"
        spent = f"{self.computrons:,} computrons" if self.metered else "not metered"
        noun = "delivery" if self.deliveries == 1 else "deliveries"
        return f"cranks {self.since + 1:,} to {self.until:,}: {self.deliveries:,} {noun}, {spent}"

    def _lines(self) -> list[str]:
        found = [self.gone] if self.gone else []
        found += [self.headline(), *map(_vat_in_words, self.vats), *map(_method_in_words, self.methods)]
        found += [f"and {self.more_methods:,} more methods"] if self.more_methods else []
        return (
            [*found, f"apart from that, for other worlds: {_vat_in_words(self.net)}"] if self.net else found
        )


def _vat_in_words(vat: VatCosts) -> str:
    held = [f"{vat.stored:,} bytes stored"] if vat.stored is not None else []
    held += [f"{vat.memory:,} of heap"] if vat.memory is not None else []
    spent = f", {vat.computrons:,} computrons" if vat.computrons else ""
    return f"vat {vat.vat}: {vat.deliveries:,} deliveries{spent}{''.join(f', {each}' for each in held)}"


def _method_in_words(method: MethodCosts) -> str:
    found = f"  {method.share / 10:.1f} % {method.vat} {method.method}: {method.deliveries:,}"
    if not method.measured:
        return found
    worst = f"{method.worst:,} worst in crank {method.worst_crank:,}"
    return f"{found}, {method.total:,} in all, {method.median:,} median, {worst}"


@dataclass
class _Method:
    """What one method has cost."""

    deliveries: int = 0
    worst: int = -1
    worst_crank: int | None = None
    costs: array[int] = field(default_factory=lambda: array("q"))


@dataclass
class _Vat:
    """What one vat has cost, by column."""

    deliveries: Counter[int] = field(default_factory=Counter)
    computrons: Counter[int] = field(default_factory=Counter)
    stored: dict[int, int] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)


def costs_over_time(
    store: KernelStore, vat: str | None, since: int, until: int | None, columns: int, most: int
) -> CostsOverTime:
    """The costs after crank `since` and up to crank `until`, in at most so many columns and rows.

    Raises `KernelError` for a vat that is none, and for numbers that are none.
    """
    if not 1 <= columns <= MOST_COLUMNS or most < 1:
        wanted = f"columns are a number from 1 to {MOST_COLUMNS:,}, and rows one from 1"
        raise KernelError(f"{columns} columns and {most} rows are nothing to show: {wanted}")
    if vat is not None and vat not in (names := {known.name for known in store.vats.all()}):
        there_are = ", ".join(one_line(name, 40) for name in sorted(names)[:20]) or "none"
        raise KernelError(f"there is no vat {one_line(repr(vat), 60)}; there are: {there_are}")
    recorded = Recorded(store.world)
    last = recorded.last_crank if until is None else min(max(until, 0), recorded.last_crank)
    gone = recorded.gone
    lacking = str(gone) if gone is not None and since < gone.crank else None
    since = max(since, gone.crank if gone is not None else 0, 0)
    adding = _Adding(store, since, last, columns)
    for record in recorded.briefly(lambda _: True, recorded.through(since), FOOTPRINTS):
        if record.crank > last:
            break
        adding.add(record, vat)
    return adding.all(most, lacking, vat)


class _Adding:
    """The costs of one stretch, added up record by record."""

    def __init__(self, store: KernelStore, since: int, until: int, columns: int) -> None:
        self._words = Words(store)
        self._footprint = footprints(store.world)
        self._since, self._until = since, max(since, until)
        self._columns = max(1, min(columns, self._until - since))
        self._vats: dict[str, _Vat] = {}
        self._methods: dict[tuple[str, str], _Method] = {}

    def add(self, record: Record, only: str | None) -> None:
        column = self._column(record.crank)
        for vat_id, stored, memory in self._footprint(record):
            name = self._words.vat(vat_id)
            if only is None or name == one_line(only, 60):
                vat = self._vat(name)
                vat.stored |= {} if stored is None else {column: stored}
                vat.memory |= {} if memory is None else {column: memory}
        if not isinstance(record, CrankRecord) or record.crank <= self._since or record.vat is None:
            return
        if only not in (None, record.vat):
            return
        name, cost = one_line(record.vat, 60), record.computrons
        vat = self._vat(name)
        vat.deliveries[column] += 1
        vat.computrons[column] += cost or 0
        method = self._method(name, what_ran(record))
        method.deliveries += 1
        if cost is not None:
            method.costs.append(cost)
            if cost > method.worst:
                method.worst, method.worst_crank = cost, record.crank

    def _column(self, crank: int) -> int:
        place = (crank - 1 - self._since) * self._columns // max(1, self._until - self._since)
        return min(max(place, 0), self._columns - 1)

    def _vat(self, name: str) -> _Vat:
        return self._vats.setdefault(name, _Vat())

    def _method(self, vat: str, method: str) -> _Method:
        key = vat, method
        if key not in self._methods and len(self._methods) >= _MOST_METHODS:
            key = "others", "others"
        return self._methods.setdefault(key, _Method())

    def _net(self, only: str | None) -> VatCosts | None:
        """What the vat that speaks with other worlds has cost, which is left out of all else."""
        name = None if self._words.wire.vat is None else self._words.vat(self._words.wire.vat)
        if name is None or only is not None or name not in self._vats:
            return None
        series = _Series([self._vats.pop(name)], self._columns)
        for key in [key for key in self._methods if key[0] == name]:
            del self._methods[key]
        spent = sum(series.deliveries), sum(series.computrons)
        return VatCosts(name, *spent, series.stored[-1], series.memory[-1])

    def all(self, most: int, gone: str | None, only: str | None) -> CostsOverTime:
        net = self._net(only)
        computrons = sum(vat.computrons.total() for vat in self._vats.values())
        deliveries = sum(vat.deliveries.total() for vat in self._vats.values())
        metered = computrons > 0

        def dear(name: str) -> tuple[int, int, str]:
            vat = self._vats[name]
            return -vat.computrons.total(), -vat.deliveries.total(), name

        names = sorted(self._vats, key=dear)
        groups = [[name] for name in names[:MOST_VATS]] + ([names[MOST_VATS:]] if names[MOST_VATS:] else [])
        series = [_Series([self._vats[name] for name in group], self._columns) for group in groups]
        vats = tuple(
            VatCosts(
                group[0] if len(group) == 1 else f"{len(group):,} others",
                sum(each.deliveries),
                sum(each.computrons),
                each.stored[-1],
                each.memory[-1],
                len(group) > 1,
            )
            for group, each in zip(groups, series, strict=True)
        )
        whole = computrons if metered else deliveries
        methods = sorted(
            (_costs_of(*key, method, whole, metered) for key, method in self._methods.items()),
            key=lambda method: (-method.total, -method.deliveries, method.vat, method.method),
        )
        return CostsOverTime(
            self._since,
            self._until,
            metered,
            computrons,
            deliveries,
            vats,
            tuple(methods[:most]),
            tuple(self._bins(series)),
            max(0, len(methods) - most),
            gone,
            net,
        )

    def _bins(self, series: list[_Series]) -> Iterator[CostsBin]:
        length = self._until - self._since
        if not length:
            return
        starts = [-(-place * length // self._columns) for place in range(self._columns + 1)]
        for place in range(self._columns):
            yield CostsBin(
                self._since + starts[place] + 1,
                self._since + starts[place + 1],
                tuple(each.deliveries[place] for each in series),
                tuple(each.computrons[place] for each in series),
                tuple(each.stored[place] for each in series),
                tuple(each.memory[place] for each in series),
            )


class _Series:
    """The numbers of one vat, or of several together, for each column."""

    def __init__(self, vats: list[_Vat], columns: int) -> None:
        self.deliveries = [sum(vat.deliveries[place] for vat in vats) for place in range(columns)]
        self.computrons = [sum(vat.computrons[place] for vat in vats) for place in range(columns)]
        self.stored = _sum([_lasting(vat.stored, columns) for vat in vats])
        self.memory = _sum([_lasting(vat.memory, columns) for vat in vats])


def _lasting(known: dict[int, int], columns: int) -> list[int | None]:
    """A number for each column: the last that was known by then."""
    found: list[int | None] = []
    last: int | None = None
    for column in range(columns):
        last = known.get(column, last)
        found.append(last)
    return found


def _sum(lists: list[list[int | None]]) -> list[int | None]:
    return [
        None if all(item is None for item in items) else sum(item or 0 for item in items)
        for items in zip(*lists, strict=True)
    ]


def _costs_of(vat: str, name: str, method: _Method, whole: int, metered: bool) -> MethodCosts:
    costs = sorted(method.costs)
    total = sum(costs)
    part = total if metered else method.deliveries
    return MethodCosts(
        vat,
        name,
        method.deliveries,
        len(costs),
        total,
        costs[(len(costs) - 1) // 2] if costs else 0,
        max(method.worst, 0),
        method.worst_crank,
        part * 1_000 // whole if whole else 0,
    )


def what_ran(record: CrankRecord) -> str:
    """A method such as `deposit()`, or the kind of another event: what costs are added up by."""
    if isinstance(record.event, Send):
        return f"{one_line(record.event.message.method, 60)}()"
    return kind_of(record.event)


FOOTPRINTS = ("holdings", "spans")
"""The tables whose rows say what vats take."""

Room = tuple[str, int | None, int | None]
"""A vat's id, the bytes that it stores, and those of its heap image, of which None are not told."""


def footprints(world: WorldFile) -> Callable[[Record], Iterable[Room]]:
    """A function that returns what a record says of the bytes that vats store and that heap images take."""
    sizes: dict[str, int | None] = {}

    def size_of(image: str) -> int | None:
        if image not in sizes:
            if len(sizes) >= _MOST_KNOWN:
                sizes.clear()
            row = next(iter(world.rows("SELECT size FROM snapshots WHERE id = ?", (image,))), None)
            sizes[image] = row[0] if row is not None and 0 <= row[0] <= _MEMORY else None
        return sizes[image]

    def of(record: Record) -> Iterator[Room]:
        told: dict[str, list[int | None]] = {}
        for row in record.rows or ():
            if row.after is None:
                continue
            if row.table == "holdings" and isinstance(row.after[1], int):
                told.setdefault(str(row.after[0]), [None, None])[0] = row.after[1]
            elif row.table == "spans" and isinstance(row.after[8], str):
                told.setdefault(str(row.after[0]), [None, None])[1] = size_of(row.after[8])
        for vat, (stored, memory) in told.items():
            yield vat, stored, memory

    return of
