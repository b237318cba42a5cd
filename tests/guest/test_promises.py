"""How a vat and the kernel speak about promises: names, subscriptions, resolutions, retirement."""

from __future__ import annotations

import pytest

from tests.guest.guest_bench import ROOT, Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import E, Promise, RemoteRejection, make_promise, remotable

kept = {}

@remotable
class Thing:
    def hi(self):
        return "hi"

@remotable
class Root:
    def keep(self, name, value):
        kept[name] = value

    def keep_inner(self, name, value):
        kept[name] = value[0]

    def same(self, a, b):
        return kept[a] is kept[b]

    def call(self, name, method, *args):
        kept["answer"] = E(kept[name]).__getattr__(method)(*args)

    def call_kept(self, target, method, name, slot="answer"):
        kept[slot] = getattr(E(kept[target]), method)(kept[name])

    def give(self, name):
        return kept[name]

    def give_inside(self, name):
        return [kept[name]]

    def fresh(self, name):
        kept[name], kept[name + ".resolver"] = make_promise()

    def resolve(self, name, value=None):
        kept[name + ".resolver"].resolve(value)

    def resolve_to(self, name, other):
        kept[name + ".resolver"].resolve(kept[other])

    def resolve_pair(self):
        (p1, r1), (p2, r2) = make_promise(), make_promise()
        r1.resolve([p2])
        r2.resolve([p1])
        return p1

    def reject(self, name, value):
        kept[name + ".resolver"].reject(value)

    def thing(self, name):
        kept[name] = Thing()

    async def wait(self, value):
        return await E.when(value)

    async def outcome(self, value):
        try:
            return ["ok", await value]
        except Exception as exc:
            return [type(exc).__name__, str(exc), getattr(exc, "code", None), getattr(exc, "reason", None)]

    async def gather(self, items):
        return await Promise.all(items)

    async def pass_on(self, value):
        try:
            await value
        except Exception as exc:
            raise exc

    def rename(self, old, new):
        kept[new] = kept[old]

    async def unwraps_to_itself(self, name):
        inner = (await kept[name])[0]
        return (await inner)[0] is kept[name]

    def status(self, name):
        return kept[name].status

    def chain(self, target):
        p1 = E(target).pipe1()
        p2 = E(p1).pipe2()
        E(p2).pipe3()

def build_root_object():
    return Root()
