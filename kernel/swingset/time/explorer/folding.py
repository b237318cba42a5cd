"""Folds a world into a picture: boxes with few rows, arrows with counts, and what waits, in order.

A vat is a box. Things that are equal (`swingset.time.explorer.index`) are one row with their count, which can
be opened. A thing for which the session has a name of its own stands by itself. What is more than fits is one
row that counts it, and arrows to it are counted too, so nothing disappears silently. What has been opened is
given by the ids of its rows, which stay the same as long as the thing is there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from heapq import nsmallest

from swingset.core.store import KernelStore
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset.time.explorer.answers import Arrow, Box, BoxKind, Folded, Row
from swingset.time.explorer.index import Group, Index, Key, number
from swingset.time.explorer.labels import LABEL, NAME, NOTE, Labels
from swingset.time.explorer.queueing import Queue
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord

MOST_BOXES, MOST_ROWS, MOST_ARROWS = 12, 400, 400
"""How many boxes of vats, rows and arrows a picture has at most."""

IN_ONE_BOX, A_PAGE, MOST_SPLIT = 12, 40, 5
"""How many rows a box has at first, how many more the first opening shows, how many named ones stand apart.

Each further opening shows twice as many more as the one before: three clicks lead to the most that is drawn.
"""

_ORDER = {"root": 0, "durable": 2, "heap": 3, "promise": 4, "lost": 5, "name": 6, "rest": 7}


_SEARCH = "a search finds each by its fields"


def group_id(key: Key) -> str:
    """The id of a row for equal things: it depends on nothing but what they have in common."""
    said = "\n".join((key.owner, key.sort, key.kind, *sorted(key.holders)))
    return "g:" + hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Folding:
    """One picture in the making."""

    def __init__(
        self,
        store: KernelStore,
        index: Index,
        labels: Labels,
        opened: Collection[str],
    ) -> None:
        self._store = store
        self._index = index
        self._labels = labels
        self._opened = frozenset(opened)
        self._budget = MOST_ROWS
        self._rows: dict[str, list[Row]] = {}
        self._place: dict[str, None] = {}
        """The things that stand by themselves, each with a row of its own."""
        self._groups: dict[Key, tuple[str, int]] = {}
        """The row of each group, and how many members it stands for."""
        self._rests: dict[str, Counter[str]] = {}
        """The references to what the row of the rest stands for, by box."""
        self._name_rows: dict[str, list[tuple[str, Iterable[str]]]] = {}

    def fold(self, at: int | None, crank: int) -> Folded:
        """The picture."""
        vats = [vat for vat in self._labels.vats.values() if vat.state != TERMINATED]
        vats.sort(key=lambda vat: (not vat.attached, vat.state != SUSPENDED, _number(vat.id)))
        pages = self._pages("boxes")
        sessions = min(sum(vat.attached for vat in vats), MOST_BOXES)
        shown = vats[: sessions + MOST_BOXES + _opened(pages)]
        shown.sort(key=lambda vat: (not vat.attached, _number(vat.id)))
        left_out = []
        if len(vats) > len(shown):
            left_out.append(_not_drawn(len(vats) - len(shown), "more vat"))
        boxes = [self._vat(vat) for vat in shown]
        boxes += [
            self._box(device.id, one_line(device.name, NAME), "device", state="edge")
            for device in list(self._labels.devices.values())[:MOST_BOXES]
            if any(key.holders for key in self._index.by_owner[device.id])
        ]
        if self._index.by_owner[""]:
            boxes.append(self._box("nobody", "nobody", "nobody", state="owners are gone"))
        arrows = list(self._arrows({box.id for box in boxes}))
        if len(arrows) > MOST_ARROWS:
            arrows.sort(key=lambda arrow: -arrow.count)
            left_out.append(_not_drawn(len(arrows) - MOST_ARROWS, "more arrow"))
        if self._index.settled:
            left_out.append(_not_drawn(self._index.settled, "settled promise"))
        if unanswered := self._index.counts["?"]:
            left_out.append(_not_drawn(unanswered, "promise", " with no answer yet"))
        queue = Queue(self._store, self._labels, self.target)
        return Folded(
            at,
            crank,
            tuple(boxes),
            tuple(arrows[:MOST_ARROWS]),
            queue.first(),
            queue.total,
            queue.elsewhere,
            tuple(left_out),
            f"boxes/rest{pages}" if len(vats) > len(shown) else "",
        )

    # Boxes

    def _vat(self, vat: VatRecord) -> Box:
        parked = self._store.world.rows("SELECT count(*) from parked where vat = ?", (vat.id,))
        span = self._store.vats.span(vat.id)
        return self._box(
            vat.id,
            one_line(vat.name, NAME),
            "session" if vat.attached else "vat",
            incarnation=vat.incarnation,
            state=vat.state,
            worker=one_line(vat.worker, NAME),
            note=one_line(vat.reason or "", NOTE) if vat.state == SUSPENDED else "",
            waiting=int(parked[0][0]),
            computrons=span.computrons,
        )

    def _box(
        self,
        id: str,
        name: str,
        kind: BoxKind,
        *,
        incarnation: int | None = None,
        state: str = "",
        worker: str = "",
        note: str = "",
        waiting: int = 0,
        computrons: int | None = None,
    ) -> Box:
        owner = "" if kind == "nobody" else id
        rows, more = self._rows_of(id, owner)
        self._rows[id] = rows
        hue = _number(id) if kind != "nobody" else 0
        return Box(
            id, name, kind, incarnation, state, worker, note, hue, tuple(rows), more, waiting, computrons
        )

    def _names(self, session: str, most: int) -> list[Row]:
        """The first names of a session as rows."""
        labels, found = self._labels, self._held_by_names(session)[:most]
        labels.read(krefs[0] for _, krefs, direct in found if direct)
        rows: list[Row] = []
        held: list[tuple[str, Iterable[str]]] = []
        for name, krefs, direct in found:
            row = f"{session}/{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
            note = labels.known_as(krefs[0]) if direct else self._some(krefs)
            few = tuple(one_line(kref, NAME) for kref in krefs[:3])
            rows.append(Row(row, "name", one_line(name, NAME), one_line(note, LABEL), len(krefs), few))
            held.append((row, krefs))
        self._name_rows[session] = held
        return rows

    def _some(self, krefs: tuple[str, ...]) -> str:
        """What a container of a session holds: the kinds of the first things in it."""
        groups = [self._index.group_of[kref] for kref in krefs[:3] if kref in self._index.group_of]
        kinds = dict.fromkeys(self._labels.kind(group.key) for group in groups)
        return ", ".join([*kinds, "…"] if len(krefs) > 1 else kinds)

    def _held_by_names(self, session: str) -> list[tuple[str, tuple[str, ...], bool]]:
        """The names of a session that hold something, what each holds, and whether it is one thing."""
        if session not in self._index.names.sessions:
            return []
        found = self._index.names.of(session).items()
        return [(name, krefs, direct) for name, (krefs, direct) in found if krefs]

    def _rows_of(self, box: str, owner: str) -> tuple[list[Row], int]:
        room = min(IN_ONE_BOX + _opened(self._pages(box)), max(self._budget, 3))
        index, labels = self._index, self._labels
        rows = self._names(box, room)
        left_names = len(self._held_by_names(box)) - len(rows)
        groups, total = index.by_owner[owner], index.counts[owner]
        marked = {id(index.group_of[kref]) for kref in labels.named if kref in index.group_of}
        first = nsmallest(room, groups.values(), key=lambda group: _rank(group, marked))
        planned: list[tuple[Group, list[str], int]] = []
        krefs: list[str] = []
        for group in first:
            apart, rest = self._split(group)
            planned.append((group, apart, rest))
            krefs += apart if rest == 0 else [*apart, *group.some(len(apart) + 3)]
        labels.read(krefs)
        shown, rest_held = 0, Counter(index.held[owner])
        for group, apart, rest in planned:
            if len(rows) >= room:
                break
            for kref in apart:
                rows.append(self._single(group.key, kref))
                self._place[kref] = None
            if rest:
                rows += self._folded(group, apart, rest)
            shown += len(group.members)
            rest_held.subtract({holder: len(group.members) for holder in group.key.holders})
        more = total - shown + left_names
        self._budget -= sum(not row.depth for row in rows)
        if more:
            id_ = f"{box}/rest{self._pages(box)}"
            what = "names" if left_names and total == shown else "more"
            rows.append(Row(id_, "rest", f"and {more:,} {what}", count=more, opens=self._budget > 0))
            self._rests[box] = +rest_held
        return rows, more

    def _split(self, group: Group) -> tuple[list[str], int]:
        """The members of a group that stand by themselves, and how many others there are."""
        members = group.members
        if len(members) == 1:
            return list(members), 0
        named = self._labels.named
        known = [kref for kref in (named if len(named) < len(members) else members) if kref in members]
        apart = sorted((kref for kref in known if kref in named), key=number)
        if len(apart) > MOST_SPLIT or group.key.sort == "promise":
            apart = []
        if len(members) - len(apart) == 1:
            apart = sorted(members, key=number)
        return apart, len(members) - len(apart)

    def _single(self, key: Key, kref: str, depth: int = 0) -> Row:
        labels = self._labels
        label, fields = labels.kind(key), labels.fields(kref)
        if key.sort == "promise":
            label = f"promise {kref}"
        names = labels.named.get(kref, ())
        notes = [f"{name} in {labels.owner(session)}" for session, name in names[:3]]
        label = f"{label} {fields}" if fields else label
        notes += [] if depth else self._notes(key, {session for session, _ in names})
        said, note = one_line(kref, NAME), one_line(" · ".join(notes), NOTE)
        return Row(said, key.sort, one_line(label, LABEL), note, 1, (said,), depth=depth)

    def _folded(self, group: Group, apart: list[str], rest: int) -> Iterator[Row]:
        """The row of a group, and those of its first members if it is opened."""
        key, row = group.key, group_id(group.key)
        self._groups[key] = row, rest
        is_open = row in self._opened and self._budget > 0
        pages = self._pages(row)
        known = len(apart) + (_opened(1 + pages) if is_open else 3)
        members = [kref for kref in group.some(known) if kref not in apart]
        few = [found for kref in members[:3] if (found := self._labels.fields(kref))]
        more = ", …" if rest > len(few) else ""
        notes = [", ".join(few) + more] if few else []
        notes += self._notes(key)
        krefs = tuple(one_line(kref, NAME) for kref in members[:3])
        note = one_line(" · ".join(notes), NOTE)
        yield Row(row, key.sort, self._labels.kind(key), note, rest, krefs, opens=True, opened=is_open)
        if not is_open:
            return
        members = members[: max(min(_opened(1 + pages), self._budget), 0)]
        self._budget -= len(members)
        self._labels.read(members)
        for kref in members:
            yield self._single(key, kref, depth=1)
        if (left := rest - len(members)) > 0:
            opens = self._budget > 0
            yield Row(f"{row}/rest{pages}", "rest", f"{left:,} more", _SEARCH, left, opens=opens, depth=1)

    def _notes(self, key: Key, told: Collection[str] = ()) -> list[str]:
        """Who holds the things of a group, or who waits for the promises and who settles them.

        Those who are `told` of already are left out.
        """
        labels = self._labels
        who = labels.vat_list(key.holders.difference(told))
        if key.sort == "promise":
            waits = f"{who} {'waits' if len(key.holders) == 1 else 'wait'}, " if who else ""
            return [f"{waits}{labels.owner(key.owner)} settles it"]
        said = {"root": ["root"], "lost": ["its vat is gone"]}.get(key.sort, [])
        if key.sort == "heap" and key.owner in labels.vats:
            said = ["ends with an upgrade"]
        also = "also held by" if told else "held by"
        return [*said, f"{also} {who}"] if who else said

    def _pages(self, id: str) -> int:
        """How many times more rows of something were asked for."""
        pages = 0
        while f"{id}/rest{pages}" in self._opened and pages < MOST_ROWS:
            pages += 1
        return pages

    # Arrows

    def _arrows(self, boxes: set[str]) -> Iterator[Arrow]:
        told = Counter[tuple[str, str]]()
        promises = {row.id for rows in self._rows.values() for row in rows if row.sort == "promise"}
        for holder, sources in self._sources().items():
            for source, krefs in sources:
                for (box, row), count in self._reached(krefs).items():
                    if box != holder:
                        yield Arrow(holder, source, box, row, count, row in promises)
            every = dict.fromkeys(kref for _, krefs in sources for kref in krefs)
            told.update({(holder, row): count for (_, row), count in self._reached(every).items()})
        for key, row, count in self._targets():
            owner, waits = key.owner or "nobody", key.sort == "promise"
            for holder in sorted(key.holders & boxes, key=_number):
                left = count - told[holder, row]
                if holder != owner and left > 0:
                    yield Arrow(holder, None, owner, row, left, waits)
        for box, held in self._rests.items():
            row = self._rows[box][-1].id
            for holder, count in sorted(held.items(), key=lambda item: _number(item[0])):
                left = count - told[holder, row]
                if holder in boxes and holder != box and left > 0:
                    yield Arrow(holder, None, box, row, left)

    def _targets(self) -> Iterator[tuple[Key, str, int]]:
        for kref in self._place:
            yield self._index.group_of[kref].key, one_line(kref, NAME), 1
        for key, (row, count) in self._groups.items():
            yield key, row, count

    def _sources(self) -> dict[str, list[tuple[str, Iterable[str]]]]:
        """By box, the rows of which it is known what they hold: names of a session, and durable objects."""
        found: dict[str, list[tuple[str, Iterable[str]]]] = {**self._name_rows}
        for kref in self._place:
            if held := self._labels.held_by(kref):
                owner = self._index.group_of[kref].key.owner
                found[owner] = [*found.get(owner, ()), (kref, held)]
        return found

    def _reached(self, krefs: Iterable[str]) -> Counter[tuple[str, str]]:
        """How many of some things each row stands for, by box and row."""
        found = Counter[tuple[str, str]]()
        group_of, held = self._index.group_of, dict.fromkeys(krefs)
        counts = Counter(map(group_of.get, held))
        for kref in self._place:
            if kref in held:
                counts[group_of[kref]] -= 1
                found[group_of[kref].key.owner or "nobody", kref] += 1
        for group, count in counts.items():
            box, row = ("", "") if group is None else self._drawn(group)
            if row and count:
                found[box, row] += count
        return found

    def target(self, kref: str) -> tuple[str, str]:
        """The box and the row where a thing is drawn, each empty if it is not."""
        group = self._index.group_of.get(kref)
        if group is None:
            return "", ""
        return (group.key.owner or "nobody", kref) if kref in self._place else self._drawn(group)

    def _drawn(self, group: Group) -> tuple[str, str]:
        """The box and the row of those members of a group that do not stand by themselves."""
        box = group.key.owner or "nobody"
        if group.key in self._groups:
            return box, self._groups[group.key][0]
        rows = self._rows.get(box)
        if rows is None:
            return "", ""
        return box, rows[-1].id if rows and rows[-1].sort == "rest" else ""


def _opened(pages: int) -> int:
    """How many rows more are drawn after some openings."""
    return min(A_PAGE * ((1 << min(pages, 10)) - 1), MOST_ROWS)


def _not_drawn(count: int, noun: str, which: str = "") -> str:
    """How many of something a picture leaves out."""
    return f"{plural(count, noun)}{which} {'is' if count == 1 else 'are'} not drawn"


def _rank(group: Group, marked: set[int]) -> tuple[int, int]:
    """Roots come first, then what the session has a name for, then by sort and number."""
    return 1 if id(group) in marked and group.key.sort != "root" else _ORDER[group.key.sort], group.least


def _number(id: str) -> int:
    """The number of a vat's or a device's id."""
    digits = id[1:17]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0
