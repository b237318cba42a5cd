"""What lies in a folder of outcomes or new worlds is held against its hash, and no link is followed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import swingset
from swingset.cluster import NewWorld, Sweep, Trial, WorldTask, run_worlds, sweep, sweeps
from swingset.cluster.keeping import keep, kept_data
from swingset.cluster.variants import plain, respelled, spelled
from swingset.model.foreign import Unreadable
from swingset.world.errors import WorldError
from tests.cluster.test_sweeps import BANK

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=10,
)


@settings(max_examples=40)
@given(PLAIN)
def test_data_that_was_spelled_is_read_as_it_was(data: Any) -> None:
    """Floats too: NaN, infinities, and dicts that look like spelled data."""
    again = respelled(spelled(data))
    assert spelled(again) == spelled(plain(data, "it"))


@pytest.mark.parametrize(
    "text", ["1.5", "{}", '{"float":"x"}', '{"float":1}', '{"dict":[]}', '{"dict":{},"float":"nan"}', "nan"]
)
def test_other_data_are_refused(text: str) -> None:
    """What `spelled` never writes is not read."""
    with pytest.raises(Unreadable):
        respelled(text)


@pytest.fixture(scope="module")
def bank() -> Iterator[swingset.Controller]:
    """A world with a bank."""
    with swingset.open_world(worker="local") as world:
        world.create_vat("bank", [("bank", BANK)])
        yield world


def sealed(path: Path, **changes: Any) -> None:
    """What was kept with other values, and the right hash of them."""
    found = kept_data(path)
    assert found is not None
    text = spelled({**found, **changes}).encode()
    path.write_bytes(hashlib.sha256(text).hexdigest().encode() + text)


def linked(path: Path) -> None:
    """The same content elsewhere, and a link to it."""
    there = path.with_name("elsewhere")
    path.rename(there)
    path.symlink_to(there)


def raw(text: str) -> Callable[[Path], None]:
    """Text with the right hash."""
    content = hashlib.sha256(text.encode()).hexdigest() + text
    return lambda path: path.write_text(content) and None


ODD: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"]"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe" * 99),
    "deep": raw("[" * 100_000),
    "no dict": raw("[]"),
    "too much": lambda path: os.truncate(path, (64 << 20) + 1),
    "gone": lambda path: path.unlink(),
    "a link": linked,
    "another task": lambda path: sealed(path, name="0" * 64),
    "one more": lambda path: sealed(path, more=1),
    "a row that is none": lambda path: sealed(path, row=[]),
    "JSON of another format": lambda path: path.write_text(json.dumps(kept_data(path))),
}
OUTCOMES: dict[str, Callable[[Path], Any]] = {
    "no digest": lambda path: sealed(path, digest="\x1b[31mx"),
    "True cranks": lambda path: sealed(path, cranks=True),
    "fewer than none": lambda path: sealed(path, computrons=-1),
}
WORLDS: dict[str, Callable[[Path], Any]] = {
    "another id": lambda path: sealed(path, id="0" * 64),
    "no id": lambda path: sealed(path, id="\x1b[31mx"),
    "settled by nobody": lambda path: sealed(path, settled=["forged"]),
    "settled by a dict": lambda path: sealed(path, settled=[{}]),
    "settled too often": lambda path: sealed(path, settled=["fulfilled"] * 2),
    "a reason for nothing": lambda path: sealed(path, reasons=["forged"]),
    "archive is junk": lambda path: path.with_suffix(".swingset").write_bytes(b"junk"),
    "archive is half": lambda path: path.with_suffix(".swingset").write_bytes(
        path.with_suffix(".swingset").read_bytes()[:-9]
    ),
    "archive has more": lambda path: path.with_suffix(".swingset").write_bytes(
        path.with_suffix(".swingset").read_bytes() + b"x"
    ),
    "archive is gone": lambda path: path.with_suffix(".swingset").unlink(),
    "archive is a link": lambda path: linked(path.with_suffix(".swingset")),
}


def crank_of(trial: Trial) -> dict[str, Any]:
    return {"crank": trial.controller.crank, "rate": math.inf}


def lived(world: swingset.Controller, folder: Path) -> Sweep:
    sweeps._known.clear()
    return sweep(world, [{"n": 1}], crank_of, processes=0, cache=folder)


@pytest.mark.parametrize("fault", [*ODD, *OUTCOMES])
def test_an_outcome_that_is_not_as_it_was_written_is_lived_again(
    bank: swingset.Controller, tmp_path: Path, fault: str
) -> None:
    """It is not known, nothing is raised, and the next sweep knows it again."""
    pytest.importorskip("dask")
    first = lived(bank, tmp_path)
    assert lived(bank, tmp_path).known == 1
    (path,) = tmp_path.iterdir()
    (ODD | OUTCOMES)[fault](path)
    again = lived(bank, tmp_path)
    assert (again.known, again[0]) == (0, first[0])
    assert lived(bank, tmp_path).known == 1


def came(world: swingset.Controller, folder: Path) -> tuple[NewWorld, bool]:
    """A new world, and whether it was known."""
    seen: list[tuple[int, int]] = []
    task = WorldTask(world, [("bank", "open_purse", ["ann"])])
    (new,) = run_worlds([task], folder, processes=0, progress=lambda *done: seen.append(done))
    return new, seen == [(1, 1)]


def test_a_new_world_that_is_not_as_it_was_written_is_made_again(
    bank: swingset.Controller, tmp_path: Path
) -> None:
    """Neither what is told of it nor its archive is believed for its name."""
    first, known = came(bank, tmp_path)
    assert not known
    told = tmp_path / f"{first.name}.json"
    for fault, spoil in (ODD | WORLDS).items():
        assert came(bank, tmp_path) == (first, True), fault
        spoil(told)
        assert came(bank, tmp_path) == (first, False), fault
        (tmp_path / "elsewhere").unlink(missing_ok=True)
    assert came(bank, tmp_path) == (first, True)


def test_what_is_written_follows_no_link(tmp_path: Path) -> None:
    """A link in the place of a file is replaced, and no draft has a name that others can guess."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_text("precious")
    place.symlink_to(victim)
    for ending in ("", "-new", ".draft", f".{os.getpid()}"):
        (tmp_path / f"place.json{ending}").symlink_to(victim)
    keep(place, b"new")
    keep(tmp_path / "place.json", b"new")
    assert (victim.read_text(), place.is_symlink(), place.read_bytes()) == ("precious", False, b"new")
    assert len(list(tmp_path.iterdir())) == 6, "no draft is left"


def test_a_folder_in_the_place_of_a_file_is_told_in_words(bank: swingset.Controller, tmp_path: Path) -> None:
    """It is not known, and the new outcome cannot be written there."""
    pytest.importorskip("dask")
    lived(bank, tmp_path)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    with pytest.raises(WorldError, match="cannot be written: Is a directory"):
        lived(bank, tmp_path)
