"""The petnames of other worlds, in the state of the device of the wire: in the world, seen by no vat."""

from __future__ import annotations

from swingset.core.kernel import Kernel
from swingset.host.controls.own_devices import DeviceCall, DeviceState
from swingset.host.wires.wire_device import CALLED, NAME


class Called:
    """What other worlds are called in one world."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def _state(self) -> DeviceState:
        return DeviceCall(self._kernel, self._kernel.devices.context(NAME)).state

    def call(self, designator: str, petname: str | None) -> None:
        """Give the world of a designator a petname, or none; there is a device."""
        with self._kernel.request("visit-device", name=NAME):
            state = self._state()
            if petname is not None:
                state[f"{CALLED}{designator}"] = petname
            elif f"{CALLED}{designator}" in state:
                del state[f"{CALLED}{designator}"]

    def names(self) -> dict[str, str]:
        """The petnames, each with its designator."""
        if self._kernel.devices.find(NAME) is None:
            return {}
        state = self._state()
        found = {state[key]: key.removeprefix(CALLED) for key in state if key.startswith(CALLED)}
        return dict(sorted(found.items()))
