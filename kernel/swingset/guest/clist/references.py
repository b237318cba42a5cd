"""Counts the references from stored data, and records what the kernel can reach.

An object of this vat whose state is stored, and an object of another vat, live as long as one of three things
holds them: an object in memory stands for it; stored data refers to it (`vom.rc.<name>` counts how often); or
the kernel can reach it (`vom.es.<name>`, one letter per facet: n not exported, r reachable, s recognizable).
This module keeps the second and the third. Changes are collected in memory and written at the end of the
delivery, so a reference that comes and goes within one delivery costs nothing.

An object that may have lost its last holder is only noted, as a candidate; nothing but `bringOutYourDead`
looks at the candidates. So the candidates are also the objects that only memory may hold. The reaper stores
them, so that the next incarnation knows what this one held in its heap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.vrefs import base_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .vat import Vat


def is_import(vref: str) -> bool:
    """Whether a name is that of an object of another vat, or of a device."""
    return vref[:2] in ("o-", "d-")


def is_stored(vref: str) -> bool:
    """Whether a name is that of an object of this vat whose state is in its store."""
    return vref[:3] in ("o+d", "o+v")


def slots_of(record: dict[str, Any]) -> list[str]:
    """The names that the fields of a stored record mention."""
    return [slot for value in record.values() if type(value) is dict for slot in value["slots"]]


class References:
    """The counts and the export status of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._store = vat.store
        self._deltas: dict[str, int] = {}
        self.candidates: dict[str, None] = {}
        self.changes = 0  # how many counts have changed in this incarnation; paces the search for cycles
        self.on_new: Callable[[str], None] | None = (
            None  # called with each name that stored data comes to mention
        )

    # Counts from stored data.

    def change(self, before: Iterable[str], after: Iterable[str]) -> None:
        """Note that stored data mentions the names `after` in place of the names `before`."""
        deltas = self._deltas
        for vref in after:
            base = base_of(vref)
            deltas[base] = deltas.get(base, 0) + 1
            if not (is_import(base) or is_stored(base)):
                self._vat.slots.heap.mentioned(base)
            if self.on_new is not None:
                self.on_new(base)
        for vref in before:
            base = base_of(vref)
            deltas[base] = deltas.get(base, 0) - 1

    def settle(self) -> None:
        """Write the counts that have changed; an object whose count falls to 0 becomes a candidate."""
        if not self._deltas:
            return
        deltas, self._deltas = self._deltas, {}
        for base in sorted(deltas):
            if deltas[base] == 0:
                continue
            self.changes += 1
            key = f"vom.rc.{base}"
            count = int(self._store.get(key) or "0") + deltas[base]
            if count > 0:
                self._store.set(key, str(count))
                self.candidates.pop(base, None)
            else:
                self._store.delete(key)
                if is_import(base) or is_stored(base):
                    self.candidates[base] = None
                else:
                    self._vat.slots.heap.unmentioned(base)

    def count(self, base: str) -> int:
        """How often stored data refers to an object."""
        return int(self._store.get(f"vom.rc.{base}") or "0") + self._deltas.get(base, 0)

    def begin(self, base: str) -> None:
        """Note a new object, which only memory holds: it becomes a candidate, and its keys are absent."""
        self._store.known_absent(f"vom.rc.{base}")
        self._store.known_absent(f"vom.es.{base}")
        self.candidates[base] = None

    # What the kernel can reach.

    def status(self, base: str) -> str:
        """The export status, one letter per facet; empty for an object that was never exported."""
        return self._store.get(f"vom.es.{base}") or ""

    def exported(self, vref: str) -> None:
        """Note that a stored object is being sent to the kernel."""
        base = base_of(vref)
        if self.on_new is not None:
            self.on_new(base)
        if self._mark(vref, "r"):
            self.candidates.pop(base, None)

    def dropped(self, vref: str) -> None:
        """Note that the kernel cannot reach a stored object any more."""
        if self._letter(vref) == "r":
            self._mark(vref, "s")
            self.changes += 1
            self.candidates[base_of(vref)] = None

    def retired(self, vref: str) -> None:
        """Note that the kernel has forgotten a stored object."""
        if self._letter(vref):
            self._mark(vref, "n")

    def forget(self, base: str) -> list[str]:
        """Delete the export status of an object that died.

        Returns the names by which the kernel could still recognize it.
        """
        status = self.status(base)
        if not status:
            return []
        self._store.delete(f"vom.es.{base}")
        if not self._vat.kinds.facet_count(base):
            return [base] if status == "s" else []
        return [f"{base}:{index}" for index, letter in enumerate(status) if letter == "s"]

    def _letter(self, vref: str) -> str:
        index = int(vref.partition(":")[2] or "0")
        return self.status(base_of(vref))[index : index + 1]

    def _mark(self, vref: str, letter: str) -> bool:
        base = base_of(vref)
        index = int(vref.partition(":")[2] or "0")
        before = self.status(base)
        size = max(index + 1, self._vat.kinds.facet_count(base))
        letters = list(before.ljust(size, "n"))
        letters[index] = letter
        after = "".join(letters)
        if after == before:
            return False
        if after.strip("n"):
            self._store.set(f"vom.es.{base}", after)
        else:
            self._store.delete(f"vom.es.{base}")
        return True
