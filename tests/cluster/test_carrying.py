"""A world travels row by row: what a process has had does not come to it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.cluster import Trial, Variant, carrying, packs, sweep, sweeps
from swingset.cluster.carrying import carry
from swingset.cluster.packs import Packs
from swingset.cluster.parcels import Remembered, taken_apart
from swingset.vat import E
from swingset.world.archiving import ArchiveLevel

KEEPER = """
from swingset.vat import remotable

@remotable
class Keeper:
    def __init__(self):
        self.kept = []

    def keep(self, text: str) -> int:
        self.kept.append(text)
        return len(self.kept)

def build_root_object():
    return Keeper()
"""


@pytest.fixture(scope="module")
def keeper() -> Iterator[swingset.Session]:
    """A session of a confined world, whose vat has a heap image."""
    with swingset.open_world() as world:
        world.create_vat("keeper", [("keeper", KEEPER)])
        session = swingset.Session(world)
        session.wait(E(session.root("keeper")).keep("first"))
        world.checkpoint("first")
        yield session


def gone_on(session: swingset.Session) -> None:
    """Some cranks later, with another image."""
    session.wait(E(session.root("keeper")).keep("again"))
    session.controller.checkpoint(f"crank {session.controller.crank}")


def kept(trial: Trial) -> Any:
    return E(trial.root("keeper")).keep(trial.values["text"])


@pytest.mark.parametrize("level", ["operational", "archival"])
def test_what_is_put_together_is_the_archive(
    level: ArchiveLevel, keeper: swingset.Session, tmp_path: Path
) -> None:
    """To the byte; and without one of its rows there is none."""
    made = swingset.export_archive(keeper.controller, tmp_path / "a.swingset", level=level)
    manifest, rows = taken_apart(keeper.controller.world, level)
    with (tmp_path / "b.swingset").open("wb") as file:
        manifest.write(file, rows)
    assert (tmp_path / "b.swingset").read_bytes() == (tmp_path / "a.swingset").read_bytes()
    assert manifest.id == made.id
    assert sorted(manifest.named()) == sorted(rows)
    del rows[manifest.named()[-1]]
    with (tmp_path / "c.swingset").open("wb") as file, pytest.raises(KeyError):
        manifest.write(file, rows)


def test_a_later_state_has_most_rows_in_common(keeper: swingset.Session) -> None:
    """Of the heap pages of a world that has gone on, only those that were written are new."""
    before, rows = carry(keeper.controller, past=False)
    gone_on(keeper)
    after, more = carry(keeper.controller, past=False)
    assert before.id != after.id
    here = Remembered()
    here.take(rows)
    new = here.lacks(after.manifest.named())
    assert 0 < len(new) < len(more) / 4
    assert sum(len(more[name]) for name in new) < sum(map(len, more.values())) / 4


def counting_takes() -> None:
    """In a process of the cluster: forget all, and count from now on how often each row comes."""
    carrying.unpacked.close()
    carrying.unpacked.rows = rows = Remembered()
    came: dict[bytes, int] = {}
    take = rows.take

    def counted(given: Any) -> None:
        for name in given:
            came[name] = came.get(name, 0) + 1
        take(given)

    rows.take, rows.came = counted, came  # type: ignore[attr-defined, method-assign]


def how_often() -> dict[bytes, int]:
    return dict(getattr(carrying.unpacked.rows, "came", {}))


def test_each_row_comes_once_to_a_process(keeper: swingset.Session, processes: Any) -> None:
    """Sweeps of a world at several moments, and of its past: of a later state only the new rows come."""
    processes.run(counting_takes)
    packs._given.clear()  # packs of other tests may have rows of other worlds beside ours
    variants = [{"text": f"{number}"} for number in range(6)]
    wanted = set[bytes]()
    seen: list[int] = []
    for past in (False, False, True):
        sweeps._known.clear()
        given = [Variant(each, at=1 if past else None) for each in variants]
        here = sweep(keeper, given, kept, processes=0)
        sweeps._known.clear()
        there = sweep(keeper, given, kept, client=processes)
        assert [outcome.digest for outcome in here] == [outcome.digest for outcome in there]
        assert not there.failed
        wanted |= set(carry(keeper.controller, past=past)[1])
        came = processes.run(how_often)
        assert all(set(rows.values()) <= {1} for rows in came.values())
        assert all(set(rows) <= wanted for rows in came.values())
        seen.append(max(map(len, came.values())))
        gone_on(keeper)
    assert 0 < seen[1] - seen[0] < seen[0] / 4


def test_a_process_that_has_forgotten_is_given_the_rows_again(
    keeper: swingset.Session, processes: Any
) -> None:
    """Whatever was lost, in the process or in the cluster, comes again, and the outcomes are the same."""
    texts = [{"text": "x"}, {"text": "y"}]
    first = sweep(keeper, texts, kept, client=processes)
    for lose in (lambda: processes.run(counting_takes), packs._given.clear):
        lose()
        sweeps._known.clear()
        assert [each.digest for each in sweep(keeper, texts, kept, client=processes)] == [
            each.digest for each in first
        ]


def test_a_process_remembers_what_was_used_last() -> None:
    """Rows that no world uses any more are forgotten when there are too many bytes of them."""

    class Used:
        def named(self) -> list[bytes]:
            return [b"2", b"3"]

    here = Remembered(most=250)
    here.take({b"1": bytes(100), b"2": bytes(100), b"3": bytes(100)})
    here.take({b"3": bytes(100)})
    assert set(here.of(Used())) == {b"2", b"3"}  # type: ignore[arg-type]
    assert here.lacks([b"1", b"2", b"3"]) == [b"1"]


def test_a_cluster_keeps_so_many_packs(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is in one pack; the packs that were used longest ago are given up for new ones."""
    monkeypatch.setattr(packs, "MOST_GIVEN", 250)
    given = Packs(processes)
    rows = {bytes([number]) * 32: bytes(100) for number in range(4)}
    names = sorted(rows)
    (first,) = given.with_rows(tuple(names[:2]), rows)
    again, second = given.with_rows(tuple(names[:3]), rows)
    assert again is first
    assert set(second.result()) == {names[2]}
    (_, last) = given.with_rows((names[2], names[3]), rows)
    assert set(last.result()) == {names[3]}
    assert given.with_rows(tuple(names[:1]), rows) != [first]