"""

ALICE = "$0.Alleged: Alice"


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def resolution(vpid: str, tree: object, *slots: str, rejected: bool = False) -> list[object]:
    return ["resolve", [[vpid, rejected, capdata(tree, *slots)]]]


def test_send_subscribes_to_its_result(bench: Bench) -> None:
    """A send allocates its result promise from p+5 and subscribes to it at once."""
    bench.send("keep", "x", ALICE, slots=("o-50",), result=None)
    bench.send("call", "x", "hello", 1, result=None)
    assert bench.take() == [
        ["send", "o-50", {"methargs": capdata(["hello", [1]]), "result": "p+5"}],
        ["subscribe", "p+5"],
    ]


def test_pipelining_goes_through_the_kernel(bench: Bench) -> None:
    """Messages to a result that is still on its way are sent to its promise without waiting."""
    bench.send("chain", ALICE, slots=("o-50",), result=None)
    sends = [(call[1], call[2]["result"]) for call in bench.take() if call[0] == "send"]
    assert sends == [("o-50", "p+5"), ("p+5", "p+6"), ("p+6", "p+7")]


def test_imported_promise_is_subscribed_once(bench: Bench) -> None:
    """A promise that comes in is subscribed to when it is first met, and is one object ever after."""
    bench.send("keep", "a", "&0", slots=("p-70",), result=None)
    bench.send("keep", "b", "&0", slots=("p-70",), result=None)
    assert bench.take() == [["subscribe", "p-70"]]
    assert bench.ask("same", "a", "b") is True


def test_result_promise_is_resolved_by_name(bench: Bench) -> None:
    """The answer of a method resolves the promise that came with the message."""
    result = bench.send("wait", 7)
    assert bench.take() == [resolution(str(result), 7)]


def test_waiting_method_answers_in_a_later_delivery(bench: Bench) -> None:
    """A method that awaits an imported promise answers in the delivery that tells of it."""
    result = bench.send("wait", "&0", slots=("p-70",))
    assert bench.take() == [["subscribe", "p-70"]]
    bench.notify(("p-70", False, capdata(ALICE, "o-50")))
    assert bench.take() == [resolution(str(result), ALICE, "o-50")]


def test_pending_promise_is_exported_and_resolved_later(bench: Bench) -> None:
    """A promise of ours is exported unresolved, and resolved under the same name."""
    bench.send("fresh", "p", result=None)
    result = bench.send("give_inside", "p")
    assert bench.take() == [resolution(str(result), ["&0"], "p+5")]
    bench.send("resolve", "p", 3, result=None)
    assert bench.take() == [resolution("p+5", 3)]


def test_result_resolved_to_a_promise_waits_for_it(bench: Bench) -> None:
    """A method that returns a promise which only this vat knows answers when that promise does."""
    bench.send("fresh", "p", result=None)
    result = bench.send("give", "p")
    assert bench.take() == []
    bench.send("resolve", "p", 3, result=None)
    assert bench.take() == [resolution(str(result), 3)]


def forwarded(vpid: str | None, target: str) -> list[object]:
    return ["resolve", [[vpid, False, capdata("&0", target)]]]


def test_result_resolved_to_a_promise_of_another_vat_is_forwarded(bench: Bench) -> None:
    """A method that returns the promise of somebody else hands its result over to it at once."""
    bench.send("keep", "p", "&0", slots=("p-70",), result=None)
    bench.take()
    result = bench.send("give", "p")
    assert bench.take() == [forwarded(result, "p-70")]
    bench.notify(("p-70", False, capdata(3)))
    assert bench.take() == []


def test_result_resolved_to_the_answer_of_a_send_is_forwarded(bench: Bench) -> None:
    """A method that returns what another vat will answer is out of the way before the answer comes."""
    bench.send("keep", "x", ALICE, slots=("o-50",), result=None)
    bench.send("call", "x", "hello", result=None)
    bench.take()
    result = bench.send("give", "answer")
    assert bench.take() == [forwarded(result, "p+5")]


def test_exported_promise_is_forwarded_and_goes_by_the_other_name_from_then_on(bench: Bench) -> None:
    """A promise that follows another is sent under the other's name, and messages to it go there."""
    bench.send("fresh", "mine", result=None)
    bench.send("keep", "theirs", "&0", slots=("p-70",), result=None)
    bench.send("give_inside", "mine")
    bench.take()
    bench.send("resolve_to", "mine", "theirs", result=None)
    assert bench.take() == [forwarded("p+5", "p-70")]
    bench.send("call", "mine", "hello", result=None)
    assert bench.take()[0][:2] == ["send", "p-70"]
    result = bench.send("give_inside", "mine")
    assert bench.take() == [resolution(str(result), ["&0"], "p-70")]


def test_chain_of_promises_is_forwarded_when_its_end_is_known(bench: Bench) -> None:
    """Whatever follows a local promise is forwarded as soon as that one is resolved to a known one."""
    for name in ("a", "b"):
        bench.send("fresh", name, result=None)
    result = bench.send("give", "a")
    bench.send("resolve_to", "a", "b", result=None)
    assert bench.take() == []
    bench.send("keep", "theirs", "&0", slots=("p-70",), result=None)
    bench.take()
    bench.send("resolve_to", "b", "theirs", result=None)
    assert bench.take() == [forwarded(result, "p-70")]


def test_result_is_forwarded_when_the_promise_it_follows_gets_a_name(bench: Bench) -> None:
    """A result that follows a promise of ours is forwarded to it once that one is sent out."""
    bench.send("fresh", "p", result=None)
    first = bench.send("give", "p")
    assert bench.take() == []
    second = bench.send("give_inside", "p")
    assert bench.take() == [forwarded(first, "p+5"), resolution(str(second), ["&0"], "p+5")]
    bench.send("resolve", "p", 3, result=None)
    assert bench.take() == [resolution("p+5", 3)]


def test_settled_promise_in_an_answer_is_resolved_in_the_same_batch(bench: Bench) -> None:
    """An answer that mentions a settled promise of ours takes its resolution along."""
    bench.send("fresh", "p", result=None)
    bench.send("resolve", "p", 3, result=None)
    result = bench.send("give_inside", "p")
    assert bench.take() == [
        ["resolve", [[result, False, capdata(["&0"], "p+5")], ["p+5", False, capdata(3)]]]
    ]


def test_cycle_of_promises_is_one_batch(bench: Bench) -> None:
    """Two promises that resolve to lists of each other go out as one resolution."""
    result = bench.send("resolve_pair")
    (call,) = bench.take()
    names = [[vpid, data["slots"]] for vpid, _, data in call[1]]
    assert names == [[result, ["p+5"]], ["p+5", ["p+6"]], ["p+6", ["p+5"]]]


