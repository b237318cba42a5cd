"""Expressions of a client, evaluated: plain data, references, and calls within them.

A reader takes an expression from one message. `waits` has the promises that have to be settled before the
value is used, because the client means what they are settled with; `["import", ...]` means the promise
itself. A form that no vat can be sent is noted in `refused`, and the rest is read on, so that what the client
has exported beside it is let go of.

What the numbers of a message mean is the scope's: those of a session, or the variables of a map function.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Protocol

from ..values import HALF_PAIR, Failure, Malformed, Ref, Refused, Tagged, is_sound
from .paths import Part, checked
from .writing import datetime_text

if TYPE_CHECKING:
    from ..core import Core

_BYTES = ("Uint8Array", "ArrayBuffer")
_DIGITS = re.compile(r"-?[0-9]{1,4300}\Z")
_LONGEST_MESSAGE, _LONGEST_NAME = 10_000, 100
_NUMBERS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


class Scope(Protocol):
    """What numbers mean, and what may be introduced."""

    def value(self, number: Any) -> Any:
        """What is at a number; raises `Malformed` if nothing is."""
        ...

    def introduced(self, number: Any, *, promise: bool) -> Ref:
        """What the client exports at a number; raises `Malformed` where it may not."""
        ...


class SessionScope:
    """The numbers of a session."""

    def __init__(self, core: Core, conn: str) -> None:
        self._core = core
        self._conn = conn

    def value(self, number: Any) -> Ref:
        """What this side exports at a number."""
        row = self._core.web.tables.exported(self._conn, number)
        self._core.names.touch(row["name"])
        return Ref(row["name"])

    def introduced(self, number: Any, *, promise: bool) -> Ref:
        """What the client exports at a number."""
        if type(number) is not int or number >= 0:
            raise Malformed("a client exports at negative numbers")
        return Ref(self._core.web.tables.imported(self._conn, number, promise=promise))


class Reader:
    """Reads one expression."""

    def __init__(self, core: Core, conn: str, scope: Scope) -> None:
        self._core = core
        self._conn = conn
        self._scope = scope
        self.waits: dict[str, None] = {}
        self.refused: str | None = None

    def read(self, tree: Any) -> Any:
        """The value of an expression; raises `Malformed`."""
        kind = type(tree)
        if kind is str:
            return self._text(tree)
        if kind is dict:
            return {self._text(key): self.read(item) for key, item in tree.items()}
        if kind is not list:
            return tree
        if len(tree) == 1 and type(tree[0]) is list:
            return [self.read(item) for item in tree[0]]
        head = tree[0] if tree else None
        if head in ("import", "pipeline") and 2 <= len(tree) <= 4:
            return self._wanted(self._reference(*tree[1:]), head)
        if head in ("export", "promise", "writable") and len(tree) == 2:
            return self._introduced(head, tree[1])
        if head == "remap" and len(tree) == 5:
            found = self._core.web.mapping.remap(self._conn, self._scope, *tree[1:])
            return self._wanted(found, "pipeline")
        return self._plain(head, tree)

    def path(self, path: Any) -> list[Part]:
        """A path, which is empty if it is refused; raises `Malformed` for what is none."""
        try:
            return checked(path)
        except Refused as problem:
            self._refuse(str(problem))
            return []

    def _plain(self, head: Any, tree: list[Any]) -> Any:
        rest = tree[1:]
        if type(head) is not str:
            return self._refuse("an array is written in another array: this one is a form without a name")
        if head == "undefined" and not rest:
            return None
        if head in _NUMBERS and not rest:
            return _NUMBERS[head]
        if head == "bytes" and len(rest) in (1, 2) and type(rest[0]) is str:
            return self._bytes(*rest)
        if head == "bigint" and len(rest) == 1 and type(rest[0]) is str:
            if _DIGITS.match(rest[0]):
                return int(rest[0])
            return self._refuse("a bigint has at most 4300 digits")
        if head == "date" and len(rest) == 1 and type(rest[0]) in (int, float):
            try:
                return Tagged("datetime", datetime_text(rest[0]))
            except Refused as problem:
                return self._refuse(str(problem))
        if head == "error" and len(rest) >= 2 and type(rest[0]) is type(rest[1]) is str:
            return self._error(rest)
        return self._refuse(f"a value {head[:40]!a} does not pass to a vat: pass data, bytes or a stub")

    def _refuse(self, words: str) -> None:
        self.refused = self.refused or words

    def _text(self, text: str) -> str:
        if is_sound(text):
            return text
        self._refuse(HALF_PAIR)
        return ""

    def _bytes(self, text: str, kind: Any = "Uint8Array") -> bytes | None:
        if kind not in _BYTES:
            self._refuse("bytes pass as a Uint8Array or an ArrayBuffer")
            return None
        try:
            return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
        except ValueError:
            self._refuse("bytes are base64")
            return None

    def _error(self, rest: list[Any]) -> Failure:
        more: dict[str, Any] = {}
        props = rest[3] if len(rest) == 4 and type(rest[3]) is dict else {}
        refused = self.refused
        for key, item in props.items():
            value = self.read(item)  # whatever it is, because it may introduce something
            if key == "code" and type(value) is str:
                more["code"] = value[:_LONGEST_NAME]
        self.refused = refused
        name, message = self._text(rest[0])[:_LONGEST_NAME], self._text(rest[1])[:_LONGEST_MESSAGE]
        return Failure(message, name or "Error", {**more, "trace": [["world web client, ", 0, ""]]})

    # References.

    def _introduced(self, head: str, number: Any) -> Any:
        found = self._scope.introduced(number, promise=head == "promise")
        if head == "writable":
            return self._refuse("a stream does not pass to a vat: pass bytes in pieces")
        return self._wanted(found, "pipeline" if head == "promise" else "import")

    def _wanted(self, value: Any, head: str) -> Any:
        if head == "pipeline" and isinstance(value, Ref) and value.is_promise:
            self.waits[value.name] = None
        return value

    def _reference(self, number: Any, path: Any = None, args: Any = None) -> Any:
        base = self._scope.value(number)
        inner = Reader(self._core, self._conn, self._scope)
        parts = inner.path([] if path is None else path)
        later = self._core.web.later
        if args is None:
            try:
                if inner.refused is not None:
                    raise Refused(inner.refused)
                return later.part(self._conn, base, parts) if parts else base
            except Refused as problem:
                return self._rejected(str(problem))
        if type(args) is not list:
            raise Malformed("arguments are an array")
        said = [inner.read(item) for item in args]
        if inner.refused is not None:
            return self._rejected(inner.refused)
        result = self._core.cells.new(["own"])
        later.call(self._conn, base, parts, said, inner.waits, result)
        return Ref(result)

    def _rejected(self, words: str) -> Ref:
        cell = self._core.cells.new(["own"])
        self._core.cells.reject(cell, Failure(words, "TypeError"))
        return Ref(cell)
