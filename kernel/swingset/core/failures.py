"""Events on which the host fails repeatedly.

No input of a vat may raise in the kernel. If one does all the same, the crank is rolled back, the run raises
the error, and the event is still first in the queue: the next run would fail on it too, and one vat would
have stopped the world. So consecutive failures on one event are counted, and at the third the event is set
aside, outside of any crank, and its vat, if any, is suspended; the world goes on for all others.

Failures of the host itself are not counted: a full disk, too little memory, a damaged file, a missing engine,
Ctrl-C. They do not come from the event, which runs once they are repaired. The count is kept in memory for
one open world and not in the file: it changes nothing before it acts, and a restarted host counts from zero.
"""

from __future__ import annotations

from swingset.core.errors import KernelError, NoSuchVat
from swingset.model.foreign import said, shown
from swingset.model.messages import CloneVat, CreateVat, Event, UpgradeVat
from swingset.model.wording import fit
from swingset.workers.base import WorkerError
from swingset.world.errors import HOST_TROUBLE, ValueRefused

MOST = 3
"""How many times in a row the host may fail on one event."""


class TooMuchChanged(Exception):
    """A crank changed more than one commit can hold, so it can never be kept."""


class Failures:
    """How often the host of one open world has failed over the same event."""

    def __init__(self) -> None:
        self._last: tuple[int | None, Event] | None = None
        self.count = 0
        """How often in a row it has failed over the last one."""

    def enough(self, seq: int | None, event: Event, error: BaseException) -> bool:
        """Count a failure on the event at `seq`; returns whether to set it aside now."""
        if not _counts(event, error):
            return False
        here = (seq, event)
        self.count = self.count + 1 if self._last == here else 1
        self._last = here
        if self.count < MOST and not isinstance(error, TooMuchChanged):
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Reset the count: a crank succeeded."""
        self._last, self.count = None, 0


def words_for(error: BaseException) -> str:
    """The reason for setting an event aside, with the host's error."""
    if isinstance(error, TooMuchChanged):
        return fit(said(error))
    return fit(f"the host failed over it {MOST} times: {shown(error)}: {said(error)}")


def _counts(event: Event, error: BaseException) -> bool:
    if isinstance(error, ValueRefused):
        return True
    if not isinstance(error, Exception) or isinstance(error, (*HOST_TROUBLE, WorkerError, NoSuchVat)):
        return False
    # Whether a vat may be created here depends on this host, and another may allow it.
    return not (isinstance(error, KernelError) and isinstance(event, CreateVat | CloneVat | UpgradeVat))
