"""Looks after the links of a world: it has those dialled that are cut, and ends those whose lease is over.

It does the same for worlds that a link has introduced and that could not be reached yet.

What it goes by are the rows of the vat `net`, so it knows after a restart what it knew before. It looks again
when something has happened on the wire, and after each attempt to dial. Time is the host's: the vat learns
that a lease is over by an input, as it learns everything.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from swingset.host.base.opened import Opened
from swingset.host.wires.tables import looking
from swingset.host.wires.wire_redial import Cut
from swingset.model.visible import one_line
from swingset.net import locators
from swingset.net.locators import Locator
from swingset.net.nearness import bound, nearness
from swingset.net.values import Malformed

if TYPE_CHECKING:
    from swingset.host.wires.wire_io import Wires
    from swingset.host.wires.wire_line import Line

OWING = 0.2
"""For how many seconds a link may owe an acknowledgement that no frame has carried."""

AGING = 3600.0
"""After how many seconds gifts that wait are an interval older."""


class Tending:
    """What a world does for its links while its vats do something else."""

    def __init__(self, line: Line, opened: Opened) -> None:
        self._line = line
        self._opened = opened
        self.due = False
        """Whether there may be something to do."""

    def stir(self) -> None:
        """Look again when the world is pumped next; called on the thread of the sockets."""
        self.due = True
        self._line.inbox.arrived()

    def tend(self, wires: Wires) -> None:
        """Look at all links."""
        if not self.due:
            return
        self.due = False
        secrets, now = self._line.secrets(), time.time()
        cut: dict[str, Cut] = {}
        peers: set[str] = set()
        for link in self._line.links():
            row = self._line.row(f"link.{link}") or {}
            peer = _peer_of(row)
            if peer is None:
                continue
            peers.add(peer)
            if row.get("conn") is not None:
                secrets.note_heard(peer, now)
                if row.get("received") != row.get("told"):
                    wires.reminders.set("acknowledge", OWING)
            elif secrets.lease_ends(peer, now) <= now:
                words = f"nothing was heard of {one_line(peer, 80)} for {secrets.lease:g} seconds"
                self._line.tell("part", [link, "expired", f"its lease is over: {words}"])
            elif self._is_used(link, row) and (where := self._where(link, row)) is not None:
                cut[link] = Cut(where, (row.get("received", 0), row.get("acked", 0)))
        for peer, uri in self._line.later().items():
            peers.add(peer)
            if secrets.lease_ends(peer, now) <= now:
                self._line.tell("abandon", [peer, "its lease is over"])
            else:
                cut[f"later {peer}"] = Cut(looking(self._opened).place(uri), (0, 0))
        if self._gifts_wait():
            wires.reminders.set("age", AGING, round(secrets.lease / AGING))
        secrets.forget_heard(peers)
        wires.redial(cut)

    def wants(self, reminder: str) -> bool:
        """Whether there is still a reason for what the vat is to be reminded of."""
        return self._owes() if reminder == "acknowledge" else self._gifts_wait()

    def _gifts_wait(self) -> bool:
        """Whether a gift waits for its receiver, or a receiver for its gift."""
        return any(next(self._line.below(rows), None) is not None for rows in ("net.g.", "net.v."))

    def _owes(self) -> bool:
        """Whether a link that is connected has taken something that it has not acknowledged."""
        rows = [self._line.row(f"link.{link}") or {} for link in self._line.links()]
        return any(row.get("conn") is not None and row.get("received") != row.get("told") for row in rows)

    def _where(self, link: str, row: dict[str, Any]) -> str | None:
        """Where the peer of a link is dialled; None if it says a place that is nearer than it may."""
        where = looking(self._opened).place(str(row["peer"]))
        found, session = locators.parse_uri(where), self._line.row(f"s.{link}")
        if session is None or not isinstance(found, Locator):
            return None
        return where if nearness(found) >= bound(session, self._line.limits()) else None

    def _is_used(self, link: str, row: dict[str, Any]) -> bool:
        """Whether anything of a link waits or is held, by either side, and is not all a stranger's.

        A stranger dials itself if it wants something. This host sends nothing to where it says that it is.
        """
        session = self._line.row(f"s.{link}") or {}
        if session.get("stranger"):
            return False
        held = any(session.get(name) for name in ("exports", "imports", "answers", "gifts"))
        return held or row.get("sent") != row.get("acked")


def _peer_of(row: dict[str, Any]) -> str | None:
    """The peer of a link's row; None for a row that is not what the vat writes."""
    try:
        found = locators.parse_uri(str(row.get("peer")))
    except Malformed:
        return None
    return found.peer if isinstance(found, Locator) else None
