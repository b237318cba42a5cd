"""What a world file refuses or tells of, one case at a time, where nothing above it would notice."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from swingset.model.capdata import CapData
from swingset.model.heap import HeapImage
from swingset.model.messages import Message, Send
from swingset.world import WorldFile, bundles, lock, paths
from swingset.world.clists import CLists
from swingset.world.codec import Unpacking, compress
from swingset.world.counters import Counters
from swingset.world.errors import (
    CannotWrite,
    DamagedRow,
    DamagedWorld,
    NewerFormat,
    OddFile,
    ValueRefused,
    WorldError,
    WorldLocked,
    WorldMisuse,
    WorldMoved,
)
from swingset.world.gc import GCActions
from swingset.world.history import History, apply_changes
from swingset.world.holdings import Holdings
from swingset.world.objects import ObjectRecord, Objects
from swingset.world.promises import Promises
from swingset.world.queues import Queues
from swingset.world.sources import Sources
from swingset.world.tables import TABLES
from swingset.world.vats import Vats
from tests.meddling import altered

pytestmark = pytest.mark.usefixtures("unrecorded")


# Locks


LOCK_FILES: list[tuple[bytes, bool]] = [
    (b"", True), (b"1", True), (b"1" * 20, True), (b"1" * 21, False), (b"x", False), (b"1x", False),
    (b"x1", False), (b"1" * 19 + b"x", False), (b"12 ", False), (b"-1", False),
    (b"1 notebook My.ipynb", True), (b"1 notebook \xff\x1b[2J", True), (b"1 notebook ", False),
    (b" notebook x", False), (b"1 notebook x\ny", False), (b"1 notebook " + b"x" * 230, False),
]  # fmt: skip


@pytest.mark.parametrize(("content", "ours"), LOCK_FILES)
def test_a_lock_file_holds_a_number_or_nothing(content: bytes, ours: bool, path: Path) -> None:
    """A leftover one is taken over, whatever its number; somebody's file stays as it is."""
    beside = Path(f"{path}-lock")
    beside.write_bytes(content)
    if ours:
        with WorldFile.open(path):
            assert beside.read_bytes() == str(os.getpid()).encode()
        assert not beside.exists()
    else:
        with pytest.raises(OddFile, match="is not a lock but somebody's file"):
            WorldFile.open(path)
        assert beside.read_bytes() == content


def test_a_world_is_told_of_by_the_notebook_that_holds_it(path: Path) -> None:
    """The error names the notebook that was named last; what is drawn of it is safe, whoever wrote it."""
    lock.name_notebook("My \x1b[2J.ipynb")
    try:
        with WorldFile.open(path):
            with pytest.raises(WorldLocked) as refused:
                WorldFile.open(path)
            assert "is open in the notebook My " in str(refused.value)
            assert "(this process): close the world there" in str(refused.value)
            assert "\x1b" not in str(refused.value)
    finally:
        lock.name_notebook(None)


@pytest.mark.parametrize(("start", "length", "free"), [
    (0x40000400, 1, False), (0x400003FF, 1, True), (0x40000401, 1, True), (0x40000400, 2, False),
])  # fmt: skip
def test_the_owner_of_a_world_holds_one_byte_of_it(start: int, length: int, free: bool, path: Path) -> None:
    """Byte 0x40000400, which no SQLite uses: another program that holds it, and no other, is in the way."""
    if not lock.HAS_LOCKS:
        pytest.skip("this system has no locks of open files")
    WorldFile.open(path).close()
    fd = os.open(path, os.O_RDWR)
    words = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, words)
    if free:
        WorldFile.open(path).close()
    else:
        with pytest.raises(WorldLocked, match="another program, maybe by another name"):
            WorldFile.open(path)
    os.close(fd)


