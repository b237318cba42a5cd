"""What a reference stands for, in a few words, out of the world's own records. No code of a vat is run.

A vat's store has the state of its durable objects, its source has their methods, and the c-lists say who
holds what. All of it is a stranger's: it is measured before it is read, drawn in visible characters, and cut
to a length that does not depend on the world. The heap of a vat cannot be seen, so of an object that is not
durable only the class is known, by the name that its vat gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.routing import fate_of
from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes
from swingset.lens.history.wording import Words
from swingset.lens.source.outlines import (
    ClassOutline,
    MethodOutline,
    Outline,
    example,
    listed,
    outline,
    simplest,
)
from swingset.lens.state.records import base, kind_tag
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.foreign import read_object
from swingset.model.messages import CreateVat, Send
from swingset.model.refs import ROOT, is_kref, kref_type
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.world.objects import ObjectRecord
from swingset.world.promises import FORWARDED, REJECTED, UNRESOLVED, PromiseRecord
from swingset.world.records import CrankRecord
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord

MOST_FIELDS = 12
"""How many fields are shown."""

MOST_HOLDERS = 8
"""How many holders are named."""

MOST_METHODS = 60
"""How many methods are described in full."""

_FIELD, _VALUE = 60, 160
_MOST_RECORD = 200_000
_MOST_HOPS = 1_000


@dataclass(frozen=True)
class Described:
    """What a reference stands for. Its text is one line; `lines` has more.

    `name` says what it is and whose, such as `Purse of bank`. `fields` are the names and values of its state,
    if that is stored. `methods` are those that its class has in the source. `holders` are the vats that hold
    it. `part` and `line` are where its class is, if it was found; `notes` are further facts.

    Source:
        Ours.
    """

    kref: str
    name: str
    fields: tuple[tuple[str, str], ...] = ()
    methods: tuple[MethodOutline, ...] = ()
    holders: tuple[str, ...] = ()
    doc: str = ""
    part: str = ""
    line: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " · ".join(self.pieces())

    def pieces(self) -> list[str]:
        """The parts of the line.

        Example:
            >>> world.lens.describe(world.vats.root("bank")).pieces()
            ['Bank, root of bank', 'methods open_purse', 'held by notebook']
        """
        shown = [self.name, *(f"{name} {value}" for name, value in self.fields[:MOST_FIELDS])]
        if len(self.fields) > MOST_FIELDS:
            shown.append(f"{len(self.fields) - MOST_FIELDS:,} more fields")
        if self.methods:
            shown.append(f"methods {listed(self.methods)}")
        if self.holders:
            more = f" and {len(self.holders) - MOST_HOLDERS:,} more"
            few = ", ".join(self.holders[:MOST_HOLDERS])
            shown.append(f"held by {few}{more if len(self.holders) > MOST_HOLDERS else ''}")
        return [*shown, *self.notes]

    def lines(self) -> list[str]:
        """All that is known, line by line: the line, the methods with their docstrings, and the class.

        Example:
            >>> print("\\n".join(world.lens.describe(world.vats.root("bank")).lines()))
            Bank, root of bank · methods open_purse · held by notebook
              open_purse(owner: str), line 15 of cell bank
              class: line 14 of cell bank
        """
        found = [str(self)]
        for method in self.methods[:MOST_METHODS]:
            first = method.doc.partition("\n")[0]
            how = "async " if method.is_async else ""
            said = f": {first}" if first else ""
            found.append(f"  {how}{method.signature}, line {method.line} of cell {method.part}{said}")
        if len(self.methods) > MOST_METHODS:
            found.append(f"  and {len(self.methods) - MOST_METHODS:,} more methods")
        found += [f"  {line}" for line in self.doc.split("\n") if line]
        if self.part:
            found.append(f"  class: line {self.line} of cell {self.part}")
        return found

    def method(self, name: str) -> MethodOutline | None:
        """The method of that name, if the source has it.

        Args:
            name: the name of the method.
        Example:
            >>> world.lens.describe(world.vats.root("bank")).method("open_purse").signature
            'open_purse(owner: str)'
        """
        return next((method for method in self.methods if method.name == name), None)

    def example(self) -> str:
        """A call of the method that needs the fewest arguments: `deposit(amount)`.

        Raises:
            ValueError: if no method is known.
        Example:
            >>> world.lens.describe(world.vats.root("bank")).example()
            'open_purse(owner)'
        """
        return example(simplest(self.methods))


def describe(store: KernelStore, kref: str, asker: str | None = None) -> Described:
    """Describe an object, a device node or a promise; raises `KernelError` for what is not a kref.

    A vat whose id is given as `asker` is not named among those that hold it or wait for it.
    """
    if not is_kref(kref):
        raise KernelError(f"{kref!r} is not a kref such as ko20, kp40 or kd30")
    found = _Describing(store, asker)
    if kref_type(kref) == "p":
        return found.promise(kref)
    return found.object(kref)


class _Describing:
    def __init__(self, store: KernelStore, asker: str | None) -> None:
        self._store = store
        self._asker = asker
        self._words = Words(store)

    # Promises

    def promise(self, kref: str) -> Described:
        record, passed = self._store.promises.get(kref), 0
        while record is not None and record.state == FORWARDED and record.decider and passed < _MOST_HOPS:
            record, passed = self._store.promises.get(record.decider), passed + 1
        if record is None:
            return Described(kref, f"promise {kref}", notes=("settled and forgotten",))
        name = f"promise {kref}"
        waiting = self._store.promises.subscribers(record.kref)
        holders = tuple(self._words.vat(vat) for vat in waiting if vat != self._asker)
        if record.state == UNRESOLVED:
            return Described(kref, name, notes=(*self._unsettled(record), *_awaited(holders)))
        data = record.data
        value = "" if data is None else self._words.value(data, _VALUE)
        how = "fulfilled with" if record.state != REJECTED else "rejected with"
        return Described(kref, name, notes=(f"{how} {value}",))

    def _unsettled(self, record: PromiseRecord) -> Iterator[str]:
        """Who has to settle a promise."""
        decider = None if record.decider is None else self._store.vats.get(record.decider)
        if decider is not None:
            how = ", which is suspended" if decider.state == SUSPENDED else ""
            yield f"not settled yet: vat {one_line(decider.name, _FIELD)} has to settle it{how}"
            return
        for event in self._store.queues.all():
            item = event.item
            if isinstance(item, Send) and item.message.result == record.kref:
                yield f"not settled yet: its message {one_line(item.message.method, _FIELD)}() waits to run"
                return
        yield "not settled yet: a device or the host has to settle it, or a message that waits for a promise"

    # Objects

    def object(self, kref: str) -> Described:
        record = self._store.objects.get(kref)
        if record is None:
            return Described(kref, f"object {kref}", notes=("gone: no vat holds it any more",))
        entries = sorted(self._store.clists.holders(kref), key=lambda entry: (len(entry.vat), entry.vat))
        holders = tuple(
            self._words.vat(entry.vat)
            for entry in entries
            if "-" in entry.vref and entry.reachable and entry.vat != self._asker
        )
        if kref_type(kref) == "d":
            return self._node(kref, record, holders)
        called = one_line((record.iface or "object").removeprefix("Alleged: "), _FIELD)
        owner = None if record.owner is None else self._store.vats.get(record.owner)
        if owner is None or owner.state == TERMINATED:
            _, words = fate_of(record.fate)
            notes = (f"gone, {one_line(words, _VALUE)}: what is sent to it is rejected",)
            return Described(kref, self._gone(kref, called), holders=holders, notes=notes)
        vref = next((entry.vref for entry in entries if entry.vat == owner.id), "")
        return self._export(kref, owner, vref, record.iface or "", holders)

    def _node(self, kref: str, record: ObjectRecord, holders: tuple[str, ...]) -> Described:
        """A device node: what it is called, of which device, and what data the device keeps of it."""
        device = None if record.owner is None else self._store.devices.get(record.owner)
        if device is None:
            return Described(kref, self._words.thing(kref), holders=holders)
        called, whose = one_line((record.iface or "node").removeprefix("Alleged: "), _FIELD), device.name
        if device.root == kref:
            return Described(kref, f"device {one_line(whose, _FIELD)}", holders=holders)
        kept = self._store.devices.load(device.id, kref)
        said = read_object(kept.body.removeprefix("#"), longest=_MOST_RECORD) if kept is not None else None
        fields = tuple(
            (one_line(name, _FIELD), one_line(repr(value) if type(value) is str else str(value), _VALUE))
            for name, value in islice((said or {}).items(), MOST_FIELDS)
            if type(value) in (str, int, bool)
        )
        name = f"{called} of device {one_line(whose, _FIELD)}"
        return Described(kref, name, fields, (), holders, notes=("call it with D(x)",))

    def _gone(self, kref: str, called: str) -> str:
        """What an object that no vat has any more was called, and whose it was: its first record tells."""
        try:
            made = Causes(self._store).record(kref)
        except KernelError:  # that past was pruned
            return called
        if not isinstance(made, CrankRecord) or made.vat is None:
            return called
        vat = one_line(made.vat, _FIELD)
        return f"root of {vat}" if isinstance(made.event, CreateVat) else f"{called} of {vat}"

    def _export(
        self, kref: str, owner: VatRecord, vref: str, iface: str, holders: tuple[str, ...]
    ) -> Described:
        vat = one_line(owner.name, _FIELD)
        code = outline(self._store.world.bundles.get(owner.bundle)) if owner.bundle else Outline({})
        notes: tuple[str, ...] = () if owner.state != SUSPENDED else (f"vat {vat} is suspended",)
        for of in islice(self._store.vats.lineage(owner), 1):
            notes += (f"vat {vat} is a clone of {one_line(of.name, _FIELD)}",)
        if vref == ROOT:
            cls = code.named(code.root or "")
            name = f"root of {vat}" if cls is None else f"{one_line(cls.name, _FIELD)}, root of {vat}"
            return self._of_class(Described(kref, name, (), (), holders, notes=notes), cls, None)
        if not vref.startswith(("o+d", "o+v")):
            called = iface.removeprefix("Alleged: ")
            name = f"{one_line(called or 'object', _FIELD)} of {vat}"
            cls = code.named(called)
            return self._of_class(Described(kref, name, (), (), holders, notes=notes), cls, None)
        far = self._words.wire.remote(vref) if owner.id == self._words.wire.vat else None
        if far is not None:
            return Described(kref, far[0], (), (), holders, notes=(far[1], *notes))
        kind = self._kind(owner, vref)
        tag = kind_tag(kind) or ""
        facet = _facet(kind, vref)
        called = one_line(tag or iface.removeprefix("Alleged: ") or "object", _FIELD)
        name = f"{called} of {vat}" + (f", facet {facet}" if facet else "")
        fields = tuple(self._fields(owner, vref, kind))
        return self._of_class(
            Described(kref, name, fields, (), holders, notes=notes), code.tagged(tag), facet
        )

    @staticmethod
    def _of_class(found: Described, cls: ClassOutline | None, facet: str | None) -> Described:
        if cls is None:
            return found
        methods = [method for method in cls.methods if facet is None or facet in method.facets]
        return Described(
            found.kref,
            found.name,
            found.fields,
            tuple(methods),
            found.holders,
            cls.doc,
            one_line(cls.part, _FIELD),
            cls.line,
            found.notes,
        )

    def _kind(self, owner: VatRecord, vref: str) -> str | None:
        """The stored descriptor of the kind of an instance."""
        number = vref[3:].partition("/")[0]
        return self._store.vatstore.get(owner.id, f"vom.{vref[2]}kind.{number}.descriptor")

    def _fields(self, owner: VatRecord, vref: str, kind: str | None) -> Iterator[tuple[str, str]]:
        """The state of an instance, field by field."""
        raw = _read(self._store.vatstore.get(owner.id, f"vom.{base(vref)}"))
        late = _read(kind).get("defaults")
        values = {**_bodies(late), **raw}

        def named(slot: str, iface: str | None) -> str:
            entry = self._store.clists.by_vref(owner.id, slot)
            if entry is not None:
                return self._words.thing(entry.kref, iface)
            return one_line(iface or "object", _FIELD)

        for field, stored in values.items():
            if field.startswith("#"):
                continue
            try:
                text = value_in_words(CapData.from_json(stored), named, _VALUE)
            except MalformedCapData:
                text = "?"
            yield one_line(field, _FIELD), text


def _awaited(holders: tuple[str, ...]) -> tuple[str, ...]:
    if not holders:
        return ()
    return (f"{', '.join(holders[:MOST_HOLDERS])} {'waits' if len(holders) == 1 else 'wait'} for it",)


def _facet(kind: str | None, vref: str) -> str | None:
    """The name of a facet by its number in the stored list."""
    number = vref.partition(":")[2]
    names = _read(kind).get("facets")
    if not number.isdecimal() or not isinstance(names, list) or int(number[:4]) >= len(names):
        return None
    name = names[int(number[:4])]
    return name if isinstance(name, str) and name.isidentifier() else None


def _bodies(late: Any) -> dict[str, Any]:
    """The values of fields that a record is older than."""
    if not isinstance(late, dict):
        return {}
    return {name: {"body": body, "slots": []} for name, body in late.items()}


def _read(text: str | None) -> dict[str, Any]:
    return read_object(text, longest=_MOST_RECORD) or {}


__all__ = ["Described", "describe"]
