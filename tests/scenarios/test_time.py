"""Going back and forth in time: checkpoints, forks, pausing, stepping, suspension, termination."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset.core.errors import NoSuchVat
from swingset.guest.base.errors import RemoteError
from swingset.host.base.policies import cranks
from swingset.host.sessions.pending import StillPending
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.vat import E, make_promise
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.vat_sources import SAVINGS

VAT = (
    """
from swingset.vat import E, durable, make_promise, provide, remotable
"""
    + SAVINGS
    + """
def build_root_object(baggage):
    local, heard = 0, []

    @remotable
    class Root:
        def bump(self):
            nonlocal local
            local += 1
            return local

        def purse(self):
            return provide(baggage, "purse", Purse)

        def wait(self):
            promise, self.resolver = make_promise()
            return promise

        def release(self, value):
            self.resolver.resolve(value)

        async def half(self, other, note):
            mine = local
            first = await E(other).wait()
            print("half done", note)
            second = await E(other).bump()
            return [note, mine, first, second]

        def listen(self, promise):
            promise.then(None, lambda problem: heard.append(problem.reason))

        def heard(self):
            return heard

        def spin_when(self, promise, flag):
            def told(value):
                while SPIN: pass
                print("told", value)
            promise.then(told)

    return Root()
"""
)


def test_resume_back_and_forth(stage: Stage) -> None:
    """Going to a checkpoint and back gives the very worlds that were named, heaps included."""
    root = stage.define("vat", VAT)
    purse = stage.ask(root, "purse")
    stage.ask(purse, "deposit", 5)
    stage.ask(root, "bump")
    first = stage.controller.checkpoint("first")
    heap = stage.heap("vat")
    stage.ask(purse, "deposit", 5)
    stage.ask(root, "bump")
    second = stage.controller.checkpoint("second")
    assert first.digest != second.digest
    for name, digest, balance, local in (
        ("first", first.digest, 6, 2),
        ("second", second.digest, 11, 3),
        ("first", first.digest, 6, 2),
    ):
        stage.controller.history.go_back(name)
        assert stage.controller.digest() == digest
        assert (stage.heap("vat") == heap) or name == "second" or heap is None
        stage.session.attach()
        root = stage.session.root("vat")
        purse = stage.ask(root, "purse")
        assert stage.ask(purse, "deposit", 1) == balance
        assert stage.ask(root, "bump") == local
    assert [label.name for label in stage.controller.history.checkpoints()] == ["first", "second"]


def test_checkpoint_is_incremental(wasm: Stage) -> None:
    """A second checkpoint stores only the pages that changed since the first."""
    root = wasm.define("vat", VAT)
    first = wasm.controller.checkpoint("first")
    wasm.ask(root, "bump")
    second = wasm.controller.checkpoint("second")
    again = wasm.controller.checkpoint("again")
    assert first.new_pages > second.new_pages > 0
    assert (again.new_pages, again.vats) == (0, 0)


def test_fork_is_another_world(stage: Stage) -> None:
    """What happens in a fork does not happen here, and the fork begins with everything that was here."""
    root = stage.define("vat", VAT)
    stage.ask(root, "bump")
    promise = stage.send(root, "wait")
    stage.session.settle()
    before, heap, rows = stage.controller.digest(), stage.heap("vat"), stage.lens.promises()
    fork = stage.controller.fork()
    try:
        assert fork.digest() == before
        twin = fork.kernel.vat("vat")
        assert fork.kernel.warehouse.heap_digest(twin) == heap
        fork.terminate_vat("vat", "in the fork")
        fork.run()
        assert [vat.name for vat in fork.vats] == ["notebook"]
        assert fork.digest() != before
    finally:
        fork.close()
    assert stage.controller.digest() == before
    assert stage.lens.promises() == rows
    stage.ask(root, "release", "here")
    assert stage.session.wait(promise) == "here"
    assert stage.ask(root, "bump") == 2


def test_paused_world(stage: Stage) -> None:
    """A paused world takes messages and delivers none, except by single steps."""
    root = stage.define("vat", VAT)
    stage.controller.queue.pause()
    promises = [stage.send(root, "bump") for _ in range(3)]
    with pytest.raises(StillPending, match="paused with 3 events"):
        stage.session.wait(promises[2])
    assert [row.summary for row in stage.lens.queue()] == ["bump()"] * 3
    report = stage.controller.step()
    assert report is not None
    assert (report.outcome, report.vat) == ("delivered", "vat")
    assert len([row for row in stage.lens.queue() if row.kind == "send"]) == 2
    assert promises[0].status == "pending"  # the notification waits behind the sends
    stage.controller.queue.unpause()
    assert [stage.session.wait(promise) for promise in promises] == [1, 2, 3]


def test_run_in_pieces(stage: Stage) -> None:
    """A run that its policy stops loses nothing: the same cranks happen, in the same order."""
    root = stage.define("vat", VAT)
    promises = [stage.send(root, "bump") for _ in range(10)]
    ran = 0
    while True:
        report = stage.controller.run(cranks(3))
        ran += report.cranks
        if not report.more:
            break
        assert report.cranks == 3
    assert ran >= 20
    assert [stage.session.wait(promise) for promise in promises] == list(range(1, 11))


def test_vat_that_runs_out_in_a_notification(wasm: Stage) -> None:
    """A notification that never ends suspends its vat; the world carries on, and new code brings it back."""
    bank, other = wasm.define("bank", VAT), wasm.define("other", VAT.replace("SPIN", "True"))
    wasm.ask(other, "spin_when", wasm.send(bank, "wait"), True)
    purse = wasm.ask(other, "purse")
    wasm.ask(bank, "release", "news")
    wasm.session.settle()
    [row] = [row for row in wasm.lens.vats() if row.name == "other"]
    assert (row.state, row.parked) == ("suspended", 1)
    assert "used up its computrons" in (row.reason or "")
    assert "line 47" in (row.reason or "")
    late = wasm.send(purse, "deposit", 3)
    assert wasm.ask(bank, "bump") == 1
    with pytest.raises(StillPending):
        wasm.session.wait(late)
    assert [(row.where, row.kind) for row in wasm.lens.queue()] == [
        ("vat other, suspended", "notify"),
        ("vat other, suspended", "send"),
    ]
    wasm.upgrade("other", VAT.replace("SPIN", "False"))
    assert wasm.session.wait(late) == 3
    [row] = [row for row in wasm.lens.vats() if row.name == "other"]
    assert (row.state, row.parked, row.reason) == ("live", 0, None)


def test_suspended_by_hand(stage: Stage) -> None:
    """Messages for a suspended vat are kept in their order and delivered when it wakes."""
    root = stage.define("vat", VAT)
    stage.controller.kernel.suspend("vat", "for a look")
    promises = [stage.send(root, "bump") for _ in range(3)]
    stage.session.settle()
    assert {promise.status for promise in promises} == {"pending"}
    assert [row.where for row in stage.lens.queue()] == ["vat vat, suspended"] * 3
    stage.check()
    stage.controller.kernel.resume("vat")
    assert [stage.session.wait(promise) for promise in promises] == [1, 2, 3]


def test_terminated_vat(stage: Stage) -> None:
    """Killing a vat rejects what it promised, refuses later sends with the reason, and frees its name."""
    root = stage.define("vat", VAT)
    purse, promise = stage.ask(root, "purse"), stage.send(root, "wait")
    stage.session.settle()
    stage.controller.terminate_vat("vat", "doom!")
    with pytest.raises(RemoteError, match=r"^vat terminated: doom!$") as caught:
        stage.session.wait(promise)
    assert caught.value.code == "vat-terminated"
    for target, method, args in ((root, "bump", ()), (purse, "deposit", (1,))):
        with pytest.raises(RemoteError, match=r"^vat terminated: doom!$") as caught:
            stage.ask(target, method, *args)
        assert caught.value.code == "vat-terminated"
    assert [vat.name for vat in stage.controller.vats] == ["notebook"]
    with pytest.raises(NoSuchVat, match="'vat'; there are: notebook"):
        stage.session.root("vat")
    again = stage.define("vat", VAT)
    assert again is not root
    assert stage.ask(again, "bump") == 1


def test_terminated_with_messages_waiting(stage: Stage) -> None:
    """What was queued or parked for a vat when it ended is answered, not lost."""
    root = stage.define("vat", VAT)
    stage.controller.kernel.suspend("vat", "for a look")
    parked = stage.send(root, "bump")
    stage.session.settle()
    stage.controller.queue.pause()
    queued = stage.send(root, "bump")
    stage.controller.terminate_vat("vat", "")
    stage.controller.queue.unpause()
    for promise in (parked, queued):
        with pytest.raises(RemoteError, match=r"^vat terminated$"):
            stage.session.wait(promise)


def test_vat_that_asks_to_end(stage: Stage) -> None:
    """A vat may end itself: its last delivery counts, or is undone if it calls it a failure."""
    source = """
    from swingset.vat import E, remotable

    @remotable
    class Root:
        def __init__(self, powers):
            self.powers = powers

        def leave(self, spy, failed):
            E(spy).bump()
            self.powers.exit("bye", failed=failed)
            return "left"

    def build_root_object(powers):
        return Root(powers)
    """
    spy = stage.define("spy", VAT)
    good, bad = stage.define("good", source), stage.define("bad", source)
    assert stage.ask(good, "leave", spy, False) == "left"
    with pytest.raises(RemoteError, match=r"^vat terminated: vat bad asked to end$"):
        stage.ask(bad, "leave", spy, True)
    assert stage.ask(spy, "bump") == 2
    assert [vat.name for vat in stage.controller.vats] == ["notebook", "spy"]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_another_process_would_find_it(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """Closing and opening a world is an upgrade of the session only: names, heaps and waits are there."""
    path = tmp_path / "bank.world"
    stage = make_stage(worker, path)
    asked, slow = stage.define("asked", VAT), stage.define("slow", VAT)
    stage.ask(asked, "bump")
    stage.ask(stage.ask(asked, "purse"), "deposit", 4)
    lost = stage.send(asked, "half", slow, "for the session")
    stage.session.settle()
    stage.session.names.remember({"asked": asked, "slow": slow, "purse": stage.ask(asked, "purse")})
    digest, heaps = stage.controller.digest(), [stage.heap(name) for name in ("asked", "slow")]
    stage.close()

    with open_world(path, create=False, worker=worker) as controller:
        session = Session(controller)
        assert session.found_digest == digest
        assert session.incarnation == 1
        kernel = controller.kernel
        assert heaps == [kernel.warehouse.heap_digest(kernel.vat(name)) for name in ("asked", "slow")]
        names = session.names.recall()
        seen: list[str] = []
        controller.outputs.listen(lambda output: seen.append(output.text))
        assert session.wait(E(names["purse"]).deposit(1)) == 5
        assert session.wait(E(names["asked"]).bump()) == 2
        session.wait(E(names["slow"]).release("now"))
        session.settle()
        assert seen == ["half done for the session\n"]
        assert session.wait(E(names["slow"]).bump()) == 2  # the first was the half-finished method's
    assert lost.status == "rejected"  # with the life of the session that waited for it


def test_session_promises_break_when_it_restarts(stage: Stage) -> None:
    """What the session's last incarnation had promised is rejected for those who wait for it."""
    root = stage.define("vat", VAT)
    promise, _resolver = make_promise()
    stage.ask(root, "listen", promise)
    left_behind = stage.session.attach("the session was started anew")
    assert len(left_behind.disconnected) == 1
    stage.session.settle()
    assert stage.lens.promises() == []
    told = {
        "name": "vatUpgraded",
        "upgradeMessage": "the session was started anew",
        "incarnationNumber": 0,
    }
    assert stage.ask(stage.session.root("vat"), "heard") == [told]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_commit_with_unsettled_messages(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """Messages that a commit took along before the session settled are not confused with later ones."""
    path = tmp_path / "bank.world"
    stage = make_stage(worker, path)
    root = stage.define("vat", VAT)
    stage.send(root, "bump")
    stage.controller.queue.pause()  # commits, with the message in the run-queue
    stage.controller.close()
    stage.closed = True

    with open_world(path, create=False, worker=worker) as controller:
        session = Session(controller)
        controller.queue.unpause()
        assert session.wait(E(session.root("vat")).bump()) == 2
