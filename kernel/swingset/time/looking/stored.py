"""Reads what vats have stored, as values: fields of durable objects, and entries of the baggage.

A vat's store is text from a stranger. A record or a value that cannot be read counts as one that is not
there. References are the vat's own names; `Stored` finds the object that one refers to, in whichever vat it
is. Nothing here runs or asks a vat, so it is the same for a live world and for a moment of its past.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from swingset.core.store import KernelStore
from swingset.guest.passing.smallcaps import DecodeError
from swingset.host.base.requests import read
from swingset.lens.state.records import ONE, base, descriptors, kind_tag, of_vats
from swingset.model.capdata import CapData, Ref
from swingset.model.foreign import read_object, said, shown
from swingset.model.refs import MalformedReference, parse_vref, sort_key
from swingset.model.visible import one_line
from swingset.world.promises import REJECTED
from swingset.world.records import CrankRecord
from swingset.world.rows import RULES, slots_of
from swingset.world.vats import TERMINATED, VatRecord

BAGGAGE = "vc.1.s"
"""How the keys of a vat's baggage begin in its store."""

NAMES = "vc.2.s"
"""How the keys of the names of a session begin in its store."""

RECORD = "vom."
"""How the keys of records begin; the name of the object follows."""

_RECORD_KEY = re.compile(r"vom\.(o\+[dv][0-9]+/[0-9]+)")
_LONGEST = 80
_MOST_ITEMS = 6
_COLUMNS = tuple(RULES["promises"])


class Object(NamedTuple):
    """A durable object: the id of its vat, and the vat's name for it, without a facet."""

    vat: str
    vref: str


class Stored:
    """The stores of one world's vats, at the moment at which the world is."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._tags: dict[str, dict[str, str]] = {}  # by vat, the tags of its durable kinds by number

    def vat(self, name: str) -> VatRecord | None:
        """The vat of that name; None if there is none, or if it was terminated."""
        found = self._store.vats.named(name)
        return None if found is None or found.state == TERMINATED else found

    def vats(self) -> list[VatRecord]:
        """The vats that are not terminated, oldest first."""
        return [vat for vat in self._store.vats.all() if vat.state != TERMINATED]

    def tags(self, vat: str) -> dict[str, str]:
        """The tags of a vat's durable kinds, by number."""
        if vat not in self._tags:
            texts = descriptors(self._store, ONE, vat).get(vat, {})
            found = {number: kind_tag(text) for number, text in texts.items()}
            self._tags[vat] = {number: tag for number, tag in found.items() if tag is not None}
        return self._tags[vat]

    def instances(self, vat: str, tag: str) -> Iterator[Object]:
        """The durable objects of one kind, in the order of their keys; the case of the tag is ignored."""
        for number, known in self.tags(vat).items():
            if known.lower() == tag.lower():
                for _, key, _ in of_vats(self._store, f"{RECORD}o+d{number}/", ONE, vat):
                    if _RECORD_KEY.fullmatch(key):
                        yield Object(vat, key.removeprefix(RECORD))

    def named(self, name: str) -> Object | None:
        """The object that a session has stored under a name, if its vat has a record of it."""
        for vat in self.vats():
            if vat.attached:
                value = self.value(vat.id, NAMES + name)
                found = self.target(vat.id, value)
                if found is not None:
                    return found
        return None

    def target(self, vat: str, value: Any) -> Object | None:
        """The durable object that a value refers to, a `Ref` with `vat`'s own name; None for other values."""
        if type(value) is not Ref:
            return None
        found = Object(vat, base(value.kref))
        if found.vref[1:2] == "-":
            entry = self._store.clists.by_vref(vat, value.kref)
            return None if entry is None else self.known_as(entry.kref)
        return found if self.record(found) is not None else None

    def known_as(self, kref: str) -> Object | None:
        """The durable object of a kref; None if there is none, or if its vat has no record of it."""
        known = self._store.objects.get(kref)
        if known is None or known.owner is None:
            return None
        entry = self._store.clists.by_kref(known.owner, kref)
        found = None if entry is None else Object(known.owner, base(entry.vref))
        return found if found is not None and self.record(found) is not None else None

    def known_to_all(self, vat: str, vref: str) -> tuple[str, str]:
        """A name for what a vat calls so that is the same in all vats: its kref, if the kernel knows it."""
        entry = self._store.clists.by_vref(vat, vref)
        return (vat, vref) if entry is None else ("", entry.kref)

    def record(self, thing: Object) -> dict[str, Any] | None:
        """The record of an object as it is stored, by field; None if there is none that can be read."""
        return read_object(self._store.vatstore.get(thing.vat, RECORD + thing.vref))

    def fields(self, thing: Object) -> dict[str, Any]:
        """The fields of an object that can be read, as values."""
        return values(self.record(thing))

    def field(self, thing: Object, name: str) -> Any:
        """One field of an object as a value; `NOTHING` if there is none that can be read."""
        return _value((self.record(thing) or {}).get(name))

    def entries(self, vat: str) -> Iterator[str]:
        """The names of the entries of a vat's baggage, in their order."""
        for _, key, _ in of_vats(self._store, BAGGAGE, ONE, vat):
            yield key.removeprefix(BAGGAGE)

    def kind(self, thing: Object) -> str:
        """The tag of an object's kind."""
        return self.tags(thing.vat).get(thing.vref[3:].partition("/")[0], "object")

    def value(self, vat: str, key: str) -> Any:
        """The value at a key of a vat's store; `NOTHING` if there is none that can be read."""
        raw = read_object(self._store.vatstore.get(vat, key))
        return NOTHING if raw is None else _value(raw)

    def called(self, thing: Object) -> str:
        """An object in words, such as `Purse o+d10/1 of bank`."""
        record = self._store.vats.get(thing.vat)
        vat = thing.vat if record is None else record.name
        return f"{one_line(self.kind(thing), _LONGEST)} {thing.vref} of {one_line(vat, _LONGEST)}"


