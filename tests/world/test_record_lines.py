"""Lines of records, one slip at a time: what is just right is read as it is, what is just wrong is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.model.messages import CleanUp, Collect, Reap, event_to_data
from swingset.model.reports import Fault, Frame, fault_to_data
from swingset.world.codec import Unpacking, compress
from swingset.world.errors import DamagedRow, DamagedWorld
from swingset.world.journal import MOST_LINE
from swingset.world.record_lines import (
    MOST_RECORDS,
    lines,
    read_briefly,
    read_records,
)
from swingset.world.records import CrankRecord, DeviceAnswer, DeviceEffect, RequestRecord, RowChange

DATA = {"body": "#[]", "slots": ["ko20"]}
ASKED: dict[str, Any] = {"do": "send"}
RAN: dict[str, Any] = {"crank": 8, "event": {"type": "reap", "vat": "v1"}, "outcome": "delivered"}
COLLECT = {"type": "collect", "vat": "v1", "kind": "dropExport", "krefs": ["ko20", "ko21"]}
FAULT = {"code": "vat-terminated", "message": "no", "name": "E"}
CALL = {"caller": "ann", "node": "kd20", "method": "add", "args": DATA, "answer": DATA}
META_TABLE = ["meta", ["log", "x"]]
DEEPEST = json.loads("[" * 62 + "]" * 62)


def packed(line: bytes) -> Unpacking:
    """A commit's records, packed as they are stored."""
    return Unpacking(compress(line), MOST_RECORDS, "the records of commit 3")


def read(*records: dict[str, Any]) -> list[Any]:
    """The records of a commit after record 4 and crank 7."""
    line = b"\n".join(json.dumps(record).encode() for record in records)
    return list(read_records("a.world", 3, packed(line), number=5, crank=7))


EFFECTS: list[tuple[list[Any], DeviceEffect]] = [
    (["d1", "set", "key", DATA], DeviceEffect("d1", "set", ("key", CapData("#[]", ("ko20",))))),
    (["d1", "set", "key", None], DeviceEffect("d1", "set", ("key", None))),
    (["d1", "send", "ko20", DATA], DeviceEffect("d1", "send", ("ko20", CapData("#[]", ("ko20",))))),
    (["d1", "new_node", "kd20"], DeviceEffect("d1", "new_node", ("kd20",))),
    (["d1", "new_promise", "kp20"], DeviceEffect("d1", "new_promise", ("kp20",))),
    (
        ["d1", "settle", "kp20", False, DATA],
        DeviceEffect("d1", "settle", ("kp20", False, CapData("#[]", ("ko20",)))),
    ),
]
ALL_EFFECTS = tuple(wanted for _, wanted in EFFECTS)
ROWS: list[tuple[list[Any], RowChange]] = [
    (["counters", ["crank", 4]], RowChange("counters", ("crank",), ("crank", 4))),
    (["counters", None, ["crank"]], RowChange("counters", ("crank",), None)),
    (["parked", None, ["v1", 7]], RowChange("parked", ("v1", 7), None)),
    (["clists", ["v1", "ko20", "o+1", 1]], RowChange("clists", ("v1", "ko20"), ("v1", "ko20", "o+1", 1))),
]

