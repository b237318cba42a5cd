"""What a vat is to be told of its references is asked again when its turn comes: much can happen before.

An action waits in the world until the scheduler chooses it, and vats go on meanwhile. Told all the same, an
owner would free what others hold again, or hear of a reference twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.translate import Translator
from swingset.testing import audit
from swingset.world.gc import DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT
from tests.meddling import atomic

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
Happening = Callable[[RawWorld, str], None]


def drop(world: RawWorld, amy: str) -> None:
    world.run_in("B", lambda ask: ask(["dropImports", [world.vref("B", amy)]]))


def let_go(world: RawWorld, amy: str) -> None:
    name = world.vref("B", amy)
    world.run_in("B", lambda ask: [ask(["dropImports", [name]]), ask(["retireImports", [name]])][0])


def send_again(world: RawWorld, amy: str) -> None:
    """A mentions its object again, in a message that B has not got yet."""
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    methargs = {"body": '#["take",["$0"]]', "slots": ["o+1"]}
    world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))


def hear(kind: str) -> Happening:
    """The owner is told of one kind, out of its turn."""

    def tell(world: RawWorld, amy: str) -> None:
        with atomic(world.kernel):
            Translator(world.store, world.ids["A"]).collection_to_vat(kind, (amy,))

    return tell


def retire(world: RawWorld, amy: str) -> None:
    hear(DROP_EXPORT)(world, amy)
    world.run_in("A", lambda ask: ask(["retireExports", ["o+1"]]))


CASES: list[tuple[str, str, list[Happening], str, bool]] = [
    ("dropped", "A", [drop], DROP_EXPORT, True),
    ("still held", "A", [], DROP_EXPORT, False),
    ("mentioned again", "A", [drop, send_again], DROP_EXPORT, False),
    ("told of already", "A", [drop, hear(DROP_EXPORT)], DROP_EXPORT, False),
    ("given up by its owner", "A", [drop, retire], DROP_EXPORT, False),
    ("nobody recognizes it", "A", [let_go], RETIRE_EXPORT, True),
    ("still recognized", "A", [drop], RETIRE_EXPORT, False),
    ("held again", "A", [let_go, send_again], RETIRE_EXPORT, False),
    ("retired already", "A", [let_go, retire], RETIRE_EXPORT, False),
    ("gone, and still recognized", "B", [drop, retire], RETIRE_IMPORT, True),
    ("retired by its holder", "B", [let_go], RETIRE_IMPORT, False),
]


@pytest.mark.parametrize(
    ("vat", "happened", "kind", "meant"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_action_is_meant_while_its_reason_stands(
    vat: str, happened: list[Happening], kind: str, meant: bool
) -> None:
    """Dropped means nobody reaches it, retired that nobody knows it, and each is told once."""
    world = RawWorld("A", "B")
    amy = world.give("A", "o+1", "B")
    for happening in happened:
        happening(world, amy)
    assert Translator(world.store, world.ids[vat]).still_meant(kind, amy) is meant


def test_an_export_that_is_sent_again_before_its_owner_hears_is_not_dropped() -> None:
    """The action costs a crank in which nobody is told, and whoever got the object keeps it."""
    world = RawWorld("A", "B")
    amy = world.give("A", "o+1", "B")
    let_go(world, amy)
    assert world.actions() == ["A dropExport", "A retireExport"]
    send_again(world, amy)
    outcomes = [(type(report.event).__name__, report.outcome) for report in world.drain()]
    assert outcomes == [("Collect", "negated"), ("Collect", "negated"), ("Send", "delivered")]
    assert world.vat("A").take_log() == []
    assert world.counts(amy) == ("A", 1, 1)
    assert audit(world.store) == []


def test_of_several_exports_only_those_still_dropped_are_told() -> None:
    """One delivery tells of what is left of a group, in its order."""
    world = RawWorld("A", "B")
    krefs = [world.give("A", f"o+{number}", "B") for number in (1, 2, 3)]
    names = [world.vref("B", kref) for kref in krefs]
    world.run_in("B", lambda ask: ask(["dropImports", names]))
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    methargs = {"body": '#["take",["$0"]]', "slots": ["o+2"]}
    world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    world.drain()
    assert world.vat("A").take_log() == [["dropExports", ["o+1", "o+3"]]]
    assert audit(world.store) == []
