"""The thread with the sockets: it reads into a bounded inbox, and writes what was committed.

One daemon thread with an event loop serves all worlds of a process. It never touches a world: what comes in
waits in the `Inbox` until the world's own thread takes it, between two cells or runs. If the inbox is full,
no more is read, and the other side has to wait; if a peer does not take what is sent to it, its connection
is closed. So a peer can neither fill the memory nor block a cell.

Nothing of a stranger comes into the inbox before its first message, which has to begin a session, and nothing
further before the vat has begun it (`admit`). Few strangers may wait at the same time, few peers may be
dialled at the same time, and sessions begin only so often. What is no message ends its connection here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from swingset.host.wires.wire_connection import CLIENTS_PER_SECOND, Connection, Turns, abort, closed, has_room
from swingset.host.wires.wire_inbox import Inbox
from swingset.host.wires.wire_redial import Cut, Redials
from swingset.host.wires.wire_reminders import Reminders
from swingset.host.wires.wire_secrets import Secrets
from swingset.host.wires.wire_thread import thread
from swingset.model.visible import one_line
from swingset.net import locators
from swingset.net.capnweb.writing import aborted
from swingset.net.framing import framer
from swingset.net.limits import Limits
from swingset.net.locators import Locator
from swingset.net.values import Malformed
from swingset.netlayers.base import Link, Listening, NetlayerError, Succeeded
from swingset.netlayers.finding import netlayer
from swingset.netlayers.http_server import ServerLimits
from swingset.netlayers.web import WebListening
from swingset.netlayers.web import listen as listen_web

MOST_UNSENT = 32 << 20
"""How many bytes may wait to be sent on one connection before it is closed."""

DIALLING = 20.0
"""How many seconds it may take to dial, the netlayer's greeting included."""

MOST_DIALLED = 50
"""How many peers may be dialled at the same time."""

MOST_STRANGERS = 50
"""How many connections from outside may be there whose sessions have not begun."""

SILENT, SILENT_PROVED = 60.0, 600.0
"""How many seconds who has dialled may take to begin a session; the second where it is proved who it is."""

_RETRY = 0.01
_LINKS = re.compile(rb"<(?:7'op:link|8'op:abort)[^>]")
_BEGINS = re.compile(rb"<(?:16'op:start-session|8'op:abort)[^>]")
_SAYS = re.compile(rb"<[0-9]{1,2}'op:[a-z-]+")


