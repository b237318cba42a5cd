"""Annotations as guards: what a parameter, a result or a field of durable state may hold.

An annotation is compiled once, at its first use, into a shape that can check a value and say its own name.
The name is made here and not by `repr`, because it is stored with the kind and sent in error messages, and
Python versions spell annotations differently. Compilation is late because a class may mention one that is
defined below it; an annotation that cannot be evaluated then is an error that names it.

A shape never converts a value. It accepts it or says where inside it the first misfit is.

It has two names. `spelled` is the annotation as it would be written again, which is what errors say and what
a collection reads, by `spelling`, when it is opened. `text` also tells what the classes in it are made of,
the fields of a dataclass and the members of an enum, because an upgrade compares it. `structures` has those
shapes.
"""

from __future__ import annotations

import collections.abc as abc
import enum
import re
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from ..base.promises import Promise
from ..passing.copies import copy_of
from ..passing.far_refs import FarRef
from ..passing.passable import DICTS, SCALARS, Tagged, brief
from ..passing.remotables import Presence, Remotable, interface_of
from . import spelling
from .interfaces import Interface, methods_of
from .patterns import Pattern
from .type_variables import attempt, narrowing

if sys.version_info >= (3, 14):
    import annotationlib

if TYPE_CHECKING:
    from collections.abc import Callable

Misfit = tuple[str, str, Any]  # where inside the value, what was wanted there, what came


class BadAnnotationError(TypeError):
    """An annotation that cannot serve as a guard."""


class Shape:
    """One compiled annotation: `text` and `spelled` name it, `misfit(value)` is None for a value that fits.

    `optional` says that None fits; `fleeting` names a type in it whose instances an upgrade ends.
    """

    __slots__ = ("fleeting", "optional", "spelled", "test", "text")

    def __init__(
        self,
        text: str,
        test: Callable[[Any], Misfit | None],
        *,
        spelled: str | None = None,
        optional: bool = False,
        fleeting: str | None = None,
    ) -> None:
        self.text = text
        self.spelled = text if spelled is None else spelled
        self.test = test
        self.optional = optional
        self.fleeting = fleeting

    def misfit(self, value: Any) -> Misfit | None:
        """The first misfit, or None."""
        return self.test(value)

    def takes_over(self, stored: str) -> bool:
        """Whether values stored under the text of a shape fit this one: it is the same, or an enum grew.

        The text that was stored before classes were looked into is the spelling.
        """
        return stored in (self.text, self.spelled) or _with_members_of(self.text, stored) == self.text


_MEMBERS = re.compile(r"\b(\w+){([^{}:]*)}")


def _with_members_of(text: str, stored: str) -> str:
    now = {name: members.split(", ") for name, members in _MEMBERS.findall(text)}

    def grown(found: re.Match[str]) -> str:
        members = now.get(found[1], [])
        return f"{found[1]}{{{', '.join(members)}}}" if {*found[2].split(", ")} <= {*members} else found[0]

    return _MEMBERS.sub(grown, stored)


def complaint(where: str, misfit: Misfit, close: str = "") -> str:
    """`Purse.deposit(amount): wanted int, got str 'five'`."""
    path, wanted, got = misfit
    return f"{where}{path}{close}: wanted {wanted}, got {brief(got)}"


def _simple(
    text: str, fits: Callable[[Any], bool], *, optional: bool = False, fleeting: str | None = None
) -> Shape:
    return Shape(
        text,
        lambda value: None if fits(value) else ("", text, value),
        optional=optional,
        fleeting=fleeting,
    )


def first_fleeting(shapes: list[Shape]) -> str | None:
    """What is fleeting in one of these shapes, if anything is."""
    return next((shape.fleeting for shape in shapes if shape.fleeting is not None), None)


ANY = Shape("Any", lambda _: None, optional=True)

