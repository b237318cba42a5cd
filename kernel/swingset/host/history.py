"""The history of a world: its checkpoints, and going back to them.

Every run ends with a commit, and a checkpoint is a name for one. Going back restores the state of the world
at a commit. Later states are not lost: the world can go to any later checkpoint again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from swingset.core.atomic import refuse_within_crank
from swingset.host.opened import Opened
from swingset.model.visible import one_line
from swingset.world.edge import told_in_words
from swingset.world.errors import WorldError, WorldMoved
from swingset.world.feed import CommitFeed
from swingset.world.history import Label
from swingset.world.records import Record
from swingset.world.vats import LIVE

_AT_ONCE = 1_000  # records that are read under one lock: a small file can have very many


@dataclass(frozen=True)
class Checkpoint:
    """A named commit: its number, the crank, the world's digest, and the size of its heap images."""

    name: str
    commit: int
    crank: int
    digest: str
    vats: int
    new_pages: int
    new_bytes: int


class History:
    """The checkpoints of an open world, copies of it, and a digest of all that was done.

    It is `controller.history`.
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

    def records(self, since: int = 0) -> Iterator[Record]:
        """What was asked of the world and what each crank did, oldest first, as far as it is committed.

        Args:
            since: the number of a record; only those after it are returned.
        Returns:
            A `RequestRecord` or a `CrankRecord` each, on the way to the current commit.
        Raises:
            WorldError: for a file that holds what is no record, once it comes to it.
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

    @property
    def log(self) -> str | None:
        """The log elsewhere that has to be handed each commit, if this world has one."""
        return self._world.history.log

    def feed(self, take: Callable[[CommitFeed], None], *, log: str | None = None) -> None:
        """Hand each commit from now on to a function, before it becomes durable in the file.

        Args:
            take: called once a commit, within it. If it raises, nothing is committed, and who wanted the
                commit gets `TakerFailed`, whose `__cause__` is the error.
            log: what the log is called that is kept of it. The file then says that it has this log, and a
                copy that is opened without it cannot be changed.
        Raises:
            WorldError: for a name that cannot be, or if the world has another log.
        Example:
            >>> taken = []
            >>> world.history.feed(taken.append)
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> number = world.commit()
            >>> taken[-1].seq == number, taken[-1].records[-1].verb
            (True, 'send')
        """
        with self._opened.lock:
            known = self.log
            if log is not None and (not log.isprintable() or not 0 < len(log) <= 199):
                raise WorldError(f"{log!r} is no name of a log: give it 1 to 199 printable characters")
            if None not in (log, known) and log != known:
                raise WorldError(f"this world has the log {known!r} already: `history.leave_log` forgets it")
            self._world.history.takers.append(take)
            try:
                if log is not None and known is None:
                    self._keep_log(log)
            except BaseException:
                self._world.history.takers.remove(take)
                raise

    def leave_log(self) -> None:
        """Forget that the world has a log elsewhere, and commit; what still takes its commits goes on.

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

    def go_back(self, name: str) -> None:
        """Restore the state of a checkpoint. Uncommitted changes are committed first.

        A session of the world must begin a new incarnation then: call its `attach`.

        Args:
            name: the name of the checkpoint, which may also be a later one.
        Raises:
            UnknownLabel: if no checkpoint has that name.
            KernelError: if that state has local vats, and the world is not trusted with them.
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
            KernelError: if that state has local vats, and the world is not trusted with them.
        Example:
            >>> here = world.history.head
            >>> world.terminate_vat("bank")
            >>> world.history.go_back_to_commit(here)
            >>> "bank" in world.vats
            True
        """
        with self._opened.lock:
            refuse_within_crank(self._opened.kernel.store)
            with self._opened.lives.going_back(f"the world went back to commit {commit}"):
                self._world.rollback()
                here = self._world.head
                self._opened.go_to(commit, here)
            self._opened.forget_what_ran()

    def export(self, path: str | os.PathLike[str]) -> None:
        """Commit, and write the world with its history to another file.

        If it cannot be committed, because its file is gone for example, this writes the last commit.

        Args:
            path: a file that does not exist yet.
        Raises:
            WorldError: if it cannot be written.
        Example:
            >>> world.history.export(folder / "copy.world")
        """
        with self._opened.lock:
            refuse_within_crank(self._opened.kernel.store)
            with contextlib.suppress(WorldMoved):
                self._opened.commit("before export")
            self._world.export(path)

    def activity_digest(self) -> str:
        """A running hash of all cranks, in hex: equal for two runs that did the same.

        Example:
            >>> with world.fork() as other:
            ...     other.history.activity_digest() == world.history.activity_digest()
            True
        """
        with self._opened.lock:
            return self._opened.kernel.store.activity.digest()


def take_checkpoint(opened: Opened, name: str, note: str, *, move: bool) -> Checkpoint:
    """Name the current state of the world, and save a heap image of every vat that can have one."""
    with opened.lock:
        opened.commit(f"before checkpoint {name}")
        before = _stored_pages(opened)
        live = [vat for vat in opened.vats() if vat.state == LIVE]
        count = sum(opened.kernel.snapshot(vat) is not None for vat in live)
        opened.commit(f"checkpoint {name}")
        label = opened.world.label(name, note, move=move)
        pages, size = _stored_pages(opened)
        digest = opened.world.digest()
        return Checkpoint(name, label.seq, label.crank, digest, count, pages - before[0], size - before[1])


def _stored_pages(opened: Opened) -> tuple[int, int]:
    row = opened.world.row("SELECT count(*), coalesce(sum(length(data)), 0) from heap_pages")
    return (int(row[0]), int(row[1])) if row else (0, 0)
