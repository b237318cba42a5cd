"""The codec of message bodies: Python data to one line of JSON and back.

A body is `#` and JSON. Plain data is plain JSON. What JSON lacks is written as a string that starts with a
sigil, or as an object whose first key starts with `#`; strings that would look like either are escaped with
`!`. References are written as indices into a list of slots, in the order of their first mention, so a body
does not reveal the names by which its sender knows objects.

Encoding gives no names: it returns the objects that it met, and the caller names them once the whole value
is known to pass. Decoding checks everything, because a hostile vat may have written the body.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.wire.grammar import (
    ALLEGED,
    BIG_INT,
    BODY_LIMIT,
    REFERENCE,
    SAFE_INT,
    SIGILS,
    SLOT_LIMIT,
    SURROGATE,
    escaped,
    reference,
)

from ..base import errors, jsontext
from ..base.promises import Promise
from .copies import RESERVED_TAGS, copy_named, copy_of
from .exact import with_work
from .key_limits import KeyCount
from .passable import (
    DICTS,
    LISTS,
    MAX_DEPTH,
    SCALARS,
    TOO_DEEP,
    FrozenDict,
    FrozenList,
    Tagged,
    UnpassableError,
    has_half_pair,
    why_not,
)
from .remotables import DEFAULT_IFACE, Presence, method_table_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base.errors import Trace

JSON_DEPTH = 3 * MAX_DEPTH + 3  # a dict with keys that are not str takes three levels of JSON

_PLAIN = frozenset((int, float, bool, type(None)))
"""The types that JSON holds without an escape."""

_FLOATS = {"#NaN": float("nan"), "#Infinity": float("inf"), "#-Infinity": float("-inf")}


class DecodeError(ValueError):
    """A body that is not well-formed; the message says where."""


class Encoded(NamedTuple):
    """A body, and the objects of its slots in order."""

    body: str
    objects: list[Any]


_encoded = tuple.__new__  # faster than Encoded(...), which runs Python code: most messages are small


class Mention(NamedTuple):
    """How a reference is written in a body: its sigil, the interface given at its first mention, its key.

    Two references with the same key are the same object.
    """

    sigil: str
    iface: str | None
    key: int | str


def mention_of(value: Any) -> Mention | None:
    """How a vat writes a reference to an object; None for data.

    The key is an id(), which stays unique because the encoder keeps the objects that it met.
    """
    if isinstance(value, Promise):
        return Mention("&", None, id(value))
    if isinstance(value, Presence):
        return Mention("$", value._iface, id(value))
    table = method_table_of(value)
    return None if table is None else Mention("$", ALLEGED + table.tag, id(value))


class _Encoder:
    __slots__ = ("indices", "key_count", "mention", "objects", "state", "tracer", "work")

    def __init__(
        self,
        tracer: Callable[[BaseException], Trace],
        mention: Callable[[Any], Mention | None],
        state: bool,
    ) -> None:
        self.tracer = tracer
        self.mention = mention
        self.state = state
        self.work = 0
        self.key_count: KeyCount | None = None
        self.objects: list[Any] = []
        self.indices: dict[int | str, int] = {}

    def walk(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return escaped(value)
        if kind is int:
            return value if -SAFE_INT <= value <= SAFE_INT else self.big(value)
        if kind is bool or value is None:
            return value
        if depth <= 0:
            raise UnpassableError(None, TOO_DEEP)
        if kind in LISTS:
            return [self.walk(item, depth - 1) for item in value]
        if kind in DICTS:
            return self.mapping(value, depth)
        if kind is float:
            if value - value == 0:
                return value
            return "#NaN" if value != value else "#Infinity" if value > 0 else "#-Infinity"
        if kind is tuple:
            return {"#tag": "tuple", "payload": [self.walk(item, depth - 1) for item in value]}
        if kind is bytes:
            return {"#tag": "bytes", "payload": base64.b64encode(value).decode("ascii")}
        mention = self.mention(value)
        if mention is not None:
            return self.reference(value, mention)
        if isinstance(value, BaseException):
            return self.error(value, depth)
        if kind is Tagged:
            return {"#tag": self.walk(value.tag, 1), "payload": self.walk(value.payload, depth - 1)}
        copy = copy_of(kind)
        if copy is not None:
            if self.state and copy.unstored is not None:
                raise UnpassableError(value, copy.unstored)
            try:
                data = copy.to_data(value)
                self.work = with_work(self.work, copy, data)
            except Exception as exc:
                raise UnpassableError(value, str(exc)) from None
            return {"#tag": self.walk(copy.tag, 1), "payload": self.walk(data, depth - 1)}
        raise why_not(value)

    def big(self, value: int) -> str:
        try:
            return f"{value:+d}"
        except ValueError:
            raise UnpassableError(value, "an int may have up to 4300 digits: pass it as bytes") from None

    def mapping(self, value: dict[Any, Any], depth: int) -> Any:
        # All keys are checked before the walk: beginning it again would mention objects twice, and double the
        # time for each level of nesting.
        for key in value:
            if type(key) is not str:
                break
        else:
            return {escaped(key): self.walk(item, depth - 1) for key, item in value.items()}
        pairs = []
        count = self.key_count = self.key_count or KeyCount()
        for key, item in value.items():
            if type(key) not in SCALARS:
                raise UnpassableError(key, "a key is a str, a number, bytes, a bool or None")
            crowded = None if type(key) is str else count.add(key)
            if crowded is not None:
                raise UnpassableError(value, f"it has {crowded}: pass a list of pairs, or send it in pieces")
            pairs.append([self.walk(key, 1), self.walk(item, depth - 1)])
        return {"#tag": "map", "payload": pairs}

    def reference(self, value: Any, mention: Mention) -> str:
        sigil, iface, key = mention
        known = self.indices.get(key)
        if known is not None:
            return reference(sigil, known)
        index = self.indices[key] = len(self.objects)
        if index >= SLOT_LIMIT:
            raise UnpassableError(
                None, f"more than {SLOT_LIMIT} references in one message: send it in pieces"
            )
        self.objects.append(value)
        return reference(sigil, index, iface)

    def error(self, exc: BaseException, depth: int) -> Any:
        if isinstance(exc, errors.RemoteRejection):
            return self.walk(exc.reason, depth - 1)
        wire = errors.to_wire(exc, self.tracer)
        return {"#error": wire.pop("message"), **wire}


def encode(
    value: Any,
    tracer: Callable[[BaseException], Trace],
    mention: Callable[[Any], Mention | None] = mention_of,
    *,
    state: bool = False,
) -> Encoded:
    """Write a value as a body; raises UnpassableError for what cannot pass.

    `tracer` returns the trace of an exception, which is written with it. `mention` says how a reference is
    written; the default is a vat's. With `state`, the body is for the vat's store.
    """
    body = short_body(value)
    if body is not None:
        return _encoded(Encoded, (body, []))
    return _encoded_tree(value, tracer, mention, state)


def short_body(value: Any) -> str | None:
    """The body of the commonest answers; None for all others, which `encode` can write or not."""
    if type(value) is int:
        return f"#{value}" if -SAFE_INT <= value <= SAFE_INT else None
    return "#null" if value is None else None


def encode_call(
    method: str, args: list[Any], kwargs: dict[str, Any], tracer: Callable[[BaseException], Trace]
) -> Encoded:
    """Write a message; raises UnpassableError. Most have few arguments, which stand for themselves."""
    if not kwargs:
        spelled = []
        for item in args:
            kind = type(item)
            if kind is int and -SAFE_INT <= item <= SAFE_INT:
                spelled.append(f"{item}")
            elif kind is str and item[:1] not in SIGILS and item.isascii():
                spelled.append(jsontext.write_text(item))
            else:
                break
        else:
            if method[:1] not in SIGILS and method.isascii():
                body = f"#[{jsontext.write_text(method)},[{','.join(spelled)}]]"
                if len(body) <= BODY_LIMIT:
                    return _encoded(Encoded, (body, []))
    return _encoded_tree([method, args, kwargs] if kwargs else [method, args], tracer, mention_of)


def _encoded_tree(
    value: Any,
    tracer: Callable[[BaseException], Trace],
    mention: Callable[[Any], Mention | None],
    state: bool = False,
) -> Encoded:
    encoder = _Encoder(tracer, mention, state)
    tree = encoder.walk(value, MAX_DEPTH)
    body = "#" + jsontext.write(tree)
    size = len(body)
    if not body.isascii():
        try:
            size = len(body.encode())
        except UnicodeEncodeError:
            raise UnpassableError(None, "a str in it holds half of a surrogate pair: pass bytes") from None
    if size > BODY_LIMIT:
        raise UnpassableError(
            None, f"{size} bytes is more than the {BODY_LIMIT} a message may have: send it in pieces"
        )
    return _encoded(Encoded, (body, encoder.objects))


def _is_itself(tree: Any) -> bool:
    """Whether something read is what it stands for, as most messages are. False where that takes a walk."""
    if type(tree) is not list:
        return type(tree) in _PLAIN
    for item in tree:
        kind = type(item)
        if kind is str:
            if item[:1] in SIGILS:
                return False
        elif kind is list:
            for inner in item:
                if type(inner) not in _PLAIN and (type(inner) is not str or inner[:1] in SIGILS):
                    return False
        elif kind not in _PLAIN:
            return False
    return True


class _Decoder:
    __slots__ = ("fetch", "frozen", "key_count", "old", "reader", "work")

    def __init__(
        self,
        fetch: Callable[[str, int, str | None], Any],
        frozen: bool,
        old: bool,
        reader: errors.Reader | None,
    ) -> None:
        self.fetch = fetch
        self.frozen = frozen
        self.old = old
        self.reader = reader
        self.work = 0
        self.key_count: KeyCount | None = None

    def walk(self, node: Any, depth: int) -> Any:
        kind = type(node)
        if kind is str:
            return self.string(node) if node and node[0] in SIGILS else node
        if kind is int or kind is float or kind is bool or node is None:
            return node
        if depth <= 0:
            raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
        if kind is list:
            items = [item if type(item) in _PLAIN else self.walk(item, depth - 1) for item in node]
            return FrozenList(items) if self.frozen else items
        if node and next(iter(node))[:1] == "#":
            return self.special(node, depth)
        table = {}
        for key, item in node.items():
            if key and key[0] in SIGILS:
                if key[0] != "!":
                    raise DecodeError(f"unescaped key {key[:40]!r}")
                key = key[1:]
            table[key] = self.walk(item, depth - 1)
        return FrozenDict(table) if self.frozen else table

    def string(self, text: str) -> Any:
        sigil = text[0]
        if sigil == "!":
            return text[1:]
        if sigil in "$&":
            found = REFERENCE.match(text)
            if found is None:
                raise DecodeError(f"bad slot reference {text[:40]!r}")
            return self.fetch(sigil, int(found[2]), found[3] or None)
        if sigil in "+-" and BIG_INT.match(text):
            try:
                return int(text)
            except ValueError:
                raise DecodeError("an int of more digits than this Python is set to read") from None
        if text in _FLOATS:
            return _FLOATS[text]
        raise DecodeError(f"unknown special string {text[:40]!r}")

    def special(self, node: dict[str, Any], depth: int) -> Any:
        if "#error" in node:
            return self.error(node)
        if set(node) != {"#tag", "payload"} or type(node["#tag"]) is not str:
            raise DecodeError(f"unknown special object with keys {list(node)[:5]!r}")
        tag, payload = self.walk(node["#tag"], 1), node["payload"]
        if tag == "tuple" and type(payload) is list:
            return tuple([self.walk(item, depth - 1) for item in payload])
        if tag == "bytes" and type(payload) is str:
            try:
                return base64.b64decode(payload, validate=True)
            except (binascii.Error, ValueError):
                raise DecodeError("bytes that are not base64") from None
        if tag == "map" and type(payload) is list:
            return self.mapping(payload, depth)
        try:
            copy = copy_named(tag)
        except ValueError as exc:
            raise DecodeError(str(exc)) from None
        if copy is not None:
            data = self.walk(payload, depth - 1)
            try:
                self.work = with_work(self.work, copy, data)
                return copy.from_data(data)
            except Exception as exc:
                if self.old and tag not in RESERVED_TAGS:
                    return Tagged(tag, data)
                raise DecodeError(f"a {tag} that cannot be made: {str(exc)[:200]}") from None
        try:
            return Tagged(tag, self.walk(payload, depth - 1))
        except TypeError as exc:
            raise DecodeError(str(exc)) from None

    def mapping(self, pairs: list[Any], depth: int) -> dict[Any, Any]:
        table: dict[Any, Any] = {}
        count = self.key_count = self.key_count or KeyCount()
        for pair in pairs:
            if type(pair) is not list or len(pair) != 2:
                raise DecodeError("a map whose items are not pairs")
            key = self.walk(pair[0], 1)
            if type(key) is not str and type(key) in SCALARS:
                crowded = count.add(key)
                if crowded is not None:
                    raise DecodeError(f"a map with {crowded}")
            if type(key) not in SCALARS or key in table:
                raise DecodeError("a map with a key that is no scalar, or comes twice")
            table[key] = self.walk(pair[1], depth - 1)
        return FrozenDict(table) if self.frozen else table

    def error(self, node: dict[str, Any]) -> BaseException:
        message, name, code = node["#error"], node.get("name", "Error"), node.get("code")
        family = node.get("family")
        if type(message) is not str or type(name) is not str or not (code is None or type(code) is str):
            raise DecodeError("an error whose message, name or code is not a str")
        made = errors.make(
            message[: errors.MESSAGE_LIMIT],
            name[:100],
            errors.read_trace(node.get("trace")),
            code if code is None else code[:100],
            family if type(family) is str else "",
        )
        if self.reader is not None:
            made.show_to_people(self.reader)
        return made


def decode(
    body: Any,
    fetch: Callable[[str, int, str | None], Any],
    *,
    frozen: bool = False,
    old: bool = False,
    reader: errors.Reader | None = None,
) -> Any:
    """Read a body; raises DecodeError if it is not well-formed.

    `fetch(sigil, index, iface)` returns the object of a slot. With `frozen`, containers cannot be changed in
    place. With `old`, for a body from the store, data that its class refuses is returned as `Tagged`. A
    `reader` receives errors to show to people.
    """
    if type(body) is not str or body[:1] != "#":
        raise DecodeError("a body starts with '#'")
    try:
        tree = jsontext.read_foreign(body[1:], JSON_DEPTH)
        if "\\u" in body and SURROGATE.search(body) and has_half_pair(jsontext.write(tree)):
            raise DecodeError("a str in it holds half of a surrogate pair")
    except DecodeError:
        raise
    except (ValueError, RecursionError, MemoryError):
        # The parser's own message differs between versions of Python.
        raise DecodeError(f"not JSON, or nested deeper than {MAX_DEPTH} levels") from None
    if not frozen and _is_itself(tree):
        return tree
    try:
        return _Decoder(fetch, frozen, old, reader).walk(tree, MAX_DEPTH)
    except RecursionError:
        # The caller's stack was deep already.
        raise DecodeError(f"not JSON, or nested deeper than {MAX_DEPTH} levels") from None


__all__ = ["BODY_LIMIT", "DEFAULT_IFACE", "SLOT_LIMIT", "DecodeError", "Encoded", "decode", "encode"]
