"""What is next is found without looking at vats that cannot run."""

from __future__ import annotations

import pytest

from swingset.core.scheduler import Agenda
from swingset.core.store import KernelStore
from swingset.model.capdata import CapData
from swingset.model.messages import Message, QueuedEvent, Send, UpgradeVat
from tests.core.raw import RawWorld
from tests.effort import measured
from tests.meddling import atomic


def effort(idle: int, waiting_for: str) -> int:
    """Tens of the database's instructions for 50 cranks beside so many suspended vats that wait."""
    names = [f"s{i}" for i in range(idle)]
    world = RawWorld("A", *names)
    for name in names:
        vat = world.ids[name]
        if waiting_for == "news":
            with atomic(world.kernel):
                world.store.clists.add(vat, world.store.new_object(vat), "o+5")
        else:
            world.store.reaping.schedule(vat)
        world.kernel.suspend(name, "it is late")
    root = world.kernel.root_of("A")

    def crank() -> None:
        with atomic(world.kernel):
            world.store.enqueue(Send(root, Message(CapData('#["go",[]]'))))
        assert world.step() is not None

    crank()
    with measured(world.world) as effort:
        for _ in range(50):
            crank()
    return effort.total


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.unaudited
@pytest.mark.parametrize("waiting_for", ["news", "a reap"])
def test_suspended_vats_cost_others_nothing(waiting_for: str) -> None:
    """A crank takes the same beside 2 suspended vats and beside 200."""
    few, many = effort(2, waiting_for), effort(200, waiting_for)
    assert 0 < many <= few * 1.2


def test_a_vat_that_wakes_is_told_what_it_missed() -> None:
    """What was to be told while it was suspended comes first when it is resumed."""
    world = RawWorld("A", "B")
    kref = world.give("A", "o+5", "B")
    vref = world.vref("B", kref)
    world.kernel.suspend("A", "it is late")
    world.run_in("B", lambda ask: ask(["dropImports", [vref]]))
    assert world.drain() == []
    world.kernel.resume("A")
    world.drain()
    assert world.vat("A").take_log() == [["dropExports", ["o+5"]]]


class LastFirst:
    """Takes what came last, and knows nothing of what is urgent or passed over."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        waiting = store.queues.all()
        return waiting[-1] if waiting else None


START = UpgradeVat("v9", "bundle", CapData("#null"), "", "kp1")

NEXT: list[tuple[int, int, list[int], int | None]] = [
    # how many wait, how many of them ahead of all, which are passed over, which comes next
    (0, 0, [], None),
    (3, 0, [], 2),
    (3, 1, [], 0),
    (3, 2, [], 0),
    (3, 0, [0], 2),
    (3, 0, [2], 0),
    (3, 0, [0, 2], 1),
    (3, 0, [0, 1, 2], None),
    (3, 1, [1], 0),
    (3, 1, [2], 0),
    (3, 1, [0], 2),
    (3, 1, [0, 2], 1),
    (3, 2, [0], 1),
    (3, 2, [0, 1], 2),
    (2, 2, [0, 1], None),
]


@pytest.mark.parametrize(("waiting", "urgent", "passed", "wanted"), NEXT)
def test_what_is_passed_over_lets_others_by(
    waiting: int, urgent: int, passed: list[int], wanted: int | None
) -> None:
    """What the host wants at once goes ahead of any scheduler, and what is passed over keeps nobody back."""
    world = RawWorld("A")
    agenda, root = Agenda(world.store, LastFirst()), world.kernel.root_of("A")
    with atomic(world.kernel):
        for number in range(waiting):
            world.store.enqueue(Send(root, Message(CapData(f'#["{number}",[]]'))), first=number < urgent)
    # Of those that go first, the newest one does.
    numbers = [*range(urgent - 1, -1, -1), *range(urgent, waiting)]
    places = [seq for seq, _ in world.store.queues.all()]
    for at in passed:
        agenda.pass_over(places[at], START, f"no worker for {at}")
    for at, seq in enumerate(places):
        assert agenda.why_passed_over(seq) == (f"no worker for {at}" if at in passed else None)
    chosen = agenda.choose(lambda _: True, clean_up=True)
    if wanted is None:
        assert chosen is None
    else:
        assert chosen is not None
        assert chosen[0] == places[wanted]
        assert isinstance(chosen[1], Send)
        assert chosen[1].message.methargs.body == f'#["{numbers[wanted]}",[]]'
    agenda.look_again()
    again = agenda.choose(lambda _: True, clean_up=True)
    assert (again[0] if again else None) == ((places[0] if urgent else places[-1]) if places else None)
