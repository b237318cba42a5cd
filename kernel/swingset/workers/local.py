"""The `local` worker: vat code in the host's own interpreter.

For debuggers, for a quick look, and for machines without the engine. It confines nothing: code in a local
vat can do whatever the host's process can. It meters nothing and has no heap image, so a local vat comes
back by repeating its whole transcript. Use it only for code you would run anyway.

`AttachedWorker` is the same for a vat whose guest library the embedder already holds, such as the notebook.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

from swingset.guest.base import context
from swingset.guest.base.context import DeliveryAbandonedError
from swingset.guest.liveslots import Liveslots, SyscallError
from swingset.guest.raw import RawVat
from swingset.model import reasons, syscalls
from swingset.model.limits import Limits
from swingset.model.modules import is_raw
from swingset.model.places import code_file
from swingset.model.reports import DeliveryResult, Fault, Frame, frames_from_json
from swingset.model.stack import room
from swingset.model.states import ConsoleStream
from swingset.model.wording import MOST_NAME, fit
from swingset.workers import interrupts
from swingset.workers.base import DeliveryInterrupted, HeapImage, ImageMismatch, SyscallHandler, VatSpec
from swingset.workers.loggers import RootLogger

_MOST_FRAMES = 50


class _Console(io.TextIOBase):
    """Collects what a vat prints in a delivery, up to a limit, and says how much was cut.

    A vat has the same one in each delivery: a handler of its `logging` keeps it.
    """

    def __init__(self, limit: int = 0) -> None:
        self.begin(limit)

    def begin(self, limit: int) -> None:
        """A delivery begins."""
        self._chunks: list[str] = []
        self._left = limit
        self._lost = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = text[: self._left]
        self._chunks.append(kept)
        self._left -= len(kept)
        self._lost += len(text) - len(kept)
        return len(text)

    def text(self) -> str:
        cut = f"\n[{self._lost:,} more characters were printed and cut]\n" if self._lost else ""
        return "".join(self._chunks) + cut


class _GuestWorker:
    """Deliveries to a guest library that lives in this process."""

    kind = "local"
    confined_stack = False
    """Whether to hide from vat code how many frames the process allows."""
    _logging: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    """Gives the vat a root logger of its own during a delivery, unless it is the embedder itself."""

    def __init__(self) -> None:
        self._handler: SyscallHandler | None = None
        self._host_problem: BaseException | None = None
        self._out, self._err = _Console(), _Console()
        self.vat: Liveslots | RawVat

    def _outside(self, syscall: list[Any]) -> list[Any]:
        return ["error", f"syscall {syscall[0]!r} outside of a delivery"]

    def _syscall(self, syscall: list[Any]) -> Any:
        try:
            answer = self._handler(syscalls.read(syscall)) if self._handler else self._outside(syscall)
        except DeliveryAbandonedError:
            raise
        except BaseException as problem:
            # The guest turns any exception into a rejection; this one belongs to the host.
            if self._handler is not None:
                self._host_problem = self._host_problem or problem
            raise
        if answer[0] != "ok":
            raise SyscallError(answer[1])
        return answer[1]

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Run one delivery in this thread. An exception of the syscall handler is raised unchanged."""
        out, err = self._out, self._err
        out.begin(limits.console_bytes)
        err.begin(limits.console_bytes)
        self._handler = syscall
        timed_out, interrupted = _Flag(), _Flag(self.vat)
        result: dict[str, Any]
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                self._logging(),
                context.activate(self.vat),  # type: ignore[arg-type]  # a raw vat has no parts
                room(exactly=self.confined_stack),
                _no_collector(),
                _watchdog.limit(limits.seconds, timed_out),
                interrupts.taken(interrupted.abandon),
            ):
                result = self.vat.deliver(delivery)
        except DeliveryAbandonedError:
            result = {"status": "ok"}
        finally:
            self._handler = None
            problem, self._host_problem = self._host_problem, None
        if interrupted.up:
            raise DeliveryInterrupted(interrupted.trace)
        if problem is not None:
            raise problem
        said: tuple[tuple[ConsoleStream, str], ...] = (("stdout", out.text()), ("stderr", err.text()))
        console = tuple((name, text) for name, text in said if text)
        if timed_out.up:
            words = f"the delivery ran for more than {limits.seconds:g} seconds and was stopped"
            return DeliveryResult(Fault(reasons.WALL_CLOCK, words), None, console)
        return DeliveryResult(fault_from_guest(delivery, result), None, console)

    def snapshot(self) -> HeapImage | None:
        """None: this process's heap cannot be imaged."""
        return None

    def heap_digest(self) -> str | None:
        """None: there is no memory to show."""
        return None

    def close(self) -> None:
        """Drop the guest's objects; later syscalls of theirs are refused."""
        self.vat.collector.close()
        del self.vat


