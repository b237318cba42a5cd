"""After a prune: who asks about what is gone is told so, with the first crank that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset

BANK = """
from swingset.vat import E, durable, make_promise, provide, remotable

@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def fail(self):
        raise ValueError("no such account")

def build_root_object(baggage):
    purse = provide(baggage, "purse", Purse)
    waiting = []

    @remotable
    class Bank:
        def purse(self):
            return purse

        def deposit(self, amount: int):
            return E(purse).deposit(amount)

        def fail(self):
            return purse.fail()

        def later(self):
            promise, resolver = make_promise()
            waiting.append(resolver)
            return promise

        def another(self):
            return Purse()

        def answer(self):
            waiting.pop().resolve("at last")

    return Bank()
"""


class Pruned:
    """A bank whose past was pruned before its sixth crank."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = swingset.open_world(folder / "a.world", worker="local")
        self.world.create_vat("bank", (("bank", BANK),))
        self.ask("deposit", -5)
        self.world.upgrade_vat("bank", (("bank", BANK + "# better"),))
        self.purse = self.ask("purse")
        self.later = self.ask("later")
        self.freed = self.world.history.prune(before=self.world.crank + 1)
        self.ask("answer")
        for amount in (1, 2):
            self.ask("deposit", amount)
        self.made = self.ask("another")
        self.ask("fail")

    def ask(self, method: str, *args: Any) -> str:
        """Send the bank a message and run it; returns the promise for its result."""
        kref = self.world.queue_to_root("bank", method, args)
        self.world.run()
        assert kref is not None
        return kref

    def thing(self, promise: str) -> str:
        """The object with which a promise was fulfilled."""
        found = self.world.kernel.store.promises.get(promise)
        assert found is not None
        assert found.data is not None
        return found.data.slots[0]


@pytest.fixture
def pruned(tmp_path: Path) -> Iterator[Pruned]:
    """The bank."""
    found = Pruned(tmp_path)
    yield found
    found.world.close()


GONE = "the past up to crank 5 was pruned; crank 6 is the first that is left"

