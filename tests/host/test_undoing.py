"""Undo within a life: the world is as it was, what the program held then goes on, and the rest is dead."""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.core.errors import KernelError
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteRejection
from swingset.guest.base.resolvers import make_promise
from swingset.guest.stores.bigmaps import BigMap
from swingset.host.sessions.undone import Undone
from swingset.vat import durable, remotable, watch_promise
from tests.host.test_lives import BANK, bank_stage, fail_commit
from tests.staging import Stage

LOUD = """
from swingset.vat import remotable

@remotable
class Loud:
    def say(self):
        print("one")
        print("two")

def build_root_object():
    return Loud()
"""


@remotable
class Own:
    """An object of the session."""

    def give(self) -> str:
        """What it gives."""
        return "given"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A world with a bank, and a purse that the session holds; its next step has begun."""
    found = bank_stage(tmp_path / "a.world")
    yield found
    found.close()


def at_the_bank(stage: Stage) -> tuple[Any, Any]:
    """The bank and a purse, got in a step of their own."""
    bank = stage.session.root("bank")
    purse = stage.ask(bank, "open_purse", "alice")
    stage.session.steps.begin()
    return bank, purse


def settled_digest(stage: Stage) -> str:
    """The digest of the world, once nothing is left to commit."""
    stage.session.flush()
    return stage.controller.digest()


def refused(stage: Stage, handle: Any) -> str:
    """The message with which a handle refuses to be sent to and to be sent."""
    with pytest.raises(LifeEndedError) as sent_to:
        stage.ask(handle, "read")
    with pytest.raises((LifeEndedError, TypeError), match="taken back"):
        stage.ask(stage.session.root("bank"), "take", handle)
    return str(sent_to.value)


def test_the_world_is_as_it_was_and_its_handles_go_on(stage: Stage) -> None:
    """An undo leads to the digest of then, with no new record; a purse of then works, a later one is dead."""
    bank, purse = at_the_bank(stage)
    before, life = settled_digest(stage), stage.session.incarnation
    assert stage.ask(purse, "deposit", 10) == 10
    later = stage.ask(bank, "open_purse", "bob")
    undone = stage.session.undo()
    assert (undone.steps, undone.numbers, undone.cranks) == (("the last step",), (), 4)
    assert undone.done[0].startswith("deposit(10) to Purse")
    assert undone.dead == 1
    assert undone.resumed is None
    assert stage.controller.digest() == before
    assert stage.session.incarnation == life
    assert "what the last step did, which ended when that was taken back" in refused(stage, later)
    assert stage.ask(purse, "read") == ["alice", 0]


def test_confined_vats_are_as_they_were(tmp_path: Path) -> None:
    """Their memory is that of then, with what is in no store, and undo and redo give the same digests."""
    stage = Stage("wasm", tmp_path / "a.world")
    stage.define("bank", BANK)
    bank, _ = at_the_bank(stage)
    stage.ask(bank, "keep", stage.session.root("bank"))
    digests = [settled_digest(stage)]
    for count in range(3):
        stage.session.steps.begin()
        stage.ask(bank, "keep", make_promise()[0] if count % 2 else Own())
        digests.append(settled_digest(stage))
    for back in (1, 2, 3):
        stage.session.undo(back)
        assert stage.controller.digest() == digests[3 - back]
        assert stage.session.redo().resumed is None
        assert stage.controller.digest() == digests[3]
    assert stage.ask(bank, "have_it_give") == "given"
    stage.close()


def test_a_number_that_is_used_again_never_leads_to_a_dead_handle(stage: Stage) -> None:
    """The kernel gives a later purse the number of a dead one, and the dead one stays dead."""
    bank, _ = at_the_bank(stage)
    dead = stage.ask(bank, "open_purse", "bob")
    number = dead._vref
    stage.session.undo()
    fresh = stage.ask(bank, "open_purse", "carol")
    assert fresh._vref == number
    assert fresh is not dead
    refused(stage, dead)
    assert stage.ask(fresh, "read") == ["carol", 0]


def test_what_was_dropped_since_is_dropped_again(stage: Stage) -> None:
    """A purse that the program let go of in a step that was taken back is not held for ever."""
    _, purse = at_the_bank(stage)
    kref = stage.session.kref_of(purse)
    stage.ask(purse, "deposit", 1)
    del purse
    gc.collect()
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert stage.controller.kernel.store.objects.get(kref) is None
    stage.session.undo()
    assert stage.controller.kernel.store.objects.get(kref) is not None
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert stage.controller.kernel.store.objects.get(kref) is None


def test_what_was_settled_since_is_settled_again(stage: Stage) -> None:
    """A promise that the program has settled keeps its value, and the world hears of it once more."""
    bank, _ = at_the_bank(stage)
    promise, resolver = make_promise()
    stage.ask(bank, "keep", promise)
    stage.session.steps.begin()
    resolver.resolve(42)
    stage.session.settle()
    assert stage.ask(bank, "tell") == 42
    undone = stage.session.undo()
    assert undone.resumed is None
    assert promise.result() == 42
    assert stage.ask(bank, "tell") == 42


def test_a_settled_promise_keeps_its_value_and_a_later_one_is_dead(stage: Stage) -> None:
    """The answer to a message of then is kept; one that came into being since cannot be awaited."""
    bank, _ = at_the_bank(stage)
    waits = stage.send(bank, "wait")
    stage.session.settle()
    stage.session.steps.begin()
    stage.ask(bank, "go", "went")
    later = stage.send(bank, "wait")
    stage.session.settle()
    assert waits.result() == "went"
    undone = stage.session.undo()
    assert undone.kept == 1
    assert "1 promise keeps its value, although that was taken back" in undone.lines()
    assert waits.result() == later.result() == "went"
    assert "an undo has taken this back" in str(stage.session.references.describe(waits))
    stage.session.redo()
    assert "taken" not in str(stage.session.references.describe(waits))
    stage.session.undo()
    fresh = stage.send(bank, "wait")
    stage.session.settle()
    assert fresh.status == "pending"
    stage.ask(bank, "go", "again")
    assert fresh.result() == "again"


def test_a_promise_made_since_is_dead(stage: Stage) -> None:
    """One that waits for an answer to a message that was taken back is rejected for who awaits it."""
    bank, _ = at_the_bank(stage)
    later = stage.send(bank, "wait")
    stage.session.settle()
    stage.session.undo()
    assert later.status == "rejected"
    with pytest.raises(LifeEndedError, match=r"promise for the answer to wait\(\)"):
        stage.session.wait(later)


def test_a_promise_of_then_goes_on(stage: Stage) -> None:
    """One that was pending then and is pending still is settled in the state that was gone back to."""
    bank, _ = at_the_bank(stage)
    waits = stage.send(bank, "wait")
    stage.session.settle()
    stage.session.steps.begin()
    stage.ask(bank, "open_purse", "bob")
    stage.session.undo()
    stage.ask(bank, "go", "went")
    assert waits.result() == "went"


def test_an_own_object_that_was_sent_since_can_be_sent_again(stage: Stage) -> None:
    """The program's own object is no handle: it lives on, and gets to others anew."""
    bank, _ = at_the_bank(stage)
    own = Own()
    stage.ask(bank, "keep", own)
    stage.session.undo()
    stage.ask(bank, "keep", own)
    assert stage.ask(bank, "have_it_give") == "given"


