"""Worlds whose host has all records migrated: step by step, killed at each write, and rehearsed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from swingset.core.errors import KernelError, NoSuchVat, VatFault
from swingset.guest.base.errors import RemoteError
from swingset.host.controls.migrating import Migrated
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.lens.state.versions import Moved, Stale, Versions
from swingset.testing import audit
from swingset.world.file import WorldFile
from tests.guest.test_migrations import generations
from tests.staging import Stage

BANK = """
    from swingset.vat import durable, migrate, remotable

    @durable{options}
    class Purse:
        owner: str
        {field}

        def see(self):
            return {see}
    {steps}
    @durable{other}
    class Note:
        text: str

        def see(self):
            return self.text
    {rest}
    def build_root_object(baggage):
        @remotable
        class Bank:
            def fill(self, purses, notes=0):
                baggage["purses"] = [Purse("owner " + str(n)) for n in range(purses)]
                baggage["notes"] = [Note("note " + str(n)) for n in range(notes)]

            def purse(self, n):
                return baggage["purses"][n]

            def forget(self):
                baggage["notes"] = []

        return Bank()
"""

UP = """
        @migrate(1, 2)
        @staticmethod
        def to_cents(old):
            {check}
            return {{"owner": old["owner"], "cents": old["balance"] * 100}}
"""
NOTE_UP = """
        @migrate(1, 3)
        @staticmethod
        def louder(old):
            return {"text": old["text"].upper()}
