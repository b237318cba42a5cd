"""Tamperings that somebody found by hand: each is a line here, and is tried with everything.

What each comes to is a refusal by name or a suspended vat, and `verify` tells of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from swingset.host.base.policies import cranks
from swingset.host.worlds.opening import open_world
from swingset.lens.state.verifying import verify
from swingset.model.spelling import canonical
from swingset.world.codec import compress
from swingset.world.errors import DamagedRow, DamagedWorld
from tests.tampering import worlds
from tests.tampering.cases import DEEP
from tests.tampering.probing import Probe, told

pytestmark = pytest.mark.unaudited

FOUND: dict[str, str] = {
    "options are a list": "UPDATE vats SET options = '[]' WHERE name = 'bank'",
    "computrons below zero": """UPDATE vats SET options = '{"computrons":-1}' WHERE name = 'bank'""",
    "memory beyond everything": """UPDATE vats SET options = '{"memory_pages":1e300}' WHERE name = 'bank'""",
    "an option that is no number": """UPDATE vats SET options = '{"seconds":1e999}' WHERE name = 'bank'""",
    "an option of lists": """UPDATE vats SET options = '{"meter":[1]}' WHERE name = 'bank'""",
    "a clone of nothing": """UPDATE vats SET options = '{"cloned_from":"v77/0"}' WHERE name = 'bank'""",
    "a clone of itself": """UPDATE vats SET options = json_object('cloned_from', id || '/0')""",
    "a clone of a word": """UPDATE vats SET options = '{"cloned_from":"shop"}' WHERE name = 'bank'""",
    "a meter that is not there": """UPDATE vats SET options = '{"meter":"m77"}' WHERE name = 'bank'""",
    "queued list": "UPDATE queue SET item = '[]'",
    "queued nothing": "UPDATE queue SET item = '{}'",
    "queued depths": f"UPDATE queue SET item = '{DEEP}'",
    "queued half a surrogate": (
        """UPDATE queue SET item = '{"type":"notify","vat":"v1","promise":"\\ud800"}'"""
    ),
    "queued digits": f"UPDATE queue SET item = '{'9' * 5000}'",
    "queued at the very end": (
        "UPDATE queue SET seq = 9223372036854775807 WHERE seq = (SELECT max(seq) FROM queue)"
    ),
    "head is a fraction": "UPDATE meta SET value = '3.0' WHERE key = 'head'",
    "head is another": "UPDATE meta SET value = '3' WHERE key = 'head'",
    "head is no number": "UPDATE meta SET value = 'x' WHERE key = 'head'",
    "no spans": "DELETE FROM spans",
    "spans exchanged": (
        "UPDATE spans SET (hash, start_hash, incarnation_hash, position, start, incarnation_start) ="
        " (SELECT hash, start_hash, incarnation_hash, position, start, incarnation_start FROM spans"
        " WHERE vat = 'v3')"
        " WHERE vat = 'v2'"
    ),
    "no transcripts": "DELETE FROM transcript",
    "no bundles": "DELETE FROM bundles",
    "promises that follow each other": (
        "UPDATE promises SET state = 'forwarded', body = '#\"&0\"',"
        " decider = (SELECT min(kref) FROM promises WHERE kref <> promises.kref),"
        " slots = '[\"' || (SELECT min(kref) FROM promises) || '\"]'"
    ),
    "a promise that follows itself": (
        "UPDATE promises SET state = 'forwarded', body = '#\"&0\"', decider = kref,"
        " slots = '[\"' || kref || '\"]'"
    ),
    "no promises": "DELETE FROM promises",
    "no objects": "DELETE FROM objects",
    "no c-lists": "DELETE FROM clists",
    "no vats": "DELETE FROM vats",
    "counters lowered": "UPDATE counters SET value = 1",
    "counters at the end": "UPDATE counters SET value = 9223372036854775807",
    "no counters": "DELETE FROM counters",
    "history loops": "UPDATE commits SET parent = seq WHERE seq > 0",
    "history runs backwards": "UPDATE commits SET parent = seq + 1 WHERE seq > 0",
    "garbage in history": "UPDATE commits SET changeset = x'00112233'",
    "no history": "DELETE FROM commits",
    "history of another commit": (
        "UPDATE commits SET changeset = (SELECT changeset FROM commits WHERE seq = 4) WHERE seq = 5"
    ),
    "wrong digests": f"UPDATE commits SET digest = '{'0' * 64}' WHERE digest IS NOT NULL",
    "a crank of another commit": "UPDATE commits SET crank = crank + 1",
    "a label of another commit": "UPDATE labels SET commit_seq = 7",
    "an activity that never was": f"UPDATE activity SET digest = '{'0' * 64}'",
    "alarms at no time": "UPDATE device_state SET key = 'at.x' WHERE key LIKE 'at.%'",
    "devices that keep nothing": 'UPDATE device_state SET value = \'{"body":"#null","slots":[]}\'',
    "devices without roots": "UPDATE devices SET options = '{}'",
    "a deep descriptor": f"UPDATE vatstore SET value = '{DEEP}' WHERE key LIKE 'vom.dkind.%.descriptor'",
    "numbers of names that are none": (
        """UPDATE vatstore SET value = '{"promiseID":"x","exportID":[]}' WHERE key = 'idCounters'"""
    ),
    "names that are none": "UPDATE vats SET name = char(0) || '\"' WHERE name = 'shop'",
    "all stored is deep": f"UPDATE vatstore SET value = '{DEEP}'",
    "all stored is a list": "UPDATE vatstore SET value = '[]'",
    "money from nowhere": (
        "UPDATE vatstore SET value = replace(value, '#5', '#5000') WHERE key LIKE 'vom.o+%'"
    ),
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with something in every table."""
    path = tmp_path_factory.mktemp("rich") / "rich.world"
    worlds.rich(path)
    return path


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of the confined engine, with a heap image."""
    path = tmp_path_factory.mktemp("confined") / "confined.world"
    worlds.confined(path)
    return path


def altered(path: Path, folder: Path, *statements: str) -> Path:
    """A copy in which some statements were run."""
    copy = folder / "altered.world"
    shutil.copyfile(path, copy)
    db = sqlite3.connect(copy)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return copy


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_refused_by_name(name: str, rich: Path, tmp_path: Path) -> None:
    """Nothing that is done with it raises anything raw, and verify finds it."""
    path = altered(rich, tmp_path, FOUND[name])
    probe = Probe(path, tmp_path)
    probe.much()
    assert not probe.raw, "\n".join(probe.raw)
    status, said = told(path, "verify")
    assert status == 1, said
    assert "Traceback" not in said


def test_a_damaged_event_says_where_it_is(rich: Path, tmp_path: Path) -> None:
    """The run is refused with table, row and reason, each time, and the file stays as it is."""
    path = altered(rich, tmp_path, "UPDATE queue SET item = '{}'")
    for _ in range(2):
        with open_world(path, worker="local") as controller, pytest.raises(DamagedRow) as caught:
            controller.run(cranks(100))
        assert (caught.value.table, caught.value.reason) == (
            "queue", "item is no event: its type is none that the run-queue has",
        )  # fmt: skip
        assert caught.value.key.lstrip("-").isdigit()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM bundles", "is not in the file"),
        ("DELETE FROM transcript WHERE position = 2", "is not in the file"),
        ("UPDATE transcript SET entry = '{}' WHERE position = 2", "was altered"),
        ("UPDATE transcript SET crank = crank + 1", "was altered"),
        ("UPDATE spans SET hash = (SELECT hash FROM spans WHERE vat = 'v3')", "it is of vat v3"),
    ],
)
def test_a_vat_that_the_file_cannot_bring_back_is_suspended(
    statement: str, words: str, rich: Path, tmp_path: Path
) -> None:
    """The others run on, and the vat says what of the file is damaged."""
    path = altered(rich, tmp_path, statement)
    with open_world(path, worker="local") as controller:
        controller.queue_to_root("bank", "thing")
        controller.run(cranks(200))
        vat = controller.kernel.vat("bank")
        assert vat.state == "suspended"
        assert vat.reason is not None
        assert vat.reason.startswith("file-damaged: ")
        assert words in vat.reason


RECORD = struct.Struct(">I32s")


def with_image(
    path: Path, folder: Path, size: int, records: Callable[[bytes], bytes], vat: str = "v2"
) -> Path:
    """A copy in which a vat's heap image has another size and other pages, under the hash they have."""
    copy = folder / "image.world"
    shutil.copyfile(path, copy)
    db = sqlite3.connect(copy)
    base, digest = db.execute(
        "SELECT base, (SELECT digest FROM heap_pages LIMIT 1) FROM snapshots"
    ).fetchone()
    table = records(digest)
    head = canonical([vat, base, size]).encode()
    name = "h1-" + hashlib.sha256(b"%d:%b%b" % (len(head), head, table)).hexdigest()
    db.execute("INSERT INTO snapshots VALUES(?, ?, ?, ?, ?, 0, 0)", (name, vat, base, size, compress(table)))
    db.execute("UPDATE spans SET snapshot = ? WHERE vat = 'v2'", (name,))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return copy


