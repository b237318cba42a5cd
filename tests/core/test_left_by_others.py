"""What others leave with a promise: messages that wait for it, and promises that follow it.

Whoever settles it can do so however much that is, and who left too much hears so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core import budget, store
from swingset.core.budget import PASSED_ON, Budget
from swingset.core.errors import OverLimit
from swingset.core.options import MOST_WRITE_BYTES
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import DEFAULT_LIMITS
from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
PROMISE = "p+7"


class Shop:
    """A, which decides a promise that the host knows; what the host sends there waits."""

    def __init__(self, promises: int = 1, **options: Any) -> None:
        self.world = world = RawWorld("A", "B", A=options)
        self.names = [f"p+{7 + number}" for number in range(promises)]
        self.krefs: list[str] = []
        for name in self.names:
            world.give("A", name, "B")
            kref = world.kref("A", name)
            assert kref is not None
            self.krefs.append(kref)

    def send(self, size: int = 0) -> str:
        """Send a message to the first promise, and have it wait there; returns its result."""
        methargs = CapData('#["' + "g" * size + 'o",[]]')
        return self.world.kernel.queue_message(self.krefs[0], methargs)

    def settle(self, *outcomes: list[Any]) -> str:
        """Have A resolve its promises; what became of that delivery."""
        return self.world.run_in("A", lambda ask: ask(["resolve", list(outcomes)])).outcome

    def state(self, promise: str) -> str:
        found = self.world.store.promises.get(promise)
        assert found is not None
        return found.state if found.data is None or found.state != "rejected" else found.data.body


def fulfilled(name: str, body: str = "#1", *slots: str) -> list[Any]:
    return [name, False, {"body": body, "slots": list(slots)}]


def test_messages_of_others_do_not_keep_a_vat_from_settling() -> None:
    """They are more than the vat itself may write in a delivery, and it settles all the same."""
    shop = Shop(write_bytes=20_000)
    waiting = [shop.send(9_000) for _ in range(5)]
    assert [report.outcome for report in shop.world.drain()] == ["waiting"] * 5
    assert shop.settle(fulfilled(PROMISE)) == "delivered"
    shop.world.drain()
    assert all("not-callable" in shop.state(result) for result in waiting)
    assert audit(shop.world.store) == []


def test_followers_of_others_do_not_keep_a_vat_from_settling() -> None:
    """Each is given the outcome, though the copies are more than the vat may write."""
    shop = Shop(6, write_bytes=20_000)
    for name in shop.names[1:]:
        assert shop.settle(fulfilled(name, '#"&0"', PROMISE)) == "delivered"
    assert shop.settle(fulfilled(PROMISE, "#" + "1" * 9_000)) == "delivered"
    assert [shop.state(kref) for kref in shop.krefs] == ["fulfilled"] * 6
    assert audit(shop.world.store) == []


@pytest.mark.parametrize(
    ("count", "bytes", "sizes", "waiting"),
    [
        (3, 10**6, [0] * 5, 3),
        (100, 5_000, [1_000] * 9, 4),
        (100, 5_000, [4_000, 2_000, 100, 100], 3),
        (100, 5_000, [6_000], 0),
    ],
)
def test_what_is_too_much_to_wait_is_rejected(
    count: int, bytes: int, sizes: list[int], waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number or by size: the sender hears `too-much-waiting`; when the promise is settled all is well."""
    monkeypatch.setattr(store, "MOST_WAITING", count)
    monkeypatch.setattr(store, "MOST_WAITING_BYTES", bytes)
    shop = Shop()
    results = [shop.send(size) for size in sizes]
    reports = shop.world.drain()
    assert sorted(report.outcome for report in reports) == (
        ["rejected"] * (len(sizes) - waiting) + ["waiting"] * waiting
    )
    for result, report in zip(results, reports, strict=True):
        assert ("too-much-waiting" in shop.state(result)) == (report.outcome == "rejected")
    shop.settle(fulfilled(PROMISE, '#"$0.Alleged: it"', "o+0"))
    shop.world.drain()
    delivered = [delivery for delivery in shop.world.vat("A").take_log() if delivery[0] == "message"]
    assert len(delivered) == waiting
    assert audit(shop.world.store) == []


def test_what_waits_is_counted_again_after_something_was_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed run and a later life of the file know as well how much waits."""
    monkeypatch.setattr(store, "MOST_WAITING", 3)
    shop = Shop()
    world = shop.world.world
    world.commit()
    shop.send()
    shop.world.drain()
    assert world.rows("SELECT count(*) FROM promise_queue") == [(1,)]
    world.rollback()
    shop.world.store.discard_touched()
    for _ in range(4):
        shop.send()
    outcomes = [report.outcome for report in shop.world.drain()]
    assert outcomes == ["waiting"] * 3 + ["rejected"]
    assert shop.world.store.promises.waits(shop.krefs[0])[0] == 3
    counted = world.rows("SELECT count(*), sum(octet_length(item)) FROM promise_queue")
    assert [shop.world.store.promises.waits(shop.krefs[0])] == counted


def test_an_outcome_is_copied_as_often_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later followers hear `too-large`; the promise itself and the first of them are settled."""
    monkeypatch.setattr(budget, "PASSED_ON", 40_000)
    shop = Shop(6)
    for name in shop.names[1:]:
        shop.settle(fulfilled(name, '#"&0"', PROMISE))
    assert shop.settle(fulfilled(PROMISE, "#" + "1" * 9_000)) == "delivered"
    states = [shop.state(kref) for kref in shop.krefs]
    assert states[:3] == ["fulfilled"] * 3
    assert all('"code":"too-large"' in state for state in states[3:])
    assert audit(shop.world.store) == []


def test_so_much_is_passed_on_and_no_more() -> None:
    """Over all promises of a delivery there is a limit, in words and to the byte."""
    spent = Budget(DEFAULT_LIMITS)
    spent.pass_on(PASSED_ON)
    with pytest.raises(OverLimit, match="settle them in several deliveries") as caught:
        spent.pass_on(1)
    assert caught.value.code == reasons.TOO_MUCH_WRITTEN
    spent.write(DEFAULT_LIMITS.write_bytes)
    half = Budget(DEFAULT_LIMITS)
    assert half.copy(PASSED_ON // 2)
    assert not half.copy(1)
    assert half.copy(0)


def test_what_one_delivery_passes_on_fits_into_a_crank() -> None:
    """Moved once, so counted twice, beside the most that a vat may write itself."""
    assert MOST_WRITE_BYTES + 2 * PASSED_ON <= 256 << 20
    assert 2 * budget.MOST_WAITING_BYTES <= PASSED_ON
