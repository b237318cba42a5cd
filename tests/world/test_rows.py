"""The rules for stored rows, column by column: what is just right, and what is just wrong."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.model.messages import Message, Send, event_to_json
from swingset.world.errors import DamagedRow
from swingset.world.rows import RULES, Reader

HEX = "0123456789abcdef" * 4
EVENT = event_to_json(Send("ko20", Message(CapData("#[]", ("kp40",)), "kp41"), "v1"))

NUMBERS = ([0, 1, 10**15 - 1], [-1, 10**15, 1.0, True, "1", None])
POSITIONS = ([0, 1 - 10**15, 10**15 - 1], [-(10**15), 10**15, 1.0, True, None])
AMOUNTS = ([0, 1 << 62], [-1, (1 << 62) + 1, True, 0.5, "1"])
VATS = (["v1", "v" + "9" * 15], ["", "v0", "v01", "v1\n", "V1", "ko20", "v" + "9" * 16, None, 1])
NAMES = (["a", "n" * 199], ["", "n" * 200, None, 5, b"a"])
HASHES = ([HEX], [HEX[:-1], HEX + "0", HEX.upper(), HEX[:-1] + "g", HEX + "\n", "", None])
TEXTS = (["", "x"], [None, 5, b"x"])
CAPDATA = (
    ['{"body":"#1","slots":[]}', '{"body":"","slots":["ko20","kp40","kd30"]}'],
    ["", "null", "[]", '{"body":"#1"}', '{"body":"#1","slots":["o+1"]}', '{"body":1,"slots":[]}', "{"],
)

COLUMNS: dict[str, tuple[list[Any], list[Any]]] = {
    "counters.name": NAMES,
    "counters.value": NUMBERS,
    "activity.name": (["cranks"], ["crank", "", None]),
    "activity.digest": HASHES,
    "vats.id": VATS,
    "vats.name": NAMES,
    "vats.worker": NAMES,
    "vats.state": (["live", "suspended", "terminated"], ["Live", "dead", "", None, 1]),
    "vats.reason": ([None, ""], [5]),
    "vats.incarnation": NUMBERS,
    "vats.bundle": ([None, "b1-" + HEX * 2], ["", "b1-" + HEX, "b2-" + HEX * 2, "b1-" + HEX * 2 + "0", 5]),
    "vats.parameters": CAPDATA,
    "vats.options": (
        ["{}", '{"a":null,"b":1,"c":"x","d":true}'],
        ["[]", "null", '{"a":[]}', '{"a":{}}', ""],
    ),
    "spans.position": NUMBERS,
    "spans.computrons": AMOUNTS,
    "spans.snapshot": ([None, "h1-" + HEX], ["", HEX, "h1-" + HEX[:-1], "h2-" + HEX]),
    "objects.kref": (["ko20", "kd30"], ["kp40", "v1", "o+1", "ko0", "", None]),
    "objects.owner": ([None, "v1", "d7"], ["d0", "x1", "ko20", "", 5]),
    "objects.reachable": NUMBERS,
    "objects.fate": ([None, ""], [5]),
    "promises.kref": (["kp40"], ["ko20", "kd30", "p+1", None]),
    "promises.state": (["unresolved", "forwarded", "fulfilled", "rejected"], ["settled", "", None]),
    "promises.decider": ([None, "v1", "kp40"], ["ko20", "d7", ""]),
    "promises.policy": ([None, "ignore", "log_always", "log_failure", "panic"], ["", "none", "Panic"]),
    "promises.slots": ([None, "[]", '["ko20"]'], ["{}", '["o+1"]', "[5]", "null", ""]),
    "subscribers.promise": (["kp40"], ["ko20", None]),
    "subscribers.vat": VATS,
    "promise_queue.seq": POSITIONS,
    "promise_queue.item": ([EVENT], ["", "{}", "null", "[]", EVENT.replace("send", "jump")]),
    "kept.promise": (["kp40"], ["ko20", ""]),
    "queue.seq": POSITIONS,
    "queue.item": ([EVENT], ["", "{}", EVENT[:-1], EVENT.replace("ko20", "o+20")]),
    "parked.vat": VATS,
    "clists.kref": (["ko20", "kp40", "kd30"], ["o+1", "v1", "", None]),
    "clists.vref": (["o+0", "p-60", "d-70", "o+d1/1:0"], ["ko20", "o+00", "", None]),
    "clists.reachable": ([0, 1], [2, -1, True, "1", None, 1.0]),
    "vatstore.key": TEXTS,
    "vatstore.value": TEXTS,
    "sources.seq": NUMBERS,
    "gc_actions.kind": (["dropExport", "retireExport", "retireImport"], ["dropImport", "", None]),
    "gc_actions.kref": (["ko20", "kd30"], ["kp40", ""]),
    "holdings.bytes": NUMBERS,
    "reap.deliveries": NUMBERS,
    "reap.due": ([None, 0], [-1, True, "1"]),
    "reap.computrons": AMOUNTS,
    "pins.kref": (["ko20", "kp40", "kd30"], ["v1", ""]),
    "dead.vat": VATS,
    "meters.id": (["m1", "m" + "9" * 15], ["m0", "m01", "", "m1\n", "M1", "m" + "9" * 16]),
    "meters.remaining": ([None, *AMOUNTS[0]], AMOUNTS[1]),
    "meters.threshold": AMOUNTS,
    "meters.keeper": ([None, "ko20"], ["kp40", "kd30", "", "o+1"]),
    "devices.id": (["d7", "d" + "9" * 15], ["d0", "d07", "", "v1", "d" + "9" * 16]),
    "devices.options": (['{"root":"kd30"}'], ["{}", '{"root":"ko20"}', '{"root":5}', "[]", "null", ""]),
    "panics.cause": (["v1", "kp40"], ["ko20", "", None]),
    "device_state.value": CAPDATA,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_takes_what_it_may_hold_and_nothing_else(column: str) -> None:
    """Both ends of each range, each form and its neighbours; the complaint names the column."""
    table, _, name = column.partition(".")
    reader, (good, bad) = Reader(table, name), COLUMNS[column]
    assert [value for value in good if reader.trouble((value,)) is not None] == []
    troubles = [reader.trouble((value,)) for value in bad]
    assert [value for value, trouble in zip(bad, troubles, strict=True) if trouble is None] == []
    assert all(str(trouble).startswith(f"{name} ") for trouble in troubles)


TOGETHER: list[tuple[str, dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        "spans",
        {
            "vat": "v1",
            "incarnation": 0,
            "incarnation_start": 1,
            "incarnation_hash": HEX,
            "start": 2,
            "start_hash": HEX,
            "position": 3,
            "hash": HEX,
            "snapshot": None,
            "computrons": 0,
        },
        [
            {"incarnation_start": 2},
            {"start": 3},
            {"incarnation_start": 0, "incarnation_hash": None},
            {"incarnation_start": 0, "incarnation_hash": None, "start": 0, "start_hash": None},
        ],
        [
            {"start": 4},
            {"incarnation_start": 3},
            {"hash": None},
            {"start_hash": None},
            {"incarnation_hash": None},
            {"incarnation_start": 0},
        ],
    ),
    (
        "promises",
        {
            "kref": "kp40",
            "state": "unresolved",
            "decider": "v1",
            "refcount": 1,
            "policy": None,
            "body": None,
            "slots": None,
        },
        [
            {"decider": None},
            {"state": "forwarded", "decider": "kp41", "body": '#"&0"', "slots": '["kp41"]'},
            {"state": "fulfilled", "decider": None, "body": "#1", "slots": "[]"},
            {"state": "rejected", "decider": None, "body": "x" * 10_000_000, "slots": "[]"},
        ],
        [
            {"decider": "kp41"},
            {"body": "#1", "slots": "[]"},
            {"body": "#1"},
            {"slots": "[]"},
            {"state": "forwarded", "decider": "v1", "body": "#1", "slots": "[]"},
            {"state": "forwarded", "decider": None, "body": "#1", "slots": "[]"},
            {"state": "forwarded", "decider": "kp41"},
            {"state": "fulfilled", "decider": None},
            {"state": "rejected", "decider": "v1", "body": "#1", "slots": "[]"},
            {"state": "rejected", "decider": None, "body": "x" * 10_000_001, "slots": "[]"},
        ],
    ),
    (
        "objects",
        {"kref": "ko20", "owner": "v1", "reachable": 1, "recognizable": 1, "fate": None, "iface": None},
        [{"recognizable": 2}, {"owner": None}, {"kref": "kd30", "owner": "d7"}],
        [{"reachable": 2}, {"owner": "d7"}, {"kref": "kd30"}],
    ),
    (
        "clists",
        {"vat": "v1", "kref": "ko20", "vref": "o+1", "reachable": 1},
        [{"kref": "kp40", "vref": "p-60"}, {"kref": "kd30", "vref": "d-70"}],
        [{"vref": "p+1"}, {"kref": "kp40"}, {"kref": "kd30"}],
    ),
]


@pytest.mark.parametrize(("table", "row", "good", "bad"), TOGETHER, ids=[case[0] for case in TOGETHER])
def test_columns_agree_with_each_other(
    table: str, row: dict[str, Any], good: list[dict[str, Any]], bad: list[dict[str, Any]]
) -> None:
    """Each change alone is right or wrong; columns that were not read are not asked about."""
    reader = Reader(table, ", ".join(RULES[table]))

    def trouble(change: dict[str, Any]) -> str | None:
        return reader.trouble([{**row, **change}[column] for column in reader.columns])

    assert [change for change in [{}, *good] if trouble(change) is not None] == []
    assert [change for change in bad if trouble(change) is None] == []


def test_a_damaged_row_is_named_by_its_key() -> None:
    """The world, the table, the key as far as it was read, and the reason."""
    with pytest.raises(DamagedRow, match=r"a\.world: table vats, row v1: name is no name"):
        Reader("vats", "id, name").check("a.world", ("v1", ""))
