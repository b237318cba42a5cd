"""Code of a world file runs unconfined only where its owner said that the file is trusted, whatever asks."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from swingset import Controller, KernelError, Session
from swingset.command.cli import main
from swingset.core.kernel import Kernel
from swingset.core.store import KernelStore
from swingset.guest.base import context
from swingset.host.base.engines import Engines
from swingset.host.base.opened import Choices, Opened
from swingset.host.code.rehearsal import rehearse_upgrade
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.model.messages import CreateVat, QueuedEvent, UpgradeVat
from swingset.testing import audit
from swingset.world.file import WorldFile
from swingset.world.vats import SUSPENDED
from tests.meddling import atomic

HARMLESS = """
from swingset.vat import remotable

@remotable
class Root:
    def hello(self):
        pass

def build_root_object():
    return Root()
"""
NOTHING = CapData("#null")


Step = Callable[["Stranger", Controller], None]


class Stranger:
    """A world file, and the code that its maker would like to have run by whoever opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path, self.canary = folder, str(folder / "gift.world"), folder / "was here"
        self.parts = (("evil", f"open({str(self.canary)!r}, 'w').close()\n{HARMLESS}"),)

    def made(self, *steps: Step) -> Stranger:
        """The same, with these things in the file."""
        with open_world(self.path, worker="local") as world:
            for step in steps:
                step(self, world)
                world.commit("made")
        self.canary.unlink(missing_ok=True)
        return self

    @property
    def ran(self) -> bool:
        """Whether the code has run since the file was made."""
        return self.canary.exists()

    def copy(self, name: str) -> str:
        """A second file of the same content."""
        return str(shutil.copy(self.path, self.folder / name))

    def event(self, kernel: Kernel, worker: str = "local") -> CreateVat:
        """The creation of a vat of that code, with all it mentions."""
        with atomic(kernel):
            bundle = kernel.world.bundles.put(self.parts)
            result = kernel.store.new_promise(None)
            kernel.store.hold(result)  # as an event does; enqueueing one holds it itself
            return CreateVat(kernel.store.new_vat_id(), "evil", worker, {}, bundle, NOTHING, result)


def queued(stranger: Stranger, world: Controller) -> None:
    """A creation that waits in the run-queue."""
    world.kernel.queue_creation("evil", "local", stranger.parts, NOTHING, {})


def urgent(stranger: Stranger, world: Controller) -> None:
    """A creation that waits ahead of all else."""
    world.kernel.queue_creation("evil", "local", stranger.parts, NOTHING, {}, first=True)


def many(stranger: Stranger, world: Controller) -> None:
    """Several, one behind the other."""
    for number in range(5):
        world.kernel.queue_creation(f"evil{number}", "local", stranger.parts, NOTHING, {})


def parked_for_the_session(stranger: Stranger, world: Controller) -> None:
    """A creation among what waits for the notebook's own vat, from where it comes when somebody attaches."""
    Session(world)
    event, store = stranger.event(world.kernel), world.kernel.store
    with atomic(world.kernel):
        store.queues.park(world.kernel.vat("notebook").id, store.counters.take("queue", 1), event)


def behind_a_promise(stranger: Stranger, world: Controller) -> None:
    """A creation that waited for a promise, and comes from there with the messages."""
    event, store = stranger.event(world.kernel), world.kernel.store
    with atomic(world.kernel):
        kref = store.new_promise(None)
        store.promises.enqueue(kref, store.counters.take("queue", 1), event)
        store.resolve([(kref, False, NOTHING)])


def of_no_kind(stranger: Stranger, world: Controller) -> None:
    """A creation in a worker that nobody has."""
    for worker in ("attached", "magic", "__class__", ""):
        event = stranger.event(world.kernel, worker)
        with atomic(world.kernel):
            world.kernel.store.queues.append(event)


def others(_stranger: Stranger, world: Controller) -> None:
    """Something that needs no worker, queued last: a message to what is no object."""
    with atomic(world.kernel):
        kref = world.kernel.store.new_promise(None)
        world.kernel.store.hold(kref)
        world.kernel.store.resolve([(kref, False, NOTHING)])
    world.kernel.release_result(world.kernel.queue_message(kref, CapData('#["hello",[]]')))
    world.kernel.release_result(kref)


def a_local_vat(stranger: Stranger, world: Controller) -> None:
    """A vat that runs, with its whole transcript."""
    world.create_vat("evil", stranger.parts, worker="local")


def a_message_for_it(_stranger: Stranger, world: Controller) -> None:
    """Something to be delivered to that vat."""
    world.queue_to_root("evil", "hello", policy="none")


def an_upgrade_of_it(stranger: Stranger, world: Controller) -> None:
    """New code for that vat, in the queue."""
    world.kernel.queue_upgrade("evil", stranger.parts, None, "again")


