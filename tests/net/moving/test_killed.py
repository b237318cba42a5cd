"""A world is killed at each step of a move: the vat is in one of the two worlds, and nothing is done twice.

A process is killed at a step of the world file: before a commit is durable, or right after it, when nothing
that it sends is out yet. What is not durable is gone with the process. The files of before the move are kept,
and each case begins with them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.testing import audit, audit_holdings
from swingset.time.replaying.replay import replay
from tests.net.moving.moving import COUNTER
from tests.scenarios.linked import KEEPER

pytestmark = pytest.mark.unaudited  # both worlds are, when they close

ROUNDS = 400
"""How often both worlds are pumped until all has come to rest."""

COUNTED = 3
"""How many messages wait for the vat when it begins to move."""

SENDER = KEEPER.replace("E(self._baggage[name]).deposit(amount)", "E(self._baggage[name]).inc()")


class Killed(BaseException):
    """The process is gone."""


class Host:
    """A world in a file, and the process that has it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps = 0
        self.strike: int | None = None
        self.kills = 0
        self.open()

    def open(self) -> None:
        self.world: Controller = open_world(self.path, worker="local")
        self.world.net.listen("unix")
        self.world.kernel.world.faults = self._step

    def _step(self, step: str) -> None:
        if step not in ("before-commit", "after-commit"):
            return
        self.steps += 1
        if self.steps == self.strike:
            self.strike = None
            raise Killed

    def pump(self) -> bool:
        """Do what there is to do; whether there was anything."""
        try:
            self.world.run()
            self.world.net.wait(0.002)
            return self.world.net.pump()
        except Killed:
            self.kills += 1
            self.world.close(keep=False)
            self.open()
            return True

    def close(self) -> None:
        """Close it; everything that it holds is counted again."""
        store = self.world.kernel.store
        problems = audit(store) + audit_holdings(store)
        self.world.close()
        assert not problems, "\n".join(problems)


def rest(*hosts: Host) -> None:
    """Pump until nothing comes any more, and each side has what was sent to it."""
    quiet = 0
    for _ in range(ROUNDS):
        busy = [host.pump() for host in hosts]
        owed = any(peer.unacknowledged for host in hosts for peer in host.world.net.peers())
        quiet = 0 if any(busy) or owed else quiet + 1
        if quiet == 5:
            return
    raise AssertionError("the worlds do not come to rest")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both worlds as they are when the vat begins to move."""
    folder = tmp_path_factory.mktemp("killed")
    old, new = Host(folder / "old.world"), Host(folder / "new.world")
    accepts = new.world.net.accept_vats(vats=1)
    new.world.run()
    uri = new.world.net.share(new.world.resolution(accepts))
    fetched = old.world.net.fetch(uri)
    rest(old, new)
    old.world.create_vat("counter", (("counter", COUNTER),), worker="wasm")
    old.world.create_vat("sender", (("sender", SENDER),))
    counter = old.world.queue_to_root("counter", "counter_of")
    assert counter is not None
    old.world.run()
    old.world.queue_to_root("sender", "keep", ["it", old.world.resolution(counter)])
    old.world.run()
    for _ in range(COUNTED):
        old.world.queue_to_root("sender", "deposit", ["it", 1])
    old.world.net.move_vat("counter", old.world.resolution(fetched))
    old.world.commit("it begins")
    for host in (old, new):
        host.world.close()
    kept = tmp_path_factory.mktemp("before")
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy(file, kept / file.name)
    folder.joinpath("kept").symlink_to(kept)
    return folder


def begin(folder: Path) -> tuple[Host, Host]:
    """Both worlds, as they were kept."""
    for file in folder.iterdir():
        if file.is_file() or file.is_socket():
            file.unlink()
    for file in folder.joinpath("kept").iterdir():
        shutil.copy(file, folder / file.name)
    return Host(folder / "old.world"), Host(folder / "new.world")


def moved(folder: Path, who: str, strike: int | None) -> tuple[int, int]:
    """Have the vat move, with one process killed at a step; returns how many steps each process had."""
    old, new = begin(folder)
    struck = old if who == "old" else new
    first = old.steps, new.steps
    struck.strike = None if strike is None else first[who != "old"] + strike
    for _ in range(2):
        rest(old, new)
    steps = old.steps - first[0], new.steps - first[1]
    # What comes together is a matter of time, so one run may have fewer commits than another.
    assert struck.kills == (strike is not None and strike <= steps[who != "old"])
    homes = ["counter" in host.world.vats for host in (old, new)]
    assert homes == [False, True]
    assert new.world.vats["counter"].state == "live"
    last = old.world.queue_to_root("sender", "deposit", ["it", 1])
    assert last is not None
    rest(old, new)
    assert old.world.resolution(last) == COUNTED + 1
    for host in (old, new):
        host.close()
    return steps


def test_a_process_is_killed_at_some_steps(before: Path) -> None:
    """One step of each side; the slow sweep has all. Both histories replay from their records alone."""
    old, new = moved(before, "old", None)
    moved(before, "new", new // 2)
    moved(before, "old", old // 2)
    for name in ("old", "new"):
        found = replay(before / f"{name}.world")
        assert found.ok, f"{name}: {found}"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["old", "new"])
def test_a_process_is_killed_at_each_step(before: Path, who: str) -> None:
    """Whichever side is killed, and when: the vat moves once, and each message is counted once."""
    steps = moved(before, who, None)[who != "old"]
    for strike in range(1, steps + 1):
        moved(before, who, strike)
