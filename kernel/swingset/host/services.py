"""What a session can call on: the vats and devices that come with the library, as references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.guest.base import context
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import UnpassableError
from swingset.guest.sending.device_calls import D
from swingset.host.controller import Controller
from swingset.host.devices import TIMER, VAT_ADMIN
from swingset.host.starting import Parts
from swingset.model.capdata import CapData, promise_named


class Services:
    """The part of a session that hands out what is there on demand."""

    controller: Controller

    @property
    def _vat_id(self) -> str:
        raise NotImplementedError

    @property
    def liveslots(self) -> Any:
        """The guest library of the session's vat."""
        raise NotImplementedError

    def vat_admin(self) -> Any:
        """The vat that makes vats: `E(vat_admin).create_vat(bundlecap, options)`."""
        with self.controller.lock:
            return self._known(self.controller.devices.vat_admin(), VAT_ADMIN)

    def admin_node(self, vat: str) -> Any:
        """A promise for the admin node of any vat, also of one that this session made."""
        with self.controller.lock:
            kref = self.controller.devices.admin_node(vat)
            vref = self.controller.kernel.introduce(self._vat_id, kref)
            with context.activate(self.liveslots):
                found = self.liveslots.slots.decode(promise_named(vref).to_json())
                self.liveslots.promises.subscribe_new()
            self.controller.release(kref)
            self.controller.commit(f"knows the admin node of {vat}")
            return found

    def critical_vat_key(self) -> Any:
        """What the option `critical` wants; whoever has it can make vats whose end stops the world."""
        with self.controller.lock:
            return self._known(self.controller.devices.critical_vat_key(), "criticalVatKey")

    def bundle(self, code: str | Parts, name: str | None = None) -> Any:
        """Install code, a text or several named parts, for vats to be made of; returns its bundlecap."""
        with self.controller.lock:
            parts = (("main", code),) if isinstance(code, str) else code
            bundle = self.controller.devices.install_bundle(parts, name)
            device = self._known(self.controller.devices.bundles(), "bundles")
            return self.call(device, "get_bundlecap", bundle)

    def timer(self) -> Any:
        """The vat that sets alarms: `E(timer).delay(5)`. Time passes by `controller.devices.poll(now)`."""
        with self.controller.lock:
            return self._known(self.controller.devices.timer(), TIMER)

    def mailbox(self, *, device: str | None = None) -> Any:
        """The mailbox device, for the vat that deals with mail; `device` names one of several."""
        with self.controller.lock:
            return self._known(self.controller.devices.mailbox(device=device), "mailbox")

    def bridge(self, *, device: str | None = None) -> Any:
        """The bridge device, for the vat that talks with this program; `device` names one of several."""
        with self.controller.lock:
            return self._known(self.controller.devices.bridge(device=device), "bridge")

    def bridge_send(self, data: Any, *, device: str | None = None) -> None:
        """Send plain data to the vat that registered with the bridge."""
        self.controller.devices.bridge_deliver(self._write(data), device=device)

    def bridge_receive(self, deal: Callable[[Any], None], *, device: str | None = None) -> int:
        """Deal with what vats sent over the bridge, in order; what fails is there the next time."""
        outbound = self.controller.devices.bridge_outbound(device=device)
        for number, data in outbound:
            deal(self._read(data))
            self.controller.devices.bridge_taken(number, device=device)
        return len(outbound)

    def plugin(self, name: str, function: Callable[..., Any]) -> Any:
        """Let vats call a function of this process: give them the device, and they say `D(device).call(...)`.

        Arguments and answer are plain data. The function is there until this session ends; in a rehearsal it
        is not there, so that a rehearsal has no effects.
        """

        def call(args: CapData) -> CapData:
            return self._write(function(*self._read(args)))

        with self.controller.lock:
            return self._known(self.controller.devices.plugin(name, call), name)

    def _read(self, value: CapData) -> Any:
        with context.activate(self.liveslots):
            return self.liveslots.slots.decode(value.to_json())

    def _write(self, value: Any) -> CapData:
        try:
            body, objects = smallcaps.encode(value, self.liveslots.trace_of)
        except UnpassableError as error:
            words = self.liveslots.slots.explain("the answer", value, error)
            raise TypeError(words) from None
        if objects:
            raise TypeError("the answer of a host function is plain data, and cannot hold references")
        return CapData(body)

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
