"""Syrup: one spelling for each value, and readers that survive whatever they are given."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swingset.host.wires.wire_connection import Connection
from swingset.net import syrup
from swingset.net.framing import Framer, FramerName, framer
from swingset.net.values import Hidden, Malformed, Record, Symbol

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_keys = st.one_of(_texts, st.binary(max_size=8), _texts.map(Symbol))
_atoms = st.one_of(
    st.booleans(), st.integers(), st.integers(-(2**80), 2**80), st.floats(allow_nan=False), _keys
)
VALUES = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_keys, inner, max_size=4),
        st.builds(Record, inner, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (True, b"t"),
        (False, b"f"),
        (0, b"0+"),
        (42, b"42+"),
        (-7, b"7-"),
        (2**70, b"1180591620717411303424+"),
        (1.0, b"D\x3f\xf0\0\0\0\0\0\0"),
        (-0.0, b"D\x80\0\0\0\0\0\0\0"),
        (math.nan, b"D\x7f\xf8\0\0\0\0\0\0"),
        (math.inf, b"D\x7f\xf0\0\0\0\0\0\0"),
        (b"bytes", b"5:bytes"),
        ("", b'0"'),
        ("\u00e9\U0001f600", '6"\u00e9\U0001f600'.encode()),
        (Symbol("fetch"), b"5'fetch"),
        ([1, "a"], b'[1+1"a]'),
        ({"b": 1, "aa": 2, "a": 3}, b'{1"a3+1"b1+2"aa2+}'),
        (Record(Symbol("void")), b"<4'void>"),
        (Record("label", ([], {})), b'<5"label[]{}>'),
    ],
)
def test_each_value_has_one_spelling(value: Any, spelled: bytes) -> None:
    """The writer writes exactly this, and the strict reader reads it back."""
    assert syrup.write(value) == spelled
    read = syrup.read(spelled)
    assert type(read) is type(value)
    assert syrup.write(read) == spelled


def test_keys_are_in_the_order_of_their_encoded_bytes() -> None:
    """A key of ten letters comes before one of two, because its length is spelled first."""
    assert syrup.write({"zz": 1, "aaaaaaaaaa": 2}) == b'{10"aaaaaaaaaa2+2"zz1+}'


@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """Every value comes back equal, of the same types, with the same spelling."""
    spelled = syrup.write(value)
    read = syrup.read(spelled)
    assert (read, syrup.write(read)) == (value, spelled)
    assert syrup.read(spelled, strict=False) == value


MALFORMED = [
    *(b"", b"x", b"1", b"1x", b"+", b"12", b"D\0\0\0", b"Dx", b"3:ab", b'3"ab', b"999999999:a"),
    *(b"1000000000:a", b'1"\xff', b'3"\xed\xa0\x80', b"[", b"]", b"[1+", b"[1+>", b"{1+}", b"{1+2+}", b"<>"),
    *(b'{1"a1+', b'{1"a1+1"a2+}', b'{[]1+1"a2+}', b"t t", b"tt", b"[]]", b"F\0\0\0\0", b"#$", b" 1+"),
    *(b"1" * 5_000 + b"+", b"[" * 1_000, b"[" * 129 + b"]" * 129, b"\xff", b"-1+", b"1_0+", b"1.0+"),
]
ODD = [b"01+", b"0-", b'01"a', b'{1"b1+1"a2+}', b"D\x7f\xf8\0\0\0\0\0\x01", b"D\xff\xf8\0\0\0\0\0\0"]


@pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data[:20]))
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_what_is_malformed_is_refused(data: bytes, strict: bool) -> None:
    """Both readers refuse it, and say at which byte."""
    with pytest.raises(Malformed, match=r"at byte \d+|no bytes"):
        syrup.read(data, strict=strict)


@pytest.mark.parametrize("data", ODD, ids=repr)
def test_what_is_not_canonical_is_read_leniently_only(data: bytes) -> None:
    """The strict reader refuses what the writer would not have written."""
    syrup.read(data, strict=False)
    with pytest.raises(Malformed):
        syrup.read(data)


@pytest.mark.parametrize(
    "value",
    [None, 1j, "\ud800", {1.5: 2}, object(), {"a": {"\udfff": 1}}],
    ids=lambda value: "an object" if type(value) is object else ascii(value),
)
def test_what_syrup_lacks_is_not_written(value: Any) -> None:
    """The writer refuses what has no spelling."""
    with pytest.raises(Malformed):
        syrup.write({"deep": [value]} if type(value) is not dict or 1.5 not in value else [None])


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.text("tf[]{}<>D0123456789+-:\"'a", max_size=40).map(str.encode)))
@example(b"{1'a1+1\"a1+}")
def test_a_reader_reads_or_refuses(data: bytes) -> None:
    """Whatever the bytes are, they are a value or `Malformed`; what the strict reader reads is canonical."""
    with contextlib.suppress(Malformed):
        syrup.read(data, strict=False)
    try:
        value = syrup.read(data)
    except Malformed:
        return
    assert syrup.write(value) == data


def test_a_secret_leaves_a_place_for_its_bytes() -> None:
    """The writer says where the device has to put a secret, and never signs over it."""
    data, secrets = syrup.write_hidden(["a", Hidden("s1", 4), Hidden("s2", 2)])
    assert (data, secrets) == (b'[1"a4:\0\0\0\x002:\0\0]', [(6, "s1"), (12, "s2")])
    with pytest.raises(Malformed, match="secret"):
        syrup.write(Hidden("s1", 4))


NAMES: list[FramerName] = ["none", "netstring", "prefix"]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES), st.lists(VALUES, max_size=5), st.randoms(use_true_random=False))
def test_a_framer_finds_the_messages_however_the_stream_is_cut(
    name: FramerName, values: list[Any], random: Any
) -> None:
    """The messages come out whole and in order, whichever pieces the stream arrives in."""
    messages = [syrup.write(value) for value in values]
    cutter = framer(name, 100_000)
    stream, found = b"".join(map(cutter.frame, messages)), []
    while stream:
        size = random.randint(1, 7)
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == messages


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([*NAMES, "message"]), st.lists(st.integers(1, 50_000), max_size=8))
def test_what_waits_to_be_sent_goes_together_where_it_can(name: FramerName, sizes: list[int]) -> None:
    """In pieces of at most 64 KiB, or of one message; nothing is lost, and what comes last is the end."""
    connection, cutter = Connection("c", True, ""), framer(name, 100_000)
    messages = [syrup.write(b"x" * size) for size in sizes]
    for message in messages:
        connection.say(message)
    connection.say(None)
    pieces = list(iter(lambda: connection.frames(cutter), None))
    assert all(len(piece) <= 66_000 for piece in pieces)
    assert [each for piece in pieces for each in cutter.feed(piece)] == messages
    assert (connection.size, len(pieces)) == (0, len(messages) if not cutter.joins else len(pieces))
    if cutter.joins and sum(sizes) < 60_000:
        assert len(pieces) == min(len(messages), 1)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.lists(st.one_of(st.binary(max_size=9), st.text("[]{}<>tD09:\"'+,", max_size=9).map(str.encode))),
)
def test_a_framer_takes_any_stream(name: FramerName, pieces: list[bytes]) -> None:
    """A stream that is none is refused with `Malformed`, and by no other error."""
    cutter = framer(name, 20)
    with contextlib.suppress(Malformed):
        for piece in pieces:
            for message in cutter.feed(piece):
                assert len(message) <= 20


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("none", b"100:"),
        ("none", b"[" * 60),
        ("none", b'[20"aaaaaaaaaaaaaaaaaaaa20"aaaaaaaaaaaaaaaaaaaa20"a'),
        ("netstring", b"51:"),
        ("prefix", b"9999999999"),
        ("message", b"x" * 51),
    ],
)
def test_a_framer_keeps_no_more_than_its_limit(name: FramerName, data: bytes) -> None:
    """A message that is announced or grows larger than the limit is refused before it is there."""
    cutter: Framer = framer(name, 50)
    with pytest.raises(Malformed, match="at most"):
        cutter.feed(data)
