"""Worlds that are killed while they speak to each other, over links that are cut: nothing is lost.

The slow sweeps print what they have done. What they would find is shown by faults that are planted in one of
two worlds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import forking
from tests.net.links.planted import FAULTS
from tests.net.links.story import STORM, Plan, Report, Story, tell
from tests.net.links.three import Three
from tests.net.links.two import Two


@pytest.fixture(autouse=True, scope="module")
def warm_children() -> None:
    """Have children forked from a process that has imported what they need."""
    forking.warm()


def told(folder: Path, plan: Plan, story: Story) -> Report:
    """Tell a story at the end of which nothing may be wrong."""
    report = tell(folder, plan, story)
    assert report.problems == [], str(report)
    assert report.kills == plan.kills
    return report


def test_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    """Ten kills, and a link that is cut, delayed and duplicated: order, answers and counts are right."""
    told(tmp_path, Plan(messages=40, kills=10, seed=1), Two())


def test_what_is_given_to_a_third_world_is_given_once(tmp_path: Path) -> None:
    """Three worlds, of which any is killed while one introduces the two others."""
    told(tmp_path, Plan(messages=4, kills=4, seed=1), Three())


@pytest.mark.slow
def test_ten_thousand_messages_each_way_and_two_hundred_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same, much longer, with confined vats."""
    report = told(tmp_path, Plan(messages=10_000, kills=200, seed=7, worker="wasm"), Two())
    with capsys.disabled():
        print(f"\ntwo worlds: {report}")


@pytest.mark.slow
def test_a_hundred_introductions_and_fifty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same of three worlds."""
    report = told(tmp_path, Plan(messages=100, kills=50, seed=7, worker="wasm"), Three())
    with capsys.disabled():
        print(f"\nthree worlds: {report}")


@pytest.mark.slow
def test_each_planted_fault_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The harness can fail: whatever a link forgets, doubles or says too early shows in the end."""
    found: dict[str, str] = {}
    for number, fault in enumerate(FAULTS):
        for seed in range(3):
            plan = Plan(messages=60, kills=8, seed=seed, weather=STORM, fault=fault)
            try:
                problems = tell(tmp_path / f"{number}-{seed}", plan, Two()).problems
            except AssertionError as problem:
                problems = [str(problem)]
            if problems:
                found[fault] = problems[0]
                break
    with capsys.disabled():
        print(f"\n{len(found)} of {len(FAULTS)} planted faults found")
    assert sorted(found) == sorted(FAULTS)
