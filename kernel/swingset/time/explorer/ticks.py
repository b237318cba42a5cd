"""The timeline: every crank of a world as one number in memory, binned for whatever stretch is looked at.

The records are passed over once, as text: of each crank only its vat, and whether it failed, is kept, two
bytes for a crank. After that only new records are read, and if the world has gone elsewhere, what is not on
its line of commits any more is forgotten. A stretch is then binned by bisection, whatever its length.

A crank failed if its delivery did, if its message was rejected, if it rejected a promise that somebody
waits for, or if the guest reports a rejection that no code of the vat handles.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from swingset.core.errors import KernelError
from swingset.lens.history.timeline import RENEWED, clone_of, in_words, vats_then
from swingset.model.capdata import CapData
from swingset.model.counting import plural
from swingset.model.spelling import spelled
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.time.explorer.answers import Bin, Lane, MarkKind, Timeline
from swingset.time.explorer.answers import Mark as Told
from swingset.time.explorer.labels import LABEL, NAME
from swingset.time.explorer.reel import Reel, is_crank
from swingset.world.errors import WorldError
from swingset.world.file import WorldFile
from swingset.world.line import Mark
from swingset.world.promises import REJECTED
from swingset.world.records import CrankRecord, RowChange
from swingset.world.rows import RULES
from swingset.world.vats import ATTACHED, SUSPENDED, TERMINATED

MOST_LANES, MOST_MARKS = 20, 60
"""How many lanes and marks a timeline has at most."""

MOST_COLUMNS, MOST_COMMITS = 2_000, 300

FIRST_BYTES, ZOOM_BYTES = 60_000, 20_000
"""How many bytes a timeline has at most as JSON, its bins as lists: of all cranks, and of a stretch."""

_AROUND = 600  # bytes of the names of its parts

_VAT = re.compile(rb'"vat":"([^"\\\\]{1,800})"\}\Z')
_REJECTED = re.compile(rb'\["promises",\["(kp[0-9]{1,16})","rejected",')
_VATS = b'["vats",'
_UNHANDLED = b'["stderr","unhandled rejection in '
_AT = {
    column: list(RULES["vats"]).index(column) for column in ("id", "name", "state", "incarnation", "worker")
}
_RANK: dict[MarkKind, int] = {"cut": 0, "checkpoint": 1, "upgraded": 2, "terminated": 3, "suspended": 4}
_OTHERS = "\n"  # what no vat can be called


@dataclass
class _Lane:
    """The cranks of one vat, and those that failed."""

    cranks: array[int] = field(default_factory=lambda: array("q"))
    failed: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True)
class _Seen:
    """What a row of the table of vats said after a crank; `state` is empty if the row was deleted."""

    crank: int
    record: int
    vat: str
    name: str = ""
    state: str = ""
    incarnation: int = 0
    attached: bool = False
    told: bool = True
    clone_of: str | None = None


class Ticks:
    """All cranks on the line of commits of one world."""

    def __init__(self, world: WorldFile, reel: Reel) -> None:
        self._world = world
        self._reel = reel
        self._lanes: dict[str, _Lane] = {}
        self._seen: list[_Seen] = []
        self._marks: list[Told] = []
        self._known: dict[str, tuple[str, int]] = {}
        self._ids: dict[str, str] = {}
        self._rejected: dict[bytes, int] = {}
        """In which crank each promise was rejected: its row comes again whenever its count changes."""
        self._done: list[int] = []
        """The commits that were read, oldest first."""
        self._words: dict[int, str] = {}
        self._others: tuple[tuple[int, int], _Lane] | None = None
        self.last, self._first, self._record = 0, 1, 0

    # Following

    def follow(self) -> None:
        """Read what is new, and forget what the world has left."""
        reel = self._reel
        reel.follow()
        marks, done = reel.marks, self._done
        keep = min(len(done), len(marks))
        while keep and done[keep - 1] != marks[keep - 1].seq:
            keep -= 1
        if keep < len(done) and keep < len(marks):
            # Of a past that was pruned the end is known already.
            known = set(done)
            while keep < len(marks) and (marks[keep].seq in known):
                keep += 1
        self._forget_after(reel.before(keep))
        self._done = [mark.seq for mark in marks]
        for place in range(keep, len(marks)):
            if place >= reel.start:
                self._read(place)
            elif place == reel.start - 1:
                self._begin(place)
        self._read(len(marks))
        if reel.first != self._first:
            self._forget_before(reel.first)

    def _forget_before(self, crank: int) -> None:
        """Forget the cranks of a past that was pruned."""
        self._first = crank
        for lane in self._lanes.values():
            for kept in (lane.cranks, lane.failed):
                del kept[: bisect_left(kept, crank)]

    def _forget_after(self, mark: Mark) -> None:
        if mark.record == self._record:
            return
        crank, self._record = mark.crank, mark.record
        self.last = crank
        for lane in self._lanes.values():
            for kept in (lane.cranks, lane.failed):
                del kept[bisect_right(kept, crank) :]
        self._rejected = {kref: at for kref, at in self._rejected.items() if at <= crank}
        self._words = {at: text for at, text in self._words.items() if at <= crank}
        seen = [one for one in self._seen if one.record <= mark.record]
        self._seen, self._marks, self._known, self._ids = [], [], {}, {}
        for one in seen:
            self._see(one)

    def _begin(self, place: int) -> None:
        """Begin with the vats of the state at which the past that is left begins."""
        mark = self._reel.marks[place]
        self.last, self._record = mark.crank, mark.record
        for row in vats_then(self._world, mark.seq):
            self._take(mark.crank, mark.record, row, told=False)

    def _read(self, place: int) -> None:
        """Pass over the records of a commit."""
        crank, record = self._reel.before(place).crank, self._reel.before(place).record
        for at, line in enumerate(self._reel.streamed(place)):
            before, record = crank, record + 1
            if is_crank(line):
                crank += 1
                self._count(line, crank)
            if _VATS in line:
                for row in self._reel.decode(place, at, line, before).rows or ():
                    if row.table == "vats":
                        self._take(crank, record, row, told=True)
        self.last, self._record = crank, record

    def _count(self, line: bytes, crank: int) -> None:
        found = _VAT.search(line[-820:])
        name = "" if found is None else found[1].decode("utf-8", "replace")
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        lane.cranks.append(crank)
        failed = b'"fault":{' in line or _UNHANDLED in line
        failed = failed or (b'"outcome":"delivered"' not in line and _has_failed(line))
        if b'"rejected",' in line:
            for promise in _REJECTED.findall(line):
                failed = failed or promise not in self._rejected
                self._rejected.setdefault(promise, crank)
        if failed:
            lane.failed.append(crank)

    def _take(self, crank: int, record: int, row: RowChange, *, told: bool) -> None:
        if row.after is None:
            self._see(_Seen(crank, record, str(row.key[0])))
            return
        vat, name, state = (str(row.after[_AT[at]]) for at in ("id", "name", "state"))
        incarnation, attached = int(row.after[_AT["incarnation"]] or 0), row.after[_AT["worker"]] == ATTACHED
        of = clone_of(row, self._called)
        self._see(_Seen(crank, record, vat, name, state, incarnation, attached, told, of))

    def _called(self, vat: str) -> str:
        return next((name for name, known in self._ids.items() if known == vat), vat)

    def _see(self, seen: _Seen) -> None:
        self._seen.append(seen)
        if not seen.state:
            self._known.pop(seen.vat, None)
            return
        before = self._known.get(seen.vat)
        self._known[seen.vat] = seen.state, seen.incarnation
        self._ids[seen.name] = seen.vat
        kind: MarkKind | None = None
        if before is None:
            kind = "created"
        elif before[0] != seen.state:
            kind = {SUSPENDED: "suspended", TERMINATED: "terminated"}.get(seen.state, "resumed")  # type: ignore[assignment]
        elif before[1] != seen.incarnation:
            kind = "renewed" if seen.attached else "upgraded"
        if kind is not None and seen.told:
            what = RENEWED if kind == "renewed" else kind
            of = seen.clone_of if kind == "created" else None
            words = in_words(one_line(seen.name, NAME), what, seen.incarnation, of)
            self._marks.append(Told(seen.crank, kind, words))

    # Answers

    def last_of(self, vat: str, crank: int) -> int | None:
        """The last crank of the vats of this name, up to that crank; None if there is none."""
        lane = self._lanes.get(vat)
        at = bisect_right(lane.cranks, crank) if lane is not None else 0
        return lane.cranks[at - 1] if lane is not None and at else None

    def timeline(self, since: int | None, until: int | None, columns: int) -> Timeline:
        """The cranks of a stretch, binned; of all of them if none is given."""
        self.follow()
        first = self._reel.first
        room = (FIRST_BYTES if since is None and until is None else ZOOM_BYTES) - _AROUND
        begin = min(max(first if since is None else since, first), max(self.last, first))
        end = max(min(self.last if until is None else until, self.last), begin)
        lanes, cranks = self._chosen()
        marks, more = self._marked(begin, end)
        commits, unlisted = self._commits(begin, end)
        room -= len(commits) * (len(str(end)) + 1)
        room -= sum(map(_size, lanes)) + sum(map(_size, marks))
        columns = max(1, min(columns, MOST_COLUMNS))
        while True:
            width = -(-(end - begin + 1) // columns)
            most = room // (10 + len(str(columns)) + 2 * len(str(end)) + 2 * len(str(width)))
            bins = list(_binned(cranks, begin, end, width, most))
            if len(bins) <= most or columns == 1:
                break
            columns = max(1, columns * 2 // 3)
        used = -(-(end - begin + 1) // width)
        return Timeline(
            begin, end, first, self.last, used, width, lanes, tuple(bins), marks, more, commits, unlisted
        )

    def _chosen(self) -> tuple[tuple[Lane, ...], list[_Lane]]:
        """The lanes by order of creation: all, or those with the most cranks and one for the others."""
        names = sorted(self._lanes, key=lambda name: (-len(self._lanes[name].cranks), self._hue(name), name))
        names = [name for name in names if self._lanes[name].cranks]
        rest = names[MOST_LANES:] if len(names) > MOST_LANES + 1 else []
        shown = sorted(names[: len(names) - len(rest)], key=lambda name: (not name, self._hue(name), name))
        lanes = [
            Lane(self._ids.get(name, ""), one_line(name, NAME) or "kernel", self._hue(name)) for name in shown
        ]
        cranks = [self._lanes[name] for name in shown]
        if rest:
            lanes.append(Lane("", plural(len(rest), "more vat"), 0))
            total = sum(len(self._lanes[name].cranks) for name in rest)
            if self._others is None or self._others[0] != (total, self.last):
                other = _Lane()
                for name in rest:
                    other.cranks += self._lanes[name].cranks
                    other.failed += self._lanes[name].failed
                other = _Lane(array("q", sorted(other.cranks)), array("q", sorted(other.failed)))
                self._others = (total, self.last), other
            cranks.append(self._others[1])
        return tuple(lanes), cranks

    def _hue(self, name: str) -> int:
        return int(self._ids.get(name, "v0")[1:17])

    def _marked(self, begin: int, end: int) -> tuple[tuple[Told, ...], int]:
        """The marks of a stretch: what happened to vats and the past, then the newest errors."""
        low = bisect_left(self._marks, begin, key=lambda mark: mark.crank)
        high = bisect_right(self._marks, end, key=lambda mark: mark.crank)
        found = [*self._marks[low:high], *self._checkpoints(begin, end)]
        if self._reel.gone is not None and begin == self._reel.first:
            found.append(Told(begin, "cut", one_line(str(self._reel.gone), LABEL)))
        found.sort(key=lambda mark: (_RANK.get(mark.kind, 9), -mark.crank))
        failed: list[int] = []
        errors = 0
        for lane in self._lanes.values():
            low, high = bisect_left(lane.failed, begin), bisect_right(lane.failed, end)
            errors += high - low
            failed += lane.failed[max(low, high - MOST_MARKS) : high]
        room = MOST_MARKS - min(len(found), MOST_MARKS * 2 // 3)
        newest = sorted(failed)[-room:]
        kept = found[: MOST_MARKS - len(newest)]
        more = len(found) - len(kept) + errors - len(newest)
        kept += [Told(crank, "error", self._error(crank)) for crank in newest]
        return tuple(sorted(kept, key=lambda mark: (mark.crank, mark.kind, mark.text))), more

    def _commits(self, begin: int, end: int) -> tuple[tuple[int, ...], int]:
        """The cranks after which there was a commit, and how many commits are not listed: all, or none."""
        marks = self._reel.marks
        low = bisect_left(marks, begin, key=lambda mark: mark.crank)
        high = bisect_right(marks, end, key=lambda mark: mark.crank)
        if high - low > MOST_COMMITS:
            return (), high - low
        return tuple(dict.fromkeys(mark.crank for mark in marks[low:high])), 0

    def _checkpoints(self, begin: int, end: int) -> Iterator[Told]:
        places = self._reel.places
        for label in self._world.labels():
            if begin <= label.crank <= end and label.seq in places:
                yield Told(label.crank, "checkpoint", f"checkpoint {one_line(label.name, NAME)}")

    def _error(self, crank: int) -> str:
        """Why a crank failed, in words."""
        if crank not in self._words:
            while len(self._words) >= 4 * MOST_MARKS:
                del self._words[next(iter(self._words))]
            try:
                self._words[crank] = one_line(error_of(self._reel.crank(crank)), LABEL)
            except (KernelError, WorldError):
                return "it cannot be read"
        return self._words[crank]


def _size(part: Lane | Told) -> int:
    """How many bytes a lane or a mark has as JSON, at most."""
    texts = (part.vat, part.name) if isinstance(part, Lane) else (part.kind, part.text)
    return 60 + sum(len(spelled(text).encode("utf-8", "replace")) for text in texts)


def _has_failed(line: bytes) -> bool:
    return any(b'"outcome":"%s"' % outcome in line for outcome in (b"rejected", b"refused", b"starved"))


def _binned(cranks: list[_Lane], begin: int, end: int, width: int, most: int) -> Iterator[Bin]:
    """The bins of some lanes; a few more than allowed at most."""
    made = 0
    for number, lane in enumerate(cranks):
        at, stop = bisect_left(lane.cranks, begin), bisect_right(lane.cranks, end)
        while at < stop:
            column = (lane.cranks[at] - begin) // width
            last = begin + (column + 1) * width - 1
            after = bisect_right(lane.cranks, last, at, stop)
            failed = bisect_right(lane.failed, last) - bisect_left(lane.failed, lane.cranks[at])
            yield Bin(number, column, after - at, lane.cranks[at], lane.cranks[after - 1], failed)
            at = after
            made += 1
            if made > most:
                return


def error_of(record: CrankRecord) -> str:
    """Why a crank failed, or which rejection it has or reports; empty if there is none."""
    if record.fault is not None:
        where = f" ({record.fault.trace[-1]})" if record.fault.trace else ""
        return f"{record.fault.name}: {record.fault.message}{where}"
    for row in record.rows or ():
        after = row.after if row.table == "promises" else None
        if after is not None and after[1] == REJECTED and isinstance(after[5], str):
            return "rejected: " + value_in_words(CapData(after[5]), _unnamed, LABEL)
    for stream, text in record.console:
        if stream == "stderr" and text.startswith("unhandled rejection in "):
            return text
    return record.outcome if _has_failed(b'"outcome":"%s"' % record.outcome.encode()) else ""


def _unnamed(_slot: str, iface: str | None) -> str:
    return one_line(iface or "object", NAME)
