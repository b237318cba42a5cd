"""Texts that the kernel would end a vat for are refused at the line that names something so."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.passing.smallcaps import DecodeError, decode
from tests.staging import Stage

NAMER = r"""
    from swingset.vat import BigMap, durable
    from swingset.vat.explicit import define_durable_kind, define_durable_kind_multi, define_kind
    from swingset.vat import remotable, virtual
    from swingset.vat.explicit import make_kind_handle
    from swingset.vat.contract import provide_map

    HALF, LONG = "half \ud800", "x" * 13_000_000

    def deep(baggage):
        for _ in range(5):
            baggage = provide_map(baggage, "n" * 200)

    CASES = {
        "label": lambda _: BigMap(HALF),
        "long label": lambda _: BigMap(LONG),
        "tag": lambda _: durable(tag=HALF)(type("X", (), {})),
        "long tag": lambda _: virtual(tag=LONG)(type("X", (), {})),
        "handle": lambda _: make_kind_handle(HALF),
        "virtual kind": lambda _: define_kind(HALF, dict, {}),
        "loose field": lambda _: define_durable_kind(make_kind_handle("F"), lambda: {HALF: 1}, {})(),
        "field": lambda _: define_durable_kind(make_kind_handle("G"), dict, {}, state_shape={HALF: int}),
        "facet": lambda _: define_durable_kind_multi(make_kind_handle("H"), dict, {HALF: {}}),
        "key": lambda baggage: baggage.update({HALF: 1}),
        "long key": lambda baggage: baggage.update({LONG: 1}),
        "map": lambda baggage: provide_map(baggage, HALF),
        "long map": lambda baggage: provide_map(baggage, "n" * 1_000),
        "deep map": deep,
    }

    @remotable
    class Namer:
        def __init__(self, baggage):
            self.baggage = baggage

        def name(self, case):
            CASES[case](self.baggage)

        def alive(self):
            return True

    def build_root_object(baggage):
        return Namer(baggage)
"""

HALVES = ("label", "tag", "handle", "virtual kind", "loose field", "field", "facet", "key", "map")
LONGS = {
    "long label": "the label of a BigMap has up to 1000 characters, got 13000000",
    "long tag": "the tag of a @virtual class has up to 1000 characters",
    "long key": "key too large",
    "long map": "key too large",
    "deep map": "lies in too many maps of long names",
}


def test_names_that_cannot_be_stored_are_refused(stage: Stage) -> None:
    """Half of a surrogate pair, and a name that is too long, is a TypeError or ValueError of the message."""
    namer = stage.define("namer", NAMER)
    for case in HALVES:
        with pytest.raises(TypeError, match="half of a surrogate pair") as caught:
            stage.ask(namer, "name", case)
        assert caught.value.trace[0][0] == "namer", case  # type: ignore[attr-defined]
    for case, words in LONGS.items():
        with pytest.raises(Exception, match=words):
            stage.ask(namer, "name", case)
    assert stage.ask(namer, "alive") is True


@pytest.mark.parametrize(
    "body", [r'#"\ud800"', r'#{"a\uDFFF":1}', r'#["\udc00\ud800"]', r'#"$0.Alleged: \ud800"']
)
def test_escaped_halves_are_refused(body: str) -> None:
    """A body that spells half of a surrogate pair as an escape is no body."""
    with pytest.raises(DecodeError, match="half of a surrogate pair"):
        decode(body, lambda *_: None)


@pytest.mark.parametrize(("body", "value"), [(r'#"\ud83d\ude00"', "\U0001f600"), (r'#"\\ud800"', r"\ud800")])
def test_escaped_pairs_are_read(body: str, value: Any) -> None:
    """A whole pair is a character, and a backslash that is escaped escapes nothing."""
    assert decode(body, lambda *_: None) == value
