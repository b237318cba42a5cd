"""The vat `vatAdmin`: makes vats for those who hold it, and hands out the right to change and end them.

All its objects are durable and all that matters is kept by the device behind it, so an upgrade of this vat
costs its users nothing but the answers that are under way at that moment.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, D, Promise, Resolver, durable, make_promise, remotable

waiting: dict[object, list[Resolver[Any]]] = {}
"""Who waits for the next update of which meter. An upgrade breaks these promises, and they ask again."""


@durable
class AdminNode:
    """The right to end one vat, to replace its code, and to hear how it ended."""

    node: object = None

    def terminate_with_failure(self, reason: Any = None) -> None:
        """End the vat; `done` rejects with the reason. Fails where the vat has ended already."""
        D(self.node).terminate(reason)

    def done(self) -> Promise[Any]:
        """A promise for what the vat says when it ends; rejected where it ends by a failure."""
        promise: Promise[Any] = D(self.node).done()
        return promise

    def upgrade(self, bundlecap: object, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Replace the vat's code; promises `{"incarnationNumber": n}`, or says why it was refused."""
        promise: Promise[Any] = D(self.node).upgrade(bundlecap, options)
        return promise

    def change_options(self, options: dict[str, Any]) -> None:
        """Change what may be changed while the vat lives."""
        D(self.node).change_options(with_meter(options))


@durable
class Meter:
    """Computrons that vats share: every vat made with it spends from it."""

    node: object
    notifier: object = None

    def add_remaining(self, computrons: int) -> None:
        """Refill; vats that wait for it carry on."""
        D(self.node).add_remaining(computrons)

    def set_threshold(self, threshold: int) -> None:
        """Have the notifier tell when less than this remains."""
        D(self.node).set_threshold(threshold)

    def get(self) -> dict[str, Any]:
        """What remains, and the threshold."""
        found: dict[str, Any] = D(self.node).get()
        return found

    def get_notifier(self) -> object:
        """A notifier that updates when the threshold is crossed or a vat wants a refill."""
        if self.notifier is None:
            self.notifier = MeterNotifier()
            D(self.node).set_keeper(MeterKeeper(self.notifier))
        return self.notifier


@durable
class MeterNotifier:
    """What became of a meter lately: ask again with the last `updateCount` to wait for more."""

    count: int = 1
    value: Any = None

    def get_update_since(self, count: int | None = None) -> Any:
        """`{"value": ..., "updateCount": n}`, as soon as there is one that the caller does not know."""
        if count != self.count:
            return {"value": self.value, "updateCount": self.count}
        promise, resolver = make_promise()
        waiting.setdefault(self, []).append(resolver)
        return promise


@durable
class MeterKeeper:
    """What the kernel tells of a meter; nobody else holds it."""

    notifier: MeterNotifier

    def threshold_crossed(self, meter: str, remaining: int) -> None:
        """The kernel's notice that less than the threshold remains."""
        self._update({"meter": meter, "remaining": remaining})

    def refill_wanted(self, meter: str, computrons: int) -> None:
        """The kernel's notice that a vat waits for so many computrons."""
        self._update({"meter": meter, "wanted": computrons})

    def _update(self, value: dict[str, Any]) -> None:
        notifier = self.notifier
        notifier.count += 1
        notifier.value = value
        for resolver in waiting.pop(notifier, []):
            resolver.resolve({"value": value, "updateCount": notifier.count})


@remotable
class VatAdmin:
    """Makes vats and meters."""

    def __init__(self, admin: object, bundles: object) -> None:
        self._admin = admin
        self._bundles = bundles

    def create_vat(self, bundlecap: object, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Make a vat of a bundle; promises `{"root": ..., "adminNode": ...}`."""
        admin_node = AdminNode()
        answer = D(self._admin).create(bundlecap, with_meter(options or {}), admin_node)
        admin_node.node, made = answer
        promise: Promise[Any] = made
        return promise

    def create_vat_by_id(self, id: str, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Make a vat of the bundle of that id."""
        return self._create(lambda: D(self._bundles).get_bundlecap(id), options)

    def create_vat_by_name(self, name: str, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Make a vat of the bundle that was installed under that name."""
        return self._create(lambda: D(self._bundles).get_named_bundlecap(name), options)

    def _create(self, find: Any, options: dict[str, Any] | None) -> Promise[Any]:
        try:
            bundlecap = find()
        except LookupError as problem:
            raise LookupError(f"Vat Creation Error: {problem}") from None
        return self.create_vat(bundlecap, options)

    def get_bundlecap(self, id: str) -> object:
        """The bundlecap of an installed bundle."""
        cap: object = D(self._bundles).get_bundlecap(id)
        return cap

    def wait_for_bundlecap(self, id: str) -> Any:
        """The bundlecap, as soon as the bundle is installed."""
        return D(self._bundles).wait_for_bundlecap(id)

    def get_named_bundlecap(self, name: str) -> object:
        """The bundlecap of the bundle that was installed under that name."""
        cap: object = D(self._bundles).get_named_bundlecap(name)
        return cap

    def admin_node_of(self, node: object) -> AdminNode:
        """The right that a device node of the vat-admin device stands for; the host hands these out."""
        admin_node = AdminNode()
        admin_node.node = node
        return admin_node

    def create_meter(self, remaining: int, threshold: int = 0) -> Meter:
        """A meter that holds so many computrons."""
        return Meter(D(self._admin).create_meter(remaining, threshold))

    def create_unlimited_meter(self) -> Meter:
        """A meter that never runs dry."""
        return Meter(D(self._admin).create_meter(None, 0))


def with_meter(options: dict[str, Any]) -> dict[str, Any]:
    """The options as the device wants them: with the device node of the meter."""
    meter = options.get("meter")
    return {**options, "meter": meter.node} if isinstance(meter, Meter) else options


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> VatAdmin:
    """Begin, or carry on: only the first incarnation is given its devices."""
    for name, device in (parameters or {}).items():
        baggage[name] = device
    return VatAdmin(baggage["admin"], baggage["bundles"])
