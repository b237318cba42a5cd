"""Where peers are, and the one string by which an object is found from outside.

A locator names a peer: its transport, its designator, and hints for reaching it, which do not count when two
are compared. A sturdyref is a locator and a swissnum, a secret number: whoever has the string has the object.
Both are records on the wire and URIs for people. The last dot of a URI's authority splits off the transport,
because a designator may have dots of its own.

A locator is a stranger's text: its parts are held against short alphabets before anything is done with them.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from .values import Hidden, Malformed, Record, Symbol

PEER = Symbol("ocapn-peer")
STURDYREF = Symbol("ocapn-sturdyref")
MOST_SWISSNUM = 256
"""Most bytes of a swissnum."""

_TRANSPORT = re.compile(r"[a-z0-9-]{1,64}\Z")
_DESIGNATOR = re.compile(r"[A-Za-z0-9_~.:@!$&'()*+,;=\[\]-]{1,256}\Z")
_HINT = re.compile(r"[a-z0-9_-]{1,32}\Z")
_MOST_HINTS = 16
_LONGEST_HINT = 1_024
_LONGEST_URI = 8_192
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_CODED = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a peer is. `hints` are pairs of name and text, in order; None if there are none at all.

    Raises `Malformed` if a part is not of its alphabet, or too long.
    """

    transport: str
    designator: str
    hints: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        if not _TRANSPORT.match(self.transport):
            raise Malformed("a transport is small letters, digits and hyphens, at most 64")
        if not _DESIGNATOR.match(self.designator):
            raise Malformed("a designator is at most 256 letters, digits and signs of a host's name")
        if self.hints is None:
            return
        if len(self.hints) > _MOST_HINTS:
            raise Malformed(f"a locator has at most {_MOST_HINTS} hints")
        for name, text in self.hints:
            if not _HINT.match(name) or len(text) > _LONGEST_HINT or not text.isprintable():
                raise Malformed("a hint has a short name and a printable text of at most 1024 characters")
        names = [name for name, _ in self.hints]
        if names != sorted(set(names)):
            raise Malformed("the hints of a locator are in the order of their names, each once")

    @property
    def peer(self) -> str:
        """What identifies the peer: equal for two locators that differ in their hints only."""
        return f"{self.designator}.{self.transport}"

    def hint(self, name: str) -> str | None:
        """The text of a hint; None if it has none of that name."""
        return dict(self.hints or ()).get(name)


@dataclass(frozen=True, slots=True)
class Sturdyref:
    """What a URI of an object says: the peer and the swissnum."""

    locator: Locator
    swissnum: bytes


def located(transport: str, designator: str, hints: dict[str, str] | None = None) -> Locator:
    """A locator with its hints in order."""
    return Locator(transport, designator, None if hints is None else tuple(sorted(hints.items())))


def to_record(locator: Locator) -> Record:
    """The locator as it stands in messages."""
    hints = False if locator.hints is None else dict(locator.hints)
    return Record(PEER, (Symbol(locator.transport), locator.designator, hints))


def from_record(value: Any) -> Locator:
    """Read a locator of a message; raises `Malformed`."""
    if not isinstance(value, Record) or value.label != PEER or len(value.fields) != 3:
        raise Malformed("a locator is a record ocapn-peer of transport, designator and hints")
    transport, designator, hints = value.fields
    if not isinstance(transport, Symbol) or type(designator) is not str:
        raise Malformed("a locator has a symbol for its transport and a text for its designator")
    if hints is False:
        return Locator(transport.name, designator)
    if type(hints) is not dict:
        raise Malformed("the hints of a locator are a struct of texts, or false")
    for name, text in hints.items():
        if type(name) is not str or type(text) is not str:
            raise Malformed("the hints of a locator are a struct of texts, or false")
    return located(transport.name, designator, hints)


def sturdyref_from_record(value: Record) -> Sturdyref:
    """Read a sturdyref of a message; raises `Malformed`."""
    if len(value.fields) != 2 or type(value.fields[1]) is not bytes:
        raise Malformed("a sturdyref is a record of a locator and the bytes of a swissnum")
    return Sturdyref(from_record(value.fields[0]), _swissnum(value.fields[1]))


def sturdyref_to_record(locator: Locator, swissnum: bytes | Hidden) -> Record:
    """A sturdyref as it stands in messages."""
    return Record(STURDYREF, (to_record(locator), swissnum))


def uri(locator: Locator) -> str:
    """The locator as a URI, such as `ocapn://abc.websocket?url=ws%3A%2F%2Fhost`."""
    return f"ocapn://{locator.designator}.{locator.transport}{_query(locator)}"


def sturdyref_uri(locator: Locator, swissnum: bytes) -> str:
    """The string by which an object is found. It is a secret."""
    text = base64.urlsafe_b64encode(_swissnum(swissnum)).decode().rstrip("=")
    return f"ocapn://{locator.designator}.{locator.transport}/s/{text}{_query(locator)}"


def parse_uri(text: str) -> Locator | Sturdyref:
    """Read a URI of a peer, or of an object; raises `Malformed`, which never says the swissnum.

    Example: `parse_uri("ocapn://peer.tcp-testing-only?host=127.0.0.1").hint("host") == "127.0.0.1"`.
    """
    if len(text) > _LONGEST_URI or not text.startswith("ocapn://"):
        raise Malformed("a URI of a peer begins with ocapn:// and has at most 8192 characters")
    rest, _, query = text.removeprefix("ocapn://").partition("?")
    authority, _, path = rest.partition("/")
    designator, dot, transport = authority.rpartition(".")
    if not dot:
        raise Malformed("a URI of a peer names it as designator.transport")
    hints: dict[str, str] | None = {} if query else None
    for part in query.split("&") if hints is not None else ():
        name, _, value = part.partition("=")
        if hints is not None:
            hints[name] = _decoded(value)
    locator = located(transport, designator, hints)
    if not path:
        return locator
    if not path.startswith("s/"):
        raise Malformed("the path of a URI of an object is /s/ and its swissnum")
    return Sturdyref(locator, _swissnum(_unarmoured(path[2:])))


def _query(locator: Locator) -> str:
    pairs = [f"{name}={_encoded(text)}" for name, text in locator.hints or ()]
    return "?" + "&".join(pairs) if pairs else ""


def _encoded(text: str) -> str:
    try:
        return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())
    except UnicodeEncodeError:
        raise Malformed("a hint holds half of a surrogate pair") from None


def _decoded(text: str) -> str:
    try:
        raw = _CODED.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
        return raw.decode()
    except UnicodeError:
        raise Malformed("the hint of a URI is not UTF-8") from None


def _unarmoured(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Malformed("the swissnum of a URI is not base64url") from None


def _swissnum(data: bytes) -> bytes:
    if not 0 < len(data) <= MOST_SWISSNUM:
        raise Malformed(f"a swissnum has 1 to {MOST_SWISSNUM} bytes")
    return data
