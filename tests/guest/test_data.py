"""Arrays and frames pass as copies that equal their originals, and what arrives of them is checked."""

from __future__ import annotations

import base64
import copy
import json
import random
import re
import warnings
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from swingset.guest.base import context
from swingset.guest.passing import arrays, smallcaps
from swingset.guest.passing.copies import copy_named
from swingset.guest.passing.exact import NotExactError, with_work
from swingset.guest.passing.passable import FrozenDict, UnpassableError, frozen
from swingset.guest.passing.smallcaps import DecodeError
from swingset.guest.standalone import StandaloneVat


@pytest.fixture(autouse=True)
def vat() -> Any:
    """A vat of its own for each test."""
    with context.activate(StandaloneVat()) as world:
        yield world


def body(value: Any) -> str:
    return smallcaps.encode(value, lambda _: ()).body


def read(text: str, **options: bool) -> Any:
    return smallcaps.decode(text, lambda *_: None, **options)


ARRAYS = {
    "matrix": numpy.arange(6).reshape(2, 3),
    "view": numpy.arange(12).reshape(3, 4)[:, ::2].T,
    "bools": numpy.array([True, False]),
    "texts": numpy.array(["a", "bcd"]),
    "bytes": numpy.array([b"a", b"bc"]),
    "number": numpy.array(3.5),
    "nothing": numpy.zeros((0, 3)),
    "days": numpy.array(["2024-02-29", "NaT"], "M8[D]"),
    "spans": numpy.array([1, 2], "m8[25s]"),
    "complex": numpy.array([1 + 2j]),
    "halves": numpy.array([1, float("nan")], "f2"),
}

FRAMES = {
    "all": pandas.DataFrame(
        {
            "ints": [1, 2],
            "texts": ["x", None],
            "floats": [1.5, float("nan")],
            "days": pandas.to_datetime(["2024-01-01", "2024-01-02"]),
            "sorts": pandas.Categorical(["u", "v"], ordered=True),
            "nullable": pandas.array([1, None], dtype="UInt16"),
            "maybe": pandas.array([True, None], dtype="boolean"),
            "less": pandas.array([0.5, None], dtype="Float32"),
            "zone": pandas.date_range("2024-01-01", periods=2, tz="Europe/Paris"),
            "strings": pandas.array(["q", None], dtype="string"),
            "mixed": pandas.Series([1, "z"], dtype=object),
            "spans": pandas.timedelta_range("1h", periods=2),
        }
    ),
    "series of time": pandas.DataFrame(
        {"x": [1, 2, 3]}, index=pandas.date_range("2024-01-01", periods=3, freq="h", name="when")
    ),
    "empty": pandas.DataFrame(),
    "no columns": pandas.DataFrame(index=[1, 2]),
    "two of a name": pandas.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
    "names of sorts": pandas.DataFrame({1: [1], "b": [2]}),
    "rows left out": pandas.DataFrame({"a": [1, 2, 3]}).iloc[::2],
}

OTHERS = [
    numpy.float64(1.5), numpy.int32(4), numpy.bool_(True), numpy.datetime64("2024-01-01", "s"),
    pandas.Timestamp("2024-01-01T00:00:00.000000001"), pandas.Timestamp("2024-06-01", tz="Europe/Paris"),
    pandas.Timestamp("2024-01-01", tz="UTC"), pandas.Timedelta("3h"), pandas.NaT, pandas.NA,
]  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_arrives_with_its_type_and_shape(name: str) -> None:
    """And may be changed, unless it was read from durable state; the same array has the same bytes."""
    array = ARRAYS[name]
    found = read(body(array))
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes("C"))
    assert found.flags.writeable
    assert body(found) == body(array)
    assert not read(body(array), frozen=True).flags.writeable
    assert not frozen(array).flags.writeable


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_arrives_as_it_was(name: str) -> None:
    """Its columns keep their types, and its indexes their names and frequencies."""
    frame = FRAMES[name]
    found = read(body(frame))
    pandas.testing.assert_frame_equal(frame, found)
    assert body(found) == body(frame)
    for column in range(frame.shape[1]):
        series = frame.iloc[:, column]
        pandas.testing.assert_series_equal(series, read(body(series)))


