"""The line of progress while one delivery takes long: how far it is, and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model.reports import Frame
from swingset.workers.pulses import Pulse
from swingset_nb import progress
from swingset_nb.progress import LONG, Progress


class Shell:
    """A shell with a kernel, that keeps what is published."""

    kernel = True

    def __init__(self) -> None:
        self.display_pub = self
        self.shown: list[str] = []

    def publish(self, data: dict[str, str], *_: Any, **__: Any) -> None:
        """Keep a text."""
        self.shown.append(data.get("text/plain", ""))


def test_a_long_delivery_shows_how_far_it_is_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one shows nothing; the place is asked for once the line is there, and its text is safe."""
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    shell, asked = Shell(), 0

    def stands_at() -> tuple[Frame, ...]:
        nonlocal asked
        asked += 1
        return Frame("bank", 3, "outer"), Frame("bank", 9, "Bank.\x1b[2Jsum")

    line = Progress(shell, lambda: 0.0)
    most = 1_000_000_000
    line.pulse(Pulse("bank", 5, most, LONG - 1, stands_at))
    assert shell.shown == []
    for beats in range(LONG, LONG + 3):
        line.pulse(Pulse("bank", most // 10 * beats // LONG, most, beats, stands_at))
    line.pulse(Pulse("bank", 300_000_000, None, LONG + 3, stands_at))
    line.clear()
    assert asked == 1
    assert shell.shown[0].startswith(
        "… one delivery to vat bank: at least 100,000,000 of 1,000,000,000 computrons (10 %)"
    )
    assert shell.shown[1].startswith("… one delivery to vat bank, at line 9 of bank in Bank.")
    assert "\x1b" not in shell.shown[1]
    assert "300,000,000 computrons; interrupt to stop it" in shell.shown[3]
    assert shell.shown[-1] == ""
