"""Making, upgrading and ending vats from inside, as in the reference implementation.

Each scenario is played four times: on both workers, and on each a second time with the vat `vatAdmin` itself
upgraded between the steps.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from swingset import service_vats
from swingset.core.errors import KernelPanic
from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.model.messages import CreateVat, Reap
from tests.conftest import MakeStage
from tests.meddling import atomic
from tests.scenarios.admin import Admin
from tests.scenarios.test_gc import reap
from tests.staging import Stage

# S15: parameters

HOLDER = """
    from swingset.vat import remotable

    @remotable
    class Marker:
        pass

    @remotable
    class Holder:
        def make(self):
            return Marker()

    def build_root_object():
        return Holder()
"""


def settled_counts(admin: Admin, kref: str) -> tuple[int, int]:
    """Both counts of an object, once everybody has brought out the dead."""
    reap(admin.stage, *(vat.name for vat in admin.stage.controller.vats))
    return admin.counts(kref)


def test_parameters_are_retained_with_their_counts(admin: Admin) -> None:
    """A marker among the parameters has a count of 3,3 before and after an upgrade that passes it again.

    As in the reference. Here it is held by who asked for the vat, by the vat, and by the vat's record of what
    it was started with; vatAdmin lets go of it when it next brings out its dead.
    """
    marker = admin.ask(admin.stage.define("holder", HOLDER), "make")
    kref = admin.kref(marker)
    assert settled_counts(admin, kref) == (1, 1)
    root, node = admin.create(name="marked", vatParameters={"marker": marker})
    assert admin.ask(root, "get_parameters") == {"marker": marker}
    assert settled_counts(admin, kref) == (3, 3)
    admin.ask(node, "upgrade", admin.counter, {"vatParameters": {"marker": marker}})
    assert admin.ask(root, "get_parameters") == {"marker": marker}
    assert settled_counts(admin, kref) == (3, 3)
    assert admin.stage.controller.kernel.vat("marked").parameters.slots == (kref,)
    admin.ask(node, "upgrade", admin.counter)
    assert settled_counts(admin, kref) == (1, 1)


def test_parameters_left_out_are_none(admin: Admin) -> None:
    """The first incarnation and the next both receive None."""
    root, node = admin.create()
    assert admin.ask(root, "get_parameters") is None
    admin.ask(node, "upgrade", admin.counter)
    assert admin.ask(root, "get_parameters") is None


def test_a_new_vat_gets_the_references_of_its_parameters_only(admin: Admin) -> None:
    """Neither the bundlecap nor the meter of the request ends up in the c-list of the new vat."""
    meter = admin.ask(admin.vat_admin, "create_unlimited_meter")
    _, _ = admin.create(name="poor", meter=meter, vatParameters=[admin.vat_admin])
    rows = [row for row in admin.stage.lens.clist("poor") if row.direction == "import"]
    assert [row.kref for row in rows] == [admin.kref(admin.vat_admin)]


def test_the_queued_creation_holds_its_parameters(admin: Admin) -> None:
    """What the parameters mention lives while only the creation that still waits holds it."""
    controller, session = admin.stage.controller, admin.stage.session
    marker = admin.ask(admin.stage.define("holder", HOLDER), "make")
    kref = admin.kref(marker)
    made = admin.send(admin.vat_admin, "create_vat", admin.counter, {"vatParameters": [marker]})
    del marker
    session.flush()
    while not any(isinstance(event, CreateVat) for _, event in controller.kernel.store.queues.all()):
        controller.step()
    admin.between()
    for vat in ("notebook", "vatAdmin"):
        with atomic(controller.kernel):
            controller.kernel.store.reaping.schedule(controller.kernel.vat(vat).id)
        assert isinstance(controller.step().event, Reap)
    assert admin.counts(kref) == (1, 1)
    [held] = admin.ask(admin.wait(made)["root"], "get_parameters")
    assert admin.kref(held) == kref


# S16: creation


def test_a_vat_is_made_by_bundlecap_by_id_and_by_name(admin: Admin) -> None:
    """All ways lead to a vat that answers 13."""
    bundle_id = admin.stage.session.devices.call(
        admin.stage.session.devices.get("bundles"), "get_id", admin.counter
    )
    named = admin.ask(admin.vat_admin, "get_named_bundlecap", "counter")
    assert named is admin.counter
    root, _ = admin.create()
    assert admin.ask(root, "thirteen") == 13
    root, _ = admin.create(named)
    assert admin.ask(root, "thirteen") == 13
    for method, key in (("create_vat_by_id", bundle_id), ("create_vat_by_name", "counter")):
        made = admin.ask(admin.vat_admin, method, key)
        assert admin.ask(made["root"], "thirteen") == 13


RECEIVER = """
    from swingset.vat import remotable

    @remotable
    class Receiver:
        def __init__(self, start):
            self.sum, self.count = start, 0

        def increment(self, by):
            self.sum += by
            self.count += 1
            return self.sum

        def ticker(self):
            return self.count

    @remotable
    class Root:
        def create_receiver(self, start):
            return Receiver(start)

        def add2(self, number):
            return number + 2

    def build_root_object():
        return Root()
