"""Faults that are planted in the way from a crank to the disk, and that crashing everywhere has to find.

A harness that finds nothing shows something only if it can find. Each fault is a slip that somebody could
make, and is a line here: what is replaced, and how the scenario is crashed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import apsw
import pytest

from swingset.core.errors import KernelError
from swingset.core.warehouse import Warehouse
from swingset.host.base import outputs
from swingset.host.base.opened import Opened
from swingset.host.base.outputs import WaitingOutputs
from swingset.testing import crash_everywhere
from swingset.testing.crashing import CrashMode
from swingset.testing.lives import Act
from swingset.world import opening, paths, whole
from swingset.world import prune as pruning
from swingset.world.edge import at_the_edge
from swingset.world.errors import WorldError
from swingset.world.file import WorldFile
from swingset.world.held import Held
from swingset.world.history import History
from swingset.world.journal import Journal
from swingset.world.labels import Labels
from swingset.world.memory import Memory
from swingset.world.objects import Objects
from swingset.world.queues import Queues
from swingset.world.transcripts import Transcripts
from swingset.world.vats import Vats
from tests.crash import scenarios
from tests.crash.scenarios import BANK, COUNTER, V2, ask, back, make, point, prune, refused, send, upgrade

pytestmark = pytest.mark.unaudited

Patch = pytest.MonkeyPatch

PAID: list[Act] = [make("bank", BANK), ask("bank", "pay", 1), ask("bank", "pay", 2)]
COUNTED: list[Act] = [make("count", COUNTER), ask("count", "up"), ask("count", "up")]
UPGRADED: list[Act] = [make("bank", BANK), ask("bank", "pay", 1), upgrade("bank", V2), ask("bank", "pay", 2)]
REFUSED: list[Act] = [make("bank", BANK), ask("bank", "pay", 1), refused("bank", "1 / 0")]
WENT_BACK: list[Act] = [
    make("bank", BANK), point("one"), ask("bank", "pay", 1), back("one"), ask("bank", "pay", 2),
]  # fmt: skip
PRUNED: list[Act] = [*WENT_BACK, prune, ask("bank", "pay", 3)]
SENT: list[Act] = [make("bank", BANK), send("bank", "pay", 1), scenarios.run]


# The disk


def synchronous(level: str) -> Callable[[Patch], None]:
    """Have SQLite sync less."""

    def plant(patch: Patch) -> None:
        really = opening.on_disk

        def on_disk(path: str) -> apsw.Connection:
            db = really(path)
            db.execute(f"PRAGMA synchronous={level}")
            return db

        patch.setattr(opening, "on_disk", on_disk)

    return plant


def no_sync_of_folders(patch: Patch) -> None:
    patch.setattr(paths, "sync_folder", lambda _: None)


def no_sync_of_a_new_file(patch: Patch) -> None:
    def write_new(path: str, image: bytes) -> None:
        with open(path + "-new", "wb") as file:
            file.write(whole.unmarked(image, 2))
        os.replace(path + "-new", path)
        paths.sync_folder(path)

    patch.setattr(opening, "write_new", write_new)


def no_sync_of_the_mark(patch: Patch) -> None:
    patch.setattr(whole.Folding, "settle", lambda self: self.fold())


def a_fold_that_does_not_sync(patch: Patch) -> None:
    really = whole.Folding.fold

    def fold(self: Any) -> bool:
        self._db.execute("PRAGMA synchronous=OFF")
        try:
            return really(self)
        finally:
            self._db.execute("PRAGMA synchronous=FULL")

    patch.setattr(whole.Folding, "fold", fold)


# Commits


def a_commit_that_is_pretended(patch: Patch) -> None:
    really = WorldFile._make_durable

    def make_durable(self: WorldFile) -> None:
        if self.head != 2:
            really(self)

    patch.setattr(WorldFile, "_make_durable", make_durable)


def acknowledged_before_the_commit(patch: Patch) -> None:
    really = WorldFile._make_durable

    def make_durable(self: WorldFile) -> None:
        self.step("after-commit")
        really(self)

    patch.setattr(WorldFile, "_make_durable", make_durable)


def committed_in_two_parts(patch: Patch) -> None:
    really = Memory.flush_all

    def flush_all(self: Memory) -> None:
        really(self)
        db = self._world.db
        if db.in_transaction and not self._levels:
            db.execute("COMMIT")
            db.execute("BEGIN IMMEDIATE")

    patch.setattr(Memory, "flush_all", flush_all)


def half_an_upgrade_is_durable(patch: Patch) -> None:
    really = Vats.save

    def save(self: Vats, vat: Any) -> None:
        really(self, vat)
        if vat.incarnation > 0:
            self._world.memory.flush_all()
            self._world.db.execute("COMMIT")
            self._world.db.execute("BEGIN IMMEDIATE")

    patch.setattr(Vats, "save", save)


def an_event_is_taken_for_good(patch: Patch) -> None:
    really = Queues.take

    def take(self: Queues, seq: int) -> None:
        really(self, seq)
        db = self._world.db
        if db.execute("SELECT count(*) FROM queue WHERE seq = ?", (seq,)).fetchone() != (0,):
            db.execute("DELETE FROM queue WHERE seq = ?", (seq,))
            db.execute("COMMIT")
            db.execute("BEGIN IMMEDIATE")

    patch.setattr(Queues, "take", take)


def the_head_is_not_moved(patch: Patch) -> None:
    patch.setattr(History, "stand_at", lambda *_: None)


def a_commit_without_its_changes(patch: Patch) -> None:
    really = History.record

    def record(self: History, parent: int, changes: bytes, *rest: Any) -> int:
        return really(self, parent, b"" if parent == 1 else changes, *rest)

    patch.setattr(History, "record", record)


def records_out_of_order(patch: Patch) -> None:
    patch.setattr(Journal, "plain", lambda self: b"\n".join(reversed(self._lines)))


def a_label_that_waits_for_the_next_commit(patch: Patch) -> None:
    def label(self: WorldFile, name: str, note: str = "", *, move: bool = False) -> Any:
        self._settle("label the head")
        found = self._labels.put(name, note, move=move)
        self.step("after-commit")
        return found

    patch.setattr(WorldFile, "label", label)


def a_label_of_no_digest(patch: Patch) -> None:
    really = Labels.put

    def put(self: Labels, name: str, note: str, *, move: bool) -> Any:
        found = really(self, name, note, move=move)
        self._world.execute("UPDATE commits SET digest = NULL")
        return found

    patch.setattr(Labels, "put", put)


def going_back_is_not_durable(patch: Patch) -> None:
    really = WorldFile.goto

    @at_the_edge
    def goto(self: WorldFile, seq: int) -> None:
        durable = self._make_durable
        self._make_durable = lambda: None  # type: ignore[method-assign]
        try:
            really(self, seq)
        finally:
            self._make_durable = durable  # type: ignore[method-assign]
        self._in_run = True

    patch.setattr(WorldFile, "goto", goto)


def a_prune_that_drops_code(patch: Patch) -> None:
    really = pruning._keep
    patch.setattr(
        pruning,
        "_keep",
        lambda world, table, key, wanted: really(world, table, key, set() if table == "bundles" else wanted),
    )


# Outputs


def outputs_before_the_commit(patch: Patch) -> None:
    really = Opened.commit

    def commit(self: Opened, note: str = "") -> int | None:
        self.outputs.release()
        return really(self, note)

    patch.setattr(Opened, "commit", commit)


def outputs_as_they_come(patch: Patch) -> None:
    really = WaitingOutputs.collect

    def collect(self: WaitingOutputs, report: Any) -> None:
        really(self, report)
        self.release()

    patch.setattr(WaitingOutputs, "collect", collect)


def outputs_that_stay(patch: Patch) -> None:
    really = WaitingOutputs.drop
    kept: list[outputs.Output] = []

    def drop(self: WaitingOutputs) -> None:
        first = self._waiting[:1]
        really(self)
        kept.extend(first)
        if len(kept) == 2:
            self._waiting = kept[:1]

    patch.setattr(WaitingOutputs, "drop", drop)


def outputs_of_a_failed_commit(patch: Patch) -> None:
    really = WaitingOutputs.drop

    def drop(self: WaitingOutputs) -> None:
        if self._waiting and not self._listeners:
            really(self)

    released = WaitingOutputs.release

    def release(self: WaitingOutputs) -> list[outputs.Output]:
        found = released(self)
        really(self)
        return found

    patch.setattr(WaitingOutputs, "drop", drop)
    patch.setattr(WaitingOutputs, "release", release)


# Memory


def a_rollback_that_forgets_a_count(patch: Patch) -> None:
    really = Held.restore

    def restore(self: Held, key: Any, before: Any) -> None:
        if self.table.name != "objects" or before is None:
            really(self, key, before)

    patch.setattr(Held, "restore", restore)


def workers_that_have_seen_more(patch: Patch) -> None:
    patch.setattr(Warehouse, "discard_all", lambda _: None)


def memory_that_has_seen_more(patch: Patch) -> None:
    patch.setattr(Memory, "forget", lambda self: self._levels.clear())


def a_failed_commit_that_stays_open(patch: Patch) -> None:
    patch.setattr(WorldFile, "rollback", lambda _: None)


# What comes back


def an_opening_that_counts(patch: Patch) -> None:
    really = Opened.__init__

    def init(self: Opened, *given: Any) -> None:
        really(self, *given)
        if self.kernel.store.counters.get("crank") > 1:
            with self.kernel.request("pause", paused=False):
                self.kernel.store.counters.take("crank", 0)

    patch.setattr(Opened, "__init__", init)


def an_opening_that_drops_what_waits(patch: Patch) -> None:
    really = Opened.__init__

    def init(self: Opened, *given: Any) -> None:
        really(self, *given)
        queues = self.kernel.store.queues
        with self.kernel.request("pause", paused=False):
            for queued in queues.all():
                queues.take(queued.seq)

    patch.setattr(Opened, "__init__", init)


def a_reference_that_is_not_counted_again(patch: Patch) -> None:
    really = Opened.__init__

    def init(self: Opened, *given: Any) -> None:
        really(self, *given)
        objects = Objects(self.world)
        for record in list(objects.all()):
            with self.kernel.request("pause", paused=False):
                objects.count(record.kref, 0, 1)

    patch.setattr(Opened, "__init__", init)


def a_transcript_with_a_gap(patch: Patch) -> None:
    really = Transcripts.append

    def append(self: Transcripts, *given: Any) -> str:
        found = really(self, *given)
        if given[2] == 2:
            self._pile.waiting.pop(found, None)
        return found

    patch.setattr(Transcripts, "append", append)


def a_transcript_that_says_otherwise(patch: Patch) -> None:
    really = Transcripts.deliveries

    def deliveries(self: Transcripts, *given: Any) -> list[dict[str, Any]]:
        found = really(self, *given)
        return [*found[:-2], *reversed(found[-2:])]

    patch.setattr(Transcripts, "deliveries", deliveries)


class Planted(NamedTuple):
    """A fault: how it is planted, what is done, and what happens to it."""

    plant: Callable[[Patch], None]
    scenario: list[Act]
    modes: tuple[CrashMode, ...]
    quick: bool = False


PLANTED: dict[str, Planted] = {
    "no sync at all": Planted(synchronous("OFF"), PAID, ("tear",), True),
    "no sync of the log": Planted(synchronous("NORMAL"), PAID, ("tear",)),
    "no sync of folders": Planted(no_sync_of_folders, PAID, ("tear",)),
    "no sync of a new file": Planted(no_sync_of_a_new_file, PAID, ("tear",)),
    "no sync of the mark": Planted(no_sync_of_the_mark, PAID, ("tear",), True),
    "a fold that does not sync": Planted(a_fold_that_does_not_sync, PAID, ("tear",)),
    "a commit that is pretended": Planted(a_commit_that_is_pretended, PAID, ("raise",), True),
    "acknowledged before the commit": Planted(acknowledged_before_the_commit, PAID, ("raise", "kill"), True),
    "committed in two parts": Planted(committed_in_two_parts, PAID, ("raise",)),
    "half an upgrade is durable": Planted(half_an_upgrade_is_durable, UPGRADED, ("raise",)),
    "an event is taken for good": Planted(an_event_is_taken_for_good, SENT, ("raise",)),
    "the head is not moved": Planted(the_head_is_not_moved, PAID, ("raise",)),
    "a commit without its changes": Planted(a_commit_without_its_changes, PAID, ("raise",)),
    "records out of order": Planted(records_out_of_order, UPGRADED, ("raise",)),
    "a label that waits": Planted(a_label_that_waits_for_the_next_commit, WENT_BACK, ("raise",)),
    "a label of no digest": Planted(a_label_of_no_digest, WENT_BACK, ("raise",)),
    "going back is not durable": Planted(going_back_is_not_durable, WENT_BACK, ("raise",)),
    "a prune that drops code": Planted(a_prune_that_drops_code, PRUNED, ("raise",)),
    "outputs before the commit": Planted(outputs_before_the_commit, PAID, ("raise",), True),
    "outputs as they come": Planted(outputs_as_they_come, PAID, ("raise",)),
    "outputs that stay": Planted(outputs_that_stay, PAID, ("raise",)),
    "outputs of a failed commit": Planted(outputs_of_a_failed_commit, PAID, ("fail",)),
    "a rollback that forgets a count": Planted(a_rollback_that_forgets_a_count, REFUSED, ("fail",), True),
    "workers that have seen more": Planted(workers_that_have_seen_more, COUNTED, ("fail",), True),
    "memory that has seen more": Planted(memory_that_has_seen_more, PAID, ("fail",)),
    "a failed commit that stays open": Planted(a_failed_commit_that_stays_open, PAID, ("fail",)),
    "an opening that counts": Planted(an_opening_that_counts, PAID, ("raise",)),
    "an opening that drops what waits": Planted(an_opening_that_drops_what_waits, SENT, ("raise",)),
    "a reference that is not counted": Planted(a_reference_that_is_not_counted_again, PAID, ("raise",)),
    "a transcript with a gap": Planted(a_transcript_with_a_gap, PAID, ("raise",)),
    "a transcript that says otherwise": Planted(a_transcript_that_says_otherwise, PAID, ("raise",)),
}


def caught(name: str, patch: Patch) -> str:
    """How a planted fault is found, or an empty text."""
    planted = PLANTED[name]
    planted.plant(patch)
    try:
        report = crash_everywhere(
            planted.scenario, scenarios.opened, modes=planted.modes, every=(), sample=60, most=1
        )
    except (ValueError, WorldError, KernelError, apsw.Error, AssertionError) as problem:
        return f"already without a crash: {type(problem).__name__}: {problem}"
    finally:
        patch.undo()
    return "" if report.sound else f"{report.problems[0][0]}: {report.problems[0][1]}"


@pytest.mark.parametrize("name", [name for name, planted in PLANTED.items() if planted.quick])
def test_a_planted_fault_is_found(name: str, monkeypatch: Patch) -> None:
    """Some of them, of each sort: a sync, a commit, half an upgrade, an early output, a worker."""
    assert caught(name, monkeypatch)


@pytest.mark.slow
def test_each_planted_fault_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, of which most show only after a crash."""
    found: dict[str, str] = {}
    for name in PLANTED:
        with pytest.MonkeyPatch.context() as patch:
            found[name] = caught(name, patch)
    with capsys.disabled():
        print(f"\n{sum(map(bool, found.values()))} of {len(found)} planted faults found")
    assert [name for name, how in found.items() if not how] == []
    assert sum(how.startswith("already") for how in found.values()) < len(found) // 3
    assert len(found) >= 25
