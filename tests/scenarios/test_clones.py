"""Clones of vats: for each class of references, what a vat and its clone share and what they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core import cloning
from swingset.core.errors import KernelError, VatFault
from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.lens.state.verifying import verify
from swingset.model.cloning import CLONED_FROM
from swingset.world.gc import RETIRE_IMPORT
from tests.conftest import MakeStage
from tests.devices.shelf import Shelf
from tests.scenarios.admin import Admin
from tests.scenarios.test_gc import reap
from tests.staging import Stage

OTHER = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Thing:
        def ping(self):
            return "pong"

    @remotable
    class Other:
        def __init__(self):
            self.count = 0
            self.promise, self.resolver = make_promise()

        def bump(self):
            self.count += 1
            return self.count

        def make(self):
            return Thing()

        def later(self):
            return self.promise

        def answer(self, value):
            self.resolver.resolve(value)

    def build_root_object():
        return Other()
"""

PARENT = """
    import random
    import uuid
    from swingset.vat import D, E, WeakBigMap, durable, make_promise, provide, remotable, resumable, virtual

    @durable
    class Purse:
        balance: int = 0

        def add(self, amount):
            self.balance += amount
            return self.balance

    @virtual
    class Note:
        text: str = ""

        def write(self, text):
            self.text += text
            return self.text

    @remotable
    class Thing:
        def __init__(self):
            self.count = 0

        def bump(self):
            self.count += 1
            return self.count

    @resumable
    async def draw(other):
        return await E(other).later(), random.random(), str(uuid.uuid4())

    @remotable
    class Root:
        def __init__(self, powers, baggage):
            self.powers = powers
            self.count = 0
            self.purse = provide(baggage, "purse", Purse)
            self.note, self.thing = Note(), Thing()
            self.weak = provide(baggage, "weak", lambda: WeakBigMap("weak"))
            self.heard = []
            self.promise, self.resolver = make_promise()

        def bump(self):
            self.count += 1
            return self.count

        def name(self):
            return self.powers.vat_name

        def parts(self):
            return [self.thing, self.purse, self.note]

        def own(self):
            return self.thing.count, self.purse.balance, self.note.text

        def hold(self, held):
            self.held = held

        def drop(self):
            self.held = None

        def held_bump(self):
            return E(self.held).bump()

        def later(self):
            return self.promise

        def answer(self, value):
            self.resolver.resolve(value)

        async def listen(self, other):
            self.heard.append(await E(other).later())

        def told(self):
            return self.heard

        def call(self, method, *args):
            return D(self.held).count() if not args else getattr(D(self.held), method)(*args)

        def note_weakly(self, key):
            self.weak[key] = "known"

        def weakly(self, key):
            return self.weak.get(key)

        def chance(self):
            return random.random(), str(uuid.uuid4())

        def draw(self, other):
            return draw(other)

        def exit(self):
            self.powers.exit("bye")

    def build_root_object(powers, baggage):
        return Root(powers, baggage)
"""


class Pair:
    """A vat with what it can hold, which is cloned when the test says so."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ask = stage.ask
        self.other = stage.define("other", OTHER)
        self.root = stage.define("parent", PARENT)
        self.thing, self.purse, self.note = self.ask(self.root, "parts")

    @property
    def store(self) -> Any:
        return self.stage.controller.kernel.store

    def clone(self, *refs: Any, name: str = "clone") -> tuple[Any, ...]:
        """Clone the vat; returns the clone's root and its objects for `refs`."""
        return self.stage.session.clone_vat("parent", name, [self.root, *refs])

    def kref(self, presence: Any) -> str:
        return str(self.stage.session.kref_of(presence))

    def vat(self, name: str) -> str:
        return self.stage.controller.vats[name].id

    def knows(self, name: str, kref: str) -> Any:
        return self.store.clists.by_kref(self.vat(name), kref)


def an_import(pair: Pair) -> None:
    """Both reach the same object of another vat, and both count."""
    pair.ask(pair.root, "hold", pair.other)
    kref = pair.kref(pair.other)
    before = pair.store.objects.get(kref)
    (clone,) = pair.clone()
    after = pair.store.objects.get(kref)
    assert (after.reachable, after.recognizable) == (before.reachable + 1, before.recognizable + 1)
    assert [pair.ask(each, "held_bump") for each in (pair.root, clone, pair.root)] == [1, 2, 3]


