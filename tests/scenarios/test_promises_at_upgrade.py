"""What becomes of promises when their vat is upgraded: each kind of promise under each policy."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.guest.sending.eventual import E
from tests.staging import Stage
from tests.vat_sources import ORACLE_METHODS

ORACLE = (
    """
from swingset.vat import make_promise, remotable

@remotable
class Oracle:
    def __init__(self):
        self.resolvers = {}
        self.asked = []
"""
    + ORACLE_METHODS
    + """
    def questions(self):
        return self.asked

def build_root_object():
    return Oracle()
"""
)

HOUSE = """
    from swingset.vat import (
        E, adopt_promise, durable, make_promise, provide, remotable, resumable, watch_promise,
    )

    open_now = {}

    @durable
    class Watcher:
        heard: list = []

        def on_fulfilled(self, value, *args):
            self.heard = [*self.heard, ["ok", value, *args]]

        def on_rejected(self, reason, *args):
            self.heard = [*self.heard, ["reject", getattr(reason, "reason", str(reason)), *args]]

    @durable
    class Heir:
        def on_adopted(self, resolver, name):
            open_now[name] = resolver

    @resumable
    async def consult(oracle, name):
        first = await E(oracle).ask(name)
        return [first, name]

    @remotable
    class House:
        def __init__(self, baggage):
            self.baggage = baggage

        def _make(self, policy, name):
            if policy == "resumed":
                return consult(self.baggage["oracle"], name)
            promise, open_now[name] = make_promise()
            if policy == "adopted":
                adopt_promise(promise, provide(self.baggage, "heir", Heir), name)
            return promise

        def use(self, oracle):
            self.baggage["oracle"] = oracle

        def result(self, policy, name):
            return self._make(policy, name)

        async def late_result(self, policy, name):
            return self._make(policy, name)

        def inside(self, policy, name):
            return [self._make(policy, name)]

        def watched(self, policy, name):
            watch_promise(self._make(policy, name), provide(self.baggage, "watcher", Watcher), name)

        def watch_asked(self, name):
            asked = E(self.baggage["oracle"]).ask(name)
            watch_promise(asked, provide(self.baggage, "watcher", Watcher), name)

        def hand_on(self, name):
            return E(self.baggage["oracle"]).ask(name)

        def settle(self, name, value):
            if name in open_now:
                open_now[name].resolve(value)

        def heard(self):
            return provide(self.baggage, "watcher", Watcher).heard

    def build_root_object(baggage):
        return House(baggage)
