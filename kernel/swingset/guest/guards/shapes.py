"""Compiles annotations into shapes, which check parameters, results and fields of durable state.

An annotation is compiled once, at its first use, into a shape that checks values and has a name. The name is
made here and not by `repr`, because it is stored with the kind and sent in error messages, and Python
versions spell annotations differently.

`shape` defines a shape, `generics` has the shapes that are made of shapes, and `structures` has those of
TypedDicts, dataclasses and enums.
"""

from __future__ import annotations

import collections.abc as abc
import types
import typing
from typing import Any

from ..base.promises import Promise
from ..passing.copies import copy_of
from ..passing.far_refs import FarRef
from ..passing.passable import DICTS, Tagged, brief
from ..passing.remotables import Presence, Remotable, method_table_of
from . import spelling
from .annotations import evaluate
from .generics import annotated_shape, literal_shape, mapping_shape, sequence_shape, tuple_shape, union_shape
from .interfaces import Interface, methods_of
from .patterns import Pattern
from .shape import ANY, BadAnnotationError, Shape, simple
from .structures import copy_shape, typed_dict_shape
from .type_variables import narrowing

_BASIC = {
    Any: ANY,
    object: Shape("object", lambda _: None, optional=True),
    typing.NoReturn: ANY,
    typing.Never: ANY,
    None: simple("None", lambda v: v is None, optional=True),
    type(None): simple("None", lambda v: v is None, optional=True),
    bool: simple("bool", lambda v: isinstance(v, bool)),
    int: simple("int", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    float: simple("float", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)),
    str: simple("str", lambda v: isinstance(v, str)),
    bytes: simple("bytes", lambda v: isinstance(v, bytes)),
    list: simple("list", lambda v: isinstance(v, list)),
    tuple: simple("tuple", lambda v: isinstance(v, tuple)),
    dict: simple("dict", lambda v: type(v) in DICTS or isinstance(v, dict)),
    Tagged: simple("Tagged", lambda v: isinstance(v, Tagged)),
    Promise: simple("Promise", lambda v: isinstance(v, Promise), fleeting="Promise"),
    Presence: simple("Presence", lambda v: isinstance(v, Presence)),
    Remotable: simple("Remotable", lambda v: isinstance(v, Remotable)),
    FarRef: simple("FarRef", lambda v: isinstance(v, Remotable)),
}
_SEQUENCES = {abc.Sequence: "Sequence", abc.Iterable: "Iterable", abc.Collection: "Collection"}
_MAPPINGS = {abc.Mapping: "Mapping", abc.MutableMapping: "MutableMapping"}
_INSTEAD = (
    ((abc.Set, abc.Iterator, abc.ValuesView, range), "list"),
    ((bytearray, memoryview), "bytes"),
)  # what to write instead of classes that cannot be decorated
_TRANSPARENT = (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired)
_AWAITABLES = (Promise, abc.Awaitable, abc.Coroutine)


def compile_shape(annotation: Any, names: dict[str, Any], owner: type | None = None) -> Shape:
    """Turn an annotation into a shape; raises BadAnnotationError if it cannot be a guard.

    `names` is the namespace for annotations that are text. `owner` is the class that `Self` means.
    """
    try:
        return _compile(annotation, names, owner)
    except RecursionError:
        raise BadAnnotationError("the annotation refers to itself without end: write Any") from None


def compile_spelled(text: str, names: dict[str, Any], *, any_regex: bool = True) -> Shape:
    """Turn a stored text, which others may have written, into a shape; it is parsed, never evaluated.

    Raises BadAnnotationError. Without `any_regex`, only regular expressions of this process's code may occur.
    """
    try:
        return compile_shape(spelling.read(text, names, any_regex=any_regex), names)
    except (spelling.SpellingError, TypeError) as exc:
        raise BadAnnotationError(f"{brief(text)} cannot be read here: {exc}") from None


def compile_answer(annotation: Any, names: dict[str, Any], owner: type | None = None) -> Shape:
    """Like `compile_shape`, for what a call returns: for `Promise[int]` it is the shape of an int."""
    note = (
        evaluate(annotation, names, owner) if isinstance(annotation, (str, typing.ForwardRef)) else annotation
    )
    if note in _AWAITABLES:
        return ANY
    if typing.get_origin(note) in _AWAITABLES:
        note = typing.get_args(note)[-1]
    return compile_shape(note, names, owner)


def _compile(note: Any, names: dict[str, Any], owner: type | None) -> Shape:
    if isinstance(note, (str, typing.ForwardRef)):
        return _compile(evaluate(note, names, owner), names, owner)
    try:
        basic = _BASIC.get(note)
    except TypeError:  # not hashable: Literal[[...]] and the like
        basic = None
    if basic is not None:
        return basic
    if note is typing.Self and owner is not None:
        note = owner
    origin, args = typing.get_origin(note), typing.get_args(note)
    if origin is not None:
        return _compile_generic(note, origin, args, names, owner)
    if isinstance(note, type):
        return _compile_class(note, names)
    if isinstance(note, Interface):
        return _has_methods(note)
    if isinstance(note, typing.NewType):
        return _compile(note.__supertype__, names, owner)
    if isinstance(note, typing.TypeVar):
        return _variable(note, names, owner)
    value = getattr(note, "__value__", None)  # a `type X = ...` alias
    if value is not None:
        return _compile(value, names, owner)
    raise BadAnnotationError(f"{note!r} cannot be checked: write Any, or a type that can pass between vats")


