"""A vat in the confined engine: one delivery in, its outcome out.

A worker owns one instance of the interpreter. Between deliveries its linear memory is its whole state: no
file is open, the C stack is at rest, and the host side keeps nothing. A delivery has limits on computrons
(the engine's fuel, the same on every machine), on memory and on seconds. Crossing a limit stops the guest,
and a stopped instance is never used for another delivery. One use of it is left: its memory is as the stop
left it, interrupted Python frames included, so it is asked for the line of vat code that it was running.

An exception of the host's syscall handler stops the guest, and `deliver` raises it unchanged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import wasmtime

from swingset.model import reasons
from swingset.model.cloning import origin_of
from swingset.model.foreign import Unreadable, read_json
from swingset.model.heap import HeapImage
from swingset.model.limits import WASM_PAGE, Limits
from swingset.model.reports import DeliveryResult, Fault, Frame, frames_from_json
from swingset.model.states import ConsoleStream, Reason
from swingset.model.wording import fit
from swingset.workers import pulses
from swingset.workers.base import DeliveryInterrupted, SyscallHandler, VatSpec, WorkerError
from swingset.workers.interrupts import NotedInterrupt
from swingset.workers.wasm import image, memory
from swingset.workers.wasm.door import Door, ProtocolBreach, Surroundings
from swingset.workers.wasm.native import UNLIMITED_FUEL, Guest, GuestStopped, OutOfBounds, StopCode
from swingset.workers.wasm.ticker import Ticker
from swingset.workers.wasm.wasi import Console, GuestExit

MOST_PAGES = 65_536
"""All the memory that an engine of 32 bits can address."""

_AUTOPSY_FUEL = 200_000_000
_AUTOPSY_PAGES = 64
_INSTRUMENT_FUEL = 20_000_000_000
_AFTER_HOST_STOP = 2.0
_AUTOPSY_BYTES = 100_000
_RED_ZONE = 4_096
"""How far below a running guest's stack a copy goes on: what it was just writing there is kept."""
_AUTOPSY = """
def _swingset_where(prefix):
    import _host, json, sys
    frame, found = sys._getframe(), []
    while frame is not None and len(found) < 50:
        name = frame.f_code.co_filename
        if name.startswith(prefix):
            found.append([name[len(prefix):-1], frame.f_lineno or 0, frame.f_code.co_qualname])
        frame = frame.f_back
    _host.call(json.dumps(found[::-1]).encode())
_swingset_where({prefix!a})
"""

_STOPS = {
    StopCode.FUEL: (reasons.OUT_OF_COMPUTRONS, "the delivery used up its computrons"),
    StopCode.STACK: (reasons.STACK_OVERFLOW, "the engine's stack overflowed; recursion is too deep"),
}


