"""The outcomes of the messages that came from outside: as they were recorded, and as they are in a branch.

A script, such as a notebook, sends messages and is notified of their outcomes; a host holds the promises for
its results. Both kinds are compared when both outcomes are known, and the references in them are matched, so
that later entries can mention them. What was sent after an outcome that is another one here, or that has not
come, was sent on another premise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from swingset.core.kernel import Kernel
from swingset.model.capdata import CapData
from swingset.model.essence import essence
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.time.branches.branch import BranchAnswer
from swingset.time.branches.origins import Origins

_Pair = tuple[str, str]  # a vat of the embedder, and its recorded name for a promise
_Outcome = tuple[bool, CapData]  # whether it is a rejection, and with what
_SHOWN = 200


class Outcomes:
    """What came of the messages from outside, in the record and in one branch."""

    def __init__(
        self, origins: Origins, kernel: Kernel, message_of: Callable[[str], tuple[int, str]]
    ) -> None:
        """`message_of` returns the record and the words of the message with a result that was sent before."""
        self._origins = origins
        self._message_of = message_of
        self._open = {
            (vat, vref): kref
            for vat, vref, kref in kernel.world.rows(
                "SELECT vat, vref, clists.kref FROM clists JOIN promises ON promises.kref = clists.kref"
                " WHERE state = 'unresolved' AND decider IS NOT vat"
            )
        }
        """The promises that vats wait for as the branch begins."""
        held = "SELECT kref FROM promises WHERE policy IS NOT NULL AND state = 'unresolved' ORDER BY kref"
        self._held = [kref for (kref,) in kernel.world.rows(held)]
        self._sent: dict[_Pair, tuple[int, str]] = {}
        self._host_sent: dict[str, tuple[int, str, str]] = {}
        self._recorded: dict[_Pair, tuple[bool, CapData]] = {}
        self._came: dict[_Pair, tuple[bool, CapData]] = {}  # by the recorded name, if one is known
        self._waits: dict[_Pair, None] = {}  # recorded outcomes that have not come here
        self._equal: set[_Pair] = set()
        self._other: _Pair | None = None
        """The first outcome that is another one here."""
        self._released: dict[str, tuple[_Outcome | None, _Outcome | None]] = {}

    def sent(self, vat: str, result: str, number: int, message: str) -> None:
        """Note that a script's message with a result was sent, or would have been: see `Origins.lost`."""
        self._sent[vat, result] = number, message

    def sent_by_host(self, recorded: str, here: str, number: int, message: str) -> None:
        """Note that a host's message was sent, and the promises for its result."""
        self._host_sent[recorded] = number, message, here

    def released(self, recorded: str, here: str) -> None:
        """Note that the host releases a result, which is compared as it is now."""
        self._released[recorded] = self._both(recorded, here)

    def hear(self, vat: str, promise: str, outcome: Mapping[str, Any]) -> None:
        """Note a recorded notification of a script."""
        pair = vat, promise
        self._recorded[pair] = bool(outcome["rejected"]), CapData.from_json(outcome["data"])
        if not self._compare(pair):
            self._waits[pair] = None

    def hear_here(self, vat: str, promise: str, outcome: Mapping[str, Any]) -> None:
        """Note a notification of a script in the branch."""
        pair = vat, self._origins.recorded_vref(vat, promise) or promise
        self._came[pair] = bool(outcome["rejected"]), CapData.from_json(outcome["data"])
        if self._compare(pair):
            self._waits.pop(pair, None)

    def _compare(self, pair: _Pair) -> bool:
        """Compare both outcomes and match the references in them; returns whether both are known."""
        recorded, came = self._recorded.get(pair), self._came.get(pair)
        if recorded is None or came is None:
            return False
        self._origins.same_slots(pair[0], recorded[1].slots, came[1].slots)
        if _alike(recorded, came):
            self._equal.add(pair)
        elif self._other is None:
            self._other = pair
        return True

    def premise(self) -> str | None:
        """An outcome that was heard before this point and is another one here, in words."""
        pair = self._other or next(iter(self._waits), None)
        if pair is None:
            return None
        if pair not in self._sent and pair in self._open:
            self._sent[pair] = self._message_of(self._open[pair])
        sent = self._sent.get(pair)
        return f"the outcome of {sent[1] if sent else pair[1]} is another one"

    def answers(self) -> Iterator[BranchAnswer]:
        """The messages from outside whose outcomes are others than they were, in the order of sending."""
        for pair in [pair for pair in {**self._recorded, **self._came} if pair not in self._sent]:
            if pair not in self._equal and pair in self._open:
                self._sent[pair] = self._message_of(self._open[pair])
        for kref in self._held:
            if not _both_alike(*(self._released.get(kref) or self._both(kref, kref))):
                self._host_sent[kref] = (*self._message_of(kref), kref)
        for pair, (number, message) in sorted(self._sent.items(), key=lambda item: item[1][0]):
            then, now = self._recorded.get(pair), self._came.get(pair)
            if pair not in self._origins.lost and pair not in self._equal and (then or now):
                yield BranchAnswer(number, message, shown(then), shown(now))
        for kref, (number, message, here) in self._host_sent.items():
            then, now = self._released.get(kref) or self._both(kref, here)
            if not _both_alike(then, now):
                yield BranchAnswer(number, message, shown(then), shown(now))

    def _both(self, recorded: str, here: str) -> tuple[_Outcome | None, _Outcome | None]:
        return self._origins.recorded_outcome(recorded), self._origins.outcome(here)


def _alike(one: tuple[bool, CapData], other: tuple[bool, CapData]) -> bool:
    if one[0] != other[0] or len(one[1].slots) != len(other[1].slots):
        return False
    return one[1].body == other[1].body or essence(one[1], names=True) == essence(other[1], names=True)


def _both_alike(one: tuple[bool, CapData] | None, other: tuple[bool, CapData] | None) -> bool:
    return one is other is None or (one is not None and other is not None and _alike(one, other))


def shown(outcome: tuple[bool, CapData] | None) -> str:
    """An outcome on one line."""
    if outcome is None:
        return "no outcome"
    words = value_in_words(outcome[1], unnumbered, _SHOWN)
    return one_line(f"rejected with {words}" if outcome[0] else words, _SHOWN)


def unnumbered(_slot: str, iface: str | None) -> str:
    """A reference in words, for two worlds in which its name differs."""
    return iface or "object"
