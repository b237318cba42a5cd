"""What cannot move is refused by a code before anything has happened; a move that fails changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset import MoveRefused
from swingset.core.departing import moved_vats
from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from tests.net.moving.moving import COUNTER, Worlds
from tests.scenarios.linked import settle, with_session

pytestmark = pytest.mark.unaudited  # both worlds are, when they close

RESUMABLE = """
from swingset.vat import E, remotable, resumable

@resumable
async def slow(friend):
    return await E(friend).never()

@remotable
class Root:
    def go(self, friend):
        return slow(friend)

def build_root_object():
    return Root()
"""


def _local(worlds: Worlds) -> str:
    with_session(worlds.alice)
    worlds.alice.session.define("unconfined", COUNTER, worker="local")
    return "unconfined"


def _session(worlds: Worlds) -> str:
    return "notebook"


def _service(worlds: Worlds) -> str:
    worlds.alice.world.devices.service("timer")
    return "timer"


def _suspended(worlds: Worlds) -> str:
    name, _, _ = worlds.counter()
    worlds.alice.world.vats.suspend(name, "it rests")
    return name


def _critical(worlds: Worlds) -> str:
    name, _, _ = worlds.counter()
    worlds.alice.world.vats.change_options(name, {"critical": True})
    return name


def _administered(worlds: Worlds) -> str:
    name, _, _ = worlds.counter()
    kref = worlds.alice.world.devices.admin_node(name)
    worlds.alice.world.run()
    worlds.alice.world.release(kref)
    return name


def _with_device(worlds: Worlds) -> str:
    name, root, _ = worlds.counter()
    worlds.alice.world.devices.node("bundle")
    with_session(worlds.alice)
    node = worlds.alice.session.devices.get("bundles")
    worlds.alice.ask(root, "keep", "device", node)
    return name


def _resumable(worlds: Worlds) -> str:
    name, root, _ = worlds.counter(source=RESUMABLE)
    with_session(worlds.alice)
    E(root).go(worlds.alice.session.root("bank"))
    worlds.alice.session.settle()
    return name


CASES: dict[str, tuple[str, Callable[[Worlds], str]]] = {
    "a vat in this process": ("not-confined", _local),
    "the session": ("not-confined", _session),
    "a service vat": ("not-confined", _service),
    "a vat that is suspended": ("not-live", _suspended),
    "a critical vat": ("critical", _critical),
    "a vat that another administers": ("administered", _administered),
    "a vat with a device": ("device", _with_device),
    "a vat in a resumable call": ("keeps-promises", _resumable),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_move_is_refused(worlds: Worlds, case: str) -> None:
    """Each kind of vat that cannot move has a code and words of its own, and goes on as it was."""
    code, make = CASES[case]
    name = make(worlds)
    acceptance = worlds.acceptance()
    before = worlds.at(worlds.alice, name)
    with pytest.raises(MoveRefused, match=f"vat {name} cannot move") as refused:
        worlds.alice.session.net.move_vat(name, acceptance)
    assert refused.value.code == code
    assert worlds.at(worlds.alice, name) == before


def test_an_acceptance_is_an_object_of_another_world(worlds: Worlds) -> None:
    """A vat moves only by what another world has made for that: not by an own object, nor by any object."""
    name, root, counter = worlds.counter()
    with pytest.raises(MoveRefused) as refused:
        worlds.alice.session.net.move_vat(name, root)
    assert refused.value.code == "not-there"
    with pytest.raises(RemoteError, match=f"vat {name} has not moved"):
        worlds.move(name, worlds.alice.fetch(_shared(worlds)))
    assert worlds.alice.ask(counter, "inc") == 1


def _shared(worlds: Worlds) -> str:
    with_session(worlds.bob)
    uri: str = worlds.bob.session.net.share(worlds.bob.session.root("keeper"))
    return uri


def _refused(worlds: Worlds, name: str, acceptance: Any, called: str | None = None) -> str:
    """The code with which the other world refuses a vat, which goes on here."""
    with pytest.raises(RemoteError, match=f"vat {name} has not moved") as refused:
        worlds.move(name, acceptance, called)
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["alice"]
    assert worlds.at(worlds.alice, name).state == "live"
    return str(refused.value.code)


def test_the_other_world_refuses_by_a_code(worlds: Worlds) -> None:
    """A name that is taken there, a vat that is too large, and an acceptance that is used up."""
    name, _, counter = worlds.counter()
    assert _refused(worlds, name, worlds.acceptance(), "keeper") == "name-taken"
    assert _refused(worlds, name, worlds.acceptance(), "vatAdmin") == "name-taken"
    assert _refused(worlds, name, worlds.acceptance(bytes=100)) == "too-large"
    acceptance = worlds.acceptance()
    other, _, _ = worlds.counter()
    worlds.move(other, acceptance)
    assert _refused(worlds, name, acceptance) == "used"
    assert worlds.alice.ask(counter, "inc") == 1


def test_resuming_a_vat_ends_its_move(worlds: Worlds) -> None:
    """A vat on its way to a world that does not answer is suspended, and resuming it keeps it here."""
    name, _, counter = worlds.counter()
    acceptance = worlds.acceptance()
    with_session(worlds.alice)
    moved = worlds.alice.session.net.move_vat(name, acceptance)
    waits = E(counter).inc()
    worlds.alice.session.settle()
    vat = worlds.at(worlds.alice, name)
    assert (vat.state, vat.reason.partition(":")[0]) == ("suspended", "moving")
    worlds.alice.world.vats.resume(name)
    assert worlds.alice.session.wait(waits) == 1
    with pytest.raises(RemoteError, match="it stays") as refused:
        worlds.alice.session.wait(moved)
    assert refused.value.code == "resumed"
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["alice"]
    assert worlds.alice.ask(counter, "inc") == 2


def test_code_that_does_not_start_waits_there(worlds: Worlds) -> None:
    """A vat whose code fails in the new world is suspended there with all it has; an upgrade starts it."""
    name, _, counter = worlds.counter()
    assert worlds.alice.ask(counter, "inc") == 1
    # The code of a next incarnation is what moves: this one starts only once.
    once = COUNTER.replace(
        "def build_root_object(parameters, baggage):",
        "def build_root_object(parameters, baggage):\n"
        "    if baggage.get('again'):\n        raise ValueError('not twice')\n    baggage['again'] = True",
    )
    worlds.alice.session.upgrade(name, name, once, "once")
    acceptance = worlds.acceptance()
    worlds.move(name, acceptance)
    vat = worlds.at(worlds.bob, name)
    assert (vat.state, "not twice" in vat.reason) == ("suspended", True)
    waits = E(counter).inc()
    settle(worlds.alice, worlds.bob)
    worlds.bob.world.vats.resume(name)
    settle(worlds.alice, worlds.bob)
    assert worlds.at(worlds.bob, name).state == "suspended"
    with_session(worlds.bob)
    worlds.bob.session.upgrade(name, name, COUNTER, "mended")
    assert worlds.alice.session.wait(waits) == 2


def test_a_link_that_ends_before_the_decision_keeps_the_vat(worlds: Worlds) -> None:
    """The old home goes back to before it offered the vat: that is there as before, and nowhere else."""
    name, _, _ = worlds.counter()
    acceptance = worlds.acceptance()
    settle(worlds.alice, worlds.bob)
    worlds.alice.world.checkpoint(f"{name} is here")
    with_session(worlds.alice)
    worlds.alice.session.net.move_vat(name, acceptance)
    worlds.alice.session.settle()
    worlds.alice.world.net.pump()
    worlds.bob.world.net.wait(0.5)
    worlds.bob.world.net.pump()
    assert worlds.at(worlds.alice, name).state == "suspended"
    worlds.alice.world.history.go_back(f"{name} is here")
    worlds.alice.session.attach()
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["alice"]
    assert worlds.at(worlds.alice, name).state == "live"


def test_a_new_home_does_not_forget_what_may_come(worlds: Worlds) -> None:
    """Once it has answered with objects it does not go back to before that, as the move may be decided."""
    name, _, counter = worlds.counter()
    acceptance = worlds.acceptance()
    settle(worlds.alice, worlds.bob)
    worlds.bob.world.checkpoint(f"before {name} is offered")
    with_session(worlds.alice)
    worlds.alice.session.net.move_vat(name, acceptance)
    for _ in range(60):
        if any(key.startswith("arrival") for key in moved_vats(worlds.bob.world.kernel.store)):
            break
        worlds.alice.session.settle()
        worlds.alice.world.net.wait(0.05)
        worlds.alice.world.net.pump()
        worlds.pair.bob.world.net.wait(0.05)
        worlds.pair.bob.world.net.pump()
    with pytest.raises(KernelError, match=rf"{name} has moved to another world, or has come or is to come"):
        worlds.bob.world.history.go_back(f"before {name} is offered")
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["bob"]
    (gone,) = [each for each in worlds.alice.world.net.vat_moves() if each.name == name]
    assert gone.said == ""
    assert worlds.alice.ask(counter, "inc") == 1


def test_a_vat_that_did_not_arrive_is_taken_back(worlds: Worlds) -> None:
    """The link ends right after the decision: the package is still here, and so are the references."""
    name, root, counter = worlds.counter()
    assert worlds.alice.ask(counter, "inc") == 1
    purse = worlds.alice.ask(worlds.alice.session.root("bank"), "purse")
    worlds.alice.ask(counter, "meet", purse)
    acceptance = worlds.acceptance()
    settle(worlds.alice, worlds.bob)
    with_session(worlds.alice)
    moved = worlds.alice.session.net.move_vat(name, acceptance)
    for _ in range(200):
        worlds.alice.session.settle()
        if worlds.at(worlds.alice, name) is None:
            break
        worlds.alice.world.net.wait(0.02)
        worlds.alice.world.net.pump()
        if worlds.at(worlds.alice, name) is not None:
            worlds.bob.world.net.wait(0.02)
            worlds.bob.world.net.pump()
    assert worlds.alice.session.wait(moved)["name"] == name
    (peer,) = [each for each in worlds.bob.world.net.peers() if each.lasting]
    worlds.bob.world.net.forget(peer)
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == []
    (gone,) = [each for each in worlds.alice.world.net.vat_moves() if each.name == name]
    assert "link" in gone.said
    asked = worlds.alice.world.net.take_back(gone.vat)
    settle(worlds.alice, worlds.bob)
    assert worlds.alice.world.resolution(asked) == name
    assert worlds.homes(name) == ["alice"]
    assert worlds.alice.ask(counter, "inc") == 2
    assert worlds.alice.ask(counter, "call", 5) == 5
    assert worlds.alice.ask(root, "counter_of") is counter
    with pytest.raises(MoveRefused) as refused:
        worlds.alice.world.net.take_back(gone.vat)
    assert refused.value.code == "not-lost"


CHATTER = """
from swingset.vat import E, remotable

