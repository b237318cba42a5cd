"""The kernels that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module", params=["wasm", "local"])
def worker(request: pytest.FixtureRequest) -> str:
    """Both kinds of worker."""
    return str(request.param)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the tests of a module."""
    with Kernel(tmp_path_factory.mktemp("kernel")) as running:
        yield running
