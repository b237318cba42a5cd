"""Clients of Cap'n Web: calls, pipelining, callbacks, map functions, and how a session ends."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.net import capdata
from swingset.net.limits import Limits
from swingset.net.values import UNDEFINED, Failure, Ref, Tagged
from tests.net.auditing import audit
from tests.net.bench import World
from tests.net.standard import answer, export, new_object, symbol, talk
from tests.net.webbing import ADDRESS, Client, served

DATA = {"list": [1, {"deep": 5}], "numbers": [1, 2, 3], "none": None, "pair": Tagged("tuple", [7, 8])}


class Home:
    """The object that is served: what it got, and promises that it settles later."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.got: list[Any] = []
        self.promises: list[str] = []
        self.world = served(self, limits)
        self.other = self.world.object(lambda method, *args: ["other", method, *args])

    def __call__(self, method: str, *args: Any, **words: Any) -> Any:
        self.got.append((method, *args))
        match method:
            case "same":
                return args[0]
            case "data":
                return DATA
            case "fail":
                raise ValueError(args[0])
            case "refuse":
                self.promises.append(self.world.promise())
                self.world.settle(self.promises[-1], True, Failure("no", "Refusal", {"code": "no-money"}))
                return Ref(self.promises[-1])
            case "later":
                self.promises.append(self.world.promise())
                return Ref(self.promises[-1])
            case "other":
                return Ref(self.other)
            case "others":
                return [{"is": Ref(self.other)}, {"is": Ref(self.other)}]
            case "tell":
                return Ref(self.world.call(args[0].name, *args[1:]))
            case "give":
                return VALUES[args[0]]
        return [method, *args]

    def settle(self, value: Any, *, rejected: bool = False, at: int = -1) -> None:
        self.world.settle(self.promises[at], rejected, value)
        self.world.network.run()


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.fixture
def client(home: Home) -> Client:
    return Client(home.world)


# Values.

PASS = [
    *(None, True, 5, -1.5, "text", "", "é\u2028", 2**53 - 1),
    *([[]], [[1, [["a"]]]], {}, {"a": {"b": [[1]]}}),
    *(["inf"], ["-inf"], ["nan"], ["bigint", "9007199254740992"], ["bigint", "-" + "9" * 4300]),
    *(
        ["bytes", ""],
        ["bytes", "AAEC"],
        ["bytes", "AA"],
        ["date", 0],
        ["date", -5],
        ["date", 253402300799999],
    ),
]


@pytest.mark.parametrize("value", PASS, ids=lambda value: ascii(value)[:40])
def test_a_value_comes_back_as_it_was(home: Home, client: Client, value: Any) -> None:
    """What a vat gets and returns is written as the client wrote it."""
    assert client.value(client.call(0, "same", value)) == value


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (["undefined"], None),
        (["bytes", "AAEC", "ArrayBuffer"], bytes([0, 1, 2])),
        (["bytes", "AA=="], b"\0"),
        (["bigint", "5"], 5),
        (["date", 1.5], Tagged("datetime", "1970-01-01T00:00:00.001500+00:00")),
        ({"__proto__": 1, "constructor": 2}, {"__proto__": 1, "constructor": 2}),
        (
            ["error", "TypeError", "no"],
            Failure("no", "TypeError", {"trace": [["world web client, ", 0, ""]]}),
        ),
        (
            ["error", "E", "no", "a stack", {"code": "c", "x": ["url", "u"]}],
            Failure("no", "E", {"code": "c", "trace": [["world web client, ", 0, ""]]}),
        ),
    ],
    ids=ascii,
)
def test_a_value_that_python_has_otherwise(home: Home, client: Client, given: Any, got: Any) -> None:
    """What a vat gets of it."""
    client.call(0, "take", given)
    assert home.got == [("take", got)]


