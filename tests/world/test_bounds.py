"""Every bound of a world file from both sides: what is just within is taken, what is just beyond is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.world import held, journal
from swingset.world.codec import Unpacking, compress, decompress
from swingset.world.counters import Counters
from swingset.world.errors import DamagedRow, DamagedWorld, WorldError
from swingset.world.file import WorldFile
from swingset.world.graveyard import Graveyard
from swingset.world.history import History
from swingset.world.journal import Journal
from swingset.world.objects import Objects
from swingset.world.promises import FULFILLED, Promises
from swingset.world.rows import shown
from swingset.world.tables import TABLES, _weight
from swingset.world.vatstore import VatStore
from tests.meddling import altered

pytestmark = pytest.mark.usefixtures("unrecorded")

MEBIBYTE = "x" * (1 << 20)


# Packed data


def frame(content: bytes, *, window: int = 0, announced: int | None = None) -> bytes:
    """A zstd frame made by hand: one raw block, a window descriptor, and the size that it announces."""
    size = len(content) if announced is None else announced
    block = (1 | len(content) << 3).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\xc0" + bytes([window]) + size.to_bytes(8, "little") + block + content


def window(exponent: int, eighths: int) -> int:
    """The descriptor of a window of 2**exponent bytes and so many eighths more."""
    return (exponent - 10) << 3 | eighths


def test_a_frame_may_want_a_window_of_128_mib() -> None:
    """A frame that wants more memory to be unpacked is refused, however small it is."""
    good = Unpacking(frame(b"hello", window=window(27, 0)), 100, "a frame").reader()
    assert good(2) + good(2) + good(2) == b"hello"
    for greedy in (window(27, 1), window(28, 0)):
        with pytest.raises(DamagedWorld, match="a frame cannot be unpacked"):
            Unpacking(frame(b"hello", window=greedy), 100, "a frame").reader()(2)


@pytest.mark.parametrize("size", [0, 1, 2, 5, 10])
def test_a_frame_is_unpacked_up_to_the_size_that_is_allowed(size: int) -> None:
    """Whole and in pieces of any size; one byte more is refused before anything is unpacked."""
    packed = compress(b"abcdefghij"[:size])
    assert decompress(packed, size, "a frame") == b"abcdefghij"[:size]
    for piece in (1, 3, 100):
        read = Unpacking(packed, size, "a frame").reader()
        found = [read(piece) for _ in range(size + 1)]
        assert (b"".join(found), max(map(len, found))) == (b"abcdefghij"[:size], min(piece, size))
    for refused in (decompress, Unpacking):
        with pytest.raises(DamagedWorld, match=f"unpacks to {size} bytes; at most {size - 1} make sense"):
            refused(packed, size - 1, "a frame")


@pytest.mark.parametrize(("says", "holds"), [(4, 5), (6, 5), (1, 0)])
def test_a_frame_that_says_another_size_than_it_has(says: int, holds: int) -> None:
    """More or less: refused at the end of what it announces, whole or in pieces."""
    packed = frame(b"x" * holds, announced=says)
    with pytest.raises(DamagedWorld, match="a frame"):
        decompress(packed, 100, "a frame")
    read = Unpacking(packed, 100, "a frame").reader()
    with pytest.raises(DamagedWorld, match="a frame"):
        list(map(read, [2] * 10))


@pytest.mark.parametrize("column", ["changeset", "records"])
def test_a_commit_may_announce_half_a_gibibyte(column: str, world: WorldFile) -> None:
    """Of changes and of records; one byte more is refused by what it announces alone."""
    history = History(world.db, "a.world")
    ask: Callable[[int], Unpacking] = history.changes if column == "changeset" else history.records
    query = f"UPDATE commits SET {column} = ? WHERE seq = 0"
    world.db.execute(query, (frame(b"", announced=1 << 29),))
    assert ask(0).size == 1 << 29
    world.db.execute(query, (frame(b"", announced=(1 << 29) + 1),))
    with pytest.raises(DamagedWorld, match="at most 536870912 make sense"):
        ask(0)


@pytest.mark.parametrize(
    ("record", "wanted"), [(0, 0), (1, 1), (10**15, 10**15), (-1, None), (10**15 + 1, None)]
)
def test_a_commit_says_a_number_that_a_record_can_have(
    record: int, wanted: int | None, world: WorldFile
) -> None:
    """From 0 to 10**15; a commit that is not there has no record."""
    history = History(world.db, "a.world")
    world.db.execute("UPDATE commits SET record = ? WHERE seq = 0", (record,))
    if wanted is None:
        with pytest.raises(DamagedRow, match=f"record is {record}, which is no number of one"):
            history.last_record(0)
    else:
        assert history.last_record(0) == wanted
    assert history.last_record(5) == 0


PARENTS = [(0, None), (0, 0), (0, 1), (2, None), (2, -1), (2, 2), (2, 3)]


@pytest.mark.parametrize(("seq", "parent"), PARENTS)
def test_a_commit_has_an_earlier_one_before_it(seq: int, parent: int | None, world: WorldFile) -> None:
    """The first has none; any other number than an earlier one is refused."""
    history = History(world.db, "a.world")
    for name in ("one", "two"):
        Counters(world).set(name, 1)
        world.commit(name)
    assert [history.parent(2), history.parent(1), history.parent(0)] == [1, 0, None]
    world.db.execute("UPDATE commits SET parent = 0 WHERE seq = 2")
    assert history.parent(2) == 0
    world.db.execute("UPDATE commits SET parent = ? WHERE seq = ?", (parent, seq))
    if (seq, parent) == (0, None):
        assert list(history.ancestors(2)) == [2, 0]
        return
    with pytest.raises(WorldError, match=f"commit {seq} names {parent} as the commit before it"):
        history.parent(seq)


def test_records_since_a_number_begin_after_it(world: WorldFile) -> None:
    """The record of that number is not among them, nor is any commit that has only earlier ones."""
    for number in range(1, 4):
        Counters(world).set("crank", 0)
        Counters(world).set("n", number)
        for letter in "ab":
            world.journal.append({"do": f"{letter}{number}"})
        world.commit(str(number))
    for last in range(7):
        found = [(record.number, record.commit) for record in world.history.records_since(last, world.head)]
        assert found == [(number, (number + 1) // 2) for number in range(last + 1, 7)]


# Records in memory


def test_a_list_of_a_record_may_have_8_mib(world: WorldFile) -> None:
    """A longer one is stored as null, in each of the three lists and nowhere else."""
    most = (8 << 20) - len('[""]')
    for name in ("rows", "calls", "effects"):
        for more, kept in ((0, True), (1, False)):
            kept = Journal(0)
            kept.append({"do": "x", name: ["y" * (most + more)], "with": {"a": MEBIBYTE}})
            text = kept.plain()
            assert (f'"{name}":null'.encode() in text) is not kept
            assert MEBIBYTE.encode() in text
    kept = Journal(0)
    kept.append({"do": "x", "with": {"a": "y" * (9 << 20)}})
    assert len(kept.plain()) > 9 << 20


def test_a_record_may_have_64_mib() -> None:
    """A longer one is refused, and leaves no trace."""
    kept = Journal(0)
    around = len(b'{"do":"","with":{}}')
    kept.append({"do": "x" * ((1 << 26) - around), "with": {}})
    assert kept.size == (1 << 26) + 1
    with pytest.raises(WorldError, match="makes a record of 67,108,865 bytes, and at most 67,108,864"):
        kept.append({"do": "x" * ((1 << 26) - around + 1), "with": {}})
    assert (kept.last, kept.number, kept.size) == (1, 2, (1 << 26) + 1)


@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False)])
def test_a_record_as_long_as_it_may_be_is_kept(
    size: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the bound is: one byte more is refused."""
    monkeypatch.setattr(journal, "MOST_LINE", 100)
    kept = Journal(0)
    record = {"do": "x" * (size - len(b'{"do":""}'))}
    if fits:
        kept.append(record)
        assert len(kept.plain()) == size
    else:
        with pytest.raises(WorldError, match="makes a record of 101 bytes, and at most 100"):
            kept.append(record)


