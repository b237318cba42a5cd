"""Making, upgrading and ending vats from inside, as in the reference implementation.

Each scenario is played four times: on both workers, and on each a second time with the vat `vatAdmin` itself
upgraded between the steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from swingset import vats
from swingset.core.errors import KernelPanic
from swingset.devices.bundles import module_hash
from swingset.guest.remote_errors import RemoteError, RemoteRejection
from swingset.model.messages import CreateVat
from tests.staging import Stage

COUNTER = """
    from swingset.vat import E, durable, make_promise, remotable

    @remotable
    class Counter:
        def __init__(self, powers, parameters):
            self.powers = powers
            self.parameters = parameters
            self.count = (parameters or {}).get("start", 0) if isinstance(parameters, dict) else 0

        def get_parameters(self):
            return self.parameters

        def increment(self, by):
            self.count += by
            return self.count

        def ticker(self):
            return Ticker(self)

        def thirteen(self):
            return 13

        def ping(self, value):
            return value

        def never(self):
            return make_promise()[0]

        def burn(self, turns):
            for _ in range(turns):
                pass
            return 42

        def exit(self, value, failed):
            self.powers.exit(value, failed=failed)
            return "leaving"

    @remotable
    class Ticker:
        def __init__(self, counter):
            self.counter = counter

        def add2(self, number):
            self.counter.count += 2
            return number + 2

    def build_root_object(powers, parameters):
        return Counter(powers, parameters)
"""


class Admin:
    """A stage with vatAdmin in it, and the counter's bundle installed."""

    def __init__(self, stage: Stage, upgrading: bool) -> None:
        self.stage = stage
        self.upgrading = upgrading
        self.vat_admin = stage.session.vat_admin()
        self.counter = self.bundle(COUNTER, "counter")

    def bundle(self, source: str, name: str | None = None) -> Any:
        return self.stage.session.bundle(dedent(source), name)

    def between(self) -> None:
        """The moment between two steps: vatAdmin may be upgraded here."""
        if self.upgrading:
            self.stage.session.upgrade("vatAdmin", "vatAdmin", vats.source("vat_admin"))

    def ask(self, target: Any, method: str, *args: Any) -> Any:
        self.between()
        return self.stage.ask(target, method, *args)

    def send(self, target: Any, method: str, *args: Any) -> Any:
        self.between()
        return self.stage.send(target, method, *args)

    def wait(self, promise: Any) -> Any:
        return self.stage.session.wait(promise)

    def create(self, bundlecap: Any = None, **options: Any) -> tuple[Any, Any]:
        made = self.ask(self.vat_admin, "create_vat", bundlecap or self.counter, options)
        return made["root"], made["adminNode"]

    def refused(self, *args: Any, method: str = "create_vat") -> str:
        with pytest.raises(RemoteError) as caught:
            self.ask(self.vat_admin, method, *args)
        return str(caught.value)

    def counts(self, kref: str) -> tuple[int, int]:
        record = self.stage.controller.kernel.store.objects.get(kref)
        assert record is not None
        return record.reachable, record.recognizable

    def kref(self, presence: Any) -> str:
        kernel, vat = self.stage.controller.kernel, self.stage.session._vat_id
        kref = kernel.recognize(vat, presence._vref)
        assert kref is not None
        return kref


MakeStage = Callable[..., Stage]


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def admin(request: pytest.FixtureRequest, stage: Stage) -> Admin:
    """A world with vatAdmin, which is or is not upgraded between the steps."""
    return Admin(stage, request.param)


# S15: parameters