REFUSED: dict[str, Callable[[Pruned], object]] = {
    "the cause of a crank": lambda it: it.world.lens.cause(5),
    "the cause of an object": lambda it: it.world.lens.cause(it.thing(it.purse)),
    "the cause of a message": lambda it: it.world.lens.cause(it.purse),
    "the cause of a promise that was settled later": lambda it: it.world.lens.cause(it.later),
    "the story of an object": lambda it: it.world.lens.story(it.thing(it.purse)),
    "the story of a crank": lambda it: it.world.lens.story(1),
    "a moment": lambda it: it.world.at(5),
    "the empty world": lambda it: it.world.at(0),
    "a moment after a record": lambda it: it.world.history.at_record(2),
    "a fork": lambda it: it.world.fork(at=2),
    "an undo of an upgrade": lambda it: swingset.undo_upgrade(it.world, "bank"),
    "a shadow": lambda it: swingset.shadow(it.world, "bank", it.world.vats.parts("bank")),
    "a branch": lambda it: swingset.branch(it.world, at=3),
    "a what-if": lambda it: swingset.what_if(it.world, at=3, drop=True),
    "a trace": lambda it: swingset.trace(it.world, 2),
    "a test of a crank": lambda it: swingset.bug_to_test(it.world, 2, "two", folder=it.folder),
    "a test of a later crank": lambda it: swingset.bug_to_test(it.world, 10, "ten", folder=it.folder),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_gone_is_refused_with_the_first_crank_that_is_left(what: str, pruned: Pruned) -> None:
    """Nothing that is left takes the place of what was pruned."""
    with pytest.raises((swingset.KernelError, swingset.WorldError)) as refused:
        REFUSED[what](pruned)
    assert GONE in str(refused.value)


def test_what_still_tells_of_it_is_named(pruned: Pruned) -> None:
    """A promise that is older than the past was settled in a crank that is left."""
    with pytest.raises(swingset.KernelError, match="The record of crank 6 settles it: ask about that"):
        pruned.world.lens.cause(pruned.later)


def test_a_commit_that_is_gone_is_told_from_one_that_never_was(pruned: Pruned) -> None:
    """Commit numbers are never used twice."""
    with pytest.raises(swingset.UnknownCommit, match="no commit 1 any more: it was pruned"):
        pruned.world.history.go_back_to_commit(1)
    with pytest.raises(swingset.UnknownCommit, match="no commit 999: "):
        pruned.world.history.go_back_to_commit(999)


ANSWERED: dict[str, tuple[Callable[[Pruned], Any], str]] = {
    "the first crank": (lambda it: it.world.lens.cause(6).lines(), f"  {GONE}"),
    "a search": (lambda it: swingset.search(it.world, method="deposit").lines(), GONE),
    "since when": (
        lambda it: swingset.when(it.world, "purse.balance < 0").lines(),
        "purse.balance < 0 since before crank 6",
    ),
    "since when it ended": (
        lambda it: swingset.when(it.world, "purse.balance == -5").lines(),
        "purse.balance == -5 since before crank 6, until crank 7",
    ),
    "when never": (
        lambda it: swingset.when(it.world, "purse.balance == 100").lines(),
        f"what was before cannot be looked at: {GONE}",
    ),
    "when at a crank": (
        lambda it: swingset.when(it.world, 'method == "purse"').lines(),
        f"what was before cannot be looked at: {GONE}",
    ),
    "the timeline": (
        lambda it: [each.words() for each in it.world.history.timeline()],
        "the past before it was pruned",
    ),
}


@pytest.mark.parametrize("what", ANSWERED)
def test_an_answer_says_what_it_lacks(what: str, pruned: Pruned) -> None:
    """What is left is told, with a line about what is gone."""
    ask, line = ANSWERED[what]
    assert line in ask(pruned)


def test_what_is_left_is_told_as_ever(pruned: Pruned) -> None:
    """Objects that were made later have their cause, and nothing is said of the past."""
    world, made = pruned.world, pruned.thing(pruned.made)
    assert world.lens.cause(made).step.crank == world.lens.cause(pruned.made).step.crank == 9
    assert world.lens.cause(10).gone is None
    assert swingset.search(world, since=6).gone is None
    assert swingset.when(world, "purse.balance == -2").crank == 8


def test_a_sender_that_is_gone_is_told(tmp_path: Path) -> None:
    """A message that waited over the cut says in which record it was sent, and that it is gone."""
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        kref = world.queue_to_root("bank", "deposit", [1])
        world.commit()
        sent = next(reversed(list(world.history.records()))).number
        world.history.prune(before=world.crank + 1)
        world.run()
        words = f"it was sent in record {sent}, and the past up to crank 1 was pruned"
        assert world.lens.cause(kref or "").origin.startswith(words)
        assert str(world.lens.story(kref or "").sender_gone).startswith(words)
        assert swingset.when(world, "purse.balance == 1").crank == 2


def test_a_rehearsal_says_that_older_messages_are_gone(pruned: Pruned) -> None:
    """Only the messages of which the state before is left are re-delivered."""
    found = swingset.redeliver(pruned.world, "bank", (("bank", BANK + "# best"),), messages=50)
    assert (found.count, found.crank, found.differing) == (4, 7, 0)
    assert f"earlier messages cannot be re-delivered: {GONE}" in found.lines()


def test_a_world_that_was_unpacked_without_its_past_says_so(pruned: Pruned, tmp_path: Path) -> None:
    """It was not pruned, but its file begins in the middle too."""
    swingset.export_archive(pruned.world, tmp_path / "a.swingset", level="replay")
    swingset.import_archive(tmp_path / "a.swingset", tmp_path / "b.world")
    with swingset.open_world(tmp_path / "b.world", worker="local") as world:
        world.queue_to_root("bank", "deposit", [1], policy="none")
        world.run()
        words = "the past up to crank 10 is not in this file; crank 11 is the first that is left"
        with pytest.raises(swingset.KernelError, match=words):
            world.lens.cause(pruned.thing(pruned.made))
        with pytest.raises(swingset.NoSuchMoment, match=words):
            world.at(10)
        assert swingset.when(world, "purse.balance == -1").crank == 11
        assert swingset.when(world, "purse.balance == -2").before == 11


def test_steps_that_were_pruned_are_not_taken_back(pruned: Pruned) -> None:
    """Those that are left are, one after the other; the error says how many, and where the past begins."""
    world = pruned.world
    session = swingset.Session(world, "notebook")
    session.attach()
    for _ in range(6):
        session.steps.begin()
        pruned.ask("deposit", 1)
    world.history.prune(before=world.crank - 1)
    before = world.digest()
    for _ in range(2):
        assert session.undo().steps == ("the last step",)
    assert session.redo().steps
    assert session.redo().steps
    assert world.digest() == before
    with pytest.raises(
        swingset.KernelError, match=r"cannot take back 4 steps: [23] can be taken back, for the"
    ):
        session.undo(4)
    assert world.digest() == before
    session.undo()
    world.history.prune()
    with pytest.raises(swingset.UnknownCommit, match="any more: it was pruned"):
        session.redo()
    assert world.verify() == []
