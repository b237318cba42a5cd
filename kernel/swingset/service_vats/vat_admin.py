"""The vat `vatAdmin`: creates vats for its holders, and returns the right to change and end them.

Its objects are durable and the device behind it keeps all important state, so an upgrade of this vat breaks
only the answers that are pending at that moment.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, D, Promise, Resolver, durable, make_promise, remotable

waiting: dict[object, list[Resolver[Any]]] = {}
"""The callers that wait for a meter's next update. An upgrade breaks their promises, and they ask again."""


@durable
class AdminNode:
    """The right to end one vat, to replace its code, and to learn how it ended."""

    node: object = None

    def terminate_with_failure(self, reason: Any = None) -> None:
        """End the vat; `done` rejects with the reason. Raises if the vat has ended already."""
        D(self.node).terminate(reason)

    def done(self) -> Promise[Any]:
        """A promise for the value that the vat exits with; rejected if it ends by a failure."""
        promise: Promise[Any] = D(self.node).done()
        return promise

    def upgrade(self, bundlecap: object, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Replace the vat's code; a promise for `{"incarnationNumber": N}`, rejected if it is refused."""
        promise: Promise[Any] = D(self.node).upgrade(bundlecap, options)
        return promise

    def fork(self, refs: list[object], options: dict[str, Any] | None = None) -> Promise[Any]:
        """Make a clone of the vat; a promise for `{"adminNode": ..., "refs": [...]}`.

        The clone shares what the vat imports. It gets an object of its own for each of `refs`, in their
        order, and has no other export of the vat. Options: `name`, `meter`, and `queued`, which says what
        becomes of messages that wait for the vat: `"refuse"`, `"drop"` or `"duplicate"`.
        """
        admin_node = AdminNode()
        admin_node.node, made = D(self.node).fork(refs, with_meter(options or {}), admin_node)
        promise: Promise[Any] = made
        return promise

    def change_options(self, options: dict[str, Any]) -> None:
        """Change those options that may change while the vat lives."""
        D(self.node).change_options(with_meter(options))


@durable
class Meter:
    """A budget of computrons that all vats created with it share."""

    node: object
    notifier: object = None
    kept: bool = False

    def use(self) -> MeterUse:
        """The right to have vats paid by this meter, and to make meters below it, but not to refill it."""
        return MeterUse(self.node)

    def service(self) -> MeterService:
        """The right to refill this meter and to look at it, but not to have vats paid by it."""
        return MeterService(self.node)

    def create_meter(self, remaining: int | None, threshold: int = 0) -> Meter:
        """A meter below this one: what is spent is deducted from both."""
        return Meter(D(self.node).create_meter(remaining, threshold))

    def set_keeper(self, keeper: object) -> None:
        """Have an object called with `refill_wanted(meter, computrons)` when the meter runs dry.

        It is called once until the meter is refilled, with `service()` or `add_remaining`, at once or later.
        """
        if self.notifier is not None:
            raise ValueError("this meter has a notifier, which is told instead: await its updates")
        D(self.node).set_keeper(keeper)
        self.kept = True

    def add_remaining(self, computrons: int) -> None:
        """Refill the meter; vats that wait for it are resumed."""
        D(self.node).add_remaining(computrons)

    def set_threshold(self, threshold: int) -> None:
        """Set the threshold: the notifier updates when less than this remains."""
        D(self.node).set_threshold(threshold)

    def get(self) -> dict[str, Any]:
        """`{"remaining": ..., "threshold": ...}`."""
        found: dict[str, Any] = D(self.node).get()
        return found

    def get_notifier(self) -> object:
        """A notifier that updates when the threshold is crossed or a vat wants a refill."""
        if self.kept:
            raise ValueError("this meter has a keeper, which is told instead: have it tell you")
        if self.notifier is None:
            self.notifier = MeterNotifier()
            D(self.node).set_keeper(MeterKeeper(self.notifier))
        return self.notifier


@durable
class MeterUse:
    """The use of a meter: the option `meter` of a new vat takes it."""

    node: object

    def create_meter(self, remaining: int | None, threshold: int = 0) -> Meter:
        """A meter below this one, of which the maker has everything."""
        return Meter(D(self.node).create_meter(remaining, threshold))


@durable
class MeterService:
    """The service of a meter, which its keeper wants."""

    node: object

    def add_remaining(self, computrons: int) -> None:
        """Refill the meter; vats are resumed if every meter above theirs holds what they need."""
        D(self.node).add_remaining(computrons)

    def get(self) -> dict[str, Any]:
        """`{"remaining": ..., "threshold": ...}`."""
        found: dict[str, Any] = D(self.node).get()
        return found


@durable
class MeterNotifier:
    """The latest notice about a meter. Pass the last `updateCount` to wait for the next one."""

    count: int = 1
    value: Any = None

    def get_update_since(self, count: int | None = None) -> Any:
        """`{"value": ..., "updateCount": N}`, as soon as there is an update other than `count`."""
        if count != self.count:
            return {"value": self.value, "updateCount": self.count}
        promise, resolver = make_promise()
        waiting.setdefault(self, []).append(resolver)
        return promise


@durable
class MeterKeeper:
    """Receives the kernel's notices about a meter; only the kernel holds it."""

    notifier: MeterNotifier

    def threshold_crossed(self, meter: str, remaining: int) -> None:
        """The kernel notifies that less than the threshold remains."""
        self._update({"meter": meter, "remaining": remaining})

    def refill_wanted(self, meter: str, computrons: int) -> None:
        """The kernel notifies that a vat waits for this many computrons."""
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
        """Create a vat from a bundle; a promise for `{"root": ..., "adminNode": ...}`."""
        admin_node = AdminNode()
        answer = D(self._admin).create(bundlecap, with_meter(options or {}), admin_node)
        admin_node.node, made = answer
        promise: Promise[Any] = made
        return promise

    def create_vat_by_id(self, id: str, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Create a vat from the bundle with that id."""
        return self._create(lambda: D(self._bundles).get_bundlecap(id), options)

    def create_vat_by_name(self, name: str, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Create a vat from the bundle that was installed under that name."""
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

    def propose(
        self, target: str, modulecap: object, parameters: Any = None, part: str = "", note: str = ""
    ) -> object:
        """A proposal that a vat becomes the graph of a modulecap, which the world keeps; no vat changes."""
        proposal: object = D(self._bundles).propose(target, modulecap, parameters, part, note)
        return proposal

    def admin_node_of(self, node: object) -> AdminNode:
        """An admin node for a device node of the vat-admin device, which the host made."""
        admin_node = AdminNode()
        admin_node.node = node
        return admin_node

    def create_meter(self, remaining: int, threshold: int = 0) -> Meter:
        """A meter with `remaining` computrons."""
        return Meter(D(self._admin).create_meter(remaining, threshold))

    def create_unlimited_meter(self) -> Meter:
        """A meter that never runs dry."""
        return Meter(D(self._admin).create_meter(None, 0))


def with_meter(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the meter's device node in place of the meter, as the device wants them."""
    meter = options.get("meter")
    return {**options, "meter": meter.node} if isinstance(meter, Meter | MeterUse) else options


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> VatAdmin:
    """Make the root. Only the first incarnation gets the devices; the baggage keeps them."""
    for name, device in (parameters or {}).items():
        baggage[name] = device
    return VatAdmin(baggage["admin"], baggage["bundles"])
