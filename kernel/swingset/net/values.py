"""The values of OCapN, as Python objects, and the errors about what a peer sent.

Two levels share them. Syrup, the encoding, knows bool, int, float, str, bytes, `Symbol`, list, dict and
`Record`. The protocol reads some records as values of their own: `UNDEFINED`, `Tagged`, `Failure`, `Ref` and
`Sturdy`. A `Hidden` stands where the bytes of a secret belong, which the device puts in when it sends.

Nothing here refers to an object of the kernel: a reference is a name, which only the tables can read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, final


class Malformed(ValueError):
    """A peer broke the rules of the protocol: its session is aborted with this reason."""


class Refused(ValueError):
    """A value or a message cannot be served: its result is rejected with this reason."""


HALF_PAIR = "a text holds half of a surrogate pair: pass bytes"
"""Why a text is refused that JSON can spell, and that no vat can be sent and no file can hold."""


def is_sound(text: str) -> bool:
    """Whether a text can be written as UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Full(Refused):
    """Too much waits for the other side of a link, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name that stands for itself, such as that of a method."""

    name: str


@dataclass(frozen=True, slots=True)
class Record:
    """A labelled sequence of fields, as Syrup has it."""

    label: Any
    fields: tuple[Any, ...] = ()


@final
class Undefined:
    """The type of `UNDEFINED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()
"""The absence of a value; it is not None, which OCapN calls Null."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a tag."""

    tag: str
    value: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An error: its message, the name of its class, and what else worlds of ours say of it."""

    message: str
    name: str = "Error"
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference by its name in the tables: `o+d10/7` or `o-50` for an object, `c12` for a promise."""

    name: str

    @property
    def is_promise(self) -> bool:
        """Whether it is a promise, which loses its identity when it is settled."""
        return self.name.startswith("c")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A byte string that the device keeps: its handle, and how many bytes it has."""

    handle: str
    length: int


def kind_of(value: Any) -> str:
    """What a value is, for errors: never what is in it."""
    if isinstance(value, Record):
        label = value.label.name if isinstance(value.label, Symbol) else value.label
        return f"a record {label[:40]!a}" if isinstance(label, str) else "a record without a name"
    return f"a {type(value).__name__}"