_BASIC = {
    Any: ANY,
    object: Shape("object", lambda _: None, optional=True),
    typing.NoReturn: ANY,
    typing.Never: ANY,
    None: _simple("None", lambda v: v is None, optional=True),
    type(None): _simple("None", lambda v: v is None, optional=True),
    bool: _simple("bool", lambda v: isinstance(v, bool)),
    int: _simple("int", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    float: _simple("float", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)),
    str: _simple("str", lambda v: isinstance(v, str)),
    bytes: _simple("bytes", lambda v: isinstance(v, bytes)),
    list: _simple("list", lambda v: isinstance(v, list)),
    tuple: _simple("tuple", lambda v: isinstance(v, tuple)),
    dict: _simple("dict", lambda v: type(v) in DICTS or isinstance(v, dict)),
    Tagged: _simple("Tagged", lambda v: isinstance(v, Tagged)),
    Promise: _simple("Promise", lambda v: isinstance(v, Promise), fleeting="Promise"),
    Presence: _simple("Presence", lambda v: isinstance(v, Presence)),
    Remotable: _simple("Remotable", lambda v: isinstance(v, Remotable)),
    FarRef: _simple("FarRef", lambda v: isinstance(v, Remotable)),
}
_SEQUENCES = {abc.Sequence: "Sequence", abc.Iterable: "Iterable", abc.Collection: "Collection"}
_MAPPINGS = {abc.Mapping: "Mapping", abc.MutableMapping: "MutableMapping"}
_INSTEAD = (
    ((abc.Set, abc.Iterator, abc.ValuesView, range), "list"),
    ((bytearray, memoryview), "bytes"),
)  # of classes that nobody can decorate
_TRANSPARENT = (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired)
_AWAITABLES = (Promise, abc.Awaitable, abc.Coroutine)


def compile_shape(annotation: Any, names: dict[str, Any], owner: type | None = None) -> Shape:
    """Turn an annotation into a shape; `names` is the namespace that strings in it are read in."""
    try:
        return _compile(annotation, names, owner)
    except RecursionError:
        raise BadAnnotationError("the annotation refers to itself without end: write Any") from None


def compile_spelled(text: str, names: dict[str, Any], *, any_regex: bool = True) -> Shape:
    """The shape that is spelled by a text which may be a stranger's: it is read, and not evaluated."""
    try:
        return compile_shape(spelling.read(text, names, any_regex=any_regex), names)
    except (spelling.SpellingError, TypeError) as exc:
        raise BadAnnotationError(f"{brief(text)} cannot be read here: {exc}") from None


def compile_answer(annotation: Any, names: dict[str, Any], owner: type | None = None) -> Shape:
    """Like `compile_shape` for what a call returns: `Promise[int]` answers with an int."""
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
    either = _union(shapes)
    return Shape(
        either.text,
        narrowing(note, shapes),
        spelled=either.spelled,
        optional=either.optional,
        fleeting=either.fleeting,
    )


def evaluate(note: Any, names: dict[str, Any], owner: type | None = None) -> Any:
    """What the text of an annotation means; raises BadAnnotationError."""
    text = note if isinstance(note, str) else note.__forward_arg__
    own = (
        {} if owner is None else {owner.__name__: owner}
    )  # a class is not bound to its name while it is made
    try:
        return eval(text, names, own)
    except Exception as exc:
        told = f"the annotation {text!r} cannot be evaluated here: {exc}"
        if isinstance(exc, NameError):
            told += "; for an object of another vat write `object` or `Remotable`"
        raise BadAnnotationError(told) from None


