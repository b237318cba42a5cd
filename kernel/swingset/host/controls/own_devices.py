"""An embedder's own devices: objects that vats call at once, written in Python, with state in the world.

A device is a class. Vats call its public methods, with plain data and a `Ref` for each object. With each call
it gets a `DeviceCall`, which is its access to the world: state that is rolled back with the caller's crank,
its own nodes, and messages to objects that it was given.

The code runs in the host, with all the powers of the host. So a vat can call only the methods that the class
defines: they are looked up in a table that is made when the device is installed. An exception in a device is
raised in its caller, its changes are rolled back, and it never reaches the kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, ClassVar

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.core.options import NAME_WANTS, name_trouble
from swingset.devices import plain
from swingset.devices.mover import MoverDevice
from swingset.guest.passing import smallcaps
from swingset.host.base.opened import Opened
from swingset.host.base.requests import read, write
from swingset.host.controls.device_access import DEFAULTS, HTTP
from swingset.model.capdata import CapData, Ref
from swingset.model.refs import is_kref, kref_type
from swingset.world.errors import WorldError

_log = logging.getLogger(__name__)

_STATE = "own."


class Device:
    """The base class of an embedder's devices. Set `kind` in your class, and write the methods for vats.

    Each takes a `DeviceCall` and the arguments of the caller. Methods that begin with `_` or `on_` are not
    for vats. The kernel calls the hooks below in the crank of their event.

    Source:
        The device drivers of SwingSet (`buildRootDeviceNode`), with methods in place of a root node.
    """

    kind: ClassVar[str]

    def on_node_gone(self, call: DeviceCall, state: Any) -> None:
        """Called when nothing holds a node of this device any more.

        Args:
            call: this device's access to the world.
            state: the state that the node was made with.
        Example:
            >>> swingset.Device().on_node_gone(None, {"seat": 5})
        """

    def on_vat_ended(self, call: DeviceCall, vat: str) -> None:
        """Called when a vat was terminated.

        Args:
            call: this device's access to the world.
            vat: the id of the vat, as in `DeviceCall.caller`.
        Example:
            >>> swingset.Device().on_vat_ended(None, "v7")
        """


class DeviceCall:
    """A device's access to the world during one call.

    `caller` is the id of the calling vat, and `node` is the node that it called; both are None in a `visit`
    of the host.

    Source:
        The device powers: `SO`, `getDeviceState` and `setDeviceState`; promises are ours.
    """

    def __init__(self, kernel: Kernel, context: DeviceContext) -> None:
        self._kernel = kernel
        self._context = context
        self.caller = context.caller
        self.node = None if context.node is None else Ref(context.node, context.device.name)
        self.state = DeviceState(self, context)

    @property
    def node_state(self) -> Any:
        """The state of the node that was called; None for the root of the device."""
        found = None if self.node is None else self._context.get(self.node.kref)
        return None if found is None else read(found)

    def new_node(self, state: Any) -> Ref:
        """Make a node of this device, which lives as long as something holds it.

        Args:
            state: the `node_state` of its calls; references in it are held as long as the node lives.
        Returns:
            A reference to it, which the device may return, send or keep in its state.
        Raises:
            TypeError: for a state that cannot be passed.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> with world.devices.own.visit("tally") as call:
            ...     call.state["seat"] = call.new_node({"seat": 5})
        """
        return Ref(self._context.new_node(self._written(state)), self._context.device.name)

    def send(self, target: Ref, method: str, *args: Any, **kwargs: Any) -> None:
        """Send a message to an object; its result is ignored.

        Args:
            target: a reference from this call or from the state.
            method: the name of the method.
            args: positional arguments.
            kwargs: keyword arguments.
        Raises:
            TypeError: for an argument that cannot be passed.
            KernelError: for a reference that nothing holds any more.
        Source:
            `SO(target).method(...)`.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> with world.devices.own.visit("tally") as call:
            ...     call.send(swingset.Ref(world.vats.root("bank"), "bank"), "open_purse", "alice")
        """
        self._must_be_held(target.kref)
        methargs = [method, list(args), kwargs] if kwargs else [method, list(args)]
        self._context.send(target.kref, self._written(methargs))

    def new_promise(self) -> Ref:
        """Make a promise that this device will settle.

        Returns:
            A reference to it, which the device may return, send or keep in its state.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> with world.devices.own.visit("tally") as call:
            ...     call.state["later"] = call.new_promise()
        """
        return Ref(self._context.new_promise(), "Promise")

    def settle(self, promise: Ref, value: Any) -> None:
        """Fulfil a promise that `new_promise` has made, or reject it with an exception.

        A second outcome is ignored.

        Args:
            promise: the promise.
            value: its value; an exception rejects it.
        Raises:
            TypeError: for a value that cannot be passed.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> with world.devices.own.visit("tally") as call:
            ...     call.settle(call.new_promise(), 5)
        """
        self._context.settle(promise.kref, isinstance(value, BaseException), self._written(value))

    def _written(self, value: Any) -> CapData:
        """A value as capdata; raises `KernelError` for a reference in it that nothing holds any more."""
        data = write(value)
        for slot in data.slots:
            self._must_be_held(slot)
        return data

    def _must_be_held(self, kref: str) -> None:
        store = self._kernel.store
        tables = store.promises if is_kref(kref) and kref_type(kref) == "p" else store.objects
        if not is_kref(kref) or tables.get(kref) is None:
            raise KernelError(f"nobody holds {kref} any more: keep a reference in the device's state")


class DeviceState(MutableMapping[str, Any]):
    """The state of a device by key: plain data, and each `Ref` whose object it holds."""

    def __init__(self, call: DeviceCall, context: DeviceContext) -> None:
        self._call = call
        self._context = context

    def __getitem__(self, key: str) -> Any:
        found = self._context.get(_STATE + key)
        if found is None:
            raise KeyError(key)
        return read(found)

    def __setitem__(self, key: str, value: Any) -> None:
        self._context.set(_STATE + key, self._call._written(value))

    def __delitem__(self, key: str) -> None:
        if self._context.get(_STATE + key) is None:
            raise KeyError(key)
        self._context.set(_STATE + key, None)

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(_STATE) for key in self._context.keys(_STATE))

    def __len__(self) -> int:
        return len(self._context.keys(_STATE))


class OwnDevices:
    """The embedder's own devices in an open world, as `controller.devices.own`.

    Source:
        `addDevices` of the configuration, in a world that is open.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def install(self, device: Device, name: str | None = None) -> str:
        """Serve a kind of device until the world is closed, make a device of it, and commit.

        Install it again each time the world is opened. A fork does not have its code, so a rehearsal has no
        effects.

        Args:
            device: an instance of your class.
            name: the name of the device; None for its kind, if there is only one.
        Returns:
            The kref of its root. `session.devices.get(name)` returns a reference that can be sent to vats.
        Raises:
            KernelError: for a kind or a name that is invalid or taken.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> session.devices.call(session.devices.get("tally"), "add", 5)
            5
        """
        kind = getattr(device, "kind", None)
        for what, given in (("kind", kind), ("name", name if name is not None else kind)):
            if not isinstance(given, str) or name_trouble(given) is not None:
                raise KernelError(f"bad {what} {given!r} of a device: {NAME_WANTS}")
        if kind in (*DEFAULTS, HTTP, MoverDevice.kind, "plugin"):
            raise KernelError(f"devices of kind {kind!r} come with the library: give yours another kind")
        with self._opened.lock:
            root = self._kernel.add_device(name or str(kind), str(kind))
            self._kernel.devices.install(Served(device, self._kernel))
            self._opened.keep(f"device {name or kind}")
            return root

    @contextmanager
    def visit(self, name: str) -> Iterator[DeviceCall]:
        """Get a device's access to the world, as the host; the body is atomic, and is committed.

        Args:
            name: the name of the device.
        Raises:
            KernelError: if there is no device of that name.
        Example:
            >>> kref = world.devices.own.install(Tally(), "tally")
            >>> with world.devices.own.visit("tally") as call:
            ...     call.state["count"] = 7
        """
        with self._opened.changing(f"visit to device {name}", "visit-device", name=name):
            yield DeviceCall(self._kernel, self._kernel.devices.context(name))


