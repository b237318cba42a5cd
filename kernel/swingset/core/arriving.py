"""A vat comes from another world: what this side does, which is the vat's new home.

While the package is on its way, the objects that the vat will export are *orphans*: objects without an owner,
which stand for nothing yet. They are sent to the old home, which holds them. When `start` comes, they get
their owner: a vat with the rows and the c-list of the package, of the incarnation that has ended there. Its
memory is lost, and so it begins a new incarnation like any such vat (`core.anew`): by an upgrade to
its own code, which is tried at once. If that fails, the vat is suspended with the reason, and another upgrade
or resuming it tries again. So nothing that a package says can make the crank of `start` fail.

The code of another world runs in a confined worker, whatever this world's own vats run in, with the limits of
any vat, and paid by the meter that this world has chosen.
"""

from __future__ import annotations

from swingset.core.incarnations import free_name
from swingset.core.lifecycle import LOST
from swingset.core.options import name_trouble, reserved
from swingset.core.rooms import Rooms
from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.messages import Notify, UpgradeVat
from swingset.model.refs import ROOT
from swingset.model.vat_packages import DROPPED, EXPORT, PROMISE, REFERS, WEAK, Entry, VatPackage
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.vats import LIVE, SUSPENDED, VatRecord

WORKER = "wasm"
"""The worker of every vat that comes from another world."""

_STANDS = f"{reasons.TERMINATED}: the vat of this object has not arrived"


class Arrivals:
    """Vats of other worlds that come to this one. Callers provide the crank around it."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store

    def stand_ins(self, package: VatPackage) -> list[str]:
        """An object for each export of a package, without an owner yet."""
        found = []
        for entry in package.of(EXPORT):
            kref = self._store.new_object("")
            self._store.objects.orphan(kref, _STANDS)
            if entry.iface is not None:
                self._store.objects.set_iface(kref, entry.iface)
            found.append(kref)
        return found

    def name_for(self, wanted: str) -> str | None:
        """Why a vat cannot be called so here, or None."""
        trouble = name_trouble(wanted)
        if reserved(wanted) is not None:
            return f"the name {wanted} is kept for a vat of its library or of a session"
        if trouble is None and self._store.vats.named(wanted) is not None:
            return f"vat {wanted} exists in the other world"
        return trouble

    def arrive(
        self,
        package: VatPackage,
        refs: tuple[str, ...],
        exports: tuple[str, ...],
        name: str,
        meter: str | None,
        *,
        trouble: str | None = None,
    ) -> VatRecord:
        """Make the vat of a package, and have its next incarnation start.

        Args:
            package: what it is made of.
            refs: the references beside the package, in its order.
            exports: the objects of `stand_ins`.
            name: what it is to be called, if no other vat has the name by now.
            meter: the meter that pays for it; None for none.
            trouble: why it cannot start yet: it is suspended then.
        """
        store = self._store
        vat_id = store.new_vat_id()
        if self.name_for(name) is not None:
            name = free_name(store, vat_id)
        options: dict[str, object] = {"arrived_as": package.incarnation + 1}
        options |= {"enable_disavow": True} if package.disavow else {}
        options |= {"meter": meter} if meter is not None else {}
        known = dict(zip((entry.vref for entry in package.of(*REFERS)), refs, strict=False))
        slots = refs[len(known) :]
        vat = VatRecord(
            id=vat_id,
            name=name,
            worker=WORKER,
            state=LIVE if trouble is None else SUSPENDED,
            reason=trouble,
            incarnation=package.incarnation,
            bundle=store.world.bundles.put(package.code),
            parameters=CapData(package.parameters, slots),
            options=options,
            created=store.counters.get("crank") + 1,
        )
        store.vats.add(vat)
        store.vats.save_span(store.vats.span(vat_id).of_incarnation(package.incarnation))
        Rooms(store).follow(vat)
        for slot in slots:
            store.hold(slot)
        store.vatstore.fill(vat_id, package.rows)
        for letter, number in package.counters:
            store.counters.set(f"{vat_id}.{letter}", number)
        own = dict(zip((entry.vref for entry in package.of(EXPORT)), exports, strict=True))
        for entry in package.entries:
            self._add(vat, package, entry, own.get(entry.vref) or known.get(entry.vref))
        if store.sources.parts(name) == ():
            store.sources.replace(name, package.cells)
        if trouble is None:
            result = store.new_promise(None)
            store.enqueue(UpgradeVat(vat_id, vat.bundle or "", vat.parameters, LOST, result), first=True)
        return vat

    def _add(self, vat: VatRecord, package: VatPackage, entry: Entry, kref: str | None) -> None:
        """Enter a name into the c-list."""
        store = self._store
        if entry.fate in (EXPORT, DROPPED):
            if kref is None:
                kref = store.new_object(vat.id)
            store.objects.adopt(kref, vat.id)
            store.clists.add(vat.id, kref, entry.vref)
            if entry.fate == DROPPED:
                store.clists.set_reachable(vat.id, kref, False)
            store.touch(kref)
            if entry.vref == ROOT and not store.pins.has(kref):
                # The host knows the vat by its name, so its root is never collected.
                store.pins.add(kref)
                store.hold(kref)
            return
        broken = kref is None
        if kref is None:
            kref = store.new_promise(None)
        store.clists.add(vat.id, kref, entry.vref)
        store.hold(kref)
        if entry.fate == WEAK:
            store.set_reachable(vat.id, kref, False, exported=False)
        elif entry.fate == PROMISE or broken:
            self._await(vat, kref, entry.waits)
        if broken:
            told = {"name": "vatUpgraded", "upgradeMessage": package.message}
            outcome = capdata.data({**told, "incarnationNumber": package.incarnation})
            store.resolve([(kref, True, outcome)])

    def _await(self, vat: VatRecord, kref: str, waits: bool) -> None:
        promise = self._store.promises.get(kref)
        if not waits or promise is None:
            return
        if promise.state in (UNRESOLVED, FORWARDED):
            self._store.promises.subscribe(kref, vat.id)
        else:
            self._store.enqueue(Notify(vat.id, kref))
