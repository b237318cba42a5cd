"""What vats have said and what went wrong in them, read out of the history, the worst first.

A vat says something by printing it, by a warning, and through `logging`; it goes wrong when a rejection is
handled by nobody, when a delivery fails and is rolled back, and when a session is told of a rejection that it
awaits. What one vat handles of another is part of its work. All of that is in the records of cranks: so it
can be read after a restart, and of any moment of the past, and a vat pays nothing for it.

A rejection is listed once: as `unhandled` where nobody handled it, else as `rejected` in the crank that
rejected it.

A level is read off the text. Standard output is `print`. On standard error, a line that begins as `logging`
writes it (`ERROR:bank:no money`) has the level that it names, a line in the form of a warning is a warning,
and so is any other. So a vat can choose the level of its own lines. It cannot choose the name at
their side, nor say anything for another vat or for the kernel.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, NamedTuple, get_args

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.recorded import Recorded, Wanted
from swingset.lens.history.wording import Words
from swingset.model.capdata import CapData
from swingset.model.foreign import read_object
from swingset.model.messages import Notify, Send, UpgradeVat, kind_of
from swingset.model.reports import frames_from_json
from swingset.model.result_lines import InLines
from swingset.model.states import ConsoleLevel
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.world.promises import REJECTED
from swingset.world.records import CrankRecord

LEVELS: Final[tuple[ConsoleLevel, ...]] = get_args(ConsoleLevel)
"""The levels, the worst first."""

MOST_OF_ONE = 200
"""How many lines of one crank are returned at most."""

_LONGEST = 1_000
_READ = 1 << 18  # characters of one output that are taken apart
_JUDGED = 4_000  # and of one text on standard error

_LOGGED = re.compile(r"(CRITICAL|ERROR|WARNING|INFO|DEBUG):[^:\s]{0,200}:")
_LOGGED_AS: dict[str, ConsoleLevel] = {
    "CRITICAL": "error",
    "ERROR": "error",
    "WARNING": "warning",
    "INFO": "info",
    "DEBUG": "info",
}
_WARNED = re.compile(r"<[^<>:\n]{1,200}:([^<>\n]{1,200})>:(\d{1,9}): (\w{0,80}Warning: )")
_MOST_WAITING = 10_000  # rejections whose receiver was not told yet
_UPGRADE = "upgrade-vat"
_UNHANDLED = "unhandled rejection in "
_AT = re.compile(r"\((?P<part>[^()]{1,200}), line (?P<line>\d{1,9}), in (?P<function>[^()\n]{1,200})\)")
_TRACED = "Traceback (most recent call last):"
_FRAME = re.compile(r'\n {2,4}File "<[^<>:\n]{1,200}:([^<>"\n]{1,200})>", line (\d{1,9}), in ([^\n]{1,200})')


@dataclass(frozen=True)
class ConsoleLine:
    """One thing that a vat said, or that went wrong in it, as one line of drawn characters.

    `record` and `crank` say in which it was, and `during` what the crank did: a method such as `deposit()`,
    or the kind of another event. `where` is the line of the vat's code, if the text or the fault names it.
    `mended` is the crank of the first good upgrade of the vat after this one, if this one was refused.
    """

    level: ConsoleLevel
    vat: str
    crank: int
    record: int
    during: str
    text: str
    where: str | None = None
    mended: int | None = None

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where is not None and self.where not in self.text else ""
        return f"{self.level}: crank {self.crank:,}, {self.vat}, {self.during}: {self.text}{where}"


@dataclass(frozen=True, repr=False)
class ConsoleLines(InLines):
    """The console of a world: `shown` are the worst lines first, those of one level in order of time.

    `counts` has the number of all lines of each level that was asked for. Of more than are shown, the newest
    of each level are. `gone` says which part of the past is not in the file.

    Source:
        Ours; the slog has `console` entries for the same.
    """

    shown: tuple[ConsoleLine, ...]
    counts: tuple[tuple[ConsoleLevel, int], ...]
    gone: str | None = None

    @property
    def more(self) -> int:
        """How many lines there are besides those that are shown."""
        return sum(count for _, count in self.counts) - len(self.shown)

    def counted(self) -> str:
        """The numbers of lines in words.

        Example:
            >>> swingset.console(world).counted()
            'no lines'
        """
        words = {"error": ("error", "errors"), "warning": ("warning", "warnings")}
        words |= {"info": ("line of info", "lines of info"), "print": ("printed line", "printed lines")}
        told = [f"{count:,} {words[level][count != 1]}" for level, count in self.counts if count]
        return ", ".join(told) or "no lines"

    def _lines(self) -> list[str]:
        found = [self.gone] if self.gone else []
        found += [self.counted(), *map(str, self.shown)]
        return [*found, f"and {self.more:,} more"] if self.more else found


class _Part(NamedTuple):
    """A piece of an output, with its level and its line of code."""

    level: ConsoleLevel
    text: str
    where: str | None = None


def console(
    store: KernelStore, vat: str | None, level: ConsoleLevel, since: int, until: int | None, most: int
) -> ConsoleLines:
    """The lines of a level and worse, after crank `since` and up to crank `until`.

    Raises `KernelError` for a level or a vat that is none, and if `most` is not a number from 1.
    """
    if level not in LEVELS:
        raise KernelError(f"there is no level {one_line(repr(level), 40)}; there are: {', '.join(LEVELS)}")
    if most < 1:
        raise KernelError(f"at most {most} lines are nothing to show: ask for 1 or more")
    if vat is not None and vat not in (names := [known.name for known in store.vats.all()]):
        there_are = ", ".join(one_line(name, 40) for name in sorted(set(names))[:20]) or "none"
        raise KernelError(f"there is no vat {one_line(repr(vat), 60)}; there are: {there_are}")
    asked = LEVELS[: LEVELS.index(level) + 1]
    recorded = Recorded(store.world)
    kept: dict[ConsoleLevel, deque[ConsoleLine]] = {each: deque(maxlen=most) for each in asked}
    counts = dict.fromkeys(asked, 0)
    sessions = {known.name for known in store.vats.all() if known.attached}
    upgraded: dict[str, list[int]] = {}
    for line in _said(recorded, Words(store), vat, level, since, until, sessions, upgraded):
        if line.level in counts:
            counts[line.level] += 1
            kept[line.level].append(line)
    shown: list[ConsoleLine] = []
    for each in asked:
        room = most - len(shown)
        newest = list(kept[each])[-room:] if room else []
        shown += [_mended(line, upgraded) for line in sorted(newest, key=lambda line: line.record)]
    gone = recorded.gone
    lacking = str(gone) if gone is not None and since < gone.crank else None
    return ConsoleLines(tuple(shown), tuple(counts.items()), lacking)


def _said(
    recorded: Recorded,
    words: Words,
    vat: str | None,
    level: ConsoleLevel,
    since: int,
    until: int | None,
    sessions: set[str],
    upgraded: dict[str, list[int]],
) -> Iterator[ConsoleLine]:
    """The lines in order of time; the cranks of good upgrades are added to `upgraded`, by the vat's name."""
    waiting: dict[str, ConsoleLine] = {}
    for record in recorded.briefly(_wanted(level), recorded.through(since), ("promises",)):
        if until is not None and record.crank > until:
            return
        if not isinstance(record, CrankRecord) or record.crank <= since:
            continue
        if vat in (None, record.vat):
            yield from lines_of(record, words)
        if isinstance(record.event, UpgradeVat) and record.outcome == "upgraded":
            upgraded.setdefault(one_line(record.vat or "?", 60), []).append(record.crank)
        told = waiting.pop(record.event.promise, None) if isinstance(record.event, Notify) else None
        awaited = record.vat in sessions and not _reports(record)
        if told is not None and awaited and vat in (None, told.vat):
            yield told
        for row in record.rows or ():
            if row.after is not None and row.after[1] == REJECTED and isinstance(row.after[5], str):
                waiting[str(row.key[0])] = _rejected(record, row.after[5], words)
                if len(waiting) > _MOST_WAITING:
                    del waiting[next(iter(waiting))]