def test_cycle_of_promises_arrives_as_the_same_objects(bench: Bench) -> None:
    """A batch of promises that mention each other is read with their identities intact."""
    bench.send("keep", "p1", "&0", slots=("p-70",), result=None)
    bench.take()
    bench.notify(("p-70", False, capdata(["&0"], "p-71")), ("p-71", False, capdata(["&0"], "p-70")))
    assert bench.take() == []
    assert bench.ask("wait", 1) == 1
    # p1 = [p2], p2 = [p1]: p2's content is p1 itself.
    assert bench.ask("unwraps_to_itself", "p1") is True


@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize("in_list", [True, False])
@pytest.mark.parametrize("as_target", [True, False])
def test_retired_promise_is_usable_again(bench: Bench, mine: bool, in_list: bool, as_target: bool) -> None:
    """A promise whose name is retired can be a target or an argument again, whatever way it came."""
    bench.send("keep", "bob", "$0.Alleged: Bob", slots=("o-50",), result=None)
    bench.send("thing", "amy", result=None)
    bench.send("call", "bob", "get_promise", result=None)
    bench.take()
    # The promise comes as the result p+5, or inside the list that p+5 resolves to.
    if in_list:
        bench.notify(("p+5", False, capdata(["&0"], "p-70")))
        assert bench.take() == [["subscribe", "p-70"]]
        bench.send("keep", "p", "&0", slots=("p-70",), result=None)
        vpid = "p-70"
    else:
        vpid = "p+5"
        bench.send("rename", "answer", "p", result=None)
    if mine:
        export = bench.ask("give", "amy")
        assert export == "$0.Alleged: Thing"
        data, slot, iface = capdata("$0.Alleged: Thing", "o+10"), "o+10", "Thing"
    else:
        data, slot, iface = capdata("$0.Alleged: Bert", "o-51"), "o-51", "Bert"
    bench.take()
    bench.notify((vpid, False, data))
    assert bench.take() == []
    if as_target:
        bench.send("call", "p", "hi", result=None)
        sends = [call[:2] for call in bench.take() if call[0] == "send"]
        assert sends == ([] if mine else [["send", "o-51"]])
        assert bench.ask("status", "answer") == ("fulfilled" if mine else "pending")
        return
    bench.send("call_kept", "bob", "take", "p", result=None)
    send, subscribe, resolve = bench.take()
    result, fresh = send[2]["result"], send[2]["methargs"]["slots"][0]
    assert fresh.startswith("p+")
    assert fresh != vpid
    assert send == ["send", "o-50", {"methargs": capdata(["take", ["&0"]], fresh), "result": result}]
    assert subscribe == ["subscribe", result]
    assert resolve == resolution(fresh, f"$0.Alleged: {iface}", slot)


def test_retired_promise_sent_twice_gets_two_names(bench: Bench) -> None:
    """Once resolved, a name is never used again."""
    bench.send("fresh", "p", result=None)
    bench.send("resolve", "p", 3, result=None)
    first, second = (bench.send("give_inside", "p") for _ in range(2))
    assert [call[1][0] for call in bench.take()] == [
        [first, False, capdata(["&0"], "p+5")],
        [second, False, capdata(["&0"], "p+6")],
    ]


def test_rejection_travels_with_the_data_it_was_made_of(bench: Bench) -> None:
    """A promise rejected with plain data is reported as that data."""
    bench.send("fresh", "p", result=None)
    result = bench.send("give_inside", "p")
    bench.send("reject", "p", {"message": "nope"}, result=None)
    assert bench.take() == [
        resolution(str(result), ["&0"], "p+5"),
        resolution("p+5", {"message": "nope"}, rejected=True),
    ]


def test_upgrade_disconnection_is_an_exception_that_passes_on_unchanged(bench: Bench) -> None:
    """The news of an upgrade raises an exception with code and reason, and leaves the vat as it came."""
    gone = {"name": "vatUpgraded", "upgradeMessage": "v2", "incarnationNumber": 0}
    outcome = bench.send("outcome", "&0", slots=("p-70",))
    passed = bench.send("pass_on", "&0", slots=("p-70",))
    bench.take()
    bench.notify(("p-70", True, capdata(gone)))
    first, second = bench.take()
    assert first[1][0][0] == outcome
    told = '"RemoteRejection","the vat was upgraded before it answered: \'v2\', incarnation 0 ended"'
    assert first[1][0][2]["body"].startswith(f'#[{told},"vat-upgraded",' + '{"name":"vatUpgraded"')
    assert second == resolution(str(passed), gone, rejected=True)


def test_promise_resolved_to_itself_is_rejected(bench: Bench) -> None:
    """A cycle of promises with nothing else in it rejects all of them."""
    bench.send("fresh", "p", result=None)
    bench.send("fresh", "q", result=None)
    result = bench.send("give", "p")
    bench.send("resolve_to", "p", "q", result=None)
    bench.send("resolve_to", "q", "p", result=None)
    assert bench.take() == [
        resolution(
            str(result),
            {
                "#error": "a promise cannot be resolved to itself, directly or through other promises",
                "name": "TypeError",
                "code": "promise-cycle",
            },
            rejected=True,
        )
    ]


