"""Vats without a transcript: their heap lasts as long as their worker, and what is durable stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset.guest.base.errors import RemoteRejection
from tests.conftest import WORKERS, MakeStage
from tests.meddling import atomic
from tests.scenarios.admin import Admin
from tests.staging import Stage

SOURCE = """
    from swingset.vat import durable, make_promise, provide, remotable

    @durable
    class Sturdy:
        count: int = 0

        def more(self):
            self.count += 1
            return self.count

    @remotable
    class Fleeting:
        pass

    @remotable
    class Root:
        def __init__(self, sturdy):
            self.sturdy, self.count = sturdy, 0

        def more(self):
            self.count += 1
            return [self.count, self.sturdy.more()]

        def give(self):
            return [self.sturdy, Fleeting()]

        def never(self):
            return make_promise()[0]

        def fail(self):
            raise ValueError("as any")

        def spin(self):
            while True:
                pass

    def build_root_object(baggage):
        if baggage.get("bad", False):
            raise ValueError("not again")
        return Root(provide(baggage, "sturdy", Sturdy))
"""

WITHOUT = {"use_transcript": False}


def transcript(stage: Stage) -> int:
    rows = stage.controller.world.rows(
        "SELECT count(*) from transcript where vat = ?", (stage.controller.kernel.vat("vat").id,)
    )
    return int(next(iter(rows))[0])


def test_nothing_is_recorded_and_it_works_as_any(stage: Stage) -> None:
    """Answers, errors and durable state are as with one; there is no row and no heap image."""
    root = stage.define("vat", SOURCE, options=WITHOUT)
    assert [stage.ask(root, "more") for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]
    with pytest.raises(ValueError, match="as any"):
        stage.ask(root, "fail")
    assert stage.ask(root, "more") == [4, 4]
    assert transcript(stage) == 0
    assert stage.controller.vats.snapshot_all() == []


@pytest.mark.parametrize("worker", WORKERS)
def test_another_process_begins_it_anew(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """Its counter in memory is at 0 again, the durable one goes on: an incarnation more, of the same code."""
    path = tmp_path / "world"
    stage = make_stage(worker, path)
    root = stage.define("vat", SOURCE, options=WITHOUT)
    assert [stage.ask(root, "more") for _ in range(2)] == [[1, 1], [2, 2]]
    digest = stage.controller.digest()
    stage.close()
    again = make_stage(worker, path)
    assert again.session.found_digest == digest
    assert again.ask(again.session.root("vat"), "more") == [1, 3]
    assert again.ask(again.session.root("vat"), "more") == [2, 4]
    assert again.controller.kernel.vat("vat").incarnation == 1


def test_what_an_upgrade_ends_ends_with_its_worker(stage: Stage) -> None:
    """Promises are broken, heap objects abandoned, durable ones and the root stay; all else goes on."""
    root = stage.define("vat", SOURCE, options=WITHOUT)
    sturdy, fleeting = stage.ask(root, "give")
    waiting = stage.send(root, "never")
    stage.session.settle()
    stage.controller.kernel.warehouse.discard(stage.controller.kernel.vat("vat").id)
    assert stage.ask(sturdy, "more") == 1
    with pytest.raises(RemoteRejection) as caught:
        stage.session.wait(waiting)
    assert caught.value.reason == {
        "name": "vatUpgraded",
        "upgradeMessage": "its memory was lost with its worker",
        "incarnationNumber": 0,
    }
    with pytest.raises(Exception, match=r"abandoned|upgraded"):
        stage.ask(fleeting, "anything")
    assert stage.ask(root, "more") == [1, 2]


def test_housekeeping_of_a_vat_whose_memory_is_lost_ends(stage: Stage) -> None:
    """It begins anew once, though housekeeping comes before the run-queue, and is told after that."""
    root = stage.define("vat", SOURCE, options=WITHOUT)
    assert stage.ask(root, "more") == [1, 1]
    stage.controller.kernel.warehouse.discard_all()
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert not stage.controller.kernel.store.reaping.waiting()
    assert stage.controller.kernel.vat("vat").incarnation == 1
    assert stage.ask(root, "more") == [1, 2]


def test_it_is_never_evicted(stage: Stage) -> None:
    """However few vats may be online, its worker stays, and is not counted among them."""
    stage.controller.kernel.warehouse.limit(1)
    root = stage.define("vat", SOURCE, options=WITHOUT)
    others = [stage.define(f"other{number}", SOURCE) for number in range(3)]
    for number in range(1, 4):
        assert stage.ask(root, "more") == [number, number]
        assert [stage.ask(other, "more") for other in others] == [[number, number]] * 3
    assert stage.controller.kernel.vat("vat").incarnation == 0


def test_a_delivery_that_is_undone_takes_the_heap_with_it(wasm: Stage) -> None:
    """Its memory has seen what the world has not, so it begins anew, with the sender told why."""
    root = wasm.define("vat", SOURCE, options={**WITHOUT, "computrons": 2_000_000_000})
    assert wasm.ask(root, "more") == [1, 1]
    with pytest.raises(Exception, match="computrons"):
        wasm.ask(root, "spin")
    assert wasm.ask(root, "more") == [1, 2]


def test_one_that_does_not_begin_anew_is_suspended(stage: Stage) -> None:
    """Its code refuses to start a second time: what comes for it is parked, and the run ends."""
    root = stage.define("vat", SOURCE, options=WITHOUT)
    assert stage.ask(root, "more") == [1, 1]
    vat = stage.controller.kernel.vat("vat")
    with atomic(stage.controller.kernel):
        stage.controller.kernel.store.vatstore.set(vat.id, "vc.1.sbad", '{"body":"#true","slots":[]}')
        stage.controller.kernel.store.vatstore.set(vat.id, "vc.1.|entryCount", "2")
    stage.controller.commit("spoilt")
    stage.controller.kernel.warehouse.discard(vat.id)
    waiting = stage.send(root, "more")
    stage.session.settle()
    assert waiting.status == "pending"
    found = stage.controller.kernel.vat("vat")
    assert (found.state, "not again" in str(found.reason)) == ("suspended", True)


def test_a_creator_can_ask_for_it(stage: Stage) -> None:
    """As the reference spells it; it is for good."""
    admin = Admin(stage, False)
    root, node = admin.create(name="vat", useTranscript=False)
    assert admin.ask(root, "increment", 1) == 1
    assert transcript(stage) == 0
    with pytest.raises(Exception, match='changeOptions: unknown options "useTranscript"'):
        admin.ask(node, "change_options", {"useTranscript": True})


def test_its_digests_are_those_of_its_inputs(make_stage: MakeStage) -> None:
    """Two worlds of the same messages agree, on one commit or on many, with one vat online or fifty."""

    def play(online: int | None) -> tuple[Any, ...]:
        stage = make_stage("local", None, online=online)
        root, other = stage.define("vat", SOURCE, options=WITHOUT), stage.define("other", SOURCE)
        answers = [stage.ask(target, "more") for _ in range(3) for target in (root, other)]
        return answers, stage.controller.digest(), stage.controller.history.activity_digest()

    assert play(1) == play(None)
