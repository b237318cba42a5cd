"""Links: what worlds of this library say over connections that are cut, between hosts that die."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.net.limits import Limits
from swingset.net.links import CODES
from swingset.net.values import Ref, Refused
from tests.net.auditing import audit
from tests.net.bench import Network
from tests.net.linked import Lanes, Linked, run, two


def test_what_was_not_answered_is_answered_after_the_connection_was_cut() -> None:
    """A disconnect rejects nothing: the promise waits, and settles once there is a connection again."""
    here, there = two()
    home = here.home(there)
    asked = here.call(home, "say", 1)
    while here.step():
        pass
    here.cut()
    run(here.network, redial=False)
    assert (here.outcome(asked), here.link()["state"]) == (..., "cut")
    assert here.value(asked) == 1
    assert (there.told, here.link()["state"], here.link()["unacknowledged"]) == ([1], "live", 0)


def test_references_and_promises_outlive_connections_and_hosts() -> None:
    """What came in a message is the same after both hosts were killed, and so is an unsettled promise."""
    here, there = two()
    promise = here.call(here.home(there), "promise")
    mine = there.object(lambda method, *args: [method, *args])
    there.call(there.home(here), "keep", Ref(mine))
    run(here.network)
    for world in (here, there):
        world.kill()
    assert here.value(here.call(here.kept.name, "ping", 2)) == ["ping", 2]
    there.settle(there.kept.name, False, "late")
    assert here.value(promise) == "late"


def _steps(network: Network, worlds: tuple[Linked, ...], count: int) -> None:
    """So many steps of what is under way; a world sends only what it has committed."""
    for _ in range(count):
        if network.events:
            network.events.popleft()()
        elif not (any(world.flush() for world in worlds) or any(world.step() for world in worlds)):
            return


@pytest.mark.parametrize("killed", ["here", "there", "both"])
@pytest.mark.parametrize("second", ["here", "there", "both"])
@pytest.mark.parametrize("crossed", [False, True], ids=["one dials", "both dial"])
@pytest.mark.parametrize("steps", range(16))
def test_a_first_hello_may_be_cut_short_anywhere(steps: int, crossed: bool, second: str, killed: str) -> None:
    """Whoever is killed while two worlds make their first link, and whoever dials next: it is one link."""
    here, there = two()
    worlds = {"here": here, "there": there}
    asked = [(here, here.fetch(there.here, there.swissnum))]
    if crossed:
        asked.append((there, there.fetch(here.here, here.swissnum)))
    _steps(here.network, (here, there), steps)
    for name, world in worlds.items():
        if killed in (name, "both"):
            world.kill()
    for world in worlds.values():
        world.cut()
    for name, other in (("here", there), ("there", here)):
        if second in (name, "both"):
            asked.append((worlds[name], worlds[name].fetch(other.here, other.swissnum)))
            if second != "both":
                run(here.network, redial=False)
    run(here.network)
    codes = [event.get("code") for world in worlds.values() for event in world.events]
    assert not {*CODES} & {*codes}, codes
    found = [world.outcome(promise) for world, promise in asked]
    assert all(isinstance(each, Ref) or each[1].more["code"] == "unreachable" for each in found), found
    assert isinstance(found[-1], Ref), found
    assert [len(world.hub.peers()) for world in worlds.values()] == [1, 1]


@pytest.mark.parametrize("seed", range(60))
def test_first_dials_cross_at_any_pace(seed: int) -> None:
    """Both dial, over connections of which either may be faster: both get what they want, over one link."""
    network = Lanes(seed)
    worlds = Linked(network, "here"), Linked(network, "there")
    here, there = worlds
    pairs = [(here, there), (there, here)]
    network.chance.shuffle(pairs)
    asked = [(one, one.fetch(other.here, other.swissnum)) for one, other in pairs]
    network.carry(worlds)
    for world in worlds:
        world.redial()  # as hosts do if the connection that was left is the one that stood
    network.carry(worlds)
    found = [world.outcome(promise) for world, promise in asked]
    assert all(isinstance(each, Ref) for each in found), found
    assert [len(world.hub.peers()) for world in worlds] == [1, 1]


# At random: what a test does with the two worlds, in any order.

_WHAT = (
    *("send", "refer", "flush", "take", "step", "go", "go", "redial", "acknowledge"),
    *("cut", "kill", "twice", "lose", "swap"),
)
_ACTS = st.lists(st.tuples(st.sampled_from(_WHAT), st.integers(0, 1), st.integers(1, 4)), max_size=60)


class Life:
    """Two worlds that send each other numbers, and what goes wrong between them."""

    def __init__(self) -> None:
        self.worlds = two()
        here, there = self.worlds
        self.homes = here.home(there), there.home(here)
        self.sent: tuple[list[int], list[int]] = ([], [])
        self.promises: list[tuple[Linked, str, int]] = []

    def act(self, what: str, side: int, number: int) -> None:
        world, network = self.worlds[side], self.worlds[0].network
        if what in ("send", "refer"):
            for _ in range(number):
                self.sent[side].append(len(self.sent[side]))
                said = [self.sent[side][-1]] if what == "send" else [
                    self.sent[side][-1], Ref(world.object(lambda method: 1))]  # fmt: skip
                self.promises.append((world, world.call(self.homes[side], "say", *said), said[0]))
        elif what in ("flush", "take", "step"):
            for _ in range(number):
                if what == "flush":
                    world.flush()
                elif what == "step":
                    world.step()
                elif network.events:
                    network.events.popleft()()
        elif what == "go":
            for _ in range(5 * number):
                for each in self.worlds:
                    each.flush()
                    each.step()
                if network.events:
                    network.events.popleft()()
        elif what in ("cut", "kill", "redial"):
            getattr(world, what)()
        elif what == "acknowledge":
            world.hub.acknowledge()
        elif world.outbox:
            if what == "twice":
                world.outbox.appendleft(world.outbox[0])
            elif what == "lose":
                world.outbox.popleft()
                world.cut()
            elif len(world.outbox) > 1:
                world.outbox[0], world.outbox[1] = world.outbox[1], world.outbox[0]

    def check(self) -> None:
        """All was done once and in order, and nothing is left in the end."""
        here, there = self.worlds
        run(here.network)
        assert (there.told, here.told) == self.sent
        assert [world.outcome(promise) for world, promise, _ in self.promises] == [
            number for _, _, number in self.promises
        ]
        for world in self.worlds:
            assert not [each for each in world.events if each.get("code") in CODES], world.events
            audit(world)
            world.hub.dropped([key.removeprefix("net.o.") for key in world.rows("o.")])
        run(here.network)
        for world in self.worlds:
            link = world.link()
            assert [link[name] for name in ("unacknowledged", "waits", "exports", "imports", "answers")] == [
                0
            ] * 5
            assert world.rows("frame.") == []
            states = [json.loads(world.store.table[key])["state"] for key in world.rows("carrier.")]
            assert states.count("attached") == 1, states


@given(_ACTS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_doubled_or_reordered(acts: list[tuple[str, int, int]]) -> None:
    """Connections are cut, hosts killed, messages doubled and swapped: each arrives once and in order."""
    life = Life()
    for act in acts:
        life.act(*act)
    life.check()


# What the two sides cannot agree on.


def ended(world: Linked) -> list[tuple[str, str]]:
    """The codes and words with which links of a world ended."""
    return [(each["code"], each["why"]) for each in world.events if each.get("code") in CODES]


def test_a_side_that_went_back_to_before_what_was_exchanged_has_diverged() -> None:
    """Both say so with a code, what waits is rejected, nothing is sent again, and a new link begins."""
    here, there = two()
    home = here.home(there)
    inner = there.object(lambda method: "alive")
    there.call(there.home(here), "keep", Ref(inner))
    run(here.network)
    back = there.remember()
    assert here.value(here.call(home, "say", 1)) == 1
    never = here.call(home, "promise")
    run(here.network)
    back()
    told = here.call(home, "say", 2)
    assert here.value(told) == ("rejected", here.outcome(told)[1])
    for promise in (told, never):
        assert here.outcome(promise)[1].more == {"code": "diverged"}
    assert [code for code, _ in ended(here)] == ["diverged"]
    assert [code for code, _ in ended(there)] == ["diverged"]
    assert ended(here)[0][1].startswith("the other world has gone back in time")
    assert ended(there)[0][1].startswith("this world has gone back in time")
    assert there.told == []
    assert here.value(here.call(home, "say", 3)) == 3
    assert here.value(here.call(here.kept.name, "ping"))[1].more == {"code": "diverged"}
    assert here.link()["connection"] == "link-2"


def test_a_side_that_went_back_to_before_the_link_is_told_so() -> None:
    """It knows nothing of the link that the other has, which therefore ends."""
    here, there = two()
    back = there.remember()
    home = here.home(there)
    run(here.network)
    back()
    told = here.call(home, "say", 1)
    assert here.value(told)[1].more == {"code": "diverged"}
    assert here.value(here.call(home, "say", 2)) == 2


def test_a_side_that_went_back_to_after_the_last_exchange_goes_on() -> None:
    """Nothing was exchanged since, so nothing is amiss, and people are told that it resumed."""
    here, there = two()
    home = here.home(there)
    run(here.network)
    back = there.remember()
    there.object(lambda method: "made since")
    back()
    assert here.value(here.call(home, "say", 1)) == 1
    assert ended(here) == ended(there) == []
    assert "resumed" in [each["event"] for each in there.events]


def test_a_side_that_did_the_same_again_goes_on() -> None:
    """What was taken back and then sent anew in the same words is what the other side has."""
    here, there = two()
    home = here.home(there)
    run(here.network)
    back = here.remember()
    here.call(home, "say", 1)
    while here.step() or here.flush():
        pass
    while here.network.events:
        here.network.events.popleft()()
    back()
    again = here.call(home, "say", 1)
    assert here.value(again) == 1
    assert ended(here) == ended(there) == []
    assert there.told == [1]


def test_a_copy_without_the_key_ends_the_links_of_the_original() -> None:
    """What it holds of other worlds is broken with a code, and the original's link is untouched."""
    here, there = two()
    promise = here.call(here.home(there), "promise")
    run(here.network)
    here.hub.lost(["another"], "opened as a copy")
    assert here.outcome(promise)[1].more == {"code": "copied"}
    assert here.hub.peers() == []


