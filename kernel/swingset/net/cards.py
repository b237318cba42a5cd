"""Cards: what a world says of itself for everybody, signed by its key. Nothing in a card is a secret.

A card is a few statements. A statement has the key of the world, a number, and either where the world is
reached by one transport, or the key that succeeds it, which signs as well: so nobody can name the key of
another as their own. Of two statements about one transport the one with the higher number is newer. A key
that was succeeded says nothing any more.

A card invites, too: who has it can give something to the holder of that key, and to nobody else. A *grant* is
such a gift as a string: where the giver is, a swissnum that opens for one key only, and that key, signed by
the giver. Both travel in clear, as lines of letters.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import locators, syrup
from .keys import key_of, named_by
from .locators import Locator
from .values import Malformed, Record, Symbol

CARD, GRANT = "ocapn-card:", "ocapn-grant:"
"""How the strings begin."""

MOST_STATEMENTS = 20
"""How many statements a card may have."""

LONGEST = 20_000
"""How many bytes a card or a grant may have."""

_SAYS, _GIVES, _SIGNED = Symbol("swingset-says"), Symbol("swingset-gives"), Symbol("swingset-signed")
_KEY, _SIGNATURE, _MOST_NUMBER = 32, 64, 2**53

Verify = Callable[[bytes, bytes, bytes], bool]
"""Whether a signature is by a key: of the key, the data and the signature."""

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Statement:
    """What one key says: where it is reached, or which key succeeds it.

    Attributes:
        key: the key, 32 bytes.
        number: higher than that of each statement before.
        where: where the world is reached, if it says that.
        successor: the key that succeeds it, if it says that.
    """

    key: bytes
    number: int
    where: Locator | None = None
    successor: bytes | None = None

    @property
    def designator(self) -> str:
        """The designator of the key."""
        return named_by(self.key)

    @property
    def next(self) -> str | None:
        """The designator of the successor."""
        return None if self.successor is None else named_by(self.successor)

    def _record(self) -> Record:
        where = False if self.where is None else locators.to_record(self.where)
        return Record(_SAYS, (self.key, self.number, where, self.successor or False))

    def signed(self, sign: Sign, successor: Sign | None = None) -> bytes:
        """The statement with its signature, and that of the successor where it names one."""
        data = syrup.write(self._record())
        both = (sign(data), False if successor is None else successor(data))
        return syrup.write(Record(_SIGNED, (self._record(), *both)))


def card(statements: Sequence[bytes]) -> str:
    """A card as a string, of signed statements: the newest first."""
    return CARD + _lines_of(syrup.write([bytes(each) for each in statements]))


def read_card(text: str, verify: Verify) -> list[Statement]:
    """The statements of a card; raises `Malformed` unless each is what it must be, and signed."""
    return read_statements(_bytes_of(text, CARD, "card"), verify)


def read_statements(data: bytes, verify: Verify) -> list[Statement]:
    """The same of the bytes of a card."""
    if len(data) > LONGEST:
        raise Malformed(f"a card has at most {LONGEST} bytes")
    found = syrup.read(data)
    if type(found) is not list or not 0 < len(found) <= MOST_STATEMENTS:
        raise Malformed(f"a card has 1 to {MOST_STATEMENTS} statements")
    return [_statement(each, verify) for each in found]


def bytes_of_card(text: str) -> bytes:
    """The bytes of a card; raises `Malformed` for what is no card at all."""
    return _bytes_of(text, CARD, "card")


def _statement(data: object, verify: Verify) -> Statement:
    if type(data) is not bytes:
        raise Malformed("a statement of a card is bytes")
    found = syrup.read(data)
    if not isinstance(found, Record) or found.label != _SIGNED or len(found.fields) != 3:
        raise Malformed("a statement of a card is signed")
    said, signature, other = found.fields
    if not isinstance(said, Record) or said.label != _SAYS or len(said.fields) != 4:
        raise Malformed("a statement of a card has a key, a number, a place and a successor")
    key, number, where, successor = said.fields
    if type(number) is not int or not 0 <= number < _MOST_NUMBER:
        raise Malformed("the number of a statement is an integer that is not negative")
    if (where is False) is (successor is False):
        raise Malformed("a statement says where a world is reached, or which key succeeds its key")
    _signed(key, syrup.write(said), signature, verify, "the key that it is about")
    if successor is not False:
        _signed(successor, syrup.write(said), other, verify, "the successor that it names")
        return Statement(key, number, None, successor)
    place = locators.from_record(where)
    if place.designator != named_by(key):
        raise Malformed("a statement says where its own key is reached, and of no other")
    return Statement(key, number, place)


def _signed(key: object, data: bytes, signature: object, verify: Verify, whose: str) -> None:
    if type(key) is not bytes or len(key) != _KEY:
        raise Malformed(f"a key has {_KEY} bytes")
    if type(signature) is not bytes or len(signature) != _SIGNATURE or not verify(key, data, signature):
        raise Malformed(f"the statement is not signed by {whose}")


@dataclass(frozen=True)
class Grant:
    """What was given to the holder of one key.

    Attributes:
        giver: where the giver is.
        swissnum: what it is found by there, if the holder of the key asks.
        receiver: the key, 32 bytes.
    """

    giver: Locator
    swissnum: bytes
    receiver: bytes

    def _record(self) -> Record:
        return Record(_GIVES, (locators.to_record(self.giver), self.swissnum, self.receiver))

    def signed(self, sign: Sign) -> str:
        """The grant as a string, signed by the giver."""
        record = self._record()
        return GRANT + _lines_of(syrup.write(Record(_SIGNED, (record, sign(syrup.write(record))))))


def read_grant(text: str, verify: Verify) -> Grant:
    """A grant; raises `Malformed` unless it is what it must be, and signed by its giver."""
    found = syrup.read(_bytes_of(text, GRANT, "grant"))
    if not isinstance(found, Record) or found.label != _SIGNED or len(found.fields) != 2:
        raise Malformed("a grant is signed")
    said, signature = found.fields
    if not isinstance(said, Record) or said.label != _GIVES or len(said.fields) != 3:
        raise Malformed("a grant says where its giver is, a swissnum and for whom it is")
    giver, swissnum, receiver = locators.from_record(said.fields[0]), said.fields[1], said.fields[2]
    key = key_of(giver.designator)
    if key is None:
        raise Malformed("the giver of a grant is named by its key")
    _signed(key, syrup.write(said), signature, verify, "its giver")
    if type(swissnum) is not bytes or len(swissnum) != _KEY:
        raise Malformed(f"the swissnum of a grant has {_KEY} bytes")
    if type(receiver) is not bytes or len(receiver) != _KEY:
        raise Malformed(f"a key has {_KEY} bytes")
    return Grant(giver, swissnum, receiver)


def _lines_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes_of(text: str, begins: str, what: str) -> bytes:
    text = "".join(text.split()) if len(text) <= 3 * LONGEST else text  # a mail breaks lines
    if len(text) > 2 * LONGEST or not text.startswith(begins):
        raise Malformed(f"a {what} begins with {begins} and has at most {2 * LONGEST} characters")
    text = text.removeprefix(begins)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Malformed(f"after {begins}, a {what} is base64url") from None
