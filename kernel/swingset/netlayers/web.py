"""Where clients of Cap'n Web connect: one WebSocket, or one POST with all its messages, at a secret address.

The path of an address is a secret of 32 bytes, and nothing else is asked of a client: no cookie is set or
read, and no header makes anybody somebody. An address that opens nothing is answered like any other path, and
a page learns nothing of it. Before an address is known to be open, nothing of a client leaves this module.

A page of any origin may use an address that it has, unless `origins` names those that may. A browser says
the origin of a page, a program need not. The `Host` of a request has to be one of this server's, so that no
page can have a name of its own lead here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from swingset.net.locators import Locator
from swingset.netlayers.base import Link, NetlayerError, options_of
from swingset.netlayers.http_server import HttpServer, Request, Response, ServerLimits, ServerSocket, refusal
from swingset.netlayers.secured import context_for, is_loopback, port_of

SECRET = 32
"""How many bytes the secret of an address has."""

BATCH_SECONDS = 60.0
"""How long a batch may take to be answered."""

MOST_ANSWERED = 8 << 20
"""How many bytes the answer to a batch has at most."""

PING_SECONDS = 30.0
"""How often a WebSocket is asked whether its client is still there; it is closed if nothing comes for two."""

_ANY = "*"
_TOO_LATE = b'["abort",["error","Error","the batch was not answered in time"]]'
_METHODS = "POST, OPTIONS"


class Doors(Protocol):
    """What is open, and who takes those that come in."""

    def opens(self, digest: str) -> bool:
        """Whether an address is open now, by the digest of its secret."""
        ...

    def visit(self, digest: str, link: Link, batch: bytes | None) -> bool:
        """A client has come by an address: with all its messages, a line each, or with none yet.

        Returns whether there is room for it.
        """
        ...


@dataclass
class WebListening:
    """A server that takes clients."""

    url: str
    server: HttpServer

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self.server.port

    async def close(self) -> None:
        """Take no more clients, and close the connections of those that are there."""
        await self.server.close()


async def listen(doors: Doors, limits: ServerLimits, options: Mapping[str, str]) -> WebListening:
    """Take clients; raises `NetlayerError` for options that it does not have, and `OSError`.

    Args:
        doors: what is open.
        limits: what a client may take.
        options: `host` and `port`, a free one on a loopback address by default; `cert` and `key`, the files
            of a certificate, with which any host is allowed; `url`, where clients find it, if that is another
            address; `origins`, those of the pages that may use it, with a comma between them, or `*` for all.
    """
    given = options_of(options, "host", "port", "cert", "key", "url", "origins")
    host, port = given.get("host", "127.0.0.1"), port_of(given.get("port", "0"))
    secure = context_for(host, given.get("cert"), given.get("key"))
    origins = _origins(given.get("origins", _ANY))
    url = _url(given["url"]) if "url" in given else None
    server = await HttpServer.start(host, port, secure=secure, limits=limits)
    hosts = {urlsplit(server.url).netloc, f"localhost:{server.port}"}
    if url is not None:
        hosts.add(urlsplit(url).netloc)
    server.mount("/", _App(doors, frozenset(hosts), origins))
    return WebListening(url or server.url, server)


def address(url: str, secret: bytes) -> str:
    """The address of what a secret opens."""
    return f"{url}/{_spelt(secret)}"


def digest_in(address: str) -> str | None:
    """The digest of the secret that an address ends with, or its path; None if it has none."""
    text = address.rpartition("/")[2]
    try:
        secret = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError:
        return None
    right = len(secret) == SECRET and "/" in address and _spelt(secret) == text
    return hashlib.sha256(secret).hexdigest() if right else None


def _spelt(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _origins(text: str) -> frozenset[str] | None:
    if text == _ANY:
        return None
    found = [part.strip() for part in text.split(",")]
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
            raise NetlayerError(f"an origin is such as https://my.page, and not {origin[:60]!r}")
    return frozenset(found)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise NetlayerError(f"`url` is such as https://my.host:8443, and not {text[:60]!r}")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise NetlayerError("`url` begins with https:// wherever it leaves this machine")
    return text.rstrip("/")


class _App:
    """Answers requests, and takes WebSockets."""

    def __init__(self, doors: Doors, hosts: frozenset[str], origins: frozenset[str] | None) -> None:
        self._doors = doors
        self._hosts = hosts
        self._origins = origins

    def _refused(self, request: Request) -> Response | None:
        if (request.header("host") or "") not in self._hosts:
            return refusal(421)
        if self._digest(request) is None:
            return refusal(404)
        origin = request.header("origin")
        if origin is not None and self._origins is not None and origin not in self._origins:
            return refusal(403)
        return None

    def _digest(self, request: Request) -> str | None:
        digest = digest_in(request.path)
        return digest if digest is not None and self._doors.opens(digest) else None

    def _headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """What lets the page that asked read the answer, and nobody keep it."""
        origin = request.header("origin")
        allowed = _ANY if self._origins is None else origin or ""
        return (
            ("content-type", "text/plain; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            *((("access-control-allow-origin", allowed),) if origin is not None else ()),
            *((("vary", "origin"),) if self._origins is not None else ()),
        )

    async def answer(self, request: Request) -> Response:
        """Answer a batch, or the question whether a page may send one."""
        refused = self._refused(request)
        digest = self._digest(request)
        if refused is not None or digest is None:
            return refused or refusal(404)
        headers = self._headers(request)
        if request.method == "OPTIONS":
            asked = ("access-control-allow-methods", "POST"), ("access-control-allow-headers", "content-type")
            return Response(204, (*headers, *asked))
        if request.method != "POST":
            return Response(405, (*headers, ("allow", _METHODS)), b"POST a batch, or open a WebSocket\n")
        link = _BatchLink()
        if not self._doors.visit(digest, link, request.body):
            return Response(503, headers, b"too many are served already: try again later\n")
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                await link.closed.wait()
        except TimeoutError:
            link.said.append(_TOO_LATE)
        finally:
            link.gone.set()
        return Response(200, headers, b"\n".join(link.said))

    async def refuse(self, request: Request) -> Response | None:
        """Refuse a WebSocket whose address opens nothing, or whose page may not use it."""
        return self._refused(request)

    async def talk(self, request: Request, socket: ServerSocket) -> None:
        """Hand a WebSocket on, and ask from time to time whether its client is still there."""
        digest = self._digest(request)
        if digest is None:
            return
        link = _SocketLink(socket)
        if not self._doors.visit(digest, link, None):
            await socket.close(1013, "too many are served already: try again later")
            return
        while not link.closed.is_set():
            try:
                await asyncio.wait_for(link.closed.wait(), PING_SECONDS)
            except TimeoutError:
                if link.silent_for() > 2 * PING_SECONDS:
                    socket.abort()
                else:
                    await socket.ping()


@dataclass
class _BatchLink:
    """A batch: what is sent on it is its answer."""

    location: Locator | None = None
    dialect: str = "capnweb"
    said: deque[bytes] = field(default_factory=deque)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    size: int = 0

    async def receive(self) -> bytes:
        """Nothing more comes: this waits until the request has ended."""
        await self.gone.wait()
        return b""

    async def send(self, data: bytes) -> None:
        """Add a line to the answer."""
        self.size += len(data) + 1
        if self.size > MOST_ANSWERED:
            raise OSError("the answer to the batch is too long")
        self.said.append(data)

    async def close(self) -> None:
        """The answer is whole."""
        self.closed.set()


class _SocketLink:
    """A WebSocket: each message is a text."""

    location: Locator | None = None
    dialect = "capnweb"

    def __init__(self, socket: ServerSocket) -> None:
        self._socket = socket
        self._since: float | None = None
        self.closed = asyncio.Event()

    def silent_for(self) -> float:
        """For how many seconds nothing has come, although it was waited for."""
        if self._since is None:
            return 0.0
        return asyncio.get_running_loop().time() - max(self._since, self._socket.heard)

    async def receive(self) -> bytes:
        """The next message; none once the other side has closed, or has gone."""
        self._since = asyncio.get_running_loop().time()
        try:
            data = await self._socket.receive()
        finally:
            self._since = None
        if isinstance(data, bytes):
            raise OSError("bytes came, and messages are texts")
        return b"" if data is None else data.encode()

    async def send(self, data: bytes) -> None:
        """Send a message."""
        await self._socket.send(data.decode())

    async def close(self) -> None:
        """Close it."""
        self.closed.set()
