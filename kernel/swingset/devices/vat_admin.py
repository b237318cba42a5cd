"""The vat-admin device: making, changing and ending vats, and the meters that pay for them.

Its root belongs to the vat `vatAdmin` alone. Each created vat has a device node, its admin node, which can
end it and replace its code; each meter has one too. A call that takes time returns a promise of the kernel,
so that nothing depends on the calling vat: `done` of a vat is kept here, not in a vat's heap.

A meter is deleted when nobody holds its device node and it pays for no vat: then nobody could refill it or
notice. If its node goes first, the meter is marked `loose`, and checked again whenever a vat ends.
"""

from __future__ import annotations

from typing import Any, get_args

from swingset.core.administration import Administration
from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.devices import plain, vat_options
from swingset.devices.bundles import BundleDevice, bundle_of_cap
from swingset.model import reasons
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import Message, Send
from swingset.model.refs import is_vat_id
from swingset.model.states import QueuedPolicy
from swingset.world.device_records import Devices

_ROOT_METHODS = ("create", "create_meter")
_VAT_METHODS = ("terminate", "done", "upgrade", "change_options", "fork")
_METER_METHODS = ("add_remaining", "set_threshold", "get", "set_keeper", "create_meter")


class VatAdminDevice:
    """Serves devices of kind `vat-admin`."""

    kind = "vat-admin"

    def __init__(self, administration: Administration, devices: Devices) -> None:
        self._admin = administration
        self._devices = devices

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve the root, an admin node or a meter; the state of the called node says which it is."""
        assert context.node is not None
        try:
            if context.node == context.device.root:
                return self._call_root(method, args, context)
            known = plain.kept(context, context.node, _is_node) or {}
            if "vat" in known:
                return self._call_vat(method, args, context, known)
            if "meter" in known:
                return self._call_meter(method, args, context, str(known["meter"]))
        except KernelError as error:
            raise DeviceError(str(error)) from None
        raise plain.no_method("this device node", method)

    def vat_ended(self, vat: str, rejected: bool, outcome: CapData, context: DeviceContext) -> None:
        """Settle the promises that depend on a vat's end: `done`, and that of its creation if still open."""
        for key in (f"made.{vat}", f"vat.{vat}"):
            held = plain.kept(context, key, _is_made if key.startswith("made.") else _is_promise)
            if held is not None:
                promise = held[0] if isinstance(held, list) else held
                context.settle(promise.kref, rejected, outcome)
                context.set(key, None)
        self._forget_loose_meters(context)

    def node_gone(self, state: CapData, context: DeviceContext) -> None:
        """Mark the meter of a collected node as loose, and delete it as soon as it pays for no vat."""
        meter = meter_of(state)
        if meter is not None:
            context.set(f"loose.{meter}", plain.NOTHING)
            self._forget_loose_meters(context)

    def _forget_loose_meters(self, context: DeviceContext) -> None:
        loose = context.keys("loose.")
        for key in sorted(
            loose, key=lambda name: (len(name), name), reverse=True
        ):  # those below others first
            if self._admin.metering.forget_unused(key.removeprefix("loose.")):
                context.set(key, None)

    def vat_started(self, vat: str, root: str, context: DeviceContext) -> None:
        """Settle the promise that the creator of a vat got."""
        self._made(vat, {"root": Ref(root, "root")}, context)

    def vat_cloned(self, clone: str, refs: list[Ref], context: DeviceContext) -> None:
        """Settle the promise that the maker of a clone got."""
        self._made(clone, {"refs": refs}, context)

    def _made(self, vat: str, parts: dict[str, Any], context: DeviceContext) -> None:
        made = plain.kept(context, f"made.{vat}", _is_made)
        if made is not None:
            promise, admin_node = made
            context.settle(promise.kref, False, plain.write({**parts, "adminNode": admin_node}))
            context.set(f"made.{vat}", None)

    def admin_node(self, vat: str, context: DeviceContext) -> str:
        """A new admin node for a vat that was not created through this device; for the host."""
        done = plain.kept_reference(context, f"vat.{vat}", "p")
        if done is None:
            done = context.new_promise()
            context.set(f"vat.{vat}", plain.write(Ref(done)))
        return context.new_node(plain.write({"vat": vat, "done": Ref(done)}))

    def give_node(self, vat: str, target: str, store: KernelStore, context: DeviceContext) -> str:
        """Send a new admin node to the vat administration at `target`.

        Returns the promise for the result, which the host holds.
        """
        node = Ref(self.admin_node(vat, context), "adminNode")
        result = store.new_promise(None, "ignore")
        store.hold(result)
        store.enqueue(Send(target, Message(plain.write(["admin_node_of", [node]]), result)))
        return result

    def critical_key(self, context: DeviceContext) -> str:
        """The device node that allows creating critical vats; the host decides who gets it."""
        node = plain.kept_reference(context, "criticalKey", "d")
        if node is None:
            node = context.new_node(plain.write({"critical": True}))
            context.set("criticalKey", plain.write(Ref(node, "criticalVatKey")))
        return node

    # Making

    def _call_root(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        if method == "create":
            return self._create(args, context)
        if method == "create_meter":
            return self._create_meter(args, context)
        raise plain.no_method("the vat-admin device", method, *_ROOT_METHODS)

    def _create_meter(self, args: CapData, context: DeviceContext, superior: str | None = None) -> CapData:
        """A node for a new meter, which is below another or not."""
        remaining, threshold = plain.arguments(args, "create_meter", "remaining", "threshold")
        amount = None if remaining is None else plain.whole(remaining, "remaining")
        meter = self._admin.metering.create(amount, plain.whole(threshold, "threshold"), superior)
        return plain.write(Ref(context.new_node(plain.write({"meter": meter})), "meter"))

    def _create(self, args: CapData, context: DeviceContext) -> CapData:
        """Returns `[device node, promise]`. The promise is for `{"root": ..., "adminNode": ...}`, where
        `adminNode` is the object of the vat `vatAdmin` that wraps the device node.
        """
        found = plain.arguments(_without_parameters(args), "create", "bundlecap", "options", "admin_node")
        cap, options_given, admin_node = found
        given = _options(options_given)
        bundle = self._bundle(cap, context)
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
        parameters = plain.part(args, 1, "vatParameters") if "vatParameters" in given else plain.NOTHING
        vat, _ = self._admin.create(name, worker, bundle, parameters, options)
        made = Ref(context.new_promise())
        context.set(f"made.{vat}", plain.write([made, plain.reference(admin_node, "admin_node")]))
        done = Ref(context.new_promise())
        context.set(f"vat.{vat}", plain.write(done))
        node = context.new_node(plain.write({"vat": vat, "done": done}))
        return plain.write([Ref(node, "adminNode"), made])

    def _bundle(self, cap: object, context: DeviceContext) -> str | None:
        """The id of the bundle that a bundlecap of any bundle device stands for, or None."""
        owner = self._admin.owner_of(cap.kref) if isinstance(cap, Ref) else None
        device = self._devices.get(owner) if owner else None
        if device is None or device.kind != BundleDevice.kind or not isinstance(cap, Ref):
            return None
        return bundle_of_cap(context.of(device), cap.kref)

    def _check_key(self, key: object, context: DeviceContext) -> bool:
        known = plain.kept_reference(context, "criticalKey", "d")
        if known is None or not isinstance(key, Ref) or key.kref != known:
            raise DeviceError("CreateVatOptions: critical wants the criticalVatKey")
        return True

    def _worker(self, wanted: Any, own: str) -> str:
        """The kind of worker of a new vat: that of its creator, or one that confines it."""
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
            return plain.NOTHING
        if method == "upgrade":
            return self._upgrade(vat, args, context)
        if method == "fork":
            return self._fork(vat, args, context)
        if method == "change_options":
            given = _options(plain.arguments(args, method, "options")[0])
            changes = vat_options.convert(given, changing=True)
            if "meter" in given:
                meter = given["meter"]
                changes["meter"] = None if meter is None else self._meter("changeOptions", meter, context)
            self._admin.change_options(vat, changes)
            self._forget_loose_meters(context)
            return plain.NOTHING
        raise plain.no_method("an admin node", method, *_VAT_METHODS)

    def _upgrade(self, vat: str, args: CapData, context: DeviceContext) -> CapData:
        cap, options_given = plain.arguments(_without_parameters(args), "upgrade", "bundlecap", "options")
        given = _options(options_given)
        unknown = [name for name in given if name not in ("vatParameters", "upgradeMessage")]
        if unknown:
            listed = ", ".join(f'"{name}"' for name in unknown)
            raise DeviceError(f"upgrade() received unknown options: {listed}")
        bundle = self._bundle(cap, context)
        if bundle is None:
            raise DeviceError("upgrade() requires a bundlecap", name="TypeError")
        message = plain.text(given.get("upgradeMessage", "vat upgraded"), "upgradeMessage")
        parameters = plain.part(args, 1, "vatParameters") if "vatParameters" in given else plain.NOTHING
        return plain.write(Ref(self._admin.upgrade(vat, bundle, parameters, message)))

    def _fork(self, vat: str, args: CapData, context: DeviceContext) -> CapData:
        """Returns `[device node, promise]`, as `_create` does. The promise is for `{"adminNode", "refs"}`."""
        listed, options_given, admin_node = plain.arguments(args, "fork", "refs", "options", "admin_node")
        if not isinstance(listed, list):
            raise DeviceError(f"fork: refs want a list, got {plain.shown(listed)}", name="TypeError")
        refs = tuple(plain.reference(item, f"fork: refs[{at}]").kref for at, item in enumerate(listed))
        for at, kref in enumerate(refs):
            if self._admin.owner_of(kref) != vat:
                raise DeviceError(
                    f"fork: refs[{at}] is no export of the vat: list objects that live in it",
                    code=reasons.CLONE_REFUSED,
                )
        given = _options(options_given)
        if unknown := [name for name in given if name not in ("name", "meter", "queued")]:
            raise DeviceError(f"fork: unknown options {', '.join(map(plain.shown, unknown))}")
        name = vat_options.check_name(given.get("name"))
        queued = given.get("queued", "refuse")
        if queued not in get_args(QueuedPolicy):
            raise DeviceError(f"fork: queued wants refuse, drop or duplicate, got {plain.shown(queued)}")
        options = {}
        if given.get("meter") is not None:
            options["meter"] = self._meter("fork", given["meter"], context)
        clone = self._admin.clone(vat, name, refs, options, queued)
        made = Ref(context.new_promise())
        context.set(f"made.{clone}", plain.write([made, plain.reference(admin_node, "admin_node")]))
        done = Ref(context.new_promise())
        context.set(f"vat.{clone}", plain.write(done))
        node = context.new_node(plain.write({"vat": clone, "done": done}))
        return plain.write([Ref(node, "adminNode"), made])

    # A meter

    def _call_meter(self, method: str, args: CapData, context: DeviceContext, meter: str) -> CapData:
        metering = self._admin.metering
        if method == "create_meter":
            return self._create_meter(args, context, meter)
        if method == "get":
            found = metering.get(meter)
            remaining = "unlimited" if found.remaining is None else found.remaining
            return plain.write({"remaining": remaining, "threshold": found.threshold})
        if method == "add_remaining":
            metering.refill(meter, plain.whole(plain.arguments(args, method, "computrons")[0], "computrons"))
            return plain.NOTHING
        if method == "set_threshold":
            threshold = plain.arguments(args, method, "threshold")[0]
            metering.set_threshold(meter, plain.whole(threshold, "threshold"))
            return plain.NOTHING
        if method == "set_keeper":
            keeper = plain.reference(plain.arguments(args, method, "keeper")[0], "keeper")
            metering.set_keeper(meter, keeper.kref)
            return plain.NOTHING
        raise plain.no_method("a meter", method, *_METER_METHODS)

    def _meter(self, where: str, given: object, context: DeviceContext) -> str:
        kref = given.kref if isinstance(given, Ref) else ""
        known = (plain.kept(context, kref, _is_node) if context.owns(kref) else None) or {}
        if "meter" not in known:
            raise DeviceError(f"{where}: meter wants a meter, got {plain.shown(given)}")
        return str(known["meter"])


def meter_of(state: CapData) -> str | None:
    """The meter in the state of a device node, or None."""
    try:
        known = plain.read(state)
    except (ValueError, DeviceError):
        return None
    return str(known["meter"]) if _is_node(known) and "meter" in known else None


def _is_node(value: Any) -> bool:
    """Whether a value is the state of an admin node, a meter's node or the key of critical vats."""
    if not isinstance(value, dict):
        return False
    if set(value) == {"vat", "done"}:
        return is_vat_id(value["vat"]) and _is_promise(value["done"])
    return value == {"critical": True} or (set(value) == {"meter"} and isinstance(value["meter"], str))


def _is_promise(value: Any) -> bool:
    return isinstance(value, Ref) and value.kref[1] == "p"


def _is_made(value: Any) -> bool:
    match value:
        case [Ref() as done, Ref() as root]:
            return _is_promise(done) and root.kref[1] == "o"
    return False


def _options(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise DeviceError(f"options want a dict, got {plain.shown(given)}", name="TypeError")
    return given


def _without_parameters(args: CapData) -> CapData:
    """The arguments of a call without the vat's parameters, which only the vat may read."""
    return plain.blank(args, 1, "vatParameters")
