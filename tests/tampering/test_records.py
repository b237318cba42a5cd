"""Records that a stranger wrote, in commits whose seals are right: told of by name, and never suffered."""

from __future__ import annotations

import json
import re
import resource
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from swingset.host.worlds.opening import open_world
from swingset.world.codec import Unpacking, compress
from swingset.world.errors import DamagedRow, WorldError
from swingset.world.record_lines import MOST_RECORDS, read_records
from swingset.world.seals import Sealed, commit_seal
from tests.tampering import worlds
from tests.tampering.probing import told
from tests.tampering.test_found import bomb

pytestmark = pytest.mark.unaudited

DATA = {"body": "#[]", "slots": ["ko20"]}
EFFECTS = [
    ["d1", "set", "key", DATA], ["d1", "set", "key", None], ["d1", "send", "ko20", DATA],
    ["d1", "new_node", "kd20"], ["d1", "new_promise", "kp20"], ["d1", "settle", "kp20", True, DATA],
]  # fmt: skip
CALL = {
    "caller": "ann", "node": "kd20", "method": "add", "args": DATA, "failed": True, "answer": DATA,
    "effects": EFFECTS, "undone": True,
}  # fmt: skip
ROWS = [
    ["counters", ["crank", 4]], ["counters", None, ["crank"]],
    ["parked", None, ["v1", 7]], ["clists", None, ["v1", "ko20"]],
]  # fmt: skip
REQUEST = {
    "do": "send", "with": {"target": "ko20"}, "cell": [3, 4], "effects": EFFECTS,
    "rows": ROWS,
}  # fmt: skip
CRANK = {
    "crank": 8, "event": {"type": "collect", "vat": "v1", "kind": "dropExport", "krefs": ["ko20"]},
    "outcome": "delivered", "seq": -3, "sender": 2, "vat": "ann", "computrons": 7,
    "fault": {"code": "vat-terminated", "message": "no", "name": "E", "trace": [], "details": {}},
    "clean_up": 5, "console": [["stdout", "hello"]], "transcripts": {"v1": "00"}, "calls": [CALL],
    "effects": EFFECTS, "rows": ROWS,
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1 << 70, "", "x", "\ud800", "\x00" * 9, [], [[]], [None], [1, 2], ["x", "y"], {},
    {"x": 1}, [{}], [["d1", [], 1]], [["counters", [[], {}]]], [[[], 1]], [["counters", None, [[]]]],
    [[[[]]]] * 99,
)  # fmt: skip


def read(line: bytes, crank: int = 7) -> object:
    """What is read of one line."""
    packed = Unpacking(compress(line), MOST_RECORDS, "a line")
    return list(read_records("a.world", 3, packed, number=5, crank=crank))


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in JSON data."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [at, *(place for key, value in items for place in places(value, (*at, key)))]


