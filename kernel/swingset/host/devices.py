"""The devices and the vats that come with the library, put into a world when somebody asks for them.

A world has none of them to begin with, so a small world stays small. The code that serves devices is here in
every host that opens the world; what they remember is in the world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from swingset import vats
from swingset.core.devices import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.core.options import NAME_WANTS, name_trouble
from swingset.devices import plain
from swingset.devices.bridge import BridgeDevice
from swingset.devices.bundles import BundleDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.devices.plugin import Function, PluginDevice
from swingset.devices.timer import TimerDevice
from swingset.devices.vat_admin import VatAdminDevice
from swingset.guest.base.context import DeliveryAbandonedError
from swingset.guest.passing import smallcaps
from swingset.host.opened import Opened
from swingset.host.starting import Parts, create_vat, service_counter
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import Message, Send
from swingset.world.devices import DeviceRecord
from swingset.world.vats import TERMINATED

VAT_ADMIN = "vatAdmin"
TIMER = "timer"
_PLUGINS = "plugins"
_DEFAULTS = {
    "bundle": "bundles",
    "vat-admin": VAT_ADMIN,
    "timer": "timer",
    "mailbox": "mailbox",
    "bridge": "bridge",
}
"""The names of devices that are made because somebody asks for one of their kind."""

DEVICE_KINDS = (*_DEFAULTS, "plugin")
"""The kinds of device that this host has code for."""


def _check_readable(data: CapData) -> None:
    """Raise `DeviceError` for a body without references that the host could not read."""

    def fetch(*_: object) -> None:
        raise smallcaps.DecodeError("it mentions a slot")

    try:
        smallcaps.decode(data.body, fetch)
    except smallcaps.DecodeError as problem:
        raise DeviceError(f"send(data) of the bridge: {problem}", name="TypeError") from None


class HostDevices:
    """The devices of one open world, from the host's side."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel
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
        ):
            self._kernel.devices.install(code)

    def add(self, name: str, kind: str) -> str:
        """The kref of the root of the device of that name, which is made if there is none.

        Raises `KernelError` for a kind that there is no code for, and for a name that another kind has.
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

    # Vats and their code

    def vat_admin(self) -> str:
        """The kref of the root of vat `vatAdmin`, which is started if there is none."""

        def given() -> dict[str, Ref]:
            return {"admin": self._node("vat-admin"), "bundles": self._node("bundle")}

        return self._service(VAT_ADMIN, "vat_admin", given)

    def critical_vat_key(self) -> str:
        """The kref of what a creator needs to make a vat whose end stops the world."""
        with self._opened.lock:
            self.vat_admin()
            with self._using("vat-admin", None, None) as context:
                return self._vat_admin.critical_key(context)

    def admin_node(self, vat: str) -> str:
        """A promise, which the host holds, for the admin node of any vat, also of one that the host made.

        It comes with the next run. Give it to whoever is to upgrade, change or end that vat.
        """
        with self._opened.lock:
            record = self._kernel.vat(vat)
            if record.attached:
                raise KernelError(f"vat {vat} lives in the embedder's interpreter: it has no admin node")
            target = self.vat_admin()
            store = self._kernel.store
            with self._using("vat-admin", None, f"admin node of {vat}") as context:
                node = Ref(self._vat_admin.admin_node(record.id, context), "adminNode")
                result = store.new_promise(None, "ignore")
                store.hold(result)
                methargs = plain.write(["admin_node_of", [node]])
                store.enqueue(Send(target, Message(methargs, result)))
            return result

    def bundles(self) -> str:
        """The kref of the bundle device, which is made if there is none."""
        with self._opened.lock:
            return self._node("bundle").kref

    def install_bundle(self, parts: Parts, name: str | None = None) -> str:
        """Install code for vats to be made of; returns its id. The name is an alias that can move."""
        with self._opened.lock:
            return self.install_manifest([(part, self.upload_module(source)) for part, source in parts], name)

    def missing_modules(self, manifest: Sequence[tuple[str, str]]) -> list[str]:
        """Those of a bundle's modules, `[(name, hash), ...]`, that were never uploaded."""
        with self._reading("bundle", None) as context:
            if context is None:
                return list(dict.fromkeys(digest for _, digest in manifest))
            return self._bundles.missing(manifest, context)

    def upload_module(self, source: str) -> str:
        """Take in the source of one module, for good; returns its hash."""
        with self._using("bundle", None, "upload a module") as context:
            return self._bundles.upload(source, context)

    def install_manifest(self, manifest: Sequence[tuple[str, str]], name: str | None = None) -> str:
        """Make a bundle of modules that were all uploaded; returns its id. Raises `KernelError`."""
        with self._using("bundle", None, f"install {name or 'a bundle'}") as context:
            try:
                return self._bundles.install(manifest, name, context)
            except DeviceError as error:
                raise KernelError(str(error)) from None

    # Time

    def timer(self) -> str:
        """The kref of the root of vat `timer`, which is started if there is none."""
        return self._service(TIMER, "timer", lambda: {"timer": self._node("timer")})

    def poll(self, now: int, *, device: str | None = None) -> int:
        """Say what time it is; returns how many alarms went off. Run the world to let them be heard.

        `device` names the timer device where the world has several.
        """
        with self._using("timer", device, "poll") as context:
            return self._timer.poll(now, context)

    def next_alarm(self, *, device: str | None = None) -> int | None:
        """The time of the next alarm, or None: no poll before that changes anything."""
        with self._reading("timer", device) as context:
            return None if context is None else self._timer.next(context)

    # Mail

    def mailbox(self, *, device: str | None = None) -> str:
        """The kref of the mailbox device, which is made if there is none."""
        with self._opened.lock:
            return self._node("mailbox", device).kref

    def outbox(self, *, device: str | None = None) -> dict[str, dict[str, Any]]:
        """What is to be carried to peers: `{peer: {"messages": [[number, body], ...], "ack": n}}`."""
        with self._reading("mailbox", device) as context:
            return {} if context is None else self._mailbox.outbox(context)

    def receive(
        self, peer: str, messages: Sequence[Sequence[Any]], ack: int = 0, *, device: str | None = None
    ) -> int:
        """Take in what a peer's carrier brought, repeated or not; returns how many messages were new."""
        with self._using("mailbox", device, "mail") as context:
            return self._mailbox.receive(peer, messages, ack, context)

    # The program around

    def bridge(self, *, device: str | None = None) -> str:
        """The kref of the bridge device, which is made if there is none."""
        with self._opened.lock:
            return self._node("bridge", device).kref

    def bridge_outbound(self, *, device: str | None = None) -> list[tuple[int, CapData]]:
        """What vats have sent over the bridge and nobody has dealt with; commit before looking."""
        with self._reading("bridge", device) as context:
            return [] if context is None else self._bridge.outbound(context)

    def bridge_taken(self, number: int, *, device: str | None = None) -> None:
        """Everything up to this number is dealt with."""
        with self._using("bridge", device, "bridge") as context:
            self._bridge.taken(number, context)

    def bridge_deliver(self, data: CapData, *, device: str | None = None) -> None:
        """Send data, without references, to the vat that registered with the bridge."""
        with self._using("bridge", device, "bridge") as context:
            self._bridge.deliver(data, context)

    def plugin(self, name: str, function: Function) -> str:
        """Let vats that hold the device node, whose kref is returned, call a function of this process.

        A device of kind plugin that has this name is that node; else one is made. What the function raises
        goes to its caller, even a `SystemExit`; only an interrupt ends the run.
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
            with self._using("plugin", named, "plugin") as context:
                return self._plugins.hand_in(name, call, context)

    def _service(self, name: str, module: str, given: Callable[[], dict[str, Ref]]) -> str:
        """The kref of the root of one of the library's own vats, which is started if there is none.

        It is known by its id, for a name is no proof: a world may have been made by anybody.
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
                parts = ((name, vats.source(module)),)
                parameters = plain.write(given())
                create_vat(self._opened, name, parts, parameters=parameters, service=True)
            return self._kernel.root_of(name)

    @contextmanager
    def _using(self, kind: str, name: str | None, note: str | None) -> Iterator[DeviceContext]:
        """A device's context within a crank of its own, committed where there is a note."""
        with self._opened.lock:
            device = self._record(kind, name)
            with self._kernel.undoing():
                yield DeviceContext(self._kernel.store, device)
            if note is not None:
                self._opened.commit(note)

    @contextmanager
    def _reading(self, kind: str, name: str | None) -> Iterator[DeviceContext | None]:
        """A device's context to read in, or None where there is no device yet."""
        with self._opened.lock:
            device = self._kernel.devices.find(kind, name)
            yield None if device is None else DeviceContext(self._kernel.store, device)

    def _record(self, kind: str, name: str | None = None) -> DeviceRecord:
        """The device of that name, or the only one of its kind; made where the world has none."""
        device = self._kernel.devices.find(kind, name)
        if device is None:
            self._kernel.add_device(_DEFAULTS[kind], kind)
            device = self._kernel.devices.find(kind)
            assert device is not None
        return device

    def _node(self, kind: str, name: str | None = None) -> Ref:
        device = self._record(kind, name)
        self._opened.keep(f"device {device.name}")
        return Ref(device.root, device.name)