def test_100_000_changes_wait_in_memory(world: WorldFile) -> None:
    """With the next one all are written, and then as many wait again."""
    counters = Counters(world)
    counters.set("n", 0)
    world.flush()
    heard = asked(world)
    for _ in range(2):
        for _ in range(100_000):
            counters.set("n", counters.get("n") + 1)
        assert heard == []
        counters.set("n", 0)
        assert [sql[:20] for sql in heard] == ["insert into counters"]
        heard.clear()


def test_records_are_numbered_counted_and_cut_off() -> None:
    """After any of these the numbers and the size are those of the records that are left."""
    kept = Journal(7)
    assert (kept.last, kept.number, kept.size, kept.plain()) == (7, 8, 0, b"")
    for name in "abc":
        kept.append({"do": name})
    text = b'{"do":"a"}\n{"do":"b"}\n{"do":"c"}'
    assert (kept.last, kept.number, kept.size, kept.plain()) == (10, 11, len(text) + 1, text)
    kept.truncate(10)
    assert kept.plain() == text
    kept.truncate(8)
    assert (kept.last, kept.number, kept.size, kept.plain()) == (8, 9, 11, b'{"do":"a"}')
    kept.truncate(3)
    assert (kept.last, kept.number, kept.size, kept.plain()) == (7, 8, 0, b"")
    kept.append({"do": "d"})
    kept.begin(20)
    assert (kept.last, kept.number, kept.size, kept.plain()) == (20, 21, 0, b"")


