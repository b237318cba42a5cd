"""A digest is a function of what went into a world, and of nothing that its host chose meanwhile.

The same random history is played to several hosts. They commit and save heaps at other moments, keep fewer
vats online, throw them out in the middle of a run, open the file again, name checkpoints, hold the queue.
What may differ in the end is where the heap images stand; no digest may.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.guest.sending.eventual import E
from swingset.host.base import policies
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.model import reasons
from swingset.model.capdata import Ref
from swingset.world.digest import HOSTS_COUNTERS, LEFT_OUT
from swingset.world.schema import STATE_TABLES

WORKERS = ("local", "wasm")
NAMES = ("ann", "ben", "cyd")

ACTOR = """
from swingset.vat import E, BigMap, durable, make_promise, provide, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def add(self, amount: int):
        self.balance += amount
        return self.balance

@remotable
class Note:
    pass

def build_root_object(baggage, powers):
    ledger = provide(baggage, "ledger", lambda: BigMap("ledger", durable=True))
    kept, open_ = [], []

    @remotable
    class Actor:
        def keep(self, *things):
            kept.extend(things)
            return [Note() for _ in things]

        def drop(self):
            kept.clear()

        def earn(self, owner: str, amount: int):
            if owner not in ledger:
                ledger[owner] = Purse(owner=owner)
            return ledger[owner].add(amount)

        def purse(self, owner: str):
            return ledger[owner]

        def later(self):
            promise, resolver = make_promise()
            open_.append(resolver)
            return promise

        def settle(self, value):
            while open_:
                open_.pop(0).resolve(value)

        async def trade(self, other, rounds: int):
            for number in range(rounds):
                notes = await E(other).keep(Note(), number)
                kept.append(notes)
            return len(kept)

        def fail(self):
            raise ValueError(f"{len(kept)} kept")

        def endless(self):
            while True:
                pass

        def wake(self, now):
            kept.append(now)

        async def sleep(self, timer, duration: int):
            kept.append(await E(timer).delay(duration))

        def leave(self):
            powers.exit("enough")

    return Actor()
