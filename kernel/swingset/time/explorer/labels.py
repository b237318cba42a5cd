"""What people know a thing by: its kind and its first fields, the name that a session has for it, its vat.

The fields of a durable object are read from its vat's store, and only for the rows that are shown: those of
one vat with one statement. A record that is too long to be read for a label has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.source.outlines import Outline, outline
from swingset.lens.state.records import base
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.foreign import read_object
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.time.explorer.index import Index, Key
from swingset.world.errors import WorldError
from swingset.world.vats import VatRecord

NAME, LABEL, NOTE = 40, 80, 200
"""The most characters of a name, a label and a note."""

_MOST_RECORD, _SHORT, _FEW, _LONGEST, _MOST_HELD = 20_000, 24, 2, 200, 40


class Outlines:
    """The outlines of the code of vats, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, Outline] = {}

    def of(self, store: KernelStore, vat: VatRecord) -> Outline:
        """The outline of a vat's code; an empty one if it has none that can be read."""
        if vat.bundle is None:
            return Outline({})
        if vat.bundle not in self._known:
            try:
                self._known[vat.bundle] = outline(store.world.bundles.get(vat.bundle))
            except WorldError:
                return Outline({})
        return self._known[vat.bundle]


class Labels:
    """The labels of the things of one world at one moment."""

    def __init__(self, store: KernelStore, index: Index, outlines: Outlines) -> None:
        self._store = store
        self._index = index
        self._outlines = outlines
        self.vats: dict[str, VatRecord] = {vat.id: vat for vat in store.vats.all()}
        self.devices = {device.id: device for device in store.devices.all()}
        self._fields: dict[tuple[str, str], tuple[str, ...]] = {}
        self._held: dict[tuple[str, str], tuple[str, ...]] = {}
        self.named: dict[str, list[tuple[str, str]]] = {}
        """The names that are just one thing, by its kref: the session's id, and the name."""
        for session in sorted(index.names.sessions):
            for name, (krefs, direct) in index.names.of(session).items():
                if direct and krefs:
                    self.named.setdefault(krefs[0], []).append((session, name))

    def owner(self, owner: str) -> str:
        """What a vat or a device is called."""
        vat, device = self.vats.get(owner), self.devices.get(owner)
        return one_line(vat.name if vat else device.name if device else owner or "nobody", NAME)

    def kind(self, key: Key) -> str:
        """What the things of a group are."""
        return one_line(self.kind_as_is(key), NAME)

    def kind_as_is(self, key: Key) -> str:
        """As `kind`, in the words of the vat: to compare, and not to show."""
        if key.sort == "promise":
            return "promise"
        if key.sort == "root":
            vat = self.vats.get(key.owner)
            found = self._outlines.of(self._store, vat).root if vat is not None else None
            return found or "root"
        if key.sort == "durable":
            kind, colon, facet = key.kind.partition(":")
            tag = self._index.tags.get((key.owner, kind), f"kind {kind}")
            return f"{tag}, facet {facet}" if colon else tag
        if key.kind == "node" and key.owner in self.devices:
            return "node"
        return key.kind.removeprefix("Alleged: ")[:_LONGEST] or "object"

    def read(self, krefs: Iterable[str]) -> None:
        """Read the fields of these objects, those of one vat at once."""
        wanted: dict[str, list[str]] = {}
        for kref in krefs:
            vat, vref = self._index.vrefs.get(kref, ("", ""))
            if vref.startswith("o+d") and (vat, base(vref)) not in self._fields:
                wanted.setdefault(vat, []).append(f"vom.{base(vref)}")
        for vat, keys in wanted.items():
            query = (
                "SELECT key, value from vatstore where vat = ? and key in (SELECT value from json_each(?))"
                f" and length(value) <= {_MOST_RECORD}"
            )
            slots: dict[str, list[str]] = {}
            for key, value in self._store.world.rows(query, (vat, json.dumps(keys))):
                vref, fields = key.removeprefix("vom."), fields_of(value)
                self._fields[vat, vref] = tuple(self._short(fields))
                slots[vref] = list(islice(_slots(fields), _MOST_HELD))
            self._find(vat, slots)

    def _find(self, vat: str, slots: dict[str, list[str]]) -> None:
        """Note what objects of a vat hold, of which their records have the vat's own names."""
        wanted = sorted({slot for some in slots.values() for slot in some})
        if not wanted:
            return
        query = "SELECT vref, kref from clists where vat = ? and vref in (SELECT value from json_each(?))"
        known = dict(self._store.world.rows(query, (vat, json.dumps(wanted))))
        for vref, some in slots.items():
            self._held[vat, vref] = tuple(known[slot] for slot in some if slot in known)

    def held_by(self, kref: str) -> tuple[str, ...]:
        """What the record of an object refers to, by kref, if its fields were read."""
        vat, vref = self._index.vrefs.get(kref, ("", ""))
        return self._held.get((vat, base(vref)), ())

    @staticmethod
    def _short(fields: dict[str, Any]) -> Iterator[str]:
        """The first fields of a record that are short, such as `alice` and `10`; a long text is cut."""
        shown = 0
        for name, stored in fields.items():
            if name.startswith("#") or shown == _FEW:
                continue
            try:
                data = CapData.from_json(stored)
            except MalformedCapData:
                continue
            if data.slots:
                continue
            text = value_in_words(data, _unnamed, _SHORT)
            quote = text[:1] if text[:1] in ("'", '"') else ""
            if quote or len(data.body) <= 2 * _SHORT:
                yield text.removeprefix(quote).removesuffix(quote)
                shown += 1

    def fields(self, kref: str) -> str:
        """The first fields of an object, such as `alice · 10`; empty if none were read."""
        vat, vref = self._index.vrefs.get(kref, ("", ""))
        return " · ".join(self._fields.get((vat, base(vref)), ()))

    def known_as(self, kref: str) -> str:
        """What a thing is, with its fields instead of its kref if they were read."""
        fields, group = self.fields(kref), self._index.group_of.get(kref)
        return f"{self.kind(group.key)} {fields}" if fields and group is not None else self.thing(kref)

    def thing(self, kref: str, iface: str | None = None) -> str:
        """A reference with what it is, such as `Purse ko24`."""
        if kref[1:2] == "p":
            return one_line(f"promise {kref}", NAME)
        group = self._index.group_of.get(kref)
        if group is None:
            return one_line(f"{iface or 'object'} {kref}", LABEL)
        if group.key.sort == "root":
            return f"root of {self.owner(group.key.owner)} {one_line(kref, NAME)}"
        return f"{self.kind(group.key)} {one_line(kref, NAME)}"

    def vat_list(self, vats: Iterable[str], most: int = 4) -> str:
        """The names of some vats as a phrase."""
        names = [self.owner(vat) for vat in sorted(vats, key=lambda vat: (len(vat), vat))]
        more = f" and {len(names) - most:,} more" if len(names) > most else ""
        return ", ".join(names[:most]) + more


def _slots(fields: dict[str, Any]) -> Iterator[str]:
    """The references in the fields of a record, each once."""
    told: set[str] = set()
    for stored in fields.values():
        slots = stored.get("slots") if isinstance(stored, dict) else None
        for slot in slots if isinstance(slots, list) else ():
            if isinstance(slot, str) and slot not in told:
                told.add(slot)
                yield slot


def fields_of(value: str | None, longest: int | None = None) -> dict[str, Any]:
    """The stored fields of an object by name; empty for what is no record, or a longer one."""
    return read_object(value, longest=longest) or {}


def _unnamed(_slot: str, iface: str | None) -> str:
    return one_line(iface or "object", _SHORT)
