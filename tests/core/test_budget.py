"""What one delivery may write and a vat may keep, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.budget import Budget
from swingset.core.errors import OverLimit
from swingset.core.syscalls import DeliverySyscalls
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.syscalls import read
from swingset.testing import audit
from tests.meddling import atomic

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]


@pytest.mark.parametrize(
    ("writes", "over"),
    [([10], False), ([11], True), ([4, 6], False), ([4, 7], True), ([0], False), ([10, 0], False)],
)
def test_a_delivery_may_write_all_of_its_bytes(writes: list[int], over: bool) -> None:
    """They add up over the delivery, and one more is too many."""
    budget = Budget(Limits(write_bytes=10))
    for size in writes[:-1]:
        budget.write(size)
    if not over:
        budget.write(writes[-1])
        return
    with pytest.raises(OverLimit, match="wrote more than 10 bytes") as caught:
        budget.write(writes[-1])
    assert caught.value.code == reasons.TOO_MUCH_WRITTEN


@pytest.mark.parametrize(
    ("kept", "more", "over"),
    [(10, 1, False), (11, 1, True), (11, 0, False), (11, -1, False), (10**12, -1, False), (10**12, 1, True)],
)
def test_a_vat_may_keep_all_of_its_bytes(kept: int, more: int, over: bool) -> None:
    """A vat that has too much already may make it less, and not more."""
    budget = Budget(Limits(stored_bytes=10))
    if not over:
        budget.keep(kept, more)
        Budget(Limits(stored_bytes=None)).keep(kept, more)
        return
    with pytest.raises(OverLimit, match="are allowed") as caught:
        budget.keep(kept, more)
    assert caught.value.code == reasons.STORE_FULL


def write(key: str, value: str) -> list[Any]:
    return ["vatstoreSet", key, value]


def send(*slots: str) -> list[Any]:
    return ["send", "o+0", {"methargs": {"body": "#[]", "slots": list(slots)}, "result": None}]


GET, DELETE, NEXT = ["vatstoreGet", "kept"], ["vatstoreDelete", "kept"], ["vatstoreGetNextKey", "kep"]
CHEAP_AND_DEAR: list[tuple[str, list[Any], list[Any]]] = [
    ("a longer value", write("k", "v" * 10), write("k", "v" * 11)),
    ("a longer key", write("k", "v"), write("kk", "v")),
    ("other characters", write("k", "vv"), write("k", "é\n")),
    ("what it replaces", write("none", "v"), write("kept", "v")),
    ("what it deletes", ["vatstoreDelete", "none"], DELETE),
    ("what it reads", ["vatstoreGet", "none"], GET),
    ("the key it finds", ["vatstoreGetNextKey", "z"], NEXT),
    ("a reference more", send("o+0"), send("o+0", "o+0")),
]


def cost(*syscalls: list[Any]) -> int:
    """The least `write_bytes` with which a vat that keeps something may say this."""
    world = RawWorld("A")
    world.run_in("A", lambda ask: ask(write("kept", "x" * 100)))
    world.run_in("A", lambda ask: ask(send("o+7", "o+8", "p+1", "p+2")))  # which waits, and holds them

    def fits(most: int) -> bool:
        with atomic(world.kernel) as crank:
            handler = DeliverySyscalls(world.store, world.ids["A"], world.kernel.devices)
            world.store.budget = Budget(Limits(write_bytes=most))
            for syscall in syscalls:
                handler(read(syscall))
            world.store.budget = None
            crank.undo()
        assert handler.illegal is None
        return handler.over is None

    low, high = 0, 10_000
    assert fits(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


@pytest.mark.parametrize(
    ("cheap", "dear"), [case[1:] for case in CHEAP_AND_DEAR], ids=[case[0] for case in CHEAP_AND_DEAR]
)
def test_whatever_a_vat_says_has_its_price(cheap: list[Any], dear: list[Any]) -> None:
    """A syscall for itself, and what is stored, replaced, read or mentioned for its size."""
    assert 128 <= cost(cheap) < cost(dear)


def text(value: str) -> int:
    """What a text counts, in its quotes."""
    return len(value) + 2


BODY = text("#[]")
EXACT: list[tuple[str, list[Any], int]] = [
    ("a value", write("k", "vv"), 128 + text("k") + text("vv")),
    ("one that replaces", write("kept", "v"), 128 + text("kept") + text("v") + 100),
    ("nothing to read", ["vatstoreGet", "none"], 128 + text("none")),
    ("a value to read", GET, 128 + text("kept") + text("x" * 100)),
    ("nothing to delete", ["vatstoreDelete", "none"], 128 + text("none")),
    ("a value to delete", DELETE, 128 + text("kept") + 100),
    ("no key that follows", ["vatstoreGetNextKey", "z"], 128 + text("z")),
    ("a key that follows", NEXT, 128 + text("kep") + text("kept")),
    ("a message", send(), 128 + 320 + BODY + 128),
    ("a message with a reference", send("o+0"), 128 + 320 + BODY + 320 + 128),
    ("names of a list", ["keepPromises", ["p+1", "p+2"]], 128 + 2 * 320),
    ("exports that are given up", ["abandonExports", ["o+7", "o+8"]], 128 + 2 * 320),
]


@pytest.mark.parametrize(("syscall", "price"), [case[1:] for case in EXACT], ids=[case[0] for case in EXACT])
def test_prices_are_those_of_what_is_said_and_kept(syscall: list[Any], price: int) -> None:
    """To the byte: what a delivery may write is the same limit on every host."""
    assert cost(syscall) == price


def test_prices_add_up() -> None:
    """Two syscalls cost what each of them costs, and a mention 320 bytes."""
    one, two = write("a", "xy"), write("b", "xyz")
    assert cost(one, two) == cost(one) + cost(two)
    assert cost(send("o+0", "o+0")) - cost(send("o+0")) == 2 * 320 - 320


def test_what_is_over_its_limit_is_answered_once_and_undone() -> None:
    """After it nothing more is done; the vat lives, and the message is rejected with the reason."""
    world = RawWorld("A", A={"write_bytes": 1_000})
    heard: list[str] = []

    def speak(_delivery: list[Any], ask: Ask) -> None:
        ask(write("small", "v"))
        for syscall in (write("large", "v" * 1_000), write("small", "w"), ["subscribe", "o+0"]):
            try:
                ask(syscall)
            except RuntimeError as error:
                heard.append(str(error))

    world.vat("A").next = speak
    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    [report] = world.drain()
    assert len(heard) == 3
    assert len(set(heard)) == 1
    assert report.fault is not None
    assert report.fault.code == reasons.TOO_MUCH_WRITTEN
    assert world.store.vatstore.get(world.ids["A"], "small") is None
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.data is not None
    assert f'"code":"{reasons.TOO_MUCH_WRITTEN}"' in promise.data.body
    assert world.kernel.vat("A").state == "live"
    assert audit(world.store) == []
