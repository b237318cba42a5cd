"""Row changes of a record in words: what became of objects, promises and the stores of vats.

A record has the new rows only, so the words say what is there now. Rows that change with nearly every crank,
such as counters and positions, are the kernel's books, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from swingset.lens.history.wording import Words
from swingset.lens.state.records import kind_tag
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import event_from_json
from swingset.model.refs import ROOT
from swingset.model.values import SHORT, stored_in_words
from swingset.model.visible import one_line
from swingset.world.records import RowChange

BOOKS = ("counters", "activity", "spans", "holdings", "reap", "clists", "subscribers", "gc_actions")
"""The tables of which no change is told."""

_BAGGAGE = re.compile(r"vc\.1\.s(.*)", re.DOTALL)
_OWN = ("idCounters", "vom.es.", "vom.rc.", "vom.dkind.", "vom.vkind.", "vom.doubtful.")
"""How the keys begin that the guest library keeps its own books under."""


def changes_in_words(rows: Iterable[RowChange], words: Words, kinds: dict[str, dict[str, str]]) -> list[str]:
    """The changes of one record, one line each.

    `kinds` are the descriptors of durable kinds, by the vat's id and the kind's number, as in
    `swingset.lens.state.records.descriptors`.
    """
    found = (_in_words(row, words, kinds) for row in rows if row.table not in BOOKS)
    return [one_line(text, 300) for text in found if text is not None]


def _in_words(row: RowChange, words: Words, kinds: dict[str, dict[str, str]]) -> str | None:
    key, after = row.key, row.after
    match row.table:
        case "vatstore":
            return _stored(str(key[0]), str(key[1]), after, words, kinds.get(str(key[0]), {}))
        case "promises":
            return _promise(str(key[0]), after, words)
        case "objects":
            if after is None:
                return f"{key[0]} is gone"
            return f"{words.thing(str(key[0]))}: {after[2]} references, {after[3]} recognize it"
        case "queue" | "parked" | "promise_queue":
            where = {"queue": "run-queue", "parked": "parked for"}.get(row.table, "waits for")
            about = "" if row.table == "queue" else f" {_called(row.table, str(key[0]), words)}"
            if after is None:
                return None if row.table == "queue" else f"{where}{about}: taken"
            item = after[1] if row.table == "queue" else after[2]
            return f"{where}{about}: {words.event(event_from_json(str(item)))}"
        case "vats":
            if after is None:
                return f"vat {words.vat(str(key[0]))} is gone"
            reason = f", {after[4]}" if after[4] else ""
            return f"vat {after[1]}: {after[3]}, incarnation {after[5]}{reason}"
        case "device_state":
            value = "gone" if after is None else _capdata_text(str(after[2]), words)
            return f"device {key[0]}, {key[1]}: {value}"
    return f"{row.table} {' '.join(map(str, key))}: {'gone' if after is None else 'changed'}"


def _called(table: str, key: str, words: Words) -> str:
    return words.vat(key) if table == "parked" else key


def _promise(kref: str, after: tuple[Any, ...] | None, words: Words) -> str:
    if after is None:
        return f"promise {kref} is gone"
    state, body, slots = after[1], after[5], after[6]
    if body is None:
        decider = after[2]
        return f"promise {kref}: {state}" + (f", {words.vat(decider)} decides" if decider else "")
    data = CapData(str(body), tuple(read_json(str(slots))))
    return f"promise {kref}: {state} with {words.value(data)}"


def _capdata_text(text: str, words: Words) -> str:
    try:
        return words.value(CapData.from_json(read_json(text)))
    except (Unreadable, MalformedCapData):
        return text[:SHORT]


def _stored(
    vat: str, key: str, after: tuple[Any, ...] | None, words: Words, kinds: dict[str, str]
) -> str | None:
    if key.startswith(_OWN):
        return None
    place = _place(key, kinds)
    if after is None:
        return f"{words.vat(vat)}: {place} is deleted"
    return f"{words.vat(vat)}: {place}: {stored_in_words(str(after[2]))}"


def _place(key: str, kinds: dict[str, str]) -> str:
    if key.startswith("vom.o+d"):
        vref = key.removeprefix("vom.")
        tag = kind_tag(kinds.get(vref[3:].partition("/")[0]))
        return f"{tag} {vref}" if tag else vref
    baggage = _BAGGAGE.fullmatch(key)
    if baggage is not None:
        return f"baggage[{baggage[1]!r}]"
    return ROOT if key == f"vom.{ROOT}" else key