def test_a_world_that_has_another_key_ends_its_links() -> None:
    """They are made between two keys."""
    here, there = two()
    promise = here.call(here.home(there), "promise")
    run(here.network)
    here.hub.lost(["another", here.here.designator], "opened with another key")
    assert here.outcome(promise)[1].more == {"code": "ended"}


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("code", ["forgotten", "expired"])
def test_a_link_that_is_ended_ends_on_both_sides(code: str, connected: bool) -> None:
    """Whoever is not there learns it, with the reason, when it comes the next time."""
    here, there = two()
    home = here.home(there)
    waits = [here.call(home, "promise"), there.call(there.home(here), "promise")]
    run(here.network)
    if not connected:
        here.cut()
        run(here.network, redial=False)
    here.hub.part("link-1", code, "because")
    assert there.value(waits[1])[1].more == {"code": code}
    assert here.outcome(waits[0])[1].more == {"code": code}
    assert (ended(here), ended(there)) == ([(code, "because")], [(code, "the other side says: because")])
    assert here.value(here.call(home, "say", 1)) == 1
    for world in (here, there):
        audit(world)


def test_a_link_that_is_not_there_is_not_ended() -> None:
    """It is refused by name."""
    with pytest.raises(Refused, match="there is no link link-7"):
        two()[0].hub.part("link-7", "forgotten", "because")


