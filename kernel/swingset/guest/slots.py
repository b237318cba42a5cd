"""The vat's own table of references: which object stands behind which vref.

`o+0` is the root, `o+10` and up are heap objects of this vat, `o+d10/1` a durable instance (kind 10, number
1), `o-50` an object of another vat, `p+5` and `p-60` promises. Identity holds in both directions: one object
per vref while it is alive, one vref per object for as long as the kernel may know of it.

The table is also where values become capdata and back, because that is where references meet their names. An
encoding that fails leaves no trace here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import smallcaps
from .device import DevicePresence
from .passable import UnpassableError, brief, path_to
from .promises import Promise
from .remotables import Presence, clean_iface
from .smallcaps import DecodeError

if TYPE_CHECKING:
    from .liveslots import Liveslots


class Slots:
    """References of one vat, by vref and by identity."""

    def __init__(self, world: Liveslots) -> None:
        self._world = world
        self._objects: dict[str, Any] = {}  # imports and heap exports, both held strongly
        self._vrefs: dict[int, str] = {}  # heap exports by id(), which is theirs as long as they are held

    def add_root(self, root: Any) -> None:
        """Give the root object its name."""
        self._objects["o+0"] = root
        self._vrefs[id(root)] = "o+0"

    def forget(self, vrefs: list[str]) -> None:
        """Drop heap exports that the kernel has retired: exported again, they get a new name."""
        for vref in vrefs:
            if vref != "o+0" and vref in self._objects:
                self._vrefs.pop(id(self._objects.pop(vref)), None)

    def target(self, vref: str) -> Any:
        """The object that a message is for; raises DecodeError."""
        if vref[:1] == "p":
            promise = self._world.promises.find(vref)
            if promise is None:
                raise DecodeError(f"there is no promise {vref} here")
            return promise
        return self._object(vref, None)

    def encode(self, value: Any) -> dict[str, Any]:
        """Write a value as capdata; raises UnpassableError."""
        body, objects = smallcaps.encode(value, self._world.trace_of)
        self._check_owner(objects)
        return {"body": body, "slots": [self._name(item) for item in objects]}

    def encode_durable(self, value: Any, what: str) -> dict[str, Any]:
        """Write a value that must outlive this incarnation; raises TypeError."""
        return self.encode_state(value, what, durable=True)

    def encode_state(self, value: Any, what: str, *, durable: bool) -> dict[str, Any]:
        """Write a value into the store, where references are held by name; raises TypeError.

        What is durable may only name what an upgrade leaves alive; no state holds promises.
        """
        try:
            body, objects = smallcaps.encode(value, self._world.trace_of)
            self._check_owner(objects)
        except UnpassableError as exc:
            raise TypeError(self.explain(what, value, exc)) from None
        slots = []
        for index, item in enumerate(objects):
            if isinstance(item, Promise) or not (
                isinstance(item, Presence) or _outlives(item) or not durable
            ):
                where = what + (path_to(value, item) or "")
                if isinstance(item, Promise):
                    told = "is a promise: await it and keep its value"
                else:
                    sort = "@virtual" if hasattr(type(item), "__kind__") else "@remotable"
                    told = (
                        f"is a {sort} {type(item).__name__}, which an upgrade ends: make its class @durable"
                    )
                raise TypeError(f"value for {what!r} is not durable: slot {index} of it, {where}, {told}")
            slots.append(self._name(item))
        return {"body": body, "slots": slots}

    def decode(self, capdata: Any, *, frozen: bool = False) -> Any:
        """Read capdata; raises DecodeError."""
        try:
            body, slots = capdata["body"], capdata["slots"]
        except (TypeError, KeyError):
            raise DecodeError("capdata without body or slots") from None

        def fetch(sigil: str, index: int, iface: str | None) -> Any:
            if index >= len(slots):
                raise DecodeError(f"slot {index} of {len(slots)}")
            vref = slots[index]
            if type(vref) is not str or (vref[:1] == "p") != (sigil == "&"):
                raise DecodeError(f"slot {index} is {vref!r}, which {sigil!r} does not fit")
            if sigil == "&":
                return self._world.promises.receive(vref)
            return self._object(vref, iface)

        return smallcaps.decode(body, fetch, frozen=frozen)

    def explain(self, what: str, value: Any, problem: UnpassableError) -> str:
        """Say which part of a value cannot pass and what to do."""
        culprit = problem.culprit
        if culprit is None:
            return f"{what or 'the message'} cannot be passed: {problem.fix}"
        where = what + (path_to(value, culprit) or "")
        return f"{where or 'something in it'} is {_a(culprit)}, which cannot be passed: {problem.fix}"

    def _check_owner(self, objects: list[Any]) -> None:
        for item in objects:
            if isinstance(item, Promise):
                owner = item._turns.world
            elif isinstance(item, Presence):
                owner = item._world
            else:
                kind = getattr(type(item), "__kind__", None)
                owner = self._world if kind is None else kind.world
            if owner is not self._world:
                raise UnpassableError(
                    item, f"it belongs to vat {owner.vat_name}, not to {self._world.vat_name}"
                )

    def _name(self, item: Any) -> str:
        if isinstance(item, Promise):
            return self._world.promises.name(item)
        vref = item._vref if isinstance(item, Presence) else _instance_vref(item) or self._vrefs.get(id(item))
        if vref is None:
            vref = f"o+{self._world.counters.take('exportID')}"
            self._objects[vref] = item
            self._vrefs[id(item)] = vref
        return str(vref)

    def _object(self, vref: str, iface: str | None) -> Any:
        found = self._objects.get(vref)
        if found is not None:
            return found
        if vref[:2] in ("o-", "d-"):
            presence = DevicePresence if vref[0] == "d" else Presence
            found = self._objects[vref] = presence(self._world, vref, clean_iface(iface))
            return found
        if vref[:3] in ("o+d", "o+v"):
            return self._world.kinds.instance(vref)
        raise DecodeError(f"there is no object {vref} in vat {self._world.vat_name}")


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
