"""What is committed when: requests, long runs, and a world whose file or process is another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swingset import Controller, Session
from swingset.host.base import running
from swingset.host.base.outputs import Output
from swingset.host.base.policies import cranks
from swingset.host.worlds.opening import open_world
from swingset.vat import E
from swingset.world.errors import WorldMissing, WorldMoved, WorldOfParent

ECHO = """
from swingset.vat import E, remotable

@remotable
class Echo:
    def say(self, words):
        print(words)
        return words

    def ping(self, other):
        E(other).ping(self)

def build_root_object():
    return Echo()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a world may be made."""
    return tmp_path / "my.world"


def world_of(file: Path | None, interval: int | None = None) -> Controller:
    """A world with vats a and b that are alike."""
    world = open_world(file, worker="local", snapshot_interval=interval)
    for name in ("a", "b"):
        if name not in [vat.name for vat in world.vats]:
            world.create_vat(name, ((name, ECHO),))
    return world


def settled(world: Controller) -> str:
    """The kref of a promise that came, and that the host holds."""
    kref = world.queue_to_root("a", "say", ["x"])
    assert kref is not None
    world.run()
    return kref


def released(world: Controller) -> Callable[[Controller], bool]:
    """Release a result."""
    kref = settled(world)
    world.release(kref)
    return lambda again: again.kernel.store.promises.get(kref) is None


def pinned(world: Controller) -> Callable[[Controller], bool]:
    """Pin a root once more, after it was let go of."""
    root = world.kernel.root_of("a")
    world.gc.unpin(root)
    world.vats.pin_root("a")
    return lambda again: again.world.row("SELECT 1 FROM pins WHERE kref = ?", (root,)) is not None


def reaped(world: Controller) -> Callable[[Controller], bool]:
    """Ask for a reaping."""
    world.gc.reap_all()
    return lambda again: len(again.kernel.store.reaping.waiting()) == 2


def device(world: Controller) -> Callable[[Controller], bool]:
    """Make a device."""
    root = world.devices.add("box", "mailbox")
    return lambda again: again.devices.node("mailbox") == root


def bundle_device(world: Controller) -> Callable[[Controller], bool]:
    """Ask for a device that is made for that."""
    root = world.devices.node("bundle")
    return lambda again: again.kernel.store.objects.get(root) is not None


REQUESTS = {"release": released, "pin": pinned, "reap": reaped, "device": device, "bundles": bundle_device}


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_a_host_asks_for_is_durable_at_once(file: Path, request_: str) -> None:
    """A process that dies right after a request has not made it in vain."""
    world = world_of(file)
    there = REQUESTS[request_](world)
    world.close(keep=False)
    with open_world(file, worker="local") as again:
        assert there(again)


def test_a_released_result_leaks_nothing(file: Path) -> None:
    """Asking, running, releasing and closing leaves as many promises as there were."""
    with world_of(file) as world:
        settled(world)
        before = world.stats()["promises"]
    for _ in range(3):
        with open_world(file, worker="local") as world:
            world.release(settled(world))
    with open_world(file, worker="local") as world:
        assert world.stats()["promises"] == before


def fail_after_queueing(world: Controller) -> None:
    """Send something, and have the program fail."""
    world.queue_to_root("a", "say", ["lost"])
    raise TypeError("the program is wrong")


def test_a_queued_message_is_kept_by_closing(file: Path) -> None:
    """What was queued and not run is there after the close, but not after an error in the block."""
    with world_of(file) as world:
        world.queue_to_root("a", "say", ["kept"])
    with pytest.raises(TypeError), open_world(file, worker="local") as world:
        fail_after_queueing(world)
    heard: list[Output] = []
    with open_world(file, worker="local") as world:
        world.outputs.listen(heard.append)
        world.run()
    assert [output.text for output in heard] == ["kept\n"]


def test_a_request_within_a_run_is_committed_by_the_run(file: Path) -> None:
    """What a progress display asks for is not a commit of its own."""
    with world_of(file) as world:
        kref = settled(world)
        commits = len(world.world.commits())
        world.queue_to_root("a", "say", ["y"], policy="none")
        world.run(watch=lambda _report: world.release(kref))
        assert len(world.world.commits()) == commits + 1


def busy(every: int, monkeypatch: pytest.MonkeyPatch, count: int = 60) -> tuple[str, str, int]:
    """The digests, and the number of commits, of two vats that keep each other busy for a while."""
    monkeypatch.setattr(running, "CRANKS", every)
    monkeypatch.setattr(running, "SECONDS", 1e9)
    with world_of(None, interval=7) as world:
        root = world.kernel.root_of("b")
        kref = world.queue_to_root("a", "ping", [_ref(root)])
        assert kref is not None
        world.run(cranks(count))
        return world.digest(), world.history.activity_digest(), len(world.world.commits())


def _ref(kref: str) -> Any:
    from swingset.model.capdata import Ref

    return Ref(kref, "Echo")


def test_the_rhythm_of_commits_reaches_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a long run commits, the world is the same."""
    state, activity, few = busy(1000, monkeypatch)
    for every, more in ((1, 59), (7, 8), (25, 2)):
        assert busy(every, monkeypatch) == (state, activity, few + more)


