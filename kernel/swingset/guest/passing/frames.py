"""pandas' frames, series, times and missing values as copies: columns of plain data, each with its type.

A column is written as what it holds: numbers as the array of their bytes, texts as a list, categories as
codes, moments of a time zone as moments in UTC and the name of the zone. It arrives as the same type or not
at all. Data that arrives is checked before pandas makes anything of it: nothing is unpickled, no file is
read, and a column of objects holds only numbers, texts and dates.

Frames and series cannot be kept in durable state, because a change of one that was read would not be stored.
"""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .arrays import array_from_data, array_to_data
from .exact import Copy, NotExactError

MOST_COLUMNS = 10_000
"""The most columns of one frame."""

MOST_ROWS = 10_000_000
"""The longest range, which is written as three numbers and takes the room of all when it is used."""

MOST_CATEGORIES = 100_000
"""The longest range of categories."""

MOST_GENERATED = 500
"""The most moments of an index that pandas has to count one by one to compare them with its frequency."""

MOST_UNSORTED = 2_000
"""The most categories in no order: pandas finds out in a table of hashes, which a sender can choose to be one
and the same, whether one comes twice."""

_UNSTORED = "a change of it would not be stored: keep its columns, {name: column.to_numpy()}"
_IN_OBJECTS = (type(None), bool, int, float, str, bytes, date, datetime, timedelta, Decimal)
_LABELS = (type(None), bool, int, float, str, bytes)
_UNITS = ("s", "ms", "us", "ns")
_ZONE = re.compile(
    r"UTC|UTC[+-]\d\d:\d\d|(?!dateutil/|localtime|posixrules)[A-Za-z_]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}",
    re.ASCII,
)
_FREQUENCY = re.compile(r"-?\d{0,6}[A-Za-z]{1,10}(?:-[A-Za-z0-9]{1,5})?", re.ASCII)
_FIXED = re.compile(r"-?\d{0,6}(?:h|min|s|ms|us|ns)", re.ASCII)
_MASKED = {
    "BooleanDtype",
    *(f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *(f"Float{bits}Dtype" for bits in (32, 64)),
}


def copies(pandas: Any) -> list[Copy]:
    """How the values of this pandas pass."""
    frames = _Frames(pandas)
    return [
        Copy("dataframe", pandas.DataFrame, frames.to_data, frames.from_data, None, _UNSTORED, True, _work),
        Copy(
            *("series", pandas.Series, frames.series_to_data, frames.series_from_data),
            *(None, _UNSTORED, True, _work),
        ),
        Copy("timestamp", pandas.Timestamp, frames.moment_to_data, frames.moment_from_data),
        Copy("pd-timedelta", pandas.Timedelta, frames.span_to_data, frames.span_from_data),
        Copy("missing", type(pandas.NaT), lambda _: "NaT", frames.missing),
        Copy("missing", type(pandas.NA), lambda _: "NA", frames.missing),
    ]


class _Frames:
    def __init__(self, pandas: Any) -> None:
        self._pandas = pandas
        self._numpy: Any = sys.modules["numpy"]  # pandas has imported it

    # Frames

    def to_data(self, frame: Any) -> dict[str, Any]:
        _refuse_attrs(frame)
        if frame.shape[1] > MOST_COLUMNS:
            raise NotExactError(f"it has more than {MOST_COLUMNS:,} columns: pass parts")
        return {
            "columns": self._index_to_data(frame.columns, "its columns"),
            "index": self._index_to_data(frame.index, "its index"),
            "data": [
                self._column_to_data(frame.iloc[:, at], f"its column {label!r}")
                for at, label in enumerate(frame.columns)
            ],
        }

    def from_data(self, data: Any) -> Any:
        given = _table(data, "columns", "index", "data")
        columns, index = self._index_from_data(given["columns"]), self._index_from_data(given["index"])
        if not isinstance(given["data"], list) or len(given["data"]) != len(columns):
            raise ValueError("it has not one column for each label")
        if len(columns) > MOST_COLUMNS:
            raise ValueError(f"it has more than {MOST_COLUMNS:,} columns")
        series = {}
        for at, column in enumerate(given["data"]):
            values = self._column_from_data(column)
            if len(values) != len(index):
                raise ValueError("a column is not as long as the index")
            series[at] = self._pandas.Series(values, index=index, dtype=values.dtype, copy=True)
        frame = self._pandas.DataFrame(series, index=index)
        frame.columns = columns
        return frame

    def series_to_data(self, series: Any) -> dict[str, Any]:
        _refuse_attrs(series)
        return {
            "name": _label(series.name, "its name"),
            "index": self._index_to_data(series.index, "its index"),
            "data": self._column_to_data(series, "it"),
        }

    def series_from_data(self, data: Any) -> Any:
        given = _table(data, "name", "index", "data")
        index, values = self._index_from_data(given["index"]), self._column_from_data(given["data"])
        if len(values) != len(index):
            raise ValueError("it is not as long as its index")
        name = _label(given["name"], "its name")
        return self._pandas.Series(values, index=index, dtype=values.dtype, name=name, copy=True)

    # Indexes

    def _index_to_data(self, index: Any, what: str, most: int = MOST_ROWS) -> dict[str, Any]:
        pandas = self._pandas
        name = _label(index.name, f"the name of {what}") if index.nlevels == 1 else None
        if type(index) is pandas.RangeIndex:
            if len(index) > most:
                raise NotExactError(f"{what} has more than {most:,} numbers: pass parts")
            return {"range": [index.start, index.stop, index.step], "name": name}
        if index.nlevels != 1 or isinstance(index, (pandas.IntervalIndex, pandas.PeriodIndex)):
            raise NotExactError(f"{what} is a {type(index).__name__}: pass x.reset_index()")
        data = {"values": self._column_to_data(index.to_series(), what), "name": name}
        frequency = getattr(index, "freqstr", None)
        if frequency is not None:
            if not _FREQUENCY.fullmatch(frequency):
                raise NotExactError(f"{what} has the frequency {frequency}: set x.index.freq = None")
            _count_no_more(index, frequency)
            data["frequency"] = frequency
        return data

    def _index_from_data(self, data: Any, most: int = MOST_ROWS) -> Any:
        pandas = self._pandas
        if not isinstance(data, dict):
            raise ValueError("an index is a table")
        if "range" in data:
            given = _table(data, "range", "name")
            numbers = given["range"]
            whole = isinstance(numbers, list) and len(numbers) == 3 and all(type(n) is int for n in numbers)
            if not whole or not numbers[2] or any(abs(number) > 1 << 53 for number in numbers):
                raise ValueError("a range is three ints")
            if len(range(*numbers)) > most:
                raise ValueError(f"a range has more than {most:,} numbers")
            return pandas.RangeIndex(*numbers, name=_label(given["name"], "its name"))
        given = _table(data, "values", "name", *(["frequency"] if "frequency" in data else []))
        values, name = self._column_from_data(given["values"]), _label(given["name"], "its name")
        if "frequency" not in given:
            return pandas.Index(values, dtype=values.dtype, name=name)
        frequency = given["frequency"]
        if type(frequency) is not str or not _FREQUENCY.fullmatch(frequency):
            raise ValueError("its frequency is none")
        index = pandas.Index(values, dtype=values.dtype, name=name)
        _count_no_more(index, frequency)
        index.freq = frequency  # it has to fit the values
        return index

    # Columns

    def _column_to_data(self, column: Any, what: str) -> dict[str, Any]:
        pandas, numpy, dtype = self._pandas, self._numpy, column.dtype
        if isinstance(dtype, pandas.CategoricalDtype):
            categories = self._index_to_data(dtype.categories, f"the categories of {what}", MOST_CATEGORIES)
            _refuse_crowded(dtype.categories, f"the categories of {what}")
            codes = array_to_data(numpy, column.array.codes)
            return {"category": codes, "categories": categories, "ordered": bool(dtype.ordered)}
        if isinstance(dtype, pandas.DatetimeTZDtype):
            zone = str(dtype.tz)
            if not _ZONE.fullmatch(zone) or pandas.DatetimeTZDtype(dtype.unit, zone) != dtype:
                raise NotExactError(f"the time zone {zone} of {what} has no name: convert it to UTC")
            moments = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
            return {"moments": array_to_data(numpy, moments), "zone": zone}
        if isinstance(dtype, pandas.StringDtype):
            missing = column.isna().tolist()
            texts = [None if gone else str(text) for text, gone in zip(column, missing, strict=True)]
            return {"texts": texts, "missing": "NA" if dtype.na_value is pandas.NA else "NaN"}
        if type(dtype).__name__ in _MASKED:
            gone = column.isna().to_numpy()
            plain = column.array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
            return {"masked": array_to_data(numpy, plain), "gone": array_to_data(numpy, gone)}
        if dtype == numpy.dtype("O"):
            items = column.tolist()
            strange = next((item for item in items if type(item) not in _IN_OBJECTS), None)
            if strange is not None:
                told = f"{what} holds a {type(strange).__name__}"
                raise NotExactError(f"{told}: an object column may hold numbers, texts and dates")
            return {"objects": items}
        if isinstance(dtype, numpy.dtype) and dtype.kind in "biufcmM":
            return {"array": array_to_data(numpy, column.to_numpy())}
        raise NotExactError(
            f"{what} is of dtype {dtype}, which has no plain data: convert it, as with x.astype(str)"
        )

    def _column_from_data(self, data: Any) -> Any:
        """The values of a column, as an array of numpy or of pandas."""
        pandas, numpy = self._pandas, self._numpy
        if not isinstance(data, dict) or not data:
            raise ValueError("a column is a table")
        if "array" in data:
            return _flat(array_from_data(numpy, _table(data, "array")["array"]), "biufcmM")
        if "objects" in data:
            items = _table(data, "objects")["objects"]
            if not isinstance(items, list) or any(type(item) not in _IN_OBJECTS for item in items):
                raise ValueError("an object column holds numbers, texts and dates")
            return numpy.array(items, dtype=object)
        if "texts" in data:
            return self._texts(_table(data, "texts", "missing"))
        if "masked" in data:
            given = _table(data, "masked", "gone")
            plain = _flat(array_from_data(numpy, given["masked"]), "biuf").copy()
            gone = _flat(array_from_data(numpy, given["gone"]), "b").copy()
            sorts = {"b": "BooleanArray", "i": "IntegerArray", "u": "IntegerArray", "f": "FloatingArray"}
            return getattr(pandas.arrays, sorts[plain.dtype.kind])(plain, gone)
        if "moments" in data:
            given = _table(data, "moments", "zone")
            moments = _flat(array_from_data(numpy, given["moments"]), "M")
            return _in_zone(pandas.DatetimeIndex(moments), given["zone"]).array
        given = _table(data, "category", "categories", "ordered")
        codes = _flat(array_from_data(numpy, given["category"]), "i")
        categories = self._index_from_data(given["categories"], MOST_CATEGORIES)
        _refuse_crowded(categories, "its categories")
        return pandas.Categorical.from_codes(codes, categories, ordered=given["ordered"] is True)

    def _texts(self, given: dict[str, Any]) -> Any:
        pandas, numpy = self._pandas, self._numpy
        texts = given["texts"]
        if not isinstance(texts, list) or any(text is not None and type(text) is not str for text in texts):
            raise ValueError("a column of texts is a list of them")
        if given["missing"] not in ("NA", "NaN"):
            raise ValueError("what is missing is NA or NaN")
        dtype = pandas.StringDtype() if given["missing"] == "NA" else pandas.StringDtype(na_value=numpy.nan)
        return pandas.array(texts, dtype=dtype)

    # Times

    def moment_to_data(self, moment: Any) -> dict[str, Any]:
        zone = None if moment.tz is None else str(moment.tz)
        if zone is not None and (not _ZONE.fullmatch(zone) or moment.tz_convert(zone).tz != moment.tz):
            raise NotExactError(f"its time zone {zone} has no name: pass x.tz_convert('UTC')")
        plain = moment if zone is None else moment.tz_convert("UTC").tz_localize(None)
        return {"at": int(plain.asm8.view("i8")), "unit": moment.unit, "zone": zone}

    def moment_from_data(self, data: Any) -> Any:
        given = _table(data, "at", "unit", "zone")
        moment = self._pandas.Timestamp(
            self._numpy.datetime64(_of_64_bits(given["at"]), _unit(given["unit"]))
        )
        if given["zone"] is None:
            return moment
        return _in_zone(moment, given["zone"])

    def span_to_data(self, span: Any) -> dict[str, Any]:
        return {"of": int(span.asm8.view("i8")), "unit": span.unit}

    def span_from_data(self, data: Any) -> Any:
        given = _table(data, "of", "unit")
        span = self._numpy.timedelta64(_of_64_bits(given["of"]), _unit(given["unit"]))
        return self._pandas.Timedelta(span)

    def missing(self, data: Any) -> Any:
        if data not in ("NA", "NaT"):
            raise ValueError("what is missing is NA or NaT")
        return self._pandas.NaT if data == "NaT" else self._pandas.NA


def _work(data: Any) -> int:
    """The tables of which a frame is written; an index that may have to be counted stands for its moments."""
    work, todo = 0, [data]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            frequency = node.get("frequency", "h")
            fixed = type(frequency) is not str or _FIXED.fullmatch(frequency)
            work += 1 if fixed else 1 + MOST_GENERATED
            todo += node.values()
        elif isinstance(node, list) and node and isinstance(node[0], dict):
            todo += node
    return work


def _count_no_more(index: Any, frequency: str) -> None:
    """Refuse a frequency that pandas would compare with very many moments, one by one."""
    if len(index) <= MOST_GENERATED:
        return
    if not _in_order(index):
        raise NotExactError("its moments are in no order, so they have no frequency: set x.index.freq = None")
    if _FIXED.fullmatch(frequency):
        return
    bare = type(index)(index, freq=None)
    found = type(index)(bare, freq="infer").freq  # which looks at all moments at once, and knows most
    if found is None or found.freqstr != frequency:
        told = f"its frequency {frequency} is no fixed step, and it has more than {MOST_GENERATED} moments"
        raise NotExactError(f"{told}: set x.index.freq = None")


def _refuse_crowded(categories: Any, what: str) -> None:
    if len(categories) > MOST_UNSORTED and not _in_order(categories):
        raise NotExactError(f"{what} are more than {MOST_UNSORTED:,} and not sorted: pass x.astype(object)")


def _in_order(index: Any) -> bool:
    """Whether each item is larger than the one before it, or each is smaller: found out without hashes."""
    ordered = index.is_monotonic_increasing or index.is_monotonic_decreasing
    return bool(ordered and not (index[1:] == index[:-1]).any())


def _table(data: Any, *keys: str) -> dict[str, Any]:
    if not isinstance(data, dict) or data.keys() != set(keys):
        raise ValueError(f"it has {', '.join(keys)}")
    return data


def _label(value: Any, what: str) -> Any:
    if type(value) not in _LABELS:
        raise NotExactError(f"{what} is a {type(value).__name__}: use a str or a number")
    return value


def _refuse_attrs(value: Any) -> None:
    if value.attrs:
        raise NotExactError("it has attrs, which would be lost: set x.attrs = {}")


def _flat(array: Any, kinds: str) -> Any:
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError("a column is one array of its type")
    return array


def _in_zone(moments: Any, zone: Any) -> Any:
    """Moments in UTC, told in a zone. The names that stand for the zone of this host are none."""
    if type(zone) is not str or not _ZONE.fullmatch(zone):
        raise ValueError("its time zone is none")
    try:
        return moments.tz_localize("UTC").tz_convert(zone)
    except (KeyError, OSError):  # whose message may be the path of a file
        raise ValueError(f"no time zone {zone} is known here") from None


def _unit(unit: Any) -> str:
    if unit not in _UNITS:
        raise ValueError(f"its unit is one of {', '.join(_UNITS)}")
    return str(unit)


def _of_64_bits(number: Any) -> int:
    if type(number) is not int or not -(1 << 63) < number < 1 << 63:
        raise ValueError("it is no number of 64 bits")
    return number
