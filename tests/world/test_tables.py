"""From record to row and back: every table alike, in one spelling."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model.capdata import NOTHING, CapData
from swingset.model.messages import Message, Send
from swingset.world import clists, device_records, meters, objects, promises, queues, vats
from swingset.world.errors import DamagedRow
from swingset.world.file import WorldFile
from swingset.world.tables import Rows, Table

pytestmark = pytest.mark.usefixtures("unrecorded")

HEX = "0123456789abcdef" * 4
SEND = Send("ko20", Message(CapData('#["é"]', ("kp40",)), "kp41"), "v1")
SENT = (
    '{"message":{"methargs":{"body":"#[\\"é\\"]","slots":["kp40"]},"result":"kp41"},"sender":"v1",'
    '"target":"ko20","type":"send"}'
)
VAT = vats.VatRecord(
    "v1", "bank", "wasm", "live", None, 0, None, CapData("#1", ("ko20",)), {"b": 1, "a": 2}, 3
)

RECORDS: list[tuple[Table[Any], Any, tuple[Any, ...], dict[str, Any]]] = [
    (
        vats._VATS,
        VAT,
        ("v1",),
        {"parameters": '{"body":"#1","slots":["ko20"]}', "options": '{"a":2,"b":1}'},
    ),
    (vats._SPANS, vats.Span("v1", 0, 0, None, 0, None, 1, HEX, None, 9), ("v1",), {"hash": HEX}),
    (
        objects.Objects.table,
        objects.ObjectRecord("ko20", "v1", 1, 2, None, "Purse"),
        ("ko20",),
        {"iface": "Purse"},
    ),
    (
        promises._PROMISES,
        promises.PromiseRecord("kp40", "rejected", None, 1, "panic", "#1", ("ko20", "ko21")),
        ("kp40",),
        {"slots": '["ko20","ko21"]'},
    ),
    (
        promises._PROMISES,
        promises.PromiseRecord("kp40", "unresolved", "v1", 0, None),
        ("kp40",),
        {"slots": None},
    ),
    (promises._QUEUE, promises.Waiting("kp40", 7, SEND, 3), ("kp40", 7), {"item": SENT}),
    (queues._QUEUE, queues._Waiting(-1, SEND, 9), (-1,), {"item": SENT}),
    (queues._PARKED, queues.Parked("v1", 5, SEND, None), ("v1", 5), {"item": SENT}),
    (clists.CLISTS, clists.CListEntry("v1", "ko20", "o-50", False), ("v1", "ko20"), {"reachable": 0}),
    (meters._METERS, meters.Meter("m1", None, 5, "ko20"), ("m1",), {"remaining": None}),
    (
        device_records._DEVICES,
        device_records.DeviceRecord("d7", "timer", "timer", "kd30"),
        ("d7",),
        {"options": '{"root":"kd30"}'},
    ),
    (
        device_records._STATE,
        device_records.Kept("d7", "k", NOTHING),
        ("d7", "k"),
        {"value": '{"body":"#null","slots":[]}'},
    ),
]


@pytest.mark.parametrize(
    ("table", "record", "key", "spelled"), RECORDS, ids=[f"{case[0].name}" for case in RECORDS]
)
def test_a_record_comes_back_as_it_was_written(
    table: Table[Any], record: Any, key: tuple[Any, ...], spelled: dict[str, Any]
) -> None:
    """What it holds is spelled in one way, sorted and without blanks, and what is deleted is gone."""
    world = WorldFile.open(None)
    rows = Rows(world, table)
    rows.add(record)
    assert rows.get(*key) == record
    assert list(rows.select()) == [record]
    for column, text in spelled.items():
        assert world.row(f"SELECT {column} from {table.name}") == (text,)
    rows.put(record)
    assert rows.first("limit 1") == record
    rows.delete(*key)
    assert rows.get(*key) is None


def test_columns_are_changed_and_counted_by_key() -> None:
    """Other rows stay, and what a column holds is spelled as in a record."""
    world = WorldFile.open(None)
    rows = Rows(world, promises._PROMISES)
    for kref in ("kp40", "kp41"):
        rows.add(promises.PromiseRecord(kref, "unresolved", "v1", 1, None))
    rows.count("kp41", refcount=2)
    rows.change("kp41", state="fulfilled", decider=None, body="#1", slots=("ko20",))
    assert rows.get("kp41") == promises.PromiseRecord("kp41", "fulfilled", None, 3, None, "#1", ("ko20",))
    assert rows.get("kp40") == promises.PromiseRecord("kp40", "unresolved", "v1", 1, None)


BAD: list[tuple[Table[Any], tuple[Any, ...], str]] = [
    (queues._QUEUE, (1, "{}", None), "table queue, row 1: item is no event"),
    (queues._QUEUE, (1, "{", None), "item is no event: it is not JSON"),
    (clists.CLISTS, ("v1", "ko20", "o-50", 2), "reachable is none of 0, 1"),
    (clists.CLISTS, ("v1", "ko20", "p-60", 1), "vref p-60 is of another type"),
    (device_records._STATE, ("d7", "k", "null"), "table device_state, row d7 k: value is no capdata"),
    (meters._METERS, ("m0", None, 5, None), "id is no id of a meter"),
]


@pytest.mark.parametrize(("table", "row", "words"), BAD, ids=[case[2] for case in BAD])
def test_a_row_that_no_world_writes_is_named(table: Table[Any], row: tuple[Any, ...], words: str) -> None:
    """The complaint names table, row and column, and nothing of it becomes a record."""
    with pytest.raises(DamagedRow, match=words):
        table.read("a.world", row)
