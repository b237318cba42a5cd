"""Messages from the host, which is no vat, and what the table of promises holds after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelPanic
from swingset.host.base.policies import cranks
from swingset.model.capdata import Ref
from tests.conftest import MakeStage
from tests.scenarios.test_patterns import cast
from tests.staging import Stage

ROOT = """
    from swingset.vat import remotable

    @remotable
    class Root:
        def data(self):
            return [1, "two", None]

        def object(self):
            return self

        def nothing(self):
            pass

        def error(self):
            raise RuntimeError("gratuitous error")

    def build_root_object():
        return Root()
"""


def queue(stage: Stage, vat: str, method: str, *args: Any, policy: str = "ignore") -> str:
    """Send a message to a vat's root; the promise for its result, which the host holds."""
    result = stage.controller.queue_to_root(vat, method, args, policy=policy)
    assert result is not None
    return result


def ref(stage: Stage, vat: str) -> Ref:
    """A vat's root, as the host names it."""
    return Ref(stage.controller.kernel.root_of(vat))


# S5


def test_circular_promises_stay(stage: Stage) -> None:
    """The table holds the host's result and two promises in each other's data, all with a count of one."""
    cast(stage)
    result = queue(stage, "alice", "a100", ref(stage, "bob"))
    stage.controller.run()
    assert stage.log == ["True", "True"]
    rows = {row["kref"]: row for row in stage.controller.dump()["promises"]}
    undefined = {"body": "#null", "slots": []}
    answer = rows.pop(result)
    assert (answer["state"], answer["refcount"], answer["data"]) == ("fulfilled", 1, undefined)
    x, y = rows
    for kref, other in ((x, y), (y, x)):
        held = {"body": '#["&0"]', "slots": [other]}
        assert (rows[kref]["state"], rows[kref]["refcount"], rows[kref]["data"]) == ("fulfilled", 1, held)
    stage.controller.release(result)
    assert [row["kref"] for row in stage.controller.dump()["promises"]] == [x, y]


def test_promise_held_by_a_queued_message(stage: Stage) -> None:
    """A settled promise that only a waiting message mentions is kept for it, and the host hears [True, 3]."""
    cast(stage, waits=True)
    stage.controller.queue_to_root("alice", "queued", [ref(stage, "bob")], policy="none")
    stage.controller.run()
    [settled] = [row for row in stage.lens.promises() if row.state == "fulfilled"]
    [waiting] = [row for row in stage.lens.queue() if row.summary == "checks()"]
    assert (settled.refcount, waiting.where.partition(" ")[0]) == (1, "promise")
    result = queue(stage, "alice", "delivered", ref(stage, "bob"))
    stage.controller.run()
    assert (stage.controller.status(result), stage.controller.resolution(result)) == ("fulfilled", [True, 3])
    stage.controller.release(result)
    assert stage.lens.promises() == []


# S6


def test_answers_to_the_host(stage: Stage) -> None:
    """The promise of a message from outside is fulfilled with the data, the object, or nothing."""
    stage.define("vat", ROOT)
    asked = {method: queue(stage, "vat", method) for method in ("data", "object", "nothing")}
    stage.controller.run()
    found = {method: stage.controller.outcome(result) for method, result in asked.items()}
    assert {outcome.status for outcome in found.values()} == {"fulfilled"}
    assert found["data"].value == [1, "two", None]
    assert found["object"].value.kref == stage.controller.kernel.root_of("vat")
    assert found["nothing"].value is None
    for result in asked.values():
        stage.controller.release(result)
    assert stage.lens.promises() == []


def test_a_failure_that_the_host_ignores(stage: Stage) -> None:
    """Under the policy `ignore` it is a rejection with the error, and the world goes on."""
    stage.define("vat", ROOT)
    result = queue(stage, "vat", "error")
    stage.controller.run()
    assert stage.controller.status(result) == "rejected"
    assert str(stage.controller.resolution(result)) == "gratuitous error"
    again = queue(stage, "vat", "data")
    stage.controller.run()
    assert stage.controller.resolution(again) == [1, "two", None]


def test_a_failure_that_ends_the_kernel(stage: Stage) -> None:
    """Under the policy `panic` this run and all later ones raise; the outcome is still that error."""
    stage.define("vat", ROOT)
    result = queue(stage, "vat", "error", policy="panic")
    queue(stage, "vat", "data")
    words = rf"^kernel panic {result}\.policy panic: rejected .*gratuitous error"
    for act in (stage.controller.run, stage.controller.run, stage.controller.step):
        with pytest.raises(KernelPanic, match=words):
            act()
    assert stage.controller.status(result) == "rejected"
    assert str(stage.controller.resolution(result)) == "gratuitous error"
    assert [row.summary for row in stage.lens.queue()] == ["data()"]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_a_world_that_has_panicked_stays_so_until_it_is_overruled(
    worker: str, tmp_path: Path, make_stage: MakeStage
) -> None:
    """Who opens it again hears the same; what still waits runs when the host says so."""
    path = tmp_path / "a.world"
    stage = make_stage(worker, path)
    stage.define("vat", ROOT)
    failed, waiting = queue(stage, "vat", "error", policy="panic"), queue(stage, "vat", "data")
    with pytest.raises(KernelPanic, match="gratuitous error"):
        stage.controller.run(cranks(1))
    stage.close()
    again = make_stage(worker, path)
    with pytest.raises(KernelPanic, match="gratuitous error"):
        again.controller.run()
    assert again.controller.status(waiting) == "unresolved"
    again.controller.queue.overrule_panic()
    again.controller.run()
    assert str(again.controller.resolution(failed)) == "gratuitous error"
    assert again.controller.resolution(waiting) == [1, "two", None]


def test_a_world_can_go_back_to_before_its_panic(stage: Stage) -> None:
    """The end of a critical vat stops the world until it goes back to where the vat lived."""
    stage.define("vat", ROOT, options={"critical": True})
    stage.controller.checkpoint("before")
    stage.controller.terminate_vat("vat", "enough")
    with pytest.raises(KernelPanic, match=r"critical vat vat was terminated: vat terminated: enough$"):
        stage.controller.run()
    stage.controller.history.go_back("before")
    waiting = queue(stage, "vat", "data")
    stage.controller.run()
    assert stage.controller.resolution(waiting) == [1, "two", None]
