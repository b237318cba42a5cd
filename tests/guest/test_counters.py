"""The next ids of a vat: what is stored of them, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest.base.vatstore import Counters, Store


class Kernel:
    """Takes the syscalls of a store."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}

    def __call__(self, call: list[Any]) -> Any:
        if call[0] == "vatstoreGet":
            return self.stored.get(call[1])
        assert call[0] == "vatstoreSet"
        self.stored[call[1]] = call[2]
        return None

    @property
    def numbers(self) -> dict[str, int]:
        """What is stored of the counters."""
        found: dict[str, int] = json.loads(self.stored.get(Counters.KEY, "{}"))
        return found


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def store(kernel: Kernel) -> Store:
    return Store(kernel)


def test_what_was_taken_is_stored(kernel: Kernel, store: Store) -> None:
    """All counters are stored together, and again only after another id was taken."""
    counters = Counters(store)
    for taken in (("promiseID",), ("promiseID", "exportID"), ("kindID",)):
        for name in taken:
            counters.take(name)
        counters.save()
        store.flush()
        assert kernel.numbers == {name: counters.peek(name) for name in Counters.FIRST}
        kernel.stored.clear()
        counters.save()
        store.flush()
        assert kernel.stored == {}


def test_the_text_says_what_json_would(store: Store) -> None:
    """It is put together from pieces, in the order in which the counters stand."""
    counters = Counters(store)
    for name in ("promiseID", "callID", "promiseID"):
        counters.take(name)
        wanted = {name: counters.peek(name) for name in Counters.FIRST}
        assert counters.text() == json.dumps(wanted, separators=(",", ":"))


def test_to_look_at_the_text_stores_nothing(kernel: Kernel, store: Store) -> None:
    """What the host has written by itself may be undone, so the counters are stored all the same."""
    counters = Counters(store)
    counters.take("promiseID")
    counters.text()
    counters.save()
    store.flush()
    assert kernel.numbers["promiseID"] == counters.peek("promiseID")


def test_counters_that_could_not_be_stored_are_stored_later(kernel: Kernel, store: Store) -> None:
    """A store that is closed takes nothing; what was taken is still to be stored when it is open again."""
    counters = Counters(store)
    counters.take("exportID")
    store.closed = "of a test"
    with pytest.raises(RuntimeError):
        counters.save()
    store.closed = None
    counters.save()
    store.flush()
    assert kernel.numbers["exportID"] == counters.peek("exportID")


def test_the_next_incarnation_goes_on(kernel: Kernel, store: Store) -> None:
    """No incarnation uses a number that one before has used."""
    before = Counters(store)
    taken = [before.take("promiseID") for _ in range(3)]
    before.save()
    store.flush()
    after = Counters(store)
    after.load()
    assert after.take("promiseID") == taken[-1] + 1
    after.save()
    store.flush()
    assert kernel.numbers["promiseID"] == taken[-1] + 2