"""


def bank(options: str = "", field: str = "balance: int = 3", see: str = "self.balance", **more: str) -> str:
    given = {"steps": "", "other": "", "rest": "", **more}
    return dedent(BANK.format(options=options, field=field, see=see, **given))


def version2(check: str = "pass", eager: int = 0, **more: str) -> str:
    options = f"(version=2, eager={eager})"
    return bank(options, "cents: int = 300", "self.cents", steps=UP.format(check=check), **more)


V1 = bank()
V2 = version2()
BOTH = version2(other="(version=3, eager=0)", rest=NOTE_UP)
THIRDS = "1 // (int(old['owner'].split()[1]) % 3)"


def stale(stage: Stage, vat: str = "bank") -> tuple[Stale, ...]:
    return stage.lens.older_records(vat)


def records(stage: Stage, kind: int = 10) -> dict[str, Any]:
    kernel = stage.controller.kernel
    query = "SELECT key, value from vatstore where vat = ? and key like ?"
    rows = kernel.world.rows(query, (kernel.vat("bank").id, f"vom.o+d{kind}/%"))
    return {key.removeprefix("vom."): json.loads(value) for key, value in rows}


def stocked(stage: Stage, purses: int, notes: int = 0, source: str = V1) -> Any:
    root = stage.define("bank", source)
    stage.ask(root, "fill", purses, notes)
    return root


def test_all_records_are_migrated_with_exact_progress(stage: Stage) -> None:
    """The host is told after each step how many records have gone to which version, and what is left."""
    stocked(stage, purses=23, notes=7)
    assert stale(stage) == ()
    stage.upgrade("bank", BOTH)
    assert stale(stage) == (Stale("Purse", 1, 2, 23), Stale("Note", 1, 3, 7))
    heard: list[Migrated] = []
    done = stage.controller.vats.migrate("bank", step=10, progress=heard.append)
    assert [(told.steps, told.migrated, told.remaining) for told in heard] == [
        (1, 10, 20),
        (2, 20, 10),
        (3, 30, 0),
    ]
    assert done == heard[-1]
    assert done.moved == (Moved("Note", 1, 3, 7), Moved("Purse", 1, 2, 23))
    assert (done.left, done.failed, done.stopped) == ((), 0, None)
    assert stale(stage) == ()
    assert {record["#version"] for record in records(stage).values()} == {2}
    assert stage.session.migrate("bank").steps == 0


def test_budget_is_kept_and_the_next_run_goes_on(stage: Stage) -> None:
    """No more records are visited than the budget says, and records touched in between are not counted."""
    root = stocked(stage, purses=12)
    stage.upgrade("bank", V2)
    assert stage.ask(stage.ask(root, "purse", 5), "see") == 300
    first = stage.session.migrate("bank", budget=5)
    assert (first.migrated, first.remaining) == (5, 6)
    assert stage.ask(stage.ask(root, "purse", 0), "see") == 300
    second = stage.session.migrate("bank", budget=100)
    assert (second.migrated, second.remaining) == (6, 0)


def test_records_that_die_meanwhile_are_not_left(stage: Stage) -> None:
    """What is collected between two steps is neither migrated nor counted as left."""
    root = stocked(stage, purses=4, notes=9)
    stage.upgrade("bank", BOTH)
    assert stage.session.migrate("bank", budget=6).remaining == 7
    stage.send(root, "forget")
    stage.session.settle()
    stage.controller.gc.reap_all()
    heard: list[int] = []
    done = stage.controller.vats.migrate("bank", step=1, progress=lambda told: heard.append(told.remaining))
    assert (done.migrated, done.remaining, heard[0]) == (0, 0, 0)


def test_migration_is_of_the_vat_transcript(stage: Stage) -> None:
    """A vat that is brought back from its transcript repeats the steps of a migration to the letter."""
    root = stocked(stage, purses=9)
    stage.upgrade("bank", V2)
    stage.controller.vats.migrate("bank", step=4)
    kernel = stage.controller.kernel
    deliveries = [
        entry["delivery"]
        for entry in kernel.world.transcripts.read(kernel.store.vats.span(kernel.vat("bank").id).hash)
    ]
    assert deliveries[-3:] == [["changeVatOptions", {"migrate": 4}]] * 3
    kernel.warehouse.discard_all()
    kernel.warehouse.verify(kernel.vat("bank"))
    assert stage.ask(stage.ask(root, "purse", 8), "see") == 300


def test_migration_comes_before_what_waits_and_needs_no_run(stage: Stage) -> None:
    """A paused world migrates too, and what waits in its run-queue still waits."""
    root = stocked(stage, purses=3)
    stage.upgrade("bank", V2)
    stage.controller.queue.pause()
    stage.send(root, "purse", 1)
    stage.session.flush()
    assert stage.session.migrate("bank").migrated == 3
    assert stage.controller.kernel.store.queues.length() == 1


def test_records_that_do_not_migrate_are_told_of_and_left_alone(stage: Stage) -> None:
    """Such records stay to the letter as they were, the others migrate, and the count of all is exact."""
    root = stocked(stage, purses=100)
    before = records(stage)
    broken = version2(THIRDS)
    stage.upgrade("bank", broken)
    done = stage.controller.vats.migrate("bank", step=30)
    assert (done.migrated, done.remaining, done.failed, len(done.failures)) == (66, 34, 34, 20)
    line = broken.splitlines().index("        " + THIRDS) + 1
    failure = done.failures[0]
    assert (failure.kind, failure.record, failure.version, failure.wanted) == ("Purse", "o+d10/1", 1, 2)
    assert (failure.frame.part, failure.frame.line) == ("bank", line) if failure.frame else False
    assert "ZeroDivisionError" in failure.words
    after = records(stage)
    kept = {vref: record for vref, record in after.items() if "#version" not in record}
    assert len(kept) == 34
    assert all(before[vref] == record for vref, record in kept.items())
    assert done.lines()[-1] == "and 14 more"
    assert done.lines()[2] == "34 records of these do not migrate"
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        stage.ask(stage.ask(root, "purse", 3), "see")
    assert stage.ask(stage.ask(root, "purse", 4), "see") == 300
    stage.upgrade("bank", V2)
    again = stage.controller.vats.migrate("bank", step=30)
    assert (again.migrated, again.remaining, again.failed) == (34, 0, 0)


def test_kinds_wait_for_each_other(stage: Stage) -> None:
    """A kind that was walked through with failures is not walked again before the others are through."""
    stocked(stage, purses=9, notes=9)
    stage.upgrade("bank", version2(THIRDS, other="(version=3, eager=0)", rest=NOTE_UP))
    done = stage.controller.vats.migrate("bank", step=2)
    assert (done.steps, done.failed, done.remaining) == (9, 3, 3)
    again = stage.controller.vats.migrate("bank", step=2)
    assert (again.migrated, again.failed, again.remaining) == (0, 3, 3)


def test_step_past_the_limits_is_undone_and_a_smaller_one_made(wasm: Stage) -> None:
    """A step that a vat cannot make within its limits is halved until it can."""
    wasm.define("bank", V1, options={"computrons": 400_000_000})
    wasm.ask(wasm.session.root("bank"), "fill", 12)
    wasm.upgrade("bank", version2("sum(range(200_000))"))
    done = wasm.session.migrate("bank")
    assert (done.migrated, done.remaining, done.stopped) == (12, 0, None)
    assert done.steps > 2


def test_record_past_the_limits_stops_the_migration(wasm: Stage) -> None:
    """A single record that takes more than a delivery may stops it, named; the vat goes on."""
    root = wasm.define("bank", V1, options={"computrons": 400_000_000})
    wasm.ask(root, "fill", 5)
    wasm.upgrade("bank", version2("while old['owner'] == 'owner 2': pass"))
    done = wasm.session.migrate("bank")
    assert (done.migrated, done.remaining) == (2, 3)
    assert "computrons" in str(done.stopped)
    assert str(done.stopped).endswith("it stands at record o+d10/3")
    assert wasm.ask(wasm.ask(root, "purse", 4), "see") == 300


def test_interrupted_within_a_step_leaves_nothing_over(stage: Stage) -> None:
    """An interrupt in the middle of a step undoes it and withdraws it, and the next run does it all."""
    stocked(stage, purses=10)
    stage.upgrade("bank", V2)
    writes = 0

    def fault(_step: str) -> None:
        nonlocal writes
        writes += 1
        if writes == 8:
            raise KeyboardInterrupt

    stage.controller.world.faults = fault
    with pytest.raises(KeyboardInterrupt):
        stage.controller.vats.migrate("bank")
    stage.controller.world.faults = None
    assert stage.controller.kernel.store.queues.length() == 0
    assert stale(stage) == (Stale("Purse", 1, 2, 10),)
    assert stage.controller.vats.migrate("bank").migrated == 10


def test_senseless_requests_are_refused(stage: Stage) -> None:
    """A budget of nothing, a vat that is not there and one that is suspended are refused with the reason."""
    stocked(stage, purses=1)
    with pytest.raises(
        KernelError, match="vat bank: the budget of a migration is a number of records from 1"
    ):
        stage.session.migrate("bank", budget=0)
    with pytest.raises(NoSuchVat):
        stage.session.migrate("nobody")
    stage.controller.vats.suspend("bank", "for a while")
    with pytest.raises(KernelError, match="vat bank is suspended: for a while"):
        stage.session.migrate("bank")


@pytest.mark.usefixtures("unrecorded")
def test_store_of_a_liar_is_read_all_the_same(stage: Stage) -> None:
    """Descriptors, walks and records of no known shape are passed over, and nothing is raised."""
    stocked(stage, purses=2)
    stage.upgrade("bank", V2)
    kernel = stage.controller.kernel
    vat = kernel.vat("bank").id
    lies = {
        "vom.dkind.11.descriptor": "[1]",
        "vom.dkind.12.descriptor": '{"older":{"1":{}},"tag":[],"version":"x"}',
        "vom.dkind.99999999999999999999.descriptor": '{"older":{"1":{}}}',
        "vom.dkind.13.descriptor": "{",
        "vom.sweep.10": '{"to":2,"failed":-1,"failures":{"a":1,"b":[],"c":[1,"x\\u202e",5]},"after":7}',
        "vom.o+d10/1": "not JSON",
        "vom.o+d10/2": '{"#version":"' + "9" * 50 + '"}',
        "vom.o+d12/1": "[" * 5_000,
    }
    before = {key: kernel.store.vatstore.get(vat, key) for key in lies}
    for key, value in lies.items():
        kernel.store.vatstore.set(vat, key, value)
    assert [row.count for row in stale(stage)] == [1, 1, 1]
    (purse, odd) = Versions(kernel.store, vat).outdated()
    assert (purse.failed, [str(failure) for failure in purse.failures], odd.kind) == (
        0,
        ["x\\u202e"],
        "list of 0",
    )
    for key, was in before.items():
        if was is None:
            kernel.store.vatstore.delete(vat, key)
        else:
            kernel.store.vatstore.set(vat, key, was)


# Rehearsed.


@pytest.mark.parametrize("eager", [0, 100])
def test_rehearsal_tries_all_records(stage: Stage, eager: int) -> None:
    """A rehearsal of all records tells of each that does not migrate, and the world is not touched."""
    root = stocked(stage, purses=70)
    digest = stage.controller.digest()
    broken = version2(THIRDS, eager=eager)
    found = stage.session.rehearse("bank", "bank", broken, records="all")
    assert found.records is not None
    assert (found.ok, found.records.migrated, found.records.failed) == (False, 46, 24)
    assert [failure.record for failure in found.records.failures[:2]] == ["o+d10/1", "o+d10/10"]
    line = broken.splitlines().index("        " + THIRDS) + 1
    assert all(failure.frame and failure.frame.line == line for failure in found.records.failures)
    if eager:
        assert found.verdict.startswith("The upgrade of bank would be refused")
        assert found.fault is not None
    else:
        assert "24 records do not migrate, and messages that touch them would be rejected" in found.verdict
    assert "24 records of these do not migrate" in found.lines
    assert found.lines[-1] == "and 4 more"
    assert stage.controller.digest() == digest
    assert stage.ask(stage.ask(root, "purse", 3), "see") == 3


def test_rehearsal_of_some_records_says_how_many_were_not_tried(stage: Stage) -> None:
    """With a number, so many records are visited, and the others are told of as left."""
    stocked(stage, purses=20)
    found = stage.session.rehearse("bank", "bank", V2, records=5)
    assert found.ok
    assert "Purse: 5 records went from version 1 to 2" in found.lines
    assert "Purse: 15 records of version 1 left, to become version 2" in found.lines
    assert stage.session.rehearse("bank", "bank", V2).records is None


def test_rehearsal_of_records_is_still_refused_for_other_reasons(stage: Stage) -> None:
    """Where more than records is in the way, the rehearsal says what the upgrade says."""
    stocked(stage, purses=3)
    found = stage.session.rehearse(
        "bank", "bank", V2.replace("def build_root", "def built_root"), records="all"
    )
    assert (found.ok, found.records) == (False, None)
    assert "defines no build_root_object" in found.verdict
    both = version2(THIRDS, eager=9) + "\nraise ValueError('and this')"
    assert "and this" in stage.session.rehearse("bank", "bank", both, records="all").verdict


def test_what_rehearsal_refuses_would_not_corrupt(stage: Stage) -> None:
    """The upgrade that the rehearsal warned of, made all the same, leaves each such record to the letter."""
    root = stocked(stage, purses=12)
    before = records(stage)
    broken = version2(THIRDS)
    found = stage.session.rehearse("bank", "bank", broken, records="all")
    assert not found.ok
    stage.upgrade("bank", broken)
    for n in range(12):
        purse = stage.ask(root, "purse", n)
        for _ in range(2):
            if n % 3:
                assert stage.ask(purse, "see") == 300
            else:
                with pytest.raises(RemoteError, match="the record is as it was"):
                    stage.ask(purse, "see")
    after = records(stage)
    assert [vref for vref in before if after[vref] == before[vref]] == [
        vref for vref in before if (int(vref.split("/")[1]) - 1) % 3 == 0
    ]
    with pytest.raises(VatFault, match="does not migrate"):
        stage.upgrade("bank", version2(THIRDS, eager=100))
    stage.upgrade("bank", V2)
    assert [stage.ask(stage.ask(root, "purse", n), "see") for n in range(12)] == [300] * 12


# Killed.


class Killed(BaseException):
    """The process ends here."""


def upgraded(source: str) -> Callable[[Controller], Any]:
    return lambda controller: controller.upgrade_vat("bank", (("bank", source),))


def fill(controller: Controller) -> None:
    controller.queue_to_root("bank", "fill", [9, 5], policy="none")
    controller.run()


ACTS: list[Callable[[Controller], Any]] = [
    lambda c: c.create_vat("bank", (("bank", V1),)),
    fill,
    upgraded(BOTH),
    *[lambda c: c.vats.migrate("bank", budget=4, step=4)] * 4,
]


def play(path: Path, worker: str, *, kill: bool) -> tuple[str, int]:
    """Act after act, each killed at its first write to the file, its second, and so on."""
    fuse = kills = head = 0
    while True:
        with open_world(path, worker=worker) as controller:
            if controller.world.head != head:  # it ended just after its commit
                head, fuse = controller.world.head, 0
            left = fuse

            def fault(_step: str, world: WorldFile = controller.world) -> None:
                nonlocal left
                if kill and left <= 0 and world.head >= 3:
                    raise Killed
                left -= 1

            controller.world.faults = fault
            try:
                while controller.world.head < len(ACTS):
                    ACTS[controller.world.head](controller)
                    head, left, fuse = controller.world.head, 0, 0
            except Killed:
                fuse, kills = fuse + 1, kills + 1
                controller.close(keep=False)
                continue
            assert audit(controller.kernel.store) == []
            kernel = controller.kernel
            assert Versions(kernel.store, kernel.vat("bank").id).outdated() == ()
            return controller.digest(), kills


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_killed_at_every_write_of_every_step(worker: str, tmp_path: Path) -> None:
    """A migration whose process ends at each write to the file, one by one, ends as if it never had."""
    smooth, none = play(tmp_path / "smooth.world", worker, kill=False)
    rough, kills = play(tmp_path / "rough.world", worker, kill=True)
    assert (none, kills > 70, rough) == (0, True, smooth)


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_killed_between_steps_it_goes_on(worker: str, tmp_path: Path) -> None:
    """A process that ends after any step has lost none, and the next one does what is left and no more."""
    path = tmp_path / "it.world"
    with open_world(path, worker=worker) as controller:
        for act in ACTS[:3]:
            act(controller)
    done = 0
    for steps in range(5):
        with open_world(path, worker=worker) as controller:

            def end(told: Migrated) -> None:
                nonlocal done
                done += 3
                assert told.remaining == max(0, 14 - done)
                raise Killed

            if steps < 4:
                with pytest.raises(Killed):
                    controller.vats.migrate("bank", step=3, progress=end)
            else:
                last = controller.vats.migrate("bank", step=3)
                assert (last.migrated, last.remaining) == (2, 0)


# Many.

SHELF = """
@remotable
class Root:
    def __init__(self, baggage):
        self.shelves = provide(baggage, "shelves", lambda: make_scalar_big_map_store("shelves", durable=True))

    def fill(self, start, count):
        peer = self.shelves.get(start - 1) if start else None
        for n in range(start, start + count):
            peer = Purse(f"name{n} last", n, peer)
            self.shelves.init(n, peer)