"""


def test_a_counter_vat_counts(admin: Admin) -> None:
    """Start 1, increment 3, increment 5, the ticker, and add2 of 6: 4, 9, 2, 8."""
    root, _ = admin.create(admin.bundle(RECEIVER))
    receiver = admin.ask(root, "create_receiver", 1)
    log = [admin.ask(receiver, "increment", 3), admin.ask(receiver, "increment", 5)]
    log += [admin.ask(receiver, "ticker"), admin.ask(root, "add2", 6)]
    assert log == [4, 9, 2, 8]


def test_what_is_no_bundlecap_is_refused(admin: Admin) -> None:
    """An object, a number, a meter's node or nothing make no vat."""
    words = "Vat Creation Error: createVat() requires a bundlecap"
    for wrong in (admin.vat_admin, 5, None, admin.stage.session.devices.get("vatAdmin")):
        assert admin.refused(wrong) == words


def test_missing_code_or_name_is_a_creation_error(admin: Admin) -> None:
    """Code without a root, or a bundle nobody installed, is a Vat Creation Error that says so."""
    empty = admin.bundle("x = 1\n")
    assert admin.refused(empty).startswith("Vat Creation Error: vat ")
    assert "defines no build_root_object" in admin.refused(empty)
    missing = admin.refused("nobody", method="create_vat_by_name")
    assert missing == 'Vat Creation Error: there is no bundle named "nobody"'
    assert "is not installed" in admin.refused("b1-00", method="create_vat_by_id")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return make_promise()[0]", "Vat Creation Error: build_root_object of vat .* waits for something"),
        ("return Lasting()", "Vat Creation Error: .* must return an instance of a @remotable class"),
        ("return Passing()", "Vat Creation Error: .* must return an instance of a @remotable class"),
        ("raise ValueError('kaboom')", "Vat Creation Error: kaboom"),
    ],
)
def test_code_that_cannot_start_is_a_creation_error(admin: Admin, body: str, words: str) -> None:
    """A build that hangs, returns a durable or virtual root or raises leaves no vat behind.

    The reference says `buildRootObject unresolved` and `must return ephemeral, not virtual`. Here the words
    are those of the class decorators that a vat's author writes.
    """
    before = [vat.id for vat in admin.stage.controller.vats]
    head = (
        "from swingset.vat import *\n@durable\nclass Lasting:\n    pass\n@virtual\nclass Passing:\n    pass\n"
    )
    bad = admin.stage.session.devices.bundle(f"{head}def build_root_object():\n    {body}\n")
    assert re.match(words, admin.refused(bad))
    assert [vat.id for vat in admin.stage.controller.vats] == before


def test_names_of_vats_are_checked(admin: Admin) -> None:
    """199 characters of letters, digits, dots, dashes and underscores, and no more."""
    admin.create(name="n" * 199)
    assert admin.refused(admin.counter, {"name": "n" * 200}) == (
        f'CreateVatOptions: oversized vat name "{"n" * 200}"'
    )
    words = 'CreateVatOptions: bad vat name "no spaces"'
    assert admin.refused(admin.counter, {"name": "no spaces"}) == words
    assert admin.refused(admin.counter, {"name": "n" * 199}).startswith("Vat Creation Error: vat nnn")


def test_a_vat_without_a_name_goes_by_its_id(admin: Admin) -> None:
    """Somebody else who has called a vat so cannot hinder it: then it goes by its id and a number."""
    controller = admin.stage.controller
    admin.create()
    mine = list(controller.vats)[-1]
    assert mine.name == mine.id
    coming = f"v{int(mine.id[1:]) + 3}"
    admin.create(name=coming)
    admin.create(name=f"{coming}-2")
    root, _ = admin.create()
    assert admin.ask(root, "thirteen") == 13
    assert {vat.id: vat.name for vat in controller.vats}[coming] == f"{coming}-3"
    assert admin.refused(admin.counter, {"name": coming}).startswith(
        f"Vat Creation Error: vat {coming} exists"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bogus": 1}, 'CreateVatOptions: unknown options "bogus"'),
        ({"reapInterval": -1}, "CreateVatOptions: reapInterval wants None or an int from 1, got int -1"),
        ({"onStarvation": "cry"}, 'CreateVatOptions: onStarvation wants "suspend" or "terminate"'),
        ({"critical": True}, "CreateVatOptions: critical wants the criticalVatKey"),
        ({"meter": 5}, "CreateVatOptions: meter wants a meter, got int 5"),
        ({"worker": "sudo"}, "CreateVatOptions: worker wants one of "),
    ],
)
def test_options_of_vats_are_checked(admin: Admin, options: dict[str, Any], words: str) -> None:
    """An option that is unknown or of the wrong kind is named."""
    assert admin.refused(admin.counter, options).startswith(words)