VALUES = {
    "tuple": Tagged("tuple", [1, 2]),
    "undefined": UNDEFINED,
    "map": Tagged("map", [[1, 2]]),
    "decimal": Tagged("decimal", "1.10"),
    "inherited": {"a": [{"toString": 1}]},
    "naive": Tagged("datetime", "2024-01-01T00:00:00"),
    "micro": Tagged("datetime", "2024-01-01T00:00:00.000001+00:00"),
    "long": "x" * 1_000_000,
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tuple", [[1, 2]]),
        ("undefined", ["undefined"]),
        ("map", "a dict passes if all its keys are texts"),
        ("decimal", "under the tag 'decimal' does not pass to a web client: pass its parts, or a text"),
        ("inherited", "a web client drops the key 'toString', which its objects inherit: name it otherwise"),
        ("naive", "a datetime without a time zone"),
        ("micro", "has whole milliseconds"),
        ("long", "has at most 999,000 bytes"),
    ],
)
def test_a_result_is_written_or_refused_in_words(client: Client, name: str, said: Any) -> None:
    """Nothing is lost on its way in silence: what a page cannot have rejects the call."""
    found = client.value(client.call(0, "give", name))
    assert found == said or (found[:2] == ["!", "TypeError"] and said in found[2])


UNSUPPORTED = [
    *(["url", "http://x"], ["headers", [["a", "b"]]], ["request", "u", {}], ["response", None, {}]),
    *(["blob", "t", ["readable", 1]], ["readable", 1], ["bytes", "AA", "Float32Array"], ["bytes", "%%"]),
    *(["bigint", "x"], ["bigint", "9" * 4301], ["date", None], ["date", 1e300], ["new", 1], [], [5]),
    *("\ud800", {"\udfff": 1}, ["error", 5], ["undefined", 1], ["writable", -6], [1, 2], [[], []], [{}]),
]


@pytest.mark.parametrize("value", UNSUPPORTED, ids=ascii)
def test_a_form_that_no_vat_can_be_sent_rejects_that_call(home: Home, client: Client, value: Any) -> None:
    """The session goes on, and what was exported beside it is let go of."""
    found = client.value(client.call(0, "take", ["export", -5], {"a": [[value]]}))
    assert found[:2] == ["!", "TypeError"]
    assert home.got == []
    released = client.take("release")
    assert ["release", -5, 1] in released
    assert client.value(client.call(0, "same", 1)) == 1


# Calls.


def test_calls_are_pipelined(home: Home, client: Client) -> None:
    """A result is called, read and passed before it is there; nothing is sent back that was not pulled."""
    data = client.call(0, "later")
    part = client.push(["pipeline", data, ["list", 1, "deep"]])
    there = client.call(data, "where")
    passed = client.call(0, "same", [[["pipeline", data, ["numbers"]], ["import", 0]]])
    assert client.got == []
    home.settle(DATA)
    assert client.value(part) == 5
    assert client.value(there)[1] == "TypeError"
    assert client.value(passed) == [[[[1, 2, 3]], ["export", -1]]]


def test_a_promise_in_arguments_is_waited_for(home: Home, client: Client) -> None:
    """The method gets what it is settled with; a call without it goes on meanwhile."""
    first, second = client.call(0, "later"), client.call(0, "later")
    waits = client.call(0, "take", [[["pipeline", first], {"x": ["pipeline", second, ["numbers", "1"]]}]])
    client.call(0, "meanwhile")
    assert [each[0] for each in home.got] == ["later", "later", "meanwhile"]
    home.settle(DATA, at=1)
    home.settle(Ref(home.other), at=0)
    assert home.got[-1] == ("take", [Ref(home.other), {"x": 2}])
    assert client.value(waits)[0][0] == "take"


@pytest.mark.parametrize("first", [True, False])
def test_a_call_with_a_rejected_argument_is_not_made(home: Home, client: Client, first: bool) -> None:
    """Its result is rejected with the same, whether it was so before or becomes so."""
    promise = client.call(0, "later")
    if first:
        home.settle(Failure("gone", "KeyError"), rejected=True)
    result = client.call(0, "take", ["pipeline", promise])
    if not first:
        home.settle(Failure("gone", "KeyError"), rejected=True)
    assert client.value(result) == ["!", "KeyError", "gone"]
    assert [each[0] for each in home.got] == ["later"]


