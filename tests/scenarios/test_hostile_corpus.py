"""Hostile vats by the dozen: each gets the answer that it should, and nobody else notices.

The cases are in `hostile_corpus.py`. All of one kind share a world, which holds on to what each of them left.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.host.sessions.pending import StillPending
from swingset.host.worlds.opening import open_world
from swingset.world.vats import TERMINATED
from tests.conftest import MakeStage
from tests.staging import Stage

from .hostile_corpus import CORPUS, PRELUDE, Case

OPTIONS = {"computrons": 200_000_000, "memory_pages": 1_536}

SPY = """
from swingset.vat import remotable

@remotable
class Spy:
    def __init__(self):
        self.count = 0

    def ping(self):
        self.count += 1
        return self.count

    def take(self, value):
        return "taken"

    def _secret(self):
        return "told"

def build_root_object():
    return Spy()
"""


def heard(stage: Stage, bad: Any, spy: Any) -> str:
    """What the sender of the attack hears."""
    try:
        return f"= {stage.ask(bad, 'attack', spy)!r}"
    except RemoteError as error:
        return f"[{error.code}] {error}" if error.code else f"{error.remote_name}: {error}"
    except TypeError as error:  # what the session itself cannot read
        return f"TypeError: {error}"


def as_expected(case: Case, outcome: str) -> bool:
    if case.outcome.startswith("= "):
        return outcome == case.outcome
    head, mark, words = case.outcome.partition("] " if case.outcome.startswith("[") else ": ")
    return outcome.startswith(head + mark) and words in outcome


def bystander_is_well(stage: Stage, spy: Any, pings: int) -> None:
    """It heard every ping and nothing else that counts, and every reference is accounted for."""
    assert stage.ask(spy, "ping") == pings
    stage.check()


@pytest.mark.unaudited  # it is audited after every case
@pytest.mark.parametrize("kind", CORPUS)
def test_hostile_vats_harm_nobody(make_stage: MakeStage, tmp_path: Path, kind: str) -> None:
    """The kernel goes on after each, the world can be opened again, and every vat repeats its transcript."""
    path = tmp_path / "hostile.world"
    stage = make_stage("wasm", path)
    spy = stage.define("spy", SPY)
    problems = []
    for number, case in enumerate(CORPUS[kind]):
        source = PRELUDE.replace("BODY", indent(case.source, " " * 8).strip())
        bad = stage.session.define(f"bad{number}", source, options=OPTIONS)
        outcome = heard(stage, bad, spy)
        if not as_expected(case, outcome):
            problems.append(f"{case.name}: expected {case.outcome!r}, got {outcome[:200]!r}")
        again = stage.send(bad, "ping")
        bystander_is_well(stage, spy, number + 1)
        with contextlib.suppress(RemoteError, StillPending):  # what became of the vat is its own affair
            stage.session.wait(again)
    assert problems == [], "\n".join(problems)
    stage.close()
    with open_world(path) as world:
        digest = world.digest()
        for vat in world.vats:
            if not vat.attached and vat.state != TERMINATED:
                _, heap = world.kernel.warehouse.verify(vat)
                assert heap == world.kernel.warehouse.heap_digest(vat), vat.name
        assert world.digest() == digest
