"""Confined vats on several threads: digests, answers and calls of devices are those of one thread."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swingset.command.cli import main
from swingset.core.ahead import LONG, AheadReport
from swingset.core.errors import VatFault
from swingset.host.base import policies
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref

NAMES = ("ann", "ben", "cyd", "dan")
STEPS = 60_000

WORKER = f"""
from swingset.vat import D, E, remotable

def work(steps):
    total = 0
    for number in range(steps):
        total += number * number % 7
    return total

def build_root_object(baggage, powers):
    baggage.setdefault("done", 0)

    @remotable
    class Worker:
        def work(self, steps: int):
            total = work(steps)
            baggage["done"] += 1
            return [baggage["done"], total]

        def pass_on(self, other, steps: int):
            work({STEPS})
            return E(other).work(steps)

        def ask(self, device):
            before = work({STEPS})
            answer = D(device).call(baggage["done"])
            work({STEPS})
            return [before, answer]

        def fail(self):
            raise ValueError(work({STEPS}))

        def endless(self):
            while True:
                pass

        def leave(self):
            work({STEPS})
            powers.exit("enough")

    return Worker()
"""


def _opened(threads: int, calls: list[Any]) -> tuple[Controller, Ref]:
    """Four vats, of which two share a meter, and a host function that notes each call."""
    controller = open_world(None, threads=threads)

    def note(said: Any) -> int:
        calls.append(said)
        return len(calls)

    device = Ref(controller.devices.plugin("note", note))
    meter = controller.meters.create(10 * LONG)
    for name in NAMES:
        options = {"computrons": 10 * LONG, "reap_interval": 9}
        options |= {"meter": meter} if name in NAMES[2:] else {}
        controller.create_vat(name, (("worker", WORKER),), options=options)
    return controller, device


class Story:
    """What chance has a host do, with so many threads."""

    def __init__(self, seed: int, threads: int) -> None:
        self.random = random.Random(seed)
        self.calls: list[Any] = []
        self.controller, self.device = _opened(threads, self.calls)

    def told(self, doings: int) -> list[Any]:
        controller = self.controller
        for _ in range(doings):
            if not self.names():
                break  # all have left
            self.random.choices(
                (self.send, self.upgrade, self.terminate, self.refill, self.suspend), (20, 2, 1, 4, 2)
            )[0]()
            # Where a run stops has to be the same; what has run ahead by then waits.
            controller.run(policies.cranks(self.random.choice((3, 40, 1_000))))
        controller.run()
        heaps = [
            controller.kernel.warehouse.heap_digest(vat) for vat in controller.vats if vat.state == "live"
        ]
        digests = controller.digest(), controller.history.activity_digest()
        found = [self.calls, heaps, *digests, controller.crank]
        controller.close()
        return found

    def names(self) -> list[str]:
        return [vat.name for vat in self.controller.vats if vat.name in NAMES]

    def send(self) -> None:
        """Messages to many vats at once."""
        for _ in range(self.random.randint(3, 9)):
            name, other = self.random.choice(self.names()), self.random.choice(self.names())
            root = Ref(self.controller.kernel.root_of(other), other)
            method, args = self.random.choices(
                (("work", [STEPS]), ("pass_on", [root, STEPS]), ("ask", [self.device]), ("fail", []),
                 ("endless", []), ("leave", [])),
                (12, 5, 5, 2, 1, 0.3),
            )[0]  # fmt: skip
            self.controller.queue_to_root(name, method, args)

    def upgrade(self) -> None:
        name = self.random.choice(self.names())
        code = WORKER + self.random.choice(("", "# new\n", "raise RuntimeError('no')\n"))
        try:
            self.controller.upgrade_vat(name, (("worker", code),))
        except VatFault:
            return

    def terminate(self) -> None:
        if len(self.names()) > 2:
            self.controller.terminate_vat(self.random.choice(self.names()), "enough")

    def refill(self) -> None:
        for meter in self.controller.meters:
            self.controller.meters.refill(meter.id, 8 * LONG)

    def suspend(self) -> None:
        for vat in self.controller.vats:
            if vat.state == "suspended":
                self.controller.vats.resume(vat.name)
                return
        self.controller.vats.suspend(self.random.choice(self.names()), "for a while")


@pytest.mark.parametrize("seed", range(2))
def test_a_random_story_is_the_same_with_one_thread_and_with_three(seed: int) -> None:
    """Upgrades, ends, meters that run dry, failures and a device: what was told of it is equal."""
    alone, several = Story(seed, 1), Story(seed, 3)
    assert several.told(8) == alone.told(8)
    assert alone.controller.queue.ahead.begun == 0
    assert several.controller.queue.ahead.used > 0


BETWEEN_RUNS: dict[str, Callable[[Controller], object]] = {
    "nothing": lambda world: None,
    "a step": lambda world: world.step(),
    "a checkpoint": lambda world: world.checkpoint("here"),
    "heap images": lambda world: world.vats.snapshot_all(),
    "a fork": lambda world: world.fork().close(),
    "a check of the file": lambda world: world.verify(),
    "heap digests": lambda world: [world.kernel.warehouse.heap_digest(vat) for vat in world.vats],
    "an eviction": lambda world: world.kernel.warehouse.limit(1),
    "a suspension": lambda world: (world.vats.suspend("ben"), world.vats.resume("ben")),
    "other options": lambda world: world.vats.change_options("ben", {"reap_interval": 5}),
    "an upgrade": lambda world: world.upgrade_vat("ben", (("worker", WORKER + "# new"),)),
    "an end": lambda world: world.terminate_vat("ben"),
    "a way back": lambda world: (world.checkpoint("here"), world.run(), world.history.go_back("here")),
}


def _with(between: str, threads: int) -> tuple[list[Any], AheadReport]:
    """The end of a world whose host does something in the middle of its work, and what ran ahead by then."""
    calls: list[Any] = []
    controller, device = _opened(threads, calls)
    with controller:
        for name in (*NAMES, "ann", "ben"):
            controller.queue_to_root(name, "work", [STEPS])
        controller.queue_to_root("cyd", "ask", [device])
        for name in ("dan", *NAMES):
            controller.queue_to_root(name, "work", [STEPS])
        controller.run(policies.cranks(6))
        ahead = controller.queue.ahead
        BETWEEN_RUNS[between](controller)
        controller.run()
        return [calls, controller.digest(), controller.history.activity_digest()], ahead


@pytest.mark.parametrize("between", BETWEEN_RUNS)
def test_what_ran_ahead_when_a_run_ends_is_used_or_forgotten(between: str) -> None:
    """Whatever the host does then, the next run goes on as it would with one thread."""
    wanted, _ = _with(between, 1)
    found, ahead = _with(between, 3)
    assert ahead.begun > ahead.used + ahead.discarded
    assert found == wanted


def test_an_interrupt_ends_a_run_and_the_next_one_goes_on() -> None:
    """Ctrl-C in the middle of a run on several threads: no crank is half done, and none is lost."""

    def told(threads: int) -> list[Any]:
        interrupts = [KeyboardInterrupt()]

        def note(_: Any) -> None:
            if interrupts:
                raise interrupts.pop()

        controller, _ = _opened(threads, [])
        with controller:
            device = Ref(controller.devices.plugin("interrupts", note))
            for _ in range(2):
                for name in NAMES:
                    controller.queue_to_root(name, "work", [STEPS])
            controller.queue_to_root("ben", "ask", [device])
            for name in NAMES:
                controller.queue_to_root(name, "work", [STEPS])
            with pytest.raises(KeyboardInterrupt):
                controller.run()
            stopped = controller.crank
            controller.run()
            assert (controller.queue.ahead.used > 0) == (threads > 1)
            return [stopped, controller.digest(), controller.history.activity_digest()]

    assert told(3) == told(1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_more_random_stories_are_the_same_with_one_thread_and_with_three(seed: int) -> None:
    """The same for longer stories."""
    assert Story(seed, 3).told(40) == Story(seed, 1).told(40)


def test_the_command_takes_a_number_of_threads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset run --threads N` leads to the digest that any other number leads to, and wants one from 1."""
    digests = []
    for threads in ("1", "3"):
        path = tmp_path / f"{threads}.world"
        with open_world(path, threads=1) as world:
            for name in NAMES:
                world.create_vat(name, (("worker", WORKER),))
                for _ in range(3):
                    world.queue_to_root(name, "work", [STEPS])
        assert main(["run", str(path), "--threads", threads]) == 0
        with open_world(path, workers=False) as world:
            digests.append(world.digest())
    assert digests[0] == digests[1]
    with pytest.raises(SystemExit):
        main(["run", str(path), "--threads", "0"])
    capsys.readouterr()
