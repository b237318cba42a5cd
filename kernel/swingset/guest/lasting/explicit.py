"""The explicit forms of kinds: a handle, a function that makes the first state, a table of functions.

They define the same kinds as `@durable`, without a class, as other implementations do. Behaviour is a dict of
functions whose first argument is a context: `context.state` is the state and `context.self` is the object; a
kind with facets has `context.facets` instead of `context.self`.

    handle = provide_kind_handle(baggage, "Counter")
    make_counter = define_durable_kind(
        handle,
        lambda start=0: {"value": start},
        {"read": lambda context: context.state.value},
    )

A handle is an object that can be kept in the baggage; once it is made, every later incarnation has to define
its kind. Without `state_shape`, an object has the fields of its first state. The maker of a kind with facets
returns the facets, `made.creator` and so on.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..base.context import current, place_of
from ..guards.method_tables import MethodTable
from ..kinds.classes import fit_class
from ..kinds.facets import Facets
from ..kinds.kind import EAGER, Kind
from ..kinds.records import MISSING, Field
from ..passing.passable import brief, check_name
from ..passing.remotables import give_repr
from ..stores.baggage import provide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from .vat import Vat

    Behavior = Mapping[str, Callable[..., Any]]
    Migrations = Mapping[tuple[int, int], Callable[[dict[str, Any]], dict[str, Any]]]

HANDLES = 1  # the kind whose instances are the handles of kinds: `o+d1/10` is that of kind 10


class State:
    """The state of one object, with its fields as attributes."""

    __slots__ = ("_instance",)

    _instance: Any

    def __init__(self, instance: Any) -> None:
        object.__setattr__(self, "_instance", instance)

    def __getattr__(self, name: str) -> Any:
        kind: Kind = type(self._instance).__kind__
        record = kind.vat.kinds.record(kind, self._instance)
        _check_field(kind, record.raw, name)
        return record.read(kind.field(name))

    def __setattr__(self, name: str, value: Any) -> None:
        kind: Kind = type(self._instance).__kind__
        record = kind.vat.kinds.writable(kind, self._instance)
        _check_field(kind, record.raw, name)
        record.write(kind.field(name), value)

    def __repr__(self) -> str:
        return f"<state of {self._instance!r}>"


def _check_field(kind: Kind, raw: dict[str, Any], name: str) -> None:
    names = raw if kind.loose else kind.fields
    if name not in names:
        raise AttributeError(f"the state of {kind.tag} has no field {name!r}, has {', '.join(names)}")


class Context:
    """The first argument of a kind's functions: the state, and the object or its facets."""

    __slots__ = ("_instance", "state")

    def __init__(self, instance: Any) -> None:
        self._instance = instance
        self.state = State(instance)

    @property
    def self(self) -> Any:
        """The object itself; raises AttributeError if the kind has facets."""
        kind: Kind = type(self._instance).__kind__
        if kind.facets:
            raise AttributeError(f"a {kind.tag} has facets: use context.facets.{kind.facets[0]}")
        return self._instance

    @property
    def facets(self) -> Facets:
        """The facets of the object; raises AttributeError if the kind has none."""
        kind: Kind = type(self._instance).__kind__
        if not kind.facets:
            raise AttributeError(f"a {kind.tag} has no facets: use context.self")
        return Facets(kind, self._instance)


def add_handles(vat: Vat) -> None:
    """Register the kind of all handles in a vat."""
    cls: Any = type("KindHandle", (), {"__doc__": "Stands for a durable kind."})
    kind = Kind(vat, cls, "KindHandle", "swingset", {})
    cls.__kind__ = kind
    cls.__method_table__ = MethodTable(cls, "KindHandle")
    give_repr(cls, lambda self: f"<KindHandle {self.__dict__['__vref__']}>")
    vat.kinds.add_builtin(kind, HANDLES)


def make_kind_handle(tag: str) -> Any:
    """Return a new handle for a durable kind, which this and each later incarnation has to define.

    Raises TypeError if `tag` is no str that can be stored.

        handle = make_kind_handle("Counter")

    Source:
        `makeKindHandle`.
    """
    if type(tag) is not str or not tag:
        raise TypeError(f"make_kind_handle({tag!r}): wants the tag of the kind, a str")
    check_name("the tag of a kind", tag)
    vat: Vat = current()
    return vat.kinds.instance(f"o+d{HANDLES}/{vat.kinds.new_handle(tag)}")


