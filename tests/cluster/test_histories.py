"""A history that is replayed in slices: what they say together is what one replay says, to the word."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import swingset
from swingset.cluster import verify_history, verify_worlds
from swingset.host.base.engines import WorkerKind
from swingset.time.replaying.replay import Replayed, Replaying
from swingset.time.replaying.slices import SliceReplayed, joined, replay_slice, slices_of
from swingset.time.replaying.verification import Depth
from swingset.world.codec import Unpacking, compress
from swingset.world.errors import HistoryBroken
from swingset.world.file import WorldFile
from swingset.world.history import History as Commits
from swingset.world.record_lines import MOST_RECORDS, lines
from swingset.world.seals import Sealed, commit_seal
from tests.cluster.test_sweeps import BANK
from tests.core.test_random_histories import History

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    def __init__(self):
        self.count = 0

    def up(self, by: int) -> int:
        self.count += by
        return self.count

    def look_outside(self) -> int:
        import time

        return time.time_ns()

def build_root_object():
    return Counter()
"""


def counted(path: Path, worker: WorkerKind = "local", asked: int = 5) -> Path:
    """A world whose counter has counted, each time in a commit of its own, with an image on the way."""
    with swingset.open_world(path, worker=worker) as world:
        world.create_vat("counter", (("counter", COUNTER),))
        for by in range(asked):
            kref = world.queue_to_root("counter", "up", [by])
            world.run()
            world.release(kref or "")
            if by == 1:
                world.checkpoint("on the way")
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counted(tmp_path_factory.mktemp("worlds") / "a.world")


def verified(path: Path, depth: Depth) -> swingset.Verified:
    with swingset.open_world(path, look_only=True) as world:
        return swingset.verify(world, depth)


@pytest.mark.parametrize("slices", [1, 2, 3, 100])
def test_a_sound_history_is_sound_in_slices(slices: int, sound: Path) -> None:
    """However many slices there are, nothing is found, all is repeated, and each crank is in one slice."""
    came: list[SliceReplayed] = []
    told: list[tuple[int, int]] = []
    given: dict[str, Any] = {"processes": 0, "slices": slices, "each": came.append}
    found = verify_history(sound, 3, progress=lambda *done: told.append(done), **given)
    assert found == verified(sound, 3)
    assert found.ok
    with WorldFile.look(sound) as world:
        whole = replayed_whole(world)
        assert joined(came) == whole
    assert [each.slice.number for each in came] == list(range(len(came)))
    assert 1 <= len(came) <= slices
    assert (slices < 100) == (len(came) == slices)
    assert sum(each.slice.cranks for each in came) == whole.cranks
    assert told == [(done, len(came)) for done in range(len(came) + 1)]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_each_depth_says_what_it_says_serially(depth: Depth, sound: Path, processes: Any) -> None:
    """In other processes too, for a file and for an open world; a shallow look needs no slices."""
    if depth < 4:  # its vats are local, and run only where the open world is given
        for given in ({"processes": 0}, {"client": processes}):
            assert verify_history(sound, depth, slices=3, **given) == verified(sound, depth)
    with swingset.open_world(sound, worker="local") as world:
        assert verify_history(world, depth, slices=3, client=processes) == swingset.verify(world, depth)


def test_confined_vats_come_back_from_their_images(processes: Any, tmp_path: Path) -> None:
    """A slice begins with an image where there is one, and the vats go on from there to the same records."""
    path = counted(tmp_path / "a.world", "wasm", 8)
    came: list[SliceReplayed] = []
    for given in ({"processes": 0}, {"client": processes}):
        with swingset.open_world(path) as world:
            found = verify_history(world, 4, slices=2, each=came.append, **given)
            assert found == swingset.verify(world, 4)
        assert found.ok, found
    with WorldFile.look(path) as file:
        (seq,) = {each.slice.begin for each in came} - {0}
        assert any(seq == label.seq for label in file.history.labels())


def replayed_whole(world: WorldFile) -> Replayed:
    with world.fork() as source:
        replaying = Replaying(source, None)
        try:
            return replaying.run()
        finally:
            replaying.close()