def test_messages_keep_their_order_when_a_promise_is_handed_on(bench: Bench) -> None:
    """Messages that wait for a local promise go ahead of later ones once it is resolved to a remote one."""
    bench.send("fresh", "p", result=None)
    bench.send("call", "p", "first", result=None)
    bench.send("keep", "q", "&0", slots=("p-70",), result=None)
    bench.take()
    bench.send("resolve_to", "p", "q", result=None)
    bench.send("call", "p", "second", result=None)
    sends = [(call[1], call[2]["methargs"]["body"]) for call in bench.take() if call[0] == "send"]
    assert sends == [("p-70", '#["first",[]]'), ("p-70", '#["second",[]]')]


def test_result_of_a_message_may_be_a_promise_already_known(bench: Bench) -> None:
    """When the kernel makes a known promise the result of a message, this vat decides it from then on."""
    bench.send("keep", "p", "&0", slots=("p-70",), result=None)
    bench.take()
    bench.send("wait", 5, result="p-70")
    assert bench.take() == [resolution("p-70", 5)]
    assert bench.ask("wait", 1) == 1
    assert bench.ask("status", "p") == "fulfilled"


def test_message_to_a_promise_of_ours_is_served(bench: Bench) -> None:
    """Should the kernel ever deliver to a promise that this vat decides, the message waits for it."""
    bench.send("thing", "amy", result=None)
    bench.send("fresh", "p", result=None)
    bench.send("keep", "bob", "$0.Alleged: Bob", slots=("o-50",), result=None)
    bench.send("call_kept", "bob", "take", "p", result=None)
    name = bench.take()[0][2]["methargs"]["slots"][0]
    result = bench.send("hi", target=name)
    bench.send("resolve_to", "p", "amy", result=None)
    assert ["resolve", [[result, False, capdata("hi")]]] in bench.take()


def test_notify_of_an_unknown_promise_changes_nothing(bench: Bench) -> None:
    """News for a promise of an earlier incarnation is taken without complaint."""
    bench.notify(("p+77", True, capdata("gone")))
    assert bench.take() == []
    assert bench.unhandled == []


def test_unreadable_answer_rejects(bench: Bench) -> None:
    """An answer that no encoder wrote rejects the promise instead of stopping the vat."""
    result = bench.send("outcome", "&0", slots=("p-70",))
    bench.notify(("p-70", False, {"body": "#[", "slots": []}))
    data = bench.take()[-1][1][0]
    assert data[0] == result
    assert '"TypeError","the answer cannot be read: not JSON' in data[2]["body"]


def test_gathering_promises(bench: Bench) -> None:
    """`Promise.all` answers with the results in the order of the promises, not of their settling."""
    result = bench.send("gather", ["&0", 2, "&1"], slots=("p-70", "p-71"))
    bench.notify(("p-71", False, capdata(3)))
    bench.notify(("p-70", False, capdata(1)))
    assert bench.take()[-1] == resolution(str(result), [1, 2, 3])


def test_unhandled_rejection_is_reported_once(bench: Bench) -> None:
    """A rejected answer that nobody looks at is reported once, with its reason and the send it answers."""
    bench.send("keep", "x", ALICE, slots=("o-50",), result=None)
    bench.send("call", "x", "hello", result=None)
    bench.notify(
        ("p+5", True, capdata({"#error": "no", "name": "ValueError", "trace": [["kind A", 3, "f"]]}))
    )
    bench.send("wait", 1)
    line = next(n for n, text in enumerate(SOURCE.splitlines(), 1) if 'kept["answer"] = E(' in text)
    assert bench.unhandled == [
        "unhandled rejection in bank: ValueError: no (kind A, line 3, in f); "
        f"sent as E(...).hello() in bank, line {line}"
    ]


def test_handled_rejection_is_not_reported(bench: Bench) -> None:
    """A rejection that is awaited, or passed on to the sender, is not reported."""
    bench.send("outcome", "&0", slots=("p-70",))
    bench.send("wait", "&0", slots=("p-70",))
    bench.notify(("p-70", True, capdata({"#error": "no", "name": "ValueError"})))
    assert bench.unhandled == []


def test_root_sent_to_itself_is_itself(bench: Bench) -> None:
    """An object of this vat that comes back is the object, not a stand-in."""
    bench.send("keep", "me", "$0.Alleged: Root", slots=(ROOT,), result=None)
    assert bench.ask("give", "me") == "$0.Alleged: Root"
