"""Two worlds that all tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.net.moving.moving import Worlds


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Alice, who has vats, and Bob, who accepts them."""
    made = Worlds(tmp_path_factory.mktemp("moving"))
    yield made
    made.close()
