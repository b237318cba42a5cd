"""What a device may do to vats, from within the crank of its caller.

The host uses `Kernel` for this. A device acts in the middle of a crank, so nothing here begins a crank or
takes effect on a vat at once. Creations and upgrades are queued like any event. A termination is noted, and
carried out at the end of the crank: a vat may even end itself and finish its delivery.
"""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError
from swingset.core.metering import Metering
from swingset.core.rooms import Rooms
from swingset.core.store import KernelStore
from swingset.core.warehouse import Warehouse
from swingset.model.capdata import CapData
from swingset.model.messages import CloneVat, CreateVat, UpgradeVat
from swingset.model.states import QueuedPolicy
from swingset.world.vats import TERMINATED, VatRecord


class Administration:
    """The power over the vats of one world."""

    def __init__(self, store: KernelStore, warehouse: Warehouse, metering: Metering) -> None:
        self._store = store
        self._warehouse = warehouse
        self.metering = metering

    def vat(self, vat_id: str) -> VatRecord | None:
        """The vat of that id, unless it is terminated."""
        vat = self._store.vats.get(vat_id)
        return None if vat is None or vat.state == TERMINATED else vat

    def is_over(self, vat_id: str) -> bool:
        """Whether a vat has ended, or ends with this crank; one that is yet to be started has not."""
        vat = self._store.vats.get(vat_id)
        return vat_id in self._store.to_terminate or (vat is not None and vat.state == TERMINATED)

    def owner_of(self, kref: str) -> str | None:
        """The id of the vat or device that an object or device node belongs to."""
        found = self._store.objects.get(kref)
        return found.owner if found else None

    def workers(self) -> tuple[str, ...]:
        """The kinds of worker that this host can run."""
        return self._warehouse.kinds()

    def create(
        self, name: str | None, worker: str, bundle: str, parameters: CapData, options: dict[str, Any]
    ) -> tuple[str, str]:
        """Queue the start of a vat; returns its id and the promise for its root.

        A vat without a name gets its id as the name.
        """
        vat = self._store.new_vat_id()
        result = self._store.new_promise(None)
        self._store.enqueue(CreateVat(vat, name or vat, worker, options, bundle, parameters, result))
        return vat, result

    def clone(
        self,
        vat_id: str,
        name: str | None,
        refs: tuple[str, ...],
        options: dict[str, Any],
        queued: QueuedPolicy,
    ) -> str:
        """Queue the making of a clone; returns its id. A clone without a name gets its id as the name."""
        clone = self._store.new_vat_id()
        result = self._store.new_promise(None)
        self._store.enqueue(CloneVat(vat_id, clone, name or clone, refs, options, queued, result))
        return clone

    def upgrade(self, vat_id: str, bundle: str, parameters: CapData, message: str) -> str:
        """Queue an upgrade; returns the promise for `{"incarnationNumber": n}`."""
        result = self._store.new_promise(None)
        self._store.enqueue(UpgradeVat(vat_id, bundle, parameters, message, result))
        return result

    def end(self, vat_id: str, outcome: CapData) -> None:
        """Terminate a vat at the end of the current crank; `outcome` settles its `done` promise."""
        self._store.to_terminate[vat_id] = outcome

    def change_options(self, vat_id: str, changes: dict[str, Any]) -> None:
        """Change options of a live vat; None resets one to its default.

        A starved vat is resumed when it gets another meter, or none.
        """
        vat = self.vat(vat_id)
        if vat is None:
            raise KernelError("vat terminated")
        merged = {**vat.options, **changes}
        options = {name: value for name, value in merged.items() if value is not None}
        changed = vat.having(options=options)
        self._store.vats.save(changed)
        Rooms(self._store).follow(changed)
        if options.get("meter") != vat.options.get("meter"):
            self.metering.try_again(changed)