def everywhere(size: int) -> Callable[[bytes], bytes]:
    """The same page for all of a memory but its beginning."""
    return lambda digest: b"".join(RECORD.pack(number, digest) for number in range(16_384, size // 4096))


IMAGES: dict[str, tuple[int, Callable[[bytes], bytes], str, str]] = {
    "3 GiB of one page": (3 << 30, everywhere(3 << 30), "v2", "option memory_pages"),
    "a page twice": (1 << 27, lambda digest: RECORD.pack(20_000, digest) * 2, "v2", "out of order"),
    "a page outside": (1 << 27, lambda digest: RECORD.pack(1 << 31, digest), "v2", "outside"),
    "of another vat": (1 << 27, lambda digest: RECORD.pack(20_000, digest), "v1", "it is of vat v1"),
    "half a record": (1 << 27, lambda digest: RECORD.pack(20_000, digest)[:-1], "v2", "cut off"),
    "no whole pages": ((1 << 27) + 1, lambda digest: b"", "v2", "whole 4 KiB pages"),
    "a page that is missing": (
        1 << 27,
        lambda digest: RECORD.pack(20_000, b"0" * 32),
        "v2",
        "not in the file",
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_heap_image_is_looked_at_before_it_is_unpacked(name: str, confined: Path, tmp_path: Path) -> None:
    """The vat is suspended with the reason, and the host has taken no memory for its heap."""
    size, records, vat, words = IMAGES[name]
    path = with_image(confined, tmp_path, size, records, vat)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_world(path, worker="wasm") as controller:
        controller.run(cranks(200))
        bank = controller.kernel.vat("bank")
        assert (bank.state, words in (bank.reason or "")) == ("suspended", True), bank.reason
        assert any(problem.table in ("snapshots", "spans") for problem in verify(controller.kernel.store))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


@pytest.mark.parametrize(
    "records",
    [lambda digest: RECORD.pack(0, digest), lambda digest: b""],
    ids=["a page of the stack", "a memory smaller than the engine's"],
)
def test_an_image_that_no_engine_made_is_done_without(
    records: Callable[[bytes], bytes], confined: Path, tmp_path: Path
) -> None:
    """The vat is brought back by its transcript, and goes on."""
    path = with_image(confined, tmp_path, 1 << 16 if records(b"0" * 32) == b"" else 1 << 27, records)
    with open_world(path, worker="wasm") as controller:
        controller.run(cranks(200))
        assert controller.kernel.vat("bank").state == "live"


def bomb(size: int) -> bytes:
    """A small frame of zstd that unpacks to so many zeros."""
    packer = zstandard.ZstdCompressor(level=1).compressobj(size=size)
    piece = bytes(1 << 24)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 24)), packer.flush()])


