"""Capdata: serialised data whose references are pulled out into slots.

The kernel never looks into a body. It rewrites the slots, and only the slots, when a value crosses
from one vat's names to another's. That is the whole of its dealings with data, and why a vat can
reach nothing but what is in its c-list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swingset.model.wording import MOST_NAME, fit

MAX_BODY = 10_000_000
"""Largest body, in characters (the reference implementation's limit)."""

MAX_SLOTS = 10_000
"""Most slots in one value (the reference implementation's limit)."""

_MENTION = re.compile(r'"\$(0|[1-9][0-9]{0,4})\.(?:Alleged: )?([^"\\]{1,80})"')


class MalformedCapData(ValueError):
    """What came is not capdata; the message says which part is wrong."""


@dataclass(frozen=True, slots=True)
class CapData:
    """A body of smallcaps text (`#` and JSON) and the references it mentions, in order of mention."""

    body: str
    slots: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The wire form, `{"body": str, "slots": [str, ...]}`."""
        return {"body": self.body, "slots": list(self.slots)}

    @classmethod
    def from_json(cls, raw: object) -> CapData:
        """Read the wire form; raises `MalformedCapData` for anything else, oversized values included."""
        if not isinstance(raw, dict) or set(raw) != {"body", "slots"}:
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


def is_well_formed(text: str) -> bool:
    """Whether the text can be written as UTF-8: it holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def data(value: Any) -> CapData:
    """Capdata of plain JSON data that mentions no reference.

    Strings that begin with a smallcaps prefix character are escaped; floats and references are not for
    this function, which serves the kernel's own few sentences.
    """
    return CapData("#" + json.dumps(_escape(value), ensure_ascii=False, separators=(",", ":")))


def error(name: str, message: str, code: str | None = None, trace: list[list[Any]] | None = None) -> CapData:
    """Capdata of an error the kernel raises itself; what it quotes of a vat is made fit to be stored.

    `code` is the machine-readable reason, one of `swingset.model.reasons`; `trace` is a list of
    `[part, line, function]`, outermost first.
    """
    body: dict[str, Any] = {"#error": _escape(fit(message, 30_000)), "name": _escape(fit(name, MOST_NAME))}
    if code:
        body["code"] = _escape(code)
    if trace:
        body["trace"] = _escape(trace)
    return CapData("#" + json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def in_words(value: CapData) -> str:
    """What a value says to people: a text itself, an error's name and message, the body of all else.

    It is what a stranger wrote: whoever shows it makes it visible.
    """
    try:
        tree = json.loads(value.body[1:])
    except (ValueError, RecursionError):
        return value.body
    if isinstance(tree, str):
        return _plain(tree)
    if isinstance(tree, dict) and isinstance(tree.get("#error"), str):
        name = tree.get("name")
        return f"{_plain(name) if isinstance(name, str) else 'Error'}: {_plain(tree['#error'])}"
    return value.body[1:]


def _plain(text: str) -> str:
    return text.removeprefix("!")


def ifaces_of(body: str) -> dict[int, str]:
    """What a body calls its remotables, by slot, in at most 80 characters each; those it is silent of lack.

    Words for people. A body is a stranger's text, so nothing may ever depend on them.
    """
    found: dict[int, str] = {}
    for mention in _MENTION.finditer(body):
        found.setdefault(int(mention[1]), mention[2])
    return found


def single_slot(value: CapData) -> str | None:
    """The reference, where the whole value is one remotable; else None.

    A promise fulfilled with such a value can be the target of messages; one fulfilled with data cannot.
    """
    if len(value.slots) == 1 and value.body.startswith('#"$0') and value.body.endswith('"'):
        return value.slots[0]
    return None


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return "!" + value if value and "!" <= value[0] <= "-" else value
    if isinstance(value, list):
        return [_escape(item) for item in value]
    if isinstance(value, dict):
        return {_escape(key): _escape(item) for key, item in value.items()}
    return value
