"""What a life has in memory, and how it follows the world to another commit of the same life.

An undo changes the state of the world under an interpreter that goes on. Its vat's rows are those of another
commit then: its c-list, its store, its promises. What the interpreter has in memory is brought in line with
them, in this way:

- A presence, a promise or a stored object that this state has no name for is dead. It is handed to a life
  that has ended, so that using it raises an error, and it reaches nobody even if its number is used again.
- What the interpreter has dropped since then becomes a candidate once more, and the next `bringOutYourDead`
  drops it. A promise that it has settled since then is settled again, with the same value.
- The counters of the vat's own numbers stay as they are.

Not everything can follow: an object that others hold in this state may be gone from memory. `why_not` says so
before anything was changed; then the session begins a new life, as if it had gone back to a checkpoint.

A life that goes forward again gets back the handles that died, as far as the program still has them.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from swingset.core.store import KernelStore
from swingset.guest.base.ended import Ended
from swingset.guest.base.promises import PENDING, Promise
from swingset.guest.clist.references import is_import, is_stored
from swingset.guest.lasting.adoption import KEPT
from swingset.guest.lasting.resumable import CALLS
from swingset.guest.lasting.watching import WATCHES
from swingset.guest.liveslots import Liveslots
from swingset.guest.passing.remotables import Presence
from swingset.world.clists import CListEntry
from swingset.world.promises import UNRESOLVED
from swingset.world.vats import LIVE

_T = TypeVar("_T")
Ref = weakref.ReferenceType

Lasting = tuple[tuple[str, str | None], ...]
"""The stored watches, kept promises and resumable calls of a vat, as they are in its store."""

_LASTING = tuple(f"vc.{number}." for number in (WATCHES, KEPT, CALLS))


@dataclass
class Handles:
    """The handles that a life had at a commit; it holds none of them."""

    imported: dict[str, Ref[Promise[Any]]] = field(default_factory=dict)
    exported: dict[str, Ref[Promise[Any]]] = field(default_factory=dict)
    objects: dict[str, Ref[Any]] = field(default_factory=dict)
    presences: list[Ref[Presence]] = field(default_factory=list)
    instances: list[tuple[str, Ref[Any], type]] = field(default_factory=list)


def shared_by(live: Liveslots) -> Handles:
    """The promises of a life, and the objects of its own that the kernel knows, by name."""
    table, heap = live.promises, live.slots.heap
    found = Handles(
        {vpid: weakref.ref(promise) for vpid, promise in table._imported.items()},
        {vpid: weakref.ref(promise) for vpid, promise in table._exported.items()},
    )
    for vref in heap._reachable:
        with suppress(TypeError):  # an object that allows no weak reference is held until it is retired
            found.objects[vref] = weakref.ref(heap.find(vref))
    return found


def handles_of(live: Liveslots) -> Handles:
    """All handles that a life has now."""
    found = shared_by(live)
    found.presences = [weakref.ref(presence) for presence in live.slots.imports.alive()]
    found.instances = [(vref, weakref.ref(item), type(item)) for vref, item in _instances(live)]
    return found


def held_by_others(live: Liveslots) -> list[object]:
    """The objects and promises of this life that others can reach now; whoever keeps the list holds them."""
    heap = live.slots.heap
    reachable = [heap.find(vref) for vref, reached in heap._reachable.items() if reached]
    return [*live.promises._exported.values(), *reachable]


def kinds_of(live: Liveslots) -> dict[str, object]:
    """The kinds that a session has defined, by tag: another object for each definition."""
    return dict(live.kinds._by_tag)


@contextmanager
def reading(live: Liveslots, store: KernelStore, vat_id: str) -> Iterator[None]:
    """Let a life read its store without syscalls in the body, so that looking leaves no record."""
    rows = store.vatstore

    def read(call: list[Any]) -> str | None:
        name, key = call
        assert name in ("vatstoreGet", "vatstoreGetNextKey"), "the body only reads"
        return rows.get(vat_id, key) if name == "vatstoreGet" else rows.next_key(vat_id, key)

    before, live.store._syscall = live.store._syscall, read
    live.store._known.clear()
    try:
        yield
    finally:
        live.store._syscall = before
        live.store._known.clear()


def lasting_of(live: Liveslots) -> Lasting:
    """What the store of a vat has of watches, kept promises and resumable calls."""
    store = live.store
    return tuple((key, store.look(key)) for prefix in _LASTING for key in store.keys(prefix))


@dataclass
class Following:
    """A life at a commit to which the world has just gone; `handles` are those it had there before."""

    store: KernelStore
    vat_id: str
    live: Liveslots
    handles: Handles
    lasting: Lasting
    _entries: dict[str, CListEntry] = field(default_factory=dict, init=False)
    _ours: dict[str, Promise[Any]] = field(default_factory=dict, init=False)
    """Those that this vat decides in this state."""
    _retired: dict[str, Any] = field(default_factory=dict, init=False)
    """Objects of this vat whose name was retired since."""
    kept: list[Promise[Any]] = field(default_factory=list, init=False)
    """Promises that have a value by now, although nobody has settled them in this state."""

    def why_not(self) -> str | None:
        """Why this life cannot go on in this state; None if it can. Nothing is changed."""
        store, live = self.store, self.live
        vat = store.vats.get(self.vat_id)
        if vat is None or vat.incarnation != live.incarnation or vat.state != LIVE:
            return "this session had not begun by then"
        with reading(live, store, self.vat_id):
            if lasting_of(live) != self.lasting:
                return "watched or kept promises, or resumable calls, have gone on since then"
            self._entries = {entry.vref: entry for entry in store.clists.of(self.vat_id)}
            return self._kinds() or self._exports() or self._promises()

    def _kinds(self) -> str | None:
        live = self.live
        for number, descriptor in _descriptors(live).items():
            known = live.kinds._stored.get(number)
            if known is None and number in live.kinds._by_id:
                continue  # its class is here, and this state knows it too
            if known != descriptor:
                return f"the @durable class {descriptor['tag']} is another since then"
        return None

    def _exports(self) -> str | None:
        for vref, entry in self._entries.items():
            ours = vref.startswith("o+") and not is_stored(vref)
            if ours and entry.reachable and self.live.slots.heap.find(vref) is None:
                found = _alive(self.handles.objects.get(vref))
                if found is None:
                    return f"the object {vref} of this session, which others held then, is gone"
                self._retired[vref] = found
        return None

    def _promises(self) -> str | None:
        table = self.live.promises
        decided = {entry.vref for entry in self._open_promises() if self._decides(entry)}
        for vref in decided:
            promise = table._exported.get(vref)
            if promise is None:
                promise = _alive(self.handles.exported.get(vref))
            if promise is None:
                return "a promise that this session had to settle is gone"
            self._ours[vref] = promise
        if any(vref in self._entries and vref not in decided for vref in table._exported):
            return "this session settles a promise that another vat had to settle then"
        return None

    def _open_promises(self) -> Iterator[CListEntry]:
        for vref, entry in self._entries.items():
            found = self.store.promises.get(entry.kref) if vref[0] == "p" else None
            if found is not None and found.state == UNRESOLVED:
                yield entry

    def _decides(self, entry: CListEntry) -> bool:
        found = self.store.promises.get(entry.kref)
        return found is not None and found.decider == self.vat_id

    def follow(self, ended: Ended) -> int:
        """Bring memory in line with this state; returns how many handles died, whose errors `ended` has."""
        live = self.live
        grave = _grave(live, ended)
        live.counters._taken.clear()
        live.kinds._records.clear()
        live.recognizers._any = None
        with reading(live, self.store, self.vat_id):
            self._take_back_kinds()
            dead = self._bury_presences(grave) + self._bury_promises(grave) + self._bury_instances(grave)
            self._revive()
            self._align_heap()
            self._note_candidates()
        self._settle_again()
        return dead

    def _take_back_kinds(self) -> None:
        """Have the kinds that are not stored in this state stored again, and know those that are."""
        kinds = self.live.kinds
        stored = _descriptors(self.live)
        for number in [number for number in kinds._stored if number not in stored]:
            kind = kinds._by_id.get(number)
            if kind is not None:
                kind.described = False
                kinds._unsettled.append(kind)
        kinds._stored = stored

    def _bury_presences(self, grave: Liveslots) -> int:
        imports, dead = self.live.slots.imports, 0
        for presence in imports.alive():
            entry = self._entries.get(presence._vref)
            if entry is None or not entry.reachable:
                imports.forget(presence._vref)
                object.__setattr__(presence, "_vat", grave)
                dead += 1
        imports.recent.let_go()
        return dead

    def _bury_promises(self, grave: Liveslots) -> int:
        table, dead = self.live.promises, 0
        for vpid in [vpid for vpid in table._imported if vpid not in self._entries]:
            promise = table._imported.pop(vpid)
            table._unsubscribed.pop(vpid, None)
            promise._turns = grave.turns
            dead += 1
        for vpid in [vpid for vpid in table._exported if vpid not in self._ours]:
            table._exported.pop(vpid)._vpid = None
            table.answers.pop(vpid, None)
        return dead

    def _bury_instances(self, grave: Liveslots) -> int:
        live, dead = self.live, 0
        kinds, twins = live.kinds, dict[type, type]()
        gone = {vref for vref in kinds._alive if live.store.look(f"vom.{vref}") is None}
        for vref, item in _instances(live):
            if vref.partition(":")[0] not in gone:
                continue
            cls = type(item)
            if cls not in twins:
                twins[cls] = _twin(cls, grave)
            object.__setattr__(item, "__class__", twins[cls])
            kinds._alive.pop(vref, None)
            kinds._faces.pop(vref, None)
            dead += 1
        kinds.recent.let_go()
        return dead

    def _revive(self) -> None:
        """Give this life the handles back that it had in this state, and that died since."""
        live, handles = self.live, self.handles
        for presence in _all_alive(handles.presences):
            entry = self._entries.get(presence._vref)
            ended = presence._vat is not live and presence._vat.ended is not None
            if ended and entry is not None and entry.reachable:
                live.slots.take_over(presence)
        for vref, ref, cls in handles.instances:
            item = ref()
            if item is not None and type(item) is not cls and issubclass(type(item), cls):
                object.__setattr__(item, "__class__", cls)
                (live.kinds._faces if ":" in vref else live.kinds._alive)[vref] = item
        for vpid, promise in handles.imported.items():
            found = promise()
            if found is None or vpid not in self._entries:
                continue
            if found._state is PENDING:
                found._turns, found._vpid = live.turns, vpid
                live.promises._imported[vpid] = found
            else:
                self.kept.append(found)

    def _align_heap(self) -> None:
        heap = self.live.slots.heap
        for vref, item in self._retired.items():
            heap.add(vref, item)
        for vref in list(heap._ids):
            entry = self._entries.get(vref)
            if entry is None:
                heap._reachable.pop(vref, None)
            else:
                heap._reachable[vref] = entry.reachable
            if entry is not None and entry.reachable:
                heap._hold(vref)
            else:
                heap._kept[vref] = None

    def _note_candidates(self) -> None:
        """Let the next `bringOutYourDead` look at all that only memory may hold, or held."""
        live = self.live
        candidates, reaper = live.references.candidates, live.reaper
        candidates.clear()
        reaper._stored = []
        reaper.load()
        imports = [vref for vref, entry in self._entries.items() if is_import(vref) and entry.reachable]
        candidates.update(dict.fromkeys([*imports, *live.kinds.alive()]))
        reaper._saved = dict(candidates)
        for vref, entry in self._entries.items():
            if is_import(vref) and not entry.reachable:
                live.recognizers._lost(vref)

    def _settle_again(self) -> None:
        table = self.live.promises
        for vpid, promise in self._ours.items():
            table._exported[vpid] = promise
            promise._vpid = vpid
        for vpid, promise in self._ours.items():
            if promise.status != PENDING:
                table.resolved(vpid)


def _instances(live: Liveslots) -> list[tuple[str, Any]]:
    """The stored objects and facets in memory, sorted by name."""
    kinds = live.kinds
    return sorted([*kinds._alive.items(), *kinds._faces.items()], key=lambda item: item[0])


def _descriptors(live: Liveslots) -> dict[int, Any]:
    """The descriptors of kinds that the store has."""
    kinds = live.kinds
    before, kinds._stored = kinds._stored, {}
    try:
        kinds.load()
        return kinds._stored
    finally:
        kinds._stored = before


def _grave(live: Liveslots, ended: Ended) -> Liveslots:
    """A life that has ended, for the handles that died."""

    def refuse(_: list[Any]) -> None:
        raise ended.error(None)

    grave = Liveslots(refuse, vat_name=live.vat_name, incarnation=live.incarnation)
    grave.title = live.title
    grave.end(ended)
    return grave


def _twin(cls: type, grave: Liveslots) -> type:
    """A class like this one whose kind belongs to a life that has ended."""
    twin: Any = type(cls.__name__, (cls,), {"__module__": cls.__module__})
    twin.__kind__ = copy.copy(twin.__kind__)
    twin.__kind__.vat = grave
    if twin.__method_table__ is not None:
        twin.__method_table__ = copy.copy(twin.__method_table__)
        twin.__method_table__.cls = twin
    found: type = twin
    return found


def _alive(found: Ref[_T] | None) -> _T | None:
    return None if found is None else found()


def _all_alive(refs: Iterable[Ref[Presence]]) -> list[Presence]:
    return [found for ref in refs if (found := ref()) is not None]
