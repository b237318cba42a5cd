"""A repeated delivery is held against its record, and the first difference is told."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model import syscalls
from swingset.model.limits import Limits
from swingset.model.modules import Parts
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.sourced import naming
from swingset.workers.base import SyscallHandler
from swingset.workers.replaying import ReplayDiverged, replay
from tests.workers.heapless import Heapless

ONE, TWO = ["vatstoreGet", "one"], ["vatstoreGet", "two"]
BUNDLES: dict[str, Parts] = {"b1-0": (("main", "X = 1"),)}


class Actor(Heapless):
    """A worker that says in a delivery what a test wants said."""

    kind = "actor"

    def __init__(self, says: list[list[Any]], spends: int | None = 10, fault: Fault | None = None) -> None:
        self._says, self._result = says, DeliveryResult(fault, spends)
        self.heard: list[list[Any]] = []
        self.limits: Limits | None = None

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        self.limits = limits
        self.heard = [syscall(syscalls.read(said)) for said in self._says]
        return self._result


def recorded(*syscalls: list[Any], computrons: int | None = 10) -> dict[str, Any]:
    said = [[syscall, ["ok", number]] for number, syscall in enumerate(syscalls)]
    return {"position": 3, "delivery": ["message", "o+0"], "syscalls": said, "computrons": computrons}


SAME: list[tuple[dict[str, Any], Actor]] = [
    (recorded(), Actor([])),
    (recorded(ONE, TWO), Actor([ONE, TWO])),
    (recorded(ONE, computrons=None), Actor([ONE], 7)),
    (recorded(ONE, computrons=7), Actor([ONE], None)),
    (recorded(ONE, computrons=0), Actor([ONE], 0)),
]


@pytest.mark.parametrize(("entry", "actor"), SAME)
def test_a_delivery_that_repeats_itself_hears_what_it_heard(entry: dict[str, Any], actor: Actor) -> None:
    """Each syscall is answered from the record; a worker that cannot meter is not asked to."""
    assert replay(actor, "a", entry, Limits(), BUNDLES.__getitem__).ok
    assert actor.heard == [["ok", number] for number in range(len(entry["syscalls"]))]


def test_source_that_an_answer_names_is_what_the_vat_hears() -> None:
    """The record has only its hash."""
    call = ["callNow", "d-70", "get_bundle", {"body": "#[]", "slots": []}]
    entry = recorded(call)
    entry["syscalls"][0][1] = ["ok", [False, naming("b1-0").to_json()]]
    actor = Actor([call])
    assert replay(actor, "a", entry, Limits(), BUNDLES.__getitem__).ok
    assert actor.heard == [["ok", [False, {"body": '#[["main","X = 1"]]', "slots": []}]]]


ODD = {
    "an error": [True, {"body": '#{"#source":"b1-0"}', "slots": []}],
    "another key": [False, {"body": '#{"source":"b1-0"}', "slots": []}],
    "more than a name": [False, {"body": '#{"#source":"b1-0","x":1}', "slots": []}],
    "a number": [False, {"body": '#{"#source":7}', "slots": []}],
    "a name that is none": [False, {"body": '#{"#source":"../b1"}', "slots": []}],
    "a text": "b1-0",
    "nothing": None,
}


@pytest.mark.parametrize("case", ODD)
def test_other_answers_are_heard_as_they_are(case: str) -> None:
    """Whatever a file has in the place of an answer."""
    entry = recorded(ONE)
    entry["syscalls"][0][1] = ["ok", ODD[case]]
    actor = Actor([ONE])
    assert replay(actor, "a", entry, Limits(), BUNDLES.__getitem__).ok
    assert actor.heard == [["ok", ODD[case]]]


FAULT = Fault("guest-crashed", "it crashed")
OTHER: list[tuple[str, dict[str, Any], Actor, str]] = [
    (
        "another",
        recorded(ONE),
        Actor([TWO]),
        '1: recorded ["vatstoreGet", "one"], now ["vatstoreGet", "two"]',
    ),
    ("swapped", recorded(ONE, TWO), Actor([TWO, ONE]), "syscall 1: recorded"),
    ("second", recorded(ONE, ONE), Actor([ONE, TWO]), "syscall 2: recorded"),
    ("one more", recorded(ONE), Actor([ONE, TWO]), "syscall 2: recorded no further syscall, now"),
    ("one less", recorded(ONE, TWO), Actor([ONE]), 'syscall 2: recorded ["vatstoreGet", "two"], now none'),
    ("none", recorded(ONE), Actor([]), "syscall 1: recorded"),
    ("failed", recorded(ONE), Actor([ONE], fault=FAULT), "the delivery failed: it crashed"),
    ("one computron more", recorded(ONE), Actor([ONE], 11), "computrons: recorded 10, now 11"),
    ("one computron less", recorded(ONE), Actor([ONE], 9), "computrons: recorded 10, now 9"),
    ("free", recorded(ONE), Actor([ONE], 0), "computrons: recorded 10, now 0"),
    ("no longer free", recorded(ONE, computrons=0), Actor([ONE], 1), "computrons: recorded 0, now 1"),
    ("all of it", recorded(ONE), Actor([TWO], 9, FAULT), "syscall 1: recorded"),
]


@pytest.mark.parametrize(
    ("entry", "actor", "words"), [case[1:] for case in OTHER], ids=[case[0] for case in OTHER]
)
def test_the_first_difference_is_told(entry: dict[str, Any], actor: Actor, words: str) -> None:
    """By vat, delivery and syscall, or by what failed or was spent."""
    with pytest.raises(ReplayDiverged) as caught:
        replay(actor, "a", entry, Limits(), BUNDLES.__getitem__)
    assert str(caught.value).startswith(
        'vat a, delivery 3 (["message", "o+0"]) does not repeat its transcript: '
    )
    assert words in str(caught.value)


def test_after_a_difference_nothing_is_answered() -> None:
    """What is asked out of turn gets an error, and what was recorded is not given to another."""
    actor = Actor([TWO, ONE])
    with pytest.raises(ReplayDiverged):
        replay(actor, "a", recorded(ONE, TWO), Limits(), BUNDLES.__getitem__)
    assert [answer[0] for answer in actor.heard] == ["error", "error"]


@pytest.mark.parametrize(
    ("taken", "given"),
    [(0, 100_000_000), (7, 100_000_014), (None, None), (-1, None), (1 << 62, None), (True, None)],
)
def test_a_repeated_delivery_gets_little_more_than_it_took(taken: Any, given: int | None) -> None:
    """Twice as much and a little, so that it ends and can be told; what is no count is none."""
    actor = Actor([], taken)
    limits = Limits(computrons=None, memory_pages=5)
    replay(actor, "a", recorded(computrons=taken), limits, BUNDLES.__getitem__)
    assert actor.limits == Limits(computrons=given, memory_pages=5)
