"""Reads records; `core/recording.py` makes them.

A record is a JSON object on a line of its own, without empty parts. A request has `do` and `with`, a crank
has `crank`. A changed or new row is `[table, row]`, a deleted one is `[table, null, key]`. Records may come
from a hostile file, so the form of every part is checked, and rows by the rules of their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast, get_args

from swingset.model.capdata import CapData
from swingset.model.foreign import read_json
from swingset.model.messages import CleanUp, Collect, Event, Reap, event_from_json
from swingset.model.refs import is_kref, is_vat_id
from swingset.model.reports import Fault, frames_from_json
from swingset.model.spelling import spelled
from swingset.model.states import CollectionKind, ConsoleStream, CrankOutcome, Reason

from .codec import Unpacking
from .errors import DamagedRow, DamagedWorld
from .journal import MOST_LINE
from .records import CrankRecord, DeviceAnswer, DeviceEffect, Record, RequestRecord, RowChange
from .rows import MOST, MOST_COMPUTRONS, RULES, Reader, shown
from .schema import STATE_TABLES

MOST_RECORDS = 1 << 29
"""The most bytes that the records of one commit may have."""

_DEPTH = 64  # the nesting of a syscall, and some levels around it
_VALUES = 1 << 22
_PIECE = 1 << 20

_T = TypeVar("_T")
_KEYS = dict(STATE_TABLES)
_KEY_AT = {name: [list(RULES[name]).index(column) for column in key] for name, key in STATE_TABLES}
_READERS = {name: Reader(name, ", ".join(RULES[name])) for name in _KEYS}
_KEY_RULES = {name: [RULES[name][column] for column in key] for name, key in STATE_TABLES}


class _Bad(ValueError):
    """A line is not a record; the message says why."""


def lines(packed: Unpacking) -> Iterator[bytes]:
    """The lines of a commit's records.

    Raises `DamagedWorld` if they cannot be unpacked, and for a line of more than `MOST_LINE` bytes.
    """
    if not packed.size:
        return
    read, line = packed.reader(), bytearray()
    while piece := read(_PIECE):
        at = 0
        while (end := piece.find(b"\n", at)) >= 0:
            line += piece[at:end]
            yield bytes(line)
            line.clear()
            at = end + 1
        line += piece[at:]
        if len(line) > MOST_LINE:
            raise DamagedWorld(f"{packed.what}: one is longer than {MOST_LINE:,} bytes, which none may be")
    yield bytes(line)


def read_records(world: str, commit: int, packed: Unpacking, *, number: int, crank: int) -> Iterator[Record]:
    """The records of a commit; the first has this number, and `crank` is the last crank before it.

    Raises `DamagedRow` for a line that is not a record, and `DamagedWorld` if they cannot be unpacked.
    """
    return read_lines(world, commit, lines(packed), number=number, crank=crank)


def read_lines(
    world: str, commit: int, found: Iterable[bytes], *, number: int, crank: int
) -> Iterator[Record]:
    """As `read_records`, for lines that are unpacked already."""
    for at, line in enumerate(found, number):
        try:
            record = _record(line, at, commit, crank)
        except ValueError as problem:
            raise DamagedRow(world, "commits", str(commit), f"record {at} is none: {problem}") from None
        crank = record.crank
        yield record


def read_briefly(
    world: str,
    commit: int,
    found: Iterable[bytes],
    *,
    number: int,
    crank: int,
    wanted: Callable[[bytes], bool],
    tables: Collection[str],
) -> Iterator[Record]:
    """The records whose lines are wanted, with rows of these tables only, and without calls and effects.

    That takes a third of the time. The crank of a request is that of the last record that was wanted.
    """
    for at, line in enumerate(found, number):
        if not wanted(line):
            continue
        try:
            raw = _json(line)
            rows = raw.get("rows")
            if isinstance(rows, list):
                rows = [row for row in rows if isinstance(row, list) and row[:1] and row[0] in tables]
            brief = {name: raw[name] for name in raw.keys() - _LONG} | {"rows": [] if rows is None else rows}
            record = _crank(brief, at, commit) if "crank" in raw else _request(brief, at, commit, crank)
        except ValueError as problem:
            raise DamagedRow(world, "commits", str(commit), f"record {at} is none: {problem}") from None
        crank = record.crank
        yield record


def _json(line: bytes) -> dict[str, Any]:
    raw = read_json(line, depth=_DEPTH, values=_VALUES)
    if not isinstance(raw, dict):
        raise _Bad("a JSON object is wanted")
    return raw


def _record(line: bytes, number: int, commit: int, crank: int) -> Record:
    raw = _json(line)
    if "crank" in raw:
        _only(raw, _CRANK)
        found = _crank(raw, number, commit)
        if found.crank != crank + 1:
            raise _Bad(f"it is of crank {found.crank}, and crank {crank + 1} comes next")
        return found
    _only(raw, _REQUEST)
    return _request(raw, number, commit, crank)


def _request(raw: dict[str, Any], number: int, commit: int, crank: int) -> RequestRecord:
    cell = raw.get("cell")
    return RequestRecord(
        number,
        commit,
        crank,
        _text(raw, "do"),
        _of(raw, "with", dict, {}),
        None if cell is None else (_whole(cell, 0), _whole_or_none(cell, 1)),
        calls=_told(raw, "calls", call_of),
        effects=_told(raw, "effects", _effect),
        rows=_told(raw, "rows", _row),
    )


_REQUEST = {"do", "with", "cell", "calls", "effects", "rows"}
_CRANK = {
    *("crank", "event", "outcome", "seq", "sender", "vat", "computrons", "fault", "clean_up", "console"),
    *("transcripts", "calls", "effects", "rows"),
}

_LONG = {"transcripts", "calls", "effects", "rows"}


def _crank(raw: dict[str, Any], number: int, commit: int) -> CrankRecord:
    if raw.get("outcome") not in get_args(CrankOutcome):
        raise _Bad("outcome is none that a crank has")
    vat = raw.get("vat")
    if vat is not None and not isinstance(vat, str):
        raise _Bad("vat is no text")
    transcripts = _of(raw, "transcripts", dict, {})
    if not all(is_vat_id(vat) and isinstance(running, str) for vat, running in transcripts.items()):
        raise _Bad("transcripts are no hashes by vat")
    fault = _of(raw, "fault", dict, None)
    return CrankRecord(
        number,
        commit,
        _amount(raw, "crank") or 0,
        event_of(_of(raw, "event", dict, {})),
        cast(CrankOutcome, raw["outcome"]),
        vat,
        _amount(raw, "computrons", most=MOST_COMPUTRONS),
        None if fault is None else fault_of(fault),
        tuple(_line(item) for item in _of(raw, "console", list, [])),
        position=_amount(raw, "seq", below=True),
        sender=_amount(raw, "sender"),
        clean_up=_amount(raw, "clean_up"),
        transcripts=transcripts,
        calls=_told(raw, "calls", call_of),
        effects=_told(raw, "effects", _effect),
        rows=_told(raw, "rows", _row),
    )


def event_of(raw: dict[str, Any]) -> Event:
    """The event that JSON data of `event_to_data` stands for. Raises `ValueError`."""
    kind, vat = raw.get("type"), raw.get("vat")
    if kind not in ("collect", "reap", "clean-up"):
        return event_from_json(spelled(raw))
    if not isinstance(vat, str) or not is_vat_id(vat):
        raise _Bad(f"vat of {kind} is no id of a vat")
    if kind == "collect":
        krefs = raw.get("krefs")
        if raw.get("kind") not in get_args(CollectionKind):
            raise _Bad("kind of collect is none that there is")
        if not isinstance(krefs, list) or not krefs or not all(map(is_kref, krefs)):
            raise _Bad("krefs of collect are no krefs")
        return Collect(vat, cast(CollectionKind, raw["kind"]), tuple(krefs))
    return Reap(vat) if kind == "reap" else CleanUp(vat)


def fault_of(raw: dict[str, Any]) -> Fault:
    """The fault that JSON data of `fault_to_data` stands for. Raises `ValueError`."""
    details = _of(raw, "details", dict, {})
    trace = frames_from_json(raw.get("trace", []))
    if raw.get("code") not in get_args(Reason):
        raise _Bad("code of fault is none that there is")
    return Fault(cast(Reason, raw["code"]), _text(raw, "message"), _text(raw, "name"), trace, details)


def _line(item: Any) -> tuple[ConsoleStream, str]:
    if not isinstance(item, list) or len(item) != 2 or item[0] not in get_args(ConsoleStream):
        raise _Bad("console has a line that is none")
    return cast(ConsoleStream, item[0]), _text(item, 1)


def call_of(item: Any) -> DeviceAnswer:
    """The call of a device that JSON data of a record stands for. Raises `ValueError`."""
    if not isinstance(item, dict):
        raise _Bad("a call of a device is no object")
    _only(item, {"caller", "node", "method", "args", "failed", "answer", "effects", "undone"})
    args, answer = (CapData.from_json(item.get(name)) for name in ("args", "answer"))
    return DeviceAnswer(
        _text(item, "caller"),
        _text(item, "node"),
        _text(item, "method"),
        args,
        item.get("failed") is True,
        answer,
        _told(item, "effects", _effect) or (),
        item.get("undone") is True,
    )


def _told(raw: dict[str, Any], name: str, read: Callable[[Any], _T]) -> tuple[_T, ...] | None:
    """The items of a list, or `()` if the record lacks it. None if the list was too long for a record."""
    items = raw.get(name, [])
    if items is None:
        return None
    if not isinstance(items, list):
        raise _Bad(f"{name} are no list")
    return tuple(map(read, items))


def _effect(item: Any) -> DeviceEffect:
    if not isinstance(item, list) or len(item) < 3:
        raise _Bad("an effect of a device is no list")
    device, what, *given = item
    forms = _FORMS.get(what) if isinstance(what, str) else None
    if forms is None or not isinstance(device, str) or len(given) != len(forms):
        raise _Bad("an effect of a device is none that there is")
    return DeviceEffect(device, what, tuple(form(value) for form, value in zip(forms, given, strict=True)))


def _data(value: Any) -> CapData:
    return CapData.from_json(value)


def _data_or_none(value: Any) -> CapData | None:
    return None if value is None else CapData.from_json(value)


def _kref(value: Any) -> str:
    if not is_kref(value):
        raise _Bad("an effect of a device names no kref")
    return str(value)


def _key(value: Any) -> str:
    return _text([value], 0)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Bad("an effect of a device is neither true nor false")
    return value


_FORMS: Mapping[str, tuple[Callable[[Any], Any], ...]] = {
    "set": (_key, _data_or_none),
    "send": (_kref, _data),
    "new_node": (_kref,),
    "new_promise": (_kref,),
    "settle": (_kref, _flag, _data),
}


def _row(item: Any) -> RowChange:
    if not isinstance(item, list) or len(item) not in (2, 3):
        raise _Bad("a row is of no table")
    table, row = item[:2]
    if not isinstance(table, str) or table not in _KEYS:
        raise _Bad("a row is of no table")
    if row is None:
        key = item[2] if len(item) == 3 else None
        rules = _KEY_RULES[table]
        if not isinstance(key, list) or len(key) != len(rules):
            raise _Bad(f"a row of {table} has no key")
        if any(rule(value) is not None for rule, value in zip(rules, key, strict=True)):
            raise _Bad(f"a row of {table} has a key that none has")
        return RowChange(table, tuple(key), None)
    if len(item) != 2 or not isinstance(row, list) or len(row) != len(RULES[table]):
        raise _Bad(f"a row of {table} is none")
    if (wrong := _READERS[table].trouble(row)) is not None:
        raise _Bad(f"a row of {table}: {wrong}")
    return RowChange(table, tuple(row[at] for at in _KEY_AT[table]), tuple(row))


def _only(raw: dict[str, Any], known: Iterable[str]) -> None:
    if strange := sorted(set(raw) - set(known)):
        raise _Bad(f"it has {shown(strange[0])!r}, which no record has")


def _of(raw: dict[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    value = raw.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise _Bad(f"{name} is of the wrong kind")
    return value


def _text(raw: Any, name: Any) -> str:
    value = raw[name] if isinstance(raw, list) else raw.get(name)
    if not isinstance(value, str):
        raise _Bad(f"{name} is no text")
    return value


def _amount(raw: dict[str, Any], name: str, *, most: int = MOST, below: bool = False) -> int | None:
    value = raw.get(name)
    if value is None:
        return None
    if type(value) is not int or not (-most if below else 0) <= value <= most:
        raise _Bad(f"{name} is no number that it can be")
    return value


def _whole(cell: Any, at: int) -> int:
    found = _whole_or_none(cell, at)
    if found is None:
        raise _Bad("cell is no number of one")
    return found


def _whole_or_none(cell: Any, at: int) -> int | None:
    if not isinstance(cell, list) or len(cell) != 2:
        raise _Bad("cell is no number and line")
    value = cell[at]
    if value is not None and (type(value) is not int or not 0 <= value < MOST):
        raise _Bad("cell is no number of one")
    return value


__all__ = [
    "MOST_RECORDS",
    "call_of",
    "event_of",
    "fault_of",
    "lines",
    "read_briefly",
    "read_lines",
    "read_records",
]
