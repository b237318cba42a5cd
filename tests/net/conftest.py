"""After each test of sessions, the counts of all worlds are counted again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.net import bench
from tests.net.auditing import audit


@pytest.fixture(autouse=True)
def audited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Audit each world that the test has made."""
    made: list[bench.World] = []
    begin = bench.World.__init__

    def remembered(self: bench.World, *args: object, **words: object) -> None:
        made.append(self)
        begin(self, *args, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.World, "__init__", remembered)
    yield
    for world in made:
        audit(world)
