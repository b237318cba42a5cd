"""Meters that pay for vats: refilled, shared, run dry, and told of.

Like all stories of vatAdmin these are played a second time with vatAdmin upgraded between the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset import service_vats
from swingset.guest.base.errors import RemoteError
from tests.conftest import MakeStage
from tests.scenarios.admin import Admin


def test_a_meter_is_refilled_and_its_threshold_set(admin: Admin) -> None:
    """Meter(10, 5): plus 8 holds 18, and the threshold can be 7."""
    meter = admin.ask(admin.vat_admin, "create_meter", 10, 5)
    assert admin.ask(meter, "get") == {"remaining": 10, "threshold": 5}
    admin.ask(meter, "add_remaining", 8)
    assert admin.ask(meter, "get") == {"remaining": 18, "threshold": 5}
    admin.ask(meter, "set_threshold", 7)
    assert admin.ask(meter, "get") == {"remaining": 18, "threshold": 7}
    for wrong in (-1, 1 << 62):
        with pytest.raises(RemoteError, match="computrons wants an int from 0 to"):
            admin.ask(meter, "add_remaining", wrong)


def test_an_unlimited_meter_stays_unlimited(admin: Admin) -> None:
    """It pays and is not the less for it."""
    meter = admin.ask(admin.vat_admin, "create_unlimited_meter")
    root, _ = admin.create(meter=meter)
    assert admin.ask(root, "burn", 1000) == 42
    assert admin.ask(meter, "get") == {"remaining": "unlimited", "threshold": 0}


def spent(admin: Admin, meter: Any, doing: Callable[[], Any]) -> int:
    before = admin.ask(meter, "get")["remaining"]
    doing()
    return int(before - admin.ask(meter, "get")["remaining"])


def costs(admin: Admin) -> tuple[int, int, int]:
    """What a vat's start and its first and second run cost."""
    meter = admin.ask(admin.vat_admin, "create_meter", 10**12, 0)
    made: list[Any] = []
    start = spent(admin, meter, lambda: made.append(admin.create(meter=meter)[0]))
    runs = [spent(admin, meter, lambda: admin.ask(made[0], "burn", 20_000)) for _ in range(2)]
    return start, runs[0], runs[1]


