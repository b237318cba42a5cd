"""The history of a world: its checkpoints, and going back to them.

Every run ends with a commit, and a checkpoint is a name for one. Going back restores the state of the world
at a commit. Later states are not lost: the world can go to any later checkpoint again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import islice

from swingset.core.atomic import refuse_within_crank
from swingset.host.base import retention
from swingset.host.base.opened import Opened
from swingset.host.base.retention import Freed, Kept
from swingset.host.controls.moments import Moment, moment
from swingset.host.controls.promoting import promote
from swingset.lens.history import timeline as lines
from swingset.lens.history.timeline import Stretch
from swingset.lens.watching.costs import Costs
from swingset.lens.watching.costs import costs as count_costs
from swingset.model.visible import one_line
from swingset.world.edge import told_in_words
from swingset.world.errors import WorldError, WorldMoved
from swingset.world.feed import CommitFeed
from swingset.world.history import Label
from swingset.world.record_lines import read_lines
from swingset.world.records import CrankRecord, Record
from swingset.world.retention import Retention
from swingset.world.retention import read as read_retention

_AT_ONCE = 1_000  # records that are read under one lock: a small file can have very many


class History:
    """The checkpoints and records of an open world, its feed of commits, and copies of it.

    It is `controller.history`.

    Source:
        Ours, on the session extension of SQLite: the reference keeps only the present and transcripts.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._world = opened.world

    @property
    def head(self) -> int:
        """The number of the world's current commit."""
        return self._world.head

    def checkpoints(self) -> list[Label]:
        """The named commits.

        Returns:
            A label for each, oldest first.
        Example:
            >>> made = world.checkpoint("before-lunch")
            >>> [label.name for label in world.history.checkpoints()]
            ['before-lunch']
        """
        return self._world.labels()

    def delete_checkpoint(self, name: str) -> None:
        """Delete the name of a checkpoint. Its state stays in the history until it is pruned.

        `Controller.checkpoint` with `move` moves a name to the present.

        Args:
            name: the name of the checkpoint.
        Raises:
            UnknownLabel: if no checkpoint has that name.
        Example:
            >>> made = world.checkpoint("before-lunch")
            >>> world.history.delete_checkpoint("before-lunch")
            >>> world.history.checkpoints()
            []
        """
        with self._opened.lock:
            self._world.labelled(name)
            self._opened.commit(f"before checkpoint {name} is deleted")
            self._world.unlabel(name)

    def records(self, since: int = 0) -> Iterator[Record]:
        """The committed records of requests and cranks, oldest first.

        Args:
            since: the number of a record; only those after it are returned.
        Returns:
            A `RequestRecord` or a `CrankRecord` for each, on the line of commits to the current one.
        Raises:
            WorldError: when it comes to a line of the file that is not a record.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> records = list(world.history.records())
            >>> records[-1].crank == world.crank
            True
        """
        found = self._world.history.records_since(since, self._world.head)
        while True:
            with self._opened.lock, told_in_words(self._world.name):
                some = list(islice(found, _AT_ONCE))
            if not some:
                return
            yield from some

    def at_record(self, number: int) -> Moment:
        """Look at the world as it was right after a record: a crank, or a request of the host.

        Args:
            number: the number of the record; 0 for the empty world.
        Raises:
            NoSuchMoment: if the history does not lead to that record.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> number = world.commit()
            >>> *before, sent = world.history.records()
            >>> with world.history.at_record(sent.number) as moment:
            ...     moment.status(kref)
            'unresolved'
        """
        return moment(self._opened, record=number)

    def last_crank(self) -> CrankRecord | None:
        """The record of the last crank, also before its commit; None if no crank was run.

        Raises:
            WorldError: if a line of the file is not a record.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.history.last_crank().crank == report.reports[-1].number
            True
        """
        with self._opened.lock, told_in_words(self._world.name):
            journal, crank = self._world.journal, self._opened.kernel.cranks.count
            number = journal.last
            while (line := journal.line(number)) is not None:
                if b'"crank":' in line:
                    (found,) = read_lines(self._world.name, self.head, [line], number=number, crank=crank - 1)
                    if isinstance(found, CrankRecord):
                        return found
                number -= 1
            for seq in self._world.history.ancestors(self.head):
                for record in reversed(list(self._world.history.records_of(seq))):
                    if isinstance(record, CrankRecord):
                        return record
        return None

    @property
    def log(self) -> str | None:
        """The name of the log that must receive each commit, or None."""
        return self._world.history.log

    def feed(self, take: Callable[[CommitFeed], None], *, log: str | None = None) -> None:
        """Call a function with each later commit, before the commit becomes durable in the file.

        Args:
            take: called once in each commit. If it raises, nothing is committed, and the caller of the
                commit gets `TakerFailed`, whose `__cause__` is the error.
            log: the name of the log that `take` writes. The file stores the name, and a copy of the file
                cannot be changed without that log.
        Raises:
            WorldError: if the name is invalid, or the world has another log.
        Source:
            `exportCallback` of swing-store, with whole commits.
        Example:
            >>> taken = []
            >>> world.history.feed(taken.append)
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> number = world.commit()
            >>> taken[-1].seq == number, taken[-1].records[-1].verb
            (True, 'send')
        """
        with self._opened.lock:
            self._world.make_whole()
            known = self.log
            if log is not None and (not log.isprintable() or not 0 < len(log) <= 199):
                raise WorldError(f"{log!r} is no name of a log: give it 1 to 199 printable characters")
            if None not in (log, known) and log != known:
                raise WorldError(f"this world has the log {known!r} already: `history.leave_log` forgets it")
            self._world.history.add_taker(take)
            try:
                if log is not None and known is None:
                    self._keep_log(log)
            except BaseException:
                self._world.history.takers.remove(take)
                raise

    def leave_log(self) -> None:
        """Delete the name of the log from the file, and commit. Functions given to `feed` stay.

        Example:
            >>> world.history.leave_log()
            >>> world.history.log is None
            True
        """
        with self._opened.lock:
            if self.log is not None:
                self._keep_log(None)

    def _keep_log(self, log: str | None) -> None:
        self._opened.commit("the log is noted")
        self._world.begin()
        self._world.history.keep_log(log)
        self._opened.commit()

    def timeline(self) -> list[Stretch]:
        """The commits that lead to the current one, with what happened in each, oldest first.

        Returns:
            A `Stretch` for each: cranks, requests, checkpoints, and vats that were created, upgraded,
            suspended, resumed or terminated.
        Raises:
            WorldError: when it comes to records that cannot be read.
        Example:
            >>> world.terminate_vat("bank")
            >>> [str(each) for each in world.history.timeline()[-1].happenings]
            ['bank terminated']
        """
        with self._opened.lock, told_in_words(self._world.name):
            return list(lines.timeline(self._world))

    def costs(self) -> Costs:
        """How many bytes of the file the present and the past take, and what a message adds.

        Example:
            >>> costs = world.history.costs()
            >>> costs.file >= costs.state + costs.past
            True
        """
        with self._opened.lock, told_in_words(self._world.name):
            return count_costs(self._world)

    def would_prune(
        self, before: int | None = None, *, ceiling: int | None = None, to_images: bool = False
    ) -> Freed:
        """What `prune` with these arguments would free, measured in a copy. Nothing changes.

        Args:
            before: as for `prune`.
            ceiling: as for `prune`.
            to_images: as for `prune`.
        Raises:
            NoSuchMoment: for a crank that is yet to come.
            WorldError: if the present alone takes more than `ceiling`.
        Example:
            >>> world.history.would_prune(before=world.crank).what.labels
            ()
        """
        return retention.would_prune(self._opened, before, ceiling, to_images)

    def prune(
        self, before: int | None = None, *, ceiling: int | None = None, to_images: bool = False
    ) -> Freed:
        """Commit, drop what is not to be kept of the past, and shrink the file. This cannot be undone.

        Without arguments, only branches go that neither the present nor a checkpoint needs.

        Args:
            before: the past before this crank goes too, with the checkpoints there. It ends with a commit,
                so a few cranks more may stay.
            ceiling: as much of the past goes that the file has at most about that many bytes.
            to_images: transcripts go up to the heap images that vats had then, not only those of ended
                incarnations. Such a vat can be restored only by the engine that made its image.
        Returns:
            How many bytes were freed, and in words what cannot be done any more.
        Raises:
            NoSuchMoment: for a crank that is yet to come.
            WorldError: if the present alone takes more than `ceiling`.
        Example:
            >>> freed = world.history.prune(before=world.crank)
            >>> freed.first <= world.crank
            True
        """
        return retention.prune(self._opened, before, ceiling, to_images)

    @property
    def retention(self) -> Retention:
        """How much of its past the world keeps by itself.

        Example:
            >>> print(world.history.retention)
            everything, up to 4,294,967,296 bytes
        """
        return read_retention(self._world.db)[0]

    def retain(self, policy: Retention) -> Freed | None:
        """Store how much of its past the world keeps, and drop what that is not. This cannot be undone.

        From now on each commit that goes beyond it is followed by a cut, and by an output that says so.

        Args:
            policy: the retention.
        Returns:
            What was dropped now; None if nothing was.
        Raises:
            UnknownLabel: if there is no checkpoint of the name in it.
        Example:
            >>> world.history.retain(swingset.Retention(cranks=1_000)) is None
            True
            >>> print(world.history.retention)
            the last 1,000 cranks, up to 4,294,967,296 bytes
        """
        return retention.retain(self._opened, policy)

    def would_retain(self, policy: Retention) -> Freed | None:
        """What `retain` would drop now, measured in a copy; None if nothing. Nothing changes.

        Args:
            policy: the retention.
        Raises:
            UnknownLabel: if there is no checkpoint of the name in it.
        Example:
            >>> world.history.would_retain(swingset.Retention(ceiling=None)) is None
            True
        """
        return retention.would_retain(self._opened, policy)

    def kept(self) -> Kept:
        """The retention, how far the file is from its limits, and what was dropped so far.

        Example:
            >>> world.history.kept().lines()[0].startswith("retention: everything")
            True
        """
        with self._opened.lock:
            return retention.kept(self._opened)

    def go_back(self, name: str) -> None:
        """Restore the state of a checkpoint. Uncommitted changes are committed first.

        A session of the world must begin a new incarnation then: call its `attach`.

        Args:
            name: the name of the checkpoint, which may also be a later one.
        Raises:
            UnknownLabel: if no checkpoint has that name.
            KernelError: if that state has local vats, and the world is not trusted with them; and if a vat
                has moved to another world or has come from one since.
        Example:
            >>> made = world.checkpoint("before-lunch")
            >>> world.terminate_vat("bank")
            >>> world.history.go_back("before-lunch")
            >>> "bank" in world.vats
            True
        """
        with self._opened.lock:
            label = self._world.labelled(name)
            self._opened.commit("before going back")
            self._opened.refuse_across(label.seq)
            here = self._world.head
            with self._opened.lives.going_back(f"the world went back to checkpoint {one_line(name, 60)!r}"):
                self._opened.go_to(label.seq, here)
            self._opened.forget_what_ran()

    def go_back_to_commit(self, commit: int) -> None:
        """Restore the state of a commit that this host has made; uncommitted changes are lost.

        Args:
            commit: its number, as returned by `commit`, `run` or `head`.
        Raises:
            UnknownCommit: if there is no commit with that number.
            KernelError: if that state has local vats, and the world is not trusted with them; and if a vat
                has moved to another world or has come from one since.
        Example:
            >>> here = world.history.head
            >>> world.terminate_vat("bank")
            >>> world.history.go_back_to_commit(here)
            >>> "bank" in world.vats
            True
        """
        with self._opened.lock:
            refuse_within_crank(self._opened.kernel.store)
            self._opened.refuse_across(commit)
            with self._opened.lives.going_back(f"the world went back to commit {commit}"):
                self._world.rollback()
                here = self._world.head
                self._opened.go_to(commit, here)
            self._opened.forget_what_ran()

    def take_up(self, branch: History) -> int:
        """Take up the state and the commits of a fork, as if the world had gone that way.

        A session of the world must begin a new incarnation then: call its `attach`.

        Args:
            branch: the history of a fork of this world, which has not gone on since.
        Returns:
            The number of the commit at which the world stands then.
        Raises:
            KernelError: if the world has gone on since the fork was made, or hands its commits to a log.
            WorldError: if the file cannot be written; the world stays as it was.
        Example:
            >>> with world.fork() as other:
            ...     other.terminate_vat("bank")
            ...     commit = world.history.take_up(other.history)
            >>> "bank" in world.vats
            False
        """
        with self._opened.lock:
            return promote(self._opened, branch._opened)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Commit, and write the world with its history to another file.

        If the file was deleted or replaced, so that nothing can be committed, this writes the last commit.

        Args:
            path: a file that does not exist yet.
        Raises:
            WorldError: if the file cannot be written.
        Example:
            >>> world.history.export(folder / "copy.world")
        """
        with self._opened.lock:
            refuse_within_crank(self._opened.kernel.store)
            with contextlib.suppress(WorldMoved):
                self._opened.commit("before export")
            self._world.export(path)

    def activity_digest(self) -> str:
        """The running hash of all cranks, in hex: equal for two runs with the same events and outcomes.

        Source:
            `controller.getActivityhash`.
        Example:
            >>> with world.fork() as other:
            ...     other.history.activity_digest() == world.history.activity_digest()
            True
        """
        with self._opened.lock:
            return self._opened.kernel.store.activity.digest()
