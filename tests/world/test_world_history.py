"""Going back, branching, labels and pruning."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from swingset.model.heap import HEAP_PAGE, HeapImage
from swingset.world import (
    DamagedWorld,
    HistoryBroken,
    LabelExists,
    UnknownCommit,
    UnknownLabel,
    WorldError,
    WorldFile,
)
from swingset.world.verifying import problems
from tests.meddling import altered
from tests.world.world_load import page, span

pytestmark = pytest.mark.usefixtures("unrecorded")

KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
TEXTS = st.sampled_from(["", "1", "2", "long" * 50])


def put(world: WorldFile, value: str, key: str = "a") -> int:
    """Write one row of state and commit it."""
    altered(world, "INSERT OR REPLACE INTO vatstore VALUES('v1', ?, ?)", (key, value))
    seq = world.commit()
    assert seq is not None
    return seq


def get(world: WorldFile, key: str = "a") -> str | None:
    """What `put` wrote."""
    row = world.row("SELECT value FROM vatstore WHERE key = ?", (key,))
    return row[0] if row else None


def test_two_checkpoints_both_resume(world: WorldFile) -> None:
    """An older checkpoint, then a newer one, then work on a branch: each is what it was."""
    put(world, "1")
    world.label("monday")
    put(world, "2")
    world.label("tuesday", "after the talk")
    world.goto(world.labelled("monday").seq)
    assert get(world) == "1"
    world.goto(world.labelled("tuesday").seq)
    assert get(world) == "2"
    world.goto(world.labelled("monday").seq)
    branch = put(world, "3")
    assert world.commits()[-1].parent == world.labelled("monday").seq
    world.goto(world.labelled("tuesday").seq)
    assert get(world) == "2"
    world.goto(branch)
    assert get(world) == "3"
    assert [(label.name, label.note) for label in world.labels()] == [
        ("monday", ""),
        ("tuesday", "after the talk"),
    ]


def test_labels_do_not_move_unasked(world: WorldFile) -> None:
    """A label names one commit until it is told to move or taken away."""
    world.label("start")
    put(world, "1")
    with pytest.raises(LabelExists, match="already names commit 0"):
        world.label("start")
    world.label("start", move=True)
    assert world.labelled("start").seq == 1
    world.unlabel("start")
    with pytest.raises(UnknownLabel, match="no label 'start'; it has none"):
        world.unlabel("start")
    with pytest.raises(WorldError, match="is no label"):
        world.label("  ")


def test_unknown_commit(world: WorldFile) -> None:
    """A commit that is not there leaves the world where it is."""
    put(world, "1")
    with pytest.raises(UnknownCommit, match="no commit 7"):
        world.goto(7)
    assert get(world) == "1"


def test_unique_columns_swap_and_return(world: WorldFile) -> None:
    """Rows that traded the values of a unique index are traded back, and forward again."""
    altered(world, "INSERT INTO clists VALUES('v1', 'ko1', 'o+1', 1)")
    altered(world, "INSERT INTO clists VALUES('v1', 'ko2', 'o+2', 1)")
    world.commit()
    before = world.digest()
    altered(world, "UPDATE clists SET vref = 'o+3' WHERE kref = 'ko1'")
    altered(world, "UPDATE clists SET vref = 'o+1' WHERE kref = 'ko2'")
    altered(world, "UPDATE clists SET vref = 'o+2' WHERE kref = 'ko1'")
    world.commit()
    after = world.digest()
    world.goto(1)
    assert world.digest() == before
    world.goto(2)
    assert world.digest() == after


def test_tampered_history_is_not_applied(world: WorldFile) -> None:
    """A changeset that does not fit names its table, and nothing of it is kept."""
    put(world, "1")
    put(world, "2")
    world.db.execute("UPDATE vatstore SET value = 'other'")
    world.rollback()
    before = world.digest()
    with pytest.raises(
        HistoryBroken, match="commit 2 cannot be undone: a row of vatstore holds other values"
    ):
        world.goto(0)
    assert (world.digest(), world.head) == (before, 2)


MISFITS = {
    "UPDATE vatstore SET value = 'other'": "a row of vatstore holds other values than it left",
    "DELETE FROM vatstore": "a row of vatstore is not there any more",
}


@pytest.mark.parametrize("tampering", MISFITS)
def test_a_row_that_does_not_fit_is_told_with_the_reason(world: WorldFile, tampering: str) -> None:
    """Going back over a row that was altered says what is wrong with it."""
    put(world, "1")
    put(world, "2")
    world.db.execute(tampering)
    world.rollback()
    with pytest.raises(HistoryBroken) as refused:
        world.goto(0)
    assert f"commit 2 cannot be undone: {MISFITS[tampering]}. The world stays" in str(refused.value)


def test_a_head_that_no_commit_has_is_found(world: WorldFile) -> None:
    """A world that stands at a commit that is missing has a problem of this name."""
    put(world, "1")
    world.head = 77
    assert [str(problem) for problem in problems(world)] == [
        "meta, head: it names commit 77, which is missing"
    ]


def test_changeset_of_foreign_tables_is_refused(world: WorldFile) -> None:
    """A changeset that would write anything but state is refused whole."""
    import apsw
    import zstandard

    put(world, "1")
    session = apsw.Session(world.db, "main")
    session.attach("meta")
    world.db.execute("UPDATE meta SET value = 'evil' WHERE key = 'software'")
    evil = zstandard.ZstdCompressor().compress(session.changeset())
    session.close()
    world.db.execute("UPDATE commits SET changeset = ? WHERE seq = 1", (evil,))
    with pytest.raises(HistoryBroken, match="'meta', which is not state"):
        world.goto(0)
    assert world.row("SELECT value FROM meta WHERE key = 'software'") == ("evil",)
    assert world.head == 1


def test_looping_history_is_refused(world: WorldFile) -> None:
    """Commits that name each other as parents are found out instead of walked for ever."""
    put(world, "1")
    put(world, "2")
    world.db.execute("UPDATE commits SET parent = 2 WHERE seq = 1")
    with pytest.raises(HistoryBroken, match="names 2 as the commit before"):
        world.goto(0)


def test_wrong_arrival_is_noticed(world: WorldFile) -> None:
    """A commit whose digest is known is only arrived at when the digest is right."""
    put(world, "1")
    world.label("proved")
    put(world, "2")
    world.db.execute("UPDATE commits SET digest = 'other' WHERE seq = 1")
    with pytest.raises(HistoryBroken, match="another digest"):
        world.goto(1)
    assert (world.head, get(world)) == (2, "2")


def test_prune_drops_only_the_unnamed(world: WorldFile) -> None:
    """Pruning keeps what head and labels need, bulk included, and drops the rest."""

    def commit(number: int, previous: str | None) -> str:
        last = world.transcripts.append("v1", 0, number, number, previous, number)
        heap = HeapImage("base", 16 * HEAP_PAGE, {0: page("same"), 1: page(number)})
        bundle = world.bundles.put([("bank", f"version = {number}")])
        span(world, number, last, world.heaps.save("v1", heap))
        # An upgrade that waits in the queue is all that names its bundle.
        altered(world, "INSERT OR REPLACE INTO queue VALUES(1, ?, null)", (f'["upgrade","{bundle}"]',))
        world.commit()
        return last

    first = commit(1, None)
    world.label("first")
    second = commit(2, first)
    commit(3, second)
    dropped = world.head
    world.goto(2)
    world.label("second")
    world.goto(1)
    commit(4, first)
    digest = world.digest()
    report = world.prune()
    assert (report.commits, report.entries, report.snapshots, report.pages, report.bundles) == (1, 1, 1, 1, 1)
    assert world.digest() == digest
    with pytest.raises(UnknownCommit):
        world.goto(dropped)
    for name, entries in (("first", [1]), ("second", [1, 2])):
        world.goto(world.labelled(name).seq)
        row = world.row("SELECT hash, snapshot FROM spans")
        item = world.row("SELECT item FROM queue")
        assert row is not None
        assert item is not None
        assert world.transcripts.read(row[0]) == entries
        assert world.heaps.load(row[1]).pages[1] == page(entries[-1])
        assert world.bundles.get(item[0].split('"')[3])[0][1] == f"version = {entries[-1]}"
    again = world.prune()
    assert again.commits == 1
    assert put(world, "new") > dropped + 1


class Histories(RuleBasedStateMachine):
    """Any order of writes, aborted cranks, commits, moves, labels, prunes and forks."""

    @initialize()
    def begin(self) -> None:
        """An empty world, and what is known of commit 0."""
        self.world = WorldFile.open(None)
        self.digests = {0: self.world.digest()}
        self.parents: dict[int, int | None] = {0: None}
        self.names: dict[str, int] = {}

    def write(self, how: int, key: str, text: str) -> None:
        """One of the ways in which the kernel writes rows."""
        if how == 0:
            altered(self.world, "INSERT OR REPLACE INTO vatstore VALUES('v1', ?, ?)", (key, text))
        elif how == 1:
            altered(self.world, "DELETE FROM vatstore WHERE key >= ?", (key,))
        elif how == 2:
            altered(self.world, "INSERT OR REPLACE INTO clists VALUES('v1', ?, ?, 1)", (key, text))
        elif how == 3:
            altered(
                self.world,
                "INSERT INTO counters VALUES(?, 1) ON CONFLICT(name) DO UPDATE SET value = value + 1",
                (key,),
            )
        elif how == 4:
            altered(self.world, "DELETE FROM clists")
        elif how == 5:
            self.world.execute("UPDATE OR REPLACE vatstore SET key = key || 'x' WHERE key = ?", (key,))
        elif how == 6:
            self.world.execute("UPDATE OR REPLACE clists SET vref = ? WHERE kref < ?", (text, key))
        else:
            altered(
                self.world,
                "INSERT OR REPLACE INTO promises VALUES(?, ?, NULL, 1, NULL, ?, NULL)",
                (key, text, text),
            )

    WRITES = st.lists(st.tuples(st.integers(0, 7), KEYS, TEXTS), max_size=6)

    @rule(writes=WRITES, keep=st.booleans())
    def crank(self, writes: list[tuple[int, str, str]], keep: bool) -> None:
        """A crank that is kept or undone."""
        before = self.world.digest()
        self.world.begin_crank()
        for write in writes:
            self.world.savepoint("inner")
            self.write(*write)
            self.world.release("inner")
        if keep:
            self.world.release_crank()
        else:
            self.world.rollback_crank()
            assert self.world.digest() == before

    @rule(digest=st.booleans())
    def commit(self, digest: bool) -> None:
        """A commit that may be empty."""
        head = self.world.head
        seq = self.world.commit(digest=digest)
        if seq is None:
            assert self.world.digest() == self.digests[head]
        else:
            assert seq not in self.digests
            self.digests[seq] = self.world.digest()
            self.parents[seq] = head

    @rule()
    def rollback(self) -> None:
        """Back to the head."""
        self.world.rollback()
        assert self.world.digest() == self.digests[self.world.head]

    @rule(data=st.data())
    def goto(self, data: st.DataObject) -> None:
        """To any commit of any branch."""
        self.world.rollback()
        seq = data.draw(st.sampled_from(sorted(self.digests)))
        self.world.goto(seq)
        assert self.world.digest() == self.digests[seq]

    @rule(name=KEYS)
    def label(self, name: str) -> None:
        """A name for where the world is."""
        self.world.rollback()
        self.world.label(name, move=True)
        self.names[name] = self.world.head

    @rule(name=KEYS)
    def unlabel(self, name: str) -> None:
        """One name less."""
        self.world.rollback()
        if name in self.names:
            self.world.unlabel(name)
            del self.names[name]

    @rule()
    def prune(self) -> None:
        """What is kept is what an end can be walked back from."""
        self.world.rollback()
        kept: set[int] = set()
        for end in (self.world.head, *self.names.values()):
            at: int | None = end
            while at is not None:
                kept.add(at)
                at = self.parents[at]
        assert self.world.prune().commits == len(self.digests) - len(kept)
        self.digests = {seq: digest for seq, digest in self.digests.items() if seq in kept}

    @precondition(lambda self: len(self.digests) > 1)
    @rule(writes=WRITES, data=st.data())
    def fork(self, writes: list[tuple[int, str, str]], data: st.DataObject) -> None:
        """A fork goes its own way and leaves this world alone."""
        before, head = self.world.digest(), self.world.head
        with self.world.fork() as twin:
            assert twin.digest() == before
            for seq in (*data.draw(st.lists(st.sampled_from(sorted(self.digests)), max_size=3)), twin.head):
                twin.goto(seq)
                assert twin.digest() == self.digests.get(seq, before)
            mine, self.world = self.world, twin
            for write in writes:
                self.write(*write)
            self.world = mine
            twin.commit()
        assert (self.world.digest(), self.world.head) == (before, head)

    @invariant()
    def labels_agree(self) -> None:
        """The file's labels are the known ones."""
        assert {label.name: label.seq for label in self.world.labels()} == self.names

    def teardown(self) -> None:
        """Each commit that was ever kept is still itself."""
        if hasattr(self, "world"):
            self.world.rollback()
            for seq, digest in self.digests.items():
                self.world.goto(seq)
                assert self.world.digest() == digest
            self.world.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


