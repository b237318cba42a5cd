"""Whole worlds are run elsewhere, and what comes back is the world that they would have become here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.cluster import BadVariant, NewWorld, WorldTask, run_worlds
from tests.cluster.test_sweeps import BANK


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a confined world with a bank."""
    path = tmp_path_factory.mktemp("worlds") / "bank.world"
    with swingset.open_world(path) as world:
        world.create_vat("bank", [("bank", BANK)])
    return path


def by_hand(path: Path, folder: Path, owners: list[str]) -> tuple[str, int]:
    """The digest and the last crank of a copy of a world that has had some messages here."""
    folder.mkdir()
    swingset.export_archive(path, folder / "copy.swingset", level="archival")
    swingset.import_archive(folder / "copy.swingset", folder / "copy.world")
    with swingset.open_world(folder / "copy.world") as world:
        sent = [world.queue_to_root("bank", "open_purse", [owner]) for owner in owners]
        world.run()
        for kref in sent:
            world.release(kref or "")
        return world.digest(), world.crank


OWNERS = [["ann"], ["ann", "bob"], []]


def tasks(world: Any) -> list[WorldTask]:
    return [WorldTask(world, [("bank", "open_purse", [each]) for each in owners]) for owners in OWNERS]


def told(found: list[NewWorld]) -> list[Any]:
    return [(each.place, each.name, each.id, each.digest, each.crank, each.row) for each in found]


def test_a_new_world_is_what_the_world_becomes_here(bank: Path, processes: Any, tmp_path: Path) -> None:
    """By digest and crank; the same here and in other processes; and it can be opened and goes on."""
    before = bank.read_bytes()
    here = run_worlds(tasks(bank), tmp_path / "here", processes=0)
    there = run_worlds(tasks(bank), tmp_path / "there", client=processes)
    assert [each.error for each in here] == [None] * 3
    assert told(here) == told(there)
    for number, owners in enumerate(OWNERS):
        wanted = by_hand(bank, tmp_path / f"copy {number}", owners)
        assert (here[number].digest, here[number].crank) == wanted
        assert here[number].settled == ("fulfilled",) * len(owners)
    assert bank.read_bytes() == before
    new = there[1]
    swingset.import_archive(new.path or "", tmp_path / "new.world", expected=new.id)
    with swingset.open_world(tmp_path / "new.world") as world:
        assert world.digest() == new.digest
        assert swingset.verify(world, 4).ok, "its past came along"
        world.queue_to_root("bank", "open_purse", ["eve"])
        assert world.run().cranks > 0


def test_the_new_worlds_are_fed_again(bank: Path, tmp_path: Path) -> None:
    """An archive that came back is the world of the next task, as is an open world."""
    (first,) = run_worlds(tasks(bank)[:1], tmp_path / "first", processes=0)
    (second,) = run_worlds(tasks(first.path)[:1], tmp_path / "second", processes=0)
    swingset.import_archive(first.path or "", tmp_path / "first.world", expected=first.id)
    wanted = by_hand(tmp_path / "first.world", tmp_path / "copy", ["ann"])
    assert (second.digest, second.crank) == wanted
    with swingset.open_world(tmp_path / "first.world") as world:
        (third,) = run_worlds(tasks(world)[:1], tmp_path / "third", processes=0, past=False)
    assert third.digest == second.digest


def test_the_file_of_a_path_is_read_once(bank: Path, tmp_path: Path) -> None:
    """However many tasks begin with it; an open world is taken as it is when its task comes."""
    path = tmp_path / "bank.world"
    path.write_bytes(bank.read_bytes())

    def given() -> Iterator[WorldTask]:
        yield tasks(path)[0]
        path.unlink()
        yield tasks(str(path))[1]

    found = run_worlds(given(), tmp_path / "new", processes=0)
    assert found == run_worlds(tasks(bank)[:2], tmp_path / "new", processes=0)
    path.write_bytes(bank.read_bytes())
    with swingset.open_world(path) as world:

        def goes_on() -> Iterator[WorldTask]:
            for _ in range(2):
                yield tasks(world)[0]
                world.queue_to_root("bank", "open_purse", ["eve"], policy="none")
                world.run()

        first, second = run_worlds(goes_on(), tmp_path / "new", processes=0)
    assert first.digest == found[0].digest
    assert second.crank > first.crank