def test_a_call_of_a_member_of_a_result(home: Home, client: Client) -> None:
    """The path before the method leads over plain data to an object."""
    others = client.call(0, "others")
    assert client.value(client.push(["pipeline", others, [0, "is", "hello"], [5]])) == [["other", "hello", 5]]
    assert client.value(client.push(["pipeline", client.call(0, "other"), [], [5]])) == [["other", "call", 5]]


@pytest.mark.parametrize(
    ("path", "args"),
    [
        (["__class__"], None),
        (["constructor"], None),
        (["list", "length"], None),
        (["list", "append"], [1]),
        (["list", -1], None),
        (["list", "01"], None),
        (["list", 1, "deep", "real"], None),
        (["pair", 2], None),
        (["toString"], []),
        (["list", "__len__"], []),
        ([], []),
        ([0], []),
    ],
    ids=ascii,
)
def test_nothing_that_is_inherited_is_reached(client: Client, path: list[Any], args: Any) -> None:
    """A part that was not put into plain data is not there, and plain data has no methods."""
    data = client.call(0, "data")
    expression = ["pipeline", data, path] if args is None else ["pipeline", data, path, args]
    assert client.value(client.push(expression))[:2] == ["!", "TypeError"]


@pytest.mark.parametrize("path", [["balance"], ["__dict__"], ["a", "b"]], ids=ascii)
def test_an_object_has_no_properties(client: Client, path: list[str]) -> None:
    """An object of a vat has methods, and nothing to read on the way to one."""
    words = "an object has methods to call, and no properties to read"
    assert client.value(client.push(["pipeline", 0, path])) == ["!", "TypeError", words]
    assert client.value(client.push(["pipeline", 0, [*path, "x"], []])) == ["!", "TypeError", words]
    later = client.call(0, "other")
    assert client.value(client.push(["pipeline", later, path])) == ["!", "TypeError", words]


def test_errors_have_their_type_and_code(client: Client) -> None:
    """The name, the message and the code cross; where it was raised does not."""
    failed = client.call(0, "fail", "broke")
    client.send("pull", failed)
    assert client.got == [["reject", 1, ["error", "ValueError", "broke", None, {"type": "ValueError"}]]]
    client.send("pull", client.call(0, "refuse"))
    assert client.got[-1][2] == ["error", "Refusal", "no", None, {"type": "Refusal", "code": "no-money"}]


def test_an_object_that_is_passed_has_one_number(client: Client) -> None:
    """It is counted each time, and is there until it was released as often."""
    first, second = client.value(client.call(0, "other")), client.value(client.call(0, "other"))
    assert first == second == ["export", -1]
    client.send("release", -1, 1)
    assert client.value(client.call(-1, "ping")) == [["other", "ping"]]
    assert client.value(client.call(0, "same", ["import", -1])) == ["export", -1]
    client.send("release", -1, 2)
    client.call(-1, "ping")
    assert client.take("abort")[0][1][2] == "nothing is exported at -1, or it was released"


def test_a_promise_in_a_result_is_settled_later(home: Home, client: Client) -> None:
    """It is exported as a promise, and its outcome follows unasked."""
    inner = home.world.promise()
    data = client.call(0, "later")
    client.send("pull", data)
    home.settle({"soon": Ref(inner)})
    assert client.got == [["resolve", data, {"soon": ["promise", -1]}]]
    home.world.settle(inner, False, 5)
    home.world.network.run()
    assert client.got[1:] == [["resolve", -1, 5]]
    client.send("release", -1, 1)
    assert client.value(client.call(0, "same", 1)) == 1


def test_what_is_streamed_is_answered_and_let_go_of(client: Client) -> None:
    """It takes a number like any other, which is gone with the answer."""
    client.send("stream", ["pipeline", 0, ["same"], [5]])
    assert client.got == [["resolve", 1, 5]]
    client.send("pull", 1)
    assert client.take("abort")


