"""What a host may change about vats that run, and what it holds: options, meters, pins, rings.

A vat that makes vats does this through vatAdmin, for those it made. The host does it for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.core.undoing import refuse_within_crank
from swingset.host.turns import Inside, Turns
from swingset.lens.cycles import Ring, find_rings
from swingset.model.refs import is_kref, kref_type
from swingset.world.vats import TERMINATED


@dataclass(frozen=True)
class MeterRow:
    """A meter: what remains of it in computrons, None for an unlimited one, and the vats that it pays for.

    Its keeper is told once when less than `threshold` remains.
    """

    id: str
    remaining: int | None
    threshold: int
    vats: tuple[str, ...]


class Administering:
    """The part of a controller that changes what vats may do. Every request is committed."""

    kernel: Kernel
    turns: Turns
    lock: Inside

    def commit(self, note: str = "") -> int | None:
        """Make all whole cranks durable."""
        raise NotImplementedError

    def keep(self, note: str) -> None:
        """Make durable what the host has asked for; within a run that is for the run's own commit to do."""
        raise NotImplementedError

    def change_options(self, vat: str, options: dict[str, Any]) -> None:
        """Change options of a vat, from its next delivery on; None takes one back to its default.

        All but `enable_pipelining`, which a vat has for good. Raises `KernelError` for a bad one.
        """

        def change() -> None:
            self.kernel.change_options(vat, options)
            self.commit(f"change options of {vat}")

        self.turns.ask(change)

    def change_kernel_options(self, options: dict[str, Any]) -> dict[str, int | None]:
        """Change options of the whole kernel, for all vats that do not say otherwise; returns all of them.

        `reap_interval`, `reap_gc_krefs` and `reap_computrons` say when a vat brings out its dead,
        `snapshot_interval` after how many deliveries its heap image is saved; None is never. They stay with
        the world. Raises `KernelError` for a bad one, and then changes none.
        """

        def change() -> dict[str, int | None]:
            refuse_within_crank(self.kernel.store)
            self.kernel.options.change(options)
            self.commit("change options of the kernel")
            return self.kernel.options.all()

        return self.turns.ask(change)

    # Meters

    def create_meter(self, remaining: int | None, threshold: int = 0) -> str:
        """A new meter of so many computrons, None: unlimited; returns its id, for the option `meter`."""
        with self.lock:
            with self.kernel.undoing():
                meter = self.kernel.metering.create(remaining, threshold)
            self.commit(f"create meter {meter}")
            return meter

    def refill_meter(self, meter: str, computrons: int) -> MeterRow:
        """Add to what remains; the vats that starved on this meter carry on with the next run."""

        def refill() -> MeterRow:
            with self.kernel.undoing():
                self.kernel.metering.refill(meter, computrons)
            self.commit(f"refill meter {meter}")
            return self.meter(meter)

        return self.turns.ask(refill)

    def set_meter_threshold(self, meter: str, threshold: int) -> None:
        """Have the keeper of a meter told when less than this remains."""
        with self.lock:
            with self.kernel.undoing():
                self.kernel.metering.set_threshold(meter, threshold)
            self.commit(f"threshold of meter {meter}")

    def forget_meter(self, meter: str) -> None:
        """Forget a meter that pays for no vat. Raises `KernelError` where it does."""
        with self.lock:
            row = self.meter(meter)
            with self.kernel.undoing():
                gone = self.kernel.metering.forget_unused(meter)
            if not gone:
                raise KernelError(
                    f"meter {meter} pays for {', '.join(row.vats) or 'a vat that is to be made'}"
                )
            self.commit(f"forget meter {meter}")

    def meter(self, meter: str) -> MeterRow:
        """A meter as it stands. Raises `KernelError` where there is none of that id."""
        with self.lock:
            found = self.kernel.metering.get(meter)
            vats = [
                vat.name
                for vat in self.kernel.store.vats.all()
                if vat.state != TERMINATED and vat.options.get("meter") == meter
            ]
            return MeterRow(meter, found.remaining, found.threshold, tuple(vats))

    def meters(self) -> list[MeterRow]:
        """All meters of the world, those that vats made too, oldest first."""
        with self.lock:
            return [self.meter(found.id) for found in self.kernel.store.meters.all()]

    # Pins

    def pin(self, kref: str) -> None:
        """Hold an object until it is unpinned. Raises `KernelError` for one that nobody holds any more."""
        with self.lock:
            found = self.kernel.store.objects.get(kref) if is_kref(kref) else None
            if found is None or kref_type(kref) != "o" or found.reachable < 1:
                raise KernelError(f"{kref} cannot be pinned: it is no object that anybody holds")
            self.kernel.pin(kref)
            self.commit(f"pin {kref}")

    def unpin(self, kref: str) -> None:
        """Let go of a pinned object; a vat that the host made has its root pinned."""
        with self.lock:
            self.kernel.unpin(kref)
            self.commit(f"unpin {kref}")

    def find_rings(self) -> list[Ring]:
        """Objects of several vats that hold each other, and that nothing else seems to hold."""
        with self.lock:
            return find_rings(self.kernel.store)