def a_listed_export(pair: Pair) -> None:
    """The clone has an object of its own, under the same name as the vat has for its own."""
    pair.ask(pair.thing, "bump")
    _, own = pair.clone(pair.thing)
    assert own is not pair.thing
    assert pair.knows("parent", pair.kref(pair.thing)).vref == pair.knows("clone", pair.kref(own)).vref
    assert [pair.ask(own, "bump"), pair.ask(own, "bump"), pair.ask(pair.thing, "bump")] == [2, 3, 2]


def an_unlisted_export(pair: Pair) -> None:
    """The clone is told first of all that nobody has it; the vat's own stays as it is."""
    span = pair.store.vats.span(pair.vat("parent"))
    pair.clone()
    pair.stage.session.settle()
    entries = pair.store.world.transcripts.read(pair.store.vats.span(pair.vat("clone")).hash, span.hash)
    first = [entry["delivery"] for entry in entries]
    vrefs = sorted(pair.knows("parent", pair.kref(own)).vref for own in (pair.thing, pair.purse, pair.note))
    assert first[0][0] == CLONED_FROM
    assert [(kind, sorted(told)) for kind, told in first[1:]] == [
        ("dropExports", vrefs),
        ("retireExports", vrefs),
    ]
    assert [entry.vref for entry in pair.store.clists.exports(pair.vat("clone"))] == ["o+0"]
    assert pair.ask(pair.thing, "bump") == 1


def a_durable_object(pair: Pair) -> None:
    """Each has its own state from then on, and both keep it over their upgrades."""
    pair.ask(pair.purse, "add", 5)
    _, own = pair.clone(pair.purse)
    assert (pair.ask(own, "add", 1), pair.ask(pair.purse, "add", 10)) == (6, 15)
    pair.stage.upgrade("clone", PARENT)
    assert (pair.ask(own, "add", 1), pair.ask(pair.purse, "add", 10)) == (7, 25)
    pair.stage.upgrade("parent", PARENT)
    assert (pair.ask(own, "add", 1), pair.ask(pair.purse, "add", 10)) == (8, 35)


def a_virtual_object(pair: Pair) -> None:
    """Each has its own state from then on."""
    pair.ask(pair.note, "write", "a")
    _, own = pair.clone(pair.note)
    assert (pair.ask(own, "write", "b"), pair.ask(pair.note, "write", "c")) == ("ab", "ac")


def a_promise_that_it_decides(pair: Pair) -> None:
    """The clone decides one of its own, which nobody awaits; the vat's is settled by the vat alone."""
    answer = pair.stage.send(pair.root, "later")
    pair.stage.session.settle()
    (clone,) = pair.clone()
    decided = {name: pair.store.promises.decided_by(pair.vat(name)) for name in ("parent", "clone")}
    assert len(decided["parent"]) == len(decided["clone"]) == 1
    assert not set(decided["parent"]) & set(decided["clone"])
    pair.ask(clone, "answer", "the clone's")
    assert answer.status == "pending"
    pair.ask(pair.root, "answer", "the vat's")
    assert pair.stage.session.wait(answer) == "the vat's"
    assert not pair.store.promises.decided_by(pair.vat("clone"))


def a_promise_that_it_awaits(pair: Pair) -> None:
    """Both are notified."""
    pair.stage.send(pair.root, "listen", pair.other)
    pair.stage.session.settle()
    (clone,) = pair.clone()
    pair.ask(pair.other, "answer", "news")
    assert [pair.ask(each, "told") for each in (pair.root, clone)] == [["news"], ["news"]]


def an_outcome_on_its_way(pair: Pair) -> None:
    """A notification that waits for the vat when it is cloned reaches both."""
    pair.stage.send(pair.root, "listen", pair.other)
    pair.stage.session.settle()
    pair.stage.send(pair.other, "answer", "news")
    pair.stage.session.flush()
    parent = pair.vat("parent")
    while not any(getattr(event, "vat", None) == parent for _, event in pair.store.queues.all()):
        assert pair.stage.controller.step() is not None
    (clone,) = pair.clone()
    assert [pair.ask(each, "told") for each in (pair.root, clone)] == [["news"], ["news"]]


