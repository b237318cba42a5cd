"""Facets: several objects with one state, each with methods of its own.

Methods marked with `@facet("creator")` or `@facet("creator", "public")` make a class a kind of cohorts. Each
construction makes one cohort: the state with all methods. The cohort never leaves the vat. Its facets,
`counter.facets.public`, can be passed, stored and called from outside. Each has the methods marked for it,
and gives no access to the others. An unmarked method is a helper of the cohort.

    @durable
    class Counter(Cohort):
        value: int = 0

        @facet("creator")
        def increment(self) -> int:
            self.value += 1
            return self.value

        @facet("creator", "public")
        def read(self) -> int:
            return self.value

A facet's number is its index in the kind's list, which is sorted when the kind is first defined. Later code
adds facets at the end and must keep all others, because the numbers are part of names that other vats hold.

A facet holds its cohort, and the cohort does not hold its facets. So a cohort is in memory as long as it or
one of its facets is, and they form no cycle.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..guards.method_tables import MethodTable
from ..passing.passable import brief, came
from ..passing.remotables import OneIdentity, give_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .kind import Kind

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")


def facet(*names: str) -> Callable[[F], F]:
    """Put a method on the facets of these `names`; the class must be `@durable` or `@virtual`.

    Raises TypeError for a name that is no identifier, and if it decorates something other than a method.

        @facet("creator", "public")
        def read(self) -> int: ...

    Source:
        The facets of `defineDurableKindMulti`.
    """
    for name in names:
        if type(name) is not str or not name.isidentifier() or name.startswith("_"):
            raise TypeError(f'a facet has a name like "public", which {brief(name)} is not')
    if not names:
        raise TypeError('@facet wants the names of its facets: @facet("public")')

    def mark(function: F) -> F:
        if type(function) is not FunctionType:
            raise TypeError(
                f"@facet({', '.join(map(repr, names))}) goes on a method, not on {brief(function)}"
            )
        function.__facets__ = names  # type: ignore[attr-defined]
        return function

    return mark


class Facets:
    """The facets of one cohort, by name: `x.facets.public`, `x.facets["public"]`.

    Source:
        The `facets` of a method's context in `defineDurableKindMulti`.
    """

    __slots__ = ("_cohort", "_kind")

    def __init__(self, kind: Kind, cohort: Any) -> None:
        self._kind = kind
        self._cohort = cohort

    def __getitem__(self, name: str) -> Any:
        if name not in self._kind.facets:
            raise KeyError(f"{self._kind.tag} has no facet {name!r}, has {', '.join(self._kind.facets)}")
        return self._kind.facet_of(self._cohort, name)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as exc:
            raise AttributeError(exc.args[0]) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._kind.facets)

    def __len__(self) -> int:
        return len(self._kind.facets)

    def __dir__(self) -> list[str]:
        return list(self._kind.facets)

    def __repr__(self) -> str:
        return f"<facets of {self._cohort!r}: {', '.join(self)}>"


class Cohort:
    """Optional base of a class with facets, `class Counter(Cohort)`: tells type checkers of `self.facets`.

    Source:
        Ours: in SwingSet a method gets `{state, facets}` as its context.
    """

    facets: ClassVar[Facets]


class FacetsAttribute:
    """The attribute `facets`: on a cohort its facets, on the class the facets' classes, for annotations."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __get__(self, cohort: Any, owner: type) -> Any:
        return FacetClasses(self._kind) if cohort is None else Facets(self._kind, cohort)

    def __set__(self, cohort: Any, value: Any) -> None:
        raise AttributeError(f"the facets of a {self._kind.tag} are fixed by its class")


class FacetClasses:
    """The classes of a kind's facets by name: `Annotated[Remotable, Counter.facets.public]`."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> type:
        classes = self._kind.facet_classes
        if name not in classes:
            raise AttributeError(f"{self._kind.tag} has no facet {name!r}, has {', '.join(classes)}")
        return classes[name]


def marked_methods(cls: type) -> dict[str, dict[str, FunctionType]]:
    """The methods of each facet by name; raises TypeError for a method that cannot be on one.

    A method that overrides a marked one is on the same facets.
    """
    functions: dict[str, FunctionType] = {}
    marks: dict[str, tuple[str, ...]] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, value in vars(base).items():
            if type(value) is FunctionType:
                functions[name] = value
                found = getattr(value, "__facets__", None)
                if found is not None:
                    marks[name] = found
            else:
                functions.pop(name, None)
    made: dict[str, dict[str, FunctionType]] = {}
    for name in sorted(marks):
        if name.startswith("_") or name == "finish":
            raise TypeError(f"{cls.__name__}.{name} cannot be on a facet: it is not for others to call")
        for face in marks[name]:
            if name in functions:
                made.setdefault(face, {})[name] = functions[name]
    return made


def make_facet_class(kind: Kind, face: str, methods: dict[str, FunctionType]) -> type:
    """Make the class of one facet; its methods call those of the cohort."""
    title = f"{kind.tag} {face}"
    body: dict[str, Any] = {name: _forward(function) for name, function in methods.items()}
    body.update(
        __module__=kind.cls.__module__,
        __doc__=kind.cls.__doc__,
        __kind__=kind,
        __facet__=face,
        __setattr__=_refuse_state,
    )
    made: Any = type(title, (OneIdentity,), body)
    made.__method_table__ = MethodTable(made, title)
    give_repr(made, _repr)
    cls: type = made
    return cls


def make_facet(cls: type, vref: str, cohort: Any) -> Any:
    """Make one facet of a cohort."""
    made: Any = object.__new__(cls)
    made.__dict__.update(__vref__=vref, __cohort__=cohort)
    return made


def amplify(cls: type[T], face: object) -> T:
    """Return the cohort of a facet: `amplify(Counter, face).value`.

    Code needs the class for it, so only code that was given the class can do this. Raises TypeError for
    anything that is not a facet of this class.

    Source:
        Ours, after the amplifiers of `defineExoClassKit`.
    """
    kind = getattr(type(face), "__kind__", None)
    wanted = getattr(cls, "__kind__", None)
    of_this = wanted is not None and wanted.cls is cls and wanted.latest is kind
    if not of_this or "__cohort__" not in face.__dict__:
        raise TypeError(f"amplify({cls.__name__}, x): wanted a facet of {cls.__name__}, got {came(face)}")
    cohort: T = face.__dict__["__cohort__"]
    return cohort


def _forward(function: FunctionType) -> FunctionType:
    def call(facet: Any, /, *args: Any, **kwargs: Any) -> Any:
        return function(facet.__dict__["__cohort__"], *args, **kwargs)

    call.__name__ = function.__name__
    call.__qualname__ = function.__qualname__
    call.__doc__ = function.__doc__
    call.__wrapped__ = function  # type: ignore[attr-defined]
    assert isinstance(call, FunctionType)
    return call


def _refuse_state(self: Any, name: str, _value: Any) -> None:
    raise AttributeError(f"{self!r} is a facet and has no state of its own: .{name} belongs to its cohort")


def _repr(self: Any) -> str:
    return f"<{type(self).__name__} {self.__dict__.get('__vref__', '')}>"