def _compile_class(cls: type, names: dict[str, Any]) -> Shape:
    from .structures import copy_shape, typed_dict_shape

    if cls in _SEQUENCES:
        return _simple(_SEQUENCES[cls], lambda v: isinstance(v, (list, tuple)))
    if cls in _MAPPINGS:
        return _simple(_MAPPINGS[cls], lambda v: isinstance(v, dict))
    if cls in _AWAITABLES:
        return _BASIC[Promise]
    if getattr(cls, "__interface__", cls) is None:
        raise BadAnnotationError(
            f"a {cls.__name__} has facets, and only they are passed and stored: name one, "
            f"`Annotated[Remotable, {cls.__name__}.facets.{next(iter(cls.__kind__.facets))}]`"  # type: ignore[attr-defined]
        )
    if hasattr(cls, "__interface__"):
        kind: Any = getattr(cls, "__kind__", None)
        # A kind is known by its tag: its class may be renamed. Only a word can be read again as one.
        named = kind is not None and kind.cls is cls and kind.tag.isidentifier()
        name = kind.tag if named else cls.__name__
        fleeting = None if kind is not None and kind.durable else cls.__name__
        return _simple(name, lambda v: isinstance(v, cls), fleeting=fleeting)
    if issubclass(cls, BaseException):
        return _simple(cls.__name__, lambda v: isinstance(v, cls))
    if getattr(cls, "_is_protocol", False):
        return _has_methods(cls)
    if typing.is_typeddict(cls):
        return typed_dict_shape(cls, names)
    copy = copy_of(cls)
    if copy is not None:
        return copy_shape(copy, lambda note, inside: _compile(note, inside, cls))
    instead = next((f"write `{fix}`" for bases, fix in _INSTEAD if issubclass(cls, bases)), None)
    raise BadAnnotationError(
        f"{cls.__name__} cannot be a guard, because its instances cannot pass between vats: "
        f"{instead or 'make the class @remotable or @durable, or write `object`'}"
    )


def _has_methods(interface: Any) -> Shape:
    """Of another vat anything that can be sent to, of this one an object with the methods."""
    name, methods = methods_of(interface)

    def fits(value: Any) -> bool:
        own = interface_of(value)
        return isinstance(value, Remotable) and (own is None or own.methods().keys() >= methods.keys())

    return _simple(name, fits)


def _compile_generic(note: Any, origin: Any, args: Any, names: dict[str, Any], owner: type | None) -> Shape:
    def inner(arg: Any) -> Shape:
        return _compile(arg, names, owner)

    if origin is typing.Union or origin is types.UnionType:
        return _union([inner(arg) for arg in args])
    if origin is typing.Literal:
        return _literal(args)
    if origin is typing.Annotated:
        return _annotated(inner(args[0]), [_pattern(extra) for extra in args[1:] if _is_pattern(extra)])
    if origin in _TRANSPARENT:
        return inner(args[0])
    if origin in _AWAITABLES:
        return _BASIC[Promise]
    if origin is FarRef:
        name = getattr(args[0], "__name__", None) or getattr(args[0], "__forward_arg__", None) or str(args[0])
        return _simple(f"FarRef[{name}]", lambda v: isinstance(v, Remotable))
    if origin is tuple:
        return _tuple(args, inner)
    if origin is list or origin in _SEQUENCES:
        return _sequence(origin, inner(args[0]))
    if origin is dict or origin in _MAPPINGS:
        return _mapping(_MAPPINGS.get(origin, "dict"), inner(args[0]), inner(args[1]))
    if isinstance(origin, type):
        return _compile_class(origin, names)
    raise BadAnnotationError(f"{note!r} cannot be checked: write Any")


def _union(members: list[Shape]) -> Shape:
    # Sorted, so that a reordered union is the same shape; None reads best at the end.
    by_text = {member.text: member for member in members}
    order = sorted(by_text, key=lambda text: (text == "None", text))
    chosen = [by_text[name] for name in order]
    spelled = " | ".join(sorted((s.spelled for s in chosen), key=lambda text: (text == "None", text)))

    def test(value: Any) -> Misfit | None:
        inside = []  # of which member it is an instance, with a misfit in one of its fields
        for member in chosen:
            found = attempt(member.test, value)
            if found is None:
                return None
            if found[0][:1] == ".":
                inside.append(found)
        return inside[0] if len(inside) == 1 else ("", spelled, value)

    return Shape(
        " | ".join(order),
        test,
        spelled=spelled,
        optional=any(member.optional for member in chosen),
        fleeting=first_fleeting(chosen),
    )


def _is_pattern(extra: Any) -> bool:
    return isinstance(extra, Pattern) or (isinstance(extra, type) and hasattr(extra, "__facet__"))


def _pattern(extra: Any) -> Pattern:
    if isinstance(extra, Pattern):
        return extra
    name = f"{extra.__kind__.tag}.facets.{extra.__facet__}"
    return Pattern(name, f"that is a {extra.__name__}", lambda value: isinstance(value, extra))