@dataclass
class Wires:
    """All connections of one world. `here` has its own locations by transport, and only grows while open."""

    secrets_of: Callable[[], Secrets]
    inbox: Inbox
    here: dict[str, Locator] = field(default_factory=dict)
    listening: list[Listening] = field(default_factory=list)
    web: WebListening | None = None
    _connections: dict[str, Connection] = field(default_factory=dict)
    _starting: set[str] = field(default_factory=set)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)
    _accepted: int = 0
    _turns: Turns = field(default_factory=Turns)
    _turns_of_clients: Turns = field(default_factory=lambda: Turns(CLIENTS_PER_SECOND))
    refused: Callable[[str, str], None] = lambda name, why: None  # noqa: ARG005
    stirred: Callable[[], None] = lambda: None
    life: str = ""
    limits: Limits = field(default_factory=Limits)
    redialling: bool = False
    _redialled: int = 0
    _going: list[tuple[str, bytes | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._redials = Redials(self._redial, self.stirred)
        self.reminders = Reminders(self.inbox)

    @property
    def secrets(self) -> Secrets:
        """The secrets of the world."""
        return self.secrets_of()

    # From the world's thread.

    def listen(self, transport: str, options: Mapping[str, str]) -> Locator:
        """Take connections; returns where. Raises `NetlayerError`, or `OSError`."""
        found = thread.begin(self._listen(transport, options)).result(DIALLING)
        return found.location

    def again(self, transport: str) -> dict[str, str]:
        """With which options this world listens by a transport where it does now."""
        found = [each for each in self.listening if each.location.transport == transport]
        return dict(getattr(found[0], "again", {})) if found else {}

    def listen_web(self, options: Mapping[str, str]) -> WebListening:
        """Take web clients. Raises as `listen` does."""
        return thread.begin(self._listen_web(options)).result(DIALLING)

    def cut(self, digest: str) -> None:
        """Cut off the web clients that came by an address, given by its digest."""
        thread.loop.call_soon_threadsafe(self._cut, digest, "its address was taken back")

    def connect(self, name: str, locator: str) -> None:
        """Begin to dial."""
        self._starting.add(name)
        thread.loop.call_soon_threadsafe(self._connect, name, locator)

    def send(self, name: str, data: bytes | None) -> None:
        """Have a message sent by the next `go`, or a connection closed with None."""
        self._going.append((name, data))

    def go(self) -> None:
        """Send all that a commit has made true together: so the other side takes it in one commit, too."""
        going, self._going = self._going, []
        thread.loop.call_soon_threadsafe(self._send, going)

    def admit(self, name: str) -> None:
        """The session of a connection has begun: read on."""
        thread.loop.call_soon_threadsafe(self._admit, name)

    def redial(self, links: Mapping[str, Cut]) -> None:
        """Dial the peers of these links, and of no others, until there are connections."""
        if links or self.redialling:
            self.redialling = bool(links)
            thread.loop.call_soon_threadsafe(self._redials.set, links)

    def drop_all(self) -> None:
        """Close all connections, and forget what came over them."""
        thread.begin(self._drop_all()).result(DIALLING)
        self.inbox.clear()

    def close(self) -> None:
        """Close everything."""
        thread.begin(self._stop()).result(DIALLING)

    @property
    def open(self) -> int:
        """How many connections there are, those that are being dialled among them."""
        return len(self._connections) + len(self._starting)

    def peer_of(self, name: str) -> str:
        """The peer of a connection, as far as its netlayer has proved it."""
        connection = self._connections.get(name)
        location = None if connection is None else connection.proved
        return "" if location is None else location.peer

    def latencies(self) -> dict[str, float]:
        """How many seconds the last answer of each proved peer took to a question whether it is there."""
        now = [each for each in list(self._connections.values()) if each.proved is not None]
        return {each.proved.peer: each.pulse.latency for each in now if each.proved and each.pulse.latency}

    # On the thread of the sockets.

    async def _listen(self, transport: str, options: Mapping[str, str]) -> Listening:
        layer = netlayer(transport)
        found = await layer.listen(self.secrets, lambda link: self._accept(transport, link), options)
        self.here[transport] = found.location  # before anybody who dials can be served
        self.listening.append(found)
        return found

    def _accept(self, transport: str, link: Link) -> None:
        strangers = sum(
            not each.outgoing and not each.admitted.is_set() for each in self._connections.values()
        )
        if not has_room(self._connections.values(), self.limits) or strangers >= MOST_STRANGERS:
            self._leave(link)
            return
        self._accepted += 1
        connection = Connection(f"{self.life}-in{self._accepted}", False, locators.uri(self.here[transport]))
        self._connections[connection.name] = connection
        self._begin(connection, transport, link)

    # Web clients.

    async def _listen_web(self, options: Mapping[str, str]) -> WebListening:
        most = self.limits.message_bytes
        limits = ServerLimits(body_bytes=most, message_bytes=most, connections=2 * self.limits.clients)
        self.web = found = await listen_web(self, limits, options)
        return found

    def opens(self, digest: str) -> bool:
        """Whether an address is open now."""
        return self.secrets.serves(digest, time.time()) is not None

    def visit(self, digest: str, link: Link, batch: bytes | None) -> bool:
        """A web client has come by an address; returns whether there is room."""
        share = self.secrets.serves(digest, time.time())
        if share is None or not has_room(self._connections.values(), self.limits, digest):
            return False
        self._accepted += 1
        connection = Connection(f"{self.life}-web{self._accepted}", False, "", link=link, digest=digest)
        connection.framing = framer("message", self.limits.message_bytes)
        self._connections[connection.name] = connection
        loop = asyncio.get_running_loop()
        if share.expires is not None:
            left = share.expires - time.time()
            connection.expiry = loop.call_later(left, self._cut, digest, "its address has expired")
        for work in (self._serve(connection, link, batch), self._write(connection)):
            connection.tasks.append(loop.create_task(work))
        return True

    async def _serve(self, connection: Connection, link: Link, batch: bytes | None) -> None:
        why = "the client has closed the connection"
        try:
            await self._turns_of_clients.mine()
            await self._room()
            connection.announced = True
            self.inbox.put("visit", connection.name, connection.digest, batch)
            if batch is None:
                await connection.admitted.wait()
            while data := await link.receive():
                await self._room()
                self.inbox.put("received", connection.name, data)
        except OSError as problem:
            why = one_line(str(problem) or type(problem).__name__, 300)
        self._end(connection, why)

    def _cut(self, digest: str, why: str) -> None:
        for connection in list(self._connections.values()):
            if connection.digest == digest:
                task = asyncio.get_running_loop().create_task(self._cut_off(connection, why))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    async def _cut_off(self, connection: Connection, why: str) -> None:
        if connection.link is not None:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(connection.link.send(aborted(why)), 2.0)
        self._end(connection, why)

    def _admit(self, name: str) -> None:
        connection = self._connections.get(name)
        if connection is not None:
            connection.admitted.set()

    def _connect(self, name: str, locator: str) -> None:
        try:
            self._dial_to(name, locator)
        finally:
            self._starting.discard(name)

    def _dial_to(self, name: str, locator: str) -> None:
        try:
            there = locators.parse_uri(locator)
        except Malformed as problem:
            self.inbox.put("closed", name, str(problem))
            return
        if not isinstance(there, Locator):
            self.inbox.put("closed", name, "a locator was wanted")
            return
        if sum(each.link is None for each in self._connections.values()) >= MOST_DIALLED:
            self.inbox.put("closed", name, f"{MOST_DIALLED} peers are being dialled already: try again later")
            return
        connection = self._outgoing(name, there)
        connection.tasks.append(asyncio.get_running_loop().create_task(self._dial(connection, there)))

    def _outgoing(self, name: str, there: Locator, *, quiet: bool = False) -> Connection:
        connection = Connection(name, True, locators.uri(self._from(there)), there, quiet=quiet)
        self._connections[name] = connection
        return connection

    def _from(self, there: Locator) -> Locator:
        """Where this world says that it is when it dials."""
        return self.here.get(there.transport) or Locator(there.transport, self.secrets.designator)

    async def _redial(self, locator: str) -> None:
        """Dial the peer of a link; returns once the connection is gone, or could not be made."""
        there = locators.parse_uri(locator)
        if not isinstance(there, Locator) or not has_room(self._connections.values(), self.limits):
            return
        self._redialled += 1
        connection = self._outgoing(f"{self.life}-re{self._redialled}", there, quiet=True)
        try:
            await self._dial(connection, there)
        except asyncio.CancelledError:
            self._end(connection, None)
            raise
        await connection.gone.wait()

    async def _dial(self, connection: Connection, there: Locator) -> None:
        here = self._from(there)
        try:
            dialling = netlayer(there.transport).dial(self.secrets, here, there)
            link = await asyncio.wait_for(dialling, DIALLING)
        except TimeoutError:
            self._end(connection, f"it did not answer within {DIALLING:g} seconds")
        except Succeeded as news:
            self._end(connection, None)
            self.inbox.put("succeeded", connection.name, news.card)
        except (NetlayerError, OSError) as problem:
            self._end(connection, one_line(str(problem) or type(problem).__name__, 300))
        else:
            self._begin(connection, there.transport, link)

    def _begin(self, connection: Connection, transport: str, link: Link) -> None:
        connection.link = link
        connection.framing = framer(netlayer(transport).framing, self.limits.message_bytes)
        if connection.outgoing:
            self._announce(connection, link)
        loop = asyncio.get_running_loop()
        works = [self._read(connection), self._write(connection)]
        works += [self._beat(connection)] if connection.lasting else []
        connection.tasks += [loop.create_task(work) for work in works]

    async def _beat(self, connection: Connection) -> None:
        silence = await connection.pulse.beat(lambda: self.limits.silence)
        self._end(connection, f"the other side has been silent for {silence:g} seconds")

    def _announce(self, connection: Connection, link: Link) -> None:
        """Let the vat know of a connection."""
        location = link.location
        there = location or connection.wanted
        expected = None if there is None else locators.uri(there)
        proven = location is not None
        about = (connection.outgoing, connection.here, expected, proven, link.dialect, connection.lasting)
        connection.announced = True
        self.inbox.put("opened", connection.name, *about)

    async def _read(self, connection: Connection) -> None:
        link = connection.link
        assert link is not None
        why = "the other side has closed the connection"
        try:
            assert connection.framing is not None
            messages = connection.messages(link, connection.framing)
            first = await self._first(connection, link, messages)
            if first is not None:
                if not connection.outgoing:
                    await self._turns.mine()
                    await self._room()
                    self._announce(connection, link)
                self._deliver(connection, first)
                await connection.admitted.wait()
            async for message in messages:
                await self._room()
                if not _SAYS.match(message):
                    raise Malformed("a message is a record whose label begins with op:")
                self._deliver(connection, message)
        except Malformed as problem:
            why = f"what came is no message: {problem}"
            await abort(link, connection.framing, str(problem))
        except TimeoutError:
            why = "the other side has not begun a session in time"
        except OSError as problem:
            why = one_line(str(problem) or type(problem).__name__, 300)
        self._end(connection, why)

    async def _first(
        self, connection: Connection, link: Link, messages: AsyncIterator[bytes]
    ) -> bytes | None:
        """The first message of a session, or None where there is none. A stranger's comes in time."""
        limit = SILENT if link.location is None else SILENT_PROVED
        waits = connection.outgoing and not connection.lasting
        async with asyncio.timeout(None if waits else limit):
            first = await anext(messages, None)
        begins, word = (_LINKS, "op:link") if connection.lasting else (_BEGINS, "op:start-session")
        if first is not None and not begins.match(first):
            raise Malformed(f"the session has not begun: {word} comes first")
        return first

    async def _room(self) -> None:
        while self.inbox.full:
            await asyncio.sleep(_RETRY)

    def _deliver(self, connection: Connection, message: bytes) -> None:
        self.inbox.put("received", connection.name, self.secrets.scrubbed(message))

    async def _write(self, connection: Connection) -> None:
        link, framing = connection.link, connection.framing
        assert link is not None
        assert framing is not None
        try:
            while True:
                while connection.unsent:
                    data = connection.frames(framing)
                    if data is None:
                        self._end(connection, None)
                        return
                    async with asyncio.timeout(None if connection.lasting else self.limits.silence):
                        await link.send(data)
                connection.wake.clear()
                await connection.wake.wait()
        except TimeoutError:
            self._end(connection, f"the other side has taken nothing for {self.limits.silence} seconds")
        except OSError as problem:
            self._end(connection, one_line(str(problem) or type(problem).__name__, 300))

    def _send(self, going: list[tuple[str, bytes | None]]) -> None:
        for name, data in going:
            connection = self._connections.get(name)
            if connection is None:
                continue
            if data is not None and connection.size + len(data) > MOST_UNSENT:
                self._end(connection, "the peer is too slow: too much waits to be sent to it")
            else:
                connection.say(data)

    def _end(self, connection: Connection, why: str | None) -> None:
        """End a connection; the vat is told unless it has closed it itself, for None."""
        if connection.ended:
            return
        connection.ended = True
        if connection.expiry is not None:
            connection.expiry.cancel()
        connection.gone.set()
        if not connection.admitted.is_set() and self.inbox.forget(connection.name):
            connection.announced = connection.outgoing
        if why is not None and (connection.announced or (connection.outgoing and not connection.quiet)):
            self.inbox.put("closed", connection.name, why)
        elif why is not None and not connection.quiet:
            self.refused(connection.name, why)
        self._connections.pop(connection.name, None)
        mine = asyncio.current_task()
        for task in connection.tasks:
            if task is not mine:
                task.cancel()
        if connection.link is not None:
            self._leave(connection.link)

    def _leave(self, link: Link) -> None:
        task = asyncio.get_running_loop().create_task(closed(link))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop_all(self) -> None:
        self._redials.set({})
        for connection in list(self._connections.values()):
            self._end(connection, None)

    async def _stop(self) -> None:
        self.reminders.clear()
        for listening in self.listening:
            await listening.close()
        self.listening.clear()
        if self.web is not None:
            serving, self.web = self.web, None
            await serving.close()
        await self._drop_all()
