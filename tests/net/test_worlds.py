"""Worlds among themselves: order, promises, introductions, disconnects and what is left in the end."""

from __future__ import annotations

import random
from typing import Any

import pytest

from swingset.net.values import Failure, Ref
from tests.net.auditing import audit
from tests.net.bench import Network, World

CROSSED = "crossed hellos: the other connection stays"


class Meeting:
    """Some worlds, of which each has shared one object, `home`."""

    def __init__(self, *names: str, dialect: str = "swingset", proven: bool = True) -> None:
        self.network = Network()
        self.worlds = [World(self.network, name, dialect=dialect, proven=proven) for name in names]
        self.heard: dict[str, list[Any]] = {name: [] for name in names}
        self.kept: dict[str, Any] = {}
        for world in self.worlds:
            world.share(world.object(self._home(world)), self.swissnum(world))

    def _home(self, world: World) -> Any:
        def home(method: str, *args: Any) -> Any:
            self.heard[world.name].append((method, *args))
            if method == "same":
                return args[0]
            if method == "fail":
                raise ValueError("no")
            if method == "keep":
                self.kept[world.name] = args[0]
            if method == "kept":
                return self.kept[world.name]
            if method == "tell":
                return Ref(world.call(args[0].name, *args[1:]))
            if method == "promise":
                self.kept[world.name] = Ref(world.promise())
                return self.kept[world.name]
            return None

        return home

    @staticmethod
    def swissnum(world: World) -> bytes:
        return world.name.ljust(32, "-").encode()

    def home(self, world: World, there: World) -> str:
        """The shared object of one world, as another names it."""
        promise = world.fetch(there.here, self.swissnum(there))
        self.network.run()
        return str(world.outcome(promise).name)

    def value(self, world: World, promise: str) -> Any:
        self.network.run()
        return world.outcome(promise)

    def sever(self) -> None:
        """All connections end."""
        for world in self.worlds:
            for conn in world.hub.connections():
                world.device.cables[conn].close("pulled")
                world.hub.closed(conn, "pulled")
        self.network.run()


def test_later_messages_do_not_overtake_pipelined_ones() -> None:
    """A promise that turns out to be an object of ours is withheld until what was pipelined has come back."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    got: list[int] = []
    mine = here.object(lambda method, number: got.append(number))
    promise = here.call(home, "same", Ref(mine))
    for number in range(40):
        here.call(promise, "number", number)
        for _ in range(number % 5):
            if meeting.network.events:
                meeting.network.events.popleft()()
            for world in meeting.worlds:
                world.step()
    meeting.network.run()
    assert got == list(range(40))
    assert here.outcome(promise) == Ref(mine)


def test_what_was_said_after_the_answer_is_held_behind_what_was_pipelined() -> None:
    """While the peer sends pipelined messages back, later ones wait here and follow in order."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    got: list[str] = []
    mine = here.object(lambda method: got.append(method))
    promise = here.call(home, "same", Ref(mine))
    here.call(promise, "first")
    while here.step():
        pass
    while not any(b"op:listen" in data for _, data in here.device.log):
        meeting.network.events.popleft()()
        while there.step():
            pass
    assert (here.outcome(promise), got) == (..., [])
    here.call(promise, "second")
    assert meeting.value(here, promise) == Ref(mine)
    assert got == ["first", "second"]


@pytest.mark.parametrize("rejected", [False, True])
def test_a_promise_that_is_passed_settles_in_the_other_world(rejected: bool) -> None:
    """A promise is an argument, and is settled later with what it is settled with here."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    promise = here.promise()
    here.call(meeting.home(here, there), "keep", Ref(promise))
    meeting.network.run()
    kept = meeting.kept["there"].name
    assert there.outcome(kept) is ...
    here.settle(promise, rejected, Failure("oh", "KeyError") if rejected else [1, 2])
    found = meeting.value(there, kept)
    trace = [["world here, ", 0, ""]]
    assert found == (("rejected", Failure("oh", "KeyError", {"trace": trace})) if rejected else [1, 2])


def test_a_promise_of_a_third_world_settles_through_the_second() -> None:
    """What one world passes on to another is settled by the first."""
    meeting = Meeting("a", "b", "c")
    a, b, c = meeting.worlds
    promise = meeting.value(b, b.call(meeting.home(b, a), "promise"))
    assert promise is ...
    asked = b.call(meeting.home(b, a), "promise")
    b.call(meeting.home(b, c), "keep", Ref(asked))
    meeting.network.run()
    a.settle(meeting.kept["a"].name, False, 7)
    assert meeting.value(c, meeting.kept["c"].name) == 7


def test_a_settled_promise_in_a_value_is_settled_there_too() -> None:
    """A promise that was settled before it was passed arrives settled."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    first = here.call(home, "same", 5)
    meeting.network.run()
    found = meeting.value(here, here.call(home, "same", [Ref(first)]))
    assert here.outcome(found[0].name) == 5


