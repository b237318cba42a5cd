"""One kind: its class, its fields and facets, and how its instances are made.

The annotated attributes of the class are the state of its instances. The Python object is only a stand-in
with a name (`o+d10/1`). The values are in the vat's store, one record per instance; every write is checked
against the annotation, and written back at the end of the delivery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.vrefs import base_vref
from .facets import make_facet_class, marked_methods
from .kind_checks import call_finishers
from .migration import Steps, marked_migrations
from .records import MISSING, Field, Record

if TYPE_CHECKING:
    from types import FunctionType

    from .vat import Vat

EAGER = 100  # how many records an upgrade migrates at once, to find out whether they do


class Kind:
    """One kind of one vat.

    `where` is the place of its definition, for errors. `names` is the namespace of its annotations. `faces`
    gives the methods of each facet, if they are not marked in the class.
    """

    def __init__(
        self,
        vat: Vat,
        cls: type,
        tag: str,
        where: str,
        names: dict[str, Any],
        *,
        durable: bool = True,
        version: int = 1,
        eager: int = EAGER,
        faces: dict[str, dict[str, FunctionType]] | None = None,
    ) -> None:
        self.vat = vat
        self.cls = cls
        self.tag = tag
        self.where = where
        self.names = names
        self.durable = durable
        self.version = version
        self.eager = eager
        self.id = 0
        self.has_handle = False
        self.loose = False  # a record has the fields that it was made with, of any shape
        self.fields: dict[str, Field] = {}
        self.described = False
        self.constructor: Any = None  # the `__init__` that this library gave the class, if it did
        self.older: dict[str, dict[str, str]] = {}
        self.late: dict[str, str] = {}  # the values of fields in records older than the field
        self.migrations: Steps = marked_migrations(cls)
        self.facet_classes: dict[str, type] = {
            name: make_facet_class(self, name, methods)
            for name, methods in (marked_methods(cls) if faces is None else faces).items()
        }
        self.facets: list[str] = sorted(self.facet_classes)
        self.successor: Kind | None = None  # the kind that took over its instances, when a cell was run again

    @property
    def latest(self) -> Kind:
        """The kind that has the instances now: itself, or its last successor."""
        kind = self
        while kind.successor is not None:
            kind = kind.successor
        return kind

    @property
    def _prefix(self) -> str:
        return f"vom.{'d' if self.durable else 'v'}kind.{self.id}."

    @property
    def next_key(self) -> str:
        """The key of the store for the number of the next instance."""
        return self._prefix + "nextID"

    @property
    def descriptor_key(self) -> str:
        """The key of the store for the descriptor."""
        return self._prefix + "descriptor"

    @property
    def records_prefix(self) -> str:
        """The prefix of the keys of all its records."""
        return f"vom.o+{'d' if self.durable else 'v'}{self.id}/"

    def next_number(self) -> int:
        """The number of the next instance."""
        return int(self.vat.store.get(self.next_key) or "1")

    def has_records(self) -> bool:
        """Whether any instance is stored."""
        return next(self.vat.store.keys(self.records_prefix), None) is not None

    def new_vref(self) -> str:
        """Return a name for a new instance, which was never used before."""
        number = self.next_number()
        self.vat.store.set(self.next_key, str(number + 1))
        return base_vref(self.durable, self.id, number)

    def field(self, name: str) -> Field:
        """A field by its name; if the state has no shape, any name is a field."""
        found = self.fields.get(name)
        return Field(self, name, object, MISSING) if found is None and self.loose else self.fields[name]

    def facet_of(self, cohort: Any, name: str) -> Any:
        """The facet of a cohort with that name; raises TypeError if the cohort has no name yet."""
        vref = cohort.__dict__.get("__vref__")
        if vref is None:
            raise TypeError(f"this {self.tag} has no facets yet: it was not made by calling {self.tag}(...)")
        return self.vat.kinds.facet(self, vref, self.facets.index(name), cohort)

    def signature(self) -> str:
        """The constructor in errors: `Purse(owner, balance=0)`."""
        shown = [name if f.default is MISSING else f"{name}={f.default!r}" for name, f in self.fields.items()]
        return f"{self.tag}({', '.join(shown)})"

    def construct(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Serve the constructor of the class; raises TypeError for arguments that do not fit."""
        self.make(instance, self._bind(args, kwargs))

    def make(self, instance: Any, values: dict[str, Any]) -> None:
        """Give a new instance its name and its first values, and call `finish`.

        If `finish` raises, the instance remains, because `finish` may have passed it on already. It dies like
        any other if nothing holds it.
        """
        self.vat.store.refuse()
        self.vat.kinds.ready(self)
        record = Record(self, {}, self.version)
        for name, value in values.items():
            record.write(self.field(name), value)
        record.dirty = True
        vref = self.new_vref()
        instance.__dict__["__vref__"] = vref
        self.vat.kinds.adopt(vref, instance, record)
        record.fresh = True
        try:
            call_finishers(instance)
        finally:
            record.fresh = False

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(self.fields):
            raise TypeError(f"{self.signature()}: takes {len(self.fields)} values, got {len(args)}")
        values = dict(zip(self.fields, args, strict=False))
        for name, value in kwargs.items():
            if name not in self.fields:
                raise TypeError(f"{self.signature()}: has no field {name!r}; declare it as `{name}: <type>`")
            if name in values:
                raise TypeError(f"{self.signature()}: {name!r} is given twice")
            values[name] = value
        missing = [n for n, f in self.fields.items() if n not in values and f.default is MISSING]
        if missing:
            raise TypeError(f"{self.signature()}: missing {', '.join(repr(name) for name in missing)}")
        return {name: values.get(name, field.default) for name, field in self.fields.items()}
