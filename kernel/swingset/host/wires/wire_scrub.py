"""The swissnums in a message, found in its bytes before a world sees it.

A message is walked token by token, so what merely looks like a sturdyref inside of a text or of bytes is let
be. It is looked at once, whatever it is, and nothing of it is built. What is no Syrup is found out by the
vat, which reads the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEAD = b"<15'ocapn-sturdyref"
_LABEL = _HEAD[1:]
_PLAIN = re.compile(rb"(?:[tf]|[0-9]{1,4400}+[+-])*+")
_LENGTH = re.compile(rb"([0-9]{1,9})([:\"'])")


def sturdyrefs(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the swissnums of the sturdyrefs of a message stand: from, and up to where.

    Args:
        data: the message.
    """
    if _HEAD not in data:
        return
    depth, at, end = 0, 0, len(data)
    opened = -1  # where the last token is a "<" that nothing follows yet
    references: list[tuple[int, int]] = []  # the depth of each reference, and how many of its fields came
    while at < end:
        byte = data[at]
        if byte in b"[{<":
            if byte == 0x3C:
                opened = at
            depth += 1
            at += 1
            continue
        if byte in b"]}>":
            depth -= 1
            at += 1
            if references and references[-1][0] > depth:
                references.pop()
            _count(references, depth)
            continue
        if byte == 0x44:
            at += 9
            _count(references, depth)
            continue
        length = _LENGTH.match(data, at)
        if length is None:
            after = _PLAIN.match(data, at)
            if after is None or after.end() == at:
                return
            at = after.end()
            _count(references, depth)
            continue
        begin = length.end()
        stop = begin + int(length[1])
        if opened == at - 1 and data[at:stop] == _LABEL:
            references.append((depth, 0))
        else:
            if references and references[-1] == (depth, 1) and length[2] == b":" and stop <= end:
                yield begin, stop
            _count(references, depth)
        at = stop


def _count(references: list[tuple[int, int]], depth: int) -> None:
    if references and references[-1][0] == depth:
        references[-1] = (depth, references[-1][1] + 1)