# Terminated vats


@pytest.mark.parametrize(("keys", "first"), [(16, 16), (17, 17), (18, 17)])
def test_16_mib_of_a_store_are_deleted_at_once(keys: int, first: int, world: WorldFile) -> None:
    """The key with which the portion gets larger than that is the last of it."""
    store, graveyard = VatStore(world), Graveyard(world)
    for number in range(keys):
        store.set("v1", f"k{number:02}", MEBIBYTE)
    assert graveyard.delete_some_keys("v1", 100) == (first, first == keys)
    assert world.rows("SELECT count(*) FROM vatstore") == [(keys - first,)]


@pytest.mark.parametrize(("limit", "done"), [(2, (2, False)), (3, (3, False)), (4, (3, True))])
def test_a_store_is_empty_once_fewer_keys_were_left_than_allowed(
    limit: int, done: tuple[int, bool], world: WorldFile
) -> None:
    """A portion that is full may be the last one, and is not known to be."""
    for key in "abc":
        VatStore(world).set("v1", key, "1")
        VatStore(world).set("v2", key, "1")
    assert Graveyard(world).delete_some_keys("v1", limit) == done
    assert world.rows("SELECT count(*) FROM vatstore WHERE vat = 'v2'") == [(3,)]


# Rows in memory


def asked(world: WorldFile) -> list[str]:
    """The statements that SQLite is given from now on."""
    heard: list[str] = []

    def note(_cursor: object, sql: str, _bindings: object) -> bool:
        heard.append(sql)
        return True

    world.db.exec_trace = note
    return heard


def settle(promises: Promises, kref: str, size: int) -> None:
    """Add a settled promise with a body of so many bytes."""
    promises.add(kref, "v1")
    promises.settle(kref, FULFILLED, CapData("x" * size))


@pytest.mark.parametrize("more", [0, 1])
def test_a_table_of_64_kib_is_read_whole_at_once(more: int, world: WorldFile) -> None:
    """One byte more, and rows are read as they are asked for."""
    promises = Promises(world)
    settle(promises, "kp40", (64 << 10) - 2 * 150 - 2 + more)
    settle(promises, "kp41", 0)
    world.execute("UPDATE promises SET body = '' WHERE kref = 'kp41'")
    world.commit("made")
    world.rollback()
    size = sum(150 + len(body) + len(slots) for body, slots in world.rows("SELECT body, slots FROM promises"))
    assert size == (64 << 10) + 2 + more
    world.execute("UPDATE promises SET body = substr(body, 3) WHERE kref = 'kp40'")
    world.commit("fits")
    world.rollback()
    promises.get("kp41")
    assert world.memory.of(TABLES["promises"]).whole is not bool(more)