READ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a request alone": (ASKED, {"verb": "send", "arguments": {}, "cell": None, "effects": (), "rows": ()}),
    "arguments": ({**ASKED, "with": {"a": [1]}}, {"arguments": {"a": [1]}}),
    "a cell and its line": ({**ASKED, "cell": [3, 4]}, {"cell": (3, 4)}),
    "a cell without a line": ({**ASKED, "cell": [3, None]}, {"cell": (3, None)}),
    "the first cell": ({**ASKED, "cell": [0, 0]}, {"cell": (0, 0)}),
    "the last cell": ({**ASKED, "cell": [10**15 - 1, 10**15 - 1]}, {"cell": (10**15 - 1, 10**15 - 1)}),
    "no effects told": ({**ASKED, "effects": None}, {"effects": None}),
    "no rows told": ({**ASKED, "rows": None}, {"rows": None}),
    "effects": ({**ASKED, "effects": [given for given, _ in EFFECTS]}, {"effects": ALL_EFFECTS}),
    "rows": ({**ASKED, "rows": [given for given, _ in ROWS]}, {"rows": tuple(want for _, want in ROWS)}),
    "a crank alone": (
        RAN,
        {
            "crank": 8, "event": Reap("v1"), "outcome": "delivered", "position": None, "sender": None,
            "vat": None, "computrons": None, "fault": None, "clean_up": None, "console": (),
            "transcripts": {}, "calls": (), "effects": (), "rows": (),
        },
    ),
    "a vat": ({**RAN, "vat": "ann"}, {"vat": "ann"}),
    "a clean-up": ({**RAN, "event": {"type": "clean-up", "vat": "v2"}}, {"event": CleanUp("v2")}),
    "a collection": ({**RAN, "event": COLLECT}, {"event": Collect("v1", "dropExport", ("ko20", "ko21"))}),
    "positions": ({**RAN, "seq": -(10**15), "sender": 10**15}, {"position": -(10**15), "sender": 10**15}),
    "first numbers": ({**RAN, "sender": 0, "clean_up": 0, "computrons": 0}, {"sender": 0, "clean_up": 0}),
    "most computrons": ({**RAN, "computrons": 1 << 62}, {"computrons": 1 << 62}),
    "transcripts": ({**RAN, "transcripts": {"v1": "00", "v2": ""}}, {"transcripts": {"v1": "00", "v2": ""}}),
    "console": (
        {**RAN, "console": [["stdout", "a"], ["stderr", "b"]]},
        {"console": (("stdout", "a"), ("stderr", "b"))},
    ),
    "a fault": ({**RAN, "fault": FAULT}, {"fault": Fault("vat-terminated", "no", "E")}),
    "calls not told": ({**RAN, "calls": None}, {"calls": None}),
    "a call": (
        {**RAN, "calls": [CALL]},
        {"calls": (DeviceAnswer("ann", "kd20", "add", CapData("#[]", ("ko20",)), False,
                                CapData("#[]", ("ko20",))),)},
    ),
    "a call that failed": (
        {**RAN, "calls": [{**CALL, "failed": True, "undone": True, "effects": [EFFECTS[3][0]]}]},
        {"calls": (DeviceAnswer("ann", "kd20", "add", CapData("#[]", ("ko20",)), True,
                                CapData("#[]", ("ko20",)), (EFFECTS[3][1],), True),)},
    ),
}  # fmt: skip
"""A record as it is stored, and what is read of it; all else is as it is for a record that says no more."""


@pytest.mark.parametrize("name", READ)
def test_what_a_record_says_is_read(name: str) -> None:
    """Each part alone, at both ends of what it may be; a part that is left out is nothing."""
    given, wanted = READ[name]
    (record,) = read(given)
    assert isinstance(record, CrankRecord if "crank" in given else RequestRecord)
    assert {part: getattr(record, part) for part in wanted} == wanted
    assert (record.number, record.commit, record.crank) == (5, 3, 8 if "crank" in given else 7)


