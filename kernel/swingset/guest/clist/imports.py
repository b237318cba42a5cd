"""The objects of others that this vat knows: one stand-in for each, while anything here needs it.

Presences are held weakly, apart from those that were touched lately. That one has gone from memory is not
noticed by any finaliser, and by nothing at all before the dead are brought out: then whoever is asked for by
name and not found has died. Between those
moments even the alleged name of a presence that died and came back stays what it was, so that vat code and
transcripts cannot tell when the interpreter happened to collect it.
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
    """Presences by name."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._alive: WeakValueDictionary[str, Presence] = WeakValueDictionary()
        self._ifaces: dict[str, str] = {}
        self.recent = RecentlyUsed()

    def get(self, vref: str, iface: str | None) -> Presence:
        """The one presence for a name."""
        found = self._alive.get(vref)
        if found is None:
            kind = DevicePresence if vref[0] == "d" else Presence
            told = self._ifaces.setdefault(vref, clean_iface(iface))
            found = self._alive[vref] = kind(self._vat, vref, told)
        self.recent.touch(vref, found)
        return found

    def put(self, presence: Presence) -> None:
        """Have this one stand for its name."""
        self._alive[presence._vref] = presence
        self._ifaces[presence._vref] = presence._iface
        self.recent.touch(presence._vref, presence)

    def forget(self, vref: str) -> None:
        """Know nothing of a name any more, though somebody may still hold its presence."""
        self._alive.pop(vref, None)
        self._ifaces.pop(vref, None)

    def in_memory(self, vref: str) -> bool:
        """Whether a presence of that name is alive."""
        return vref in self._alive

    def alive(self) -> list[Presence]:
        """Those in memory, by name."""
        return [presence for _, presence in sorted(self._alive.items())]

    def tidy(self) -> None:
        """Forget what was known of presences that are gone."""
        self._ifaces = {vref: iface for vref, iface in self._ifaces.items() if vref in self._alive}