"""

_OPTIONS: dict[str, Any] = {"reap_interval": 7, "computrons": 200_000_000}


@dataclass(frozen=True)
class Host:
    """How one host goes about it."""

    cranks: int | None = None
    """How many cranks it commits together; None: all of a run."""
    evicts: bool = False
    """Whether it throws all workers out after each commit."""
    interval: int = 200
    capacity: int = 50
    reopens: int | None = None
    """After how many of its doings the host lets go of the world and opens it again."""
    checkpoints: int | None = None
    pauses: bool = False


HOSTS = {
    "each crank": Host(cranks=1),
    "every third crank, out of memory": Host(cranks=3, evicts=True, interval=5),
    "one vat online": Host(capacity=1, interval=4),
    "two vats online, by steps": Host(capacity=2, cranks=1, interval=1),
    "opened again and again": Host(reopens=2, interval=3),
    "checkpoints": Host(checkpoints=3, cranks=5),
    "holds the queue": Host(pauses=True, capacity=2),
}


class Play:
    """One host with a world in memory, and a history of so many doings that chance decides."""

    def __init__(self, worker: str, host: Host, seed: int) -> None:
        self.worker, self.host = worker, host
        self.random = random.Random(seed)
        self.controller = open_world(None, worker=worker, snapshot_interval=host.interval)
        self.set_up()
        self.now = 0
        self.timer = Ref(self.controller.devices.service("timer"), "timer")
        for name in NAMES:
            self.controller.create_vat(name, ((name, ACTOR),), options=_OPTIONS)
        self.held: list[str] = []

    def set_up(self) -> None:
        self.controller.kernel.warehouse.capacity = self.host.capacity

    def doings(self, count: int) -> Play:
        """That many things that a host may do; the world runs after each, as this host runs it."""
        for number in range(1, count + 1):
            names = [vat.name for vat in self.controller.vats if vat.name in NAMES]
            self.random.choices(
                (self.send, self.upgrade, self.terminate, self.reap, self.pass_time, self.release),
                (20, 2, 0.4, 2, 3, 3),
            )[0](names)
            self.run()
            if self.host.checkpoints and number % self.host.checkpoints == 0:
                self.controller.checkpoint(f"doing {number}")
            if self.host.reopens and number % self.host.reopens == 0:
                self.open_again()
        return self

    def send(self, names: list[str]) -> None:
        """Some messages at once, of all kinds."""
        for _ in range(self.random.randint(1, 4)):
            name, other = self.random.choice(names), self.random.choice(names)
            root = Ref(self.controller.kernel.root_of(other), other)
            method, args = self.random.choice((
                ("keep", [root, "words"]), ("drop", []), ("earn", ["zoe", 5]), ("purse", ["zoe"]),
                ("later", []), ("settle", [root]), ("trade", [root, 3]), ("fail", []),
                ("sleep", [self.timer, 4]), *([("endless", [])] if self.worker == "wasm" else []),
            ))  # fmt: skip
            policy = self.random.choice(("ignore", "log_always", "log_failure", "none"))
            kref = self.controller.queue_to_root(name, method, args, policy=policy)
            self.held += [kref] if kref else []

    def upgrade(self, names: list[str]) -> None:
        """New code, which may refuse to run."""
        name = self.random.choice(names)
        code = ACTOR + self.random.choice(("", "# new\n", "raise RuntimeError('no')\n"))
        with contextlib.suppress(VatFault):
            self.controller.upgrade_vat(name, ((name, code),))

    def terminate(self, names: list[str]) -> None:
        """The end of a vat, as long as there are others."""
        if len(names) > 1:
            self.controller.terminate_vat(self.random.choice(names), "enough")

    def reap(self, _: list[str]) -> None:
        self.controller.gc.reap_all()

    def pass_time(self, names: list[str]) -> None:
        self.now += self.random.randint(1, 5)
        self.controller.devices.poll(self.now)

    def release(self, _: list[str]) -> None:
        if self.held:
            self.controller.release(self.held.pop(self.random.randrange(len(self.held))))

    def run(self) -> None:
        """Run until nothing can."""
        controller, more = self.controller, True
        if self.host.pauses:
            controller.queue.pause()
            while controller.step() is not None:
                controller.kernel.warehouse.discard_all()
            controller.queue.unpause()
        while more:
            policy = policies.cranks(self.host.cranks) if self.host.cranks else None
            more = controller.run(policy).more
            if self.host.evicts:
                controller.kernel.warehouse.discard_all()

    def open_again(self) -> None:
        """Let another host take over the world, with no worker online."""
        before, self.controller = self.controller, self.controller.fork()
        before.close()
        self.set_up()

    def digests(self) -> tuple[str, str]:
        self.controller.commit()
        found = self.controller.digest(), self.controller.history.activity_digest()
        self.controller.close()
        return found


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_a_history_has_the_same_digests_with_every_host(seed: int) -> None:
    """State and activity digests do not tell when a host committed, evicted, imaged or opened again."""
    wanted = Play("local", Host(), seed).doings(12).digests()
    found = {name: Play("local", host, seed).doings(12).digests() for name, host in HOSTS.items()}
    assert found == dict.fromkeys(HOSTS, wanted)


@pytest.mark.parametrize("host", HOSTS)
def test_heap_images_do_not_tell_in_a_digest(host: str) -> None:
    """The same for confined vats, which come back from heap images."""
    assert Play("wasm", HOSTS[host], 3).doings(6).digests() == _in_one_go()


_known: list[tuple[str, str]] = []


def _in_one_go() -> tuple[str, str]:
    if not _known:
        _known.append(Play("wasm", Host(), 3).doings(6).digests())
    return _known[0]


def test_a_checkpoint_changes_no_digest() -> None:
    """A name for the world, and the heap images that come with it, are no part of its state."""
    play = Play("wasm", Host(), 1).doings(2)
    play.controller.commit()
    before = play.controller.digest()
    made = play.controller.checkpoint("here")
    assert (made.vats, made.digest, play.controller.digest()) == (4, before, before)
    play.controller.history.go_back("here")
    assert play.digests()[0] == before


def talk(session: Session, flush: Callable[[Session], object]) -> Iterator[Any]:
    """A cell that sends and promises, with something between its lines."""
    ann = session.root("ann")
    flush(session)
    first = E(ann).keep(E(ann).later())
    flush(session)
    E(ann).settle(5)
    flush(session)
    second = E(ann).trade(ann, 2)
    flush(session)
    session.controller.run()
    yield session.wait(first)
    flush(session)
    yield session.wait(second)


BETWEEN_LINES: dict[str, Callable[[Session], object]] = {
    "commits": lambda session: session.controller.commit("between"),
    "sends": lambda session: session.flush(),
    "evicts": lambda session: session.controller.kernel.warehouse.discard_all(),
    "images": lambda session: session.controller.vats.snapshot_all(),
    "commits twice": lambda session: (session.controller.commit("a"), session.controller.commit("b")),
}


@pytest.mark.parametrize("between", BETWEEN_LINES)
def test_a_session_has_the_same_digests_however_often_it_is_committed(between: str) -> None:
    """What an attached vat writes back with each commit is in no digest as a sequence of writes."""
    found = []
    for flush in (lambda _: None, BETWEEN_LINES[between]):
        controller = open_world(None, worker="local")
        session = Session(controller)
        controller.create_vat("ann", (("ann", ACTOR),))
        assert len(list(talk(session, flush))) == 2
        session.settle()
        found.append((controller.digest(), controller.history.activity_digest()))
        session.close()
    assert found[0] == found[1]


@pytest.mark.usefixtures("unrecorded")
def test_the_words_of_a_host_that_gave_up_are_not_digested() -> None:
    """Why a host stopped a delivery is told in its own words; a digest knows that it did."""
    controller = open_world(None, worker="local")
    controller.create_vat("ann", (("ann", ACTOR),))
    store, found = controller.kernel.store, []
    for code in (*sorted(reasons.HOSTS), "meter-exhausted", "whatever"):
        for words in ("2 seconds", "3 seconds"):
            store.vats.save(
                replace(controller.kernel.vat("ann"), state="suspended", reason=f"{code}: {words}")
            )
            controller.commit()
            found.append(controller.digest())
    told = {one == other for one, other in zip(found[0:-4:2], found[1:-4:2], strict=True)}
    assert told == {True}
    assert len(set(found)) == len(reasons.HOSTS) + 4
    controller.close()


@pytest.mark.usefixtures("unrecorded")
def test_what_is_left_out_of_a_digest_is_known_by_name() -> None:
    """Every column of every state table counts, but for those that are listed as the host's own."""
    controller = open_world(None, worker="local")
    controller.create_vat("ann", (("ann", ACTOR),))
    controller.queue_to_root("ann", "keep", ["x"])
    controller.commit()
    world, before = controller.world, controller.digest()
    told, wanted = set(), set()
    for table, key in STATE_TABLES:
        if world.row(f"SELECT 1 FROM {table}") is None:
            continue
        wanted |= {(table, column) for column in LEFT_OUT.get(table, ())}
        for column in [str(row[1]) for row in world.db.execute(f"PRAGMA table_info({table})")]:
            if column in key:
                continue
            kind = world.row(f"SELECT type FROM pragma_table_info('{table}') WHERE name = ?", (column,))
            changed = "coalesce(value, 0) + 7" if kind == ("INTEGER",) else "coalesce(value, '') || '7'"
            world.execute(f"UPDATE {table} SET {column} = {changed.replace('value', column)}")
            if world.digest() == before:
                told.add((table, column))
            world.rollback()
    assert told == wanted >= {("queue", "sender"), ("spans", "snapshot")}
    for name in HOSTS_COUNTERS:
        controller.kernel.store.counters.set(name, 9)
    assert world.digest() == before
    controller.close()
