"""Vats move between two worlds: what goes with them, where messages go, and what stays the same."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from swingset.core.errors import NoSuchVat
from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.guest.sending.eventual import E
from tests.net.moving.moving import Others, Worlds
from tests.scenarios.linked import BANK, Side, settle, with_session

pytestmark = pytest.mark.unaudited  # both worlds are, when they close


def test_a_vat_goes_on_in_the_other_world(worlds: Worlds) -> None:
    """Its state is there and not here, and the references of before lead to it."""
    name, _, counter = worlds.counter()
    assert worlds.alice.ask(counter, "inc") == 1
    told = worlds.move(name)
    assert (told["name"], told["objects"]) == (name, 2)
    assert worlds.homes(name) == ["bob"]
    assert worlds.alice.ask(counter, "inc") == 2
    assert worlds.at(worlds.bob, name).incarnation == 1
    (gone,) = [each for each in worlds.alice.world.net.vat_moves() if each.name == name]
    (came,) = [each for each in worlds.bob.world.net.vat_moves() if each.name == name]
    assert (gone.came, came.came) == (False, True)
    assert gone.where.startswith("world ")
    with pytest.raises(NoSuchVat, match=rf"vat {name} has moved to world \w+: references"):
        worlds.alice.world.vats.root(name)


def test_equal_references_stay_equal(worlds: Worlds) -> None:
    """What comes back from the vat is the reference of before; what it is given back is its own object."""
    name, root, counter = worlds.counter()
    worlds.move(name)
    assert worlds.alice.ask(counter, "me") is counter
    assert worlds.alice.ask(root, "counter_of") is counter
    worlds.alice.ask(counter, "meet", counter)
    assert worlds.alice.ask(counter, "of_friend") is counter
    with_session(worlds.bob)
    here = worlds.bob.session.root(name)
    own = worlds.bob.ask(here, "counter_of")
    assert worlds.bob.ask(own, "of_friend") is own


def test_messages_keep_their_order(worlds: Worlds) -> None:
    """Messages before, during and after the move are answered once each, in the order of sending."""
    name, _, counter = worlds.counter()
    with_session(worlds.alice)
    acceptance = worlds.acceptance()
    before = [E(counter).inc() for _ in range(3)]
    moved = worlds.alice.session.net.move_vat(name, acceptance)
    meanwhile = [E(counter).inc() for _ in range(3)]
    worlds.alice.session.wait(moved)
    after = [E(counter).inc() for _ in range(3)]
    found = [worlds.alice.session.wait(promise) for promise in (*before, *meanwhile, *after)]
    assert found == list(range(1, 10))


def test_messages_are_pipelined_across_a_move(worlds: Worlds) -> None:
    """A message to a result that is not there yet reaches the object, though its vat has moved meanwhile."""
    name, root, _ = worlds.counter()
    with_session(worlds.alice)
    acceptance = worlds.acceptance()
    moved = worlds.alice.session.net.move_vat(name, acceptance)
    result = E(E(root).new()).inc()
    worlds.alice.session.wait(moved)
    assert worlds.alice.session.wait(result) == 1


def test_what_an_upgrade_ends_ends_here(worlds: Worlds) -> None:
    """Promises that the vat decides are rejected as by an upgrade, and fleeting objects are abandoned."""
    name, root, _ = worlds.counter()
    with_session(worlds.alice)
    fleeting = worlds.alice.ask(root, "fleeting")
    never = E(root).never()
    worlds.move(name)
    with pytest.raises(RemoteRejection, match="moved to another world"):
        worlds.alice.session.wait(never)
    with pytest.raises(RemoteError) as abandoned:
        worlds.alice.ask(fleeting, "anything")
    assert abandoned.value.code == "abandoned"


def test_a_watched_promise_is_heard_of_there(worlds: Worlds) -> None:
    """Promises of others that the vat watches go with it; one of its own is broken, as by an upgrade."""
    name, root, counter = worlds.counter()
    bank = worlds.alice.session.root("bank")
    with_session(worlds.alice)
    worlds.alice.ask(counter, "watch", E(bank).later())
    worlds.alice.ask(root, "wait_for_myself")
    worlds.move(name)
    worlds.alice.ask(bank, "release", 5)
    settle(worlds.alice, worlds.bob)
    heard = worlds.alice.ask(counter, "has_heard")
    assert ["fulfilled", 5, "about it"] in heard
    (lost,) = [each for each in heard if each[0] == "rejected"]
    assert lost[1]["name"] == "vatUpgraded"
    assert lost[2] == "about me"


def test_its_references_go_with_it(worlds: Worlds) -> None:
    """An object of the old home is reached over the link, and one of the new home is a local one there."""
    name, root, counter = worlds.counter()
    purse = worlds.alice.ask(worlds.alice.session.root("bank"), "purse")
    theirs = worlds.pair.bob.session.root("keeper")
    with_session(worlds.bob)
    uri = worlds.bob.session.net.share(theirs)
    with_session(worlds.alice)
    keeper = worlds.alice.fetch(uri)
    worlds.alice.ask(counter, "meet", purse)
    worlds.alice.ask(root, "keep", "theirs", keeper)
    worlds.move(name)
    assert worlds.alice.ask(counter, "call", 5) == 5
    assert worlds.alice.ask(purse, "deposit", 1) == 6
    assert worlds.alice.ask(counter, "of_friend") is purse
    assert worlds.alice.ask(root, "kept", "theirs") is keeper
    with_session(worlds.bob)
    here = worlds.bob.session.root(name)
    assert worlds.bob.ask(here, "kept", "theirs") is theirs


def test_who_had_it_before_reaches_it_still(worlds: Worlds) -> None:
    """What was shared before the move works on, fetched before or after: for the new home and for others."""
    name, _, counter = worlds.counter()
    with_session(worlds.alice)
    early = worlds.alice.session.net.share(counter)
    late = worlds.alice.session.net.share(counter)
    fetched = worlds.bob.fetch(early)
    assert worlds.bob.ask(fetched, "inc") == 1
    worlds.move(name)
    assert worlds.bob.ask(fetched, "inc") == 2
    with_session(worlds.bob)
    again = worlds.bob.fetch(late)
    assert worlds.bob.ask(again, "inc") == 3
    assert worlds.alice.ask(counter, "inc") == 4


def test_a_vat_moves_on_and_comes_home(worlds: Worlds) -> None:
    """A vat that has come can move again, also to where it was; its counter goes on through all of it."""
    name, _, counter = worlds.counter()
    worlds.move(name)
    with_session(worlds.alice)
    accepts = worlds.alice.session.wait(worlds.alice.session.net.accept_vats())
    uri = worlds.alice.session.net.share(accepts)
    with_session(worlds.bob)
    back = worlds.bob.fetch(uri)
    with_session(worlds.bob)
    worlds.bob.session.wait(worlds.bob.session.net.move_vat(name, back))
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["alice"]
    with_session(worlds.alice)
    assert worlds.alice.ask(worlds.alice.session.root(name), "counter_of") is not None
    assert worlds.alice.ask(counter, "inc") == 1
    assert worlds.at(worlds.alice, name).incarnation == 2


def test_a_third_world_is_introduced(worlds: Worlds) -> None:
    """What the vat has of a third world is reached from there, and who has it in a third world reaches it."""
    carol = Side(worlds.folder / "carol.world")
    carol.other = worlds.alice
    with_session(carol)
    carol.world.net.listen("unix")
    carol.session.define("bank", BANK)
    purse = carol.shared()
    worlds.alice.other = Others(worlds.bob, carol)  # type: ignore[assignment]
    name, _, counter = worlds.counter()
    with_session(worlds.alice)
    worlds.alice.ask(counter, "meet", worlds.alice.fetch(purse))
    there = carol.fetch(worlds.alice.session.net.share(counter))
    assert carol.ask(there, "inc") == 1
    worlds.move(name)
    assert worlds.alice.ask(counter, "call", 5) == 5
    settle(worlds.alice, worlds.bob, carol)
    carol.other = Others(worlds.alice, worlds.bob)  # type: ignore[assignment]
    assert carol.ask(there, "inc") == 2
    worlds.alice.other = worlds.bob
    carol.close()


def test_its_parameters_and_another_name(worlds: Worlds) -> None:
    """The parameters come again with their references, and the vat can be called otherwise there."""
    purse = worlds.alice.ask(worlds.alice.session.root("bank"), "purse")
    name, root, _ = worlds.counter(parameters={"purse": purse, "n": 3})
    worlds.move(name, called="renamed")
    given: dict[str, Any] = worlds.alice.ask(root, "given")
    assert given["purse"] is purse
    assert given["n"] == 3
    assert (worlds.homes(name), worlds.homes("renamed")) == ([], ["bob"])


def test_nothing_is_left_of_an_old_name(worlds: Worlds) -> None:
    """What a session knew by a name of before has it no more once the other world has let go of it."""
    name, _, counter = worlds.counter()
    with_session(worlds.alice)
    fetched = worlds.bob.fetch(worlds.alice.session.net.share(counter, label=name))
    assert worlds.bob.ask(fetched, "inc") == 1
    before = renamed(worlds)
    worlds.move(name)
    assert worlds.bob.ask(fetched, "inc") == 2
    assert len(renamed(worlds)) == len(before) + 1
    worlds.alice.world.net.unshare(name)
    del fetched
    gc.collect()
    for _ in range(3):
        for side in (worlds.bob, worlds.alice):
            side.session.settle()
            side.world.gc.reap_all()
        settle(worlds.alice, worlds.bob)
    assert renamed(worlds) == before
    assert worlds.alice.ask(counter, "inc") == 3


def renamed(worlds: Worlds) -> list[str]:
    """The old names that stand for others in the vat `net` of Alice."""
    store, vat = worlds.alice.world.kernel.store, worlds.alice.world.kernel.vat("net").id
    return [key for key, _ in store.vatstore.rows_of(vat) if key.startswith("net.to.")]
