"""Values that pass as copies although JSON cannot hold them: dates, decimals, enums, frozen dataclasses.

Such a value is written as plain data under a tag, `{"#tag":"date","payload":"2024-02-29"}`, and made again by
the receiver. A few types of the standard library are known to every vat. A vat registers its own classes with
`register_copy`. Both vats must register a class; one that did not receives the data as `Tagged`. A value may
pass only if its copy is equal to it in every respect: a datetime whose time zone is more than an offset may
not.

Data that arrives under a tag is checked: it must be spelled exactly as this module would spell it.
"""

from __future__ import annotations

import enum
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ..base.context import current, found
from . import late_copies
from .displays import Html, Markdown, Picture, picture_data, picture_of_data
from .exact import Copy, NotExactError, exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base.vat_kinds import Redefinition
    from .vat import Vat

C = TypeVar("C", bound=type)

RESERVED_TAGS = (
    *("tuple", "bytes", "map", "date", "datetime", "time", "timedelta", "decimal", "fraction"),
    *("picture", "markdown", "html"),
    *late_copies.TAGS,
)


def _datetime(value: datetime) -> str:
    zone = value.tzinfo
    if value.fold or (zone is not None and type(zone) is not timezone):
        raise NotExactError("its time zone is more than an offset: pass x.astimezone(timezone.utc)")
    if zone is not None and zone.tzname(None) != timezone(zone.utcoffset(None)).tzname(None):
        raise NotExactError("its time zone has a name, which would be lost: pass x.astimezone(timezone.utc)")
    return value.isoformat()


def _time(value: time) -> str:
    _datetime(datetime.combine(date.min + timedelta(2), value))
    return value.isoformat()


MOST_DIGITS = 4300  # Python's limit for the digits of an int, which a Decimal written in Python has too

_LONG_DECIMAL = f"a Decimal may have up to {MOST_DIGITS} digits: round it, or pass it as a str"


def _decimal_text(value: Decimal) -> str:
    if len(value.as_tuple().digits) > MOST_DIGITS:
        raise NotExactError(_LONG_DECIMAL)
    return str(value)


def _decimal(text: str) -> Decimal:
    if sum(map(str.isdigit, text.partition("E")[0])) > MOST_DIGITS:
        raise NotExactError(_LONG_DECIMAL)
    return Decimal(text)


def _fraction(data: Any) -> Fraction:
    # `Fraction` also reads texts and decimals, and a short one, as 1e999999999, makes a number of any size.
    numerator, denominator = data
    if type(numerator) is not int or type(denominator) is not int:
        raise ValueError("a fraction is two ints")
    return Fraction(numerator, denominator)


_KNOWN = (
    exactly("date", date, date.isoformat, date.fromisoformat),
    exactly("datetime", datetime, _datetime, datetime.fromisoformat),
    exactly("time", time, _time, time.fromisoformat),
    exactly("timedelta", timedelta, lambda v: [v.days, v.seconds, v.microseconds], lambda d: timedelta(*d)),
    exactly("decimal", Decimal, _decimal_text, _decimal),
    exactly("fraction", Fraction, lambda v: [v.numerator, v.denominator], _fraction),
)
_DISPLAYS = (
    Copy("picture", Picture, picture_data, picture_of_data),
    Copy("markdown", Markdown, lambda shown: shown.text, Markdown),
    Copy("html", Html, lambda shown: shown.text, Html),
)
_BY_CLASS = {copy.cls: copy for copy in (*_KNOWN, *_DISPLAYS)}
_BY_TAG = {copy.tag: copy for copy in (*_KNOWN, *_DISPLAYS)}


