"""What hosts asked of a world beside new vats and messages, as acts: meters, options, devices, service vats.

The records have it in the kernel's terms. Here each request becomes the call of the public API that made it,
if there is one that another world can make too. A few requests only follow from others, and are no acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from swingset.core.accounts import MARKET
from swingset.devices.bundles import module_hash
from swingset.host.controls.device_access import DEFAULTS
from swingset.host.controls.devices import DEVICE_KINDS
from swingset.host.worlds.controller import Controller
from swingset.lens.present.tables import Lens
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.visible import one_line
from swingset.time.bugs.acts import Act, Called, KrefOf, Made, Origin, Replies, Unwritable
from swingset.time.bugs.asking_market import OF_BIDS, AskedOfMarket
from swingset.time.deliveries.past import rows_of
from swingset.time.replaying.script import call_as_json
from swingset.world.records import CrankRecord, Record, RequestRecord
from swingset.world.rows import RULES

_FOLLOWS = frozenset(
    # what the host asks for by itself, what it only keeps, and what has no effect on an unpaused world
    (
        *(
            "release",
            "log-outcomes",
            "keep-sources",
            "draft",
            "keep-service",
            "snapshot-vat",
            "reap",
            "unpark",
        ),
        *("attach-vat", "introduce", "take-capdata", "pin", "unpin", "pause", "configure", "send", "syscall"),
        *("set-aside", "begin-anew", "withdraw", "upload-module", "put-off-migration"),
    )
)
_STATE = {column: place for place, column in enumerate(RULES["device_state"])}


class Asked:
    """Turns requests into acts, and remembers what devices and meters are."""

    def __init__(self, controller: Controller, names: Mapping[str, str]) -> None:
        self._controller = controller
        self._names = names  # of vats by id
        self._meters: dict[str, int] = {}  # the acts that made meters, by their ids
        self._modules: dict[str, str] = {}  # sources of uploaded modules
        self._caps: dict[str, str] = {}  # the bundles of bundlecaps
        self._devices: dict[str, tuple[str, str]] = {}  # names and kinds of devices, by their roots
        self._called: dict[str, str] = {}  # names of devices by id
        self._functions: dict[str, str] = {}  # the nodes of host functions, by their names
        self._answers: dict[str, dict[str, list[str]]] = {}  # of host functions, by their nodes
        self._own: dict[str, list[dict[str, Any]]] = {}  # calls of the program's devices, by their ids
        self._nodes: dict[str, str] = {}  # the ids of devices by their nodes
        self._failed: dict[str, int] = {}
        self.market = AskedOfMarket()
        self._outside: dict[str, int] = {}

    def learn(self, record: Record) -> None:
        """Take what a record says of devices."""
        for device in rows_of(self._controller, record, "devices"):
            self._devices[device.root] = device.name, device.kind
            self._called[device.id] = device.name
            self._nodes[device.root] = device.id
            if device.kind not in DEVICE_KINDS:
                self._own[device.id] = []
        for row in record.rows or ():
            if row.table == "device_state" and row.after is not None:
                self._learn_cap(str(row.after[_STATE["key"]]), str(row.after[_STATE["value"]]))
        self._learn_own(record)
        if isinstance(record, CrankRecord):
            for call in record.calls or ():
                if call.node in self._answers and call.method == "call" and not call.failed:
                    self._answers[call.node].setdefault(call.args.body, []).append(call.answer.body)
                elif call.node in self._answers:
                    self._failed[call.node] = self._failed.get(call.node, 0) + 1
        elif record.verb == "upload-module":
            self._learn_module(record.arguments.get("source"))
        elif record.verb == "syscall":
            self._learn_call(record)

    def acts(
        self, record: RequestRecord, target: Callable[[str], Origin]
    ) -> Iterator[tuple[Act, str | None]]:
        """The acts that a request was, each with the kref that it returned. Raises `Unwritable`.

        `target` finds where a kref comes from.
        """
        given, verb = record.arguments, record.verb
        roots = [row.root for row in rows_of(self._controller, record, "devices")]
        if (of_market := self.market.acts(record, _made(record), roots)) is not None:
            yield from of_market
            return
        vat, made = self._names.get(str(given.get("vat")), ""), _made(record)
        device = given.get("device")
        beside = {} if device in (None, *DEFAULTS.values()) else {"device": device}
        match verb:
            case "create-meter":
                yield _ask("meters.create", given["remaining"], given["threshold"]), None
            case "create-meter-below":
                above = self._meter(given["superior"])
                yield _ask("meters.create", given["remaining"], given["threshold"], above), None
            case "set-keeper":
                keeper = KrefOf(target(given["kref"]))
                yield _ask("meters.set_keeper", self._meter(given["meter"]), keeper), None
            case "refill-meter":
                yield _ask("meters.refill", self._meter(given["meter"]), given["computrons"]), None
            case "set-threshold":
                yield _ask("meters.set_threshold", self._meter(given["meter"]), given["threshold"]), None
            case "forget-meter":
                yield _ask("meters.forget", self._meter(given["meter"])), None
            case "change-options":
                yield _ask("vats.change_options", vat, self.options(given["options"])), None
            case "drop-parked":
                yield _ask("vats.drop_parked", vat), None
            case "change-kernel-options":
                yield _ask("options.change", given["options"]), None
            case "add-device" if given["kind"] not in DEVICE_KINDS:
                for row in rows_of(self._controller, record, "devices"):
                    device = Called(row.kind, self._own.setdefault(row.id, []))
                    yield _ask("devices.own.install", device, row.name), row.root
            case "add-device" if given["kind"] != "plugin":
                found = (row.root for row in rows_of(self._controller, record, "devices"))
                yield _ask("devices.add", given["name"], given["kind"]), next(found, None)
            case "add-device":
                return  # the function that is handed in brings it
            case "plugin":
                yield self._plugin(given["name"], made)
            case "install-bundle" if given["name"] is not None:
                parts = tuple((part, self._module(digest)) for part, digest in given["manifest"])
                yield Act(0, "ask", parts=parts, method="devices.install_bundle", args=(given["name"],)), None
            case "install-bundle":
                return  # who mentions its bundlecap installs it
            case "critical-vat-key":
                yield _ask("devices.critical_vat_key"), made
            case "admin-node":
                yield _ask("devices.admin_node", vat), made
            case "poll":
                yield _ask("devices.poll", given["now"], **beside), None
            case "receive":
                yield _ask("devices.receive", given["peer"], given["messages"], given["ack"], **beside), None
            case "bridge-deliver":
                yield _ask("devices.bridge_deliver", CapData.from_json(given["data"]), **beside), None
            case "bridge-taken":
                yield _ask("devices.bridge_taken", given["number"], **beside), None
            case "visit-device":
                own = f"what the program did at device {given['name']} by itself"
                raise Unwritable(f"{own}: have a vat call the device instead")
            case _ if verb not in _FOLLOWS:
                raise Unwritable("nothing of the public API does it in another world")

    def is_act(self, record: RequestRecord, number: int) -> None:
        """Note the number of the act that a request is."""
        if record.verb in ("create-meter", "create-meter-below"):
            for row in record.rows or ():
                if row.table == "meters" and row.after is not None:
                    self._meters[str(row.key[0] if row.key else row.after[0])] = number

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of a vat, with the act that made its meter. Raises `Unwritable` for another's meter."""
        return {
            name: self._meter(value) if name == "meter" and value is not None else value
            for name, value in options.items()
        }

    def bundle(self, kref: str) -> tuple[tuple[str, str], ...] | None:
        """The code that a bundlecap stands for; None for another reference."""
        known = self._caps.get(kref)
        return None if known is None else tuple(self._controller.world.bundles.get(known))

    def why(self, kref: str) -> str:
        """Why a reference cannot be written: what it is, as far as that is known."""
        if kref in self._devices:
            name, kind = self._devices[kref]
            return f"it mentions device {one_line(name, 60)} of kind {one_line(kind, 60)}"
        store = self._controller.kernel.store
        known = store.objects.get(kref)
        owner = None if known is None or known.owner is None else store.vats.get(known.owner)
        if owner is not None and owner.attached:
            label = one_line(Lens(store).label(kref), 60)
            return (
                f"it mentions {label} {kref}, an object of {one_line(owner.name, 60)}'s own, whose code is in"
                " the embedder's program and not in the world"
            )
        words = f"no answer brought {kref}, so nothing tells where it came from"
        return f"{words}: send a message that returns it"

    def lacking(self) -> Iterator[str]:
        """What could not be written of what devices did, in sentences."""
        for node, count in sorted(self._failed.items()):
            name = next((name for name, known in self._functions.items() if known == node), node)
            yield f"{count:,} calls of host function {one_line(name, 60)} failed: it has no answer to them"
        for name, count in sorted(self._outside.items()):
            yield f"{count:,} calls of device {one_line(name, 60)} by the embedder's own code"

    def _plugin(self, name: str, made: str | None) -> tuple[Act, str | None]:
        own = (root for root, known in self._devices.items() if known == (name, "plugin"))
        node = made or self._functions.get(name) or next(own, None)
        answers: dict[str, list[str]] = {}
        if node is not None:
            self._functions[name], self._answers[node] = node, answers
        return _ask("devices.plugin", name, Replies(answers)), node

    def _meter(self, meter: Any) -> Made:
        if meter not in self._meters:
            made = f"meter {one_line(str(meter), 40)} was made by a vat"
            raise Unwritable(f"{made}: create it with `meters.create`")
        return Made(self._meters[meter])

    def _module(self, digest: Any) -> str:
        if digest not in self._modules:
            raise Unwritable(f"no record has the source of module {one_line(str(digest), 24)}")
        return self._modules[digest]

    def _learn_own(self, record: Record) -> None:
        """Learn the calls of devices of the program by vats."""
        for effect in (effect for call in record.calls or () for effect in call.effects):
            if effect.what == "new_node":
                self._nodes[effect.given[0]] = effect.device
        if isinstance(record, CrankRecord):
            for call in record.calls or ():
                known = self._own.get(self._nodes.get(call.node, ""))
                if known is not None and not call.undone:
                    known.append(call_as_json(call))

    def _learn_module(self, source: Any) -> None:
        if isinstance(source, str):
            self._modules[module_hash(source)] = source

    def _learn_cap(self, key: str, value: str) -> None:
        if not key.startswith("kd"):
            return
        try:
            known = read_json(CapData.from_json(read_json(value)).json)
        except (Unreadable, MalformedCapData):
            return
        if isinstance(known, dict) and isinstance(known.get("bundle"), str):
            self._caps[key] = known["bundle"]

    def _learn_call(self, record: RequestRecord) -> None:
        for call in record.calls or ():
            if not call.method.startswith("get_"):
                for device in {effect.device for effect in call.effects}:
                    name = self._called.get(device, device)
                    if name == MARKET and call.method in OF_BIDS:
                        continue  # the message that it sends has its bid
                    self._outside[name] = self._outside.get(name, 0) + 1


def _ask(method: str, *args: Any, **kwargs: Any) -> Act:
    return Act(0, "ask", method=method, args=args, kwargs=kwargs)


def _made(record: RequestRecord) -> str | None:
    """The first node or promise that a device made in a request."""
    for effect in record.effects or ():
        if effect.what in ("new_node", "new_promise"):
            return str(effect.given[0])
    return None