def test_a_long_run_commits_by_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cranks take long, the clock says when."""
    monkeypatch.setattr(running, "SECONDS", 0.0)
    with world_of(None) as world:
        before = len(world.world.commits())
        world.queue_to_root("a", "ping", [_ref(world.kernel.root_of("b"))], policy="none")
        report = world.run(cranks(10))
        assert len(world.world.commits()) == before + 10
        assert report.commit == world.world.head


def test_a_run_that_is_killed_has_committed(file: Path) -> None:
    """Two vats that keep each other busy for ever lose little when their process is killed."""
    with world_of(file) as world:
        world.queue_to_root("a", "ping", [_ref(world.kernel.root_of("b"))], policy="none")
        crank = world.kernel.cranks.count
    run = [sys.executable, "-m", "swingset.command.cli", "run", str(file), "--trust-local"]
    with subprocess.Popen(run) as child:
        for _ in range(600):
            time.sleep(0.1)
            with open_world(file, look_only=True) as seen:
                if seen.kernel.cranks.count >= crank + running.CRANKS:
                    break
        child.send_signal(signal.SIGKILL)
    with open_world(file, worker="local") as again:
        assert again.kernel.cranks.count >= crank + running.CRANKS


def test_outputs_of_a_long_run_come_with_its_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is heard while the run goes on."""
    monkeypatch.setattr(running, "CRANKS", 1)
    heard: list[tuple[int, int]] = []
    with world_of(None) as world:
        world.outputs.listen(lambda output: heard.append((output.crank, world.kernel.cranks.count)))
        for words in ("one", "two", "three"):
            world.queue_to_root("a", "say", [words], policy="none")
        world.run()
    assert [said == now for said, now in heard] == [True] * 3


def test_a_listener_that_fails_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Others hear all outputs, the run goes on to its end, and the failure is logged."""
    heard: list[str] = []
    with world_of(None) as world:
        world.outputs.listen(lambda output: 1 // 0)
        world.outputs.listen(lambda output: heard.append(output.text))
        for words in ("one", "two"):
            world.queue_to_root("a", "say", [words], policy="none")
        assert world.run().cranks == 2
    assert heard == ["one\n", "two\n"]
    assert "a listener failed over what vat a said" in caplog.text


def attempt(world: Controller) -> None:
    """Send something, and run."""
    world.queue_to_root("a", "say", ["lost"])
    world.run()


LOST: dict[str, Callable[[Path], object]] = {
    "deleted": os.unlink,
    "moved": lambda file: file.rename(file.with_name("other.world")),
    "unlocked": lambda file: os.unlink(f"{file}-lock"),
}


@pytest.mark.parametrize("what", LOST)
def test_a_world_without_its_file_is_saved_by_export(file: Path, what: str) -> None:
    """A run says that its file is gone and keeps nothing, closing says so too, and export saves the rest."""
    world = world_of(file)
    settled(world)
    digest = world.digest()
    LOST[what](file)
    world.queue_to_root("a", "say", ["lost"])
    for _ in range(2):
        with pytest.raises(WorldMoved, match=r"%swingset export PATH.*controller\.history\.export"):
            attempt(world)
    assert world.digest() == digest
    saved = file.with_name("saved.world")
    world.history.export(saved)
    with pytest.raises(WorldMoved):
        world.close()
    world.close()
    with open_world(saved, worker="local") as again:
        assert again.digest() == digest
        assert again.resolution(settled(again)) == "x"


CHILD: dict[str, Callable[[Controller, Session, Any], object]] = {
    "run": lambda world, _session, _a: world.run(),
    "queue": lambda world, _session, _a: world.queue_to_root("a", "say", ["x"]),
    "commit": lambda world, _session, _a: world.commit(),
    "close": lambda world, _session, _a: world.close(),
    "send and wait": lambda _world, session, a: session.wait(E(a).say("x")),
    "send and settle": lambda _world, session, a: (E.send_only(a).say("x"), session.settle()),
    "close the session": lambda _world, session, _a: session.close(),
    "checkpoint": lambda world, _session, _a: world.checkpoint("x"),
    "pause": lambda world, _session, _a: world.queue.pause(),
    "digest": lambda world, _session, _a: world.digest(),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_told_whose_world_it_is(file: Path) -> None:
    """Whatever a child does with a world, the parent's goes on as if there were none, and replays."""
    world = world_of(file)
    session = Session(world)
    a = session.root("a")
    assert session.wait(E(a).say("before")) == "before"
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        for act in CHILD.values():
            try:
                act(world, session, a)
                said.append("no error")
            except WorldOfParent as problem:
                said.append(str(f"belongs to process {world.world.process}" in str(problem)))
            except BaseException as problem:
                said.append(repr(problem))
        os.write(into, " ".join(said).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    assert os.read(out, 10_000).decode() == " ".join(["True"] * len(CHILD))
    os.close(out)
    assert session.wait(E(a).say("after")) == "after"
    session.close()
    with open_world(file, worker="local") as again:
        session = Session(again)
        assert session.wait(E(session.root("a")).say("again")) == "again"
        assert [vat.state for vat in again.vats] == ["live"] * 3


def test_looking_needs_an_open_world(file: Path) -> None:
    """A world that nobody made cannot be looked at."""
    with pytest.raises(WorldMissing, match="there is no world at"):
        open_world(file, look_only=True)
