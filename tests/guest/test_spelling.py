"""What a collection was made for is read back from text by a closed grammar: nothing in it is evaluated."""

from __future__ import annotations

import collections.abc as abc
import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict, TypeVar

import pytest

from swingset import Session
from swingset.guest.base.errors import RemoteError
from swingset.guest.guards.shape import BadAnnotationError
from swingset.guest.guards.shapes import compile_shape, compile_spelled
from swingset.guest.guards.spelling import MOST_CHARACTERS, MOST_DEPTH
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from swingset.vat import BigMap, FarRef, Interface, Promise, Remotable, Tagged, remotable
from swingset.vat.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix
from tests.guest.guest_bench import Bench
from tests.meddling import atomic


class Colour(enum.Enum):
    """Some colours."""

    RED = 1
    DEEP_BLUE = 2


class Point(TypedDict, total=False):
    """A place."""

    x: int


@dataclass
class Plain:
    """No type that can pass."""


@remotable
class Desk:
    """An object."""


class Reads(Protocol):
    """What can be read."""

    def read(self) -> int:
        """Its number."""
        ...


Money = NewType("Money", int)
Bound = TypeVar("Bound", bound=str)
PurseI = Interface("PurseI", {"deposit": "(amount: int) -> int"})

SPELLED: list[Any] = [
    *(int, str, float, bool, bytes, None, object, Any, list, dict, tuple, Tagged, Remotable, Promise),
    *(ValueError, KeyError, Desk, Reads, PurseI, Point, Money, Bound, abc.Sequence, abc.Mapping),
    *(list[int], dict[str, list[tuple[int, str]]], tuple[()], tuple[int, ...], tuple[int, str, bool]),
    *(abc.Sequence[int], abc.Iterable[str], abc.Collection[bytes], abc.Mapping[str, int]),
    *(abc.MutableMapping[str, Any], int | None, int | str | None, list[int | None] | dict[str, Desk]),
    *(PurseI | None, FarRef[Reads], FarRef[Desk] | None, Money | None),
    Literal["red", "green"],
    Literal["it's", 'say "so"', "both ' and \"", "new\nline", "tab\t\\", "\x00\x1b\u202e", "é☃😀", ""],
    Literal[1, -1, 0, 10**30, True, None, b"", b"\x00\xff'\"\\", b"plain"],
    Literal[Colour.RED, Colour.DEEP_BLUE, 3],
    Annotated[int, gt(0)],
    Annotated[int, gte(-10), lt(10**20)],
    Annotated[float, lte(0.5), gt(-1e-30), lt(1e22)],
    Annotated[str, between("a", "f'"), prefix("ab\\"), length(20, 1)],
    Annotated[str, matching(r"[a-z]+\d'\"\n\\")],
    Annotated[bytes, between(b"a", b"\xff")],
    Annotated[Remotable, alleged("Purse")] | None,
    list[Annotated[int, gt(0)]],
]


@pytest.mark.parametrize("note", SPELLED, ids=str)
def test_what_is_spelled_is_read_back(note: Any) -> None:
    """The text of every shape that can be spelled means the same shape again."""
    shape = compile_shape(note, globals())
    again = compile_spelled(shape.spelled, globals())
    assert (again.text, again.spelled) == (shape.text, shape.spelled)
    assert (again.optional, again.fleeting) == (shape.optional, shape.fleeting)


CANARY: list[str] = []

HOSTILE = [
    "CANARY.append('ran')",
    "str if CANARY.append('ran') else int",
    "[CANARY.append('ran') for _ in (1,)]",
    "(lambda: CANARY.append('ran'))()",
    "list[CANARY.append('ran')]",
    "dict[str, CANARY.append('ran')]",
    "__import__('os').system('true')",
    "Trap['x']",
    "Trap",
    "trap",
    "trap.attribute",
    "Trap.attribute",
    "Literal[trap.attribute]",
    "Literal[Trap.attribute]",
    "Literal[Colour.__class__]",
    "Literal[Colour.name]",
    "Annotated[int, CANARY.append('ran')]",
    "Annotated[int, trap.facets.x]",
    "Annotated[int, Trap.facets.x]",
    "Annotated[int, exec('1')]",
    "Annotated[int, gt(CANARY.append('ran'))]",
    "Annotated[str, matching('(')]",
    "Annotated[int, gt(1, 2, 3)]",
    "Annotated[int, gt('x' 'y')]",
    "Annotated[int]",
    "f'{CANARY}'",
    "Literal[f'{CANARY}']",
    "Literal['a' * 1000000000]",
    "Literal[10 ** 1000000000]",
    "Literal[" + "9" * 5_000 + "]",
    "Literal[1_0]",
    "Literal[0x10]",
    "Literal['\\N{BULLET}']",
    "Literal['\\U00110000']",
    "Literal['unended]",
    "CANARY",
    "Plain",
    "print",
    "typing",
    "typing.Any",
    "os",
    "int]",
    "int int",
    "int |",
    "| int",
    "list[",
    "list[int",
    "list[int, str]",
    "dict[int]",
    "tuple[]",
    "(int)",
    "int, str",
    "int\n",
    "int # and",
    "",
    " ",
    "…",
    "\x00",
    "list[" * 100_000,
    "list[" * 1_000 + "int" + "]" * 1_000,
    "(" * 100_000,
    "'" * 100_000,
    "a" * 1_000_000,
    "int|" * 100_000 + "int",
    None,
    5,
    ["int"],
    {"a": 1},
]
"""What is no shape, in a namespace that has `CANARY` and the traps."""