def test_what_has_run_does_not_run_again(bank: Path, tmp_path: Path) -> None:
    """A task whose new world is in the folder is known; one that was spoilt runs again."""
    seen: list[tuple[int, int]] = []
    given: dict[str, Any] = {"processes": 0, "progress": lambda *done: seen.append(done)}
    first = run_worlds(tasks(bank)[:2], tmp_path / "new", **given)
    assert seen == [(0, 2), (1, 2), (2, 2)]
    seen.clear()
    assert run_worlds(tasks(bank), tmp_path / "new", **given)[:2] == first
    assert seen == [(2, 3), (3, 3)]
    seen.clear()
    (tmp_path / "new" / f"{first[0].name}.json").write_text("{}")
    Path(first[1].path or "").unlink()
    assert run_worlds(tasks(bank), tmp_path / "new", **given)[:2] == first
    assert seen == [(1, 3), (2, 3), (3, 3)]


def grown(world: swingset.Controller, values: dict[str, Any]) -> dict[str, Any]:
    """Makes another vat, which no message can."""
    world.create_vat(values["name"], world.vats.parts("bank"))
    return {"vats": len(list(world.vats))}


def test_a_feed_does_what_no_message_can(bank: Path, processes: Any, tmp_path: Path) -> None:
    """It has the loaded world, and the values of the task, and returns the row."""
    given = [WorldTask(bank, values={"name": name}) for name in ("north", "bank")]
    for number, where in enumerate(({"processes": 0}, {"client": processes})):
        found = run_worlds(given, tmp_path / str(number), grown, **where)  # type: ignore[arg-type]
        assert found[0].row == {"vats": 2}
        assert (found[1].path, found[1].digest) == (None, None)
        assert (found[1].error or "").startswith("VatExists: ")
        assert not list((tmp_path / str(number)).glob(f"{found[1].name}*"))


def test_code_of_a_stranger_does_not_run_elsewhere(processes: Any, tmp_path: Path) -> None:
    """Local vats of a file run in no other process either, unless the world is open and trusted with them."""
    path = tmp_path / "local.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", [("bank", BANK)])
    (refused,) = run_worlds(tasks(path)[:1], tmp_path / "new", client=processes)
    assert (refused.error or "").startswith("KernelError: this world has vats in the local worker (bank)")
    assert "give the open world in the place of its path" in (refused.error or "")
    with swingset.open_world(path, worker="local") as world:
        (trusted,) = run_worlds(tasks(world)[:1], tmp_path / "new", client=processes)
    assert trusted.error is None


def test_a_rejected_message_is_told_with_its_reason(bank: Path, tmp_path: Path) -> None:
    """The world goes on, so it is no error of the task; what is in the folder says the same."""
    send = [("bank", method, arguments) for method, arguments in (("open_till", []), ("open_purse", ["ann"]))]
    for _ in range(2):
        (new,) = run_worlds([WorldTask(bank, send)], tmp_path, processes=0)
        assert (new.settled, new.error) == (("rejected", "fulfilled"), None)
        assert "open_till" in (new.reasons[0] or "")
        assert new.reasons[1] is None
        assert "; rejected: " in repr(new)


def test_what_is_no_plain_data_is_refused_first(bank: Path, tmp_path: Path) -> None:
    """Before anything runs, and before the folder has anything in it."""
    with pytest.raises(BadVariant, match="a set is no plain data"):
        run_worlds([WorldTask(bank, [("bank", "open_purse", [{1}])])], tmp_path / "new", processes=0)
    assert not list((tmp_path / "new").iterdir())
