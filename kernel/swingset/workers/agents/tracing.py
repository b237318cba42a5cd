"""The tracer: reports each line that a vat's own code runs, with the values that changed.

It runs where the vat runs: in the guest, or in the host's interpreter for a local vat. It watches with
`sys.settrace`, and only code of the vat's parts, which are known by their file names. Nothing that it does
may be noticed by the vat: it makes no syscall, keeps no object alive, and writes values out without calling a
method of the vat's own. Of a durable object it shows the fields that the delivery has in memory; it never
reads the store.

Each event is a list of plain JSON values, whose first item is its kind. After a number of events it says
`cut` once and watches no more.
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inside import Inside

Emit = Callable[[list[Any]], None]

_MOST_NAMES = 60
_MOST_ITEMS = 8
_MOST_TEXT = 160
_DEEPEST = 3
_LONG_NUMBER = 400  # bits
_MOST_SYSCALL = 4_000

_CLASS_DICT = type.__dict__["__dict__"].__get__
_CLASS_LINE = type.__dict__["__mro__"].__get__
_SUSPENDS = 0x20 | 0x80 | 0x200  # generators and coroutines of all sorts
_AWAITS = 0x80 | 0x200  # coroutines and asynchronous generators
_RETURNS = frozenset(number for name, number in opcode.opmap.items() if name.startswith("RETURN"))
_ENDS_AWAIT = frozenset(opcode.opmap[name] for name in ("SEND", "END_SEND") if name in opcode.opmap)
_ENDS_LOOP = frozenset(
    opcode.opmap[name]
    for name in ("FOR_ITER", "END_FOR", "POP_ITER", "END_ASYNC_FOR")
    if name in opcode.opmap
)
_ENDS_ASYNC_FOR = opcode.opmap.get("END_ASYNC_FOR")
_STOPS = (StopIteration, StopAsyncIteration)
_VALUE = StopIteration.__dict__["value"].__get__


class Tracer:
    """Watches the code of one vat, whose file names begin with `prefix`, and emits at most `most` events.

    In a `guest`, syscalls are events too, and what was printed is passed on before each event of a line, so
    that it is reported where it was printed.
    """

    def __init__(self, prefix: str, emit: Emit, most: int, guest: Inside | None = None) -> None:
        self._prefix = prefix
        self._emit = emit
        self._left = most
        self._guest = guest
        self._depth = 0
        self._suspended: dict[int, dict[str, str]] = {}  # the known values of suspended calls, by frame

    def start(self) -> None:
        """Watch what runs from here on, in this thread."""
        sys.settrace(self._called)

    def stop(self) -> None:
        """Watch no more."""
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, _arg: Any) -> Any:
        code = frame.f_code
        if event != "call" or self._left <= 0:
            return None
        if self._guest is not None and code is self._guest.syscall:
            call = frame.f_locals[code.co_varnames[0]]
            self._say(["syscall", syscall_of(call)])
            return None
        if not code.co_filename.startswith(self._prefix) or code.co_name == "__annotate__":
            return None
        known = self._suspended.pop(id(frame), None)
        if known is None:
            known = {}
            kind = "call"
        else:
            kind = "resume"
        self._say([kind, *self._where(frame, code.co_firstlineno), self._changes(frame, known)])
        self._depth += 1
        return _Call(self, known).watch

    def _where(self, frame: FrameType, line: int) -> list[Any]:
        code = frame.f_code
        return [self._depth, code.co_filename[len(self._prefix) : -1], line, code.co_qualname]

    def _say(self, event: list[Any]) -> None:
        self._left -= 1
        if self._left < 0:
            return
        if self._guest is not None:
            self._guest.flush()
        self._emit(event if self._left else ["cut"])

    def _changes(self, frame: FrameType, known: dict[str, str]) -> list[list[str | None]]:
        """The values that are new or changed since `known`, as name, text, text before; updates `known`."""
        found: dict[str, str] = {}
        names = frame.f_locals
        for name in list(names)[:_MOST_NAMES]:
            if name[:2] == "__":
                continue
            value = names[name]
            found[name] = text_of(value)
            for field, text in fields_of(value, self._prefix[1:-1]):
                found[f"{name}.{field}"] = text
        changed: list[list[str | None]] = [
            [name, text, known.get(name)] for name, text in found.items() if known.get(name) != text
        ]
        known.clear()
        known.update(found)
        return changed


class _Call:
    """One call under way: the values of its names as they were last seen."""

    def __init__(self, tracer: Tracer, known: dict[str, str]) -> None:
        self._tracer = tracer
        self._known = known
        self._raised = False

    def watch(self, frame: FrameType, event: str, arg: Any) -> Any:
        """What `sys.settrace` calls for each event of the call."""
        tracer = self._tracer
        if tracer._left <= 0:
            return None
        tracer._depth -= 1
        where = tracer._where(frame, frame.f_lineno or 0)
        tracer._depth += 1
        changes = tracer._changes(frame, self._known)
        if event == "line":
            self._raised = False
            tracer._say(["line", *where, changes])
        elif event == "exception" and not self._is_stop(frame, arg[1]):
            self._raised = True
            tracer._say(["raise", *where, changes, text_of(arg[1])])
        elif event == "exception" and type(arg[1]) is StopIteration:
            # With this exception the interpreter ends an await or a loop: nothing is raised in the code.
            code = frame.f_code
            if code.co_flags & _AWAITS and code.co_code[frame.f_lasti] in _ENDS_AWAIT:
                tracer._say(["await", *where, changes, text_of(_VALUE(arg[1]))])
        elif event == "return":
            tracer._depth -= 1
            code = frame.f_code
            if self._raised and arg is None and code.co_code[frame.f_lasti] not in _RETURNS:
                tracer._say(["leave", *where, changes])
            elif code.co_flags & _SUSPENDS and code.co_code[frame.f_lasti] not in _RETURNS:
                tracer._suspended[id(frame)] = self._known
                yielded = [] if code.co_flags & _AWAITS else [text_of(arg)]
                tracer._say(["suspend", *where, changes, *yielded])
            else:
                tracer._say(["return", *where, changes, text_of(arg)])
        return self.watch

    def _is_stop(self, frame: FrameType, problem: BaseException) -> bool:
        """Whether an exception only says to the interpreter that what is awaited or looped over has ended."""
        code = frame.f_code
        at = code.co_code[frame.f_lasti]
        if at in _ENDS_AWAIT:
            if type(problem) is StopAsyncIteration:  # what an `async for` awaits has no more items
                return code.co_code[_handler(code, frame.f_lasti)] == _ENDS_ASYNC_FOR
            return type(problem) is StopIteration
        return at in _ENDS_LOOP and type(problem) in _STOPS


def _handler(code: CodeType, at: int) -> int:
    """Where the interpreter goes on after an exception at an instruction; 0 if nothing catches it.

    The exception table has four numbers for each stretch of instructions: where it begins, how long it is,
    where it is handled, and something of the stack. Each is written in groups of six bits, the highest first.
    """
    numbers: list[int] = []
    goes_on = False
    for byte in code.co_exceptiontable:
        numbers.append((numbers.pop() << 6 if goes_on else 0) | byte & 63)
        goes_on = bool(byte & 64)
    for place in range(0, len(numbers) - 3, 4):
        begin, length, target = (2 * number for number in numbers[place : place + 3])
        if begin <= at < begin + length:
            return target
    return 0


def fields_of(value: Any, module: str) -> list[tuple[str, str]]:
    """The fields of an object of a class of `module` that are in memory, with their values as text."""
    try:
        cls = type(value)
        line = _CLASS_LINE(cls)
        if type in line or not any(_CLASS_DICT(base).get("__module__") == module for base in line):
            return []
        kind = next(
            (found for base in line if (found := _CLASS_DICT(base).get("__kind__")) is not None), None
        )
        own = object.__getattribute__(value, "__dict__")
        if kind is not None:
            record = kind.vat.kinds.held(own["__vref__"].partition(":")[0])
            return [] if record is None else [(name, _stored(data)) for name, data in record.raw.items()]
        return [(name, text_of(own[name])) for name in list(own)[:_MOST_NAMES] if name[:2] != "__"]
    except BaseException:
        return []  # not an object that a tracer can look into


def _stored(data: Any) -> str:
    """A stored value: numbers and words as themselves, others as they are written in the store."""
    body = data["body"][1:]
    if body[:2] in ('"+', '"-') and body[-1:] == '"' and body[2:-1].isdigit():
        body = body[1:-1].lstrip("+")
    elif body in ("true", "false", "null"):
        body = {"true": "True", "false": "False", "null": "None"}[body]
    slots = " ".join(data["slots"])
    return _cut(f"{body} [{slots}]" if slots else body, _MOST_TEXT)


def syscall_of(call: Any) -> Any:
    """A syscall as it is made, if it is short; else a text of limited length."""
    return call if _size(call, _MOST_SYSCALL, 8) < _MOST_SYSCALL else text_of(call, 400, 8)


def _size(value: Any, most: int, depth: int) -> int:
    """About how many characters a value of lists, dicts and texts has, as far as `most`; it if too deep."""
    cls = type(value)
    if cls is not list and cls is not dict:
        return len(value) if cls is str else 8
    size = 2 if depth else most
    for item in (value if cls is list else [*value, *value.values()]) if depth else ():
        size += _size(item, most - size, depth - 1)
        if size >= most:
            break
    return size


def text_of(value: Any, most: int = _MOST_TEXT, depth: int = _DEEPEST) -> str:
    """A value as a text of limited length. No method of the vat's own classes is called for it."""
    return _cut(_text(value, depth), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _text(value: Any, depth: int) -> str:
    cls = type(value)
    if value is None or cls is bool or cls is float or cls is complex:
        return repr(value)
    if cls is int:
        bits = value.bit_length()
        return repr(value) if bits <= _LONG_NUMBER else f"<an int of {bits} bits>"
    if cls is str or cls is bytes:
        rest = "" if len(value) <= _MOST_TEXT else f"\u2026 ({len(value)} in all)"
        return repr(value[:_MOST_TEXT]) + rest
    if cls is list or cls is tuple or cls is set or cls is frozenset or cls is dict:
        return _group(value, cls, depth)
    if cls is FunctionType:
        return f"<function {value.__name__}>"
    if cls is ModuleType:
        return "<module>"
    try:
        line = _CLASS_LINE(cls)
        if type in line:
            return f"<class {_name_of(value)}>"
        if BaseException in line:
            args = BaseException.args.__get__(value)  # type: ignore[attr-defined]
            return f"{_name_of(cls)}({', '.join(_text(arg, depth - 1) for arg in args[:_MOST_ITEMS])})"
        return f"<{_name_of(cls)}{_reference(value)}>"
    except BaseException:
        return "<an object>"


def _group(value: Any, cls: type, depth: int) -> str:
    begin, end = "[]" if cls is list else "()" if cls is tuple else "{}"
    if not value:
        return repr(cls()) if cls in (set, frozenset) else begin + end
    if depth <= 0:
        return f"{begin}\u2026{end}"
    if cls is dict:
        items: list[str] = []
        for key in value:
            if len(items) == _MOST_ITEMS:
                break
            items.append(f"{_text(key, depth - 1)}: {_text(value[key], depth - 1)}")
    elif cls is list or cls is tuple:
        items = [_text(item, depth - 1) for item in value[:_MOST_ITEMS]]
    else:  # in an order that is the same wherever the vat runs
        items = sorted(_text(item, depth - 1) for item in value)[:_MOST_ITEMS]
    more = len(value) - len(items)
    if more:
        items.append(f"\u2026 {more} more")
    single = "," if cls is tuple and len(value) == 1 else ""
    return f"{begin}{', '.join(items)}{single}{end}"


def _name_of(cls: type) -> str:
    name = type.__dict__["__name__"].__get__(cls)
    return name if type(name) is str else "?"


def _reference(value: Any) -> str:
    """The vat's name for an object that has one, or an empty text."""
    for base in _CLASS_LINE(type(value)):
        slot = _CLASS_DICT(base).get("_vref")
        if slot is not None:
            found = slot.__get__(value)
            return f" {found}" if type(found) is str else ""
    own = object.__getattribute__(value, "__dict__")
    found = own.get("__vref__") if type(own) is dict else None
    return f" {found}" if type(found) is str else ""


def watch_guest(guest: Inside, prefix: str, most: int) -> None:
    """Watch the next delivery of the guest that this runs in, and tell the host of each event."""
    import json

    dumps, call = json.dumps, guest.call

    def emit(event: list[Any]) -> None:
        call(b"XT" + dumps(event).encode("utf-8", "replace"))

    Tracer(prefix, emit, most, guest).start()
