"""Transcripts, heaps and bundles: content that answers to its hash or to nothing."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from swingset.model.heap import HEAP_PAGE, HeapImage
from swingset.world import DamagedWorld, SnapshotStats, WorldFile
from swingset.world.codec import compress, decompress
from tests.meddling import altered
from tests.world.world_load import page

SIZE = 64 * HEAP_PAGE


def test_transcript_reads_back_in_order(world: WorldFile) -> None:
    """Entries come back oldest first, from a given hash or from the very beginning."""
    entries = [{"n": 1}, ["two", None, 2.5, True], "dreï \ud800", {"b": 1, "a": [{}]}]
    hashes: list[str] = []
    for position, entry in enumerate(entries):
        previous = hashes[-1] if hashes else None
        hashes.append(world.transcripts.append("v1", 0, position, 10 + position, previous, entry))
    assert world.transcripts.read(hashes[-1]) == entries
    assert world.transcripts.read(hashes[-1], hashes[1]) == entries[2:]
    assert world.transcripts.read(hashes[-1], hashes[-1]) == []
    assert world.transcripts.read(None) == []
    assert [(r.position, r.crank) for r in world.transcripts.records(hashes[1])] == [(0, 10), (1, 11)]
    with pytest.raises(DamagedWorld, match="not where it should be"):
        world.transcripts.read(hashes[1], hashes[2])


def test_transcript_hash_covers_everything(world: WorldFile) -> None:
    """Entries that differ in any one respect have different hashes, and equal ones are stored once."""
    base = {"vat": "v1", "incarnation": 0, "position": 1, "crank": 2, "prev_hash": None, "entry": [1]}
    others = [
        {"vat": "v2"},
        {"incarnation": 1},
        {"position": 2},
        {"crank": 1},
        {"prev_hash": "0"},
        {"entry": ["1"]},
    ]
    hashes = [world.transcripts.append(**{**base, **other}) for other in [{}, *others, {}]]
    assert len(set(hashes)) == len(others) + 1
    assert world.row("SELECT count(*) FROM transcript") == (len(others) + 1,)


@pytest.mark.parametrize(
    "change", ["entry = '[2]'", "position = 9", "crank = 9", "vat = 'v9'", "prev = 'x'", "incarnation = 9"]
)
def test_altered_transcripts_are_found(world: WorldFile, change: str) -> None:
    """An entry that was altered in any column is refused when it is read."""
    last = world.transcripts.append("v1", 0, 1, 2, None, [1])
    altered(world, f"UPDATE transcript SET {change}")
    with pytest.raises(DamagedWorld, match="was altered"):
        world.transcripts.read(last)
    with pytest.raises(DamagedWorld, match="not in the file"):
        world.transcripts.read("0" * 64)


def test_transcript_is_text_for_people(world: WorldFile) -> None:
    """An entry is stored as plain JSON with its own letters."""
    world.transcripts.append("v1", 0, 1, 2, None, {"says": "grüezi"})
    assert world.row("SELECT entry FROM transcript") == ('{"says":"grüezi"}',)


def test_second_snapshot_stores_changed_pages_only(world: WorldFile) -> None:
    """A page that any earlier snapshot had is not stored again."""
    pages = {number: page(number) for number in range(40)}
    first = world.heaps.save("v1", HeapImage("base", SIZE, pages))
    changed = {**pages, 3: page("new"), 63: page(5)}
    second = world.heaps.save("v1", HeapImage("base", SIZE, changed))
    other = world.heaps.save("v2", HeapImage("base", SIZE, changed))
    stats = world.heaps.stats(second)
    assert (stats.pages, stats.new_pages, stats.size) == (41, 1, SIZE)
    assert 0 < stats.new_bytes < HEAP_PAGE
    assert world.heaps.stats(first).new_pages == 40
    assert world.heaps.stats(other) == SnapshotStats(41, 0, 0, SIZE)
    assert world.row("SELECT count(*) FROM heap_pages") == (41,)
    assert world.heaps.load(first) == HeapImage("base", SIZE, pages)
    assert world.heaps.load(second) == world.heaps.load(other) == HeapImage("base", SIZE, changed)


def test_snapshot_id_is_its_content(world: WorldFile) -> None:
    """The same heap has the same id in any world, and a different one in any respect another."""
    image = HeapImage("base", SIZE, {0: page(0), 5: page(1)})
    ids = {
        world.heaps.save("v1", image),
        world.heaps.save("v1", HeapImage("base", SIZE, {5: page(1), 0: page(0)})),
    }
    assert len(ids) == 1
    with WorldFile.open(None) as other:
        other.heaps.save("v2", HeapImage("base", SIZE, {1: page(1)}))
        assert other.heaps.save("v1", image) in ids
    ids.add(world.heaps.save("v1", HeapImage("other", SIZE, image.pages)))
    ids.add(world.heaps.save("v1", HeapImage("base", SIZE * 2, image.pages)))
    ids.add(world.heaps.save("v1", HeapImage("base", SIZE, {0: page(0), 6: page(1)})))
    ids.add(world.heaps.save("v2", image))
    assert len(ids) == 5


@pytest.mark.parametrize(
    "image",
    [
        HeapImage("base", SIZE, {0: b"short"}),
        HeapImage("base", SIZE, {64: page(0)}),
        HeapImage("base", SIZE, {-1: page(0)}),
        HeapImage("base", SIZE + 1, {}),
        HeapImage("base", (1 << 32) + HEAP_PAGE, {}),
    ],
)
def test_impossible_heaps_are_not_stored(world: WorldFile, image: HeapImage) -> None:
    """A page of the wrong size or place, and a memory of no possible size, are refused."""
    with pytest.raises(ValueError, match="heap"):
        world.heaps.save("v1", image)


def test_altered_heaps_are_found(world: WorldFile) -> None:
    """A page, a map or a size that was altered is refused when the heap is loaded."""
    snapshot = world.heaps.save("v1", HeapImage("base", SIZE, {0: page(0)}))
    world.commit()
    other = zstandard.ZstdCompressor().compress(page("other"))
    for sql, params in (
        ("UPDATE heap_pages SET data = ?", (other,)),
        ("UPDATE heap_pages SET data = x'00'", ()),
        ("DELETE FROM heap_pages", ()),
        ("UPDATE snapshots SET base = 'other'", ()),
        ("UPDATE snapshots SET size = size * 2", ()),
        ("UPDATE snapshots SET size = -4096", ()),
        ("UPDATE snapshots SET pages = ?", (zstandard.ZstdCompressor().compress(b"abc"),)),
        ("DELETE FROM snapshots", ()),
    ):
        world.execute(sql, params)
        with pytest.raises(DamagedWorld):
            world.heaps.load(snapshot)
        world.rollback()
    assert world.heaps.load(snapshot).pages[0] == page(0)


def test_bombs_take_no_memory(world: WorldFile) -> None:
    """A blob that would unpack to a gigabyte is refused before any of it is unpacked."""
    snapshot = world.heaps.save("v1", HeapImage("base", SIZE, {0: page(0)}))
    sized = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 20))
    tracemalloc.start()
    try:
        for table, column in (("heap_pages", "data"), ("snapshots", "pages")):
            for bomb in (sized, unsized):
                world.execute(f"UPDATE {table} SET {column} = ?", (bomb,))
                with pytest.raises(DamagedWorld):
                    world.heaps.load(snapshot)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_bundles_answer_to_their_content(world: WorldFile) -> None:
    """A bundle's id is the hash of its canonical text, and altered code no longer answers to it."""
    parts = (("kind Purse", "\nclass Purse: ..."), ("bank", "# ä\n"))
    bundle = world.bundles.put(parts)
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    assert bundle == "b1-" + hashlib.sha512(text.encode()).hexdigest()
    assert world.bundles.put([list(part) for part in parts]) == bundle  # type: ignore[misc]
    assert world.bundles.put(parts[::-1]) != bundle
    assert world.bundles.get(bundle) == parts
    world.execute("UPDATE bundles SET source = replace(source, 'Purse', 'Thief')")
    with pytest.raises(DamagedWorld, match="was altered"):
        world.bundles.get(bundle)
    with pytest.raises(DamagedWorld, match="not in the file"):
        world.bundles.get("b1-0")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda frame: frame + b"x", id="more after it"),
        pytest.param(lambda frame: frame + frame, id="twice"),
        pytest.param(lambda frame: frame[:-1], id="cut short"),
        pytest.param(lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]), id="another last byte"),
    ],
)
def test_a_frame_is_what_was_packed_and_nothing_else(spoil: Callable[[bytes], bytes]) -> None:
    """What does not end where the content ends is damaged, even if it unpacks to the same."""
    content = bytes(range(256)) * 3 + bytes(200)
    assert decompress(compress(content), 1_000, "a page") == content
    with pytest.raises(DamagedWorld, match="a page"):
        decompress(spoil(compress(content)), 1_000, "a page")
