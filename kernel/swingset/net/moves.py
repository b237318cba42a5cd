"""Where worlds have moved to, and which keys have succeeded theirs, as far as their cards were seen.

References and petnames stand for a key. What a card says of it is looked up when the world is dialled, so
all that refers to the key follows at once, and nothing that is stored about it has to change. A statement is
taken once, and only if its number is higher than those before; a key that was succeeded is not dialled any
more, its sessions are refused, and whatever else it says is not believed.

A peer may say this of itself only. A card that a person has brought may be of anybody.

Rows: `m.DESIGNATOR` is what is known of a key: `at` is by transport the number and the URI of a statement,
`next` the designator of the successor. `card.TRANSPORT` is our own card, which each peer of that transport
gets that is a world of this library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import cards, locators
from .cards import Statement
from .locators import Locator
from .nearness import bound, nearness
from .values import Malformed, Record, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

MOVED = Symbol("moved")
_BOOTSTRAP = Record(Symbol("desc:export"), (0,))
_MOST_KEYS = 32
_ANOTHER_KEY = "the other world has another key now; what was fetched by a string follows it"
"""How many keys may succeed each other."""


class Moves:
    """What cards have said."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._drafted: dict[str, dict[str, Any]] = {}  # what a card says, until all of it was looked at

    def _row(self, designator: str) -> dict[str, Any]:
        drafted = self._drafted.get(designator)
        return drafted or self._core.batch.get(f"m.{designator}") or {"at": {}, "next": None}

    def newest(self, designator: str) -> str:
        """The designator of the key that a key was succeeded by in the end: the same if it was not."""
        for _ in range(_MOST_KEYS):
            successor = self._row(designator)["next"]
            if successor is None:
                break
            designator = successor
        return designator

    def place(self, locator: Locator) -> Locator:
        """Where the world of a locator is, as far as is known."""
        designator = self.newest(locator.designator)
        known = self._row(designator)["at"].get(locator.transport)
        if known is not None:
            found = locators.parse_uri(known[1])
            assert isinstance(found, Locator), "only locators are stored"
            return found
        return Locator(locator.transport, designator, locator.hints)

    # What is said.

    def follow(
        self,
        data: bytes,
        peer: str | None = None,
        *,
        most: int | None = None,
        keep: bool = True,
        nearest: int = 0,
    ) -> int:
        """Take in a card; returns how much of it is news.

        Args:
            data: its bytes.
            keep: False to look only.
            nearest: how near an address may be that it says; a nearer one is passed over.
            most: of how many keys something may be known then; None for any number.
            peer: the designator of the peer that said it, which may say it of itself only; None for a person.
        Raises:
            Refused: if it is not a card, not signed, or says what it must not; then nothing of it is taken.
        """
        try:
            said = cards.read_statements(data, self._core.wire.verify)
            found = sum(self._take(each, nearest) for each in sorted(said, key=_order))
            if peer is not None and any(self.newest(each.designator) != peer for each in said):
                raise Malformed("a peer says of itself only where it has moved to")
            if keep:
                self._keep(most)
        except Malformed as problem:
            raise Refused(str(problem)) from None
        finally:
            self._drafted.clear()
        return found

    def _keep(self, most: int | None) -> None:
        batch = self._core.batch
        new = sum(batch.get(f"m.{designator}") is None for designator in self._drafted)
        known = (batch.get("moves") or 0) + new
        if new and most is not None and known > most:
            raise Malformed(f"{most} keys have said where they are, and no more may")
        batch.put("moves", known)
        for designator, row in self._drafted.items():
            batch.put(f"m.{designator}", row)
            if row["next"] is not None:
                self._core.links.end_of(designator, _ANOTHER_KEY)
                self._core.reaching.renamed(designator)

    def _is_news(self, said: Statement) -> bool:
        row = self._row(said.designator)
        if row["next"] is not None:
            if said.next == row["next"]:
                return False
            raise Malformed("this key was succeeded by another, and is not believed any more")
        if said.where is not None:
            return bool(said.number > row["at"].get(said.where.transport, (-1,))[0])
        return True

    def _take(self, said: Statement, nearest: int) -> bool:
        if not self._is_news(said) or (said.where is not None and nearness(said.where) < nearest):
            return False
        row = self._row(said.designator)
        if said.next is not None:
            self._check_chain(said.designator, said.next)
            row = {"at": {}, "next": said.next}
        elif said.where is not None:
            row = {**row, "at": {**row["at"], said.where.transport: [said.number, locators.uri(said.where)]}}
        self._drafted[said.designator] = row
        return True

    def _check_chain(self, designator: str, successor: str) -> None:
        """Raise `Malformed` if keys would succeed each other in a ring, or too many would."""
        for _ in range(_MOST_KEYS - 1):
            if successor == designator:
                raise Malformed("keys cannot succeed each other in a ring")
            following = self._row(successor)["next"]
            if following is None:
                return
            successor = following
        raise Malformed(f"at most {_MOST_KEYS} keys succeed each other")

    # Our own.

    def introduce(self, transport: str, data: bytes) -> None:
        """Our card for a transport has changed: peers learn it, now or when their next session begins."""
        self._core.batch.put(f"card.{transport}", data.hex())
        for conn in self._core.batch.below("s."):
            self.began(conn)

    def began(self, conn: str) -> None:
        """A session has begun: say where we are, to a world of this library that is proved."""
        row = self._core.sessions.row(conn)
        if row is None or row["state"] != "live" or row["dialect"] != "swingset" or not row["proven"]:
            return
        here = locators.parse_uri(row["here"])
        transport = (here.locator if isinstance(here, locators.Sturdyref) else here).transport
        data = self._core.batch.get(f"card.{transport}")
        if data is not None:
            said = [MOVED, bytes.fromhex(data)]
            self._core.sessions.send(conn, Record(Symbol("op:deliver"), (_BOOTSTRAP, said, False, False)))

    def heard(self, conn: str, data: bytes) -> None:
        """A peer has said where it is; raises `Refused` unless it is proved, and says it of itself."""
        row = self._core.sessions.live(conn)
        if not row["proven"]:
            raise Refused("a peer that is not proved does not say where it has moved to")
        # Of whom nothing is held here is a stranger, and leaves room for others. A person is always believed.
        most = self._core.limits.moves if row["imports"] else self._core.limits.moves // 2
        designator = self._core.sessions.peer_of(conn).rpartition(".")[0]
        self.follow(data, designator, most=most, nearest=bound(row, self._core.limits))


def _order(said: Statement) -> tuple[int, int]:
    """Successions come first, so that what a successor says can be told to be of the same world."""
    return (said.next is None, said.number)