def _wanted(level: ConsoleLevel) -> Wanted:
    said = b'"console":' if level == "print" else b'"stderr"'
    needles = (said, b'"fault":', b'"rejected"', b'"notify"', b'"upgraded"')
    return lambda line: any(needle in line for needle in needles)


def _reports(record: CrankRecord) -> bool:
    """Whether a crank reports a rejection that nobody has handled."""
    return any(stream == "stderr" and _UNHANDLED in text for stream, text in record.console)


def _rejected(record: CrankRecord, body: str, words: Words) -> ConsoleLine:
    """The line of a rejection, in the crank that rejected the promise."""
    vat, during = one_line(record.vat or "?", 60), during_of(record, words)
    said = value_in_words(CapData(body), lambda slot, iface: iface or slot, _LONGEST)
    raw = read_object(body[1:])
    frames = frames_from_json(raw.get("trace")) if raw is not None else ()
    where = one_line(str(frames[-1]), 200) if frames else None
    return ConsoleLine("error", vat, record.crank, record.number, during, f"rejected: {said}", where)


def _mended(line: ConsoleLine, upgraded: Mapping[str, list[int]]) -> ConsoleLine:
    if line.during != _UPGRADE:
        return line
    later = (crank for crank in upgraded.get(line.vat, ()) if crank > line.crank)
    return replace(line, mended=next(later, None))