@pytest.mark.parametrize("value", OTHERS, ids=repr)
def test_a_scalar_arrives_as_what_it_was(value: Any) -> None:
    """A number of numpy stays one, a moment keeps its unit and its zone, and what is missing is missing."""
    found = read(body(value))
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (numpy.array([1, None]), r"items of dtype object are no plain numbers: pass x.tolist\(\)"),
        (numpy.zeros(1, [("a", "i4")]), "are no plain numbers"),
        (numpy.zeros(1, numpy.longdouble), "are no plain numbers"),
        (numpy.zeros(arrays.MOST_BYTES + 1, "i1"), "are more than the 67,108,864 of an array"),
        (numpy.zeros(2_000_000), "is more than the 10000000 a message may have: send it in pieces"),
        (pandas.DataFrame({"p": pandas.period_range("2024", periods=2, freq="M")}), "column 'p' is of dtype"),
        (pandas.DataFrame({"a": [[1], [2]]}), "its column 'a' holds a list"),
        (pandas.DataFrame([[1]], index=pandas.MultiIndex.from_tuples([(1, 2)])), r"pass x.reset_index\(\)"),
        (pandas.Series([1], name=(1, 2)), "its name is a tuple"),
        (numpy.array(["a"], "U5000"), r"far shorter than its dtype: pass x.tolist\(\)"),
        (pandas.Series(1, pandas.date_range("2000", periods=501, freq="SME")), "set x.index.freq = None"),
        ([pandas.DataFrame(columns=range(9_999), dtype=float)] * 4, "too many columns and indexes: send it"),
        (pandas.Series(pandas.Categorical([0], [*range(1, 2_001), 0])), "and not sorted: pass x.astype"),
        (pandas.DataFrame(index=range(1 << 30)), "its index has more than 10,000,000 numbers: pass parts"),
    ],
)  # fmt: skip
def test_what_has_no_exact_copy_is_refused_with_the_fix(value: Any, words: str) -> None:
    """The sender learns which column it is, and what to pass."""
    with pytest.raises(UnpassableError, match=words):
        body(value)


def test_attributes_of_a_frame_are_not_lost_silently() -> None:
    """They have no place in the copy."""
    frame = pandas.DataFrame({"a": [1]})
    frame.attrs["source"] = "x"
    with pytest.raises(UnpassableError, match="it has attrs, which would be lost"):
        body(frame)


def test_a_frame_is_not_kept_in_durable_state() -> None:
    """What was read could be changed without being stored."""
    with pytest.raises(UnpassableError, match="keep its columns"):
        smallcaps.encode({"a": [FRAMES["all"]]}, lambda _: (), state=True)


RANGE = {"range": [0, 0, 1], "name": None}
FORGED = [
    {"dtype": "|O", "shape": [1], "data": "AAAAAAAAAAA="},
    {"dtype": "<f8", "shape": [2], "data": "AAAAAAAAAAA="},
    {"dtype": "<f8", "shape": [-1], "data": "AAAAAAAAAAA="},
    {"dtype": "<f8", "shape": [0, 1 << 31], "data": ""},
    {"dtype": "<f8", "shape": [1 << 20, 1 << 20, 0], "data": ""},
    {"dtype": "<f8", "shape": [1] * 33, "data": "AAAAAAAAAAA="},
    {"dtype": ">f8", "shape": [1], "data": "AAAAAAAAAAA="},
    {"dtype": "f8", "shape": [1], "data": "AAAAAAAAAAA="},
    {"dtype": "<f8,<f8", "shape": [1], "data": "AAAAAAAAAAA="},
    {"dtype": "<V8", "shape": [1], "data": "AAAAAAAAAAA="},
    {"dtype": "|b1", "shape": [1], "data": "Ag=="},
    {"dtype": "<f8", "shape": "1", "data": "AAAAAAAAAAA="},
    {"dtype": "<f8", "shape": [True], "data": "AAAAAAAAAAA="},
    {"dtype": "<f8", "shape": [1]},
    {"dtype": "|S1", "shape": [1 << 27], "data": ""},
    {"dtype": "|S0", "shape": [200_000], "data": ""},
    {"dtype": "|S0", "shape": [0], "data": ""},
    {"dtype": "<U0", "shape": [200_000], "data": ""},
    {"dtype": "|S", "shape": [200_000], "data": ""},
    {"dtype": "|S01", "shape": [0], "data": ""},
    {"dtype": "<M8[0s]", "shape": [0], "data": ""},
    {"dtype": "<M8[1s]", "shape": [0], "data": ""},
]


