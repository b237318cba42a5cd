"""What the tests of this folder share: a cluster of two processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from swingset.cluster import pools


@pytest.fixture(scope="package")
def processes() -> Iterator[Any]:
    """A cluster of two processes."""
    pytest.importorskip("distributed")
    with pools.clients(None, 2) as client:
        yield client