def replayed_in_slices(world: WorldFile, most: int) -> Replayed:
    found = []
    for wanted in reversed(slices_of(world, most)):
        with world.fork() as source:
            found.append(replay_slice(source, None, wanted))
    return joined(found)


# Faults, each planted in each commit in turn, with new seals, so that only a replay can find them.

Records = list[dict[str, Any]]


def other_computrons(records: Records) -> None:
    next(record for record in records if "outcome" in record)["computrons"] = 7


def other_row(records: Records) -> None:
    row = next(row for record in records for row in record.get("rows", ()) if row[0] == "counters")
    row[1][1] += 1


def other_outcome(records: Records) -> None:
    next(record for record in records if "outcome" in record)["outcome"] = "dropped"


def no_such_verb(records: Records) -> None:
    next(record for record in records if "do" in record)["do"] = "explode"


def other_request(records: Records) -> None:
    next(record for record in records if "do" in record)["with"] = {"kref": "ko1"}


def left_out(records: Records) -> None:
    if len(records) < 2:
        raise IndexError  # a commit without records is taken over as it is
    records.pop()


def doubled(records: Records) -> None:
    at = next(place for place, record in enumerate(records) if "do" in record)
    records.insert(at, records[at])


def other_transcript(records: Records) -> None:
    record = next(record for record in records if record.get("transcripts"))
    record["transcripts"] = dict.fromkeys(record["transcripts"], "00")


FAULTS: list[Callable[[Records], None]] = [
    *(other_computrons, other_row, other_outcome, no_such_verb, other_request, left_out, doubled),
    other_transcript,
]


def planted(path: Path, seq: int, fault: Callable[[Records], None]) -> bool:
    """Plant a fault in the records of a commit, and seal all commits anew; returns whether it had a place."""
    with closing(sqlite3.connect(path)) as db, db:
        (packed,) = db.execute("SELECT records FROM commits WHERE seq = ?", (seq,)).fetchone()
        records = [json.loads(line) for line in lines(Unpacking(packed, MOST_RECORDS, "records"))]
        try:
            fault(records)
        except (StopIteration, IndexError):
            return False
        text = "\n".join(json.dumps(record) for record in records)
        db.execute("UPDATE commits SET records = ? WHERE seq = ?", (compress(text.encode()), seq))
        before = None
        columns = "seq, parent, crank, record, note, changeset, records"
        for row in db.execute(f"SELECT {columns} FROM commits ORDER BY seq").fetchall():
            before = commit_seal(before, Sealed(*row))
            db.execute("UPDATE commits SET seal = ? WHERE seq = ?", (before, row[0]))
        db.execute("DELETE FROM labels")
    with closing(apsw.Connection(str(path))) as again, again:
        Commits(again, "a test").seal_names()
    return True


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
def test_a_fault_in_any_slice_is_named_as_one_replay_names_it(
    fault: Callable[[Records], None], sound: Path, tmp_path: Path
) -> None:
    """The record, the vat, what came and what was recorded; what came before it is counted alike."""
    with WorldFile.look(sound) as world:
        commits = [commit.seq for commit in world.commits() if commit.seq]
    found = set[int]()
    for seq in commits:
        path = tmp_path / f"{seq}.world"
        path.write_bytes(sound.read_bytes())
        if not planted(path, seq, fault):
            continue
        with WorldFile.look(path) as world:
            whole = replayed_whole(world)
            assert whole.difference is not None, (fault, seq)
            assert replayed_in_slices(world, 3) == whole, (fault, seq)
        found.add(seq)
    assert len(found) >= len(commits) // 3


def test_a_sealed_fault_is_found_by_the_public_call(sound: Path, tmp_path: Path) -> None:
    """A history that was altered together with its seals passes the look at the file, and not the slices."""
    path = tmp_path / "b.world"
    path.write_bytes(sound.read_bytes())
    assert any(planted(path, seq, other_computrons) for seq in range(5, 12))
    found = verify_history(path, 3, processes=0)
    assert found == verified(path, 3)
    assert found.difference is not None
    assert (found.problems, found.difference.what) == ((), "computrons")