def test_records_are_numbered_along_their_line() -> None:
    """Requests between two cranks belong to the crank before; cranks follow each other."""
    found = read(ASKED, RAN, ASKED, {**RAN, "crank": 9}, ASKED)
    assert [(record.number, record.crank) for record in found] == [(5, 7), (6, 8), (7, 8), (8, 9), (9, 9)]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**ASKED, "strange": 1, "odd": 1}, "it has 'odd', which no record has"),
    ({**RAN, "do": "x"}, "it has 'do', which no record has"),
    ({}, "do is no text"),
    ({"do": 5}, "do is no text"),
    ({**ASKED, "with": []}, "with is of the wrong kind"),
    ({**ASKED, "with": {"a": [DEEPEST]}}, "nested deeper"),
    ({**ASKED, "cell": 5}, "cell is no number and line"),
    ({**ASKED, "cell": [1]}, "cell is no number and line"),
    ({**ASKED, "cell": [1, 2, 3]}, "cell is no number and line"),
    ({**ASKED, "cell": [None, 2]}, "cell is no number of one"),
    ({**ASKED, "cell": [-1, 2]}, "cell is no number of one"),
    ({**ASKED, "cell": [1, -1]}, "cell is no number of one"),
    ({**ASKED, "cell": [1, 10**15]}, "cell is no number of one"),
    ({**ASKED, "cell": [True, 2]}, "cell is no number of one"),
    ({**ASKED, "cell": [1, "2"]}, "cell is no number of one"),
    ({**ASKED, "effects": 5}, "effects are no list"),
    ({**ASKED, "effects": {}}, "effects are no list"),
    ({**ASKED, "effects": ["abc"]}, "an effect of a device is no list"),
    ({**ASKED, "effects": [["d1", "set"]]}, "an effect of a device is no list"),
    ({**ASKED, "effects": [["d1", [], "x"]]}, "an effect of a device is none that there is"),
    ({**ASKED, "effects": [["d1", "jump", "ko20"]]}, "an effect of a device is none that there is"),
    ({**ASKED, "effects": [[1, "new_node", "kd20"]]}, "an effect of a device is none that there is"),
    ({**ASKED, "effects": [["d1", "new_node", "kd20", 1]]}, "an effect of a device is none that there is"),
    ({**ASKED, "effects": [["d1", "set", "key"]]}, "an effect of a device is none that there is"),
    ({**ASKED, "effects": [["d1", "set", 5, None]]}, "0 is no text"),
    ({**ASKED, "effects": [["d1", "new_node", "o+1"]]}, "an effect of a device names no kref"),
    ({**ASKED, "effects": [["d1", "new_promise", 5]]}, "an effect of a device names no kref"),
    ({**ASKED, "effects": [["d1", "settle", "kp20", 0, DATA]]}, "neither true nor false"),
    ({**ASKED, "effects": [["d1", "send", "ko20", None]]}, "capdata|body|object"),
    ({**ASKED, "rows": 5}, "rows are no list"),
    ({**ASKED, "rows": ["ab"]}, "a row is of no table"),
    ({**ASKED, "rows": [{"a": 1, "b": 2}]}, "a row is of no table"),
    ({**ASKED, "rows": [["counters"]]}, "a row is of no table"),
    ({**ASKED, "rows": [["counters", None, ["crank"], 1]]}, "a row is of no table"),
    ({**ASKED, "rows": [META_TABLE]}, "a row is of no table"),
    ({**ASKED, "rows": [[["counters"], ["crank", 4]]]}, "a row is of no table"),
    ({**ASKED, "rows": [["counters", None]]}, "a row of counters has no key"),
    ({**ASKED, "rows": [["counters", None, "crank"]]}, "a row of counters has no key"),
    ({**ASKED, "rows": [["counters", None, []]]}, "a row of counters has no key"),
    ({**ASKED, "rows": [["counters", None, ["a", "b"]]]}, "a row of counters has no key"),
    ({**ASKED, "rows": [["counters", None, [""]]]}, "a row of counters has a key that none has"),
    ({**ASKED, "rows": [["parked", None, ["v1", "x"]]]}, "a row of parked has a key that none has"),
    ({**ASKED, "rows": [["counters", ["crank", 4], ["crank"]]]}, "a row of counters is none"),
    ({**ASKED, "rows": [["counters", "ab"]]}, "a row of counters is none"),
    ({**ASKED, "rows": [["counters", ["crank"]]]}, "a row of counters is none"),
    ({**ASKED, "rows": [["counters", ["crank", 4, 5]]]}, "a row of counters is none"),
    ({**ASKED, "rows": [["counters", ["crank", -1]]]}, "a row of counters: value is no number"),
    ({**RAN, "crank": 7}, "it is of crank 7, and crank 8 comes next"),
    ({**RAN, "crank": 9}, "it is of crank 9, and crank 8 comes next"),
    ({**RAN, "crank": None}, "it is of crank 0, and crank 8 comes next"),
    ({**RAN, "crank": "8"}, "crank is no number that it can be"),
    ({**RAN, "outcome": "done"}, "outcome is none that a crank has"),
    ({**RAN, "outcome": None}, "outcome is none that a crank has"),
    ({**RAN, "vat": 5}, "vat is no text"),
    ({**RAN, "event": {"type": "reap"}}, "vat of reap is no id of a vat"),
    ({**RAN, "event": {"type": "clean-up", "vat": "v0"}}, "vat of clean-up is no id of a vat"),
    ({**RAN, "event": {"type": "reap", "vat": ["v1"]}}, "vat of reap is no id of a vat"),
    ({**RAN, "event": {"type": "jump"}}, "type"),
    ({**RAN, "event": {**COLLECT, "kind": "dropImport"}}, "kind of collect is none that there is"),
    ({**RAN, "event": {**COLLECT, "krefs": []}}, "krefs of collect are no krefs"),
    ({**RAN, "event": {**COLLECT, "krefs": "ko20"}}, "krefs of collect are no krefs"),
    ({**RAN, "event": {**COLLECT, "krefs": {"ko20": 1}}}, "krefs of collect are no krefs"),
    ({**RAN, "event": {**COLLECT, "krefs": ["ko20", "o+1"]}}, "krefs of collect are no krefs"),
    ({**RAN, "event": []}, "event is of the wrong kind"),
    ({**RAN, "seq": -(10**15) - 1}, "seq is no number that it can be"),
    ({**RAN, "seq": 10**15 + 1}, "seq is no number that it can be"),
    ({**RAN, "seq": True}, "seq is no number that it can be"),
    ({**RAN, "sender": -1}, "sender is no number that it can be"),
    ({**RAN, "sender": 10**15 + 1}, "sender is no number that it can be"),
    ({**RAN, "sender": 1.0}, "sender is no number that it can be"),
    ({**RAN, "computrons": -1}, "computrons is no number that it can be"),
    ({**RAN, "computrons": (1 << 62) + 1}, "computrons is no number that it can be"),
    ({**RAN, "clean_up": -1}, "clean_up is no number that it can be"),
    ({**RAN, "transcripts": {"v1": "00", "ann": "00"}}, "transcripts are no hashes by vat"),
    ({**RAN, "transcripts": {"v1": "00", "v2": 5}}, "transcripts are no hashes by vat"),
    ({**RAN, "transcripts": []}, "transcripts is of the wrong kind"),
    ({**RAN, "console": "ab"}, "console is of the wrong kind"),
    ({**RAN, "console": ["ab"]}, "console has a line that is none"),
    ({**RAN, "console": [["stdout"]]}, "console has a line that is none"),
    ({**RAN, "console": [["stdout", "a", "b"]]}, "console has a line that is none"),
    ({**RAN, "console": [["a", "stdout"]]}, "console has a line that is none"),
    ({**RAN, "console": [["stdout", 5]]}, "1 is no text"),
    ({**RAN, "fault": "x"}, "fault is of the wrong kind"),
    ({**RAN, "fault": {**FAULT, "code": "bad"}}, "code of fault is none that there is"),
    ({**RAN, "fault": {**FAULT, "message": 5}}, "message is no text"),
    ({**RAN, "fault": {**FAULT, "name": None}}, "name is no text"),
    ({**RAN, "fault": {**FAULT, "details": []}}, "details is of the wrong kind"),
    ({**RAN, "rows": [["queue", [1, 5, None]]]}, "no text"),
    ({**RAN, "rows": [["promises", ["kp1", "fulfilled", None, 1, None, 5, "[]"]]]}, "no text"),
    ({**RAN, "rows": [["promises", ["kp1", "fulfilled", None, 1, None, "#1", 5]]]}, "no text"),
    ({**RAN, "rows": [["vats", ["v1", "a", "wasm", "live", None, 0, None, None, 5, "{}", 0]]]}, "no text"),
    ({**RAN, "calls": 5}, "calls are no list"),
    ({**RAN, "calls": [[]]}, "a call of a device is no object"),
    ({**RAN, "calls": [{**CALL, "more": 1}]}, "it has 'more', which no record has"),
    ({**RAN, "calls": [{**CALL, "caller": 5}]}, "caller is no text"),
    ({**RAN, "calls": [{**CALL, "args": "x"}]}, "capdata|body|object"),
]


