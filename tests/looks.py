"""Looking changes nothing: each function that only looks at a world is watched wherever a test calls it.

Its digest, its last commit and its number of records are the same after a call as before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import pytest

from swingset import Controller, api
from swingset.lens.present.tables import Lens
from swingset.world.file import WorldFile

CHANGES = ("catch_up", "go_on", "keep_branch", "mirror", "until")
"""The functions that are given a world to change it, or to run it."""

COMMITS = ("export_archive",)
"""Those that commit what is uncommitted, and change nothing else."""


def looks() -> dict[str, Callable[..., Any]]:
    """All functions of `swingset` that are given an open world, and do not say that they change it."""
    found = {}
    for name in api.__all__:
        function = getattr(api, name)
        if inspect.isfunction(function) and name not in CHANGES:
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and "Controller" in str(first.annotation):
                found[name] = function
    return found


def watch(patch: pytest.MonkeyPatch) -> None:
    """Fail a test in which a look, or a view of the lens, changes a world."""
    for name, function in looks().items():
        patch.setattr(api, name, _watched(function, _worlds, name not in COMMITS))
    for name, function in vars(Lens).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            patch.setattr(Lens, name, _watched(function, _of_lens, True))


def _worlds(given: Any) -> Iterator[WorldFile]:
    """The open worlds among what a function is given."""
    for each in given.values() if isinstance(given, Mapping) else (given,):
        if isinstance(each, Controller) and not each.lives.closed:
            yield each.world


def _of_lens(lens: Any) -> Iterator[WorldFile]:
    yield lens._store.world


def _watched(
    function: Callable[..., Any], worlds: Callable[[Any], Iterator[WorldFile]], records: bool
) -> Callable[..., Any]:
    @wraps(function)
    def watched(*args: Any, **named: Any) -> Any:
        seen = [(world, _state(world, records)) for world in worlds(args[0] if args else None)]
        try:
            return function(*args, **named)
        finally:
            for world, before in seen:
                assert _state(world, records) == before, f"{function.__name__}() has changed {world.name}"

    return watched


def _state(world: WorldFile, records: bool) -> tuple[object, ...]:
    return world.digest(), *((world.head, world.journal.last) if records else ())
