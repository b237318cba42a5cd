"""The end of a life: using an object that is left from it raises an error and sends nothing.

A number in a vat's names (`o-52`, `p+7`) means one thing in one life of that vat. A program around a world
outlives such lives: the world goes back to a checkpoint, a run cannot be committed, the file is closed and
another one opened. An object that the program kept in a list, an attribute or a closure then belongs to a
life that has ended, and its number may name another object by now. So a life that ends is marked, once, and
everything that belongs to it checks the mark before it acts: presences, promises and their resolvers,
durable objects and their classes, stored maps.

A vat in a worker of its own never needs this: its heap ends with its life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vat import Vat


class LifeEndedError(RuntimeError):
    """A handle was used that belongs to a life which has ended; nothing was sent."""


class Ended(NamedTuple):
    """How a life ended: whose it was, why it ended, what to do, and who owned the objects it knew.

    `renew` begins the program's next life if it has not begun yet; it raises if that is impossible.
    """

    whose: str
    why: str
    fix: str
    owners: dict[str, str]
    renew: Callable[[], None] | None = None

    def told(self, item: Any) -> str:
        """The message of the error for an object of this life."""
        return f"{self._name(item)} belongs to {self.whose}, which ended when {self.why}: {self.fix}"

    def error(self, item: Any) -> LifeEndedError:
        """The exception to raise for an object of this life."""
        return LifeEndedError(self.told(item))

    def _name(self, item: Any) -> str:
        vref = getattr(item, "_vref", None)
        if type(vref) is str:
            called = item._iface.removeprefix("Alleged: ")
            owner = self.owners.get(vref)
            return f"this {called}{f' of vat {owner}' if owner else ''} (presence {vref})"
        if hasattr(type(item), "_vpid"):
            cause = item._cause
            return f"this promise{f' for the answer to {cause[0]}()' if type(cause) is tuple else ''}"
        kind = getattr(item if isinstance(item, type) else type(item), "__kind__", None)
        return f"this {kind.tag}" if kind is not None else "this object"


def renewed(vat: Vat) -> None:
    """Begin the program's next life, if this one has ended and the next has not begun."""
    if vat.ended is not None and vat.ended.renew is not None:
        vat.ended.renew()


def refuse_ended(vat: Vat, item: Any) -> None:
    """Raise `LifeEndedError` if the life that an object belongs to has ended."""
    if vat.ended is not None:
        raise vat.ended.error(item)
