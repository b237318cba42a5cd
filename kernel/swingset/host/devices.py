"""The devices and the vats that come with the library, put into a world when somebody asks for them.

A world has none of them to begin with, so a small world stays small. The code that serves devices is here in
every host that opens the world; what they remember is in the world.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from swingset import vats
from swingset.core.devices import DeviceContext, DeviceError
from swingset.core.kernel import Kernel
from swingset.devices import plain
from swingset.devices.bridge import BridgeDevice
from swingset.devices.bundles import BundleDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.devices.plain import Ref
from swingset.devices.plugin import Function, PluginDevice
from swingset.devices.timer import TimerDevice
from swingset.devices.vat_admin import VatAdminDevice
from swingset.guest.context import DeliveryAbandonedError
from swingset.model.capdata import CapData

if TYPE_CHECKING:
    from swingset.host.controller import Controller, Parts

VAT_ADMIN = "vatAdmin"
TIMER = "timer"


class HostDevices:
    """The devices of one open world, from the host's side."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._kernel: Kernel = controller.kernel
        self._bundles = BundleDevice(self._kernel.world.bundles)
        self._vat_admin = VatAdminDevice(self._kernel.administration, self._kernel.store.devices)
        self._timer = TimerDevice()
        self._mailbox = MailboxDevice()
        self._bridge = BridgeDevice()
        self._plugins = PluginDevice()
        for code in (
            self._bundles,
            self._vat_admin,
            self._timer,
            self._mailbox,
            self._bridge,
            self._plugins,
        ):
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

    # Time

    def timer(self) -> str:
        """The kref of the root of vat `timer`, which is started if there is none."""
        with self._controller.lock:
            if self._kernel.store.vats.named(TIMER) is None:
                given = {"timer": self._node("timer", "timer")}
                parts = ((TIMER, vats.source("timer")),)
                self._controller.create_vat(TIMER, parts, parameters=plain.write(given))
            return self._kernel.root_of(TIMER)

    def poll(self, now: int) -> int:
        """Say what time it is; returns how many alarms went off. Run the world to let them be heard."""
        with self._using("timer", "timer", "poll") as context:
            return self._timer.poll(now, context)

    def next_alarm(self) -> int | None:
        """The time of the next alarm, or None: no poll before that changes anything."""
        with self._using("timer", "timer", None) as context:
            return self._timer.next(context)

    # Mail

    def mailbox(self) -> str:
        """The kref of the mailbox device, which is made if there is none."""
        with self._controller.lock:
            return self._node("mailbox", "mailbox").kref

    def outbox(self) -> dict[str, dict[str, Any]]:
        """What is to be carried to peers: `{peer: {"messages": [[number, body], ...], "ack": n}}`."""
        with self._using("mailbox", "mailbox", None) as context:
            return self._mailbox.outbox(context)

    def receive(self, peer: str, messages: Sequence[Sequence[Any]], ack: int = 0) -> int:
        """Take in what a peer's carrier brought, repeated or not; returns how many messages were new."""
        with self._using("mailbox", "mailbox", "mail") as context:
            return self._mailbox.receive(peer, messages, ack, context)

    # The program around

    def bridge(self) -> str:
        """The kref of the bridge device, which is made if there is none."""
        with self._controller.lock:
            return self._node("bridge", "bridge").kref

    def bridge_outbound(self) -> list[tuple[int, CapData]]:
        """What vats have sent over the bridge and nobody has dealt with; commit before looking."""
        with self._using("bridge", "bridge", None) as context:
            return self._bridge.outbound(context)

    def bridge_taken(self, number: int) -> None:
        """Everything up to this number is dealt with."""
        with self._using("bridge", "bridge", "bridge") as context:
            self._bridge.taken(number, context)

    def bridge_deliver(self, data: CapData) -> None:
        """Send data, without references, to the vat that registered with the bridge."""
        with self._using("bridge", "bridge", "bridge") as context:
            self._bridge.deliver(data, context)

    def plugin(self, name: str, function: Function) -> str:
        """Let vats that hold the device node, whose kref is returned, call a function of this process.

        What it raises goes to its caller, even a `SystemExit`; only an interrupt ends the run.
        """

        def call(args: CapData) -> CapData:
            try:
                return function(args)
            except (Exception, KeyboardInterrupt, DeliveryAbandonedError):
                raise
            except BaseException as error:
                # It would end every later run as well, for the message that asked for it still waits.
                raise DeviceError(
                    f"host function {name}() ended with {type(error).__name__}: {error}",
                    name=type(error).__name__,
                ) from None

        with self._using("plugins", "plugin", "plugin") as context:
            return self._plugins.hand_in(name, call, context)

    @contextmanager
    def _using(self, name: str, kind: str, note: str | None) -> Iterator[DeviceContext]:
        """A device's context within a crank of its own, committed where there is a note."""
        with self._controller.lock:
            self._node(name, kind)
            with self._kernel.undoing():
                yield self._kernel.devices.context(name)
            if note is not None:
                self._controller.commit(note)

    def _bundle_root(self) -> Ref:
        return self._node("bundles", "bundle")

    def _node(self, name: str, kind: str) -> Ref:
        return Ref(self._kernel.add_device(name, kind), name)
