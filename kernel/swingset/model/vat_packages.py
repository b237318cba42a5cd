"""What a vat is made of that moves to another world, as one text, and what makes such a text a good one.

A package has what an upgrade keeps: the code, the rows of the vat's store, and the names of its c-list that
outlive an incarnation, each with what becomes of it. It has no heap, and so depends on no engine. References
cannot be in a text: they come beside it, in the order of the names that need one.

A package is from another world, so each part is checked before anything is made of it. `BadPackage` says
what is wrong, with a code for programs. What a row says is not looked at: it is data of the vat alone, which
reads it in its worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swingset.model.capdata import MAX_BODY, is_well_formed
from swingset.model.foreign import Unreadable, read_json
from swingset.model.modules import Parts, is_raw
from swingset.model.refs import FIRST_IMPORT, ROOT, MalformedReference, is_called_well, parse_vref
from swingset.model.spelling import canonical

FORMAT = 1
"""The version of the form; a world takes no package of another."""

MOST_BYTES = 16 << 20
"""How many bytes a package may have at most."""

MOST_ENTRIES = 5_000
"""How many names the c-list in a package may have at most: there are fewer references in a session."""

EXPORT, DROPPED, IMPORT, WEAK, PROMISE, BROKEN = "export", "dropped", "import", "weak", "promise", "broken"
FATES = (EXPORT, DROPPED, IMPORT, WEAK, PROMISE, BROKEN)
"""What becomes of a name: an object of the vat that others reach; one that nobody reaches any more; an object
of others, which the vat reaches, or can only recognize; a promise that others decide; one that the vat
decided and waits for itself, which is broken, as in an upgrade."""

REFERS = (IMPORT, WEAK, PROMISE)
"""The fates for which a reference comes beside the package."""

_MOST_KEY, _MOST_MESSAGE = 1_000, 400
_MOST_NUMBER = 2**53
_KEYS = {"format", "name", "incarnation", "code", "cells", "parameters", "slots"}
_KEYS |= {"rows", "counters", "entries", "message", "disavow"}


class BadPackage(ValueError):
    """Something that is no package of a vat; `code` says why, for programs."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True)
class Entry:
    """One name of the c-list: the vat's name, what becomes of it, and for an object what it is called.

    `waits` says of a promise whether the vat is to be notified of its outcome.
    """

    vref: str
    fate: str
    iface: str | None = None
    waits: bool = False


@dataclass(frozen=True)
class VatPackage:
    """A vat between two worlds.

    Attributes:
        name: what it was called.
        incarnation: the one that has ended; the next one starts in the new world.
        code: the parts of its bundle.
        cells: the cells of which it was made, for people.
        parameters: the body of its parameters, which each incarnation gets that is started without others.
        slots: for each reference in them, its letter: `o` or `p`.
        rows: its store, by key.
        counters: the next numbers of its imports, by letter.
        entries: its c-list.
        message: what those are told who waited for promises that it decided.
        disavow: whether its code may disavow imports.
    """

    name: str
    incarnation: int
    code: Parts
    cells: Parts
    parameters: str
    slots: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    counters: tuple[tuple[str, int], ...]
    entries: tuple[Entry, ...]
    message: str
    disavow: bool

    def of(self, *fates: str) -> list[Entry]:
        """The names with one of these fates, in order."""
        return [entry for entry in self.entries if entry.fate in fates]

    def letters(self) -> list[str]:
        """What each reference beside the package is, in order: those of the c-list, then the parameters'."""
        return [*("p" if each.fate == PROMISE else "o" for each in self.of(*REFERS)), *self.slots]

    def text(self) -> str:
        """The package as a text, which `read_package` reads."""
        return canonical(
            {
                "format": FORMAT,
                "name": self.name,
                "incarnation": self.incarnation,
                "code": [list(part) for part in self.code],
                "cells": [list(part) for part in self.cells],
                "parameters": self.parameters,
                "slots": list(self.slots),
                "rows": [list(row) for row in self.rows],
                "counters": dict(self.counters),
                "entries": [[each.vref, each.fate, each.iface, each.waits] for each in self.entries],
                "message": self.message,
                "disavow": self.disavow,
            }
        )