class _Nothing:
    """What is returned for a value that is not there; None is a value."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


def object_at(key: str) -> str | None:
    """The name of the durable object whose record has this key; None for other keys."""
    if not key.startswith(RECORD + "o+"):
        return None
    try:
        return parse_vref(key.removeprefix(RECORD)).text
    except MalformedReference:
        return None


def values(record: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of a record that can be read, as values."""
    found = {}
    for name, capdata in (record or {}).items():
        value = _value(capdata)
        if value is not NOTHING:
            found[name] = value
    return found


def _value(raw: Any) -> Any:
    body, slots = (raw.get("body"), raw.get("slots")) if isinstance(raw, dict) else (None, None)
    if type(body) is not str or type(slots) is not list or not all(type(slot) is str for slot in slots):
        return NOTHING
    try:
        return read(CapData(body, tuple(slots)))
    except (DecodeError, ValueError, RecursionError, MemoryError):
        return NOTHING


def rejection_in(record: CrankRecord) -> Any:
    """What a crank rejected a promise with, the first by number; `NOTHING` if it rejected none.

    A delivery that was rolled back counts by its fault.
    """
    settled = [change for change in record.rows or () if change.table == "promises" and change.after]
    for change in sorted(settled, key=lambda change: sort_key(str(change.key[0]))):
        row = dict(zip(_COLUMNS, change.after or (), strict=True))
        if row["state"] == REJECTED:
            return _value({"body": row["body"], "slots": list(slots_of(str(row["slots"])))})
    return NOTHING if record.fault is None else str(record.fault)


def in_words(value: Any, limit: int = 80) -> str:
    """A stored value as a short text; a `Ref` is shown by its vat's name for it."""
    return one_line(_spelled(value, 3), limit)


def _spelled(value: Any, depth: int) -> str:
    if value is None or type(value) in (bool, float):
        return repr(value)
    if type(value) is int:
        return repr(value) if value.bit_length() < 200 else shown(value)
    if type(value) is str:
        return repr(value[:_LONGEST]) if len(value) <= _LONGEST else f"{value[:_LONGEST]!r}…"
    if type(value) is Ref:
        return f"{value.iface} {value.kref}"
    if depth > 0 and isinstance(value, list | tuple):
        inside = ", ".join(_spelled(item, depth - 1) for item in list(value)[:_MOST_ITEMS])
        more = ", …" if len(value) > _MOST_ITEMS else ""
        return f"[{inside}{more}]" if isinstance(value, list) else f"({inside}{more})"
    if depth > 0 and isinstance(value, dict):
        some = list(value.items())[:_MOST_ITEMS]
        inside = ", ".join(f"{_spelled(key, 0)}: {_spelled(item, depth - 1)}" for key, item in some)
        return f"{{{inside}{', …' if len(value) > _MOST_ITEMS else ''}}}"
    return said(value) if isinstance(value, BaseException) else shown(value)


__all__ = [
    "BAGGAGE",
    "NAMES",
    "NOTHING",
    "RECORD",
    "Object",
    "Stored",
    "in_words",
    "object_at",
    "rejection_in",
    "values",
]
