"""How collections are stored: entries that are found by key, in the order of keys.

A collection is an object of this vat like an instance of a kind: it has a name (`o+d2/10`), can be passed and
stored, lives as long as something holds it, and survives an upgrade if it is durable. Each of its entries is
stored under its own key, `vc.<number>.<key>`, so a collection may be far larger than memory, and the cost of
one entry does not depend on the size. A strong collection holds its keys, counts its entries and iterates
over them in order. A weak one takes only objects, does not hold them, loses an entry when its key dies, and
cannot be iterated.

`bigmaps` defines the classes that vat code uses.
"""

from __future__ import annotations

import sys
import typing
from typing import TYPE_CHECKING, Any

from ..base import jsontext
from ..base.promises import Promise
from ..base.vrefs import base_vref
from ..clist.recognizers import weak_entry_key
from ..clist.references import is_import
from ..guards.method_tables import MethodTable
from ..guards.patterns import Pattern
from ..guards.shape import ANY, BadAnnotationError, Shape
from ..guards.shapes import compile_shape, compile_spelled
from ..kinds.kind import Kind
from ..kinds.records import MISSING
from ..passing.passable import SCALARS, Tagged, brief, check_name, is_reference, printable
from ..passing.remotables import Presence, Remotable
from ..passing.smallcaps import DecodeError
from . import schemas
from .key_spans import Span, span_of
from .keys import END, decode_scalar, encode_object, encode_scalar, object_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vat import Vat

DURABLE = {"BigMap": 2, "WeakBigMap": 3, "BigSet": 4, "WeakBigSet": 5}
VIRTUAL = {"BigMap": 6, "WeakBigMap": 7, "BigSet": 8, "WeakBigSet": 9}

_NAMES: dict[str, Any] = {
    "Any": typing.Any,
    "Presence": Presence,
    "Remotable": Remotable,
    "Tagged": Tagged,
}

_LIBRARY = "swingset.guest."
_AWAIT = ": await it and keep its value"

ADDED = "keys in store cannot be added to during iteration"


class Schema:
    """The definition of a collection: its label, and the shapes of its keys and values."""

    __slots__ = ("key", "label", "value")

    def __init__(self, label: str, key: Shape, value: Shape) -> None:
        self.label = label
        self.key = key
        self.value = value


