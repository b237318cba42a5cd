"""Values of vats, as expressions of Cap'n Web: what JSON lacks is an array with a name before it.

What a page could not read as it was meant is refused, and nothing is changed silently: a page drops keys that
its objects inherit, has no keys but texts, and counts milliseconds. A tuple becomes an array.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from swingset.wire.grammar import SAFE_INT

from ..values import Failure, Ref, Refused, Symbol, Tagged, Undefined, kind_of
from . import text

INHERITED = frozenset(
    {
        *("__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__"),
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toJSON"),
        *("toLocaleString", "toString", "valueOf"),
    }
)
"""The keys that a client drops, because its objects inherit them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_MESSAGE = 10_000
_INSTEAD = {
    "map": "a dict passes if all its keys are texts",
    "symbol": "pass its name",
    "date": "pass a datetime with a time zone, or its text",
}

Refer = Callable[[Ref], list[Any]]
"""The expression of a reference."""


def written(value: Any, refer: Refer) -> Any:
    """The expression of a value; raises `Refused` for one that a page cannot have."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if -SAFE_INT <= value <= SAFE_INT else ["bigint", str(value)]
    if kind is float:
        if value - value == 0:
            return value
        return ["nan"] if value != value else ["inf"] if value > 0 else ["-inf"]
    if kind is bytes:
        return ["bytes", base64.b64encode(value).decode("ascii").rstrip("=")]
    if kind is list:
        return [[written(item, refer) for item in value]]
    if kind is dict:
        return {_key(key): written(item, refer) for key, item in value.items()}
    if kind is Ref:
        return refer(value)
    if kind is Failure:
        return error(value)
    if kind is Undefined:
        return ["undefined"]
    if kind is Tagged:
        return _tagged(value, refer)
    tag = "symbol" if kind is Symbol else ""
    raise Refused(f"{kind_of(value)} does not pass to a web client{_hint(tag)}")


def error(failure: Failure) -> list[Any]:
    """The expression of an error: without its frames, with the name of its class and its code beside it."""
    said = failure.message[:_LONGEST_MESSAGE]
    more = {key: failure.more[key] for key in ("code", "family") if type(failure.more.get(key)) is str}
    return ["error", failure.name, said, None, {"type": failure.name, **more}]


def aborted(reason: str) -> bytes:
    """The message that tells a client why its session ends."""
    return text.write(["abort", error(Failure(reason))])


def _key(key: Any) -> str:
    if type(key) is not str:
        raise Refused(f"the keys of an object are texts, not {kind_of(key)}")
    if key in INHERITED:
        raise Refused(f"a web client drops the key {key!r}, which its objects inherit: name it otherwise")
    return key


def _tagged(value: Tagged, refer: Refer) -> Any:
    tag, inner = value.tag, value.value
    if tag == "tuple" and type(inner) is list:
        return [[written(item, refer) for item in inner]]
    if tag == "datetime" and type(inner) is str:
        return ["date", _milliseconds(inner)]
    raise Refused(f"a value under the tag {tag[:40]!r} does not pass to a web client{_hint(tag)}")


def _hint(tag: str) -> str:
    return f": {_INSTEAD.get(tag, 'pass its parts, or a text')}"


def _milliseconds(said: str) -> int:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise Refused("a value under the tag 'datetime' is no datetime") from None
    if moment.tzinfo is None:
        raise Refused("a datetime without a time zone is no moment for a web client: give it one")
    count, left = divmod(moment - _EPOCH, _MILLISECOND)
    if left:
        raise Refused("a Date of a web client has whole milliseconds: round the datetime")
    return count


def datetime_text(milliseconds: float) -> str:
    """The text of the moment of a Date; raises `Refused` for one that Python has no datetime for."""
    try:
        return (_EPOCH + milliseconds * _MILLISECOND).isoformat()
    except (ValueError, OverflowError):
        raise Refused("a Date is a moment of the years 1 to 9999") from None
