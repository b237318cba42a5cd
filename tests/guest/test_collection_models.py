"""Big collections against models of them: in any history they have what a plain dict has, in order."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.passing import smallcaps
from swingset.guest.stores.keys import decode_scalar, encode_scalar
from swingset.vat import Remotable, Tagged
from swingset.vat.patterns import gt, gte, lt, lte, prefix
from tests.guest.guest_bench import Bench, close_vats, host_only, wasm_only

pytestmark = pytest.mark.usefixtures("engine")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**600), 2**600),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)


def rank(key: Any) -> tuple[Any, ...]:
    """The order of keys, said in another way than the store does."""
    if isinstance(key, bool):
        return (0, key)
    if isinstance(key, (int, float)):
        return (1, key, isinstance(key, float))
    return (2 if isinstance(key, str) else 3 if isinstance(key, bytes) else 4, key if key is not None else 0)


def same(key: Any) -> Any:
    """What tells keys apart where a dict would not."""
    if isinstance(key, Tagged):
        return ("object", key.payload)
    return (type(key).__name__, 0.0 if key == 0 and isinstance(key, float) else key)


@host_only
@given(SCALARS, SCALARS)
@settings(max_examples=600)
def test_texts_of_keys_are_in_the_order_of_keys(a: Any, b: Any) -> None:
    """The text of a key leads back to it, and sorts as it does."""
    first, second = encode_scalar(a), encode_scalar(b)
    assert first is not None
    assert second is not None
    assert same(decode_scalar(first)) == same(a)
    assert (first < second) == (rank(a) < rank(b))
    assert (first == second) == (same(a) == same(b))


VAT = """
from swingset.vat import BigMap, Remotable, Tagged, provide, remotable
from swingset.vat.patterns import gt, gte, lt, lte, prefix

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage
        self.things = provide(baggage, "things", lambda: BigMap("map"))

    def meet(self, *objects):
        self.baggage["objects"] = objects

    def play(self, steps: list):
        return [self.step(*step) for step in steps]

    def named(self, key):
        return Tagged("object", self.baggage["objects"].index(key)) if isinstance(key, Remotable) else key

    def step(self, how, key, value):
        things = self.things
        if isinstance(key, Tagged):
            key = self.baggage["objects"][key.payload]
        try:
            if how == "put":
                things[key] = value
            elif how in ("init", "set"):
                getattr(things, how)(key, value)
            elif how in ("get", "delete"):
                return [getattr(things, how)(key)]
            elif how == "walk":
                return [(self.named(k), v) for k, v in things.items(eval(value))]
            elif how == "clear":
                things.clear(eval(value))
            return [len(things), key in things]
        except KeyError as exc:
            return type(exc).__name__

def build_root_object(baggage):
    return Root(baggage)