# Limits.


@pytest.mark.parametrize(
    "limits",
    [Limits(link_frames=5), Limits(link_bytes=600), Limits(exports=20)],
    ids=["frames", "bytes", "exports"],
)
def test_no_more_may_wait_than_the_log_has_room_for(limits: Limits) -> None:
    """A vat's message is refused with a code; the link goes on, and the next is sent once there is room."""
    here, there = two(limits)
    home = here.home(there)
    run(here.network)
    here.cut()
    run(here.network, redial=False)
    sent = [here.call(home, "say", number) for number in range(30)]
    while here.step():
        pass
    full = [promise for promise in sent if here.outcome(promise) is not ...]
    assert 0 < len(full) < len(sent)
    assert sent[-len(full) :] == full
    for promise in full:
        failure = here.outcome(promise)[1]
        assert failure.more == {"code": "link-full"}
        assert failure.message.startswith("nothing was sent: ")
    run(here.network)
    assert there.told == list(range(30 - len(full)))
    assert here.value(here.call(home, "say", 99)) == 99


def test_few_frames_are_on_their_way_at_the_same_time() -> None:
    """The others follow as the first are acknowledged."""
    here, there = two(Limits(window_frames=3, window_bytes=10_000))
    home = here.home(there)
    run(here.network)
    for number in range(20):
        here.call(home, "say", number)
    before = len(here.device.log)
    while here.step() or here.flush():
        pass
    assert len([data for _, data in here.device.log[before:] if b"op:frame" in data]) == 3
    run(here.network)
    assert there.told == list(range(20))