def _variable(note: typing.TypeVar, names: dict[str, Any], owner: type | None) -> Shape:
    if not note.__constraints__:
        return ANY if note.__bound__ is None else _compile(note.__bound__, names, owner)
    shapes = [_compile(constraint, names, owner) for constraint in note.__constraints__]
    either = union_shape(shapes)
    return Shape(
        either.text,
        narrowing(note, shapes),
        spelled=either.spelled,
        optional=either.optional,
        fleeting=either.fleeting,
    )


def _compile_class(cls: type, names: dict[str, Any]) -> Shape:
    if cls in _SEQUENCES:
        return simple(_SEQUENCES[cls], lambda v: isinstance(v, (list, tuple)))
    if cls in _MAPPINGS:
        return simple(_MAPPINGS[cls], lambda v: isinstance(v, dict))
    if cls in _AWAITABLES:
        return _BASIC[Promise]
    if getattr(cls, "__method_table__", cls) is None:
        raise BadAnnotationError(
            f"a {cls.__name__} has facets, and only they are passed and stored: name one, "
            f"`Annotated[Remotable, {cls.__name__}.facets.{next(iter(cls.__kind__.facets))}]`"  # type: ignore[attr-defined]
        )
    if hasattr(cls, "__method_table__"):
        kind: Any = getattr(cls, "__kind__", None)
        # A kind is named by its tag, because its class may be renamed. Only an identifier can be read back.
        named = kind is not None and kind.cls is cls and kind.tag.isidentifier()
        name = kind.tag if named else cls.__name__
        fleeting = None if kind is not None and kind.durable else cls.__name__
        if kind is None or kind.cls is not cls:
            return simple(name, lambda v: isinstance(v, cls), fleeting=fleeting)
        return simple(name, lambda v: _is_of_kind(v, kind), fleeting=fleeting)
    if issubclass(cls, BaseException):
        return simple(cls.__name__, lambda v: isinstance(v, cls))
    if getattr(cls, "_is_protocol", False):
        return _has_methods(cls)
    if typing.is_typeddict(cls):
        return typed_dict_shape(cls, names, compile_shape)
    copy = copy_of(cls)
    if copy is not None:
        return copy_shape(copy, lambda note, inside: _compile(note, inside, cls))
    instead = next((f"write `{fix}`" for bases, fix in _INSTEAD if issubclass(cls, bases)), None)
    raise BadAnnotationError(
        f"{cls.__name__} cannot be a guard, because its instances cannot pass between vats: "
        f"{instead or 'make the class @remotable or @durable, or write `object`'}"
    )


def _is_of_kind(value: Any, kind: Any) -> bool:
    """Whether a value is an instance of a kind, or of its newer class from a cell that was run again."""
    return isinstance(value, kind.cls) or (kind.successor is not None and isinstance(value, kind.latest.cls))


def _has_methods(interface: Any) -> Shape:
    """The shape of any object of another vat, and of an object of this vat that has the methods."""
    name, methods = methods_of(interface)

    def fits(value: Any) -> bool:
        own = method_table_of(value)
        return isinstance(value, Remotable) and (own is None or own.methods().keys() >= methods.keys())

    return simple(name, fits)


def _compile_generic(note: Any, origin: Any, args: Any, names: dict[str, Any], owner: type | None) -> Shape:
    def inner(arg: Any) -> Shape:
        return _compile(arg, names, owner)

    if origin is typing.Union or origin is types.UnionType:
        return union_shape([inner(arg) for arg in args])
    if origin is typing.Literal:
        return literal_shape(args)
    if origin is typing.Annotated:
        return annotated_shape(inner(args[0]), [_pattern(extra) for extra in args[1:] if _is_pattern(extra)])
    if origin in _TRANSPARENT:
        return inner(args[0])
    if origin in _AWAITABLES:
        return _BASIC[Promise]
    if origin is FarRef:
        name = getattr(args[0], "__name__", None) or getattr(args[0], "__forward_arg__", None) or str(args[0])
        return simple(f"FarRef[{name}]", lambda v: isinstance(v, Remotable))
    if origin is tuple:
        return tuple_shape(args, inner)
    if origin is list or origin in _SEQUENCES:
        return sequence_shape(_SEQUENCES.get(origin, "list"), inner(args[0]))
    if origin is dict or origin in _MAPPINGS:
        return mapping_shape(_MAPPINGS.get(origin, "dict"), inner(args[0]), inner(args[1]))
    if isinstance(origin, type):
        return _compile_class(origin, names)
    raise BadAnnotationError(f"{note!r} cannot be checked: write Any")


def _is_pattern(extra: Any) -> bool:
    return isinstance(extra, Pattern) or (isinstance(extra, type) and hasattr(extra, "__facet__"))


def _pattern(extra: Any) -> Pattern:
    if isinstance(extra, Pattern):
        return extra
    name = f"{extra.__kind__.tag}.facets.{extra.__facet__}"
    kind = extra.__kind__

    def fits(value: Any) -> bool:
        return isinstance(value, (extra, kind.latest.facet_classes.get(extra.__facet__, extra)))

    return Pattern(name, f"that is a {extra.__name__}", fits)