class LocalWorker(_GuestWorker):
    """One incarnation of one vat in the host's interpreter."""

    confined_stack = True

    def __init__(self, spec: VatSpec) -> None:
        super().__init__()
        self._logging = RootLogger().exchanged
        made = RawVat if is_raw(spec.parts) else Liveslots
        self.vat = made(
            self._syscall,
            vat_name=spec.name,
            incarnation=spec.incarnation,
            parts=[list(part) for part in spec.parts],
        )
        self.vat.file_called = code_file  # Python's library is somewhere else on each host


class AttachedWorker(_GuestWorker):
    """The embedder's own guest library as a vat; `outside` takes its syscalls between deliveries.

    It cannot be brought back. Its memory has seen what was rolled back, so after a rollback the kernel
    discards it with `close`, which notifies the embedder through `ended`.
    """

    def __init__(
        self,
        vat_name: str,
        incarnation: int,
        outside: Callable[[list[Any]], list[Any]],
        ended: Callable[[], None],
    ) -> None:
        super().__init__()
        self._take_outside = outside
        self._ended = ended
        self.liveslots = Liveslots(self._syscall, vat_name=vat_name, incarnation=incarnation, parts=None)
        self.vat = self.liveslots

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Run one delivery; fails with `code-missing` if the code that it needs is not defined yet."""
        self._handler = syscall
        try:
            with context.activate(self.liveslots):
                if self.liveslots.lacks_code(delivery):
                    lacking = ", ".join(self.liveslots.lacking())
                    return DeliveryResult(Fault(reasons.CODE_MISSING, f"it waits for code: {lacking}"))
        finally:
            self._handler = None
        return super().deliver(delivery, syscall, limits)

    def close(self) -> None:
        """Have the embedder end this life; uses of objects that were kept from it then raise an error."""
        self._ended()

    def _outside(self, syscall: list[Any]) -> list[Any]:
        return self._take_outside(syscall)


class LocalWorkerFactory:
    """Makes local workers."""

    kind = "local"
    confines = False
    image_id: str | None = None
    library: bytes | None = None

    def start(self, spec: VatSpec) -> LocalWorker:
        """A fresh worker, which has run nothing yet."""
        return LocalWorker(spec)

    def restore(self, spec: VatSpec, image: HeapImage) -> LocalWorker:
        """Always refused: the image is another engine's, so the transcript has to be replayed instead."""
        raise ImageMismatch(
            f"vat {spec.name}: a local worker has no heap images, this one is of {image.base}"
        )


def fault_from_guest(delivery: list[Any], result: dict[str, Any]) -> Fault | None:
    """The fault in a guest's report of a delivery, or None if it went well."""
    if result.get("status") == "ok":
        return None
    error = result.get("error") or {}
    details = error.get("details")
    return Fault(
        reasons.START_FAILED if delivery[0] == "startVat" else reasons.GUEST_CRASHED,
        fit(str(error.get("message", "the vat failed without saying why")), 20_000),
        fit(str(error.get("name", "Error")), MOST_NAME),
        frames_from_json(error.get("trace")),
        details if isinstance(details, dict) else {},
    )


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Turn the host's collector off: it could run code of any vat in the middle of a delivery."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Flag:
    """Whether a delivery was abandoned for one of the host's reasons."""

    __slots__ = ("_live", "trace", "up")

    def __init__(self, live: Liveslots | RawVat | None = None) -> None:
        self._live = live
        self.up = False
        self.trace: tuple[Frame, ...] = ()

    def abandon(self, number: int, frame: FrameType | None) -> None:
        """For Ctrl-C: abandon the delivery. Vat code would turn a KeyboardInterrupt into a rejection."""
        handler = interrupts.before()
        if handler is not signal.default_int_handler:
            handler(number, frame)
            return
        self.up = True
        self.trace = _lines_of(frame, self._live)
        raise DeliveryAbandonedError


def _lines_of(frame: FrameType | None, live: Liveslots | RawVat | None) -> tuple[Frame, ...]:
    """The lines of a vat's code in a stack of frames, outermost first."""
    found: list[Frame] = []
    while frame is not None and live is not None and len(found) < _MOST_FRAMES:
        part = live.part_of(frame.f_code.co_filename)
        if part is not None:
            found.append(Frame(part, frame.f_lineno, frame.f_code.co_qualname))
        frame = frame.f_back
    return tuple(reversed(found))


class _Watchdog:
    """One thread for the whole process that stops the vat whose time is up."""

    GRAIN = 0.1

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: tuple[float, int, _Flag] | None = None
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def limit(self, seconds: float | None, fired: _Flag) -> Iterator[None]:
        """Raise `DeliveryAbandonedError` in this thread, and set `fired`, when the body takes longer."""
        if seconds is None:
            yield
            return
        before, mine = self._armed, (time.monotonic() + seconds, threading.get_ident(), fired)
        with self._lock:
            self._armed = mine
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="local-vat-watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._armed = before

    def _watch(self) -> None:
        while True:
            time.sleep(self.GRAIN)
            with self._lock:
                if self._armed is None or time.monotonic() < self._armed[0]:
                    continue
                _, thread, fired = self._armed
                self._armed = None
                fired.up = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(DeliveryAbandonedError)
                )


_watchdog = _Watchdog()
