"""The codec of message bodies."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swingset.guest.base import jsontext
from swingset.guest.base.errors import RemoteError, RemoteRejection, trace_of
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import FrozenDict, FrozenList, Tagged, UnpassableError
from swingset.guest.passing.smallcaps import DecodeError

NO_SURROGATES = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**200), max_value=2**200),
    st.floats(allow_nan=False),
    NO_SURROGATES,
    st.sampled_from(["!a", "#a", "$0", "&0", "+1", "-1", "%s", "", "'", "."]),
    st.binary(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(NO_SURROGATES | st.sampled_from(["#tag", "#error", "!x"]), inner, max_size=4),
        st.dictionaries(SCALARS, inner, max_size=3),
        st.builds(Tagged, st.sampled_from(["usd", "#x", "!"]), inner),
    ),
    max_leaves=20,
)


def exactly(a: Any, b: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(exactly, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            exactly(k, m) and exactly(a[k], b[m]) for k, m in zip(a, b, strict=True)
        )
    if isinstance(a, Tagged):
        return a.tag == b.tag and exactly(a.payload, b.payload)
    if isinstance(a, float):
        return math.copysign(1, a) == math.copysign(1, b) and a == b
    return bool(a == b)


def encode(value: Any) -> str:
    return smallcaps.encode(value, lambda _: ()).body


def nothing(sigil: str, index: int, iface: str | None) -> Any:
    raise DecodeError("no slots here")


def decode(body: str, **more: Any) -> Any:
    return smallcaps.decode(body, nothing, **more)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    """Every passable datum comes back as an equal value of the same types, in the same order."""
    assert exactly(decode(encode(value)), value)


@given(VALUES)
def test_bodies_are_json_without_nan(value: Any) -> None:
    """A body is strict JSON behind its first character."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(encode(value)[1:], parse_constant=refuse)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(ANY_JSON)
def test_any_json_is_read_or_refused(tree: Any) -> None:
    """Whatever JSON a stranger writes is either read or refused with DecodeError."""
    with suppress(DecodeError):
        decode("#" + json.dumps(tree))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever text a stranger writes is either read or refused with DecodeError."""
    for body in (text, "#" + text, '#"' + text + '"'):
        with suppress(DecodeError):
            decode(body)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, "#null"),
        (5, "#5"),
        (5.0, "#5.0"),
        (1e22, "#1e+22"),
        (2**53, '#"+9007199254740992"'),
        (-(2**53), '#"-9007199254740992"'),
        (2**53 - 1, "#9007199254740991"),
        (float("inf"), '#"#Infinity"'),
        (float("-inf"), '#"#-Infinity"'),
        (float("nan"), '#"#NaN"'),
        ("#x", '#"!#x"'),
        ("!x", '#"!!x"'),
        (".x", '#".x"'),
        ("é", '#"é"'),
        ((1, 2), '#{"#tag":"tuple","payload":[1,2]}'),
        (b"hi", '#{"#tag":"bytes","payload":"aGk="}'),
        ({1: "a"}, '#{"#tag":"map","payload":[[1,"a"]]}'),
        ({"b": 1, "a": 2}, '#{"b":1,"a":2}'),
        ({"#b": 1}, '#{"!#b":1}'),
        (Tagged("usd", 5), '#{"#tag":"usd","payload":5}'),
        (ValueError("no"), '#{"#error":"no","name":"ValueError"}'),
        (RemoteRejection({"a": 1}), '#{"a":1}'),
    ],
)
def test_encoding_table(value: Any, body: str) -> None:
    """Each kind of value has one spelling."""
    assert encode(value) == body


MALFORMED = [
    "",
    "null",
    "#",
    "#NaN",
    '#"%sym"',
    '#"#what"',
    '#"$x"',
    '#"$00"',
    '#"+1_0"',
    '#"+"',
    '#{"#tag":"bytes","payload":"?"}',
    '#{"#tag":"map","payload":[[1,2],[1,3]]}',
    '#{"#tag":"map","payload":[[[],2]]}',
    '#{"#tag":5,"payload":1}',
    '#{"#tag":"","payload":1}',
    '#{"#tag":"x"}',
    '#{"#tag":"x","payload":1,"more":2}',
    '#{"#error":5}',
    '#{"#error":"x","name":5}',
    '#{"$a":1}',
    '#{"a":1,"#error":"x"}',
    "#" + "[" * 101 + "]" * 101,
    "#" + "[" * 100_000 + "]" * 100_000,
    "#" + "9" * 5000,
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_bodies_are_refused(body: str) -> None:
    """A body that no encoder wrote is refused, never guessed at."""
    with pytest.raises(DecodeError):
        decode(body)


def test_nesting_limit_is_the_same_both_ways() -> None:
    """What may be sent at the deepest can be read, one level more cannot be sent."""
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(UnpassableError, match="100 levels"):
        encode([value])


def test_nesting_limit_holds_for_every_container() -> None:
    """A container that takes several levels of JSON may be nested as deep as a list."""
    mixed = lambda v: {"a": v, 1: 0}  # noqa: E731
    for wrap in (lambda v: (v,), lambda v: {1: v}, mixed, lambda v: {"a": v}, lambda v: Tagged("t", v)):
        value: Any = 1
        for _ in range(99):
            value = wrap(value)
        assert decode(encode(value)) == value


@pytest.mark.parametrize("text", ['"[[["', '["\\\\","["]', '["\\"[[","x"]', '["\\\\\\"[["]'])
def test_brackets_in_strings_do_not_nest(text: str) -> None:
    """Only brackets outside of strings count as nesting, whatever is escaped."""
    assert jsontext.read_foreign(text, 1) == json.loads(text)


@given(ANY_JSON, st.integers(0, 4))
def test_nesting_is_counted_exactly(tree: Any, limit: int) -> None:
    """JSON is refused for its nesting if and only if it nests deeper than the limit."""

    def depth(node: Any) -> int:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    if depth(tree) > limit:
        with pytest.raises(ValueError, match="too deep"):
            jsontext.read_foreign(json.dumps(tree), limit)
    else:
        assert jsontext.read_foreign(json.dumps(tree), limit) == tree


def test_body_limit_is_a_clear_error() -> None:
    """Ten million bytes is the most that a body can have."""
    with pytest.raises(UnpassableError, match="10000003 bytes is more than the 10000000"):
        encode("x" * 10_000_000)


def test_frozen_containers_pass_as_plain_ones() -> None:
    """What is read frozen from state is sent as ordinary data."""
    frozen = decode('#{"a":[1,{"b":2}]}', frozen=True)
    assert type(frozen) is FrozenDict
    assert type(frozen["a"]) is FrozenList
    assert encode(frozen) == '#{"a":[1,{"b":2}]}'


def test_error_keeps_everything_it_came_with() -> None:
    """An error that is passed on keeps name, message, trace and code."""
    body = '#{"#error":"no","name":"Strange","trace":[["bank",3,"f"]],"code":"vat-terminated"}'
    error = decode(body)
    assert isinstance(error, RemoteError)
    assert (error.remote_name, str(error), error.code) == ("Strange", "no", "vat-terminated")
    assert error.trace == (("bank", 3, "f"),)
    assert smallcaps.encode(error, lambda exc: trace_of(exc, str)).body == body
