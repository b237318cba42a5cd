"""The lens only reads: worlds for it to look at are made by hand."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def by_hand(unrecorded: None) -> None:
    """Let state be written without a request."""