@pytest.mark.parametrize("given", FORGED, ids=str)
def test_a_forged_array_is_refused(given: dict[str, Any]) -> None:
    """Objects, sizes that do not fit, and other spellings: nothing is made of them."""
    payload = {**given, "data": {"#tag": "bytes", "payload": given["data"]}} if "data" in given else given
    with pytest.raises(DecodeError, match="a ndarray that cannot be made"):
        read("#" + json.dumps({"#tag": "ndarray", "payload": payload}))


@pytest.mark.parametrize(
    "payload",
    [
        {"dtype": "<U1", "shape": [1], "data": ["ab"]},
        {"dtype": "<U1", "shape": [1], "data": [5]},
        {"dtype": "<U1", "shape": [2], "data": ["a"]},
        {"dtype": "<U9999999", "shape": [100], "data": ["a"] * 100},
        {"dtype": "<U9999999", "shape": [1], "data": ["a"]},
        {"dtype": "<U0", "shape": [2], "data": ["", ""]},
    ],
    ids=str,
)
def test_a_forged_array_of_texts_is_refused(payload: dict[str, Any]) -> None:
    """Nor can a short message make a large array."""
    with pytest.raises(DecodeError, match="a ndarray that cannot be made"):
        read("#" + json.dumps({"#tag": "ndarray", "payload": payload}))


@pytest.mark.parametrize("size", range(3))
@pytest.mark.parametrize(
    "kind", ["|S", "<U", "<i", "<u", "<f", "<c", "<M", "<m", "|b", "|i", "|u", "|V", "|O"]
)
def test_every_item_of_an_array_was_sent(kind: str, size: int) -> None:
    """Whatever dtype is asked for: an array has the dtype and the bytes that came, or there is none."""
    for items in range(3):
        for data in (bytes(size * items), [""] * items):
            given = {"dtype": f"{kind}{size}", "shape": [items], "data": data}
            try:
                found = arrays.array_from_data(numpy, given)
            except ValueError:
                continue
            assert (found.dtype.str, found.tobytes()) == (given["dtype"], bytes(found.nbytes))
            assert arrays.array_to_data(numpy, found) == given


def test_no_memory_is_taken_unwritten() -> None:
    """No value of the standard makers of such memory is in what arrives by copy."""
    texts = [path.read_text() for path in Path(arrays.__file__).parent.glob("*.py")]
    assert len(texts) > 10
    assert not [found for text in texts for found in re.findall(r"\.(?:empty|empty_like|ndarray)\(", text)]


NUMBERS = {"dtype": "|i1", "shape": [1], "data": {"#tag": "bytes", "payload": "AA=="}}


def packed(items: Any, dtype: str) -> dict[str, Any]:
    """An array of ints as a sender would write it, of a dtype of as many bytes."""
    data = base64.b64encode(numpy.asarray(items, "i8").tobytes()).decode()
    return {"array": {"dtype": dtype, "shape": [len(items)], "data": {"#tag": "bytes", "payload": data}}}


def moments(count: int, frequency: Any, given: Any = None) -> dict[str, Any]:
    """An index of days that are no steps of a frequency, or of given seconds."""
    uneven = numpy.arange(count) ** 2 * 86_400 if given is None else given
    return {"values": packed(uneven, "<M8[s]"), "name": None, "frequency": frequency}


def of_one_hash(count: int) -> Any:
    """Numbers that pandas keeps at one place of its table: (k >> 33) ^ k ^ (k << 11) has the same 32 bits."""
    found: dict[int, tuple[int, int]] = {}
    nothing: list[int] = []
    for bit in range(50):
        key = 1 << bit
        place = (key >> 33 ^ key ^ key << 11) & 0xFFFFFFFF
        while place and place.bit_length() in found:
            other = found[place.bit_length()]
            place, key = place ^ other[0], key ^ other[1]
        if place:
            found[place.bit_length()] = (place, key)
        else:
            nothing.append(key)
    numbers = [0]
    for key in nothing:
        numbers += [number ^ key for number in numbers]
    return numpy.array(numbers[:count])


