"""Capdata: serialised data whose references are pulled out into slots.

The kernel never looks into a body. It rewrites the slots, and only the slots, when a value crosses
from one vat's names to another's. It does nothing else with data, and so a vat can reach nothing but what is
in its c-list.

The kernel and its devices themselves send plain data only: numbers, texts, lists, dicts and references. This
module writes and reads it, in the spelling that vats use (`swingset.wire.grammar`). A body is measured
before it is read, and never walked deeper than `MOST_DEPTH`, so the result depends on the body alone and not
on how deep the host's stack was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from swingset.model.foreign import Unreadable, read_json
from swingset.model.foreign import whole as whole_of
from swingset.model.wording import MOST_NAME, fit
from swingset.wire import grammar

MAX_BODY = grammar.BODY_LIMIT
"""Largest body, in characters."""

MAX_SLOTS = grammar.SLOT_LIMIT
"""Most slots in one value."""

MOST_DEPTH = 64
"""How deep the data read here may nest; it is walked by recursion, so the bound is low."""

DEFAULT_IFACE = "Remotable"
"""The interface name of an object when none is given."""

_MENTION = re.compile(r'"\$(0|[1-9][0-9]{0,4})\.(?:Alleged: )?([^"\\]{1,80})"')
_METHOD = re.compile(r'#\[("(?:[^"\\\x00-\x1f]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]){0,300})')
"""The beginning of a call: as much of the method's name as is ever shown, whether or not it ends there."""


class MalformedCapData(ValueError):
    """The value is not capdata; the message says which part is wrong."""


class NotPlain(ValueError):
    """A body holds more than plain data; the message says what, and depends on the body alone."""


class HalfPair(NotPlain):
    """Text holds half of a surrogate pair: JSON can spell it, but no file can hold it."""


@dataclass(frozen=True)
class Ref:
    """A reference in plain data: an object, a device node or a promise, by its kref."""

    kref: str
    iface: str = DEFAULT_IFACE


@dataclass(frozen=True, slots=True)
class CapData:
    """A body of smallcaps text (`#` and JSON) and the references it mentions, in order of mention.

    Source:
        Capdata, `{body, slots}`, with the smallcaps encoding of `@endo/marshal`.
    """

    body: str
    slots: tuple[str, ...] = ()

    @property
    def json(self) -> str:
        """The body without its leading `#`."""
        return self.body[1:]

    def to_json(self) -> dict[str, Any]:
        """The wire form, `{"body": str, "slots": [str, ...]}`."""
        return {"body": self.body, "slots": list(self.slots)}

    @classmethod
    def from_json(cls, raw: object) -> CapData:
        """Read the wire form; raises `MalformedCapData` for anything else, oversized values included."""
        if not isinstance(raw, dict) or len(raw) != 2 or "body" not in raw or "slots" not in raw:
            raise MalformedCapData(f"capdata wants exactly body and slots, got {type(raw).__name__}")
        body, slots = raw["body"], raw["slots"]
        if not isinstance(body, str):
            raise MalformedCapData(f"capdata body wants str, got {type(body).__name__}")
        if not isinstance(slots, list) or not all(isinstance(slot, str) for slot in slots):
            raise MalformedCapData("capdata slots want a list of str")
        if len(body) > MAX_BODY:
            raise MalformedCapData(f"capdata body has {len(body):,} characters, {MAX_BODY:,} are allowed")
        if len(slots) > MAX_SLOTS:
            raise MalformedCapData(f"capdata has {len(slots):,} slots, {MAX_SLOTS:,} are allowed")
        if not is_well_formed(body):
            raise MalformedCapData("capdata body holds a lone surrogate, which no file can store")
        return cls(body, tuple(slots))

    def map_slots(self, translate: Callable[[str], str]) -> CapData:
        """The same body under other names: every slot passed through `translate`, in order."""
        return CapData(self.body, tuple(translate(slot) for slot in self.slots)) if self.slots else self


NOTHING = CapData("#null")
"""None."""