def build_root_object(baggage):
    return Root(baggage)
"""


def many(path: Path, worker: str, *, kill: bool, count: int, step: int) -> tuple[str, int]:
    """Take a population through five versions, each step of each killed at another of its writes."""
    sources = [
        "from swingset.vat.explicit import make_scalar_big_map_store\n"
        + source.partition("@remotable")[0]
        + SHELF
        for source in generations(eager=0)
    ]
    with open_world(path, worker=worker) as controller:
        controller.create_vat("bank", (("bank", sources[0]),))
        for start in range(0, count, 1_000):
            result = controller.queue_to_root("bank", "fill", [start, min(1_000, count - start)])
            controller.run()
            assert controller.status(str(result)) == "fulfilled", controller.resolution(str(result))
            controller.release(str(result))
    kills = steps = killed_at = 0
    for source in sources[1:]:
        with open_world(path, worker=worker) as controller:
            upgraded(source)(controller)
        more = True
        while more:
            with open_world(path, worker=worker, snapshot_interval=10) as controller:
                left = (37 * steps) % (step + 15)

                def fault(_step: str) -> None:
                    nonlocal left
                    left -= 1
                    if left < 0:
                        raise Killed

                if kill and killed_at != controller.world.head:
                    killed_at = controller.world.head
                    controller.world.faults = fault
                try:
                    controller.vats.migrate("bank", step=step, budget=step)
                except Killed:
                    kills += 1
                    controller.close(keep=False)
                    continue
                steps += 1
                more = Versions(controller.kernel.store, controller.kernel.vat("bank").id).outdated() != ()
    with open_world(path, worker=worker) as controller:
        assert audit(controller.kernel.store) == []
        kernel = controller.kernel
        rows = kernel.world.rows("SELECT value from vatstore where key like 'vom.o+d10/%'")
        assert [json.loads(value)["#version"] for (value,) in rows] == [5] * count
        return controller.digest(), kills


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_population_reaches_its_fifth_version_through_kills(worker: str, tmp_path: Path) -> None:
    """Objects go through five versions, each step killed once at some write, with nothing to show for it."""
    smooth, _ = many(tmp_path / "smooth.world", worker, kill=False, count=20, step=10)
    rough, kills = many(tmp_path / "rough.world", worker, kill=True, count=20, step=10)
    assert (kills > 5, rough) == (True, smooth)


@pytest.mark.slow
@pytest.mark.unaudited
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_ten_thousand_reach_their_fifth_version_through_kills(worker: str, tmp_path: Path) -> None:
    """Ten thousand objects go through five versions in a world file, each step killed at some write."""
    smooth, _ = many(tmp_path / "smooth.world", worker, kill=False, count=10_000, step=250)
    rough, kills = many(tmp_path / "rough.world", worker, kill=True, count=10_000, step=250)
    assert (kills > 120, rough) == (True, smooth)
