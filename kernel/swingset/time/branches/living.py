"""Lives a branch: has the entries of a journal come again in a fork, and compares what comes of them.

Each request is asked for again, rewritten through the origins of its references, and each recorded crank lets
the branch run one of its own. Where the recorded world had nothing left to do, the branch runs until it has
nothing left to do either. Attached vats are played (`playing`), and host code is answered for from the
records (`host_calls`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from swingset.core.errors import KernelError, KernelPanic
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded, naming
from swingset.model import syscalls
from swingset.model.capdata import CapData, method_of
from swingset.model.foreign import said
from swingset.model.messages import Send, described
from swingset.model.refs import is_kref
from swingset.model.visible import one_line
from swingset.time.branches.arguments import in_words, translate
from swingset.time.branches.branch import Addition, Branch, BranchAddition, BranchEntry, Changes
from swingset.time.branches.entries import (
    BOOKKEEPING,
    DROPPABLE,
    OF_THE_MACHINE,
    SHOWN,
    called,
    next_crank,
    syscall_in_words,
)
from swingset.time.branches.host_calls import HostCalls
from swingset.time.branches.origins import Origins, Withheld
from swingset.time.branches.outcomes import Outcomes, shown
from swingset.time.branches.outgoing import Outgoing, differences
from swingset.time.branches.playing import DROPS, Player, Players
from swingset.time.branches.vats_in_a_branch import began_anew, states_in_words
from swingset.time.replaying.repeating import Repeater
from swingset.time.replaying.script import Script, ScriptedDevices
from swingset.world.errors import NoSuchMoment, WorldError
from swingset.world.record_lines import read_lines
from swingset.world.records import CrankRecord, Record, RequestRecord, RowChange

MOST_CRANKS = 10_000
"""How many cranks a branch runs at most beyond those that were recorded."""

_NAME = "vc.2.s"  # the key of a name that a session has stored


class Living:
    """A branch that is being lived. It is made before anything happens in the fork."""

    def __init__(
        self, fork: Controller, present: Controller, at: int, records: list[Record], changes: Changes
    ) -> None:
        """`present` has the recorded world, and `records` are those of it that come again."""
        self.fork = fork
        self.kernel = fork.kernel
        self._present = present
        self._at = at
        self._records = records
        self._changes = changes
        self.origins = Origins(fork.kernel)
        self._outcomes = Outcomes(self.origins, fork.kernel, self._message_of)
        self._players = Players(fork.kernel, self.origins, self._outcomes, self._speak)
        self._calls = HostCalls(fork.kernel, self.origins, self._players.unanswered.append)
        self._sent = Outgoing(fork.kernel.store), Outgoing(fork.kernel.store)
        self._script = Script(present.world)
        devices = ScriptedDevices(self.kernel.store, self._script)
        self._repeater = Repeater(self.kernel, devices, self._script)
        self._attached = [vat.id for vat in self.kernel.store.vats.all() if vat.attached]
        self._since = fork.world.journal.last
        self._left = MOST_CRANKS
        self._entries = 0
        self._withheld: list[BranchEntry] = []
        self._dropped: list[BranchEntry] = []
        self._premises: list[BranchEntry] = []
        self._mail: list[tuple[RequestRecord, str]] = []
        self._adding = sorted(changes.add, key=lambda addition: addition.after)
        self._added: list[tuple[Addition, str]] = []
        self._notes: list[str] = []
        self._is_behind = False  # a record did not list its rows, and the state after it cannot be looked at
        for record in records:
            self._learn(record)

    def live(self) -> Branch:
        """Have everything come again, and run what it leads to."""
        for vat in self._attached:
            self._players.attach(vat, vat)
        self._calls.install()
        ran = False
        for record in self._records:
            ran = self._add(record) or ran
            if isinstance(record, RequestRecord):
                if ran:
                    self._run_on()
                ran = False
                self._request(record)
            else:
                self._crank(record)
                ran = True
            self._observe(record)
        self._add(None)
        self._run_on()
        self.fork.commit("a branch")
        return self._branch()

    def _observe(self, record: Record) -> None:
        self._sent[0].observe(record)
        if record.rows is not None:
            self.origins.observe(record.rows)
        if record.rows is None or self._is_behind:
            self._is_behind = True
            with suppress(NoSuchMoment), self._present.history.at_record(record.number) as moment:
                self.origins.observe_all(moment.world)
                self._is_behind = False

    def _run_on(self) -> None:
        """Run until nothing can run, if the recorded world did, and is not paused."""
        if self.origins.waiting or self.kernel.store.counters.get("paused"):
            return
        while self._left > 0 and self._step():
            self._left -= 1
        if self._left == 0:
            self._note(f"after {MOST_CRANKS:,} cranks more than were recorded, the branch still ran")

    def _step(self) -> bool:
        """Run one crank; returns whether another may follow."""
        try:
            return self.fork._opened.crank() is not None
        except KernelPanic as panic:
            self._note(one_line(f"the branch has stopped for good: {panic}", 300))
            return False

    def _note(self, words: str) -> None:
        if words not in self._notes:
            self._notes.append(words)

    # What was recorded

    def _learn(self, record: Record) -> None:
        self._calls.learn(record)
        if isinstance(record, CrankRecord):
            for vat, entry in self._of_scripts(record):
                self._players.learn(record.number, vat, entry)

    def _of_scripts(self, record: CrankRecord) -> Iterator[tuple[str, dict[str, Any]]]:
        """The deliveries of a crank to attached vats."""
        self._script.stand_at(record)
        for vat in record.transcripts:
            found = self._present.kernel.store.vats.get(vat)
            if found is not None and found.attached:
                for entry in self._script.deliveries(vat):
                    yield vat, entry

    def _crank(self, record: CrankRecord) -> None:
        """Run a crank where one was recorded, unless it is dropped."""
        if record.number in self._changes.drop:
            self._players.forget(record.number)
            self._drop_event(record)
            return
        for vat, entry in self._of_scripts(record):
            if entry["delivery"][0] == "notify":
                for promise, outcome in entry["delivery"][1]:
                    self._outcomes.hear(vat, promise, outcome)
        attached = self._attached_now(record.vat) if record.outcome == "parked" else None
        self._calls.stand_at(record)
        self._players.parks = attached
        self._step()
        self._players.parks = None
        self._list_not_told(record)

    def _list_not_told(self, record: Record) -> None:
        """List the devices of the host that did something by themselves which does not come again."""
        for device in self._calls.not_told():
            self._withhold(record.number, f"device {device}", "what it did does not come again here")

    def _attached_now(self, name: str | None) -> str | None:
        """The id in the record of the attached vat of that name; None if it is no attached vat."""
        found = next((vat for vat in self._present.kernel.store.vats.all() if vat.name == name), None)
        return found.id if found is not None and found.attached else None

    def _drop_event(self, record: CrankRecord) -> None:
        assert isinstance(record.event, DROPPABLE)
        what = one_line(described(record.event, self.origins.name_of), SHOWN)
        try:
            self.kernel.drop_queued(self.origins.position(record.position or 0))
        except Withheld as lacking:
            self._withhold(record.number, what, str(lacking))
        else:
            self._dropped.append(BranchEntry(record.number, what, "dropped"))

    def _message_of(self, kref: str) -> tuple[int, str]:
        """The record that sent the message with a result, before the branch began, and the message."""
        recorded = Recorded(self._present.world)
        for record in recorded.before(naming(kref), recorded.last + 1):
            if isinstance(record, CrankRecord) and isinstance(record.event, Send):
                message = record.event.message
                if message.result == kref:
                    return record.sender or 0, f"{message.method}()"
        return 0, f"the outcome of {kref}"

    # What is added

    def _add(self, upcoming: Record | None) -> bool:
        """Send the added messages that come before a record, or all; returns whether there were any."""
        added = False
        while self._adding and (upcoming is None or self._adding[0].after < next_crank(upcoming)):
            added = True
            addition = self._adding.pop(0)
            try:
                data = CapData.from_json(self.origins.kernel_data(addition.methargs().to_json()))
                target = addition.target
                target = self.origins.kref(target) if is_kref(target) else self.kernel.root_of(target)
                self._added.append((addition, self.kernel.queue_message(target, data)))
            except (Withheld, KernelError) as problem:
                self._added.append((addition, f"not sent: {problem}"))
        return added

    def _additions(self) -> Iterator[BranchAddition]:
        for addition, result in self._added:
            came = shown(self.origins.outcome(result)) if is_kref(result) else one_line(result, SHOWN)
            yield BranchAddition(addition, came)

    # What comes again

    def _request(self, record: RequestRecord) -> None:
        if record.verb in OF_THE_MACHINE:
            return
        given = {**record.arguments, **self._changes.edit.get(record.number, {})}
        what = in_words(record.verb, given, self.origins)
        if record.number in self._changes.drop:
            self._lose(record, given)
            self._dropped.append(BranchEntry(record.number, what, "dropped"))
            return
        self._calls.stand_at(record)
        try:
            with self.kernel.request.made_in(record.cell):
                self._come_again(record, given, what)
        except Withheld as lacking:
            self._lose(record, given)
            self._withhold_request(record, given, what, str(lacking))
        except (WorldError, _PremiseChanged) as problem:
            if record.number in self._changes.edit and isinstance(problem, WorldError):
                raise KernelError(
                    f"{what} of record {record.number} cannot have these arguments"
                ) from problem
            raise
        except Exception as problem:
            # Whatever the arguments are, no host has to have written them, and what failed was rolled back.
            self._withhold_request(record, given, what, f"{type(problem).__name__}: {said(problem)}")
        else:
            self._entries += 1
            self._list_not_told(record)

    def _come_again(self, record: RequestRecord, given: dict[str, Any], what: str) -> None:
        if record.verb == "syscall":
            raw = given["syscall"]
            if not raw or raw[0] not in DROPS:
                self._speak(record.number, given["vat"], raw, None)
            return
        self._script.stand_at(record)
        premise = self._outcomes.premise() if record.verb in ("send", "offer") else None
        self._ask(record, given)
        self._mark(record.number, what, premise)
        if record.verb in ("receive", "bridge-deliver"):
            self._mail.append((record, what))

    def _withhold_request(self, record: RequestRecord, given: Mapping[str, Any], what: str, why: str) -> None:
        raw = given.get("syscall")
        name = str(raw[0]) if record.verb == "syscall" and isinstance(raw, list) and raw else record.verb
        if name == "vatstoreSet":  # the rest of what a session stores is its library's own
            key = str(raw[1]) if isinstance(raw, list) and len(raw) > 1 else ""
            if key.startswith(_NAME):
                self._withhold(record.number, f"the name {key.removeprefix(_NAME)}", why)
        elif name not in BOOKKEEPING:
            self._withhold(record.number, what, why)

    def _lose(self, record: RequestRecord, given: Mapping[str, Any]) -> None:
        """Note that a message is not sent, and has no result here."""
        asked = syscalls.read(given.get("syscall")).asked
        if record.verb == "syscall" and isinstance(asked, syscalls.Send) and asked.result is not None:
            self.origins.lost.add((given["vat"], asked.result))
            method = f"{method_of(asked.methargs)}()"
            self._outcomes.sent(given["vat"], asked.result, record.number, method)

    def _withhold(self, number: int, what: str, why: str) -> None:
        self._withheld.append(BranchEntry(number, one_line(what, SHOWN), one_line(why, SHOWN)))

    def _mark(self, number: int, what: str, premise: str | None) -> None:
        """List a message that was sent after another outcome than it was then."""
        if premise is not None:
            self._premises.append(BranchEntry(number, one_line(what, SHOWN), one_line(premise, SHOWN)))
            if self._changes.strict:
                raise _PremiseChanged(f"the premise of {self._premises[-1]}")

    def _speak(self, number: int, vat: str, raw: Any, syscall: Callable[[Any], Any] | None) -> None:
        """Make a script's syscall again, through the kernel if it was made between two deliveries.

        Such a one raises `Withheld` if its references lack an origin; one of a delivery is listed then.
        """
        asked = syscalls.read(raw).asked
        is_send = isinstance(asked, syscalls.Send)
        premise = self._outcomes.premise() if is_send else None
        try:
            said = self.origins.syscall(vat, raw)
        except Withheld as lacking:
            if syscall is None:
                raise
            if isinstance(asked, syscalls.Send) and asked.result is not None:
                self.origins.lost.add((vat, asked.result))
            if is_send or isinstance(asked, syscalls.Resolve | syscalls.Exit):
                self._withhold(number, syscall_in_words(raw), str(lacking))
            return
        if syscall is None:
            recorded, numbers = self._rows_of(number), self.origins.numbers()
            last = self.kernel.world.journal.last
            self._calls.is_heard = False
            answer = self.kernel.outside_syscall(self.origins.vat(vat), said)
            self._calls.is_heard = True
            if answer[0] != "ok":
                raise Withheld(str(answer[1]))
            self.origins.pair(recorded, self._made(last), numbers)
        else:
            syscall(said)
        if isinstance(asked, syscalls.Send) and asked.result is not None:
            self._outcomes.sent(vat, asked.result, number, f"{method_of(asked.methargs)}()")
        self._mark(number, syscall_in_words(raw), premise)

    def _rows_of(self, number: int) -> tuple[RowChange, ...]:
        first = self._records[0].number
        record = self._records[number - first] if 0 <= number - first < len(self._records) else None
        return (record.rows if record is not None and record.number == number else ()) or ()

    def _made(self, last: int) -> tuple[RowChange, ...]:
        """The rows that the branch's own record after a number changed; none if there is no such record."""
        journal, crank = self.kernel.world.journal, self.kernel.cranks.count
        if journal.last == last:
            return ()
        numbers = {"number": journal.last, "crank": crank}
        found = [*read_lines(self.kernel.world.name, 0, journal.since(journal.last - 1), **numbers)]
        return found[-1].rows or ()

    def _ask(self, record: RequestRecord, given: dict[str, Any]) -> None:
        """Ask the kernel again for a request that is no syscall."""
        translate(record.verb, given, self.origins)
        if record.verb == "release":
            self._outcomes.released(record.arguments["kref"], given["kref"])
        numbers, last = self.origins.numbers(), self.kernel.world.journal.last
        if record.verb == "attach-vat":
            self._attach(record, given)
        elif record.verb == "visit-device":
            self._calls.visit(record)
        else:
            self._repeater.repeat(replace(record, arguments=given))
        pairs = self.origins.pair(record.rows or (), self._made(last), numbers)
        if record.verb in ("send", "offer"):
            method = called(given["methargs"])
            for then, here in pairs:
                self._outcomes.sent_by_host(then, here, record.number, method)

    def _attach(self, record: RequestRecord, given: Mapping[str, Any]) -> None:
        """Begin a life of a session's vat."""
        rows = [str(change.key[0]) for change in record.rows or () if change.table == "vats"]
        recorded = rows[0] if rows else self._present.kernel.vat(given["name"]).id
        self._players.begin_anew(recorded, record.number)
        self.kernel.attach(given["name"], Player(self._players, recorded), given["message"])

    # What came of it

    def _branch(self) -> Branch:
        own = list(self.fork.history.records(self._since))
        if self._sent[0].is_possible:
            for record in own:
                self._sent[1].observe(record)
        mail = [answer for _, answer in differences(*self._sent)]
        first = next((answer for answer in mail if answer.record), None)
        for record, what in self._mail:
            if first is not None and first.record < record.number:
                self._mark(record.number, what, f"{first.message} is another one")
        for entry in self._players.silent():
            self._withhold(*entry)
        present = self._present.kernel
        for line in (*states_in_words(self.kernel, present), *began_anew(self.kernel, own)):
            self._note(line)
        here, then = len(self.fork.queue), len(self.origins.waiting)
        if here != then:
            self._note(f"events that wait at the end: {here:,} in the branch, {then:,} in the world")
        answers = sorted([*self._outcomes.answers(), *mail], key=lambda answer: answer.record or 1 << 62)
        return Branch(
            self.fork,
            self._at,
            self._entries,
            tuple(self._withheld),
            tuple(self._premises),
            tuple(self._players.unanswered),
            tuple(answers),
            tuple(self._dropped),
            tuple(self._additions()),
            tuple(self._notes),
        )


class _PremiseChanged(KernelError):
    """A strict branch has found a message that was sent after another outcome."""