"""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "init", "set", "delete", "get", "clear", "walk", "walk"]),
        st.one_of(
            SCALARS,
            st.sampled_from([1, 1.0, True, "1", 0, -0.0, "a", "ab", 2**53, 2.0**53]),
            st.integers(0, 3).map(lambda number: Tagged("object", number)),
        ),
        SCALARS,
    ),
    max_size=40,
)


def choose(low: Any, how: int) -> Any:
    """A pattern of keys, mostly one that has to do with this key."""
    if isinstance(low, Tagged):
        return (Remotable, Any)[how % 2]
    number = isinstance(low, (int, float)) and not isinstance(low, bool)
    finite = not isinstance(low, float) or math.isfinite(low)  # only those have a spelling of their own
    if (number and finite) or isinstance(low, (str, bytes)):
        pattern = (gt, gte, lt, lte)[how % 4](low)
        return prefix(low) if isinstance(low, str) and how % 5 == 0 else pattern
    return (int, float, str, bool)[how % 4]


def fits(pattern: Any, key: Any) -> bool:
    if pattern is Any or isinstance(key, Tagged):
        return pattern in (Any, Remotable)
    if pattern is Remotable:
        return False
    if pattern is float:
        return isinstance(key, (int, float)) and not isinstance(key, bool)
    if isinstance(pattern, type):
        return type(key) is pattern
    return bool(pattern.fits(key))


def exact(value: Any) -> Any:
    """A value as it tells itself from others that Python calls equal; zero has no sign as a key."""
    return [exact(item) for item in value] if isinstance(value, (list, tuple)) else repr(value)


class Model:
    """What a map answers, by a plain dict that is sorted whenever its order shows."""

    def __init__(self) -> None:
        self.entries: dict[Any, tuple[Any, Any]] = {}
        self.added = 0
        self.order: dict[Any, int] = {}  # when each key was added last

    def by_rank(self, pair: tuple[Any, Any]) -> tuple[Any, ...]:
        key = pair[0]
        return (1.5, self.order[same(key)]) if isinstance(key, Tagged) else rank(key)

    def step(self, how: str, key: Any, value: Any) -> Any:
        there = same(key) in self.entries
        if (how == "init" and there) or (how in ("set", "get", "delete") and not there):
            return "KeyError"
        if how in ("put", "init", "set"):
            if not there:
                self.added += 1
                self.order[same(key)] = self.added
            self.entries[same(key)] = (self.entries[same(key)][0] if there else key, value)
        elif how == "get":
            return [self.entries[same(key)][1]]
        elif how == "delete":
            del self.entries[same(key)]
            return [None]
        else:
            chosen = [pair for pair in self.entries.values() if fits(value, pair[0])]
            chosen.sort(key=self.by_rank)
            if how == "walk":
                return [(0.0 if k == 0 and type(k) is float else k, v) for k, v in chosen]
            for gone, _ in chosen:
                del self.entries[same(gone)]
        return [len(self.entries), same(key) in self.entries]


def play(steps: list[tuple[str, Any, Any]], how: int, together: int) -> None:
    """Let a map and a model do the same, so many steps to a delivery, and upgrade the vat at half-time."""
    bench, model = Bench(VAT).up(), Model()
    bench.send("meet", *[f"${n}" for n in range(4)], slots=tuple(f"o-{50 + n}" for n in range(4)))
    bench.take()
    for at in range(0, len(steps), together):
        if at == len(steps) // 2 // together * together:
            bench = bench.upgrade(VAT).up()
        batch, wanted = [], []
        for step, key, value in steps[at : at + together]:
            pattern = choose(key, how) if step in ("walk", "clear") else None
            text = "object" if pattern is Any else getattr(pattern, "__name__", None) or repr(pattern)
            batch.append([step, key, value if pattern is None else text])
            wanted.append(model.step(step, key, value if pattern is None else pattern))
        found = answer(bench, "play", batch)
        assert exact(found) == exact(wanted)
    close_vats()


def answer(bench: Bench, method: str, *args: Any) -> Any:
    """What a method makes of values, which go in and come out as message bodies do."""
    trees = [json.loads(smallcaps.encode(value, lambda _: ()).body[1:]) for value in args]
    bench.send(method, *trees)
    (call,) = [call for call in bench.take() if call[0] == "resolve"]
    assert not call[1][0][1], call
    return smallcaps.decode(call[1][0][2]["body"], lambda *_: None)


@host_only
@given(STEPS, st.integers(0, 19), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_a_map_is_a_sorted_dict(steps: list[tuple[str, Any, Any]], how: int, together: int) -> None:
    """Whatever is done to it, a collection has what a dict has, in the order of keys."""
    play(steps, how, together)


@wasm_only
@given(STEPS, st.integers(0, 19), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_a_map_in_the_engine_is_a_sorted_dict(
    steps: list[tuple[str, Any, Any]], how: int, together: int
) -> None:
    """In the engine, a collection has what a dict of this interpreter has."""
    play(steps, how, together)
