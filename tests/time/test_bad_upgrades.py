"""Each bad upgrade of the catalogue is predicted by a rehearsal, which names the culprit."""

from __future__ import annotations

from typing import Any

import pytest

import swingset
from swingset.host.base.requests import Ref
from swingset.host.code.rehearsal import rehearse_upgrade
from tests.time.bad_upgrades import BAD_UPGRADES, BadUpgrade

SAMPLE = BAD_UPGRADES[::4]
"""The cases that every run of the tests has; the others are slow together."""


def world_of(case: BadUpgrade) -> swingset.Controller:
    """A world with the old code, to which the messages of the case were sent."""
    world = swingset.open_world(worker=case.worker)
    world.create_vat("vat", (("vat", case.old),), options={"computrons": 50_000_000})
    results: dict[str, str] = {"root": world.vats.root("vat")}
    for call in case.messages:
        args = [
            Ref(results[arg[1:]]) if isinstance(arg, str) and arg[:1] == "@" else arg for arg in call.args
        ]
        kref = world.queue_to_object(results[call.target], call.method, args)
        assert kref is not None
        world.run()
        if call.settles:
            assert world.status(kref) != "unresolved", call
        if call.name:
            value = world.resolution(kref)
            results[call.name] = value.kref if isinstance(value, Ref) else kref
    return world


def prediction(case: BadUpgrade) -> tuple[str, str]:
    """What a rehearsal predicts, and all that it says."""
    with world_of(case) as world:
        before = world.digest(), world.history.head
        last = max(1, len(case.messages) - 1)  # a vat has a past, which is not repeated
        code = (("vat", case.new),)
        found = rehearse_upgrade(world, "vat", code, records="all")
        told = None if found.fault is not None else swingset.redeliver(world, "vat", code, messages=last)
        assert (world.digest(), world.history.head) == before
        lines = [found.verdict, *found.lines, *([] if told is None else [told.verdict, *told.lines()])]
    return predicted(found, told, case), "\n".join(lines)


def predicted(found: swingset.Rehearsal, told: swingset.Redelivered | None, case: BadUpgrade) -> str:
    """What the rehearsal found, in the words of the catalogue; the expected one if there are several."""
    kinds: list[Any] = []
    if found.fault is not None:
        kinds.append("refused")
    if found.records is not None and found.records.failed:
        kinds.append("records")
    if told is not None and told.first is not None:
        old, new = told.first
        if new is not None and new.fault is not None:
            kinds.append("undone")
        elif old is None or new is None or old.exactly != new.exactly or old.answer != new.answer:
            kinds.append("answer")
        elif old.printed != new.printed:
            kinds.append("console")
    if found.abandoned:
        kinds.append("abandoned")
    if found.disconnected or found.rejected:
        kinds.append("broken")
    return case.predicted if case.predicted in kinds else ", ".join(kinds) or "nothing"


def test_the_catalogue_is_whole() -> None:
    """Forty upgrades that differ in name, each with a culprit, some of each sort of prediction."""
    assert len({case.name for case in BAD_UPGRADES}) == len(BAD_UPGRADES) == 40
    assert all(case.culprit for case in BAD_UPGRADES)
    assert len({case.predicted for case in BAD_UPGRADES}) >= 5


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_a_bad_upgrade_is_predicted(case: BadUpgrade) -> None:
    """The rehearsal says how the upgrade fails, and names the kind, field, method or function."""
    kind, text = prediction(case)
    assert kind == case.predicted, text
    assert case.culprit in text, text


@pytest.mark.slow
def test_every_bad_upgrade_is_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    """All of the catalogue; the count is printed."""
    missed = []
    for case in BAD_UPGRADES:
        kind, text = prediction(case)
        if kind != case.predicted or case.culprit not in text:
            missed.append(f"{case.name}: wanted {case.predicted} of {case.culprit}, got {kind}: {text}")
    with capsys.disabled():
        print(f"\n{len(BAD_UPGRADES) - len(missed)} of {len(BAD_UPGRADES)} bad upgrades predicted")
    assert not missed, "\n\n".join(missed)