def test_parameters_are_retained_with_their_counts(admin: Admin) -> None:
    """A marker among the parameters counts the same before and after an upgrade that passes it again."""
    holder = admin.stage.define(
        "holder",
        """
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
        """,
    )
    marker = admin.ask(holder, "make")
    root, node = admin.create(vatParameters={"marker": marker})
    assert admin.ask(root, "get_parameters") == {"marker": marker}
    kernel = admin.stage.controller.kernel
    before = admin.counts(admin.kref(marker))
    admin.ask(node, "upgrade", admin.counter, {"vatParameters": {"marker": marker}})
    assert admin.ask(root, "get_parameters") == {"marker": marker}
    assert admin.counts(admin.kref(marker)) == before
    vat = next(vat for vat in kernel.store.vats.all() if admin.kref(marker) in vat.parameters.slots)
    assert vat.parameters.slots == (admin.kref(marker),)
    admin.ask(node, "upgrade", admin.counter)
    assert admin.counts(admin.kref(marker))[0] < before[0]


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
    """What the parameters mention is counted while the creation still waits."""
    controller = admin.stage.controller
    admin.between()
    admin.send(admin.vat_admin, "create_vat", admin.counter, {"vatParameters": [admin.counter]})
    before = admin.counts(admin.kref(admin.counter))
    while not any(isinstance(event, CreateVat) for _, event in controller.kernel.store.queues.all()):
        controller.step()
    assert admin.counts(admin.kref(admin.counter))[0] > before[0] - 1
    admin.stage.check()
    admin.stage.session.settle()


# S16: creation


def test_a_vat_is_made_by_bundlecap_by_id_and_by_name(admin: Admin) -> None:
    """All ways lead to a vat that answers 13."""
    bundle_id = admin.stage.session.call(admin.stage.session.device("bundles"), "get_id", admin.counter)
    named = admin.ask(admin.vat_admin, "get_named_bundlecap", "counter")
    assert named is admin.counter
    root, _ = admin.create()
    assert admin.ask(root, "thirteen") == 13
    root, _ = admin.create(named)
    assert admin.ask(root, "thirteen") == 13
    for method, key in (("create_vat_by_id", bundle_id), ("create_vat_by_name", "counter")):
        made = admin.ask(admin.vat_admin, method, key)
        assert admin.ask(made["root"], "thirteen") == 13


def test_a_counter_vat_counts(admin: Admin) -> None:
    """Start 1, increment 3, increment 5, and the ticker's add2 of 6: 4, 9, 8."""
    root, _ = admin.create(vatParameters={"start": 1})
    log = [admin.ask(root, "increment", 3), admin.ask(root, "increment", 5)]
    ticker = admin.ask(root, "ticker")
    log.append(admin.ask(ticker, "add2", 6))
    assert log == [4, 9, 8]


def test_what_is_no_bundlecap_is_refused(admin: Admin) -> None:
    """An object, a number, a meter's node or nothing make no vat."""
    words = "Vat Creation Error: createVat() requires a bundlecap"
    for wrong in (admin.vat_admin, 5, None, admin.stage.session.device("vatAdmin")):
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
        ("raise ValueError('kaboom')", "Vat Creation Error: kaboom"),
    ],
)
def test_code_that_cannot_start_is_a_creation_error(admin: Admin, body: str, words: str) -> None:
    """A build that hangs, returns a durable root or raises leaves no vat behind."""
    before = [vat.id for vat in admin.stage.controller.vats()]
    head = "from swingset.vat import *\n@durable\nclass Lasting:\n    pass\n"
    bad = admin.stage.session.bundle(f"{head}def build_root_object():\n    {body}\n")
    assert re.match(words, admin.refused(bad))
    assert [vat.id for vat in admin.stage.controller.vats()] == before


def test_names_of_vats_are_checked(admin: Admin) -> None:
    """199 characters of letters, digits, dots, dashes and underscores, and no more."""
    admin.create(name="n" * 199)
    assert admin.refused(admin.counter, {"name": "n" * 200}) == (
        f'CreateVatOptions: oversized vat name "{"n" * 200}"'
    )
    words = 'CreateVatOptions: bad vat name "no spaces"'
    assert admin.refused(admin.counter, {"name": "no spaces"}) == words
    assert admin.refused(admin.counter, {"name": "n" * 199}).startswith("Vat Creation Error: vat nnn")


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
    assert words == 'CreateVatOptions: worker wants one of wasm, wasm-full, got str "local"'


