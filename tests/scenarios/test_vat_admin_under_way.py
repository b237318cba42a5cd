"""The vat `vatAdmin` upgraded in the middle of what it does for others: after any crank of a whole story."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError, RemoteRejection
from tests.conftest import MakeStage
from tests.scenarios.admin import Admin

BOOT = """
    from swingset.vat import E, RemoteRejection, remotable

    @remotable
    class Boot:
        async def run(self, vat_admin, bundle, meter_size):
            meter = await E(vat_admin).create_meter(meter_size, 0)
            options = {"vatParameters": {"start": 5}, "meter": meter}
            made = await E(vat_admin).create_vat(bundle, options)
            root, node = made["root"], made["adminNode"]
            log = [await E(root).increment(1)]
            done = E(node).done()
            log.append(await E(node).upgrade(bundle, {"vatParameters": {"start": 7}}))
            log.append(await E(root).increment(1))
            await E(node).change_options({"reapInterval": 3})
            await E(meter).add_remaining(5)
            log.append(await E(meter).get())
            await E(node).terminate_with_failure("enough")
            try:
                await done
            except RemoteRejection as problem:
                log.append(problem.reason)
            return log

    def build_root_object():
        return Boot()
"""
SIZE = 10**12


def play(admin: Admin, after: int | None) -> tuple[list[Any], int]:
    """Run the story, vatAdmin upgraded after so many cranks; what came of it, and how many there were."""
    stage = admin.stage
    promise = stage.send(stage.define("boot", BOOT), "run", admin.vat_admin, admin.counter, SIZE)
    stage.session.flush()
    cranks = 0
    while after is not None and cranks < after and stage.controller.step() is not None:
        cranks += 1
    if after is not None:
        admin.between()
    while stage.controller.step() is not None:
        cranks += 1
    log = stage.session.wait(promise)
    assert log[3].pop("remaining") <= SIZE + 5
    return log, cranks


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_vat_admin_may_be_upgraded_after_any_crank(worker: str, make_stage: MakeStage) -> None:
    """What was asked of it is answered as if nothing had happened, wherever the upgrade falls."""
    log, cranks = play(Admin(make_stage(worker), True), None)
    assert log == [6, {"incarnationNumber": 1}, 8, {"threshold": 0}, "enough"]
    assert cranks > 15
    # Where the upgrade falls does not depend on the worker, so the slow one tries every third place.
    for after in range(0, cranks, 1 if worker == "local" else 3):
        stage = make_stage(worker)
        assert play(Admin(stage, True), after)[0] == log, f"upgraded after {after} of {cranks} cranks"
        stage.close()


def test_upgrades_that_wait_for_each_other(admin: Admin) -> None:
    """Each begins where the last one ended, and one that is refused in between counts for nothing."""
    root, node = admin.create()
    bad = admin.bundle("def build_root_object():\n    raise ValueError('kaboom')\n")
    asked = [admin.send(node, "upgrade", bundle) for bundle in (admin.counter, bad, admin.counter)]
    first, second = admin.wait(asked[0]), admin.wait(asked[2])
    assert (first, second) == ({"incarnationNumber": 1}, {"incarnationNumber": 2})
    with pytest.raises(RemoteError, match=r"^vat-upgrade failure: kaboom"):
        admin.wait(asked[1])
    assert admin.ask(root, "thirteen") == 13


@pytest.mark.parametrize("first", ["upgrade", "terminate_with_failure"])
def test_an_upgrade_and_an_end_that_wait_for_each_other(admin: Admin, first: str) -> None:
    """An end does not wait in the run-queue: an upgrade that does finds the vat ended, whoever was first."""
    root, node = admin.create()
    pending, done = admin.send(root, "never"), admin.send(node, "done")
    admin.stage.session.settle()
    asked = {}
    for method in sorted(("upgrade", "terminate_with_failure"), key=lambda name: name != first):
        asked[method] = admin.send(node, method, admin.counter if method == "upgrade" else "enough")
    assert admin.wait(asked["terminate_with_failure"]) is None
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(done)
    assert caught.value.reason == "enough"
    late = [admin.send(root, "thirteen"), admin.send(node, "upgrade", admin.counter)]
    for promise in (asked["upgrade"], pending, *late):
        with pytest.raises(RemoteError) as ended:
            admin.wait(promise)
        assert (str(ended.value), ended.value.code) == ("vat terminated", "vat-terminated")


def test_creations_of_one_name(admin: Admin) -> None:
    """Of two that ask for a name the first gets it; when its vat has ended it is free for others."""
    asked = [admin.send(admin.vat_admin, "create_vat", admin.counter, {"name": "one"}) for _ in range(2)]
    made = admin.wait(asked[0])
    with pytest.raises(RemoteError, match=r"^Vat Creation Error: vat one exists: choose another name$"):
        admin.wait(asked[1])
    admin.ask(made["adminNode"], "terminate_with_failure", "done with")
    root, _ = admin.create(name="one")
    assert admin.ask(root, "thirteen") == 13
    with pytest.raises(RemoteError, match=r"^vat terminated$"):
        admin.ask(made["root"], "thirteen")
