"""Objects with an identity: those of this vat that others may call, and those of others that it may call.

`@remotable` marks a class whose instances may leave the vat by reference. They live in the heap: an upgrade
ends them. (`@durable`, in `kinds`, marks those that survive.) A `Presence` stands for an object of another
vat. It has no methods of its own, because nothing over there can be called at once; `E(presence)` sends to
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from ..guards.method_tables import Interface

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..liveslots import Liveslots

C = TypeVar("C", bound=type)

DEFAULT_IFACE = "Alleged: Remotable"
IFACE_LIMIT = 200


DISAVOWED = ""
"""The name of a presence whose object this vat has disavowed: none."""

DISAVOWED_TOLD = "this Presence has been disavowed"


class Presence:
    """Stands for an object of another vat; send to it with `E(presence).method(...)`."""

    __slots__ = ("__weakref__", "_iface", "_vref", "_world")

    _world: Liveslots
    _vref: str
    _iface: str

    def __init__(self, world: Liveslots, vref: str, iface: str) -> None:
        for name, value in (("_world", world), ("_vref", vref), ("_iface", iface)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        raise AttributeError(
            f"{self!r} lives in another vat, so .{name} cannot be reached directly: "
            f"use `await E(x).{name}(...)`"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{self!r} lives in another vat, so .{name} cannot be set: ask it with a message"
        )

    def __aiter__(self) -> AsyncIterator[Any]:
        from ..sending.notifiers import updates

        return updates(self)

    def __copy__(self) -> Presence:
        return self

    def __deepcopy__(self, memo: Any) -> Presence:
        return self

    def __repr__(self) -> str:
        return f"<Presence {self._vref or '(disavowed)'} {self._iface}>"


def clean_iface(iface: str | None) -> str:
    """The alleged name that a stranger gave to an object, if it is fit to be shown."""
    if iface and iface.startswith("Alleged: ") and len(iface) <= IFACE_LIMIT and iface.isprintable():
        return iface
    return DEFAULT_IFACE


def remotable(cls: C) -> C:
    """Let the instances of a class be sent to other vats, which may then call its methods.

    Names that start with `_` are not reachable from outside. Annotations of the parameters are checked on
    every message. The instances end with the incarnation; use `@durable` for those that must survive an
    upgrade.
    """
    if "__kind__" in vars(cls):
        raise TypeError(f"{cls.__name__} is @durable already: @remotable would make it forget its state")
    from ..guards.class_checks import check_remotable

    check_remotable(cls)
    cls.__interface__ = Interface(cls, cls.__name__)  # type: ignore[attr-defined]
    give_repr(cls, _plain_repr)
    return cls


def give_repr(cls: Any, show: Any) -> None:
    """Replace the default repr, whose address differs between two runs of the same vat."""
    if cls.__repr__ is object.__repr__:
        cls.__repr__ = show


def _plain_repr(self: object) -> str:
    return f"<{type(self).__name__}>"


def interface_of(value: object) -> Interface | None:
    """The interface of an object of this vat that may be passed by reference, or None."""
    cls = type(value)
    interface: Interface | None = getattr(cls, "__interface__", None)
    if interface is not None and interface.cls is not cls:
        # A subclass that was not decorated itself: as remotable as its base, with its own methods.
        if isinstance(value, type) or hasattr(cls, "__kind__"):
            return None
        interface = Interface(cls, cls.__name__)
        cls.__interface__ = interface  # type: ignore[attr-defined]
    return interface


class _AnyReference(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Presence) or interface_of(value) is not None


if TYPE_CHECKING:

    @runtime_checkable
    class Remotable(Protocol):
        """What a decorator makes of a class is not for a checker to see, so every object fits."""

else:

    class Remotable(metaclass=_AnyReference):
        """Annotation for any object that can be sent to: a presence, a `@remotable` or a `@durable` one."""
