"""Searches a world as it is, and what was sent and printed lately: vats, kinds, krefs, names, fields,
methods.

State is searched completely, with the world's tables: fifty thousand objects are one statement. Messages and
prints are looked for backwards in the records, within bounds, and a note says so if there are older ones.
Capitals and small letters of the Latin alphabet are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from swingset.core.store import KernelStore
from swingset.lens.source.outlines import listed
from swingset.model.messages import Send
from swingset.model.refs import is_kref
from swingset.model.spelling import spelled
from swingset.model.visible import one_line
from swingset.time.explorer.answers import Hit, Hits
from swingset.time.explorer.index import Index
from swingset.time.explorer.labels import LABEL, NAME, NOTE, Labels, Outlines, fields_of
from swingset.time.explorer.queueing import event_in_words
from swingset.time.explorer.reel import Budget, Reel
from swingset.world.records import CrankRecord
from swingset.world.vats import TERMINATED

MOST_TEXT, MOST_HITS, EACH = 200, 200, 12
"""The longest text, the most hits, and how many of each kind come before the others."""

_CRANKS = Budget(600, 4 << 20)
_ROOM = 4_000  # rows of stores that are looked at more closely
_LONGEST = 200_000  # characters of a record that is read


class Finder:
    """Searches one world."""

    def __init__(
        self, store: KernelStore, index: Index, labels: Labels, outlines: Outlines, reel: Reel
    ) -> None:
        self._store = store
        self._index = index
        self._labels = labels
        self._outlines = outlines
        self._reel = reel
        self._notes: list[str] = []

    def search(self, text: str, most: int) -> Hits:
        """The hits, those of the state first."""
        text = text.strip()[:MOST_TEXT].casefold()
        most = max(1, min(most, MOST_HITS))
        if not text:
            return Hits(())
        found: list[Hit] = []
        for hits in (self._vats, self._krefs, self._names, self._kinds, self._methods):
            found += islice(hits(text), EACH)
        found += islice(self._fields(text), max(most + 1 - len(found), 0))
        found += islice(self._records(text), max(min(most + 1 - len(found), 2 * EACH), 0))
        return Hits(tuple(found[:most]), len(found) > most, tuple(self._notes))

    def _vats(self, text: str) -> Iterator[Hit]:
        for vat in self._labels.vats.values():
            if text in vat.name.casefold() or text == vat.id:
                state = f"{vat.state}, incarnation {vat.incarnation:,}"
                yield Hit(vat.id, "vat", one_line(vat.name, NAME), state)

    def _krefs(self, text: str) -> Iterator[Hit]:
        if is_kref(text) and (group := self._index.group_of.get(text)) is not None:
            kind = "promise" if text[1] == "p" else "object"
            yield Hit(text, kind, self._labels.thing(text), self._labels.owner(group.key.owner))  # type: ignore[arg-type]

    def _names(self, text: str) -> Iterator[Hit]:
        for session in sorted(self._index.names.sessions):
            for name, (krefs, _) in self._index.names.of(session).items():
                if krefs and text in name.casefold():
                    what = self._labels.thing(krefs[0]) if len(krefs) == 1 else f"{len(krefs):,} things"
                    yield Hit(krefs[0], "name", one_line(name, NAME), what)

    def _kinds(self, text: str) -> Iterator[Hit]:
        for group in self._index.groups.values():
            if group.key.sort == "promise":
                continue
            if text in self._labels.kind_as_is(group.key).casefold():
                kind, first = self._labels.kind(group.key), group.some(1)[0]
                count = f" ×{len(group.members):,}" if len(group.members) > 1 else ""
                yield Hit(first, "kind", f"{kind}{count}", self._labels.owner(group.key.owner))

    def _methods(self, text: str) -> Iterator[Hit]:
        for vat in self._labels.vats.values():
            if vat.state == TERMINATED:
                continue
            for cls in self._outlines.of(self._store, vat).classes.values():
                found = [method for method in cls.methods if text in method.name.casefold()]
                if found:
                    where = (
                        f"{one_line(cls.name, NAME)} of {one_line(vat.name, NAME)}, line {found[0].line:,}"
                    )
                    said = found[0].signature if len(found) == 1 else listed(found)
                    yield Hit(vat.id, "method", one_line(said, LABEL), where)

    def _fields(self, text: str) -> Iterator[Hit]:
        """Objects of which a field has the text."""
        looked = 0
        query = (
            "SELECT s.vat, s.key, s.value from vatstore s where s.key >= 'vom.o+d' and s.key < 'vom.o+e'"
            " and s.value like ? escape '\\' limit ?"
        )
        pattern = _pattern(text)
        by_vref = self._store.clists.by_vref
        for vat, key, value in self._store.world.rows(query, (pattern, _ROOM)):
            looked += 1
            entry = by_vref(vat, key.removeprefix("vom."))
            for name, stored in fields_of(value, _LONGEST).items():
                body = stored.get("body") if isinstance(stored, dict) else None
                if isinstance(body, str) and text in body.casefold() and not name.startswith("#"):
                    said = one_line(f"{name} {_around(body.removeprefix('#'), text)}", LABEL)
                    where = self._labels.thing(entry.kref) if entry else "an object of "
                    where = where if entry else f"{where}{self._labels.owner(vat)} that no vat was sent"
                    yield Hit(entry.kref if entry else vat, "field", said, where)
                    break
        if looked == _ROOM:
            self._notes.append(f"only the first {_ROOM:,} records with it were looked at")

    def _records(self, text: str) -> Iterator[Hit]:
        """Messages and prints, newest first; of equal ones the newest."""
        plain = spelled(text)[1:-1]
        needle = plain.encode() if plain.isascii() else b""
        budget, told = Budget(_CRANKS.commits, _CRANKS.bytes), set[str]()
        for record in self._reel.back(lambda line: needle in line.lower(), budget, rows=False):
            if not isinstance(record, CrankRecord):
                continue
            vat = one_line(record.vat or "", NAME)
            for _, said in record.console:
                found = _around(said, text)
                if text in said.casefold() and found not in told:
                    told.add(found)
                    yield Hit(f"crank:{record.crank}", "print", found, vat, record.crank)
                    break
            if isinstance(record.event, Send) and text in record.event.message.methargs.body.casefold():
                what, args, to = event_in_words(record.event, self._labels)
                said = one_line(f"{what}({args})", LABEL)
                if f"{said} {to}" in told:
                    continue
                told.add(f"{said} {to}")
                yield Hit(f"crank:{record.crank}", "message", said, one_line(f"to {to}", NOTE), record.crank)
        if budget.spent:
            self._notes.append(
                "messages and prints were looked for in the newest records only: `swingset.search` reads all"
            )


def _pattern(text: str) -> str:
    """The pattern of LIKE for a text inside the body of a field, as the record spells it."""
    inner = spelled(spelled(text)[1:-1])[1:-1]
    for char in ("\\", "%", "_"):
        inner = inner.replace(char, f"\\{char}")
    return f"%{inner}%"


def _around(said: str, text: str) -> str:
    """The text with what is around it, on one line."""
    at = said.casefold().find(text)
    begin = max(at - 20, 0)
    return one_line(("…" if begin else "") + said[begin : begin + LABEL + len(text)], LABEL)
