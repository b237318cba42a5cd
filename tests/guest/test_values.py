"""Values that pass as copies: dates, decimals, fractions, enums, frozen dataclasses, a vat's own classes."""

from __future__ import annotations

import dataclasses
import enum
import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swingset.guest.base import context
from swingset.guest.passing import smallcaps
from swingset.guest.passing.copies import register_copy
from swingset.guest.passing.passable import Tagged, UnpassableError, copy_passable
from swingset.guest.passing.smallcaps import DecodeError
from swingset.guest.standalone import StandaloneVat
from tests.staging import Stage

from .guest_bench import Bench


@pytest.fixture(autouse=True)
def vat() -> Any:
    """A vat of its own for each test."""
    with context.activate(StandaloneVat()) as world:
        yield world


def wire(value: Any) -> Any:
    return json.loads(smallcaps.encode(value, lambda _: ()).body[1:])


def read(tree: Any) -> Any:
    return smallcaps.decode("#" + json.dumps(tree), lambda *_: None)


def there_and_back(value: Any) -> Any:
    return read(wire(value))


STANDARD = [
    (date(2024, 2, 29), "date", "2024-02-29"),
    (datetime(2024, 2, 29, 1, 2, 3, 4), "datetime", "2024-02-29T01:02:03.000004"),
    (datetime(2024, 2, 29, tzinfo=timezone.utc), "datetime", "2024-02-29T00:00:00+00:00"),  # noqa: UP017
    (timedelta(days=-1, microseconds=5), "timedelta", [-1, 0, 5]),
    (Decimal("-0.10"), "decimal", "!-0.10"),
    (Decimal("sNaN12"), "decimal", "sNaN12"),
    (Fraction(2, -6), "fraction", [-1, 3]),
    (time(1, 2, 3, 4), "time", "01:02:03.000004"),
    (time(1, tzinfo=timezone.utc), "time", "01:00:00+00:00"),  # noqa: UP017
    (UUID(int=5), "uuid", "00000000-0000-0000-0000-000000000005"),
    (PurePosixPath("a/../b"), "path", "a/../b"),
    (PureWindowsPath("c:/x"), "windows-path", "c:\\x"),
]


@pytest.mark.parametrize(("value", "tag", "payload"), STANDARD)
def test_standard_types_are_known_everywhere(value: Any, tag: str, payload: Any) -> None:
    """Exact types of the standard library pass under a tag of their own, readable by other tools."""
    assert wire(value) == {"#tag": tag, "payload": payload}
    back = there_and_back(value)
    assert type(back) is type(value)
    assert str(back) == str(value)


@given(
    st.one_of(
        st.dates(),
        st.datetimes().map(lambda value: value.replace(fold=0)),
        st.datetimes(timezones=st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)).map(
            lambda value: value.replace(fold=0)
        ),
        st.timedeltas(),
        st.decimals(),
        st.fractions(),
        st.uuids(),
        st.times().map(lambda value: value.replace(fold=0)),
        st.text("ab./").map(PurePosixPath),
        st.text("ab.:/\\").map(PureWindowsPath),
    )
)
def test_round_trip(value: Any) -> None:
    """What passes comes back as the same type with the same spelling."""
    back = there_and_back(value)
    assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 6, 1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2024, 6, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2024, 6, 1, fold=1),
    ],
)
def test_time_zone_that_is_more_than_an_offset_is_refused(value: datetime) -> None:
    """A time whose zone has a name or rules would come back as another value."""
    with pytest.raises(UnpassableError, match="time zone"):
        wire(value)


def test_a_path_of_a_machine_is_refused_with_the_fix() -> None:
    """Its files are not where it arrives."""
    with pytest.raises(UnpassableError, match=r"pass Pure\w+Path\(\.\.\.\) of it"):
        wire(Path("a"))


MISSPELLED = [
    ("date", "20240229"),
    ("date", "2024-02-30"),
    ("datetime", "2024-02-29"),
    ("decimal", " 1"),
    ("decimal", "1_0"),
    ("decimal", 5),
    ("fraction", [2, 4]),
    ("fraction", [1, 0]),
    ("timedelta", [0, 90_000, 0]),
    ("timedelta", "5"),
    ("time", "01:02"),
    ("uuid", "00000000000000000000000000000005"),
    ("uuid", 5),
    ("path", "a//b"),
    ("path", ["a", "b"]),
    ("windows-path", "c:/x"),
]


