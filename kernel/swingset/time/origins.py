"""What the references of a recorded past mean in a branch of it.

Numbers do not tell: the fifth object of a record is another one in a branch in which the second was never
made. So each reference has an origin, and is rewritten through it: it was there when the branch began; or it
is an export of a vat of the embedder, which numbers its own; or the root of a vat; or the reference in slot k
of what came of an earlier entry. One whose origin the branch lacks means nothing there: `Withheld`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swingset.core.kernel import Kernel
from swingset.model.capdata import CapData
from swingset.model.foreign import read_json
from swingset.model.refs import ROOT
from swingset.world.records import Record
from swingset.world.rows import RULES


class Withheld(Exception):
    """An entry cannot be sent in the branch; the message says which reference it lacks there."""


class Origins:
    """The references of one branch. `kernel` is that of the branch, as it began."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._store = kernel.store
        world = kernel.world
        self._there = {
            kref for (kref,) in world.rows("SELECT kref FROM objects UNION SELECT kref FROM promises")
        }
        self._known = set(world.rows("SELECT vat, vref FROM clists"))
        self._vats = {vat.id: vat.name for vat in self._store.vats.all()}
        self._names: dict[str, dict[str, str]] = {}
        self._krefs: dict[str, str] = {}
        self._vrefs: dict[tuple[str, str], str] = {}
        self.lost: set[tuple[str, str]] = set()
        """The results of messages that were not sent here, by vat and name."""
        self.recorded: dict[str, tuple[bool, CapData]] = {}
        """The recorded outcomes of promises, by kref."""

    def observe(self, record: Record) -> None:
        """Learn from the rows of a record what its names are names of."""
        for change in record.rows or ():
            if change.after is None:
                continue
            row = dict(zip(RULES[change.table], change.after, strict=True))
            if change.table == "clists":
                self._names.setdefault(str(row["kref"]), {})[str(row["vat"])] = str(row["vref"])
            elif change.table == "vats":
                self._vats[str(row["id"])] = str(row["name"])
            elif change.table == "promises" and row["state"] in ("fulfilled", "rejected"):
                data = CapData.from_json({"body": row["body"], "slots": read_json(str(row["slots"]))})
                self.recorded[str(row["kref"])] = (row["state"] == "rejected", data)

    def vat(self, vat: str) -> str:
        """The id of a recorded vat in the branch."""
        name = self._vats.get(vat, vat)
        if (found := self._store.vats.get(vat)) is not None and found.name == name:
            return vat
        named = self._store.vats.named(name)
        if named is None:
            raise Withheld(f"there is no vat {name}")
        return named.id

    def same(self, recorded: str, came: str) -> None:
        """Note that a kref of the record and one of the branch came from the same place."""
        self._krefs.setdefault(recorded, came)

    def same_slots(self, vat: str, recorded: Sequence[str], came: Sequence[str]) -> None:
        """Note that what a vat was given in the branch has the origins of what it was given then."""
        for one, other in zip(recorded, came, strict=False):
            if "-" in one:
                self._vrefs.setdefault((vat, one), other)

    def kref(self, recorded: str) -> str:
        """The kref in the branch of a recorded kref. Raises `Withheld`."""
        if recorded in self._there:
            if not self._exists(recorded):
                raise Withheld(f"{recorded} is gone")
            return recorded
        for vat, vref in self._names.get(recorded, {}).items():
            if "+" in vref and (vref == ROOT or self._is_attached(vat)):
                entry = self._store.clists.by_vref(self.vat(vat), vref)
                if entry is not None:
                    return entry.kref
        if recorded not in self._krefs:
            self._match_outcomes()
        found = self._krefs.get(recorded)
        if found is None or not self._exists(found):
            raise Withheld(f"{recorded} came from something that did not happen here")
        return found

    def _match_outcomes(self) -> None:
        """Match the references in what came of the host's messages."""
        for then, here in list(self._krefs.items()):
            settled = self.recorded.get(then)
            promise = self._store.promises.get(here) if here.startswith("kp") else None
            if settled is not None and promise is not None and promise.data is not None:
                for one, other in zip(settled[1].slots, promise.data.slots, strict=False):
                    self.same(one, other)

    def vref(self, vat: str, recorded: str) -> str:
        """A vat's name in the branch for what it knew by a recorded name. Raises `Withheld`."""
        if (vat, recorded) in self.lost:
            raise Withheld(f"{recorded} is the result of a message that was not sent here")
        if "+" in recorded or (vat, recorded) in self._known:
            return recorded
        found = self._vrefs.get((vat, recorded))
        if found is None:
            for kref, names in self._names.items():
                if names.get(vat) == recorded:
                    return self._kernel.introduce(self.vat(vat), self.kref(kref))
            raise Withheld(f"{recorded} of vat {self._vats.get(vat, vat)} came from nothing that is recorded")
        return found

    def knows(self, vat: str, recorded: str, here: str) -> bool:
        """Whether a recorded name of a vat means what a name means here."""
        try:
            return self.vref(vat, recorded) == here
        except Withheld:
            return False

    def data(self, vat: str, recorded: Any) -> dict[str, Any]:
        """Capdata in a vat's names, rewritten. Raises `Withheld`."""
        return CapData.from_json(recorded).map_slots(lambda slot: self.vref(vat, slot)).to_json()

    def kernel_data(self, recorded: Any) -> dict[str, Any]:
        """Capdata in the kernel's names, rewritten. Raises `Withheld`."""
        return CapData.from_json(recorded).map_slots(self.kref).to_json()

    def _exists(self, kref: str) -> bool:
        table = self._store.promises if kref.startswith("kp") else self._store.objects
        return table.get(kref) is not None

    def _is_attached(self, vat: str) -> bool:
        found = self._store.vats.get(vat)
        return found is not None and found.attached