def _annotated(base: Shape, patterns: list[Pattern]) -> Shape:
    if not patterns:
        return base
    wanted = f"{base.spelled} {' and '.join(pattern.words for pattern in patterns)}"
    more = ", ".join(pattern.text for pattern in patterns)

    def test(value: Any) -> Misfit | None:
        found = base.test(value)
        if found is not None:
            return found
        return None if all(pattern.fits(value) for pattern in patterns) else ("", wanted, value)

    return Shape(
        f"Annotated[{base.text}, {more}]",
        test,
        spelled=f"Annotated[{base.spelled}, {more}]",
        optional=base.optional and all(pattern.fits(None) for pattern in patterns),
        fleeting=base.fleeting,
    )


def _spelled(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return str(f"{type(value).__name__}.{value.name}")
    if type(value) in SCALARS:
        return repr(value)
    raise BadAnnotationError(
        f"Literal of {brief(value)}: a literal is None, a bool, an int, a float, a str, bytes, or a member "
        "of an enum, which later code can spell again"
    )


def _literal(values: tuple[Any, ...]) -> Shape:
    spelled = f"Literal[{', '.join(map(_spelled, values))}]"

    def test(value: Any) -> Misfit | None:
        fits = any(type(value) is type(item) and value == item for item in values)
        return None if fits else ("", spelled, value)

    text = f"Literal[{', '.join(sorted(map(_spelled, values)))}]"  # the order says nothing
    return Shape(text, test, spelled=spelled, optional=None in values)


def _sequence(origin: Any, item: Shape) -> Shape:
    name = _SEQUENCES.get(origin, "list")
    spelled = f"{name}[{item.spelled}]"
    kinds = list if origin is list else (list, tuple)

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, kinds):
            return ("", spelled, value)
        for index, element in enumerate(value):
            found = item.test(element)
            if found is not None:
                return (f"[{index}]{found[0]}", found[1], found[2])
        return None

    return Shape(f"{name}[{item.text}]", test, spelled=spelled, fleeting=item.fleeting)


def _tuple(args: tuple[Any, ...], inner: Callable[[Any], Shape]) -> Shape:
    endless = len(args) == 2 and args[1] is Ellipsis
    items = [inner(arg) for arg in (args[:1] if endless else args)]

    def named(texts: list[str]) -> str:
        return f"tuple[{texts[0]}, ...]" if endless else f"tuple[{', '.join(texts) or '()'}]"

    spelled = named([item.spelled for item in items])

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, tuple) or not (endless or len(value) == len(items)):
            return ("", spelled, value)
        for index, element in enumerate(value):
            found = items[0 if endless else index].test(element)
            if found is not None:
                return (f"[{index}]{found[0]}", found[1], found[2])
        return None

    return Shape(named([item.text for item in items]), test, spelled=spelled, fleeting=first_fleeting(items))


def _mapping(name: str, key: Shape, item: Shape) -> Shape:
    spelled = f"{name}[{key.spelled}, {item.spelled}]"

    def test(value: Any) -> Misfit | None:
        if not isinstance(value, dict):
            return ("", spelled, value)
        for k, element in value.items():
            found = key.test(k)
            if found is not None:
                return (" (a key)", found[1], found[2])
            found = item.test(element)
            if found is not None:
                return (f"[{k!r}]{found[0]}", found[1], found[2])
        return None

    text = f"{name}[{key.text}, {item.text}]"
    return Shape(text, test, spelled=spelled, fleeting=first_fleeting([key, item]))


def annotations_of(thing: Any) -> dict[str, Any]:
    """The annotations written on a class or a function itself, in order; unknown names stay unevaluated."""
    if sys.version_info >= (3, 14):
        found: dict[str, Any] = annotationlib.get_annotations(thing, format=annotationlib.Format.FORWARDREF)
        return found
    if isinstance(thing, type):
        return dict(vars(thing).get("__annotations__", {}))
    return dict(getattr(thing, "__annotations__", {}))
