"""Objects with an identity: those of this vat that others may call, and those of others that it may call.

A class whose instances may pass by reference has a method table, which a decorator made: `@remotable`
(`guards.remotable`), whose instances live in the heap and end with an upgrade, or `@durable`
(`kinds.classes`), whose instances survive. A `Presence` stands for an object of another vat. It has no
methods of its own, because an object of another vat cannot be called at once; `E(presence)` sends to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from ..base.misuse import refused, spelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from ..base.turns import TurnQueue
    from ..base.vat import Vat

C = TypeVar("C", bound=type)

DEFAULT_IFACE = "Alleged: Remotable"
IFACE_LIMIT = 200


DISAVOWED = ""
"""The vref of a presence whose object this vat has disavowed: it has none."""

DISAVOWED_TOLD = "this Presence has been disavowed"


class AnswersCalls(Protocol):
    """The method table of a class whose instances pass by reference (`guards.method_tables`)."""

    cls: type
    tag: str

    def methods(self) -> dict[str, Any]:
        """Return the methods by name."""
        ...

    def invoke(
        self, target: Any, name: Any, args: list[Any], kwargs: dict[str, Any], turns: TurnQueue
    ) -> Any:
        """Call a method with its guards, as a message does; raises TypeError for bad arguments."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the description that any vat gets that can send to the object."""
        ...

    def of_subclass(self, cls: type) -> AnswersCalls:
        """Return the method table of a subclass that was not decorated itself."""
        ...


class OneIdentity:
    """A base for objects that have one identity: a copy of one, also a deep one, is the object itself."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        return self


class Presence(OneIdentity):
    """Stands for an object of another vat; send to it with `E(presence).method(...)`.

    Reading or setting an attribute raises AttributeError, which shows the message to send instead.

    Source:
        The presence of `makePresence` in liveslots.
    """

    __slots__ = ("__weakref__", "_iface", "_vat", "_vref")

    _vat: Vat
    _vref: str
    _iface: str

    def __init__(self, vat: Vat, vref: str, iface: str) -> None:
        for name, value in (("_vat", vat), ("_vref", vref), ("_iface", iface)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        known = spelled(self._vat, name)
        text = f"{known or repr(self)} lives in another vat, so .{name} cannot be reached directly"
        people = self._vat.people
        way = None if people is None else people.way(self, known or "x", name)
        text += f": use `await E({known or 'x'}).{name}(...)`" if way is None else way
        raise refused(self._vat, AttributeError(text))

    def __setattr__(self, name: str, value: Any) -> None:
        known = spelled(self._vat, name)
        text = f"{known or repr(self)} lives in another vat, so .{name} cannot be set: ask it with a message"
        raise refused(self._vat, AttributeError(text))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._vat.updates(self)

    def __repr__(self) -> str:
        people = self._vat.people
        called = None if people is None else people.called(self)
        return f"<{called}>" if called else f"<Presence {self._vref or '(disavowed)'} {self._iface}>"


def clean_iface(iface: str | None) -> str:
    """The alleged name that another vat gave to an object, or the default if that is too long to be shown."""
    if iface and iface.startswith("Alleged: ") and len(iface) <= IFACE_LIMIT and iface.isprintable():
        return iface
    return DEFAULT_IFACE


def give_repr(cls: Any, show: Any) -> None:
    """Replace the default repr, which holds an address and so differs between two runs of the same vat."""
    if cls.__repr__ is object.__repr__:
        cls.__repr__ = show


def method_table_of(value: object) -> AnswersCalls | None:
    """The method table of an object of this vat that may pass by reference; None for any other value."""
    cls = type(value)
    table: AnswersCalls | None = getattr(cls, "__method_table__", None)
    if table is not None and table.cls is not cls:
        # A subclass that was not decorated itself is remotable like its base, and has its own methods.
        if isinstance(value, type) or hasattr(cls, "__kind__"):
            return None
        table = table.of_subclass(cls)
        cls.__method_table__ = table  # type: ignore[attr-defined]
    return table


class _AnyReference(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Presence) or method_table_of(value) is not None


if TYPE_CHECKING:

    @runtime_checkable
    class Remotable(Protocol):
        """A type checker does not see what a decorator adds to a class, so for it every object fits."""

else:

    class Remotable(metaclass=_AnyReference):
        """Annotation for any object that can be sent to: a presence, a `@remotable` or a `@durable` one.

        Source:
            The pass style `remotable` of `@endo/pass-style`, as an annotation.
        """
