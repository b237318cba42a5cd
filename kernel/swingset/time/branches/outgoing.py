"""What vats send out of the world through mailboxes and bridges, as recorded and as it is in a branch.

Mail and data of a bridge wait in the state of their device until the host has taken them. A branch has no
host that takes them: what it would have sent is compared with what was sent, by peer and number.
"""

from __future__ import annotations

from collections.abc import Iterator

from swingset.core.store import KernelStore
from swingset.devices.bridge import BridgeDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.model.capdata import CapData
from swingset.model.foreign import read_json
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.time.branches.branch import BranchAnswer
from swingset.time.branches.outcomes import unnumbered
from swingset.world.records import Record, RowChange
from swingset.world.rows import RULES

_KINDS = (MailboxDevice.kind, BridgeDevice.kind)
_VALUE = list(RULES["device_state"]).index("value")


class Outgoing:
    """What left one world, by device and key, with the record in which it was sent."""

    def __init__(self, store: KernelStore) -> None:
        """`store` has the devices that there are when this begins."""
        self._kinds = {device.id: device.kind for device in store.devices.all()}
        self._names = {device.id: device.name for device in store.devices.all()}
        self.sent: dict[tuple[str, str], tuple[int, str]] = {}

    @property
    def is_possible(self) -> bool:
        """Whether there is a device by which something can leave the world."""
        return any(kind in _KINDS for kind in self._kinds.values())

    def observe(self, record: Record) -> None:
        """Learn what a record sent."""
        for change in record.rows or ():
            if change.after is None:
                continue
            if change.table == "devices":
                row = dict(zip(RULES["devices"], change.after, strict=True))
                self._kinds[str(row["id"])], self._names[str(row["id"])] = str(row["kind"]), str(row["name"])
            elif change.table == "device_state":
                self._send(record.number, change)

    def _send(self, number: int, change: RowChange) -> None:
        device, key = str(change.key[0]), str(change.key[1])
        if key.startswith("out.") and self._kinds.get(device) in _KINDS and change.after is not None:
            place = self._names.get(device, device), key
            self.sent.setdefault(place, (number, str(change.after[_VALUE])))


def differences(recorded: Outgoing, came: Outgoing) -> Iterator[tuple[str, BranchAnswer]]:
    """What was sent otherwise, with its key, in the order of the record; what only came here is last."""
    for place, (number, then) in recorded.sent.items():
        _, here = came.sent.get(place, (0, None))
        if here != then:
            yield place[1], BranchAnswer(number, _words(place), _shown(then), _shown(here))
    for place, (_, here) in came.sent.items():
        if place not in recorded.sent:
            yield place[1], BranchAnswer(0, _words(place), _shown(None), _shown(here))


def _words(place: tuple[str, str]) -> str:
    device, key = place
    peer, _, number = key.removeprefix("out.").rpartition("/")
    number = number.lstrip("0")
    return one_line(f"mail {number} to {peer}" if peer else f"data {number} of {device}", 120)


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value_in_words(CapData.from_json(read_json(value)), unnumbered, 200)
