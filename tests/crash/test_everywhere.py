"""Every scenario is crashed everywhere, and nothing is lost, doubled or divergent.

A sample runs with all tests. The slow sweep raises at every step, prints what it has counted, and takes
about twenty minutes.
"""

from __future__ import annotations

import doctest
import os
import random
from pathlib import Path

import pytest

from swingset import open_world
from swingset.testing import CrashReport, crash_everywhere, crashing
from swingset.testing.crashing import MODES
from swingset.testing.disk import Disk
from tests.crash.scenarios import COUNTER, SCENARIOS, ask, make, opening

pytestmark = pytest.mark.unaudited  # each run audits its worlds itself

NAMES = list(SCENARIOS)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_crashes(name: str) -> None:
    """Each scenario at some steps, each in another way; over all scenarios every way comes up."""
    mode = MODES[NAMES.index(name) % len(MODES)]
    report = crash_everywhere(SCENARIOS[name], opening(name), modes=[mode], every=(), sample=5)
    assert report.sound, report
    assert report.runs.total() >= 5 or report.skipped


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", NAMES)
def test_crashes_at_every_step(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each scenario: raised at every step, and at sampled ones in every other way."""
    report = crash_everywhere(SCENARIOS[name], opening(name), sample=20)
    with capsys.disabled():
        print(f"\n{name}: {report}")
    assert report.sound, report
    assert report.runs["raise"] == report.points.total()


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", ["heaps", "upgrade", "promise chains", "clones"])
def test_crashes_of_confined_vats(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with heap images, at sampled steps."""
    report = crash_everywhere(SCENARIOS[name], opening(name, "wasm"), every=(), sample=8)
    with capsys.disabled():
        print(f"\n{name}, confined: {report}")
    assert report.sound, report
    assert report.points["snapshot"] > 0


def test_a_report_counts_and_names() -> None:
    """Points by name, runs by mode, and their sums over scenarios."""
    scenario = [make("count", COUNTER), ask("count", "up")]
    report = crash_everywhere(scenario, opening(""), modes=["raise", "tear"], every=(), sample=2)
    both = report + report
    assert both.points["closed"] == 2
    assert both.runs == {"raise": 4, "tear": 8}
    assert str(report).endswith(
        f"{report.runs.total()} runs (2 raise, 4 tear), 0 lost, 0 doubled, 0 divergent"
    )
    assert str(report).startswith(f"{report.points.total()} crash points: ")
    assert isinstance(report, CrashReport)


def test_a_scenario_that_uses_chance_is_refused() -> None:
    """What does not do the same twice says nothing about a crash."""
    times: list[int] = []

    def act(world: object) -> None:
        times.append(1)
        make(f"vat{len(times)}", COUNTER)(world)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="does not do the same twice"):
        crash_everywhere([act], opening(""), modes=["raise"])
    with pytest.raises(ValueError, match="no mode 'burn'; there are: raise, kill, tear, full, fail, twice"):
        crash_everywhere([], modes=["burn"])  # type: ignore[list-item]


def test_the_example_of_the_function_is_true() -> None:
    """It runs as it stands."""
    assert doctest.testmod(crashing).attempted > 0
    assert doctest.testmod(crashing).failed == 0


def test_a_mode_that_a_system_cannot_do_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be forked, none is killed, and the report says so."""
    monkeypatch.delattr(os, "fork")
    report = crash_everywhere([make("count", COUNTER)], opening(""), modes=["kill"])
    assert str(report).endswith("not done: kill, because this system cannot fork a process")


def test_a_power_failure_leaves_what_was_synced(tmp_path: Path) -> None:
    """Of what was written since, nothing, all but a torn last write, or some; never more."""
    path = tmp_path / "a.world"
    disk = Disk(str(path))
    with disk.in_use():
        open_world(path, worker="local").close()
        before = disk.images()
        assert disk.after_loss("nothing", random.Random(1)) == before
        fd = os.open(path, os.O_RDWR)
        os.pwrite(fd, b"x" * 1024, 512)
        os.pwrite(fd, b"y" * 2048, 4096)
        now = disk.images()[""]
        assert disk.after_loss("nothing", random.Random(1)) == before
        torn = disk.after_loss("torn", random.Random(1))[""]
        assert torn[:5120] == now[:5120]
        assert torn[5120:] == before[""][5120:]
        os.fsync(fd)
        for loss in ("nothing", "torn", "some"):
            assert disk.after_loss(loss, random.Random(1))[""] == now  # type: ignore[arg-type]
        os.close(fd)