class Collections:
    """The collections of one vat."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.virtual_kinds = tuple(VIRTUAL.values())
        self.durable_kinds = tuple(DURABLE.values())
        self._schemas: dict[str, Schema] = {}
        self._classes: dict[int, type] = {}
        self._makers: dict[str | None, dict[str, Any]] = {}
        self.names: dict[str, Any] = {}  # the namespace for the annotations of keys and values

    def fit_out(self, bases: dict[str, type]) -> None:
        """Make this vat's own subclasses of the collections, each with its vat."""
        for durable, numbers in ((True, DURABLE), (False, VIRTUAL)):
            for name, number in numbers.items():
                cls: Any = type(name, (bases[name],), {"__module__": bases[name].__module__})
                cls.__doc__ = bases[name].__doc__
                kind = Kind(self.vat, cls, name, "", {}, durable=durable)
                cls.__kind__ = kind
                cls.__method_table__ = MethodTable(cls, name, bases[name].__method_table__.hidden)  # type: ignore[attr-defined]
                self._classes[number] = cls
                self.vat.kinds.add_builtin(kind, number)

    def make(self, name: str, label: str, keys: Any, values: Any, *, durable: bool) -> Any:
        """Make an empty collection; raises TypeError for a bad label or annotation."""
        if type(label) is not str:
            raise TypeError(f"{name}({brief(label)}): a label is a str")
        check_name(f"the label of a {name}", label)
        scope = self.scope()
        shapes = self._shape(name, "keys", keys, scope), self._shape(name, "values", values, scope)
        schema = Schema(label, *shapes)
        for what, shape in (("keys", schema.key), ("values", schema.value)):
            if durable and shape.fleeting is not None:
                raise TypeError(
                    f'{name}("{label}", {what}={shape.text}): an upgrade ends every {shape.fleeting}'
                )
        number = (DURABLE if durable else VIRTUAL)[name]
        cls = self._classes[number]
        base = base_vref(durable, number, self.vat.counters.take("collectionID"))
        made: Any = object.__new__(cls)
        made.__dict__["__vref__"] = base
        record = {"label": label, "keys": schema.key.spelled, "values": schema.value.spelled}
        self.vat.store.set(f"vom.{base}", jsontext.write(record))
        if durable:
            for shape in {schema.key.text: schema.key, schema.value.text: schema.value}.values():
                schemas.note(self, shape, _NAMES)
        self.vat.kinds.adopt_builtin(base, made)
        self._schemas[base] = schema
        if not self.names:
            self._makers[base] = _names_of_caller()
        return made

    def schema(self, base: str) -> Schema:
        """The definition of a collection; raises LookupError if it cannot be read."""
        found = self._schemas.get(base)
        if found is None:
            text = self.vat.store.get(f"vom.{base}")
            if text is None:
                raise LookupError(f"there is no collection {base} in vat {self.vat.vat_name}")
            record = jsontext.read(text)
            scope, label = self.scope(base), printable(record["label"])
            shapes = [self._stored_shape(label, record[what], scope) for what in ("keys", "values")]
            found = self._schemas[base] = Schema(label, *shapes)
        return found

    def lost(self) -> str | None:
        """The message about a class that a durable collection needs and the code lacks; None if none."""
        return schemas.lost(self)

    def tidy(self) -> None:
        """Forget the cached definitions."""
        self._schemas.clear()

    def condemn(self, base: str) -> None:
        """Delete a collection that has died; its entries are deleted a little at a time."""
        number = int(base.partition("/")[2])
        if self.vat.store.get(f"vom.{base}") is not None:
            self.vat.store.delete(f"vom.{base}")
            self._schemas.pop(base, None)
            self._makers.pop(base, None)
            self.vat.deferred.condemn(number)

    def _shape(self, name: str, what: str, note: Any, scope: dict[str, Any]) -> Shape:
        if note is MISSING:
            return ANY
        try:
            if isinstance(note, Pattern):
                shape = compile_shape(typing.Annotated[object, note], scope)
            elif isinstance(note, str):
                shape = compile_spelled(note, scope)
            else:
                shape = compile_shape(note, scope)
            if compile_spelled(shape.spelled, scope).text == shape.text:
                return shape
        except BadAnnotationError as exc:
            raise TypeError(f"{name}(..., {what}=...): {exc}") from None
        raise TypeError(
            f"{name}(..., {what}={shape.spelled}): use types and patterns that later code finds by name"
        )

    def _stored_shape(self, label: str, text: str, scope: dict[str, Any]) -> Shape:
        try:
            # A vat without parts runs in the embedder's interpreter, and its store came with a file.
            return compile_spelled(text, scope, any_regex=bool(self.names))
        except BadAnnotationError as exc:
            raise LookupError(f'collection "{label}" was made for {printable(text)}: {exc}') from None

    def scope(self, base: str | None = None) -> dict[str, Any]:
        """The namespace for the texts of a collection's shapes.

        In a vat without parts it is that of the code that made the collection, or that runs now.
        """
        names = self.names or self._makers.get(base) or _names_of_caller()
        return {**_NAMES, **names, **self.vat.kinds.classes()}


