"""Events of the run-queue that the host gives up: damaged ones, and those that it wants no more."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from swingset.command.cli import main
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.testing import audit
from swingset.world.errors import DamagedRow
from tests.meddling import atomic

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, by: int):
        self.count += by
        return self.count

def build_root_object():
    return Counter()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A world in whose queue three messages wait; the second is at the position that `damage` spoils."""
    path = tmp_path / "counter.world"
    with open_world(path, worker="local") as world:
        world.create_vat("counter", (("counter", COUNTER),))
        world.queue.pause()
        for by in (1, 10, 100):
            world.queue_to_root("counter", "add", [by])
    return path


def positions(path: Path) -> list[tuple[int, str]]:
    db = sqlite3.connect(path)
    rows: list[tuple[int, str]] = db.execute("SELECT seq, item FROM queue ORDER BY seq").fetchall()
    db.close()
    return rows


def damage(path: Path, item: Any) -> tuple[int, str]:
    """Spoil the second event; returns its position and the promise for its answer."""
    seq, text = positions(path)[1]
    db = sqlite3.connect(path)
    db.execute("UPDATE queue SET item = ? WHERE seq = ?", (item(text), seq))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return seq, text.split('"result":"')[1].split('"')[0]


def outcomes(world: Controller) -> list[Any]:
    return [promise.data.body for promise in world.kernel.store.promises.all() if promise.data is not None]


DAMAGES = [
    ("no JSON", lambda text: text[:-5], False),
    ("another type", lambda text: text.replace('"send"', '"tell"'), True),
    ("a field too many", lambda text: text.replace('"sender"', '"more":1,"sender"'), True),
    ("nothing", lambda _text: "", False),
    ("very deep", lambda _text: "[" * 100_000, False),
    ("an answer that nobody has", lambda _text: '{"message":{"result":"kp9999"}}', False),
    ("an answer that is none", lambda _text: '{"message":{"result":["kp40"]},"result":7}', False),
]


@pytest.mark.unaudited
@pytest.mark.parametrize(("item", "known"), [case[1:] for case in DAMAGES], ids=[case[0] for case in DAMAGES])
def test_a_damaged_event_is_given_up_and_the_rest_runs(item: Any, known: bool, path: Path) -> None:
    """The run names it and the way out; once it is dropped the others run, and who asked hears so."""
    seq, answer = damage(path, item)
    with open_world(path, worker="local") as world:
        world.queue.unpause()
        with pytest.raises(DamagedRow, match=rf"row {seq}: .*swingset drop-event FILE {seq}"):
            world.run()
        with pytest.raises(DamagedRow):
            world.run()
        assert world.queue.drop(seq) == "what cannot be read"
        assert world.run().cranks >= 1
        told = world.outcome(answer)
        assert (told.status, known) in {("rejected", True), ("unresolved", False)}
        if known:
            assert told.value.code == "dropped"
        assert {"#1", "#101"} <= set(outcomes(world))


def test_an_event_that_is_sound_leaves_nothing_behind(path: Path) -> None:
    """What it held is let go of, whoever asked hears `dropped`, and every count is right."""
    (_, _), (seq, _), (last, _) = positions(path)
    with open_world(path, worker="local") as world:
        assert world.queue.drop(seq) == "the message add()"
        assert audit(world.kernel.store) == []
        with pytest.raises(KernelError, match=f"nothing waits in the run-queue at {seq}"):
            world.queue.drop(seq)
        world.queue.unpause()
        world.run()
        assert {"#1", "#101"} <= set(outcomes(world))
        assert sum("dropped" in body for body in outcomes(world)) == 1
    assert [seq for seq, _ in positions(path)] == []
    assert last > seq


def test_a_creation_that_is_held_back_can_be_given_up(path: Path) -> None:
    """Whoever asked for the vat hears that there will be none, and nothing is held back any more."""
    with open_world(path, worker="local") as world:
        kernel = world.kernel
        with atomic(kernel):
            bundle = world.world.bundles.put((("late", COUNTER),))
            nothing = kernel.store.vats.known(kernel.vat("counter").id).parameters
            kernel.administration.create("late", "magic", bundle, nothing, {})
        [line] = world.queue.held_back()
        position = int(line.split(" at ")[1].split(":")[0])
        assert world.queue.drop(position) == "the creation of vat late"
        assert world.queue.held_back() == []
        assert audit(kernel.store) == []


def test_the_command_gives_an_event_up(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its position, also where nothing of it can be read."""
    seq, _ = damage(path, lambda text: text[:-5])
    assert main(["drop-event", str(path), str(seq), "--trust-local"]) == 0
    assert capsys.readouterr().out == "dropped what cannot be read\n"
    assert len(positions(path)) == 2
    assert main(["drop-event", str(path), str(seq), "--trust-local"]) != 0
    assert f"nothing waits in the run-queue at {seq}" in capsys.readouterr().err
