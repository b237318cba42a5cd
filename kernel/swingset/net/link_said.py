"""What the first messages of a connection say that takes up a link, and what binds the later ones to them.

A network may say on one connection what it has kept from another. So an `op:link` has a nonce, and who was
dialled repeats the nonce of who dialled. The *bond* of the connection follows from both, and every message
after them has it. Neither side needs a key for this: the netlayer has proved who it speaks to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from .links import CODES
from .values import Malformed, Symbol

LINK = Symbol("op:link")
VERSION = 2
ANOTHER = "this was said on another connection, or by somebody else"
LONGEST = 200
_FIELDS = 9
_HASH, _BOND = 32, 16


@dataclass(frozen=True)
class Heard:
    """What the other side says of its link. `refused` is a code and words if we cannot go on from ours.

    `nonce` is new for each connection, and `answers` the one of this side that it has heard, if it has.
    """

    identifier: str | None
    life: str
    received: int
    tail: str
    base: int
    refused: tuple[str, str] | None
    nonce: str
    answers: str | None


def read_hello(fields: tuple[Any, ...]) -> Heard:
    """What the fields of an op:link say; raises `Malformed`."""
    if not fields or type(fields[0]) is not int or fields[0] != VERSION:
        raise Malformed(f"this side speaks version {VERSION} of links only")
    if len(fields) != _FIELDS:
        raise Malformed(f"op:link has {_FIELDS} fields, not {len(fields)}")
    _, identifier, life, received, tail, base, refused, nonce, answers = fields
    if identifier is not False and not _is_hash(identifier):
        raise Malformed(f"a link is named by {_HASH} bytes")
    if not _is_hash(nonce) or (answers is not False and not _is_hash(answers)):
        raise Malformed(f"a nonce has {_HASH} bytes, and so has the one that is answered")
    if not _is_hash(tail) or type(life) is not bytes or not 0 < len(life) <= _HASH:
        raise Malformed("op:link has a life, and a hash of what was taken")
    for number in (received, base):
        if type(number) is not int or not 0 <= number < 2**53:
            raise Malformed("the counts of op:link are integers that are not negative")
    trouble = None
    if refused is not False:
        if type(refused) is not list or [type(each) for each in refused] != [str, str]:
            raise Malformed("a link is refused with a code and a reason")
        trouble = (refused[0] if refused[0] in CODES else "ended", refused[1][:LONGEST])
    named = None if identifier is False else identifier.hex()
    answered = None if answers is False else answers.hex()
    return Heard(named, life.hex(), received, tail.hex(), base, trouble, nonce.hex(), answered)


def bond_of(asked: str | None, answer: str) -> str:
    """What all messages of a connection have that follow its two hellos; empty before the second."""
    if asked is None:
        return ""
    return hashlib.sha256(bytes.fromhex(asked) + bytes.fromhex(answer)).digest()[:_BOND].hex()


def check_bond(row: dict[str, Any], bond: Any) -> None:
    """Raise `Malformed` for a message with another bond than that of its connection's row."""
    if type(bond) is not bytes or bond.hex() != row.get("bond"):
        raise Malformed(ANOTHER)


def _is_hash(value: Any) -> bool:
    return type(value) is bytes and len(value) == _HASH
