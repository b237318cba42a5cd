"""One delivery: out through the c-list, into the worker, back through the syscalls, onto the transcript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from swingset.core.ahead import Ahead, binding
from swingset.core.budget import Budget
from swingset.core.device_board import DeviceBoard
from swingset.core.errors import DeliveryStopped
from swingset.core.store import KernelStore
from swingset.core.syscalls import DeliverySyscalls
from swingset.core.warehouse import Warehouse, limits_of
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.workers.base import SyscallHandler, Worker
from swingset.world.vats import VatRecord


@dataclass(frozen=True)
class Delivered:
    """The outcome of a delivery. `exit_request` is set if the vat asked to end."""

    result: DeliveryResult
    exit_request: tuple[bool, CapData] | None = None


HandOver = Callable[[VatRecord, Worker, list[Any], SyscallHandler, Limits], DeliveryResult]
"""Runs a delivery in a worker."""


def _hand_over(
    _vat: VatRecord, worker: Worker, delivery: list[Any], handler: SyscallHandler, limits: Limits
) -> DeliveryResult:
    return worker.deliver(delivery, handler, limits)


class Deliverer:
    """Hands deliveries, already in the vat's names, to workers."""

    def __init__(self, store: KernelStore, warehouse: Warehouse, devices: DeviceBoard, ahead: Ahead) -> None:
        self._store = store
        self._warehouse = warehouse
        self._devices = devices
        self._ahead = ahead
        self.hand_over: HandOver = _hand_over
        """How a worker gets a delivery; in a fork that repeats a past crank, an agent watches it."""

    def deliver(self, vat: VatRecord, worker: Worker, delivery: list[Any], crank: int) -> Delivered:
        """Run one delivery and write it to the transcript, unless it failed.

        After a fault the crank must be rolled back. The worker is closed already, because its memory has seen
        what is rolled back. Raises `DeliveryStopped` if the host ended the delivery, which must have no
        consequences, and `Overtaken` if the crank has to run again because of what ran ahead.
        """
        handler, limits = DeliverySyscalls(self._store, vat.id, self._devices), limits_of(vat)
        market, of_vat = self._store.market, limits
        if market is not None and (fuel := market.fuel) is not None:
            limits = replace(limits, computrons=min(fuel, limits.computrons or fuel))
        own = limits
        if "meter" in vat.options and delivery[0] not in _UNMETERED:
            limits = self._as_paid(vat, limits)
        self._store.budget = Budget(limits)
        self._warehouse.ran.add(vat.id)
        try:
            result = self._ahead.outcome(vat, delivery, limits, handler)
            if result is None:
                result = self.hand_over(vat, worker, delivery, handler, limits)
        except BaseException:
            # The host was interrupted, or is itself at fault: the vat's memory is in an unknown state.
            self._warehouse.discard(vat.id)
            raise
        finally:
            self._store.budget = None
        self._ahead.note(vat.id, result.computrons)
        if limits is not own:
            result = _paid(result, limits)
        if market is not None and result.fault is not None:
            result = _allowed(result, result.fault, market.stopped(of_vat.computrons))
        if handler.over is not None:
            result = _with(result, handler.over)
        if handler.illegal is not None:
            result = _with(result, Fault(reasons.ILLEGAL_SYSCALL, handler.illegal))
        if result.fault is not None:
            if result.fault.code != reasons.CODE_MISSING:  # then it has not begun
                self._warehouse.discard(vat.id)
            if result.fault.code in reasons.HOST_CHOSEN:
                raise DeliveryStopped(vat.id, result.fault)
        else:
            self.record(vat, delivery, handler.log, result.computrons, crank, result.memory)
        return Delivered(result, handler.exit_request)

    def _as_paid(self, vat: VatRecord, limits: Limits) -> Limits:
        """The same limits, with no more computrons than the vat's meters hold."""
        least = binding(self._store, vat, limits)
        return limits if least is None else replace(limits, computrons=max(least, 1))

    def record(
        self,
        vat: VatRecord,
        delivery: list[Any],
        log: list[list[Any]],
        computrons: int | None,
        crank: int,
        memory: int | None = None,
    ) -> None:
        """Append one entry to the vat's transcript, if it has one.

        The memory of a vat is in it if it counts for something: a script repeats the transcript.
        """
        if not vat.recorded:
            return
        span = self._store.vats.span(vat.id)
        entry = {
            "position": span.position,
            "delivery": delivery,
            "syscalls": log,
            "computrons": computrons,
        }
        if memory is not None and self._store.footprints.remembers(vat.id, memory):
            entry["memory"] = memory
        running = self._store.world.transcripts.append(
            vat.id, vat.incarnation, span.position, crank, span.hash, entry
        )
        self._store.vats.save_span(span.after(running, computrons or 0))


_UNMETERED = ("startVat", "bringOutYourDead")
"""Deliveries that meters do not stop: a start that they cannot pay fails, and the dead are brought out."""


def _paid(result: DeliveryResult, limits: Limits) -> DeliveryResult:
    """The same delivery, failed because its vat's meters cannot pay, if it used all that they hold."""
    most = limits.computrons or 0
    if result.fault is None:
        stopped = (result.computrons or 0) > most
    else:
        stopped = result.fault.code == reasons.OUT_OF_COMPUTRONS
    if not stopped:
        return result
    return DeliveryResult(Fault(reasons.METER_EXHAUSTED, "its meters hold no more"), most)


def _allowed(result: DeliveryResult, fault: Fault, words: str | None) -> DeliveryResult:
    """The same delivery, with the words of a market if it used up the allowance of its bid."""
    if words is None or fault.code != reasons.OUT_OF_COMPUTRONS:
        return result
    return replace(result, fault=replace(fault, message=words))


def _with(result: DeliveryResult, fault: Fault) -> DeliveryResult:
    """The same delivery, failed by a fault that the kernel found, with the lines that the worker reported.

    If the host stopped it meanwhile it stays stopped: a faster host would have got other lines.
    """
    if result.fault is not None and result.fault.code in reasons.HOST_CHOSEN:
        return result
    trace = result.fault.trace if result.fault is not None else ()
    return replace(result, fault=replace(fault, trace=trace))
