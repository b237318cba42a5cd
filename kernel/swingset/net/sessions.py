"""Sessions: how one begins, what it may use, and how it ends.

A connection carries one session. Both sides send `op:start-session` with a key made for it, and with their
location, signed by that key; then either may send. At most one live session per peer counts. It is one that
this side has dialled, or whose location the netlayer has proved: who dials in and merely says a name takes
nobody's place, and gets nothing that is meant for the peer of that name. If both sides dial at once, the
connection whose dialler has the lower public identifier is aborted.

Rows: `s.C` is a connection's session, `sessions` and `clients` how many of worlds and of web clients there
are, `visits.DIGEST` how many of an address; `l.PEER` the connection of the session that counts for a peer,
`d.PEER` the connection on which a peer is being dialled, `b.ID` the connection by the session's identifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import keys, locators, syrup
from .dialects import DIALECTS, FREES, VERSION
from .outside import Opening
from .values import Malformed, Record, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

START, ABORT = Symbol("op:start-session"), Symbol("op:abort")
_MY_LOCATION = Symbol("my-location")
_LONGEST_REASON = 200
_AROUND = 200
"""More bytes than a frame of a link has around its message."""


class OverLimit(Malformed):
    """A session uses more than it may; it is the one to abort, whoever's message shows it."""

    def __init__(self, conn: str, reason: str) -> None:
        super().__init__(reason)
        self.conn = conn