def test_a_pipe_is_refused_and_takes_a_number(client: Client) -> None:
    """What is written to it is rejected, and the numbers stay in step."""
    client.send("pipe")
    client.send("stream", ["pipeline", 1, ["write"], [["bytes", "AA"]]])
    assert client.got[0][:2] == ["reject", 2]
    client.asked = 2
    assert client.value(client.call(0, "same", 1)) == 1
    assert client.value(1)[2] == "streams do not pass to a vat: pass bytes in pieces"


# Callbacks.


def test_a_vat_calls_what_a_client_has_passed(client: Client) -> None:
    """A function is called without a name, an object by its method; the result is the client's."""
    told = client.call(0, "tell", ["export", -1], "call", 7)
    client.call(0, "tell", ["export", -1], "report", {"a": [[1]]})
    assert client.take("push") == [
        ["push", ["pipeline", -1, [], [7]]],
        ["push", ["pipeline", -1, ["report"], [{"a": [[1]]}]]],
    ]
    assert client.take("pull") == [["pull", 1], ["pull", 2]]
    client.send("resolve", 1, [["done"]])
    client.send("reject", 2, ["error", "RangeError", "no"])
    assert client.take("release") == [["release", 1, 1], ["release", 2, 1]]
    assert client.value(told) == [["done"]]
    assert client.value(2) == ["!", "RangeError", "no"]


def test_a_client_s_own_object_goes_back_as_its_own(client: Client) -> None:
    """It is named by the client's number, and was counted as often as it came."""
    client.call(0, "tell", ["export", -1], "call", 1)
    assert client.value(client.call(0, "same", ["export", -1])) == ["import", -1]


def test_a_callback_has_no_keyword_arguments(home: Home, client: Client) -> None:
    """They are refused in words."""
    client.call(0, "take", ["export", -1])
    promise = home.world.call(home.got[0][1].name, "call", amount=5)
    home.world.network.run()
    assert "pass a dict" in home.world.outcome(promise)[1].message


def test_a_client_s_promise_is_settled_by_it(home: Home, client: Client) -> None:
    """A call with it waits; one to it is held, and made in order once it is settled."""
    client.call(0, "take", ["promise", -1])
    assert home.got == []
    client.send("resolve", -1, {"a": ["export", -2]})
    ((method, value),) = home.got
    assert method == "take"
    assert client.take("release") == [["release", -1, 1]]
    home.world.call(value["a"].name, "call", 1, result=False)
    home.world.network.run()
    assert client.got == [["push", ["pipeline", -2, [], [1]]], ["release", 1, 1]]


def test_a_result_of_a_client_is_called_once_it_is_there(home: Home, client: Client) -> None:
    """Messages to it keep their order, wherever it turns out to be."""
    client.call(0, "take", ["export", -1])
    promise = home.world.call(home.got[0][1].name, "call")
    for number in range(3):
        home.world.call(promise, "number", number)
    home.world.network.run()
    client.send("resolve", 1, ["import", 0])
    assert home.got[1:] == [("number", 0), ("number", 1), ("number", 2)]


def test_a_client_s_object_is_passed_on_to_another_world(home: Home, client: Client) -> None:
    """Whoever has no wire to the client reaches it through this world."""
    client.call(0, "take", ["export", -1])
    theirs = home.got[0][1]
    home.world.share(home.world.object(lambda method: theirs), b"theirs".ljust(32))
    peer = talk(home.world.network, "peer")
    peer.begin(home.world)
    peer.send("op:deliver", export(0), [symbol("fetch"), b"theirs".ljust(32)], 1, False)
    peer.send("op:deliver", answer(1), [symbol("get")], 2, False)
    peer.send("op:deliver", answer(2), [7], 3, new_object(9))
    home.world.network.run()
    assert client.take("push") == [["push", ["pipeline", -1, [], [7]]]]
    client.send("resolve", 1, 8)
    assert [symbol("fulfill"), 8] in [fields[1] for fields in peer.take("op:deliver")]


