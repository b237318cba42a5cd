"""Compares the states of two worlds that were one once, in words: what is different, and how it is in each.

Only rows that one of them has changed since are looked at; their records name these. Where a record does not
list its rows, every row of the vats' stores is. What a guest library keeps for itself, such as its counters,
is left out: fields of durable objects, entries of baggages and collections, promises, the queue and the vats
are what people ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.present.tables import Lens
from swingset.model.foreign import read_object
from swingset.model.refs import sort_key
from swingset.model.visible import one_line
from swingset.time.looking.stored import BAGGAGE, NOTHING, Object, Stored, in_words, object_at, values
from swingset.world.records import Record

_ENTRY = re.compile(r"vc\.([0-9]+)\.s(.*)", re.DOTALL)
_NAMES = "2"  # the collection of a session's names

Touched = set[tuple[str, tuple[Any, ...]]]
"""Rows by table and key."""


@dataclass(frozen=True)
class Unlike:
    """One place that is different in two worlds: what is there in the first, and in the second."""

    place: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.place}: {self.first} → {self.second}"


ABSENT = "-"
"""What is said of a place that one of the worlds does not have."""


def touched(records: Iterable[Record]) -> Touched | None:
    """The rows that some records changed; None if one of them does not list its rows."""
    found: Touched = set()
    for record in records:
        if record.rows is None:
            return None
        found.update((change.table, change.key) for change in record.rows)
    return found


def compare(
    first: KernelStore, second: KernelStore, rows: Touched | None, *, without: str | None = None
) -> list[Unlike]:
    """The places that are different in two worlds, of those in `rows`; of all of them for None.

    `without` is the id of a vat of the second that is left out, with what is sent to it.
    """
    comparison = _Comparison(first, second, without)
    keys = _all_keys(first, second) if rows is None else {key for table, key in rows if table == "vatstore"}
    return [*comparison.vats(), *comparison.stores(keys), *comparison.promises(rows), *comparison.queues()]


def _all_keys(*stores: KernelStore) -> set[tuple[Any, ...]]:
    return {tuple(row) for store in stores for row in store.world.rows("SELECT vat, key from vatstore")}


class _Comparison:
    def __init__(self, first: KernelStore, second: KernelStore, without: str | None) -> None:
        self._both = first, second
        self._stored = Stored(first), Stored(second)
        self._without = without

    def vats(self) -> list[Unlike]:
        """The vats that only one has, or that stand differently."""
        found = []
        first, second = ({vat.id: vat for vat in stored.vats()} for stored in self._stored)
        for vat in sorted(first.keys() | second.keys(), key=lambda vat: int(vat[1:])):
            if vat != self._without:
                one, other = first.get(vat), second.get(vat)
                told = [
                    f"{one_line(it.name, 80)}: incarnation {it.incarnation}, {it.state}" if it else ABSENT
                    for it in (one, other)
                ]
                if told[0] != told[1] and not (one and other and one.attached):
                    found.append(Unlike("vat", *told))
        return found

    def stores(self, keys: set[tuple[Any, ...]]) -> list[Unlike]:
        """The fields and entries that are different, by vat and key."""
        found = []
        for vat, key in sorted(keys, key=lambda row: (int(str(row[0])[1:]), str(row[1]))):
            if vat != self._without:
                texts = [store.vatstore.get(vat, key) for store in self._both]
                if texts[0] != texts[1]:
                    found += self._row(vat, key, texts)
        return found

    def _row(self, vat: str, key: str, texts: list[str | None]) -> list[Unlike]:
        raws = [read_object(text) for text in texts]
        vref = object_at(key)
        at = 0 if texts[1] is None else 1
        if vref is not None:
            called = self._stored[at].called(Object(vat, vref))
            if None in texts:
                there = in_words(values(raws[at]), 160)
                return [Unlike(called, *(there if text is not None else ABSENT for text in texts))]
            fields = [values(raw) for raw in raws]
            names = list(dict.fromkeys([*fields[0], *fields[1]]))
            told = [(name, *(_told(each.get(name, NOTHING)) for each in fields)) for name in names]
            return [
                Unlike(f"{called}: {one_line(name, 80)}", one, other)
                for name, one, other in told
                if one != other
            ]
        entry = _ENTRY.fullmatch(key)
        if entry is None or (entry[1] == _NAMES and self._attached(vat)):
            return []
        record = self._both[at].vats.get(vat)
        name = one_line(vat if record is None else record.name, 80)
        place = f"{name}.{one_line(entry[2], 80)}"
        if not key.startswith(BAGGAGE):
            place = f"collection {entry[1]} of {name}[{one_line(entry[2], 80)!r}]"
        return [Unlike(place, *(_told(stored.value(vat, key)) for stored in self._stored))]

    def _attached(self, vat: str) -> bool:
        record = self._both[1].vats.get(vat)
        return record is not None and record.attached

    def promises(self, rows: Touched | None) -> list[Unlike]:
        """The promises that are settled differently, and those that stay unresolved in one."""
        lenses = [Lens(store).cached() for store in self._both]
        first, second = ({row.kref: row for row in lens.promises()} for lens in lenses)
        krefs = first.keys() | second.keys()
        if rows is not None:
            krefs &= {str(key[0]) for table, key in rows if table == "promises"}
        found = []
        for kref in sorted(krefs, key=sort_key):
            told = []
            for known in (first.get(kref), second.get(kref)):
                if known is None:
                    told.append(ABSENT)
                elif known.state == "unresolved":
                    told.append(f"unresolved, decided by {one_line(known.decider or 'the kernel', 80)}")
                else:
                    told.append(one_line(f"{known.state}: {known.value}", 80))
            settled_in_one = ABSENT in told and not any(text.startswith("unresolved") for text in told)
            if told[0] != told[1] and not settled_in_one:
                found.append(Unlike(f"promise {kref}", told[0], told[1]))
        return found

    def queues(self) -> list[Unlike]:
        """What waits in one and not in the other."""
        told = []
        for store in self._both:
            lens = Lens(store)
            told.append(
                [one_line(f"{row.summary} for {row.target}, in {row.where}", 120) for row in lens.queue()]
            )
        left = list(told[1])
        found = []
        for text in told[0]:
            if text in left:
                left.remove(text)
            else:
                found.append(Unlike("waiting", text, ABSENT))
        return found + [Unlike("waiting", ABSENT, text) for text in left]


def _told(value: Any) -> str:
    return ABSENT if value is NOTHING else in_words(value)


__all__ = ["ABSENT", "Touched", "Unlike", "compare", "touched"]