def a_device(pair: Pair) -> None:
    """Both hold the same node, and the device's state is one."""
    controller = pair.stage.controller
    controller.kernel.devices.install(Shelf())
    root = controller.kernel.add_device("shelf", "shelf")
    pair.ask(pair.root, "hold", pair.stage.session.reference(root, "shelf"))
    (clone,) = pair.clone()
    assert [pair.ask(each, "call", "count") for each in (pair.root, clone, pair.root)] == [1, 2, 3]
    assert pair.knows("clone", root).vref == pair.knows("parent", root).vref


def a_weak_key(pair: Pair) -> None:
    """Both recognize an object that neither holds, and both forget it when it is gone."""
    key = pair.ask(pair.other, "make")
    pair.ask(pair.root, "note_weakly", key)
    reap(pair.stage, "parent")
    kref = pair.kref(key)
    (clone,) = pair.clone()
    assert [pair.knows(name, kref).reachable for name in ("parent", "clone")] == [False, False]
    assert [pair.ask(each, "weakly", key) for each in (pair.root, clone)] == ["known", "known"]
    del key
    reap(pair.stage, "notebook", "parent", "clone", "other")
    assert pair.store.objects.get(kref) is None
    assert pair.knows("parent", kref) is pair.knows("clone", kref) is None
    kept = [pair.store.vatstore.count(pair.vat(name), "vom.ir.") for name in ("parent", "clone")]
    assert kept == [0, 0]