"""


def gone(incarnation: int = 0) -> dict[str, Any]:
    """What the waiters for a broken promise are told."""
    return {"name": "vatUpgraded", "upgradeMessage": "new", "incarnationNumber": incarnation}


@pytest.fixture
def house(stage: Stage) -> Any:
    """A vat that makes promises of all kinds, and knows the oracle."""
    root = stage.define("house", HOUSE)
    stage.ask(root, "use", stage.define("oracle", ORACLE))
    return root


def fate(stage: Stage, promise: Any) -> list[Any]:
    """How a promise came out."""
    try:
        return ["ok", stage.session.wait(promise)]
    except RemoteRejection as exc:
        return ["reject", exc.reason]
    except RemoteError as exc:
        return ["error", exc.remote_message]


def settle(stage: Stage, policy: str, house: Any, name: str) -> list[Any]:
    """Do what settles a promise that is still open, and say how it should come out."""
    if policy == "resumed":
        stage.ask(stage.session.root("oracle"), "answer", name, 5)
        return ["ok", [5, name]]
    stage.ask(house, "settle", name, 6)
    return ["reject", gone()] if policy == "reject" else ["ok", 6]


POLICIES = ["reject", "adopted", "resumed"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("method", ["result", "late_result"])
def test_result_of_a_message(stage: Stage, house: Any, policy: str, method: str) -> None:
    """The answer to a message is broken, or given by the adopter, or by the function that goes on."""
    promise = stage.send(house, method, policy, "q")
    stage.session.settle()
    done = stage.upgrade("house", HOUSE, "new")
    assert len(done.disconnected) == (policy == "reject")
    stage.session.settle()
    assert (promise.status == "pending") == (policy != "reject")
    wanted = settle(stage, policy, house, "q")
    assert fate(stage, promise) == wanted


@pytest.mark.parametrize("policy", POLICIES)
def test_promise_inside_an_answer(stage: Stage, house: Any, policy: str) -> None:
    """A promise that was exported in data has the same choice."""
    [promise] = stage.ask(house, "inside", policy, "q")
    stage.upgrade("house", HOUSE, "new")
    wanted = settle(stage, policy, house, "q")
    assert fate(stage, promise) == wanted


@pytest.mark.parametrize("policy", POLICIES)
def test_promise_that_only_a_watcher_knows(stage: Stage, house: Any, policy: str) -> None:
    """A durable watcher hears in the new incarnation what became of a promise of the old one."""
    stage.ask(house, "watched", policy, "q")
    stage.upgrade("house", HOUSE, "new")
    wanted = settle(stage, policy, house, "q")
    assert stage.ask(house, "heard") == [[*wanted, "q"]]


@pytest.mark.parametrize("policy", POLICIES)
def test_message_that_waits_for_a_promise(stage: Stage, house: Any, policy: str) -> None:
    """A message that is queued to a promise follows its fate."""
    counter = stage.define("counter", ORACLE)
    promise = stage.send(stage.send(house, "result", policy, "q"), "questions")
    stage.session.settle()
    stage.upgrade("house", HOUSE, "new")
    if policy == "reject":
        assert fate(stage, promise) == ["reject", gone()]
    elif policy == "adopted":
        stage.ask(house, "settle", "q", counter)
        assert fate(stage, promise) == ["ok", []]
    else:
        settle(stage, policy, house, "q")
        assert fate(stage, promise) == ["error", "data is not callable, has no method questions"]


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("policy", ["adopted", "resumed"])
def test_several_upgrades(stage: Stage, house: Any, policy: str, times: int) -> None:
    """What is kept is kept through every upgrade until it is settled, and nothing of it is left then."""
    before = stage.controller.kernel.store.world.row("SELECT count(*) from vatstore")
    promise = stage.send(house, "result", policy, "q")
    stage.session.settle()
    for _ in range(times):
        assert stage.upgrade("house", HOUSE, "new").disconnected == ()
    wanted = settle(stage, policy, house, "q")
    assert fate(stage, promise) == wanted
    assert stage.lens.promises() == []
    kept = stage.controller.kernel.store.world.rows(
        "SELECT key from vatstore where key like 'vc.3%' or key like 'vc.4%' or key like 'vc.5%'"
    )
    assert (before is not None, list(kept)) == (True, [])


def test_promise_of_another_vat_is_untouched(stage: Stage, house: Any) -> None:
    """A watched promise that another vat decides is still waited for, and its answer finds the watcher."""
    stage.ask(house, "watch_asked", "q")
    stage.upgrade("house", HOUSE, "new")
    stage.ask(stage.session.root("oracle"), "answer", "q", 5)
    assert stage.ask(house, "heard") == [["ok", 5, "q"]]


def test_result_that_was_handed_on_is_untouched(stage: Stage, house: Any) -> None:
    """A result resolved to what another vat will answer does not depend on the vat in between any more."""
    promise = stage.send(house, "hand_on", "q")
    stage.session.settle()
    assert stage.upgrade("house", HOUSE, "new").disconnected == ()
    stage.ask(stage.session.root("oracle"), "answer", "q", 5)
    assert fate(stage, promise) == ["ok", 5]


def test_refused_upgrade_changes_nothing_for_kept_promises(stage: Stage, house: Any) -> None:
    """After a refused upgrade the old incarnation still decides what it had meant to leave."""
    promises = {policy: stage.send(house, "result", policy, policy) for policy in POLICIES}
    stage.session.settle()
    with pytest.raises(Exception, match="nothing has changed"):
        stage.upgrade("house", HOUSE.replace("class Heir", "class Air"), "new")
    assert all(promise.status == "pending" for promise in promises.values())
    stage.ask(house, "settle", "reject", 1)
    stage.ask(house, "settle", "adopted", 2)
    stage.ask(stage.session.root("oracle"), "answer", "resumed", 3)
    assert [fate(stage, promises[policy]) for policy in POLICIES] == [
        ["ok", 1],
        ["ok", 2],
        ["ok", [3, "resumed"]],
    ]


def test_adopter_that_fails_rejects_what_it_adopted(stage: Stage, house: Any) -> None:
    """If `on_adopted` raises, or is gone, the promise is rejected with that."""
    promise = stage.send(house, "result", "adopted", "q")
    stage.session.settle()
    stage.upgrade("house", HOUSE.replace("open_now[name] = resolver", "raise ValueError('not mine')"), "new")
    assert fate(stage, promise) == ["error", "not mine"]


# Resumable functions, step by step.

FLOW = """
    from swingset.vat import E, Promise, durable, make_promise, provide, remotable, resumable

    @durable
    class Account:
        balance: int = 10

        def take(self, amount: int) -> int:
            if amount > self.balance:
                raise ValueError("not enough")
            self.balance -= amount
            return self.balance

        def slow(self):
            return make_promise()[0]

    @resumable
    async def spend(oracle, account, amount):
        left = await E(account).take(amount)
        both = await Promise.all([E(oracle).ask("a"), E(oracle).ask("b")])
        answer = await E(oracle).ask(f"left {left}")
        return [left, both, answer]

    @resumable
    async def outer(oracle):
        inner = await asks(oracle, "inner")
        return ["outer", inner]

    @resumable
    async def asks(oracle, question) -> int:
        return await E(oracle).ask(question)

    @resumable
    async def stubborn(account):
        try:
            await E(account).slow()
        except Exception as exc:
            return [type(exc).__name__, exc.code]

    @resumable
    async def careless(account):
        account.balance = 5

    @resumable
    async def piped(oracle, name):
        deep = E(E(oracle).ask("first")).ask(name)
        await E(oracle).ask("second")
        return await deep

    @remotable
    class Root:
        def __init__(self, baggage):
            self.account = provide(baggage, "account", Account)

        def balance(self):
            return self.account.balance

        def spend(self, oracle, amount):
            return spend(oracle, self.account, amount)

        def outer(self, oracle) -> list:
            return outer(oracle)

        def asks(self, oracle, question) -> int:
            return asks(oracle, question)

        def stubborn(self):
            return stubborn(self.account)

        def careless(self):
            return careless(self.account)

        def piped(self, oracle, name):
            return piped(oracle, name)

        def fleeting(self):
            return asks(self, 1)

    def build_root_object(baggage):
        return Root(baggage)
