"""Links: what worlds of this library send each other arrives once and in order, whatever becomes of sockets.

A session between such worlds lives on a link and not on a connection. The link has a name like that of a
connection, which stays while connections come and go. What a session sends is a numbered frame. It stays in
the log of its link until the other side has acknowledged it, and after a disconnect it is sent again from
where the other side is. Each side takes frame `n + 1` after frame `n` and no other: what comes twice is
dropped, and a gap ends the connection, after which the missing frames come again.

A frame carries the running hash of all that its side has sent up to it. So each side can say what it has
taken by a number and a hash, and the other can tell whether it has sent that: `link_hello` compares them.
The hash is of the bytes as the vat of the sender has them, where handles stand in the place of secrets; so
the receiver never computes it, and repeats the one that came.

Each frame also has the *bond* of its connection, which follows from what both sides said at random when it
began. What was said on another connection, and comes late on this one, has another: it ends this connection
and is not taken, and the link goes on over the next.

All rows of an input are written together, a frame leaves after the commit of the crank that sent it, and an
acknowledgement after the commit of the crank that took the frame. So a process may be killed anywhere.

The log is bounded. At its limit, what vats of this world send is refused with a code, and the link goes on;
answers, and what the protocol itself has to say, have as much room again.

Rows: `link.LINK` is a link, `frame.LINK.NUMBER` a frame that is not acknowledged, `[data, secrets, hash]`,
`with.PEER` the link of a peer, and `ended` the last links that ended, so that their peers learn why.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from . import locators, syrup
from .outside import Opening
from .sessions import OverLimit
from .values import Full, Malformed, Record, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

FRAME, ACK, PART = Symbol("op:frame"), Symbol("op:ack"), Symbol("op:link-end")
CODES = ("diverged", "expired", "forgotten", "copied", "ended")
"""Why a link can have ended, for programs."""

MOST_OWED = 64
"""After how many frames that came an acknowledgement is sent at once."""

_HASH = 32
_MOST_ENDED = 100
_LONGEST_WHY = 200


class Links:
    """All links of a world."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def row(self, link: str) -> dict[str, Any] | None:
        """A link's row; None once it has ended, and for the name of a connection."""
        found: dict[str, Any] | None = self._core.batch.get(f"link.{link}")
        return found

    def change(self, link: str, **parts: Any) -> dict[str, Any]:
        """Change parts of a link's row; returns it."""
        row = {**(self.row(link) or {}), **parts}
        self._core.batch.put(f"link.{link}", row)
        return row

    def of_peer(self, peer: str) -> str | None:
        """The link with a peer."""
        found: str | None = self._core.batch.get(f"with.{peer}")
        return found

    def carrier(self, conn: str) -> str:
        """The connection by which a session speaks now: its own name, where it is on no link."""
        row = self.row(conn)
        return conn if row is None else row["conn"] or conn

    # Beginning.

    def begin(self, identifier: str, peer: locators.Locator, here: locators.Locator, outgoing: bool) -> str:
        """A new link with a peer, and a session on it. It is attached to no connection yet."""
        core = self._core
        self._make_room()
        link = f"link-{core.batch.count('link')}"
        counts = dict.fromkeys(("sent", "acked", "passed", "flying", "size", "received", "told"), 0)
        hashes = dict.fromkeys(("head", "base", "tail"), bytes(_HASH).hex())
        where = {"peer": locators.uri(peer), "here": locators.uri(here)}
        nothing = dict.fromkeys(("life", "bond", "theirs"), "")
        row = {"id": identifier, "conn": None, **nothing, **where, **counts, **hashes}
        core.batch.put(f"link.{link}", row)
        core.batch.put(f"with.{peer.peer}", link)
        self._forget_end(peer.peer)
        core.sessions.open(link, Opening(outgoing, here, peer, True, "swingset"))
        return link

    def _make_room(self) -> None:
        """End a link that nothing uses if there are as many sessions as there may be, or one of a stranger.

        What a stranger holds or waits for is nothing of a vat's, so it keeps no place from those that do.
        """
        core = self._core
        if (core.batch.get("sessions") or 0) < core.limits.sessions:
            return
        cut = [link for link in core.batch.below("link.") if (self.row(link) or {}).get("conn") is None]
        for link in sorted(cut, key=_number):
            if core.sessions.is_stranger(link) or not self.is_used(link):
                self.end(link, "ended", "nothing used this link, and another needed its place")
                return
        raise Malformed(f"{core.limits.sessions} links and connections are there, and no more may be")

    def is_used(self, link: str) -> bool:
        """Whether anything is on its way, is waited for, or is held by either side."""
        row, session = self.row(link), self._core.sessions.row(link)
        if row is None or session is None:
            return False
        held = any(session[name] for name in ("exports", "imports", "answers", "gifts"))
        return held or row["sent"] > row["acked"]

    # Sending.

    def send(self, link: str, data: bytes, secrets: list[tuple[int, str]]) -> None:
        """Send one message as the next frame; raises `OverLimit` if far too much waits already."""
        row, limits = self.row(link), self._core.limits
        if row is None:
            return
        number, size = row["sent"] + 1, row["size"] + len(data)
        if number - row["acked"] > 2 * limits.link_frames or size > 2 * limits.link_bytes:
            raise OverLimit(link, "too much waits for the other side, which does not take it")
        text = "".join(f"{at}:{handle}," for at, handle in secrets).encode()
        body = len(data).to_bytes(8, "big") + data + text
        head = hashlib.sha256(bytes.fromhex(row["head"]) + body).hexdigest()
        kept = [base64.b64encode(data).decode("ascii"), [list(each) for each in secrets], head]
        self._core.batch.put(_frame(link, number), kept)
        self.change(link, sent=number, size=size, head=head)
        self._flow(link)

    def check_room(self, link: str) -> None:
        """Raise `Full` if no further message of a vat may wait for the other side of a link."""
        row, session, limits = self.row(link), self._core.sessions.row(link), self._core.limits
        if row is None or session is None:
            return
        waiting, size = row["sent"] - row["acked"], row["size"]
        if waiting >= limits.link_frames or size >= limits.link_bytes:
            words = f"{waiting:,} messages of {size:,} bytes wait for the other world"
        elif 10 * session["exports"] >= 9 * limits.exports:
            words = f"{session['exports']:,} promises and references are with the other world"
        else:
            return
        raise Full(f"nothing was sent: {words}, and no more may: wait until it has answered, and send again")

    def _flow(self, link: str) -> None:
        """Pass frames on, as many as may be on their way."""
        row, limits = self.row(link), self._core.limits
        while row is not None and row["conn"] is not None and row["passed"] < row["sent"]:
            number = row["passed"] + 1
            data, secrets, head = self._core.batch.get(_frame(link, number))
            flying = row["flying"]
            if flying and (
                flying + len(data) > limits.window_bytes or number - row["acked"] > limits.window_frames
            ):
                return
            bond = _bond(row)
            marks = len(bond), bond, number, bytes.fromhex(head), row["received"]
            begin = b"<8'op:frame%d:%s%d+32:%s%d+" % marks
            at = len(begin)
            frame = begin + base64.b64decode(data) + b">"
            places = [(at + offset, handle) for offset, handle in secrets]
            self._core.after(self._core.wire.send, row["conn"], frame, places)
            row = self.change(link, passed=number, told=row["received"], flying=flying + len(data))

    def acknowledge(self, link: str, owed: int = 1) -> None:
        """Say what has been taken, if at least so many frames were taken since it was said last."""
        row = self.row(link)
        if row is not None and row["conn"] is not None and row["received"] - row["told"] >= owed:
            self.say(row["conn"], Record(ACK, (_bond(row), row["received"])))
            self.change(link, told=row["received"])

    def say(self, conn: str, message: Record) -> None:
        """Send a message of the link itself, which has no number."""
        self._core.after(self._core.wire.send, conn, syrup.write(message), [])

    # Taking.

    def take(self, link: str, number: Any, tail: Any) -> bool:
        """Take the number of a frame that came: True if it is the next one, False if it was taken before.

        Raises `Malformed` for a gap, which ends the connection.
        """
        row = self.row(link) or {}
        if type(number) is not int or number < 1 or type(tail) is not bytes or len(tail) != _HASH:
            raise Malformed("op:frame has a bond, a number, a hash, an acknowledgement and a message")
        if number <= row["received"]:
            self.acknowledge(link, 0)
            return False
        if number > row["received"] + 1:
            raise Malformed(f"frame {row['received'] + 1} is missing: {number} came")
        self.change(link, received=number, tail=tail.hex())
        return True

    def acknowledged(self, link: str, number: Any) -> None:
        """The other side has taken the frames up to a number; raises `Malformed` for one never sent to it."""
        row = self.row(link) or {}
        if type(number) is not int or not 0 <= number <= row["passed"]:
            raise Malformed("what was never sent was acknowledged")
        self._trim(link, number)
        self._flow(link)

    def _trim(self, link: str, number: int) -> None:
        row = self.row(link) or {}
        size, flying, base = row["size"], row["flying"], row["base"]
        for taken in range(row["acked"] + 1, number + 1):
            data, _, base = self._core.batch.get(_frame(link, taken))
            length = len(base64.b64decode(data))
            size, flying = size - length, flying - len(data)
            self._core.batch.drop(_frame(link, taken))
        if number > row["acked"]:
            self.change(link, acked=number, base=base, size=size, flying=max(flying, 0))

    # Connections.

    def is_on_chain(self, link: str, number: int, tail: str) -> bool:
        """Whether what the other side says it has taken is what was sent to it, as far as this side knows."""
        row = self.row(link) or {}
        if number == row["acked"]:
            return bool(tail == row["base"])
        if not row["acked"] < number <= row["sent"]:
            return False
        return bool(tail == self._core.batch.get(_frame(link, number))[2])

    def attach(self, link: str, conn: str, bond: str, received: int) -> None:
        """Go on over a connection, from what the other side has taken."""
        row = self.row(link) or {}
        if row["conn"] is not None:
            self._core.hello.leave(row["conn"], "another connection takes its place")
        self.change(link, conn=conn, bond=bond)
        self._trim(link, received)
        self.change(link, passed=(self.row(link) or {})["acked"], flying=0)
        self._flow(link)

    def detach(self, link: str, why: str) -> None:
        """The connection of a link is gone: the session stays, and so does what was not acknowledged."""
        row = self.row(link)
        if row is not None:
            self.change(link, conn=None)
            self.tell("cut", link, why)

    def tell(self, event: str, link: str, why: str, code: str = "") -> None:
        """Tell people what became of a link."""
        peer = _peer((self.row(link) or {})["peer"]).peer
        said = {"event": event, "connection": link, "peer": peer, "why": why, "code": code}
        self._core.after(self._core.local.tell, said)

    # Ending.

    def part(self, link: str, code: str, why: str) -> None:
        """End a link from this side, and say so to the other, now or when it comes."""
        row, why = self.row(link), why[:_LONGEST_WHY]
        if row is not None and row["conn"] is not None:
            self.say(row["conn"], Record(PART, (_bond(row), bytes.fromhex(row["id"]), code, why)))
        self.end(link, code, why)

    def end(self, link: str, code: str, why: str) -> None:
        """Forget a link: what its session would have settled is rejected with the code."""
        self._core.sessions.end(link, "ended" if code != "ended" else "aborted", why, code=code)

    def end_of(self, designator: str, why: str) -> None:
        """End the links with the world of a key."""
        for link in self._core.batch.below("link."):
            row = self.row(link)
            if row is not None and _peer(row["peer"]).designator == designator:
                self.end(link, "ended", why)

    def gone(self, link: str, code: str, why: str) -> None:
        """The session of a link has ended, and the link with it."""
        row, core = self.row(link), self._core
        if row is None:
            return
        peer = _peer(row["peer"]).peer
        if row["conn"] is not None:
            core.hello.leave(row["conn"], why)
        for number in range(row["acked"] + 1, row["sent"] + 1):
            core.batch.drop(_frame(link, number))
        core.reaching.ended(link, why)
        core.batch.drop(f"link.{link}")
        core.batch.drop(f"with.{peer}")
        self._forget_end(peer)
        kept = [*(core.batch.get("ended") or []), [peer, row["id"], code, why]]
        core.batch.put("ended", kept[-_MOST_ENDED:])

    def _forget_end(self, peer: str) -> None:
        kept = self._core.batch.get("ended")
        if kept:
            self._core.batch.put("ended", [each for each in kept if each[0] != peer])

    def how_ended(self, peer: str, identifier: str) -> tuple[str, str] | None:
        """The code and the words with which a link of a peer ended here; None if none is known to have."""
        for other, known, code, why in self._core.batch.get("ended") or []:
            if (other, known) == (peer, identifier):
                return code, why
        return None


def _number(link: str) -> int:
    return int(link.rpartition("-")[2])


def _bond(row: dict[str, Any]) -> bytes:
    """The bond of a link's connection; empty, which the other side refuses, if an older version made it."""
    return bytes.fromhex(row.get("bond", ""))


def _frame(link: str, number: int) -> str:
    return f"frame.{link}.{number:015d}"


def _peer(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    if isinstance(found, locators.Sturdyref):
        raise Refused("a locator was wanted")
    return found
