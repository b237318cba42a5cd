"""The events that cranks process: sends, notifies, the lives of vats, and garbage collection.

Each event knows its JSON form, which the world file stores so that any SQLite tool can read it, and the
references it holds, which the kernel counts for as long as the event waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

from swingset.model.bids import Bid, bid_from_json
from swingset.model.capdata import CapData, is_well_formed, method_of
from swingset.model.foreign import Unreadable, read_json
from swingset.model.refs import is_called_well, is_kref, is_vat_id
from swingset.model.spelling import spelled
from swingset.model.states import CollectionKind, QueuedPolicy


@dataclass(frozen=True, slots=True)
class Message:
    """A method call in flight: `[method, args, kwargs?]` as capdata, and the promise for its result.

    Source:
        A message of SwingSet: `{methargs, result}`, with the method apart.
    """

    methargs: CapData
    result: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The wire form, `{"methargs": capdata, "result": ref or null}`."""
        return {"methargs": self.methargs.to_json(), "result": self.result}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Message:
        """Read the wire form."""
        return cls(CapData.from_json(raw["methargs"]), raw["result"])

    @property
    def method(self) -> str:
        """The method's name, for people and cut to a length; `?` if the body has another form."""
        return method_of(self.methargs)


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver `message` to `target`, an object or a promise. `sender` is the vat, or None for the host.

    `bid` is what the message offers for its turn, in a world with a market.

    Source:
        The event `send` of the run-queue.
    """

    target: str
    message: Message
    sender: str | None = None
    bid: Bid | None = None

    def refs(self) -> Iterator[str]:
        """Every kref the event holds, repeated as often as it is mentioned."""
        yield self.target
        yield from self.message.methargs.slots
        if self.message.result:
            yield self.message.result


@dataclass(frozen=True, slots=True)
class Notify:
    """Notify `vat` of the outcome of `promise`.

    Source:
        The event `notify` of the run-queue.
    """

    vat: str
    promise: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield self.promise


class _Starts:
    """An event that starts code with `parameters`, and settles `result` with what comes of it."""

    __slots__ = ()
    parameters: CapData
    result: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield from self.parameters.slots
        yield self.result


class _HoldsNothing:
    """An event without references, or one about references that it does not hold."""

    __slots__ = ()

    def refs(self) -> Iterator[str]:
        """None."""
        return iter(())


@dataclass(frozen=True, slots=True)
class CreateVat(_Starts):
    """Start a new vat of `bundle`; settle `result` with its root object.

    Source:
        The event `create-vat` of the run-queue.
    """

    vat: str
    name: str
    worker: str
    options: dict[str, Any]
    bundle: str
    parameters: CapData
    result: str


@dataclass(frozen=True, slots=True)
class UpgradeVat(_Starts):
    """Replace the code of `vat`; settle `result` with `{"incarnationNumber": n}`.

    Source:
        The event `upgrade-vat` of the run-queue.
    """

    vat: str
    bundle: str
    parameters: CapData
    message: str
    result: str


@dataclass(frozen=True, slots=True)
class CloneVat:
    """Make `clone`, a new vat with the memory and the store of `vat`; settle `result` with its references.

    `wanted` are exports of the vat: the clone gets an object of its own for each. `queued` says what becomes
    of messages that wait for the vat.

    Source:
        `admin.fork(refs)`, proposed for SwingSet (zygotes).
    """

    vat: str
    clone: str
    name: str
    wanted: tuple[str, ...]
    options: dict[str, Any]
    queued: QueuedPolicy
    result: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield from self.wanted
        yield self.result


@dataclass(frozen=True, slots=True)
class ChangeVatOptions(_HoldsNothing):
    """Pass `vat` options that its guest library acts on, such as `{"migrate": records to visit}`.

    Source:
        The event `changeVatOptions` of the run-queue.
    """

    vat: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collect(_HoldsNothing):
    """Notify `vat` that references were dropped or retired. Never queued: chosen from the GC actions.

    Source:
        The kernel's `gcActions`: `dropExports`, `retireExports` and `retireImports`.
    """

    vat: str
    kind: CollectionKind
    krefs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reap(_HoldsNothing):
    """Make `vat` bring out its dead. Never queued: chosen from the vats that are due.

    Source:
        The event `bringOutYourDead`, from the kernel's `reapQueue`.
    """

    vat: str


@dataclass(frozen=True, slots=True)
class CleanUp(_HoldsNothing):
    """Delete some of what a terminated vat left. Never queued: chosen from the terminated vats.

    Source:
        The event `cleanup-terminated-vat`, slow termination.
    """

    vat: str


QueuedEvent = Send | Notify | CreateVat | CloneVat | UpgradeVat | ChangeVatOptions
"""What can wait in the run-queue."""

Event = QueuedEvent | Collect | Reap | CleanUp
"""What a crank can process."""


def described(event: QueuedEvent, called: Callable[[str], str] = str) -> str:
    """An event in a few words, for people. `called` says what the vat of an id is called.

    Example: `described(Notify("v1", "kp40")) == "the outcome of kp40"`.
    """
    match event:
        case Send(message=message):
            return f"the message {message.method}()"
        case Notify(promise=promise):
            return f"the outcome of {promise}"
        case CreateVat(name=name):
            return f"the creation of vat {name}"
        case CloneVat(vat=vat, name=name):
            return f"the clone {name} of vat {called(vat)}"
        case UpgradeVat(vat=vat):
            return f"the upgrade of vat {called(vat)}"
        case ChangeVatOptions(vat=vat):
            return f"options for vat {called(vat)}"


def event_to_data(event: Event) -> dict[str, Any]:
    """The event as JSON data, `{"type": ..., ...}`."""
    raw: dict[str, Any]
    match event:
        case Send(target, message, sender):
            raw = {"type": "send", "target": target, "message": message.to_json(), "sender": sender}
            if event.bid is not None:
                raw["bid"] = event.bid.to_json()
        case Notify(vat, promise):
            raw = {"type": "notify", "vat": vat, "promise": promise}
        case CreateVat(vat, name, worker, options, bundle, parameters, result):
            raw = {"type": "create-vat", "vat": vat, "name": name, "worker": worker, "options": options}
            raw |= {"bundle": bundle, "parameters": parameters.to_json(), "result": result}
        case CloneVat(vat, clone, name, refs, options, queued, result):
            raw = {"type": "clone-vat", "vat": vat, "clone": clone, "name": name, "refs": list(refs)}
            raw |= {"options": options, "queued": queued, "result": result}
        case UpgradeVat(vat, bundle, parameters, message_text, result):
            raw = {"type": "upgrade-vat", "vat": vat, "bundle": bundle}
            raw |= {"parameters": parameters.to_json(), "message": message_text, "result": result}
        case ChangeVatOptions(vat, options):
            raw = {"type": "change-vat-options", "vat": vat, "options": options}
        case Collect(vat, kind, krefs):
            raw = {"type": "collect", "vat": vat, "kind": kind, "krefs": list(krefs)}
        case Reap(vat):
            raw = {"type": "reap", "vat": vat}
        case CleanUp(vat):
            raw = {"type": "clean-up", "vat": vat}
    return raw


def kind_of(event: Event) -> str:
    """The kind of an event, such as `send`: the `type` of its JSON data."""
    return str(event_to_data(event)["type"])


def event_to_json(event: QueuedEvent) -> str:
    """The event as it is stored."""
    return spelled(event_to_data(event))


class MalformedEvent(ValueError):
    """A text is no event of the run-queue; the message says which part of it is wrong."""


def answer_of(text: str) -> str | None:
    """The promise for the answer that a damaged event still names, if it does."""
    try:
        raw = read_json(text)
    except Unreadable:
        return None
    found = raw.get("message") if isinstance(raw, dict) else None
    for part in (found, raw):
        if isinstance(part, dict) and _is_promise(part.get("result")):
            return str(part["result"])
    return None


def event_from_json(text: str) -> QueuedEvent:
    """The event that `event_to_json` wrote; raises `MalformedEvent`, a `ValueError`, for anything else."""
    try:
        raw = read_json(text)
    except Unreadable as problem:
        raise MalformedEvent(f"is no event: it is {problem}") from None
    if not isinstance(raw, dict):
        raise MalformedEvent("is no event: a JSON object is wanted")
    kind = raw.get("type")
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise MalformedEvent("is no event: its type is none that the run-queue has")
    bid = None
    if kind == "send" and "bid" in raw and (bid := bid_from_json(raw.pop("bid"))) is None:
        raise MalformedEvent("is no event: bid of send wants a bid")
    if set(raw) != {"type", *fields}:
        raise MalformedEvent(f"is no event: {kind} wants exactly {', '.join(fields)}")
    for name in fields:
        wanted = _WANTED[name]
        if not wanted[0](raw[name]):
            raise MalformedEvent(f"is no event: {name} of {kind} wants {wanted[1]}")
    match kind:
        case "send":
            message = raw["message"]
            if not _is_message(message):
                raise MalformedEvent("is no event: message of send wants methargs and result")
            sent = Message(_capdata(message["methargs"]), message["result"])
            return Send(raw["target"], sent, raw["sender"], bid)
        case "notify":
            return Notify(raw["vat"], raw["promise"])
        case "change-vat-options":
            return ChangeVatOptions(raw["vat"], raw["options"])
        case "clone-vat":
            how = raw["options"], raw["queued"], raw["result"]
            return CloneVat(raw["vat"], raw["clone"], raw["name"], tuple(raw["refs"]), *how)
    given = _capdata(raw["parameters"])
    if kind == "upgrade-vat":
        if not _is_text(raw["message"]):
            raise MalformedEvent("is no event: message of upgrade-vat wants text")
        return UpgradeVat(raw["vat"], raw["bundle"], given, raw["message"], raw["result"])
    made = raw["name"], raw["worker"], raw["options"]
    return CreateVat(raw["vat"], *made, raw["bundle"], given, raw["result"])


def _capdata(raw: object) -> CapData:
    found = CapData.from_json(raw)
    if not all(map(is_kref, found.slots)):
        raise MalformedEvent("is no event: a slot is no kref")
    return found


def _is_promise(value: object) -> bool:
    return is_kref(value) and isinstance(value, str) and value[1] == "p"


def _is_object(value: object) -> bool:
    return is_kref(value) and isinstance(value, str) and value[1] == "o"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_well_formed(value)


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"methargs", "result"}:
        return False
    return value["result"] is None or _is_promise(value["result"])


def are_options(value: object) -> bool:
    """Whether a value has the form of a vat's options: an object of numbers, text, true, false and null."""
    return isinstance(value, dict) and all(
        _is_text(name)
        and (item is None or isinstance(item, bool | int) or _is_text(item) or _is_finite(item))
        for name, item in value.items()
    )


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and isfinite(value)


