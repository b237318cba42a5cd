"""Repeats the requests of a host from their records: one function for each verb of `swingset.core.verbs`.

Each function asks the kernel for the same thing that the host had asked for. What only the host could decide
is in the arguments, and what an embedder's device did is in the effects of the record. Two changes are made
by rows alone and are written as they were recorded: heap images, which are no input of a world, and what an
archive of one vat leaves out of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from swingset.core import trading
from swingset.core.atomic import Atomic
from swingset.core.clone_requests import queue_clone
from swingset.core.device_board import DeviceContext
from swingset.core.kernel import Kernel
from swingset.core.recording import request_record
from swingset.devices.bridge import BridgeDevice
from swingset.devices.bundles import BundleDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.devices.plugin import PluginDevice
from swingset.devices.timer import TimerDevice
from swingset.devices.vat_admin import VatAdminDevice
from swingset.host.base.starting import service_counter
from swingset.host.code.rehearsal import put_off_migration
from swingset.host.controls.device_access import DEFAULTS, VAT_ADMIN
from swingset.host.worlds.building import COUNTERS
from swingset.model.capdata import CapData
from swingset.model.messages import ChangeVatOptions
from swingset.time.replaying.script import Differs, Script, ScriptedDevices, ScriptedWorker
from swingset.world.record_lines import event_of, fault_of
from swingset.world.records import RequestRecord, RowChange
from swingset.world.rows import RULES
from swingset.world.tables import TABLES

Given = Mapping[str, Any]
"""The arguments of a request, as JSON data."""


class Repeater:
    """Repeats the requests of one world in the kernel of another."""

    def __init__(self, kernel: Kernel, devices: ScriptedDevices, script: Script) -> None:
        self.kernel = kernel
        self.devices = devices
        self.script = script
        self.store = kernel.store
        self.admin = VatAdminDevice(kernel.administration, kernel.store.devices)

    def repeat(self, record: RequestRecord) -> None:
        """Ask the kernel again for what a record says that the host asked for.

        Raises what the kernel raises, and any error for a record that no host has written.
        """
        with self.kernel.request.made_in(record.cell):
            EXECUTORS[record.verb](self, record.arguments)

    def vat(self, given: Given) -> str:
        """The name of the vat whose id is among the arguments."""
        return self.store.vats.known(given["vat"]).name

    def code(self, given: Given) -> tuple[tuple[str, str], ...]:
        """The parts of the bundle that is among the arguments."""
        return self.script.source.bundles.get(given["bundle"])

    def device(self, kind: str, given: Given) -> DeviceContext:
        """The context of the device that is among the arguments, or of the only one of a kind."""
        if "device" in given:
            return self.devices.context(given["device"])
        found = self.devices.find(kind)
        return self.devices.context(found.name if found is not None else DEFAULTS[kind])

    def asked(self, verb: str, given: Given) -> Atomic:
        """The savepoint of a request, for a change that is made here."""
        return self.kernel.request(verb, **given)


def write_rows(kernel: Kernel, rows: Iterable[RowChange], record: Callable[[], dict[str, Any]]) -> None:
    """Write recorded rows as one change, with a record of it."""
    world, store = kernel.world, kernel.store
    with Atomic(world, store, record):
        for change in rows:
            table = TABLES[change.table]
            held, row = world.memory.of(table), change.after
            if row is not None:
                named = dict(zip(RULES[change.table], row, strict=True))
                row = tuple(named[column] for column in table.columns)
            held.set(change.key, None if row is None else table.read(world.name, row))
        store.vats.saved += 1  # others remember something of a vat's row


def _send(to: Repeater, given: Given) -> None:
    methargs = CapData.from_json(given["methargs"])
    if given["policy"] == "none":
        to.kernel.queue_one_way(given["target"], methargs)
    else:
        to.kernel.queue_message(given["target"], methargs, policy=given["policy"])


def _log_outcomes(to: Repeater, given: Given) -> None:
    with to.asked("log-outcomes", given):
        for kref in given["krefs"]:
            to.store.promises.set_policy(kref, "ignore")


def _create_vat(to: Repeater, given: Given) -> None:
    parameters = CapData.from_json(given["parameters"])
    code = given["name"], given["worker"], to.code(given), parameters, given["options"]
    to.kernel.queue_creation(*code, first=given["first"], service=given["service"])


def _upgrade_vat(to: Repeater, given: Given) -> None:
    parameters = CapData.from_json(given["parameters"])
    code = to.vat(given), to.code(given), parameters, given["message"]
    to.kernel.queue_upgrade(*code, first=given["first"])


def _clone_vat(to: Repeater, given: Given) -> None:
    how = {"options": given["options"], "queued": given["queued"], "first": given["first"]}
    queue_clone(to.kernel, to.vat(given), given["name"], given["refs"], **how)


def _keep_sources(to: Repeater, given: Given) -> None:
    to.kernel.keep_sources(given["vat"], tuple((part, source) for part, source in given["parts"]))


def _draft(to: Repeater, given: Given) -> None:
    with to.asked("draft", given):
        to.store.sources.put(given["vat"], given["part"], given["source"])


def _keep_service(to: Repeater, given: Given) -> None:
    with to.asked("keep-service", given):
        to.store.counters.set(service_counter(given["name"]), int(given["vat"][1:]))


def by_rows(verb: str) -> Callable[[Repeater, Given], None]:
    """An executor that writes the rows of a record as they were recorded."""

    def write(to: Repeater, given: Given) -> None:
        record = to.script.record
        rows = (record.rows if record is not None else ()) or ()
        write_rows(to.kernel, rows, lambda: request_record(to.store, verb, given, to.kernel.request.cell()))

    return write


def _reap(to: Repeater, given: Given) -> None:
    with to.asked("reap", given):
        for vat in given["vats"]:
            to.store.reaping.schedule(vat)


def _attach(to: Repeater, given: Given) -> None:
    to.kernel.attach(given["name"], ScriptedWorker(to.script, to.store, "", given["name"]), given["message"])


def _syscall(to: Repeater, given: Given) -> None:
    to.kernel.outside_syscall(given["vat"], given["syscall"])


def _create_meter(to: Repeater, given: Given) -> None:
    with to.asked("create-meter", given):
        to.kernel.metering.create(given["remaining"], given["threshold"])


def _create_meter_below(to: Repeater, given: Given) -> None:
    with to.asked("create-meter-below", given):
        to.kernel.metering.create(given["remaining"], given["threshold"], given["superior"])


def _set_keeper(to: Repeater, given: Given) -> None:
    with to.asked("set-keeper", given):
        to.kernel.metering.set_keeper(given["meter"], given["kref"])


def _refill_meter(to: Repeater, given: Given) -> None:
    with to.asked("refill-meter", given):
        to.kernel.metering.refill(given["meter"], given["computrons"])


def _set_threshold(to: Repeater, given: Given) -> None:
    with to.asked("set-threshold", given):
        to.kernel.metering.set_threshold(given["meter"], given["threshold"])


def _forget_meter(to: Repeater, given: Given) -> None:
    with to.asked("forget-meter", given):
        to.kernel.metering.forget_unused(given["meter"])


def _offer(to: Repeater, given: Given) -> None:
    methargs = CapData.from_json(given["methargs"])
    trading.offer(to.kernel, given["target"], methargs, given["bid"], policy=given["policy"])


def _pause(to: Repeater, given: Given) -> None:
    with to.asked("pause", given):
        to.store.counters.set("paused", int(given["paused"]))


def _overrule_panic(to: Repeater, given: Given) -> None:
    with to.asked("overrule-panic", given):
        to.store.panic.overrule()


def _configure(to: Repeater, given: Given) -> None:
    if given["counter"] not in COUNTERS:
        raise Differs("the counter of a build", given["counter"], ", ".join(COUNTERS))
    with to.asked("configure", given):
        to.store.counters.set(given["counter"], given["value"])


def _visit_device(to: Repeater, given: Given) -> None:
    record = to.script.record
    with to.asked("visit-device", given):
        device = to.devices.context(given["name"]).device.id
        for effect in (record.effects if record is not None else ()) or ():
            if effect.device != device:
                break  # what follows from the visit, which the kernel tells the devices
            to.devices.repeat(effect)


def _critical_vat_key(to: Repeater, given: Given) -> None:
    with to.asked("critical-vat-key", given):
        to.admin.critical_key(to.device("vat-admin", given))


def _admin_node(to: Repeater, given: Given) -> None:
    number = to.store.counters.get(service_counter(VAT_ADMIN))
    service = to.store.vats.get(f"v{number}")
    if service is None:
        raise Differs("the service vat of a request", None, VAT_ADMIN)
    target = to.kernel.root_of(service.name)
    with to.asked("admin-node", given):
        to.admin.give_node(given["vat"], target, to.store, to.device("vat-admin", given))


def _upload_module(to: Repeater, given: Given) -> None:
    with to.asked("upload-module", given):
        BundleDevice(to.kernel.world.bundles).upload(given["source"], to.device("bundle", given))


def _install_bundle(to: Repeater, given: Given) -> None:
    manifest = [(part, digest) for part, digest in given["manifest"]]
    with to.asked("install-bundle", given):
        bundles = BundleDevice(to.kernel.world.bundles)
        bundles.install(manifest, given["name"], to.device("bundle", given))


def _poll(to: Repeater, given: Given) -> None:
    with to.asked("poll", given):
        TimerDevice().poll(given["now"], to.device("timer", given))


def _receive(to: Repeater, given: Given) -> None:
    with to.asked("receive", given):
        mail = given["peer"], given["messages"], given["ack"]
        MailboxDevice().receive(*mail, to.device("mailbox", given))


def _never(_data: CapData) -> None:
    """The check of what a vat sends over a bridge, which no request of a host needs."""


def _bridge_taken(to: Repeater, given: Given) -> None:
    with to.asked("bridge-taken", given):
        BridgeDevice(_never).taken(given["number"], to.device("bridge", given))


def _bridge_deliver(to: Repeater, given: Given) -> None:
    with to.asked("bridge-deliver", given):
        BridgeDevice(_never).deliver(CapData.from_json(given["data"]), to.device("bridge", given))


def _plugin(to: Repeater, given: Given) -> None:
    with to.asked("plugin", given):
        # The function is never called: its answers are in the records.
        PluginDevice().hand_in(given["name"], lambda data: data, to.device("plugin", given))


def _withdraw_options(to: Repeater, given: Given) -> None:
    to.kernel.withdraw_options(ChangeVatOptions(given["vat"], given["options"]))


def _give_up(to: Repeater, given: Given) -> None:
    to.kernel.cranks.give_up(given["position"], event_of(given["event"]), fault_of(given["fault"]))


EXECUTORS: Mapping[str, Callable[[Repeater, Given], Any]] = {
    "send": _send,
    "release": lambda to, given: to.kernel.release_result(given["kref"]),
    "log-outcomes": _log_outcomes,
    "create-vat": _create_vat,
    "clone-vat": _clone_vat,
    "upgrade-vat": _upgrade_vat,
    "keep-sources": _keep_sources,
    "draft": _draft,
    "keep-service": _keep_service,
    "terminate-vat": lambda to, given: to.kernel.terminate(to.vat(given), given["reason"]),
    "suspend-vat": lambda to, given: to.kernel.suspend(to.vat(given), given["reason"]),
    "resume-vat": lambda to, given: to.kernel.resume(to.vat(given)),
    "change-options": lambda to, given: to.kernel.change_options(to.vat(given), given["options"]),
    "tell-options": lambda to, given: to.kernel.queue_options(to.vat(given), given["options"]),
    "withdraw-options": _withdraw_options,
    "snapshot-vat": by_rows("snapshot-vat"),
    "reap": _reap,
    "attach-vat": _attach,
    "unpark": lambda to, given: to.kernel.unpark(given["vat"]),
    "syscall": _syscall,
    "introduce": lambda to, given: to.kernel.introduce(given["vat"], given["kref"]),
    "take-capdata": lambda to, given: to.kernel.take_capdata(given["vat"], given["capdata"]),
    "pin": lambda to, given: to.kernel.pin(given["kref"]),
    "unpin": lambda to, given: to.kernel.unpin(given["kref"]),
    "create-meter": _create_meter,
    "create-meter-below": _create_meter_below,
    "set-keeper": _set_keeper,
    "refill-meter": _refill_meter,
    "set-threshold": _set_threshold,
    "forget-meter": _forget_meter,
    "open-market": lambda to, given: trading.open_market(to.kernel, given["terms"]),
    "open-account": lambda to, given: trading.open_account(to.kernel, given["account"], given["balance"]),
    "credit-account": lambda to, given: trading.credit(to.kernel, given["account"], given["amount"]),
    "market-node": lambda to, given: trading.node(to.kernel, given["what"], given["account"]),
    "offer": _offer,
    "raise-bid": lambda to, given: trading.raise_bid(to.kernel, given["position"], given["bid"]),
    "change-kernel-options": lambda to, given: to.kernel.change_kernel_options(given["options"]),
    "pause": _pause,
    "overrule-panic": _overrule_panic,
    "configure": _configure,
    "drop-parked": lambda to, given: to.kernel.drop_parked(to.vat(given)),
    "drop-event": lambda to, given: to.kernel.drop_queued(given["position"]),
    "add-device": lambda to, given: to.kernel.add_device(given["name"], given["kind"]),
    "visit-device": _visit_device,
    "critical-vat-key": _critical_vat_key,
    "admin-node": _admin_node,
    "upload-module": _upload_module,
    "install-bundle": _install_bundle,
    "poll": _poll,
    "receive": _receive,
    "bridge-taken": _bridge_taken,
    "bridge-deliver": _bridge_deliver,
    "plugin": _plugin,
    "set-aside": lambda to, given: to.kernel.cranks.set_aside(given["vat"], given["reason"]),
    "begin-anew": lambda to, given: to.kernel.cranks.anew.begin(given["vat"]),
    "withdraw": lambda to, given: to.kernel.cranks.withdraw(given["result"]),
    "give-up": _give_up,
    "leave-out": by_rows("leave-out"),
    "put-off-migration": lambda to, given: put_off_migration(to.kernel, given["vat"]),
}
"""A function for each verb that a host can ask for."""
