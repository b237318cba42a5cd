"""Random histories of wild vats: nothing that somebody holds is freed, and nothing nobody holds stays.

Three judges watch every crank. The auditor counts all references again. The vats compare what they are told
with their own books. And before an owner is told that an export is dropped or retired, the books of all vats
and everything that waits in the world are searched for somebody who still holds it. In the end everybody lets
go of everything, and then only what the host pinned may be left.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from swingset.core.cranks import Cranks
from swingset.core.kernel import Kernel
from swingset.core.report import CrankReport
from swingset.model.capdata import CapData
from swingset.model.messages import Event, Message, Send
from swingset.testing import audit
from swingset.world.file import WorldFile
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.vats import LIVE, SUSPENDED, TERMINATED, VatRecord
from tests.meddling import atomic

from .wild import CRASH, EXIT, EXIT_FAILING, ILLEGAL, Books, WildFactory

QUIET = CapData('#["quiet",[]]')


class History:
    """One world of wild vats and the host that stirs it."""

    factory_class = WildFactory

    def __init__(self, seed: int, steps: int, threads: int = 1) -> None:
        self.random = random.Random(seed)
        self.factory = self.factory_class(seed, self.about_to_tell)
        self.world = WorldFile.open(None)
        self.kernel = Kernel(Cranks(self.world, {"wild": self.factory}, threads=threads))
        self.store = self.kernel.store
        self.held: list[str] = []
        self.made = 0
        for _ in range(self.random.randint(2, 4)):
            self.create()
        self.drain(200)
        for _ in range(steps):
            self.stir()

    # What the host does

    def stir(self) -> None:
        """One random thing that a host may do."""
        chosen = self.random.choices(
            (self.step, self.send, self.suspend, self.upgrade, self.terminate, self.fail, self.create,
             self.release, self.evict, self.commit),
            (30, 12, 2, 3, 0.7, 2, 0.7, 2, 2, 1),
        )[0]  # fmt: skip
        chosen()
        self.check()

    def live(self) -> list[VatRecord]:
        return [vat for vat in self.store.vats.all() if vat.state != TERMINATED]

    def step(self) -> CrankReport | None:
        report = self.kernel.cranks.step(clean_up=self.random.choice((1, 3, 1_000)), more=True)
        self.check_agenda()
        return report

    def check_agenda(self) -> None:
        """What is found quickly is what a look at all tables finds."""
        store, can_run = self.store, self.kernel.cranks._can_be_told
        for table, found in (
            (store.gc, self.kernel.agenda.to_tell),
            (store.reaping, self.kernel.agenda.to_reap),
        ):
            first = next((vat for _, vat in table.waiting() if can_run(vat)), None)
            assert found.first(can_run) == first

    def drain(self, most: int = 3_000) -> None:
        """Run until nothing can; wild vats may talk for ever, so not for ever."""
        for _ in range(most):
            if self.step() is None:
                return

    def send(self) -> None:
        """A message to anything that can be reached, with anything of that in it."""
        targets = [record.kref for record in self.store.objects.all() if record.reachable]
        targets += [record.kref for record in self.store.promises.all()]
        if targets:
            identities = {}
            for kref in self.random.sample(targets, min(len(targets), self.random.randint(0, 2))):
                identity = self.identity(kref)
                if identity is not None:
                    identities[kref] = identity
            methargs = CapData("#" + json.dumps(["m", list(identities.values())]), tuple(identities))
            self.held.append(self.kernel.queue_message(self.random.choice(targets), methargs))

    def create(self) -> None:
        name = f"V{self.made}"
        self.made += 1
        # The vats that bring out their dead often, and those that take messages for what they will settle.
        options: dict[str, Any] = {"reap_interval": self.random.choice((1, 5, 200))}
        options["enable_pipelining"] = self.random.random() < 0.3
        result = self.kernel.queue_creation(name, "wild", ((name, ""),), CapData("#null"), options)
        while self.store.promises.get(result).state == "unresolved":  # type: ignore[union-attr]
            self.step()
        if self.store.vats.named(name) is not None:
            self.kernel.pin(self.kernel.root_of(name))
        self.kernel.release_result(result)

    def suspend(self) -> None:
        for vat in self.live():
            if vat.state == SUSPENDED:
                self.kernel.resume(vat.name)
                return
        if live := self.live():
            self.kernel.suspend(self.random.choice(live).name, "for a while")

    def upgrade(self) -> None:
        if live := self.live():
            vat = self.random.choice(live)
            if self.random.random() < 0.3:
                self.factory.moods[vat.name] = CRASH
            parts = ((vat.name, f"# {self.random.random()}"),)
            first = self.random.random() < 0.5
            self.held.append(self.kernel.queue_upgrade(vat.name, parts, None, "new", first=first))

    def terminate(self) -> None:
        if live := self.live():
            self.kernel.terminate(self.random.choice(live).name, "enough")

    def fail(self) -> None:
        if live := self.live():
            mood = self.random.choice((CRASH, CRASH, CRASH, ILLEGAL, EXIT, EXIT_FAILING))
            self.factory.moods[self.random.choice(live).name] = mood

    def release(self) -> None:
        if self.held:
            self.kernel.release_result(self.held.pop(self.random.randrange(len(self.held))))

    def evict(self) -> None:
        self.kernel.warehouse.discard_all()

    def commit(self) -> None:
        self.world.commit()

    # The judges

    def check(self) -> None:
        problems = audit(self.store)
        assert not problems, "\n".join(problems)

    def identity(self, kref: str) -> str | None:
        """How vats know an object or a promise; None for orphans, which have no name any more."""
        if kref[1] == "p":
            return f"host/{kref}"
        owner = self.store.objects.get(kref).owner  # type: ignore[union-attr]
        vat = self.store.vats.get(owner) if owner else None
        entry = self.store.clists.by_kref(owner, kref) if owner else None
        return f"{vat.name}/{entry.vref}" if vat and entry and vat.state != TERMINATED else None

    def about_to_tell(self, teller: str, kind: str, identities: list[str]) -> None:
        """Nobody may hold what its owner is told to drop, nor recognize what it is told to retire."""
        for identity in identities:
            for vat in self.live():
                books = Books.from_text(self.store.vatstore.get(vat.id, "books"))
                for known, reachable in books.imports.values():
                    if known == identity and vat.name != teller:
                        assert not reachable, f"{vat.name} can reach {identity}, and {teller} hears {kind}"
                        assert kind != "retireExports", f"{vat.name} recognizes {identity}: retired"
            if kind != "retireImports":
                owner, _, vref = identity.partition("/")
                kref = self.kernel.recognize(self.kernel.vat(owner).id, vref)
                assert kref is None or kref not in self.mentioned(), f"{kref} still waits somewhere: {kind}"

    def mentioned(self) -> set[str]:
        """Everything that waiting events, outcomes and the host hold, found by looking."""
        found = {kref for (kref,) in self.world.rows("SELECT kref from pins")}
        waiting: list[Event] = [event for _, event in self.store.queues.all()]
        for vat in self.live():
            waiting += [event for _, event in self.store.queues.parked(vat.id)]
        for promise in self.store.promises.all():
            waiting += self.store.promises.waiting_events(promise.kref)
            found |= set(promise.data.slots) if promise.data else set()
        for event in waiting:
            found |= set(event.refs())
        return found

    # The end

    def everybody_lets_go(self) -> None:
        """Wake all, have each vat settle and forget what it has, until the world stands still."""
        self.factory.moods.clear()
        for _ in range(3):
            for vat in self.live():
                if vat.state == SUSPENDED:
                    self.kernel.resume(vat.name)
                self.send_quiet(vat)
            self.drain()
        for kref in self.held:
            self.kernel.release_result(kref)
        self.drain()
        assert all(vat.state == LIVE for vat in self.live())

    def send_quiet(self, vat: VatRecord) -> None:
        with atomic(self.kernel):
            self.store.enqueue(Send(self.kernel.root_of(vat.name), Message(QUIET)), first=True)

    def leftovers(self) -> list[str]:
        """What is still there though nobody holds it.

        Two things may stay, as in the reference: promises whose outcomes mention each other in a ring, and
        messages that wait for a promise which is to be settled by their own result.
        """
        promises = list(self.store.promises.all())
        stuck = [event for record in promises for event in self.store.promises.waiting_events(record.kref)]
        results = {event.message.result for event in stuck if isinstance(event, Send)}
        held = {kref for record in promises for kref in (record.data.slots if record.data else ())}
        held |= {kref for event in stuck for kref in event.refs()}
        found = []
        for record in promises:
            if record.state == UNRESOLVED:
                fine = record.decider is None and record.kref in results
            else:
                fine = record.kref in held or record.state == FORWARDED
            if not fine:
                found.append(str(record))
        pins = {kref for (kref,) in self.world.rows("SELECT kref from pins")}
        found += [str(record) for record in self.store.objects.all() if record.kref not in pins | held]
        for table in ("queue", "parked", "gc_actions", "dead"):
            found += [f"{table}: {row}" for row in self.world.rows(f"SELECT * from {table}")]
        for vat in self.live():
            books = Books.from_text(self.store.vatstore.get(vat.id, "books"))
            for vref in books.exports:
                kref = self.kernel.recognize(vat.id, vref)
                if vref != "o+0" and kref not in held:
                    found.append(f"{vat.name} still exports {vref}")
        return found


def play(seed: int, steps: int = 60) -> None:
    """One history, from the first vat to the last thing let go."""
    history = History(seed, steps)
    history.everybody_lets_go()
    left = history.leftovers()
    assert not left, "\n".join(left)


@pytest.mark.parametrize("seed", range(30))
def test_a_random_history_leaks_nothing_and_frees_nothing_early(seed: int) -> None:
    """After each crank the counts are those of a walk; at the end only pinned roots are left."""
    play(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_two_thousand_random_histories_leak_nothing_and_free_nothing_early(block: int) -> None:
    """The same for histories of other lengths and other chance."""
    for seed in range(1_000 + 50 * block, 1_050 + 50 * block):
        play(seed, steps=20 + seed % 150)
