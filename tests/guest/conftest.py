"""The engines on which the guest library is shown, and its budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.guest.guest_bench import ENGINES, running_on, tuned


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each engine in turn, on which every bench of the test runs its vat."""
    with running_on(request.param):
        yield request.param


@pytest.fixture
def tune() -> Iterator[Callable[..., None]]:
    """Gives budgets of the guest library other values for the rest of the test."""
    with ExitStack() as stack:
        yield lambda module, **values: stack.enter_context(tuned(module, **values))
