"""The library's devices and service vats, which are put into a world when they are first needed.

A new world has none of them, so a small world stays small. The code of devices is in every host that opens
the world; their state is in the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swingset.core.device_board import DeviceError
from swingset.core.errors import KernelError
from swingset.core.options import NAME_WANTS, name_trouble
from swingset.devices.bridge import BridgeDevice
from swingset.devices.bundles import BundleDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.devices.market import MarketDevice
from swingset.devices.mover import MoverDevice
from swingset.devices.plugin import Function, PluginDevice
from swingset.devices.timer import TimerDevice
from swingset.devices.vat_admin import VatAdminDevice
from swingset.guest.base.context import DeliveryAbandonedError
from swingset.guest.passing import smallcaps
from swingset.host.base.opened import Opened
from swingset.host.base.starting import Parts
from swingset.host.controls.device_access import DEFAULTS, SERVICES, VAT_ADMIN, DeviceAccess
from swingset.host.controls.own_devices import OwnDevices
from swingset.model.capdata import CapData
from swingset.model.stack import room

_PLUGINS = "plugins"
DEVICE_KINDS = (*DEFAULTS, "plugin")
"""The kinds of device for which this host has code."""


def _check_readable(data: CapData) -> None:
    """Raise `DeviceError` for a body that has references or that the host cannot read."""

    def fetch(*_: object) -> None:
        raise smallcaps.DecodeError("it mentions a slot")

    try:
        with room():
            smallcaps.decode(data.body, fetch)
    except smallcaps.DecodeError as problem:
        raise DeviceError(f"send(data) of the bridge: {problem}", name="TypeError") from None


class HostDevices:
    """The devices and service vats of an open world, as `controller.devices`.

    Source:
        The devices of SwingSet; a method that names none of them is ours.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._access = DeviceAccess(opened)
        self.own = OwnDevices(opened)
        self._bundles = BundleDevice(self._kernel.world.bundles)
        self._vat_admin = VatAdminDevice(self._kernel.administration, self._kernel.store.devices)
        self._timer = TimerDevice()
        self._mailbox = MailboxDevice()
        self._bridge = BridgeDevice(_check_readable)
        self._plugins = PluginDevice()
        for code in (
            self._bundles,
            self._vat_admin,
            self._timer,
            self._mailbox,
            self._bridge,
            self._plugins,
            MarketDevice(self._kernel.store),
            MoverDevice(self._kernel.store, self._kernel.departures, self._kernel.metering),
        ):
            self._kernel.devices.install(code)

    def add(self, name: str, kind: str) -> str:
        """The root of the device of that name, which is made if there is none.

        Args:
            name: what it is called.
            kind: one of `bundle`, `vat-admin`, `timer`, `mailbox`, `bridge` and `plugin`.
        Returns:
            The kref of its root.
        Raises:
            KernelError: for a kind that there is no code for, and for a name that another kind has.
        Example:
            >>> kref = world.devices.add("clock", "timer")
            >>> world.devices.add("clock", "timer") == kref
            True
        """
        if name_trouble(name) is not None:
            raise KernelError(f"bad device name {name!r}: {NAME_WANTS}")
        if kind not in DEVICE_KINDS:
            known = ", ".join(DEVICE_KINDS)
            raise KernelError(f"device {name}: there is no kind of device {kind!r}; there are: {known}")
        with self._opened.lock:
            root = self._kernel.add_device(name, kind)
            self._opened.keep(f"device {name}")
            return root

    def node(self, kind: str, *, device: str | None = None) -> str:
        """The device of a kind, which is made if there is none.

        Args:
            kind: one of `bundle`, `vat-admin`, `timer`, `mailbox` and `bridge`.
            device: the name of one of several.
        Returns:
            The kref of its root.
        Raises:
            KernelError: for another kind, and where none of that name is there.
        Example:
            >>> world.devices.node("mailbox") == world.devices.node("mailbox")
            True
        """
        if kind not in DEFAULTS:
            raise KernelError(f"there is no kind of device {kind!r}; there are: {', '.join(DEFAULTS)}")
        with self._opened.lock:
            return self._access.node(kind, device).kref

    def service(self, name: str) -> str:
        """The root of a service vat, which is started if there is none.

        Args:
            name: `vatAdmin` or `timer`.
        Returns:
            The kref of the root.
        Raises:
            KernelError: for another name, and if a vat of this name is not the library's own.
        Example:
            >>> world.devices.service("timer") == world.vats.root("timer")
            True
        """
        if name not in SERVICES:
            raise KernelError(f"there is no service vat {name!r}; there are: {', '.join(SERVICES)}")
        return self._access.service(name)

    # Vats and their code

    def critical_vat_key(self) -> str:
        """The kref of the key with which a vat can be made critical: if such a vat ends, the world stops.

        Source:
            `criticalVatKey` of the bootstrap.
        Example:
            >>> world.devices.critical_vat_key() == world.devices.critical_vat_key()
            True
        """
        with self._opened.lock:
            self.service(VAT_ADMIN)
            with self._access.using("vat-admin", None, None, "critical-vat-key") as context:
                return self._vat_admin.critical_key(context)

    def admin_node(self, vat: str) -> str:
        """A promise, which the host holds, for the admin node of a vat, whoever made the vat.

        It is settled in the next run. Whoever has the node can upgrade, change and terminate the vat.

        Args:
            vat: the name of the vat.
        Returns:
            The kref of the promise.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: for the vat of a session, which has none.
        Source:
            Ours: `adminNode` of `createVat`, also for vats that no vat has made.
        Example:
            >>> kref = world.devices.admin_node("bank")
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'AdminNode'
        """
        with self._opened.lock:
            record = self._kernel.vat(vat)
            if record.attached:
                raise KernelError(f"vat {vat} lives in the embedder's interpreter: it has no admin node")
            target = self.service(VAT_ADMIN)
            store = self._kernel.store
            note = f"admin node of {vat}"
            with self._access.using("vat-admin", None, note, "admin-node", vat=record.id) as context:
                return self._vat_admin.give_node(record.id, target, store, context)

    def install_bundle(self, parts: Parts, name: str | None = None) -> str:
        """Install code of which vats can make vats, and commit.

        Args:
            parts: the names and sources of its parts.
            name: a name under which vats can find it too; it can be given to another bundle later.
        Returns:
            The id of the bundle.
        Raises:
            KernelError: for invalid parts or an invalid name.
        Source:
            `controller.validateAndInstallBundle`.
        Example:
            >>> id = world.devices.install_bundle(world.vats.parts("bank"), "bank")
            >>> id == world.devices.install_bundle(world.vats.parts("bank"))
            True
        """
        with self._opened.lock:
            return self.install_manifest([(part, self.upload_module(source)) for part, source in parts], name)

    def missing_modules(self, manifest: Sequence[tuple[str, str]]) -> list[str]:
        """The modules of a bundle that were not uploaded yet.

        Args:
            manifest: the names of the modules and their hashes.
        Returns:
            The hashes that are missing.
        Example:
            >>> hash = world.devices.upload_module("def build_root_object(): ...")
            >>> world.devices.missing_modules([("main", hash)])
            []
        """
        with self._access.reading("bundle", None) as context:
            if context is None:
                return list(dict.fromkeys(digest for _, digest in manifest))
            return self._bundles.missing(manifest, context)

    def upload_module(self, source: str) -> str:
        """Store the source of one module in the world, and commit.

        Args:
            source: the text of the module.
        Returns:
            Its hash.
        Source:
            The install of a bundle in parts, as the chain around SwingSet does it.
        Example:
            >>> hash = world.devices.upload_module("def build_root_object(): ...")
            >>> world.devices.missing_modules([("main", hash)])
            []
        """
        with self._access.using("bundle", None, "upload a module", "upload-module", source=source) as context:
            return self._bundles.upload(source, context)

    def install_manifest(self, manifest: Sequence[tuple[str, str]], name: str | None = None) -> str:
        """Make a bundle of uploaded modules, and commit.

        Args:
            manifest: the names of the modules and their hashes.
            name: a name under which vats can find it too; it can be given to another bundle later.
        Returns:
            The id of the bundle.
        Raises:
            KernelError: if a module was not uploaded.
        Source:
            The same.
        Example:
            >>> hash = world.devices.upload_module("def build_root_object(): ...")
            >>> id = world.devices.install_manifest([("main", hash)], "empty")
        """
        asked = {"manifest": manifest, "name": name}
        with self._access.using(
            "bundle", None, f"install {name or 'a bundle'}", "install-bundle", **asked
        ) as context:
            try:
                return self._bundles.install(manifest, name, context)
            except DeviceError as error:
                raise KernelError(str(error)) from None

    # Time

    def poll(self, now: int, *, device: str | None = None) -> int:
        """Set the time of a timer device, and commit. The alarms that go off are delivered in the next run.

        Args:
            now: a whole number that never decreases, in any unit that the vats agree on.
            device: the name of the timer device, if the world has several.
        Returns:
            How many alarms went off.
        Raises:
            KernelError: for a time before the last one, or a device that is not there.
        Source:
            `timer.poll(now)` of the timer device.
        Example:
            >>> world.devices.poll(5)
            0
        """
        with self._access.using("timer", device, "poll", "poll", now=now) as context:
            return self._timer.poll(now, context)

    def next_alarm(self, *, device: str | None = None) -> int | None:
        """The time of the next alarm, or None; no earlier poll changes anything.

        Args:
            device: the name of the timer device, if the world has several.
        Source:
            `timer.getNextWakeup`.
        Example:
            >>> later = E(session.devices.timer()).delay(5)
            >>> report = session.settle()
            >>> world.devices.next_alarm()
            5
        """
        with self._access.reading("timer", device) as context:
            return None if context is None else self._timer.next(context)

    # Mail

    def outbox(self, *, device: str | None = None) -> dict[str, dict[str, Any]]:
        """The messages and acknowledgements to carry to peers.

        Args:
            device: the name of the mailbox, if the world has several.
        Returns:
            For each peer a dict: its `messages`, each a list of number and body, and `ack`, a number.
        Source:
            `mailbox.exportToData`, and the state of `buildMailboxStateMap`.
        Example:
            >>> world.devices.outbox()
            {}
        """
        with self._access.reading("mailbox", device) as context:
            return {} if context is None else self._mailbox.outbox(context)

    def receive(
        self, peer: str, messages: Sequence[Sequence[Any]], ack: int = 0, *, device: str | None = None
    ) -> int:
        """Receive messages and an acknowledgement from a peer, and commit; repeated ones are ignored.

        Args:
            peer: the name of the peer.
            messages: `[[number, body], ...]`, as the peer's own `outbox` has them.
            ack: the number of the last message that the peer has received.
            device: the name of the mailbox, if the world has several.
        Returns:
            How many messages were new.
        Raises:
            KernelError: for messages that no outbox could hold, or if no vat has registered for mail.
        Source:
            `mailbox.deliverInbound(peer, messages, ack)`.
        Example:
            >>> world.devices.receive("paris", [[1, "hello"]])
            Traceback (most recent call last):
            swingset.core.errors.KernelError: no vat has registered with the mailbox yet: nothing was taken
        """
        mail = {"peer": peer, "messages": messages, "ack": ack}
        with self._access.using("mailbox", device, "mail", "receive", **mail) as context:
            return self._mailbox.receive(peer, messages, ack, context)

    # The program around

    def bridge_outbound(self, *, device: str | None = None) -> list[tuple[int, CapData]]:
        """What vats have sent over the bridge and the host has not taken yet; commit before you call it.

        Args:
            device: the name of the bridge, if the world has several.
        Returns:
            The number and the data of each, in order.
        Source:
            The callback `outboundCallback` of `buildBridge`, as a queue that is taken after the commit.
        Example:
            >>> world.devices.bridge_outbound()
            []
        """
        with self._access.reading("bridge", device) as context:
            return [] if context is None else self._bridge.outbound(context)

    def bridge_taken(self, number: int, *, device: str | None = None) -> None:
        """Mark everything up to a number as taken, and commit.

        Args:
            number: a number from `bridge_outbound`.
            device: the name of the bridge, if the world has several.
        Example:
            >>> world.devices.bridge_taken(0)
        """
        with self._access.using("bridge", device, "bridge", "bridge-taken", number=number) as context:
            self._bridge.taken(number, context)

    def bridge_deliver(self, data: CapData, *, device: str | None = None) -> None:
        """Send data to the vat that registered with the bridge, and commit.

        Args:
            data: capdata without references.
            device: the name of the bridge, if the world has several.
        Raises:
            KernelError: if no vat has registered.
        Source:
            `bridge.deliverInbound`.
        Example:
            >>> world.devices.bridge_deliver(swingset.CapData("#5"))
            Traceback (most recent call last):
            swingset.core.errors.KernelError: no vat has registered with the bridge yet: nothing was sent
        """
        said = data.to_json()
        with self._access.using("bridge", device, "bridge", "bridge-deliver", data=said) as context:
            self._bridge.deliver(data, context)

    def plugin(self, name: str, function: Function) -> str:
        """Let vats that hold a device node call a function of this process.

        The node is the device of kind plugin with this name, or a new one. An exception of the function, even
        a `SystemExit`, is raised in its caller; only an interrupt ends the run.

        Args:
            name: the name of the node.
            function: takes the capdata of the arguments, and returns that of the answer.
        Returns:
            The kref of the device node.
        Source:
            The plugin device, without the loading of modules by name.
        Example:
            >>> kref = world.devices.plugin("echo", lambda data: data)
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

        with self._opened.lock:
            own = self._kernel.store.devices.named(name)
            named = name if own is not None and own.kind == "plugin" else _PLUGINS
            self._kernel.add_device(named, "plugin")
            with self._access.using("plugin", named, "plugin", "plugin", name=name) as context:
                return self._plugins.hand_in(name, call, context)