def test_a_promise_that_waits_for_itself_is_rejected() -> None:
    """A peer that fulfils a promise with itself breaks it."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    promise = here.promise()
    result = here.call(home, "same", Ref(promise))
    here._result(promise, False, Ref(result))
    meeting.network.run()
    assert here.outcome(result) is ... or here.outcome(result)[0] == "rejected"


def _introduced(meeting: Meeting) -> tuple[World, World, World, Any]:
    """`b` gives the object of `a` to `c`; returns what `c` keeps."""
    a, b, c = meeting.worlds
    b.call(meeting.home(b, c), "keep", Ref(meeting.home(b, a)))
    meeting.network.run()
    found = meeting.kept["c"]
    value = c.outcome(found.name) if found.name.startswith("p") else found
    return a, b, c, value


def test_three_worlds_introduce_each_other() -> None:
    """What is given to a third world is its own reference: the giver sees no message any more."""
    meeting = Meeting("a", "b", "c")
    _, b, c, found = _introduced(meeting)
    said = len(b.device.log)
    assert meeting.value(c, c.call(found.name, "same", "hello")) == "hello"
    assert len(b.device.log) == said
    assert [row["peer"].partition("?")[0] for row in c.hub.peers()] == [
        "ocapn://b.tcp-testing-only",
        "ocapn://a.tcp-testing-only",
    ][: len(c.hub.peers())]
    assert len(c.hub.peers()) == 2


def test_without_proof_messages_are_passed_on_instead() -> None:
    """An object of a peer whose location is not proved is not given away, and is reached all the same."""
    meeting = Meeting("a", "b", "c")
    a, b, c = meeting.worlds
    a.proven = b.proven = False
    mine = a.object(lambda method, x: [method, x])
    a.call(meeting.home(a, b), "keep", Ref(mine))
    meeting.network.run()
    a_seen_by_b = meeting.kept["b"]
    b.call(meeting.home(b, c), "keep", a_seen_by_b)
    meeting.network.run()
    found = meeting.kept["c"]
    assert meeting.value(c, c.call(found.name, "ping", 1)) == ["ping", 1]
    assert all("a.tcp" not in row["peer"] for row in c.hub.peers())


@pytest.mark.parametrize("proven", [True, False])
def test_two_worlds_that_dial_each_other_have_one_session(proven: bool) -> None:
    """Whichever connection stays, both get what they asked for."""
    for names in (("a", "b"), ("b", "a"), ("x", "y"), ("left", "right")):
        meeting = Meeting(*names, proven=proven)
        one, other = meeting.worlds
        first = one.fetch(other.here, meeting.swissnum(other))
        second = other.fetch(one.here, meeting.swissnum(one))
        meeting.network.run()
        assert [len(world.hub.connections()) for world in meeting.worlds] == [1, 1]
        assert meeting.value(one, one.call(first, "same", 1)) == 1
        assert meeting.value(other, other.call(second, "same", 2)) == 2


# When a connection ends.


def test_what_was_not_answered_is_rejected_as_disconnected() -> None:
    """The outcome of a message whose answer did not come is unknown, and says so."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    asked = here.call(meeting.home(here, there), "promise")
    meeting.network.run()
    meeting.sever()
    rejected, failure = here.outcome(asked)
    assert (rejected, failure.name, failure.more) == ("rejected", "Disconnected", {"code": "disconnected"})
    assert "whether it was done is unknown" in failure.message
    assert here.rows("q.") == here.rows("x.") == here.rows("i.") == here.rows("s.") == []


def test_a_fetched_object_is_fetched_again() -> None:
    """A reference that came by a sturdyref outlives its session: the next message dials."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    for round_ in range(3):
        meeting.sever()
        assert meeting.value(here, here.call(home, "same", round_)) == round_
        assert meeting.value(here, here.call(home, "same", "again")) == "again"
    assert meeting.home(here, there) == home
    here.hub.dropped([home])
    meeting.network.run()
    assert here.rows("o.") == []


def test_other_references_die_with_their_session() -> None:
    """What came in a message is dead after it, and says why."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    mine = there.object(lambda method: "alive")
    there.call(meeting.home(there, here), "keep", Ref(mine))
    meeting.network.run()
    held = meeting.kept["here"].name
    assert meeting.value(here, here.call(held, "ping")) == "alive"
    meeting.sever()
    assert meeting.value(here, here.call(held, "ping"))[1].name == "Disconnected"
    here.hub.dropped([held])
    assert held in here.retired_exports