def lines_of(record: CrankRecord, words: Words) -> Iterator[ConsoleLine]:
    """What was said in one crank, and what went wrong in it."""
    vat, during = one_line(record.vat or "?", 60), during_of(record, words)
    for part in islice(_parts_of(record), MOST_OF_ONE):
        text, where = one_line(part.text[:_JUDGED].strip("\n"), _LONGEST), part.where
        where = None if where is None else one_line(where, 200)
        yield ConsoleLine(part.level, vat, record.crank, record.number, during, text, where)


def during_of(record: CrankRecord, words: Words) -> str:
    """What a crank did, in a word: `deposit()` for a message, and the event for another crank."""
    if isinstance(record.event, Send):
        return f"{one_line(record.event.message.method, 60)}()"
    return kind_of(record.event) if kind_of(record.event) != "notify" else words.event(record.event)


def _parts_of(record: CrankRecord) -> Iterator[_Part]:
    fault = record.fault
    if fault is not None:
        where = str(fault.trace[-1]) if fault.trace else None
        yield _Part("error", f"{fault.name}: {fault.message} [{fault.code}]", where)
    for stream, text in record.console:
        if stream == "stdout":
            yield from (_Part("print", line) for line in text[:_READ].split("\n") if line)
        else:
            yield from map(_judged, _pieces(text[:_READ]))


def _pieces(text: str) -> Iterator[str]:
    """The texts on standard error: a line with the lines that belong to it, such as those of a traceback."""
    piece, traced = "", False
    for line in text.split("\n"):
        if piece and (line[:1] == " " or traced or line == _TRACED):
            piece += f"\n{line}"
            traced = line == _TRACED or (traced and line[:1] == " ")
            continue
        if piece:
            yield piece[:_JUDGED]
        piece, traced = line, line == _TRACED
    if piece:
        yield piece[:_JUDGED]


def _judged(piece: str) -> _Part:
    if piece.startswith(_UNHANDLED):
        at = _AT.search(piece)
        return _Part("error", piece, None if at is None else at[0][1:-1])
    if warned := _WARNED.match(piece):
        words = piece.partition("\n")[0][warned.start(3) :]  # the line of code below it is in `where`
        return _Part("warning", words, f"{warned[1]}, line {warned[2]}")
    logged = _LOGGED.match(piece)
    level = _LOGGED_AS[logged[1]] if logged else "error" if _TRACED in piece else "warning"
    if frames := _FRAME.findall(piece):
        return _Part(level, piece, "{}, line {}, in {}".format(*frames[-1]))
    at = _AT.search(piece) if logged else None
    return _Part(level, piece, None if at is None else at[0][1:-1])