"""


@pytest.fixture
def flow(stage: Stage) -> tuple[Any, Any]:
    """A vat with resumable functions, and an oracle that answers when told to."""
    return stage.define("flow", FLOW), stage.define("oracle", ORACLE)


def test_each_step_is_done_once(stage: Stage, flow: tuple[Any, Any]) -> None:
    """With an upgrade between all steps, nothing is sent twice, and every answer is where it belongs."""
    root, oracle = flow
    promise = stage.send(root, "spend", oracle, 3)
    stage.session.settle()
    for question, value in (("b", 2), ("a", 1), ("left 7", 0)):
        assert stage.upgrade("flow", FLOW, "new").disconnected == ()
        stage.ask(oracle, "answer", question, value)
        stage.upgrade("flow", FLOW, "new")
    assert fate(stage, promise) == ["ok", [7, [1, 2], 0]]
    assert stage.ask(oracle, "questions") == ["a", "b", "left 7"]
    assert stage.ask(root, "balance") == 7
    assert stage.lens.promises() == []


def test_errors_are_logged_too(stage: Stage, flow: tuple[Any, Any]) -> None:
    """A rejection that was awaited is raised again where it was raised."""
    root, oracle = flow
    promise = stage.send(root, "spend", oracle, 30)
    assert fate(stage, promise) == ["error", "not enough"]
    assert stage.ask(root, "balance") == 10


def test_new_code_behind_the_await_counts(stage: Stage, flow: tuple[Any, Any]) -> None:
    """The part of a function that has not been reached may change."""
    root, oracle = flow
    promise = stage.send(root, "asks", oracle, "q")
    stage.session.settle()
    stage.upgrade(
        "flow",
        FLOW.replace(
            "return await E(oracle).ask(question)",
            """
        answer = await E(oracle).ask(question)
        return answer * 100""".replace("\n", "\n    "),
        ),
        "new",
    )
    stage.ask(oracle, "answer", "q", 5)
    assert fate(stage, promise) == ["ok", 500]


def test_result_is_checked_by_its_annotation(stage: Stage, flow: tuple[Any, Any]) -> None:
    """The annotation of the result is enforced when there is one, in whatever incarnation that is."""
    root, oracle = flow
    promise = stage.send(root, "asks", oracle, "q")
    stage.session.settle()
    stage.upgrade("flow", FLOW, "new")
    stage.ask(oracle, "answer", "q", "five")
    assert fate(stage, promise) == ["error", "asks() returned: wanted int, got str 'five'"]


def test_divergence_names_the_line(stage: Stage, flow: tuple[Any, Any]) -> None:
    """Code that does what the log does not say rejects its promise with both lines, and sends nothing."""
    root, oracle = flow
    promise = stage.send(root, "spend", oracle, 3)
    stage.session.settle()
    stage.upgrade("flow", FLOW.replace('E(oracle).ask("b")', 'E(oracle).ask("c")'), "new")
    [status, words] = fate(stage, promise)
    assert status == "error"
    assert words.startswith("@resumable spend cannot be resumed: line 20 of spend sends E(o-")
    assert '.ask(...) with [["c"],{}], but the log says that line 20 of the old code sends' in words
    assert stage.ask(oracle, "questions") == ["a", "b"]
    assert stage.ask(root, "balance") == 7


def test_function_that_is_gone_rejects(stage: Stage, flow: tuple[Any, Any]) -> None:
    """Calls of a function that the new code does not have are rejected with its name."""
    root, oracle = flow
    promise = stage.send(root, "asks", oracle, "q")
    stage.session.settle()
    stage.upgrade("flow", FLOW.replace("asks(", "begs("), "new")
    words = "@resumable asks cannot be resumed: the code of incarnation 1 has no @resumable asks"
    assert fate(stage, promise) == ["error", words]


def test_calls_nest(stage: Stage, flow: tuple[Any, Any]) -> None:
    """A resumable function that awaits another one is resumed with it."""
    root, oracle = flow
    promise = stage.send(root, "outer", oracle)
    stage.session.settle()
    stage.upgrade("flow", FLOW, "new")
    stage.ask(oracle, "answer", "inner", 4)
    assert fate(stage, promise) == ["ok", ["outer", 4]]
    assert stage.ask(oracle, "questions") == ["inner"]


def test_fleeting_promise_is_heard_as_broken(stage: Stage, flow: tuple[Any, Any]) -> None:
    """Where a resumable function awaits what is not resumable in its own vat, it is told of the upgrade."""
    root, _ = flow
    promise = stage.send(root, "stubborn")
    stage.session.settle()
    stage.upgrade("flow", FLOW, "new")
    assert fate(stage, promise) == ["ok", ["RemoteRejection", "vat-upgraded"]]


def test_state_is_closed_to_a_resumable_function(stage: Stage, flow: tuple[Any, Any]) -> None:
    """Writing durable state directly is refused, since it would be done again."""
    root, _ = flow
    [status, words] = fate(stage, stage.send(root, "careless"))
    assert status == "error"
    assert words.startswith("@resumable careless touches the state of its vat")
    assert stage.ask(root, "balance") == 10


def test_arguments_must_be_durable(stage: Stage, flow: tuple[Any, Any]) -> None:
    """A call with an argument that an upgrade ends is refused at once."""
    root, _ = flow
    [status, words] = fate(stage, stage.send(root, "fleeting"))
    assert status == "error"
    assert "make its class @durable" in words


def test_messages_to_an_answer_are_pipelined(stage: Stage, flow: tuple[Any, Any]) -> None:
    """A message to an answer that is awaited by nobody goes ahead, and is remembered."""
    root, oracle = flow
    other = stage.define("other", ORACLE)
    promise = stage.send(root, "piped", oracle, "deep")
    stage.session.settle()
    stage.upgrade("flow", FLOW, "new")
    stage.ask(oracle, "answer", "second", 0)
    stage.ask(oracle, "answer", "first", other)
    stage.upgrade("flow", FLOW, "new")
    stage.ask(other, "answer", "deep", 8)
    assert fate(stage, promise) == ["ok", 8]


def test_resumed_state_is_the_same_when_the_vat_is_replayed(make_stage: Any, tmp_path: Any) -> None:
    """A world that is closed after an upgrade brings resumed calls back from its transcript."""
    path = tmp_path / "a.world"
    first = make_stage("local", path)
    root, oracle = first.define("flow", FLOW), first.define("oracle", ORACLE)
    holder = first.define("holder", HOLDER)
    first.ask(holder, "hold", E(root).spend(oracle, 3))
    first.upgrade("flow", FLOW, "new")
    first.ask(oracle, "answer", "a", 1)
    first.close()
    second = make_stage("local", path)
    oracle = second.session.root("oracle")
    second.ask(oracle, "answer", "b", 2)
    second.ask(oracle, "answer", "left 7", 0)
    assert second.ask(second.session.root("holder"), "held") == [7, [1, 2], 0]


HOLDER = """
    from swingset.vat import remotable

    @remotable
    class Holder:
        def hold(self, promise):
            self.promise = promise

        async def held(self):
            return await self.promise

    def build_root_object():
        return Holder()
"""