@pytest.mark.parametrize(
    ("given", "words"), REFUSED, ids=[f"{at} {words}" for at, (_, words) in enumerate(REFUSED)]
)
def test_what_no_record_says_is_refused(given: dict[str, Any], words: str) -> None:
    """The refusal names the record, its commit, the part and what is wrong with it."""
    with pytest.raises(DamagedRow, match=words) as caught:
        read(given)
    assert (caught.value.table, caught.value.key) == ("commits", "3")
    assert caught.value.reason.startswith("record 5 is none: ")


def test_a_record_may_be_nested_as_deep_as_a_syscall() -> None:
    """64 levels are read, the record and its arguments among them, and no more."""
    (found,) = read({**ASKED, "with": {"a": DEEPEST}})
    assert found.arguments["a"] == DEEPEST


LINES: list[tuple[bytes, list[bytes]]] = [
    (b"", []),
    (b"a", [b"a"]),
    (b"a\nb", [b"a", b"b"]),
    (b"\na", [b"", b"a"]),
    (b"a\n", [b"a", b""]),
    (b"a\n\nbc", [b"a", b"", b"bc"]),
    (b"a" * (1 << 20) + b"\n" + b"b" * (1 << 20), [b"a" * (1 << 20), b"b" * (1 << 20)]),
    (b"a" * ((1 << 20) - 1) + b"\nbc\nd", [b"a" * ((1 << 20) - 1), b"bc", b"d"]),
]


