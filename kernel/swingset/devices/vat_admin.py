"""The vat-admin device: making, changing and ending vats, and the meters that pay for them.

Its root belongs to the vat `vatAdmin` alone. Each vat that is made has a device node, its admin node, which
can end it and replace its code; each meter has one too. What takes time answers with a promise of the kernel,
so that nothing depends on the vat that asked: `done` of a vat is kept here, not in anybody's heap.

A meter is forgotten when nobody holds its device node and it pays for no vat: nobody could refill it, and
nobody would notice. One whose node is gone first is noted as `loose`, and looked at when a vat ends.
"""

from __future__ import annotations

from typing import Any

from swingset.core.administration import Administration
from swingset.core.devices import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.devices import plain, vat_options
from swingset.devices.bundles import BundleDevice
from swingset.devices.plain import Ref
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.world.devices import Devices

_ROOT_METHODS = ("create", "create_meter")
_VAT_METHODS = ("terminate", "done", "upgrade", "change_options")
_METER_METHODS = ("add_remaining", "set_threshold", "get", "set_keeper")
_NOTHING = CapData("#null")


class VatAdminDevice:
    """Serves devices of kind `vat-admin`."""

    kind = "vat-admin"

    def __init__(self, administration: Administration, devices: Devices) -> None:
        self._admin = administration
        self._devices = devices

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve the root, an admin node or a meter, by what the node says it is."""
        assert context.node is not None
        try:
            if context.node == context.device.root:
                return self._call_root(method, args, context)
            state = context.get(context.node)
            known = plain.read(state) if state else {}
            if "vat" in known:
                return self._call_vat(method, args, context, known)
            if "meter" in known:
                return self._call_meter(method, args, str(known["meter"]))
        except KernelError as error:
            raise DeviceError(str(error)) from None
        raise plain.no_method("this device node", method)

    def vat_ended(self, vat: str, rejected: bool, outcome: CapData, context: DeviceContext) -> None:
        """Settle what the keeper of a vat waits for."""
        for key in (f"made.{vat}", f"vat.{vat}"):
            promise = context.get(key)
            if promise is not None:
                context.settle(promise.slots[0], rejected, outcome)
                context.set(key, None)
        self._forget_loose_meters(context)

    def node_gone(self, state: CapData, context: DeviceContext) -> None:
        """Forget a meter that nobody can refill, as soon as it pays for no vat."""
        meter = plain.read(state).get("meter")
        if meter is not None:
            context.set(f"loose.{meter}", _NOTHING)
            self._forget_loose_meters(context)

    def _forget_loose_meters(self, context: DeviceContext) -> None:
        for key in context.keys("loose."):
            if self._admin.metering.forget_unused(key.removeprefix("loose.")):
                context.set(key, None)

    def vat_started(self, vat: str, root: str, context: DeviceContext) -> None:
        """Settle what the creator of a vat waits for."""
        made = context.get(f"made.{vat}")
        if made is not None:
            promise, admin_node = plain.read(made)
            outcome = {"root": Ref(root, "root"), "adminNode": admin_node}
            context.settle(promise.kref, False, plain.write(outcome))
            context.set(f"made.{vat}", None)

    def admin_node(self, vat: str, context: DeviceContext) -> str:
        """A device node that ends and changes a vat which nobody made through this device; for the host."""
        known = context.get(f"vat.{vat}")
        if known is None:
            known = plain.write(Ref(context.new_promise()))
            context.set(f"vat.{vat}", known)
        return context.new_node(plain.write({"vat": vat, "done": Ref(known.slots[0])}))

    def critical_key(self, context: DeviceContext) -> str:
        """The device node that allows making critical vats; the host decides who gets it."""
        known = context.get("criticalKey")
        if known is None:
            known = plain.write(Ref(context.new_node(plain.write({"critical": True})), "criticalVatKey"))
            context.set("criticalKey", known)
        return known.slots[0]

    # Making

    def _call_root(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        if method == "create":
            return self._create(args, context)
        if method == "create_meter":
            remaining, threshold = plain.arguments(args, method, "remaining", "threshold")
            amount = None if remaining is None else plain.whole(remaining, "remaining")
            meter = self._admin.metering.create(amount, plain.whole(threshold, "threshold"))
            return plain.write(Ref(context.new_node(plain.write({"meter": meter})), "meter"))
        raise plain.no_method("the vat-admin device", method, *_ROOT_METHODS)

    def _create(self, args: CapData, context: DeviceContext) -> CapData:
        """Answers `[device node, promise]`: the promise is for the root, and the object that stands for the
        device node outside, as `{"root": ..., "adminNode": ...}`.
        """
        found = plain.arguments(_without_parameters(args), "create", "bundlecap", "options", "admin_node")
        cap, options_given, admin_node = found
        given = _options(options_given)
        bundle = self._bundle(cap)
        if bundle is None:
            raise DeviceError("Vat Creation Error: createVat() requires a bundlecap")
        name = vat_options.check_name(given.get("name"))
        options = vat_options.convert(given)
        if given.get("meter") is not None:
            options["meter"] = self._meter("CreateVatOptions", given["meter"], context)
        if given.get("critical") not in (None, False):
            options["critical"] = self._check_key(given["critical"], context)
        caller = self._admin.vat(context.caller or "")
        worker = self._worker(given.get("worker"), caller.worker if caller else "")
        parameters = plain.part(args, 1, "vatParameters") if "vatParameters" in given else _NOTHING
        vat, _ = self._admin.create(name, worker, bundle, parameters, options)
        made = Ref(context.new_promise())
        context.set(f"made.{vat}", plain.write([made, plain.reference(admin_node, "admin_node")]))
        done = Ref(context.new_promise())
        context.set(f"vat.{vat}", plain.write(done))
        node = context.new_node(plain.write({"vat": vat, "done": done}))
        return plain.write([Ref(node, "adminNode"), made])

    def _bundle(self, cap: object) -> str | None:
        """The id of the bundle that a bundlecap stands for, whichever device handed it out."""
        owner = self._admin.owner_of(cap.kref) if isinstance(cap, Ref) else None
        device = self._devices.get(owner) if owner else None
        if device is None or device.kind != BundleDevice.kind or not isinstance(cap, Ref):
            return None
        state = self._devices.load(device.id, cap.kref)
        return str(plain.read(state)["bundle"]) if state else None

    def _check_key(self, key: object, context: DeviceContext) -> bool:
        known = context.get("criticalKey")
        if known is None or not isinstance(key, Ref) or key.kref != known.slots[0]:
            raise DeviceError("CreateVatOptions: critical wants the criticalVatKey")
        return True

    def _worker(self, wanted: Any, own: str) -> str:
        """A vat runs in the kind of worker its maker's runs in, or in one that confines it."""
        if wanted is None:
            return own
        allowed = [kind for kind in self._admin.workers() if kind == own or kind.startswith("wasm")]
        if wanted not in allowed:
            words = f"CreateVatOptions: worker wants one of {', '.join(allowed)}, got {plain.shown(wanted)}"
            raise DeviceError(words)
        return str(wanted)

    # A vat

    def _call_vat(self, method: str, args: CapData, context: DeviceContext, known: dict[str, Any]) -> CapData:
        vat = str(known["vat"])
        if method == "done":
            return plain.write(known["done"])
        if method in _VAT_METHODS and self._admin.is_over(vat):
            raise DeviceError("vat terminated", code=reasons.TERMINATED)
        if method == "terminate":
            if self._admin.vat(vat) is not None:
                self._admin.end(vat, plain.part(args, 0))
            return _NOTHING
        if method == "upgrade":
            return self._upgrade(vat, args)
        if method == "change_options":
            given = _options(plain.arguments(args, method, "options")[0])
            changes = vat_options.convert(given, changing=True)
            if "meter" in given:
                meter = given["meter"]
                changes["meter"] = None if meter is None else self._meter("changeOptions", meter, context)
            self._admin.change_options(vat, changes)
            self._forget_loose_meters(context)
            return _NOTHING
        raise plain.no_method("an admin node", method, *_VAT_METHODS)

    def _upgrade(self, vat: str, args: CapData) -> CapData:
        cap, options_given = plain.arguments(_without_parameters(args), "upgrade", "bundlecap", "options")
        given = _options(options_given)
        unknown = [name for name in given if name not in ("vatParameters", "upgradeMessage")]
        if unknown:
            listed = ", ".join(f'"{name}"' for name in unknown)
            raise DeviceError(f"upgrade() received unknown options: {listed}")
        bundle = self._bundle(cap)
        if bundle is None:
            raise DeviceError("upgrade() requires a bundlecap", name="TypeError")
        message = plain.text(given.get("upgradeMessage", "vat upgraded"), "upgradeMessage")
        parameters = plain.part(args, 1, "vatParameters") if "vatParameters" in given else _NOTHING
        return plain.write(Ref(self._admin.upgrade(vat, bundle, parameters, message)))

    # A meter

    def _call_meter(self, method: str, args: CapData, meter: str) -> CapData:
        metering = self._admin.metering
        if method == "get":
            found = metering.get(meter)
            remaining = "unlimited" if found.remaining is None else found.remaining
            return plain.write({"remaining": remaining, "threshold": found.threshold})
        if method == "add_remaining":
            metering.refill(meter, plain.whole(plain.arguments(args, method, "computrons")[0], "computrons"))
            return _NOTHING
        if method == "set_threshold":
            threshold = plain.arguments(args, method, "threshold")[0]
            metering.set_threshold(meter, plain.whole(threshold, "threshold"))
            return _NOTHING
        if method == "set_keeper":
            keeper = plain.reference(plain.arguments(args, method, "keeper")[0], "keeper")
            metering.set_keeper(meter, keeper.kref)
            return _NOTHING
        raise plain.no_method("a meter", method, *_METER_METHODS)

    def _meter(self, where: str, given: object, context: DeviceContext) -> str:
        kref = given.kref if isinstance(given, Ref) else ""
        state = context.get(kref) if context.owns(kref) else None
        known = plain.read(state) if state else {}
        if "meter" not in known:
            raise DeviceError(f"{where}: meter wants a meter, got {plain.shown(given)}")
        return str(known["meter"])


def _options(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise DeviceError(f"options want a dict, got {plain.shown(given)}", name="TypeError")
    return given


def _without_parameters(args: CapData) -> CapData:
    """The arguments of a call with the parameters of the vat, which are for it alone to read, left blank."""
    return plain.blank(args, 1, "vatParameters")