LARGE = 64 << 20


def test_a_changeset_is_unpacked_a_piece_at_a_time(path: Path) -> None:
    """Going back and forth over one that is large takes little memory of SQLite, however well it packed."""
    with WorldFile.open(path) as world:
        before = world.head
        for key in range(LARGE >> 20):
            altered(world, "INSERT INTO vatstore VALUES('v1', ?, ?)", (str(key), "x" * (1 << 20)))
        after = world.commit()
        assert after is not None
        assert world.history.changes(after).size > LARGE
        size = next(commit.size for commit in world.commits() if commit.seq == after)
        assert size < LARGE / 100
        resting = apsw.memory_used()
        apsw.memory_high_water(True)
        for target, count in ((before, 0), (after, LARGE >> 20)):
            world.goto(target)
            assert world.rows("SELECT count(*) FROM vatstore") == [(count,)]
        assert apsw.memory_high_water() - resting < LARGE / 4


def test_what_the_frame_of_a_changeset_says_is_what_it_holds(path: Path) -> None:
    """One that is cut, or longer than it says, is told of by its commit, and the world stays where it was."""
    with WorldFile.open(path) as world:
        first, last = put(world, "1"), put(world, "2" * 1000)
        packed = world.rows("SELECT changeset FROM commits WHERE seq = ?", (last,))[0][0]
        for spoilt in (packed[:-3], packed[:20], b"", b"no frame"):
            world.execute("UPDATE commits SET changeset = ? WHERE seq = ?", (spoilt, last))
            world.commit()
            with pytest.raises((DamagedWorld, HistoryBroken), match=f"commit {last}"):
                world.goto(first)
            assert get(world) == "2" * 1000
