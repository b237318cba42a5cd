"""What the parts of `controller.net` share: the open world, its wire, and the service vat that speaks."""

from __future__ import annotations

from typing import Any

from swingset.host.base.opened import Opened
from swingset.host.base.requests import write
from swingset.host.controls.device_access import NET, DeviceAccess
from swingset.host.controls.own_devices import OwnDevices
from swingset.host.wires.asking import NetError
from swingset.host.wires.http_powers import Http
from swingset.host.wires.wire_line import Line
from swingset.net import locators
from swingset.net.locators import Sturdyref


class Linked:
    """One open world, as far as it is linked to others."""

    def __init__(self, opened: Opened, own: OwnDevices) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._access = DeviceAccess(opened)
        self._line = Line(opened, own)
        self.http = Http(opened, self._line)
        self._listens: dict[str, dict[str, str]] = {}  # by transport, its options

    def _root(self) -> str:
        self._line.check()
        self._line.begin()
        return self._access.service(NET)

    def _tell(self, method: str, args: list[Any], note: str) -> None:
        """Queue a wish for the service vat, which is started if there is none."""
        self._kernel.queue_one_way(self._root(), write([method, args]))
        self._opened.keep(note)

    def _ask_for(self, wanted: Sturdyref) -> str:
        """Ask for an object of another world; returns the kref of a promise, which the host holds."""
        root, secrets = self._root(), self._line.secrets()
        if wanted.locator.designator == secrets.designator:
            raise NetError(
                "this string is for an object of this world itself, which needs no fetching: "
                "another world fetches it"
            )
        handle = secrets.keep(wanted.swissnum)
        said = ["fetch", [locators.uri(wanted.locator), handle, len(wanted.swissnum)]]
        kref = self._kernel.queue_message(root, write(said))
        self._opened.keep("asked for an object of another world")
        return kref