def replaced(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The data with another value at one place."""
    if not at:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[at[0]] = replaced(tree[at[0]], at[1:], value)
    return copy


@pytest.mark.parametrize("record", [REQUEST, CRANK], ids=["request", "crank"])
def test_a_record_with_anything_anywhere_is_read_or_refused(record: dict[str, Any]) -> None:
    """Each place of a sound record made odd, or given a part more: nothing is raised but the refusal."""
    assert read(json.dumps(record).encode())
    refused = list[str]()
    for at in places(record):
        for value in ODD:
            try:
                read(json.dumps(replaced(record, at, value)).encode())
            except DamagedRow as problem:
                refused.append(str(problem))
    assert len(refused) > 200
    assert max(map(len, refused)) < 400
    with pytest.raises(DamagedRow, match="which no record has"):
        read(json.dumps({**record, "more" * 999: 1}).encode())


def forged(path: Path, folder: Path, packed: bytes) -> Path:
    """A copy whose last commit has other records, one of them by its number, under a seal that is right."""
    copy = folder / "forged.world"
    shutil.copyfile(path, copy)
    db = sqlite3.connect(copy)
    query = "SELECT seq, parent, crank, record, note, changeset FROM commits ORDER BY seq DESC LIMIT 1"
    seq, parent, crank, _, note, changes = db.execute(query).fetchone()
    before, record = db.execute("SELECT seal, record + 1 FROM commits WHERE seq = ?", (parent,)).fetchone()
    seal = commit_seal(before, Sealed(seq, parent, crank, record, note, changes, packed))
    db.execute(
        "UPDATE commits SET records = ?, record = ?, seal = ? WHERE seq = ?", (packed, record, seal, seq)
    )
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return copy


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world whose last commit is one request."""
    path = tmp_path_factory.mktemp("sound") / "sound.world"
    with open_world(path, worker="local") as controller:
        controller.create_vat("bank", (("main", worlds.BANK),))
        controller.queue_to_root("bank", "thing", policy="none")
    return path


def long(start: bytes, piece: bytes, size: int) -> bytes:
    """A packed line of so many bytes."""
    return zstandard.ZstdCompressor(level=1).compress(start + piece * (size // len(piece)))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no JSON": (lambda: compress(b"x"), "not JSON"),
    "a list": (lambda: compress(b"[]"), "a JSON object is wanted"),
    "nothing": (lambda: compress(b"{}"), "do is no text"),
    "an empty line": (lambda: compress(b'{"do":"x"}\n'), "not JSON"),
    "one too many": (lambda: compress(b'{"do":"x"}\n{"do":"y"}'), "says otherwise|more than"),
    "none": (lambda: compress(b""), "says otherwise"),
    "a crank of another number": (lambda: compress(b'{"crank":99,"outcome":"x"}'), "outcome|crank"),
    "no UTF-8": (lambda: compress(b'{"do":"\xff"}'), "not UTF-8"),
    "depths": (lambda: compress(b'{"do":"x","with":{"a":' + b"[" * 100_000), "nested deeper"),
    "depths in rows": (lambda: compress(b'{"do":"x","rows":[["queue",' + b"[" * 99), "nested deeper"),
    "digits": (lambda: compress(b'{"do":"x","with":{"a":' + b"9" * 5000 + b"}}"), "digits"),
    "a row of no state": (lambda: compress(b'{"do":"x","rows":[["meta",["log","x"]]]}'), "of no table"),
    "no zstd": (lambda: b"x", "cannot be unpacked"),
    "cut off": (lambda: compress(bytes(1 << 20))[:-9], "cannot be unpacked|does not unpack"),
    "more than a commit has": (lambda: bomb(1 << 30), "make sense"),
    "one line of all that a commit has": (lambda: bomb(1 << 29), "which none may be"),
    "a line of blanks": (lambda: long(b'{"do":', b" ", 1 << 28), "which none may be"),
    "very many empty lines": (lambda: long(b"", b"\n", 1 << 28), "not JSON"),
    "very many values": (lambda: long(b'{"do":"x","with":{"a":[', b"[],", 3 << 24), "values"),
}
"""Records of a commit as they are stored, and what is said of them."""

COUNTED = ("one too many", "none")
"""What makes sense by itself, and contradicts its commit."""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_records_are_told_of(name: str, sound: Path, tmp_path: Path) -> None:
    """By verify, and by who reads them, in a sentence and without the memory that they ask for."""
    make, words = HOSTILE[name]
    copy = forged(sound, tmp_path, make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, said = told(copy, "verify")
    assert (status, "Traceback" in said, len(said) < 2_000) == (1, False, True), said[:2_000]
    assert re.search(words, said), said
    with open_world(copy, worker="local", look_only=True) as controller:
        if name not in COUNTED:
            with pytest.raises(WorldError, match=words):
                list(controller.history.records())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


def test_very_many_records_are_read_as_they_are_asked_for(sound: Path, tmp_path: Path) -> None:
    """Who looks at the first of them has not read all that a small file unpacks to."""
    copy = forged(sound, tmp_path, compress(b"\n".join([b'{"do":"x"}'] * 300_000)))
    with open_world(copy, worker="local", look_only=True) as controller:
        last = controller.world.history.last_record(controller.world.head)
        tracemalloc.start()
        try:
            records = controller.history.records(last - 1)
            assert [next(records).number for _ in range(3)] == [last, last + 1, last + 2]
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