def test_an_own_object_that_others_hold_goes_on(stage: Stage) -> None:
    """What the bank held of the program then, it holds again."""
    bank, _ = at_the_bank(stage)
    own = Own()
    stage.ask(bank, "keep", own)
    stage.session.steps.begin()
    stage.ask(bank, "keep", None)
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert stage.session.undo().resumed is None
    assert stage.ask(bank, "have_it_give") == "given"


def test_a_gone_object_that_others_held_makes_it_a_new_life(stage: Stage) -> None:
    """If the bank would hold an object that is gone from memory, the session begins anew and says why."""
    bank, _ = at_the_bank(stage)
    stage.ask(bank, "keep", Own())
    stage.session.steps.begin()
    stage.ask(bank, "keep", None)
    stage.controller.gc.reap_all()
    stage.session.settle()
    gc.collect()
    stage.controller.gc.reap_all()
    stage.session.settle()
    life = stage.session.incarnation
    undone = stage.session.undo()
    assert "which others held then, is gone" in str(undone.resumed)
    assert undone.left_behind is not None
    assert len(undone.left_behind.abandoned) == 1
    assert "the session began anew, because" in undone.lines()[-1]
    assert stage.session.incarnation == life + 1
    with pytest.raises(LifeEndedError, match="was taken back"):
        stage.ask(bank, "read")


