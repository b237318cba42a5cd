"""Plain data for devices: what a vat can spell and no file can hold stays outside."""

from __future__ import annotations

import pytest

from swingset.core.device_board import DeviceError
from swingset.devices import plain
from swingset.model.capdata import CapData


def test_half_of_a_surrogate_pair() -> None:
    """Escaped in what a vat says, it is refused wherever a device would store or pass it on."""
    said = CapData('#["\\ud800",[1]]')
    with pytest.raises(DeviceError, match="surrogate"):
        plain.part(said, 0)
    with pytest.raises(DeviceError, match="surrogate"):
        plain.blank(said, 1)
    with pytest.raises(DeviceError, match="surrogate"):
        plain.write(plain.read(said))
    assert plain.part(said, 1) == CapData("#[1]")
