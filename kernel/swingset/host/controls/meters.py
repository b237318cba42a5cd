"""The host's access to meters: it makes, refills and lists them.

A vat that makes vats does this through vatAdmin, for the meters that it made. The host can do it for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.opened import Opened
from swingset.model.refs import is_kref
from swingset.world.vats import TERMINATED


@dataclass(frozen=True)
class MeterRow:
    """A meter: its remaining computrons, None if it is unlimited, and the vats that it pays for.

    Its keeper is notified once when less than `threshold` remains. `superior` is the meter above it, from
    which all that is spent is deducted too.

    Source:
        `mNN.*` in the kernel's store.
    """

    id: str
    remaining: int | None
    threshold: int
    vats: tuple[str, ...]
    superior: str | None = None


class Meters:
    """The meters of an open world, as `controller.meters`. Iterating gives a `MeterRow` for each.

    Source:
        The meters of SwingSet (`allocateMeter`), with a host as the one who holds them.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._metering = opened.kernel.metering

    def create(self, remaining: int | None, threshold: int = 0, superior: str | None = None) -> str:
        """Make a meter, perhaps below another, and commit.

        A vat runs only while its meter and all above it hold something. At most 20 are above each other.

        Args:
            remaining: how many computrons it holds; None makes an unlimited meter.
            threshold: its keeper is notified when less than this remains.
            superior: the id of the meter above it, None for the top of a tree.
        Returns:
            Its id, for the option `meter` of a vat.
        Raises:
            KernelError: if an amount is not valid, or if there is no such superior or too many are above it.
        Source:
            `vatAdmin.createMeter(remaining, threshold)`.
        Example:
            >>> world.meters.create(5_000)
            'm1'
        """
        with self._opened.lock:
            given: dict[str, Any] = {"remaining": remaining, "threshold": threshold}
            verb = "create-meter"
            if superior is not None:
                verb, given = "create-meter-below", {**given, "superior": superior}
            with self._opened.kernel.request(verb, **given):
                meter = self._metering.create(remaining, threshold, superior)
            self._opened.commit(f"create meter {meter}")
            return meter

    def refill(self, meter: str, computrons: int) -> MeterRow:
        """Add computrons to a meter, and commit. Vats that starved on it continue in the next run.

        Args:
            meter: the id of the meter.
            computrons: how many to add.
        Returns:
            The meter as it is then.
        Raises:
            KernelError: if there is no such meter, or if it cannot hold so much.
        Source:
            `meter.addRemaining`.
        Example:
            >>> meter = world.meters.create(5_000)
            >>> world.meters.refill(meter, 1_000).remaining
            6000
        """

        def refill() -> MeterRow:
            with self._opened.kernel.request("refill-meter", meter=meter, computrons=computrons):
                self._metering.refill(meter, computrons)
            return self.get(meter)

        return self._opened.ask(refill, f"refill meter {meter}")

    def set_threshold(self, meter: str, threshold: int) -> None:
        """Set the amount below which the keeper of a meter is notified, and commit.

        Args:
            meter: the id of the meter.
            threshold: a number of computrons.
        Raises:
            KernelError: if there is no such meter, or if the threshold is not a valid amount.
        Source:
            `meter.setThreshold`.
        Example:
            >>> meter = world.meters.create(5_000)
            >>> world.meters.set_threshold(meter, 100)
            >>> world.meters.get(meter).threshold
            100
        """
        note = f"threshold of meter {meter}"
        with self._opened.changing(note, "set-threshold", meter=meter, threshold=threshold):
            self._metering.set_threshold(meter, threshold)

    def set_keeper(self, meter: str, kref: str) -> None:
        """Have an object of a vat called when a meter runs dry, and commit.

        It gets `refill_wanted(meter, computrons)`, once until the meter is refilled, and
        `threshold_crossed(meter, remaining)`. It may refill at once, later, or never.

        Args:
            meter: the id of the meter.
            kref: the object, such as a root.
        Raises:
            KernelError: if there is no such meter or object, or if the meter pays for the vat of the object.
        Source:
            The keeper of a KeyKOS meter; `meter.getNotifier` in SwingSet.
        Example:
            >>> meter = world.meters.create(5_000)
            >>> world.meters.set_keeper(meter, world.vats.root("bank"))
        """
        if not is_kref(kref) or self._opened.kernel.store.objects.get(kref) is None:
            raise KernelError(f"there is no object {kref!r} in this world that could keep a meter")
        with self._opened.changing(f"keeper of meter {meter}", "set-keeper", meter=meter, kref=kref):
            self._metering.set_keeper(meter, kref)

    def forget(self, meter: str) -> None:
        """Delete a meter that pays for no vat, and commit.

        Args:
            meter: the id of the meter.
        Raises:
            KernelError: if there is no such meter, or if it pays for a vat.
        Example:
            >>> meter = world.meters.create(5_000)
            >>> world.meters.forget(meter)
            >>> world.meters.all()
            []
        """
        with self._opened.lock:
            row = self.get(meter)
            with self._opened.kernel.request("forget-meter", meter=meter):
                gone = self._metering.forget_unused(meter)
            if not gone:
                below = self._opened.kernel.store.meters.below(meter)
                others = f"the meters below it, {', '.join(below)}" if below else "a vat that is to be made"
                raise KernelError(f"meter {meter} pays for {', '.join(row.vats) or others}")
            self._opened.commit(f"forget meter {meter}")

    def get(self, meter: str) -> MeterRow:
        """The current state of a meter.

        Args:
            meter: the id of the meter.
        Returns:
            Its remaining computrons, and the vats that it pays for.
        Raises:
            KernelError: if there is no such meter.
        Source:
            `meter.get`.
        Example:
            >>> world.meters.get(world.meters.create(None))
            MeterRow(id='m1', remaining=None, threshold=0, vats=(), superior=None)
        """
        with self._opened.lock:
            found = self._metering.get(meter)
            vats = [
                vat.name
                for vat in self._opened.kernel.store.vats.all()
                if vat.state != TERMINATED and vat.options.get("meter") == meter
            ]
            superior = self._opened.kernel.store.meters.superior(meter)
            return MeterRow(meter, found.remaining, found.threshold, tuple(vats), superior)

    def all(self) -> list[MeterRow]:
        """All meters of the world, including those that vats made.

        Returns:
            One row per meter, oldest first.
        Example:
            >>> first, second = world.meters.create(10), world.meters.create(20)
            >>> [row.remaining for row in world.meters.all()]
            [10, 20]
        """
        with self._opened.lock:
            return [self.get(found.id) for found in self._opened.kernel.store.meters.all()]

    def __iter__(self) -> Iterator[MeterRow]:
        return iter(self.all())