def test_a_client_calls_an_object_of_another_world_through_this_one(home: Home, client: Client) -> None:
    """It is exported as this world's own, and pipelined to; where it is, the client does not learn."""
    far = World(home.world.network, "far")
    far.share(far.object(lambda method, *args: [method, *args]), b"far".ljust(32))
    promise = home.world.fetch(far.here, b"far".ljust(32))
    home.world.network.run()
    home.other = home.world.outcome(promise).name
    there = client.call(0, "other")
    assert client.value(client.call(there, "ping", ["export", -1])) == [["ping", ["import", -1]]]
    assert client.value(there) == ["export", -1]
    far.hub.hang_up(far.hub.connections()[0], "gone")
    home.world.network.run()
    assert client.value(client.call(-1, "ping")) == [["ping"]]  # it was fetched, so it is reached again


# Map functions.


def test_a_map_function_calls_what_it_captured(home: Home, client: Client) -> None:
    """It is applied to each item; the results are waited for."""
    data = client.call(0, "later")
    calls = [["pipeline", -1, ["item"], [["pipeline", 0], 5]], {"at": ["pipeline", 1, ["1"]]}]
    mapped = client.push(["remap", data, ["numbers"], [["import", 0]], calls])
    home.settle(DATA)
    assert client.value(mapped) == [[{"at": 1}, {"at": 2}, {"at": 3}]]
    assert home.got[1:] == [("item", 1, 5), ("item", 2, 5), ("item", 3, 5)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [(["none"], None), (["list", 1], {"was": {"deep": 5}}), (["pair"], [[{"was": 7}, {"was": 8}]])],
    ids=ascii,
)
def test_a_map_of_what_is_no_array(client: Client, path: list[Any], expected: Any) -> None:
    """Nothing stays nothing, and another value is one item."""
    mapped = client.push(["remap", client.call(0, "data"), path, [], [{"was": ["pipeline", 0]}]])
    assert client.value(mapped) == expected


def test_a_map_calls_the_objects_among_the_items(client: Client) -> None:
    """An item's object is called by a path over the item; a captured stub of the client is passed."""
    instructions = [["pipeline", 0, ["is", "hello"], [["import", -1]]], ["pipeline", 1]]
    mapped = client.push(["remap", client.call(0, "others"), [], [["export", -1]], instructions])
    assert client.value(mapped) == [
        [[["other", "hello", ["import", -1]]], [["other", "hello", ["import", -1]]]]
    ]


def test_a_map_in_a_map(client: Client) -> None:
    """The inner one captures what the outer one has."""
    inner = ["remap", -1, ["numbers"], [["import", 0]], [[[["pipeline", -1], ["pipeline", 0]]]]]
    mapped = client.push(["remap", client.call(0, "data"), ["numbers"], [["import", client.asked]], [inner]])
    assert client.value(mapped) == [[[[[[a, b]] for b in (1, 2, 3)]] for a in (1, 2, 3)]]


LAUGHS = [["pipeline", 0], *([[["pipeline", at]] * 30] for at in range(1, 20))]


