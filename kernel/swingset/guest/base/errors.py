"""Errors that pass between vats: by copy, with name, message, machine-readable code and the vat's own trace.

An exception that leaves a vat is reduced to what is safe and useful to a stranger: the class name, the
message, and the frames in the vat's own source. Locals, causes and the host's frames are not sent. On
arrival it becomes an exception again. If the original was an instance of an ordinary builtin exception, the
new class inherits from that builtin, so that `except KeyError` works on both sides of a message; the
`remote_*` attributes keep what was sent.

A promise may also be rejected with plain data (an upgrade does that). Python can only raise exceptions, so
`RemoteRejection` carries such data, and passes on as the same data.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .no_event_loop import instead

if TYPE_CHECKING:
    from collections.abc import Iterable

Trace = tuple[tuple[str, int, str], ...]

Reader = Callable[["RemoteError"], tuple[str, str]]
"""Turns an error into what people are shown: its text, and the lines of code that its trace names."""

MESSAGE_LIMIT = 20_000
TRACE_LIMIT = 50

# Only exceptions that can be made from a bare message and raised anywhere: StopIteration would end a
# coroutine, and the Unicode errors cannot be made without their five arguments. A fixed list, so that it is
# the same under every version of Python.
_PLAIN = frozenset(
    """
    ArithmeticError AssertionError AttributeError BufferError EOFError FileExistsError FileNotFoundError
    FloatingPointError ImportError IndexError KeyError LookupError MemoryError ModuleNotFoundError NameError
    NotImplementedError OSError OverflowError PermissionError RecursionError ReferenceError RuntimeError
    TimeoutError TypeError UnboundLocalError ValueError ZeroDivisionError
    """.split()  # noqa: SIM905
)

# Exceptions that the interpreter raises without a message.
_SILENT: dict[type[BaseException], str] = {
    MemoryError: "the vat's memory is full",
    KeyboardInterrupt: "interrupted",
}

# An address tells the reader nothing, and differs between two runs of the same vat.
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


class VatError(Exception):
    """An error with a machine-readable `code` that travels along: `VatError("no money", code="broke")`.

    Source:
        Ours: errors of the reference have a message and no code.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class RemoteError(Exception):
    """An error that another vat raised, or that the kernel put in place of an answer.

    `remote_name` is the name of its class in that vat, `remote_message` the message, `trace` the frames in
    that vat's source (part, line, function; innermost last), `code` the machine-readable reason, or None:
    `except RemoteError as problem: print(problem.code)`. Raised anew, it passes on. Vats make it with
    `message`, `name`, `trace` and `code`.

    In an embedder's own interpreter people read errors: there its text is safe to print, and the lines of the
    trace are in its notes. `remote_message` keeps the text as it was sent.

    Source:
        The copy of an error that `@endo/marshal` makes; `code` and `trace` are ours.
    """

    _words: str | None = None

    def __init__(
        self, message: str = "", *, name: str = "RemoteError", trace: Trace = (), code: str | None = None
    ) -> None:
        super().__init__(message)
        self.remote_name = name
        self.remote_message = message
        self.trace = trace
        self.code = code

    def __str__(self) -> str:
        return self.remote_message if self._words is None else self._words

    def show_to_people(self, reader: Reader) -> None:
        """Use the text and the notes that the reader makes of it."""
        self._words, lines = reader(self)
        if lines:
            self.add_note(lines)


class RemoteRejection(RemoteError):
    """A promise was rejected with plain data, held in `reason`; rejecting with this passes the data on.

        raise RemoteRejection({"sold out": True})

    Source:
        A rejection with data, such as `{name: 'vatUpgraded'}` of an upgrade.
    """

    def __init__(self, reason: Any) -> None:
        code = None
        message = f"rejected with {reason!r}"
        if isinstance(reason, dict) and reason.get("name") == "vatUpgraded":
            code = "vat-upgraded"
            message = (
                f"the vat was upgraded before it answered: {reason.get('upgradeMessage')!r}, "
                f"incarnation {reason.get('incarnationNumber')!r} ended"
            )
        super().__init__(message, name="RemoteRejection", code=code)
        self.reason = reason