class Sessions:
    """All connections, and the sessions on them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._exports: dict[str, dict[int, int]] = {}
        self._answers: dict[str, list[int]] = {}

    def row(self, conn: str) -> dict[str, Any] | None:
        """A connection's row; None once it has ended."""
        found: dict[str, Any] | None = self._core.batch.get(f"s.{conn}")
        return found

    def _put(self, conn: str, row: dict[str, Any]) -> None:
        self._core.batch.put(f"s.{conn}", row)

    def live(self, conn: str) -> dict[str, Any]:
        """The row of a session that has begun; raises `Malformed` for another."""
        row = self.row(conn)
        if row is None or row["state"] != "live":
            raise Malformed("the session has not begun: op:start-session comes first")
        return row

    def is_live(self, conn: str) -> bool:
        """Whether the session of a connection has begun and not ended."""
        row = self.row(conn)
        return row is not None and row["state"] == "live"

    def count(self, conn: str, counter: str) -> int:
        """The next number of a counter of the session, from 1."""
        row = self.live(conn)
        number: int = row[counter] + 1
        self._put(conn, {**row, counter: number})
        return number

    def change(self, conn: str, number: str, by: int) -> None:
        """Change a number of the session, if it has not ended."""
        row = self.row(conn)
        if row is not None:
            self._put(conn, {**row, number: row[number] + by})

    def within(self, conn: str, limit: str, more: int) -> None:
        """Count what the session uses; raises `OverLimit` if it is more than it may use."""
        row = self.row(conn)
        if row is None:
            return
        used, most = row[limit] + more, getattr(self._core.limits, limit)
        if more > 0 and used > most:
            raise OverLimit(conn, f"a session may have {most} {limit}, and no more")
        self._put(conn, {**row, limit: used})

    def befriend(self, conn: str | None) -> None:
        """Vats of this world have to do with the peer now: it is no stranger any more.

        That is so once it has got an object of theirs, they one of its, or they have asked for one. A peer
        that nobody has given anything cannot bring it about, whatever it says.
        """
        row = None if conn is None else self.row(conn)
        if conn is not None and row is not None and row.get("stranger"):
            self._put(conn, {**row, "stranger": False})

    def is_stranger(self, conn: str) -> bool:
        """Whether vats of this world never had to do with the peer. A row of before is no stranger's."""
        row = self.row(conn)
        return row is not None and bool(row.get("stranger"))

    def meter(self, conn: str, size: int) -> None:
        """Count a message that came, before it is read; raises `OverLimit`."""
        row, limits = self.row(conn), self._core.limits
        if row is None:
            return
        if size > limits.message_bytes:
            raise OverLimit(conn, f"a message may have {limits.message_bytes} bytes, this one has {size}")
        if row["received"] + size > limits.session_bytes and self._core.links.row(conn) is None:
            raise OverLimit(conn, f"a session may send {limits.session_bytes} bytes, and no more")
        self._put(conn, {**row, "received": row["received"] + size, "messages": row["messages"] + 1})

    # Beginning.

    def open(self, conn: str, opening: Opening) -> None:
        """A connection is there; who dialled speaks first."""
        expected = None if opening.expected is None else locators.uri(opening.expected)
        self._open(
            conn,
            {
                "state": "hello",
                "outgoing": opening.outgoing,
                "here": locators.uri(opening.here),
                "expected": expected,
                "proven": opening.proven,
                "dialect": opening.dialect,
            },
        )
        self.check_room(conn)
        if opening.outgoing:
            self._hello(conn)

    def open_web(self, conn: str, about: dict[str, Any]) -> None:
        """A client of the web is there, whose session begins at once; see `capnweb`."""
        begun = {"state": "live", "outgoing": False, "expected": None, "proven": False, "among": "clients"}
        self._open(conn, {**begun, **about})
        self._count(_visits(about), 1)
        self._tell("began", conn, "", "")

    def _open(self, conn: str, about: dict[str, Any]) -> None:
        self._count(about.get("among", "sessions"), 1)
        zero = dict.fromkeys(("exported", "asked", "exports", "imports", "answers", "gifts", "handoffs"), 0)
        zero["copied"] = 0
        about = {"stranger": True, **about}
        counts = dict.fromkeys(("received", "messages", "sent", "withdrawn", "introduced", "waits"), 0)
        self._put(conn, {"key": None, **zero, **counts, **about})

    def _count(self, key: str, by: int) -> None:
        count = (self._core.batch.get(key) or 0) + by
        if count or key == "sessions":
            self._core.batch.put(key, count)
        else:
            self._core.batch.drop(key)

    def check_room(self, conn: str) -> None:
        """Raise `OverLimit` if more connections of its kind are open than may be, or by its address."""
        row, limits, batch = self.row(conn) or {}, self._core.limits, self._core.batch
        among = row.get("among", "sessions")
        most = getattr(limits, among)
        if (batch.get(among) or 0) > most:
            raise OverLimit(conn, f"{most} connections are open, and no more may be")
        most = limits.clients_of_address
        if row.get("web") is not None and (batch.get(_visits(row)) or 0) > most:
            raise OverLimit(conn, f"{most} connections by this address are open, and no more may be")

    def _hello(self, conn: str) -> bytes:
        """Send our `op:start-session`, if it was not sent; returns our public key."""
        row = self.row(conn)
        if row is None or row["key"] is not None:
            return bytes.fromhex(row["public"]) if row is not None else b""
        wire = self._core.wire
        key, public = wire.new_key()
        here = locators.to_record(_peer(row["here"]))
        signature = wire.sign(key, syrup.write(Record(_MY_LOCATION, (here,))))
        self._put(conn, {**row, "key": key, "public": public.hex()})
        said = (VERSION, keys.key_to_value(public), here, keys.signature_to_value(signature))
        self.send(conn, Record(START, said))
        return public

    def started(self, conn: str, fields: tuple[Any, ...]) -> None:
        """The peer's `op:start-session` came; raises `Malformed` if the session cannot begin."""
        row = self.row(conn)
        if row is None:
            return
        if row["state"] == "live":
            raise Malformed("op:start-session came twice")
        if len(fields) != 4:
            raise Malformed("op:start-session has a version, a key, a location and its signature")
        version, key, location, signature = fields
        if version != VERSION or type(version) is not str:
            raise Malformed(f"this side speaks version {VERSION} only")
        theirs = keys.key_from_value(key)
        locator = locators.from_record(location)
        signed = syrup.write(Record(_MY_LOCATION, (locators.to_record(locator),)))
        if not self._core.wire.verify(theirs, signed, keys.signature_from_value(signature)):
            raise Malformed("the signature of the location is not by the session's key")
        if row["expected"] is not None and _peer(row["expected"]).peer != locator.peer:
            raise Malformed("another peer was dialled")
        if locator.peer == _peer(row["here"]).peer:
            raise Malformed("this is the peer that was reached")
        if self._core.moves.newest(locator.designator) != locator.designator:
            raise Malformed("the key of this peer was succeeded by another, and is refused")
        wins = self._choose(conn, row, locator.peer, theirs)
        ours = self._hello(conn)
        row = {**(self.row(conn) or row), "wins": wins}
        side, other = keys.public_id(ours), keys.public_id(theirs)
        identifier = keys.session_id(side, other).hex()
        more = {"state": "live", "peer": locators.uri(locator), "theirs": theirs.hex(), "session": identifier}
        self._put(conn, {**row, **more})
        self._core.batch.put(f"b.{identifier}", conn)
        if is_trusted(row):
            self._core.batch.put(f"l.{locator.peer}", conn)
        self._tell("began", conn, locator.peer, "")
        self._core.moves.began(conn)
        self._core.reaching.arrived(conn, locator.peer)

    def _choose(self, conn: str, row: dict[str, Any], peer: str, theirs: bytes) -> bool:
        """Settle which of two sessions with one peer stays; raises `Malformed` if it is the other one.

        Returns whether it takes the place of one that this side has dialled.
        """
        batch = self._core.batch
        standing = batch.get(f"l.{peer}")
        if standing is not None:
            raise Malformed("there is a session with this peer already")
        dialled = batch.get(f"d.{peer}")
        if row["outgoing"] or dialled is None or dialled == conn:
            return False
        other = self.row(dialled)
        if other is None or other["key"] is None:
            return False
        if other["proven"] and not row["proven"]:
            raise Malformed("crossed hellos: a connection whose location is not proved gives way")
        if keys.public_id(bytes.fromhex(other["public"])) > keys.public_id(theirs):
            raise Malformed("crossed hellos: the other connection stays")
        self.abort(dialled, "crossed hellos: the other connection stays", kept=True)
        return True

    # Sending.

    def send(self, conn: str, message: Record) -> None:
        """Send a message to a peer whose connection is open; raises `OverLimit` for one that is too long."""
        row = self.row(conn)
        if row is not None:
            message = DIALECTS[row["dialect"]].operation(message)
            self.send_bytes(conn, *syrup.write_hidden(message))

    def send_bytes(self, conn: str, data: bytes, secrets: list[tuple[int, str]] | None = None) -> None:
        """Send the bytes of a message, with secrets to be put into them."""
        row = self.row(conn)
        if row is None:
            return
        most = self._core.limits.message_bytes - _AROUND
        if len(data) > most:
            raise OverLimit(conn, f"a message may have {most} bytes, this one to the peer has {len(data)}")
        self._put(conn, {**row, "sent": row["sent"] + 1})
        if self._core.links.row(conn) is None:
            self._core.after(self._core.wire.send, conn, data, secrets or [])
        else:
            self._core.links.send(conn, data, secrets or [])

    def release_export(self, conn: str, position: int, delta: int) -> None:
        """Tell the peer at the end of the input that what it exports is no longer used."""
        found = self._exports.setdefault(conn, {})
        found[position] = found.get(position, 0) + delta

    def release_answer(self, conn: str, position: int) -> None:
        """Tell the peer at the end of the input that an answer is no longer used."""
        self._answers.setdefault(conn, []).append(position)

    def flush(self) -> None:
        """Send what peers may let go of."""
        for conn, found in self._exports.items():
            positions = sorted(found)
            deltas = [found[position] for position in positions]
            self.send(conn, Record(self._frees(conn)[0], (positions, deltas)))
        for conn, answers in self._answers.items():
            self.send(conn, Record(self._frees(conn)[1], (sorted(answers),)))
        self._exports, self._answers = {}, {}

    def _frees(self, conn: str) -> tuple[Symbol, Symbol]:
        row = self.row(conn)
        return FREES if row is None else DIALECTS[row["dialect"]].frees

    # Ending.

    def abort(self, conn: str, reason: str, *, kept: bool = False) -> None:
        """End a session and tell the peer why.

        Args:
            conn: its connection.
            reason: why.
            kept: whether what waits for the connection waits on, because another takes its place.
        """
        row = self.row(conn)
        if row is None:
            return
        reason = reason[:_LONGEST_REASON]
        if self._core.links.row(conn) is not None:
            self._core.links.part(conn, "ended", reason)
            return
        if row.get("web") is None:
            self.send(conn, Record(ABORT, (reason,)))
        else:
            self._core.web.abort(conn, reason)
        self._core.after(self._core.wire.close, conn, reason)
        self.end(conn, "aborted", reason, kept=kept)

    def end(self, conn: str, event: str, why: str, *, kept: bool = False, code: str = "") -> None:
        """Forget a session: what it would have settled is rejected with a code, its references die."""
        row, core = self.row(conn), self._core
        if row is None:
            return
        code = code or ("disconnected" if core.links.row(conn) is None else "ended")
        why = why[:_LONGEST_REASON]
        self._exports.pop(conn, None)
        self._answers.pop(conn, None)
        core.batch.drop(f"s.{conn}")
        self._count(row.get("among", "sessions"), -1)
        if row.get("among") is not None:
            self._count(_visits(row), -1)
        uri = row.get("peer") or row["expected"]
        peer = "" if uri is None else _peer(uri).peer
        for index in ("l",) if kept else ("l", "d"):
            if core.batch.get(f"{index}.{peer}") == conn:
                core.batch.drop(f"{index}.{peer}")
        if row.get("session") is not None:
            core.batch.drop(f"b.{row['session']}")
            core.handoff.end(row["session"])
        for key in core.batch.below(f"h.{conn}."):
            core.batch.drop(f"h.{conn}.{key}")
        core.descriptors.end(conn, why, code)
        core.grants.end(conn)
        if row.get("web") is not None:
            core.web.end(conn, why)
        core.links.gone(conn, code, why)
        if not kept:
            core.reaching.failed(conn, why)
        if row["key"] is not None:
            core.after(core.wire.forget_key, row["key"])
        self._tell(event, conn, peer, why, code)

    def _tell(self, event: str, conn: str, peer: str, why: str, code: str = "") -> None:
        said = {"event": event, "connection": conn, "peer": peer, "why": why, "code": code}
        self._core.after(self._core.local.tell, said)

    # For others.

    def peer_of(self, conn: str) -> str:
        """What identifies the peer of a session that has begun."""
        return _peer(self.live(conn)["peer"]).peer


def _visits(row: dict[str, Any]) -> str:
    return f"visits.{row['web']}"


def is_trusted(row: dict[str, Any]) -> bool:
    """Whether a session stands for its peer.

    This side has dialled it, or the netlayer has proved where it is; or it took the place of a connection
    that this side had dialled, of which the netlayer had proved no more. A dialect for tests believes all.
    """
    return bool(row["outgoing"] or row["proven"] or row.get("wins") or DIALECTS[row["dialect"]].believes)


def _peer(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    if isinstance(found, locators.Sturdyref):
        raise Refused("a locator was wanted")
    return found