CASES: dict[str, Callable[[Pair], None]] = {
    case.__name__: case
    for case in (
        an_import, a_listed_export, an_unlisted_export, a_durable_object, a_virtual_object,
        a_promise_that_it_decides, a_promise_that_it_awaits, an_outcome_on_its_way, a_device, a_weak_key,
    )
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_vat_and_its_clone_share(case: str, stage: Stage) -> None:
    """Each class of references, as its function says; and the file is sound."""
    pair = Pair(stage)
    CASES[case](pair)
    assert verify(pair.store) == []


def test_a_clone_goes_on_from_a_restart(stage: Stage) -> None:
    """It is restored by its image, and by the whole transcript, which begins with that of the vat."""
    pair = Pair(stage)
    pair.ask(pair.root, "bump")
    (clone,) = pair.clone()
    pair.ask(clone, "bump")
    kernel = stage.controller.kernel
    for _ in range(2):
        kernel.warehouse.discard_all()
        assert pair.ask(clone, "name") == "clone"
        span = pair.store.vats.span(pair.vat("clone"))
        count, digest = kernel.warehouse.verify(kernel.vat("clone"))
        assert (count, digest) == (span.position, stage.heap("clone"))
        stage.upgrade("parent", PARENT)  # it has a transcript of its own from here on
        stage.controller.terminate_vat("parent")
        stage.controller.run()
        pair.root = stage.define("parent", PARENT)
    assert pair.ask(clone, "bump") == 3
    assert pair.ask(pair.root, "name") == "parent"


def test_clones_of_clones(stage: Stage) -> None:
    """Each goes its own way from where it was made, and all can be repeated."""
    pair = Pair(stage)
    (first,) = pair.clone()
    pair.ask(first, "bump")
    (second,) = stage.session.clone_vat("clone", "second", [first])
    (third,) = stage.session.clone_vat("second", "third", [second])
    told = [[pair.ask(each, "bump") for each in (pair.root, first, second, third)] for _ in range(2)]
    assert told == [[1, 2, 2, 2], [2, 3, 3, 3]]
    kernel = stage.controller.kernel
    kernel.warehouse.discard_all()
    for name in ("parent", "clone", "second", "third"):
        count, digest = kernel.warehouse.verify(kernel.vat(name))
        assert (count, digest) == (pair.store.vats.span(pair.vat(name)).position, stage.heap(name))
    stage.upgrade("second", PARENT)
    assert [pair.ask(each, "name") for each in (pair.root, second, third)] == ["parent", "second", "third"]


def test_chance_is_another_in_a_clone(wasm: Stage) -> None:
    """Random numbers and ids differ from then on, also those of resumable calls that begin later."""
    pair = Pair(wasm)
    pair.ask(pair.root, "chance")
    clones = [pair.clone(name=name)[0] for name in ("one", "two")]
    everybody = [pair.root, *clones]
    drawn = [tuple(pair.ask(each, "chance")) for each in everybody]
    assert len(set(drawn)) == len({number for number, _ in drawn}) == len({name for _, name in drawn}) == 3
    answers = [wasm.send(each, "draw", pair.other) for each in everybody]
    pair.ask(pair.other, "answer", 0)
    assert len({tuple(wasm.session.wait(answer)) for answer in answers}) == 3


def test_the_same_clones_have_the_same_digest(make_stage: MakeStage) -> None:
    """Two worlds that do the same are the same, and so are the clones in them."""
    digests = set[str]()
    for _ in range(2):
        stage = make_stage("wasm")
        pair = Pair(stage)
        (clone, _) = pair.clone(pair.purse)
        pair.ask(clone, "chance")
        digests.add(f"{stage.controller.digest()} {stage.heap('clone')}")
    assert len(digests) == 1


# What is refused


def refused(stage: Stage, vat: str, clone: str = "clone", **given: Any) -> str:
    with pytest.raises((KernelError, VatFault)) as caught:
        stage.controller.clone_vat(vat, clone, **given)
    if isinstance(caught.value, VatFault):
        assert caught.value.fault.code == "clone-refused"
    return str(caught.value)


def test_what_cannot_be_cloned_is_refused_in_words(local: Stage) -> None:
    """Nothing has changed afterwards, and each refusal says why."""
    pair = Pair(local)
    local.session.devices.vat_admin()
    local.define("forgetful", OTHER, options={"use_transcript": False})
    local.controller.vats.suspend("other", "asleep")
    other, thing = pair.kref(pair.other), pair.kref(pair.thing)
    wanted = {
        ("notebook", "clone", ()): "it lives in the embedder's interpreter",
        ("vatAdmin", "clone", ()): "it serves the whole world",
        ("forgetful", "clone", ()): "it has no transcript",
        ("other", "clone", ()): r"while it is suspended \(asleep\): resume it first",
        ("parent", "clone", (thing, other)): f"with {other}: that is no export of it",
        ("parent", "clone", ("ko999",)): "there is no object str 'ko999' in this world",
        ("parent", "clone", ("kp40",)): "there is no object",
        ("parent", "other", ()): "vat other exists",
        ("parent", "vatAdmin", ()): "the name vatAdmin is kept",
        ("parent", "a b", ()): "bad vat name",
        ("nobody", "clone", ()): "there is no vat 'nobody'",
    }
    vats = [vat.name for vat in local.controller.vats]
    for (vat, clone, refs), words in wanted.items():
        with pytest.raises(KernelError, match=words):
            local.controller.clone_vat(vat, clone, refs)
    with pytest.raises(KernelError, match="queued wants refuse, drop, duplicate, got"):
        local.controller.clone_vat("parent", "clone", queued="burn")  # type: ignore[arg-type]
    with pytest.raises(KernelError, match="unknown option"):
        local.controller.clone_vat("parent", "clone", options={"use_transcript": False})
    assert [vat.name for vat in local.controller.vats] == vats


def test_a_local_vat_that_does_not_repeat_is_not_cloned(local: Stage) -> None:
    """Its memory is made anew from its transcript, and chance is not in it."""
    pair = Pair(local)
    pair.ask(pair.root, "chance")
    assert "which does not repeat" in refused(local, "parent")
    assert pair.ask(pair.root, "bump") == 1
    assert local.controller.vats["parent"].state == "live"


def test_what_becomes_of_waiting_messages(local: Stage) -> None:
    """Without a word the clone is refused; else the vat alone gets them, or listed objects get copies too."""
    pair = Pair(local)
    answers = [local.send(target, "bump") for target in (pair.root, pair.thing)]
    local.session.flush()
    words = refused(local, "parent")
    assert "2 messages wait for it, the first is bump(); let them run, or" in words
    controller = local.controller
    (dropped,) = controller.clone_vat("parent", "dropped", queued="drop")
    (copied,) = controller.clone_vat("parent", "copied", queued="duplicate")
    local.session.settle()
    assert [local.session.wait(answer) for answer in answers] == [1, 1]
    roots = [pair.root, *(local.session.root(name) for name in ("dropped", "copied"))]
    assert [pair.ask(each, "own")[0] for each in roots] == [1, 0, 0]
    assert [pair.ask(each, "bump") for each in roots] == [2, 1, 2]
    assert dropped != copied


def test_a_reference_that_is_gone_to_both_is_told_to_both(local: Stage) -> None:
    """If an import is gone when the vat is cloned and it is yet to be told, so is the clone."""
    pair = Pair(local)
    key = pair.ask(pair.other, "make")
    pair.ask(pair.root, "note_weakly", key)
    reap(local, "parent")
    kref = pair.kref(key)
    controller = local.controller
    controller.vats.suspend("parent", "for now")
    del key
    reap(local, "notebook", "other")
    assert (pair.vat("parent"), RETIRE_IMPORT, kref) in pair.store.gc.all()
    kernel = controller.kernel
    kernel.resume("parent")
    pair.clone()
    assert pair.knows("parent", kref) is pair.knows("clone", kref) is None


# From inside


def test_the_holder_of_the_admin_node_clones(admin: Admin) -> None:
    """The answer has the clone's own admin node and its objects, in the order in which they were listed."""
    root, node = admin.create(name="parent")
    admin.ask(root, "increment", 5)
    ticker = admin.ask(root, "ticker")
    made = admin.ask(node, "fork", [ticker, root, ticker], {"name": "clone"})
    own_ticker, own, again = made["refs"]
    assert again is own_ticker
    assert (admin.ask(own_ticker, "add2", 1), admin.ask(own, "increment", 0)) == (3, 7)
    assert admin.ask(root, "increment", 0) == 5
    gone = admin.send(made["adminNode"], "done")
    admin.ask(made["adminNode"], "terminate_with_failure", "enough")
    with pytest.raises(RemoteRejection, match="enough"):
        admin.wait(gone)
    assert admin.ask(root, "increment", 1) == 6


def test_what_a_vat_may_not_fork(local: Stage) -> None:
    """Refusals reach the caller, with what to do; the vat and its admin node go on."""
    admin = Admin(local, upgrading=False)
    root, node = admin.create(name="parent")
    other, _ = admin.create(name="other")
    promise = admin.send(root, "never")
    wanted: dict[str, tuple[Any, ...]] = {
        r"refs\[1\] is no export of the vat": ([root, other],),
        "wanted list": (root,),
        "wants an object": ([root, 5],),
        "await it first": ([promise],),
        "unknown options": ([root], {"worker": "wasm"}),
        "meter wants a meter": ([root], {"meter": root}),
        "queued wants refuse, drop or duplicate": ([root], {"queued": 7}),
        "the name vatAdmin is kept": ([root], {"name": "vatAdmin"}),
    }
    for words, given in wanted.items():
        with pytest.raises(RemoteError, match=words):
            admin.ask(node, "fork", *given)
    with pytest.raises(RemoteError, match="vat other exists: choose another name"):
        admin.ask(node, "fork", [root], {"name": "other"})
    assert admin.ask(root, "increment", 1) == 1
    admin.ask(node, "terminate_with_failure", "enough")
    with pytest.raises(RemoteError, match="vat terminated"):
        admin.ask(node, "fork", [])


def test_a_clone_is_paid_by_the_meter_of_its_vat_or_by_another(wasm: Stage) -> None:
    """Without a word it is the same one; a clone that its meter cannot pay is not made."""
    admin = Admin(wasm, upgrading=False)
    meter, mine = (admin.ask(admin.vat_admin, "create_meter", 10**9, 0) for _ in range(2))
    root, node = admin.create(name="parent", meter=meter)
    same = admin.ask(node, "fork", [root])["refs"][0]
    (own,) = admin.ask(node, "fork", [root], {"meter": mine})["refs"]

    def left() -> list[int]:
        return [int(admin.ask(each, "get")["remaining"]) for each in (meter, mine)]

    before = left()
    admin.ask(same, "increment", 1)
    between = left()
    admin.ask(own, "increment", 1)
    after = left()
    assert before[0] > between[0] == after[0]
    assert before[1] == between[1] > after[1]
    poor = admin.ask(admin.vat_admin, "create_meter", 10, 0)
    with pytest.raises(RemoteError, match="its meters hold no more"):
        admin.ask(node, "fork", [root], {"meter": poor})
    assert admin.ask(root, "increment", 1) == 1


def test_a_vat_that_clones_itself_gets_the_answer_twice(local: Stage) -> None:
    """It awaits the clone when it is cloned, so both go on with the same admin node and references."""
    session = local.session
    root = local.define("parent", SELFISH)
    local.ask(root, "take", session.wait(session.devices.admin_node("parent")))
    both = local.ask(root, "split")
    assert sorted([local.ask(each, "role") for each in both]) == ["clone", "parent"]


SELFISH = """
    from swingset.vat import E, remotable

    @remotable
    class Selfish:
        def __init__(self, powers):
            self.powers = powers

        def take(self, node):
            self.node = node

        async def split(self):
            made = await E(self.node).fork([self], {"name": "clone"})
            return [self, made["refs"][0]]

        def role(self):
            return self.powers.vat_name

    def build_root_object(powers):
        return Selfish(powers)
"""


# What outlives more than the clone

LASTING = """
    from swingset.vat import E, remotable, resumable

    @resumable
    async def report(other):
        await E(other).later()
        await E(other).bump()

    @remotable
    class Root:
        def listen(self, other):
            report(other)

    def build_root_object():
        return Root()
"""


def test_a_call_under_way_is_resumed_in_both(stage: Stage) -> None:
    """A resumable call that waits when the vat is cloned goes on in each after its own upgrade."""
    other, root = stage.define("other", OTHER), stage.define("parent", LASTING)
    stage.ask(root, "listen", other)
    stage.session.clone_vat("parent", "clone")
    for name in ("parent", "clone"):
        stage.upgrade(name, LASTING)
    assert stage.ask(other, "bump") == 1
    stage.ask(other, "answer", "news")
    assert stage.ask(other, "bump") == 4


def test_what_only_a_clone_holds_is_collected_with_it(local: Stage) -> None:
    """An import that both hold lives until the last of them lets it go, or ends."""
    pair = Pair(local)
    key = pair.ask(pair.other, "make")
    pair.ask(pair.root, "hold", key)
    kref = pair.kref(key)
    (clone,) = pair.clone()
    del key
    pair.ask(pair.root, "drop")
    reap(local, "notebook", "parent", "clone", "other")
    assert pair.store.objects.get(kref).reachable == 1
    assert pair.knows("parent", kref) is None
    del clone
    local.controller.terminate_vat("clone")
    local.session.settle()
    assert pair.store.objects.get(kref) is None


def test_a_world_with_a_market_has_clones(make_stage: MakeStage) -> None:
    """The event waits in its place like other starts, and the clone has the account of its vat."""
    stage = make_stage("local")
    controller = stage.controller
    controller.market.open()
    controller.market.open_account("ann", 10**9)
    pair = Pair(stage)
    controller.vats.change_options("parent", {"account": "ann"})
    (clone,) = pair.clone()
    assert pair.ask(clone, "bump") == 1
    assert controller.vats["clone"].options["account"] == "ann"


def test_a_vat_that_stores_too_much_is_not_cloned(local: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its store is copied in one crank, and that has a bound."""
    Pair(local)
    monkeypatch.setattr(cloning, "MOST_STORED", 100)
    assert "and a clone may have 100" in refused(local, "parent")


def test_a_clone_is_not_critical(local: Stage) -> None:
    """That its end stops the world is a right of its own, which no holder of an admin node gets by it."""
    local.define("parent", PARENT, options={"critical": True})
    local.controller.clone_vat("parent", "clone")
    assert "critical" not in local.controller.vats["clone"].options
    local.controller.terminate_vat("clone")
    assert local.controller.run().more is False


def test_code_of_a_clone_says_whose_lines_they_are(local: Stage) -> None:
    """An error names the lines of the cell that the clone runs, also in a debugger's trace."""
    pair = Pair(local)
    (clone,) = pair.clone()
    with pytest.raises(RemoteError) as caught:
        pair.ask(clone, "call", "no_such_method")
    assert [frame[0] for frame in caught.value.trace][-1:] == ["parent"]
    local.upgrade("clone", PARENT)
    assert [part for part, _ in local.controller.vats.parts("clone")] == ["clone"]
