"""numpy's arrays and scalars as copies: the bytes of their items, little-endian and in C order.

Data that arrives is checked before numpy sees it: the dtype is one of a few plain ones, and the shape fits
the bytes. What numpy made of it is checked too: some dtypes it takes for others, as `S0` for `S1`. Nothing is
unpickled, there are no arrays of objects, and none is made of memory that nobody wrote. An array that was
read from durable state is read-only, because a change of it would not be stored.
"""

from __future__ import annotations

import re
from typing import Any

from .exact import Copy, NotExactError

MOST_BYTES = 1 << 26
"""The most bytes that one array may have."""

_MOST_AXES = 32
_MOST_ALONG = 1 << 31
_PLAIN = re.compile(
    r"(?:\|(?:b1|[iu]1|S[1-9]\d{0,6})|<(?:[iu][248]|f[248]|c8|c16|U[1-9]\d{0,6}"
    r"|[mM]8(?:\[(?:[1-9]\d{0,6})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?))",
    re.ASCII,
)
_KEYS = {"dtype", "shape", "data"}

_ROOM = 4_096
_ROOM_OF_A_TEXT = 256
_ROOM_OF_A_CHARACTER = 64
"""How many bytes an array of texts may have, because each has the room of the longest: a short message must
not make a large array."""


def copies(numpy: Any) -> list[Copy]:
    """How the arrays and scalars of this numpy pass."""

    def to_data(value: Any) -> dict[str, Any]:
        return array_to_data(numpy, value)

    def from_data(data: Any) -> Any:
        return array_from_data(numpy, data)

    def scalar_from_data(data: Any) -> Any:
        value = array_from_data(numpy, data)
        if value.shape != () or value.dtype.kind in "SU":
            raise ValueError("a scalar is one number or moment")
        return value[()]

    def scalar_to_data(value: Any) -> dict[str, Any]:
        return array_to_data(numpy, numpy.asarray(value))

    scalars = [
        Copy("npscalar", cls, scalar_to_data, scalar_from_data)
        for cls in sorted(set(numpy.sctypeDict.values()), key=lambda cls: cls.__name__)
        if not issubclass(cls, (numpy.flexible, numpy.object_, numpy.longdouble, numpy.clongdouble))
    ]
    return [Copy("ndarray", numpy.ndarray, to_data, from_data, mutable=True), *scalars]


def array_to_data(numpy: Any, value: Any) -> dict[str, Any]:
    """An array as plain data; raises NotExactError for a dtype that has none."""
    dtype = value.dtype.newbyteorder("<")
    if dtype.names is not None or dtype.subdtype is not None or not _PLAIN.fullmatch(dtype.str):
        raise NotExactError(f"items of dtype {value.dtype} are no plain numbers: pass x.tolist()")
    if value.nbytes > MOST_BYTES:
        raise NotExactError(
            f"{value.nbytes:,} bytes are more than the {MOST_BYTES:,} of an array: pass parts"
        )
    if value.ndim > _MOST_AXES:
        raise NotExactError(f"it has more than {_MOST_AXES} axes: reshape it")
    plain = numpy.ascontiguousarray(value).astype(dtype, copy=False)
    data = plain.ravel().tolist() if dtype.kind == "U" else plain.tobytes()
    if dtype.kind == "U" and value.nbytes > _room(data):
        raise NotExactError("most of its texts are far shorter than its dtype: pass x.tolist()")
    return {"dtype": dtype.str, "shape": list(value.shape), "data": data}


def array_from_data(numpy: Any, given: Any) -> Any:
    """Make an array of data that may be anybody's; raises ValueError. Of frozen data it is read-only."""
    if not isinstance(given, dict) or given.keys() != _KEYS:
        raise ValueError("an array has a dtype, a shape and data")
    spelled, shape, data = given["dtype"], given["shape"], given["data"]
    if type(spelled) is not str or not _PLAIN.fullmatch(spelled):
        raise ValueError("its dtype is no plain one")
    dtype = numpy.dtype(spelled)
    if dtype.str != spelled:
        raise ValueError(f"its dtype is spelled {dtype.str}")
    count = _count(shape)
    if count * dtype.itemsize > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    if dtype.kind == "U":
        array = _of_texts(numpy, dtype, data, count)
    else:
        if type(data) is not bytes or len(data) != count * dtype.itemsize:
            raise ValueError("its shape does not fit its data")
        if dtype.kind == "b" and data.translate(None, b"\0\1"):
            raise ValueError("a bool is neither 0 nor 1")
        array = numpy.frombuffer(bytearray(data), dtype) if data else numpy.zeros(0, dtype)
    if array.dtype != dtype or array.dtype.str != spelled or array.size != count:
        raise ValueError("its dtype is one that numpy takes for another")
    array = array.reshape(shape)
    if type(given) is not dict:  # it was read from durable state
        array.setflags(write=False)
    return array


def _count(shape: Any) -> int:
    if not isinstance(shape, list) or len(shape) > _MOST_AXES:
        raise ValueError(f"its shape is a list of up to {_MOST_AXES} numbers")
    count = room = 1
    for length in shape:
        if type(length) is not int or not 0 <= length < _MOST_ALONG:
            raise ValueError("its shape has a number that is no length")
        count *= length
        room *= length or 1
        if room > _MOST_ALONG:
            raise ValueError("its shape is too large")
    return count


def _of_texts(numpy: Any, dtype: Any, data: Any, count: int) -> Any:
    longest = dtype.itemsize // 4
    if not isinstance(data, list) or len(data) != count:
        raise ValueError("its shape does not fit its data")
    for text in data:
        if type(text) is not str or len(text) > longest or text.endswith("\0"):
            raise ValueError("a text in it does not fit its dtype")
    if count * dtype.itemsize > _room(data):
        raise ValueError("most of its texts are far shorter than its dtype")
    return numpy.array(data, dtype) if data else numpy.zeros(0, dtype)


def _room(texts: list[str]) -> int:
    return _ROOM + _ROOM_OF_A_TEXT * len(texts) + _ROOM_OF_A_CHARACTER * sum(map(len, texts))
