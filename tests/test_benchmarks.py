"""The benchmarks run; how fast is not asked here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
PEER = BENCHMARKS / "peer"


def loaded(path: Path) -> Any:
    """A benchmark as a module, under a name of its own: dataclasses look their module up."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours() -> Any:
    return loaded(PEER / "ours.py")


@pytest.fixture(scope="module")
def compare() -> Any:
    return loaded(PEER / "compare.py")


@pytest.mark.parametrize(
    ("load", "count"), [("pingpong", 4), ("fanout", 4), ("vats", 1), ("upgrade", 3), ("objects", 100)]
)
def test_each_load_runs_on_our_side(load: str, count: int, ours: Any, compare: Any, tmp_path: Path) -> None:
    """A load of bench-peer gives every figure that the table shows of it."""
    found = ours.measure(load, "local", count, tmp_path)
    wanted = {figure.key for figure in compare.FIGURES if figure.load == load}
    assert wanted <= found.keys()
    assert all(found[key] > 0 for key in wanted)


def test_a_world_that_was_prepared_is_started(ours: Any, tmp_path: Path) -> None:
    """The start that is measured is that of a world which another run has left."""
    ours.measure("prepare", "local", 4, tmp_path)
    assert ours.measure("start", "local", 4, tmp_path)["ms"] > 0


def test_a_figure_that_fell_is_named(compare: Any) -> None:
    """A rate that fell and a time that grew by more than a fifth are told, smaller changes are not."""
    before = {"pingpong.rate": {"wasm": 100.0, "local": 100.0}, "vats.ms": {"wasm": 10.0, "local": 10.0}}
    now = {"pingpong.rate": {"wasm": 70.0, "local": 90.0}, "vats.ms": {"wasm": 15.0, "local": 11.0}}
    assert compare.fallen(now, before) == [
        "ping-pong, messages/s, wasm: 100 before, 70 now",
        "new vat, ms, wasm: 10 before, 15 now",
    ]


def test_without_node_our_side_is_shown_alone(
    compare: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where Node is missing the comparison says so, and still measures what is here."""
    monkeypatch.setattr(compare, "BUNDLES", tmp_path)
    monkeypatch.setattr(compare.shutil, "which", lambda tool: None)
    compare.main(["--rounds", "1", "--small", "--worker", "local", "--loads", "vats"])
    said = capsys.readouterr().out
    assert "the reference is not here (node is not installed): our side alone" in said
    assert "new vat, ms" in said


def test_the_floors_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare turn costs less than a small delivery, and the layers of a crank make up a whole."""
    floors = loaded(BENCHMARKS / "floors.py")
    for name, few in (("ROUNDS", 1), ("TIMES", 2), ("CRANKS", 4)):
        monkeypatch.setattr(floors, name, few)
    (_, bare), (_, small), (_, sending) = (
        floors.bare_turn(),
        floors.small_delivery(),
        floors.sending_delivery(),
    )
    assert 0 < bare < small < sending
    assert floors.codec() > 0
    assert floors.commit(tmp_path) > 0
    crank = floors.Crank(tmp_path, "local")
    with crank.controller:
        shares, calls, statements = floors.profile(crank)
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert calls > 0
    assert statements > 0


def test_one_thread_and_several_lead_to_the_same_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small deliveries are measured on one thread and on two."""
    threads = loaded(BENCHMARKS / "threads.py")
    monkeypatch.setattr(threads, "ROUNDS", 1)
    one, several, vain = threads.compare(1, 1, 2)
    assert one > 0
    assert several > 0
    assert vain == 0


def test_a_purse_that_went_wrong_is_found(tmp_path: Path) -> None:
    """Looks at the past are measured, and the crank that was planted is found."""
    past = loaded(BENCHMARKS / "past.py")
    first, median, worst, asked, right = past.measure(tmp_path / "a.world", 60, 5)
    assert 0 < min(first, median) <= worst
    assert asked <= 7
    assert right


def test_a_cell_is_measured_with_and_without_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names and the data are there, and each figure is the difference of the same cells."""
    monkeypatch.chdir(tmp_path)
    cells = loaded(BENCHMARKS / "cells.py")
    found = cells.measure(50, 2_000, 5)
    assert len(found) == 2
    assert all(median <= worst for median, worst in found.values())


def test_the_explorer_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Each figure is there, and in small worlds no target is missed."""
    explorer = loaded(BENCHMARKS / "explorer.py")
    explorer.objects(12)
    explorer.cranks(30)
    assert "12 objects: first picture" in (printed := capsys.readouterr().out)
    assert "30 cranks: timeline" in printed
    assert explorer._missed == []


def test_a_move_is_measured() -> None:
    """A vat of a few objects is upgraded and moved, and answers in its new home."""
    found = loaded(BENCHMARKS / "moves.py").measure(3)
    assert found.stored > 0
    assert found.upgrade.processor > 0
    assert found.move.processor > 0


def test_the_page_has_what_the_simulation_prints() -> None:
    """The figures of a thousand worlds on paper are the same each time, and those that the page shows."""
    thousand = loaded(BENCHMARKS / "thousand_worlds.py")
    printed = "\n".join(thousand.told(thousand.Inputs()))
    page = (BENCHMARKS.parent / "docs" / "design" / "thousand-worlds.md").read_text()
    assert f"```text\n{printed}\n```" in page
    small = thousand.Inputs(worlds=20, machines=2, database_cores=1)
    quiet, busy = (thousand.lived(small, thousand.LOADS[0], rate, 1.0) for rate in (5, 300))
    assert quiet.done / quiet.came > 0.9
    assert quiet.median < busy.median, "what is full makes wait"
    assert busy.database > quiet.database


@pytest.mark.slow
def test_forks_histories_and_worlds_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each figure is there, however few forks there are."""
    cloudpickle = pytest.importorskip("cloudpickle")
    measured = loaded(BENCHMARKS / "sweeps.py")
    monkeypatch.setattr(measured, "EACH", 2)
    cloudpickle.register_pickle_by_value(measured)  # other processes cannot import it by its name
    printed = [*measured.forks(4, 2, 6), *measured.histories(20, 2)]
    assert sum("processes of Dask" in line for line in printed) == 3 * len(measured.numbers())
    assert any("6 forks in" in line for line in printed)


@pytest.mark.unaudited  # one of them fills tables by hand
def test_the_others_run() -> None:
    """Messages, objects and cranks are measured, however few."""
    assert loaded(BENCHMARKS / "bench.py").deliveries("local", "in_turn", 2) > 0
    guest = loaded(BENCHMARKS / "guest.py")
    assert len([*guest.objects("local", 10), *guest.entries("local", 10)]) == 6
    scale = loaded(BENCHMARKS / "scale.py")
    small = scale.make(scale.FEW_VATS, 20)
    assert scale.measure(small) > 0
    assert scale.scans(small) == []
