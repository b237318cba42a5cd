"""What a session can call on: the vats and devices that come with the library, as references."""

from __future__ import annotations

from typing import Any

from swingset.guest import context
from swingset.guest.device import D
from swingset.host.controller import Controller, Parts
from swingset.host.devices import VAT_ADMIN


class Services:
    """The part of a session that hands out what is there on demand."""

    controller: Controller
    liveslots: Any

    def vat_admin(self) -> Any:
        """The vat that makes vats: `E(vat_admin).create_vat(bundlecap, options)`."""
        with self.controller.lock:
            return self._known(self.controller.devices.vat_admin(), VAT_ADMIN)

    def critical_vat_key(self) -> Any:
        """What the option `critical` wants; whoever has it can make vats whose end stops the world."""
        with self.controller.lock:
            return self._known(self.controller.devices.critical_vat_key(), "criticalVatKey")

    def bundle(self, code: str | Parts, name: str | None = None) -> Any:
        """Install code, a text or several named parts, for vats to be made of; returns its bundlecap."""
        with self.controller.lock:
            parts = (("main", code),) if isinstance(code, str) else code
            bundle = self.controller.devices.install_bundle(parts, name)
            return self.call(self.device("bundles"), "get_bundlecap", bundle)

    def device(self, name: str) -> Any:
        """The root of a device of this world, to be called with `D`."""
        with self.controller.lock:
            return self._known(self.controller.kernel.devices.context(name).device.root, name)

    def call(self, device: Any, method: str, *args: Any) -> Any:
        """Call a device from outside of a cell, and commit."""
        with self.controller.lock, context.activate(self.liveslots):
            answer = getattr(D(device), method)(*args)
            self.controller.commit(f"{method}()")
            return answer

    def _known(self, kref: str, iface: str) -> Any:
        found = self._reference(kref, iface)
        self.controller.commit(f"knows {iface}")
        return found

    def _reference(self, kref: str, iface: str) -> Any:
        raise NotImplementedError
