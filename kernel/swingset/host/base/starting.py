"""Starts, clones and upgrades vats at once: before all waiting events, even if the world is paused.

A request is queued like one that a vat makes, and then the world runs up to its crank. So its outcome is
known when the call returns, and a refusal has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swingset.core.clone_requests import queue_clone
from swingset.core.errors import KernelError, VatFault
from swingset.core.report import CrankReport
from swingset.host.base.engines import WorkerKind
from swingset.host.base.opened import Opened
from swingset.model import modules
from swingset.model.capdata import NOTHING, CapData
from swingset.model.messages import CloneVat, CreateVat, UpgradeVat
from swingset.model.modules import RAW, is_raw
from swingset.model.states import QueuedPolicy
from swingset.world.bundles import check_parts
from swingset.world.errors import DamagedWorld

_ONLY_OWN = (
    f"a part whose name begins with {RAW!r} is code without liveslots, which only vats of the library have: "
    "give the part another name"
)

Parts = modules.Parts
"""The code of a vat: the names and sources of its parts, its modules and kinds first."""


def service_counter(name: str) -> str:
    """The name of the counter that holds the id of a service vat."""
    return f"service.{name}"


def create_vat(
    opened: Opened,
    name: str,
    parts: Parts,
    *,
    parameters: CapData | None = None,
    worker: WorkerKind | None = None,
    options: dict[str, Any] | None = None,
    service: bool = False,
) -> str:
    """Start a vat now; returns the kref of its root object.

    `service` is set only for service vats, whose ids the world stores.
    """
    kernel = opened.kernel
    check_parts(parts)
    if is_raw(parts) and not service:
        raise KernelError(f"vat {name}: {_ONLY_OWN}")
    with opened.lock:
        given = parameters or NOTHING
        kind = worker or opened.choices.default_worker
        result = kernel.queue_creation(
            name, kind, parts, given, {} if options is None else options, first=True, service=service
        )
        report = _run_request(opened, result)
        if report.fault is None:
            # The host knows the vat by its name, so its root is never collected.
            kernel.pin(kernel.root_of(name))
        if report.outcome != "withdrawn":
            kernel.release_result(result)
        if report.fault is not None:
            opened.commit(f"could not create {name}")
            raise VatFault(name, "it could not be created", report.fault, dict(parts).get)
        kernel.keep_sources(name, parts)
        if service:
            vat = kernel.vat(name).id
            with kernel.request("keep-service", name=name, vat=vat):
                kernel.store.counters.set(service_counter(name), int(vat[1:]))
        opened.commit(f"create {name}")
        return kernel.root_of(name)


def clone_vat(
    opened: Opened,
    name: str,
    clone: str,
    refs: Sequence[str] | None,
    *,
    options: dict[str, Any] | None,
    queued: QueuedPolicy,
) -> tuple[str, ...]:
    """Make a clone of a vat now; returns its krefs for `refs`, or for the vat's root alone if they are None.

    They stay pinned: the host knows the clone by its name.
    """
    kernel = opened.kernel
    with opened.lock:
        wanted = [kernel.root_of(name)] if refs is None else list(refs)
        result = queue_clone(kernel, name, clone, wanted, options=options, queued=queued, first=True)
        report = _run_request(opened, result)
        settled = kernel.store.promises.get(result)
        made = settled.data.slots if report.fault is None and settled is not None and settled.data else ()
        for kref in made:
            kernel.pin(kref)
        if report.outcome != "withdrawn":
            kernel.release_result(result)
        if report.fault is not None:
            opened.commit(f"could not clone {name}")
            raise VatFault(name, "no clone was made and nothing has changed", report.fault)
        opened.commit(f"clone {name} as {clone}")
        # A reference that is listed twice is mentioned once in the result.
        own = dict(zip(dict.fromkeys(wanted), made, strict=True))
        return tuple(own[kref] for kref in wanted)


def upgrade_vat(
    opened: Opened,
    name: str,
    parts: Parts,
    *,
    parameters: CapData | None,
    message: str,
    service: bool = False,
) -> CrankReport:
    """Replace a vat's code now; its durable objects stay. Returns the report of the upgrade's crank.

    `service` is set only for the library's own code of a service vat.
    """
    kernel = opened.kernel
    with opened.lock:
        if not service:
            _check_own(opened, name, parts)
        words = message or f"vat {name} upgraded"
        result = kernel.queue_upgrade(name, parts, parameters, words, first=True)
        report = _run_request(opened, result)
        if report.outcome != "withdrawn":
            kernel.release_result(result)
        if report.fault is not None:
            opened.commit(f"refused to upgrade {name}")
            words = "the upgrade was refused and nothing has changed"
            raise VatFault(name, words, report.fault, dict(parts).get)
        kernel.keep_sources(name, parts)
        opened.commit(f"upgrade {name}")
        return report


def _check_own(opened: Opened, name: str, parts: Parts) -> None:
    """Raise `KernelError` unless an upgrade leaves a raw vat as it is and makes none of another."""
    check_parts(parts)
    vat = opened.kernel.vat(name)
    try:
        before = () if vat.bundle is None else opened.world.bundles.get(vat.bundle)
    except DamagedWorld:
        before = ()  # an upgrade is what helps such a vat
    same = [tuple(part) for part in before] == [tuple(part) for part in parts]
    if (is_raw(parts) or is_raw(before)) and not same:
        raise KernelError(f"vat {name}: {_ONLY_OWN}")


def _run_request(opened: Opened, result: str) -> CrankReport:
    """Run up to the crank that answers a request."""
    return opened.run_up_to(
        lambda event: isinstance(event, CreateVat | CloneVat | UpgradeVat) and event.result == result,
        lambda: opened.kernel.cranks.withdraw(result),
    )
