"""All that is known of an object or a promise: state and its history, methods, code, holders, what waits.

The history of fields and the last delivery are looked for backwards in the records, within bounds; a note
says so where something older may be there. No code of a vat is run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from swingset.core.errors import KernelError
from swingset.lens.history.story import entries_of
from swingset.lens.present.described import Described, describe
from swingset.lens.present.explain import explain
from swingset.lens.source.outlines import ClassOutline
from swingset.lens.state.records import base
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.lines import source_lines
from swingset.model.messages import Send
from swingset.model.values import value_in_words
from swingset.model.visible import one_line, visible
from swingset.time.explorer import verbs
from swingset.time.explorer.answers import Change, Code, Field, Inspected, KernelRow, Method
from swingset.time.explorer.labels import LABEL, NAME, NOTE, fields_of
from swingset.time.explorer.reel import Budget, Wanted
from swingset.time.explorer.seen import Seen
from swingset.time.explorer.telling import Teller, came_of
from swingset.world.errors import WorldError
from swingset.world.promises import UNRESOLVED
from swingset.world.records import CrankRecord, Record
from swingset.world.vats import VatRecord

MOST_FIELDS, MOST_METHODS, MOST_HOLDERS, MOST_ENTRIES, MOST_WAITING = 60, 60, 40, 40, 12
MOST_PROMISED, MOST_EXPLAINED, MOST_NAMES = 200, 60, 6
MOST_VALUES, MOST_STATES, MOST_WHY, MOST_CODE, VALUE, DOC = 8, 60, 16, 60, 160, 600

_LONGEST = 200_000  # characters of a record that are read
_OLDER = "older records were not looked through: `swingset.search` reads all of them"


_State = dict[str, tuple[str, str]]
"""The fields of an object: each in words, which may be cut, and all of it, to compare."""


@dataclass
class _Past:
    """What the records tell of an object: its stored states, newest first, and its last delivery."""

    states: list[tuple[int, _State]] = field(default_factory=list)
    last: Record | None = None
    cut: bool = False


class Things:
    """Inspects the objects and promises of one moment."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._labels = seen.labels

    # Objects

    def object(self, kref: str) -> Inspected | None:
        """An object or a device node; None if there is none."""
        seen = self._seen
        group = seen.index.group_of.get(kref)
        if group is None:
            return None
        owner = self._labels.vats.get(group.key.owner)
        vref = seen.index.vrefs.get(kref, ("", ""))[1]
        found = self._described(kref)
        past = self._past(kref, group.key.owner, vref)
        place = f"{found.part}, line {found.line:,}" if found.part else ""
        last = past.last.crank if past.last is not None else None
        entries, more = self.entries("kref = ?", (kref,))
        notes = [_OLDER] if past.cut else []
        if len(found.methods) > MOST_METHODS:
            notes.append(f"{len(found.methods) - MOST_METHODS:,} more methods")
        return Inspected(
            kref,
            "object",
            one_line(found.name, LABEL),
            one_line(" · ".join(filter(None, (kref, vref, place, *found.notes))), NOTE),
            group.key.owner,
            tuple(self._fields(group.key.owner, vref, past)),
            methods_of(found),
            tuple(self._held(kref, group.key.holders)),
            self._alive(kref),
            seen.queue().about(kref, MOST_WAITING),
            "" if past.last is None else self._delivered(past.last),
            last,
            self.code(owner, found.part, found.line),
            entries,
            more,
            verbs.of_object(seen, owner, last),
            tuple(notes),
            visible(found.doc, DOC),
        )

    def _held(self, kref: str, holders: Collection[str]) -> Iterator[str]:
        """Who holds an object, a session with the names by which it does."""
        names = self._seen.index.names
        for vat in sorted(holders, key=lambda vat: (len(vat), vat))[:MOST_HOLDERS]:
            known = names.of(vat).items() if vat in names.sessions else ()
            called = [name for name, (held, _) in known if kref in held][:MOST_NAMES]
            said = f" as {', '.join(called)}" if called else ""
            yield one_line(self._labels.owner(vat) + said, LABEL)
        if len(holders) > MOST_HOLDERS:
            yield f"and {len(holders) - MOST_HOLDERS:,} more"

    def _described(self, kref: str) -> Described:
        try:
            return describe(self._seen.store, kref)
        except (WorldError, KernelError) as problem:
            return Described(kref, self._labels.thing(kref), notes=(one_line(str(problem), NOTE),))

    def _past(self, kref: str, vat: str, vref: str) -> _Past:
        """The newest states of an object in the records, and its last delivery, in one pass."""
        past, budget = _Past(), Budget()
        stored = _needle(vat, f"vom.{base(vref)}") if vref.startswith("o+d") else None
        sent, to_vat, looked = f'"target":"{kref}"'.encode(), f'"transcripts":{{"{vat}"'.encode(), 0

        def wanted(line: bytes) -> bool:
            if past.last is None and (sent in line or (b'"target":"kp' in line and to_vat in line)):
                return True
            return stored is not None and stored in line

        key = (vat, f"vom.{base(vref)}")
        for record in self._seen.back(wanted, budget):
            if past.last is None and isinstance(record, CrankRecord) and isinstance(record.event, Send):
                looked += 1
                if record.event.target == kref or (looked < MOST_PROMISED and self._reached(record, vref)):
                    past.last = record
            for row in record.rows or ():
                if row.table == "vatstore" and row.key == key and row.after is not None:
                    past.states.append((record.crank, self._values(vat, str(row.after[2]))))
            if past.last is not None and (stored is None or len(past.states) >= MOST_STATES):
                break
        past.cut = budget.spent or len(past.states) >= MOST_STATES
        return past

    def _reached(self, record: CrankRecord, vref: str) -> bool:
        """Whether a message to a promise was delivered to an object: the vat's transcript says so."""
        for entry in entries_of(self._seen.store, record):
            match entry.entry.get("delivery") if isinstance(entry.entry, dict) else None:
                case ["message", target, _] if target == vref:
                    return True
        return False

    def _fields(self, vat: str, vref: str, past: _Past) -> Iterator[Field]:
        if not vref.startswith("o+d"):
            return
        query = f"SELECT value from vatstore where vat = ? and key = ? and length(value) <= {_LONGEST}"
        rows = self._seen.store.world.rows(query, (vat, f"vom.{base(vref)}"))
        if not rows:
            yield Field("state", f"longer than the {_LONGEST:,} characters that are read")
            return
        values = self._values(vat, rows[0][0])
        for name, value in list(values.items())[:MOST_FIELDS]:
            since, earlier = _history(name, value, past.states)
            yield Field(name, value[0], earlier, since)
        if len(values) > MOST_FIELDS:
            yield Field("…", f"more than {MOST_FIELDS:,} fields")

    def _values(self, vat: str, record: str) -> _State:
        """The fields of a stored record."""
        found: _State = {}
        by_vref = self._seen.store.clists.by_vref

        def named(slot: str, iface: str | None) -> str:
            entry = by_vref(vat, slot)
            return self._labels.thing(entry.kref, iface) if entry else one_line(iface or "object", NAME)

        for name, stored in fields_of(record, _LONGEST).items():
            if name.startswith("#") or len(found) > MOST_FIELDS:
                continue
            try:
                text = value_in_words(CapData.from_json(stored), named, VALUE)
            except MalformedCapData:
                text = "?"
            found[one_line(name, NAME)] = text, json.dumps(stored, sort_keys=True)
        return found

    def _delivered(self, record: Record) -> str:
        tick = Teller(self._seen.store, self._seen.reel, self._labels).tick(record.crank)
        cost = "" if tick.computrons is None else f" · {tick.computrons:,} computrons"
        return one_line(f"{tick.what}({tick.args}) → {came_of(tick)}{cost}", NOTE)

    def _alive(self, kref: str) -> tuple[str, ...]:
        try:
            found = explain(self._seen.store, kref, most=MOST_EXPLAINED)
        except (WorldError, KernelError) as problem:
            return (one_line(str(problem), NOTE),)
        lines = [one_line(line, NOTE) for line in (*found.hops, *found.notes)]
        return (
            *lines[:MOST_WHY],
            *((f"and {len(lines) - MOST_WHY:,} more",) if len(lines) > MOST_WHY else ()),
        )

    # Promises

    def promise(self, kref: str) -> Inspected | None:
        """A promise; None if there is none."""
        seen, labels = self._seen, self._labels
        record = seen.store.promises.get(kref)
        if record is None:
            return None
        waits = seen.store.promises.subscribers(kref)
        decider = record.decider if record.state == UNRESOLVED else None
        fields = [Field("state", record.state)]
        if record.state == UNRESOLVED:
            fields.append(Field("settled by", labels.owner(decider) if decider else self._settled_by(kref)))
        elif record.data is not None:
            fields.append(Field("value", value_in_words(record.data, labels.thing, VALUE)))
        settled = next(seen.back(_settling(kref), budget := Budget()), None)
        entries, more = self.entries("kref = ?", (kref,))
        crank = settled.crank if isinstance(settled, CrankRecord) else None
        last = Teller(seen.store, seen.reel, labels).link(settled).text if settled is not None else ""
        vat = labels.vats.get(decider or "")
        return Inspected(
            kref,
            "promise",
            f"promise {kref}",
            " · ".join((kref, record.state)),
            decider or "",
            tuple(fields),
            (),
            tuple(f"{labels.owner(vat)} waits" for vat in waits[:MOST_HOLDERS]),
            self._alive(kref),
            seen.queue().about(kref, MOST_WAITING),
            last,
            crank,
            None,
            entries,
            more,
            (
                verbs.verb(seen, "bind", "Bind to a name"),
                verbs.verb(seen, "break", "Break when it is settled", "" if decider else "it is settled"),
                verbs.traced(seen, crank, vat),
            ),
            (_OLDER,) if budget.spent and settled is None else (),
        )

    def _settled_by(self, kref: str) -> str:
        for event in self._seen.queue().about_result(kref):
            return f"its message {event.what}() waits to run"
        return "a device, the host, or a message that waits for a promise"

    # What they share

    def entries(
        self, where: str, given: tuple[str, ...], most: int = MOST_ENTRIES
    ) -> tuple[tuple[KernelRow, ...], int]:
        """The first entries of c-lists that a condition finds, and how many more there are."""
        store, labels = self._seen.store, self._labels
        (total,) = store.world.rows(f"SELECT count(*) from clists where {where}", given)[0]
        query = (
            f"SELECT vat, vref, kref, reachable from clists where {where}"
            " order by instr(vref, '+') = 0, length(vat), vat, length(kref), kref limit ?"
        )
        found = store.world.rows(query, (*given, most))
        krefs = json.dumps(sorted({row[2] for row in found}))
        among = "where kref in (SELECT value from json_each(?))"
        counts = {
            kref: f"{reachable:,},{recognizable:,}"
            for kref, reachable, recognizable in store.world.rows(
                f"SELECT kref, reachable, recognizable from objects {among}", (krefs,)
            )
        }
        for kref, count in store.world.rows(f"SELECT kref, refcount from promises {among}", (krefs,)):
            counts[kref] = f"{count:,}"
        rows = tuple(
            KernelRow(
                labels.owner(vat),
                one_line(vref, NAME),
                one_line(kref, NAME),
                "export" if "+" in vref else "import",
                bool(reachable),
                counts.get(kref, ""),
                labels.thing(kref),
                one_line(vat, NAME),
            )
            for vat, vref, kref, reachable in found
        )
        return rows, total - len(rows)

    def code(self, vat: VatRecord | None, part: str, line: int) -> Code | None:
        """The source of a class from its first line on."""
        if vat is None or vat.bundle is None or not part:
            return None
        for name, source in self._seen.store.world.bundles.get(vat.bundle):
            if one_line(name, 60) == part:
                begin = max(line - 2, 0)
                lines = source_lines(source)[begin : begin + MOST_CODE]
                shown = tuple(one_line(text.expandtabs(4), VALUE) for text in lines)
                return Code(part, begin + 1, line, shown)
        return None


