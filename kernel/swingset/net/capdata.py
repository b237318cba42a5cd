"""Message bodies of vats, and the values of OCapN that they are.

A body has tags for what JSON lacks, and a tag of a vat is a Tagged of OCapN with the same name, so all that
vats pass arrives whole in another world. Symbols and `UNDEFINED`, which Python lacks, are `Tagged("symbol",
name)` and `Tagged("undefined", None)` for a vat. A call is the method's name as a Symbol before the
arguments; keyword arguments follow as one `Tagged("kwargs", ...)`.

Both sides are strangers: a body may come from a hostile vat, a value from a hostile peer. Either is checked
here, and refused with `Refused`, which says which value and what to pass instead.

The guest library reads the same bodies (`guest.passing`), but into live objects of a vat with liveslots,
which the vat of the network has none of. What the two share, the grammar, is in `wire`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from swingset.wire.grammar import (
    BIG_INT,
    BODY_LIMIT,
    REFERENCE,
    SAFE_INT,
    SIGILS,
    SLOT_LIMIT,
    SURROGATE,
    escaped,
)

from .values import (
    HALF_PAIR,
    UNDEFINED,
    Failure,
    Ref,
    Refused,
    Symbol,
    Tagged,
    Undefined,
    is_sound,
    kind_of,
)

MOST_DEPTH = 100
"""How deep a value of a vat may be nested."""

PLAIN_CALL = "call"
"""The method of a message that names none, such as `factory("red")`."""

KWARGS = "kwargs"
"""The tag of keyword arguments."""

_JSON_DEPTH = 3 * MOST_DEPTH + 3
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)
_FLOATS = {"#NaN": float("nan"), "#Infinity": float("inf"), "#-Infinity": float("-inf")}
_DEVICE = "d"

Naming = Callable[[Ref], str]
"""The slot of a reference."""


def encode(value: Any, slot_of: Naming) -> tuple[str, list[str]]:
    """The body and the slots of a value; raises `Refused` for what no vat can have."""
    writer = _Writer(slot_of)
    tree = writer.walk(value, MOST_DEPTH)
    body = "#" + json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if len(body) > BODY_LIMIT:
        raise Refused(f"a message has at most {BODY_LIMIT} characters: send it in pieces")
    if not is_sound(body):  # a syscall with it would end the vat that makes it
        raise Refused(HALF_PAIR)
    return body, writer.slots


def encode_call(args: list[Any], slot_of: Naming) -> tuple[str, list[str]]:
    """The body and the slots of a message with these arguments on the wire."""
    method, rest = PLAIN_CALL, list(args)
    if rest and isinstance(rest[0], Symbol):
        method = rest.pop(0).name
    call: list[Any] = [method, rest]
    if rest and isinstance(rest[-1], Tagged) and rest[-1].tag == KWARGS:
        words = rest.pop().value
        if type(words) is not dict:
            raise Refused(f"keyword arguments are a struct under the tag {KWARGS!r}")
        call.append(words)
    return encode(call, slot_of)


def decode(body: str, slots: list[str], ref_of: Callable[[str], Ref]) -> Any:
    """The value of a body; raises `Refused` for one that is malformed, or that OCapN has no value for."""
    return _Reader(slots, ref_of).walk(_tree(body), MOST_DEPTH)


def decode_call(body: str, slots: list[str], ref_of: Callable[[str], Ref], plain: bool) -> list[Any]:
    """The arguments on the wire of a message's body. With `plain`, `call` is no method's name."""
    found = decode(body, slots, ref_of)
    if type(found) is not list or len(found) not in (2, 3) or type(found[0]) is not str:
        raise Refused("a message is a method and its arguments")
    method, args = found[0], found[1]
    words = found[2] if len(found) == 3 else {}
    if type(args) is not list or type(words) is not dict:
        raise Refused("a message is a method and its arguments")
    head = [] if plain and method == PLAIN_CALL else [Symbol(method)]
    return [*head, *args, *([Tagged(KWARGS, words)] if words else [])]


def _tree(body: str) -> Any:
    if not body.startswith("#") or len(body) > BODY_LIMIT + 1:
        raise Refused("a body begins with '#', and is not too long")
    if deepest(body[1:]) > _JSON_DEPTH:
        raise Refused(f"a value is nested deeper than {MOST_DEPTH} levels")
    try:
        tree = json.loads(body[1:], parse_constant=_no_constant)
        if "\\u" in body and SURROGATE.search(body):
            json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(HALF_PAIR) from None
    except (ValueError, RecursionError):
        raise Refused("a body is JSON") from None
    return tree


def deepest(text: str) -> int:
    """How deep the JSON of a text is nested, found without reading it: a reader is not safe from depth."""
    deep = most = 0
    for bracket in _TEXTS.sub("", text):
        deep += 1 if bracket in "[{" else -1
        most = max(most, deep)
    return most


def _no_constant(text: str) -> Any:
    raise ValueError(text)


class _Writer:
    def __init__(self, slot_of: Naming) -> None:
        self._slot_of = slot_of
        self._indices: dict[str, int] = {}
        self.slots: list[str] = []

    def walk(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return escaped(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return self._number(value)
        if kind is float:
            if value - value == 0:
                return value
            return "#NaN" if value != value else "#Infinity" if value > 0 else "#-Infinity"
        if depth <= 0:
            raise Refused(f"a value is nested deeper than {MOST_DEPTH} levels")
        if kind is list:
            return [self.walk(item, depth - 1) for item in value]
        if kind is dict:
            return {self._key(key): self.walk(item, depth - 1) for key, item in value.items()}
        if kind is bytes:
            return _tag("bytes", base64.b64encode(value).decode("ascii"))
        if kind is Ref:
            return self._reference(value)
        if kind is Symbol:
            return _tag("symbol", escaped(value.name))
        if kind is Undefined:
            return _tag("undefined", None)
        if kind is Tagged:
            return self._tagged(value, depth)
        if kind is Failure:
            return self._failure(value)
        raise Refused(f"{kind_of(value)} is no value that a vat can have")

    def _number(self, value: int) -> Any:
        if -SAFE_INT <= value <= SAFE_INT:
            return value
        try:
            return f"{value:+d}"
        except ValueError:
            raise Refused("an integer has at most 4300 digits") from None

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            raise Refused(f"the keys of a struct are texts, not {kind_of(key)}")
        return escaped(key)

    def _reference(self, value: Ref) -> str:
        slot = self._slot_of(value)
        sigil = "&" if value.is_promise else "$"
        known = self._indices.get(slot)
        if known is not None:
            return f"{sigil}{known}"
        if len(self.slots) >= SLOT_LIMIT:
            raise Refused(f"a message has at most {SLOT_LIMIT} references")
        self._indices[slot] = len(self.slots)
        self.slots.append(slot)
        return f"{sigil}{len(self.slots) - 1}" + ("" if sigil == "&" else ".Alleged: remote")

    def _tagged(self, value: Tagged, depth: int) -> Any:
        tag, inner = value.tag, value.value
        if tag == "map":
            pairs = inner if type(inner) is list else [None]
            if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
                raise Refused("a value under the tag 'map' is a list of pairs")
        elif tag == "tuple" and type(inner) is not list:
            raise Refused("a value under the tag 'tuple' is a list")
        elif tag in ("bytes", "symbol", "undefined"):
            raise Refused(f"the tag {tag!r} stands for a value that OCapN has without a tag: pass it so")
        return _tag(escaped(tag), self.walk(inner, depth - 1))

    def _failure(self, value: Failure) -> Any:
        found: dict[str, Any] = {"#error": value.message, "name": value.name}
        for key in ("code", "family"):
            if type(value.more.get(key)) is str:
                found[key] = value.more[key]
        trace = value.more.get("trace")
        if type(trace) is list and all(_is_frame(frame) for frame in trace):
            found["trace"] = trace
        return found


def _is_frame(frame: Any) -> bool:
    return type(frame) is list and [type(item) for item in frame] == [str, int, str]


def _tag(tag: str, payload: Any) -> dict[str, Any]:
    return {"#tag": tag, "payload": payload}


class _Reader:
    def __init__(self, slots: list[str], ref_of: Callable[[str], Ref]) -> None:
        self._slots = slots
        self._ref_of = ref_of

    def walk(self, node: Any, depth: int) -> Any:
        kind = type(node)
        if kind is str:
            return self._text(node)
        if kind in (int, float, bool) or node is None:
            return node
        if depth <= 0:
            raise Refused(f"a value is nested deeper than {MOST_DEPTH} levels")
        if kind is list:
            return [self.walk(item, depth - 1) for item in node]
        if node and next(iter(node))[:1] == "#":
            return self._special(node, depth)
        return {self._key(key): self.walk(item, depth - 1) for key, item in node.items()}

    def _key(self, key: str) -> str:
        if key[:1] in SIGILS and key:
            if key[0] != "!":
                raise Refused("a key of a body is not escaped")
            return key[1:]
        return key

    def _text(self, text: str) -> Any:
        if not text or text[0] not in SIGILS:
            return text
        if text[0] == "!":
            return text[1:]
        if text in _FLOATS:
            return _FLOATS[text]
        if BIG_INT.match(text):
            try:
                return int(text)
            except ValueError:
                raise Refused("an integer has more digits than this Python is set to read") from None
        found = REFERENCE.match(text)
        if found is None or int(found[2]) >= len(self._slots):
            raise Refused("a text of a body begins with a sign and says nothing")
        slot = self._slots[int(found[2])]
        if slot.startswith(_DEVICE):
            raise Refused("a node of a device cannot leave its world: pass an object that calls it")
        return self._ref_of(slot)

    def _special(self, node: dict[str, Any], depth: int) -> Any:
        if "#error" in node:
            return self._failure(node)
        if set(node) != {"#tag", "payload"} or type(node["#tag"]) is not str:
            raise Refused("a body has an object with a key that says nothing")
        tag, payload = self._text(node["#tag"]), node["payload"]
        if type(tag) is not str or not tag:
            raise Refused("a tag is a text")
        if tag == "bytes":
            try:
                return base64.b64decode(payload, validate=True)
            except (TypeError, ValueError):
                raise Refused("bytes of a body are base64") from None
        if tag == "undefined" and payload is None:
            return UNDEFINED
        value = self.walk(payload, depth - 1)
        if tag == "symbol" and type(value) is str:
            return Symbol(value)
        return Tagged(tag, value)

    def _failure(self, node: dict[str, Any]) -> Failure:
        message, name = node["#error"], node.get("name", "Error")
        if type(message) is not str or type(name) is not str:
            raise Refused("an error of a body has a message and a name")
        more: dict[str, Any] = {key: node[key] for key in ("code", "family", "trace") if key in node}
        trace = more.get("trace")
        if trace is not None and not (type(trace) is list and all(map(_is_frame, trace))):
            del more["trace"]
        for key in ("code", "family"):
            if key in more and type(more[key]) is not str:
                del more[key]
        return Failure(message, name, more)


def refs_in(value: Any) -> list[str]:
    """The names of all references in a value, once for each mention."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is Ref:
            found.append(item.name)
        elif kind is list:
            stack += item
        elif kind is dict:
            stack += item.values()
        elif kind is Tagged:
            stack.append(item.value)
    return found
