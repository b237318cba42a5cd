"""Knows which weak collections have an entry for an object, to delete the entry when the object dies.

A weak collection does not hold its keys. For each entry, `vom.ir.<name>|<collection>` is stored too, so that
the entry is found from the name alone when the object dies. It is then deleted, and the references in its
value are no longer counted. For an object of another vat, it also means that the kernel must keep its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import jsontext
from ..base.vrefs import base_of
from .references import is_import

if TYPE_CHECKING:
    from .vat import Vat

PREFIX = "vom.ir."


class Recognizers:
    """The keys of all weak collections of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._any: bool | None = None  # whether any weak collection has ever had an entry
        self._lost_ones: dict[str, None] = {}

    def add(self, vref: str, collection: int) -> None:
        """Note that a weak collection has an entry for an object."""
        self._any = True
        self._vat.store.set(f"{PREFIX}{vref}|{collection}", "1")

    def remove(self, vref: str, collection: int) -> None:
        """Note that the entry of a weak collection for an object was deleted."""
        self._vat.store.delete(f"{PREFIX}{vref}|{collection}")
        self._lost(vref)

    def take_lost(self) -> list[str]:
        """The imports that have lost an entry in a weak collection since the last call."""
        lost, self._lost_ones = self._lost_ones, {}
        return list(lost)

    def know(self, vref: str) -> bool:
        """Whether any weak collection has an entry for an object."""
        return self._used() and next(self._vat.store.keys(f"{PREFIX}{vref}|"), None) is not None

    def forget(self, base: str) -> None:
        """Delete all entries for an object and its facets: it has died, or the kernel has forgotten it."""
        if not self._used():
            return
        store = self._vat.store
        for separator in ("|", ":"):
            for key in store.keys(PREFIX + base + separator):
                vref, _, collection = key.removeprefix(PREFIX).partition("|")
                entry = weak_entry_key(int(collection), vref)
                text = store.get(entry)
                if text is not None:
                    self._vat.references.change(jsontext.read(text)["slots"], ())
                    store.delete(entry)
                store.delete(key)

    def _lost(self, vref: str) -> None:
        if is_import(vref):
            self._lost_ones[base_of(vref)] = None

    def _used(self) -> bool:
        if self._any is None:
            self._any = next(self._vat.store.keys(PREFIX), None) is not None
        return self._any


def weak_entry_key(collection: int, vref: str) -> str:
    """The key of the store under which a weak collection keeps the value for an object."""
    return f"vc.{collection}.r{vref}"
