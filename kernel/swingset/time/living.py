"""Lives a branch: has the entries of a journal come again in a fork, and compares what comes of them.

Each request is asked for again, rewritten through the origins of its references, and each recorded crank lets
the branch run one of its own. Where the recorded world had nothing left to do, the branch runs until it has
nothing left to do either. Attached vats are played: they say between deliveries what they said then, and
answer a message as they did if it is the next recorded one to that object and equal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.controller import Controller
from swingset.model import syscalls
from swingset.model.capdata import CapData, in_words, method_of
from swingset.model.heap import HeapImage
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.model.visible import one_line
from swingset.time.branches import Branch, BranchAnswer, BranchEntry
from swingset.time.origins import Origins, Withheld
from swingset.time.repeating import Repeater
from swingset.time.script import Script, ScriptedDevices
from swingset.workers.base import SyscallHandler
from swingset.world.errors import WorldError
from swingset.world.file import WorldFile
from swingset.world.record_lines import read_lines
from swingset.world.records import CrankRecord, Record, RequestRecord
from swingset.world.rows import RULES

_OF_THE_MACHINE = frozenset(
    ("snapshot-vat", "log-outcomes", "set-aside", "begin-anew", "withdraw", "give-up", "reap")
)
_DROPS = ("dropImports", "retireImports", "retireExports", "abandonExports")
_SHOWN = 200
_MOST_CRANKS = 100_000
"""How many cranks a branch runs at most where the record says that the world had nothing left to do."""


class Living:
    """A branch that is being lived."""

    def __init__(
        self,
        fork: Controller,
        source: WorldFile,
        at: int,
        drop: frozenset[int],
        edit: Mapping[int, Mapping[str, Any]],
        strict: bool,
    ) -> None:
        self.fork = fork
        self.kernel = fork.kernel
        self.origins = Origins(fork.kernel)
        self._script = Script(source)
        self._at = at
        self._drop, self._edit, self._strict = drop, edit, strict
        self._repeater = Repeater(self.kernel, ScriptedDevices(self.kernel.store, self._script), self._script)
        self._entries = 0
        self._at_record = 0
        self._withheld: list[BranchEntry] = []
        self._changed: list[BranchEntry] = []
        self.unanswered: list[str] = []
        self._sent: dict[tuple[str, str], tuple[int, str]] = {}  # messages of scripts, by their results
        self._host_sent: dict[str, tuple[int, str, str]] = {}
        self._heard: dict[tuple[str, str], tuple[bool, Any]] = {}  # as recorded
        self._waits: set[tuple[str, str]] = set()  # recorded outcomes that have not come here as they were
        self.hears: dict[tuple[str, str], tuple[bool, Any]] = {}
        self._messages: dict[tuple[str, str], deque[Any]] = {}
        self._queue = {seq for (seq,) in self.kernel.world.rows("SELECT seq FROM queue")}

    def live(self, records: list[Record]) -> Branch:
        """Have everything come again, and run what it leads to."""
        for vat in self.kernel.store.vats.all():
            if vat.attached:
                self.kernel.warehouse.attach(vat.id, _Actor(self, vat.id))
        self._learn_messages(records)
        ran = False
        for record in records:
            self._at_record = record.number
            if isinstance(record, RequestRecord):
                if ran and not self._queue:
                    self._run(_MOST_CRANKS)
                ran = False
                self._request(record)
            else:
                self._hear(record)
                self._run(1)
                ran = True
            self.origins.observe(record)
            self._follow_queue(record)
        self._run(_MOST_CRANKS)
        self.fork.commit("a branch")
        told = tuple(self._withheld), tuple(self._changed), tuple(self.unanswered), tuple(self._answers())
        return Branch(self.fork, self._at, self._entries, *told)

    def _run(self, most: int) -> None:
        for _ in range(most):
            if self.kernel.cranks.panic is not None or self.kernel.cranks.step() is None:
                return

    def _follow_queue(self, record: Record) -> None:
        for change in record.rows or ():
            if change.table == "queue":
                (self._queue.add if change.after is not None else self._queue.discard)(change.key[0])

    # What was recorded

    def _of_scripts(self, record: CrankRecord) -> Iterator[tuple[str, dict[str, Any]]]:
        """The deliveries of a crank to attached vats."""
        self._script.stand_at(record)
        for vat in record.transcripts:
            if self._is_attached(vat):
                for entry in self._script.deliveries(vat):
                    yield vat, entry

    def _is_attached(self, vat: str) -> bool:
        found = self.kernel.store.vats.get(vat)
        return found is not None and found.attached

    def _learn_messages(self, records: list[Record]) -> None:
        for record in records:
            if isinstance(record, CrankRecord):
                for vat, entry in self._of_scripts(record):
                    delivery = entry["delivery"]
                    if delivery[0] == "message":
                        self._messages.setdefault((vat, delivery[1]), deque()).append(entry)

    def _hear(self, record: CrankRecord) -> None:
        for vat, entry in self._of_scripts(record):
            if entry["delivery"][0] == "notify":
                for promise, outcome in entry["delivery"][1]:
                    self._heard[vat, promise] = outcome["rejected"], outcome["data"]
                    self._waits.add((vat, promise))

    def _same(self, vat: str, promise: str) -> bool:
        """Whether an outcome came in the branch as it was recorded; its references are matched."""
        try:
            here = self.origins.vref(vat, promise)
        except Withheld:
            return False
        came = self.hears.get((vat, here))
        if came is None:
            return False
        rejected, data = self._heard[vat, promise]
        recorded, found = CapData.from_json(data), CapData.from_json(came[1])
        self.origins.same_slots(vat, recorded.slots, found.slots)
        return (rejected, recorded.body, len(recorded.slots)) == (came[0], found.body, len(found.slots))

    def _premise(self) -> str | None:
        """An outcome that was heard before this point and is another one here, in words."""
        self._waits = {pair for pair in sorted(self._waits) if not self._same(*pair)}
        for pair in sorted(self._waits):
            sent = self._sent.get(pair)
            return f"the outcome of {sent[1] if sent else pair[1]} is another one"
        return None

    # What comes again

    def _request(self, record: RequestRecord) -> None:
        if record.verb in _OF_THE_MACHINE:
            return
        given = {**record.arguments, **self._edit.get(record.number, {})}
        premise = self._premise()
        what = _described(given.get("syscall")) if record.verb == "syscall" else record.verb
        if record.number in self._drop:
            self._lose(record, given)
            self._withhold(record.number, what, "dropped")
            return
        try:
            if record.verb == "syscall":
                raw = given["syscall"]
                if raw and raw[0] in _DROPS:
                    return
                with self.kernel.request.made_in(record.cell):
                    self._say(record.number, given["vat"], raw)
            else:
                self._script.stand_at(record)
                self._ask(record, given)
        except Withheld as lacking:
            self._lose(record, given)
            self._withhold(record.number, what, str(lacking))
        except WorldError:
            raise
        except (KernelError, ValueError, KeyError, TypeError, LookupError) as problem:
            self._withhold(record.number, what, f"{type(problem).__name__}: {problem}")
        else:
            self._entries += 1
            if premise is not None and what.startswith("send"):
                self._changed.append(BranchEntry(record.number, one_line(what, _SHOWN), premise))
                if self._strict:
                    raise KernelError(f"the premise of {self._changed[-1]}")

    def _lose(self, record: RequestRecord, given: Mapping[str, Any]) -> None:
        """Note that a message is not sent, and has no result here."""
        asked = syscalls.read(given.get("syscall")).asked
        if record.verb == "syscall" and isinstance(asked, syscalls.Send) and asked.result is not None:
            pair = given["vat"], asked.result
            self.origins.lost.add(pair)
            self._sent[pair] = record.number, f"{method_of(asked.methargs)}()"

    def _withhold(self, number: int, what: str, why: str) -> None:
        self._withheld.append(BranchEntry(number, one_line(what, _SHOWN), one_line(why, _SHOWN)))

    def _say(self, number: int, vat: str, raw: Any) -> None:
        """Make a script's syscall between deliveries."""
        answer = self.kernel.outside_syscall(self.origins.vat(vat), self.rewritten(vat, raw))
        if answer[0] != "ok":
            raise Withheld(str(answer[1]))
        if raw[0] == "send" and raw[2]["result"] is not None:
            method = method_of(CapData.from_json(raw[2]["methargs"]))
            self._sent[vat, raw[2]["result"]] = number, f"{method}()"

    def rewritten(self, vat: str, raw: Any) -> Any:
        """A recorded syscall in the names that the vat has here. Raises `Withheld`."""
        origins = self.origins
        match syscalls.read(raw).asked:
            case syscalls.Send(target, methargs, result):
                sent = {"methargs": origins.data(vat, methargs.to_json()), "result": result}
                return ["send", origins.vref(vat, target), sent]
            case syscalls.Subscribe(promise):
                return ["subscribe", origins.vref(vat, promise)]
            case syscalls.Resolve(resolutions):
                told = [
                    [origins.vref(vat, promise), rejected, origins.data(vat, data.to_json())]
                    for promise, rejected, data in resolutions
                ]
                return ["resolve", told]
            case syscalls.CallNow(node, method, args):
                return ["callNow", origins.vref(vat, node), method, origins.data(vat, args.to_json())]
            case syscalls.KeepPromises(promises):
                return ["keepPromises", [origins.vref(vat, promise) for promise in promises]]
            case syscalls.Exit(is_failure, info):
                return ["exit", is_failure, origins.data(vat, info.to_json())]
        return raw

    def _ask(self, record: RequestRecord, given: dict[str, Any]) -> None:
        """Ask the kernel again for a request that is no syscall."""
        origins = self.origins
        if "vat" in given and record.verb not in ("keep-sources", "draft"):
            given["vat"] = origins.vat(given["vat"])
        for name in ("kref", "target", "result"):
            if name in given:
                given[name] = origins.kref(given[name])
        for name in ("methargs", "parameters"):
            if name in given:
                given[name] = origins.kernel_data(given[name])
        if record.verb == "attach-vat":
            with self.kernel.request.made_in(record.cell):
                self.kernel.attach(given["name"], _Actor(self, ""), given["message"])
            vat = self.kernel.vat(given["name"]).id
            self.kernel.warehouse.attach(vat, _Actor(self, vat))
            return
        self._repeater.repeat(replace(record, arguments=given))
        journal, crank = self.kernel.world.journal, self.kernel.cranks.count
        numbers = {"number": journal.last, "crank": crank}
        for made in read_lines(self.kernel.world.name, 0, journal.since(journal.last - 1), **numbers):
            for then, here in zip(_results(record), _results(made), strict=False):
                self.origins.same(then, here)
                if record.verb == "send":
                    method = method_of(CapData.from_json(record.arguments["methargs"]))
                    self._host_sent[then] = record.number, f"{method}()", here

    # What came of it

    def played(self, vat: str, delivery: list[Any], syscall: SyscallHandler) -> None:
        """Have a script hear a delivery, and say what it said then."""
        if delivery[0] == "notify":
            for promise, outcome in delivery[1]:
                self.hears[vat, promise] = outcome["rejected"], outcome["data"]
            return
        if delivery[0] != "message":
            return
        target, message = delivery[1], delivery[2]
        waiting = self._messages.get((vat, target))
        came = CapData.from_json(message["methargs"])
        if not waiting or not self._answers_to(vat, came, waiting[0]["delivery"][2]):
            self.unanswered.append(f"{method_of(came)}() to {target}")
            return
        entry = waiting.popleft()
        if (result := entry["delivery"][2]["result"]) is not None and message["result"] is not None:
            self.origins.same_slots(vat, [result], [message["result"]])
        for raw, _ in entry["syscalls"]:
            if raw[0] in _DROPS:
                continue
            try:
                syscall(syscalls.read(self.rewritten(vat, raw)))
            except Withheld as lacking:
                what = f"{_described(raw)}, in {method_of(came)}() to {target}"
                self._withhold(self._at_record, what, str(lacking))

    def _answers_to(self, vat: str, came: CapData, recorded: Any) -> bool:
        """Whether a message is the recorded one; its references are matched."""
        then = CapData.from_json(recorded["methargs"])
        if (then.body, len(then.slots)) != (came.body, len(came.slots)):
            return False
        self.origins.same_slots(vat, then.slots, came.slots)
        return all(
            self.origins.knows(vat, one, other) for one, other in zip(then.slots, came.slots, strict=True)
        )

    def _answers(self) -> Iterator[BranchAnswer]:
        """The messages from outside whose outcomes are others than they were."""
        for pair in sorted(self._heard, key=lambda pair: self._sent.get(pair, (0, ""))[0]):
            if pair not in self._sent or pair in self.origins.lost or self._same(*pair):
                continue
            number, message = self._sent[pair]
            yield BranchAnswer(number, message, _shown(self._heard[pair]), _shown(self.hears.get(pair)))
        for kref, (number, message, here) in self._host_sent.items():
            then, found = self.origins.recorded.get(kref), self.kernel.store.promises.get(here)
            now = (found.state == "rejected", found.data) if found is not None and found.data else None
            if then is None or (now is not None and _alike(then, now)):
                continue
            yield BranchAnswer(number, message, _shown(then), _shown(now))


