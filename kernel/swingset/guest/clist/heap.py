"""The heap objects of this vat that have a name, because other vats hold them or virtual state mentions them.

Such an object is held strongly while the kernel can reach it or stored data mentions it, and then until the
next `bringOutYourDead`. After that it is held weakly, under the same name, as long as the kernel might
recognize it, because vat code that still has it may send it again. Only `bringOutYourDead` finds out that a
named object is gone from memory. An object whose class allows no weak references is kept until its name is
retired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = "o+0"


class Heap:
    """The named heap objects of one vat."""

    def __init__(self) -> None:
        self._strong: dict[str, Any] = {}
        self._weak: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._names: dict[int, str] = {}  # by id(), valid only if the name leads back to the object
        self._ids: dict[str, int] = {}
        self._reachable: dict[str, bool] = {}  # names that the kernel knows: whether it can reach the object
        self._mentioned: dict[str, None] = {}
        self._kept: dict[str, None] = {}  # held until the next `bringOutYourDead`

    def find(self, vref: str) -> Any:
        """The object with a name, or None."""
        found = self._strong.get(vref)
        return self._weak.get(vref) if found is None else found

    def name_of(self, item: Any) -> str | None:
        """The name of an object, or None."""
        vref = self._names.get(id(item))
        return vref if vref is not None and self.find(vref) is item else None

    def add(self, vref: str, item: Any) -> None:
        """Give an object a name, and hold it until the next `bringOutYourDead`."""
        self._strong[vref] = item
        self._names[id(item)] = vref
        self._ids[vref] = id(item)
        self._kept[vref] = None

    def keep(self, vref: str) -> None:
        """Hold an object whose name is about to be stored, until the next `bringOutYourDead`."""
        if vref in self._ids:
            self._kept[vref] = None
            self._hold(vref)

    def settle(self) -> list[str]:
        """Hold weakly every object that only memory holds; returns their names."""
        kept, self._kept = self._kept, {}
        return [vref for vref in kept if self._loosen(vref)]

    def exported(self, vref: str) -> None:
        """Note that an object is being sent to the kernel."""
        if vref in self._ids:
            self._reachable[vref] = True
            self._hold(vref)

    def mentioned(self, vref: str) -> None:
        """Note that stored data mentions an object."""
        self._mentioned[vref] = None
        self._hold(vref)

    def unmentioned(self, vref: str) -> None:
        """Note that stored data does not mention an object any more."""
        self._mentioned.pop(vref, None)
        self._kept[vref] = None

    def dropped(self, vref: str) -> None:
        """Note that the kernel cannot reach an object any more."""
        if vref in self._reachable:
            self._reachable[vref] = False
            self._kept[vref] = None

    def retired(self, vref: str) -> None:
        """Note that the kernel has forgotten an object; it gets a new name if it is sent again."""
        if vref == ROOT or self._reachable.pop(vref, None) is None or vref in self._mentioned:
            return
        self._weak.pop(vref, None)
        self._strong.pop(vref, None)
        self._forget(vref)

    def _loosen(self, vref: str) -> bool:
        if vref == ROOT or self._reachable.get(vref) or vref in self._mentioned or vref not in self._strong:
            return False
        try:
            self._weak[vref] = self._strong[vref]
        except TypeError:
            return False
        del self._strong[vref]
        return True

    def bury(self, among: Iterable[str] | None = None) -> list[tuple[str, bool]]:
        """Forget the objects that are gone from memory, all or those among `among`.

        Returns their names, each with whether the kernel could still recognize it.
        """
        names = self._ids if among is None else among
        dead = [vref for vref in names if vref not in self._strong and vref not in self._weak]
        return [(vref, self._forget(vref)) for vref in dead]

    def _hold(self, vref: str) -> None:
        found = self._weak.pop(vref, None)
        if found is not None:
            self._strong[vref] = found

    def _forget(self, vref: str) -> bool:
        number = self._ids.pop(vref)
        if self._names.get(number) == vref:
            del self._names[number]
        return self._reachable.pop(vref, None) is not None