@pytest.mark.parametrize(("tag", "payload"), MISSPELLED)
def test_other_spelling_is_refused(tag: str, payload: Any) -> None:
    """A stranger's data under a known tag must be spelled as the library spells it."""
    with pytest.raises(DecodeError, match=f"a {tag} that cannot be made"):
        read({"#tag": tag, "payload": payload})


def test_tags_of_known_types_are_reserved() -> None:
    """A Tagged cannot pretend to be a date."""
    with pytest.raises(TypeError, match="a tag is a non-empty str other than"):
        Tagged("date", "2024-02-29")


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: Any = 0


def test_enum_passes_by_the_name_of_its_member() -> None:
    """A registered enum passes by name, a flag by value, and members keep their identity."""
    register_copy("colour", Colour)
    register_copy("mode", Mode)
    assert wire(Colour.RED) == {"#tag": "colour", "payload": "RED"}
    assert there_and_back(Colour.RED) is Colour.RED
    assert there_and_back(Mode.READ | Mode.WRITE) == Mode.READ | Mode.WRITE
    with pytest.raises(DecodeError, match="a colour that cannot be made"):
        read({"#tag": "colour", "payload": "BLUE"})


def test_frozen_dataclass_passes_by_its_fields() -> None:
    """A registered frozen dataclass passes as a dict under its tag, whatever is in it."""
    register_copy("point", Point)
    assert wire(Point(1, [Point(2)])) == {
        "#tag": "point",
        "payload": {"x": 1, "y": [{"#tag": "point", "payload": {"x": 2, "y": 0}}]},
    }
    assert there_and_back(Point(1, Decimal("1.5"))) == Point(1, Decimal("1.5"))


def test_copy_within_the_vat_shares_nothing() -> None:
    """A message within the vat copies a dataclass with what is in it."""
    register_copy("point", Point)
    given = Point(1, [1, 2])
    taken = copy_passable(given)
    assert taken == given
    assert taken.y is not given.y


def test_class_of_ones_own() -> None:
    """Any class passes with two functions that say how."""
    register_copy("ipv4", IPv4Address, str, IPv4Address)
    value = IPv4Address("127.0.0.1")
    assert wire(value) == {"#tag": "ipv4", "payload": str(value)}
    assert there_and_back(value) == value


def test_unknown_tag_is_tagged() -> None:
    """A vat that has not registered a class gets its data, named."""
    assert read({"#tag": "point", "payload": {"x": 1}}) == Tagged("point", {"x": 1})


def test_registry_is_the_vats_own() -> None:
    """What one vat registers, another does not know."""
    register_copy("point", Point)
    with context.activate(StandaloneVat()), pytest.raises(UnpassableError, match="register_copy"):
        wire(Point(1))


@dataclasses.dataclass
class Loose:
    x: int


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("loose", Loose), "Loose is not frozen"),
        (("date", Point), "a tag is a non-empty str other than"),
        (("", Point), "a tag is a non-empty str"),
        (("date2", date), "date passes between vats already"),
        (("thing", object), "wants to_data and from_data"),
        (("thing", 5), "wants a class"),
    ],
)
def test_unfit_registration_is_refused(arguments: tuple[Any, Any], words: str) -> None:
    """What could not come back equal is not registered."""
    with pytest.raises(TypeError, match=words):
        register_copy(*arguments)


SOURCE = """
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from swingset.vat import E, VatError, durable, provide, register_copy, remotable

@register_copy("price")
@dataclass(frozen=True)
class Price:
    amount: Decimal
    currency: str

@register_copy("state")
class State(Enum):
    OPEN = 1
    SHUT = 2

@durable
class Item:
    price: Price
    since: date
    state: State = State.OPEN

    def raise_by(self, amount: Decimal) -> Price:
        self.price = Price(self.price.amount + amount, self.price.currency)
        return self.price

    def shut(self):
        self.state = State.SHUT
        return self.state is State.SHUT

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage

    def item(self, since: date):
        return provide(self.baggage, "item", lambda: Item(Price(Decimal("1.10"), "EUR"), since))

    async def dearer(self, amount: Decimal):
        return await E(self.item(date(2024, 1, 1))).raise_by(amount)

    def broke(self):
        raise VatError("no money", code="broke")

def build_root_object(baggage):
    return Root(baggage)
"""