def is_well_formed(text: str) -> bool:
    """Whether the text can be written as UTF-8: it holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# Writing


def data(value: Any) -> CapData:
    """Capdata of plain data with `Ref`s in it, as the kernel and its devices send it.

    Raises `HalfPair` for text that no file can hold.
    """
    slots: dict[str, int] = {}
    return _capdata(_written(value, slots), slots)


def object_named(slot: str, iface: str) -> CapData:
    """Capdata of one object, named by a kref or a vref."""
    return _capdata(grammar.reference("$", 0, grammar.ALLEGED + iface), (slot,))


def promise_named(slot: str) -> CapData:
    """Capdata of one promise, named by a kref or a vref."""
    return _capdata(grammar.reference("&", 0), (slot,))


def call_with(method: str, argument: CapData) -> CapData:
    """Capdata of a call of a method with one argument; it is not read, and must hold no reference."""
    return CapData(f"#[{_text_of(grammar.escaped(method))},[{argument.json}]]")


def error(name: str, message: str, code: str | None = None, trace: list[list[Any]] | None = None) -> CapData:
    """Capdata of an error that the kernel raises; quotes of a vat are cut and cleaned for storage.

    `code` is the machine-readable reason, one of `swingset.model.reasons`; `trace` is a list of
    `[part, line, function]`, outermost first.
    """
    said: dict[str, Any] = {
        "#error": grammar.escaped(fit(message, 30_000)),
        "name": grammar.escaped(fit(name, MOST_NAME)),
    }
    if code:
        said["code"] = grammar.escaped(code)
    if trace:
        said["trace"] = _written(trace, {})
    return CapData("#" + _text_of(said))


def _written(value: Any, slots: dict[str, int]) -> Any:
    if isinstance(value, str):
        return grammar.escaped(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > grammar.SAFE_INT:
        return f"{value:+d}"
    if isinstance(value, list | tuple):
        return [_written(item, slots) for item in value]
    if isinstance(value, dict):
        return {_written(key, slots): _written(item, slots) for key, item in value.items()}
    if isinstance(value, Ref):
        sigil = "&" if value.kref.startswith("kp") else "$"
        known = slots.get(value.kref)
        if known is not None:
            return grammar.reference(sigil, known)
        index = slots[value.kref] = len(slots)
        return grammar.reference(sigil, index, None if sigil == "&" else grammar.ALLEGED + value.iface)
    return value


def _capdata(tree: Any, slots: Iterable[str]) -> CapData:
    body = _text_of(tree)
    if not is_well_formed(body):
        raise HalfPair("text with half of a surrogate pair cannot be stored")
    return CapData("#" + body, tuple(slots))


_text_of = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


# Reading


def read(value: CapData) -> Any:
    """The plain data in a body: scalars, lists, dicts with str keys, and `Ref`s.

    Raises `NotPlain` for a body that holds anything else, `HalfPair` for text that no file can hold.
    """
    tree = _tree(value)
    if grammar.SURROGATE.search(value.body) and not is_well_formed(_text_of(tree)):
        raise HalfPair("text with half of a surrogate pair cannot be stored")
    return _read(tree, value.slots)


def part(value: CapData, *path: int | str) -> CapData:
    """The capdata of one part of a value, with only the references that this part mentions.

    Everything else stays as it was spelled. Raises `NotPlain`, and `LookupError` or `TypeError` for a wrong
    path.
    """
    node = _tree(value)
    for step in path:
        node = node[step]
    return _part(node, value)


def rest(value: CapData, first: int) -> CapData:
    """The capdata of a list without its first items, as `part`. Raises `NotPlain` if it is no list."""
    tree = _tree(value)
    if not isinstance(tree, list):
        raise NotPlain("it is no list")
    return _part(tree[first:], value)


def is_call(value: CapData) -> bool:
    """Whether a value has the form of a call: a method, a list of arguments, and those by name if any."""
    tree = _tree(value)
    if not isinstance(tree, list) or not 2 <= len(tree) <= 3:
        return False
    method, args, *named = tree
    by_name = all(isinstance(item, dict) and not any(key.startswith("#") for key in item) for item in named)
    return isinstance(method, str) and isinstance(args, list) and by_name


def _part(node: Any, value: CapData) -> CapData:
    order: dict[int, tuple[int, str]] = {}
    # The interface stands at the first mention, which may lie outside of this part.
    renumbered = _renumber(node, value.slots, order)
    return _capdata(renumbered, (slot for _, slot in order.values()))


def blank(value: CapData, *path: int | str) -> CapData:
    """The same value with None in place of one part that must not be read; unchanged without such a part."""
    tree = node = _tree(value)
    try:
        for step in path[:-1]:
            node = node[step]
        if node[path[-1]] is not None:
            node[path[-1]] = None
    except (LookupError, TypeError):
        return value
    return _capdata(tree, value.slots)


def _tree(value: CapData) -> Any:
    try:
        return read_json(value.json, depth=MOST_DEPTH)
    except Unreadable as problem:
        raise NotPlain(f"no device reads this: it is {problem}") from None


def _read(node: Any, slots: tuple[str, ...]) -> Any:
    if isinstance(node, str):
        return _read_text(node, slots)
    if isinstance(node, list):
        return [_read(item, slots) for item in node]
    if isinstance(node, dict):
        return {_read_key(key): _read(item, slots) for key, item in node.items()}
    return node


def _read_text(text: str, slots: tuple[str, ...]) -> Any:
    if not text or text[0] not in grammar.SIGILS:
        return text
    if text[0] == "!":
        return text[1:]
    if grammar.BIG_INT.match(text):
        return whole_of(text)
    found = grammar.REFERENCE.match(text)
    if found is None or int(found[2]) >= len(slots):
        raise NotPlain(f"{text[:40]!r} is nothing a device can read")
    return Ref(slots[int(found[2])], (found[3] or DEFAULT_IFACE).removeprefix(grammar.ALLEGED))


def _read_key(key: str) -> str:
    if key.startswith("#"):
        raise NotPlain("a device reads numbers, text, lists, dicts and references only")
    return key[1:] if key.startswith("!") else key


def _renumber(node: Any, slots: tuple[str, ...], order: dict[int, tuple[int, str]]) -> Any:
    if isinstance(node, str) and node[:1] in ("$", "&"):
        found = grammar.REFERENCE.match(node)
        if found is None or int(found[2]) >= len(slots):
            raise NotPlain(f"{node[:40]!r} is no reference")
        sigil, old = found[1], int(found[2])
        if old in order:
            return grammar.reference(sigil, order[old][0])
        order[old] = (len(order), slots[old])
        return grammar.reference(
            sigil, order[old][0], None if sigil == "&" else found[3] or grammar.ALLEGED + DEFAULT_IFACE
        )
    if isinstance(node, list):
        return [_renumber(item, slots, order) for item in node]
    if isinstance(node, dict):
        return {key: _renumber(item, slots, order) for key, item in node.items()}
    return node


# Words for people. A body is a stranger's text, so no decision may depend on these words.


def in_words(value: CapData) -> str:
    """A value in words: a text itself, the name and message of an error, else the body.

    The words are a stranger's: pass them through `swingset.model.visible` before showing them.
    """
    try:
        tree = read_json(value.json, depth=MOST_DEPTH)
    except Unreadable:
        return value.body
    if isinstance(tree, str):
        return _plain(tree)
    if isinstance(tree, dict) and isinstance(tree.get("#error"), str):
        name = tree.get("name")
        return f"{_plain(name) if isinstance(name, str) else 'Error'}: {_plain(tree['#error'])}"
    return value.json


def method_of(methargs: CapData) -> str:
    """The method that a call names, cut to a length; `?` if the body has another form."""
    found = _METHOD.match(methargs.body)
    if found is None:
        return "?"
    try:
        method = str(read_json(found[1] + '"'))
    except Unreadable:
        return "?"
    return fit(_plain(method), MOST_NAME)


def ifaces_of(body: str) -> dict[int, str]:
    """The interface names in a body, by slot; slots without a name of 1 to 80 characters are omitted."""
    found: dict[int, str] = {}
    for mention in _MENTION.finditer(body):
        found.setdefault(int(mention[1]), mention[2])
    return found


def _plain(text: str) -> str:
    return text.removeprefix("!")


# Whether a value is one reference and nothing else; a promise fulfilled with one forwards its messages there.


def sole_object(value: CapData) -> str | None:
    """The object, where the whole value is one object; else None."""
    return _sole(value, "$")


def sole_promise(value: CapData) -> str | None:
    """The promise, where the whole value is one promise; else None."""
    return _sole(value, "&")


def _sole(value: CapData, sigil: str) -> str | None:
    body = value.body
    if len(value.slots) == 1 and body.startswith(f'#"{sigil}0') and body.endswith('"'):
        return value.slots[0]
    return None
