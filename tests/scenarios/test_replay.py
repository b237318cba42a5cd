"""Vats that are brought back: what their memory was, and how much of their past has to be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset.core import warehouse
from swingset.vat import durable, provide, remotable
from swingset.workers.replaying import replay
from tests.conftest import MakeStage
from tests.staging import Stage

COUNTER = """
    from swingset.vat import durable, provide, remotable

    @durable
    class Sturdy:
        count: int = 0

        def add(self, by):
            self.count += by
            return self.count

    @remotable
    class Root:
        def __init__(self, baggage):
            self.sturdy = provide(baggage, "sturdy", Sturdy)
            self.count = 0

        def add(self, by):
            self.count += by
            return self.count

        def both(self):
            return [self.add(1), self.sturdy.add(1)]

    def build_root_object(baggage):
        return Root(baggage)
"""


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of deliveries that are repeated from now on to bring vats back."""
    kinds: list[str] = []

    def counting(worker: Any, name: str, entry: Any, *how: Any) -> Any:
        kinds.append(entry["delivery"][0])
        return replay(worker, name, entry, *how)

    monkeypatch.setattr(warehouse, "replay", counting)
    return kinds


def reopened(make_stage: MakeStage, stage: Stage, path: Path, **options: Any) -> Stage:
    """The same world on new workers and in a new session."""
    stage.close()
    return make_stage(stage.worker, path, **options)


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_memory_since_the_upgrade_is_rebuilt(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """An upgrade ends what was in memory, a restart does not: 1, then 20, then 320."""
    path = tmp_path / "a.world"
    stage = make_stage(worker, path)
    root = stage.define("counter", COUNTER)
    assert stage.ask(root, "add", 1) == 1
    stage.upgrade("counter", COUNTER)
    assert stage.ask(root, "add", 20) == 20
    stage = reopened(make_stage, stage, path)
    assert stage.ask(stage.session.root("counter"), "add", 300) == 320


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_nothing_of_an_ended_incarnation_is_repeated(
    worker: str, tmp_path: Path, make_stage: MakeStage, repeated: list[str]
) -> None:
    """A vat is brought back from the start of its incarnation, whatever happened in earlier ones."""
    path = tmp_path / "a.world"
    stage = make_stage(worker, path)
    root = stage.define("counter", COUNTER)
    for _ in range(5):
        stage.ask(root, "both")
    stage.upgrade("counter", COUNTER)
    assert stage.ask(root, "both") == [1, 6]
    stage = reopened(make_stage, stage, path)
    assert stage.ask(stage.session.root("counter"), "both") == [2, 7]
    assert repeated == ["startVat", "message"]


@pytest.mark.parametrize(("counts", "left"), [(9, 2), (10, 3), (11, 0), (12, 1)])
def test_only_what_came_after_the_last_image_is_repeated(
    tmp_path: Path, make_stage: MakeStage, repeated: list[str], counts: int, left: int
) -> None:
    """With an image every 4 deliveries a restart repeats the rest of a division by 4.

    The reference takes its first image earlier than the others, after the start, and so repeats
    (11 - 1) % 4 = 2 deliveries after 11 counts. Here the start is a delivery like any other, and no image is
    special: (counts + 1) % 4 are repeated.
    """
    path = tmp_path / "a.world"
    stage = make_stage("wasm", path, snapshot_interval=4)
    root = stage.define("counter", COUNTER)
    for count in range(1, counts + 1):
        assert stage.ask(root, "both") == [count, count]
    stage = reopened(make_stage, stage, path, snapshot_interval=4)
    assert stage.ask(stage.session.root("counter"), "both") == [counts + 1] * 2
    assert repeated == ["message"] * left


@pytest.mark.parametrize(("worker", "interval"), [("local", 4), ("wasm", 200)])
def test_without_images_everything_is_repeated(
    worker: str, interval: int, tmp_path: Path, make_stage: MakeStage, repeated: list[str]
) -> None:
    """Local vats have no images, and where none was due yet there is none: the start and all 11 counts."""
    path = tmp_path / "a.world"
    stage = make_stage(worker, path, snapshot_interval=interval)
    root = stage.define("counter", COUNTER)
    for _ in range(11):
        stage.ask(root, "both")
    stage = reopened(make_stage, stage, path, snapshot_interval=interval)
    assert stage.ask(stage.session.root("counter"), "both") == [12, 12]
    assert repeated == ["startVat"] + ["message"] * 11


def test_an_image_of_every_vat_is_saved_once(stage: Stage, repeated: list[str]) -> None:
    """Asked again there is nothing to save, until the vat has had a delivery; local vats have no images."""
    root = stage.define("counter", COUNTER)
    vats = ["counter"] if stage.worker == "wasm" else []
    assert stage.controller.vats.snapshot_all() == vats
    assert stage.controller.vats.snapshot_all() == []
    assert stage.ask(root, "add", 1) == 1
    assert stage.controller.vats.snapshot_all() == vats
    assert stage.controller.vats.snapshot_all() == []
    stage.controller.kernel.warehouse.discard_all()
    assert stage.ask(root, "add", 1) == 2
    assert len(repeated) == (0 if vats else 2)


class Embedder:
    """The program around a world, as it starts each time: code, and names from its vat's baggage."""

    def __init__(self, stage: Stage) -> None:
        @durable
        class Sturdy:
            count: int = 0

        @remotable
        class Counter:
            def __init__(self) -> None:
                self.count = 0
                self.sturdy = provide(stage.session.liveslots.baggage, "sturdy", Sturdy)

            def both(self) -> list[int]:
                self.count += 1
                self.sturdy.count += 1
                return [self.count, self.sturdy.count]

        self.counter = Counter()


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_the_vat_without_a_transcript_keeps_only_what_it_stored(
    worker: str, tmp_path: Path, make_stage: MakeStage
) -> None:
    """The embedder's own vat counts from 0 again in memory, and on in its durable object.

    It is the only vat whose deliveries are not repeated to bring it back. No other can be had without a
    transcript: what it does would depend on when its worker was put away.
    """
    caller = """
    from swingset.vat import E, remotable

    @remotable
    class Caller:
        async def call(self, counter):
            return await E(counter).both()

    def build_root_object():
        return Caller()
    """
    path = tmp_path / "a.world"
    stage = make_stage(worker, path)
    root = stage.define("caller", caller)
    counter = Embedder(stage).counter
    assert [stage.ask(root, "call", counter) for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]
    stage = reopened(make_stage, stage, path)
    counter = Embedder(stage).counter
    assert stage.ask(stage.session.root("caller"), "call", counter) == [1, 4]
    assert stage.session.incarnation == 1


def test_a_heap_image_is_of_one_incarnation(wasm: Stage) -> None:
    """After an upgrade a vat is brought back from its own beginning, and not from the old memory."""
    root = wasm.define("vat", COUNTER)
    wasm.ask(root, "both")
    kernel = wasm.controller.kernel
    assert kernel.snapshot(kernel.vat("vat")) is not None
    wasm.upgrade("vat", COUNTER)
    span = kernel.store.vats.span(kernel.vat("vat").id)
    assert (span.snapshot, span.start) == (None, span.incarnation_start)
    again = wasm.session.root("vat")
    assert wasm.ask(again, "both") == [1, 2]
    kernel.warehouse.discard_all()
    assert wasm.ask(again, "both") == [2, 3]