def _names_of_caller() -> dict[str, Any]:
    """The globals of the code that called this library."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_LIBRARY):
        frame = frame.f_back
    return frame.f_globals


class Entries:
    """The entries of one collection, for the length of one call of its methods."""

    __slots__ = ("base", "durable", "number", "prefix", "schema", "store", "vat")

    def __init__(self, collection: Any) -> None:
        kind = type(collection).__kind__
        self.vat: Vat = kind.vat
        self.store = self.vat.store
        self.durable: bool = kind.durable
        self.base: str = collection.__dict__["__vref__"]
        self.number = int(self.base.partition("/")[2])
        self.prefix = f"vc.{self.number}."
        self.schema = self.vat.collections.schema(self.base)

    # Keys.

    def text_of(self, key: Any) -> str | None:
        """The text of a key; None for an object that is no key of the collection."""
        if type(key) in SCALARS:
            return encode_scalar(key)
        vref = self.vat.slots.known_name(key)
        if vref is None:
            return None
        known = self.store.get(f"{self.prefix}{END}{vref}")
        return None if known is None else encode_object(int(known.partition(" ")[0]), vref)

    def check_key(self, key: Any) -> None:
        """Raise TypeError for a key of the wrong shape."""
        self._check(self.schema.key, key, "key")

    def check_value(self, value: Any) -> None:
        """Raise TypeError for a value of the wrong shape."""
        self._check(self.schema.value, value, "value")

    def _check(self, shape: Shape, value: Any, what: str) -> None:
        misfit = shape.misfit(value)
        if misfit is not None:
            path, wanted, got = misfit
            where = f" at {path}" if path else ""
            raise TypeError(
                f'invalid {what} type for collection "{self.schema.label}": '
                f"{brief(got)}{where} - Must be {_a(wanted)}{_AWAIT if isinstance(got, Promise) else ''}"
            )

    def missing(self, key: Any) -> KeyError:
        """The exception for a missing key."""
        return KeyError(f'key {_shown(key)} not found in collection "{self.schema.label}"')

    def registered(self, key: Any) -> KeyError:
        """The exception for a key that exists already."""
        return KeyError(f'key {_shown(key)} already registered in collection "{self.schema.label}"')

    # Entries of strong collections.

    def find(self, key: Any) -> str | None:
        """The store's key for a key of the collection, or None."""
        text = self.text_of(key)
        if text is None:
            return None
        stored = self.prefix + text
        return stored if self.store.get(stored) is not None else None

    def read(self, stored: str) -> Any:
        """The value under a key of the store; raises LookupError if it cannot be decoded."""
        return self.decode(self.store.get(stored))

    def decode(self, text: str | None) -> Any:
        """Decode the value of an entry; raises LookupError."""
        try:
            return self.vat.slots.decode(jsontext.read(text or ""), frozen=True)
        except DecodeError as exc:
            raise LookupError(f'a value in collection "{self.schema.label}" cannot be read: {exc}') from None

    def add(self, key: Any, value: Any) -> None:
        """Add a new entry; raises TypeError if its key or value cannot be kept."""
        written = self.encode(key, value)
        if type(key) in SCALARS:
            text = encode_scalar(key)
            mentioned = written["slots"]
        else:
            vref = self.name_key(key)
            ordinal = int(self.store.get(f"{self.prefix}{END}nextOrdinal") or "1")
            self.store.set(f"{self.prefix}{END}nextOrdinal", str(ordinal + 1))
            # The alleged name is stored too, so that the presence has it when the key is next decoded.
            called = f" {key._iface}" if isinstance(key, Presence) else ""
            self.store.set(f"{self.prefix}{END}{vref}", f"{ordinal}{called}")
            text = encode_object(ordinal, vref)
            mentioned = [*written["slots"], vref]
        self.store.set(f"{self.prefix}{text}", jsontext.write(written))
        self.vat.references.change((), mentioned)
        self.resize(1)

    def replace(self, stored: str, key: Any, value: Any) -> None:
        """Change the value of an entry; raises TypeError if it cannot be kept."""
        written = self.encode(key, value)
        before = jsontext.read(self.store.get(stored) or "")["slots"]
        self.vat.references.change(before, written["slots"])
        self.store.set(stored, jsontext.write(written))

    def remove(self, stored: str) -> None:
        """Delete an entry of a strong collection."""
        text = stored.removeprefix(self.prefix)
        vref = object_of(text)
        if vref is not None:
            self.store.delete(f"{self.prefix}{END}{vref}")
        value = jsontext.read(self.store.get(stored) or "null")
        self.vat.deferred.delete_entry(self.number, text, value)
        self.store.delete(stored)
        self.resize(-1)

    def size(self) -> int:
        """The number of entries."""
        return int(self.store.get(f"{self.prefix}{END}entryCount") or "0")

    def resize(self, by: int) -> None:
        """Change the stored number of entries."""
        self.store.set(f"{self.prefix}{END}entryCount", str(self.size() + by))

    def walk(self, pattern: Any) -> Iterator[tuple[str, Any]]:
        """Iterate over the keys that fit a pattern in order, each as the store's key and the key itself."""
        span = span_of(pattern, self)
        if span is None:
            return
        for stored in self._stored(span):
            key = self.key_of(stored)
            if span.fits is None or span.fits(key):
                yield stored, key

    def _stored(self, span: Span) -> Iterator[str]:
        if span.exact is not None:
            stored = self.prefix + span.exact
            if self.store.get(stored) is not None:
                yield stored
            return
        end = self.prefix + span.end
        for stored in self.store.keys(self.prefix, after=self.prefix + span.start):
            if stored >= end:
                return
            yield stored

    def key_of(self, stored: str) -> Any:
        """Decode the key of an entry."""
        text = stored.removeprefix(self.prefix)
        vref = object_of(text)
        if vref is None:
            return decode_scalar(text)
        called = self.store.look(f"{self.prefix}{END}{vref}") if is_import(vref) else None
        return self.vat.slots.object_of(vref, called.partition(" ")[2] if called else None)

    def encode(self, key: Any, value: Any) -> dict[str, Any]:
        """Write a value as it is stored; raises TypeError if it cannot be kept."""
        return self.vat.slots.encode_state(value, f"{self.schema.label}[{_shown(key)}]", durable=self.durable)

    def name_key(self, key: Any) -> str:
        """The name of an object that becomes a key; raises TypeError if it cannot be one."""
        if not is_reference(key):
            raise TypeError(
                f'key of collection "{self.schema.label}": wanted a scalar or an object, got {brief(key)}'
            )
        if isinstance(key, Promise) and not self.durable:
            raise TypeError(
                f'key of collection "{self.schema.label}": wanted a scalar or an object, and this is a '
                f"promise{_AWAIT}"
            )
        what = f"key of {self.schema.label}"
        return str(self.vat.slots.encode_state(key, what, durable=self.durable)["slots"][0])

    # Entries of weak collections.

    def weak_find(self, key: Any) -> str | None:
        """The store's key for an object that has an entry, or None."""
        vref = None if type(key) in SCALARS else self.vat.slots.known_name(key)
        stored = None if vref is None else weak_entry_key(self.number, vref)
        return stored if stored is not None and self.store.get(stored) is not None else None

    def weak_add(self, key: Any, value: Any) -> None:
        """Add an entry for an object that has none; raises TypeError if it or the value cannot be kept."""
        if type(key) in SCALARS:
            raise TypeError(
                f'key of weak collection "{self.schema.label}": wanted an object, got {brief(key)}'
            )
        written = self.encode(key, value)
        vref = self.name_key(key)
        self.store.set(weak_entry_key(self.number, vref), jsontext.write(written))
        self.vat.references.change((), written["slots"])
        self.vat.recognizers.add(vref, self.number)

    def weak_remove(self, stored: str) -> None:
        """Delete the entry for an object."""
        value = jsontext.read(self.store.get(stored) or "null")
        self.vat.deferred.delete_entry(self.number, stored.removeprefix(self.prefix), value)
        self.store.delete(stored)


def _shown(key: Any) -> str:
    try:
        return jsontext.write(key) if type(key) is str else repr(key)
    except Exception:  # an int of thousands of digits, or a class whose repr fails
        return brief(key)


def _a(wanted: str) -> str:
    return f"a {wanted}" if wanted in ("str", "bool", "float", "list", "dict", "tuple") else wanted
