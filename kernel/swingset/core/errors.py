"""What the kernel raises. Messages name the vat, what came, what was wanted and the smallest fix."""

from __future__ import annotations

from collections.abc import Callable

from swingset.model.places import places
from swingset.model.reports import Fault
from swingset.model.visible import quoted


class KernelError(Exception):
    """A request to the kernel that cannot be met; the world stays as it was.

    Its words may quote what strangers said, so they are made fit to be looked at: whatever shows an error
    calls `str`.
    """

    def __str__(self) -> str:
        return quoted(super().__str__())


class NoSuchVat(KernelError):
    """A name or id that no vat has."""


class WorkerRefused(KernelError):
    """A worker that this host does not make. `vat` is the id of the vat it was wanted for, if it has one."""

    def __init__(self, message: str, vat: str | None = None) -> None:
        super().__init__(message)
        self.vat = vat


class VatExists(KernelError):
    """A name that a live vat has already."""


class VatFault(KernelError):
    """A vat's code failed where no promise tells of it: at its start or its upgrade.

    `fault` holds the machine-readable code, the words and the line of the user's own cell. The lines of the
    code are in the notes, where `sources` gives the source of a part.
    """

    def __init__(
        self,
        vat: str,
        what: str,
        fault: Fault,
        sources: Callable[[str], str | None] = lambda _part: None,
    ) -> None:
        super().__init__(f"vat {vat}: {what}: {fault}")
        self.vat = vat
        self.fault = fault
        if lines := places(fault.trace, sources, vat):
            self.add_note("\n".join(lines))


class KernelPanic(KernelError):
    """Something declared fatal has happened.

    Nothing runs, in this process or the next, until the world goes back to a commit before it or the host
    overrules it (`controller.queue.overrule_panic`).
    """


class DeliveryStopped(Exception):
    """The host's clock, or its hand, ended a delivery. The crank is undone, and the vat, by id, set aside."""

    def __init__(self, vat: str, fault: Fault) -> None:
        super().__init__(str(fault))
        self.vat = vat
        self.fault = fault


class OverLimit(Exception):
    """A vat said more than it may in one delivery; `code` is the reason. The crank is undone."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class IllegalSyscall(Exception):
    """A vat said something no correct guest says; the crank is undone and the vat terminated."""
