"""The service vats and devices of a world, as references for a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swingset.guest.base import context
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import UnpassableError
from swingset.guest.sending.device_calls import D
from swingset.host.base.starting import Parts
from swingset.host.code.joined import Joined
from swingset.host.code.modulecaps import closed_graph
from swingset.host.controls.device_access import TIMER, VAT_ADMIN
from swingset.host.sessions.promised import promised
from swingset.model.capdata import CapData
from swingset.model.stack import room


class SessionDevices:
    """The service vats and devices, as `session.devices`; each is made if the world has none.

    Source:
        Ours: what `bootstrap(vats, devices)` hands out, to a session.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined

    def vat_admin(self) -> Any:
        """The service vat that makes vats: `E(vat_admin).create_vat(bundlecap, options)`.

        Example:
            >>> session.devices.vat_admin() is session.root("vatAdmin")
            True
        """
        with self._joined.controller.lock:
            return self._known(self._joined.controller.devices.service(VAT_ADMIN), VAT_ADMIN)

    def admin_node(self, vat: str) -> Any:
        """A promise for the admin node of a vat, whoever made the vat.

        It is settled in the next run. Whoever has the node can upgrade, change and terminate the vat.

        Args:
            vat: the name of the vat.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: for the vat of a session, which has none.
        Example:
            >>> node = session.wait(session.devices.admin_node("bank"))
        """
        with self._joined.controller.lock:
            kref = self._joined.controller.devices.admin_node(vat)
            return promised(self._joined, kref, f"knows the admin node of {vat}")

    def critical_vat_key(self) -> Any:
        """The key for the option `critical`; its holder can make vats whose end stops the world.

        Example:
            >>> key = session.devices.critical_vat_key()
        """
        with self._joined.controller.lock:
            return self._known(self._joined.controller.devices.critical_vat_key(), "criticalVatKey")

    def bundle(self, code: str | Parts, name: str | None = None) -> Any:
        """Install code of which vats can make vats.

        Args:
            code: a text, or the names and sources of several parts.
            name: a name under which vats can find it too; it can be given to another bundle later.
        Returns:
            The bundlecap, for vatAdmin.
        Example:
            >>> cap = session.devices.bundle("def build_root_object(): ...", "empty")
        """
        with self._joined.controller.lock:
            parts = (("main", code),) if isinstance(code, str) else code
            bundle = self._joined.controller.devices.install_bundle(parts, name)
            device = self._known(self._joined.controller.devices.node("bundle"), "bundles")
            return self.call(device, "get_bundlecap", bundle)

    def modulecap(self, module: str, *, exits: Sequence[str] = (), name: str | None = None) -> Any:
        """Install the graph of a module, for vats that start, become or import it.

        Args:
            module: the name of a module of this world; what it imports comes along.
            exits: what it imports and what its importer fills.
            name: a name under which vats can find the graph too.
        Returns:
            The modulecap: a bundlecap of a graph that declares its exits.
        Raises:
            KernelError: if there is no such module, or if one of its imports leads nowhere.
            StrangeModules: if it, or one that it imports, was found in the file and is not accepted.
        Source:
            `bundleSource`, and the bundlecap of what it returns.
        Example:
            >>> session.modules.define("rates", "def fee(amount): return amount // 100")
            True
            >>> cap = session.devices.modulecap("rates")
        """
        with self._joined.controller.lock:
            return self.bundle(closed_graph(self._joined.modules, module, exits), name)

    def timer(self) -> Any:
        """The service vat for alarms: `E(timer).delay(5)`. `controller.devices.poll(now)` sets the time.

        Example:
            >>> later = E(session.devices.timer()).delay(5)
            >>> report = session.settle()
            >>> world.devices.poll(5)
            1
        """
        with self._joined.controller.lock:
            return self._known(self._joined.controller.devices.service(TIMER), TIMER)

    def mailbox(self) -> Any:
        """The mailbox device, for the vat that handles mail; if there are several, use `get`.

        Example:
            >>> box = session.devices.mailbox()
        """
        return self._node("mailbox")

    def bridge(self) -> Any:
        """The bridge device, for the vat that talks with this program; if there are several, use `get`.

        Example:
            >>> bridge = session.devices.bridge()
        """
        return self._node("bridge")

    def market(self, facet: str = "market", account: str | None = None) -> Any:
        """A facet of the market, to be called with `D` or sent to a vat.

        Args:
            facet: `market`, which opens accounts; `mint`, which credits them; or `account`, which spends.
            account: the name of the account.
        Raises:
            KernelError: if the world has no market, or there is no such facet or account.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 100)
            >>> session.devices.call(session.devices.market("account", "ann"), "get")["balance"]
            100
        """
        with self._joined.controller.lock:
            return self._known(self._joined.controller.market.facet(facet, account), facet)

    def _node(self, kind: str) -> Any:
        with self._joined.controller.lock:
            return self._known(self._joined.controller.devices.node(kind), kind)

    def bridge_send(self, data: Any, *, device: str | None = None) -> None:
        """Send plain data to the vat that registered with the bridge.

        Args:
            data: plain data: what `json` can write, bytes and dates.
            device: the name of the bridge, if the world has several.
        Raises:
            TypeError: for data that holds references, or that cannot be passed.
            KernelError: if no vat has registered.
        Example:
            >>> session.devices.bridge_send({"now": 5})
            Traceback (most recent call last):
            swingset.core.errors.KernelError: no vat has registered with the bridge yet: nothing was sent
        """
        self._joined.controller.devices.bridge_deliver(self._write(data), device=device)

    def bridge_receive(self, handle: Callable[[Any], None], *, device: str | None = None) -> int:
        """Process what vats have sent over the bridge, in order; if `handle` raises, the item stays.

        Args:
            handle: called with the data of each.
            device: the name of the bridge, if the world has several.
        Returns:
            How many were processed.
        Example:
            >>> session.devices.bridge_receive(print)
            0
        """
        outbound = self._joined.controller.devices.bridge_outbound(device=device)
        for number, data in outbound:
            handle(self._read(data))
            self._joined.controller.devices.bridge_taken(number, device=device)
        return len(outbound)

    def plugin(self, name: str, function: Callable[..., Any]) -> Any:
        """Let vats call a function of this process: a vat with the device calls `D(device).call(...)`.

        The function can be called until this session ends. A rehearsal cannot call it, so that it has no
        effects.

        Args:
            name: the name of the device.
            function: takes and returns plain data.
        Returns:
            A reference to the device.
        Example:
            >>> session.devices.call(session.devices.plugin("add", lambda a, b: a + b), "call", 1, 2)
            3
        """

        def call(args: CapData) -> CapData:
            return self._write(function(*self._read(args)))

        with self._joined.controller.lock:
            return self._known(self._joined.controller.devices.plugin(name, call), name)

    def _read(self, value: CapData) -> Any:
        with context.activate(self._joined.liveslots), room():
            return self._joined.liveslots.slots.decode(value.to_json())

    def _write(self, value: Any) -> CapData:
        try:
            with room():
                body, objects = smallcaps.encode(value, self._joined.liveslots.trace_of)
        except UnpassableError as error:
            words = self._joined.liveslots.slots.explain("the answer", value, error)
            raise TypeError(words) from None
        if objects:
            raise TypeError("the answer of a host function is plain data, and cannot hold references")
        return CapData(body)

    def get(self, name: str) -> Any:
        """The root of a device of this world, to be called with `D`.

        Args:
            name: the name of the device.
        Raises:
            KernelError: if there is none of that name.
        Example:
            >>> kref = world.devices.add("clock", "timer")
            >>> clock = session.devices.get("clock")
        """
        with self._joined.controller.lock:
            return self._known(self._joined.controller.kernel.devices.context(name).device.root, name)

    def call(self, device: Any, method: str, *args: Any) -> Any:
        """Call a device from outside of a delivery, and commit.

        Args:
            device: a reference to it.
            method: the name of the method.
            args: the arguments.
        Returns:
            Its answer.
        Raises:
            RemoteError: the error that the device raised.
        Example:
            >>> device = session.devices.plugin("add", lambda a, b: a + b)
            >>> session.devices.call(device, "call", 1, 2)
            3
        """
        with self._joined.controller.lock, context.activate(self._joined.liveslots):
            answer = getattr(D(device), method)(*args)
            self._joined.controller.commit(f"{method}()")
            return answer

    def _known(self, kref: str, iface: str) -> Any:
        found = self._joined.reference(kref, iface)
        self._joined.controller.commit(f"knows {iface}")
        return found
