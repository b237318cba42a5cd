"""The explorer: answers about a world, of the present and of any moment of its past, for a face to show.

`explore` makes one for a world. It answers five questions: the timeline, the picture of a moment, one crank,
one thing, and a search. What it has learned it keeps, and follows the world by its new records, so a question
after each cell costs little in a large world. Nothing is run, and no question changes the world or its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from swingset.core.atomic import refuse_within_crank
from swingset.core.store import KernelStore
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.promises import Promise
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.model.wording import fit
from swingset.time.explorer.answers import Folded, Hits, Inspected, Tick, Timeline
from swingset.time.explorer.finding import Finder
from swingset.time.explorer.folding import Folding
from swingset.time.explorer.index import Index
from swingset.time.explorer.inspecting import Inspector
from swingset.time.explorer.labels import Labels, Outlines
from swingset.time.explorer.present import Present
from swingset.time.explorer.reel import Reel
from swingset.time.explorer.seen import Seen
from swingset.time.explorer.telling import Teller
from swingset.time.explorer.ticks import Ticks


class Explorer:
    """Answers questions about one world. `swingset.explore` makes one."""

    def __init__(self, world: Controller, session: Session | None = None) -> None:
        self._world = world
        self._session = session
        self._reel = Reel(world.world)
        self._ticks = Ticks(world.world, self._reel)
        self._present = Present(world.kernel.store, self._reel)
        self._outlines = Outlines()

    def timeline(self, since: int | None = None, until: int | None = None, columns: int = 600) -> Timeline:
        """The cranks of the world, or of a stretch of it, in columns, with marks.

        Args:
            since: the first crank of the stretch; None for the first that is left.
            until: its last crank; None for the present.
            columns: how many columns there are at most; there are fewer if all would be too much to send.
        Raises:
            WorldError: if the records cannot be read.
        Example:
            >>> timeline = swingset.explore(world).timeline()
            >>> [(lane.name, bin.first) for bin in timeline.bins for lane in [timeline.lanes[bin.lane]]]
            [('bank', 1)]
        """
        with self._looking():
            return self._ticks.timeline(since, until, columns)

    def scene(self, at: int | None = None, opened: Collection[str] = ()) -> Folded:
        """The picture of the world: boxes with rows, arrows, and what waits.

        Args:
            at: the crank after which it is looked at; None for the present.
            opened: the ids of rows that are opened: of groups, and of rows of the rest.
        Raises:
            NoSuchMoment: if the history does not lead to that crank.
        Example:
            >>> scene = swingset.explore(world).scene()
            >>> [(box.name, [row.label for row in box.rows]) for box in scene.boxes]
            [('notebook', []), ('bank', ['Bank'])]
        """
        with self._looking(), self._moment(at) as (store, index, crank, _):
            labels = Labels(store, index, self._outlines)
            return Folding(store, index, labels, opened).fold(at, crank)

    def tick(self, crank: int) -> Tick:
        """One crank: its event, what came of it, what was printed, and why it happened.

        Args:
            crank: its number.
        Raises:
            KernelError: if there is no record of it.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> tick = swingset.explore(world).tick(world.crank)
            >>> tick.what, tick.args, tick.outcome
            ('open_purse', "'alice'", 'delivered')
        """
        with self._looking():
            self._reel.follow()
            store = self._world.kernel.store
            return Teller(store, self._reel, Labels(store, self._present.index(), self._outlines)).tick(crank)

    def inspect(self, subject: str, at: int | None = None) -> Inspected | None:
        """All that is known of one thing; None if there is no such thing at that moment.

        Args:
            subject: a kref, the id of a vat or a device, `crank:N`, or `waiting:` and the id of an event.
            at: the crank after which it is looked at; None for the present.
        Raises:
            NoSuchMoment: if the history does not lead to that crank.
        Example:
            >>> swingset.explore(world).inspect(world.vats.root("bank")).title
            'Bank, root of bank'
        """
        with self._looking(), self._moment(at) as (store, index, crank, record):
            labels = Labels(store, index, self._outlines)
            seen = Seen(store, index, labels, self._outlines, self._reel, self._ticks, crank, record)
            return Inspector(seen).inspect(subject)

    def search(self, text: str, most: int = 40) -> Hits:
        """Search vats, kinds, krefs, names, fields, methods, messages and prints of the present.

        Args:
            text: what is looked for; capitals and small letters are the same.
            most: how many hits are returned at most.
        Example:
            >>> [hit.subject for hit in swingset.explore(world).search("bank").hits if hit.kind == "vat"]
            ['v2']
        """
        with self._looking():
            index, store = self._present.index(), self._world.kernel.store
            labels = Labels(store, index, self._outlines)
            return Finder(store, index, labels, self._outlines, self._reel).search(fit(text), most)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        with self._world.lock:
            refuse_within_crank(self._world.kernel.store)
            yield

    @contextmanager
    def _moment(self, at: int | None) -> Iterator[tuple[KernelStore, Index, int, int | None]]:
        """The state at a moment, its index, its crank, and in the past its record."""
        if at is None:
            index = self._present.index()
            if self._session is not None:
                index.names.also(self._session.vat_id, _fleeting(self._session))
            yield self._world.kernel.store, index, self._world.crank, None
            return
        self._reel.follow()
        with self._world.at(at) as moment:
            yield moment.kernel.store, Index(moment.kernel.store), at, moment.record


def _fleeting(session: Session) -> dict[str, str]:
    """The names of a session for promises that are not settled, which no world stores, with their krefs."""
    found: dict[str, str] = {}
    held = session.names.holding()
    for name in session.names.fleeting:
        value = held.get(name)
        if isinstance(value, Promise):
            with suppress(LifeEndedError):
                kref = session.kref_of(value)
                found |= {name: kref} if kref is not None else {}
    return found


def explore(world: Controller, session: Session | None = None) -> Explorer:
    """Make an explorer of a world: it answers questions for a face that shows the world. Nothing changes.

    Args:
        world: the world; keep the explorer as long as it is open, because it follows the world.
        session: a session of the world whose names for promises, which no world stores, are shown too.
    Raises:
        WorldError: from its answers, if a record or a row cannot be read.
    Source:
        Ours.
    Example:
        >>> explorer = swingset.explore(world)
        >>> [box.name for box in explorer.scene().boxes]
        ['notebook', 'bank']
    """
    return Explorer(world, session)


__all__ = ["Explorer", "explore"]