def test_durable_objects_of_the_session_follow(stage: Stage) -> None:
    """A stored object has its state of then again; a later one and its collection are dead."""
    bank, _ = at_the_bank(stage)

    @durable
    class Note:
        text: str

        def read(self) -> str:
            return self.text

    note, shelf = Note(text="first"), BigMap("shelf", keys=str, values=Note)
    stage.session.settle()
    stage.session.steps.begin()
    note.text = "second"
    later = Note(text="later")
    shelf["later"] = later
    stage.ask(bank, "take", later)
    undone = stage.session.undo()
    assert (undone.resumed, undone.dead) == (None, 1)
    assert note.text == "first"
    assert len(shelf) == 0
    with pytest.raises(LifeEndedError, match="belongs to what the last step did"):
        _ = later.text
    with pytest.raises(LifeEndedError, match="this Note belongs to what the last step did"):
        stage.ask(bank, "take", later)
    assert isinstance(stage.session.redo(), Undone)
    assert (note.text, later.text, shelf["later"] is later) == ("second", "later", True)


def test_a_durable_class_of_a_step_that_was_taken_back_can_be_used(stage: Stage) -> None:
    """The class is a variable, so it stays; it is stored again when it is used."""
    bank, _ = at_the_bank(stage)

    @durable
    class Note:
        text: str

    stage.ask(bank, "take", Note(text="first"))
    assert stage.session.undo().resumed is None
    note = Note(text="again")
    stage.ask(bank, "take", note)
    stage.session.attach("as after a restart")
    assert stage.session.lacking() == ["@durable Note"]


def test_a_class_that_is_yet_to_be_defined_is_no_obstacle(stage: Stage) -> None:
    """A life whose stored objects wait for their class goes on, before and after."""
    bank, purse = at_the_bank(stage)

    @durable
    class Note:
        text: str

    stage.ask(bank, "take", Note(text="first"))
    stage.session.attach("as after a restart")
    assert stage.session.lacking() == ["@durable Note"]
    purse = stage.ask(stage.session.root("bank"), "open_purse", "bob")
    stage.session.steps.begin()
    stage.ask(purse, "deposit", 1)
    assert stage.session.undo().resumed is None
    assert stage.ask(purse, "read") == ["bob", 0]


def test_names_are_those_of_then(stage: Stage) -> None:
    """A name that was bound since is gone, one that was rebound has its value of then again."""
    bank, purse = at_the_bank(stage)
    stage.session.names.remember({"mine": purse})
    stage.session.steps.begin()
    other = stage.ask(bank, "open_purse", "bob")
    stage.session.names.remember({"mine": other, "more": [other], "n": 3})
    undone = stage.session.undo()
    assert (undone.gone, undone.back) == (("more",), {"mine": purse})
    assert undone.back["mine"] is purse
    redone = stage.session.redo()
    assert sorted(redone.back) == ["mine", "more"]
    assert redone.back["mine"] is other


def test_redo_gives_the_handles_back(stage: Stage) -> None:
    """After undo and redo the digest and all handles are as before, however often it is done."""
    bank, purse = at_the_bank(stage)
    other = stage.ask(bank, "open_purse", "bob")
    waits = stage.send(bank, "wait")
    stage.session.settle()
    stage.session.steps.begin()
    stage.ask(purse, "deposit", 3)
    after = settled_digest(stage)
    for _ in range(2):
        assert stage.session.undo(2).steps == ("the last step", "the last step")
        assert stage.session.redo().dead == 0
        assert stage.controller.digest() == after
    stage.session.undo()
    stage.session.undo()
    stage.session.redo()
    stage.session.redo()
    assert stage.controller.digest() == after
    stage.ask(bank, "go", "went")
    assert waits.result() == "went"
    assert (stage.ask(other, "read"), stage.ask(purse, "read")) == (["bob", 0], ["alice", 3])


def test_redo_ends_with_what_is_sent(stage: Stage) -> None:
    """Looking does not end it, storing a name does not, sending does."""
    bank, _ = at_the_bank(stage)
    stage.ask(bank, "open_purse", "bob")
    stage.session.undo()
    stage.session.names.remember({"b": bank})
    stage.session.redo()
    stage.session.undo()
    stage.ask(bank, "open_purse", "carol")
    for _ in range(2):
        with pytest.raises(KernelError, match="nothing to do again"):
            stage.session.redo()


@pytest.mark.parametrize("n", [0, -1, True, "1", 1.0])
def test_a_number_of_steps_is_wanted(stage: Stage, n: Any) -> None:
    """Anything but a number from 1 is refused."""
    with pytest.raises(KernelError, match="a number of steps from 1"):
        stage.session.undo(n)


def test_more_steps_than_there_are_change_nothing(stage: Stage) -> None:
    """It says how many there are."""
    at_the_bank(stage)
    head = stage.controller.history.head
    with pytest.raises(KernelError, match="cannot take back 99 steps: only 1 can be"):
        stage.session.undo(99)
    assert stage.controller.history.head == head


def test_an_undo_that_fails_leaves_all_as_it_was(stage: Stage) -> None:
    """If the disk fails in between, the world stands where it stood, and all handles work."""
    bank, purse = at_the_bank(stage)
    later = stage.ask(bank, "open_purse", "bob")
    digest = settled_digest(stage)
    fail_commit(stage, stage.session.undo)
    assert stage.controller.digest() == digest
    assert (stage.ask(later, "read"), stage.ask(purse, "read")) == (["bob", 0], ["alice", 0])


def test_steps_of_an_earlier_session(tmp_path: Path) -> None:
    """They are found in the records; then a new life of the session begins, and its names come back."""
    stage = bank_stage(tmp_path / "a.world")
    purse = stage.ask(stage.session.root("bank"), "open_purse", "alice")
    stage.session.names.remember({"purse": purse})
    stage.ask(purse, "deposit", 3)
    stage.close()
    stage = Stage("local", tmp_path / "a.world")
    purse = stage.session.names.recall()["purse"]
    stage.session.steps.begin()
    stage.ask(purse, "deposit", 4)
    undone = stage.session.undo(2)
    assert undone.steps[0] == "the last step"
    assert undone.steps[1].startswith("what followed commit")
    assert undone.resumed == "that state belongs to another session"
    assert stage.ask(stage.session.names.recall()["purse"], "read") == ["alice", 0]
    stage.close()


def test_going_back_to_a_checkpoint_can_be_undone(stage: Stage) -> None:
    """A step that went back is taken back by going forward, in a new life."""
    bank, _ = at_the_bank(stage)
    stage.controller.checkpoint("here")
    stage.ask(bank, "open_purse", "bob")
    stage.session.steps.begin()
    stage.controller.history.go_back("here")
    stage.session.attach()
    crank = stage.controller.crank
    undone = stage.session.undo()
    assert undone.resumed == "that state belongs to another session"
    assert undone.crank > crank


def test_what_left_the_world_is_listed(stage: Stage) -> None:
    """Printed lines are not taken back, and it says so."""
    stage.define("loud", LOUD)
    stage.session.steps.begin()
    stage.ask(stage.session.root("loud"), "say")
    assert stage.session.undo().outside == ("2 printed lines",)


def test_a_watch_makes_it_a_new_life(stage: Stage) -> None:
    """What a durable object watches since is in the store only, so the session begins anew."""
    bank, _ = at_the_bank(stage)

    @durable
    class Listener:
        heard: str = ""

        def on_fulfilled(self, value: Any) -> None:
            self.heard = str(value)

        def on_rejected(self, reason: Any) -> None:
            self.heard = str(reason)

    watch_promise(stage.send(bank, "wait"), Listener())
    stage.session.settle()
    assert "watched or kept promises" in str(stage.session.undo().resumed)


def reap(stage: Stage) -> None:
    """Have every vat drop what it does not hold any more."""
    gc.collect()
    stage.controller.gc.reap_all()


ACTS: dict[str, Callable[[Stage, list[Any], random.Random], Any]] = {
    "open": lambda stage, held, _: held.append(stage.ask(stage.session.root("bank"), "open_purse", "x")),
    "deposit": lambda stage, held, dice: stage.ask(dice.choice(held), "deposit", 1),
    "hand over": lambda stage, held, dice: stage.ask(stage.session.root("bank"), "keep", dice.choice(held)),
    "export": lambda stage, _, __: stage.ask(stage.session.root("bank"), "keep", Own()),
    "promise": lambda stage, _, __: stage.ask(stage.session.root("bank"), "keep", make_promise()[0]),
    "drop": lambda _, held, dice: held.pop(dice.randrange(len(held))),
    "reap": lambda stage, _, __: reap(stage),
}


@pytest.mark.parametrize("seed", range(2))
def test_any_walk_of_steps_undo_and_redo(stage: Stage, seed: int) -> None:
    """After each undo the digest is that of then, all that is alive works, and every reference is counted."""
    dice = random.Random(seed)
    held: list[Any] = []
    digests: list[str] = []  # before each step that counts
    for _ in range(20):
        if dice.random() < 0.3 and digests:
            n = dice.randint(1, min(3, len(digests)))
            undone = stage.session.undo(n)
            assert undone.resumed is not None or stage.controller.digest() == digests[-n]
            del digests[-n:]
            if dice.random() < 0.3:
                stage.session.redo()
                stage.session.undo(n)
        else:
            before = settled_digest(stage)
            stage.session.steps.begin()
            act = dice.choice(list(ACTS)) if held else "open"
            head = stage.controller.history.head
            with contextlib.suppress(LifeEndedError, RemoteRejection):
                ACTS[act](stage, held, dice)
            stage.session.settle()
            stage.session.flush()
            if not stage.session.steps.only_housekeeping_since(head):
                digests.append(before)
        held = [purse for purse in held if not stage.session.has_ended(purse)]
        stage.check()
    for purse in held:
        assert stage.ask(purse, "read")[0] == "x"


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_refused_upgrade_is_no_step(tmp_path: Path, sessions: int) -> None:
    """An undo takes back the step before it, and does not list it; so it is in a later session."""
    stage = bank_stage(tmp_path / "a.world")
    bank, _purse = at_the_bank(stage)
    stage.ask(bank, "open_purse", "bob")
    stage.session.steps.begin()
    with pytest.raises(swingset.VatFault, match="refused"):
        stage.upgrade("bank", "1 +")
    stage.session.steps.begin()
    if sessions == 2:
        stage.close()
        stage = Stage("local", tmp_path / "a.world")
    undone = stage.session.undo()
    assert undone.done[0].startswith("open_purse('bob') to root of bank ")
    assert "upgrade" not in " ".join(undone.lines())
    stage.close()
