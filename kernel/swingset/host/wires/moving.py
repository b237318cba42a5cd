"""Where this world is reached and what its key is, as others learn it; and the same of others.

A part of `controller.net`. The keys and numbers of this world's own cards are in the file of secrets, so a
world that goes back in time never signs an older statement with a number that a newer one has had.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from swingset.host.wires.asking import NetError, text_of
from swingset.host.wires.keys import verify
from swingset.host.wires.linked import Linked
from swingset.host.wires.tables import looking
from swingset.model.visible import one_line
from swingset.net import cards, syrup
from swingset.net.cards import Statement
from swingset.net.locators import Locator
from swingset.net.values import Malformed, Refused

UNPROVED = frozenset({"tcp-testing-only"})
"""Transports over which nobody is proved, so nothing that is for one key goes over them."""

_T = TypeVar("_T")


class Moving(Linked):
    """Cards, as `controller.net`.

    Source:
        None in SwingSet and in OCapN: a locator has hints, and nothing says that they have changed.
    """

    def card(self, transport: str | None = None) -> str:
        """The card of this world: who it is, and where it is reached. It is no secret, and opens nothing.

        Whoever has it can give something to this world alone (`grant`), and can find it at another address
        (`follow`).

        Args:
            transport: by which netlayer it says that this world is reached; None for the first.
        Raises:
            NetError: if this world does not listen by it.
        Example:
            >>> location = world.net.listen("in-process")
            >>> world.net.card().startswith("ocapn-card:")
            True
        """
        with self._opened.lock:
            self._root()
            here = self._line.begin().here
            proved = [each for each in self._listens if each not in UNPROVED]
            chosen = transport or next(iter(proved), "")
            if chosen not in proved:
                how = f"by {one_line(chosen, 60)}" if chosen else "by a netlayer that proves who is there"
                raise NetError(f"a card says where a world is reached: have this one listen {how} first")
            return cards.card(self._statements(here[chosen]))

    def _statements(self, where: Locator) -> list[bytes]:
        """Our statements about one transport, the newest first; a new one is made if it has changed."""
        secrets = self._line.secrets()
        hub = looking(self._opened) if self._line.has_vat() else None
        kept = None if hub is None else hub.own_card(where.transport)
        if kept is not None:
            stored = [bytes(each) for each in syrup.read(kept)]
            first = cards.read_statements(kept, verify)[0]
            if first.where == where and first.key == secrets.public and first.number <= secrets.number:
                return stored
        return [secrets.says(where), *secrets.past]

    def _introduce(self, where: Locator) -> None:
        """Have peers learn where this world is, if it has changed."""
        if where.transport in UNPROVED:
            return
        data = syrup.write(self._statements(where))
        if looking(self._opened).own_card(where.transport) != data:
            self._tell("introduce", [where.transport, data], "peers learn where this world is")

    def follow(self, card: str | os.PathLike[str]) -> str:
        """Take in the card of another world: references and petnames for its key follow it.

        Peers that are worlds of this library say so by themselves, when their next session begins.

        Args:
            card: the card, or a file with it, as a path object.
        Returns:
            The designator of the world, by its newest key.
        Raises:
            NetError: for a card that is forged, older than what is known, says nothing new, or would have
                keys succeed each other in a ring.
        Example:
            >>> location = world.net.listen("in-process")
            >>> world.net.follow(world.net.card())
            Traceback (most recent call last):
            swingset.host.wires.asking.NetError: this is the card of this world itself
        """
        with self._opened.lock:
            said, data = self._read(card)
            if any(self._line.secrets().is_mine(each.key) for each in said):
                raise NetError("this is the card of this world itself")
            self._root()
            try:
                news = looking(self._opened).would_move(data)
            except Refused as problem:
                raise NetError(f"this card is refused: {problem}") from None
            if not news:
                raise NetError("this card is refused: it is older than what is known here, or known already")
            self._tell("moved", [data], "learnt where another world is")
            last = next((each for each in said if each.where is not None), said[0])
            return last.next or last.designator

    def _read(self, card: str | os.PathLike[str]) -> tuple[list[Statement], bytes]:
        text = text_of(card, "card")
        return refused(lambda: (cards.read_card(text, verify), cards.bytes_of_card(text)), "card")


def refused(read: Callable[[], _T], what: str) -> _T:
    """What is read of a stranger's text; raises `NetError` for what is malformed."""
    try:
        return read()
    except Malformed as problem:
        raise NetError(f"this is no {what}: {problem}") from None
