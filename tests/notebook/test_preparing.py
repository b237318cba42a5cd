"""The engine is prepared while the user reads: what is shown of it, and what a cell does that needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset.workers import wasm
from swingset.workers.base import Progress, WorkerError
from swingset.workers.wasm.preparing import Preparation
from swingset_nb import extension
from swingset_nb.preparing import EngineAhead
from tests.notebook.kernels import Kernel, bank

CELL = bank()


class Pages:
    """A shell with a front end, which keeps what is displayed."""

    kernel = object()

    def __init__(self) -> None:
        self.display_pub = self
        self.published: list[tuple[dict[str, str], bool]] = []

    def publish(self, data: dict[str, str], _metadata: object, *, transient: object, update: bool) -> None:
        """Keep one display or update."""
        self.published.append((data, update))


def wait_until(holds: Any) -> None:
    """Wait for another thread."""
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)


def test_the_progress_is_shown_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one display with a bar, which is updated, and empty at the end."""
    go_on: list[bool] = []
    begun: list[str] = []

    def work(progress: Progress) -> None:
        progress("compiling", 0.25)
        wait_until(lambda: go_on)

    def begin(flavour: str) -> Preparation[None]:
        begun.append(flavour)
        return Preparation(work, "test")

    monkeypatch.setattr(wasm, "is_compiled", lambda _flavour: False)
    monkeypatch.setattr(wasm, "begin_preparing", begin)
    shell = Pages()
    EngineAhead(shell, lambda: 0.0).begin("wasm-numpy")
    EngineAhead(shell, lambda: 0.0).begin("local")
    wait_until(lambda: len(shell.published) > 1)
    assert begun == ["numpy"]
    go_on.append(True)
    wait_until(lambda: shell.published[-1] == ({}, True))
    (first, again), *_, last = shell.published
    assert not again
    assert "compiling: 25 %" in first["text/plain"]
    assert "<progress" in first["text/html"]
    assert last == ({}, True)


def test_nothing_is_begun_where_it_is_ready_or_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has the engine, and one that cannot have it, show nothing."""

    def refuse(_flavour: str) -> Any:
        raise WorkerError("no engine here")

    shell = Pages()
    monkeypatch.setattr(wasm, "is_compiled", lambda _flavour: True)
    monkeypatch.setattr(wasm, "begin_preparing", refuse)
    EngineAhead(shell, lambda: 0.0).begin()
    monkeypatch.setattr(wasm, "is_compiled", refuse)
    EngineAhead(shell, lambda: 0.0).begin()
    assert shell.published == []


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shell with a world whose vats are confined, but none is there yet."""
    monkeypatch.chdir(tmp_path)
    running = InteractiveShell()
    extension.load(running)
    running.run_cell("%swingset open a.world")
    yield running
    extension.unload(running)


def test_a_cell_that_stops_waiting_changes_nothing(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The interrupt is told with what to do; the cell makes the vat when it is run again."""

    def interrupt(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wasm, "prepare_engine", interrupt)
        ran = shell.run_cell(CELL)
    assert "stopped waiting for the vat engine" in str(ran.error_in_exec)
    assert "run the cell again" in capsys.readouterr().out
    assert shell._swingset_nb.notebook.require().vat_names() == []
    assert shell.run_cell(CELL).success
    assert shell._swingset_nb.notebook.require().vat_names() == ["bank"]


@pytest.mark.slow
def test_a_machine_without_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real compilation goes on behind other cells, and an interrupted cell leaves it."""
    monkeypatch.setenv("SWINGSET_CACHE", str(tmp_path / "cache"))
    with Kernel(tmp_path) as kernel:
        assert kernel.run("%swingset open a.world").status == "ok"
        timer = threading.Timer(2, kernel.manager.interrupt_kernel)
        timer.start()
        assert "stopped waiting for the vat engine" in kernel.run(CELL).traceback
        timer.join()
        assert kernel.run("1 + 1").plain == "2"
        names = "__import__('swingset_nb').session().controller.vats"
        assert kernel.quiet(f"[vat.name for vat in {names}]") == "['notebook']"
        assert "vat bank runs now" in kernel.run(CELL).plain