def sorts(categories: Any) -> dict[str, Any]:
    """A column of categories without an item."""
    codes = {"dtype": "|i1", "shape": [0], "data": {"#tag": "bytes", "payload": ""}}
    index = {"values": packed(categories, "<i8"), "name": None}
    return {"category": codes, "categories": index, "ordered": False}


MANY = numpy.sort(of_one_hash(100_000))
SHARED = [numpy.roll(MANY, 1), numpy.append(MANY, MANY[-1]), numpy.insert(MANY, 0, MANY[0])]


TIMES = {"name": None, "data": {"objects": []}}
FORGERIES = [
    ("fraction", ["1e999999999", 1]),
    ("fraction", ["1", "3"]),
    ("fraction", [1.5, 1]),
    ("fraction", [True, 1]),
    ("fraction", [{"#tag": "decimal", "payload": "1E+999999999"}, 1]),
    ("fraction", [1, 0]),
    ("fraction", [2, 4]),
    ("fraction", [1]),
    ("npscalar", {"dtype": "|S1", "shape": [], "data": {"#tag": "bytes", "payload": "AA=="}}),
    ("npscalar", {"dtype": "<U1", "shape": [], "data": ["a"]}),
    ("npscalar", NUMBERS),
    ("dataframe", {"columns": RANGE | {"range": [0, 1 << 53, 1]}, "index": RANGE, "data": []}),
    ("dataframe", {"columns": RANGE, "index": RANGE | {"range": [0, 1 << 53, 1]}, "data": []}),
    ("dataframe", {"columns": RANGE, "index": RANGE | {"range": [1 << 53, 0, -1]}, "data": []}),
    ("series", {"name": None, "index": RANGE | {"range": [0, 1, 1]}, "data": {
        "category": NUMBERS, "categories": RANGE | {"range": [0, 10**6, 1]}, "ordered": False}}),
    *(("series", TIMES | {"index": RANGE, "data": sorts(shared)}) for shared in SHARED),
    *(("series", TIMES | {"index": moments(0, "h", shared)}) for shared in SHARED),
    ("series", TIMES | {"index": moments(501, "cbh")}),
    ("series", TIMES | {"index": moments(501, "QS-OCT")}),
    ("series", TIMES | {"index": moments(501, "0D")}),
    ("series", TIMES | {"index": moments(3, "0D")}),
    ("series", TIMES | {"index": moments(3, "cbh")}),
    ("series", TIMES | {"index": moments(3, "ME")}),
    ("series", TIMES | {"index": moments(3, "D\n")}),
    ("series", TIMES | {"index": moments(3, 5)}),
    ("timestamp", {"at": 0, "unit": "ns", "zone": "localtime"}),
    ("timestamp", {"at": 0, "unit": "ns", "zone": "posixrules"}),
    ("timestamp", {"at": 1 << 62, "unit": "s", "zone": "Europe/Paris"}),
    ("timedelta", [10**300, 0, 0]),
    ("timedelta", [1e300, 0, 0]),
    ("decimal", "1E+9999999999999999999"),
    ("uuid", "a" * 100_000),
    ("path", {"a": 1}),
    ("windows-path", "a/b"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "payload"), FORGERIES, ids=lambda value: str(value)[:60])
def test_a_forged_copy_is_refused_at_once(tag: str, payload: Any) -> None:
    """A short text makes no large value, and a copy is spelled as its sender would spell it."""
    with pytest.raises(DecodeError, match=f"a {tag} that cannot be made"):
        read("#" + json.dumps({"#tag": tag, "payload": payload}))


