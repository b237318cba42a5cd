"""Replays a world: builds it anew from its records and transcripts, and compares every step.

A new world begins empty, and the kernel repeats each request and each crank of the records, in their order.
In a kernel replay no vat runs: a `Script` says what each vat did. In a full replay the vats run on the real
engines, and what they do is compared, too. Each repeated crank or request makes a record as the first one
did; the two records have to be equal, with all changed rows, and after each commit so do the digests of both
states. If both commits changed the same, these are equal as before, and are computed only at the end. The
first difference ends the replay, and is named with both sides.

What cannot be repeated is listed as not checked, and taken over as it was recorded: the cranks of a vat
without a transcript, whose changed rows are written; and a commit whose records do not tell all rows of such
a crank, or that has no records because an earlier version made it: its state is taken as the file has it.

The replayed world is never touched: all of it happens in copies in memory.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from swingset.core.atomic import refuse_within_crank
from swingset.core.cranks import Cranks
from swingset.core.kernel import Kernel
from swingset.host.base.engines import CONFINING, Engines
from swingset.host.worlds.controller import Controller
from swingset.model.foreign import read_json
from swingset.model.stack import room
from swingset.model.visible import one_line
from swingset.time.replaying.repeating import Repeater, write_rows
from swingset.time.replaying.script import (
    FACTORIES,
    Differs,
    Script,
    ScriptedDevices,
    ScriptedWarehouse,
    Unrecorded,
)
from swingset.workers.base import WorkerFactory
from swingset.world.digest import LEFT_OUT
from swingset.world.file import WorldFile
from swingset.world.record_lines import lines, read_lines
from swingset.world.records import CrankRecord, Record, RowChange
from swingset.world.rows import RULES

_SHOWN = 300


@dataclass(frozen=True)
class FirstDifference:
    """The first thing in which a replay differs from the records.

    `record` is the number of the record, None if the records agree and the states do not; `crank` is its
    crank, for a request the one before it; `vat` is the vat that ran, if one did. `what` names the thing that
    differs, with what `came` in the replay and what was `recorded`.
    """

    commit: int
    record: int | None
    crank: int
    vat: str | None
    what: str
    came: str
    recorded: str

    def __str__(self) -> str:
        where = f"commit {self.commit}" if self.record is None else f"record {self.record}"
        where += f", crank {self.crank}" + (f", vat {one_line(self.vat, 100)}" if self.vat else "")
        return f"{where}: {self.what}: came {self.came}, recorded {self.recorded}"


@dataclass(frozen=True)
class Replayed:
    """What a replay has compared.

    `cranks`, `requests` and `commits` count what was repeated and agreed. `not_checked` has a sentence for
    each thing that could not be repeated. `difference` is the first difference, at which the replay ended.
    """

    cranks: int
    requests: int
    commits: int
    not_checked: tuple[str, ...]
    difference: FirstDifference | None

    @property
    def ok(self) -> bool:
        """Whether everything that was compared agreed."""
        return self.difference is None

    def __str__(self) -> str:
        counted = f"{self.commits:,} commits, {self.cranks:,} cranks and {self.requests:,} requests"
        told = [f"{counted} were repeated, and agree"]
        told += [f"not checked: {line}" for line in self.not_checked]
        if self.difference is not None:
            told.append(f"then the first difference: {self.difference}")
        return "\n".join(told)


def replay(
    world: Controller | str | os.PathLike[str], *, full: bool = False, digests: bool = True
) -> Replayed:
    """Build a world anew from its records and transcripts, and compare it with what was recorded.

    Nothing of the world changes. Uncommitted requests and cranks are replayed, too.

    Args:
        world: an open world, or the path of a world file.
        full: whether the vats run again, on the engines of this machine; otherwise their transcripts say
            what they did. Local vats of a file that is given by its path do not run.
        digests: whether both states are compared after each commit; the changed rows are in any case.
    Returns:
        How much was repeated, what could not be checked, and the first difference.
    Raises:
        WorldError: for a file that is no world, or whose history cannot be read.
    Source:
        The replay of a worker from its transcript, for all vats and the kernel at once.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> print(swingset.replay(world).difference)
        None
    """
    with _copied(world) as (source, engines):
        replaying = Replaying(source, engines if full else None, digests=digests)
        try:
            return replaying.run()
        finally:
            replaying.close()


@contextmanager
def _copied(
    world: Controller | str | os.PathLike[str],
) -> Iterator[tuple[WorldFile, Mapping[str, WorkerFactory]]]:
    """Copy a world into memory; returns the copy, and the engines on which its vats may run."""
    if isinstance(world, Controller):
        with world.lock:
            refuse_within_crank(world.kernel.store)
            source = world.world.fork()
        engines = world.engines
    else:
        with WorldFile.look(world) as file:
            source = file.fork()
        engines = Engines(kinds=CONFINING)  # each is prepared only if a vat needs it
    with source:
        yield source, engines


class Replaying:
    """A replay under way: a `source`, which goes from commit to commit, and the world that is built anew."""

    def __init__(
        self, source: WorldFile, engines: Mapping[str, WorkerFactory] | None, *, digests: bool = True
    ) -> None:
        self._source = source
        self._engines = engines
        self._digests = digests
        self._script = Script(source)
        self._cranks = self._requests = self._commits = 0
        self.not_checked = Counter[str]()
        """What could not be repeated, and how often."""
        self._world: WorldFile | None = None

    def run(self) -> Replayed:
        """Replay the line of commits up to the one at which the source stands."""
        return self.along(list(self._source.history.ancestors(self._source.head))[::-1])

    def along(self, line: Sequence[int]) -> Replayed:
        """Replay a line of commits, of which the first is where it begins: its state is taken as it is."""
        first, *later = line
        self._source.goto(first)
        empty = WorldFile.open(None)
        if empty.digest() == self._source.digest():
            self._stand_in(empty)
        else:
            empty.close()
            self._stand_in(self._source.fork())
        difference = next((found for found in map(self._commit, later) if found is not None), None)
        if difference is None and later and self._digests:
            difference = self._compare_states(later[-1])
        unchecked = in_words(self.not_checked)
        return Replayed(self._cranks, self._requests, self._commits, unchecked, difference)

    def close(self) -> None:
        """Close the world that was built."""
        if self._world is not None:
            self.kernel.warehouse.close()
            self._world.close()

    def _stand_in(self, world: WorldFile) -> None:
        """Go on in another world, whose state is that of the source."""
        self.close()
        self._world = world
        self.world = world
        world.name = f"a replay of {self._source.name}"
        runs = self._engines is not None
        cranks = Cranks(
            world,
            self._engines if self._engines is not None else FACTORIES,
            warehouse=partial(_warehouse, self._script, runs),
            devices=self._devices,
        )
        self.kernel = Kernel(cranks)
        self.devices.install_own(cranks)
        self.repeater = Repeater(self.kernel, self.devices, self._script)

    def _devices(self, store: Any) -> ScriptedDevices:
        self.devices = ScriptedDevices(store, self._script)
        return self.devices

    # One commit

    def _commit(self, commit: int) -> FirstDifference | None:
        """Repeat the records of a commit; returns the first difference."""
        source, number, crank = self._source, self.world.journal.last, self.kernel.cranks.count
        source.goto(commit)
        told = list(lines(source.history.records(commit)))
        records = read_lines(source.name, commit, told, number=number + 1, crank=crank)
        for line, record in zip(told, records, strict=True):
            try:
                difference = self._record(line, record)
            except _UntoldRows as untold:
                self.not_checked[str(untold)] += 1
                self._take_over()
                return None
            if difference is not None:
                return difference
        if not told:
            self.not_checked["a commit without records: pruned, or of an earlier version or an archive"] += 1
            self._take_over()
            return None
        made = self.world.commit()
        self._commits += 1
        if not self._digests or (made is not None and self._is_same(made, commit)):
            return None
        return self._compare_states(commit)

    def _is_same(self, made: int, commit: int) -> bool:
        """Whether a commit of each world has the very same changes: equal states are equal after it, too."""
        changes = self.world.history.part("changeset", made)
        return changes == self._source.history.part("changeset", commit)

    def _compare_states(self, commit: int) -> FirstDifference | None:
        """Compare the digests of both states."""
        came, recorded = self.world.digest(), self._source.digest()
        if came == recorded:
            return None
        crank = self.kernel.cranks.count
        return FirstDifference(commit, None, crank, None, "the digest of the state", came, recorded)

    def _take_over(self) -> None:
        """Take the state of the source as it is."""
        self._stand_in(self._source.fork())

    # One record

    def _record(self, line: bytes, record: Record) -> FirstDifference | None:
        before, crank = self.world.journal.last, self.kernel.cranks.count
        self._script.stand_at(record)
        try:
            self._repeat(line, record)
            made = self.world.journal.since(before)
            if len(made) != 1:
                raise Differs("the number of records that it makes", len(made), 1)
            since = record.crank - 1 if isinstance(record, CrankRecord) else record.crank
            if made != [line] or (record.number, since) != (before + 1, crank):  # else they are equal unread
                numbers = {"number": before + 1, "crank": crank}
                (came,) = read_lines(self.world.name, record.commit, made, **numbers)
                self._compare(came, record)
        except _UntoldRows:
            raise
        except Differs as found:
            return _difference(record, found.what, found.came, found.recorded)
        except Exception as problem:  # the records of a stranger can make a kernel raise anything
            return _difference(record, "repeating it", f"{type(problem).__name__}: {problem}", "no error")
        if isinstance(record, CrankRecord):
            self._cranks += 1
        else:
            self._requests += 1
        return None

    def _repeat(self, line: bytes, record: Record) -> None:
        try:
            if isinstance(record, CrankRecord):
                self._crank(record)
            else:
                self.repeater.repeat(record)
        except Unrecorded as unrecorded:
            what = f"what vat {unrecorded.vat} did, which has no transcript"
            if record.rows is None:
                raise _UntoldRows(what) from None
            self.not_checked[what] += 1
            said = {name: part for name, part in read_json(line).items() if name != "rows"}
            write_rows(self.kernel, record.rows, lambda: said)

    def _crank(self, record: CrankRecord) -> None:
        event: Any = record.event
        if record.position is not None:
            event = self.kernel.store.queues.at(record.position)
            if event is None:
                raise Differs(f"the event at {record.position} of the run-queue", None, record.event)
        with room():
            self.kernel.cranks.run_event(record.position, event, record.clean_up or 0)

    def _compare(self, came: Record, recorded: Record) -> None:
        """Raise `Differs` unless two records are equal."""
        if type(came) is not type(recorded):
            raise Differs("the record", type(came).__name__, type(recorded).__name__)
        for name, other in vars(recorded).items():
            one = vars(came)[name]
            if one != other and name == "rows" and one is not None and other is not None:
                self._compare_rows(one, other)
            elif one != other and not (name == "transcripts" and self._engines is not None):
                raise Differs(name, one, other)

    def _compare_rows(self, came: tuple[RowChange, ...], recorded: tuple[RowChange, ...]) -> None:
        left_out = LEFT_OUT["spans"] if self._engines is not None else ()
        one, other = _by_key(came, left_out), _by_key(recorded, left_out)
        for key in [*other, *(key for key in one if key not in other)]:
            if one.get(key) == other.get(key):
                continue
            table, *names = key
            what = f"row {', '.join(map(str, names))} of {table}"
            sides = one.get(key, "no change"), other.get(key, "no change")
            if all(isinstance(side, tuple) for side in sides):
                left = left_out if table == "spans" else ()
                columns = [name for name in RULES[table] if name not in left]
                for column, came_then, recorded_then in zip(columns, *sides, strict=False):
                    if came_then != recorded_then:
                        raise Differs(f"{what}, {column}", came_then, recorded_then)
            raise Differs(what, *sides)


def in_words(not_checked: Mapping[str, int]) -> tuple[str, ...]:
    """A sentence for each thing that could not be repeated."""
    return tuple(f"{what} ({count:,} times)" for what, count in not_checked.items())


class _UntoldRows(Exception):
    """A record has too many rows to tell them, and cannot be repeated; the message says why."""


def _warehouse(script: Script, runs: bool, store: Any, *given: Any, **named: Any) -> ScriptedWarehouse:
    return ScriptedWarehouse(store, script, *given, runs=runs, **named)


def _by_key(rows: tuple[RowChange, ...], left_out: tuple[str, ...]) -> dict[tuple[Any, ...], Any]:
    """Rows by table and key, without columns of spans that are left out."""
    found: dict[tuple[Any, ...], Any] = {}
    for change in rows:
        after = change.after
        if after is not None and change.table == "spans":
            after = tuple(
                value for name, value in zip(RULES["spans"], after, strict=True) if name not in left_out
            )
        found[(change.table, *change.key)] = after
    return found


def _difference(record: Record, what: str, came: object, recorded: object) -> FirstDifference:
    vat = record.vat if isinstance(record, CrankRecord) else None
    told = [one_line(repr(side) if not isinstance(side, str) else side, _SHOWN) for side in (came, recorded)]
    return FirstDifference(record.commit, record.number, record.crank, vat, one_line(what, 200), *told)
