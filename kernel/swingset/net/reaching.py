"""Reaching a peer: what is wanted of it waits until there is a session, and is done then.

A sturdyref is followed by asking its peer for the swissnum. What arrives is a lasting object: it outlives its
session, and the first message after a disconnect dials and asks again. A gift of a third party is withdrawn
in the same way.

A world that is killed while it dials dials again: nothing was sent. What a link has brought is not given up
because a third world cannot be reached just now: such gifts wait until that world is there, or its lease or
the link is over.

Rows: `r.C` is the URI of a peer that a connection is to reach, and what waits for it: `["fetch", handle,
length, cell]` or `["gift", envelope, connection of the gifter, cell]`; `later.PEER` the same of gifts whose
peer could not be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import locators
from .nearness import ANYWHERE, check, nearness
from .outside import Cut
from .values import Failure, Hidden, Record, Ref, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

_BOOTSTRAP = Record(Symbol("desc:export"), (0,))
_FETCH = Symbol("fetch")
_COPIED = (
    "nothing was sent: the file of secrets does not have the string by which this object was fetched, so "
    "this world is a copy without it; fetch the object again by its string"
)


class Reaching:
    """Peers that are wanted."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def enliven(self, uri: str, secret: str, length: int, name: str | None = None) -> str:
        """Follow a sturdyref; returns the promise of its object, as `name` if it had one."""
        cell = self._core.cells.new(["own"])
        self._core.cells.change(cell, bind=[uri, secret, length, name])
        self.reach(uri, ["fetch", secret, length, cell])
        return cell

    def wake(self, name: str, row: dict[str, Any], args: list[Any], result: str | None) -> None:
        """Send a message to a lasting object whose session has ended."""
        cell = row.get("waking")
        found = None if cell is None else self._core.cells.row(cell)
        if found is None or found["state"]:
            cell = self.enliven(row["uri"], row["secret"], row["length"], name)
            self._core.names.put(name, {**row, "waking": cell})
        self._core.routing.deliver(cell or "", args, result)

    def bound(self, bind: list[Any], value: Ref) -> Ref:
        """What a followed sturdyref arrived at, as a lasting object."""
        uri, secret, length, name = bind
        names, batch = self._core.names, self._core.batch
        row = names.row(value.name) if names.is_remote(value.name) else None
        if row is None or row["kind"] != "far":
            return value
        kept = {"held": row["held"], "known": row.get("known", False)}
        where = {"conn": row["conn"], "pos": row["pos"]}
        lasting = {"kind": "lasting", "uri": uri, "secret": secret, "length": length, **where}
        if name is None or name == value.name:
            names.put(value.name, {**lasting, **kept})
            return value
        old = names.row(name)
        if old is None:
            return value
        names.put(name, {**old, **where, "waking": None})
        imported = batch.get(f"i.{row['conn']}.{row['pos']}")
        batch.put(f"i.{row['conn']}.{row['pos']}", [name, imported[1]])
        names.put(value.name, {**row, "through": name})
        names.use(name)
        names.touch(value.name)
        return Ref(name)

    def reach(self, uri: str, wanted: list[Any], nearest: int = 0) -> None:
        """Do something with a peer, now or once it is reached, which must not be nearer than may be."""
        core = self._core
        found = locators.parse_uri(uri)
        if isinstance(found, locators.Sturdyref):
            raise Refused("a locator was wanted")
        found = core.moves.place(found)
        conn = core.batch.get(f"l.{found.peer}")
        if conn is not None:
            self._do(conn, wanted)
            return
        conn = core.batch.get(f"d.{found.peer}")
        if conn is None:
            try:
                check(found, nearest, core.limits)
                conn = core.wire.connect(locators.uri(found))
            except Refused as problem:
                self._give_up(wanted, str(problem), "")
                return
            except Cut as problem:
                words = (
                    f"nothing was sent: a world without a wire, such as a fork, reaches no other ({problem})"
                )
                core.cells.reject(wanted[3], Failure(words, "Disconnected", {"code": "unreachable"}))
                return
            core.batch.put(f"d.{found.peer}", conn)
            core.batch.put(f"r.{conn}", [locators.uri(found)])
        core.batch.put(f"r.{conn}", [*core.batch.get(f"r.{conn}"), wanted])

    def again(self) -> None:
        """All connections are gone: dial again where something waits for one that was not there yet."""
        core = self._core
        for conn in core.batch.below("r."):
            if core.sessions.row(conn) is None:
                uri = core.batch.get(f"r.{conn}")[0]
                try:
                    self.move(conn, core.wire.connect(uri))
                except Cut as problem:
                    self.failed(conn, str(problem))

    def move(self, conn: str, other: str) -> None:
        """What waits for a connection waits for another, or for a link, that takes its place."""
        batch = self._core.batch
        waiting = batch.get(f"r.{conn}")
        if waiting is not None and other != conn:
            batch.drop(f"r.{conn}")
            batch.put(f"r.{other}", [*(batch.get(f"r.{other}") or waiting[:1]), *waiting[1:]])
            batch.put(f"d.{_peer(waiting[0])}", other)

    def arrived(self, conn: str, peer: str) -> None:
        """A session with a peer has begun: do what waited for it."""
        batch = self._core.batch
        if batch.get(f"l.{peer}") != conn:
            return
        dialled = batch.get(f"d.{peer}")
        for key in (f"later.{peer}", f"r.{dialled}"):
            waiting = batch.get(key) or [""]
            batch.drop(key)
            for wanted in waiting[1:]:
                self._do(conn, wanted)
        batch.drop(f"d.{peer}")

    def failed(self, conn: str, why: str) -> None:
        """A connection has ended before its session began: reject what waited for it."""
        batch = self._core.batch
        waiting = batch.get(f"r.{conn}")
        if waiting is None:
            return
        batch.drop(f"r.{conn}")
        peer = _peer(waiting[0])
        if batch.get(f"d.{peer}") == conn:
            batch.drop(f"d.{peer}")
        for wanted in waiting[1:]:
            if wanted[0] == "gift" and self._core.links.row(wanted[2]) is not None:
                batch.put(f"later.{peer}", [*(batch.get(f"later.{peer}") or waiting[:1]), wanted])
            else:
                self._give_up(wanted, why)

    def succeeded(self, conn: str, card: bytes) -> int:
        """Who was dialled has another key now, which is proved: what waits is for the world of that key.

        Returns how much of it is news.
        """
        batch = self._core.batch
        waiting = batch.get(f"r.{conn}") or [""]
        nearest = nearness(_locator(waiting[0])) if waiting[0] else ANYWHERE
        try:
            news = self._core.moves.follow(card, nearest=nearest)
        except Refused as problem:
            self.failed(conn, f"it has another key now, and that is refused: {problem}")
            return 0
        batch.drop(f"r.{conn}")
        if waiting[0] and batch.get(f"d.{_peer(waiting[0])}") == conn:
            batch.drop(f"d.{_peer(waiting[0])}")
        for wanted in waiting[1:]:
            self.reach(waiting[0], wanted)
        return news

    def renamed(self, designator: str) -> None:
        """A key was succeeded: gifts that wait for its world wait for it under its new name."""
        batch = self._core.batch
        for peer in list(batch.below("later.")):
            uri, *waiting = batch.get(f"later.{peer}")
            there = locators.parse_uri(uri)
            if isinstance(there, locators.Locator) and there.designator == designator:
                there = self._core.moves.place(there)
                batch.drop(f"later.{peer}")
                kept = batch.get(f"later.{there.peer}") or [locators.uri(there)]
                batch.put(f"later.{there.peer}", [*kept, *waiting])

    def abandon(self, peer: str, why: str) -> None:
        """The lease of a peer is over that was never reached: reject what waits for it."""
        for wanted in (self._core.batch.get(f"later.{peer}") or [""])[1:]:
            self._give_up(wanted, why)
        self._core.batch.drop(f"later.{peer}")

    def ended(self, link: str, why: str) -> None:
        """A link has ended: what it has brought does not wait for others any more."""
        batch = self._core.batch
        for peer in batch.below("later."):
            uri, *waiting = batch.get(f"later.{peer}")
            kept = [wanted for wanted in waiting if wanted[2] != link]
            for wanted in waiting:
                if wanted[2] == link:
                    self._give_up(wanted, why)
            if kept:
                batch.put(f"later.{peer}", [uri, *kept])
            else:
                batch.drop(f"later.{peer}")

    def _give_up(
        self, wanted: list[Any], why: str, remedy: str = "; it has to be open, and to listen"
    ) -> None:
        text = f"nothing was sent: the other world could not be reached ({why}){remedy}"
        self._core.cells.reject(wanted[3], Failure(text, "Disconnected", {"code": "unreachable"}))
        if wanted[0] == "gift":
            self._core.handoff.introduced(wanted[2])

    def _do(self, conn: str, wanted: list[Any]) -> None:
        core = self._core
        kind, first, second, cell = wanted
        try:
            if kind == "fetch" or not core.sessions.is_stranger(second):
                core.sessions.befriend(conn)
            if kind == "fetch" and not core.wire.knows(first):
                core.cells.reject(cell, Failure(_COPIED, "Disconnected", {"code": "copied"}))
            elif kind == "fetch":
                self._ask(conn, [_FETCH, Hidden(first, second)], cell)
            else:
                core.handoff.introduced(second)
                args = core.handoff.withdrawal(conn, bytes.fromhex(first), second)
                self._ask(conn, args, cell)
        except Refused as problem:
            core.cells.reject(cell, Failure(str(problem)))

    def _ask(self, conn: str, said: list[Any], cell: str) -> None:
        """Ask the bootstrap object of a peer; messages that waited for the result are pipelined to it."""
        core = self._core
        position = core.descriptors.new_question(conn, cell)
        resolver = core.descriptors.new_resolver(conn, "result", cell)
        back = Record(Symbol("desc:import-object"), (resolver,))
        core.sessions.send(conn, Record(Symbol("op:deliver"), (_BOOTSTRAP, said, position, back)))
        core.cells.pipeline(cell)


def _peer(uri: str) -> str:
    return _locator(uri).peer


def _locator(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    return found.locator if isinstance(found, locators.Sturdyref) else found