def test_a_confined_vat_cannot_make_an_unconfined_one(make_stage: MakeStage) -> None:
    """Where vatAdmin runs in the engine, so do the vats it makes."""
    admin = Admin(make_stage("wasm"), False)
    words = admin.refused(admin.counter, {"worker": "local"})
    assert (
        words
        == 'CreateVatOptions: worker wants one of wasm, wasm-numpy, wasm-pandas, wasm-full, got str "local"'
    )


def test_options_reach_the_kernel_and_can_be_changed(admin: Admin) -> None:
    """The kernel keeps them under its own names; None takes one back."""
    _, node = admin.create(name="tuned", reapInterval=7, neverReap=True, computrons=10**9)
    vats_table = admin.stage.controller.kernel.store.vats
    kept = {"reap_interval": 7, "never_reap": True, "computrons": 10**9}
    assert vats_table.named("tuned").options == kept  # type: ignore[union-attr]
    admin.ask(node, "change_options", {"reapInterval": 3, "computrons": None})
    kept = {"reap_interval": 3, "never_reap": True}
    assert vats_table.named("tuned").options == kept  # type: ignore[union-attr]
    for wrong, words in (
        ({"name": "other"}, 'changeOptions: unknown options "name"'),
        ({"meter": 5}, "changeOptions: meter wants a meter, got int 5"),
        ({"neverReap": 1}, "changeOptions: neverReap wants True or False, got int 1"),
    ):
        with pytest.raises(RemoteError) as caught:
            admin.ask(node, "change_options", wrong)
        assert str(caught.value) == words
    assert vats_table.named("tuned").options == kept  # type: ignore[union-attr]


def test_options_that_say_nothing_are_as_if_they_were_not_there(admin: Admin) -> None:
    """None for any option, and False for what a vat is not."""
    nothing = dict.fromkeys(("name", "meter", "worker", "reapInterval", "computrons", "vatParameters"))
    root, _ = admin.create(**nothing, critical=False, neverReap=False)
    assert admin.ask(root, "thirteen") == 13
    root, _ = admin.create(critical=None)
    assert admin.ask(root, "get_parameters") is None


# Upgrade


def test_an_upgrade_keeps_the_root_reference(admin: Admin) -> None:
    """The result tells the new incarnation's number, and the memory is new."""
    root, node = admin.create(vatParameters={"start": 5})
    assert admin.ask(root, "increment", 1) == 6
    assert admin.ask(node, "upgrade", admin.counter) == {"incarnationNumber": 1}
    assert admin.ask(root, "increment", 1) == 1


def test_an_upgrade_breaks_promises_with_its_message(admin: Admin) -> None:
    """What the old incarnation had promised is rejected with the disconnection object."""
    root, node = admin.create()
    pending = admin.send(root, "never")
    admin.ask(node, "upgrade", admin.counter, {"upgradeMessage": "test upgrade"})
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(pending)
    told = {"name": "vatUpgraded", "upgradeMessage": "test upgrade", "incarnationNumber": 0}
    assert caught.value.reason == told


def test_a_refused_upgrade_says_why_and_changes_nothing(admin: Admin) -> None:
    """The caller learns the reason and the line; the old incarnation's memory is as it was."""
    root, node = admin.create()
    assert admin.ask(root, "increment", 2) == 2
    bad = admin.bundle("def build_root_object():\n    raise ValueError('kaboom')\n")
    with pytest.raises(RemoteError, match="vat-upgrade failure: kaboom") as caught:
        admin.ask(node, "upgrade", bad)
    assert caught.value.trace == (("main", 2, "build_root_object"),)
    assert admin.ask(root, "increment", 2) == 4


def test_unknown_options_of_an_upgrade_are_refused(admin: Admin) -> None:
    """They are named as in the reference."""
    _, node = admin.create()
    with pytest.raises(RemoteError) as caught:
        admin.ask(node, "upgrade", admin.counter, {"bad": 1})
    assert str(caught.value) == 'upgrade() received unknown options: "bad"'
    with pytest.raises(RemoteError, match=r"upgrade\(\) requires a bundlecap"):
        admin.ask(node, "upgrade", 5)


