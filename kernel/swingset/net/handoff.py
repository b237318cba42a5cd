"""Introductions: a reference of one peer, given to another, which then talks to the first directly.

The gifter deposits the object with its exporter, and gives the receiver a signed certificate in its place.
The receiver shows it to the exporter, signed once more, and gets the object. No secret crosses: both
signatures are by session keys that the others know. A gift waits for its receiver, or the receiver for the
gift, whichever comes first; both are limited in number and in age.

A certificate names a location, so nothing is given away of a peer that only says where it is. Its objects are
served by passing messages on.

Rows: `g.SESSION.ID` is a gift that waits, `[name, age]`; `v.SESSION.ID` a withdrawal that waits, `[cell,
age]`; `h.C.COUNT` a count that a receiver has used on a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import keys, locators, syrup
from .dialects import DELIVER
from .names import LOCAL
from .nearness import bound
from .outside import Cut
from .sessions import is_trusted
from .values import Failure, Malformed, Record, Ref, Refused, Symbol, kind_of

if TYPE_CHECKING:
    from .core import Core

ENVELOPE = Symbol("desc:sig-envelope")
GIVE, RECEIVE = Symbol("desc:handoff-give"), Symbol("desc:handoff-receive")
DEPOSIT, WITHDRAW = Symbol("deposit-gift"), Symbol("withdraw-gift")
EXPORT = Symbol("desc:export")
_BOOTSTRAP = Record(EXPORT, (0,))
_LONGEST_ID = 256


class Handoff:
    """Gifts, in all three roles."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # As the gifter.

    def give(self, conn: str, exporter: str, position: int) -> Record | None:
        """A certificate for what another session exports; None if it cannot be given away.

        Args:
            conn: the receiver's connection.
            exporter: the connection of the session that the object is on.
            position: where it is there.
        """
        sessions, wire = self._core.sessions, self._core.wire
        if not (sessions.is_live(exporter) and sessions.is_live(conn)):
            return None
        theirs, ours = sessions.live(conn), sessions.live(exporter)
        if not is_trusted(ours) or sessions.peer_of(conn) == sessions.peer_of(exporter):
            return None
        found = locators.parse_uri(ours["peer"])
        if isinstance(found, locators.Sturdyref):
            return None
        side = keys.public_id(bytes.fromhex(ours["public"]))
        receiver = keys.key_to_value(bytes.fromhex(theirs["theirs"]))
        session = bytes.fromhex(ours["session"])
        try:
            gift = wire.random()
            given = Record(GIVE, (receiver, locators.to_record(found), session, side, gift))
            signature = wire.sign(ours["key"], syrup.write(given))
        except Cut:
            return None
        said = [DEPOSIT, gift, Record(EXPORT, (position,))]
        sessions.send(exporter, Record(DELIVER, (_BOOTSTRAP, said, False, False)))
        return Record(ENVELOPE, (given, keys.signature_to_value(signature)))

    # As the receiver.

    def check(self, item: Record) -> None:
        """Look at a certificate in a message; raises `Malformed`."""
        given, _ = _opened(item)
        if given.label != GIVE:
            raise Malformed("a certificate in a message is a desc:handoff-give")
        _fields_of_give(given)

    def receive(self, conn: str, item: Record) -> str:
        """A promise for the object that a certificate stands for."""
        row = self._core.sessions.live(conn)
        given, _ = _opened(item)
        receiver, exporter, *_ = _fields_of_give(given)
        cell = self._core.cells.new(["own"])
        if not is_trusted(row):
            self._core.cells.reject(cell, Failure("a peer that is not proved introduces nobody"))
        elif row["introduced"] >= self._core.limits.introductions:
            words = f"a session may introduce {self._core.limits.introductions} peers, and no more"
            self._core.cells.reject(cell, Failure(words))
        elif receiver.hex() != row["public"]:
            self._core.cells.reject(cell, Failure("the gift is for another receiver"))
        elif exporter.peer == _peer(row["here"]):
            self._core.cells.reject(cell, Failure("the gift is an object of the receiver itself"))
        else:
            self._core.sessions.count(conn, "introduced")
            certificate, near = syrup.write(item).hex(), bound(row, self._core.limits)
            self._core.reaching.reach(locators.uri(exporter), ["gift", certificate, conn, cell], near)
        return cell

    def withdrawal(self, conn: str, certificate: bytes, gifter: str) -> list[Any]:
        """The message to an exporter that asks for a gift; raises `Refused` if the gifter is gone."""
        sessions = self._core.sessions
        if not sessions.is_live(gifter):
            raise Refused("the session with the gifter ended before the gift was fetched")
        row = sessions.live(conn)
        side = keys.public_id(bytes.fromhex(row["public"]))
        count = sessions.count(conn, "withdrawn") - 1
        said = (bytes.fromhex(row["session"]), side, count, syrup.read(certificate, strict=False))
        received = Record(RECEIVE, said)
        signature = self._core.wire.sign(sessions.live(gifter)["key"], syrup.write(received))
        return [WITHDRAW, Record(ENVELOPE, (received, keys.signature_to_value(signature)))]

    # As the exporter.

    def deposit(self, conn: str, gift: bytes, ref: Ref) -> None:
        """A gifter leaves an object for a receiver; raises `Refused` if it cannot."""
        _check_id(gift)
        session = self._core.sessions.live(conn)["session"]
        key = f"{session}.{gift.hex()}"
        waiting = self._core.batch.get(f"v.{key}")
        if waiting is not None:
            self._core.batch.drop(f"v.{key}")
            self._core.sessions.within(conn, "gifts", -1)
            self._passed(conn, waiting[2], ref.name)
            self._core.cells.settle(waiting[0], False, ref)
            return
        if self._core.batch.get(f"g.{key}") is not None:
            raise Refused("a gift waits under this id already")
        self._core.sessions.within(conn, "gifts", 1)
        self._core.names.use(ref.name)
        self._core.batch.put(f"g.{key}", [ref.name, 0])

    def _passed(self, gifter: str, conn: str, name: str) -> None:
        """A receiver has a gift: an object of this world makes it no stranger."""
        self._core.grants.passed(gifter, conn, name)
        if self._core.names.now(name).startswith(LOCAL):
            self._core.sessions.befriend(conn)

    def withdraw(self, conn: str, item: Any, cell: str) -> None:
        """A receiver asks for a gift: settle a promise with it, now or once it is there.

        Raises `Refused` or `Malformed` for a certificate that is not right, which breaks the promise.
        """
        sessions, batch = self._core.sessions, self._core.batch
        gifter, gift = self._verified(conn, item)
        key = f"{sessions.live(gifter)['session']}.{gift.hex()}"
        found = batch.get(f"g.{key}")
        if found is not None:
            batch.drop(f"g.{key}")
            sessions.within(gifter, "gifts", -1)
            self._passed(gifter, conn, found[0])
            self._core.cells.settle(cell, False, Ref(found[0]))
            self._core.names.unuse(found[0])
            return
        if batch.get(f"v.{key}") is not None:
            raise Refused("a receiver waits for this gift already")
        sessions.within(gifter, "gifts", 1)
        batch.put(f"v.{key}", [cell, 0, conn])

    def _verified(self, conn: str, item: Any) -> tuple[str, bytes]:
        """The gifter's connection and the gift's id, if a withdrawal is right in every part."""
        core = self._core
        row = core.sessions.live(conn)
        received, received_signature = _opened(item)
        if received.label != RECEIVE or len(received.fields) != 4:
            raise Refused("withdraw-gift takes a signed desc:handoff-receive")
        session, side, count, envelope = received.fields
        if session != bytes.fromhex(row["session"]):
            raise Refused("the withdrawal is for another session")
        if side != keys.public_id(bytes.fromhex(row["theirs"])):
            raise Refused("the withdrawal is by another side")
        if type(count) is not int or not 0 <= count < 2**53:
            raise Refused("the count of a withdrawal is an integer that is not negative")
        given, signature = _opened(envelope)
        receiver, exporter, session, side, gift = _fields_of_give(given)
        gifter = core.batch.get(f"b.{session.hex()}")
        if gifter is None or not core.sessions.is_live(gifter):
            raise Refused("there is no session with the gifter")
        other = core.sessions.live(gifter)
        theirs = bytes.fromhex(other["theirs"])
        if side != keys.public_id(theirs) or exporter.peer != _peer(other["here"]):
            raise Refused("the certificate is not for this exporter")
        if not core.wire.verify(theirs, syrup.write(given), signature):
            raise Refused("the certificate is not signed by the gifter")
        if not core.wire.verify(receiver, syrup.write(received), received_signature):
            raise Refused("the withdrawal is not signed by the receiver")
        self._use_count(conn, count)
        return gifter, gift

    def _use_count(self, conn: str, count: int) -> None:
        """Use the count of a withdrawal; raises `Refused` for one that was used.

        On a link, which may last for years, counts only grow, so the last one is all that is kept. A world
        that goes back to before it has lost the frame that brought it too, so that it comes once more or the
        link ends.
        """
        core = self._core
        last = core.links.row(conn) is not None
        key = f"h.{conn}.{'last' if last else count}"
        used = core.batch.get(key)
        if used is not None and (not last or count <= used):
            raise Refused("the count of the withdrawal has been used")
        if not last:
            core.sessions.within(conn, "handoffs", 1)
        core.batch.put(key, count if last else 1)

    def introduced(self, conn: str) -> None:
        """An introduction by a session came to its end; on a link, those alone count that have not."""
        if self._core.links.row(conn) is not None:
            self._core.sessions.change(conn, "introduced", -1)

    # Bounds.

    def age(self, lasting: int) -> None:
        """Drop what has waited for too long.

        A receiver may be away for as long as its links last, `lasting` intervals, so a gift of a link
        waits as long. A withdrawal does not age while the link of its gifter is cut.
        """
        batch, links = self._core.batch, self._core.links
        for sort in ("g", "v"):
            for key in batch.below(f"{sort}."):
                found, age, *more = batch.get(f"{sort}.{key}")
                gifter = batch.get(f"b.{key.partition('.')[0]}")
                link, most = None if gifter is None else links.row(gifter), self._core.limits.gift_age
                if link is not None and sort == "v" and link["conn"] is None:
                    continue
                if age + 1 < (most if link is None or sort == "v" else max(most, lasting)):
                    batch.put(f"{sort}.{key}", [found, age + 1, *more])
                    continue
                if gifter is not None:
                    self._core.sessions.within(gifter, "gifts", -1)
                self._drop(sort, key)

    def withhold(self, conn: str, session: str, name: str) -> None:
        """Drop the gifts of a session that are one object, because it was cut off there."""
        for key in self._core.batch.below(f"g.{session}."):
            if self._core.batch.get(f"g.{session}.{key}")[0] == name:
                self._core.sessions.within(conn, "gifts", -1)
                self._drop("g", f"{session}.{key}")

    def end(self, session: str) -> None:
        """The session with a gifter has ended, and its gifts with it."""
        for sort in ("g", "v"):
            for key in self._core.batch.below(f"{sort}.{session}."):
                self._drop(sort, f"{session}.{key}")

    def _drop(self, sort: str, key: str) -> None:
        found, *_ = self._core.batch.get(f"{sort}.{key}")
        self._core.batch.drop(f"{sort}.{key}")
        if sort == "g":
            self._core.names.unuse(found)
        else:
            self._core.cells.reject(found, Failure("the gift did not arrive"))


def _opened(item: Any) -> tuple[Record, bytes]:
    """What an envelope holds, and its signature; raises `Malformed`."""
    if isinstance(item, Record) and item.label == ENVELOPE and len(item.fields) == 2:
        inner, signature = item.fields
        if isinstance(inner, Record):
            return inner, keys.signature_from_value(signature)
    raise Malformed(f"desc:sig-envelope holds a record and its signature, not {kind_of(item)}")


def _fields_of_give(given: Record) -> tuple[bytes, locators.Locator, bytes, bytes, bytes]:
    if given.label != GIVE or len(given.fields) != 5:
        raise Malformed("desc:handoff-give has five fields")
    key, location, session, side, gift = given.fields
    for identifier in (session, side, gift):
        _check_id(identifier)
    return keys.key_from_value(key), locators.from_record(location), session, side, gift


def _check_id(identifier: Any) -> None:
    if type(identifier) is not bytes or not 0 < len(identifier) <= _LONGEST_ID:
        raise Malformed(f"an identifier is 1 to {_LONGEST_ID} bytes")


def _peer(uri: str) -> str:
    found = locators.parse_uri(uri)
    return found.locator.peer if isinstance(found, locators.Sturdyref) else found.peer