def test_a_peer_that_cannot_be_reached_rejects_the_fetch() -> None:
    """Nothing was sent, so it can be tried again, and is."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    listener = meeting.network.listeners.pop(there.here.peer)
    promise = here.fetch(there.here, meeting.swissnum(there))
    told = here.call(promise, "same", 1)
    assert meeting.value(here, told)[1].more == {"code": "unreachable"}
    meeting.network.listeners[there.here.peer] = listener
    assert meeting.value(here, here.call(meeting.home(here, there), "same", 1)) == 1


def test_after_all_is_dropped_nothing_is_left() -> None:
    """Both sides let go: no export, import, answer or promise stays in the tables."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    home = meeting.home(here, there)
    for number in range(4):
        mine = here.object(lambda method: None)
        here.call(home, "same", [Ref(mine), {"n": number}, Ref(here.call(home, "same", number))])
        here.call(home, "fail")
    meeting.network.run()
    for world in (here, there):
        world.hub.dropped([key.removeprefix("net.o.") for key in world.rows("o.")])
    meeting.network.run()
    for world in (here, there):
        left = [key for key in world.rows() if key[4] in "xyiaqcpwou" and key[5] == "."]
        assert left == [key for key in left if key.startswith(("net.u.o-1", "net.x.", "net.y."))], left
    assert len(there.rows("x.")) == 0


def test_what_the_kernel_has_retired_is_not_retired_again() -> None:
    """While a third world holds an object, the kernel drops and forgets it: it knows no such export then."""
    meeting = Meeting("a", "b", "c")
    a, b, c = meeting.worlds
    a.proven = b.proven = False  # so that it is not given away, but passed on
    a.call(meeting.home(a, b), "keep", Ref(a.object(lambda method: None)))
    meeting.network.run()
    held = meeting.kept["b"]
    b.call(meeting.home(b, c), "keep", held)
    meeting.network.run()
    b.hub.dropped([held.name])
    assert held.name not in b.retired_exports
    b.hub.retired([held.name])
    c.hub.dropped([meeting.kept["c"].name])
    meeting.network.run()
    assert b.rows(f"o.{held.name}") == []
    assert held.name not in b.retired_exports


def test_a_hub_goes_on_over_the_same_store() -> None:
    """The promises that a hub decides are listed for its next incarnation, and settle there."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    asked = here.call(meeting.home(here, there), "promise")
    while here.step():
        pass
    assert here.hub.promises() == [asked]
    meeting.network.run()
    there.settle(meeting.kept["there"].name, False, "done")
    assert meeting.value(here, asked) == "done"
    assert here.hub.promises() == []


# At random.


def _random(seed: int, steps: int) -> None:
    chance = random.Random(seed)
    meeting = Meeting("a", "b", "c", dialect=chance.choice(["swingset", "endo", "goblins"]))
    known: dict[str, list[str]] = {world.name: [] for world in meeting.worlds}
    promises: dict[str, list[str]] = {world.name: [] for world in meeting.worlds}
    for world in meeting.worlds:
        for other in meeting.worlds:
            if other is not world:
                known[world.name].append(meeting.home(world, other))
    for _ in range(steps):
        world = chance.choice(meeting.worlds)
        mine, waiting = known[world.name], promises[world.name]
        act = chance.random()
        refs = [*mine, *waiting, world.object(lambda method, *args: args[0] if args else None)]
        value: Any = chance.choice([5, [Ref(chance.choice(refs))], Ref(chance.choice(refs)), {"x": "y"}])
        if act < 0.6:
            target = chance.choice([*mine, *waiting[-3:]])
            waiting.append(
                world.call(target, chance.choice(["same", "keep", "kept", "promise", "fail"]), value)
            )
        elif act < 0.7 and waiting:
            promise = chance.choice(waiting)
            outcome = world.outcome(promise)
            if isinstance(outcome, Ref) and not outcome.is_promise and outcome.name.startswith("o+d10/"):
                mine.append(outcome.name)
        elif act < 0.75:
            kept = meeting.kept.get(world.name)
            if isinstance(kept, Ref) and kept.name.startswith("p-") and kept.name not in world.settled:
                world._result(kept.name, False, value)
        elif act < 0.8:
            meeting.sever()
        for _ in range(chance.randrange(12)):
            if meeting.network.events and chance.random() < 0.5:
                meeting.network.events.popleft()()
            else:
                chance.choice(meeting.worlds).step()
    meeting.network.run()
    for world in meeting.worlds:
        audit(world)
        ended = {event["why"] for event in world.events if event["event"] == "aborted"}
        assert ended <= {CROSSED, "there is a session with this peer already"}, ended
    meeting.sever()
    for world in meeting.worlds:
        audit(world)
        for promise in promises[world.name]:
            assert world.outcome(promise) is not ... or promise not in world.hub.promises()


@pytest.mark.parametrize("seed", range(12))
def test_random_conversations_keep_the_tables_right(seed: int) -> None:
    """Messages, promises, introductions and cut cables in any order: no abort, no count is off."""
    _random(seed, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_long_random_conversations_keep_the_tables_right(seed: int) -> None:
    """The same, longer and more often."""
    _random(seed, 150)