def define_durable_kind(
    handle: Any,
    init: Callable[..., dict[str, Any]],
    behavior: Behavior,
    *,
    finish: Callable[[Context], Any] | None = None,
    state_shape: Mapping[str, Any] | None = None,
    version: int = 1,
    migrations: Migrations | None = None,
) -> Callable[..., Any]:
    """Define the durable kind of a handle; returns the function that makes its objects.

    `init` returns the first state as a dict, `behavior` has the methods, `finish` is called with each new
    object, and `state_shape` gives the annotations of the fields. `migrations` maps a pair of versions to a
    function. Raises TypeError if `handle` is no handle, or if the kind does not fit what is stored.

        make_counter = define_durable_kind(
            handle, lambda: {"value": 0}, {"read": lambda context: context.state.value}
        )

    Source:
        `defineDurableKind`; `version` and `migrations` are ours.
    """
    kind = _durable(handle, finish, version, migrations, {"": behavior}, multi=False)
    return _defined(kind, init, state_shape)


def define_durable_kind_multi(
    handle: Any,
    init: Callable[..., dict[str, Any]],
    behavior_kit: Mapping[str, Behavior],
    *,
    finish: Callable[[Context], Any] | None = None,
    state_shape: Mapping[str, Any] | None = None,
    version: int = 1,
    migrations: Migrations | None = None,
) -> Callable[..., Facets]:
    """Define the durable kind of a handle, with facets; returns the function that makes them.

    `behavior_kit` has the methods of each facet by name. `handle`, `init`, `finish`, `state_shape`, `version`
    and `migrations` are as in `define_durable_kind`, and it raises what that raises.

        make = define_durable_kind_multi(
            handle, lambda: {"value": 0}, {"reader": {"read": lambda context: context.state.value}}
        )

    Source:
        `defineDurableKindMulti`; `version` and `migrations` are ours.
    """
    kind = _durable(handle, finish, version, migrations, behavior_kit, multi=True)
    return _defined(kind, init, state_shape)


