"""Two hubs connected by bytes: what a vat sees of an object in another world."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from swingset import net
from swingset.net.values import Failure, Ref
from tests.net.bench import Network, World

SWISS = b"0123456789abcdef0123456789abcdef"


class Two:
    """A world that shares, and one that fetches."""

    def __init__(self, dialect: str = "goblins") -> None:
        self.network = Network()
        self.here = World(self.network, "here", dialect=dialect)
        self.there = World(self.network, "there", dialect=dialect)

    def fetched(self, method: Any) -> str:
        """An object of `there`, as a reference of `here`."""
        self.there.share(self.there.object(method), SWISS)
        promise = self.here.fetch(self.there.here, SWISS)
        self.network.run()
        found = self.here.outcome(promise)
        assert isinstance(found, Ref), found
        return found.name

    def value(self, promise: str) -> Any:
        self.network.run()
        return self.here.outcome(promise)


def test_each_module_imports_those_before_it() -> None:
    """The list of modules is whole, and its order is one in which they can be put together."""
    folder = Path(net.__file__).parent
    before: set[str] = set()
    for module in net.MODULES:
        path = folder / f"{module.replace('.', '/')}.py"
        for node in ast.parse(path.read_text()).body:  # not what checkers alone import
            if isinstance(node, ast.ImportFrom) and node.level:
                above = module.split(".")[: -node.level]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found = {".".join([*above, name]) for name in names}
                assert before >= found - {""}, (module, found)
        before.add(module)
    paths = [path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py")]
    assert before >= {".".join(parts) for parts in paths if parts[-1] != "__init__"} - {"vat"}


@pytest.fixture(params=["goblins", "endo", "suite", "swingset"])
def two(request: pytest.FixtureRequest) -> Two:
    return Two(request.param)


def test_a_shared_object_is_called_from_another_world(two: Two) -> None:
    """A message reaches an object of another world, and its result comes back."""
    purse = two.fetched(lambda method, *args: [method, *args])
    assert two.value(two.here.call(purse, "deposit", 5, "x")) == ["deposit", 5, "x"]


def test_keyword_arguments_arrive(two: Two) -> None:
    """Keyword arguments cross as such."""
    purse = two.fetched(lambda method, *args, **words: [method, words])
    assert two.value(two.here.call(purse, "pay", amount=5)) == ["pay", {"amount": 5}]


def test_an_error_arrives_as_an_error(two: Two) -> None:
    """What a method raises rejects the promise in the other world."""

    def fail(method: str) -> None:
        raise ValueError("no money")

    rejected, error = two.value(two.here.call(two.fetched(fail), "deposit"))
    assert (rejected, isinstance(error, Failure)) == ("rejected", True)
    assert "no money" in error.message


@pytest.mark.parametrize(
    ("trace", "parts"),
    [
        ([["bank", 3, "f"], ["world x, bank", 4, "g"]], ["world there, bank", "world there, world x, bank"]),
        (None, ["world there, "]),
        ("no list", ["world there, "]),
        ([["bank", "3", "f"]], ["world there, "]),
    ],
)
def test_the_frames_of_an_error_say_of_which_world_they_are(trace: object, parts: list[str]) -> None:
    """They would be taken for those of a vat of this world otherwise."""
    two = Two("swingset")
    failure = Failure("no", "ValueError", {"trace": trace})
    purse = two.fetched(lambda method: failure)
    error = two.value(two.here.call(purse, "deposit"))
    assert isinstance(error, Failure)
    assert [part for part, _line, _function in error.more["trace"]] == parts


def test_what_is_sent_over_a_connection_that_ended_is_said_not_to_be_sent(two: Two) -> None:
    """An answer that was awaited is unknown; a later message was not sent, and both are said once."""
    car = two.there.object(lambda method: "Vroom")
    factory = two.fetched(lambda method: Ref(car))
    theirs = two.value(two.here.call(factory, "build"))
    awaited = two.here.call(factory, "build")
    while two.here.step():
        pass
    for conn in two.here.hub.connections():
        two.here.hub.closed(conn, "gone")
    _, unknown = two.value(awaited)
    _, unsent = two.value(two.here.call(theirs.name, "drive"))
    assert unknown.message.count("gone") == unsent.message.count("gone") == 1
    assert "whether it was done is unknown" in unknown.message
    assert unsent.message.startswith("nothing was sent: ")


def test_a_message_is_pipelined_to_a_result_that_is_on_its_way(two: Two) -> None:
    """Messages to the promise of a result are sent before it is known."""
    car = two.there.object(lambda method: "Vroom")
    factory = two.there.object(lambda method: Ref(car))
    builder = two.fetched(lambda method: Ref(factory))
    before = len(two.there.device.log)
    made = two.here.call(builder, "builder")
    car_promise = two.here.call(made, "car")
    sound = two.here.call(car_promise, "drive")
    while two.here.step():
        pass
    assert len(two.there.device.log) == before
    assert sum(b"op:deliver" in data for _, data in two.here.device.log) >= 3
    assert two.value(sound) == "Vroom"


def test_messages_to_a_fetched_promise_wait_while_its_peer_is_dialled(two: Two) -> None:
    """The promise of a fetch takes messages at once."""
    two.there.share(two.there.object(lambda method, x: x + 1), SWISS)
    promise = two.here.fetch(two.there.here, SWISS)
    assert two.value(two.here.call(promise, "add", 1)) == 2


def test_an_object_comes_home_as_itself(two: Two) -> None:
    """What was passed to another world and comes back is the same object."""
    purse = two.fetched(lambda method, x: x)
    mine = two.here.object(lambda method: "mine")
    assert two.value(two.here.call(purse, "same", Ref(mine))) == Ref(mine)
    assert two.value(two.here.call(purse, "same", Ref(purse))) == Ref(purse)


def test_a_callback_is_called(two: Two) -> None:
    """An object passed to another world is called from there."""
    got: list[Any] = []
    listener = two.here.object(lambda method, *args: got.append((method, *args)))
    purse = two.fetched(lambda method, target: two.there.call(target.name, "notify", 7, result=False))
    two.here.call(purse, "call_me", Ref(listener))
    two.network.run()
    assert got == [("notify", 7)]
