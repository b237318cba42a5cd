"""What stops a whole world: the end of a critical vat, and a host's message that must not be rejected.

A world that has panicked runs no crank, and says why to everybody who asks it to. What led to it is
committed like all else, so the panic is part of the state too: it is there when the world is opened again,
and gone where the world goes back to a commit before it. Only the host can overrule it.

What a critical vat said at its end is for the host, which has to mend something. Those who send to it hear
that it was terminated, and nothing more.
"""

from __future__ import annotations

from typing import NamedTuple

from swingset.model import capdata
from swingset.model.capdata import NOTHING, CapData
from swingset.model.visible import one_line
from swingset.model.wording import MOST_WORDS, fit
from swingset.world.file import WorldFile
from swingset.world.promises import Promises
from swingset.world.tables import Rows, Table


class Cause(NamedTuple):
    """What stopped a world: a vat, with how it ended, or a promise."""

    cause: str
    words: str


_PANICS = Table("panics", Cause, heavy=("words",))


class Panic:
    """Whether a world has panicked, and over what: the table `panics`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _PANICS)

    def over_vat(self, vat: str, name: str, fate: str, last_words: CapData | None) -> None:
        """A critical vat was terminated; `last_words` are its own, or those of who ended it."""
        said = "" if last_words is None or last_words.body == NOTHING.body else capdata.in_words(last_words)
        words = f"critical vat {name} was terminated: {fate}"
        self._note(vat, fit(words if not said or words.endswith(f": {said}") else f"{words}: {said}"))

    def over_promise(self, kref: str) -> None:
        """The host sent a message under the policy `panic`, and its result was rejected."""
        self._note(kref, "")

    def _note(self, cause: str, words: str) -> None:
        self._rows.put(Cause(cause, words))

    def overrule(self) -> None:
        """Let the world run on as it is."""
        for found in list(self._rows.all()):
            self._rows.delete(found.cause)

    def words(self) -> str | None:
        """Why the world stands still; None where it does not."""
        found = min(self._rows.all(), default=None)
        if found is None:
            return None
        cause, words = found
        if cause.startswith("kp"):
            promise = Promises(self._world).get(cause)
            outcome = promise.data.body if promise is not None and promise.data is not None else ""
            words = f"kernel panic {cause}.policy panic: rejected {outcome}".rstrip()
        return one_line(words, MOST_WORDS)