def suspended(_stranger: Stranger, world: Controller) -> None:
    """That vat held still."""
    world.vats.suspend("evil", "for now")


def due(_stranger: Stranger, world: Controller) -> None:
    """That vat about to bring out its dead."""
    with atomic(world.kernel):
        world.kernel.store.reaping.schedule(world.kernel.vat("evil").id)


def a_label(_stranger: Stranger, world: Controller) -> None:
    """A name for how it stands."""
    world.checkpoint("then")


def gone(_stranger: Stranger, world: Controller) -> None:
    """That vat ended, and cleaned up after."""
    world.terminate_vat("evil")
    world.run()


def half_built(_stranger: Stranger, world: Controller) -> None:
    """The mark of a build that was killed, so that the next one goes back to where it stood."""
    with atomic(world.kernel):
        world.kernel.store.counters.set("configuring", world.world.labelled("then").seq + 1)


STARTS = [queued, urgent, many, parked_for_the_session, behind_a_promise, of_no_kind]


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    """Somebody who sends a file; the sessions that look into it are nobody's default afterwards."""
    yield Stranger(tmp_path)
    context.set_default(None)


@pytest.mark.parametrize("start", STARTS)
def test_a_creation_in_a_file_does_not_run(start: Step, stranger: Stranger) -> None:
    """Neither in a run, a step, a session nor a fork; what waits behind it runs, and the world says why."""
    stranger.made(start, others)
    with open_world(stranger.path) as world:
        reports = world.run().reports
        assert [report.outcome for report in reports] == ["rejected"]
        assert (world.step(), world.kernel.cranks.has_work()) == (None, False)
        if start is not parked_for_the_session:
            assert world.queue.held_back()
        Session(world).settle()
        assert world.queue.held_back()
        fork = world.fork()
        fork.run()
        fork.close()
        assert audit(world.kernel.store) == []
    assert not stranger.ran


@pytest.mark.parametrize("start", STARTS[:5])
def test_trusting_later_is_trusting_at_once(start: Step, stranger: Stranger) -> None:
    """A host that had passed the creation over, and then runs it, has the world of one that ran it before."""
    stranger.made(start)
    copy, digests = stranger.copy("copy.world"), []
    with open_world(copy) as world:
        before = world.digest()
        world.run()
        assert (world.digest(), stranger.ran) == (before, False)
    for path in (stranger.path, copy):
        with open_world(path, worker="local") as world:
            world.run()
            digests.append((world.digest(), world.history.activity_digest()))
            assert not world.queue.held_back()
    assert digests[0] == digests[1]
    assert stranger.ran or start is parked_for_the_session


PAST_THE_DOOR = {
    "a message": (a_message_for_it,),
    "bringing out its dead": (due,),
    "an upgrade": (an_upgrade_of_it,),
    "an upgrade while it is held still": (suspended, an_upgrade_of_it),
}


@pytest.mark.parametrize("what", PAST_THE_DOOR)
def test_no_worker_is_made_for_a_local_vat_behind_the_door_either(what: str, stranger: Stranger) -> None:
    """Whatever a world is opened by, what would bring a vat back, start or repeat it, does not."""
    stranger.made(a_local_vat, *PAST_THE_DOOR[what])
    with Controller(Opened(WorldFile.open(stranger.path), Engines(), Choices(trusts_local=False))) as world:
        world.run()
        world.vats.resume("evil")
        world.run()
        world.checkpoint("here")
        with pytest.raises(KernelError, match="unconfined"):
            world.kernel.warehouse.verify(world.kernel.vat("evil"))
        with pytest.raises(KernelError, match="unconfined"):
            rehearse_upgrade(world, "evil", stranger.parts)
        with pytest.raises(KernelError, match="unconfined"):
            world.upgrade_vat("evil", stranger.parts)
        assert audit(world.kernel.store) == []
        assert [
            event for _, event in world.kernel.store.queues.all() if not isinstance(event, UpgradeVat)
        ] == []
    assert not stranger.ran


def test_a_vat_that_has_no_worker_here_is_held_still_with_words(stranger: Stranger) -> None:
    """What comes for it is parked, and it goes on where the file is trusted."""
    stranger.made(a_local_vat, a_message_for_it)
    with Controller(Opened(WorldFile.open(stranger.path), Engines(), Choices(trusts_local=False))) as world:
        world.run()
        vat = world.kernel.vat("evil")
        assert (vat.state, (vat.reason or "").partition(":")[0]) == (SUSPENDED, "worker-refused")
        assert len(world.kernel.store.queues.parked(vat.id)) == 1
    with open_world(stranger.path, workers=False) as world:
        assert world.kernel.vat("evil").state == SUSPENDED
    with open_world(stranger.path, worker="local") as world:
        assert (world.kernel.vat("evil").state, world.kernel.vat("evil").reason) == ("live", None)
        world.run()
        assert world.kernel.store.queues.parked(vat.id) == []
        assert audit(world.kernel.store) == []
    assert stranger.ran


