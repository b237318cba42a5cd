"""Durable kinds: classes whose instances outlive the code that made them.

The annotated attributes of a `@durable` class are its state. Values are not kept in the Python object, which
is only a stand-in with a name (`o+d10/1`): they are kept in the vat's store, one record per instance, checked
against the annotation on every write and written back at the end of the delivery. An upgrade throws the heap
away, keeps the store, and a class with the same tag picks up where the old one left off.

A kind is known by its tag (the class name unless said otherwise). Its descriptor, the tag and the text of
every field's annotation, is stored with it. New code must define every stored kind again, with the same
fields; it may add fields that old records can do without, because they have a default or may be None.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload
from weakref import WeakValueDictionary

from . import jsontext
from .context import current
from .interfaces import Interface
from .records import MISSING, Field, Record
from .remotables import give_repr
from .shapes import annotations_of, complaint
from .smallcaps import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .liveslots import Liveslots

C = TypeVar("C", bound=type)


class KindError(TypeError):
    """A durable kind whose definition does not fit itself or what is stored; `tags` names the kinds."""

    def __init__(self, message: str, tags: list[str]) -> None:
        super().__init__(message)
        self.tags = tags


class Kind:
    """One durable kind of one vat: its class, its fields, and its instances that are alive."""

    durable = True

    def __init__(self, world: Liveslots, cls: type, tag: str, where: str, names: dict[str, Any]) -> None:
        self.world = world
        self.cls = cls
        self.tag = tag
        self.where = where
        self.names = names
        self.id = 0
        self.fields: dict[str, Field] = {}
        self.described = False
        self._next: int | None = None

    @property
    def next_key(self) -> str:
        """Where the number of the next instance is stored."""
        return f"vom.dkind.{self.id}.nextID"

    @property
    def descriptor_key(self) -> str:
        """Where the descriptor is stored."""
        return f"vom.dkind.{self.id}.descriptor"

    def new_vref(self) -> str:
        """The name of a new instance, never used before."""
        store = self.world.store
        number = int(store.get(self.next_key) or "1")
        store.set(self.next_key, str(number + 1))
        return f"o+d{self.id}/{number}"

    def signature(self) -> str:
        """`Purse(owner, balance=0)`, for complaints about the constructor."""
        shown = [name if f.default is MISSING else f"{name}={f.default!r}" for name, f in self.fields.items()]
        return f"{self.tag}({', '.join(shown)})"

    def construct(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """What the constructor of the class does."""
        self.world.kinds.ready(self)
        record = Record(self, {})
        for name, value in self._bind(args, kwargs).items():
            record.write(self.fields[name], value)
        vref = self.new_vref()
        instance.__dict__["__vref__"] = vref
        self.world.kinds.adopt(vref, instance, record)
        finish = getattr(self.cls, "finish", None)
        if finish is not None:
            try:
                finish(instance)
            except BaseException:
                self.world.kinds.discard(vref)
                raise

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

    def describe(self, stored: dict[str, Any] | None) -> dict[str, Any]:
        """The descriptor to store, after comparing it with the one that is stored."""
        fields = [[name, field.shape.text] for name, field in self.fields.items()]
        for name, text in (stored or {}).get("fields", []):
            if name not in self.fields:
                raise KindError(
                    f"{self.tag}.{name}: expected `{name}: {text}` as stored, found no such field; "
                    "keep it, even if nothing uses it any more",
                    [self.tag],
                )
            found = self.fields[name].shape.text
            if found != text:
                raise KindError(
                    f"{self.tag}.{name}: expected {text} as stored, found {found}; keep the annotation, "
                    "and add a new field for values of the new type",
                    [self.tag],
                )
        if stored is not None:
            old = {name for name, _ in stored["fields"]}
            for name, field in self.fields.items():
                if name not in old and field.default is MISSING and not field.shape.optional:
                    raise KindError(
                        f"{self.tag}.{name}: expected a default, found `{name}: {field.shape.text}`; stored "
                        f"instances have no such field, so give it one: `{name}: {field.shape.text} = ...`",
                        [self.tag],
                    )
        self._check_defaults()
        return {"tag": self.tag, "fields": fields}

    def _check_defaults(self) -> None:
        for name, field in self.fields.items():
            misfit = None if field.default is MISSING else field.shape.misfit(field.default)
            if misfit is not None:
                raise TypeError(complaint(f"{self.tag}.{name}: the default does not fit", misfit))


class Kinds:
    """All durable kinds of one vat."""

    def __init__(self, world: Liveslots) -> None:
        self._world = world
        self._by_id: dict[int, Kind] = {}
        self._by_tag: dict[str, Kind] = {}
        self._stored: dict[str, tuple[int, dict[str, Any]]] = {}
        self._alive: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._records: dict[str, Record] = {}
        self.redefinable = False  # a notebook runs its cells again and again
        self.independent = False  # modules imported outside any vat know nothing of each other's kinds

    def load(self) -> None:
        """Learn which kinds earlier incarnations have stored."""
        store = self._world.store
        for key in store.keys("vom.dkind."):
            if key.endswith(".descriptor"):
                descriptor = jsontext.read(store.get(key) or "{}")
                self._stored[descriptor["tag"]] = (int(key.split(".")[2]), descriptor)

    def define(self, kind: Kind) -> None:
        """Take a class as the kind of its tag."""
        if self.independent:
            kind.id = self._world.counters.take("kindID")
            kind.described = True
            self._by_id[kind.id] = kind
            return
        known = self._by_tag.get(kind.tag)
        if known is not None and not self.redefinable:
            raise KindError(
                f"durable kind {kind.tag!r} is defined twice in vat {self._world.vat_name}, at {known.where} "
                f'and at {kind.where}: rename one, or give it a tag of its own with @durable(tag="...")',
                [kind.tag],
            )
        if known is not None:
            kind.id = known.id
        elif kind.tag in self._stored:
            kind.id = self._stored[kind.tag][0]
        else:
            kind.id = self._world.counters.take("kindID")
        if kind.tag in self._stored:
            try:
                self.ready(kind)  # on the user's line, and before an old class loses its instances
            except KindError:
                raise
            except TypeError:
                pass  # an annotation names a class that is defined further down
        if known is not None:
            self._save_records()
            self._records.clear()
            for instance in list(self._alive.values()):
                if type(instance) is known.cls:
                    instance.__class__ = kind.cls
        self._by_id[kind.id] = self._by_tag[kind.tag] = kind

    def settle_definitions(self) -> None:
        """Compare the kinds defined so far with what is stored, and store new descriptors."""
        for kind in self._by_id.values():
            self.ready(kind)

    def ready(self, kind: Kind) -> None:
        """See that a kind fits what is stored, and that its descriptor is."""
        if kind.described:
            return
        _, stored = self._stored.get(kind.tag, (0, None))
        descriptor = kind.describe(stored)
        if descriptor != stored:
            self._stored[kind.tag] = (kind.id, descriptor)
            self._world.store.set(kind.descriptor_key, jsontext.write(descriptor))
        kind.described = True

    def lost(self) -> list[str]:
        """The tags of stored kinds that no class has taken up."""
        return [tag for tag in self._stored if tag not in self._by_tag]

    def instance(self, vref: str) -> Any:
        """The one object for a durable vref."""
        found = self._alive.get(vref)
        if found is None:
            kind_id, _, number = vref[3:].partition("/")
            kind = self._by_id.get(int(kind_id)) if kind_id.isdigit() and number.isdigit() else None
            if kind is None:
                tags = [tag for tag, (known, _) in self._stored.items() if str(known) == kind_id]
                what = f"the kind {tags[0]!r}, which is not defined (yet)" if tags else "an unknown kind"
                raise DecodeError(f"{vref} in vat {self._world.vat_name} is of {what}")
            found = object.__new__(kind.cls)
            found.__dict__["__vref__"] = vref
            self._alive[vref] = found
        return found

    def adopt(self, vref: str, instance: Any, record: Record) -> None:
        """Take in a new instance."""
        self._alive[vref] = instance
        self._records[vref] = record
        record.dirty = True

    def discard(self, vref: str) -> None:
        """Give up a new instance that could not be finished."""
        self._alive.pop(vref, None)
        self._records.pop(vref, None)

    def record(self, kind: Kind, instance: Any) -> Record:
        """The record of an instance, read at most once in a delivery."""
        vref = instance.__dict__.get("__vref__")
        if vref is None:
            raise TypeError(f"this {kind.tag} has no state: it was not made by calling {kind.tag}(...)")
        found = self._records.get(vref)
        if found is None:
            self.ready(kind)
            text = self._world.store.get(f"vom.{vref}")
            if text is None:
                raise LookupError(f"{vref}: there is no stored {kind.tag} of that number")
            found = self._records[vref] = Record(kind, jsontext.read(text))
        return found

    def flush(self) -> None:
        """Hand changed records to the store and forget all of them."""
        for kind in self._by_id.values():
            with suppress(TypeError):  # told where the kind is used; until then it has no instances here
                self.ready(kind)
        self._save_records()
        if not self._world.keep_cache:
            self._records.clear()

    def _save_records(self) -> None:
        for vref, record in self._records.items():
            if record.dirty:
                self._world.store.set(f"vom.{vref}", record.to_text())
                record.dirty = False


@overload
@dataclass_transform(kw_only_default=False)
def durable(cls: C) -> C: ...
@overload
@dataclass_transform(kw_only_default=False)
def durable(*, tag: str) -> Callable[[C], C]: ...
def durable(cls: Any = None, *, tag: str | None = None) -> Any:
    """Make a class a durable kind: its annotated attributes are state that survives upgrades.

    The constructor takes the fields in their order or by name. A method `finish(self)`, if there is one, runs
    once when an instance is new. The kind is known to later versions of the code by its class name, or by
    `tag`.
    """
    frame = sys._getframe(1)
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    names = frame.f_globals

    def decorate(cls: C) -> C:
        return _make_kind(cls, tag, where, names)

    return decorate if cls is None else decorate(cls)


def _make_kind(cls: C, tag: str | None, where: str, names: dict[str, Any]) -> C:
    world = current()
    name = cls.__name__
    _refuse_misfits(cls, name)
    kind = Kind(world, cls, tag or name, where, names)
    for base in reversed(cls.__mro__[:-1]):
        inherited = vars(base).get("__kind__")
        for field, note in annotations_of(base).items():
            text = note if isinstance(note, str) else ""
            if "ClassVar" in text or "ClassVar" in repr(note):
                continue
            if field == "finish" or field.startswith("__"):
                raise TypeError(f"{name}.{field}: a field of a durable class cannot have this name")
            default = inherited.fields[field].default if inherited else vars(base).get(field, MISSING)
            if isinstance(default, FunctionType):
                raise TypeError(f"{name}.{field} is a method, so it cannot be a field too: rename one")
            kind.fields[field] = Field(kind, field, note, default)
    cls.__kind__ = kind  # type: ignore[attr-defined]
    cls.__interface__ = Interface(cls, name, hidden=("finish",))  # type: ignore[attr-defined]
    world.kinds.define(kind)
    cls.__init__ = _init  # type: ignore[misc]
    cls.__setattr__ = _setattr  # type: ignore[method-assign, assignment]
    cls.__copy__ = cls.__deepcopy__ = _itself  # type: ignore[attr-defined]
    give_repr(cls, _repr)
    for field_name, state in kind.fields.items():
        setattr(cls, field_name, state)
    return cls


def _refuse_misfits(cls: type, name: str) -> None:
    if "__kind__" in vars(cls):
        raise TypeError(f"{name} is @durable already")
    if cls.__init__ not in (object.__init__, _init):  # type: ignore[misc]
        raise TypeError(
            f"durable class {name} cannot define __init__: the constructor is made from the annotations; "
            "do the rest in finish(self)"
        )
    if "__slots__" in vars(cls):
        raise TypeError(f"durable class {name} cannot define __slots__: its state is not kept in the object")
    finish = getattr(cls, "finish", None)
    if finish is not None and finish.__code__.co_flags & 0x80:
        raise TypeError(
            f"{name}.finish cannot be async: an instance is finished when its constructor returns"
        )


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    kind = type(self).__kind__
    if kind.cls is not type(self):
        raise TypeError(
            f"{type(self).__name__} is a subclass of durable {kind.tag}: decorate it with @durable too"
        )
    kind.construct(self, args, kwargs)


def _setattr(self: Any, name: str, value: Any) -> None:
    for base in type(self).__mro__:
        found: Any = vars(base).get(name)
        if hasattr(type(found), "__set__"):
            found.__set__(self, value)
            return
    kind = type(self).__kind__
    raise AttributeError(
        f"{kind.tag} has no field {name!r}: declare it in the class as `{name}: <type>`, "
        "with a default if instances exist already"
    )


def _itself(self: Any, _memo: Any = None) -> Any:
    return self


def _repr(self: Any) -> str:
    return f"<{type(self).__name__} {self.__dict__.get('__vref__', 'without state')}>"
