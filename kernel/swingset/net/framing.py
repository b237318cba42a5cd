"""Framers: where one message ends on a stream of bytes, and the next begins.

OCapN has not settled it, so a netlayer names its framer. `none` finds the end of a Syrup value by reading the
lengths in it; `netstring` is `n:bytes,` and `prefix` the same without the comma; `message` is for a netlayer
whose frames are messages. A framer keeps at most one unfinished message of limited size, looks at each byte
once, and builds no value.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

from .values import Malformed

FramerName = Literal["none", "netstring", "prefix", "message"]
"""The framers that there are."""

_DIGITS = re.compile(rb"[0-9]*")
_MOST_DIGITS = 4_400


class Framer(Protocol):
    """Cuts a stream into messages, and makes frames of messages.

    Attributes:
        joins: whether several frames may be sent as one.
    """

    joins: bool

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes that came in; returns the messages that are complete.

        Raises `Malformed` if the stream is none of this framer's, or a message is larger than its limit. The
        connection has to be closed then.
        """
        ...

    def frame(self, data: bytes) -> bytes:
        """The bytes to write for one message."""
        ...


def framer(name: FramerName, limit: int) -> Framer:
    """A new framer for one connection.

    Args:
        name: which one.
        limit: the most bytes of a message.

    Example: `framer("netstring", 100).feed(b"2:ok,") == [b"ok"]`.
    """
    if name == "none":
        return _Scanner(limit)
    if name == "message":
        return _Messages(limit)
    return _Lengths(limit, b"," if name == "netstring" else b"")


class _Messages:
    joins = False

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        _check(len(data), self._limit)
        return [data]

    def frame(self, data: bytes) -> bytes:
        return data


class _Lengths:
    joins = True

    def __init__(self, limit: int, end: bytes) -> None:
        self._limit = limit
        self._end = end
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        buffer, found, at = self._buffer, [], 0
        buffer += data
        while at < len(buffer):
            match = _DIGITS.match(buffer, at)
            begin = match.end() if match is not None else at
            if begin == at or begin - at > 9:
                raise Malformed("a frame begins with its length, which has at most 9 digits")
            if begin == len(buffer):
                break
            if buffer[begin] != 0x3A:
                raise Malformed("a colon follows the length of a frame")
            size = int(buffer[at:begin])
            _check(size, self._limit)
            end = begin + 1 + size
            if end + len(self._end) > len(buffer):
                break
            if self._end and buffer[end : end + 1] != self._end:
                raise Malformed("a comma follows a frame")
            found.append(bytes(buffer[begin + 1 : end]))
            at = end + len(self._end)
        del buffer[:at]
        return found

    def frame(self, data: bytes) -> bytes:
        return b"%d:%s%s" % (len(data), data, self._end)


class _Scanner:
    """Finds the end of each Syrup value. Other implementations want a message in each piece of a stream."""

    joins = False

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._at = 0  # what is before has been looked at
        self._depth = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found = []
        while (end := self._end()) is not None:
            _check(end, self._limit)
            found.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
            self._at = 0
        _check(len(self._buffer), self._limit)
        return found

    def _end(self) -> int | None:
        buffer = self._buffer
        while self._at < len(buffer):
            size = self._token()
            if size is None:
                return None
            self._at += size
            if self._depth == 0:
                return self._at
        return None

    def _token(self) -> int | None:
        """How many bytes the next token has; None if it is not complete."""
        buffer, at = self._buffer, self._at
        byte = buffer[at]
        if byte in b"[{<":
            self._depth += 1
            return 1
        if byte in b"]}>":
            self._depth -= 1
            if self._depth < 0:
                raise Malformed("a bracket closes nothing")
            return 1
        if byte in b"tf":
            return 1
        if byte == 0x44:
            return 9 if at + 9 <= len(buffer) else None
        match = _DIGITS.match(buffer, at)
        after = match.end() if match is not None else at
        if after == at or after - at > _MOST_DIGITS:
            raise Malformed(f"{bytes([byte])!r} begins no value")
        if after == len(buffer):
            return None
        if buffer[after] in b"+-":
            return after + 1 - at
        if buffer[after] not in b":\"'" or after - at > 9:
            raise Malformed("a number is followed by no sign of what it counts")
        size = int(buffer[at:after])
        _check(size, self._limit)
        whole = after + 1 - at + size
        return whole if at + whole <= len(buffer) else None

    def frame(self, data: bytes) -> bytes:
        return data


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise Malformed(f"a message has at most {limit} bytes")
