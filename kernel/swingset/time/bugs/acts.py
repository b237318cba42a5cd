"""Acts: what an embedder asks of a world through the public API, with references written by their origin.

An act can be played in another world, where krefs are others. So what it mentions is written by where it came
from: the root of a vat, a place in the answer to an earlier message, or what an earlier act returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from swingset.model.capdata import CapData
from swingset.model.visible import one_line

ActKind = Literal[
    "create", "upgrade", "terminate", "suspend", "resume", "run", "send", "ask", "bundle", "own"
]
"""What an act is: `ask` calls a method of the world, such as `meters.create`, `bundle` has a session install
some code and get the bundlecap for it, and `own` has it export a stand-in for an object of its program."""

PLAIN = "#null"
"""The parameters of a vat that gets none."""

Step = str | int


@dataclass(frozen=True)
class Origin:
    """Where a reference comes from: the root of `vat`, or what `path` leads to in the answer to act `act`.

    Without a path and with `promise`, it is the promise for the answer itself, or whatever the act returned
    the kref of.
    """

    vat: str = ""
    act: int = -1
    path: tuple[Step, ...] = ()
    promise: bool = False


@dataclass(frozen=True)
class Made:
    """What an act returned, as a text: the id of a meter."""

    act: int


class KrefOf(NamedTuple):
    """The kref of what comes from an origin, as a text, for a call that wants no `Ref`."""

    origin: Origin


class Replies(NamedTuple):
    """The answers of a host function: by the body of its arguments, the bodies of its answers in order."""

    answers: Mapping[str, Sequence[str]]


class Heard(NamedTuple):
    """What an object of a program answered, as `recorded_object` takes it."""

    answers: Mapping[str, Sequence[tuple[bool, str]]]


class Called(NamedTuple):
    """A device of a program: its kind, and its recorded calls as JSON, as `recorded_device` takes them."""

    kind: str
    calls: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Act:
    """One input. `number` is its place among all of them; arguments have an `Origin` for each reference.

    `slots` are the references that `parameters` mention. `method` is that of a message,
    or of the world, such as `meters.create`. `bid` is what a message bids for its turn in a market.
    """

    number: int
    kind: ActKind
    vat: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    worker: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: str = PLAIN
    slots: tuple[Origin, ...] = ()
    target: Origin | None = None
    method: str = ""
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    bid: Mapping[str, Any] | None = None

    def origins(self) -> Iterator[Origin]:
        """The origins of all references that it mentions."""
        if self.target is not None:
            yield self.target
        for value in (*self.slots, *self.args, *self.kwargs.values()):
            yield from (found for _path, found in places(value, Origin))
            yield from (found.origin for _path, found in places(value, KrefOf))

    def needs(self) -> Iterator[int]:
        """The acts whose results it mentions."""
        yield from (origin.act for origin in self.origins() if origin.act >= 0)
        for value in (*self.args, *self.kwargs.values(), *self.options.values()):
            yield from (found.act for _path, found in places(value, Made))

    @property
    def starts(self) -> str:
        """The name of the vat that it starts, or an empty text."""
        if self.kind == "create":
            return self.vat
        named = {"devices.service": 0, "clone_vat": 1}.get(self.method) if self.kind == "ask" else None
        return "" if named is None else str(self.args[named])

    def __str__(self) -> str:
        called = self.kind in ("send", "ask")
        return one_line(f"{self.method}()" if called else f"{self.kind} {self.vat}".strip(), 80)


class Unwritable(Exception):
    """Something cannot be written as an act; the message says what."""


def places(value: Any, wanted: type) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Each instance of a class in a value of lists and dicts, with the path that leads to it."""
    if type(value) is wanted:
        yield (), value
        return
    inside: Iterable[tuple[Step, Any]] = ()
    if type(value) in (list, tuple):
        inside = enumerate(value)
    elif isinstance(value, dict):
        inside = ((key, item) for key, item in value.items() if isinstance(key, str))
    for step, item in inside:
        for path, found in places(item, wanted):
            yield (step, *path), found


def recorded_answers(answers: Mapping[str, Sequence[str]]) -> Any:
    """A function for `controller.devices.plugin` that returns what a host function answered in another world.

    The answers are returned in their order; the last one is returned again from then on. For arguments that
    have none, the caller gets a `LookupError`.

    Args:
        answers: by the body of the arguments, the bodies of the answers, as capdata without references.
    Returns:
        A function of capdata, which returns capdata.
    Source:
        Ours.
    Example:
        >>> rates = swingset.recorded_answers({'#["gold"]': ["#7", "#8"]})
        >>> [rates(swingset.CapData('#["gold"]')).body for _ in range(3)]
        ['#7', '#8', '#8']
    """
    left = {body: list(reversed(bodies)) for body, bodies in answers.items()}

    def answer(args: CapData) -> CapData:
        bodies = left.get(args.body)
        if not bodies:
            raise LookupError(f"no answer to {one_line(args.body, 200)} was recorded")
        return CapData(bodies[-1] if len(bodies) == 1 else bodies.pop())

    return answer