@pytest.mark.parametrize(
    ("statement", "name", "words"),
    [
        ("UPDATE heap_pages SET data = ?", "confined", "at most 4096 make sense"),
        ("UPDATE snapshots SET pages = ?", "confined", "make sense"),
        ("UPDATE commits SET changeset = ? WHERE seq > 0", "rich", "make sense|altered|cannot be"),
    ],
)
def test_what_unpacks_to_too_much_is_not_unpacked(
    statement: str, name: str, words: str, rich: Path, confined: Path, tmp_path: Path
) -> None:
    """A frame of zstd says how large it is, and more than its row can hold is refused."""
    copy = tmp_path / "bomb.world"
    shutil.copyfile({"rich": rich, "confined": confined}[name], copy)
    db = sqlite3.connect(copy)
    db.execute(statement, (bomb(1 << 30),))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, said = told(copy, "verify")
    assert (status, bool(re.search(words, said))) == (1, True), said
    if name == "rich":
        with open_world(copy, worker="local") as controller, pytest.raises(DamagedWorld):
            controller.world.goto(controller.history.checkpoints()[0].seq)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


def test_every_commit_is_walked(rich: Path, tmp_path: Path) -> None:
    """A branch that nobody stands on is checked too."""
    db = sqlite3.connect(rich)
    parents: dict[int, Any] = dict(db.execute("SELECT seq, parent FROM commits"))
    db.close()
    forks = [seq for seq, parent in parents.items() if sum(other == parent for other in parents.values()) > 1]
    assert forks  # the world has a branch
    leaf = max(seq for seq in parents if seq not in parents.values() and seq != max(parents))
    path = altered(rich, tmp_path, f"UPDATE commits SET note = 'another' WHERE seq = {leaf}")
    assert json.dumps(leaf) in told(path, "verify")[1]
