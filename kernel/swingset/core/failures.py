"""Inputs that the host fails over, again and again.

Nothing that a vat says may raise in the kernel. Should it do so all the same, the crank is undone, the error
comes out of the run, and the event is still the first of all: the next run would fail over it too, and one
vat would have stopped the world. So failures in a row over one event are counted, and at the third the event
is set aside, with its vat where it has one, as no part of any crank; the world goes on for all others.

What is wrong with the host itself is not counted: a full disk, too little memory, a damaged file, a missing
engine, Ctrl-C. The event has no part in that, and runs as soon as it is mended. The count is of one open
world and of no file: it changes nothing before it acts, and a host that is started anew begins anew.
"""

from __future__ import annotations

from swingset.core.errors import KernelError, NoSuchVat
from swingset.model.foreign import said, shown
from swingset.model.messages import CreateVat, Event, UpgradeVat
from swingset.model.wording import fit
from swingset.workers.base import WorkerError
from swingset.world.errors import HOST_TROUBLE, ValueRefused

MOST = 3
"""How often the host may fail over one event in a row."""


class TooMuchChanged(Exception):
    """A crank changed more than one commit can hold, so it can never be kept."""


class Failures:
    """How often the host of one open world has failed over the same event."""

    def __init__(self) -> None:
        self._last: tuple[int | None, Event] | None = None
        self._count = 0

    def enough(self, seq: int | None, event: Event, error: BaseException) -> bool:
        """Count a failure over the event that stood at `seq`; whether it is to be set aside now."""
        if not _counts(event, error):
            return False
        here = (seq, event)
        self._count = self._count + 1 if self._last == here else 1
        self._last = here
        if self._count < MOST and not isinstance(error, TooMuchChanged):
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Something went well."""
        self._last, self._count = None, 0


def words_for(error: BaseException) -> str:
    """What the host failed with, whatever the error has to say of itself."""
    if isinstance(error, TooMuchChanged):
        return fit(said(error))
    return fit(f"the host failed over it {MOST} times: {shown(error)}: {said(error)}")


def _counts(event: Event, error: BaseException) -> bool:
    if isinstance(error, ValueRefused):
        return True
    if not isinstance(error, Exception) or isinstance(error, (*HOST_TROUBLE, WorkerError, NoSuchVat)):
        return False
    # Whether a vat may be made here is for this host to say, and another may say otherwise.
    return not (isinstance(error, KernelError) and isinstance(event, CreateVat | UpgradeVat))
