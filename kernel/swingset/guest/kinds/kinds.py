"""The kinds of one vat: classes whose instances may outlive the code that made them.

An upgrade drops the heap and keeps the store, and a class with the same tag takes over the stored instances.
A `@virtual` class is the same for one incarnation only: its instances need no memory, and they end with the
incarnation. In a notebook a cell may be run again: its class takes over the instances of the one before.

A kind (`kind`) is known by its tag, which is the class name by default, or by a handle. `descriptors` says
what is stored of it and how new code is compared with that, `facets` how several objects share one state, and
`migration` how records of an older version are migrated.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..base import jsontext
from ..base.recently_used import RecentlyUsed
from ..base.vatstore import check_room
from ..base.vrefs import parse_instance
from ..clist.references import slots_of
from ..passing.passable import has_half_pair
from ..passing.smallcaps import DecodeError
from .descriptors import Descriptor, KindError, arrange_facets, describe
from .facets import make_facet
from .kind_checks import check_unchanged
from .migration import MigrationError, migrated
from .records import Record
from .sweep import Sweep

if TYPE_CHECKING:
    from .kind import Kind
    from .vat import Vat


FIRST_KIND = 10  # smaller numbers are kinds of this library


class Kinds:
    """All kinds of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._by_id: dict[int, Kind] = {}
        self._by_tag: dict[str, Kind] = {}
        self._unsettled: list[Kind] = []  # their descriptors are yet to be compared and stored
        self._stored: dict[int, Descriptor] = {}
        self._alive: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._faces: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self.recent = RecentlyUsed()
        self._records: dict[str, Record] = {}
        self.migrating: list[str] = []  # the records that are being migrated, innermost last
        self.sweep = Sweep(vat)
        self.prefix = ""  # of the tags of kinds that are defined now, while a bundle is imported

    # Definitions.

    def load(self) -> None:
        """Read the descriptors of kinds that earlier incarnations have stored."""
        store = self._vat.store
        for key in store.keys("vom.dkind."):
            if key.endswith(".descriptor"):
                self._stored[int(key.split(".")[2])] = jsontext.read(store.get(key) or "{}")

    def define(self, kind: Kind) -> None:
        """Register a kind under its tag, or under its handle; raises KindError if it cannot take over."""
        known = self._by_id.get(kind.id) if kind.has_handle else self._by_tag.get(kind.tag)
        redefinition = self._vat.kind.redefinition
        if known is not None and redefinition == "refused":
            raise KindError(
                f"{'durable' if kind.durable else 'virtual'} kind {kind.tag!r} is defined twice in vat "
                f"{self._vat.vat_name}, at {known.where} and at {kind.where}: rename one, or give it a tag "
                'of its own with @durable(tag="...")',
                [kind.tag],
            )
        if redefinition == "apart":
            kind.id = kind.id or self._vat.counters.take("kindID")
            kind.described = True
            self._by_id[kind.id] = kind
            return
        if known is not None and known.durable is not kind.durable:
            raise KindError(
                f"kind {kind.tag!r} was {_decorator_of(known)} at {known.where}, and its instances cannot "
                f"become {_decorator_of(kind)} at {kind.where}: rename one, or give it a tag of its own with "
                f'{_decorator_of(kind)}(tag="...")',
                [kind.tag],
            )
        if known is not None:
            kind.id = known.id
        elif not kind.has_handle:
            kind.id = self._stored_id(kind) or self._vat.counters.take("kindID")
        if known is not None:
            self.save_records()
        stored = self._stored.get(kind.id)
        kind.facets = arrange_facets(kind.tag, list(kind.facet_classes), stored)
        if stored is not None:
            try:
                self.ready(kind)  # an error is raised on the user's line, before an old class loses instances
            except (KindError, MigrationError):
                raise
            except TypeError:
                pass  # an annotation names a class that is defined further down
        if known is not None:
            self._succeed(known, kind)
        self._by_id[kind.id] = kind
        if not kind.described:
            self._unsettled.append(kind)
        if not kind.has_handle:
            self._by_tag[kind.tag] = kind
        self._vat.definitions += 1

    def _stored_id(self, kind: Kind) -> int | None:
        if not kind.durable:
            return None
        found = (n for n, d in self._stored.items() if d["tag"] == kind.tag and "handle" not in d)
        return next(found, None)

    def _succeed(self, old: Kind, new: Kind) -> None:
        """Give the instances in memory the class that replaces theirs."""
        self._records.clear()
        old.successor = new
        for instance in [*self._alive.values(), *self._faces.values()]:
            cls = type(instance)
            if cls is old.cls:
                instance.__class__ = new.cls
            elif getattr(cls, "__kind__", None) is old and cls.__facet__ in new.facet_classes:
                object.__setattr__(instance, "__class__", new.facet_classes[cls.__facet__])

    def settle_definitions(self) -> None:
        """Compare the kinds defined so far with what is stored, and store their new descriptors."""
        for kind in list(self._by_id.values()):
            check_unchanged(kind)
            self.ready(kind)

    def ready(self, kind: Kind) -> None:
        """Compare a kind with its stored descriptor and store the new one, once; raises KindError."""
        if kind.described:
            return
        stored = self._stored.get(kind.id)
        descriptor = describe(kind, stored)
        if descriptor != stored:
            self.save_descriptor(kind, descriptor)
        kind.older = descriptor.get("older", {})
        kind.late = descriptor.get("defaults", {})
        kind.described = True

    def save_descriptor(self, kind: Kind, descriptor: Descriptor) -> None:
        """Store a kind's descriptor; raises TypeError if it cannot be stored."""
        text = jsontext.write(descriptor)
        if has_half_pair(text):
            raise TypeError(f"{kind.tag}: its annotations or defaults hold half of a surrogate pair")
        check_room(f"what is stored of the kind {kind.tag}", descriptor, text)
        if kind.durable:
            self._stored[kind.id] = descriptor
        self._vat.store.set(kind.descriptor_key, text)

    def new_handle(self, tag: str) -> int:
        """Return an id for a durable kind, which this incarnation and every later one has to define."""
        number = self._vat.counters.take("kindID")
        self._stored[number] = {"tag": tag, "handle": True}
        self._vat.store.set(f"vom.dkind.{number}.descriptor", jsontext.write(self._stored[number]))
        return number

    def stored(self, number: int) -> Descriptor | None:
        """The stored descriptor of a durable kind, or None."""
        return self._stored.get(number)

    def add_builtin(self, kind: Kind, number: int) -> None:
        """Register a kind of this library, whose instances have no records."""
        kind.id = number
        kind.described = True
        self._by_id[number] = kind

    def classes(self) -> dict[str, type]:
        """The classes of all kinds by tag, and by name where no kind has that tag."""
        kinds = self._by_id.values()
        return {kind.cls.__name__: kind.cls for kind in kinds} | {kind.tag: kind.cls for kind in kinds}

    def lost(self) -> list[str]:
        """The tags of stored kinds that the code does not define."""
        return [descriptor["tag"] for number, descriptor in self._stored.items() if number not in self._by_id]

    def outdated(self) -> list[Kind]:
        """The kinds of which there may be records of another version."""
        return [kind for _, kind in sorted(self._by_id.items()) if kind.older]

    # Instances.

    def instance(self, vref: str) -> Any:
        """Return the one object for the name of an instance or a facet; raises DecodeError."""
        found = self._alive.get(vref)
        if found is None:
            found = self._faces.get(vref)
        if found is not None and type(found).__method_table__ is not None:
            self.recent.touch(vref, found)
            return found
        name = parse_instance(vref)
        kind = self._by_id.get(name.kind) if name is not None else None
        if name is None or kind is None or kind.durable is not name.durable:
            stored = self._stored.get(name.kind) if name is not None and name.durable else None
            what = (
                f"the kind {stored['tag']!r}, which is not defined (yet)"
                if stored is not None
                else "an unknown kind"
            )
            raise DecodeError(f"{vref} in vat {self._vat.vat_name} is of {what}")
        if name.facet is None and not kind.facets:
            return self._whole(kind, vref)
        if name.facet is None or name.facet >= len(kind.facets):
            raise DecodeError(
                f"{vref} in vat {self._vat.vat_name} is no facet of {kind.tag}, which has {len(kind.facets)}"
            )
        return self.facet(kind, name.base, name.facet, self._whole(kind, name.base))

    def _whole(self, kind: Kind, vref: str) -> Any:
        found = self._alive.get(vref)
        if found is None:
            found = object.__new__(kind.cls)
            found.__dict__["__vref__"] = vref
            self._alive[vref] = found
        self.recent.touch(vref, found)
        return found

    def facet(self, kind: Kind, base: str, index: int, cohort: Any) -> Any:
        """Return the one object for a facet."""
        vref = f"{base}:{index}"
        found = self._faces.get(vref)
        if found is None:
            found = self._faces[vref] = make_facet(kind.facet_classes[kind.facets[index]], vref, cohort)
        self.recent.touch(vref, found)
        return found

    def adopt(self, vref: str, instance: Any, record: Record) -> None:
        """Register a new instance and its record."""
        self._alive[vref] = instance
        self.recent.touch(vref, instance)
        self._records[vref] = record
        self._vat.references.begin(vref)

    def adopt_builtin(self, vref: str, instance: Any) -> None:
        """Register a new instance of a kind of this library."""
        self._alive[vref] = instance
        self.recent.touch(vref, instance)
        self._vat.references.begin(vref)

    def in_memory(self, base: str) -> bool:
        """Whether an instance or a facet of it is in memory; a facet holds its cohort."""
        return base in self._alive

    def alive(self) -> list[str]:
        """The names of all instances in memory, sorted."""
        return sorted(self._alive)

    def facet_count(self, base: str) -> int:
        """How many facets an instance has."""
        name = parse_instance(base)
        kind = self._by_id.get(name.kind) if name is not None else None
        return len(kind.facets) if kind is not None else 0

    def delete(self, base: str) -> None:
        """Delete the record of an instance that nothing holds, with its references."""
        name = parse_instance(base)
        if name is not None and name.kind < FIRST_KIND:
            self._vat.collections.condemn(base)
            return
        self._records.pop(base, None)
        text = self._vat.store.get(f"vom.{base}")
        if text is not None:
            self._vat.references.change(slots_of(jsontext.read(text)), ())
            self._vat.store.delete(f"vom.{base}")

    # Records.

    def record(self, kind: Kind, instance: Any) -> Record:
        """The record of an instance, in the kind's version; it is read at most once in a delivery.

        Raises TypeError for an object without a name, LookupError without a record, and MigrationError.
        """
        vref = instance.__dict__.get("__vref__")
        if vref is None:
            raise TypeError(f"this {kind.tag} has no state: it was not made by calling {kind.tag}(...)")
        self._vat.store.refuse()
        found = self._records.get(vref)
        return self.fetch(kind, vref) if found is None else found

    def writable(self, kind: Kind, instance: Any) -> Record:
        """The record of an instance that is about to change; raises TypeError during a migration."""
        record = self.record(kind, instance)
        if self.migrating and record.stored:
            raise TypeError(
                f"a migration is under way, of {self.migrating[-1]}, and cannot change a stored {kind.tag}: "
                "return the new record and do the rest in a method"
            )
        return record

    def fetch(self, kind: Kind, vref: str) -> Record:
        """Read a record and migrate it if needed; raises LookupError and MigrationError."""
        self.ready(kind)
        text = self._vat.store.get(f"vom.{vref}")
        if text is None:
            raise LookupError(f"{vref}: there is no stored {kind.tag} of that number")
        found = Record.from_text(kind, text)
        if found.version != kind.version:
            counted = found.counted
            found = migrated(kind, vref, found, kind.older.get(str(found.version), {}))
            found.stored = True
            found.counted = counted
        self._records[vref] = found
        return found

    def held(self, vref: str) -> Record | None:
        """The record of an instance if this delivery has used it, else None."""
        return self._records.get(vref)

    def flush(self) -> None:
        """Write changed records to the store, and forget all records."""
        if self._unsettled:
            self._settle_late()
        if self._records:
            self.save_records()
            if self._vat.kind.delivered:
                self._records.clear()

    def _settle_late(self) -> None:
        """Compare and store kinds whose annotations mention a class that was defined further down."""
        for kind in self._unsettled:
            with suppress(TypeError):  # raised again where the kind is used; it has no instances before that
                self.ready(kind)
        self._unsettled = [kind for kind in self._unsettled if not kind.described]

    def save_records(self) -> None:
        """Write changed records to the store."""
        for vref, record in self._records.items():
            if record.dirty:
                self._vat.store.set(f"vom.{vref}", record.to_text())
                now = slots_of(record.raw)
                self._vat.references.change(record.counted, now)
                record.counted = now
                record.dirty = False
                record.stored = True


def _decorator_of(kind: Kind) -> str:
    return "@durable" if kind.durable else "@virtual"
