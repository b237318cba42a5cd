"""Finds the records of devices and service vats, and makes them when they are first needed.

A new world has none of them, so a small world stays small.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swingset import service_vats
from swingset.core.device_board import DeviceContext
from swingset.core.errors import KernelError
from swingset.core.verbs import VERBS
from swingset.devices import plain
from swingset.host.base.opened import Opened
from swingset.host.base.starting import create_vat, service_counter
from swingset.model.capdata import Ref
from swingset.world.device_records import DeviceRecord
from swingset.world.vats import TERMINATED

VAT_ADMIN = "vatAdmin"
TIMER = "timer"
NET = "net"
HTTP = "http"
MOVER = "vatMover"
DEFAULTS = {
    "bundle": "bundles",
    "vat-admin": VAT_ADMIN,
    "timer": "timer",
    "mailbox": "mailbox",
    "bridge": "bridge",
}
"""The name of the device that is made when a kind is needed and no name is given."""

SERVICES = {
    VAT_ADMIN: ("vat_admin", {"admin": "vat-admin", "bundles": "bundle"}),
    TIMER: ("timer", {"timer": "timer"}),
}
"""The service vats by name: the module of each, and the kinds of the devices that it is given."""

_INNER = {HTTP: ("http", {"http": "http"}), MOVER: ("vat_mover", {"mover": "mover"})}
"""The same of those whose roots only the host has."""

_RAW = {NET: {"wire": "wire"}}
"""The same of those without liveslots, which speak protocols and are started where they are needed."""


class DeviceAccess:
    """Access to the devices of one open world."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def service(self, name: str) -> str:
        """The kref of the root of a service vat, which is started if there is none.

        A service vat is found by its id and not by its name, because anybody may have made the world and
        given that name to another vat. Raises KernelError in that case.
        """
        with self._opened.lock:
            vats_known = self._kernel.store.vats
            number = self._kernel.store.counters.get(service_counter(name))
            vat = vats_known.get(f"v{number}") if number else None
            if vat is None or vat.state == TERMINATED:
                if vats_known.named(name) is not None:
                    raise KernelError(
                        f"vat {name} of this world is not the library's own: terminate it to have that one"
                    )
                if name in _RAW:
                    parts, kinds = service_vats.raw_parts(name), _RAW[name]
                    options = {"enable_pipelining": True}
                else:
                    module, kinds = (SERVICES | _INNER)[name]
                    parts, options = ((name, service_vats.source(module)),), {}
                parameters = plain.write({given: self.node(kind) for given, kind in kinds.items()})
                create_vat(self._opened, name, parts, parameters=parameters, options=options, service=True)
            return self._kernel.root_of(name)

    @contextmanager
    def using(
        self, kind: str, name: str | None, note: str | None, verb: str, /, **arguments: Any
    ) -> Iterator[DeviceContext]:
        """A device's context within the request that it is used for, committed where there is a note.

        A verb that is said to one of several devices has its name among the arguments.
        """
        with self._opened.lock:
            device = self._record(kind, name)
            if "device" in VERBS[verb]:
                arguments["device"] = device.name
            with self._kernel.request(verb, **arguments):
                yield DeviceContext(self._kernel.store, device)
            if note is not None:
                self._opened.commit(note)

    @contextmanager
    def reading(self, kind: str, name: str | None) -> Iterator[DeviceContext | None]:
        """A device's context to read in, or None if there is no device yet."""
        with self._opened.lock:
            device = self._kernel.devices.find(kind, name)
            yield None if device is None else DeviceContext(self._kernel.store, device)

    def _record(self, kind: str, name: str | None = None) -> DeviceRecord:
        """The device of that name, or the only one of its kind; made where the world has none."""
        device = self._kernel.devices.find(kind, name)
        if device is None:
            self._kernel.add_device(DEFAULTS[kind], kind)
            device = self._kernel.devices.find(kind)
            assert device is not None
        return device

    def node(self, kind: str, name: str | None = None) -> Ref:
        """The root of a device, which is made where the world has none of its kind."""
        device = self._record(kind, name)
        self._opened.keep(f"device {device.name}")
        return Ref(device.root, device.name)