ECHO = """
from swingset.vat import remotable

@remotable
class Root:
    def echo(self, value): return value
    def shown(self, value): return repr(value)

def build_root_object():
    return Root()
"""


def test_copies_are_state_arguments_and_results(stage: Stage) -> None:
    """Copies pass guards and between vats, and are durable state that survives an upgrade."""
    root = stage.define("shop", SOURCE)
    item = stage.ask(root, "item", date(2024, 2, 29))
    price = Tagged("price", {"amount": Decimal("1.35"), "currency": "EUR"})
    assert stage.ask(item, "raise_by", Decimal("0.25")) == price
    assert stage.ask(item, "shut") is True
    stage.upgrade("shop", SOURCE + "\n")
    assert stage.ask(root, "dearer", Decimal("0.05")).payload["amount"] == Decimal("1.40")
    with pytest.raises(TypeError, match=r"Item.raise_by\(amount\): wanted Decimal, got float 0.5"):
        stage.ask(item, "raise_by", 0.5)


def test_error_with_a_code(stage: Stage) -> None:
    """A VatError arrives with its code."""
    with pytest.raises(Exception, match="no money") as caught:
        stage.ask(stage.define("shop", SOURCE), "broke")
    assert (caught.value.code, caught.value.remote_name) == ("broke", "VatError")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("engine")
def test_vats_of_both_engines_spell_alike() -> None:
    """A vat answers with the standard values it was sent, and refuses what is spelled in another way."""
    bench = Bench(ECHO).up()
    for value, tag, payload in STANDARD:
        tree = {"#tag": tag, "payload": payload}
        assert bench.ask("echo", tree) == tree
        assert bench.ask("shown", tree) == repr(value)
    for tag, payload in MISSPELLED:
        told = bench.ask("echo", {"#tag": tag, "payload": payload})["#error"]
        assert told.startswith(f"the message cannot be read: a {tag} that cannot be made")


@pytest.mark.usefixtures("engine")
def test_unregistered_dataclass_is_explained() -> None:
    """A send of a dataclass that is not registered says what to do."""
    bench = Bench(SOURCE.replace('@register_copy("price")', "").replace("price: Price", "price: object")).up()
    bench.send("item", {"#tag": "date", "payload": "2024-02-29"})
    assert 'say register_copy(\\"Price\\", Price) in both vats' in bench.take()[-1][1][0][2]["body"]


class Hue(enum.Enum):
    """An enum that nobody has registered."""

    RED = 1


@dataclasses.dataclass(frozen=True)
class Spot:
    """A frozen dataclass that nobody has registered."""

    x: int = 0


@dataclasses.dataclass
class Pin:
    """A dataclass that is not frozen."""

    x: int = 0


class Pair:
    """An ordinary object that has a name and a value, as the members of an enum do."""

    name = "pair"
    value = 1


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (Hue.RED, 'pass its .value, or say register_copy("Hue", Hue)'),
        (Spot(), 'say register_copy("Spot", Spot) in both vats'),
        (Pin(), 'make it @dataclass(frozen=True), then say register_copy("Pin", Pin) in both vats'),
        (Pair(), "make Pair @remotable or @durable, or pass its data as a dict"),
    ],
)
def test_advice_can_be_followed(value: Any, fix: str) -> None:
    """What a refused object is advised is not refused in turn, and then it passes."""
    with pytest.raises(UnpassableError) as refused:
        wire(value)
    assert refused.value.fix == fix
    cls = type(value)
    if "frozen" in fix:
        cls = dataclasses.make_dataclass(cls.__name__, [("x", int, 0)], frozen=True)
        value = cls()
    if "register_copy" in fix:
        register_copy(cls.__name__, cls)
        assert there_and_back(value) == value
