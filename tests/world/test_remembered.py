"""What a world remembers of its rows is what would be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from swingset.model.capdata import CapData
from swingset.world import remembered
from swingset.world.clists import CLists
from swingset.world.counters import Counters
from swingset.world.file import WorldFile
from swingset.world.objects import Objects
from swingset.world.promises import FULFILLED, Promises


@pytest.fixture
def world() -> Iterator[WorldFile]:
    with WorldFile.open(None) as opened:
        yield opened


def asked(world: WorldFile) -> list[str]:
    """The statements that SQLite is given from now on."""
    heard: list[str] = []

    def note(_cursor: object, sql: str, _bindings: object) -> bool:
        heard.append(sql)
        return True

    world.db.exec_trace = note
    return heard


def test_a_record_is_read_once(world: WorldFile) -> None:
    """What was read or written is not asked for again, counts included."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    objects.count("ko20", 2, 3)
    heard = asked(world)
    for _ in range(3):
        found = objects.get("ko20")
        assert found is not None
        assert (found.reachable, found.recognizable) == (2, 3)
    assert heard == []


@pytest.mark.parametrize(
    "statement",
    [
        "update objects set owner = 'v2' where kref = 'ko20'",
        "UPDATE objects SET owner = 'v2'",
        "insert or replace into objects (kref, owner, reachable, recognizable) values ('ko20', 'v2', 0, 0)",
        "with other as (select 1) update objects set owner = 'v2'",
    ],
)
def test_a_statement_of_its_own_is_not_missed(statement: str, world: WorldFile) -> None:
    """A change by any other way is seen by the next to ask."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    assert objects.get("ko20") is not None
    world.execute(statement)
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v2"


def test_what_was_undone_is_not_remembered(world: WorldFile) -> None:
    """After a savepoint or a run was rolled back, everything is as before, counters and c-lists too."""
    objects, clists, counters = Objects(world), CLists(world), Counters(world)
    objects.add("ko20", "v1")
    clists.add("v1", "ko20", "o+1")
    assert counters.take("ko", 20) == 20
    world.commit("made")
    world.begin_crank()
    objects.orphan("ko20", "over")
    clists.delete("v1", "ko20")
    assert counters.take("ko", 20) == 21
    world.rollback_crank()
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v1"
    assert clists.by_vref("v1", "o+1") == clists.by_kref("v1", "ko20")
    assert counters.get("ko") == 21
    objects.delete("ko20")
    world.rollback()
    assert objects.get("ko20") is not None


def test_going_back_forgets(world: WorldFile) -> None:
    """In the state of another commit, that commit's rows are read."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    first = world.commit("first")
    assert first is not None
    objects.orphan("ko20", "over")
    world.commit("second")
    world.goto(first)
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v1"


def test_a_vref_that_is_given_again_names_the_new_one(world: WorldFile) -> None:
    """An entry that was deleted is not found under its vref, nor under another one of its kref."""
    clists = CLists(world)
    clists.add("v1", "ko20", "o-50")
    assert clists.by_vref("v1", "o-50") is not None
    clists.delete("v1", "ko20")
    assert clists.by_vref("v1", "o-50") is None
    clists.add("v1", "ko20", "o-51")
    assert clists.by_vref("v1", "o-50") is None
    found = clists.by_vref("v1", "o-51")
    assert found is not None
    assert found.kref == "ko20"


def test_memory_is_bounded(world: WorldFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large records are not kept, and of small ones so many: a world may be larger than memory."""
    monkeypatch.setattr(remembered, "MOST", 10)
    objects, promises = Objects(world), Promises(world)
    for number in range(100):
        objects.add(f"ko{20 + number}", "v1")
    assert len(world.remembered.records("objects")) <= 10
    promises.add("kp40", "v1")
    promises.settle("kp40", FULFILLED, CapData("#" + '"' + "a" * 100_000 + '"'))
    found = promises.get("kp40")
    assert found is not None
    assert len(found.body or "") == 100_003
    assert not world.remembered.records("promises")