def test_options_reach_the_kernel_and_can_be_changed(admin: Admin) -> None:
    """The kernel keeps them under its own names; None takes one back."""
    _, node = admin.create(name="tuned", reapInterval=7, neverReap=True, computrons=10**9)
    vats_table = admin.stage.controller.kernel.store.vats
    kept = {"reap_interval": 7, "never_reap": True, "computrons": 10**9}
    assert vats_table.named("tuned").options == kept  # type: ignore[union-attr]
    admin.ask(node, "change_options", {"reapInterval": 3, "computrons": None})
    kept = {"reap_interval": 3, "never_reap": True}
    assert vats_table.named("tuned").options == kept  # type: ignore[union-attr]
    with pytest.raises(RemoteError, match='changeOptions: unknown options "name"'):
        admin.ask(node, "change_options", {"name": "other"})


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
    """It answered; after the kill it is gone, sends say so, and done rejects with the reason."""
    root, node = admin.create(name="doomed")
    assert admin.ask(root, "ping", 1) == 1
    admin.stage.controller.terminate_vat("doomed", "doom!")
    admin.stage.session.settle()
    assert admin.stage.controller.kernel.store.vats.named("doomed") is None
    with pytest.raises(RemoteError, match="vat terminated"):
        admin.ask(root, "ping", 2)
    with pytest.raises(RemoteRejection) as caught:
        admin.ask(node, "done")
    assert caught.value.reason == "doom!"


def test_done_is_told_when_the_admin_node_ends_the_vat(admin: Admin) -> None:
    """The keeper hears the reason as it was given, other callers only that the vat is terminated."""
    root, node = admin.create()
    pending = admin.send(root, "never")
    admin.stage.session.settle()
    done = admin.stage.send(node, "done")
    admin.stage.ask(node, "terminate_with_failure", {"because": [1, 2]})
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(done)
    assert caught.value.reason == {"because": [1, 2]}
    for promise in (pending, admin.send(root, "thirteen")):
        with pytest.raises(RemoteError) as failed:
            admin.wait(promise)
        assert (str(failed.value), failed.value.code) == ("vat terminated", "vat-terminated")
    admin.ask(node, "terminate_with_failure", "again")
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
    key = admin.stage.session.critical_vat_key()
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
    stage.session.upgrade("vatAdmin", "vatAdmin", vats.source("vat_admin"))
    assert controller.kernel.store.vats.named("late") is None
    found = admin.wait(made)
    assert admin.ask(found["root"], "thirteen") == 13
    done = admin.send(found["adminNode"], "done")
    stage.session.settle()
    stage.session.upgrade("vatAdmin", "vatAdmin", vats.source("vat_admin"))
    assert done.status == "pending"
    admin.ask(found["adminNode"], "terminate_with_failure", "enough")
    with pytest.raises(RemoteRejection) as caught:
        admin.wait(done)
    assert caught.value.reason == "enough"


# Bundles


def test_a_bundle_is_uploaded_piece_by_piece(admin: Admin) -> None:
    """Only the modules that are not here yet have to be sent, and the pieces make the same bundle."""
    devices = admin.stage.controller.devices
    kinds = "VALUE = 44\n"
    main = dedent(
        """
        from swingset.vat import remotable

        @remotable
        class Root:
            def value(self):
                return VALUE

        def build_root_object():
            return Root()
        """
    )
    manifest = [("kinds", module_hash(kinds)), ("main", module_hash(main))]
    assert devices.missing_modules(manifest) == [module_hash(kinds), module_hash(main)]
    devices.upload_module(kinds)
    assert devices.missing_modules(manifest) == [module_hash(main)]
    with pytest.raises(Exception, match="modules are missing"):
        devices.install_manifest(manifest)
    devices.upload_module(main)
    bundle = devices.install_manifest(manifest)
    assert devices.install_bundle((("kinds", kinds), ("main", main))) == bundle
    other = [("kinds", module_hash(kinds)), ("other", module_hash("x = 1\n"))]
    assert devices.missing_modules(other) == [module_hash("x = 1\n")]
    made = admin.ask(admin.vat_admin, "create_vat_by_id", bundle)
    assert admin.ask(made["root"], "value") == 44