@pytest.mark.parametrize(
    ("tag", "payload", "times"),
    [
        ("dataframe", {"columns": RANGE, "index": RANGE, "data": []}, 20_001),
        ("series", {"name": None, "index": RANGE, "data": {"objects": []}}, 20_001),
        ("series", TIMES | {"index": moments(3, "cbh")}, 119),
        ("series", TIMES | {"index": {"frequency": "ME"}}, 120),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_message_of_very_many_frames_is_refused(tag: str, payload: Any, times: int) -> None:
    """Their work is counted before pandas does any of it."""
    copied = copy_named(tag)
    assert copied is not None
    data = read("#" + json.dumps(payload))
    done = 0
    for _ in range(times - 1):
        done = with_work(done, copied, data)
    with pytest.raises(NotExactError, match="send it in pieces"):
        with_work(done, copied, data)


def test_a_message_of_wide_frames_is_refused_by_its_reader() -> None:
    """Not only by its sender."""
    column = {"masked": {}, "gone": {}}
    frame = {"#tag": "dataframe", "payload": {"columns": RANGE, "index": RANGE, "data": [column] * 30_000}}
    with pytest.raises(DecodeError, match="too many columns and indexes: send it in pieces"):
        read("#" + json.dumps(frame))


@pytest.mark.parametrize("step", [1, -1])
def test_many_sorted_categories_arrive(step: int) -> None:
    """However their hashes are: pandas needs none of them."""
    column = pandas.Series(pandas.Categorical.from_codes([0, 1], pandas.Index(MANY[::step])))
    pandas.testing.assert_series_equal(read(body(column)), column)


@pytest.mark.parametrize(
    "frequency", ["37h", "D", "2D", "B", "W-SUN", "ME", "MS", "QS-JAN", "YE-DEC", "5min", "90s"]
)
def test_a_long_index_keeps_its_frequency(frequency: str) -> None:
    """If pandas finds it in the moments at once."""
    index = pandas.date_range("1900-01-01", periods=600, freq=frequency, unit="s")
    series = pandas.Series(range(600), index=index)
    assert read(body(series)).index.freq == index.freq


def test_a_zone_that_is_not_there_is_named_without_the_files_of_the_host() -> None:
    """The folder of all zones of Europe is none, and its path is told to nobody."""
    payload = {"at": 0, "unit": "ns", "zone": "Europe"}
    with pytest.raises(
        DecodeError, match="a timestamp that cannot be made: no time zone Europe is known here"
    ):
        read("#" + json.dumps({"#tag": "timestamp", "payload": payload}))


@pytest.mark.parametrize(
    "zone", ["dateutil//etc/localtime", "/etc/localtime", "../../etc/localtime", "UTC+25:99", 5]
)
def test_a_zone_that_arrives_names_no_file(zone: Any) -> None:
    """A time zone is a name of the database, never a path."""
    payload = {"at": 0, "unit": "ns", "zone": zone}
    with pytest.raises(DecodeError, match="a timestamp that cannot be made"):
        read("#" + json.dumps({"#tag": "timestamp", "payload": payload}))


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    tree = copy.copy(tree)
    tree[path[0]] = changed(tree[path[0]], path[1:], value)
    return tree


@pytest.mark.parametrize("seed", range(3))
def test_a_frame_with_anything_in_any_place_is_read_or_refused(seed: int) -> None:
    """Whatever a hostile vat writes, the reader gets a value or a DecodeError, and no warning."""
    chance = random.Random(seed)
    anything = [
        None, -1, 0, 1, 10**30, 1.5, "", "x", "NA", [], [0], [None], {}, {"a": 1}, "<f8", "UTC", True,
        {"#tag": "bytes", "payload": "AAAAAAAAAAA="}, {"#tag": "tuple", "payload": [1]},
        json.loads(body(numpy.arange(2))[1:]), json.loads(body(FRAMES["empty"])[1:]), [[1], [2]], ["a", "b"],
    ]  # fmt: skip
    trees = [json.loads(body(frame)[1:]) for frame in FRAMES.values()]
    made = refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for tree in trees:
            for path in chance.sample(places(tree), min(60, len(places(tree)))):
                forged = changed(tree, path, chance.choice(anything))
                try:
                    read("#" + json.dumps(forged))
                    made += 1
                except DecodeError:
                    refused += 1
    assert refused > made > 0


def test_a_frozen_table_is_told_from_another() -> None:
    """What is read from durable state comes in frozen tables, so its arrays are read-only."""
    given = arrays.array_to_data(numpy, numpy.arange(2))
    assert not arrays.array_from_data(numpy, FrozenDict(given)).flags.writeable
