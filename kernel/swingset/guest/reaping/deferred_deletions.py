"""Deletes a little at a time: the virtual objects of ended incarnations, and the entries of dead collections.

The virtual objects of an incarnation end with it, and nothing can name them any more. The same is true of the
entries of a collection that nothing holds. There may be very many, so each `bringOutYourDead` spends a budget
on them; what is left in the store shows where it stopped. Every reference that they held is counted down, as
if each had died by itself. The kernel is not told, because the upgrade has abandoned these exports already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import jsontext
from ..base.vrefs import parse_instance
from ..stores.keys import END, object_of

if TYPE_CHECKING:
    from .vat import Vat

BUDGET = 2_000
CONDEMNED = "vom.condemned."
VIRTUAL = "vom.vkind."


class DeferredDeletions:
    """The deferred deletions of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._kinds: dict[int, None] = {}
        self._first_collection = 0
        self._old_collections = False

    def load(self) -> None:
        """Find the virtual objects and collections that earlier incarnations have left."""
        for key in self._vat.store.keys(VIRTUAL):
            self._kinds[int(key.split(".")[2])] = None
        self._first_collection = self._vat.counters.peek("collectionID")
        self._old_collections = self._vat.incarnation > 0

    def condemn(self, collection: int) -> None:
        """Note that the entries of a collection have to be deleted."""
        self._vat.store.set(f"{CONDEMNED}{collection}", "1")

    def are_old(self, base: str) -> bool:
        """Whether an object is a virtual object of an earlier incarnation."""
        name = parse_instance(base)
        if name is None or name.durable:
            return False
        return name.kind in self._kinds or (name.kind < 10 and name.number < self._first_collection)

    def some(self, budget: int) -> int:
        """Delete at most `budget` entries or records; returns the rest of the budget."""
        for number in list(self._kinds):
            budget = self._delete_kind(number, budget)
        if self._old_collections and budget > 0:
            budget = self._condemn_old(budget)
        for key in self._vat.store.keys(CONDEMNED):
            if budget <= 0:
                break
            budget = self._delete_entries(int(key.removeprefix(CONDEMNED)), budget)
        return budget

    def _delete_kind(self, number: int, budget: int) -> int:
        vat = self._vat
        for key in vat.store.keys(f"vom.o+v{number}/"):
            if budget <= 0:
                return 0
            self._end(key.removeprefix("vom."))
            budget -= 1
        for key in vat.store.keys(f"{VIRTUAL}{number}."):
            vat.store.delete(key)
        del self._kinds[number]
        return budget

    def _condemn_old(self, budget: int) -> int:
        for number in self._vat.collections.virtual_kinds:
            for key in self._vat.store.keys(f"vom.o+v{number}/"):
                base = key.removeprefix("vom.")
                if self.are_old(base):
                    if budget <= 0:
                        return 0
                    self._end(base)
                    budget -= 1
        self._old_collections = False
        return budget

    def _end(self, base: str) -> None:
        self._vat.kinds.delete(base)
        self._vat.recognizers.forget(base)
        self._vat.references.forget(base)

    def _delete_entries(self, collection: int, budget: int) -> int:
        vat, prefix = self._vat, f"vc.{collection}."
        for key in vat.store.keys(prefix):
            if budget <= 0:
                return 0
            budget -= 1
            text = key.removeprefix(prefix)
            if not text.startswith(END):
                self.delete_entry(collection, text, jsontext.read(vat.store.look(key) or "null"))
            vat.store.delete(key)
        vat.store.delete(f"{CONDEMNED}{collection}")
        return budget

    def delete_entry(self, collection: int, text: str, value: dict[str, list[str]] | None) -> None:
        """Count down the references of an entry that is being deleted."""
        mentioned = list(value["slots"]) if value else []
        held = object_of(text)
        if held is not None:
            mentioned.append(held)
        elif text[0] == "r":
            self._vat.recognizers.remove(text[1:], collection)
        self._vat.references.change(mentioned, ())