@pytest.mark.parametrize(("has_locks", "names", "opens"), [
    (True, 1, True), (True, 2, True), (False, 1, True), (False, 2, False), (False, 3, False),
])  # fmt: skip
def test_a_world_of_two_names_needs_a_lock_of_its_own(
    has_locks: bool, names: int, opens: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a system has none, a second writer could come by the other name, so the world is refused."""
    WorldFile.open(path).close()
    for number in range(1, names):
        os.link(path, f"{path}{number}")
    monkeypatch.setattr(lock, "HAS_LOCKS", has_locks)
    if opens:
        WorldFile.open(path).close()
    else:
        with pytest.raises(OddFile, match="has another name as well"):
            WorldFile.open(path)


# Drafts of files


def database(application: int) -> bytes:
    """An empty database of another program."""
    db = sqlite3.connect(":memory:")
    db.execute(f"PRAGMA application_id={application}")
    db.execute("CREATE TABLE t(x)")
    db.commit()
    return db.serialize()


DRAFTS: dict[str, tuple[Callable[[], bytes], bool]] = {
    "nothing": (lambda: b"", True),
    "text": (lambda: b"# notes", False),
    "a start": (lambda: b"SQLite format 3\0", False),
    "another program's database": (lambda: database(7), False),
}


@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_that_is_somebody_elses_stays(name: str, path: Path) -> None:
    """Only an empty file or the beginning of a world is overwritten."""
    make, ours = DRAFTS[name]
    draft = Path(f"{path}-new")
    draft.write_bytes(make())
    if ours:
        WorldFile.open(path).close()
        assert not draft.exists()
    else:
        with pytest.raises(OddFile, match="is in the way, and is not a world that was being made"):
            WorldFile.open(path)
        assert draft.read_bytes() == make()


def test_a_world_that_is_looked_at_is_data_only(path: Path) -> None:
    """As one that is opened to be written, its file can make SQLite do nothing."""
    WorldFile.open(path).close()
    for opened in (WorldFile.look(path), WorldFile.open(path), WorldFile.open(None)):
        with opened as world:
            assert world.db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1) == 1
            assert world.db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1) == 0


# Bulk


BUNDLES = [
    "{}",
    '"x"',
    "[5]",
    '["ab"]',
    '[["a"]]',
    '[["a","b","c"]]',
    '[["a",5]]',
    '[[5,"a"]]',
    '[["a",null]]',
]


@pytest.mark.parametrize("text", BUNDLES)
def test_a_bundle_is_a_list_of_parts(text: str, world: WorldFile) -> None:
    """Each a name and a text; any other source is refused, though its hash is right."""
    name = bundles._id(text)
    altered(world, "INSERT INTO bundles VALUES(?, ?)", (name, text))
    with pytest.raises(DamagedRow, match="source is no list of parts, each a name and a text"):
        world.bundles.get(name)


SIZES = [(0, True), (4096, True), (1 << 32, True), (-4096, False), ((1 << 32) + 4096, False), (4095, False)]


@pytest.mark.parametrize(("size", "fits"), SIZES)
def test_a_heap_has_whole_pages_of_4_gib(size: int, fits: bool, world: WorldFile) -> None:
    """From none to all of them; any other size is refused, to save and to load."""
    image = HeapImage(base="base", size=size, pages={})
    if fits:
        assert world.heaps.load(world.heaps.save("v1", image)) == image
    else:
        with pytest.raises(ValueError, match=f"a heap of {size} bytes is not one of whole 4 KiB pages"):
            world.heaps.save("v1", image)
        altered(
            world,
            "INSERT INTO snapshots VALUES(?, 'v1', 'base', ?, ?, 0, 0)",
            ("h1-" + "0" * 64, size, compress(b"")),
        )
        with pytest.raises(DamagedWorld, match=f"a heap of {size} bytes"):
            world.heaps.load("h1-" + "0" * 64)


# What is counted


def test_a_vat_stores_what_it_was_given_and_200_bytes_an_export(world: WorldFile) -> None:
    """The number is a part of what vats are refused for, so no version may count otherwise."""
    holdings, clists = Holdings(world), CLists(world)
    for kref, vref in (("ko20", "o+1"), ("kp40", "p+2"), ("ko21", "o-50")):
        clists.add("v1", kref, vref)
    world.flush()
    assert holdings.counted("v1") == 400
    altered(world, "INSERT INTO vatstore VALUES('v1', 'k\u00e9', 'val')")
    assert holdings.counted("v1") == 406
    holdings.change("v1", 6)
    holdings.change("v1", -6)
    assert (holdings.of("v1"), holdings.of("v2")) == (400, 0)
    holdings.change("v2", -5)
    holdings.change("v2", 0)
    assert world.rows("SELECT vat, bytes FROM holdings") == [("v1", 400)]
    holdings.forget("v1")
    assert (holdings.of("v1"), world.rows("SELECT * FROM holdings")) == (0, [])


def test_a_notification_of_no_kind_is_damage(world: WorldFile) -> None:
    """It is named, instead of being waited for."""
    altered(world, "INSERT INTO gc_actions VALUES('v1', 'dropImport', 'ko20')")
    with pytest.raises(DamagedRow, match="its kind is none of"):
        GCActions(world).group("v1")


# Changes of rows


ROW = ObjectRecord("ko20", "v1", 1, 1, None, None)


def touched(world: WorldFile, act: Callable[[Objects], None]) -> list[Any]:
    """What a crank is told to have changed: rows ko20, ko21 and ko22 are there before."""
    objects = Objects(world)
    for kref in ("ko20", "ko21", "ko22"):
        objects.add(kref, "v1")
        objects.count(kref, 1, 1)
    world.commit("made")
    world.rollback()
    world.begin_crank()
    act(objects)
    found = sorted(world.changed("crank"))
    world.release_crank()
    return found


TOUCHED: dict[str, tuple[Callable[[Objects], None], list[Any]]] = {
    "nothing": (lambda _: None, []),
    "there and back": (lambda o: (o.count("ko20", 1, 1), o.count("ko20", -1, -1)), []),
    "the first unchanged": (
        lambda o: (o.count("ko20", 1, 1), o.count("ko20", -1, -1), o.count("ko21", 1, 1)),
        [("objects", ("ko21",), ("ko21", "v1", 2, 2, None, None))],
    ),
    "all": (
        lambda o: [o.count(kref, 0, 1) for kref in ("ko20", "ko21", "ko22")],
        [("objects", (k,), (k, "v1", 1, 2, None, None)) for k in ("ko20", "ko21", "ko22")],
    ),
    "deleted": (lambda o: o.delete("ko21"), [("objects", ("ko21",), None)]),
    "new and deleted": (lambda o: (o.add("ko30", "v1"), o.delete("ko30")), []),
    "deleted and new": (lambda o: (o.delete("ko20"), o.add("ko20", "v1"), o.count("ko20", 1, 1)), []),
    "new": (lambda o: o.add("ko30", "v2"), [("objects", ("ko30",), ("ko30", "v2", 0, 0, None, None))]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOUCHED)
def test_a_crank_has_changed_what_is_another_at_its_end(name: str, world: WorldFile) -> None:
    """Rows that were read from the file and rows that were made; what is as before is not among them."""
    act, wanted = TOUCHED[name]
    assert touched(world, act) == wanted  # type: ignore[arg-type]


def test_a_row_that_is_moved_as_it_was_read_has_changed(world: WorldFile) -> None:
    """A row of another table that nobody has decoded is told whole; one that is put back as it was is not."""
    queues = Queues(world)
    queues.append_item('{"promise":"kp40","type":"notify","vat":"v1"}', None)
    world.commit("made")
    world.rollback()
    rows = world.memory.of(TABLES["queue"])
    world.begin_crank()
    (key,) = world.rows("SELECT seq FROM queue")
    unread = rows.look(key)
    rows.set(key, None)
    assert list(world.changed("crank")) == [("queue", key, None)]
    rows.set(key, unread)
    assert list(world.changed("crank")) == []
    rows.get(key)
    assert list(world.changed("crank")) == []
    world.rollback_crank()


def changeset(*statements: str) -> bytes:
    """What some statements change in two rows of `pins` and one of `panics`."""
    world = WorldFile.open(None)
    for kref in ("ko1", "ko2"):
        altered(world, "INSERT INTO vatstore VALUES('v1', ?, 'x')", (kref,))
    world.commit("made")
    for statement in statements:
        altered(world, statement)
    found = world._watching.changes("a world")
    world.close()
    return found


@pytest.mark.parametrize(("go_on", "told"), [(True, 2), (False, 1)])
def test_each_row_that_does_not_fit_is_told_of(go_on: bool, told: int, world: WorldFile) -> None:
    """The reader of a changeset says whether to go on; then all others are applied."""
    packed = Unpacking(
        compress(changeset("UPDATE vatstore SET value = 'y'", "INSERT INTO panics VALUES('v1', 'w')")),
        1 << 20,
        "changes",
    )
    found: list[tuple[str, tuple[Any, ...]]] = []

    def misfit(table: str, key: tuple[Any, ...], _reason: str) -> bool:
        found.append((table, key))
        return go_on

    world.db.execute("BEGIN")
    apply_changes(world.db, packed, backwards=False, misfit=misfit)
    assert len(found) == told
    assert set(found) <= {("vatstore", ("v1", "ko1")), ("vatstore", ("v1", "ko2"))}
    assert world.db.execute("SELECT count(*) FROM panics").fetchone() == (int(go_on),)
    world.db.execute("ROLLBACK")


@pytest.mark.parametrize("content", [b"garbage", b"T\x01", b"\x00" * 40])
def test_a_changeset_that_cannot_be_read_is_told_of(content: bytes, world: WorldFile) -> None:
    """Once, and of no table."""
    found: list[tuple[str, tuple[Any, ...], str]] = []

    def misfit(table: str, key: tuple[Any, ...], reason: str) -> bool:
        found.append((table, key, reason))
        return False

    packed = Unpacking(compress(content), 100, "changes")
    apply_changes(world.db, packed, backwards=False, misfit=misfit)
    ((table, key, reason),) = found
    assert (table, key) == ("", ())
    assert reason.startswith("its changeset cannot be read: ")


# Steps of a run


def test_a_commit_that_fails_leaves_the_last_one(world: WorldFile) -> None:
    """State, records and numbers are those of the commit before, and the next one works."""
    Counters(world).set("n", 1)
    world.journal.append({"do": "one"})
    world.commit("one")
    before = world.digest()

    def fault(step: str) -> None:
        if step == "before-commit":
            raise RuntimeError(step)

    Counters(world).set("n", 2)
    world.journal.append({"do": "two"})
    world.faults = fault
    with pytest.raises(RuntimeError):
        world.commit("two")
    world.faults = None
    assert (world.digest(), world.journal.last, world.dirty) == (before, 1, False)
    Counters(world).set("n", 3)
    assert world.commit("three") == 2


def test_a_world_that_another_program_wrote_is_refused_each_time(path: Path) -> None:
    """Not the first time only: each change is refused in the same words, until it is opened again."""
    with WorldFile.open(path) as world:
        altered(world, "INSERT INTO pins VALUES('ko1')")
        world.commit("one")
        other = sqlite3.connect(path)
        other.execute("UPDATE pins SET kref = 'ko2'")
        other.commit()
        other.close()
        for _ in range(3):
            with pytest.raises(WorldMoved, match="was written by another program"):
                altered(world, "INSERT INTO pins VALUES('ko3')")


def test_an_export_waits_for_the_end_of_a_crank(world: WorldFile, path: Path) -> None:
    """Even of one that has changed nothing."""
    world.begin_crank()
    with pytest.raises(WorldMisuse, match="cannot export the world while 'crank' is open"):
        world.export(path)
    world.rollback_crank()
    world.export(path)
    with pytest.raises(WorldError, match="exists already"):
        world.export(path)


def test_the_first_of_a_long_queue_is_found_in_the_file(world: WorldFile) -> None:
    """A queue that is too long to be held is asked for its first events, lowest first."""
    queues = Queues(world)
    for _ in range(600):
        queues.append_item('{"promise":"kp40","type":"notify","vat":"v1"}', None)
    world.commit("made")
    world.rollback()
    rows = world.memory.of(TABLES["queue"])
    first = rows.ordered().first()
    assert rows.whole is False
    assert first is not None
    assert rows.ordered().some(3) == [first, first + 1, first + 2]
    assert world.rows("SELECT min(seq) FROM queue") == [(first,)]


@pytest.mark.parametrize("sender", [None, 0, 7])
@pytest.mark.parametrize("decoded", [False, True])
def test_the_sender_of_an_event_that_is_taken_is_known(
    sender: int | None, decoded: bool, world: WorldFile
) -> None:
    """Whether its row was decoded or not, as of one that is too damaged for it."""
    queues = Queues(world)
    queues.append_item('{"promise":"kp40","type":"notify","vat":"v1"}', sender)
    world.commit("made")
    world.rollback()
    ((seq,),) = world.rows("SELECT seq FROM queue")
    if decoded:
        queues.at(seq)
    queues.take(seq)
    assert (queues.sender, queues.head()) == (sender, None)


def test_what_waits_for_another_program_waits_five_seconds(path: Path) -> None:
    """To write and to look: a query of another program is soon over."""
    for opened in (WorldFile.open(path), WorldFile.look(path)):
        with opened as world:
            assert world.db.pragma("busy_timeout") == 5_000


MAKERS: list[tuple[str, str]] = [
    ("value = '1.2.3'", "swingset-nb 1.2.3"),
    ("value = '" + "1" * 40 + "'", "swingset-nb " + "1" * 40),
    ("value = '" + "1" * 41 + "'", "an unknown version of swingset-nb"),
    ("value = '1' || char(10) || '2'", "an unknown version of swingset-nb"),
    ("value = '1' || char(27) || '2'", "an unknown version of swingset-nb"),
    ("key = 'soft'", "an unknown version of swingset-nb"),
]


@pytest.mark.parametrize(("change", "maker"), MAKERS)
def test_the_version_that_made_a_file_is_shown_if_it_is_one(change: str, maker: str, path: Path) -> None:
    """It may be any text in a file from elsewhere."""
    WorldFile.open(path).close()
    db = sqlite3.connect(path)
    db.execute(f"UPDATE meta SET {change} WHERE key = 'software'")
    db.execute("PRAGMA user_version=9")
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    connections = len(apsw.connections())
    with pytest.raises(NewerFormat, match=f"was made by {maker} in format 9"):
        WorldFile.open(path)
    assert len(apsw.connections()) == connections


def test_the_name_of_a_new_file_and_of_its_log_are_made_durable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is written to the disk after the file has its name, and again once there is a log."""
    found: list[set[str]] = []
    sync = paths.sync_folder

    def synced(where: str) -> None:
        found.append({name.name for name in path.parent.iterdir()} - {f"{path.name}-lock"})
        sync(where)

    monkeypatch.setattr(paths, "sync_folder", synced)
    with WorldFile.open(path):
        pass
    log = {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert found == [{path.name}, log]
    with WorldFile.open(path):
        pass
    assert found == [{path.name}, log, log]


@pytest.mark.parametrize(("name", "wanted"), [("cell_size_check", 1), ("mmap_size", 0), ("temp_store", 2)])
def test_a_file_is_read_with_care(name: str, wanted: int, path: Path) -> None:
    """SQLite checks each page, never maps the file into memory, and writes no other file."""
    with WorldFile.open(path) as world:
        assert world.db.pragma(name) == wanted


def test_cells_keep_their_places(world: WorldFile) -> None:
    """A new part comes behind the others, one after the other; one that is written again stays."""
    sources = Sources(world)
    for part in ("a", "b", "c", "b"):
        sources.put("bank", part, "1")
    sources.put("shop", "z", "1")
    found = sorted(world.rows("SELECT vat, part, seq FROM sources"))
    assert found == [("bank", "a", 1), ("bank", "b", 2), ("bank", "c", 3), ("shop", "z", 1)]


def test_cells_are_replaced_in_one_pass(world: WorldFile) -> None:
    """A file may have tens of thousands of modules, which go with each that is defined."""
    sources = Sources(world)
    sources.put("bank", "old", "1")
    parts = tuple((f"part {count}", "1") for count in range(20_000))
    sources.replace("bank", (*parts, ("part 7", "2")))
    assert sources.parts("bank") == (*parts[:7], ("part 7", "2"), *parts[8:])
    assert world.rows("SELECT max(seq), count(*) FROM sources") == [(20_000, 20_000)]


DELIVERY: dict[str, Any] = {
    "position": 0,
    "delivery": ["message", 1],
    "syscalls": [[["send", 1], ["ok", None]], [["exit"], ["error", "no"]]],
    "computrons": 5,
}
SHAPES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"computrons": None}, True),
    ({"syscalls": []}, True),
    ({"more": 1}, False),
    ({"position": "0"}, False),
    ({"position": True}, False),
    ({"delivery": []}, False),
    ({"delivery": "message"}, False),
    ({"delivery": [1]}, False),
    ({"syscalls": {}}, False),
    ({"syscalls": [[["send"], ["ok", None]], 5]}, False),
    ({"syscalls": [[["send"]]]}, False),
    ({"syscalls": [[["send"], ["ok", None], 1]]}, False),
    ({"syscalls": [[[], ["ok", None]]]}, False),
    ({"syscalls": [["send", ["ok", None]]]}, False),
    ({"syscalls": [[["send"], "ok"]]}, False),
    ({"syscalls": [[["send"], ["ok"]]]}, False),
    ({"syscalls": [[["send"], ["fine", None]]]}, False),
    ({"computrons": "5"}, False),
    ({"computrons": True}, False),
]


