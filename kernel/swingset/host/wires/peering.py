"""Who is at the other end: the sessions with other worlds, and what they are called here.

A part of `controller.net`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from swingset.host.wires.asking import NetError, check_limits, check_seconds, check_text, location
from swingset.host.wires.linked import Linked
from swingset.host.wires.petnames import check_petname
from swingset.host.wires.tables import looking
from swingset.model.visible import one_line
from swingset.net.hub import Hub
from swingset.net.limits import Limits

_KEY = re.compile(r"[a-z2-7]{52}")
_SHORTEST = 6
"""With how many letters of its designator a world can be named at least."""


@dataclass(frozen=True)
class Peer:
    """One session with another world: counts, and never a secret.

    Attributes:
        peer: the other world's location, or an empty text before it has said it.
        connection: the name of the connection, or of the link.
        state: `hello` before the session has begun, then `live`; `cut` for a link without a connection now.
        outgoing: whether this world dialled.
        proven: whether the netlayer has proved who it is.
        exports: how many references the other side has from here.
        imports: how many this world has from there.
        received: the bytes of the messages that came.
        messages: how many came.
        sent: how many went out.
        answers: how many results of messages the other side keeps hold of.
        lasting: whether it is on a link, and so outlives connections and restarts.
        waits: how many promises the other side is to settle.
        unacknowledged: how many messages the other side has not acknowledged yet.
        name: its petname, or an empty text.
        web: of a web client, the digest of the address by which it came; else an empty text.
        expires: when the lease of a link ends that is cut, in seconds since 1970; else None.
        bytes_in: the bytes of the messages of this peer over all connections, since the world was opened.
        computrons: with how many they were read; 0 for a vat that is not metered.
        latency: how many seconds it last took to answer whether it is there; None if that is not known.
    """

    peer: str
    connection: str
    state: str
    outgoing: bool
    proven: bool
    exports: int
    imports: int
    received: int
    messages: int
    sent: int
    answers: int
    lasting: bool
    waits: int
    unacknowledged: int
    name: str = ""
    web: str = ""
    expires: float | None = None
    bytes_in: int = 0
    computrons: int = 0
    latency: float | None = None


class Peering(Linked):
    """Sessions with other worlds, and their names, as `controller.net`.

    Source:
        None in SwingSet, whose comms vat has a name for each remote.
    """

    def peers(self) -> list[Peer]:
        """The sessions with other worlds, as of now.

        Raises:
            NetError: if the vat `net` was terminated, or its rows are not what this library writes.
        Example:
            >>> world.net.peers()
            []
        """
        with self._opened.lock:
            self._line.check(looking=True)
            if not self._line.has_vat():
                return []
            try:
                petnames = {designator: name for name, designator in self.names().items()}
                return [self._peer(row, petnames) for row in self._hub().peers()]
            except (LookupError, TypeError, ValueError, AttributeError):
                words = "the rows of vat net are not what this library writes: go back to a copy of the file"
                raise NetError(words) from None

    def _peer(self, row: Mapping[str, Any], petnames: Mapping[str, str]) -> Peer:
        """One session, of its row."""
        found, line = _peer(row, petnames, self._expiry(row)), self._line
        peer = location(found.peer).peer if found.peer and found.proven else found.connection
        used = None if line.meters is None else line.meters.of(peer)
        late = {} if line.wires is None else line.wires.latencies()
        return (
            found
            if used is None
            else replace(found, bytes_in=used.size, computrons=used.computrons, latency=late.get(peer))
        )

    def _expiry(self, row: Mapping[str, Any]) -> float | None:
        secrets = self._line.known_secrets()
        if row["state"] != "cut" or secrets is None:
            return None
        return secrets.heard.get(location(row["peer"]).peer, time.time()) + secrets.lease

    def forget(self, peer: Peer | str) -> Peer:
        """End the link with another world: what waits for it is rejected, what it holds is let go.

        The other world is told, now or when it connects the next time. A later fetch makes another link.

        Args:
            peer: the world, as for `name`.
        Returns:
            What was known of the link.
        Raises:
            NetError: if there is no link with it, or there are several.
        Example:
            >>> try:
            ...     world.net.forget("ocapn://abcdefghijklmnop.in-process")
            ... except swingset.KernelError as error:
            ...     print(error)
            there is no link with abcdefghijklmnop: `peers` has those that there are
        """
        with self._opened.lock:
            designator = self.designator_of(peer)
            links = [each for each in self.peers() if each.lasting]
            found = [each for each in links if location(each.peer).designator == designator]
            if isinstance(peer, Peer):
                found = [each for each in found if each.connection == peer.connection]
            if len(found) != 1:
                many = "several links are" if found else "there is no link"
                words = f"{many} with {one_line(designator, 60)}: `peers` has those that there are"
                raise NetError(words)
            self._tell("part", [found[0].connection, "forgotten", "its owner has ended it"], "ended a link")
            return found[0]

    def set_lease(self, seconds: float) -> None:
        """Set for how long links stay that have no connection, before they end by themselves.

        It is 30 days if nothing else is set.

        Args:
            seconds: the time, for all links of this world.
        Raises:
            NetError: for what is no such time.
        Example:
            >>> world.net.set_lease(7 * 86_400)
        """
        length = check_seconds("seconds", seconds)
        with self._opened.lock:
            secrets = self._line.secrets()
            secrets.lease = length
            secrets.save()
            self._line.look()

    def _hub(self) -> Hub:
        """The tables of the service vat, to look at."""
        return looking(self._opened)

    def limits(self, **changes: int | None) -> Limits:
        """What other worlds may use of this one; with arguments, change it. Changes are part of the world.

        Args:
            changes: the limits to change, such as `sessions=20`; None for what is usual.
        Returns:
            All limits, as they hold from the next message of a peer on.
        Raises:
            NetError: for a limit that there is not, and for a value that is none.
        Example:
            >>> world.net.limits(sessions=20).sessions
            20
            >>> world.net.limits(sessions=None).sessions
            200
        """
        with self._opened.lock:
            self._line.check(looking=not changes)
            found = self._line.limits()
            if changes:
                found = check_limits(found, changes)
                self._tell("limit", [found.row()], "limited what other worlds may use")
                self._line.use(found)
                if self._line.meters is not None:
                    self._line.meters.reset()
            return found

    def name(self, peer: Peer | str, petname: str | None) -> None:
        """Give another world a petname, by which this world's user knows it.

        It stands for the key of that world, wherever it is reached. No peer and no vat learns it.

        Args:
            peer: the world: one of `peers`, its location, its designator or at least six letters of the
                beginning of it, or the petname that it has.
            petname: the new one, or None to have none.
        Raises:
            NetError: if it is not clear which world is meant, or for a petname that could deceive, or that
                another world has.
        Example:
            >>> world.net.name("ocapn://abcdefghijklmnop.in-process", "mum")
            >>> world.net.names()
            {'mum': 'abcdefghijklmnop'}
        """
        with self._opened.lock:
            designator = self._newest_of(peer)
            if petname is not None:
                check_petname(petname, self.names(), designator)
            self._root()
            for old in [each for each in self._line.called.names().values() if each != designator]:
                if self._line.newest(old) == designator:
                    self._line.called.call(old, None)
            self._line.called.call(designator, petname)
            self._opened.keep("gave another world a petname")

    def names(self) -> dict[str, str]:
        """The petnames of other worlds, each with the designator of its world.

        Example:
            >>> world.net.names()
            {}
        """
        with self._opened.lock:
            kept, found = self._line.called.names(), {}
            for name, designator in kept.items():
                newest = self._line.newest(designator)
                if newest == designator or newest not in kept.values():
                    found[name] = newest
            return found

    def _newest_of(self, peer: Peer | str) -> str:
        return self._line.newest(self.designator_of(peer))

    def designator_of(self, peer: Peer | str) -> str:
        """The designator of a world: its key, as a text.

        Args:
            peer: as for `name`.
        Raises:
            NetError: if it is not clear which world is meant.
        Example:
            >>> world.net.designator_of("ocapn://abcdefghijklmnop.in-process")
            'abcdefghijklmnop'
        """
        with self._opened.lock:
            text = peer.peer if isinstance(peer, Peer) else peer
            check_text("name of a world", text)
            petnames = self.names()
            if text in petnames:
                return petnames[text]
            if text.startswith("ocapn://"):
                return location(text).designator
            known = self._known()
            if text in known or _KEY.fullmatch(text):
                return text
            found = [each for each in known if len(text) >= _SHORTEST and each.startswith(text)]
            if len(found) == 1:
                return found[0]
            why = "several worlds begin so" if found else "no world is known here by it"
            raise NetError(
                f"{one_line(text, 60)!r}: {why}; give its petname, its location or "
                f"at least {_SHORTEST} letters of its designator"
            )

    def _known(self) -> set[str]:
        secrets = self._line.known_secrets()
        users = [] if secrets is None else [each for share in secrets.shares.values() for each in share.users]
        used = {each.peer.rpartition(".")[0] for each in users if each.peer}
        used |= {*self._line.called.names().values()}
        return used | (self._hub().known() if self._line.has_vat() else set())

    def events(self) -> list[dict[str, str]]:
        """What became of connections and links lately, oldest first.

        Each has `event`, `connection`, `peer` and `why`, and a `code` for programs if a link has ended.

        Example:
            >>> world.net.events()
            []
        """
        return list(self._line.log)


def _peer(row: Mapping[str, Any], petnames: Mapping[str, str], expires: float | None) -> Peer:
    """One session, of its row."""
    called = petnames.get(location(row["peer"]).designator, "") if row["peer"] else ""
    said = {field.name: row[field.name] for field in fields(Peer) if field.name in row}
    return Peer(**said, name=called, expires=expires)