def test_a_table_that_was_asked_100_times_is_read_whole(world: WorldFile) -> None:
    """With the 101st question."""
    objects = Objects(world)
    for number in range(500):
        objects.add(f"ko{20 + number}", "v1")
    world.commit("made")
    world.rollback()
    for number in range(100):
        assert objects.get(f"ko{20 + number}") is not None
        assert world.memory.of(TABLES["objects"]).whole is False
    assert objects.get("ko200") is not None
    assert world.memory.of(TABLES["objects"]).whole is True


@pytest.mark.parametrize(("rows", "whole"), [(50_000, True), (50_001, False)])
def test_50_000_rows_are_held(rows: int, whole: bool, world: WorldFile) -> None:
    """A table of more is never read whole, however often it is asked."""
    altered(
        world,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO pins SELECT 'ko' || i FROM n",
        (rows,),
    )
    world.commit("made")
    world.rollback()
    pins = world.memory.of(TABLES["pins"])
    for number in range(250):
        assert pins.look((f"ko{1 + number}",)) is not None
    assert (pins.whole, pins._large) == (whole, not whole)


@pytest.mark.parametrize(("count", "kept"), [(31, 31), (32, 1)])
def test_32_mib_of_a_table_are_held(count: int, kept: int, world: WorldFile) -> None:
    """Then what is clean is dropped, and read again when it is needed."""
    store = VatStore(world)
    for number in range(count):
        store.set("v1", f"k{number}", MEBIBYTE)
    assert len(world.memory.of(TABLES["vatstore"]).rows) == kept
    assert all(store.get("v1", f"k{number}") == MEBIBYTE for number in range(count))


@pytest.mark.parametrize(("length", "shown_whole"), [(80, True), (81, False)])
def test_a_key_is_shown_in_80_characters(length: int, shown_whole: bool) -> None:
    """A longer one is cut off."""
    assert (shown("k" * length) == "k" * length) is shown_whole
    assert len(shown("k" * 1000)) <= 80


def test_what_a_table_weighs_is_what_its_rows_weigh(world: WorldFile) -> None:
    """After each change, rollback and write: otherwise a bound on bytes would hold for something else."""
    store = VatStore(world)
    rows = world.memory.of(TABLES["vatstore"])
    acts: tuple[Callable[[], Any], ...] = (
        lambda: store.set("v1", "a", ""),
        lambda: store.set("v1", "b", "x" * 10),
        lambda: store.set("v1", "c", "x" * 5_000),
        world.begin_crank,
        lambda: store.delete("v1", "a"),
        lambda: store.set("v1", "b", "x" * 70),
        lambda: store.set("v1", "d", "x" * 700),
        world.rollback_crank,
        world.flush,
        lambda: store.delete("v1", "c"),
        lambda: world.commit("made"),
        world.rollback,
        lambda: store.get("v1", "b"),
        lambda: store.get("v1", "nothing"),
    )
    for act in acts:
        act()
        assert rows._bytes == sum(map(rows.table.weigh, rows.rows.values()))
    assert rows._bytes == 150 + len("b" + "x" * 10)


@pytest.mark.parametrize(
    ("value", "weight"),
    [
        (None, 0), (7, 0), ("abc", 3), (("ab", None, "c"), 3), ({"k": "abcd", "n": 1}, 4),
        (CapData("body", ("ko20", "kp1")), 11),
    ],
)  # fmt: skip
def test_a_value_weighs_its_texts(value: Any, weight: int) -> None:
    """About: what is no text weighs nothing beside the row itself."""
    assert _weight(value) == weight


def test_bounds_of_memory_are_such_that_tests_may_lower_them() -> None:
    """The bounds that other tests set are those that this module tells of."""
    assert (held.PATIENCE, held.MOST, held.MOST_BYTES) == (100, 50_000, 32 << 20)
