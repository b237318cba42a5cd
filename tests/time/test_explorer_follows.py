"""The explorer follows its world: after any history it answers as one that was made afresh."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.guest.sending.eventual import E
from tests.time.test_exploring import BANK

UPGRADED = BANK.replace('print("opened for", owner)', 'print("open", owner)')


class Life:
    """A world that lives at random, with an explorer that looks on."""

    def __init__(self, seed: int, path: Path | None = None) -> None:
        self.chance = random.Random(seed)
        self.world = swingset.open_world(path, worker="local")
        self.session = swingset.Session(self.world)
        self.explorer = swingset.explore(self.world)
        self.vats: dict[str, Any] = {}
        self.purses: list[Any] = []
        self.made = 0
        self.define()

    def steps(self) -> list[Callable[[], None]]:
        often = [self.open, self.open, self.pay, self.pay, self.overdraw, self.queue, self.drop, self.name]
        often += [self.lock, self.undo, self.define, self.suspend, self.resume, self.upgrade]
        return [*often, self.terminate, self.checkpoint]

    def define(self) -> None:
        self.made += 1
        self.vats[f"bank{self.made}"] = self.session.define(f"bank{self.made}", BANK)

    def _bank(self) -> Any:
        return self.vats[self.chance.choice(sorted(self.vats))]

    def _ask(self, promise: Any) -> Any:
        try:
            return self.session.wait(promise)
        except (swingset.RemoteError, swingset.StillPending, swingset.LifeEndedError):
            return None

    def open(self) -> None:
        found = self._ask(E(self._bank()).open_purse(f"owner{len(self.purses)}"))
        self.purses += [found] if found is not None else []

    def pay(self) -> None:
        if self.purses:
            self._ask(E(self.chance.choice(self.purses)).deposit(self.chance.randrange(9)))

    def lock(self) -> None:
        if self.purses:
            self._ask(E(self._bank()).lock(self.purses[-2:]))

    def overdraw(self) -> None:
        if self.purses:
            self._ask(E(self.chance.choice(self.purses)).withdraw(1_000))

    def queue(self) -> None:
        """Send without running: what waits is not committed either."""
        self.world.queue_to_root(
            self.chance.choice(sorted(self.vats)), "open_purse", ["later"], policy="none"
        )

    def drop(self) -> None:
        if self.purses:
            self.purses.pop(self.chance.randrange(len(self.purses)))
            swingset.collect_garbage(self.session)

    def name(self) -> None:
        some = self.purses[: self.chance.randrange(1, 5)]
        self.session.names.remember({**self.vats, "some": some, **({"one": some[0]} if some else {})})

    def suspend(self) -> None:
        self.world.vats.suspend(self.chance.choice(sorted(self.vats)), "by chance")

    def resume(self) -> None:
        for vat in self.world.vats:
            if vat.state == "suspended":
                self.world.vats.resume(vat.name)

    def upgrade(self) -> None:
        self.resume()
        name = self.chance.choice(sorted(self.vats))
        self.world.upgrade_vat(name, ((name, UPGRADED),))

    def terminate(self) -> None:
        if len(self.vats) > 1:
            name = self.chance.choice(sorted(self.vats))
            self.world.terminate_vat(name)
            self.vats.pop(name)

    def undo(self) -> None:
        """Do something as a step of the session, and undo it."""
        self.resume()
        self.world.run()
        self.session.steps.begin()
        self.pay()
        self.define()
        self.session.undo()
        self.vats.pop(f"bank{self.made}")

    def checkpoint(self) -> None:
        self.resume()
        self.world.run()
        names = [label.name for label in self.world.history.checkpoints()]
        if names and self.chance.random() < 0.6:
            self.world.history.go_back(self.chance.choice(names))
            self.session.attach()
            self.purses.clear()
            self.vats = {
                vat.name: self.session.root(vat.name) for vat in self.world.vats if vat.worker == "local"
            }
            self.made += 10
            if not self.vats:
                self.define()
        elif self.chance.random() < 0.7:
            self.world.checkpoint(f"here{len(names)}")
        elif self.world.crank > 12:
            for name in names:
                self.world.history.delete_checkpoint(name)
            self.world.history.prune(before=self.world.crank - 8)


def live(life: Life, count: int) -> Iterator[str]:
    for _ in range(count):
        step = life.chance.choice(life.steps())
        step()
        yield step.__name__


def is_followed(life: Life) -> None:
    """The explorer that looked on answers as a new one does."""
    afresh = swingset.explore(life.world)
    scene = life.explorer.scene()
    assert scene == afresh.scene()
    groups = tuple(row.id for box in scene.boxes for row in box.rows if row.opens)
    assert life.explorer.scene(opened=groups) == afresh.scene(opened=groups)
    assert life.explorer.timeline() == afresh.timeline()


@pytest.mark.parametrize("seed", range(3))
def test_an_explorer_that_looks_on_answers_as_a_new_one(seed: int) -> None:
    """Messages, garbage, names, upgrades, ends of vats, going back and pruning: nothing is missed."""
    life = Life(seed)
    with life.world:
        for _ in live(life, 30):
            if life.chance.random() < 0.6:
                is_followed(life)
        is_followed(life)
