"""Collects what devices do in a crank or request, in order and in the kernel's names.

A vat's transcript has its calls of devices and their answers, in the vat's own names. Only this module notes
what the device did to the world. If a delivery is rolled back, a device that it called may have acted outside
of the world all the same. So the call stays in the record, marked as undone.
"""

from __future__ import annotations

from typing import Any

from swingset.model.capdata import CapData


class Effects:
    """The calls and effects of devices in the current crank or request, for its record."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        """Calls of devices, each with the effects of the call."""
        self.other: list[list[Any]] = []
        """Effects of devices outside of any call by a vat."""

    def note(self, device: str, what: str, *given: object) -> None:
        """Note an effect of a device. `what` and `given` are as in a `DeviceEffect`."""
        said = [item.to_json() if isinstance(item, CapData) else item for item in given]
        self.other.append([device, what, *said])

    def called(
        self, since: int, caller: str, node: str, method: str, args: CapData, failed: bool, answer: CapData
    ) -> None:
        """Note a vat's call of a device, with the effects that were noted from index `since` on."""
        effects = self.other[since:]
        del self.other[since:]
        call = {"caller": caller, "node": node, "method": method, "args": args.to_json(), "failed": failed}
        call |= {"answer": answer.to_json()}
        if effects and not failed:
            call["effects"] = effects
        self.calls.append(call)

    def undone(self) -> None:
        """Mark all calls as undone and drop the effects, because the delivery was rolled back."""
        self.other.clear()
        for call in self.calls:
            call["undone"] = True

    def clear(self) -> None:
        """Drop everything, before the next crank or request."""
        self.calls.clear()
        self.other.clear()