_FIELDS: dict[str, tuple[str, ...]] = {
    "send": ("target", "message", "sender"),
    "notify": ("vat", "promise"),
    "create-vat": ("vat", "name", "worker", "options", "bundle", "parameters", "result"),
    "clone-vat": ("vat", "clone", "name", "refs", "options", "queued", "result"),
    "upgrade-vat": ("vat", "bundle", "parameters", "message", "result"),
    "change-vat-options": ("vat", "options"),
}

_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "target": (is_kref, "a kref"),
    "sender": (lambda value: value is None or is_vat_id(value), "the id of a vat or null"),
    "vat": (is_vat_id, "the id of a vat"),
    "clone": (is_vat_id, "the id of a vat"),
    "refs": (lambda value: isinstance(value, list) and all(map(_is_object, value)), "krefs of objects"),
    "queued": (lambda value: value in get_args(QueuedPolicy), "refuse, drop or duplicate"),
    "name": (is_called_well, "a name"),
    "worker": (lambda value: _is_text(value) and len(value) <= 199, "a kind of worker"),
    "options": (are_options, "an object of numbers and text"),
    "bundle": (lambda value: _is_text(value) and len(value) < 200, "the id of a bundle"),
    "parameters": (lambda value: isinstance(value, dict), "capdata"),
    "promise": (_is_promise, "the kref of a promise"),
    "result": (_is_promise, "the kref of a promise"),
    "message": (lambda value: _is_message(value) or _is_text(value), "a message"),
}
