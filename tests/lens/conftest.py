"""The lens only reads: worlds for it to look at are made by hand."""

from __future__ import annotations

import pytest

from tests.looks import watch


@pytest.fixture(autouse=True)
def by_hand(unrecorded: None) -> None:
    """Let state be written without a request."""


@pytest.fixture(autouse=True)
def nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch every view and every function that only looks."""
    watch(monkeypatch)
