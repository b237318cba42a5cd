"""What stops a whole world: the end of a critical vat, and a host's message that must not be rejected.

A world that has panicked runs no crank, and says why to everybody who asks it to. What led to it is
committed like all else, so the panic is part of the state too: it is there when the world is opened again,
and gone where the world goes back to a commit before it. Only the host can overrule it.
"""

from __future__ import annotations

from swingset.model import reasons
from swingset.world.counters import Counters
from swingset.world.file import WorldFile
from swingset.world.promises import Promises
from swingset.world.vats import Vats

_VAT, _PROMISE = "panic.vat", "panic.promise"


class Panic:
    """Whether a world has panicked, and over what: the number of a vat or of a promise, in `counters`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._counters = Counters(world)

    def over_vat(self, vat: str) -> None:
        """A critical vat was terminated."""
        self._counters.set(_VAT, int(vat[1:]))

    def over_promise(self, kref: str) -> None:
        """The host sent a message under the policy `panic`, and its result was rejected."""
        self._counters.set(_PROMISE, int(kref[2:]))

    def overrule(self) -> None:
        """Let the world run on as it is."""
        for name in (_VAT, _PROMISE):
            if self._counters.get(name):
                self._counters.set(name, 0)

    def words(self) -> str | None:
        """Why the world stands still; None where it does not."""
        row = self._world.row(
            "SELECT name, value from counters where name in (?, ?) and value > 0", (_PROMISE, _VAT)
        )
        if row is None:
            return None
        name, number = row
        if name == _PROMISE:
            promise = Promises(self._world).get(f"kp{number}")
            outcome = promise.data.body if promise is not None and promise.data is not None else ""
            return f"kernel panic kp{number}.policy panic: rejected {outcome}".rstrip()
        vat = Vats(self._world).get(f"v{number}")
        assert vat is not None
        fate = (vat.reason or reasons.TERMINATED).partition(": ")[2]
        return f"critical vat {vat.name} was terminated: {fate}"
