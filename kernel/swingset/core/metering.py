"""Charges cranks to meters, and handles a meter that is empty.

A vat may have a meter of its own, or share one. Meters form trees: the cost of a crank is deducted from the
vat's meter and from every superior, and a vat runs only while all of them hold something. What they hold also
limits each delivery, so that an empty meter costs the host nothing. The keeper of a meter is notified once,
when less than the threshold remains. A crank that costs more than remains in the chain is rolled back as if
it had never run. Then the vat is suspended with its delivery parked, and it is recorded what it needs. A
refill resumes it only if every meter of its chain holds that: the delivery runs again, so the vat's
transcript is that of a run in which no meter was ever empty. A vat with the option `on_starvation`
"terminate" is terminated instead, as vats of the reference implementation are.

A keeper is an object of a vat. It is called with a message like any other, after the crank was rolled back,
and once until the meter is refilled. It may refill at once, later, or never. A keeper in a vat that the meter
itself pays for would wait for itself, so it is refused; one whose vat is starved is passed over, and the
keeper of the superior is called instead, and at last none: then the host sees that the vat waits.

A delivery that fails is rolled back, but it is paid for. Otherwise a sender that knows an argument with which
a vat exceeds its limits could make it run for nothing.
"""

from __future__ import annotations

from swingset.core.errors import KernelError
from swingset.core.options import SUSPEND, TERMINATE
from swingset.core.store import KernelStore
from swingset.core.warehouse import limits_of
from swingset.model import capdata, reasons
from swingset.model.foreign import shown
from swingset.model.messages import Message, Send
from swingset.model.states import StarvationPolicy
from swingset.world.meters import MOST_CHAIN, Meter
from swingset.world.vats import LIVE, SUSPENDED, VatRecord


