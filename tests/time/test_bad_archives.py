"""Archives that were cut, altered, put together otherwise or made by hand: each is refused by name.

After each refusal there is neither a world nor a draft of one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import swingset
from swingset.world.archive_pieces import LINE, PIECE
from swingset.world.archive_rows import written
from tests.time.packed import forged, make, of, put_together, taken_apart


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a world of local vats and two archives of it."""
    found = tmp_path_factory.mktemp("archives")
    make(found / "a.world")
    for level in ("replay", "archival"):
        swingset.export_archive(found / "a.world", found / f"{level}.swingset", level=level)  # type: ignore[arg-type]
    return found


@pytest.fixture
def archive(folder: Path) -> Path:
    return folder / "archival.swingset"


def refusal(archive: Path, **options: Any) -> swingset.BadArchive | None:
    """How an archive is refused, None if it is not; nothing may be left then."""
    with tempfile.TemporaryDirectory() as scratch:
        world = Path(scratch) / "b.world"
        try:
            swingset.import_archive(archive, world, **options)
        except swingset.BadArchive as problem:
            assert not list(Path(scratch).iterdir())
            return problem
        assert world.exists()
        return None


def piece_bounds(content: bytes) -> Iterator[tuple[int, int]]:
    """Where each piece of an archive begins and ends."""
    at = len(LINE)
    while at < len(content):
        end = at + 36 + int.from_bytes(content[at : at + 4], "big")
        yield at, end
        at = end


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_altered_file_is_refused(folder: Path, data: st.DataObject) -> None:
    """A byte that was flipped, a piece that was cut out, doubled, moved, or an end that is missing."""
    whole = (folder / "archival.swingset").read_bytes()
    bounds = list(piece_bounds(whole))
    how = data.draw(st.sampled_from(["flip", "cut", "trim", "double", "swap", "add", "zero"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    begin, end = data.draw(st.sampled_from(bounds))
    match how:
        case "flip":
            bit = 1 << data.draw(st.integers(0, 7))
            content = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
        case "cut":
            content = whole[:begin] + whole[end:]
        case "trim":
            content = whole[:at]
        case "double":
            content = whole[:end] + whole[begin:end] + whole[end:]
        case "swap":
            others = [pair for pair in bounds if pair[0] >= end] or [(len(whole), len(whole))]
            later, last = data.draw(st.sampled_from(others))
            moved = whole[:begin] + whole[later:last] + whole[end:later] + whole[begin:end] + whole[last:]
            content = moved if moved != whole else whole + b"\0"
        case "add":
            content = whole + data.draw(st.binary(min_size=1, max_size=40))
        case _:
            content = whole[:at] + bytes(len(whole) - at) if any(whole[at:]) else whole[:at]
    bad = folder / "bad.swingset"
    bad.write_bytes(content)
    problem = refusal(bad)
    assert problem is not None
    assert problem.fault in ("not an archive", "another format", "truncated", "altered")
    assert str(bad) in str(problem)


CASES: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "nothing": (lambda whole: b"", "not an archive", "choose another file"),
    "a world": (lambda whole: b"SQLite format 3\0" + whole, "not an archive", "open it as it is"),
    "a later format": (
        lambda whole: whole.replace(b"archive 1\n", b"archive 2\n", 1),
        "another format",
        "of format 2, and this release reads 1",
    ),
    "cut in the metadata": (lambda whole: whole[:100], "truncated", "ends within the metadata"),
    "cut in an artifact": (lambda whole: whole[:-1], "truncated", "ends within artifact transcripts"),
    "cut between pieces": (
        lambda whole: whole[: list(piece_bounds(whole))[3][0]],
        "truncated",
        "ends within artifact state/",
    ),
    "one byte": (lambda whole: whole[:-1] + b"\1", "altered", "altered in artifact transcripts"),
    "more": (lambda whole: whole + b"\0", "altered", "more after its last artifact"),
    "a piece of 4 GiB": (
        lambda whole: whole[: len(LINE)] + b"\xff\xff\xff\xff" + whole[len(LINE) + 4 :],
        "altered",
        "says that it has 4,294,967,295 bytes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_file_says_where(archive: Path, tmp_path: Path, case: str) -> None:
    """The refusal says what is wrong, and in which part."""
    damage, fault, words = CASES[case]
    (tmp_path / "bad.swingset").write_bytes(damage(archive.read_bytes()))
    problem = refusal(tmp_path / "bad.swingset")
    assert problem is not None
    assert (problem.fault, words in str(problem)) == (fault, True), str(problem)


def _set(**said: Any) -> Callable[..., None]:
    return lambda found, _artifacts: found.update(said)


def _without(name: str) -> Callable[..., None]:
    return lambda found, _: found["artifacts"].remove(of(found, name))


def _renamed(name: str, other: str) -> Callable[..., None]:
    def forge(found: dict[str, Any], _: Any) -> None:
        of(found, name)[0] = other

    return forge


def _twice(found: dict[str, Any], _: Any) -> None:
    found["artifacts"].insert(1, of(found, "state/counters"))


def _swapped(found: dict[str, Any], _: Any) -> None:
    found["artifacts"][:2] = found["artifacts"][1::-1]


def _content(name: str, change: Callable[[bytes], bytes], rows: int = 0) -> Callable[..., None]:
    def forge(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
        artifacts[name] = change(artifacts[name])
        of(found, name)[1] += rows

    return forge


def _no_entries(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
    artifacts["transcripts"] = b""
    of(found, "transcripts")[1] = 0


def _no_commits(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
    artifacts["history/commits"] = artifacts["history/labels"] = b""
    of(found, "history/commits")[1] = of(found, "history/labels")[1] = 0


def _begins_late(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
    found["begins"] = {"v1": [1, "0" * 64, []]}
    _no_entries(found, artifacts)


PIN = written(("ko999",))

FORGED: dict[str, tuple[Callable[..., None], str, str]] = {
    "no level": (_set(level="all"), "metadata", "has level in its metadata"),
    "a level that is a list": (_set(level=["debug"]), "metadata", "has level in its metadata"),
    "a world of another format": (_set(world_format=2), "another format", "a world of format 2"),
    "a vat without an id": (_set(vat="bank"), "metadata", "by its name or its id alone"),
    "a commit that is a text": (_set(commit="1"), "metadata", "has commit in its metadata"),
    "a seal that is none": (_set(seal="x"), "metadata", "has seal in its metadata"),
    "a digest of another state": (_set(digest="0" * 64), "hash", "a state with another digest"),
    "another commit": (_set(commit=1), "level", "lacks commit 1"),
    "another seal": (_set(seal="0" * 64), "level", "lacks commit"),
    "a retention that is none": (
        _set(retention=[0, None, None, False]),
        "metadata",
        "has retention in its metadata",
    ),
    "a retention of nothing": (_set(retention=None), "metadata", "has retention in its metadata"),
    "prunes that are none": (_set(prunes=[[1]]), "metadata", "has prunes in its metadata"),
    "a retention of one vat": (
        _set(vat="bank", vat_id="v1", retention=[1, None, None, False]),
        "metadata",
        "is of one vat, and says how much",
    ),
    "prunes without a past": (
        _set(level="replay", prunes=[[1, 1, 1, 1, 1, "asked"]], cut=None, begins={}),
        "level",
        "says what its past lacks",
    ),
    "something more": (_set(more=1), "metadata", "other metadata"),
    "no list of artifacts": (_set(artifacts={}), "metadata", "a list of artifacts that is none"),
    "an artifact of other fields": (_set(artifacts=[["x"]]), "metadata", "that is none"),
    "a missing table": (_without("state/vats"), "missing", "lacks the artifact state/vats"),
    "missing bulk": (_without("heaps/pages"), "missing", "lacks the artifact heaps/pages"),
    "no past": (_without("history/commits"), "level", "level is archival, and lacks"),
    "a lower level with a past": (_set(level="replay"), "name", "and level replay has none"),
    "twice": (_twice, "duplicate", "the artifact state/counters twice"),
    "another order": (_swapped, "metadata", "in another order"),
    "a path": (_renamed("transcripts", "../../etc/passwd"), "name", "no name of one"),
    "an absolute path": (_renamed("transcripts", "/etc/passwd"), "name", "no name of one"),
    "a long name": (_renamed("transcripts", "x" * 10_000), "name", "no name of one"),
    "a name that is not printed": (_renamed("transcripts", "\x1b[2J"), "name", "no name of one"),
    "a row too few": (_content("state/pins", lambda _: b"", 0), "metadata", "and its metadata say"),
    "a row of nobody": (_content("state/pins", lambda old: old + PIN, 1), "hash", "another digest"),
    "a row twice": (_content("state/pins", lambda old: old + old, 0), "content", "its table refuses"),
    "half a row": (_content("state/pins", lambda old: old + b"1:s9:ko", 1), "content", "ends within a row"),
    "too many columns": (
        _content("state/pins", lambda old: old + b"2:nn", 1),
        "content",
        "has not the columns",
    ),
    "no type": (_content("state/pins", lambda old: old + b"1:x", 1), "content", "of no known type"),
    "a number of letters": (_content("state/pins", lambda old: old + b"1:ix;", 1), "content", "misspelt"),
    "a number that goes on": (
        _content("state/pins", lambda old: old + b"1:i" + b"1" * 5_000, 1),
        "content",
        "a number has no end",
    ),
    "a number of zeros": (_content("state/pins", lambda old: old + b"1:i007;", 1), "content", "misspelt"),
    "a value without end": (
        _content("state/pins", lambda old: old + b"1:s9999999999:x", 1),
        "content",
        "a length that none can have",
    ),
    "a text of bytes": (
        _content("state/pins", lambda old: old + b"1:s1:\xff", 1),
        "content",
        "not UTF-8",
    ),
    "a blob for a text": (
        _content("state/pins", lambda old: old + written((b"ko1",)), 1),
        "content",
        "its table refuses",
    ),
    "no entries": (_no_entries, "level", "has the transcript of"),
    "entries that begin elsewhere": (_begins_late, "level", "has the transcript of"),
    "a beginning that is none": (_set(begins={"v1": 7}), "metadata", "has begins in its metadata"),
    "a cut that is none": (_set(cut=[0, 1, 2]), "metadata", "has cut in its metadata"),
    "a cut that was not made": (_set(cut=[1, 1, 1]), "content", "makes no sound world"),
    "no commits": (_no_commits, "level", "lacks commit"),
    "an altered entry": (
        _content("transcripts", lambda old: old.replace(b"deposit", b"withdra")),
        "content",
        "makes no sound world",
    ),
    "altered code": (
        _content("code/bundles", lambda old: old.replace(b"calls", b"CALLS")),
        "content",
        "makes no sound world",
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_archive_is_refused(archive: Path, tmp_path: Path, case: str) -> None:
    """Somebody who computes all hashes and links again is refused for what is wrong with the content."""
    forge, fault, words = FORGED[case]
    forged(tmp_path / "bad.swingset", archive, forge)
    problem = refusal(tmp_path / "bad.swingset")
    assert problem is not None
    assert (problem.fault, words in str(problem)) == (fault, True), str(problem)
    assert "\x1b" not in str(problem)


def test_what_the_forger_changes_is_what_is_refused(archive: Path, tmp_path: Path) -> None:
    """An archive that is taken apart and put together again is the same, and is unpacked."""
    forged(tmp_path / "same.swingset", archive, lambda found, artifacts: None)
    assert (tmp_path / "same.swingset").read_bytes() == archive.read_bytes()
    assert refusal(tmp_path / "same.swingset") is None


def test_a_hash_that_does_not_match_names_its_artifact(archive: Path, tmp_path: Path) -> None:
    """The metadata has the hash of each artifact, even if all links are right."""
    alter = _content("state/vats", lambda old: old.replace(b"shop", b"shot"))
    forged(tmp_path / "bad.swingset", archive, alter, measured=False)
    problem = refusal(tmp_path / "bad.swingset")
    assert problem is not None
    assert (problem.fault, "artifact state/vats has another hash" in str(problem)) == ("hash", True)


def test_metadata_have_one_spelling(archive: Path, tmp_path: Path) -> None:
    """So one archive has one hash."""
    metadata, artifacts = taken_apart(archive)
    for text in (metadata.text() + b" ", b"[" * 100_000, b"\xff", b"[]", b"1"):
        put_together(tmp_path / "bad.swingset", text, list(artifacts.values()))
        problem = refusal(tmp_path / "bad.swingset")
        assert problem is not None
        assert problem.fault == "metadata"


@pytest.mark.parametrize("level", ["replay", "archival"])
def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path, tmp_path: Path, level: str) -> None:
    """One that says that it unpacks to very much is refused by that, and one that lies by its pieces."""

    def huge(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
        of(found, "state/vatstore")[2] = 10**13

    made = folder / f"{level}.swingset"
    forged(tmp_path / "bad.swingset", made, huge, measured=False)
    problem = refusal(tmp_path / "bad.swingset")
    assert problem is not None
    assert (problem.fault, "say `most` if you trust it" in str(problem)) == ("size", True)
    assert refusal(made, most=taken_apart(made)[0].size) is None
    problem = refusal(made, most=taken_apart(made)[0].size - 1)
    assert problem is not None
    assert problem.fault == "size"

    def lying(found: dict[str, Any], artifacts: dict[str, bytes]) -> None:
        artifacts["state/counters"] = bytes(3 * PIECE)

    forged(tmp_path / "bad.swingset", made, lying, measured=False)
    problem = refusal(tmp_path / "bad.swingset")
    assert problem is not None
    assert problem.fault == "size"


def test_an_archive_that_was_expected_is_no_other(archive: Path) -> None:
    """Whoever keeps the hash of an archive can demand it."""
    metadata, _ = taken_apart(archive)
    assert refusal(archive, expected=metadata.id()) is None
    problem = refusal(archive, expected="0" * 64)
    assert problem is not None
    assert problem.fault == "expected"


@pytest.mark.parametrize("odd", ["link", "folder", "pipe"])
def test_an_odd_file_is_no_archive(archive: Path, tmp_path: Path, odd: str) -> None:
    """A draft's name that is taken, a folder or a pipe: none of them is followed, and none blocks."""
    world = tmp_path / "b.world"
    if odd == "link":
        (tmp_path / "b.world-new").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(swingset.WorldError, match="symbolic link"):
            swingset.import_archive(archive, world)
    else:
        bad = tmp_path / "bad.swingset"
        bad.mkdir() if odd == "folder" else os.mkfifo(bad)
        with pytest.raises(swingset.WorldError, match="not a file"):
            swingset.import_archive(bad, world)
    assert not world.exists()
    assert not (tmp_path / "elsewhere").exists()