def test_underflow_can_end_a_vat_as_in_the_reference(metered: Admin) -> None:
    """Two runs are paid, the third ends the vat; the meter holds exactly nothing.

    In the reference the caller of the third hears no more than `vat terminated`, and its notifier never
    tells.
    """
    start, first, second = costs(metered)
    meter = metered.ask(metered.vat_admin, "create_meter", start + first + second * 3 // 2, second)
    notifier = metered.ask(meter, "get_notifier")
    seen = metered.ask(notifier, "get_update_since")
    root, node = metered.create(meter=meter, onStarvation="terminate")
    assert metered.ask(root, "burn", 20_000) == 42
    assert metered.ask(notifier, "get_update_since") == seen
    assert metered.ask(root, "burn", 20_000) == 42
    crossed = metered.ask(notifier, "get_update_since")
    assert crossed["updateCount"] == seen["updateCount"] + 1
    assert crossed["value"]["remaining"] == metered.ask(meter, "get")["remaining"] < second
    words = "meter underflow, vat terminated"
    for target, method, *args in ((root, "burn", 20_000), (node, "done"), (root, "burn", 20_000)):
        with pytest.raises(RemoteError) as caught:
            metered.ask(target, method, *args)
        assert (str(caught.value), caught.value.code) == (words, "meter-exhausted")
    assert metered.ask(meter, "get")["remaining"] == 0


def test_underflow_and_notice_may_share_a_crank(metered: Admin) -> None:
    """A vat that spends all at once crosses the threshold in the crank that ends it."""
    start, first, _ = costs(metered)
    meter = metered.ask(metered.vat_admin, "create_meter", start + first // 2, 1)
    notifier = metered.ask(meter, "get_notifier")
    seen = metered.ask(notifier, "get_update_since")
    root, _ = metered.create(meter=meter, onStarvation="terminate")
    assert metered.ask(notifier, "get_update_since") == seen
    with pytest.raises(RemoteError, match=r"^meter underflow, vat terminated$"):
        metered.ask(root, "burn", 20_000)
    assert metered.ask(meter, "get") == {"remaining": 0, "threshold": 1}
    told = metered.ask(notifier, "get_update_since")
    assert (told["updateCount"], told["value"]["remaining"]) == (seen["updateCount"] + 1, 0)


def run_three_times(admin: Admin, capacity: int) -> tuple[list[Any], bool]:
    """A vat on a meter runs three times, refilled when it asks; what it did, and whether it asked."""
    meter = admin.ask(admin.vat_admin, "create_meter", capacity, 0)
    notifier = admin.ask(meter, "get_notifier")
    root, _ = admin.create(name="runner", meter=meter)
    for _ in range(2):
        assert admin.ask(root, "burn", 20_000) == 42
    third = admin.send(root, "burn", 20_000)
    admin.stage.session.settle()
    starved = third.status == "pending"
    if starved:
        vat = admin.stage.controller.kernel.vat("runner")
        assert (vat.state, (vat.reason or "").partition(":")[0]) == ("suspended", "meter-exhausted")
        wanted = admin.ask(notifier, "get_update_since")["value"]["wanted"]
        assert wanted > admin.ask(meter, "get")["remaining"]
        admin.ask(meter, "add_remaining", wanted)
    assert admin.wait(third) == 42
    kernel = admin.stage.controller.kernel
    span = kernel.store.vats.span(kernel.vat("runner").id)
    return list(kernel.world.transcripts.read(span.hash, span.incarnation_hash)), starved


def test_an_empty_meter_suspends_and_a_refill_lets_the_vat_go_on(
    metered: Admin, make_stage: MakeStage
) -> None:
    """The third run waits; after the refill the vat's transcript is that of a vat that never starved."""
    start, first, second = costs(metered)
    done, starved = run_three_times(metered, start + first + second * 3 // 2)
    assert starved
    rich = Admin(make_stage("wasm"), False)
    costs(rich)
    assert run_three_times(rich, 10**12) == (done, False)


def test_a_meter_can_be_shared(metered: Admin) -> None:
    """Two vats spend from one meter."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10**12, 0)
    one, _ = metered.create(meter=meter)
    two, _ = metered.create(meter=meter)
    costs = [
        spent(metered, meter, lambda root=root: metered.ask(root, "burn", 20_000)) for root in (one, two)
    ]
    assert costs[0] == costs[1] > 20_000


def test_a_meter_that_cannot_pay_for_the_start_makes_no_vat(metered: Admin) -> None:
    """The creation fails and names the meter, which is empty then: the start was computed all the same."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10, 0)
    words = metered.refused(metered.counter, {"meter": meter})
    assert words.startswith("Vat Creation Error: meter m")
    assert metered.ask(meter, "get")["remaining"] == 0


def test_code_that_fails_to_start_costs_its_meter_what_it_burned(metered: Admin) -> None:
    """A vat that burns and then throws in its start is paid for, whether at its creation or at an upgrade."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10**12, 0)
    made: list[Any] = []
    start = spent(metered, meter, lambda: made.append(metered.create(meter=meter)[1]))
    fails = metered.bundle("def build_root_object():\n    sum(range(1_000_000))\n    raise ValueError('no')")
    attempts = (
        lambda: metered.send(metered.vat_admin, "create_vat", fails, {"meter": meter}),
        lambda: metered.send(made[0], "upgrade", fails),
    )
    for attempt in attempts:

        def refused(attempt: Callable[[], Any] = attempt) -> None:
            with pytest.raises(RemoteError, match="no"):
                metered.wait(attempt())

        assert spent(metered, meter, refused) > start


def test_a_waiting_meter_notifier_tells_when_something_happens(metered: Admin) -> None:
    """A question with the last count waits for the next update; an upgrade breaks it, and one asks again."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10**9, 10**9 - 1)
    notifier = metered.ask(meter, "get_notifier")
    count = metered.ask(notifier, "get_update_since")["updateCount"]
    waiting = metered.send(notifier, "get_update_since", count)
    metered.stage.ask(metered.vat_admin, "create_vat", metered.counter, {"meter": meter})
    assert metered.wait(waiting)["updateCount"] == count + 1
    waiting = metered.send(notifier, "get_update_since", count + 1)
    metered.stage.session.settle()
    metered.stage.session.upgrade("vatAdmin", "vatAdmin", service_vats.source("vat_admin"))
    with pytest.raises(RemoteError) as caught:
        metered.wait(waiting)
    assert caught.value.code == "vat-upgraded"
