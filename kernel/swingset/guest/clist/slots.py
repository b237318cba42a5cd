"""The vat's table of references: the object of each vref, and the vref of each object.

`o+0` is the root, `o+10` and up are heap objects of this vat, `o+d10/1` a durable instance (kind 10, number
1), `o-50` an object of another vat, `p+5` and `p-60` promises. There is one object per vref while it is
alive, and one vref per object as long as the kernel may know it.

This module also turns values into capdata and back, because that needs the names of references. An encoding
that fails changes nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swingset.wire.grammar import SAFE_INT

from ..base.ended import refuse_ended
from ..base.promises import Promise
from ..base.vatstore import check_room
from ..passing import smallcaps
from ..passing.passable import UnpassableError, brief, path_to
from ..passing.remotables import DISAVOWED, DISAVOWED_TOLD, Presence
from ..passing.smallcaps import DecodeError
from .heap import ROOT, Heap
from .imports import Imports
from .references import is_import, is_stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from .references import References
    from .vat import Vat


class Slots:
    """References of one vat, by vref and by identity."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self.imports = Imports(vat)
        self.heap = Heap()

    def add_root(self, root: Any) -> None:
        """Give the root object its name."""
        self.heap.add(ROOT, root)
        self.heap.exported(ROOT)

    def dropped(self, vrefs: list[str]) -> None:
        """Note that the kernel cannot reach these exports any more."""
        for vref in vrefs:
            self._exports(vref).dropped(vref)

    def retired(self, vrefs: list[str]) -> None:
        """Note that the kernel has forgotten these exports."""
        for vref in vrefs:
            self._exports(vref).retired(vref)

    def _exports(self, vref: str) -> References | Heap:
        """The part of the vat that keeps this export alive."""
        return self._vat.references if is_stored(vref) else self.heap

    def target(self, vref: str) -> Any:
        """The object or promise that a message is for; raises DecodeError if there is none."""
        found = self.heap.find(vref)  # nearly always the root
        if found is not None:
            return found
        if vref[:1] != "p":
            return self._object(vref, None)
        promise = self._vat.promises.find(vref)
        if promise is None:
            raise DecodeError(f"there is no promise {vref} here")
        return promise

    def encode(self, value: Any) -> dict[str, Any]:
        """Write a value as capdata; raises UnpassableError if it cannot pass."""
        body = smallcaps.short_body(value)
        if body is not None:
            return {"body": body, "slots": []}
        return self._capdata(smallcaps.encode(value, self._vat.trace_of))

    def encode_call(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Write a message as capdata; raises UnpassableError if it cannot pass."""
        return self._capdata(smallcaps.encode_call(method, args, kwargs, self._vat.trace_of))

    def _capdata(self, encoded: smallcaps.Encoded) -> dict[str, Any]:
        body, objects = encoded
        if not objects:
            return {"body": body, "slots": []}
        self._check_owner(objects)
        slots = [self._name(item) for item in objects]
        for vref in slots:
            if is_stored(vref):
                self._vat.references.exported(vref)
            else:
                self.heap.exported(vref)
        return {"body": body, "slots": slots}

    def encode_durable(self, value: Any, what: str) -> dict[str, Any]:
        """Write a value that must survive this incarnation; raises TypeError, which names it `what`."""
        return self.encode_state(value, what, durable=True)

    def encode_state(self, value: Any, what: str, *, durable: bool) -> dict[str, Any]:
        """Write a value as it is kept in the store; raises TypeError. `what` names it in errors.

        With `durable`, it may refer only to objects that survive an upgrade. A promise is named like a heap
        object, and the kernel never hears that name.
        """
        try:
            body, objects = smallcaps.encode(value, self._vat.trace_of, state=True)
            self._check_owner(objects)
        except UnpassableError as exc:
            raise TypeError(self.explain(what, value, exc)) from None
        slots = []
        for index, item in enumerate(objects):
            if durable and not (isinstance(item, Presence) or _outlives(item)):
                where = what + (path_to(value, item) or "")
                if isinstance(item, Promise):
                    told = "is a promise: await it and keep its value"
                else:
                    sort = "@virtual" if hasattr(type(item), "__kind__") else "@remotable"
                    told = (
                        f"is a {sort} {type(item).__name__}, which an upgrade ends: make its class @durable"
                    )
                raise TypeError(f"value for {what!r} is not durable: slot {index} of it, {where}, {told}")
            slots.append(self._name_in_heap(item) if isinstance(item, Promise) else self._name(item))
            self.heap.keep(slots[-1])
        data = {"body": body, "slots": slots}
        check_room(f"value for {what!r}", data, body)
        return data

    def decode(self, capdata: Any, *, frozen: bool = False, old: bool = False) -> Any:
        """Read capdata; raises DecodeError.

        `frozen` capdata comes from the store, other capdata from the kernel. With `old`, data that its class
        now refuses is returned as `Tagged`.
        """
        try:
            body, slots = capdata["body"], capdata["slots"]
        except (TypeError, KeyError):
            raise DecodeError("capdata without body or slots") from None
        if slots and not frozen:
            # Also slots that the body does not use, because the kernel counts them as held by this vat.
            candidates = self._vat.references.candidates
            candidates.update((vref, None) for vref in slots if is_import(vref))

        fetch = self._fetcher(slots, frozen) if slots else _no_slot
        return smallcaps.decode(body, fetch, frozen=frozen, old=old, reader=self._vat.reader)

    def _fetcher(self, slots: Any, frozen: bool) -> Callable[[str, int, str | None], Any]:
        def fetch(sigil: str, index: int, iface: str | None) -> Any:
            if index >= len(slots):
                raise DecodeError(f"slot {index} of {len(slots)}")
            vref = slots[index]
            if frozen and sigil == "&":
                return self._stored_promise(vref)
            if type(vref) is not str or (vref[:1] == "p") != (sigil == "&"):
                raise DecodeError(f"slot {index} is {vref!r}, which {sigil!r} does not fit")
            if sigil == "&":
                return self._vat.promises.receive(vref)
            return self._object(vref, iface)

        return fetch

    def across(self, value: Any) -> Any:
        """Copy a value of a message within this vat, as if it had passed to another vat.

        References stay the same objects. Raises UnpassableError and DecodeError.
        """
        if _is_same_anywhere(value):
            return value
        body, objects = smallcaps.encode(value, self._vat.trace_of)
        reader = self._vat.reader
        return smallcaps.decode(body, lambda _sigil, index, _iface: objects[index], reader=reader)

    def explain(self, what: str, value: Any, problem: UnpassableError) -> str:
        """The message that says which part of a value cannot pass, and what to do. `what` names the value."""
        culprit = problem.culprit
        if culprit is None:
            return f"{what or 'the message'} cannot be passed: {problem.fix}"
        where = what + (path_to(value, culprit) or "")
        return f"{where or 'something in it'} is {_a(culprit)}, which cannot be passed: {problem.fix}"

    def take_over(self, presence: Presence) -> None:
        """Make a presence of the previous life one of this life, with the same vref."""
        object.__setattr__(presence, "_vat", self._vat)
        self.imports.put(presence)
        self._vat.references.candidates[presence._vref] = None

    def known_name(self, item: Any) -> str | None:
        """The vref of an object of this vat; None if it has none, is data, or belongs to another vat.

        Raises `LifeEndedError` for an object of a life that has ended.
        """
        vref: str | None
        if isinstance(item, Presence):
            owner, vref = item._vat, item._vref
        else:
            kind = getattr(type(item), "__kind__", None)
            if kind is None:
                return self.heap.name_of(item)
            owner, vref = kind.vat, _instance_vref(item)
        if owner is self._vat:
            return None if vref == DISAVOWED else vref
        refuse_ended(owner, item)
        return None

    def object_of(self, vref: str, iface: str | None) -> Any:
        """The object with a vref that this vat has stored; raises DecodeError."""
        return self._object(vref, iface)

    def disavow(self, item: Any) -> None:
        """Drop an import at once, even if vat code holds its presence; raises TypeError for anything else."""
        vref = self.known_name(item)
        if isinstance(item, Presence) and item._vref == DISAVOWED:
            raise TypeError(f"attempt to disavow {item!r} again")
        if vref is None:
            raise TypeError(f"attempt to disavow unknown {brief(item)}")
        if not isinstance(item, Presence):
            raise TypeError(f"attempt to disavow an export, {brief(item)}: it is an object of this vat")
        if vref[:1] != "o":
            raise TypeError("attempt to disavow non-object: a device stays")
        self._vat.settle_state()
        references = self._vat.references
        if references.count(vref) > 0:
            raise TypeError(
                f"attempt to disavow {item!r}, which stored data of this vat holds: delete that first"
            )
        self.imports.forget(vref)
        references.candidates.pop(vref, None)
        object.__setattr__(item, "_vref", DISAVOWED)
        self._vat.syscall(["dropImports", [vref]])
        if not self._vat.recognizers.know(vref):
            self._vat.syscall(["retireImports", [vref]])

    def _check_owner(self, objects: list[Any]) -> None:
        for item in objects:
            if isinstance(item, Promise):
                owner = item._turns.vat
            elif isinstance(item, Presence):
                owner = item._vat
            else:
                kind = getattr(type(item), "__kind__", None)
                owner = self._vat if kind is None else kind.vat
            if isinstance(item, Presence) and item._vref == DISAVOWED:
                raise UnpassableError(item, DISAVOWED_TOLD)
            if owner is not self._vat:
                if owner.ended is not None:
                    raise UnpassableError(item, owner.ended.told(item), ended=True)
                raise UnpassableError(item, f"it belongs to {owner.title}, not to {self._vat.title}")

    def _name(self, item: Any) -> str:
        if isinstance(item, Promise):
            return self._vat.promises.name(item)
        vref = item._vref if isinstance(item, Presence) else _instance_vref(item)
        return str(vref or self._name_in_heap(item))

    def _name_in_heap(self, item: Any) -> str:
        vref = self.heap.name_of(item)
        if vref is None:
            vref = f"o+{self._vat.counters.take('exportID')}"
            self.heap.add(vref, item)
        return vref

    def _stored_promise(self, vref: object) -> Promise[Any]:
        found = self.heap.find(vref) if type(vref) is str else None
        if not isinstance(found, Promise):
            raise DecodeError(f"there is no promise {vref!r} in vat {self._vat.vat_name}")
        return found

    def _object(self, vref: str, iface: str | None) -> Any:
        if is_import(vref):
            return self.imports.get(vref, iface)
        if is_stored(vref):
            return self._vat.kinds.instance(vref)
        found = self.heap.find(vref)
        if found is not None:
            return found
        raise DecodeError(f"there is no object {vref} in vat {self._vat.vat_name}")


def _no_slot(_sigil: str, index: int, _iface: str | None) -> Any:
    raise DecodeError(f"slot {index} of 0")


def _is_same_anywhere(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-SAFE_INT <= value <= SAFE_INT)
    return kind is bool or value is None or kind is Promise or kind is Presence


def _instance_vref(item: Any) -> str | None:
    vref: str | None = item.__dict__.get("__vref__") if hasattr(type(item), "__kind__") else None
    return vref


def _outlives(item: Any) -> bool:
    kind = getattr(type(item), "__kind__", None)
    return kind is not None and kind.durable


def _a(value: Any) -> str:
    text = brief(value)
    if value is None or text.startswith("the "):
        return text
    return f"{'an' if text[0] in 'aeiouAEIOU' else 'a'} {text}"
