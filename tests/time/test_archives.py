"""Archives: what each level has, what comes of unpacking one, and one vat alone."""

from __future__ import annotations

import sqlite3
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

import swingset
from swingset.command.cli import main
from swingset.host.worlds.opening import open_world
from swingset.world.archiving import LEVELS
from swingset.world.errors import DamagedWorld
from swingset.world.transcripts import Transcripts
from tests.time.packed import PARTS, SECRET, asked, make, taken_apart


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of confined vats, closed."""
    path = tmp_path_factory.mktemp("made") / "a.world"
    make(path, "wasm")
    return path


@pytest.fixture(scope="module")
def unpacked(made: Path) -> dict[str, Path]:
    """Worlds out of archives of every level."""
    found = {}
    for level in LEVELS:
        archive = made.with_name(f"{level}.swingset")
        swingset.export_archive(made, archive, level=level)
        found[level] = made.with_name(f"{level}.world")
        swingset.import_archive(archive, found[level])
    return found


def rows(path: Path, table: str) -> set[Any]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return set(db.execute(f"SELECT * FROM {table}"))


def copied(path: Path, folder: Path) -> Path:
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def test_each_level_has_all_of_the_one_before(unpacked: dict[str, Path], made: Path) -> None:
    """Operational is within replay, replay within archival, archival within debug, and debug is the file."""
    for table in ("transcript", "heap_pages", "snapshots", "bundles", "libraries"):
        found = [rows(unpacked[level], table) for level in LEVELS]
        assert all(less <= more for less, more in pairwise(found)), table
        assert found[-1] == rows(made, table)
    entries = [len(rows(unpacked[level], "transcript")) for level in LEVELS]
    assert entries == sorted(set(entries)), "each level has entries that the one before lacks"
    assert rows(unpacked["debug"], "commits") == rows(made, "commits")
    assert 2 < len(rows(unpacked["archival"], "commits")) < len(rows(made, "commits"))


@pytest.mark.parametrize("level", LEVELS)
def test_an_unpacked_world_is_sound_and_goes_on(
    unpacked: dict[str, Path], made: Path, level: str, tmp_path: Path
) -> None:
    """It has the same digests, passes verify before and after, and answers like the original."""
    with (
        open_world(copied(made, tmp_path)) as one,
        open_world(copied(unpacked[level], tmp_path)) as other,
    ):
        assert other.digest() == one.digest()
        assert other.history.activity_digest() == one.history.activity_digest()
        assert other.verify() == []
        for world in (one, other):
            assert asked(world, "bank", "deposit", "bob", 1) == 101
            assert asked(world, "shop", "calls") == [5]
        assert other.digest() == one.digest()
        assert other.verify() == []
        last = list(other.history.records())[-1]
        assert last.number == list(one.history.records())[-1].number


def test_what_a_level_leaves_out_is_named(unpacked: dict[str, Path], tmp_path: Path) -> None:
    """At the level operational, an incarnation cannot be repeated, and the error says where it begins."""
    with open_world(copied(unpacked["operational"], tmp_path)) as world:
        with pytest.raises(DamagedWorld, match="the transcript of vat v1 begins at position"):
            world.kernel.warehouse.verify(world.vats["bank"])
        with pytest.raises(swingset.WorldError, match="cannot be archived at the level replay"):
            swingset.export_archive(world, tmp_path / "more.swingset", level="replay")
        again = swingset.export_archive(world, tmp_path / "again.swingset")
    swingset.import_archive(again.path, tmp_path / "again.world")
    with open_world(copied(unpacked["replay"], tmp_path)) as world:
        assert world.kernel.warehouse.verify(world.vats["bank"])[0] > 3
        entries = rows(Path(world.path or ""), "transcript")
        swingset.export_archive(world, tmp_path / "all.swingset", level="archival")
    swingset.import_archive(tmp_path / "all.swingset", tmp_path / "all.world")
    assert rows(tmp_path / "all.world", "transcript") == entries
    assert not (tmp_path / "more.swingset").exists()


@pytest.mark.parametrize("to_images", [False, True])
def test_a_world_whose_past_was_cut_off_is_archived_as_it_is(
    made: Path, tmp_path: Path, to_images: bool
) -> None:
    """Levels with the past have what is left of it, and say where it begins."""
    with open_world(copied(made, tmp_path)) as world:
        world.history.prune(before=world.crank - 2, to_images=to_images)
        digest, records = world.digest(), list(world.history.records())
        for level in LEVELS:
            archive = tmp_path / f"{level}.swingset"
            if level == "replay" and to_images:
                with pytest.raises(swingset.WorldError, match="because it was pruned"):
                    swingset.export_archive(world, archive, level=level)
                continue
            swingset.export_archive(world, archive, level=level)
            swingset.import_archive(archive, tmp_path / f"{level}.world")
            swingset.export_archive(world, tmp_path / f"{level}-bank.swingset", level=level, vat="bank")
            swingset.import_archive(tmp_path / f"{level}-bank.swingset", tmp_path / f"{level}-bank.world")
    for level in ("archival", "debug"):
        with open_world(tmp_path / f"{level}.world", look_only=True) as world:
            assert (world.digest(), list(world.history.records())) == (digest, records)
            assert world.verify() == []


@pytest.mark.parametrize("level", ["archival", "debug"])
def test_the_past_comes_with_it(unpacked: dict[str, Path], level: str, tmp_path: Path) -> None:
    """An archive with its past goes back to its checkpoints, heap images included."""
    with open_world(copied(unpacked[level], tmp_path)) as world:
        assert len(list(world.history.records())) > 10
        world.history.go_back("early")
        assert asked(world, "bank", "calls") == [1]
        assert asked(world, "gone", "calls") == [1]


def test_an_archive_depends_on_the_world_alone(made: Path, tmp_path: Path) -> None:
    """The same commit makes the same bytes, from a path or from an open world, which stays as it was."""
    before = made.read_bytes()
    first = swingset.export_archive(made, tmp_path / "1.swingset", level="debug")
    assert made.read_bytes() == before
    with open_world(copied(made, tmp_path)) as world:
        digest, head = world.digest(), world.history.head
        second = swingset.export_archive(world, tmp_path / "2.swingset", level="debug")
        assert (world.digest(), world.history.head) == (digest, head)
    assert first.id == second.id
    assert (tmp_path / "1.swingset").read_bytes() == (tmp_path / "2.swingset").read_bytes()


def test_a_world_that_another_program_writes_can_be_archived(made: Path, tmp_path: Path) -> None:
    """Its path is enough: the archive is of the last commit."""
    with open_world(copied(made, tmp_path)) as world:
        world.queue_to_root("bank", "calls", policy="none")
        path = world.path
        assert path is not None
        archive = swingset.export_archive(path, tmp_path / "a.swingset")
        assert archive.digest != world.digest()
        assert archive.commit == world.history.head


def test_files_that_are_there_are_kept(made: Path, tmp_path: Path) -> None:
    """Neither an archive nor a world is ever written over."""
    made_archive = swingset.export_archive(made, tmp_path / "a.swingset")
    (tmp_path / "b").write_text("mine")
    for act in (
        lambda: swingset.export_archive(made, tmp_path / "b"),
        lambda: swingset.import_archive(made_archive.path, tmp_path / "b"),
    ):
        with pytest.raises(swingset.WorldError, match="exists already"):
            act()
    with pytest.raises(swingset.WorldMissing, match="there is no archive"):
        swingset.import_archive(tmp_path / "none", tmp_path / "c.world")
    with pytest.raises(swingset.KernelError, match="is no level"):
        swingset.export_archive(made, tmp_path / "c", level="all")  # type: ignore[arg-type]
    assert (tmp_path / "b").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.swingset", "b"]


@pytest.mark.parametrize("left", [b"", b"swing", b"swingset archive 1\nand no more"])
def test_what_a_crash_left_is_overwritten(made: Path, tmp_path: Path, left: bytes) -> None:
    """The draft of an archive is made again, and that of a world too; nothing else is deleted."""
    (tmp_path / "a.swingset-new").write_bytes(left)
    swingset.export_archive(made, tmp_path / "a.swingset")
    (tmp_path / "b.world-new").write_bytes(b"" if left == b"" else made.read_bytes())
    swingset.import_archive(tmp_path / "a.swingset", tmp_path / "b.world")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.swingset", "b.world"]
    (tmp_path / "c.swingset-new").write_bytes(b"mine")
    with pytest.raises(swingset.WorldError, match="is in the way"):
        swingset.export_archive(made, tmp_path / "c.swingset")
    assert (tmp_path / "c.swingset-new").read_bytes() == b"mine"


# One vat


@pytest.mark.parametrize("level", LEVELS)
def test_a_vat_alone_goes_on_without_the_others(made: Path, level: Any, tmp_path: Path) -> None:
    """It keeps its store and its heap; what it refers to is there, and has ended."""
    alone = swingset.export_archive(made, tmp_path / "bank.swingset", level=level, vat="bank")
    swingset.import_archive(alone.path, tmp_path / "bank.world")
    with open_world(tmp_path / "bank.world") as world:
        assert [vat.name for vat in world.vats] == ["bank"]
        assert world.vats["bank"].state == "suspended"
        assert "archived alone" in (world.vats["bank"].reason or "")
        world.vats.resume("bank")
        assert asked(world, "bank", "calls") == [10, 100]
        assert "left in the world of which this one was made" in asked(world, "bank", "ask_known")
        assert world.verify() == []


def test_a_vat_alone_takes_nothing_of_the_others(made: Path, tmp_path: Path) -> None:
    """Neither code, nor store, nor transcript of another vat is in its archive."""
    swingset.export_archive(made, tmp_path / "bank.swingset", level="debug", vat="bank")
    metadata, artifacts = taken_apart(tmp_path / "bank.swingset")
    content = b"".join(artifacts.values())
    assert b"a secret of the shop" in SECRET.encode()
    assert b"a secret of the shop" not in content
    assert b"carol" not in content
    assert b"bob" in content
    assert (metadata.vat, metadata.vat_id) == ("bank", "v1")
    assert b"history/commits" not in metadata.text()


def test_a_vat_that_cannot_be_alone_is_refused(tmp_path: Path) -> None:
    """A vat of a notebook has no code to archive, and a vat that is not there has none either."""
    with open_world(worker="local") as world:
        swingset.Session(world)
        with pytest.raises(swingset.KernelError, match="lives in its host's interpreter"):
            swingset.export_archive(world, tmp_path / "a.swingset", vat="notebook")
        with pytest.raises(swingset.NoSuchVat):
            swingset.export_archive(world, tmp_path / "a.swingset", vat="bank")


def test_a_critical_vat_and_a_message_that_must_not_fail_do_not_stop_it(tmp_path: Path) -> None:
    """That others end in the fork is no accident of the world."""
    make(tmp_path / "a.world")
    with open_world(tmp_path / "a.world", worker="local") as world:
        world.create_vat("vital", world.vats.parts("bank"), options={"critical": True})
        world.queue_to_root("shop", "calls", policy="panic")
        world.queue.pause()
        alone = swingset.export_archive(world, tmp_path / "bank.swingset", vat="bank")
        assert world.queue.panic is None
        assert "vital" in world.vats
    swingset.import_archive(alone.path, tmp_path / "b.world")
    with open_world(tmp_path / "b.world", worker="local") as world:
        assert world.queue.panic is None


# Memory


def test_memory_does_not_grow_with_the_bulk(tmp_path: Path) -> None:
    """20 MB of transcripts and 20 MB of state are packed and unpacked with a few pieces in memory."""
    with open_world(tmp_path / "a.world", worker="local") as world:
        world.create_vat("bank", PARTS)
        vat = world.vats["bank"].id
        store, text = world.kernel.store, "x" * 50_000
        with world.kernel.request("syscall", vat=vat, syscall=["large"]):
            for number in range(400):
                store.vatstore.set(vat, f"key.{number}", f"{number}{text}")
            store.holdings.change(vat, store.holdings.counted(vat) - store.holdings.of(vat))
            span = store.vats.span(vat)
            for number in range(400):
                entry = {"position": span.position, "delivery": ["x"], "syscalls": [], "computrons": None}
                entry["delivery"] = ["x", f"{number}{text}"]
                last = _append(world.world.transcripts, vat, span, entry)
                span = span.after(last, 0)
            store.vats.save_span(span)
        world.commit()
    peaks = []
    for act in (
        lambda: swingset.export_archive(tmp_path / "a.world", tmp_path / "a.swingset", level="replay"),
        lambda: swingset.import_archive(tmp_path / "a.swingset", tmp_path / "b.world"),
    ):
        apsw.memory_high_water(True)
        before = apsw.memory_used()  # of the worlds of other tests
        tracemalloc.start()
        act()
        peaks.append(tracemalloc.get_traced_memory()[1] + apsw.memory_high_water() - before)
        tracemalloc.stop()
    assert (tmp_path / "b.world").stat().st_size > 40_000_000
    assert max(peaks) < 28_000_000, peaks
    assert peaks[0] < 12_000_000, peaks


def _append(transcripts: Transcripts, vat: str, span: Any, entry: dict[str, Any]) -> str:
    return transcripts.append(vat, span.incarnation, span.position, 1, span.hash, entry)


# The command


def test_the_command_packs_and_unpacks(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset archive` and `swingset unpack` say what they made, and refuse another archive."""
    archive, world = str(tmp_path / "a.swingset"), str(tmp_path / "b.world")
    assert main(["archive", str(made), archive, "--level", "replay"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("replay archive, commit")
    found = said.split()[-1]
    assert main(["unpack", archive, world, "--expect", "0" * 64]) == 1
    assert "it is another archive" in capsys.readouterr().err
    assert main(["unpack", archive, world, "--most", "1000"]) == 1
    assert "at most 1,000 are allowed" in capsys.readouterr().err
    assert not Path(world).exists()
    assert main(["unpack", archive, world, "--expect", found]) == 0
    assert capsys.readouterr().out == said
    assert main(["archive", str(made), str(tmp_path / "bank.swingset"), "--vat", "bank"]) == 0
    assert "operational archive of vat bank alone" in capsys.readouterr().out
