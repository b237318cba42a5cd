"""A fault at every durable step of a scenario, one after the other, and the same end every time.

The scenario is a list of acts, each of which ends in one commit, so that the number of the head commit says
where to go on. A fault is either an error of the host's, after which the same controller carries on, or the
end of the process, after which the file is opened again.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.crash.crash_story import BANK, SLOW


class Crash(BaseException):
    """The process ends here."""


def ask(controller: Controller, vat: str, method: str, *others: str) -> None:
    """Send a message whose arguments are roots of vats, and run."""
    kernel = controller.kernel
    slots = tuple(kernel.root_of(other) for other in others)
    args = ",".join(f'"${index}.Alleged: {other}"' for index, other in enumerate(others))
    result = kernel.queue_message(kernel.root_of(vat), CapData(f'#["{method}",[{args}]]', slots))
    kernel.release_result(result)
    controller.run()


def refused(controller: Controller) -> None:
    """An upgrade that loses a kind."""
    with pytest.raises(VatFault, match="Purse"):
        controller.upgrade_vat("bank", (("bank", SLOW),))


ACTS: list[Callable[[Controller], Any]] = [
    lambda c: c.create_vat("bank", (("bank", BANK),)),
    lambda c: c.create_vat("slow", (("slow", SLOW),)),
    lambda c: c.create_vat("clerk", (("clerk", SLOW),)),
    lambda c: ask(c, "clerk", "half", "slow"),
    lambda c: ask(c, "bank", "pay", "slow"),
    lambda c: c.upgrade_vat("bank", (("bank", BANK.replace("VERSION = 1", "VERSION = 2")),)),
    refused,
    lambda c: ask(c, "bank", "pay", "slow"),
    lambda c: ask(c, "slow", "release", "bank"),
    lambda c: c.queue.pause(),
    lambda c: c.queue.unpause(),
    lambda c: c.terminate_vat("slow", "enough"),
    lambda c: ask(c, "bank", "pay", "clerk"),
]


def play(controller: Controller) -> None:
    """Go on from wherever the world stands to the end."""
    while controller.world.head < len(ACTS):
        before = controller.world.head
        ACTS[before](controller)
        assert controller.world.head == before + 1


class Faults:
    """Counts durable steps, and strikes at one of them: once, or for ever after."""

    def __init__(self, at: int | None, lasting: bool) -> None:
        self.passed = 0
        self.kinds: list[str] = []
        self._at = at
        self._lasting = lasting

    def __call__(self, step: str) -> None:
        self.passed += 1
        self.kinds.append(step)
        if self._at is not None and (self.passed == self._at or (self._lasting and self.passed > self._at)):
            raise Crash(f"{step}, number {self.passed}")


def opened(path: Path, worker: str, faults: Faults) -> Controller:
    """A controller whose world strikes; long spans are imaged often."""
    controller = open_world(path, worker=worker, snapshot_interval=3)
    controller.world.faults = faults
    return controller


def undisturbed(path: Path, worker: str) -> tuple[str, Faults]:
    """The digest at the end without a fault, and the steps on the way."""
    faults = Faults(None, lasting=False)
    with opened(path, worker, faults) as controller:
        play(controller)
        assert audit(controller.kernel.store) == []
        return controller.digest(), faults


def interrupted(path: Path, worker: str, at: int) -> str:
    """The digest at the end, where the process ended on the way and another one went on."""
    with pytest.raises(Crash), opened(path, worker, Faults(at, lasting=True)) as controller:
        play(controller)
    with open_world(path, create=False, worker=worker, snapshot_interval=3) as controller:
        assert audit(controller.kernel.store) == []
        play(controller)
        assert audit(controller.kernel.store) == []
        return controller.digest()


def points(faults: Faults, most: int | None) -> list[int]:
    """Steps to strike at: all, or so many, half of them single writes and half steps of other kinds."""
    if most is None:
        return list(range(1, faults.passed + 1))
    writes = [number for number, kind in enumerate(faults.kinds, 1) if kind == "write"]
    others = [number for number, kind in enumerate(faults.kinds, 1) if kind != "write"]
    return [steps[len(steps) * n // (most // 2)] for steps in (writes, others) for n in range(most // 2)]


def sweep(folder: Path, worker: str, most: int | None) -> int:
    """End the process at many steps, one at a time; answers how many."""
    digest, faults = undisturbed(folder / "undisturbed.world", worker)
    chosen = points(faults, most)
    for at in chosen:
        path = folder / f"{at}.world"
        assert interrupted(path, worker, at) == digest, f"{faults.kinds[at - 1]}, step {at}"
        path.unlink()
    return len(chosen)


@pytest.mark.parametrize(("worker", "most"), [("local", 24), ("wasm", 8)])
def test_process_ends_at_many_steps(tmp_path: Path, worker: str, most: int) -> None:
    """Whichever step the process ends at, another one finishes the story to the same digest."""
    assert sweep(tmp_path, worker, most) == most


@pytest.mark.slow
@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_process_ends_at_every_step(tmp_path: Path, worker: str) -> None:
    """The same at every single step."""
    assert sweep(tmp_path, worker, None) > 400


def carry_on(path: Path, worker: str, at: int) -> None:
    """Have one step fail, and go on with the same controller; what it has is what the file has."""
    with opened(path, worker, Faults(at, lasting=False)) as controller:
        with pytest.raises(Crash):
            play(controller)
        controller.queue.unpause()
        controller.run()
        kernel = controller.kernel
        assert audit(kernel.store) == []
        digest = controller.digest()
        names = [vat.name for vat in controller.vats]
        heaps = [kernel.warehouse.heap_digest(kernel.vat(name)) for name in names]
    with open_world(path, create=False, worker=worker) as controller:
        kernel = controller.kernel
        assert controller.digest() == digest
        assert heaps == [kernel.warehouse.heap_digest(kernel.vat(name)) for name in names]


@pytest.mark.parametrize(("worker", "most"), [("local", 24), ("wasm", 8)])
def test_host_carries_on_after_a_fault(tmp_path: Path, worker: str, most: int) -> None:
    """After an error at any step the same controller goes on, and no worker knows what was undone."""
    _, faults = undisturbed(tmp_path / "undisturbed.world", worker)
    for at in points(faults, most):
        carry_on(tmp_path / f"{at}.world", worker, at)


def test_fault_while_recovering(tmp_path: Path) -> None:
    """A second fault on the way back from a first one changes nothing either."""
    digest, faults = undisturbed(tmp_path / "undisturbed.world", "local")
    for first, second in itertools.product(range(20, faults.passed, 230), range(1, 200, 47)):
        path = tmp_path / f"{first}-{second}.world"
        for at in (first, second):
            faults = Faults(at, lasting=True)
            with contextlib.suppress(Crash), opened(path, "local", faults) as controller:
                play(controller)
        with open_world(path, create=False, worker="local", snapshot_interval=3) as controller:
            play(controller)
            assert controller.digest() == digest, f"steps {first} and {second}"
        path.unlink()
