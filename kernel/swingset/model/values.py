"""Values and calls in words, as Python would write them.

The words are for people, and no decision may depend on them. A body is a stranger's text: it is measured
before it is read, one that cannot be read is shown as it stands, and the words are one line of drawn
characters, cut to a length. So no body can fail a view, or hide in one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from swingset.model.capdata import MOST_DEPTH, CapData, MalformedCapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.visible import one_line
from swingset.wire import grammar

SHORT = 160
"""How many characters a value has at most among other words."""

_MOST_BODY = 20_000  # characters of a body that are read for words
_FEW_BYTES = 40
_FLOATS = {"#NaN": "nan", "#Infinity": "inf", "#-Infinity": "-inf"}

Named = Callable[[str, str | None], str]
"""Says what a reference is, by its slot and the interface that its sender alleged."""


def call_in_words(methargs: CapData, named: Named, limit: int = SHORT) -> str:
    """A call as Python would write it, such as `deposit(10, note='x')`."""
    tree = _tree(methargs)
    if not isinstance(tree, list) or len(tree) not in (2, 3) or not isinstance(tree[1], list):
        return one_line(methargs.body, limit)
    shown = _Shown(methargs.slots, named)
    name = tree[0].removeprefix("!") if isinstance(tree[0], str) else shown.part(tree[0])
    args = [shown.part(arg) for arg in tree[1]]
    if len(tree) == 3 and isinstance(tree[2], dict):
        args += [f"{key.removeprefix('!')}={shown.part(value)}" for key, value in tree[2].items()]
    return one_line(f"{name}({', '.join(args)})", limit)


def args_in_words(methargs: CapData) -> list[str]:
    """The arguments of a call, each as Python would write it; none for a call that cannot be read."""
    tree = _tree(methargs)
    if not isinstance(tree, list) or len(tree) not in (2, 3) or not isinstance(tree[1], list):
        return []
    shown = _Shown(methargs.slots, _as_it_is)
    return [one_line(shown.part(arg), SHORT) for arg in tree[1]]


def value_in_words(data: CapData, named: Named, limit: int = SHORT) -> str:
    """A value as Python would write it; an error as its name and message."""
    tree = _tree(data)
    if tree is _UNREAD:
        return one_line(data.body, limit)
    return one_line(_Shown(data.slots, named).part(tree), limit)


def stored_in_words(text: str) -> str:
    """A value of a vat's store: capdata, or the fields of a durable object; any other text as it is, cut."""
    try:
        raw = read_json(text)
    except Unreadable:
        return text[:SHORT]
    if (data := _capdata(raw)) is not None:
        return value_in_words(data, _as_it_is)
    if not isinstance(raw, dict):
        return text[:SHORT]
    fields = []
    for name, part in raw.items():
        found = _capdata(part)
        if found is not None:
            fields.append(f"{name} {value_in_words(found, _as_it_is, 60)}")
    return ", ".join(fields) or text[:SHORT]


def _capdata(raw: Any) -> CapData | None:
    try:
        return CapData.from_json(raw)
    except MalformedCapData:
        return None


def _as_it_is(slot: str, iface: str | None) -> str:
    return f"{iface} {slot}" if iface else slot


_UNREAD = object()


def _tree(data: CapData) -> Any:
    if len(data.body) > _MOST_BODY:
        return _UNREAD
    try:
        return read_json(data.json, depth=MOST_DEPTH)
    except Unreadable:
        return _UNREAD


class _Shown:
    """The parts of one body in words."""

    def __init__(self, slots: tuple[str, ...], named: Named) -> None:
        self._slots = slots
        self._named = named

    def part(self, node: Any) -> str:
        if isinstance(node, str):
            return self._text(node)
        if isinstance(node, list):
            return "[" + ", ".join(map(self.part, node)) + "]"
        if isinstance(node, dict):
            return self._object(node)
        return repr(node)

    def _text(self, text: str) -> str:
        if text[:1] not in grammar.SIGILS or not text:
            return repr(text)
        if text[0] == "!":
            return repr(text[1:])
        if text in _FLOATS:
            return _FLOATS[text]
        if grammar.BIG_INT.match(text):
            return text.removeprefix("+")
        found = grammar.REFERENCE.match(text)
        if found is None or int(found[2]) >= len(self._slots):
            return repr(text)
        iface = found[3].removeprefix(grammar.ALLEGED) if found[3] else None
        return self._named(self._slots[int(found[2])], iface)

    def _object(self, node: dict[str, Any]) -> str:
        if isinstance(node.get("#error"), str):
            name = node.get("name")
            said = name.removeprefix("!") if isinstance(name, str) else "Error"
            return f"{said}: {node['#error'].removeprefix('!')}"
        if isinstance(node.get("#tag"), str) and "payload" in node:
            tag, payload = node["#tag"].removeprefix("!"), node["payload"]
            return _bytes_in_words(payload) if tag == "bytes" else f"{tag}({self.part(payload)})"
        pairs = (f"{key.removeprefix('!')!r}: {self.part(value)}" for key, value in node.items())
        return "{" + ", ".join(pairs) + "}"


def _bytes_in_words(payload: Any) -> str:
    """Bytes as Python would write them if they are few, else how many they are: nobody reads base64."""
    try:
        data = base64.b64decode(payload, validate=True)
    except (TypeError, ValueError):
        return f"bytes({payload!r})"
    return repr(data) if len(data) <= _FEW_BYTES else f"{len(data):,} bytes"