def define_kind(
    tag: str,
    init: Callable[..., dict[str, Any]],
    behavior: Behavior,
    *,
    finish: Callable[[Context], Any] | None = None,
    state_shape: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """Define a virtual kind, whose objects end with the incarnation; returns the function that makes them.

    `tag` names the kind in tables. `init`, `behavior`, `finish` and `state_shape` are as in
    `define_durable_kind`.

        make_point = define_kind("Point", lambda x: {"x": x}, {"x": lambda context: context.state.x})

    Source:
        `defineKind`.
    """
    return _defined(_virtual(tag, finish, {"": behavior}, multi=False), init, state_shape)


def define_kind_multi(
    tag: str,
    init: Callable[..., dict[str, Any]],
    behavior_kit: Mapping[str, Behavior],
    *,
    finish: Callable[[Context], Any] | None = None,
    state_shape: Mapping[str, Any] | None = None,
) -> Callable[..., Facets]:
    """Define a virtual kind with facets; returns the function that makes them.

    `init`, `behavior_kit`, `finish` and `state_shape` are as in `define_durable_kind_multi`; `tag` names the
    kind in tables.

        make = define_kind_multi(
            "Point", lambda x: {"x": x}, {"reader": {"x": lambda context: context.state.x}}
        )

    Source:
        `defineKindMulti`.
    """
    return _defined(_virtual(tag, finish, behavior_kit, multi=True), init, state_shape)


def provide_kind_handle(baggage: MutableMapping[str, Any], tag: str) -> Any:
    """Return the handle of a tag in the baggage; the first incarnation makes it.

    `tag` names the kind.

        handle = provide_kind_handle(baggage, "Counter")

    Source:
        `provideKindHandle` of vat-data.
    """
    return provide(baggage, f"{tag}_kindHandle", lambda: make_kind_handle(tag))


def prepare_kind(
    baggage: MutableMapping[str, Any],
    tag: str,
    init: Callable[..., dict[str, Any]],
    behavior: Behavior,
    **options: Any,
) -> Callable[..., Any]:
    """Define a durable kind whose handle is in the baggage; returns the function that makes its objects.

    `tag` names the kind. `init`, `behavior` and `options` are those of `define_durable_kind`, and it raises
    what that raises.

        make_counter = prepare_kind(
            baggage, "Counter", lambda: {"value": 0}, {"read": lambda context: context.state.value}
        )

    Source:
        `prepareKind` of vat-data.
    """
    return define_durable_kind(provide_kind_handle(baggage, tag), init, behavior, **options)


def prepare_kind_multi(
    baggage: MutableMapping[str, Any],
    tag: str,
    init: Callable[..., dict[str, Any]],
    behavior_kit: Mapping[str, Behavior],
    **options: Any,
) -> Callable[..., Facets]:
    """Define a durable kind with facets, whose handle is in the baggage; returns its maker.

    `tag` names the kind. `init`, `behavior_kit` and `options` are those of `define_durable_kind_multi`, and
    it raises what that raises.

        make = prepare_kind_multi(baggage, "Counter", dict, {"reader": {"read": lambda context: 0}})

    Source:
        `prepareKindMulti` of vat-data.
    """
    return define_durable_kind_multi(provide_kind_handle(baggage, tag), init, behavior_kit, **options)


def prepare_singleton(baggage: MutableMapping[str, Any], tag: str, behavior: Behavior, **options: Any) -> Any:
    """Return the one object of a durable kind without state, the same in each incarnation.

    `tag` names the kind, `behavior` has the methods, and `options` are those of `define_durable_kind`.

        root = prepare_singleton(baggage, "Greeter", {"greet": lambda context, name: f"hello {name}"})

    Source:
        `prepareSingleton` of vat-data.
    """
    make = prepare_kind(baggage, tag, dict, behavior, **options)
    return provide(baggage, f"the_{tag}", make)


def _durable(
    handle: Any,
    finish: Callable[[Context], Any] | None,
    version: int,
    migrations: Migrations | None,
    kit: Mapping[str, Behavior],
    *,
    multi: bool,
) -> Kind:
    vat: Vat = current()
    owner = getattr(type(handle), "__kind__", None)
    if owner is None or owner.id != HANDLES or owner.vat is not vat:
        raise TypeError(
            f"define_durable_kind({brief(handle)}, ...): wants a handle of this vat; make one with "
            "make_kind_handle, or provide_kind_handle to find it again"
        )
    number = int(handle.__dict__["__vref__"].partition("/")[2])
    tag = str((vat.kinds.stored(number) or {})["tag"])
    kind = _make(vat, tag, finish, kit, multi, durable=True, version=version)
    for step, function in (migrations or {}).items():
        if type(function) is not FunctionType:
            raise TypeError(f"{tag}: the migration {step} is not a function but {brief(function)}")
        kind.migrations[step] = function
    kind.id = number
    return kind


def _virtual(
    tag: str, finish: Callable[[Context], Any] | None, kit: Mapping[str, Behavior], *, multi: bool
) -> Kind:
    vat: Vat = current()
    kind = _make(vat, tag, finish, kit, multi, durable=False, version=1)
    kind.id = vat.counters.take("kindID")
    return kind


def _make(
    vat: Vat,
    tag: str,
    finish: Callable[[Context], Any] | None,
    kit: Mapping[str, Behavior],
    multi: bool,
    *,
    durable: bool,
    version: int,
) -> Kind:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals is globals():
        frame = frame.f_back
    faces = {
        face: {name: _method(tag, name, function) for name, function in sorted(behavior.items())}
        for face, behavior in kit.items()
    }
    if not faces:
        raise TypeError(f"{tag}: a kind with facets has at least one")
    check_name("the tag of a kind", tag)
    for face in faces:
        check_name(f"{tag}: the name of a facet", face)
    cls: Any = type(tag, (), {} if multi else dict(faces[""]))
    cls.__module__ = frame.f_globals.get("__name__", "")
    if finish is not None:
        complete = finish
        cls.finish = lambda instance: complete(Context(instance))
    where = place_of(frame.f_code.co_filename, frame.f_lineno)
    kind = Kind(
        vat,
        cls,
        tag,
        where,
        frame.f_globals,
        durable=durable,
        version=version,
        eager=EAGER,
        faces=faces if multi else {},
    )
    kind.has_handle = True
    return kind


def _method(tag: str, name: Any, function: Any) -> FunctionType:
    if type(name) is not str or name.startswith("_") or name == "finish":
        raise TypeError(f"{tag}: a method cannot be called {name!r}, because nobody could send it")
    if type(function) is not FunctionType or not function.__code__.co_argcount:
        raise TypeError(f"{tag}.{name}: wants a function of a context and arguments, not {brief(function)}")

    def call(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        return function(Context(instance), *args, **kwargs)

    call.__name__ = name
    call.__wrapped__ = function  # type: ignore[attr-defined]
    assert isinstance(call, FunctionType)
    return call


def _defined(
    kind: Kind, init: Callable[..., dict[str, Any]], state_shape: Mapping[str, Any] | None
) -> Callable[..., Any]:
    kind.loose = state_shape is None
    for name, note in (state_shape or {}).items():
        check_name(f"{kind.tag}: the name of a field", name)
        kind.fields[name] = Field(kind, name, note, MISSING)
    fit_class(kind)
    kind.vat.kinds.ready(kind)

    def make(*args: Any, **kwargs: Any) -> Any:
        values = init(*args, **kwargs)
        now = kind.latest
        if type(values) is not dict or any(type(name) is not str for name in values):
            raise TypeError(f"{kind.tag}: init must return the first state as a dict, not {brief(values)}")
        for name in values if now.loose else ():
            check_name(f"{kind.tag}: the name of a field", name)
        for name, field in now.fields.items():
            if field.shape.optional:
                values.setdefault(name, None)
        instance: Any = object.__new__(now.cls)
        if now.loose:
            now.make(instance, values)
        else:
            now.construct(instance, (), values)
        return Facets(now, instance) if now.facets else instance

    return make
