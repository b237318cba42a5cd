"""`@durable` and `@virtual`: turn a class into a kind.

The decorator reads the annotations, defaults, facets and migrations of the class, registers the kind in the
vat's table, and replaces the fields by descriptors. A class that defines for itself what a kind provides (an
`__init__`, `__slots__`) is refused, with the line that does so.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

from ..base.context import current, place_of
from ..guards.annotations import annotations_of
from ..guards.method_tables import MethodTable
from ..passing.passable import check_name
from ..passing.remotables import OneIdentity, give_repr
from .facets import FacetsAttribute
from .kind import EAGER, Kind
from .kind_checks import check_kind
from .records import MISSING, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vat import Vat

C = TypeVar("C", bound=type)


@overload
@dataclass_transform(kw_only_default=False)
def durable(cls: C) -> C: ...
@overload
@dataclass_transform(kw_only_default=False)
def durable(*, tag: str = ..., version: int = ..., eager: int = ...) -> Callable[[C], C]: ...
def durable(cls: Any = None, *, tag: str | None = None, version: int = 1, eager: int = EAGER) -> Any:
    """Make a class a durable kind: its annotated attributes are state that survives upgrades.

    The constructor takes the fields in their order or by name. A method `finish(self)`, if there is one, runs
    once when an instance is new. Later code finds the kind by its class name, or by `tag`. A new `version`
    may have other fields, if `@migrate` functions lead to it. An upgrade migrates `eager` records at once,
    and is refused if one of them fails. Raises TypeError for a class that cannot be a kind, or that does not
    fit what is stored.

        @durable
        class Purse:
            owner: str
            balance: int = 0

    Source:
        `defineDurableKind`, with a class in place of a handle and functions.
    """
    if type(version) is not int or version < 1:
        raise TypeError(f"@durable(version={version!r}): a version is a whole number from 1 up")

    def make(world_cls: type, where: str, names: dict[str, Any]) -> Kind:
        vat: Vat = current()
        name = vat.kinds.prefix + (tag or world_cls.__name__)
        check_name("the tag of a @durable class", name)
        return Kind(vat, world_cls, name, where, names, version=version, eager=eager)

    return _decorator(cls, make)


@overload
@dataclass_transform(kw_only_default=False)
def virtual(cls: C) -> C: ...
@overload
@dataclass_transform(kw_only_default=False)
def virtual(*, tag: str) -> Callable[[C], C]: ...
def virtual(cls: Any = None, *, tag: str | None = None) -> Any:
    """Make a class a virtual kind: like `@durable`, but its instances end with the incarnation.

    Their state is in the vat's store, so there may be more of them than memory has room for. It may refer to
    `@remotable` objects. `tag` is the name of the kind in tables, if not that of the class, `cls`. Raises
    TypeError for a class that cannot be a kind.

        @virtual
        class Quote:
            price: int

    Source:
        `defineKind`.
    """

    def make(world_cls: type, where: str, names: dict[str, Any]) -> Kind:
        vat: Vat = current()
        name = vat.kinds.prefix + (tag or world_cls.__name__)
        check_name("the tag of a @virtual class", name)
        return Kind(vat, world_cls, name, where, names, durable=False)

    return _decorator(cls, make)


def _decorator(cls: Any, make: Callable[[type, str, dict[str, Any]], Kind]) -> Any:
    frame = sys._getframe(2)
    where = place_of(frame.f_code.co_filename, frame.f_lineno)
    names = frame.f_globals

    def decorate(decorated: C) -> C:
        refuse_misfits(decorated)
        kind = make(decorated, where, names)
        _read_fields(kind)
        fit_class(kind)
        return decorated

    return decorate if cls is None else decorate(cls)


def refuse_misfits(cls: type) -> None:
    """Raise TypeError for a class that cannot be a kind."""
    name = cls.__name__
    inherited = getattr(cls, "__kind__", None)
    if "__kind__" in vars(cls):
        raise TypeError(f"{name} is @{'durable' if cls.__kind__.durable else 'virtual'} already")  # type: ignore[attr-defined]
    check_kind(cls)
    if inherited is not None and inherited.cls not in cls.__mro__:
        raise TypeError(f"{name} cannot be a kind: its base is a facet of {inherited.tag}")


def _read_fields(kind: Kind) -> None:
    cls, name = kind.cls, kind.cls.__name__
    for base in reversed(cls.__mro__[:-1]):
        inherited = vars(base).get("__kind__")
        for field, note in annotations_of(base).items():
            text = note if isinstance(note, str) else ""
            if "ClassVar" in text or "ClassVar" in repr(note):
                continue
            if "InitVar" in (text or repr(note)):
                raise TypeError(
                    f"{name}.{field} is an InitVar: what the constructor takes is kept, so make it a field"
                )
            if "KW_ONLY" in (text or repr(note)):
                raise TypeError(
                    f"{name}.{field}: KW_ONLY is for dataclasses: every field can be given by name"
                )
            if field in ("finish", "facets") or field.startswith("__"):
                raise TypeError(f"{name}.{field}: a field of a durable class cannot have this name")
            default = inherited.fields[field].default if inherited else vars(base).get(field, MISSING)
            kind.fields[field] = Field(kind, field, note, _default(name, field, default))
        for field, known in kind.fields.items():
            if inherited is not None and field in inherited.fields:
                known.default = inherited.fields[field].default
            elif field in vars(base):  # as in any class: another default for a field of a base
                known.default = _default(name, field, vars(base)[field])


def _default(name: str, field: str, value: Any) -> Any:
    if isinstance(value, (FunctionType, property, classmethod, staticmethod)):
        raise TypeError(f"{name}.{field} is a method, so it cannot be a field too: rename one")
    if type(value).__module__ == "dataclasses":
        raise TypeError(
            f"{name}.{field}: a default is written as it is, `= []`, and every instance has its own"
        )
    return value


def fit_class(kind: Kind) -> None:
    """Define a kind, and give its class the constructor, the fields and the method table of one."""
    cls: Any = kind.cls
    cls.__kind__ = kind
    cls.__method_table__ = None if kind.facets else MethodTable(cls, cls.__name__, hidden=("finish",))
    if kind.facets:
        cls.facets = FacetsAttribute(kind)
    kind.vat.kinds.define(kind)
    cls.__init__ = kind.constructor = _init
    if "__match_args__" not in vars(cls):
        setattr(cls, "__match_args__", tuple(kind.fields))  # noqa: B010  (no name that a checker lets pass)
    cls.__setattr__ = _setattr
    cls.__copy__, cls.__deepcopy__ = OneIdentity.__copy__, OneIdentity.__deepcopy__
    give_repr(cls, _repr)
    for field_name, state in kind.fields.items():
        setattr(cls, field_name, state)


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    kind = type(self).__kind__
    if kind.cls is not type(self):
        raise TypeError(
            f"{type(self).__name__} is a subclass of durable {kind.tag}: decorate it with @durable too"
        )
    latest = kind.latest
    if latest is not kind:  # code still has the class from before a cell was run again
        object.__setattr__(self, "__class__", latest.cls)
    latest.construct(self, args, kwargs)


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


def _repr(self: Any) -> str:
    return f"<{type(self).__name__} {self.__dict__.get('__vref__', 'without state')}>"
