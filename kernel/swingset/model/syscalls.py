"""The syscalls: what a vat can ask of the kernel, and with which arguments.

Vat code can reach the door without the guest library, so a syscall is untrusted until it was read here. It is
read once, whether it comes through a door or from the host's own interpreter. Reading checks the form that
its name requires, the type of each part, and how long each text is. From then on a syscall is a typed record,
beside the JSON that it came in, which the transcript keeps. A syscall of another form becomes a record too,
`Malformed`: the kernel decides what follows, and nothing has to check the form again.

The kernel decides what references mean, whether the vat may use them, and how long a key of its store may be
(`swingset.core.syscalls`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from swingset.model.capdata import CapData, MalformedCapData, is_well_formed
from swingset.model.foreign import shown

MAX_TEXT = 10_000_000
"""Most characters in a key, a value, a method's name or a reference."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message, `[method, args, kwargs?]`, to an object or a promise; `result` is a promise or None."""

    target: str
    methargs: CapData
    result: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask to be notified of a promise's outcome."""

    promise: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Settle promises. Each resolution is (promise, whether it is rejected, the outcome)."""

    resolutions: tuple[tuple[str, bool, CapData], ...]


@dataclass(frozen=True, slots=True)
class Exit:
    """End the vat."""

    is_failure: bool
    info: CapData


@dataclass(frozen=True, slots=True)
class _OfKey:
    key: str


class VatstoreGet(_OfKey):
    """The value at a key."""

    __slots__ = ()


class VatstoreDelete(_OfKey):
    """Delete a key."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class VatstoreSet:
    """Store a value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class VatstoreGetNextKey:
    """The first key after `prior`."""

    prior: str


@dataclass(frozen=True, slots=True)
class _OfReferences:
    vrefs: tuple[str, ...]


class DropImports(_OfReferences):
    """These imports can no longer be reached."""

    __slots__ = ()


class RetireImports(_OfReferences):
    """These imports can no longer be recognized."""

    __slots__ = ()


class RetireExports(_OfReferences):
    """These exports are gone, and nobody could reach them."""

    __slots__ = ()


class AbandonExports(_OfReferences):
    """These exports are given up, whoever holds them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class KeepPromises:
    """The next incarnation will settle these promises."""

    promises: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallNow:
    """Call a device node and get its answer at once."""

    node: str
    method: str
    args: CapData


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a syscall, or not of the form that its name requires; `words` say which part is wrong."""

    words: str


Asked = (
    Send
    | Subscribe
    | Resolve
    | Exit
    | VatstoreGet
    | VatstoreSet
    | VatstoreDelete
    | VatstoreGetNextKey
    | DropImports
    | RetireImports
    | RetireExports
    | AbandonExports
    | KeepPromises
    | CallNow
    | Malformed
)


class Syscall(NamedTuple):
    """One syscall: the JSON it came in, and what it asks for."""

    raw: Any
    asked: Asked

    @property
    def name(self) -> str:
        """The name it came with, for people; it may be any text."""
        name = self.raw[0] if isinstance(self.raw, list) and self.raw else self.raw
        return repr(name[:40]) if isinstance(name, str) else shown(name)


class _Unfit(ValueError):
    """A part of a syscall is not what it should be."""


def read(raw: Any) -> Syscall:
    """Read a syscall in its JSON form, `[name, argument, ...]`; never raises, whatever the JSON is.

    Example: `read(["subscribe", "p-60"]).asked == Subscribe("p-60")`.
    """
    if not isinstance(raw, list) or not raw or not isinstance(raw[0], str):
        wanted = "a list that begins with its name"
        if isinstance(raw, list) and raw:
            return Syscall(raw, Malformed(f"a syscall wants to be {wanted}, got list of {shown(raw[0])}"))
        return Syscall(raw, Malformed(f"a syscall wants to be {wanted}, got {shown(raw)}"))
    form = _FORMS.get(raw[0])
    if form is None:
        return Syscall(raw, Malformed(f"there is no syscall {raw[0][:40]!r}"))
    kind, parts = form
    try:
        if len(raw) != len(parts) + 1:
            raise _Unfit(f"{len(parts)} arguments")
        return Syscall(raw, kind(*[part(value) for part, value in zip(parts, raw[1:], strict=True)]))
    except _Unfit as problem:
        came = ", ".join(shown(argument) for argument in raw[1:4]) or "none"
        return Syscall(raw, Malformed(f"syscall {raw[0][:40]!r} wants {problem}, got {came}"))
    except MalformedCapData as problem:
        return Syscall(raw, Malformed(f"syscall {raw[0]}: {problem}"))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not is_well_formed(value):
        raise _Unfit("text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Unfit("a list of references")
    return tuple([_text(item) for item in value])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("true or false")
    return value


def _capdata(value: Any) -> CapData:
    found = CapData.from_json(value)
    for slot in found.slots:
        _text(slot)
    return found


def _send(target: str, message: tuple[CapData, str | None]) -> Send:
    return Send(target, *message)


def _message(value: Any) -> tuple[CapData, str | None]:
    if not isinstance(value, dict) or len(value) != 2 or "methargs" not in value or "result" not in value:
        raise _Unfit("a message of methargs and result")
    result = value["result"]
    return _capdata(value["methargs"]), None if result is None else _text(result)


def _resolutions(value: Any) -> tuple[tuple[str, bool, CapData], ...]:
    if not isinstance(value, list):
        raise _Unfit("a list of resolutions")
    return tuple([_resolution(item) for item in value])


def _resolution(item: Any) -> tuple[str, bool, CapData]:
    if not isinstance(item, list) or len(item) != 3:
        raise _Unfit("resolutions of promise, rejected, data")
    return _text(item[0]), _flag(item[1]), _capdata(item[2])


_FORMS: dict[str, tuple[Callable[..., Asked], tuple[Callable[[Any], Any], ...]]] = {
    "send": (_send, (_text, _message)),
    "subscribe": (Subscribe, (_text,)),
    "resolve": (Resolve, (_resolutions,)),
    "exit": (Exit, (_flag, _capdata)),
    "vatstoreGet": (VatstoreGet, (_text,)),
    "vatstoreSet": (VatstoreSet, (_text, _text)),
    "vatstoreDelete": (VatstoreDelete, (_text,)),
    "vatstoreGetNextKey": (VatstoreGetNextKey, (_text,)),
    "dropImports": (DropImports, (_texts,)),
    "retireImports": (RetireImports, (_texts,)),
    "retireExports": (RetireExports, (_texts,)),
    "abandonExports": (AbandonExports, (_texts,)),
    "keepPromises": (KeepPromises, (_texts,)),
    "callNow": (CallNow, (_text, _text, _capdata)),
}
"""By name: the record to make, and how each argument is read."""