# S18 and how vats end


def test_a_vat_killed_from_outside(admin: Admin) -> None:
    """It answered and had not ended; after the kill it is gone, sends say so, and done rejects with 'doom!'.

    In the reference's dump the vat is not there any more. Here its record stays, as terminated and with
    nothing in its c-list, because logs and transcripts go on speaking of it; its name is free.
    """
    controller = admin.stage.controller
    root, node = admin.create(name="to_terminate")
    assert admin.ask(root, "ping", 1) == 1
    done = admin.send(node, "done")
    admin.stage.session.settle()
    assert done.status == "pending"
    assert "to_terminate" in [vat["name"] for vat in controller.dump()["vats"]]
    controller.terminate_vat("to_terminate", "doom!")
    admin.stage.session.settle()
    dumped = controller.dump()
    [record] = [vat for vat in dumped["vats"] if vat["name"] == "to_terminate"]
    assert (record["state"], dumped["clists"][record["id"]]) == ("terminated", [])
    assert "to_terminate" not in [vat.name for vat in controller.vats]
    with pytest.raises(RemoteError) as caught:
        admin.ask(root, "ping", 2)
    assert (str(caught.value), caught.value.code) == ("vat terminated: doom!", "vat-terminated")
    for promise in (done, admin.send(node, "done")):
        with pytest.raises(RemoteRejection) as rejected:
            admin.wait(promise)
        assert rejected.value.reason == "doom!"


def test_done_is_told_when_the_admin_node_ends_the_vat(admin: Admin) -> None:
    """The keeper hears the reason as it was given, other callers only that the vat is terminated."""
    root, node = admin.create()
    pending = admin.send(root, "never")
    admin.stage.session.settle()
    done = admin.send(node, "done")
    admin.stage.session.settle()
    admin.ask(node, "terminate_with_failure", {"because": [1, 2]})
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(done)
    assert caught.value.reason == {"because": [1, 2]}
    for promise in (pending, admin.send(root, "thirteen")):
        with pytest.raises(RemoteError) as failed:
            admin.wait(promise)
        assert (str(failed.value), failed.value.code) == ("vat terminated", "vat-terminated")
    with pytest.raises(RemoteError, match="vat terminated"):
        admin.ask(node, "change_options", {"reapInterval": 5})


def test_done_is_told_what_a_vat_says_when_it_leaves(admin: Admin) -> None:
    """An exit fulfils done with its value; a failing one rejects it and undoes the delivery."""
    root, node = admin.create()
    assert admin.ask(root, "exit", "bye", False) == "leaving"
    assert admin.ask(node, "done") == "bye"
    root, node = admin.create()
    with pytest.raises(RemoteError, match="vat terminated"):
        admin.ask(root, "exit", "bye", True)
    with pytest.raises(RemoteRejection) as caught:
        admin.ask(node, "done")
    assert caught.value.reason == "bye"


def test_a_critical_vat_takes_the_key_and_its_end_stops_the_world(admin: Admin) -> None:
    """Only the holder of the key can make one."""
    key = admin.stage.session.devices.critical_vat_key()
    _, node = admin.create(name="heart", critical=key)
    with pytest.raises(KernelPanic, match="critical vat heart was terminated"):
        admin.ask(node, "terminate_with_failure", "stop") or admin.ask(node, "done")


def test_answers_under_way_survive_an_upgrade_of_vat_admin(stage: Stage) -> None:
    """A queued creation and an awaited done belong to the kernel, not to the heap of vatAdmin."""
    admin = Admin(stage, False)
    controller = stage.controller
    made = admin.send(admin.vat_admin, "create_vat", admin.counter, {"name": "late"})
    stage.session.flush()
    while not any(isinstance(event, CreateVat) for _, event in controller.kernel.store.queues.all()):
        controller.step()
    stage.session.upgrade("vatAdmin", "vatAdmin", service_vats.source("vat_admin"))
    assert controller.kernel.store.vats.named("late") is None
    found = admin.wait(made)
    assert admin.ask(found["root"], "thirteen") == 13
    done = admin.send(found["adminNode"], "done")
    stage.session.settle()
    stage.session.upgrade("vatAdmin", "vatAdmin", service_vats.source("vat_admin"))
    assert done.status == "pending"
    admin.ask(found["adminNode"], "terminate_with_failure", "enough")
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(done)
    assert caught.value.reason == "enough"