class Trap(type):
    """A class that notes whatever is done to it."""

    def __getitem__(cls, item: object) -> object:
        CANARY.append(f"[{item}]")
        return int

    def __getattr__(cls, name: str) -> object:
        if name not in ("__method_table__", "_is_protocol", "__kind__", "__total__"):
            CANARY.append(name)
        raise AttributeError(name)

    def __repr__(cls) -> str:
        CANARY.append("repr")
        return "Trap"


class Trapping(metaclass=Trap):
    """A class of that sort, and the class of the object `trap`."""

    def __getattr__(self, name: str) -> object:
        CANARY.append(name)
        raise AttributeError(name)

    def __repr__(self) -> str:
        CANARY.append("repr")
        return "trap"

    @property
    def __class__(self) -> type:  # type: ignore[override]
        CANARY.append("class")
        return int


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_spelled_by_a_shape_means_nothing(text: Any) -> None:
    """It is refused in words of bounded length, and nothing that it names is called, indexed or shown."""
    CANARY.clear()
    names = {**globals(), "Trap": Trapping, "trap": Trapping()}
    with pytest.raises(BadAnnotationError) as refused:
        compile_spelled(text, names)
    assert (CANARY, len(str(refused.value)) < 6_000) == ([], True)


def test_an_annotation_has_bounds() -> None:
    """So much of it is read, and so deep; a little more is not."""
    deep = "list[" * (MOST_DEPTH - 1) + "int" + "]" * (MOST_DEPTH - 1)
    assert compile_spelled(deep, {}).text == deep
    with pytest.raises(BadAnnotationError, match="levels"):
        compile_spelled(f"list[{deep}]", {})
    with pytest.raises(BadAnnotationError, match="characters"):
        compile_spelled("int" + " " * MOST_CHARACTERS, {})


def test_a_strangers_regular_expression_is_not_matched_here() -> None:
    """Where a text may come with a file, only patterns that the code itself has made are taken."""
    evil = "Annotated[str, matching('(a+)+strangers')]"
    with pytest.raises(BadAnnotationError, match="that the code has here"):
        compile_spelled(evil, {}, any_regex=False)
    matching("own[0-9]+")
    assert (
        compile_spelled("Annotated[str, matching('own[0-9]+')]", {}, any_regex=False).misfit("own1") is None
    )


PAYLOADS = [
    "CANARY",
    "Annotated[str, matching('(a|a)+$')]",
    "list[" * 5_000,
    ["str"],
]


@pytest.mark.parametrize("field", ["keys", "values"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: str(payload)[:20])
def test_a_collection_of_a_stranger_runs_nothing_in_the_session(
    payload: Any, field: str, tmp_path: Path
) -> None:
    """What the notebook's own collection is said to be made for is data; a message to it is rejected."""
    path, canary = tmp_path / "gift.world", tmp_path / "was here"
    if payload == "CANARY":
        payload = f"open({str(canary)!r}, 'w') and str"
    session = Session(open_world(path, worker="local"))
    session.names.remember({"m": BigMap("m", keys=str, values=str)})
    kernel = session.controller.kernel
    store, vat = kernel.store.vatstore, kernel.vat("notebook").id
    key = store.next_key(vat, "vom.o+d2/") or ""
    record = json.loads(store.get(vat, key) or "")
    with atomic(kernel):
        store.set(vat, key, json.dumps({**record, field: payload}))
    session.controller.commit("altered")
    session.close()
    session = Session(open_world(path, worker="local"))
    names = session.names.recall()
    for call in (("has", "k"), ("init", "k", "a" * 60), ("get", "k")):
        with pytest.raises(RemoteError, match="was made for"):
            session.wait(getattr(E(names["m"]), call[0])(*call[1:]))
    session.close()
    assert not canary.exists()


def test_members_are_looked_for_in_bounded_time() -> None:
    """A stored text without end, of letters alone, is compared at once."""
    assert not compile_shape(int, {}).takes_over("a" * 2_000_000)


KEEPER = """
import enum
from typing import Annotated, Literal
from swingset.vat import BigMap, durable, remotable
from swingset.vat.patterns import matching

class Colour(enum.Enum):
    RED = 1

@durable
class Purse:
    owner: str

@remotable
class Root:
    def __init__(self, baggage): self.baggage = baggage
    def make(self):
        shape = Purse | Literal[Colour.RED, 'x']
        self.baggage["m"] = BigMap("m", keys=Annotated[str, matching("[a-z']+")], values=shape)
    def put(self, key, value):
        self.baggage["m"][key] = value
        return "fine"

def build_root_object(baggage):
    return Root(baggage)
"""


@pytest.mark.usefixtures("engine")
def test_a_vat_finds_its_own_classes_and_patterns_again() -> None:
    """After an upgrade a collection takes what it was made for, and nothing else."""
    bench = Bench(KEEPER).up()
    bench.ask("make")
    later = bench.upgrade(KEEPER + "# and more\n").up()
    assert later.ask("put", "it's", "x") == "fine"
    assert "Must be Literal[Colour.RED, 'x'] | Purse" in later.ask("put", "it's", "y")["#error"]
    assert "matching" in later.ask("put", "No", "x")["#error"]
