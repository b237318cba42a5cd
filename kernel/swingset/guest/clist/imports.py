"""The objects of other vats that this vat knows: one presence for each, while something here needs it.

Presences are held weakly, except those that were used recently. No finaliser notices that one has gone from
memory; `bringOutYourDead` looks for each name and finds it missing. Until then the alleged name of a presence
is remembered, even if the presence was freed and made again. So neither vat code nor transcripts can tell
when the interpreter collected it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ..base.recently_used import RecentlyUsed
from ..passing.remotables import Presence, clean_iface
from ..sending.device_calls import DevicePresence

if TYPE_CHECKING:
    from .vat import Vat


class Imports:
    """The presences of one vat by name."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._alive: WeakValueDictionary[str, Presence] = WeakValueDictionary()
        self._ifaces: dict[str, str] = {}
        self.recent = RecentlyUsed()

    def get(self, vref: str, iface: str | None) -> Presence:
        """Return the one presence of a name, and make it if needed; `iface` is its alleged name."""
        found = self._alive.get(vref)
        if found is None:
            kind = DevicePresence if vref[0] == "d" else Presence
            told = self._ifaces.setdefault(vref, clean_iface(iface))
            found = self._alive[vref] = kind(self._vat, vref, told)
        self.recent.touch(vref, found)
        return found

    def put(self, presence: Presence) -> None:
        """Make this presence the one of its name."""
        self._alive[presence._vref] = presence
        self._ifaces[presence._vref] = presence._iface
        self.recent.touch(presence._vref, presence)

    def forget(self, vref: str) -> None:
        """Forget a name, even if vat code still holds its presence."""
        self._alive.pop(vref, None)
        self._ifaces.pop(vref, None)

    def in_memory(self, vref: str) -> bool:
        """Whether a presence of that name is in memory."""
        return vref in self._alive

    def alive(self) -> list[Presence]:
        """The presences in memory, sorted by name."""
        return [presence for _, presence in sorted(self._alive.items())]

    def tidy(self) -> None:
        """Forget the alleged names of presences that are gone."""
        self._ifaces = {vref: iface for vref, iface in self._ifaces.items() if vref in self._alive}