@remotable
class Chatter:
    def talk(self, target, turns: int):
        E.send_only(target).keep("said", turns)
        if turns:
            E.send_only(self).talk(target, turns - 1)

def build_root_object():
    return Chatter()
"""


def test_a_full_link_does_not_refuse_the_start(worlds: Worlds) -> None:
    """The log of the link fills while the move is decided: vats are refused, and the vat arrives."""
    name, _, counter = worlds.counter()
    acceptance = worlds.acceptance()
    with_session(worlds.bob)
    uri = worlds.bob.session.net.share(worlds.bob.session.root("keeper"))
    with_session(worlds.alice)
    keeper = worlds.alice.fetch(uri)
    chatter = worlds.alice.session.define("chatter", CHATTER, worker="local")
    settle(worlds.alice, worlds.bob)
    with_session(worlds.alice)
    moved = worlds.alice.session.net.move_vat(name, acceptance)
    for _ in range(200):
        worlds.alice.session.settle()
        if any(key.startswith("arrival") for key in moved_vats(worlds.bob.world.kernel.store)):
            break
        worlds.alice.world.net.wait(0.02)
        worlds.alice.world.net.pump()
        worlds.bob.world.net.wait(0.02)
        worlds.bob.world.net.pump()
    worlds.alice.world.net.limits(link_frames=1)
    for _ in range(200):
        E.send_only(chatter).talk(keeper, 20)
        worlds.alice.world.net.wait(0.02)
        worlds.alice.world.net.pump()
        worlds.alice.session.settle()
        if worlds.at(worlds.alice, name) is None:
            break
    with pytest.raises(RemoteError, match="nothing was sent: 1"):
        worlds.alice.session.wait(E(keeper).keep("said", 1))
    worlds.alice.world.net.limits(link_frames=None)
    assert worlds.alice.session.wait(moved)["name"] == name
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["bob"]
    assert worlds.alice.ask(counter, "inc") == 1


def test_neither_world_goes_back_across_a_move(worlds: Worlds) -> None:
    """Going back to before a vat has left, or has come, is refused with its name; nothing is changed."""
    name, _, counter = worlds.counter()
    settle(worlds.alice, worlds.bob)
    for side in (worlds.alice, worlds.bob):
        side.world.checkpoint(f"before {name}")
    crank = worlds.alice.world.crank
    worlds.move(name)
    for side in (worlds.alice, worlds.bob):
        with pytest.raises(KernelError, match=rf"{name} has moved to another world, or has come"):
            side.world.history.go_back(f"before {name}")
    (before,) = [each.seq for each in worlds.alice.world.history.checkpoints() if each.name.endswith(name)]
    with pytest.raises(KernelError, match=rf"{name} has moved to another world"):
        worlds.alice.world.history.go_back_to_commit(before)
    with worlds.alice.world.fork(at=crank) as other:
        assert name in other.vats
        with pytest.raises(
            KernelError, match=f"{name} has moved to another world, .* since the branch began"
        ):
            worlds.alice.world.history.take_up(other.history)
    assert worlds.alice.ask(counter, "inc") == 1