def test_going_back_does_not_go_past_the_question(stranger: Stranger) -> None:
    """Neither to a label nor to a commit at which a local vat lived; the world stays where it was."""
    stranger.made(a_local_vat, a_message_for_it, a_label, gone)
    with open_world(stranger.path) as world:
        before, then = world.digest(), world.world.labelled("then").seq
        with pytest.raises(KernelError, match="vats in the local worker"):
            world.history.go_back("then")
        with pytest.raises(KernelError, match="vats in the local worker"):
            world.history.go_back_to_commit(then)
        assert world.digest() == before
        world.run()
    assert not stranger.ran


def test_a_configuration_does_not_go_past_the_question(
    stranger: Stranger, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that says a build was begun at a commit with a local vat is refused, not gone back in."""
    stranger.made(a_local_vat, a_message_for_it, a_label, gone, half_built)
    config = stranger.folder / "mine.toml"
    config.write_text("[devices]\nclock = 'timer'\n")
    assert main(["run", stranger.path, "--config", str(config)]) == 1
    assert "vats in the local worker" in capsys.readouterr().err
    assert not stranger.ran


@pytest.mark.parametrize("trusted", [False, True])
def test_asking_for_a_local_worker_asks_for_trust(trusted: bool, stranger: Stranger) -> None:
    """In a file that was there before, a vat is made local where the file was opened so, else nothing is."""
    stranger.made(others)
    with open_world(stranger.path, worker="local" if trusted else "wasm") as world:
        session = Session(world)
        if trusted:
            session.define("mine", stranger.parts[0][1], worker="local")
        else:
            with pytest.raises(KernelError, match="open it with the worker local"):
                session.define("mine", stranger.parts[0][1], worker="local")
            assert not world.queue.held_back()
    assert stranger.ran is trusted


def test_the_command_says_what_it_holds_back(stranger: Stranger, capsys: pytest.CaptureFixture[str]) -> None:
    """`status`, `run` and `step` name the vat, the reason and the way; with trust it runs."""
    stranger.made(queued)
    for command in ("status", "run", "step"):
        assert main([command, stranger.path]) == 0
        assert "the creation of vat evil waits in the run-queue, at" in capsys.readouterr().out
    assert not stranger.ran
    assert main(["status", stranger.path, "--trust-local"]) == 0
    assert "evil" not in capsys.readouterr().out
    assert main(["run", stranger.path, "--trust-local"]) == 0
    assert stranger.ran


class LastFirst:
    """A scheduler that takes what came last."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """The end of the run-queue."""
        waiting = store.queues.all()
        return waiting[-1] if waiting else None


def test_another_scheduler_passes_it_over_too(stranger: Stranger) -> None:
    """What cannot be started is left, in whatever order events are taken."""
    stranger.made(others, queued, many)
    with open_world(stranger.path, scheduler=LastFirst()) as world:
        assert [report.outcome for report in world.run().reports] == ["rejected"]
        assert len(world.queue.held_back()) == 6
    assert not stranger.ran


def test_a_start_of_another_commit_is_not_passed_over(stranger: Stranger) -> None:
    """Positions in the run-queue are used again after going back: what stands there then is looked at."""
    stranger.made(others, a_label, queued)
    with open_world(stranger.path) as world:
        world.run()
        assert world.queue.held_back()
        world.history.go_back("then")
        others(stranger, world)
        assert [report.outcome for report in world.run().reports] == ["rejected", "rejected"]
    assert not stranger.ran


class Mine:
    """A class of the program's own, whose end does something."""

    ended: ClassVar[list[object]] = []

    def __del__(self) -> None:
        self.ended.append(vars(self).get("file"))


def test_no_object_is_made_whose_end_runs_code(stranger: Stranger) -> None:
    """A stored object of a class with a finaliser would run that with what a stranger has put into it."""
    session = Session(open_world(stranger.path, worker="local"))
    session.define("root", HARMLESS)
    plain = type("Mine", (), {})
    held = plain()
    held.root, held.file = session.root("root"), "yours"
    session.names.classes = {"Mine": plain}
    session.names.remember({"held": held})
    session.close()
    session = Session(open_world(stranger.path, worker="local"))
    session.names.classes = {"Mine": Mine}
    assert "held" not in session.names.recall()
    assert "another sort" in session.names.unread["held"]
    session.close()
    gc.collect()
    assert Mine.ended == []
