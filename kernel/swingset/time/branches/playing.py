"""Plays the attached vats of a branch: they say what their transcripts have, and their code never runs.

A message to one is answered as the next recorded one to that object that is equal, so that one that does not
come here spoils no later one. If there is none, it stays unanswered, and is listed. What a script said when
it was notified of an outcome, such as a message that a `then` sent, it says again as soon as the outcome
comes here, even if that is another one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from swingset.core.kernel import Kernel
from swingset.model import reasons, syscalls
from swingset.model.capdata import CapData, method_of
from swingset.model.heap import HeapImage
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.time.branches.origins import Origins
from swingset.time.branches.outcomes import Outcomes
from swingset.workers.base import SyscallHandler

Say = Callable[[int, str, Any, Callable[[Any], Any]], None]
"""Says a recorded syscall of a vat again: the record, the vat, the syscall, and what takes it rewritten."""

_SILENT = ("vatstoreGet", "vatstoreGetNextKey")  # they change nothing, and nobody hears the answer
DROPS = ("dropImports", "retireImports", "retireExports", "abandonExports")
"""The syscalls that no script makes again: it holds everything until the branch is discarded."""


@dataclass
class _Spoken:
    """A recorded delivery to a script, and the promises of it whose outcomes have not come here."""

    record: int
    vat: str
    entry: dict[str, Any]
    waits: set[str] = field(default_factory=set)

    @property
    def said(self) -> list[Any]:
        """The syscalls that the script makes again."""
        return [raw for raw, _ in self.entry["syscalls"] if raw[0] not in (*DROPS, *_SILENT)]

    def sends(self) -> Iterator[str]:
        """The messages that it sent, by method."""
        for raw in self.said:
            asked = syscalls.read(raw).asked
            if isinstance(asked, syscalls.Send):
                yield f"{method_of(asked.methargs)}()"


class Players:
    """The scripts of one branch."""

    def __init__(self, kernel: Kernel, origins: Origins, outcomes: Outcomes, say: Say) -> None:
        self._kernel = kernel
        self._origins = origins
        self._outcomes = outcomes
        self._say = say
        self._messages: dict[tuple[str, str], deque[_Spoken]] = {}
        self._calls: set[tuple[str, str, str]] = set()  # vat, target and body of each recorded message
        self._notified: dict[tuple[str, str], _Spoken] = {}
        self._passed: list[_Spoken] = []  # messages that did not come before a later one did
        self.parks: str | None = None
        """The script that lacks code now, as it did then, so that a delivery to it is parked."""
        self.unanswered: list[str] = []
        """The messages to scripts that no record answers."""

    def learn(self, record: int, vat: str, entry: dict[str, Any]) -> None:
        """Learn a recorded delivery to a script."""
        delivery, spoken = entry["delivery"], _Spoken(record, vat, entry)
        if delivery[0] == "message":
            self._messages.setdefault((vat, delivery[1]), deque()).append(spoken)
            self._calls.add((vat, delivery[1], str(delivery[2]["methargs"]["body"])))
        elif delivery[0] == "notify" and spoken.said:
            spoken.waits = {promise for promise, _ in delivery[1]}
            for promise in spoken.waits:
                self._notified[vat, promise] = spoken

    def forget(self, record: int) -> None:
        """Forget a recorded delivery, which does not happen here."""
        for waiting in self._messages.values():
            for spoken in [spoken for spoken in waiting if spoken.record == record]:
                waiting.remove(spoken)

    def begin_anew(self, vat: str, record: int) -> None:
        """Forget what a script was told before a record, in which its next life began."""
        for (known, _), waiting in self._messages.items():
            while known == vat and waiting and waiting[0].record < record:
                waiting.popleft()
        for pair, spoken in list(self._notified.items()):
            if pair[0] == vat and spoken.record < record:
                del self._notified[pair]

    def attach(self, vat: str, recorded: str) -> None:
        """Have a vat of the branch played, by what is recorded of a vat."""
        self._kernel.warehouse.attach(vat, Player(self, recorded))

    def played(self, vat: str, delivery: list[Any], syscall: SyscallHandler) -> None:
        """Have a script hear a delivery, and say what it said then."""
        if delivery[0] == "notify":
            for promise, outcome in delivery[1]:
                self._outcomes.hear_here(vat, promise, outcome)
            for promise, _ in delivery[1]:
                recorded = self._origins.recorded_vref(vat, promise)
                spoken = self._notified.pop((vat, recorded or ""), None)
                if spoken is not None:
                    spoken.waits.discard(recorded or "")
                    if not spoken.waits:
                        self._speak(spoken, syscall)
        elif delivery[0] == "message":
            self._answer(vat, delivery[1], delivery[2], syscall)

    def _answer(self, vat: str, target: str, message: Any, syscall: SyscallHandler) -> None:
        waiting = self._messages.get((vat, target), deque())
        came = CapData.from_json(message["methargs"])
        place = next(
            (
                place
                for place, spoken in enumerate(waiting)
                if (vat, target, came.body) in self._calls
                and self._is_recorded(vat, came, spoken.entry["delivery"][2])
            ),
            None,
        )
        if place is None:
            self.unanswered.append(f"{method_of(came)}() to {target}")
            return
        self._passed += [waiting.popleft() for _ in range(place)]
        spoken = waiting.popleft()
        if (result := spoken.entry["delivery"][2]["result"]) is not None and message["result"] is not None:
            self._origins.same_slots(vat, [result], [message["result"]])
        self._speak(spoken, syscall)

    def _speak(self, spoken: _Spoken, syscall: SyscallHandler) -> None:
        for raw in spoken.said:
            self._say(spoken.record, spoken.vat, raw, lambda said: syscall(syscalls.read(said)))

    def _is_recorded(self, vat: str, came: CapData, recorded: Any) -> bool:
        """Whether a message is the recorded one; its references are matched."""
        then = CapData.from_json(recorded["methargs"])
        if (then.body, len(then.slots)) != (came.body, len(came.slots)):
            return False
        if not all(map(self._may_be, [vat] * len(then.slots), then.slots, came.slots)):
            return False
        self._origins.same_slots(vat, then.slots, came.slots)
        return True

    def _may_be(self, vat: str, recorded: str, here: str) -> bool:
        """Whether a recorded name means what a name means here, or may from now on, because that is new."""
        known = self._origins.recorded_vref(vat, here)
        return self._origins.knows(vat, recorded, here) or (known is None and "-" in recorded)

    def silent(self) -> Iterator[tuple[int, str, str]]:
        """The messages that scripts sent in deliveries that did not come here: record, message and reason."""
        left = {id(spoken): spoken for spoken in self._notified.values()}
        left |= {id(spoken): spoken for spoken in self._passed}
        left |= {id(spoken): spoken for waiting in self._messages.values() for spoken in waiting}
        for spoken in sorted(left.values(), key=lambda spoken: spoken.record):
            delivery = spoken.entry["delivery"]
            why = "the outcome after which it was sent did not come here"
            if delivery[0] == "message":
                called = method_of(CapData.from_json(delivery[2]["methargs"]))
                why = f"the call of {called}() in which it was sent did not come here"
            for message in spoken.sends():
                yield spoken.record, f"send {message}", why


class Player:
    """The worker of an attached vat in a branch: it plays the vat's script."""

    kind = "script"

    def __init__(self, players: Players, recorded: str) -> None:
        self._players = players
        self._vat = recorded

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, _limits: Limits) -> DeliveryResult:
        """Take a delivery, and say what was recorded."""
        if self._players.parks == self._vat:
            return DeliveryResult(Fault(reasons.CODE_MISSING, "it waits for code"))
        self._players.played(self._vat, delivery, syscall)
        return DeliveryResult()

    def snapshot(self) -> HeapImage | None:
        """None: a script has no memory."""
        return None

    def heap_digest(self) -> str | None:
        """None: a script has no memory."""
        return None

    def close(self) -> None:
        """Do nothing: a script holds nothing."""