def read_package(text: str | bytes) -> VatPackage:
    """The package that a text of another world is. Raises `BadPackage`."""
    try:
        raw = read_json(text)
    except Unreadable as problem:
        raise BadPackage("unreadable", f"the package cannot be read: {problem}") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise BadPackage(
            "format", f"this world takes packages of form {FORMAT} alone: have both use one release"
        )
    if set(raw) != _KEYS:
        raise BadPackage("format", "the package has other parts than a package has")
    if not is_called_well(raw["name"]) or not _is_message(raw["message"]):
        raise BadPackage("name", "the name of the vat, or its last message, is no line of text")
    if type(raw["disavow"]) is not bool or not _is_number(raw["incarnation"]):
        raise BadPackage("format", "the incarnation is no number, or `disavow` is neither true nor false")
    code, cells = _pairs(raw["code"], "code"), _pairs(raw["cells"], "cells")
    if not code or is_raw(code):
        raise BadPackage("code", "the code is none that a vat outside of the library has")
    _check_parameters(raw["parameters"], raw["slots"])
    entries, counters = _entries(raw["entries"]), _counters(raw["counters"])
    for entry in entries:
        vref = parse_vref(entry.vref)
        if not vref.exported and int(entry.vref[2:]) >= dict(counters)[vref.type]:
            raise BadPackage("counters", f"{entry.vref} has a number that the vat was never given")
    return VatPackage(
        raw["name"],
        raw["incarnation"],
        code,
        cells,
        raw["parameters"],
        tuple(raw["slots"]),
        _rows(raw["rows"]),
        counters,
        entries,
        raw["message"],
        raw["disavow"],
    )


def _pairs(raw: Any, what: str) -> Parts:
    if not isinstance(raw, list) or not all(_is_texts(part, 2) for part in raw):
        raise BadPackage(what, f"{what} is no list of parts, each a name and a text")
    return tuple((name, source) for name, source in raw)


def _check_parameters(body: Any, slots: Any) -> None:
    fits = (
        isinstance(slots, list) and len(slots) <= MOST_ENTRIES and all(each in ("o", "p") for each in slots)
    )
    if not fits or not isinstance(body, str) or not is_well_formed(body) or len(body) > MAX_BODY:
        raise BadPackage("parameters", "the parameters are no text with references beside it")


def _rows(raw: Any) -> tuple[tuple[str, str], ...]:
    rows = _pairs(raw, "rows")
    if len({key for key, _ in rows}) != len(rows) or any(len(key) > _MOST_KEY for key, _ in rows):
        raise BadPackage("rows", "a key of the store is there twice, or is longer than keys are")
    return rows


def _counters(raw: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(raw, dict) or set(raw) != {"o", "p"} or not all(map(_is_number, raw.values())):
        raise BadPackage("counters", "the counters are not the two numbers of imports")
    if any(raw[letter] < FIRST_IMPORT[letter] for letter in raw):
        raise BadPackage("counters", "a counter is less than the first number of an import")
    return tuple(sorted(raw.items()))


def _entries(raw: Any) -> tuple[Entry, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_ENTRIES:
        raise BadPackage("entries", f"the c-list is no list of at most {MOST_ENTRIES:,} names")
    found = tuple(map(_entry, raw))
    if len({entry.vref for entry in found}) != len(found):
        raise BadPackage("entries", "a name of the c-list is there twice")
    return found


def _entry(raw: Any) -> Entry:
    if not isinstance(raw, list) or len(raw) != 4 or raw[1] not in FATES or type(raw[3]) is not bool:
        raise BadPackage("entries", "an entry of the c-list is no name with what becomes of it")
    vref, fate, iface, waits = raw
    if iface is not None and (not isinstance(iface, str) or not is_called_well(iface)):
        raise BadPackage("entries", "what an object is called is no line of text")
    try:
        parsed = parse_vref(vref)
    except MalformedReference as problem:
        raise BadPackage("entries", str(problem)) from None
    if fate in (EXPORT, DROPPED):
        fits = parsed.type == "o" and (parsed.durable or parsed.text == ROOT)
    elif fate in (IMPORT, WEAK):
        fits = parsed.type == "o" and not parsed.exported
    else:
        fits = parsed.type == "p"
    if not fits:
        raise BadPackage("entries", f"{parsed.text} cannot be what its entry says: {fate}")
    return Entry(parsed.text, fate, iface, waits)


def _is_texts(raw: Any, count: int) -> bool:
    return (
        isinstance(raw, list)
        and len(raw) == count
        and all(isinstance(text, str) and is_well_formed(text) for text in raw)
    )


def _is_message(raw: Any) -> bool:
    """Whether a text is a line; a vat's name is a part of the one that this library sends."""
    fits = isinstance(raw, str) and len(raw) <= _MOST_MESSAGE and (raw == "" or raw.isprintable())
    return fits and '"' not in raw and "\\" not in raw


def _is_number(raw: Any) -> bool:
    return type(raw) is int and 0 <= raw < _MOST_NUMBER
