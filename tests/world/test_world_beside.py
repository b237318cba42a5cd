"""What lies where a file of the world's has to be: links, pipes, folders, and file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from swingset.world import CannotLock, NotAWorld, WorldError, WorldFile, WorldLocked
from tests.world.world_load import check, work

VICTIM = b"dear to somebody: not a lock, not a log\n" * 40


def _socket(at: Path, _victim: Path) -> None:
    here = os.getcwd()
    os.chdir(at.parent)  # a socket's path is short
    try:
        socket.socket(socket.AF_UNIX).bind(at.name)
    finally:
        os.chdir(here)


def _unreadable(at: Path, _victim: Path) -> None:
    at.write_bytes(VICTIM)
    at.chmod(0)


ODD: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda at, victim: at.symlink_to(victim),
    "dangling link": lambda at, victim: at.symlink_to(victim.with_name("nowhere")),
    "link to itself": lambda at, _victim: at.symlink_to(at),
    "hard link": lambda at, victim: os.link(victim, at),
    "pipe": lambda at, _victim: os.mkfifo(at),
    "folder": lambda at, _victim: at.mkdir(),
    "full folder": lambda at, _victim: (at.mkdir(), (at / "x").write_bytes(VICTIM)),
    "socket": _socket,
    "somebody's file": lambda at, _victim: at.write_bytes(VICTIM),
    "unreadable file": _unreadable,
    "device": lambda at, _victim: os.mknod(at, stat.S_IFCHR | 0o600, os.makedev(1, 7)),
}

BESIDE = ("-lock", "-new", "-wal", "-shm", "-journal")

TRY = """
import sys
from swingset.world import WorldError, WorldFile
how, *paths = sys.argv[1:]
for path in paths:
    try:
        with getattr(WorldFile, how)(path) as world:
            world.commits()
            if how == "open":
                world.begin_crank()
                world.execute("INSERT OR REPLACE INTO counters VALUES('crank', 12)")
                world.release_crank()
                world.commit()
        print("fine", flush=True)
    except WorldError as problem:
        print(f"{type(problem).__name__}: {problem}", flush=True)
"""


def attempt(how: str, paths: list[Path]) -> list[str]:
    """Open worlds in another process, which is ended if it hangs; answers what it said of each."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, how, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def contents(folder: Path) -> dict[str, object]:
    """What is in a folder, without following or opening what is no file."""
    found: dict[str, object] = {}
    for entry in folder.rglob("*"):
        kind = entry.lstat().st_mode
        found[str(entry.relative_to(folder))] = (
            entry.read_bytes() if stat.S_ISREG(kind) else os.readlink(entry) if stat.S_ISLNK(kind) else kind
        )
    return found


def things(*without: str) -> list[str]:
    """The odd things that this user can make."""
    return [name for name in ODD if name not in without and (name != "device" or os.getuid() == 0)]


def verdict(said: str, end: str, thing: str, how: str) -> bool:
    """Whether that is what is to be said of a world with such a thing beside it."""
    if how == "look":
        if end == "-new":
            return said.startswith("WorldMissing: ")
        if end == "-lock":
            return said == "fine"
    if thing in ("somebody's file", "unreadable file") and end in ("-wal", "-shm"):
        return True  # SQLite's log and index are its own, so a plain file of that name is taken for one
    return said.startswith(("OddFile: ", "CannotWrite: ")) and f".world{end}" in said


@pytest.mark.parametrize("end", BESIDE)
def test_odd_files_beside_a_world(tmp_path: Path, end: str) -> None:
    """Whatever has the name of one of its files, a world opens or is refused in words, harming nobody."""
    worlds: dict[str, Path] = {}
    for thing in things():
        folder = tmp_path / thing
        (folder / "it").mkdir(parents=True)
        (folder / "victim").write_bytes(VICTIM)
        worlds[thing] = path = folder / "it" / "a.world"
        if end != "-new":
            with WorldFile.open(path) as world:
                work(world, 3)
        ODD[thing](path.with_name(path.name + end), folder / "victim")
    for how in ("look", "open"):
        before = {thing: contents(path.parent) for thing, path in worlds.items()}
        answers = attempt(how, list(worlds.values()))
        for (thing, path), said in zip(worlds.items(), answers, strict=True):
            assert verdict(said, end, thing, how), f"{thing}, {how}: {said}"
            assert (path.parent.parent / "victim").read_bytes() == VICTIM
            if said != "fine":
                assert contents(path.parent) == before[thing], f"{thing}, {how}: {said}"


def test_odd_things_for_a_world(tmp_path: Path) -> None:
    """A pipe, a socket, a device or a folder in the place of a world is refused at once, and stays."""
    paths = []
    for thing in things("hard link", "link", "dangling link"):
        paths.append(tmp_path / thing / "a.world")
        paths[-1].parent.mkdir()
        ODD[thing](paths[-1], tmp_path / "victim")
    before = contents(tmp_path)
    for how in ("look", "open"):
        for path, said in zip(paths, attempt(how, paths), strict=True):
            assert said.startswith(("NotAWorld: ", "CannotWrite: ")), f"{path}: {said}"
        assert contents(tmp_path) == before


def test_what_a_crash_left_of_a_draft_is_begun_anew(tmp_path: Path) -> None:
    """A half-written draft of a world is replaced; a link of that name stays, and the export is refused."""
    path, copy = tmp_path / "a.world", tmp_path / "b.world"
    with WorldFile.open(path) as world:
        work(world, 3)
        draft = tmp_path / "b.world-new"
        draft.write_bytes(path.read_bytes()[:5000])
        world.export(copy)
        assert not draft.exists()
        copy.unlink()
        draft.symlink_to(path)
        with pytest.raises(WorldError, match="symbolic link"):
            world.export(copy)
        assert draft.is_symlink()
    with WorldFile.open(path) as world:
        check(world)


REFUSALS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO)


@pytest.mark.parametrize("code", REFUSALS, ids=[errno.errorcode[code] for code in REFUSALS])
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_a_file_system_without_locks(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, there: bool
) -> None:
    """Where files cannot be locked that is what is said, and no file is made, of a lock or of a world."""
    if there:
        WorldFile.open(path).close()

    def broken(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(CannotLock, match="put the world on a local disk"):
        WorldFile.open(path)
    assert [found.name for found in path.parent.iterdir()] == ([path.name] if there else [])


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EIO])
def test_a_file_system_without_locks_of_bytes(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """The same where the lock on the world file itself is what fails."""
    WorldFile.open(path).close()

    def broken(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "fcntl", broken)
    with pytest.raises(CannotLock, match="put the world on a local disk"):
        WorldFile.open(path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EACCES])
def test_contention_is_told_as_such(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A lock that somebody holds says who has the world open."""

    def held(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", held)
    with pytest.raises(WorldLocked, match="is open in another process"):
        WorldFile.open(path)


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    """A pipe that nobody writes to is refused as a world in this very process."""
    os.mkfifo(path)
    with pytest.raises(NotAWorld, match="is a pipe"):
        WorldFile.open(path)
