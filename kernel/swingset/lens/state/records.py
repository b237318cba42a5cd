"""What the kernel can see inside a vat: the records of its store, and the references in them.

A vat's heap is opaque. But what a guest keeps for its next incarnation is in its vatstore as text, capdata
in JSON, and the slots are the vat's own names for what it holds. This module reads those names, and says
in words where they were found: a field of a durable object, or an entry of the baggage. It never runs or
asks a vat, and a value that it cannot read counts as one without references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from swingset.core.store import KernelStore
from swingset.lens.state.wires import Wire
from swingset.model.foreign import Unreadable, read_json, read_object
from swingset.model.refs import ROOT, MalformedReference, parse_vref
from swingset.model.visible import one_line

_INSTANCE = "vom.o+"
_DESCRIPTOR = ".descriptor"
_BAGGAGE = re.compile(r"vc\.1\.((?:[ml][^/]*/)*)s(.*)", re.DOTALL)
_NAMES = re.compile(r"vc\.2\.(?:s|m(?=.*/s\d{6}\Z))(.*?)(?:/s\d{6})?", re.DOTALL)
_WATCHES = re.compile(r"vc\.3\.s(.*)", re.DOTALL)


class Mention(NamedTuple):
    """One place in a vat's store that names `vref`.

    `instance` is the durable object whose record it is. It is None if the record belongs to no object; the
    reference is then held as long as the vat lives.
    """

    vref: str
    instance: str | None
    field: str


class Records:
    """The stores of one world's vats, read as records."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._kinds: dict[str, dict[str, str]] = {}  # of the vats that were asked about

    def all(self, vat: str) -> Iterator[Mention]:
        """Every mention in one vat's store, in the order of its keys."""
        query = "SELECT key, value from vatstore where vat = ? and instr(value, '\"slots\"') order by key"
        for key, value in self._store.world.rows(query, (vat,)):
            yield from _mentions(key, value)

    def naming(self, vat: str, vref: str) -> Iterator[Mention]:
        """The places in one vat's store that name `vref`, or a facet of it."""
        query = "SELECT key, value from vatstore where vat = ? and instr(value, ?) order by key"
        # Search without the closing quote: the name of a facet begins with that of its object.
        for key, value in self._store.world.rows(query, (vat, f'"{vref}')):
            for mention in _mentions(key, value):
                if base(mention.vref) == vref or mention.vref == vref:
                    yield mention

    @cached_property
    def _wire(self) -> Wire:
        return Wire(self._store)

    def called(self, vat: str, vref: str) -> str:
        """What kind of object a vat's export is, for people: the tag of its kind, or `object`."""
        if vref == ROOT:
            return "root"
        if not vref.startswith(("o+d", "o+v")):
            return "object"
        far = self._wire.remote(vref) if vat == self._wire.vat else None
        if far is not None:
            return far[0]
        kind = vref[3:].partition("/")[0]
        if vat not in self._kinds:
            self._kinds[vat] = descriptors(self._store, ONE, vat).get(vat, {})
        tag = kind_tag(self._kinds[vat].get(kind))
        return f"object of kind {kind}" if tag is None else one_line(tag, 80)


ONE, EVERY = "SELECT ? id", "SELECT id from vats"
"""The SELECT that finds the id of one vat, and of every vat."""


def descriptors(store: KernelStore, vats: str = EVERY, *given: str) -> dict[str, dict[str, str]]:
    """The texts that describe the durable kinds of some vats, by the vat's id and the kind's number.

    `vats` is the SELECT that finds their ids. Nothing is known of the texts.
    """
    found: dict[str, dict[str, str]] = {}
    for vat, key, value in of_vats(store, "vom.dkind.", vats, *given):
        if key.endswith(_DESCRIPTOR):
            found.setdefault(vat, {})[key[len("vom.dkind.") : -len(_DESCRIPTOR)]] = value
    return found


def of_vats(store: KernelStore, prefix: str, vats: str, *given: str) -> list[tuple[Any, ...]]:
    """What some vats have stored under the keys that begin so: vat, key and value, in order of the keys."""
    # In this order of the join each vat costs a search of the index, and the rest of its store is not read.
    query = f"SELECT vat, key, value from ({vats}) CROSS JOIN vatstore on vat = id and key >= ? and key < ?"
    return store.world.rows(f"{query} order by vat, key", (*given, prefix, prefix + "\U0010ffff"))


def kind_tag(descriptor: str | None) -> str | None:
    """What the class of a durable kind is called, by the text that describes the kind."""
    tag = (read_object(descriptor) or {}).get("tag")
    return tag if isinstance(tag, str) else None


def base(vref: str) -> str:
    """The name of the object that a facet belongs to; unchanged if the name is not a facet's."""
    return vref.partition(":")[0]


def where(mention: Mention) -> str:
    """The place of a mention inside its vat, for people."""
    if mention.instance is not None:
        return f"field {mention.field!r}"
    return mention.field


def _mentions(key: str, value: str) -> Iterator[Mention]:
    try:
        raw = read_json(value)
    except Unreadable:
        return
    instance = _instance(key)
    if instance is not None and isinstance(raw, dict) and "slots" not in raw:
        for field, capdata in raw.items():
            for vref in _slots(capdata):
                yield Mention(vref, instance, one_line(field, 80))
        return
    place = one_line(key, 80)
    entry = _BAGGAGE.fullmatch(key)
    if entry is not None:
        maps = "".join(f"/{name[1:]}" for name in entry[1].split("/")[:-1])
        place = f"baggage{one_line(maps, 80)}[{one_line(entry[2], 80)!r}]"
    elif (entry := _NAMES.fullmatch(key)) is not None:
        place = f"its name {one_line(entry[1], 80)!r}"
    elif (entry := _WATCHES.fullmatch(key)) is not None:
        place = f"what watches {one_line(entry[1], 80)}"
    for vref in _slots(raw):
        yield Mention(vref, instance, "state" if instance else place)


def _instance(key: str) -> str | None:
    if not key.startswith(_INSTANCE):
        return None
    try:
        return parse_vref(key.removeprefix("vom.")).text
    except MalformedReference:
        return None


def _slots(capdata: Any) -> Iterator[str]:
    slots = capdata.get("slots") if isinstance(capdata, dict) else None
    for slot in slots if isinstance(slots, list) else ():
        if isinstance(slot, str):
            yield slot
