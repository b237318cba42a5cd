"""Dicts whose keys a stranger chose so that a dict becomes slow: bounded alike in the engine and on a host.

A case is a line: how the n-th key is made, and how many of them one value may have.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from swingset.guest.passing import smallcaps
from swingset.guest.passing.key_limits import MOST_FAR, MOST_KEYS
from swingset.guest.passing.passable import UnpassableError
from swingset.guest.passing.smallcaps import DecodeError
from tests.core.mallory import Mallory
from tests.staging import Stage

HOST, ENGINE = (1 << 61) - 1, (1 << 31) - 1

KEYS: list[tuple[str, Callable[[int], Any], int]] = [
    ("ints that a host takes for one", lambda n: n * HOST, MOST_FAR),
    ("ints that the engine takes for one", lambda n: n * ENGINE, MOST_FAR),
    ("negative ones", lambda n: -n * HOST, MOST_FAR),
    ("ints of many digits", lambda n: n * HOST << 600, MOST_FAR),
    ("ints from 2**30 on", lambda n: (1 << 30) + n, MOST_FAR),
    ("floats that the engine takes for one", lambda n: float(n * ENGINE), MOST_FAR),
    ("fractions", lambda n: n + 0.5, MOST_FAR),
    ("ints and floats", lambda n: (float if n % 2 else int)(n * ENGINE), MOST_FAR),
    ("ints that are looked for in one another's places", lambda n: n << 12, MOST_KEYS),
    ("small ints", lambda n: n, MOST_KEYS),
    ("bytes", lambda n: str(n).encode(), MOST_KEYS),
    ("bytes and ints", lambda n: str(n).encode() if n % 2 else n, MOST_KEYS),
]
CASES = [pytest.param(make, most, id=title) for title, make, most in KEYS]


def fetch(*_given: Any) -> NoReturn:
    raise AssertionError


def written(value: Any) -> Any:
    """A scalar as smallcaps writes it."""
    return json.loads(smallcaps.encode(value, lambda _error: []).body[1:])


def body_of(keys: list[Any], maps: int = 1) -> str:
    """A value in which so many maps share the keys."""
    share = -(-len(keys) // maps)
    tables = [
        {"#tag": "map", "payload": [[written(key), 0] for key in keys[at : at + share]]}
        for at in range(0, len(keys), share)
    ]
    return "#" + json.dumps(tables)


@pytest.mark.parametrize(("make", "most"), CASES)
@pytest.mark.parametrize("maps", [1, 7])
def test_so_many_keys_are_read_and_no_more(make: Callable[[int], Any], most: int, maps: int) -> None:
    """In one map or in several, whatever their hashes are; what is refused is refused before it is hashed."""
    keys = [make(number) for number in range(1, most + 2)]
    read = smallcaps.decode(body_of(keys[:-1], maps), fetch)
    assert sum(map(len, read)) == most
    with pytest.raises(DecodeError, match=f"a map with more than {most} keys of dicts that are"):
        smallcaps.decode(body_of(keys, maps), fetch)


@pytest.mark.parametrize(("make", "most"), CASES)
def test_no_more_are_written_than_are_read(make: Callable[[int], Any], most: int) -> None:
    """Who would send more is told what to do, and to which part of the value."""
    table = {make(number): 0 for number in range(1, most + 1)}
    smallcaps.encode([table], lambda _error: [])
    with pytest.raises(UnpassableError, match="pass a list of pairs") as caught:
        smallcaps.encode([{make(most + 1): 0, **table}], lambda _error: [])
    assert type(caught.value.culprit) is dict


def test_text_is_not_counted() -> None:
    """Nobody can choose str by their hash, and a table of many is a usual thing."""
    table = {str(number): 0 for number in range(MOST_KEYS + 1)}
    read = smallcaps.decode(smallcaps.encode(table, lambda _error: []).body, fetch)
    assert read == table
    mixed = {**table, 5: 0}
    assert smallcaps.decode(smallcaps.encode(mixed, lambda _error: []).body, fetch) == mixed


def test_an_int_that_this_python_is_set_not_to_read_is_refused() -> None:
    """That is a setting of the process, and no reason to fail."""
    body = smallcaps.encode(10**1_000, lambda _error: []).body
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    try:
        with pytest.raises(DecodeError, match="digits"):
            smallcaps.decode(body, fetch)
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("make", [KEYS[0][1], KEYS[1][1]], ids=["host", "engine"])
def test_a_session_is_not_held_up_by_an_answer(local: Stage, make: Callable[[int], Any]) -> None:
    """An answer of too many such keys is told as one that cannot be read, and nothing stays behind."""
    mallory = Mallory(local)
    keeper = local.define("keeper", KEEPER)
    mallory.send(mallory.meet("keeper"), "keep", "p+9000")
    local.session.settle()
    answer = local.send(keeper, "give")
    local.session.settle()
    body = body_of([make(number) for number in range(100_000)])
    mallory.settle(("p+9000", body, []))
    with pytest.raises(TypeError, match="the answer cannot be read: a map with more than 2000 keys"):
        local.session.wait(answer)
    methargs = {"body": '#["keep",' + body[1:] + "]", "slots": []}
    mallory.say("send", mallory.meet("keeper"), {"methargs": methargs, "result": None})
    local.session.settle()
    assert local.ask(keeper, "ping") == "pong"
    assert local.controller.kernel.store.queues.length() == 0


KEEPER = """
    from swingset.vat import remotable

    @remotable
    class Keeper:
        def ping(self):
            return "pong"

        def keep(self, promise):
            self.promise = promise

        def give(self):
            return self.promise

    def build_root_object():
        return Keeper()
"""
