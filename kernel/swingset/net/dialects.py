"""Where peers differ: a dialect is the shapes that one of them speaks.

They were measured against the running peers, because the written specification, its tests and the two
implementations part in places. A reader accepts the shapes of all; a dialect decides what is written.
`goblins` has one value for nothing, and drops a message with a record that it does not know. `endo` closes
the session instead, and keeps Undefined and Null apart. The standard's own suite names what is let go of in
the singular, and wants to be believed where it is. `suite` is its main branch, in which a message without an
answer is an operation of its own; `suite-next` the one without that, as the text has it. Worlds speak
`swingset` to each other: errors arrive whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .values import UNDEFINED, Failure, Malformed, Record, Symbol, Tagged

VERSION = "1.0"
"""The version of the protocol, in `op:start-session`."""

FREES = Symbol("op:gc-exports"), Symbol("op:gc-answers")
FREES_ONE = Symbol("op:gc-export"), Symbol("op:gc-answer")
"""The same in the singular, with lists all the same."""

DELIVER, DELIVER_ONLY = Symbol("op:deliver"), Symbol("op:deliver-only")
"""A message, and one without an answer as it was before it became a case of the first."""

_VOID = Record(Symbol("void"))
_NULL = Record(Symbol("null"))
_TAGGED = Symbol("desc:tagged")
_USER_RECORD = Symbol("user-record")
_ERROR = Symbol("desc:error")
_MYSTERY = Symbol("exn:fail:mystery")
_LONGEST_MESSAGE = 10_000
_LONGEST_PART = 200
_SHORT = 12
UNREAD = object()
"""What `plain` returns for a record that is no plain value."""


@dataclass(frozen=True)
class Dialect:
    """What is written to a peer.

    Attributes:
        name: how an `Opening` names it.
        tagged: the label of a tagged value.
        one_nothing: whether None and `UNDEFINED` are one value, which is read as None.
        errors: how an error is written: its text alone, a record of its text, or with all that is known.
        frees: the operations that let go of exports and of answers.
        believes: whether a peer that dials in is believed where it says that it is, as tests want it.
        splits: whether a message without an answer is an operation of its own.
    """

    name: str
    tagged: Symbol
    one_nothing: bool
    errors: str
    frees: tuple[Symbol, Symbol] = FREES
    believes: bool = False
    splits: bool = False

    def operation(self, message: Record) -> Record:
        """How an operation is written: `op:deliver` without an answer is another one for some."""
        if self.splits and message.label == DELIVER and message.fields[2:] == (False, False):
            return Record(DELIVER_ONLY, message.fields[:2])
        return message

    def understood(self, label: Symbol, fields: tuple[Any, ...]) -> tuple[Symbol, tuple[Any, ...]]:
        """An operation that was read, as the text has it now."""
        if self.splits and label == DELIVER_ONLY and len(fields) == 2:
            return DELIVER, (*fields, False, False)
        return label, fields

    def nothing(self, value: Any) -> Record:
        """How None and `UNDEFINED` are written."""
        return _NULL if value is None and not self.one_nothing else _VOID

    def error(self, failure: Failure) -> Any:
        """How an error is written; `more` of it only between worlds."""
        text = failure.message[:_LONGEST_MESSAGE]
        said = text if failure.name in ("Error", "RemoteError") else f"{failure.name}: {text}"
        if self.errors == "text":
            return said
        if self.errors == "record":
            return Record(_ERROR, (said,))
        return Record(_ERROR, (text, {**failure.more, "name": failure.name}))

    def plain(self, record: Record) -> Any:
        """The plain value that a record stands for, whose fields have been read; `UNREAD` for others.

        Raises `Malformed` for a record of such a label with other fields.
        """
        label, fields = record.label, record.fields
        if label == _VOID.label and not fields:
            return None if self.one_nothing else UNDEFINED
        if label == _NULL.label and not fields:
            return None
        if label in (_TAGGED, _USER_RECORD):
            return _tagged(fields)
        if label == _MYSTERY:
            return Failure("the peer did not say what went wrong", "RemoteError")
        if label == _ERROR:
            return _failure(fields)
        return UNREAD


def _tagged(fields: tuple[Any, ...]) -> Tagged:
    tag = fields[0] if len(fields) == 2 else None
    tag = tag.name if isinstance(tag, Symbol) else tag
    if type(tag) is not str or not tag:
        raise Malformed("a tagged value has a tag, which is a symbol, and a value")
    return Tagged(tag, fields[1])


def _failure(fields: tuple[Any, ...]) -> Failure:
    if not fields or type(fields[0]) is not str:
        raise Malformed("an error has a text for its message")
    more = dict(fields[1]) if len(fields) == 2 and type(fields[1]) is dict else {}
    name = more.pop("name", "RemoteError")
    return Failure(fields[0][:_LONGEST_MESSAGE], name if type(name) is str else "RemoteError", more)


_SUITE = Dialect("suite-next", _TAGGED, one_nothing=False, errors="text", frees=FREES_ONE, believes=True)

DIALECTS = {
    "goblins": Dialect("goblins", _USER_RECORD, one_nothing=True, errors="text"),
    "endo": Dialect("endo", _TAGGED, one_nothing=False, errors="record"),
    "suite": replace(_SUITE, name="suite", splits=True),
    "suite-next": _SUITE,
    "swingset": Dialect("swingset", _TAGGED, one_nothing=False, errors="whole"),
}
"""The dialects by name."""


def reason_of(value: Any, peer: str) -> Any:
    """What a promise is rejected with, for a reason that a peer gave: text and symbols become errors."""
    if isinstance(value, Symbol):
        value = value.name
    if type(value) is str:
        return placed(Failure(value[:_LONGEST_MESSAGE], "RemoteError"), peer)
    return value


def placed(failure: Failure, peer: str) -> Failure:
    """An error of a peer, whose frames say that they are of another world: its code is not here.

    One without frames gets one that says so, with the line 0.
    """
    world = f"world {peer.rpartition('.')[0][:_SHORT]}, "
    trace = failure.more.get("trace")
    frames = [[f"{world}{part}"[:_LONGEST_PART], line, function] for part, line, function in _frames(trace)]
    return Failure(failure.message, failure.name, {**failure.more, "trace": frames or [[world, 0, ""]]})


def _frames(trace: Any) -> list[Any]:
    known = type(trace) is list and all(
        type(frame) is list and [type(item) for item in frame] == [str, int, str] for frame in trace
    )
    return trace if known else []
