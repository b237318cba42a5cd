"""The same history on both engines: every syscall is the same, to the letter, and so is what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guest import test_collection_models, test_gc_cycles, test_marshalling, test_migrations
from tests.guest.guest_bench import ENGINES, made_in, running_on, tuned

Shown = list[tuple[list[Any], dict[str, str]]]


def shown(engine: str, play: Callable[..., Any], *args: Any) -> Shown:
    """What each vat of a history asked for, and what it left in its store."""
    with running_on(engine), made_in() as benches:
        play(*args)
    return [(json.loads(json.dumps(bench.everything)), bench.store) for bench in benches]


def objects(steps: Any, budget: int) -> None:
    """Objects that hold each other are made, tied, exported, dropped and searched for."""
    with tuned("reaping.cycles", BUDGET=budget, CHANGES=1):
        test_gc_cycles.play(steps)


def migrations(count: int, budget: int) -> None:
    """A population goes through five versions."""
    test_migrations.five_versions(5 + count, budget, kill=False)


HISTORIES: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "collections": (
        test_collection_models.play,
        (test_collection_models.STEPS, st.integers(0, 19), st.integers(1, 9)),
    ),
    "objects": (objects, (test_gc_cycles.STEPS, st.integers(1, 9))),
    "graphs": (test_marshalling.echo, (test_marshalling.GRAPHS,)),
    "promises": (test_marshalling.promises_out, (test_marshalling.EDGES,)),
    "migrations": (migrations, (st.integers(0, 10), st.integers(1, 7))),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_both_engines_say_the_same(name: str) -> None:
    """Whatever a vat does, nothing that the kernel sees of it tells which engine it runs on."""
    play, strategies = HISTORIES[name]

    def compare(args: tuple[Any, ...]) -> None:
        host, wasm = (shown(engine, play, *args) for engine in ENGINES)
        assert host == wasm
        assert host

    settings(max_examples=15, deadline=None)(given(st.tuples(*strategies))(compare))()
