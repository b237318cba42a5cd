"""Finds the method whose answer a promise of a session is, in the source of its vat. No code is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError
from swingset.guest.base.promises import Promise
from swingset.host.sessions.session import Session
from swingset.lens.present.described import describe
from swingset.world.errors import WorldError


@dataclass(frozen=True)
class Called:
    """A method that was called: the part of the vat's code that has it, the source of that, and its line.

    `confined` says whether a confined worker runs it.
    """

    confined: bool
    part: str
    source: str
    line: int


def asked_of(session: Session, promise: Promise[Any]) -> tuple[str, str] | None:
    """The bundle of the vat that a promise was asked of, and the name of the method; None if unknown."""
    found = _sent(session, promise)
    return None if found is None else (found[1].bundle, found[2])


def called(session: Session, promise: Promise[Any]) -> Called | None:
    """The method that a promise is the answer of; None if its source cannot be found."""
    found = _sent(session, promise)
    if found is None:
        return None
    kref, owner, name = found
    store = session.controller.kernel.store
    try:
        method = describe(store, kref, session.vat_id).method(name)
        parts = dict(store.world.bundles.get(owner.bundle))
    except (KernelError, WorldError):
        return None
    source = parts.get(method.part) if method is not None else None
    if method is None or source is None:
        return None
    return Called(owner.worker != "local", method.part, source, method.line)


def _sent(session: Session, promise: Promise[Any]) -> tuple[str, Any, str] | None:
    """The object that the promise was asked of, its vat, and the name of the method."""
    cause = promise._cause
    if type(cause) is not tuple or not cause[3]:
        return None
    kernel = session.controller.kernel
    kref = kernel.recognize(session.vat_id, cause[3])
    record = None if kref is None else kernel.store.objects.get(kref)
    owner = None if record is None or record.owner is None else kernel.store.vats.get(record.owner)
    if kref is None or owner is None or not owner.bundle:
        return None
    return kref, owner, cause[0]