def _family(name: str, family: str) -> type[RemoteError]:
    members = {"__module__": "builtins", "__doc__": f"A {name} that arrived from outside this vat."}
    base = getattr(builtins, family) if family in _PLAIN else None
    try:
        return type(name, (RemoteError, base) if base else (RemoteError,), members)
    except TypeError:  # this Python lays that builtin out in a way that cannot be mixed
        return type(name, (RemoteError,), members)


_families = {name: _family(name, name) for name in sorted(_PLAIN)}


def make(
    message: str, name: str, trace: Trace = (), code: str | None = None, family: str = ""
) -> RemoteError:
    """Build the exception for an error of that name, in the family of an ordinary builtin."""
    if name in _families:
        cls = _families[name]
    elif name == "RemoteError" and family not in _PLAIN:
        cls = RemoteError
    else:
        cls = _family(name if name.isidentifier() and len(name) <= 100 else "RemoteError", family)
    return cls(message, name=name, trace=trace, code=code)


def message_of(exc: BaseException) -> str:
    """The message as its author wrote it: a KeyError's without quotes, and without addresses."""
    if isinstance(exc, RemoteError):
        return exc.remote_message
    try:
        if isinstance(exc, KeyError) and len(exc.args) == 1:
            text = exc.args[0] if type(exc.args[0]) is str else repr(exc.args[0])
        else:
            text, fix = str(exc) or _SILENT.get(type(exc), ""), instead(exc)
            text = text.removesuffix(".") + fix if fix else text
    except BaseException as failure:
        text = f"({type(exc).__name__} whose message cannot be read: {type(failure).__name__})"
    return _ADDRESS.sub("", text)[:MESSAGE_LIMIT]


def name_of(exc: BaseException) -> str:
    """The name of the class in the vat that raised the error."""
    return exc.remote_name if isinstance(exc, RemoteError) else type(exc).__name__


def family_of(exc: BaseException) -> str | None:
    """The nearest ordinary builtin class that the error is an instance of, or None."""
    names = (cls.__name__ for cls in type(exc).__mro__ if cls.__module__ == "builtins")
    return next((name for name in names if name in _PLAIN), None)


def code_of(exc: BaseException) -> str | None:
    """The machine-readable reason, if the error carries one."""
    # The `code` of a SystemExit is an exit status or a message, not a reason.
    code = None if isinstance(exc, SystemExit) else getattr(exc, "code", None)
    return code if type(code) is str else None


def trace_of(exc: BaseException, part_of: Callable[[str], str | None]) -> Trace:
    """The frames of an exception in the vat's own parts, innermost last.

    The frames that it had in other vats come after them: it was raised there.
    """
    frames: list[tuple[str, int, str]] = []
    tb = exc.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        part = part_of(code.co_filename)
        if part is not None:
            frames.append((part, tb.tb_lineno or 0, code.co_qualname))
        tb = tb.tb_next
    if isinstance(exc, SyntaxError):  # raised by the compiler, so no frame is at the line it is about
        part = part_of(exc.filename or "")
        if part is not None:
            frames.append((part, exc.lineno or 0, "<module>"))
    if isinstance(exc, RemoteError):
        frames += exc.trace
    return tuple(frames[-TRACE_LIMIT:])


def to_wire(exc: BaseException, tracer: Callable[[BaseException], Trace]) -> dict[str, Any]:
    """What is sent of an exception: name, message, and family, trace and code if known."""
    name = name_of(exc)
    wire: dict[str, Any] = {"message": message_of(exc), "name": name}
    family = family_of(exc)
    if family is not None and family != name:
        wire["family"] = family
    trace = tracer(exc)
    if trace:
        wire["trace"] = [list(frame) for frame in trace]
    code = code_of(exc)
    if code is not None:
        wire["code"] = code
    return wire


def read_trace(wire: Any) -> Trace:
    """Read a trace that a stranger sent; entries that are no frames are omitted."""
    frames: Iterable[Any] = wire if isinstance(wire, list) else ()
    return tuple(
        (frame[0], frame[1], frame[2])
        for frame in list(frames)[-TRACE_LIMIT:]
        if isinstance(frame, list) and [type(item) for item in frame] == [str, int, str]
    )