@pytest.mark.parametrize(("change", "fits"), SHAPES, ids=range(len(SHAPES)))
def test_an_entry_of_a_vat_is_a_delivery(change: dict[str, Any], fits: bool, world: WorldFile) -> None:
    """Its hash may be right all the same: the shape is looked at before it is repeated."""
    last = world.transcripts.append("v1", 0, 0, 1, None, {**DELIVERY, **change})
    if fits:
        assert world.transcripts.deliveries("v1", last) == [{**DELIVERY, **change}]
    else:
        with pytest.raises(DamagedRow, match="entry has not the shape of a delivery"):
            world.transcripts.deliveries("v1", last)
    with pytest.raises(DamagedRow, match="it is of vat v1, and the span of v2 names it"):
        world.transcripts.deliveries("v2", last)


def test_a_vat_that_others_name_is_there_and_has_options_that_are_some(world: WorldFile) -> None:
    """What is missing or wants another value is named, with the vat and the option."""
    vats = Vats(world, lambda name, value: "a number" if (name, value) == ("seconds", "x") else None)
    data = '{"body":"#null","slots":[]}'
    for number, options in ((1, '{"seconds":"x"}'), (2, '{"seconds":5}')):
        altered(
            world,
            "INSERT INTO vats(id, name, worker, state, incarnation, parameters, options, created)"
            " VALUES(?, ?, 'local', 'live', 0, ?, ?, 0)",
            (f"v{number}", f"bank{number}", data, options),
        )
    world.commit("made")
    world.rollback()
    assert vats.known("v2").options == {"seconds": 5}
    with pytest.raises(DamagedRow, match="table vats, row v1: option seconds in options wants a number"):
        vats.get("v1")
    with pytest.raises(DamagedRow, match="table vats, row v3: the row is missing, and others name it"):
        vats.known("v3")
    with pytest.raises(DamagedRow, match="table spans, row v2: the row of this vat is missing"):
        vats.span("v2")


