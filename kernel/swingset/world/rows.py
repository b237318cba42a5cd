"""The rules for the rows of a world: one for each column, and some for several columns together.

SQLite checks only that a number is a number. In a file from elsewhere nothing else is guaranteed, and code
that reads a row trusts it. So each row is checked by its rules when it is read; small tables are checked when
a file is opened, and `verify` checks all. A rule returns what is wrong with a value, as words that follow the
name of the column, or None if the value is valid.

A rule concerns one row. The auditor (`swingset.lens.state.audit`) checks that rows of different tables agree,
and `swingset.world.verifying` that they are the rows that were written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from swingset.model.capdata import MAX_BODY, MAX_SLOTS, CapData, MalformedCapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import are_options, event_from_json, event_to_json
from swingset.model.refs import MalformedReference, is_called_well, is_kref, is_vat_id, parse_vref
from swingset.model.spelling import spelled
from swingset.model.states import CollectionKind, HeldPolicy, PromiseState, VatState
from swingset.model.visible import one_line
from swingset.world.errors import DamagedRow
from swingset.world.schema import STATE_TABLES

Rule = Callable[[Any], str | None]

MOST = 10**15
"""No count, position or number of anything gets as far as this."""

MOST_COMPUTRONS = 1 << 62
"""The most that a meter can hold."""

_DEVICE = re.compile(r"d[1-9][0-9]{0,14}\Z", re.ASCII)
_METER = re.compile(r"m[1-9][0-9]{0,14}\Z", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_BUNDLE = re.compile(r"b1-[0-9a-f]{128}\Z")
_LIBRARY = re.compile(r"l1-[0-9a-f]{64}\Z")
_SNAPSHOT = re.compile(r"h1-[0-9a-f]{64}\Z")
_LONGEST_NAME = 199


def _form(pattern: re.Pattern[str], what: str) -> Rule:
    def rule(value: Any) -> str | None:
        return None if isinstance(value, str) and pattern.match(value) else f"is no {what}"

    return rule


def _kref(letters: str, what: str) -> Rule:
    def rule(value: Any) -> str | None:
        return None if is_kref(value) and value[1] in letters else f"is no {what}"

    return rule


def _among(*values: Any) -> Rule:
    wanted = ", ".join(repr(value) for value in values)

    def rule(value: Any) -> str | None:
        return None if value in values and type(value) is type(values[0]) else f"is none of {wanted}"

    return rule


def _or_null(rule: Rule) -> Rule:
    return lambda value: None if value is None else rule(value)


def _either(first: Rule, second: Rule) -> Rule:
    def rule(value: Any) -> str | None:
        wanted = first(value)
        return wanted if wanted is None or second(value) is not None else None

    return rule


def is_hash(value: Any) -> bool:
    """Whether something is a SHA-256 in hex."""
    return isinstance(value, str) and _HASH.match(value) is not None


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "is no text"


def _name(value: Any) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME:
        return None
    return f"is no name of 1 to {_LONGEST_NAME} characters"


def _vat_name(value: Any) -> str | None:
    return None if is_called_well(value) else "is no name that a vat can have"


def _count(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value < MOST else "is no number from 0 to 10**15"


def _amount(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value <= MOST_COMPUTRONS else "is no number from 0 to 2**62"


def _position(value: Any) -> str | None:
    return None if type(value) is int and -MOST < value < MOST else "is no number within 10**15 of 0"


def _vref(value: Any) -> str | None:
    try:
        parse_vref(value)
    except MalformedReference:
        return "is no vref"
    return None


@dataclass(frozen=True)
class Stored:
    """The rule of a column that holds more than a number or a text, and how that is read and spelled.

    What is wrong with a value is what reading it raises, a `ValueError`.
    """

    load: Callable[[Any], Any]
    store: Callable[[Any], Any]

    def __call__(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        try:
            self.load(value)
        except Unreadable as problem:
            return f"is {problem}"
        except ValueError as problem:
            return str(problem)
        return None

    def or_null(self) -> Stored:
        """The same for a column that may hold nothing."""
        return Stored(
            lambda value: None if value is None else self.load(value),
            lambda value: None if value is None else self.store(value),
        )


def capdata_of(text: str) -> CapData:
    """Capdata in the kernel's names, out of a column. Raises `ValueError` saying what is wrong."""
    try:
        found = CapData.from_json(read_json(text))
    except MalformedCapData as problem:
        raise ValueError(f"is no capdata ({problem})") from None
    if not all(map(is_kref, found.slots)):
        raise ValueError("is capdata with a slot that is no kref")
    return found


