"""What is done with a world's records leaves the world as it is."""

from __future__ import annotations

import pytest

from tests.looks import watch


@pytest.fixture(autouse=True)
def nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch every function that only looks."""
    watch(monkeypatch)