class _Actor:
    """The worker of an attached vat in a branch: it plays the vat's script."""

    kind = "script"

    def __init__(self, living: Living, vat: str) -> None:
        self._living = living
        self._vat = vat

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, _limits: Limits) -> DeliveryResult:
        """Take a delivery, and say what was recorded."""
        self._living.played(self._vat, delivery, syscall)
        return DeliveryResult()

    def snapshot(self) -> HeapImage | None:
        """None: a script has no memory."""
        return None

    def heap_digest(self) -> str | None:
        """None: a script has no memory."""
        return None

    def close(self) -> None:
        """Do nothing: a script holds nothing."""


def _results(record: Record) -> list[str]:
    """The promises that a request has made for the host."""
    columns = list(RULES["promises"])
    state, policy = columns.index("state"), columns.index("policy")
    found = [
        str(change.key[0])
        for change in record.rows or ()
        if change.table == "promises"
        and change.after is not None
        and change.after[state] == "unresolved"
        and change.after[policy] is not None
    ]
    return sorted(found, key=lambda kref: int(kref[2:]))


def _alike(one: tuple[bool, CapData], other: tuple[bool, CapData]) -> bool:
    return (one[0], one[1].body, len(one[1].slots)) == (other[0], other[1].body, len(other[1].slots))


def _shown(outcome: tuple[bool, Any] | None) -> str:
    """An outcome on one line."""
    if outcome is None:
        return "no outcome"
    data = outcome[1] if isinstance(outcome[1], CapData) else CapData.from_json(outcome[1])
    words = in_words(data)
    return one_line(f"rejected with {words}" if outcome[0] else words, _SHOWN)


def _described(raw: Any) -> str:
    """A syscall in a few words."""
    found = syscalls.read(raw)
    if isinstance(found.asked, syscalls.Send):
        return f"send {method_of(found.asked.methargs)}() to {found.asked.target}"
    return " ".join(map(str, raw[:2])) if isinstance(raw, list) else found.name
