"""The names of a session as its store has them, and what each of them stands for.

A session keeps the values of its names in its own store, in its own names for references. So the names are
known at every moment of the past, and to a reader who never ran the session. A name may stand for one thing,
for a container with several in it, or for the same as another name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from swingset.model.foreign import Unreadable, read_json

NAMES = "vc.2."
"""The beginning of the keys under which a session stores its names."""

Held = dict[str, tuple[tuple[str, ...], bool]]
"""By name: the krefs of what it holds, and whether it is just one thing."""

_MOST = 4 << 20  # characters of one value that are read


@dataclass(frozen=True)
class Name:
    """What is stored for a name: the session's own names of what it holds; `direct` if it is one thing."""

    slots: tuple[str, ...] = ()
    direct: bool = False
    same: str | None = None


class Names:
    """The names of all sessions of a world, by the ids of their vats."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self._stored: defaultdict[str, dict[str, Name]] = defaultdict(dict)
        self._parts: defaultdict[str, dict[str, dict[str, tuple[str, ...]]]] = defaultdict(dict)
        self._krefs: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._vrefs: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._found: dict[str, Held] = {}
        self._also: dict[str, dict[str, str]] = {}

    def hold(self, vat: str, kref: str, vref: str | None) -> None:
        """Note what a session calls something; None if it does not hold it any more."""
        self._found.pop(vat, None)
        before = self._vrefs[vat].pop(kref, None)
        if before is not None:
            self._krefs[vat].pop(before, None)
        if vref is not None:
            self._vrefs[vat][kref] = vref
            self._krefs[vat][vref] = kref

    def also(self, vat: str, names: dict[str, str]) -> None:
        """Note the names of a running session that are not stored, with the kref that each stands for."""
        if self._also.get(vat, {}) != names:
            self._also[vat] = names
            self._found.pop(vat, None)

    def take(self, vat: str, key: str, value: str | None) -> None:
        """Note an entry of a session's store that belongs to its names."""
        self._found.pop(vat, None)
        rest = key[len(NAMES) :]
        if rest.startswith("s"):
            name = rest[1:]
            if value is None:
                self._stored[vat].pop(name, None)
            else:
                self._stored[vat][name] = _read(value)
        elif rest.startswith("m"):
            name, _, part = rest[1:].partition("/")
            parts = self._parts[vat].setdefault(name, {})
            if value is None:
                parts.pop(part, None)
            else:
                parts[part] = _read(value).slots

    def of(self, vat: str) -> Held:
        """The names of a session in order: the krefs of what each holds, and whether it is one thing."""
        if vat in self._found:
            return self._found[vat]
        stored, krefs = self._stored[vat], self._krefs[vat]
        also = self._also.get(vat, {})
        found = self._found[vat] = {}
        for name in sorted({*stored, *also}):
            if name in also:
                found[name] = (also[name],), True
                continue
            value = stored[name]
            if value.same is not None:
                value = stored.get(value.same, Name())
            slots = list(value.slots)
            for part in self._parts[vat].get(stored[name].same or name, {}).values():
                slots += part
            held = dict.fromkeys(krefs[slot] for slot in slots if slot in krefs)
            found[name] = tuple(held), value.direct
        return found


def _read(value: str) -> Name:
    """What is in a stored value, which a stranger may have written."""
    if len(value) > _MOST:
        return Name()
    try:
        raw = read_json(value)
        body = read_json(raw["body"].removeprefix("#"))
        slots = tuple(slot for slot in raw["slots"] if isinstance(slot, str))
    except (Unreadable, TypeError, KeyError, AttributeError):
        return Name()
    if isinstance(body, list) and body[:1] == ["same"] and len(body) == 2 and isinstance(body[1], str):
        return Name(same=body[1])
    return Name(slots, direct=isinstance(body, str) and body.startswith(("$", "&")))
