"""Preparing an engine in a thread: who waits sees its progress, and may stop waiting."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from swingset.workers.base import Progress, WorkerError
from swingset.workers.wasm import cache, engine
from swingset.workers.wasm.preparing import Preparation


def test_who_waits_sees_every_stage_and_gets_the_result() -> None:
    """Also a second who comes when it is done."""

    def work(progress: Progress) -> str:
        progress("compiling", 0.5)
        progress("ready", 1.0)
        return "engine"

    job = Preparation(work, "test")
    told: list[tuple[str, float | None]] = []
    for _ in range(2):
        assert job.wait(lambda stage, fraction: told.append((stage, fraction))) == "engine"
    assert told == 2 * [("compiling", 0.5), ("ready", 1.0)]
    assert job.ended


def test_an_interrupt_ends_the_wait_and_not_the_work() -> None:
    """The next who asks gets what the same work has made."""
    go_on = threading.Event()

    def work(progress: Progress) -> str:
        progress("compiling", 0.1)
        go_on.wait(20)
        return "engine"

    def interrupt(_stage: str, _fraction: float | None) -> None:
        raise KeyboardInterrupt

    job = Preparation(work, "test")
    with pytest.raises(KeyboardInterrupt):
        job.wait(interrupt)
    assert not job.ended
    go_on.set()
    assert job.wait(lambda _stage, _fraction: None) == "engine"


def test_what_fails_fails_for_everybody_who_waits() -> None:
    """The error is that of the work."""

    def work(_progress: Progress) -> str:
        raise WorkerError("no room")

    job = Preparation(work, "test")
    for _ in range(2):
        with pytest.raises(WorkerError, match="no room"):
            job.wait(lambda _stage, _fraction: None)


def test_two_who_ask_wait_for_one_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is being prepared is not prepared twice; one that failed is tried again."""
    begun, go_on = [], threading.Event()

    def make(flavour: str, _sources: object, _progress: Progress) -> str:
        begun.append(flavour)
        go_on.wait(20)
        if len(begun) == 1:
            raise OSError("disk full")
        return f"engine {flavour}"

    monkeypatch.setattr(engine, "_factories", {})
    monkeypatch.setattr(engine, "_jobs", {})
    monkeypatch.setattr(engine, "make_factory", make)
    first, second = engine.begin_preparing("full"), engine.begin_preparing("full")
    assert first is second
    go_on.set()
    with pytest.raises(WorkerError, match=cache.CACHE_VARIABLE):
        engine.prepare_engine("full")
    assert str(engine.prepare_engine("full")) == "engine full"
    assert begun == ["full", "full"]
    assert engine.is_compiled("full")


def test_whether_an_engine_was_compiled_is_known_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file in the cache is looked for, and nothing is prepared."""
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(engine, "_factories", {})
    assert not engine.is_compiled()
    path = engine._compiled_at(cache.cache_folder(), "lean")
    cache.store(path, b"compiled")
    assert engine.is_compiled()