@pytest.mark.parametrize("at", range(1, 7))
def test_a_vat_that_saw_its_host_is_named(at: int, tmp_path: Path) -> None:
    """A full replay in slices names the crank in which a local vat asked for the time, in any slice."""
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        world.create_vat("counter", (("counter", COUNTER),))
        for number in range(1, 7):
            method, args = ("look_outside", []) if number == at else ("up", [number])
            world.queue_to_root("counter", method, args)
            world.run()
        whole = swingset.replay(world, full=True)
        assert whole.difference is not None
        found = verify_history(world, 4, processes=0, slices=3)
        assert found.difference is not None
        told, wanted = vars(found.difference), vars(whole.difference)
        assert {**told, "came": ""} == {**wanted, "came": ""}, "the time is another each time"


def test_slices_that_do_not_meet_are_a_difference(sound: Path) -> None:
    """If a slice ends in another state than that with which the next begins, their commit is named."""
    with WorldFile.look(sound) as world:
        first, second = slices_of(world, 2)
        found = []
        for wanted in (first, second):
            with world.fork() as source:
                found.append(replay_slice(source, None, wanted))
        assert joined(found).ok
        apart = SliceReplayed(**{**vars(found[1]), "begins": "other"})
        difference = joined([apart, found[0]]).difference
        assert difference is not None
        assert (difference.commit, difference.came) == (first.end, "other")
        with world.fork() as source, pytest.raises(HistoryBroken, match="does not lead to"):
            replay_slice(source, None, type(first)(0, 10_000, second.end, 1))


def test_a_world_that_has_gone_on_meanwhile_is_refused(sound: Path) -> None:
    """A slice of another moment of the file is not taken for one of this."""
    from swingset.cluster.histories import play_slice

    with WorldFile.look(sound) as world:
        (wanted,) = slices_of(world, 1)
        with pytest.raises(HistoryBroken, match="verify it again"):
            play_slice(str(sound), (world.head, "another seal"), False, wanted)


def in_slices(seed: int, steps: int) -> None:
    history = History(seed, steps)
    history.everybody_lets_go()
    history.world.commit()
    assert replayed_in_slices(history.world, 1_000) == replayed_whole(history.world)


@pytest.mark.parametrize("seed", range(4))
def test_a_random_history_is_replayed_commit_by_commit(seed: int) -> None:
    """Crashes, upgrades and evictions at random: a slice can begin at any commit."""
    in_slices(seed, 120)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_five_hundred_random_histories_are_replayed_commit_by_commit(block: int) -> None:
    """The same for histories of other lengths and other chance."""
    for seed in range(5_000 + 50 * block, 5_050 + 50 * block):
        in_slices(seed, 60 + seed % 120)


def test_local_vats_of_a_path_are_no_difference(tmp_path: Path) -> None:
    """They are not run, and that is said in words, with what to do; the open world is verified."""
    path = tmp_path / "local.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", [("bank", BANK)])
    wanted = 'open it with worker="local", and give the open world'
    with pytest.raises(swingset.KernelError, match=wanted):
        verify_history(path, 4, processes=0)
    (checked,) = verify_worlds(path, 4, processes=0)  # one path is one world
    assert checked.path == str(path)
    assert wanted in checked.problems[0]
    assert wanted in repr(checked)
    assert verify_history(path, 3, processes=0).ok
    with swingset.open_world(path, worker="local") as world:
        assert verify_history(world, 4, processes=0).ok


@pytest.mark.parametrize("depth", [0, 5, 9, True, "4", None])
def test_a_depth_that_there_is_not_is_refused(tmp_path: Path, depth: Any) -> None:
    """The error says which there are, and what each checks."""
    with swingset.open_world(None, worker="local") as world:
        for check in (swingset.verify, verify_history):
            with pytest.raises(swingset.KernelError, match=r"say 1, 2, 3 or 4.* 4 that the vats repeat"):
                check(world, depth)
    with pytest.raises(swingset.KernelError, match="there is no depth"):
        verify_worlds([tmp_path], depth, processes=0)