class Served:
    """The adapter through which the kernel calls a device."""

    def __init__(self, device: Device, kernel: Kernel) -> None:
        self.kind = device.kind
        self._device = device
        self._kernel = kernel
        self._methods: dict[str, Callable[..., Any]] = {
            name: function
            for cls in reversed(type(device).__mro__)
            if issubclass(cls, Device) and cls is not Device
            for name, function in vars(cls).items()
            if callable(function) and not name.startswith(("_", "on_"))
        }

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve a vat's call."""
        function = self._methods.get(method)
        if function is None:
            raise plain.no_method(f"device {context.device.name}", method, *sorted(self._methods))
        call = DeviceCall(self._kernel, context)
        try:
            given = list(read(args))
        except smallcaps.DecodeError as problem:
            raise DeviceError(
                f"the arguments of {method}() cannot be read: {problem}", name="TypeError"
            ) from None
        return call._written(function(self._device, call, *given))

    def node_gone(self, state: CapData, context: DeviceContext) -> None:
        """Notify the device that one of its nodes is gone."""
        self._hook(lambda call: self._device.on_node_gone(call, read(state)), context)

    def vat_ended(self, vat: str, _rejected: bool, _outcome: CapData, context: DeviceContext) -> None:
        """Notify the device that a vat was terminated."""
        self._hook(lambda call: self._device.on_vat_ended(call, vat), context)

    def _hook(self, hook: Callable[[DeviceCall], None], context: DeviceContext) -> None:
        """Call a hook; if it raises, its changes are rolled back and the exception is logged."""
        world, store = self._kernel.world, self._kernel.store
        effects = store.effects.other
        since = len(effects)
        store.savepoint("hook")
        try:
            hook(DeviceCall(self._kernel, context))
        except BaseException as problem:
            store.rollback_to("hook")
            world.release("hook")
            del effects[since:]
            if not isinstance(problem, Exception) or isinstance(problem, WorldError):
                raise
            _log.exception("a hook of device %s failed", context.device.name)
        else:
            world.release("hook")
