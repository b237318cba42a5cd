"""What the parts of `controller.net` share: the open world, its wire, and the service vat that speaks."""

from __future__ import annotations

from typing import Any

from swingset.host.base.opened import Opened
from swingset.host.base.requests import write
from swingset.host.controls.device_access import NET, DeviceAccess
from swingset.host.controls.own_devices import OwnDevices
from swingset.host.wires.wire_line import Line


class Linked:
    """One open world, as far as it is linked to others."""

    def __init__(self, opened: Opened, own: OwnDevices) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._access = DeviceAccess(opened)
        self._line = Line(opened, own)
        self._listens: dict[str, dict[str, str]] = {}  # by transport, its options

    def _root(self) -> str:
        self._line.check()
        self._line.begin()
        return self._access.service(NET)

    def _tell(self, method: str, args: list[Any], note: str) -> None:
        """Queue a wish for the service vat, which is started if there is none."""
        self._kernel.queue_one_way(self._root(), write([method, args]))
        self._opened.keep(note)


class Tables:
    """The store of the service vat, to be read."""

    def __init__(self, opened: Opened) -> None:
        self._store = opened.kernel.store.vatstore
        self._vat = opened.kernel.vat(NET).id

    def get(self, key: str) -> str | None:
        """The value at a key."""
        return self._store.get(self._vat, key)

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`."""
        return self._store.next_key(self._vat, prior)

    def set(self, key: str, value: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError
