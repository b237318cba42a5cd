"""A handle belongs to one life of one session: afterwards it says so, and reaches nobody."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteRejection
from swingset.guest.base.promises import Promise
from swingset.guest.base.resolvers import make_promise
from swingset.guest.sending.eventual import E
from swingset.guest.stores.baggage import StoredMap
from swingset.testing import audit
from swingset.vat import D, durable, remotable
from tests.staging import Stage
from tests.vat_sources import PURSE

BANK = (
    """
from swingset.vat import E, durable, make_promise, remotable
"""
    + PURSE
    + """
    def read(self):
        return [self.owner, self.balance]

@remotable
class Bank:
    def __init__(self):
        self.gate, self.opener = make_promise()
        self.kept = None

    def open_purse(self, owner: str):
        return Purse(owner=owner)

    def wait(self):
        return self.gate

    def go(self, value):
        self.opener.resolve(value)

    def keep(self, value):
        self.kept = value

    async def tell(self):
        return await self.kept

    async def have_it_give(self):
        return await E(self.kept).give()

    def take(self, anything):
        return "taken"

def build_root_object():
    return Bank()
"""
)


class Broken(Exception):
    """A disk that takes no more."""


def bank_stage(path: Path | None = None) -> Stage:
    """A world with a bank in it."""
    stage = Stage("local", path)
    stage.define("bank", BANK)
    return stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A world with a bank in it, on disk."""
    stage = bank_stage(tmp_path / "a.world")
    yield stage
    if not stage.controller.lives.closed:
        stage.close()


def fail_commit(stage: Stage, act: Callable[[], object] | None = None) -> None:
    """Have the next commit fail as on a full disk, once."""

    def strike(step: str) -> None:
        if step == "before-commit":
            raise Broken(step)

    stage.controller.world.faults = strike
    try:
        with pytest.raises(Broken):
            (act or stage.session.settle)()
    finally:
        stage.controller.world.faults = None


# What becomes of a handle, and how its end comes about. A new way to end a life is one line.


def _resumed(stage: Stage, act: Callable[[], Any]) -> Any:
    stage.controller.checkpoint("one")
    handle = act()
    stage.controller.history.go_back("one")
    stage.session.attach()
    return handle


def _resumed_only(stage: Stage, act: Callable[[], Any]) -> Any:
    stage.controller.checkpoint("one")
    handle = act()
    stage.controller.history.go_back("one")
    return handle


def _gone_back(stage: Stage, act: Callable[[], Any]) -> Any:
    before = stage.controller.world.head
    handle = act()
    stage.controller.history.go_back_to_commit(before)
    return handle


def _attached_anew(stage: Stage, act: Callable[[], Any]) -> Any:
    handle = act()
    stage.session.attach()
    return handle


def _closed(stage: Stage, act: Callable[[], Any]) -> Any:
    handle = act()
    stage.close()
    return handle


def _closed_by_controller(stage: Stage, act: Callable[[], Any]) -> Any:
    handle = act()
    stage.controller.close()
    return handle


def _another_world(stage: Stage, act: Callable[[], Any]) -> Any:
    handle = act()
    stage.close()
    other = bank_stage()
    stage.session, stage.controller, stage.closed = other.session, other.controller, False
    return handle


ENDS: dict[str, tuple[Callable[[Stage, Callable[[], Any]], Any], str]] = {
    "resumed": (_resumed, "the world went back to checkpoint 'one'"),
    "resumed, not attached": (_resumed_only, "the world went back to checkpoint 'one'"),
    "gone back": (_gone_back, "the world went back to commit"),
    "attached anew": (_attached_anew, "the session was started anew"),
    "closed": (_closed, "its world was closed"),
    "closed by the controller": (_closed_by_controller, "its world was closed"),
    "another world": (_another_world, "its world was closed"),
}


def _purse(stage: Stage) -> Any:
    return stage.ask(stage.session.root("bank"), "open_purse", "bob")