class Metering:
    """The meters of one world. Callers provide the crank around it."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store

    def create(self, remaining: int | None, threshold: int = 0, superior: str | None = None) -> str:
        """Make a meter with `remaining` computrons (None: unlimited); returns its id."""
        _check(remaining, "remaining")
        _check(threshold, "threshold", unlimited=False)
        if superior is not None:
            self.get(superior)
            if len(self._store.meters.chain(superior)) >= MOST_CHAIN:
                raise KernelError(f"{MOST_CHAIN} meters below each other are the most: make it below another")
        meter = self._store.meters.add(remaining, threshold)
        if superior is not None:
            self._store.meters.set_superior(meter, superior)
        return meter

    def get(self, meter_id: str) -> Meter:
        """The meter of that id; raises `KernelError` for an unknown one."""
        meter = self._store.meters.get(meter_id)
        if meter is None:
            raise KernelError(f"there is no meter {meter_id!r}")
        return meter

    def refill(self, meter_id: str, computrons: int) -> Meter:
        """Add computrons to a meter; starved vats are resumed if their whole chain has what they need."""
        _check(computrons, "computrons", unlimited=False)
        meter = self.get(meter_id)
        if meter.remaining is not None:
            _check(meter.remaining + computrons, "what remains")
            meter = meter._replace(remaining=meter.remaining + computrons)
            self._store.meters.save(meter)
        self._store.meters.set_asked(meter_id, 0)
        self._wake(meter_id)
        return meter

    def set_threshold(self, meter_id: str, threshold: int) -> None:
        """Set the amount below which the keeper is notified."""
        _check(threshold, "threshold", unlimited=False)
        self._store.meters.save(self.get(meter_id)._replace(threshold=threshold))

    def set_keeper(self, meter_id: str, kref: str | None) -> None:
        """Set the object that is notified of the meter, and hold it.

        Raises `KernelError` for an object of a vat that the meter itself pays for.
        """
        meter = self.get(meter_id)
        if kref is not None:
            if meter_id in self._paid_by(kref):
                raise KernelError(
                    f"meter {meter_id} pays for the vat of this keeper, which would wait for itself: choose"
                    " an object of a vat with another meter"
                )
            self._store.hold(kref)
        if meter.keeper is not None:
            self._store.release(meter.keeper)
        self._store.meters.save(meter._replace(keeper=kref))

    def forget_unused(self, meter_id: str) -> bool:
        """Delete a meter that pays for no vat, and release its keeper; returns whether it was deleted."""
        meter = self._store.meters.get(meter_id)
        if meter is None or self._store.meters.pays(meter_id) or self._store.meters.below(meter_id):
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
        chain = [meter for meter in self._chain(meter_id) if meter.remaining is not None]
        if any(computrons > (meter.remaining or 0) for meter in chain):
            return False
        for meter in chain:
            before = meter.remaining or 0
            left = before - computrons
            self._store.meters.save(meter._replace(remaining=left))
            if left < meter.threshold <= before:
                self._tell(meter, "threshold_crossed", left)
        return True

    def deduct(self, vat: VatRecord, computrons: int | None) -> None:
        """Deduct the cost of a crank that failed, or all that remains if that is less.

        It was rolled back for its failure, and would fail again with any amount.
        """
        meter_id = vat.options.get("meter")
        if meter_id is not None and computrons:
            least = self._store.meters.least(self.get(meter_id).id)
            self.charge(vat, computrons if least is None else min(computrons, least))

    def starve(self, vat: VatRecord, computrons: int) -> StarvationPolicy:
        """Handle a crank that cost more than the vat's meter holds and was rolled back; returns the policy.

        Under the policy `terminate` the meter is emptied, and the caller has to terminate the vat.
        """
        chain = self._chain(vat.options["meter"])
        least = min(meter.remaining for meter in chain if meter.remaining is not None)
        lacking = next(meter for meter in chain if meter.remaining == least)
        if vat.options.get("on_starvation", SUSPEND) == TERMINATE:
            self.deduct(vat, computrons)
            return TERMINATE
        if computrons > least:
            need, words = computrons, f"{computrons:,} computrons"
        else:  # it was stopped there, and nobody knows how much more it wants
            most = limits_of(vat).computrons
            need = max(2 * least if most is None else min(2 * least, most), least + 1)
            words = f"more than {least:,} computrons"
        holds = f"meter {lacking.id} holds {least:,}"
        reason = f"{reasons.METER_EXHAUSTED}: a crank needs {words}, {holds}"
        self._store.vats.save(vat.having(state=SUSPENDED, reason=reason))
        self._store.meters.set_need(vat.id, need)
        self._ask(lacking, need)
        return SUSPEND

    def try_again(self, vat: VatRecord) -> None:
        """Resume a vat, if it is suspended because it starved."""
        if is_starved(vat):
            self._store.vats.save(vat.having(state=LIVE, reason=None))
            self._store.queues.unpark(vat.id)
        self._store.meters.set_need(vat.id, 0)

    def _wake(self, meter_id: str) -> None:
        for vat in self._store.vats.suspended():
            own = vat.options.get("meter")
            if own is None or not is_starved(vat):
                continue
            chain, need = self._store.meters.chain(own), self._store.meters.need(vat.id)
            if any(meter.id == meter_id for meter in chain) and all(
                meter.remaining is None or meter.remaining >= need for meter in chain
            ):
                self.try_again(vat)

    def _chain(self, meter_id: str) -> list[Meter]:
        """A meter and those above it. Raises `KernelError` if there is no such meter."""
        self.get(meter_id)
        return self._store.meters.chain(meter_id)

    # Keepers

    def _ask(self, lacking: Meter, need: int) -> None:
        """Call the keeper of a meter, or of the nearest superior whose keeper can run, but only once."""
        if self._store.meters.asked(lacking.id) >= need:
            return
        for meter in self._store.meters.chain(lacking.id):
            if meter.keeper is None:
                continue
            vat = self._vat_of(meter.keeper)
            if vat is not None and not is_starved(vat) and lacking.id not in self._paid_by(meter.keeper):
                self._store.meters.set_asked(lacking.id, need)
                self._tell(lacking._replace(keeper=meter.keeper), "refill_wanted", need)
                return

    def _vat_of(self, kref: str) -> VatRecord | None:
        owned = self._store.objects.get(kref)
        return self._store.vats.get(owned.owner) if owned is not None and owned.owner else None

    def _paid_by(self, kref: str) -> set[str]:
        """The meters that pay for the vat of an object."""
        vat = self._vat_of(kref)
        meter = vat.options.get("meter") if vat is not None else None
        return {row.id for row in self._store.meters.chain(meter)} if isinstance(meter, str) else set()

    def _tell(self, meter: Meter, method: str, computrons: int) -> None:
        if meter.keeper is not None:
            methargs = capdata.data([method, [meter.id, computrons]])
            self._store.enqueue(Send(meter.keeper, Message(methargs)))


def is_starved(vat: VatRecord) -> bool:
    """Whether a vat is suspended because its meters could not pay."""
    return vat.state == SUSPENDED and (vat.reason or "").startswith(reasons.METER_EXHAUSTED)


def _check(value: int | None, what: str, *, unlimited: bool = True) -> None:
    if not (value is None and unlimited) and (type(value) is not int or not 0 <= value < 1 << 62):
        raise KernelError(f"{what} of a meter is an int from 0 to 2**62, got {shown(value)}")
