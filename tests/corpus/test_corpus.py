"""Worlds of earlier versions open, repeat and go on: the corpus is as it was when it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.lens.state.verifying import verify
from swingset.time.copies.archives import import_archive
from swingset.world.migration import migrate
from tests.corpus import make
from tests.corpus.playing import ARCHIVE, FOLDER, SUFFIX, digests, play, repeated, unpack

WORLDS = sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def known(name: str) -> Any:
    """What was recorded of a world when it was made."""
    return json.loads((FOLDER / f"{name}.json").read_text())


ARCHIVES = sorted(path.name.removesuffix(ARCHIVE) for path in FOLDER.glob(f"*{ARCHIVE}"))


@pytest.fixture
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    migrate(unpack(FOLDER / f"{request.param}{SUFFIX}", tmp_path / "old.world"), tmp_path / "a.world")
    with open_world(tmp_path / "a.world") as opened:
        yield opened


@pytest.mark.parametrize(("controller", "name"), [(name, name) for name in WORLDS], indirect=["controller"])
def test_a_world_of_an_earlier_version_goes_on(controller: Controller, name: str) -> None:
    """It is sound, has the digests that it had, repeats every confined vat to the bit, and answers."""
    wanted = known(name)
    assert verify(controller.kernel.store) == []
    assert digests(controller) == wanted["found"]
    assert repeated(controller) == wanted["repeated"]
    steps = [step for step, _ in wanted["steps"]]
    assert list(play(controller, steps)) == [came for _, came in wanted["steps"]]
    assert digests(controller) == wanted["left"] or wanted["left"] is None
    assert not [vat.name for vat in controller.kernel.store.vats.suspended()]


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_an_earlier_version_is_unpacked_and_goes_on(name: str, tmp_path: Path) -> None:
    """Its records and its vats are repeated, in the kernel and in the engine, and it answers as it did."""
    import_archive(FOLDER / f"{name}{ARCHIVE}", tmp_path / "a.world")
    wanted = known(name)
    with open_world(tmp_path / "a.world") as controller:
        found = swingset.verify(controller, 4)
        assert (found.ok, found.not_checked) == (True, ())
        assert digests(controller) == wanted["found"]
        assert repeated(controller) == wanted["repeated"]
        steps = [step for step, _ in wanted["steps"]]
        assert list(play(controller, steps)) == [came for _, came in wanted["steps"]]
        assert digests(controller) == wanted["left"]


@pytest.mark.parametrize(("controller", "name"), [(name, name) for name in WORLDS], indirect=["controller"])
def test_a_world_of_an_earlier_version_can_be_archived(
    controller: Controller, name: str, tmp_path: Path
) -> None:
    """It comes out of an archive with its past as it was, and repeats every confined vat."""
    swingset.export_archive(controller, tmp_path / "a.swingset", level="archival")
    import_archive(tmp_path / "a.swingset", tmp_path / "b.world")
    wanted = known(name)
    with open_world(tmp_path / "b.world") as unpacked:
        assert digests(unpacked) == wanted["found"]
        assert repeated(unpacked) == wanted["repeated"]


@pytest.mark.parametrize("controller", ["images"], indirect=True)
def test_a_vat_of_before_there_were_clones_is_upgraded_to_have_one(controller: Controller) -> None:
    """Its guest library does not know what a clone is; the next one does."""
    with pytest.raises(swingset.VatFault, match="of before there were clones") as caught:
        controller.clone_vat("counter", "second")
    assert caught.value.fault.code == "clone-refused"
    controller.upgrade_vat("counter", controller.vats.parts("counter"))
    controller.clone_vat("counter", "second")
    assert swingset.replay(controller).ok


def test_the_corpus_is_small_and_whole() -> None:
    """Each story that can be made is here, with what is known of it, and none is large."""
    assert {story.__name__ for story in make.STORIES} <= set(WORLDS)
    assert {story.__name__ for story in make.ARCHIVED} <= set(ARCHIVES)
    paths = [*FOLDER.glob(f"*{SUFFIX}"), *FOLDER.glob(f"*{ARCHIVE}")]
    sizes = {path.name: path.stat().st_size for path in paths}
    assert all((FOLDER / f"{name}.json").exists() for name in (*WORLDS, *ARCHIVES))
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}
    assert sum(sizes.values()) < 1_200_000


def test_a_story_is_made_the_same_each_time(tmp_path: Path) -> None:
    """What the script makes has the same digests and heaps whenever it is made."""
    assert make.make(make.unfinished, tmp_path) == make.make(make.unfinished, tmp_path)
