"""What all tests share: stages, on either kind of worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.staging import Stage

WORKERS = ("local", "wasm")

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> Iterator[MakeStage]:
    """Makes stages that are closed when the test ends."""
    made: list[Stage] = []

    def make(worker: str, path: Path | None = None, **options: Any) -> Stage:
        made.append(Stage(worker, path, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture(params=WORKERS)
def stage(request: pytest.FixtureRequest, make_stage: MakeStage) -> Stage:
    """A fresh world in memory, once with each kind of worker."""
    return make_stage(request.param)


@pytest.fixture
def wasm(make_stage: MakeStage) -> Stage:
    """A fresh world in memory with confined workers."""
    return make_stage("wasm")


@pytest.fixture
def local(make_stage: MakeStage) -> Stage:
    """A fresh world in memory with local workers."""
    return make_stage("local")