def slots_of(text: str) -> tuple[str, ...]:
    """The krefs of a JSON list, out of a column. Raises `ValueError` saying what is wrong."""
    found = read_json(text)
    if not isinstance(found, list) or len(found) > MAX_SLOTS or not all(map(is_kref, found)):
        raise ValueError("is no list of krefs")
    return tuple(found)


def options_of(text: str) -> dict[str, Any]:
    """A vat's options out of a column. Raises `ValueError` saying what is wrong.

    What each of them may be is the kernel's to say (`swingset.core.options`).
    """
    found: dict[str, Any] = read_json(text)
    if not isinstance(found, dict):
        raise ValueError("is no JSON object of options")
    if not are_options(found):
        raise ValueError("has an option that is neither number, text, true, false nor null")
    return found


def root_of(text: str) -> str:
    """The root node of a device, out of its options. Raises `ValueError` saying what is wrong."""
    found = read_json(text)
    root = found.get("root") if isinstance(found, dict) else None
    if not isinstance(root, str) or not is_kref(root) or root[1] != "d":
        raise ValueError("names no device node as root")
    return root


def _flag_of(value: object) -> bool:
    if type(value) is not int or value not in (0, 1):
        raise ValueError("is none of 0, 1")
    return bool(value)


def _vat(value: Any) -> str | None:
    return None if is_vat_id(value) else "is no id of a vat"


_CAPDATA = Stored(capdata_of, lambda value: spelled(value.to_json()))
_OPTIONS = Stored(options_of, spelled)
_SLOTS = Stored(slots_of, lambda slots: spelled(list(slots)) if slots else "[]")
_EVENT = Stored(event_from_json, event_to_json)
_FLAG = Stored(_flag_of, int)
_ROOT = Stored(root_of, lambda root: spelled({"root": root}))


_kref_any = _kref("opd", "kref")
_promise, _node = _kref("p", "kref of a promise"), _kref("od", "kref of an object")
_hash = _form(_HASH, "SHA-256 in hex")

RULES: Mapping[str, Mapping[str, Rule]] = {
    "counters": {"name": _name, "value": _count},
    "activity": {"name": _among("cranks"), "digest": _hash},
    "vats": {
        "id": _vat,
        "name": _vat_name,
        "worker": _name,
        "state": _among(*get_args(VatState)),
        "reason": _or_null(_text),
        "incarnation": _count,
        "bundle": _or_null(_form(_BUNDLE, "id of a bundle")),
        "library": _or_null(_form(_LIBRARY, "id of a guest library")),
        "parameters": _CAPDATA,
        "options": _OPTIONS,
        "created": _count,
    },
    "spans": {
        "vat": _vat,
        "incarnation": _count,
        "incarnation_start": _count,
        "incarnation_hash": _or_null(_hash),
        "start": _count,
        "position": _count,
        "start_hash": _or_null(_hash),
        "hash": _or_null(_hash),
        "snapshot": _or_null(_form(_SNAPSHOT, "id of a snapshot")),
        "computrons": _amount,
    },
    "objects": {
        "kref": _node,
        "owner": _or_null(_either(_vat, _form(_DEVICE, "id of a vat or a device"))),
        "reachable": _count,
        "recognizable": _count,
        "fate": _or_null(_text),
        "iface": _or_null(_text),
    },
    "promises": {
        "kref": _promise,
        "state": _among(*get_args(PromiseState)),
        "decider": _or_null(_either(_vat, _kref("p", "id of a vat or kref of a promise"))),
        "refcount": _count,
        "policy": _or_null(_among(*get_args(HeldPolicy))),
        "body": _or_null(_text),
        "slots": _SLOTS.or_null(),
    },
    "subscribers": {"promise": _promise, "vat": _vat},
    "promise_queue": {"promise": _promise, "seq": _position, "item": _EVENT, "sender": _or_null(_count)},
    "kept": {"promise": _promise},
    "queue": {"seq": _position, "item": _EVENT, "sender": _or_null(_count)},
    "parked": {"vat": _vat, "seq": _position, "item": _EVENT, "sender": _or_null(_count)},
    "clists": {"vat": _vat, "kref": _kref_any, "vref": _vref, "reachable": _FLAG},
    "vatstore": {"vat": _vat, "key": _text, "value": _text},
    "sources": {"vat": _name, "part": _text, "seq": _count, "source": _text},
    "gc_actions": {"vat": _vat, "kind": _among(*get_args(CollectionKind)), "kref": _node},
    "holdings": {
        "vat": _vat,
        "bytes": _count,
    },
    "reap": {
        "vat": _vat,
        "deliveries": _count,
        "krefs": _count,
        "computrons": _amount,
        "due": _or_null(_count),
    },
    "pins": {"kref": _kref_any},
    "dead": {"vat": _vat},
    "meters": {
        "id": _form(_METER, "id of a meter"),
        "remaining": _or_null(_amount),
        "threshold": _amount,
        "keeper": _or_null(_kref("o", "kref of an object")),
    },
    "devices": {
        "id": _form(_DEVICE, "id of a device"),
        "name": _name,
        "kind": _name,
        "options": _ROOT,
    },
    "panics": {"cause": _either(_vat, _kref("p", "id of a vat or kref of a promise")), "words": _text},
    "device_state": {"device": _form(_DEVICE, "id of a device"), "key": _text, "value": _CAPDATA},
}
"""A rule for each column of each state table."""