@pytest.mark.parametrize(
    ("captures", "instructions", "said"),
    [
        ([], [["pipeline", 1]], "names what it was not given"),
        ([], [["pipeline", -1]], "names what it was not given"),
        ([["import", 0]], [["pipeline", -2, ["x"], []]], "names what it was not given"),
        ([], [["export", -1]], "introduces nothing"),
        ([], [["promise", -1]], "introduces nothing"),
        ([], [["remap", 0, [], [["export", -1]], [1]]], "introduces nothing"),
        ([], [["url", "x"]], "does not pass to a vat"),
        ([], [["pipeline", 0, ["__class__"]]], "has no part"),
        ([], [1] * 101, "at most 100 instructions"),
        ([], LAUGHS, "more data than a message may have"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_map_function_that_does_what_it_may_not(
    client: Client, captures: Any, instructions: Any, said: str
) -> None:
    """Its result is rejected, and the session goes on."""
    mapped = client.push(["remap", client.call(0, "data"), ["numbers"], captures, instructions])
    assert said in client.value(mapped)[2]
    assert client.value(client.call(0, "same", 1)) == 1


def test_maps_that_were_refused_stand_in_no_other_s_way() -> None:
    """After as many refused maps as may be in each other, a right one of the same batch is done."""
    wrong = ["push", ["remap", 0, [], [], [["pipeline", 5]]]]
    right = ["push", ["remap", 0, [], [], [["pipeline", 0, ["x"], []]]]]
    batch = [*[wrong] * 10, right, ["pull", 11]]
    assert Client(served(lambda *_: [1, 2, 3]), batch=batch).got == [["resolve", 11, [[1, 2, 3]]]]


def test_a_map_does_a_bounded_number_of_steps(client: Client) -> None:
    """More items than one input may have instructions for are refused."""
    items = client.call(0, "same", [list(range(3_000))])
    mapped = client.push(["remap", items, [], [], [1, 2]])
    assert "at most 5000 steps" in client.value(mapped)[2]


def test_a_map_of_many_small_items(client: Client) -> None:
    """What small items take is counted as small."""
    items = client.call(0, "same", [list(range(2_500))])
    mapped = client.push(["remap", items, [], [], [["pipeline", 0], [[["pipeline", 1]] * 3]]])
    assert client.value(mapped) == [[[[number] * 3] for number in range(2_500)]]


def test_maps_are_only_so_deep_in_each_other() -> None:
    """A function of functions is refused before it is a fault of this side."""
    home = Home()
    client = Client(home.world)
    deep: Any = 1
    for _ in range(40):
        deep = ["remap", 0, [], [], [deep]]
    assert (
        "deep in each other"
        in client.value(client.push(["remap", client.call(0, "data"), [], [], [deep]]))[2]
    )


def test_results_that_are_put_in_many_places_are_bounded(client: Client) -> None:
    """A long result, used often in one call, makes no message without end."""
    long = client.call(0, "same", "x" * 900_000)
    assert "too long" in client.value(client.call(0, "take", [[["pipeline", long]] * 5_000]))[2]


# Batches.


def test_a_batch_ends_with_its_answers(home: Home) -> None:
    """All its messages are one input, and its session is gone with the response."""
    batch = Client(home.world, batch=[["push", ["pipeline", 0, ["same"], [5]]], ["pull", 1]])
    assert (batch.got, batch.why) == ([["resolve", 1, 5]], "the batch is done")
    assert home.world.hub.connections() == []
    empty = Client(home.world, batch=[])
    assert (empty.got, empty.why) == ([], "the batch is done")


def test_a_batch_waits_for_what_it_has_pulled(home: Home) -> None:
    """What it exports is broken at its end, and what it has not pulled is not waited for."""
    batch = Client(
        home.world,
        batch=[
            ["push", ["pipeline", 0, ["later"], []]],
            ["push", ["pipeline", 0, ["later"], []]],
            ["push", ["pipeline", 0, ["take"], [["export", -1]]]],
            ["pull", 1],
        ],
    )
    assert batch.why is None
    inner = home.world.promise()
    home.settle([Ref(inner)], at=0)
    assert (batch.got, batch.why) == ([["resolve", 1, [[["promise", -1]]]]], None)
    home.world.settle(inner, False, 1)
    home.world.network.run()
    assert (batch.got[1:], batch.why) == ([["resolve", -1, 1]], "the batch is done")
    promise = home.world.call(home.got[-1][1].name, "call")
    home.world.network.run()
    assert home.world.outcome(promise)[1].more["code"] == "disconnected"


def test_of_a_batch_with_a_bad_message_nothing_is_done(home: Home) -> None:
    """It is refused as a whole, with the reason in its answer."""
    batch = Client(home.world, batch=[["push", ["pipeline", 0, ["take"], []]], ["nonsense"]])
    assert batch.got[0][0] == "abort"
    assert home.got == []
    many = Client(home.world, batch=[["pipe"]] * 1_001)
    assert many.got[0][1][2] == "a batch has at most 1000 messages"


# Ends.


def test_an_address_that_opens_nothing(home: Home) -> None:
    """What is not shared and what was taken back look the same."""
    stranger = Client(home.world, "00" * 32)
    home.world.device.revoked.add(ADDRESS)
    revoked = Client(home.world)
    assert stranger.got == revoked.got
    assert stranger.got[0][1][2].startswith("this address opens nothing")
    assert stranger.why == revoked.why


def test_what_was_taken_back_is_cut_off(home: Home, client: Client) -> None:
    """Sessions by the address end, with what they had; others stay."""
    home.world.hub.share("11" * 32, home.other)
    other = Client(home.world, "11" * 32)
    pending = client.call(0, "later")
    client.call(0, "take", ["export", -1])
    client.send("pull", pending)
    home.world.hub.unshare(ADDRESS)
    home.world.network.run()
    assert client.take("abort") == [
        ["abort", ["error", "Error", "its address was taken back", None, {"type": "Error"}]]
    ]
    assert client.why == "its address was taken back"
    promise = home.world.call(home.got[-1][1].name, "call")
    home.settle(1)
    assert home.world.outcome(promise)[1].more["code"] == "disconnected"
    assert other.value(other.call(0, "hello")) == [["other", "hello"]]
    assert [row["web"] for row in home.world.hub.peers()] == ["11" * 32]


def test_a_client_that_aborts(home: Home, client: Client) -> None:
    """Its session ends, with its reason among the events."""
    client.send("abort", ["error", "Error", "enough"])
    assert home.world.events[-1]["why"] == "the client aborted: enough"
    assert home.world.hub.connections() == []


def test_calls_that_wait_when_a_session_ends(home: Home, client: Client) -> None:
    """They are forgotten with it, and what settles later changes nothing."""
    promise = client.call(0, "later")
    client.call(0, "take", ["pipeline", promise], ["export", -1])
    home.world.hub.closed(client.conn, "pulled")
    home.settle(5)
    assert [each[0] for each in home.got] == ["later"]
    assert home.world.rows("J.") == home.world.rows("X.") == home.world.rows("I.") == []


CALL = ["pipeline", 0, ["x"], []]


@pytest.mark.parametrize(
    ("limits", "messages", "said"),
    [
        (Limits(answers=3), [CALL] * 4, "3 answers"),
        (Limits(imports=3), [["pipeline", 0, ["x"], [["export", -at]]] for at in range(1, 5)], "3 imports"),
        (Limits(exports=3), [["pipeline", 0, ["other"], []]] * 3, "3 exports"),
        (Limits(message_bytes=1_100), ["x" * 1_100], "may have 1100 bytes"),
        (Limits(session_bytes=200), [CALL] * 8, "may send 200 bytes"),
        (Limits(values=50), [[[1] * 50]], "at most 50 values"),
        (
            Limits(copied=3_000),
            [["pipeline", 0, ["same"], ["x" * 1_000]], *[["pipeline", 1, []]] * 2]
            + [["remap", 1, [], [], [["pipeline", 0]]]] * 4,
            "3000 copied",
        ),
        (Limits(held=3), [["pipeline", 0, ["later"], []], *[["pipeline", 1, ["x"]]] * 4], "3 wait"),
    ],
    ids=["answers", "imports", "exports", "message", "session", "values", "copied", "held"],
)
def test_a_session_has_its_limits(limits: Limits, messages: list[Any], said: str) -> None:
    """Who passes one is told which, and its session ends alone."""
    home = Home(limits)
    client, other = Client(home.world), Client(home.world)
    inner = [home.world.object(lambda method: method) for _ in range(4)]
    for message in messages:
        client.push(message)
    if said == "3 exports":
        client.call(0, "later")
        client.send("pull", client.asked)
        home.settle([Ref(name) for name in inner])
    assert said in client.take("abort")[-1][1][2]
    assert said in home.world.events[-1]["why"]
    assert home.world.hub.connections() == [other.conn]


def test_the_kernel_s_values_are_what_is_sent(home: Home, client: Client) -> None:
    """A message to a vat is a method and its arguments in the kernel's form."""
    world: World = home.world
    client.call(0, "take", {"a": ["bytes", "AA"]})
    assert home.got == [("take", {"a": b"\0"})]
    assert capdata.encode(home.got[0][1], lambda ref: ref.name)[1] == []
    audit(world)
