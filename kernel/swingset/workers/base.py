"""The one interface between the kernel and the places where vat code runs.

The kernel knows a vat's engine only through what is in this module: start a vat (or wake it from its heap
image), hand it a delivery together with a function that answers its syscalls, ask for its heap image between
deliveries, close it. Engines differ in what they can promise (confinement, metering, heap images), but all
have the same interface, so a transcript made with one can be replayed with another.

Nothing here starts, meters or persists anything by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from swingset.model.heap import HEAP_PAGE, HeapImage
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Frame
from swingset.model.states import ConsoleStream
from swingset.model.syscalls import Syscall
from swingset.model.visible import quoted

__all__ = [
    "PAGE_SIZE",
    "CopyableWorker",
    "HeapImage",
    "ImageMismatch",
    "LibraryUnusable",
    "Progress",
    "SyscallHandler",
    "VatSpec",
    "WatchableWorker",
    "Worker",
    "WorkerError",
    "WorkerFactory",
]

SyscallHandler = Callable[[Syscall], list[Any]]
"""Takes one syscall in the vat's names, returns ``["ok", value]`` or ``["error", message]``."""

Progress = Callable[[str, float | None], None]
"""Called with the stage of a long preparation and the part that is done (``None`` if unknown)."""

PAGE_SIZE = HEAP_PAGE
"""The page size of heap images, in bytes."""


class DeliveryInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a delivery; `trace` has the lines of vat code that it stood at, outermost first."""

    def __init__(self, trace: tuple[Frame, ...] = ()) -> None:
        super().__init__()
        self.trace = trace


class WorkerError(Exception):
    """A worker could not be started or used; the message says what to do."""

    def __str__(self) -> str:
        return quoted(super().__str__())


class ImageMismatch(WorkerError):
    """A heap image was made from another base image than this engine's."""


class LibraryUnusable(WorkerError):
    """A vat's guest library cannot be run by this engine, now or later; the message says why."""


@dataclass(frozen=True)
class VatSpec:
    """What an engine needs to know to start a vat: who it is, its code, and what it runs on.

    `library` is the content of a guest library, None for the engine's own. It may come from a stranger's
    file, so only an engine that confines what it runs may run it.
    """

    vat_id: str
    name: str
    incarnation: int
    parts: tuple[tuple[str, str], ...]
    library: bytes | None = None


@runtime_checkable
class Worker(Protocol):
    """One running incarnation of one vat."""

    @property
    def kind(self) -> str:
        """The engine's name: ``wasm`` or ``local``."""
        ...

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Hand over one delivery and run the vat until it is done with it, within the limits."""
        ...

    def snapshot(self) -> HeapImage | None:
        """The heap image, between deliveries only; ``None`` when this engine has none to give."""
        ...

    def heap_digest(self) -> str | None:
        """SHA-256 (hex) of all memory; ``None`` when this engine has none to show."""
        ...

    def close(self) -> None:
        """Free everything; the worker cannot be used afterwards."""
        ...


@runtime_checkable
class CopyableWorker(Protocol):
    """A worker whose memory another one of the same engine can take over, between deliveries."""

    def copy(self, spec: VatSpec) -> Worker:
        """A worker with the same memory, as one that is restored from the heap image would have it."""
        ...


@runtime_checkable
class WatchableWorker(Protocol):
    """A worker in which an agent can watch a past delivery being repeated (`swingset.workers.agents`)."""

    def instrument(self, program: str, listen: Callable[[bytes], bytes]) -> None:
        """Run a program in the guest that watches its next delivery; `listen` answers what it says."""
        ...

    def refuel(self, computrons: int) -> None:
        """Let the delivery that is under way spend so many computrons from here on."""
        ...

    def printed(self) -> tuple[tuple[ConsoleStream, str], ...]:
        """What the vat has printed in this delivery since the last time this was asked."""
        ...


@runtime_checkable
class WorkerFactory(Protocol):
    """Makes the workers of one engine."""

    @property
    def kind(self) -> str:
        """The engine's name: ``wasm`` or ``local``."""
        ...

    @property
    def confines(self) -> bool:
        """Whether code in these workers can do nothing but compute and speak to the kernel."""
        ...

    @property
    def image_id(self) -> str | None:
        """Digest of the base image that heap images are relative to; ``None`` for engines without one."""
        ...

    @property
    def library(self) -> bytes | None:
        """The guest library of new incarnations, which worlds keep; ``None`` if only its own can run."""
        ...

    def start(self, spec: VatSpec) -> Worker:
        """A fresh worker; the vat's code runs with the ``startVat`` delivery, not before.

        Raises ``LibraryUnusable`` if this engine cannot run the library that the vat needs.
        """
        ...

    def restore(self, spec: VatSpec, image: HeapImage) -> Worker:
        """A worker that carries on from a heap image; raises ``ImageMismatch`` for a foreign one."""
        ...