SMALL = ("counters", "activity", "vats", "spans", "holdings", "reap", "dead", "meters", "devices", "panics")
"""The tables that are looked at wholly when a file is opened: they have a row a vat, a device or a meter."""


def _span_together(row: Sequence[Any]) -> str | None:
    _, _, began, began_hash, start, position, start_hash, running, _, _ = row
    if not began <= start <= position:
        return "start is not between incarnation_start and position"
    if (running is None) != (position == 0):
        return "hash does not agree with position"
    if (start_hash is None) != (start == 0):
        return "start_hash does not agree with start"
    if (began_hash is None) != (began == 0):
        return "incarnation_hash does not agree with incarnation_start"
    return None


def _promise_together(row: Sequence[Any]) -> str | None:
    _, state, decider, _, _, body, slots = row
    if (body is None) != (slots is None):
        return "of body and slots one is missing"
    if state == "unresolved" and (body is not None or (decider or "v")[0] != "v"):
        return "it is unresolved, and has an outcome or follows another"
    if state == "forwarded" and (decider is None or decider[0] != "k" or body is None):
        return "it is forwarded, and to no promise"
    if state in ("fulfilled", "rejected") and (body is None or decider is not None):
        return f"it is {state}, and has no outcome or still a decider"
    if body is not None and len(body) > MAX_BODY:
        return f"body has {len(body):,} characters"
    return None


def _object_together(row: Sequence[Any]) -> str | None:
    kref, owner, reachable, recognizable = row[:4]
    if owner is not None and (owner[0] == "d") != (kref[1] == "d"):
        return f"owner {owner} is of the wrong sort for it"
    if recognizable < reachable:
        return "recognizable is less than reachable"
    return None


def _entry_together(row: Sequence[Any]) -> str | None:
    return None if row[1][1] == row[2][0] else f"vref {row[2]} is of another type"


TOGETHER: Mapping[str, Callable[[Sequence[Any]], str | None]] = {
    "spans": _span_together,
    "promises": _promise_together,
    "objects": _object_together,
    "clists": _entry_together,
}
"""What concerns several columns of a row, which come in the order of `RULES`."""

_KEYS = dict(STATE_TABLES)


class Reader:
    """Holds rows of one table, read with certain columns, against the rules.

    `but` are columns that are left to who reads them.
    """

    def __init__(self, table: str, columns: str, but: frozenset[str] = frozenset()) -> None:
        self.table = table
        self.columns = tuple(column.strip() for column in columns.split(","))
        rules = RULES[table]
        looked_at = [(at, column) for at, column in enumerate(self.columns) if column not in but]
        self._rules = tuple((at, column, rules[column]) for at, column in looked_at)
        whole = set(self.columns) == set(rules)
        self._together = TOGETHER.get(table) if whole else None
        order = [self.columns.index(column) for column in rules] if whole else []
        self._order = None if order == sorted(order) else order

    def trouble(self, row: Sequence[Any]) -> str | None:
        """What is wrong with a row, or None."""
        for at, column, rule in self._rules:
            wanted = rule(row[at])
            if wanted is not None:
                return f"{column} {wanted}"
        if self._together is None:
            return None
        return self._together(row if self._order is None else [row[at] for at in self._order])

    def check(self, world: str, row: Sequence[Any]) -> None:
        """Raise `DamagedRow` for a row that is not as it should be."""
        wrong = self.trouble(row)
        if wrong is not None:
            raise DamagedRow(world, self.table, self.key(row), wrong)

    def key(self, row: Sequence[Any]) -> str:
        """What to call a row: its key, as far as it was read."""
        known = dict(zip(self.columns, row, strict=True))
        return shown(*(known[column] for column in _KEYS[self.table] if column in known))


def shown(*key: Any) -> str:
    """A key in words, for one line."""
    return one_line(" ".join(str(part) for part in key), 80)


def not_text(world: str, sql: str, problem: UnicodeDecodeError) -> DamagedRow:
    """The complaint about a row that a SELECT has met, and that holds text which is none."""
    table = re.search(r"(?i)\bfrom ([a-z_]+)", sql)
    words = f"it holds text that is not UTF-8 ({problem.reason})"
    return DamagedRow(world, table[1] if table else "?", "?", words)
