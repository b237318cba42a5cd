"""The inputs of a world as acts of an embedder: what was created, upgraded and sent, from the records.

An act says what to do through the public API, in a world of its own. References are written by where they
came from, the root of a vat or a place in the answer to an earlier message, because krefs are others in
another world. What cannot be written so is left out and listed: messages that mention a device, an object of
the embedder, or something that no answer brought.

Messages of an embedder's own vat, such as a notebook, become messages of a host, with the same targets and
arguments. Between two messages the world is run, if it ran between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from swingset.host.controller import Controller
from swingset.host.requests import read
from swingset.lens.recorded import Recorded
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import Send
from swingset.model.visible import one_line
from swingset.time.past import rows_of
from swingset.world.gone import Gone
from swingset.world.promises import FULFILLED
from swingset.world.records import CrankRecord, Record, RequestRecord

ActKind = Literal["create", "upgrade", "terminate", "suspend", "resume", "run", "send"]

Step = str | int

_PLAIN = "#null"


@dataclass(frozen=True)
class Origin:
    """Where a reference comes from: the root of `vat`, or what `path` leads to in the answer to act `act`.

    Without a path and with `promise`, it is the promise for the answer itself.
    """

    vat: str = ""
    act: int = -1
    path: tuple[Step, ...] = ()
    promise: bool = False


@dataclass(frozen=True)
class Act:
    """One input. `number` is its place among all of them; arguments have an `Origin` for each reference."""

    number: int
    kind: ActKind
    vat: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    worker: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: str = _PLAIN
    target: Origin | None = None
    method: str = ""
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def origins(self) -> Iterator[Origin]:
        """The origins of all references that it mentions."""
        if self.target is not None:
            yield self.target
        for value in (*self.args, *self.kwargs.values()):
            yield from (found for _path, found in places(value, Origin))

    def __str__(self) -> str:
        return one_line(f"{self.method}()" if self.kind == "send" else f"{self.kind} {self.vat}".strip(), 80)


@dataclass(frozen=True)
class Inputs:
    """The acts of a history in order, and sentences about what was left out."""

    acts: tuple[Act, ...]
    left_out: tuple[str, ...]


class Unwritable(Exception):
    """Something cannot be written as an act; the message says what."""


def inputs_until(controller: Controller, crank: int) -> Inputs:
    """The inputs of a world that came before a crank ended."""
    gathering = _Gathering(controller)
    gathering.begin(Recorded(controller.world).gone)
    for record in controller.history.records():
        if record.crank > crank:
            break
        gathering.take(record)
    return gathering.inputs()


def places(value: Any, wanted: type) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Each instance of a class in a value of lists and dicts, with the path that leads to it."""
    if type(value) is wanted:
        yield (), value
        return
    inside: Iterable[tuple[Step, Any]] = ()
    if isinstance(value, list | tuple):
        inside = enumerate(value)
    elif isinstance(value, dict):
        inside = ((key, item) for key, item in value.items() if isinstance(key, str))
    for step, item in inside:
        for path, found in places(item, wanted):
            yield (step, *path), found


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
        self._requests: dict[int, int] = {}  # the crank before a request or after a crank of the embedder

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
        return Inputs(tuple(acts), tuple(self._left_out))

    def take(self, record: Record) -> None:
        """Take the next record."""
        for vat in rows_of(self._controller, record, "vats"):
            self._names[vat.id] = vat.name
            if vat.attached:
                self._attached.add(vat.id)
        if isinstance(record, RequestRecord):
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
                    raise Unwritable("service vats are the project's own")
                case "create-vat":
                    parts, parameters = self._parts(given["bundle"]), _parameters(given["parameters"])
                    options = {name: value for name, value in given["options"].items() if name != "meter"}
                    made = {"worker": given["worker"], "options": options, "parameters": parameters}
                    self._add(record, Act(0, "create", given["name"], parts, **made))
                case "upgrade-vat":
                    parts, parameters = self._parts(given["bundle"]), _parameters(given["parameters"])
                    self._add(record, Act(0, "upgrade", vat, parts, parameters=parameters))
                case "terminate-vat":
                    self._add(record, Act(0, "terminate", vat))
                case "suspend-vat":
                    self._add(record, Act(0, "suspend", vat))
                case "resume-vat":
                    self._add(record, Act(0, "resume", vat))
        except Unwritable as problem:
            self._left_out.append(one_line(f"{record.verb} of record {record.number}: {problem}", 200))

    def _take_message(self, record: CrankRecord, event: Send) -> None:
        crank = self._requests.get(record.sender or 0)
        target_vat = record.vat
        if crank is None or event.message.result in self._answers:
            return
        if any(vat in self._attached for vat in record.transcripts) or target_vat is None:
            return
        try:
            said = read(event.message.methargs)
            method, args, kwargs = said[0], said[1], said[2] if len(said) > 2 else {}
            target = self._target(event.target)
            args = tuple(self._with_origins(arg) for arg in args)
            kwargs = {name: self._with_origins(value) for name, value in kwargs.items()}
            act = Act(0, "send", target_vat, target=target, method=method, args=args, kwargs=kwargs)
        except (Unwritable, ValueError, LookupError, TypeError, AttributeError) as problem:
            words = f"the message {event.message.method}() of crank {record.crank}: {problem}"
            self._left_out.append(one_line(words, 200))
            return
        number = self._add(record, act, sender=record.sender or 0, crank=crank)
        if event.message.result is not None:
            self._answers[event.message.result] = number

    def _add(self, record: Record, act: Act, *, sender: int | None = None, crank: int | None = None) -> int:
        number = len(self._acts)
        order = (record.number if sender is None else sender, number)
        self._acts.append((order, record.crank if crank is None else crank, replace(act, number=number)))
        return number

    def _take_answers(self, record: Record) -> None:
        for entry in rows_of(self._controller, record, "clists"):
            if entry.vref == "o+0" and entry.vat not in self._attached and entry.vat in self._names:
                self._origins.setdefault(entry.kref, Origin(vat=self._names[entry.vat]))
        for promise in rows_of(self._controller, record, "promises"):
            number = self._answers.get(promise.kref)
            if number is None or promise.data is None:
                continue
            if promise.state == "forwarded":
                self._answers.setdefault(promise.data.slots[0], number)
            elif promise.state == FULFILLED:
                for path, ref in _refs(promise.data):
                    self._origins.setdefault(ref.kref, Origin(act=number, path=path))

    def _target(self, kref: str) -> Origin:
        if kref in self._answers:
            return Origin(act=self._answers[kref], promise=True)
        if kref in self._origins:
            return self._origins[kref]
        raise Unwritable(f"nothing tells where {kref} came from")

    def _with_origins(self, value: Any) -> Any:
        if type(value) is Ref:
            return self._target(value.kref)
        if type(value) in (list, tuple):
            return type(value)(self._with_origins(item) for item in value)
        if type(value) is dict:
            return {key: self._with_origins(item) for key, item in value.items()}
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        raise Unwritable(f"an argument of the type {type(value).__name__} is not written as Python")

    def _parts(self, bundle: str) -> tuple[tuple[str, str], ...]:
        return tuple((part, source) for part, source in self._controller.world.bundles.get(bundle))


def _refs(data: CapData) -> list[tuple[tuple[Step, ...], Ref]]:
    try:
        return list(places(read(data), Ref))
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


def _parameters(raw: Any) -> str:
    found = CapData.from_json(raw)
    if found.slots:
        raise Unwritable("its parameters mention objects")
    return found.body


def _renumbered(act: Act, number: int, numbers: Mapping[int, int]) -> Act:
    """An act with its place among all, and the places of those that it refers to."""

    def moved(value: Any) -> Any:
        if type(value) is Origin:
            return value if value.act < 0 else replace(value, act=numbers[value.act])
        if type(value) in (list, tuple):
            return type(value)(moved(item) for item in value)
        if type(value) is dict:
            return {key: moved(item) for key, item in value.items()}
        return value

    target, args, kwargs = moved(act.target), moved(act.args), moved(dict(act.kwargs))
    return replace(act, number=number, target=target, args=args, kwargs=kwargs)
