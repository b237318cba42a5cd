"""What cranks are about: sends, notifies, the lives of vats, and collecting what they dropped.

Each event knows its JSON form, in which it lies in the world file where any SQLite tool can read it,
and the references it holds, which the kernel counts for as long as it waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swingset.model.capdata import CapData
from swingset.model.wording import MOST_NAME, fit


@dataclass(frozen=True, slots=True)
class Message:
    """A method call in flight: `[method, args, kwargs?]` as capdata, and the promise for its result."""

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
        """The method's name, for people and cut to a length; `?` where the body is not of the usual form."""
        try:
            method = json.loads(self.methargs.body[1:])[0]
        except (ValueError, LookupError, TypeError, RecursionError):
            return "?"
        if not isinstance(method, str):
            return "?"
        return fit(method[1:] if method.startswith("!") else method, MOST_NAME)


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver `message` to `target`, an object or a promise. `sender` is the vat, or None for the host."""

    target: str
    message: Message
    sender: str | None = None

    def refs(self) -> Iterator[str]:
        """Every kref the event holds, repeated as often as it is mentioned."""
        yield self.target
        yield from self.message.methargs.slots
        if self.message.result:
            yield self.message.result


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell `vat` how `promise` was settled."""

    vat: str
    promise: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield self.promise


@dataclass(frozen=True, slots=True)
class CreateVat:
    """Start a new vat of `bundle`; settle `result` with its root object."""

    vat: str
    name: str
    worker: str
    options: dict[str, Any]
    bundle: str
    parameters: CapData
    result: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield from self.parameters.slots
        yield self.result


@dataclass(frozen=True, slots=True)
class UpgradeVat:
    """Replace the code of `vat`; settle `result` with `{"incarnationNumber": n}`."""

    vat: str
    bundle: str
    parameters: CapData
    message: str
    result: str

    def refs(self) -> Iterator[str]:
        """Every kref the event holds."""
        yield from self.parameters.slots
        yield self.result


@dataclass(frozen=True, slots=True)
class ChangeVatOptions:
    """Tell `vat` of options that concern what goes on inside it, such as `{"migrate": records to visit}`."""

    vat: str
    options: dict[str, Any]

    def refs(self) -> Iterator[str]:
        """None."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Collect:
    """Tell `vat` that references were dropped or retired. Never queued: chosen from the set of GC actions."""

    vat: str
    kind: str
    krefs: tuple[str, ...]

    def refs(self) -> Iterator[str]:
        """None: what is being forgotten is not held."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Reap:
    """Have `vat` bring out its dead. Never queued: chosen from the vats that are due."""

    vat: str

    def refs(self) -> Iterator[str]:
        """None."""
        yield from ()


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Delete some of what a terminated vat left. Never queued: chosen from the vats that are dead."""

    vat: str

    def refs(self) -> Iterator[str]:
        """None."""
        yield from ()


QueuedEvent = Send | Notify | CreateVat | UpgradeVat | ChangeVatOptions
"""What can wait in the run-queue."""

Event = QueuedEvent | Collect | Reap | CleanUp
"""What a crank can be about."""


def event_to_json(event: QueuedEvent) -> str:
    """The event as canonical JSON text, `{"type": ..., ...}`."""
    raw: dict[str, Any]
    match event:
        case Send(target, message, sender):
            raw = {"type": "send", "target": target, "message": message.to_json(), "sender": sender}
        case Notify(vat, promise):
            raw = {"type": "notify", "vat": vat, "promise": promise}
        case CreateVat(vat, name, worker, options, bundle, parameters, result):
            raw = {"type": "create-vat", "vat": vat, "name": name, "worker": worker, "options": options}
            raw |= {"bundle": bundle, "parameters": parameters.to_json(), "result": result}
        case UpgradeVat(vat, bundle, parameters, message_text, result):
            raw = {"type": "upgrade-vat", "vat": vat, "bundle": bundle}
            raw |= {"parameters": parameters.to_json(), "message": message_text, "result": result}
        case ChangeVatOptions(vat, options):
            raw = {"type": "change-vat-options", "vat": vat, "options": options}
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))


def event_from_json(text: str) -> QueuedEvent:
    """The event that `event_to_json` wrote; raises `ValueError` for anything else."""
    raw = json.loads(text)
    match raw.get("type"):
        case "send":
            return Send(raw["target"], Message.from_json(raw["message"]), raw["sender"])
        case "notify":
            return Notify(raw["vat"], raw["promise"])
        case "create-vat":
            return CreateVat(
                raw["vat"],
                raw["name"],
                raw["worker"],
                raw["options"],
                raw["bundle"],
                CapData.from_json(raw["parameters"]),
                raw["result"],
            )
        case "upgrade-vat":
            return UpgradeVat(
                raw["vat"], raw["bundle"], CapData.from_json(raw["parameters"]), raw["message"], raw["result"]
            )
        case "change-vat-options":
            return ChangeVatOptions(raw["vat"], raw["options"])
    raise ValueError(f"no event of the run-queue has type {raw.get('type')!r}")
