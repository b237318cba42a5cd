"""What devices do in a crank or a request, noted down in order and in the kernel's names.

A vat's transcript has the call of a device and the answer in the vat's own names; what the device did to the
world besides is nowhere else. A device that was called in a delivery that is rolled back may have done
something outside of the world all the same, so its call stays noted, marked as undone.
"""

from __future__ import annotations

from typing import Any

from swingset.model.capdata import CapData


class Effects:
    """The effects of the crank or the request under way, as they go into its record."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        """Calls of devices, each with what the device did for it."""
        self.other: list[list[Any]] = []
        """What devices did when no vat had called them."""

    def note(self, device: str, what: str, *given: object) -> None:
        """A device has done something."""
        said = [item.to_json() if isinstance(item, CapData) else item for item in given]
        self.other.append([device, what, *said])

    def called(
        self, since: int, caller: str, node: str, method: str, args: CapData, failed: bool, answer: CapData
    ) -> None:
        """A vat has called a device; what was noted from `since` on it did for that call."""
        effects = self.other[since:]
        del self.other[since:]
        call = {"caller": caller, "node": node, "method": method, "args": args.to_json(), "failed": failed}
        call |= {"answer": answer.to_json()}
        if effects and not failed:
            call["effects"] = effects
        self.calls.append(call)

    def undone(self) -> None:
        """The delivery was rolled back, and what devices did in the world with it."""
        self.other.clear()
        for call in self.calls:
            call["undone"] = True

    def clear(self) -> None:
        """Note down anew."""
        self.calls.clear()
        self.other.clear()
