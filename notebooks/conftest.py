"""How the notebooks here are run by the tests: slow machines must not add lines of progress to outputs."""

from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Let the kernel of a notebook, which starts with its first cell, show no progress."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWINGSET_PROGRESS_AFTER", "600")
        return (yield)
