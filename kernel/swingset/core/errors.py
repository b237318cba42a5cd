"""What the kernel raises. Messages name the vat, what came, what was wanted and the smallest fix."""

from __future__ import annotations

from collections.abc import Callable

from swingset.model.places import places
from swingset.model.reports import Fault
from swingset.model.states import Reason
from swingset.model.visible import quoted


class KernelError(Exception):
    """A request to the kernel that cannot be met; the world stays as it was.

    Its message may quote text of strangers, so `str` makes that text visible.
    """

    def __str__(self) -> str:
        return quoted(super().__str__())


class NoSuchVat(KernelError):
    """A name or id that no vat has."""


class WorkerRefused(KernelError):
    """This host does not make such a worker. `vat` is the id of the vat that needs it, or None."""

    def __init__(self, message: str, vat: str | None = None) -> None:
        super().__init__(message)
        self.vat = vat


class VatExists(KernelError):
    """A name that a live vat has already."""


class VatFault(KernelError):
    """A vat's code failed at its start or its upgrade, where no promise could be rejected.

    `fault` holds the machine-readable code, the message and the line of the user's own cell. The lines of
    code are in the notes, if `sources` gives the source of a part.
    """

    def __init__(
        self,
        vat: str,
        consequence: str,
        fault: Fault,
        sources: Callable[[str], str | None] = lambda _part: None,
    ) -> None:
        super().__init__(f"vat {vat}: {consequence}: {fault}")
        self.vat = vat
        self.fault = fault
        if lines := places(fault.trace, sources, vat):
            self.add_note("\n".join(lines))


class KernelPanic(KernelError):
    """The world has stopped: a critical vat ended, or a message of the host with policy `panic` was rejected.

    Nothing runs, in this process or the next, until the world goes back to a commit before it or the host
    overrules it (`controller.queue.overrule_panic`).

    Source:
        `panic` of the kernel, here a part of the world.
    """


class DeliveryStopped(Exception):
    """The host's clock or its user stopped a delivery. The crank is rolled back and the vat suspended."""

    def __init__(self, vat: str, fault: Fault) -> None:
        super().__init__(str(fault))
        self.vat = vat
        self.fault = fault


class OverLimit(Exception):
    """A vat wrote more than it may in one delivery; `code` is the reason. The crank is rolled back."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


class IllegalSyscall(Exception):
    """A vat made a syscall that no correct guest makes. The crank is rolled back and the vat terminated."""
