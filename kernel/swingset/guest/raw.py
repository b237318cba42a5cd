"""A vat whose code serves deliveries and makes syscalls itself, with no liveslots between it and the kernel.

A protocol that speaks for objects of other worlds needs what vat code is kept from: it takes messages to
objects and promises that have no class, decides answers that come later from outside, and is notified when
nothing refers to an export any more. So its last part, whose name begins with `raw `, defines
`build_dispatch(syscall)`. This returns `dispatch(delivery)`, which gets each delivery in the kernel's form,
the one that starts the vat too. `syscall(call)` returns the answer, or raises `SyscallError`.

What the code keeps in memory is gone when its next incarnation starts: everything that has to last is in the
vat's store. An exception of `dispatch` fails the delivery, which is rolled back as a whole. Names of exports
follow the kernel's rules: `o+0` is the root, `o+d1/7` stays after an upgrade, `o+7` does not.

Only vats that come with the project are raw: hosts and vats cannot install such a part.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from .base import context, errors
from .base.collector import MANY
from .base.context import DeliveryAbandonedError
from .lasting.randomness import patched
from .liveslots import SyscallError, VatStartError
from .loader import run_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base.ended import Ended


class _Collector:
    """Runs the interpreter's collector for a vat that has no objects with names in the kernel."""

    def tidy(self) -> None:
        """Free rings of objects if there may be many, at the end of a delivery."""
        if gc.get_count()[0] >= MANY:
            gc.collect()

    def close(self) -> None:
        """The worker is done with the vat, which has no suspended calls."""


class RawVat:
    """One incarnation of a raw vat; workers use it as they use `Liveslots`."""

    def __init__(
        self,
        syscall: Callable[[list[Any]], Any],
        *,
        vat_name: str,
        incarnation: int,
        parts: list[list[str]],
    ) -> None:
        self.vat_name = vat_name
        self.incarnation = incarnation
        self.ended: Ended | None = None
        self.collector = _Collector()
        self.file_called: Callable[[str], str] = str
        self._kernel = syscall
        self._parts = parts
        self._fatal: SyscallError | None = None
        self._dispatch: Callable[[list[Any]], object] | None = None

    def syscall(self, call: list[Any]) -> Any:
        """Make a syscall; raises SyscallError if the kernel refuses it, which ends the delivery."""
        try:
            return self._kernel(call)
        except SyscallError as exc:
            self._fatal = self._fatal or exc
            raise

    def deliver(self, delivery: list[Any]) -> dict[str, Any]:
        """Serve one delivery; the result's status says whether it may be committed."""
        self._fatal = None
        before = context.enter(self)  # type: ignore[arg-type]  # for its name; nothing asks it for more
        try:
            if delivery[0] == "startVat":
                self._dispatch = self._start()
            if self._dispatch is None:
                raise RuntimeError(f"vat {self.vat_name} has not started")
            self._dispatch(delivery)
            if delivery[0] == "bringOutYourDead":
                gc.collect()
        except DeliveryAbandonedError:
            raise
        except BaseException as exc:
            return {"status": "error", "error": self._report(self._fatal or exc)}
        finally:
            context.leave(before)
        if self._fatal is not None:
            return {"status": "error", "error": self._report(self._fatal)}
        return {"status": "ok"}

    def _start(self) -> Callable[[list[Any]], object]:
        with patched():
            namespace = run_parts(self.vat_name, self._parts)
        build = namespace.get("build_dispatch")
        if build is None:
            raise VatStartError(f"raw vat {self.vat_name} defines no build_dispatch(syscall)")
        dispatch: Callable[[list[Any]], object] = build(self.syscall)
        return dispatch

    def part_of(self, filename: str) -> str | None:
        """The part that a file name of a traceback stands for, or None."""
        prefix = f"<{self.vat_name}:"
        return filename[len(prefix) : -1] if filename.startswith(prefix) else None

    def _report(self, exc: BaseException) -> dict[str, Any]:
        report = {"trace": [], **errors.to_wire(exc, lambda error: errors.trace_of(error, self.part_of))}
        report.pop("code", None)
        report.pop("family", None)
        return report


__all__ = ["RawVat"]
