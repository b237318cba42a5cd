"""The inputs of a world as acts of an embedder: what was created, upgraded, asked and sent, from the records.

An act says what to do through the public API, in a world of its own (`swingset.time.bugs.acts`). What cannot
be written so is left out and listed: messages that mention an object of the embedder, devices with code of
the embedder, or something that no answer brought. A host function is replaced by the answers that it gave.

Messages of an embedder's own vat, such as a notebook, become messages of a host, with the same targets and
arguments. Between two messages the world is run, if it ran between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from swingset.host.base.requests import read
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import Send
from swingset.model.visible import one_line
from swingset.time.bugs.acts import Act, ActKind, Heard, KrefOf, Made, Origin, Step, Unwritable, places
from swingset.time.bugs.asking import Asked
from swingset.time.deliveries.past import rows_of
from swingset.world.gone import Gone
from swingset.world.promises import FULFILLED, PromiseRecord
from swingset.world.records import CrankRecord, Record, RequestRecord

_KINDS: Mapping[str, ActKind] = {
    "terminate-vat": "terminate",
    "suspend-vat": "suspend",
    "resume-vat": "resume",
}


@dataclass(frozen=True)
class Inputs:
    """The acts of a history in order, and sentences about what was left out.

    `causes` has, for each record of a request or of a crank of the embedder's, the acts that it asked for.
    """

    acts: tuple[Act, ...]
    left_out: tuple[str, ...]
    causes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def inputs_until(controller: Controller, crank: int) -> Inputs:
    """The inputs of a world that came before a crank ended."""
    gathering = _Gathering(controller)
    gathering.begin(Recorded(controller.world).gone)
    for record in controller.history.records():
        if record.crank > crank:
            break
        gathering.take(record)
    return gathering.inputs()


class _Gathering:
    """Reads records in order, and remembers where each reference came from."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._acts: list[tuple[tuple[int, int], int, Act]] = []  # with the record that sent it, and the crank
        self._left_out: list[str] = []
        self._origins: dict[str, Origin] = {}
        self._answers: dict[str, int] = {}  # promises for the answers to acts
        self._names: dict[str, str] = {}  # of vats by id
        self._attached: set[str] = set()
        self._started: set[str] = set()  # the names of vats that an act starts, and not a vat
        self._exports: dict[str, dict[str, list[tuple[bool, str]]]] = {}  # answers of a program's objects
        self._heard: dict[str, tuple[str, str]] = {}  # such an object and what it heard, by the result
        self._requests: dict[int, int] = {}  # the crank before a request or after a crank of the embedder
        self._place = (0, 0)  # the record that sent what is taken, and the crank before it
        self._asked = Asked(controller, self._names)

    def begin(self, gone: Gone | None) -> None:
        """Note what came before the records."""
        if gone is not None:
            self._left_out.append(f"all that came up to crank {gone.crank:,}: {gone}")

    def inputs(self) -> Inputs:
        """What was gathered, in the order in which it was asked for, with the runs between."""
        acts: list[Act] = []
        numbers: dict[int, int] = {}
        ran = 0
        for _order, crank, act in sorted(self._acts, key=lambda item: item[0]):
            if acts and crank > ran:
                acts.append(Act(len(acts), "run"))
            ran = crank + (act.kind in ("create", "upgrade"))
            numbers[act.number] = len(acts)
            acts.append(_renumbered(act, len(acts), numbers))
        causes: dict[int, tuple[int, ...]] = {}
        for (sender, number), _crank, _act in self._acts:
            causes[sender] = (*causes.get(sender, ()), numbers[number])
        return Inputs(tuple(acts), (*self._left_out, *self._asked.lacking()), causes)

    def take(self, record: Record) -> None:
        """Take the next record."""
        self._place = record.number, record.crank
        self._asked.learn(record)
        for vat in rows_of(self._controller, record, "vats"):
            self._names[vat.id] = vat.name
            if vat.attached:
                self._attached.add(vat.id)
        if isinstance(record, RequestRecord):
            if record.verb in ("send", "offer", "syscall"):  # what a device sends follows from another act
                self._requests[record.number] = record.crank
            self._take_request(record)
        else:
            if isinstance(record.event, Send):
                self._take_message(record, record.event)
            if record.vat is not None and any(vat in self._attached for vat in record.transcripts):
                self._requests[record.number] = record.crank
        self._take_answers(record)

    def _take_request(self, record: RequestRecord) -> None:
        given = record.arguments
        vat = self._names.get(str(given.get("vat")), "")
        try:
            match record.verb:
                case "create-vat" if given["service"]:
                    self._add(Act(0, "ask", method="devices.service", args=(given["name"],)))
                case "create-vat" | "upgrade-vat" as verb:
                    parts = self._controller.world.bundles.get(given["bundle"])
                    body, slots = self._parameters(given["parameters"])
                    made: dict[str, Any] = {"parameters": body, "slots": slots}
                    if verb == "create-vat":
                        options = self._asked.options(given["options"])
                        made |= {"worker": given["worker"], "options": options}
                    kind: ActKind = "create" if verb == "create-vat" else "upgrade"
                    self._add(Act(0, kind, given.get("name", vat), tuple(parts), **made))
                case "clone-vat":
                    self._add(self._clone(vat, given))
                case "terminate-vat" | "suspend-vat" | "resume-vat" as verb:
                    self._add(Act(0, _KINDS[verb], vat))
                case _:
                    for act, kref in self._asked.acts(record, self._target):
                        number = self._add(act)
                        if kref is not None:
                            self._origins[kref] = Origin(act=number, promise=True)
                            self._answers.setdefault(kref, number)
                        self._asked.is_act(record, number)
        except (Unwritable, ValueError, LookupError, TypeError, AttributeError) as problem:
            # A record of a stranger's file may have arguments that no host has asked with.
            said = str(problem) if isinstance(problem, Unwritable) else "no host asks so"
            self._left_out.append(one_line(f"{record.verb} of record {record.number}: {said}", 200))

    def _clone(self, vat: str, given: Mapping[str, Any]) -> Act:
        if [self._target(kref) for kref in given["refs"]] != [Origin(vat=vat)]:
            raise Unwritable("it lists other objects than the root: clone the root alone, which returns them")
        how = {"queued": given["queued"]} if given["queued"] != "refuse" else {}
        if options := self._asked.options(given["options"]):
            how["options"] = options
        return Act(0, "ask", method="clone_vat", args=(vat, given["name"]), kwargs=how)

    def _parameters(self, raw: Any) -> tuple[str, tuple[Origin, ...]]:
        data = CapData.from_json(raw)
        return data.body, tuple(self._target(slot) for slot in data.slots)

    def _take_message(self, record: CrankRecord, event: Send) -> None:
        crank = self._requests.get(record.sender or 0)
        target_vat = record.vat
        if record.outcome == "delivered" and event.message.result is not None:
            self._heard[event.message.result] = event.target, event.message.methargs.body
        if crank is None or event.message.result in self._answers:
            return
        if any(vat in self._attached for vat in record.transcripts) or target_vat is None:
            return
        self._place = record.sender or 0, crank
        try:
            said = read(event.message.methargs)
            method, args, kwargs = said[0], said[1], said[2] if len(said) > 2 else {}
            target = self._target(event.target)
            args = tuple(self._with_origins(arg) for arg in args)
            kwargs = {name: self._with_origins(value) for name, value in kwargs.items()}
            act = Act(0, "send", target_vat, target=target, method=method, args=args, kwargs=kwargs)
            act = replace(act, bid=self._asked.market.bid(record, event))
        except (Unwritable, ValueError, LookupError, TypeError, AttributeError) as problem:
            words = f"the message {event.message.method}() of crank {record.crank}: {problem}"
            self._left_out.append(one_line(words, 200))
            return
        number = self._add(act)
        if event.message.result is not None:
            self._answers[event.message.result] = number
        self._take_raises(record, number)

    def _take_raises(self, record: CrankRecord, number: int) -> None:
        """Take what has raised the bid of a message."""
        try:
            for asked, act in self._asked.market.raises(record, number):
                self._place = asked.number, asked.crank
                self._add(act)
        except Unwritable as problem:
            self._left_out.append(one_line(f"raise-bid before crank {record.crank}: {problem}", 200))

    def _add(self, act: Act) -> int:
        number, (sender, crank) = len(self._acts), self._place
        self._started.add(act.starts)
        self._acts.append(((sender, number), crank, replace(act, number=number)))
        return number

    def _take_answers(self, record: Record) -> None:
        for entry in rows_of(self._controller, record, "clists"):
            if entry.vat in self._attached and entry.vref.startswith("o+"):
                self._exports.setdefault(entry.kref, {})
            if entry.vref == "o+0" and self._names.get(entry.vat) in self._started:
                self._origins.setdefault(entry.kref, Origin(vat=self._names[entry.vat]))
        for promise in rows_of(self._controller, record, "promises"):
            self._take_own_answer(promise)
            number = self._answers.get(promise.kref)
            if number is None or promise.data is None:
                continue
            if promise.state == "forwarded":
                self._answers.setdefault(promise.data.slots[0], number)
            elif promise.state == FULFILLED:
                for path, ref in _refs(promise.data):
                    self._origins.setdefault(ref.kref, Origin(act=number, path=path))

    def _take_own_answer(self, promise: PromiseRecord) -> None:
        """Learn what an object of the program has answered to a message."""
        heard = self._heard.get(promise.kref)
        if heard is None or promise.data is None or heard[0] not in self._exports:
            return
        if promise.state == "forwarded":
            self._heard.setdefault(promise.data.slots[0], heard)
        elif promise.data.slots:
            words = f"an answer of {heard[0]}, an object of the program's own, which mentions references"
            self._left_out.append(f"{words}: have a vat answer so, or answer with plain data")
        else:
            found = self._exports[heard[0]].setdefault(heard[1], [])
            found.append((promise.state != FULFILLED, promise.data.body))

    def _target(self, kref: str, iface: str = "Recorded") -> Origin:
        if kref in self._answers:
            return Origin(act=self._answers[kref], promise=True)
        if kref not in self._origins and (parts := self._asked.bundle(kref)) is not None:
            self._origins[kref] = Origin(act=self._add(Act(0, "bundle", parts=parts)), promise=True)
        if kref not in self._origins and (answers := self._exports.get(kref)) is not None:
            name = iface if iface.isidentifier() else "Recorded"
            own = Act(0, "own", method=name, args=(Heard(answers),))
            self._origins[kref] = Origin(act=self._add(own), promise=True)
        if kref in self._origins:
            return self._origins[kref]
        raise Unwritable(self._asked.why(kref))

    def _with_origins(self, value: Any) -> Any:
        if type(value) is Ref:
            return self._target(value.kref, value.iface)
        if type(value) in (list, tuple):
            return type(value)(self._with_origins(item) for item in value)
        if type(value) is dict:
            return {key: self._with_origins(item) for key, item in value.items()}
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        raise Unwritable(f"an argument of the type {type(value).__name__} is not written as Python")


def _refs(data: CapData) -> list[tuple[tuple[Step, ...], Ref]]:
    try:
        return list(places(read(data), Ref))
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


def _renumbered(act: Act, number: int, numbers: Mapping[int, int]) -> Act:
    """An act with its place among all, and the places of those that it refers to."""

    def moved(value: Any) -> Any:
        if type(value) is Origin:
            return value if value.act < 0 else replace(value, act=numbers[value.act])
        if type(value) is Made:
            return Made(numbers[value.act])
        if type(value) is KrefOf:
            return KrefOf(moved(value.origin))
        if type(value) in (list, tuple):
            return type(value)(moved(item) for item in value)
        if type(value) is dict:
            return {key: moved(item) for key, item in value.items()}
        return value

    given = {"args": moved(act.args), "kwargs": moved(dict(act.kwargs)), "options": moved(dict(act.options))}
    return replace(act, number=number, target=moved(act.target), slots=moved(act.slots), **given)