def test_a_bundlecap_can_be_waited_for(stage: Stage) -> None:
    """The promise settles when the bundle is installed."""
    admin = Admin(stage, False)
    other = Stage("local")
    bundle = other.controller.devices.install_bundle((("main", "x = 2\n"),))
    other.close()
    promise = admin.send(admin.vat_admin, "wait_for_bundlecap", bundle)
    stage.session.settle()
    assert promise.status == "pending"
    assert stage.controller.devices.install_bundle((("main", "x = 2\n"),)) == bundle
    cap = admin.wait(promise)
    assert stage.session.call(stage.session.device("bundles"), "get_id", cap) == bundle


def test_a_bundlecap_nobody_holds_is_collected_and_the_bundle_stays(admin: Admin) -> None:
    """The session drops it; by name it is there again, as another node."""
    first = admin.kref(admin.counter)
    kernel = admin.stage.controller.kernel
    vat, vref = admin.stage.session._vat_id, admin.counter._vref
    admin.stage.session._outside(["dropImports", [vref]])
    admin.stage.session._outside(["retireImports", [vref]])
    assert kernel.recognize(vat, vref) is None
    assert kernel.store.objects.get(first) is None
    made = admin.ask(admin.vat_admin, "create_vat_by_name", "counter")
    assert admin.ask(made["root"], "thirteen") == 13


# S25: meters


def test_a_meter_is_refilled_and_its_threshold_set(admin: Admin) -> None:
    """Meter(10, 5): plus 8 holds 18, and the threshold can be 7."""
    meter = admin.ask(admin.vat_admin, "create_meter", 10, 5)
    assert admin.ask(meter, "get") == {"remaining": 10, "threshold": 5}
    admin.ask(meter, "add_remaining", 8)
    assert admin.ask(meter, "get") == {"remaining": 18, "threshold": 5}
    admin.ask(meter, "set_threshold", 7)
    assert admin.ask(meter, "get") == {"remaining": 18, "threshold": 7}
    for wrong in (-1, 1 << 62):
        with pytest.raises(RemoteError, match="computrons wants an int from 0 to"):
            admin.ask(meter, "add_remaining", wrong)


def test_an_unlimited_meter_stays_unlimited(admin: Admin) -> None:
    """It pays and is not the less for it."""
    meter = admin.ask(admin.vat_admin, "create_unlimited_meter")
    root, _ = admin.create(meter=meter)
    assert admin.ask(root, "burn", 1000) == 42
    assert admin.ask(meter, "get") == {"remaining": "unlimited", "threshold": 0}


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def metered(request: pytest.FixtureRequest, make_stage: MakeStage) -> Admin:
    """Computrons are counted in the engine only."""
    return Admin(make_stage("wasm"), request.param)


def spent(admin: Admin, meter: Any, doing: Callable[[], Any]) -> int:
    before = admin.ask(meter, "get")["remaining"]
    doing()
    return int(before - admin.ask(meter, "get")["remaining"])


def costs(admin: Admin) -> tuple[int, int, int]:
    """What a vat's start and its first and second run cost."""
    meter = admin.ask(admin.vat_admin, "create_meter", 10**12, 0)
    made: list[Any] = []
    start = spent(admin, meter, lambda: made.append(admin.create(meter=meter)[0]))
    runs = [spent(admin, meter, lambda: admin.ask(made[0], "burn", 20_000)) for _ in range(2)]
    return start, runs[0], runs[1]


