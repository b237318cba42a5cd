"""Words for what is in records and transcripts: values, calls, events and requests.

A reference is shown as what it is with its kernel name: `Purse ko24`. The texts are strangers' texts: all
that is returned here is one line of drawn characters, cut to a length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.history.requests_in_words import kept_name, request_in_words
from swingset.lens.state.reading import Reading, among
from swingset.lens.state.wires import Wire
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.messages import CleanUp, CloneVat, Collect, CreateVat, Event, Reap, Send, described
from swingset.model.refs import is_kref, kref_type
from swingset.model.values import SHORT, call_in_words, stored_in_words, value_in_words
from swingset.model.visible import one_line
from swingset.world.records import RequestRecord


class Words:
    """The words of one world, which looks up each name at most once."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._vats = Reading(store).vats
        self._labels: dict[str, str] = {}
        self.wire = Wire(store)

    def vat(self, vat_id: str | None) -> str:
        """The name of a vat; its id if the world does not know it."""
        if vat_id is None:
            return "host"
        known = self._vats.get(vat_id)
        return one_line(known.name if known is not None else vat_id, 60)

    def thing(self, kref: str, iface: str | None = None) -> str:
        """A reference of the kernel with what it is, such as `Purse ko24`."""
        if not is_kref(kref):
            return one_line(kref, 40)
        if kref_type(kref) == "p":
            return f"promise {kref}"
        if kref not in self._labels:
            label = Reading(self._store, among([kref])).label(kref)
            self._labels[kref] = one_line(label, 60)
        label = self._labels[kref]
        if label in ("?", "object") or label.startswith("object, "):
            label = one_line(iface or "object", 60)
        return f"{label} {kref}"

    def value(self, data: CapData, limit: int = SHORT) -> str:
        """A value whose slots are krefs."""
        return value_in_words(data, self.thing, limit)

    def call(self, methargs: CapData, limit: int = SHORT) -> str:
        """A call whose slots are krefs, such as `deposit(10)`."""
        return call_in_words(methargs, self.thing, limit)

    def event(self, event: Event) -> str:
        """An event of a crank."""
        match event:
            case Send(target, message):
                came = self.wire.in_words(target, message.methargs)
                return came or f"{self.call(message.methargs)} to {self.thing(target)}"
            case Collect(vat, kind, krefs):
                return f"{kind} of {len(krefs):,} to {self.vat(vat)}"
            case Reap(vat):
                return f"reaping of vat {self.vat(vat)}"
            case CleanUp(vat):
                return f"clean-up after vat {self.vat(vat)}"
            case CloneVat(vat=vat, name=name):
                return f"the clone {one_line(name, 60)} of vat {self.vat(vat)}"
            case CreateVat(name=name):
                return f"the creation of vat {one_line(name, 60)}"
        return one_line(described(event, self.vat), SHORT)

    def request(self, record: RequestRecord) -> str:
        """A request of the host."""
        given = record.arguments
        if record.verb == "syscall":
            call = given.get("syscall")
            return f"vat {self.vat(_text(given, 'vat'))}: {kept_name(call) or syscall_in_words(call)}"
        if record.verb in ("send", "offer"):
            methargs = _capdata(given.get("methargs"))
            if (came := self.wire.in_words(given.get("target"), methargs)) is not None:
                return came
            what = "a message" if methargs is None else self.call(methargs)
            bids = " with a bid" if record.verb == "offer" else ""
            return f"{what} to {self.thing(_text(given, 'target'))}{bids}"
        return one_line(request_in_words(record.verb, given, self._argument), SHORT)

    def _argument(self, name: str, value: Any) -> str:
        if name == "vat" and isinstance(value, str):
            return self.vat(value)
        data = _capdata(value)
        if data is not None:
            return self.value(data, 60)
        if name in ("kref", "target") and isinstance(value, str):
            return self.thing(value)
        if type(value) is int and name not in ("position", "number"):
            return f"{value:,}" if value.bit_length() < 200 else "a huge number"
        return one_line(value if isinstance(value, str) else repr(value)[:200], 60)


def syscall_in_words(raw: Any) -> str:
    """A syscall as a vat made it, in the vat's own names: `send deposit(10) to o-51`."""
    if not isinstance(raw, list) or not raw or not isinstance(raw[0], str):
        return "no syscall"
    name, *given = raw
    if name == "send" and len(given) == 2 and isinstance(given[1], dict):
        methargs, result = _capdata(given[1].get("methargs")), given[1].get("result")
        what = "a message" if methargs is None else call_in_words(methargs, _as_it_is)
        wanted = f" for {one_line(result, 20)}" if isinstance(result, str) else ""
        return f"send {what} to {one_line(str(given[0]), 40)}{wanted}"
    if name == "resolve" and given and isinstance(given[0], list):
        return "resolve " + one_line("; ".join(map(_resolution, given[0][:20])), SHORT)
    if name == "vatstoreSet" and len(given) == 2 and all(isinstance(part, str) for part in given):
        return one_line(f"vatstoreSet {given[0][:120]}: {stored_in_words(given[1])}", SHORT)
    if name == "callNow" and len(given) == 3:
        data = _capdata(given[2])
        args = "" if data is None else value_in_words(data, _as_it_is)
        return one_line(f"call {given[1]} of device {given[0]} with {args}", SHORT)
    return one_line(" ".join([name, *(_brief(part) for part in given)]), SHORT)


def _resolution(item: Any) -> str:
    if not isinstance(item, list) or len(item) != 3:
        return "?"
    data = _capdata(item[2])
    how = "rejected with" if item[1] is True else "fulfilled with"
    return f"{item[0]} {how} {'?' if data is None else value_in_words(data, _as_it_is, 80)}"


def _brief(part: Any) -> str:
    if isinstance(part, str):
        return part[:120]
    if isinstance(part, list):
        return " ".join(map(_brief, part[:20]))
    return str(part) if isinstance(part, int | None) else "…"


def _as_it_is(slot: str, iface: str | None) -> str:
    return f"{iface} {slot}" if iface else slot


def _capdata(raw: object) -> CapData | None:
    try:
        return CapData.from_json(raw)
    except MalformedCapData:
        return None


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else "?"
