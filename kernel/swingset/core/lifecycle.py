"""Creates, upgrades, restarts and terminates vats.

An upgrade is one crank: the old incarnation's promises are broken, its ephemeral exports are abandoned, and
the new code is started. If anything fails, the crank is rolled back, and nothing of the attempt remains. The
old incarnation's memory is rebuilt from its image and transcript when it is next needed, so even its heap is
as it was. An upgrade stays one crank, however much it breaks and abandons, because the new code must not find
a part of the old promises and exports, and because it could not be rolled back after others were notified.
The termination of a vat is spread over several cranks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from swingset.core.delivery import Delivered, Deliverer
from swingset.core.errors import KernelError
from swingset.core.rooms import Rooms
from swingset.core.routing import fate_of
from swingset.core.store import KernelStore
from swingset.core.translate import Translator
from swingset.core.warehouse import HeapLost, VatDiverged, Warehouse
from swingset.model import capdata, reasons
from swingset.model.capdata import NOTHING, CapData
from swingset.model.messages import CreateVat, Notify, UpgradeVat
from swingset.model.refs import ROOT, kref_type, parse_vref
from swingset.model.reports import Fault
from swingset.model.states import Reason
from swingset.world.vats import LIVE, TERMINATED, VatRecord

LOST = "its memory was lost with its worker"
"""The message of the upgrade by which a vat begins anew whose memory is lost."""

REJECTED_AT_ONCE = 1_000
"""How many promises are rejected, and how many parked events requeued, in the crank that ends their vat."""


@dataclass(frozen=True)
class LeftBehind:
    """What an incarnation left behind: the abandoned exports and the broken promises, as krefs."""

    abandoned: tuple[str, ...]
    disconnected: tuple[str, ...]


class Lifecycle:
    """Creation, upgrade, restart and termination of vats. Callers provide the crank around it."""

    def __init__(self, store: KernelStore, warehouse: Warehouse, deliverer: Deliverer) -> None:
        self._store = store
        self._warehouse = warehouse
        self._deliverer = deliverer
        self.rooms = Rooms(store)

    def create(self, event: CreateVat, crank: int) -> Delivered:
        """Record a new vat and start it; if that succeeds, the kernel knows its root."""
        vat = VatRecord(
            id=event.vat,
            name=event.name,
            worker=event.worker,
            state=LIVE,
            reason=None,
            incarnation=0,
            bundle=event.bundle,
            parameters=event.parameters,
            options=event.options,
            created=crank,
            library=self._warehouse.newest_library(event.worker, event.vat),
        )
        self._store.vats.add(vat)
        self.rooms.follow(vat)
        self._hold_parameters(vat)
        return self._start(vat, event.parameters, crank)

    def upgrade(self, event: UpgradeVat, crank: int) -> tuple[Delivered, LeftBehind]:
        """Start a vat's next incarnation under new code, after a last `bringOutYourDead` of the old one.

        The computrons are those of both deliveries; everything else is of the last one. If the old
        incarnation cannot be restored, that delivery is skipped, and what it held stays held.
        """
        old = self._vat(event.vat)
        last = self._bring_out(old, crank)
        if last is not None and not last.result.ok:
            return last, LeftBehind((), ())
        self._store.reaping.forget(old.id)
        kept = self._store.promises.kept_by(old.id)
        left_behind = self.end_incarnation(old, event.message, kept)
        vat = old.having(
            bundle=event.bundle,
            incarnation=old.incarnation + 1,
            library=self._warehouse.newest_library(old.worker, old.id),
            parameters=event.parameters,
            state=LIVE,
            reason=None,
        )
        self._store.vats.save(vat)
        self._hold_parameters(vat)
        self._release_parameters(old)
        self.begin_incarnation(vat)
        delivered = self._start(vat, event.parameters, crank)
        if delivered.result.ok:
            claimed = set(self._store.promises.kept_by(vat.id))
            unclaimed = [kref for kref in self._unsettled(vat.id, kept) if kref not in claimed]
            self._break(old, unclaimed, event.message)
            left_behind = replace(left_behind, disconnected=(*left_behind.disconnected, *unclaimed))
        return (_together(last, delivered) if last else delivered), left_behind

    def _bring_out(self, vat: VatRecord, crank: int) -> Delivered | None:
        try:
            worker = self._warehouse.online(vat)
        except (VatDiverged, HeapLost):
            return None
        if worker is None:
            raise KernelError(f"vat {vat.name} is not attached")
        return self._staying(vat, self._deliverer.deliver(vat, worker, ["bringOutYourDead"], crank))

    def restart_attached(self, vat_id: str, message: str) -> LeftBehind:
        """Begin a new incarnation of a vat whose interpreter the embedder has restarted.

        The new incarnation may claim the promises that the old one has kept, while it starts, as in an
        upgrade.
        """
        old = self._vat(vat_id)
        left_behind = self.end_incarnation(old, message, self._store.promises.kept_by(old.id))
        vat = old.having(incarnation=old.incarnation + 1, state=LIVE, reason=None)
        self._store.vats.save(vat)
        self.begin_incarnation(vat)
        return left_behind

    def begin_incarnation(self, vat: VatRecord) -> None:
        """Open a new span: from now on, the vat is restored from here."""
        self._store.vats.save_span(self._store.vats.span(vat.id).of_incarnation(vat.incarnation))

    def end_incarnation(
        self, vat: VatRecord, message: str, kept: Collection[str] = (), *, fate: str | None = None
    ) -> LeftBehind:
        """Break the vat's promises and abandon its ephemeral exports, as in every upgrade.

        `fate` says why they are abandoned, if not by an upgrade. Promises that the vat has `kept` stay, with
        their decider and c-list entry, but only until the next incarnation has started: it has to claim those
        that it wants.
        """
        store = self._store
        broken = [kref for kref in store.promises.decided_by(vat.id) if kref not in kept]
        self._break(vat, broken, message)
        for kref in kept:
            store.promises.give_up(kref)
        words = f"{reasons.ABANDONED}: vat {vat.name} was upgraded to incarnation {vat.incarnation + 1}"
        abandoned = []
        for entry in store.clists.exports(vat.id):
            if kref_type(entry.kref) != "o":
                continue
            vref = parse_vref(entry.vref)
            if vref.exported and not vref.outlives_upgrade:
                self._orphan(vat.id, entry.kref, fate or words)
                abandoned.append(entry.kref)
        return LeftBehind(tuple(abandoned), tuple(broken))

    def _break(self, vat: VatRecord, promises: Collection[str], message: str) -> None:
        """Reject promises with the disconnection object, plain data that names the ended incarnation.

        A promise that the vat itself waits for keeps its c-list entry, so that the next incarnation is
        notified.
        """
        store = self._store
        disconnection = capdata.data(
            {"name": "vatUpgraded", "upgradeMessage": message, "incarnationNumber": vat.incarnation}
        )
        for kref in promises:
            waits_itself = vat.id in store.promises.subscribers(kref)
            store.resolve([(kref, True, disconnection)])
            if not waits_itself and store.clists.by_kref(vat.id, kref) is not None:
                store.forget(vat.id, kref, exported=False)

    def _unsettled(self, vat_id: str, promises: Collection[str]) -> list[str]:
        decided = set(self._store.promises.decided_by(vat_id))
        return [kref for kref in promises if kref in decided]

    def terminate(self, vat: VatRecord, code: Reason, words: str) -> None:
        """Terminate a vat: its exports have no owner any more, and the promises that it decides are rejected.

        Only `REJECTED_AT_ONCE` of them are rejected at once. `clean_up` rejects the others and deletes the
        vat's state, a little at a time, so that this crank is as short for a large vat as for a small one. A
        promise is unsettled until its turn: subscribers and senders wait a little longer for the same
        rejection.
        """
        store = self._store
        ended = vat.having(state=TERMINATED, reason=f"{code}: {words}", parameters=NOTHING)
        store.vats.save(ended)
        if store.market is not None:
            store.market.ended(vat.id)
        self._release_parameters(vat)
        store.graveyard.bury(vat.id)
        self._reject_some(ended, REJECTED_AT_ONCE)
        self._unpark_some(ended, REJECTED_AT_ONCE)
        store.sources.replace(vat.name, ())
        store.reaping.forget(vat.id)
        store.gc.forget_vat(vat.id)
        store.holdings.forget(vat.id)
        store.footprints.forget(vat.id)

    def clean_up(self, vat_id: str, budget: int) -> int:
        """Clean up at most `budget` rows of a terminated vat; returns how many.

        First come the promises that it decides and the events that were parked for it, because others wait
        for them; then its c-list, so that the holders of its exports are notified; then its store.
        """
        store = self._store
        vat = self._vat(vat_id)
        done = self._reject_some(vat, budget)
        if done < budget:
            done += self._unpark_some(vat, budget - done)
        for entry in store.graveyard.some_entries(vat_id, budget - done):
            if kref_type(entry.kref) == "o" and "+" in entry.vref:
                self._orphan(vat_id, entry.kref, vat.reason or reasons.TERMINATED)
            else:
                if kref_type(entry.kref) == "p":
                    store.promises.unsubscribe(entry.kref, vat_id)
                store.forget(vat_id, entry.kref, exported=False, reachable=entry.reachable)
            done += 1
        if done < budget:
            deleted, all_of_them = store.graveyard.delete_some_keys(vat_id, budget - done)
            done += deleted
            if all_of_them:
                store.graveyard.done(vat_id)
        return done

    def _reject_some(self, vat: VatRecord, limit: int) -> int:
        """Reject promises that a terminated vat decides; returns how many."""
        code, words = fate_of(vat.reason)
        rejection = capdata.error("Error", words, code=code)
        promises = self._store.graveyard.some_promises(vat.id, limit)
        for kref in promises:
            self._store.resolve([(kref, True, rejection)])
        return len(promises)

    def _unpark_some(self, vat: VatRecord, limit: int) -> int:
        """Requeue messages parked for a terminated vat, and drop notifications; returns how many."""
        store = self._store
        parked = store.queues.parked(vat.id, limit)
        for seq, event in parked:
            if isinstance(event, Notify):
                store.consume(event)
                store.queues.drop_parked(vat.id, seq)
            else:
                store.queues.unpark_one(vat.id, seq)
        return len(parked)

    def root_of(self, vat_id: str) -> str | None:
        """The kref of the vat's root object, or None before it is started."""
        entry = self._store.clists.by_vref(vat_id, ROOT)
        return entry.kref if entry else None

    def _hold_parameters(self, vat: VatRecord) -> None:
        """Hold the parameters in a vat's record, because an upgrade may need them again."""
        for slot in vat.parameters.slots:
            self._store.hold(slot)

    def _release_parameters(self, vat: VatRecord) -> None:
        for slot in vat.parameters.slots:
            self._store.release(slot)

    def _orphan(self, vat: str, kref: str, fate: str) -> None:
        self._store.clists.delete(vat, kref)
        self._store.orphan(kref, fate)
        self._store.touch(kref)

    def _start(self, vat: VatRecord, parameters: CapData, crank: int) -> Delivered:
        worker = self._warehouse.start(vat)
        translator = Translator(self._store, vat.id)
        delivery: list[Any] = ["startVat", translator.capdata_to_vat(parameters)]
        if vat.options.get("enable_disavow"):
            delivery.append({"disavow": True})
        delivered = self._staying(vat, self._deliverer.deliver(vat, worker, delivery, crank))
        if delivered.result.ok:
            translator.to_kernel(ROOT)
        return delivered

    def _staying(self, vat: VatRecord, delivered: Delivered) -> Delivered:
        """The same delivery, but as a failure if the vat asked to end in its start or in its last reap."""
        if delivered.result.fault is not None or delivered.exit_request is None:
            return delivered
        self._warehouse.discard(vat.id)
        words = f"it asked to end: {delivered.exit_request[1].body}"
        return replace(delivered, result=replace(delivered.result, fault=Fault(reasons.START_FAILED, words)))

    def _vat(self, vat_id: str) -> VatRecord:
        return self._store.vats.known(vat_id)


def _together(first: Delivered, last: Delivered) -> Delivered:
    """The last of two deliveries, with the computrons and the console of both."""
    one, two = first.result, last.result
    spent = (one.computrons or 0) + (two.computrons or 0) if (one.computrons or two.computrons) else None
    return replace(last, result=replace(two, computrons=spent, console=one.console + two.console))


def incarnation_outcome(number: int) -> CapData:
    """The result of an upgrade for its caller: `{"incarnationNumber": number}`."""
    return capdata.data({"incarnationNumber": number})