class HostStop(Exception):
    """The host stopped the guest, for the reason given."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


class WasmWorker:
    """One incarnation of one vat in one instance of the interpreter."""

    kind = "wasm"

    def __init__(
        self,
        spec: VatSpec,
        guest: Guest,
        base: memory.BaseImage,
        ticker: Ticker,
        blank: Callable[[], WasmWorker],
    ) -> None:
        self._spec = spec
        self._guest = guest
        self._host: Surroundings = guest.host
        self._base = base
        self._ticker = ticker
        self._blank = blank  # makes another worker of this sort, which has run nothing
        self._call = guest.function(image.CALL)
        self._stack_rests_at = base.stack_end
        self._memory_limit = -1
        self._usable = True
        self._stopping = False
        self._listen: Callable[[bytes], bytes] | None = None

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Hand over one delivery and run the vat until it is done with it, within the limits."""
        self._check_usable()
        self._usable = False  # until this delivery has ended well
        if (origin := origin_of(delivery)) is not None:
            self._spec = replace(self._spec, vat_id=origin.clone)
        guest = self._guest
        door = Door(self._spec, delivery, syscall, look_up=lambda: guest.on_tick())
        self._host.door = door if self._listen is None else _beside(door, self._listen)
        identity = [self._spec.vat_id, self._spec.incarnation, delivery]
        self._host.begin(lambda: json.dumps(identity).encode(), Console(limits.console_bytes))
        fuel = UNLIMITED_FUEL if limits.computrons is None else limits.computrons
        guest.set_fuel(fuel)
        self._limit_memory(limits.memory_pages)
        fault: Fault | None
        try:
            with NotedInterrupt() as ctrl_c, self._ticker:
                self._watch(limits.seconds, ctrl_c, self._pulse(fuel, limits.computrons))
                self._call(self._base.turn_at)
        except KeyboardInterrupt:
            trace: tuple[Frame, ...] = ()
            with suppress(HostStop, KeyboardInterrupt):
                trace = self._autopsy(_AFTER_HOST_STOP)
            raise DeliveryInterrupted(trace) from None
        except (GuestStopped, HostStop, ProtocolBreach, GuestExit) as stop:
            used = fuel - guest.fuel()
            try:
                fault = self._fault_of(stop, limits, self._autopsy(_patience(stop, limits)))
            except HostStop as sooner:
                # Another host might have let it finish, and seen other output.
                fault = self._fault_of(sooner, limits, ())
        else:
            used = fuel - guest.fuel()
            fault = self._verdict(door.result, delivery)
            if used == limits.computrons:
                # The engine checks its fuel only from time to time, and reports only that none is left. How
                # much was spent beyond that is unknown, so a replay would differ from what is recorded.
                fault = Fault(*_out_of_computrons(limits), "DeliveryStopped")
            self._usable = fault is None or fault.code == reasons.START_FAILED
        finally:
            self._host.door = None
            self._host.at_rest()
        self._guest.refresh()
        return DeliveryResult(fault, used, self._host.console.text(), self._guest.size)

    def snapshot(self) -> HeapImage:
        """The heap image, between deliveries only."""
        self._check_usable()
        pages = self._base.differing_pages(self._guest)
        return HeapImage(self._base.base, self._guest.size, pages)

    def copy(self, spec: VatSpec) -> WasmWorker:
        """A worker with the same memory, between deliveries only."""
        self._check_usable()
        made = self._blank()
        made._spec = spec
        try:
            self._base.copy(self._guest, made._guest)
        except wasmtime.WasmtimeError as problem:
            made.close()
            raise WorkerError(
                f"vat {spec.name}: a second memory of its size is not to be had: {problem}"
            ) from None
        return made

    def load(self, heap: HeapImage) -> None:
        """Apply a heap image of the same base to a fresh worker's memory."""
        self._base.write_pages(self._guest, heap.size, heap.pages)

    def heap_digest(self) -> str:
        """SHA-256 of all memory that matters between deliveries."""
        self._check_usable()
        return memory.digest(self._guest, self._base.stack_end)

    def instrument(self, program: str, listen: Callable[[bytes], bytes]) -> None:
        """Run a program in the guest that watches its next delivery; `listen` answers what it says.

        It is for repeating a past delivery (`swingset.workers.agents`), never for a live one: what runs then
        spends other computrons. Its knocks begin with `X`; vat code can make them too. Raises `WorkerError`
        if the program fails.
        """
        self._check_usable()
        self._usable = False
        self._listen = listen
        self._host.begin(bytes, Console(_AUTOPSY_BYTES))
        self._host.door = _beside(_shut, listen)
        self._guest.refresh()
        self._guest.set_fuel(_INSTRUMENT_FUEL)
        self._limit_memory(None)
        try:
            with NotedInterrupt() as ctrl_c, self._ticker:
                self._watch(None, ctrl_c)
                text = program.encode()
                at = self._host.allocate(len(text))
                self._guest.write(at, text)
                status = self._guest.function("turn")(at, len(text))
        except (GuestStopped, HostStop, ProtocolBreach, GuestExit, OutOfBounds) as stop:
            raise WorkerError(f"vat {self._spec.name!r} cannot be watched: {stop}") from None
        finally:
            self._host.door = None
            self._host.at_rest()
        if status:
            said = "".join(text for _, text in self._host.console.text())
            raise WorkerError(f"vat {self._spec.name!r} cannot be watched: {fit(said, 2_000)}")
        self._usable = True

    def refuel(self, computrons: int) -> None:
        """Let the delivery that is under way spend so many computrons from here on."""
        self._guest.set_fuel(computrons)

    def printed(self) -> tuple[tuple[ConsoleStream, str], ...]:
        """What the vat has printed in this delivery since the last time this was asked."""
        return self._host.console.news()

    def stop(self) -> None:
        """End the delivery that is under way on another thread, at the next tick; see `StoppableWorker`."""
        self._stopping = True

    def stands_at(self) -> tuple[Frame, ...]:
        """The lines of vat code that the delivery under way stands at, outermost first; empty if unknown.

        A copy of the guest is asked, because whatever ran in the guest itself would change it.
        """
        with suppress(HostStop, WorkerError, wasmtime.WasmtimeError):
            asked = self._blank()
            try:
                asked._guest.copy_memory(self._guest, image.STACK_POINTER, _RED_ZONE)
                return asked._autopsy(_AFTER_HOST_STOP)
            finally:
                asked.close()
        return ()

    def close(self) -> None:
        """Free the instance."""
        self._usable = False
        self._guest.close()

    def _check_usable(self) -> None:
        if not self._usable:
            raise WorkerError(
                f"vat {self._spec.name!r}, incarnation {self._spec.incarnation}: this worker was closed or "
                "stopped in the middle of a delivery; start or restore another"
            )

    def _limit_memory(self, pages: int | None) -> None:
        limit = -1 if pages is None else min(pages, MOST_PAGES) * WASM_PAGE
        if limit != self._memory_limit:
            self._guest.limit_memory(limit)
            self._memory_limit = limit

    def _pulse(self, fuel: int, limit: int | None) -> Callable[[], None] | None:
        """A function that tells how far the delivery is, if somebody listens."""
        listener = pulses.here.listener
        if listener is None:
            return None

        beats = count(1)

        def beat() -> None:
            spent = fuel - self._guest.fuel()
            listener(pulses.Pulse(self._spec.name, spent, limit, next(beats), self.stands_at))

        return beat

    def _watch(
        self, seconds: float | None, ctrl_c: NotedInterrupt, beat: Callable[[], None] | None = None
    ) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        before = self._ticker.interruptions

        def on_tick() -> None:
            nonlocal deadline
            if self._stopping or self._ticker.interruptions != before or ctrl_c.came:
                raise HostStop(reasons.INTERRUPTED, "the delivery was interrupted")
            if deadline is not None and time.monotonic() > deadline:
                raise HostStop(reasons.WALL_CLOCK, f"the delivery took longer than {seconds:g} seconds")
            if beat is not None:
                began = time.monotonic()
                beat()
                if deadline is not None:  # a listener's time is not the vat's
                    deadline += time.monotonic() - began

        self._guest.on_tick = on_tick
        self._guest.arm_epochs()

    def _verdict(self, result: dict[str, Any] | None, delivery: list[Any]) -> Fault | None:
        """The fault of a delivery that returned by itself, or None."""
        if self._guest.global_i32(image.STACK_POINTER) != self._stack_rests_at:
            return Fault(reasons.GUEST_CRASHED, "the interpreter's stack was not at rest after the delivery")
        if result is None:
            said = "".join(text for stream, text in self._host.console.text() if stream == "stderr").strip()
            last = said.splitlines()[-1][:500] if said else "no reason given"
            code = reasons.OUT_OF_MEMORY if last.startswith("MemoryError") else reasons.PROTOCOL
            return Fault(code, f"the delivery ended without a result: {last}")
        if result["status"] == "ok":
            return None
        error = result["error"]
        name = _text_of(error.get("name"), "Error", 200)
        code = reasons.START_FAILED if delivery[0] == "startVat" else reasons.GUEST_CRASHED
        if name == "MemoryError":
            code = reasons.OUT_OF_MEMORY
        details = error.get("details")
        return Fault(
            code,
            _text_of(error.get("message"), "", 20_000),
            name,
            frames_from_json(error.get("trace")),
            details if isinstance(details, dict) else {},
        )

    def _fault_of(self, stop: Exception, limits: Limits, trace: tuple[Frame, ...]) -> Fault:
        """The fault of a delivery that was stopped."""
        if isinstance(stop, HostStop):
            return Fault(stop.code, str(stop), "DeliveryStopped", trace)
        if isinstance(stop, ProtocolBreach):
            return Fault(reasons.PROTOCOL, str(stop), "ProtocolBreach", trace)
        if isinstance(stop, GuestExit):
            return Fault(reasons.GUEST_CRASHED, str(stop), "GuestExit", trace)
        assert isinstance(stop, GuestStopped)
        code, message = _STOPS.get(stop.code, (reasons.GUEST_CRASHED, ""))
        if stop.code is StopCode.FUEL:
            code, message = _out_of_computrons(limits)
        if not message:
            said = str(stop).strip().splitlines() or ["no reason given"]
            message = f"the vat's interpreter crashed: {said[-1][:300]}"
        return Fault(code, message, "DeliveryStopped", trace)

    def _autopsy(self, seconds: float | None) -> tuple[Frame, ...]:
        """The lines of vat code that a stopped guest was running, outermost first; empty if it cannot say.

        Its fuel and its seconds are limited. Only the fuel may decide what is found, because the lines
        become part of a rejection; if the time is up, this raises `HostStop` instead.
        """
        said: list[bytes] = []

        def listen(request: bytes) -> bytes:
            if said or len(request) > _AUTOPSY_BYTES:
                raise ProtocolBreach("a stopped guest said too much")
            said.append(request)
            return b""

        printed, self._host.console = self._host.console, Console(0)
        self._host.door = listen
        self._guest.refresh()
        self._limit_memory(self._guest.size // WASM_PAGE + _AUTOPSY_PAGES)
        self._guest.set_fuel(_AUTOPSY_FUEL)
        self._guest.write(image.TURN_RUNS_AT, b"\0")
        try:
            with NotedInterrupt() as ctrl_c, self._ticker:
                self._watch(seconds, ctrl_c)
                text = _AUTOPSY.replace("{prefix!a}", ascii(f"<{self._spec.name}:")).encode()
                at = self._host.allocate(len(text))
                if not at:
                    return ()
                self._guest.write(at, text)
                self._guest.function("turn")(at, len(text))
            return frames_from_json(read_json(said[0]))
        except (GuestStopped, ProtocolBreach, GuestExit, OutOfBounds, LookupError, Unreadable):
            return ()  # a guest in this state need not answer
        finally:
            self._host.console = printed


def _beside(door: Callable[[bytes], bytes], listen: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A door at which the knocks of an agent go to `listen`."""
    return lambda request: listen(request[1:]) if request[:1] == b"X" else door(request)


def _shut(_request: bytes) -> bytes:
    raise ProtocolBreach("a knock between two deliveries")


def _patience(stop: Exception, limits: Limits) -> float | None:
    """Seconds for an autopsy: few if nothing that is committed depends on it."""
    return _AFTER_HOST_STOP if isinstance(stop, HostStop) else limits.seconds


def _out_of_computrons(limits: Limits) -> tuple[Reason, str]:
    code, message = _STOPS[StopCode.FUEL]
    return code, f"{message} ({limits.computrons:,})"


def _text_of(value: Any, otherwise: str, most: int) -> str:
    return fit(value, most) if isinstance(value, str) else otherwise
