"""Locators, URIs, keys and signatures: what is read, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.net import keys, syrup
from swingset.net.locators import (
    Locator,
    Sturdyref,
    from_record,
    located,
    parse_uri,
    sturdyref_from_record,
    sturdyref_to_record,
    sturdyref_uri,
    to_record,
    uri,
)
from swingset.net.values import Malformed, Record, Symbol

PEER = located("tcp-testing-only", "a.b", {"host": "127.0.0.1", "port": "22045"})
WS = located("websocket", "abcd", {"url": "ws://h:1/x?y=ä"})


@pytest.mark.parametrize(
    ("locator", "text"),
    [
        (PEER, "ocapn://a.b.tcp-testing-only?host=127.0.0.1&port=22045"),
        (Locator("onion", "xyz"), "ocapn://xyz.onion"),
        (WS, "ocapn://abcd.websocket?url=ws%3A%2F%2Fh%3A1%2Fx%3Fy%3D%C3%A4"),
    ],
)
def test_a_locator_is_a_uri_and_a_record(locator: Locator, text: str) -> None:
    """Both spellings come back as the same locator."""
    assert uri(locator) == text
    assert parse_uri(text) == locator
    assert from_record(syrup.read(syrup.write(to_record(locator)))) == locator


def test_a_sturdyref_is_a_uri_and_a_record() -> None:
    """The swissnum is base64url without padding."""
    text = sturdyref_uri(PEER, b"\xff\xfe?")
    assert text == "ocapn://a.b.tcp-testing-only/s/__4_?host=127.0.0.1&port=22045"
    assert parse_uri(text) == Sturdyref(PEER, b"\xff\xfe?")
    assert sturdyref_from_record(sturdyref_to_record(PEER, b"\xff\xfe?")) == Sturdyref(PEER, b"\xff\xfe?")


def test_hints_do_not_count_when_peers_are_compared() -> None:
    """The designator and the transport say who a peer is."""
    assert PEER.peer == Locator("tcp-testing-only", "a.b").peer
    assert PEER.hint("port") == "22045"
    assert Locator("onion", "xyz").hint("port") is None


BAD_URIS = [
    *("", "http://a.b", "ocapn://", "ocapn://nodot", "ocapn://a.B", "ocapn://.tcp", "ocapn://a b.tcp"),
    *("ocapn://a.tcp/x/abc", "ocapn://a.tcp/s/", "ocapn://a.tcp/s/!!!", "ocapn://a.tcp?h%20=1"),
    *(
        "ocapn://a.tcp?host=%ff",
        "ocapn://a.tcp?host=%00",
        "ocapn://a.tcp?Host=x",
        "ocapn://a.tcp/s/" + "A" * 400,
    ),
    *(
        "ocapn://" + "a" * 257 + ".tcp",
        "ocapn://a.tcp?x=" + "a" * 9_000,
        "ocapn://a\n.tcp",
        "ocapn://a.tcp\n",
    ),
]


@pytest.mark.parametrize("text", BAD_URIS, ids=lambda text: ascii(text[:40]))
def test_a_text_that_is_no_uri_of_a_peer_is_refused(text: str) -> None:
    """What is not of the alphabets is `Malformed`, and the error never says a swissnum."""
    with pytest.raises(Malformed) as caught:
        parse_uri(text)
    assert "AAAA" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.text("ab.-/s?=&%4fF_\u00e9\n ", max_size=30).map("ocapn://".__add__))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises another error, and what is read is written as what reads the same."""
    try:
        found = parse_uri(text)
    except Malformed:
        return
    again = sturdyref_uri(found.locator, found.swissnum) if isinstance(found, Sturdyref) else uri(found)
    assert parse_uri(again) == found or "?" in text


RECORDS: list[Any] = [
    *(5, Record(Symbol("ocapn-peer")), Record(Symbol("ocapn-node"), (Symbol("a"), "b", False))),
    Record(Symbol("ocapn-peer"), ("tcp", "b", False)),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), b"b", False)),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", True)),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", {"host": 5})),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", {b"host": "x"})),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", {str(n): "x" for n in range(17)})),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", {"host": "x" * 1_025})),
    Record(Symbol("ocapn-peer"), (Symbol("tcp"), "b", {"host": "\x1b[31m"})),
]


@pytest.mark.parametrize("value", RECORDS, ids=lambda value: ascii(value)[:50])
def test_a_record_that_is_no_locator_is_refused(value: Any) -> None:
    """Types, lengths and alphabets are checked."""
    with pytest.raises(Malformed):
        from_record(value)


def test_keys_and_signatures_are_nested_lists() -> None:
    """They are spelled as the peers spell them."""
    spelled = syrup.write(keys.key_to_value(b"k" * 32))
    assert spelled == (b"[10'public-key[3'ecc[5'curve7'Ed25519][5'flags5'eddsa][1'q32:" + b"k" * 32 + b"]]]")
    assert keys.key_from_value(syrup.read(spelled)) == b"k" * 32
    spelled = syrup.write(keys.signature_to_value(b"r" * 32 + b"s" * 32))
    assert spelled == b"[7'sig-val[5'eddsa[1'r32:" + b"r" * 32 + b"][1's32:" + b"s" * 32 + b"]]]"
    assert keys.signature_from_value(syrup.read(spelled)) == b"r" * 32 + b"s" * 32


def test_a_session_has_one_identifier_on_both_sides() -> None:
    """The order of the sides does not matter."""
    one, other = keys.public_id(b"1" * 32), keys.public_id(b"2" * 32)
    assert keys.session_id(one, other) == keys.session_id(other, one)
    assert len({one, other, keys.session_id(one, other)}) == 3


KEY, SIGNATURE = keys.key_to_value(b"k" * 32), keys.signature_to_value(b"s" * 64)


def _changed(value: Any, path: tuple[int, ...], other: Any) -> Any:
    if not path:
        return other
    return [_changed(item, path[1:], other) if at == path[0] else item for at, item in enumerate(value)]


PATHS: list[tuple[int, ...]] = [(), (0,), (1,), (1, 0), (1, 1), (1, 2), (1, 1, 0), (1, 1, 1), (1, 2, 1)]


@pytest.mark.parametrize(
    "other", [5, [], b"", b"x" * 31, "text", Symbol("x"), None, [Symbol("q"), b"x"]], ids=ascii
)
@pytest.mark.parametrize("path", PATHS, ids=str)
def test_what_is_no_key_and_no_signature_is_refused(path: tuple[int, ...], other: Any) -> None:
    """Another value anywhere in the nested lists is refused."""
    with pytest.raises(Malformed):
        keys.key_from_value(_changed(KEY, path, other))
    with pytest.raises(Malformed):
        keys.signature_from_value(_changed(SIGNATURE, path, other))