def test_a_link_that_nobody_uses_gives_its_place_to_another() -> None:
    """There are as many links as there may be sessions, and one that is cut and empty is no loss."""
    network = Network()
    here = Linked(network, "here", Limits(sessions=1))
    others = [Linked(network, name) for name in ("one", "two")]
    first = here.home(others[0])
    here.hub.dropped([first])
    run(network)
    here.cut()
    run(network, redial=False)
    assert isinstance(here.outcome(here.fetch(others[1].here, others[1].swissnum)), type(...))
    run(network)
    assert others[1].here.peer in here.link()["peer"]
    audit(here)


# First dials.


@pytest.mark.parametrize("order", range(6))
def test_two_worlds_that_dial_each_other_first_have_one_link(order: int) -> None:
    """However their hellos cross, both get what they asked for, over one link."""
    here, there = two()
    first = here.fetch(there.here, there.swissnum)
    second = there.fetch(here.here, here.swissnum)
    worlds = (here, there)
    for step in range(12):
        for world in worlds if (order >> (step % 3)) & 1 else worlds[::-1]:
            world.flush()
        if here.network.events and (order + step) % 2:
            here.network.events.rotate(-(order % 3))
            here.network.events.popleft()()
    run(here.network)
    assert isinstance(here.outcome(first), Ref)
    assert isinstance(there.outcome(second), Ref)
    assert [world.link()["state"] for world in worlds] == ["live", "live"]


def test_a_world_that_is_killed_while_it_dials_dials_again() -> None:
    """Nothing was sent, so nothing is lost."""
    here, there = two()
    promise = here.fetch(there.here, there.swissnum)
    here.network.events.clear()
    here.kill()
    assert isinstance(here.value(promise), Ref)


def test_a_gift_waits_for_a_world_that_cannot_be_reached_just_now() -> None:
    """What was passed over a link is not lost because a third world is away for a while."""
    network = Network()
    a, b, c = (Linked(network, name) for name in "abc")
    home = b.home(a)
    listener = network.listeners.pop(a.here.peer)
    b.call(b.home(c), "keep", Ref(home))
    run(network)
    promise = c.kept.name
    told = c.call(promise, "say", 7)
    assert c.value(told) is ...
    for world in (b, c):
        world.kill()
    run(network)
    network.listeners[a.here.peer] = listener
    assert c.value(told) == 7
    assert (a.told, c.rows("later.")) == ([7], [])
    assert c.outcome(promise) != ...


@pytest.mark.parametrize("how", ["forgotten", "abandoned"])
def test_a_gift_does_not_wait_for_ever(how: str) -> None:
    """It is given up with the link that brought it, and when the lease of the third world is over."""
    network = Network()
    a, b, c = (Linked(network, name) for name in "abc")
    home = b.home(a)
    network.listeners.pop(a.here.peer)
    b.call(b.home(c), "keep", Ref(home))
    run(network)
    if how == "abandoned":
        c.hub.abandon(a.here.peer, "its lease is over")
    else:
        c.hub.part("link-1", "forgotten", "because")
    run(network)
    assert c.outcome(c.kept.name)[1].more == {"code": "unreachable"}
    assert c.rows("later.") == []
    for world in (b, c):
        audit(world)


def test_a_link_may_introduce_more_peers_than_a_session_may_at_once() -> None:
    """Over years it does; what counts are those that have not come to their end, and the last count."""
    network = Network()
    a, b, c = (Linked(network, name, Limits(introductions=2, handoffs=3)) for name in "abc")
    inner = [a.object(lambda method, each=each: each) for each in range(8)]
    home, there = b.home(a), b.home(c)
    for each in range(8):
        a.call(a.home(b), "keep", Ref(inner[each]))
        run(network)
        b.call(there, "keep", b.kept)
        run(network)
        assert c.value(c.call(c.kept.name, "ping")) == each
    assert home != there
