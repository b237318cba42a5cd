"""The words that all layers share: references, capdata, and what is made fit to be stored or seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from swingset.model import capdata, reasons
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.refs import MalformedReference, is_kref, is_vat_id, parse_vref, sort_key
from swingset.model.reports import Frame, frames_from_json
from swingset.model.states import Reason
from swingset.model.visible import one_line, visible
from swingset.model.wording import fit, named

VREFS: list[tuple[str, tuple[str, bool, bool, bool, bool]]] = [
    # type, exported, durable, virtual, outlives an upgrade
    ("o+0", ("o", True, False, False, True)),
    ("o+1", ("o", True, False, False, False)),
    ("o-50", ("o", False, False, False, False)),
    ("p+5", ("p", True, False, False, False)),
    ("p-60", ("p", False, False, False, False)),
    ("d-70", ("d", False, False, False, False)),
    ("d+1", ("d", True, False, False, False)),
    ("o-0", ("o", False, False, False, False)),
    ("o+d10/1", ("o", True, True, False, True)),
    ("o+v11/1", ("o", True, False, True, False)),
    ("o+d10/1:0", ("o", True, True, False, True)),
    ("o+v11/9:9999", ("o", True, False, True, False)),
    ("o+" + "9" * 16, ("o", True, False, False, False)),
    ("o+d" + "9" * 16 + "/" + "9" * 16, ("o", True, True, False, True)),
]


@pytest.mark.parametrize(("text", "meaning"), VREFS)
def test_a_vref_says_what_it_is(text: str, meaning: tuple[str, bool, bool, bool, bool]) -> None:
    """Who allocated it, of what type, and whether the next incarnation still has it."""
    vref = parse_vref(text)
    assert (vref.type, vref.exported, vref.durable, vref.virtual, vref.outlives_upgrade) == meaning
    assert vref.text == text


MISSPELT = """
o o+ o- +0 o0 O+0 x+0 o+00 o+01 o-050 o+-1 o++1 o+0x o+1.0 o+0/1 p+d1/1 d+v1/1 o-d10/1 o+d10 o+d10/ o+d0/1
o+d10/0 o+d010/1 o+d10/01 o+d10/1: o+d10/1:00 o+d10/1:01 o+d10/1:10000 o+e10/1 ko20 kp40
"""
ODD: list[Any] = ["", " o+0", "o+0 ", "o+0\n", "\no+0", "o+\u0661", "o+1\u0661", "o+" + "9" * 17]
OTHER: list[Any] = ["o+d" + "9" * 17 + "/1", None, 5, True, b"o+0", ["o+0"], {"o+0": 1}]


@pytest.mark.parametrize("text", [*MISSPELT.split(), *ODD, *OTHER])
def test_there_is_one_spelling_for_each_vref(text: Any) -> None:
    """Leading zeros, other digits, line ends and other types are none."""
    with pytest.raises(MalformedReference):
        parse_vref(text)


@pytest.mark.parametrize(
    ("text", "kref", "vat"),
    [
        *[(text, True, False) for text in ("ko20", "kp40", "kd30", "ko1", "ko" + "9" * 16)],
        *[(text, False, True) for text in ("v1", "v10", "v" + "9" * 15)],
        *[
            (text, False, False)
            for text in (
                *(
                    "",
                    "k",
                    "ko",
                    "ko0",
                    "ko020",
                    "kx20",
                    "Ko20",
                    "ko20\n",
                    " ko20",
                    "ko2\u0660",
                    "ko" + "9" * 17,
                ),
                *("v", "v0", "v01", "v1\n", "V1", "v1\u0660", "v" + "9" * 16),
                *(None, 20, b"ko20", ["ko20"]),
            )
        ],
    ],
)
def test_krefs_and_vat_ids_have_one_form(text: Any, kref: bool, vat: bool) -> None:
    """Which is a lower letter or two and a number that does not begin with 0."""
    assert (is_kref(text), is_vat_id(text)) == (kref, vat)


def test_references_are_sorted_as_people_count() -> None:
    """Letters first, then numbers as numbers."""
    found = sorted(["ko100", "ko9", "kp1", "ko10", "kd30", "o", "v2", "v10"], key=sort_key)
    assert found == ["kd30", "ko9", "ko10", "ko100", "kp1", "o", "v2", "v10"]


SINGLE: list[tuple[str, tuple[str, ...], str | None]] = [
    ('#"$0.Alleged: x"', ("ko20",), "ko20"),
    ('#"$0"', ("ko20",), "ko20"),
    ('#"$0"', (), None),
    ('#"$0"', ("ko20", "ko21"), None),
    ('#"$1"', ("ko20",), None),
    ('#"&0"', ("kp40",), None),
    ('#["$0"]', ("ko20",), None),
    ('"$0"', ("ko20",), None),
    ('#"$0', ("ko20",), None),
    ("#null", ("ko20",), None),
    ("#null", (), None),
]


@pytest.mark.parametrize(("body", "slots", "found"), SINGLE)
def test_a_value_that_is_one_remotable_is_found(body: str, slots: tuple[str, ...], found: str | None) -> None:
    """Exactly one, and it is the whole value: only then can messages go to it."""
    assert capdata.sole_object(CapData(body, slots)) == found


WRITTEN: list[tuple[Any, str]] = [
    (None, "#null"),
    ("", '#""'),
    ("plain", '#"plain"'),
    *[(f"{char}x", f'#"!{char}x"') for char in "!#$%&'()*+,-"],
    ('"x', '#"!\\"x"'),
    *[(f"{char}x", f'#"{char}x"') for char in " ./09@AZaz~é"],
    (["!x", {"$k": ["-1", 5, True]}], '#["!!x",{"!$k":["!-1",5,true]}]'),
]


@pytest.mark.parametrize(("value", "body"), WRITTEN)
def test_the_kernels_own_data_is_escaped(value: Any, body: str) -> None:
    """Text that begins with a character from `!` to `-` would be read as something else."""
    assert capdata.data(value) == CapData(body)


def test_an_error_of_the_kernel_is_cut_and_escaped() -> None:
    """Its words, its name, its code and its lines, as far as there are any."""
    assert capdata.error("X", "!words").body == '#{"#error":"!!words","name":"X"}'
    full = capdata.error("X", "w", "code", [["$part", 1, "f"]]).body
    assert full == '#{"#error":"w","name":"X","code":"code","trace":[["!$part",1,"f"]]}'
    long = capdata.error("N" * 201, "m" * 30_001).body
    assert long == '#{"#error":"' + "m" * 29_999 + '…","name":"' + "N" * 199 + '…"}'
    most = capdata.error("N" * 200, "m" * 30_000).body
    assert most == '#{"#error":"' + "m" * 30_000 + '","name":"' + "N" * 200 + '"}'


SAID: list[tuple[str, str]] = [
    ('#"!-x"', "-x"),
    ('#"plain"', "plain"),
    ('#{"#error":"!no","name":"X"}', "X: no"),
    ('#{"#error":"no"}', "Error: no"),
    ("#[1]", "[1]"),
    ("no body", "no body"),
    ("#" + "[" * 100_000, "#" + "[" * 100_000),
    ("#" + "[" * 65 + "]" * 65, "#" + "[" * 65 + "]" * 65),
    ("#" + "[" * 64 + "]" * 64, "[" * 64 + "]" * 64),
]


def _deep(levels: int, ask: Callable[[], str]) -> str:
    return _deep(levels - 1, ask) if levels else ask()


@pytest.mark.parametrize(("body", "words"), SAID, ids=lambda text: text[:20])
def test_what_a_value_says_depends_on_the_value_alone(body: str, words: str) -> None:
    """However deep it nests and however deep its reader stands, it says the same."""
    for levels in (0, 400):
        assert _deep(levels, lambda: capdata.in_words(CapData(body))) == words


CALLED: list[tuple[str, str]] = [
    ('#["deposit",[5]]', "deposit"),
    ('#["!-x",[]]', "-x"),
    ('#["' + "m" * 400 + '",[]]', "m" * 199 + "…"),
    ('#["a\\u00e9",[]]', "aé"),
    ('#["a\\', "a"),
    ("#[5,[]]", "?"),
    ("#null", "?"),
]


@pytest.mark.parametrize(("body", "method"), CALLED, ids=lambda text: text[:20])
def test_the_method_of_a_call_is_found(body: str, method: str) -> None:
    """As much of it as is ever shown, in whatever follows."""
    assert capdata.method_of(CapData(body)) == method


def test_one_argument_is_passed_on_unread() -> None:
    """A call is put around it as it was spelled."""
    assert capdata.call_with("!in", CapData('#{"#tag":1}')) == CapData('#["!!in",[{"#tag":1}]]')


MALFORMED: list[Any] = [
    None,
    5,
    "#1",
    [],
    {},
    {"body": "#1"},
    {"slots": []},
    {"body": "#1", "slots": [], "more": 1},
    {"body": None, "slots": []},
    {"body": b"#1", "slots": []},
    {"body": "#1", "slots": None},
    {"body": "#1", "slots": ("ko20",)},
    {"body": "#1", "slots": "ko20"},
    {"body": "#1", "slots": ["ko20", 5]},
    {"body": "#1", "slots": [None]},
    {"body": "\ud800", "slots": []},
    {"body": "é\udfff", "slots": []},
    {"body": "x" * 10_000_001, "slots": []},
    {"body": "#1", "slots": ["ko20"] * 10_001},
]


@pytest.mark.parametrize("raw", MALFORMED, ids=lambda raw: repr(raw)[:40])
def test_what_is_no_capdata_is_refused(raw: Any) -> None:
    """Each part is of its type, there is no other part, and each has its most."""
    with pytest.raises(MalformedCapData):
        CapData.from_json(raw)


@pytest.mark.parametrize(
    "value", [CapData(""), CapData("é𝄞", ("ko20", "ko20")), CapData("x" * 10_000_000, ("ko20",) * 10_000)]
)
def test_capdata_comes_back_from_its_wire_form(value: CapData) -> None:
    """The largest included."""
    assert CapData.from_json(value.to_json()) == value
    assert value.map_slots(str.upper) == CapData(value.body, tuple(slot.upper() for slot in value.slots))


def test_what_a_body_calls_its_remotables() -> None:
    """By slot, at the first mention, in at most eighty characters; nothing else is found."""
    body = '#["$0.Alleged: one","$0.Alleged: two","$1","$2.three","&3.Alleged: no","$4.Alleged: a\\"b"]'
    assert capdata.ifaces_of(body) == {0: "one", 2: "three"}
    assert capdata.ifaces_of(f'#["$0.{"x" * 80}","$1.{"x" * 81}","$00.x","$100000.x"]') == {0: "x" * 80}


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("é" * 4, 4, "é" * 4),
        ("a\ud800b", 10, "a?b"),
        ("\udfff", 1, "?"),
        ("x" * 2_000, None, "x" * 2_000),
        ("x" * 2_001, None, "x" * 1_999 + "…"),
    ],
)
def test_words_are_cut_and_well_formed(text: str, most: int | None, found: str) -> None:
    """At most so many characters, and none that no file can hold."""
    assert (fit(text) if most is None else fit(text, most)) == found


SEEN: list[tuple[str, str]] = [
    ("plain é 漢 🙂", "plain é 漢 🙂"),
    ("a\tb\nc", "a\tb\nc"),
    ("\x1b[31m", "\\x1b[31m"),
    ("\x00\x7f\x85\xa0\xad", "\\x00\\x7f\\x85\\xa0\\xad"),
    ("\r\x0b\x0c", "\\x0d\\x0b\\x0c"),
    ("\u200b\u202e\u2066\ufeff", "\\u200b\\u202e\\u2066\\ufeff"),
    ("\u2028\u2029\u3000", "\\u2028\\u2029\\u3000"),
    ("\ud800", "\\ud800"),
    ("\U000e0041", "\\ue0041"),
]


@pytest.mark.parametrize(("text", "seen"), SEEN)
def test_what_steers_or_hides_is_spelt_out(text: str, seen: str) -> None:
    """Everything is drawn as what it is, but for line ends and tabs."""
    assert visible(text) == seen


def test_visible_text_is_cut_after_it_was_spelt_out() -> None:
    """The limit is one of what is seen, and a label is one line."""
    assert visible("\x1b\x1b", 8) == "\\x1b\\x1b"
    assert visible("\x1b\x1b", 7) == "\\x1b\\x…"
    assert one_line("a\nb\tc", 5) == "a⏎b c"
    assert one_line("a\nb\tc", 4) == "a⏎b…"


FRAMES: list[tuple[Any, tuple[Frame, ...]]] = [
    (None, ()),
    ({}, ()),
    ("abc", ()),
    ([["p", 1, "f"]], (Frame("p", 1, "f"),)),
    ([["p", 0, "f"], ["p", (1 << 31) - 1, "f"]], (Frame("p", 0, "f"), Frame("p", (1 << 31) - 1, "f"))),
    ([["p", -1, "f"], ["p", 1 << 31, "f"], ["p", 1.0, "f"], ["p", "1", "f"], ["p", None, "f"]], ()),
    ([["p", 1], ["p", 1, "f", 2], [1, 1, "f"], ["p", 1, None], ("p", 1, "f"), "p1f", None, {}], ()),
    ([["p", 1, "f"]] * 51, (Frame("p", 1, "f"),) * 50),
    ([["p" * 201, 1, "f\ud800"]], (Frame("p" * 199 + "…", 1, "f?"),)),
]


@pytest.mark.parametrize(("raw", "frames"), FRAMES, ids=lambda raw: repr(raw)[:30])
def test_frames_of_a_stranger_are_those_that_are_frames(raw: Any, frames: tuple[Frame, ...]) -> None:
    """The first fifty of `[part, line, function]`, and no others."""
    assert frames_from_json(raw) == frames


def test_every_reason_has_one_name() -> None:
    """The words that a reason can be are those that have a name, each of them one."""
    named = [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]
    assert sorted(named) == sorted(get_args(Reason))
    assert set(named) >= reasons.HOSTS


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "none"),
        (["a", "b"], "a, b"),
        (["a"] * 20, "a, " * 19 + "a"),
        (["a"] * 20_000, "a, " * 19 + "a and 19,980 more"),
        (["x" * 20_000], "x" * 199 + "…"),
    ],
)
def test_a_sentence_lists_the_first_of_some_names(names: list[str], words: str) -> None:
    """A file may have any number of them, as long as they like."""
    assert named(names) == words