@pytest.mark.parametrize(("text", "wanted"), LINES, ids=range(len(LINES)))
def test_lines_are_those_between_the_breaks(text: bytes, wanted: list[bytes]) -> None:
    """Wherever a piece of what is unpacked ends."""
    assert list(lines(packed(text))) == wanted


def test_a_line_may_have_so_many_bytes() -> None:
    """The longest is read; one byte more is refused, before all of it is in memory."""
    (line,) = lines(packed(bytes(MOST_LINE)))
    assert len(line) == MOST_LINE == 1 << 26
    with pytest.raises(DamagedWorld, match="the records of commit 3: one is longer than 67,108,864 bytes"):
        list(lines(packed(bytes(MOST_LINE + 1))))


FAULTS = [
    Fault("vat-terminated", "no", "E"),
    Fault("vat-terminated", "no", "E", (Frame("bank.py", 3, "pay"),)),
    Fault("vat-terminated", "no", "E", (), {"kind": "Purse"}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["bare", "trace", "details"])
def test_a_fault_is_read_as_it_was_spelled(fault: Fault) -> None:
    """With its trace and its details; a fault that has none is spelled without."""
    spelled = fault_to_data(fault)
    assert (("trace" in spelled), ("details" in spelled)) == (bool(fault.trace), bool(fault.details))
    (found,) = read({**RAN, "fault": spelled})
    assert found.fault == fault


@pytest.mark.parametrize("event", [Reap("v1"), CleanUp("v1"), Collect("v1", "retireImport", ("ko20",))])
def test_an_event_that_is_never_queued_is_read_as_it_was_spelled(event: Any) -> None:
    """A reap, a clean-up and a collection are in records only."""
    (found,) = read({**RAN, "event": event_to_data(event)})
    assert found.event == event


def briefly(*records: dict[str, Any], wanted: bytes = b"", tables: tuple[str, ...] = ()) -> list[Any]:
    """The same records, those with a text in their lines, read briefly."""
    found = [json.dumps(record).encode() for record in records]
    return list(
        read_briefly(
            *("a.world", 3, found), number=5, crank=7, wanted=lambda line: wanted in line, tables=tables
        )
    )


def test_a_record_is_read_briefly_with_the_rows_that_are_wanted() -> None:
    """All else of it is as in the whole record; a line that is not wanted is not looked at."""
    rows = [["counters", ["crank", 4]], ["clists", ["v1", "ko20", "o+1", 1]]]
    full = {**RAN, "computrons": 5, "vat": "ann", "rows": rows, "calls": [CALL], "console": [["stdout", "a"]]}
    (brief,) = briefly(full, tables=("clists",))
    (whole,) = read(full)
    assert brief == replace(whole, rows=whole.rows[1:], calls=(), effects=())
    assert briefly({**ASKED, "rows": rows})[0] == replace(read({**ASKED, "rows": rows})[0], rows=())
    assert [found.number for found in briefly({"odd": 1}, full, wanted=b"crank")] == [6]


@pytest.mark.parametrize(
    "slip",
    [
        {**RAN, "computrons": -1},
        {**RAN, "rows": 1},
        {**RAN, "rows": [["counters", ["crank"]]]},
        {**RAN, "console": [["loud", "a"]]},
        {**RAN, "outcome": "odd"},
        {"do": 1},
        [RAN],
    ],
    ids=str,
)
def test_what_is_read_briefly_is_checked(slip: Any) -> None:
    """A slip in a part that is read is named with its record."""
    with pytest.raises(DamagedRow, match="record 6 is none"):
        briefly(RAN, slip, tables=("counters",))
