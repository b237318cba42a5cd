"""Clones in what reads the past: going back, pruning, archives, branches, what if, undo, bugs as tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.host.worlds.controller import Controller
from swingset.time.replaying.replay import replay
from swingset.world.errors import DamagedWorld

SHOP = """
from swingset.vat import remotable

@remotable
class Shop:
    def __init__(self):
        self.count = 0

    def bump(self):
        self.count += 1
        return self.count

    def fail(self):
        raise ValueError(f"at {self.count}")

def build_root_object():
    return Shop()
"""


def ask(world: Controller, vat: str, method: str = "bump") -> Any:
    """What a message to a root is answered with."""
    result = world.queue_to_root(vat, method)
    world.run()
    return world.resolution(result)


def begun(path: Path | None = None, worker: str = "wasm") -> Controller:
    """A vat that has counted to two, a clone of it that has counted to three, and one of that to four."""
    world = swingset.open_world(path, worker=worker)
    world.create_vat("shop", (("shop", SHOP),))
    assert (ask(world, "shop"), ask(world, "shop")) == (1, 2)
    world.checkpoint("before")
    world.clone_vat("shop", "branch")
    assert ask(world, "branch") == 3
    world.clone_vat("branch", "stall")
    assert ask(world, "stall") == 4
    return world


@pytest.fixture(params=["local", "wasm"])
def world(request: pytest.FixtureRequest) -> Iterator[Controller]:
    """Such a world in memory, once with each kind of worker."""
    with begun(worker=request.param) as world:
        yield world


def test_a_world_goes_back_to_before_a_clone_and_on_again(world: Controller) -> None:
    """It is gone there, and is as it was where the world was."""
    world.checkpoint("after")
    world.history.go_back("before")
    assert [vat.name for vat in world.vats] == ["shop"]
    world.clone_vat("shop", "other")
    assert ask(world, "other") == 3
    world.history.go_back("after")
    assert [ask(world, name) for name in ("shop", "branch", "stall")] == [3, 4, 5]
    assert replay(world, full=True).ok
    assert world.verify() == []


def test_a_clone_outlives_the_past_of_its_vat(world: Controller) -> None:
    """Pruned up to now, with its vat upgraded and another ended, it is restored, verified and repeated."""
    world.upgrade_vat("shop", (("shop", SHOP + "# better\n"),))
    world.terminate_vat("branch")
    world.run()
    world.vats.snapshot_all()
    world.checkpoint("now")
    world.history.retain(swingset.Retention(cranks=1))
    for _ in range(3):
        ask(world, "shop")
        world.checkpoint("now", move=True)
    assert world.history.timeline()[0].cut
    warehouse = world.kernel.warehouse
    warehouse.discard_all()
    assert ask(world, "stall") == 5
    vat = world.kernel.vat("stall")
    count, digest = warehouse.verify(vat)
    assert (count, digest) == (world.kernel.store.vats.span(vat.id).position, warehouse.heap_digest(vat))
    assert world.verify() == []


@pytest.mark.parametrize("level", ["operational", "replay", "archival", "debug"])
def test_archives_have_what_clones_need(level: Any, tmp_path: Path) -> None:
    """A world that is unpacked from one has the same state, and its clones go on."""
    path = tmp_path / "a.world"
    with begun(tmp_path / "it.world") as world:
        swingset.export_archive(world, tmp_path / "a.swingset", level=level)
        digest = world.digest()
    swingset.import_archive(tmp_path / "a.swingset", path)
    with swingset.open_world(path) as world:
        assert world.digest() == digest
        assert [ask(world, name) for name in ("shop", "branch", "stall")] == [3, 4, 5]
        if level != "operational":
            world.kernel.warehouse.verify(world.kernel.vat("stall"))


def test_an_archive_of_a_clone_alone(tmp_path: Path) -> None:
    """Its vat is ended there, and the clone can still be repeated from the beginning."""
    with begun(tmp_path / "it.world") as world:
        swingset.export_archive(world, tmp_path / "a.swingset", vat="stall", level="replay")
    swingset.import_archive(tmp_path / "a.swingset", tmp_path / "a.world")
    with swingset.open_world(tmp_path / "a.world") as world:
        world.vats.resume("stall")
        world.kernel.warehouse.verify(world.kernel.vat("stall"))
        assert [vat.name for vat in world.vats] == ["stall"]


def test_a_past_delivery_of_a_clone_is_repeated(local: Controller) -> None:
    """Line by line; the crank in which it was made has no code to repeat, and says so."""
    last = local.crank
    trace = swingset.trace(local, last)
    assert trace.lines()[-1] == "it did what the record says"
    assert any("count += 1" in line for line in trace.lines())
    with pytest.raises(swingset.NotRepeatable, match="made vat stall, a clone of branch"):
        swingset.trace(local, local.vats["stall"].created)


def test_a_changed_past_has_its_clones(local: Controller) -> None:
    """In a branch with one message more, the clone has it too; in one without the clone there is none."""
    history = list(local.history.records())
    asked = next(
        record.number
        for record in history
        if isinstance(record, swingset.RequestRecord) and record.verb == "clone-vat"
    )
    first = next(
        record.number
        for record in history
        if isinstance(record, swingset.RequestRecord) and record.verb == "send"
    )
    with swingset.branch(local, at=0, drop=[first]) as found:
        assert [ask(found.controller, name) for name in ("shop", "branch", "stall")] == [2, 3, 4]
        assert not found.withheld, found.withheld
    with swingset.branch(local, at=0, drop=[asked]) as found:
        assert "branch" not in found.controller.vats


def test_a_bug_in_a_clone_becomes_a_test(local: Controller, tmp_path: Path) -> None:
    """It makes the clone as it was made."""
    ask_failing(local)
    made = swingset.bug_to_test(local, local.crank, "branch", folder=tmp_path)
    text = made.path.read_text()
    assert "world.clone_vat('shop', 'branch')[0]" in text
    assert not made.left_out


@pytest.fixture
def local() -> Iterator[Controller]:
    """Such a world with local workers."""
    with begun(worker="local") as world:
        yield world


def ask_failing(world: Controller) -> None:
    """Send a message that fails."""
    world.queue_to_root("branch", "fail")
    world.run()


def test_a_transcript_that_lies_about_its_vat_is_found(tmp_path: Path) -> None:
    """Whatever the first entry of a clone says must be so, or the file is damaged."""
    path = tmp_path / "it.world"
    with begun(path, worker="local") as world:
        store = world.kernel.store
        last = store.vats.span(world.vats["stall"].id).hash
        entry = store.world.transcripts.record(last or "")
        while entry.entry["delivery"][0] != "clonedFrom":
            entry = store.world.transcripts.record(entry.prev or "")
        for change in (
            {"vat": "v9"},
            {"vat": 1},
            {"position": 1},
            {"digest": "0" * 64},
            {"clone": "v1"},
            {"incarnation": 4},
            {"name": ""},
            {"more": 1},
        ):
            told = {**entry.entry["delivery"][1], **change}
            altered = {**entry.entry, "delivery": ["clonedFrom", told]}
            with pytest.raises(DamagedWorld, match="does not say of which vat its own is a clone"):
                store.world.transcripts.before(type(entry)(**{**vars(entry), "entry": altered}))
