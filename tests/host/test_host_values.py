"""What a host may pass and get back: whatever vats pass by copy, and references as `Ref`s."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest

from swingset.guest.passing.passable import Tagged
from swingset.guest.sending.eventual import E
from swingset.host.base.requests import Ref, read, write
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model import capdata
from tests.conftest import WORKERS

ECHO = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Thing:
        pass

    @remotable
    class Echo:
        def __init__(self):
            self.promise, self.resolver = make_promise()

        def echo(self, value):
            return value

        def describe(self, value):
            return repr(value)

        def thing(self):
            return Thing()

        def pending(self):
            return [self.promise]

        def settle(self):
            self.resolver.resolve(7)

        def together(self, things):
            return [thing is things[0] for thing in things]

        async def wait(self, promise):
            return await promise

    def build_root_object():
        return Echo()
"""

VALUES = [
    (1, "two", (3.5, None)),
    (),
    b"",
    bytes(range(256)),
    {1: "one", 2.5: "two", b"x": 3, None: 4},
    math.inf,
    -math.inf,
    date(2024, 2, 29),
    datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
    timedelta(days=-1, microseconds=5),
    Decimal("1.10"),
    Fraction(1, 3),
    time(12, 30),
    UUID(int=5),
    PurePosixPath("a/b"),
    Tagged("usd", [5, (b"c",)]),
    [{"a": ({"b": b"c"},)}, 2**70, "#NaN", "$0", "&1", "+5", "!"],
]


@pytest.fixture(params=WORKERS)
def world(request: pytest.FixtureRequest) -> Iterator[Controller]:
    with open_world(None, worker=request.param) as controller:
        controller.create_vat("echo", (("echo", dedent(ECHO)),))
        yield controller


def ask(world: Controller, method: str, *args: Any) -> Any:
    result = world.queue_to_root("echo", method, args)
    assert result is not None
    world.run()
    return world.resolution(result)


def test_what_vats_pass_by_copy_comes_back_as_it_went(world: Controller) -> None:
    """Tuples, bytes, tables with any key, dates, decimals and tagged values are the same on their return."""
    for value in VALUES:
        found = ask(world, "echo", value)
        assert found == value
        assert type(found) is type(value)
        assert write(found) == write(value)


def test_what_is_not_a_number_is_passed_too(world: Controller) -> None:
    """The vat gets a float that is not equal to itself, and sends one back."""
    assert math.isnan(ask(world, "echo", math.nan))
    assert ask(world, "describe", (math.nan,)) == "(nan,)"


def test_an_error_is_passed_with_its_name_and_message(world: Controller) -> None:
    """The vat can tell what it is, and the host gets its like back; lines of the host's code do not pass."""
    found = ask(world, "echo", [ValueError("no money")])[0]
    assert isinstance(found, ValueError)
    assert str(found) == "no money"
    assert "trace" not in write(ValueError("x")).body


def test_a_reference_may_stand_anywhere_in_a_value_and_more_than_once(world: Controller) -> None:
    """In tuples, tables and tagged values a `Ref` is the object, and the same one wherever it stands."""
    thing = ask(world, "thing")
    assert isinstance(thing, Ref)
    assert ask(world, "together", (thing, thing)) == [True, True]
    value = (thing, {1: Tagged("box", [thing])})
    assert ask(world, "echo", value) == value
    assert write(value).slots == (thing.kref,)


def test_a_promise_may_be_passed(world: Controller) -> None:
    """A vat that is given a `Ref` of a promise waits for it as for any other."""
    (promise,) = ask(world, "pending")
    assert promise.kref.startswith("kp")
    waiting = world.queue_to_root("echo", "wait", [(promise,)[0]])
    assert waiting is not None
    world.run()
    assert world.status(waiting) == "unresolved"
    ask(world, "settle")
    assert world.resolution(waiting) == 7


class Stranger:
    pass


def nested(levels: int) -> Any:
    value: Any = ()
    for _ in range(levels):
        value = (value,)
    return value


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            [{"a": {3}}],
            r"the argument\[0\]\[\"a\"\] is set of 1: a set has no order, pass sorted\(...\) of it",
        ),
        ((Stranger(),), r"the argument\[0\] is Stranger object: a host passes data by copy, and a reference"),
        ([print], r"the argument\[0\] is .*: a host passes data by copy, and a reference"),
        ([Stranger], r"the argument\[0\] is the class Stranger: pass an instance of the class"),
        ({(1,): 2}, r"the argument \(its key tuple of 1\) is tuple of 1: a key is a str, a number, bytes"),
        ([Ref("kx1")], r"the argument\[0\] is a Ref of 'kx1', which is not a kref such as ko20"),
        (nested(200), "the argument .*nested deeper than 100 levels"),
        (LOOP, "the argument .*nested deeper than 100 levels, or contains itself"),
        (["\ud800"], "the argument cannot be passed: a str in it holds half of a surrogate pair: pass bytes"),
        (["x" * 10_000_001], "the argument cannot be passed: .* bytes is more than the 10000000"),
        ([10**5000], r"the argument\[0\] is int \(very large\): an int may have up to 4300 digits"),
        ([memoryview(b"x")], r"the argument\[0\] is memoryview: pass bytes\(...\) of it"),
    ],
)
def test_what_cannot_pass_is_named_with_what_to_pass_instead(value: Any, words: str) -> None:
    """The message says where it is, what it is, and the smallest fix."""
    with pytest.raises(TypeError, match=words):
        write(value)


def test_objects_of_a_session_are_not_references_of_the_host(world: Controller) -> None:
    """A presence or promise of the guest library means nothing outside of its vat, and is refused."""
    session = Session(world)
    presence = session.root("echo")
    for value in (presence, E(presence).pending()):
        with pytest.raises(TypeError, match=r"the argument\[0\] is .*: a host passes data by copy"):
            write([value])
    session.close()


PLAIN: list[Any] = [
    None,
    -(2**53),
    2**53 - 1,
    10**4299,
    1.5,
    "",
    "!#$%&+-,x é",
    [True, [], {}, {"#error": "+5", "$0": "&1"}],
    [Ref("ko20", "Purse"), {"promise": Ref("kp40"), "again": Ref("kp40")}, Ref("kd30"), Ref("kd30")],
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
def test_the_kernel_and_the_host_spell_plain_data_alike(value: Any) -> None:
    """What a device says is what a host or a vat would have written, and each reads what the other wrote."""
    assert capdata.data(value) == write(value)
    assert capdata.read(write(value)) == read(capdata.data(value)) == read(write(value))


def test_what_was_written_can_be_read() -> None:
    """Reading is the inverse of writing for every value that can pass."""
    for value in VALUES:
        assert read(write(value)) == value
