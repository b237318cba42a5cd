"""Links with other worlds that have ended, told where people look: under the next cell, and in the state.

A link ends seldom, and without a cell of this notebook: the other world went back in time, or this one did,
or a key was changed. What was fetched by a string goes on over another link, so nobody would notice. So the
end is told once, under the cell that comes next, and the last ones stay in the state of the world.

Going back ends the links over which something has passed since. The other side learns it at the next
connection, and this side can tell at once, by what its links have counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from swingset.core.errors import KernelError
from swingset.host.sessions.session import Session
from swingset.model.visible import one_line
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.sharing import called_here

_OWN = "its owner has ended it"
"""Why a link ends that was forgotten here, which needs no telling."""

_MOST = 3

Counts = Mapping[str, tuple[str, int, int]]
"""Links by name: the peer, and how many messages have come and gone."""


class Parted:
    """What of the ends of links was told in one notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._session: Session | None = None
        self._last: Mapping[str, str] | None = None  # the newest event that was looked at

    def lines(self) -> list[str]:
        """A line for each link that has ended since this was asked last."""
        world = self._notebook.world
        if world is None:
            return []
        if self._session is not world.session:
            self._session, self._last = world.session, None
        events = world.controller.net.events()
        new = 0
        while new < len(events) and events[-1 - new] is not self._last:
            new += 1
        self._last = events[-1] if events else None
        return _words(world.session, events[len(events) - new :])


def parted(session: Session) -> list[str]:
    """Lines about the last links that have ended since the world was opened."""
    return _words(session, session.controller.net.events())


def _words(session: Session, events: list[dict[str, str]]) -> list[str]:
    called = called_here(session)
    ended = [event for event in events if event.get("code") and event["event"] in ("ended", "aborted")]
    lines = [
        f"the link with {called(event['peer'])} has ended: {one_line(event['why'], 200)}"
        for event in ended
        if event["code"] != "disconnected" and event["why"] != _OWN
    ]
    return list(dict.fromkeys(lines))[-_MOST:]


def counts(session: Session) -> Counts:
    """What the links of a world have counted."""
    try:
        peers = session.controller.net.peers()
    except KernelError:  # somebody has altered the rows, which `%swingset peers` says
        return {}
    return {each.connection: (each.peer, each.messages, each.sent) for each in peers if each.lasting}


def passed_since(session: Session, before: Counts) -> list[str]:
    """The line that names the links which end because a world stands elsewhere now; empty if there are none.

    Args:
        session: the world, as it stands now.
        before: what its links had counted where it stood before.
    """
    now, called = counts(session), called_here(session)
    gone = dict.fromkeys(called(row[0]) for link, row in before.items() if now.get(link) != row)
    if not gone:
        return []
    return [f"links that end, for something has passed over them since: {words_of(gone)}"]
