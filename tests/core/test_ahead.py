"""Random histories of wild vats on several threads: what comes of them does not depend on how many.

The vats are those of the random histories, and say that each delivery is long, so all that may run ahead
does. They fail, exit and break the rules by a chance that is drawn from the delivery, as code in a vat would.
Some share a meter that runs dry, and the host upgrades, suspends, ends and evicts them in between.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from swingset.core.ahead import LONG, AheadReport, checked_threads
from swingset.core.errors import KernelError
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.workers.base import SyscallHandler, VatSpec
from swingset.world.vats import SUSPENDED
from tests.meddling import atomic

from .test_random_histories import History
from .wild import CRASH, EXIT, EXIT_FAILING, ILLEGAL, WildFactory, WildWorker

METER = 40 * LONG


class LongWorker(WildWorker):
    """A wild vat whose deliveries are long, and go wrong by themselves."""

    def _mood(self, delivery: list[Any], live: bool) -> str | None:
        chance = random.Random(f"{self._spec.name}/{self._position}/{json.dumps(delivery, sort_keys=True)}")
        if delivery[0] == "startVat" or chance.random() > 0.05:
            return None
        return chance.choice((CRASH, CRASH, ILLEGAL, EXIT, EXIT_FAILING))

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        return replace(super().deliver(delivery, syscall, limits), computrons=LONG + len(str(delivery)))

    def stop(self) -> None:
        pass


class LongFactory(WildFactory):
    """Makes them."""

    def start(self, spec: VatSpec) -> LongWorker:
        return LongWorker(spec, self)


class LongHistory(History):
    """Some of its vats share a meter, and nothing goes wrong because the test says so."""

    factory_class = LongFactory

    def create(self) -> None:
        if not self.made:
            with atomic(self.kernel):
                self.meter = self.kernel.metering.create(METER)
        super().create()
        live = self.live()
        if live and self.random.random() < 0.4:
            self.kernel.change_options(live[-1].name, {"meter": self.meter})

    def fail(self) -> None:
        with atomic(self.kernel):
            self.kernel.metering.refill(self.meter, METER // 2)

    def upgrade(self) -> None:
        if live := self.live():
            vat = self.random.choice(live)
            parts = ((vat.name, f"# {self.random.random()}"),)
            first = self.random.random() < 0.5
            self.held.append(self.kernel.queue_upgrade(vat.name, parts, None, "new", first=first))

    def send(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            super().send()

    def told(self) -> tuple[str, str]:
        self.kernel.ahead.rest()
        self.world.commit()
        found = self.world.digest(), self.store.activity.digest()
        self.kernel.warehouse.close()
        return found


def _played(seed: int, steps: int, threads: int) -> tuple[tuple[str, str], AheadReport]:
    history = LongHistory(seed, steps, threads)
    history.drain(300)
    for vat in history.live():
        if vat.state == SUSPENDED:
            history.kernel.resume(vat.name)
    history.drain(100)
    return history.told(), history.kernel.ahead.report()


def _alike(seeds: range) -> Iterator[AheadReport]:
    for seed in seeds:
        steps = 40 + seed % 60
        wanted, alone = _played(seed, steps, 1)
        assert alone == AheadReport(1, 0, 0, 0)
        for threads in (2, 4):
            found, report = _played(seed, steps, threads)
            assert found == wanted, f"seed {seed}, {threads} threads"
            yield report


def test_a_random_history_has_the_same_digests_with_any_number_of_threads() -> None:
    """State, transcripts and activity are equal, and of what ran ahead most was used and some was not."""
    reports = list(_alike(range(5)))
    assert sum(report.used for report in reports) > 80
    assert sum(report.discarded for report in reports) > 2


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_four_hundred_random_histories_have_the_same_digests_with_any_number_of_threads(block: int) -> None:
    """The same for histories of other lengths and other chance."""
    for report in _alike(range(100 + 20 * block, 120 + 20 * block)):
        assert report.threads > 1


@pytest.mark.parametrize("threads", [0, -1, True, 1.5, "2"])
def test_what_is_no_number_of_threads_is_refused(threads: Any) -> None:
    """The error says what is wanted and what came."""
    with pytest.raises(KernelError, match=r"threads wants how many, an int from 1, got "):
        checked_threads(threads)


def test_all_cores_are_used_unless_told_otherwise() -> None:
    """None is as many threads as can run at the same time."""
    assert checked_threads(None) >= 1
    assert checked_threads(3) == 3
