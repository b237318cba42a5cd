"""Charges cranks to meters, and handles a meter that is empty.

A vat may have a meter of its own, or share one. The cost of a crank is deducted after it has run; the keeper
of the meter is notified once, when less than the threshold remains. A crank that costs more than remains is
rolled back as if it had never run. Then the vat is suspended with its delivery parked, and the keeper is
notified. After a refill the delivery runs again, so the vat's transcript is that of a run in which the meter
was never empty. A vat with the option `on_starvation` "terminate" is terminated instead, as vats of the
reference implementation are.

A delivery that fails is rolled back, but it is paid for. Otherwise a sender that knows an argument with which
a vat exceeds its limits could make it run for nothing.
"""

from __future__ import annotations

from swingset.core.errors import KernelError
from swingset.core.options import SUSPEND, TERMINATE
from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.foreign import shown
from swingset.model.messages import Message, Send
from swingset.model.states import StarvationPolicy
from swingset.world.meters import Meter
from swingset.world.vats import LIVE, SUSPENDED, VatRecord


class Metering:
    """The meters of one world. Callers provide the crank around it."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store

    def create(self, remaining: int | None, threshold: int = 0) -> str:
        """Make a meter with `remaining` computrons (None: unlimited); returns its id."""
        _check(remaining, "remaining")
        _check(threshold, "threshold", unlimited=False)
        return self._store.meters.add(remaining, threshold)

    def get(self, meter_id: str) -> Meter:
        """The meter of that id; raises `KernelError` for an unknown one."""
        meter = self._store.meters.get(meter_id)
        if meter is None:
            raise KernelError(f"there is no meter {meter_id!r}")
        return meter

    def refill(self, meter_id: str, computrons: int) -> Meter:
        """Add computrons to a meter; vats that starved on it are resumed."""
        _check(computrons, "computrons", unlimited=False)
        meter = self.get(meter_id)
        if meter.remaining is not None:
            _check(meter.remaining + computrons, "what remains")
            meter = meter._replace(remaining=meter.remaining + computrons)
            self._store.meters.save(meter)
        self._wake(meter_id)
        return meter

    def set_threshold(self, meter_id: str, threshold: int) -> None:
        """Set the amount below which the keeper is notified."""
        _check(threshold, "threshold", unlimited=False)
        self._store.meters.save(self.get(meter_id)._replace(threshold=threshold))

    def set_keeper(self, meter_id: str, kref: str | None) -> None:
        """Set the object that is notified of the meter, and hold it."""
        meter = self.get(meter_id)
        if kref is not None:
            self._store.hold(kref)
        if meter.keeper is not None:
            self._store.release(meter.keeper)
        self._store.meters.save(meter._replace(keeper=kref))

    def forget_unused(self, meter_id: str) -> bool:
        """Delete a meter that pays for no vat, and release its keeper; returns whether it was deleted."""
        meter = self._store.meters.get(meter_id)
        if meter is None or self._store.meters.pays(meter_id):
            return meter is None
        if meter.keeper is not None:
            self._store.release(meter.keeper)
        self._store.meters.delete(meter_id)
        return True

    def charge(self, vat: VatRecord, computrons: int | None) -> bool:
        """Deduct the cost of a crank; returns False if the meter holds less, and then deducts nothing."""
        meter_id = vat.options.get("meter")
        if meter_id is None or not computrons:
            return True
        meter = self.get(meter_id)
        if meter.remaining is None:
            return True
        if computrons > meter.remaining:
            return False
        left = meter.remaining - computrons
        self._store.meters.save(meter._replace(remaining=left))
        if left < meter.threshold <= meter.remaining:
            self._tell(meter, "threshold_crossed", left)
        return True

    def deduct(self, vat: VatRecord, computrons: int | None) -> None:
        """Deduct the cost of a crank that failed, or all that remains if that is less.

        It was rolled back for its failure, and would fail again with any amount.
        """
        meter_id = vat.options.get("meter")
        if meter_id is not None and computrons:
            remaining = self.get(meter_id).remaining
            self.charge(vat, computrons if remaining is None else min(computrons, remaining))

    def starve(self, vat: VatRecord, computrons: int) -> StarvationPolicy:
        """Handle a crank that cost more than the vat's meter holds and was rolled back; returns the policy.

        Under the policy `terminate` the meter is emptied, and the caller has to terminate the vat.
        """
        meter = self.get(vat.options["meter"])
        if vat.options.get("on_starvation", SUSPEND) == TERMINATE:
            self._store.meters.save(meter._replace(remaining=0))
            if (meter.remaining or 0) >= meter.threshold > 0:
                self._tell(meter, "threshold_crossed", 0)
            return TERMINATE
        words = (
            f"{reasons.METER_EXHAUSTED}: a crank needs {computrons:,} computrons, meter {meter.id} holds"
            f" {meter.remaining or 0:,}"
        )
        self._store.vats.save(vat.having(state=SUSPENDED, reason=words))
        self._tell(meter, "refill_wanted", computrons)
        return SUSPEND

    def try_again(self, vat: VatRecord) -> None:
        """Resume a vat, if it is suspended because it starved."""
        if vat.state == SUSPENDED and (vat.reason or "").startswith(reasons.METER_EXHAUSTED):
            self._store.vats.save(vat.having(state=LIVE, reason=None))
            self._store.queues.unpark(vat.id)

    def _wake(self, meter_id: str) -> None:
        for vat in self._store.vats.suspended():
            if vat.options.get("meter") == meter_id:
                self.try_again(vat)

    def _tell(self, meter: Meter, method: str, computrons: int) -> None:
        if meter.keeper is not None:
            methargs = capdata.data([method, [meter.id, computrons]])
            self._store.enqueue(Send(meter.keeper, Message(methargs)))


def _check(value: int | None, what: str, *, unlimited: bool = True) -> None:
    if not (value is None and unlimited) and (type(value) is not int or not 0 <= value < 1 << 62):
        raise KernelError(f"{what} of a meter is an int from 0 to 2**62, got {shown(value)}")
