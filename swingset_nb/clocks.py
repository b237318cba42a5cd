"""Tells at a call that the method reads a clock or draws random numbers, which in a vat are neither.

The cell that makes the vat says so too, but the one who calls may be another, or may have forgotten: the
number that comes back looks like any other. So when a message of the session is answered, the source of its
method is looked at, once for each method of each code of a vat. Nothing runs, and nothing is sent.
"""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError
from swingset.guest.base.promises import Promise
from swingset.host.session import Session
from swingset.lens.described import describe
from swingset.lens.stillness import remarks
from swingset.world.errors import WorldError

_MOST = 10_000  # methods that are remembered


class Clocks:
    """The methods that one session has called."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: set[tuple[str, str]] = set()

    def told(self, promise: Promise[Any]) -> list[str]:
        """What there is to say of the method that a promise is the answer of; nothing if it was said."""
        cause = promise._cause
        if type(cause) is not tuple or not cause[3]:
            return []
        with self._session.controller.lock:
            kernel, asker = self._session.controller.kernel, self._session.vat_id
            kref = kernel.recognize(asker, cause[3])
            record = None if kref is None else kernel.store.objects.get(kref)
            owner = None if record is None or record.owner is None else kernel.store.vats.get(record.owner)
            if kref is None or owner is None or not owner.bundle:
                return []
            known = (owner.bundle, cause[0])
            if known in self._known or len(self._known) >= _MOST:
                return []
            self._known.add(known)
            try:
                method = describe(kernel.store, kref, asker).method(cause[0])
                parts = dict(kernel.store.world.bundles.get(owner.bundle))
            except (KernelError, WorldError):
                return []
        source = parts.get(method.part) if method is not None else None
        if method is None or source is None:
            return []
        confined = owner.worker != "local"
        found = remarks(method.part, source, confined=confined, method=method.line)
        return [str(remark) for remark in found]