class Copies:
    """The classes that one vat has registered."""

    def __init__(self, redefinition: Redefinition) -> None:
        self._redefinition = redefinition
        self.by_class: dict[type, Copy] = {}
        self.by_tag: dict[str, Copy] = {}

    def register(self, copy: Copy) -> None:
        """Let the instances of a class pass; raises TypeError for a tag or a class that cannot be used."""
        tag, cls = copy.tag, copy.cls
        if type(tag) is not str or not tag or tag in RESERVED_TAGS:
            raise TypeError(f"a tag is a non-empty str other than {', '.join(RESERVED_TAGS)}; got {tag!r}")
        known = self.by_tag.get(tag)
        if known is not None and known.cls is not cls and self._redefinition == "refused":
            raise TypeError(f"the tag {tag!r} stands for the class {known.cls.__name__} already")
        if hasattr(cls, "__method_table__"):
            raise TypeError(f"{cls.__name__} passes by reference: it is @remotable or @durable")
        self.by_class[cls] = self.by_tag[tag] = copy


def copy_of(cls: type) -> Copy | None:
    """How the instances of a class pass as copies in the current vat; None if they do not."""
    vat: Vat | None = found()
    copy = _BY_CLASS.get(cls) or (vat.copies.by_class.get(cls) if vat is not None else None)
    return copy or late_copies.by_class(cls)


def copy_named(tag: str) -> Copy | None:
    """The registered class of a tag in the current vat; None if there is none.

    Raises ValueError for a class of a library that is not there.
    """
    vat: Vat | None = found()
    copy = _BY_TAG.get(tag) or (vat.copies.by_tag.get(tag) if vat is not None else None)
    return copy or late_copies.by_tag(tag)


def _of_enum(tag: str, cls: Any) -> Copy:
    if issubclass(cls, enum.Flag):
        return Copy(tag, cls, lambda member: member.value, cls)
    return Copy(tag, cls, lambda member: member.name, lambda name: cls[name])


def _of_dataclass(tag: str, cls: Any, where: dict[str, Any]) -> Copy:
    import dataclasses  # loaded already, or there would be no dataclass; it is large

    fields = dataclasses.fields(cls)
    if not cls.__dataclass_params__.frozen:
        raise TypeError(
            f"{cls.__name__} is not frozen, and changing a copy would change nothing elsewhere: "
            "make it @dataclass(frozen=True)"
        )
    if any(not field.init for field in fields):
        raise TypeError(
            f"{cls.__name__} has fields that its constructor does not take: give to_data and from_data"
        )
    names = [field.name for field in fields]
    return Copy(
        tag, cls, lambda v: {name: getattr(v, name) for name in names}, lambda data: cls(**data), where
    )


@overload
def register_copy(
    tag: str,
    cls: C,
    to_data: Callable[[Any], Any] | None = None,
    from_data: Callable[[Any], Any] | None = None,
) -> C: ...
@overload
def register_copy(tag: str) -> Callable[[C], C]: ...
def register_copy(tag: str, cls: Any = None, to_data: Any = None, from_data: Any = None) -> Any:
    """Let the instances of a class pass between vats as copies, under a tag; returns the class.

    `to_data(value)` makes plain data of an instance, and `from_data(data)` makes an equal instance of that
    data. Enums and frozen dataclasses need neither. Raises TypeError if the tag is taken, or if the class
    passes already or needs both functions.

        @register_copy("point")
        @dataclass(frozen=True)
        class Point:
            x: int
            y: int

    Source:
        Ours: the reference passes records, arrays and tagged data.
    """
    where = sys._getframe(1).f_globals
    if cls is None:
        return lambda decorated: _register(tag, decorated, None, None, where)
    return _register(tag, cls, to_data, from_data, where)


def _register(tag: str, cls: Any, to_data: Any, from_data: Any, where: dict[str, Any]) -> Any:
    if not isinstance(cls, type):
        raise TypeError(f"register_copy({tag!r}, ...) wants a class")
    if cls in _BY_CLASS or late_copies.by_class(cls) is not None:
        raise TypeError(f"{cls.__name__} passes between vats already")
    if to_data is not None and from_data is not None:
        copy = Copy(tag, cls, to_data, from_data)
    elif issubclass(cls, enum.Enum):
        copy = _of_enum(tag, cls)
    elif hasattr(cls, "__dataclass_fields__"):
        copy = _of_dataclass(tag, cls, where)
    else:
        raise TypeError(f"register_copy({tag!r}, {cls.__name__}) wants to_data and from_data")
    vat: Vat = current()
    vat.copies.register(copy)
    return cls
