"""What vats pass, what OCapN has for it, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import Tagged as VatTagged
from swingset.model import syscalls
from swingset.net import capdata
from swingset.net.values import UNDEFINED, Failure, Record, Ref, Refused, Symbol, Tagged


def body_of(value: Any) -> str:
    """The body that a vat writes."""
    return smallcaps.encode(value, lambda exc: ()).body


def read(body: str, slots: list[str] | None = None) -> Any:
    return capdata.decode(body, slots or [], Ref)


MAPPED = [
    *((value, value) for value in (None, True, False, 0, -5, 2**53, 2**70, -(2**80), 1.5, "", "x", b"bytes")),
    *(
        (value, value)
        for value in ("!esc", "$0", "#tag", "\u00e9", [1, ["a"]], {"a": {"b": 1}}, {"#x": 1, "!": 2})
    ),
    ((1, 2), Tagged("tuple", [1, 2])),
    ({1: "a"}, Tagged("map", [[1, "a"]])),
    (VatTagged("usd", 5), Tagged("usd", 5)),
    (VatTagged("symbol", "fetch"), Symbol("fetch")),
    (VatTagged("undefined", None), UNDEFINED),
]


@pytest.mark.parametrize(("vats", "wires"), MAPPED, ids=lambda value: ascii(value)[:30])
def test_a_value_of_a_vat_is_a_value_of_ocapn(vats: Any, wires: Any) -> None:
    """Each value of a vat becomes one of OCapN, and the same value of a vat again."""
    found = read(body_of(vats))
    assert found == wires
    assert type(found) is type(wires)
    body, slots = capdata.encode(found, lambda ref: ref.name)
    assert slots == []
    assert smallcaps.decode(body, lambda *_: None) == vats


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), -0.0, 1e300])
def test_floats_stay_what_they_are(number: float) -> None:
    """Infinities and the sign of zero cross."""
    assert str(read(body_of(number))) == str(number)


def test_an_error_keeps_its_name_and_its_lines() -> None:
    """An error becomes a `Failure`, with what the vat said of it."""
    body = '#{"#error":"no money","name":"ValueError","code":"c","family":"f","trace":[["cell",3,"pay"]]}'
    found = read(body)
    assert found == Failure(
        "no money", "ValueError", {"code": "c", "family": "f", "trace": [["cell", 3, "pay"]]}
    )
    assert json.loads(capdata.encode(found, str)[0][1:]) == json.loads(body[1:])


def test_references_are_slots_by_their_first_mention() -> None:
    """An object that is mentioned twice has one slot."""
    value = [Ref("o-1"), Ref("c2"), Ref("o-1")]
    body, slots = capdata.encode(value, lambda ref: ref.name)
    assert slots == ["o-1", "c2"]
    assert read(body, slots) == value
    assert capdata.refs_in({"a": value, "b": Tagged("t", Ref("o-9"))}).count("o-1") == 2


BAD_BODIES = [
    *("", "5", "#", "#[", "#{", "#nul", "#NaN", "#[1]x", '#"$0"', '#"&5"', '#"%x"', '#"+"', '#"#x"'),
    *('#{"#x":1}', '#{"#tag":5,"payload":1}', '#{"#tag":"","payload":1}', '#{"#error":5}', '#{"a":1,"#b":2}'),
    *('#{"#tag":"bytes","payload":"!"}', '#{"#tag":"bytes","payload":5}', '#{"#error":"m","name":5}'),
    *(
        '#"\\ud800"',
        "#" + "[" * 400 + "]" * 400,
        "#" + "[" * 101 + "1" + "]" * 101,
        "#" + '{"a":' * 102 + "1" + "}" * 102,
    ),
    *("#" + "[" * 100_000, '#"\\', '#"abc', '#{"$a":1}'),
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: ascii(body[:30]))
def test_a_body_that_no_vat_writes_is_refused(body: str) -> None:
    """Whatever a hostile vat writes is refused, and by no other error."""
    with pytest.raises(Refused):
        read(body)


def test_a_node_of_a_device_stays_in_its_world() -> None:
    """It is refused by name, with what to pass instead."""
    with pytest.raises(Refused, match=r"node of a device cannot leave its world: pass an object"):
        read('#"$0"', ["d-70"])


BAD_VALUES: list[tuple[Any, str]] = [
    (Record(Symbol("unknown-thing"), (1,)), "unknown-thing"),
    ({1: 2}, "keys of a struct are texts"),
    ({Symbol("a"): 2}, "keys of a struct are texts"),
    (Tagged("map", [1]), "list of pairs"),
    (Tagged("map", 5), "list of pairs"),
    (Tagged("tuple", 5), "is a list"),
    (Tagged("bytes", "eHg="), "without a tag"),
    (Tagged("symbol", "x"), "without a tag"),
    (Tagged("undefined", None), "without a tag"),
]


@pytest.mark.parametrize(("value", "why"), BAD_VALUES, ids=lambda value: ascii(value)[:40])
def test_a_value_that_no_vat_can_have_is_refused(value: Any, why: str) -> None:
    """The error says which value it is."""
    with pytest.raises(Refused, match=why):
        capdata.encode([value], str)


def test_a_value_that_is_too_deep_or_has_too_many_references_is_refused() -> None:
    """The limits of vats hold on the wire too."""
    deep: Any = 1
    for _ in range(101):
        deep = [deep]
    with pytest.raises(Refused, match="deeper than 100"):
        capdata.encode(deep, str)
    with pytest.raises(Refused, match="10000 references"):
        capdata.encode([Ref(f"o-{number}") for number in range(10_001)], lambda ref: ref.name)


CALLS: list[tuple[list[Any], list[Any]]] = [
    (["deposit", [5]], [Symbol("deposit"), 5]),
    (["pay", [], {"amount": 5}], [Symbol("pay"), Tagged("kwargs", {"amount": 5})]),
    (["call", [1, 2]], [1, 2]),
]


@pytest.mark.parametrize(("call", "args"), CALLS)
def test_a_call_is_a_message(call: list[Any], args: list[Any]) -> None:
    """The method is a leading symbol; `call` is for objects that have no methods."""
    assert capdata.decode_call(body_of(call), [], Ref, plain=True) == args
    assert json.loads(capdata.encode_call(args, str)[0][1:]) == call


def test_between_worlds_call_is_a_method_like_others() -> None:
    """Only peers that call objects themselves are sent no symbol."""
    assert capdata.decode_call(body_of(["call", [1]]), [], Ref, plain=False) == [Symbol("call"), 1]


@pytest.mark.parametrize("call", [5, [], ["m"], [5, []], ["m", 5], ["m", [], 5], ["m", [], {}, 1]], ids=str)
def test_a_body_that_is_no_call_is_refused(call: Any) -> None:
    """A message is a method and its arguments."""
    with pytest.raises(Refused):
        capdata.decode_call(body_of(call), [], Ref, plain=True)


TEXTS = st.text(st.characters(), max_size=4) | st.text(st.characters(categories=["Cs"]), max_size=2)
VALUES = st.recursive(
    st.one_of(
        TEXTS, TEXTS.map(Symbol), st.builds(Failure, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=1))
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(TEXTS, inner, max_size=2),
        st.builds(Tagged, TEXTS, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=3))
def test_whatever_texts_a_call_has_the_kernel_takes_it_or_it_is_refused(args: list[Any]) -> None:
    """No text of a peer makes a syscall for which the kernel would end the vat of the network."""
    try:
        body, slots = capdata.encode_call(args, lambda ref: ref.name)
    except Refused:
        return
    said = {"methargs": {"body": body, "slots": slots}, "result": None}
    assert not isinstance(syscalls.read(["send", "o-1", said]).asked, syscalls.Malformed)