def methods_of(found: Described | ClassOutline) -> tuple[Method, ...]:
    """The methods of what was described."""
    return tuple(
        Method(
            one_line(method.name, NAME),
            ("async " if method.is_async else "") + method.signature,
            visible(method.doc, DOC),
            method.line,
        )
        for method in found.methods[:MOST_METHODS]
    )


def _history(
    name: str, value: tuple[str, str], states: list[tuple[int, _State]]
) -> tuple[int | None, tuple[Change, ...]]:
    """When a field got its value, if the states tell, and what it was before, newest first."""
    changes = []
    for at, (crank, values) in enumerate(states):
        older = states[at + 1][1].get(name) if at + 1 < len(states) else None
        if name in values and values[name] != older:
            changes.append((crank, values[name]))
    since = changes.pop(0)[0] if changes and changes[0][1] == value else None
    return since, tuple(Change(crank, one_line(words, NAME)) for crank, (words, _) in changes[:MOST_VALUES])


def _needle(vat: str, key: str) -> bytes:
    """How the row of a vat's store begins in a record."""
    return f'["vatstore",["{vat}","{key}",'.encode()


def _settling(kref: str) -> Wanted:
    """Lines that settle a promise."""
    states = ("fulfilled", "rejected", "forwarded")
    needles = [f'["promises",["{kref}","{state}",'.encode() for state in states]
    return lambda line: any(needle in line for needle in needles)