def _alive(stage: Stage) -> Any:
    return stage.session.root("bank")


PRESENCE_USES: dict[str, Callable[[Stage, Any], Any]] = {
    "target": lambda stage, dead: E(dead).deposit(1000),
    "target of send_only": lambda stage, dead: E.send_only(dead).deposit(1000),
    "proxy": lambda stage, dead: E(dead).deposit(1000),
    "when": lambda stage, dead: E.when(E(dead).read()),
}
MORE_USES: dict[str, Callable[[Stage, Any], Any]] = {
    "argument": lambda stage, dead: E(_alive(stage)).take(dead),
    "argument of send_only": lambda stage, dead: E.send_only(_alive(stage)).take(dead),
    "in containers": lambda stage, dead: E(_alive(stage)).take([{"a": (1, dead)}]),
    "keyword": lambda stage, dead: E(_alive(stage)).take(anything=dead),
    "name in the kernel": lambda stage, dead: stage.session.kref_of(dead),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("use", PRESENCE_USES)
def test_presence_of_an_ended_life_reaches_nobody(stage: Stage, end: str, use: str) -> None:
    """However a life has ended, a presence of it refuses to be sent to, with what it is and why."""
    finish, why = ENDS[end]
    dead = finish(stage, lambda: _purse(stage))
    with pytest.raises(LifeEndedError) as told:
        PRESENCE_USES[use](stage, dead)
    words = str(told.value)
    assert words.startswith("this Purse of vat bank (presence o-")
    assert "of vat notebook of a.world, which ended when" in words
    assert why in words
    assert " again, " in words


@pytest.mark.parametrize("end", [end for end in ENDS if not end.startswith("closed")])
@pytest.mark.parametrize("use", MORE_USES)
def test_living_session_refuses_the_handles_of_an_ended_life(stage: Stage, end: str, use: str) -> None:
    """A handle of an ended life is no argument, no key and no name, and nothing of the message is sent."""
    dead = ENDS[end][0](stage, lambda: _purse(stage))
    with pytest.raises(LifeEndedError, match=r"Purse.* belongs to incarnation 0 of vat notebook of a\.world"):
        MORE_USES[use](stage, dead)
    assert stage.controller.kernel.store.queues.length() == 0


PROMISE_USES: dict[str, Callable[[Stage, Any], Any]] = {
    "awaited": lambda stage, dead: stage.session.wait(dead),
    "its result": lambda stage, dead: dead.result(),
    "told": lambda stage, dead: dead.then(print),
    "when": lambda stage, dead: E.when(dead, print),
    "sent to": lambda stage, dead: E(dead).deposit(1),
    "all": lambda stage, dead: Promise.all([dead]),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("use", PROMISE_USES)
@pytest.mark.parametrize("settled", [False, True])
def test_promise_of_an_ended_life_is_rejected(stage: Stage, end: str, use: str, settled: bool) -> None:
    """A promise that was pending or fulfilled when its life ended is rejected: nobody waits for ever."""

    def ask() -> Any:
        bank = stage.session.root("bank")
        promise = E(bank).open_purse("x") if settled else E(bank).wait()
        stage.session.settle()
        return promise

    dead = ENDS[end][0](stage, ask)
    assert dead.status == "rejected"
    with pytest.raises(LifeEndedError, match=r"this promise for the answer to (wait|open_purse)\(\) belongs"):
        PROMISE_USES[use](stage, dead)


def test_own_promise_resolver_map_class_and_object_end_too(stage: Stage) -> None:
    """Resolvers, stored maps, devices and durable objects of an ended life are refused like presences."""

    @durable
    class Note:
        text: str

    note = Note("a")
    promise, resolver = make_promise()
    names = StoredMap(stage.session.liveslots, 1, "baggage")
    names["note"] = "x"
    vat_admin = stage.session.devices.bundle("x = 1")
    device = stage.session.devices.get("bundles")
    stage.session.settle()
    _resumed(stage, lambda: _purse(stage))
    uses: list[Callable[[], object]] = [
        lambda: resolver.resolve(1),
        lambda: resolver.reject(1),
        lambda: names["note"],
        lambda: names.__setitem__("note", "y"),
        lambda: note.text,
        lambda: setattr(note, "text", "b"),
        lambda: Note("c"),
        lambda: E(note).text(),
        lambda: D(device).get_bundlecap("x"),
        lambda: E(vat_admin).anything(),
    ]
    for use in uses:
        with pytest.raises(LifeEndedError, match="went back to checkpoint 'one'"):
            use()
    following, other = make_promise()
    other.resolve(promise)
    with pytest.raises(LifeEndedError, match="this promise belongs"):
        stage.session.wait(following)


def test_answer_and_fulfilment_with_a_dead_handle_become_rejections(stage: Stage) -> None:
    """A callback that answers with a handle of an ended life rejects its promise, and harms nothing else."""
    dead = _resumed(stage, lambda: _purse(stage))

    @remotable
    class Giver:
        def give(self) -> Any:
            return dead

    bank = stage.session.root("bank")
    promise, resolver = make_promise()
    stage.ask(bank, "keep", promise)
    resolver.resolve(dead)
    with pytest.raises(TypeError, match=r"the result of the promise is .* belongs to incarnation 0"):
        stage.ask(bank, "tell")
    stage.ask(bank, "keep", Giver())
    with pytest.raises(TypeError, match=r"the result of Giver.give\(\) is .* belongs to incarnation 0"):
        stage.ask(bank, "have_it_give")
    with pytest.raises(LifeEndedError):
        E(stage.session.wait(E(Giver()).give())).read()
    assert stage.ask(bank, "open_purse", "y") is not None


def test_two_living_worlds_tell_each_other_apart(tmp_path: Path) -> None:
    """A handle of another world that is open is refused by the name of that world."""
    one, two = bank_stage(tmp_path / "one.world"), bank_stage(tmp_path / "two.world")
    with pytest.raises(TypeError, match=r"belongs to vat notebook of one\.world, not to vat notebook of two"):
        two.ask(two.session.root("bank"), "take", one.session.root("bank"))
    one.close()
    promise, _ = make_promise()
    assert promise._turns.vat is two.session.liveslots
    two.close()


# Atomic: what was committed goes on, what was not is dead.


def test_commit_that_fails_ends_what_was_born_since_and_nothing_else(stage: Stage) -> None:
    """After a failed commit old presences go on, new ones and promises are dead, and no name is reused."""
    bank = stage.session.root("bank")
    alice = stage.ask(bank, "open_purse", "alice")
    promise = E(bank).open_purse("bob")
    seen: list[Any] = []
    promise.then(seen.append)
    fail_commit(stage)
    carol = stage.ask(bank, "open_purse", "carol")
    for dead in (promise, seen[0]):
        with pytest.raises(LifeEndedError, match="what it had done since the last commit was undone"):
            stage.ask(dead, "deposit", 1000)
    assert stage.ask(alice, "deposit", 1) == 1
    assert stage.ask(carol, "read") == ["carol", 0]
    assert stage.ask(bank, "take", [alice, carol]) == "taken"
    assert stage.session.root("bank") is bank


def test_presence_goes_on_without_asking_the_session_first(stage: Stage) -> None:
    """The first use after a failed commit may be a send, which begins the next life by itself."""
    bank = stage.session.root("bank")
    E.send_only(bank).keep(1)
    fail_commit(stage)
    before = stage.session.incarnation
    told: list[Any] = []
    stage.session.renewed = told.append
    assert stage.session.wait(E(bank).take(1)) == "taken"
    assert (stage.session.incarnation, len(told)) == (before + 1, 1)


def test_disk_that_stays_full_fails_each_use_and_then_all_is_well(stage: Stage) -> None:
    """While commits go on failing every use says so; afterwards what was committed is there and in step."""
    bank = stage.session.root("bank")
    purse = stage.ask(bank, "open_purse", "alice")
    E.send_only(purse).deposit(5)
    fail_commit(stage)
    fail_commit(stage, lambda: E(purse).read())
    fail_commit(stage, stage.session.flush)
    fail_commit(stage, lambda: stage.session.names.remember({"purse": purse}))
    assert stage.ask(purse, "read") == ["alice", 0]
    stage.session.names.remember({"purse": purse})
    assert stage.session.names.recall()["purse"] is purse


def test_promise_fulfilled_in_an_undone_run_names_nobody_else(stage: Stage) -> None:
    """An object that was given out but not committed does not come back as another under its name."""

    @remotable
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def hear(self) -> str:
            return self.name

    bank = stage.session.root("bank")
    promise, resolver = make_promise()
    E.send_only(bank).keep(promise)
    stage.session.settle()
    resolver.resolve(Named("first"))
    fail_commit(stage)
    stage.session.wait(E(bank).take(Named("second")))
    with pytest.raises(LifeEndedError):
        resolver.resolve(Named("third"))
    with pytest.raises(RemoteRejection) as told:
        stage.ask(bank, "tell")
    assert told.value.reason["name"] == "vatUpgraded"


def test_interrupted_delivery_ends_the_session_it_was_for(stage: Stage) -> None:
    """A delivery to the session that is interrupted is undone, and handles of what it saw are dead."""
    bank = stage.session.root("bank")
    alice = stage.ask(bank, "open_purse", "alice")
    heard: list[Any] = []

    E(bank).open_purse("bob").then(heard.append)
    deliver = stage.session.worker.deliver

    def interrupted(delivery: list[Any], *rest: Any) -> Any:
        deliver(delivery, *rest)
        raise KeyboardInterrupt

    stage.session.worker.deliver = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stage.session.settle()
    carol = stage.ask(bank, "open_purse", "carol")
    assert len(heard) == 1
    with pytest.raises(LifeEndedError):
        E(heard[0]).deposit(1000)
    assert stage.ask(carol, "read") == ["carol", 0]
    assert stage.ask(alice, "read") == ["alice", 0]
    assert audit(stage.controller.kernel.store) == []


def test_interrupt_in_another_vat_ends_nothing(stage: Stage) -> None:
    """A crank of a vat that is undone leaves the session as it was: its promises are still awaited."""
    bank = stage.session.root("bank")
    promise = E(bank).open_purse("bob")
    before = stage.session.incarnation
    online = stage.controller.kernel.warehouse.online

    def struck(vat: Any) -> Any:
        stage.controller.kernel.warehouse.online = online  # type: ignore[method-assign]
        raise KeyboardInterrupt

    stage.controller.kernel.warehouse.online = struck  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stage.session.settle()
    assert stage.ask(stage.session.wait(promise), "read") == ["bob", 0]
    assert stage.session.incarnation == before


def test_ended_life_holds_nothing(stage: Stage) -> None:
    """What only an ended life held is let go of by the next one, presences that went on are not."""
    bank = stage.session.root("bank")
    alice = stage.ask(bank, "open_purse", "alice")
    dropped = stage.ask(bank, "open_purse", "dropped")
    kref = stage.session.kref_of(dropped)
    E.send_only(bank).keep(0)
    fail_commit(stage)
    del dropped
    gc.collect()
    assert stage.ask(alice, "read") == ["alice", 0]
    stage.session.liveslots.slots.imports.recent.let_go()
    stage.controller.gc.reap_all()
    stage.session.settle()
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert stage.controller.kernel.store.objects.get(str(kref)) is None
    assert stage.ask(alice, "read") == ["alice", 0]
