"""What the references of a recorded past mean in a branch of it.

Numbers do not tell: the fifth object of a record is another one in a branch in which the second was never
made. So each reference has an origin, and is rewritten through it: it was there when the branch began; or it
is an export of a vat of the embedder, which numbers its own; or the root of a vat; or the reference in slot k
of what came of an earlier entry; or the k-th new thing that an earlier request made. One whose origin the
branch lacks means nothing there: `Withheld`. Vats, devices, meters and waiting events are found so too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from swingset.core.kernel import Kernel
from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import CloneVat, CreateVat, Send, UpgradeVat, event_from_json
from swingset.model.refs import ROOT
from swingset.world.file import WorldFile
from swingset.world.promises import FORWARDED, FULFILLED, REJECTED
from swingset.world.records import RowChange
from swingset.world.rows import RULES

_NUMBERED = {"ko": "objects", "kd": "objects", "kp": "promises", "m": "meters"}
"""The tables of what a request can make, by the first letters of names, which are also those of counters."""

_WITH_VREFS = re.compile(r"vom\.(rc|ir)\.|vc\.[0-9]+\.r")  # keys of a vat's store in which imports are named
_IMPORT = re.compile(r"[opd]-[0-9]+")
_COLUMNS = {table: list(columns) for table, columns in RULES.items()}


class Withheld(Exception):
    """An entry cannot come again in the branch; the message says which reference it lacks there."""


class Origins:
    """The references of one branch. `kernel` is that of the branch, before anything happens in it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._store = kernel.store
        world = kernel.world
        self.there = {
            name
            for query in ("SELECT kref FROM objects", "SELECT kref FROM promises", "SELECT id FROM meters")
            for (name,) in world.rows(query)
        }
        """The krefs and meters that there were when the branch began."""
        self._seen = set(self.there)
        self._known = set(world.rows("SELECT vat, vref FROM clists"))
        self._vats = {vat.id: vat.name for vat in self._store.vats.all()}
        self._devices = {device.id: device.name for device in self._store.devices.all()}
        self._names: dict[str, dict[str, str]] = {}
        self._krefs: dict[tuple[str, str], str] = {}  # by vat and its name
        self._here: dict[str, str] = {}
        self._unsettled: dict[str, str] = {}  # promises of which the outcomes are not matched yet
        self._vrefs: dict[tuple[str, str], str] = {}
        self._recorded_vrefs: dict[tuple[str, str], str] = {}
        self._waited = dict(world.rows("SELECT seq, item FROM queue"))
        self.waiting: dict[int, str] = dict(self._waited)
        """The events in the run-queue of the recorded world, by position."""
        self.lost: set[tuple[str, str]] = set()
        """The results of messages that were not sent here, by vat and name."""
        self._recorded: dict[str, tuple[bool, CapData]] = {}  # outcomes of promises
        self._forwarded: dict[str, str] = {}

    # What was recorded

    def observe(self, rows: Iterable[RowChange]) -> None:
        """Learn from the rows that a record changed what its names are names of."""
        for change in rows:
            key = change.key
            if change.table == "queue":
                if change.after is None:
                    self.waiting.pop(int(str(key[0])), None)
                else:
                    self.waiting[int(str(key[0]))] = str(change.after[_COLUMNS["queue"].index("item")])
            elif change.after is not None and change.table in _COLUMNS:
                self._learn(change.table, dict(zip(_COLUMNS[change.table], change.after, strict=True)))

    def observe_all(self, world: WorldFile) -> None:
        """Learn from a whole state, after a record that does not list its rows."""
        for table in ("clists", "vats", "devices", "promises", "objects", "meters"):
            columns = _COLUMNS[table]
            for row in world.rows(f"SELECT {', '.join(columns)} FROM {table}"):
                self._learn(table, dict(zip(columns, row, strict=True)))
        self.waiting = dict(world.rows("SELECT seq, item FROM queue"))

    def _learn(self, table: str, row: Mapping[str, Any]) -> None:
        match table:
            case "clists":
                kref, vat, vref = str(row["kref"]), str(row["vat"]), str(row["vref"])
                self._names.setdefault(kref, {})[vat] = vref
                self._krefs[vat, vref] = kref
            case "vats":
                self._vats[str(row["id"])] = str(row["name"])
            case "devices":
                self._devices[str(row["id"])] = str(row["name"])
            case "objects":
                self._seen.add(str(row["kref"]))
            case "meters":
                self._seen.add(str(row["id"]))
            case "promises":
                self._seen.add(str(row["kref"]))
                if row["state"] in (FULFILLED, REJECTED):
                    data = CapData.from_json({"body": row["body"], "slots": read_json(str(row["slots"]))})
                    self._recorded[str(row["kref"])] = (row["state"] == REJECTED, data)
                elif row["state"] == FORWARDED:
                    self._forwarded[str(row["kref"])] = str(row["decider"])

    def recorded_outcome(self, kref: str) -> tuple[bool, CapData] | None:
        """How a promise was settled, as far as anything is recorded since the branch began."""
        for _ in range(len(self._forwarded) + 1):
            if kref in self._recorded or kref not in self._forwarded:
                break
            kref = self._forwarded[kref]
        return self._recorded.get(kref)

    def outcome(self, here: str) -> tuple[bool, CapData] | None:
        """How a promise of the branch is settled: whether it is rejected, and with what."""
        passed: set[str] = set()
        while here.startswith("kp") and here not in passed:
            found = self._store.promises.get(here)
            if found is None or found.data is None:
                return None
            if found.state != FORWARDED:
                return found.state == REJECTED, found.data
            passed.add(here)
            here = found.decider or ""
        return None

    def name_of(self, vat: str) -> str:
        """The name of a recorded vat."""
        return self._vats.get(vat, vat)

    def device(self, device: str) -> str | None:
        """The name of a recorded device."""
        return self._devices.get(device)

    # What has the same origin

    def same(self, recorded: str, came: str) -> None:
        """Note that a kref or meter of the record and one of the branch came from the same place."""
        if recorded not in self._here:
            self._here[recorded] = came
            if recorded.startswith("kp"):
                self._unsettled[recorded] = came

    def same_slots(self, vat: str, recorded: Sequence[str], came: Sequence[str]) -> None:
        """Note that what a vat was given in the branch has the origins of what it was given then."""
        for one, other in zip(recorded, came, strict=False):
            if "-" in one:
                self._vrefs.setdefault((vat, one), other)
                self._recorded_vrefs.setdefault((vat, other), one)

    def numbers(self) -> dict[str, int]:
        """The numbers from which new things of the branch are numbered."""
        return {letters: self._store.counters.get(letters) for letters in _NUMBERED}

    def pair(
        self, recorded: Iterable[RowChange], came: Iterable[RowChange], first: Mapping[str, int]
    ) -> list[tuple[str, str]]:
        """Match what a request made then with what it made here, each in order; returns the pairs.

        `first` is what `numbers` returned before the request was asked for here. What differs in number is
        not matched.
        """
        pairs: list[tuple[str, str]] = []
        made = [_numbered(change) for change in came]
        known = [_numbered(change) for change in recorded]
        for letters in _NUMBERED:
            then = {name for kind, name in known if kind == letters and name not in self._seen}
            here = {name for kind, name in made if kind == letters and _number(name) >= first[letters]}
            if len(then) == len(here):
                pairs += zip(sorted(then, key=_number), sorted(here, key=_number), strict=True)
        for one, other in pairs:
            self.same(one, other)
        return pairs

    def _match_outcomes(self) -> None:
        """Match the references in what came of the host's messages."""
        for then, here in list(self._unsettled.items()):
            settled, came = self.recorded_outcome(then), self.outcome(here)
            if not self._exists(here):
                del self._unsettled[then]
            elif settled is not None and came is not None:
                del self._unsettled[then]
                for one, other in zip(settled[1].slots, came[1].slots, strict=False):
                    self.same(one, other)

    # What a name means here

    def vat(self, vat: str) -> str:
        """The id of a recorded vat in the branch."""
        name = self.name_of(vat)
        if (found := self._store.vats.get(vat)) is not None and found.name == name:
            return vat
        named = self._store.vats.named(name)
        if named is None:
            raise Withheld(f"there is no vat {name}")
        return named.id

    def meter(self, recorded: str) -> str:
        """The id in the branch of a recorded meter. Raises `Withheld`."""
        found = recorded if recorded in self.there else self._here.get(recorded)
        if found is None or self._store.meters.get(found) is None:
            raise Withheld(f"there is no meter {recorded}")
        return found

    def kref(self, recorded: str) -> str:
        """The kref in the branch of a recorded kref. Raises `Withheld`."""
        if recorded in self.there:
            if not self._exists(recorded):
                raise Withheld(f"{recorded} is gone")
            return recorded
        for vat, vref in self._names.get(recorded, {}).items():
            here = vref if "+" in vref else self._vrefs.get((vat, vref))
            if here is not None and (found := self._of_vat(vat, here, is_root=vref == ROOT)) is not None:
                return found
        if recorded not in self._here:
            self._match_outcomes()
        found = self._here.get(recorded)
        if found is None or not self._exists(found):
            raise Withheld(f"{recorded} came from something that did not happen here")
        return found

    def _of_vat(self, vat: str, here: str, *, is_root: bool) -> str | None:
        """The kref of what a recorded vat names so here, if that is a root, or if the vat is attached."""
        with suppress(Withheld):
            known = self._store.vats.get(self.vat(vat))
            if known is not None and (is_root or known.attached):
                entry = self._store.clists.by_vref(known.id, here)
                return None if entry is None else entry.kref
        return None

    def vref(self, vat: str, recorded: str) -> str:
        """A vat's name in the branch for what it knew by a recorded name. Raises `Withheld`."""
        if (vat, recorded) in self.lost:
            raise Withheld(f"{recorded} is the result of a message that was not sent here")
        if "+" in recorded or (vat, recorded) in self._known:
            return recorded
        found = self._vrefs.get((vat, recorded))
        if found is None:
            kref = self._krefs.get((vat, recorded))
            if kref is None:
                raise Withheld(f"{recorded} of vat {self.name_of(vat)} came from nothing that is recorded")
            found = self._introduced(vat, recorded, self.kref(kref))
            self.same_slots(vat, (recorded,), (found,))
        return found

    def _introduced(self, vat: str, recorded: str, kref: str) -> str:
        """A vat's name for what it has, or gets now between two deliveries."""
        here = self.vat(vat)
        entry = self._store.clists.by_kref(here, kref)
        if entry is not None:
            return entry.vref
        if self._store.in_crank:
            raise Withheld(f"{recorded} has not come to vat {self.name_of(vat)} here")
        return self._kernel.introduce(here, kref)

    def recorded_vref(self, vat: str, here: str) -> str | None:
        """The recorded name of what a vat knows by a name in the branch; None if no record tells."""
        if "+" in here or (vat, here) in self._known:
            return here
        return self._recorded_vrefs.get((vat, here))

    def knows(self, vat: str, recorded: str, here: str) -> bool:
        """Whether a recorded name of a vat means what a name means here."""
        try:
            return self.vref(vat, recorded) == here
        except Withheld:
            return False

    def is_kref(self, recorded: str, here: str | None) -> bool:
        """Whether a recorded kref means what a kref means here."""
        try:
            return self.kref(recorded) == here
        except Withheld:
            return False

    def may_be(self, recorded: str, here: str) -> bool:
        """Whether a recorded kref means what a kref means here, or may from now on, because both are new."""
        if self.is_kref(recorded, here):
            return True
        is_new = recorded not in self.there and recorded not in self._here
        return is_new and here not in self.there and here not in self._here.values()

    def data(self, vat: str, recorded: Any) -> dict[str, Any]:
        """Capdata in a vat's names, rewritten. Raises `Withheld`."""
        return CapData.from_json(recorded).map_slots(lambda slot: self.vref(vat, slot)).to_json()

    def kernel_data(self, recorded: Any) -> dict[str, Any]:
        """Capdata in the kernel's names, rewritten. Raises `Withheld`."""
        return CapData.from_json(recorded).map_slots(self.kref).to_json()

    def position(self, recorded: int) -> int:
        """The position in the branch of an event that waited at a position. Raises `Withheld`."""
        text = self.waiting.get(recorded)
        if text is None:
            raise Withheld(f"nothing is recorded that waited at {recorded}")
        queues = self._store.queues
        if self._waited.get(recorded) == text == queues.text_at(recorded):
            return recorded
        wanted = event_from_json(text)
        for seq, event in queues.all():
            match wanted, event:
                case Send(target, message), Send(came, other):
                    data = self.kernel_data(message.methargs.to_json())
                    if self.is_kref(target, came) and data == other.methargs.to_json():
                        return seq
                case CreateVat(name=name), CreateVat(name=came) if name == came:
                    return seq
                case CloneVat(name=name), CloneVat(name=came) if name == came:
                    return seq
                case UpgradeVat(vat=vat, bundle=bundle), UpgradeVat(vat=came, bundle=other_code):
                    if self.vat(vat) == came and bundle == other_code:
                        return seq
        raise Withheld("it does not wait here")

    def syscall(self, vat: str, raw: Any) -> Any:
        """A recorded syscall in the names that the vat has here. Raises `Withheld`."""
        match syscalls.read(raw).asked:
            case syscalls.Send(target, methargs, result):
                sent = {"methargs": self.data(vat, methargs.to_json()), "result": result}
                return ["send", self.vref(vat, target), sent]
            case syscalls.Subscribe(promise):
                return ["subscribe", self.vref(vat, promise)]
            case syscalls.Resolve(resolutions):
                told = [
                    [self.vref(vat, promise), rejected, self.data(vat, data.to_json())]
                    for promise, rejected, data in resolutions
                ]
                return ["resolve", told]
            case syscalls.CallNow(node, method, args):
                return ["callNow", self.vref(vat, node), method, self.data(vat, args.to_json())]
            case syscalls.KeepPromises(promises):
                return ["keepPromises", [self.vref(vat, promise) for promise in promises]]
            case syscalls.Exit(is_failure, info):
                return ["exit", is_failure, self.data(vat, info.to_json())]
            case syscalls.VatstoreSet(key, value):
                return ["vatstoreSet", self._key(vat, key), self._value(vat, value)]
            case syscalls.VatstoreDelete(key):
                return ["vatstoreDelete", self._key(vat, key)]
        return raw

    def _key(self, vat: str, key: str) -> str:
        """A key of a vat's store, which may name an import."""
        if _WITH_VREFS.match(key) is None:
            return key
        return _IMPORT.sub(lambda found: self.vref(vat, found[0]), key)

    def _value(self, vat: str, value: str) -> str:
        """A value of a vat's store, which may have slots."""
        if '"slots":' not in value:
            return value
        try:
            tree = read_json(value)
        except Unreadable:
            return value
        moved = self._with_slots(vat, tree)
        return value if moved == tree else json.dumps(moved, separators=(",", ":"), ensure_ascii=False)

    def _with_slots(self, vat: str, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._with_slots(vat, item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        return {
            name: [self.vref(vat, slot) for slot in value]
            if name == "slots" and isinstance(value, list) and all(isinstance(slot, str) for slot in value)
            else self._with_slots(vat, value)
            for name, value in tree.items()
        }

    def _exists(self, kref: str) -> bool:
        table = self._store.promises if kref.startswith("kp") else self._store.objects
        return table.get(kref) is not None


def _numbered(change: RowChange) -> tuple[str, str]:
    """The letters and the name of what a row is of; no letters for another table or a deletion."""
    name = str(change.key[0])
    for letters, table in _NUMBERED.items():
        if change.table == table and change.after is not None and name.startswith(letters):
            return letters, name
    return "", name


def _number(name: str) -> int:
    return int(name.lstrip("kopdm"))
