"""Stops a whole world: when a critical vat ends, or when a host's message that must not fail is rejected.

A world that has panicked runs no crank, and every attempt raises the reason. The crank that caused it is
committed as usual, so the panic is part of the state: it is there when the world is opened again, and it is
gone if the world goes back to a commit before it. Only the host can overrule it.

The last words of a critical vat are for the host, which has to repair something. Senders only learn that the
vat was terminated.
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
    """The cause of a panic: a vat and how it ended, or a promise."""

    cause: str
    words: str


_PANICS = Table("panics", Cause, heavy=("words",))


class Panic:
    """Whether a world has panicked, and why: the table `panics`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _PANICS)

    def over_vat(self, vat: str, name: str, fate: str, last_words: CapData | None) -> None:
        """Panic because a critical vat was terminated; `last_words` are its own or its terminator's."""
        said = "" if last_words is None or last_words.body == NOTHING.body else capdata.in_words(last_words)
        words = f"critical vat {name} was terminated: {fate}"
        self._note(vat, fit(words if not said or words.endswith(f": {said}") else f"{words}: {said}"))

    def over_promise(self, kref: str) -> None:
        """Panic because the result of a host's message with the policy `panic` was rejected."""
        self._note(kref, "")

    def _note(self, cause: str, words: str) -> None:
        self._rows.put(Cause(cause, words))

    def overrule(self) -> None:
        """Let the world continue as it is."""
        for found in list(self._rows.all()):
            self._rows.delete(found.cause)

    def words(self) -> str | None:
        """Why the world has panicked; None if it has not."""
        if self._rows.surely_empty():
            return None
        found = min(self._rows.all(), default=None)
        if found is None:
            return None
        cause, words = found
        if cause.startswith("kp"):
            promise = Promises(self._world).get(cause)
            outcome = promise.data.body if promise is not None and promise.data is not None else ""
            words = f"kernel panic {cause}.policy panic: rejected {outcome}".rstrip()
        return one_line(words, MOST_WORDS)
