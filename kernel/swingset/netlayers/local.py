"""Netlayers that stay on one machine: `in-process`, `unix`, and `tcp-testing-only`.

The first two greet (`streams`), so both sides are proved. `tcp-testing-only` is what other implementations
test with: raw Syrup on a loopback address, with no security at all. It refuses every other address.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from swingset.net import cards, syrup
from swingset.net.dialects import DIALECTS
from swingset.net.framing import FramerName
from swingset.net.locators import Locator, located
from swingset.netlayers.base import Accept, Identity, NetlayerError, options_of
from swingset.netlayers.streams import StreamLink, greeted, welcomed

GREETING = 10.0
"""How many seconds a greeting may take."""

MOST_GREETINGS = 50
"""How many strangers may be greeted at the same time."""

_LONGEST_PATH = 100


@dataclass
class ServerListening:
    """A server of asyncio that takes connections."""

    location: Locator
    server: asyncio.Server
    ended: Callable[[], None] = field(default=lambda: None)
    again: Mapping[str, str] = field(default_factory=dict)

    async def close(self) -> None:
        """Take no more connections."""
        self.server.close()
        self.ended()


class Greeter:
    """Greets who dials in, a bounded number at a time, each within its time."""

    def __init__(self, accept: Accept, welcome: Callable[[StreamLink], Awaitable[StreamLink]]) -> None:
        self._accept = accept
        self._welcome = welcome
        self._greeting = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet one, and hand its link on."""
        if self._greeting >= MOST_GREETINGS:
            writer.close()
            return
        self._greeting += 1
        try:
            link = await asyncio.wait_for(self._welcome(StreamLink(reader, writer)), GREETING)
        except (NetlayerError, OSError, TimeoutError):
            writer.close()
            return
        finally:
            self._greeting -= 1
        self._accept(link)


class InProcess:
    """Worlds of one process: a pair of sockets that are in no file system."""

    transport = "in-process"
    framing: FramerName = "prefix"
    _here: dict[str, Greeter] = {}  # noqa: RUF012  # by designator; one event loop uses it

    async def listen(
        self, identity: Identity, accept: Accept, options: Mapping[str, str]
    ) -> _InProcessListening:
        """Let other worlds of this process connect."""
        options_of(options)
        greeter = Greeter(accept, lambda link: welcomed(link, identity))
        past = cards.read_statements(syrup.write([*identity.past]), identity.verify) if identity.past else []
        names = [identity.designator, *(each.designator for each in past)]
        self._here.update(dict.fromkeys(names, greeter))
        return _InProcessListening(located(self.transport, identity.designator), names, self._here)

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> StreamLink:
        """Connect to a world of this process."""
        greeter = self._here.get(there.designator)
        if greeter is None:
            raise NetlayerError("no world of that designator listens in this process: open it, and listen")
        one, other = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=other)
        greeting = asyncio.get_running_loop().create_task(greeter(reader, writer))
        link = await greeted(StreamLink(*await asyncio.open_connection(sock=one)), identity, here, there)
        await greeting
        return link


@dataclass
class _InProcessListening:
    location: Locator
    _names: list[str]  # those of former keys among them
    _here: dict[str, Greeter]

    async def close(self) -> None:
        """Take no more connections."""
        for name in self._names:
            self._here.pop(name, None)


class Unix:
    """A socket in the file system, for the same user only."""

    transport = "unix"
    framing: FramerName = "prefix"

    async def listen(self, identity: Identity, accept: Accept, options: Mapping[str, str]) -> ServerListening:
        """Listen at `path`; a socket that nobody listens at any more is replaced, nothing else is."""
        path = options_of(options, "path").get("path", "")
        if not 0 < len(os.fsencode(path)) <= _LONGEST_PATH:
            raise NetlayerError(f"the path of a socket has 1 to {_LONGEST_PATH} bytes: give a shorter `path`")
        await _clear(path)
        greeter = Greeter(accept, lambda link: welcomed(link, identity))
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(greeter, path)
        finally:
            os.umask(before)

        def ended() -> None:
            with contextlib.suppress(OSError):
                os.unlink(path)

        location = located(self.transport, identity.designator, {"path": os.path.abspath(path)})
        return ServerListening(location, server, ended)

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> StreamLink:
        """Connect to the socket of the hint `path`."""
        path = there.hint("path")
        if path is None:
            raise NetlayerError("the location does not say at which `path` its socket is")
        link = StreamLink(*await asyncio.open_unix_connection(path))
        try:
            return await greeted(link, identity, here, there)
        except BaseException:
            await link.close()
            raise


async def _clear(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise NetlayerError(f"there is a file at {path!r} that is no socket: give another `path`")
    except FileNotFoundError:
        return
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        os.unlink(path)
        return
    writer.close()
    raise NetlayerError(f"another world listens at {path!r}: give another `path`")


class TcpTestingOnly:
    """Raw Syrup on a loopback address, for tests between implementations. Nobody is proved."""

    transport = "tcp-testing-only"
    framing: FramerName = "none"

    async def listen(self, identity: Identity, accept: Accept, options: Mapping[str, str]) -> ServerListening:
        """Listen at `host`, a loopback address, and `port`, 0 for a free one, for peers of one `dialect`."""
        given = options_of(options, "host", "port", "dialect")
        dialect = given.get("dialect", "goblins")
        if dialect not in DIALECTS:
            raise NetlayerError(f"a dialect is {', '.join(DIALECTS)}, not {dialect[:20]!r}")
        host, port = _loopback(given.get("host", "127.0.0.1")), _port(given.get("port", "0"))

        async def welcome(link: StreamLink) -> StreamLink:
            link.dialect = dialect
            return link

        server = await asyncio.start_server(Greeter(accept, welcome), host, port)
        bound = server.sockets[0].getsockname()[1]
        hints = {"host": host, "port": str(bound)}
        if dialect != "goblins":
            hints["dialect"] = dialect  # of those that are dialled from here, too
        again = {"port": str(bound)}
        return ServerListening(located(self.transport, identity.designator, hints), server, again=again)

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> StreamLink:  # noqa: ARG002
        """Connect to the hints `host` and `port`; nothing proves who is there."""
        host, port = _loopback(there.hint("host") or ""), _port(there.hint("port") or "")
        link = StreamLink(*await asyncio.open_connection(host, port))
        link.dialect = here.hint("dialect") or "goblins"
        return link


def _loopback(host: str) -> str:
    """A loopback address; raises `NetlayerError` for any other."""
    if host == "localhost":
        return "127.0.0.1"
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise NetlayerError(
        f"tcp-testing-only has no security, so its host is 127.0.0.1 or ::1, not {host[:60]!r}"
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65_535:
        raise NetlayerError(f"a port is a number up to 65535, not {text[:20]!r}")
    return int(text)
