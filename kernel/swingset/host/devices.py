"""The devices and the vats that come with the library, put into a world when somebody asks for them.

A world has none of them to begin with, so a small world stays small. The code that serves devices is here in
every host that opens the world; what they remember is in the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swingset import vats
from swingset.core.kernel import Kernel
from swingset.devices import plain
from swingset.devices.bundles import BundleDevice
from swingset.devices.plain import Ref
from swingset.devices.vat_admin import VatAdminDevice

if TYPE_CHECKING:
    from swingset.host.controller import Controller, Parts

VAT_ADMIN = "vatAdmin"


class HostDevices:
    """The devices of one open world, from the host's side."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._kernel: Kernel = controller.kernel
        self._bundles = BundleDevice(self._kernel.world.bundles)
        self._vat_admin = VatAdminDevice(self._kernel.administration, self._kernel.store.devices)
        for code in (self._bundles, self._vat_admin):
            self._kernel.devices.install(code)

    # Vats and their code

    def vat_admin(self) -> str:
        """The kref of the root of vat `vatAdmin`, which is started if there is none."""
        with self._controller.lock:
            if self._kernel.store.vats.named(VAT_ADMIN) is None:
                given = {"admin": self._node("vatAdmin", "vat-admin"), "bundles": self._bundle_root()}
                parts = ((VAT_ADMIN, vats.source("vat_admin")),)
                self._controller.create_vat(VAT_ADMIN, parts, parameters=plain.write(given))
            return self._kernel.root_of(VAT_ADMIN)

    def critical_vat_key(self) -> str:
        """The kref of what a creator needs to make a vat whose end stops the world."""
        with self._controller.lock:
            self.vat_admin()
            with self._kernel.undoing():
                return self._vat_admin.critical_key(self._kernel.devices.context("vatAdmin"))

    def install_bundle(self, parts: Parts, name: str | None = None) -> str:
        """Install code for vats to be made of; returns its id. The name is an alias that can move."""
        with self._controller.lock:
            return self.install_manifest([(part, self.upload_module(source)) for part, source in parts], name)

    def missing_modules(self, manifest: Sequence[tuple[str, str]]) -> list[str]:
        """Those of a bundle's modules, `[(name, hash), ...]`, that were never uploaded."""
        with self._controller.lock:
            self._bundle_root()
            return self._bundles.missing(manifest, self._kernel.devices.context("bundles"))

    def upload_module(self, source: str) -> str:
        """Take in the source of one module; returns its hash."""
        with self._controller.lock:
            self._bundle_root()
            with self._kernel.undoing():
                return self._bundles.upload(source, self._kernel.devices.context("bundles"))

    def install_manifest(self, manifest: Sequence[tuple[str, str]], name: str | None = None) -> str:
        """Make a bundle of modules that were all uploaded; returns its id."""
        with self._controller.lock:
            self._bundle_root()
            with self._kernel.undoing():
                bundle = self._bundles.install(manifest, name, self._kernel.devices.context("bundles"))
            self._controller.commit(f"install {name or 'a bundle'}")
            return bundle

    def _bundle_root(self) -> Ref:
        return self._node("bundles", "bundle")

    def _node(self, name: str, kind: str) -> Ref:
        return Ref(self._kernel.add_device(name, kind), name)
