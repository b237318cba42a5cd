"""Vats whose memory is lost begin anew, by an upgrade to their own code.

The memory of a vat is lost if its worker is gone and no transcript makes it again: the vat has none, or it
has come from another world and has not started in this one. The first event for such a vat that would need
its memory is put off, and the upgrade comes before it. Housekeeping comes before the whole run-queue, so it
has to wait while such an upgrade waits there; else it would be chosen for ever, and the upgrade never.

If the upgrade fails, the vat is suspended with the reason: nothing else can be delivered to it.
"""

from __future__ import annotations

from typing import TypeGuard

from swingset.core.atomic import Requests
from swingset.core.lifecycle import LOST
from swingset.core.store import KernelStore
from swingset.core.warehouse import Warehouse
from swingset.model.messages import Event, UpgradeVat
from swingset.world.vats import SUSPENDED, VatRecord


def begins_anew(event: Event) -> TypeGuard[UpgradeVat]:
    """Whether an event is the upgrade of a vat whose memory is lost."""
    return isinstance(event, UpgradeVat) and event.message == LOST


class Anew:
    """The vats of one kernel whose memory is lost."""

    def __init__(self, store: KernelStore, warehouse: Warehouse, request: Requests) -> None:
        self._store = store
        self._warehouse = warehouse
        self._request = request

    def begin(self, vat_id: str) -> None:
        """Queue a new incarnation of the same code at the front."""
        with self._request("begin-anew", vat=vat_id):
            vat = self._store.vats.known(vat_id)
            result = self._store.new_promise(None)
            self._store.enqueue(
                UpgradeVat(vat.id, vat.bundle or "", vat.parameters, LOST, result), first=True
            )

    def is_awaited(self, vat: VatRecord) -> bool:
        """Whether a vat has no memory until an upgrade that waits in the run-queue has given it one."""
        if not self._warehouse.has_lost(vat):
            return False
        waiting = (event for _, event in self._store.queues.all())
        return any(begins_anew(event) and event.vat == vat.id for event in waiting)

    def failed(self, vat_id: str, why: str) -> None:
        """Suspend a vat whose new incarnation has not started."""
        self._store.vats.save(self._store.vats.known(vat_id).having(state=SUSPENDED, reason=why))
