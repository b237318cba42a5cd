"""How a connection between two worlds of this library takes up their link, or makes one.

Both sides are proved by the netlayer. Who dials says `op:link`: which link it has with this peer, what it has
taken of it, and up to where its own log is gone. Who listens says the same of itself, and whether what it
heard fits. Who dials decides then, and says so: it goes on with `op:ack` or a frame, or ends the link with
`op:link-end`. Who listens changes nothing before this third message. So a connection that was given up
meanwhile, on either side, ends no link and takes nobody's place.

What a network has kept from one connection it may say on another. So each `op:link` has a nonce, the answer
repeats that of who dialled, and from both follows the *bond* of the connection, with which each message
after them begins. What does not fit these was said on another connection: it ends this one, and nothing else
comes of it. So no link ends unless each side knows that the other has heard it just now.

Two sides fit if each has taken what the other has sent, as far as its hash goes, and misses nothing that the
other has thrown away. Else one of them has gone back in time, or its file was put back, and they have
*diverged*: the link ends on both sides, nothing of it is sent again, and the next connection makes another.
A world that went back without anything being exchanged since fits, and goes on.

If the third message is lost, who dialled has a link of which the other side knows nothing, which may dial
next. It is asked to take up that link then, as long as nothing was said over it.

If both dial at once, the connection of the one with the greater designator stays. It does not close the other
one, but holds it: who dialled that closes it when it hears of this, which may have been sent earlier and come
later. If this one fails, the held one is answered after all, or a later one if the other side dials again.
A connection that is attached gives way to a later one that got so far, because it may be dead on the other
side.

Rows: `carrier.C` is a connection of a proved world, in the state `new` (nothing was heard), `asked` (we
dialled, and have said what we have), `replied` (the other dialled, and was answered), `refused` (it was, and
must end its link), `held` or `attached`; `asked.PEER` is the connection on which we have asked a peer, and
`held.PEER` the one that is held.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from . import locators, syrup
from .link_said import ANOTHER, LINK, LONGEST, VERSION, Heard, bond_of, check_bond, read_hello
from .links import ACK, CODES, FRAME, MOST_OWED, PART
from .operations import serve
from .outside import Opening
from .sessions import ABORT, OverLimit
from .values import Malformed, Record, Refused, Symbol, kind_of

if TYPE_CHECKING:
    from .core import Core

_NOTHING = bytes(32)
_NO_LINK = "the other world knows nothing of this link: it has gone back in time, or its file was put back"


class Hello:
    """The connections that carry links."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def row(self, conn: str) -> dict[str, Any] | None:
        """A connection's row; None for one that carries no link."""
        found: dict[str, Any] | None = self._core.batch.get(f"carrier.{conn}")
        return found

    def _change(self, conn: str, **parts: Any) -> dict[str, Any]:
        row = {**(self.row(conn) or {}), **parts}
        self._core.batch.put(f"carrier.{conn}", row)
        return row

    def link_of(self, conn: str) -> str | None:
        """The link that a connection is attached to."""
        row = self.row(conn)
        return None if row is None or row["state"] != "attached" else row["link"]

    # Connections.

    def open(self, conn: str, opening: Opening) -> None:
        """A connection is there, and both sides are proved."""
        if opening.expected is None:
            raise Malformed("a world that is proved is somewhere")
        peer = opening.expected.peer
        where = {"peer": locators.uri(opening.expected), "here": locators.uri(opening.here)}
        self._change(conn, outgoing=opening.outgoing, state="new", **where)
        if not opening.outgoing:
            return
        link = self._core.links.of_peer(peer)
        row = None if link is None else self._core.links.row(link)
        if (row is not None and row["conn"] is not None) or self._core.batch.get(f"asked.{peer}") is not None:
            self._core.reaching.move(conn, self._core.batch.get(f"asked.{peer}") or link or conn)
            self.leave(conn, "there is a connection with this world already")
            return
        self._ask(conn)

    def _ask(self, conn: str) -> None:
        row = self.row(conn) or {}
        peer = _peer(row["peer"]).peer
        link = self._core.links.of_peer(peer)
        identifier = (self._core.links.row(link) or {})["id"] if link else self._core.wire.random().hex()
        self._change(conn, state="asked", id=identifier)
        self._core.batch.put(f"asked.{peer}", conn)
        self._say(conn, identifier, link, None, None)

    def _say(
        self,
        conn: str,
        identifier: str | None,
        link: str | None,
        refused: list[str] | None,
        answers: str | None,
    ) -> None:
        row = (self._core.links.row(link) if link is not None else None) or {}
        taken, tail = row.get("received", 0), bytes.fromhex(row["tail"]) if row else _NOTHING
        life = bytes.fromhex(self._core.wire.life())
        named = False if identifier is None else bytes.fromhex(identifier)
        nonce, heard = self._core.wire.random(), False if answers is None else bytes.fromhex(answers)
        said = (VERSION, named, life, taken, tail, row.get("acked", 0), refused or False, nonce, heard)
        self._change(conn, nonce=nonce.hex(), bond=bond_of(answers, nonce.hex()))
        self._core.links.say(conn, Record(LINK, said))

    def leave(self, conn: str, why: str) -> None:
        """Close a connection from this side."""
        if self.row(conn) is not None:
            self._core.after(self._core.wire.close, conn, why)
            self._drop(conn)

    def closed(self, conn: str, why: str) -> None:
        """A connection is gone, or is given up with a reason: its link, if it carried one, stays."""
        row, link = self.row(conn), self.link_of(conn)
        self._drop(conn)
        held = None if row is None or row["state"] != "asked" else self._held(row)
        if held is not None:
            kept = self.row(held) or {}
            self._core.batch.drop(f"held.{_peer(kept['peer']).peer}")
            self._core.reaching.move(conn, held)
            self._reply(held, kept, Heard(*kept["said"]))
        other = None if row is None else self._replied(conn, _peer(row["peer"]).peer)
        if row is not None and row["state"] == "asked" and other is not None:
            # The other side closes this one when it takes up that one, which may come later than the close.
            self._core.reaching.move(conn, other)
        if link is not None:
            self._core.links.detach(link, why)
        elif row is not None and not row.get("parted"):  # else it has told how the link ended
            said = {"event": "ended", "connection": conn, "peer": _peer(row["peer"]).peer}
            self._core.after(self._core.local.tell, {**said, "why": why, "code": "disconnected"})
        self._core.reaching.failed(conn, why)

    def _replied(self, conn: str, peer: str) -> str | None:
        """Another connection with a peer, on which this side has answered and waits for the third message."""
        for other in self._core.batch.below("carrier."):
            row = self.row(other) or {}
            if other != conn and row["state"] == "replied" and _peer(row["peer"]).peer == peer:
                return other
        return None

    def _held(self, row: dict[str, Any]) -> str | None:
        found: str | None = self._core.batch.get(f"held.{_peer(row['peer']).peer}")
        return found

    def _drop(self, conn: str) -> None:
        row, batch = self.row(conn), self._core.batch
        if row is not None:
            for index in ("asked", "held"):
                if batch.get(f"{index}.{_peer(row['peer']).peer}") == conn:
                    batch.drop(f"{index}.{_peer(row['peer']).peer}")
            batch.drop(f"carrier.{conn}")

    # Messages.

    def receive(self, conn: str, data: bytes) -> None:
        """Take a message; raises `Malformed` for one that ends the connection."""
        most = self._core.limits.message_bytes
        if len(data) > most:
            raise Malformed(f"a message may have {most} bytes, this one has {len(data)}")
        message = syrup.read(data, strict=False, most=self._core.limits.values)
        if not isinstance(message, Record) or not isinstance(message.label, Symbol):
            raise Malformed(f"a message is a record, not {kind_of(message)}")
        label, fields = message.label, message.fields
        if label == FRAME and len(fields) == 5:
            self._frame(conn, *fields, size=len(data))
        elif label == ACK and len(fields) == 2:
            self._core.links.acknowledged(self._attached(conn, fields[0]), fields[1])
        elif label == LINK:
            self._heard(conn, read_hello(fields))
        elif label == PART and len(fields) == 4:
            self._parted(conn, *fields)
        elif label == ABORT:
            self.leave_with(conn, f"the other side gave it up: {fields[0] if fields else ''}"[:LONGEST])
        else:
            raise Malformed("between worlds that have a link, each message is in a frame")

    def leave_with(self, conn: str, why: str) -> None:
        """Give up a connection, with what people are told."""
        if self.row(conn) is not None:
            self._core.after(self._core.wire.close, conn, why)
        self.closed(conn, why)

    def _frame(
        self, conn: str, bond: Any, number: Any, tail: Any, taken: Any, message: Any, size: int
    ) -> None:
        links, sessions = self._core.links, self._core.sessions
        link = self._attached(conn, bond)
        links.acknowledged(link, taken)
        if not links.take(link, number, tail):
            return
        try:
            sessions.meter(link, size)
            serve(self._core, link, message)
        except OverLimit:
            raise
        except Malformed as problem:
            raise OverLimit(link, str(problem)) from None
        except Exception as fault:  # it would fail again each time the frame came again
            raise OverLimit(link, f"this side failed: {type(fault).__name__}") from fault
        links.acknowledge(link, MOST_OWED)

    def _attached(self, conn: str, bond: Any) -> str:
        """The link of a connection, which is attached to it now if this is its third message."""
        row, links = self.row(conn) or {}, self._core.links
        if row.get("state") not in ("attached", "replied"):
            raise Malformed("the two sides have not agreed on a link yet: op:link comes first")
        check_bond(row, bond)
        if row["state"] == "attached":
            return str(row["link"])
        peer = _peer(row["peer"])
        link = links.of_peer(peer.peer)
        if link is None and row["fresh"]:
            link = links.begin(row["id"], peer, _peer(row["here"]), False)
        elif link is None or (links.row(link) or {})["id"] != row["id"]:
            raise Malformed("the link has ended meanwhile")
        self._attach(conn, link, row["taken"], row["theirs"])
        return link

    def _attach(self, conn: str, link: str, taken: int, life: str) -> None:
        links, row = self._core.links, self.row(conn) or {}
        new = not (links.row(link) or {})["theirs"]
        asked = self._core.batch.get(f"asked.{_peer(row['peer']).peer}")
        if asked is not None:  # what it hears would be of before what comes over this one
            self._core.reaching.move(asked, link)
            self.leave(asked, "there is a connection with this world already")
        self._core.reaching.move(conn, link)
        links.change(link, life=self._core.wire.life(), theirs=life, peer=row["peer"], here=row["here"])
        held = self._held(row)
        if held is not None and held != conn:
            self.leave(held, "there is a connection with this world already")
        self._change(conn, state="attached", link=link)
        links.attach(link, conn, str((self.row(conn) or {})["bond"]), taken)
        if not new:
            links.tell("resumed", link, "")

    # The three messages.

    def _heard(self, conn: str, said: Heard) -> None:
        row = self.row(conn) or {}
        if row["state"] == "asked" and row["outgoing"]:
            if said.answers != row["nonce"]:
                raise Malformed(ANOTHER)
            row = self._change(conn, bond=bond_of(row["nonce"], said.nonce))
            self._core.batch.drop(f"asked.{_peer(row['peer']).peer}")
            self._decide(conn, row, said)
        elif row["state"] == "new" and not row["outgoing"]:
            self._reply(conn, row, said)
        else:
            raise Malformed("op:link came twice")

    def _reply(self, conn: str, row: dict[str, Any], said: Heard) -> None:
        """Answer who dialled."""
        core, peer = self._core, _peer(row["peer"])
        asked = core.batch.get(f"asked.{peer.peer}")
        if asked is not None:
            held = self._held(row)
            if _peer(row["here"]).designator > peer.designator and held is None:
                core.batch.put(f"held.{peer.peer}", conn)
                self._change(conn, state="held", said=[*astuple(said)])
                return
            if held is not None:
                self.leave(held, "another connection takes its place")
            core.reaching.move(asked, conn)
            self.leave(asked, "both have dialled: the other connection stays")
        if said.identifier is None:
            raise Malformed("who dials names a link")
        link = core.links.of_peer(peer.peer)
        identifier = None if link is None else str((core.links.row(link) or {})["id"])
        refused = None
        if link is not None:
            refused = None if self._is_only_ours(link, said) else self._trouble(link, said)
        elif said.received or said.base:
            refused = core.links.how_ended(peer.peer, said.identifier) or ("diverged", _NO_LINK)
        else:
            identifier = said.identifier
        state = "replied" if refused is None else "refused"
        more = {"id": identifier, "taken": said.received, "theirs": said.life, "fresh": link is None}
        self._change(conn, state=state, **more)
        self._say(conn, identifier, link, None if refused is None else list(refused), said.nonce)

    def _decide(self, conn: str, row: dict[str, Any], said: Heard) -> None:
        """Go on with the link, begin one, or end it."""
        links, peer = self._core.links, _peer(row["peer"])
        link = links.of_peer(peer.peer)
        if link is not None and (links.row(link) or {})["id"] != row["id"]:
            self.leave_with(conn, "the link has changed meanwhile")
        elif link is not None:
            trouble = self._refused(link, said) or self._trouble(link, said)
            if trouble is None:
                self._attach(conn, link, said.received, said.life)
                links.acknowledge(link, 0)
            else:
                self._part(conn, said.identifier or row["id"], *trouble)
                links.end(link, *trouble)
                self.leave(conn, trouble[1])
        elif self._is_offered(peer, row, said):
            self._change(conn, id=said.identifier)
            link = links.begin(str(said.identifier), peer, _peer(row["here"]), True)
            self._core.reaching.move(conn, link)
            self._attach(conn, link, 0, said.life)
            links.acknowledge(link, 0)
        elif said.identifier is None or said.identifier == row["id"] or row.get("again"):
            self.leave_with(conn, (said.refused or ("ended", "the other world makes no link"))[1])
        else:
            ended = links.how_ended(peer.peer, said.identifier) or ("diverged", _NO_LINK)
            self._part(conn, said.identifier, *ended)
            self._change(conn, again=True)
            self._ask(conn)

    def _is_only_ours(self, link: str, said: Heard) -> bool:
        """Whether this side alone has begun a link, because the last message of its hello was lost.

        Then nothing was said over it as far as either side knows, and who dials is asked to take it up.
        """
        row = self._core.links.row(link) or {}
        untouched = not (row["received"] or row["acked"] or said.received or said.base)
        return untouched and said.identifier != row["id"]

    def _is_offered(self, peer: locators.Locator, row: dict[str, Any], said: Heard) -> bool:
        """Whether who was dialled has no link yet, or has begun one of which nothing is known here."""
        if said.refused is not None or said.identifier is None:
            return False
        if said.identifier == row["id"]:
            return True
        untouched = not (said.received or said.base)
        return untouched and self._core.links.how_ended(peer.peer, said.identifier) is None

    def _trouble(self, link: str, said: Heard) -> tuple[str, str] | None:
        """Why a link cannot go on from where the other side is; None if it can."""
        links = self._core.links
        row = links.row(link) or {}
        if (
            said.identifier == row["id"]
            and links.is_on_chain(link, said.received, said.tail)
            and said.base <= row["received"]
        ):
            return None
        if said.identifier != row["id"] and said.identifier is not None:
            return "diverged", _NO_LINK
        return "diverged", self._blame(link, said.life)

    def _refused(self, link: str, said: Heard) -> tuple[str, str] | None:
        """Why the other side refuses a link, if it does, in words of this side."""
        if said.refused is None:
            return None
        code, why = said.refused
        if code == "diverged":
            return code, _NO_LINK if said.identifier is None else self._blame(link, said.life)
        return code, f"the other side says: {why}"[:LONGEST]

    def _blame(self, link: str, life: str) -> str:
        """Which side has gone back in time, as far as its life tells."""
        row = self._core.links.row(link) or {}
        if life != row["theirs"]:
            return "the other world has gone back in time, to before what was exchanged"
        if self._core.wire.life() != row["life"]:
            return "this world has gone back in time, to before what was exchanged"
        return "the two worlds remember different histories, as after a file was put back"

    def _part(self, conn: str, identifier: str, code: str, why: str) -> None:
        bond = bytes.fromhex((self.row(conn) or {})["bond"])
        self._core.links.say(conn, Record(PART, (bond, bytes.fromhex(identifier), code, why[:LONGEST])))

    def _parted(self, conn: str, bond: Any, identifier: Any, code: Any, why: Any) -> None:
        """The other side has ended a link."""
        row, links = self.row(conn) or {}, self._core.links
        if type(identifier) is not bytes or type(code) is not str or type(why) is not str:
            raise Malformed("op:link-end has a bond, a link, a code and a reason")
        if row["state"] not in ("attached", "replied", "refused"):
            raise Malformed("op:link comes first")
        check_bond(row, bond)
        link = links.of_peer(_peer(row["peer"]).peer)
        attached = row["state"] == "attached"
        if not attached:
            self._change(conn, state="new", parted=True)
        if link is not None and (links.row(link) or {})["id"] == identifier.hex():
            said = f"the other side says: {why}"[:LONGEST]
            if code == "diverged":
                said = self._blame(link, str(row.get("theirs") or (links.row(link) or {})["theirs"]))
            links.end(link, code if code in CODES else "ended", said)
        elif attached:
            raise Malformed("another link than that of the connection was ended")


def _peer(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    if isinstance(found, locators.Sturdyref):
        raise Refused("a locator was wanted")
    return found