@pytest.mark.parametrize("ask", ["row", "rows", "fetch"])
def test_text_that_is_none_is_told_of(ask: str, path: Path) -> None:
    """By whatever question it is met: the table is named, and nothing raw is raised."""
    with WorldFile.open(path) as world:
        altered(world, "INSERT INTO pins VALUES(CAST(x'ff' AS TEXT))")
        with pytest.raises(DamagedRow, match=r"table pins, row .: it holds text that is not UTF-8"):
            getattr(world, ask)("SELECT kref FROM pins")


def test_a_world_that_cannot_be_opened_leaves_no_file_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock and the connection are given up, so the next one opens it."""

    def fault(self: Any, *_: object) -> None:
        raise RuntimeError("no")

    WorldFile.open(path).close()
    for open_it in (WorldFile.open, WorldFile.look):
        connections = len(apsw.connections())
        with monkeypatch.context() as patch:
            patch.setattr(History, "head", fault)
            with pytest.raises(RuntimeError):
                open_it(path)
        assert len(apsw.connections()) == connections
        assert [found.name for found in path.parent.iterdir()] == [path.name]
        open_it(path).close()


def test_a_digest_covers_all_of_a_large_table(world: WorldFile) -> None:
    """It is one hash of everything, in however many pieces it is hashed."""
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    altered(world, f"{rows} INSERT INTO vatstore SELECT 'v1', printf('%05d', i), 'x' FROM n")
    digests = {world.digest()}
    for key in ("00001", "01000", "03000"):
        altered(world, "UPDATE vatstore SET value = 'y' WHERE key = ?", (key,))
        digests.add(world.digest())
    assert len(digests) == 4
    altered(world, "UPDATE vatstore SET value = 'x'")
    assert world.digest() in digests


NAMES = [("a", True), ("n" * 200, True), ("n" * 201, False), ("", False), (" ", False), ("a\x1b[2J", False)]


@pytest.mark.parametrize(("name", "fits"), NAMES)
def test_a_label_has_a_name_that_can_be_shown(name: str, fits: bool, world: WorldFile) -> None:
    """Of at most 200 characters, each of which can be printed."""
    if fits:
        assert world.label(name).name == name
    else:
        with pytest.raises(WorldError, match="is no label"):
            world.label(name)


def test_what_was_undone_leaves_nothing_to_write(world: WorldFile) -> None:
    """A row that was made and unmade is not dirty, and after a commit or a rollback no byte is pending."""
    objects = Objects(world)
    rows = world.memory.of(TABLES["objects"])
    world.begin_crank()
    objects.add("ko20", "v1")
    world.rollback_crank()
    assert (rows.dirty, rows.rows) == ({}, {})
    for end in (world.rollback, world.commit):
        objects.add("ko21", "v1")
        assert world.pending_bytes > 0
        end()
        assert world.pending_bytes == 0


def test_a_world_that_may_not_be_written_is_told_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way out, and no lock is left."""
    WorldFile.open(path).close()
    really = lock.open_descriptor

    def refused(name: str, flags: int) -> int:
        if name == str(path):
            raise PermissionError(13, "Permission denied")
        return really(name, flags)

    monkeypatch.setattr(lock, "open_descriptor", refused)
    with pytest.raises(
        CannotWrite, match=r"cannot be written \(Permission denied\): give yourself the right"
    ):
        WorldFile.open(path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_stored_row_is_not_added_twice(world: WorldFile) -> None:
    """As little as a record: what is moved from one table to another replaces nothing there."""
    queues = Queues(world)
    row = (5, '{"promise":"kp40","type":"notify","vat":"v1"}', None)
    queues._queue.add_row(row)
    with pytest.raises(ValueRefused, match="there is a row 5 in queue already"):
        queues._queue.add_row(row)


def test_what_waits_for_a_promise_is_counted_once_after_a_rollback(world: WorldFile) -> None:
    """The file is asked again after each rollback, and only then."""
    promises = Promises(world)
    promises.add("kp40", "v1")
    for seq in (1, 2):
        promises.enqueue("kp40", seq, Send("ko20", Message(CapData("#[]", ()), None), "v1"))
    world.commit("made")
    heard: list[str] = []
    world.db.exec_trace = lambda _cursor, sql, _bindings: heard.append(sql) is None
    for wanted in ([], [], ["SELECT count"], [], []):
        if wanted:
            world.rollback()
        heard.clear()
        assert promises.waits("kp40")[0] == 2
        assert [sql[:12] for sql in heard if "promise_queue" in sql] == wanted


@pytest.mark.parametrize("late", ["order", "index"])
def test_an_index_that_is_asked_for_late_knows_all_rows(late: str, world: WorldFile) -> None:
    """Also if all rows are held by then."""
    for seq in (7, 5):
        altered(world, "INSERT INTO queue VALUES(?, 'x', NULL)", (seq,))
    altered(world, "INSERT INTO subscribers VALUES('kp40', 'v1')")
    world.commit("made")
    world.rollback()
    rows = world.memory.of(TABLES["queue"])
    assert rows.look((9,)) is None
    assert rows.whole is True
    if late == "order":
        assert rows.ordered().first() == 5
    else:
        assert rows.index("sender").keys(None) == []
        assert sorted(rows.index("seq").keys(5)) == [(5,)]


def test_a_library_is_held_against_its_hash(world: WorldFile) -> None:
    """Each time that it is read from the file; one that was altered is set right by whoever brings it."""
    name = world.libraries.put(b"a library")
    world.commit("made")
    altered(world, "UPDATE libraries SET content = ?", (compress(b"another"),))
    for read in (world.libraries.check, world.libraries.get):
        world.rewound += 1
        with pytest.raises(DamagedWorld, match=f"guest library {name} was altered: it has another hash"):
            read(name)
    assert world.libraries.put(b"a library") == name
    assert world.libraries.check(name) == b"a library"


@pytest.mark.parametrize("table", ["pins", "kept", "dead", "meta", "objects", "clists", "commits"])
def test_the_beginning_of_each_table_is_read_before_a_file_is_opened(table: str, path: Path) -> None:
    """What is no text there is damage, with or without an index beside the table."""
    rows = {
        "pins": "INSERT INTO pins VALUES({})",
        "kept": "INSERT INTO kept VALUES({})",
        "dead": "INSERT INTO dead VALUES({})",
        "meta": "UPDATE meta SET value = {} WHERE key = 'format'",
        "objects": "INSERT INTO objects VALUES({}, NULL, 0, 0, NULL, NULL)",
        "clists": "INSERT INTO clists VALUES({}, 'ko20', 'o+1', 1)",
        "commits": "UPDATE commits SET note = {} WHERE seq = 0",
    }
    WorldFile.open(path).close()
    db = sqlite3.connect(path)
    db.execute(rows[table].format("CAST(x'ff' AS TEXT)"))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    with pytest.raises(DamagedWorld, match=r"is damaged \('utf-8' codec can't decode"):
        WorldFile.open(path)