def test_underflow_can_end_a_vat_as_in_the_reference(metered: Admin) -> None:
    """Two runs are paid, the third ends the vat; the meter holds exactly nothing."""
    start, first, second = costs(metered)
    meter = metered.ask(metered.vat_admin, "create_meter", start + first + second * 3 // 2, second)
    notifier = metered.ask(meter, "get_notifier")
    seen = metered.ask(notifier, "get_update_since")
    root, node = metered.create(meter=meter, onStarvation="terminate")
    assert metered.ask(root, "burn", 20_000) == 42
    assert metered.ask(notifier, "get_update_since") == seen
    assert metered.ask(root, "burn", 20_000) == 42
    crossed = metered.ask(notifier, "get_update_since")
    assert crossed["updateCount"] == seen["updateCount"] + 1
    assert crossed["value"]["remaining"] == metered.ask(meter, "get")["remaining"] < second
    with pytest.raises(RemoteError, match="vat terminated"):
        metered.ask(root, "burn", 20_000)
    with pytest.raises(RemoteError, match="meter underflow, vat terminated"):
        metered.ask(node, "done")
    assert metered.ask(meter, "get")["remaining"] == 0


def run_three_times(admin: Admin, capacity: int) -> tuple[list[Any], bool]:
    """A vat on a meter runs three times, refilled when it asks; what it did, and whether it asked."""
    meter = admin.ask(admin.vat_admin, "create_meter", capacity, 0)
    notifier = admin.ask(meter, "get_notifier")
    root, _ = admin.create(name="runner", meter=meter)
    for _ in range(2):
        assert admin.ask(root, "burn", 20_000) == 42
    third = admin.send(root, "burn", 20_000)
    admin.stage.session.settle()
    starved = third.status == "pending"
    if starved:
        vat = admin.stage.controller.kernel.vat("runner")
        assert (vat.state, (vat.reason or "").partition(":")[0]) == ("suspended", "meter-exhausted")
        wanted = admin.ask(notifier, "get_update_since")["value"]["wanted"]
        assert wanted > admin.ask(meter, "get")["remaining"]
        admin.ask(meter, "add_remaining", wanted)
    assert admin.wait(third) == 42
    kernel = admin.stage.controller.kernel
    span = kernel.store.vats.span(kernel.vat("runner").id)
    return list(kernel.world.transcripts.read(span.hash, span.incarnation_hash)), starved


def test_an_empty_meter_suspends_and_a_refill_lets_the_vat_go_on(
    metered: Admin, make_stage: MakeStage
) -> None:
    """The third run waits; after the refill the vat's transcript is that of a vat that never starved."""
    start, first, second = costs(metered)
    done, starved = run_three_times(metered, start + first + second * 3 // 2)
    assert starved
    rich = Admin(make_stage("wasm"), False)
    costs(rich)
    assert run_three_times(rich, 10**12) == (done, False)


def test_a_meter_can_be_shared(metered: Admin) -> None:
    """Two vats spend from one meter."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10**12, 0)
    one, _ = metered.create(meter=meter)
    two, _ = metered.create(meter=meter)
    costs = [
        spent(metered, meter, lambda root=root: metered.ask(root, "burn", 20_000)) for root in (one, two)
    ]
    assert costs[0] == costs[1] > 20_000


def test_a_meter_that_cannot_pay_for_the_start_makes_no_vat(metered: Admin) -> None:
    """The creation fails and names the meter; nothing is spent."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10, 0)
    words = metered.refused(metered.counter, {"meter": meter})
    assert words.startswith("Vat Creation Error: meter m")
    assert metered.ask(meter, "get")["remaining"] == 10


def test_a_waiting_meter_notifier_tells_when_something_happens(metered: Admin) -> None:
    """A question with the last count waits for the next update; an upgrade breaks it, and one asks again."""
    meter = metered.ask(metered.vat_admin, "create_meter", 10**9, 10**9 - 1)
    notifier = metered.ask(meter, "get_notifier")
    count = metered.ask(notifier, "get_update_since")["updateCount"]
    waiting = metered.send(notifier, "get_update_since", count)
    metered.stage.ask(metered.vat_admin, "create_vat", metered.counter, {"meter": meter})
    assert metered.wait(waiting)["updateCount"] == count + 1
    waiting = metered.send(notifier, "get_update_since", count + 1)
    metered.stage.session.settle()
    metered.stage.session.upgrade("vatAdmin", "vatAdmin", vats.source("vat_admin"))
    with pytest.raises(RemoteError) as caught:
        metered.wait(waiting)
    assert caught.value.code == "vat-upgraded"
