"""A small server of HTTP/1.1 and WebSockets, for all that a world offers by HTTP.

Programs are mounted at path prefixes; the longest one that fits serves a request. `h11` and `websockets` read
what comes, without sockets of their own; this module has the sockets, and all the limits: how long a request
may take to come, how long its head and its body are, how many connections there are, and how long a client
may take to read an answer. So a client that says nothing, too much, or nonsense costs its own connection.

What a program raises becomes a bare 500: no text of an error leaves by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from swingset.netlayers.base import NetlayerError
from swingset.netlayers.http_sockets import ServerSocket

_log = logging.getLogger(__name__)

CHUNK = 1 << 16
_LINGER = 0.5
REASONS: Mapping[int, bytes] = {
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    413: b"Content Too Large",
    421: b"Misdirected Request",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}
"""What the status of a refusal says, which is its body, too."""


@dataclass(frozen=True)
class ServerLimits:
    """What a client may take: bytes of a head, of a body, of a message; seconds; connections."""

    head_bytes: int = 1 << 15
    body_bytes: int = 4 << 20
    message_bytes: int = 4 << 20
    request_seconds: float = 30.0
    reading_seconds: float = 30.0
    connections: int = 500


@dataclass(frozen=True)
class Request:
    """A request: `path` as it was sent, up to the query; the names of headers in small letters."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: str

    def header(self, name: str) -> str | None:
        """The value of a header, the first if there are several; None if there is none."""
        return next((value for each, value in self.headers if each == name), None)


@dataclass(frozen=True)
class Response:
    """The answer to a request. Its length is told by the server."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class App(Protocol):
    """A program that serves a prefix."""

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        ...

    async def refuse(self, request: Request) -> Response | None:
        """Refuse a WebSocket by a response, or take it with None."""
        ...

    async def talk(self, request: Request, socket: ServerSocket) -> None:
        """Talk over a WebSocket that was taken, and may be closed already; returning closes it."""
        ...


def refusal(status: int) -> Response:
    """A response that says only its status."""
    return Response(status, (("content-type", "text/plain"),), REASONS.get(status, b"") + b"\n")


def h11() -> Any:
    """The package that reads HTTP; raises `NetlayerError` without it."""
    try:
        import h11 as package
    except ImportError:
        raise NetlayerError("HTTP needs the package h11: pip install 'swingset-nb[net]'") from None
    return package


@dataclass
class HttpServer:
    """A server at one address. Made by `start`."""

    limits: ServerLimits
    secure: bool = False
    host: str = ""
    port: int = 0
    _apps: dict[str, App] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    async def start(
        cls,
        host: str,
        port: int,
        *,
        secure: ssl.SSLContext | None = None,
        limits: ServerLimits | None = None,
    ) -> HttpServer:
        """Listen; a port of 0 takes one that is free. Raises `OSError`, and `NetlayerError`."""
        h11()
        made = cls(limits or ServerLimits(), secure is not None, host)
        made._server = await asyncio.start_server(made._connected, host, port, ssl=secure)
        made.port = int(made._server.sockets[0].getsockname()[1])
        return made

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        named = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{named}:{self.port}"

    def mount(self, prefix: str, app: App) -> None:
        """Have a program serve all paths that begin with a prefix, which begins with a slash."""
        self._apps[prefix] = app

    def unmount(self, prefix: str) -> None:
        """Serve a prefix no more; what is being served is finished."""
        self._apps.pop(prefix, None)

    async def close(self) -> None:
        """Take no more connections, and close those that are open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def app_of(self, path: str) -> App | None:
        """The program that serves a path."""
        fits = [prefix for prefix in self._apps if _within(path, prefix)]
        return self._apps[max(fits, key=len)] if fits else None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection(self, reader, writer)
        try:
            if len(self._tasks) > self.limits.connections:
                await connection.respond(refusal(503), close=True)
            else:
                await connection.serve()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client is gone, or was too slow, or the server is closed
        finally:
            self._tasks.discard(task)
            writer.close()


def _within(path: str, prefix: str) -> bool:
    """Whether a path is a prefix or below it: `/a` has `/a` and `/a/b`, and not `/ab`."""
    return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix) :][:1] in ("", "/"))


class _Refused(Exception):
    """A request is refused with a status, and its connection is closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Connection:
    """One connection: requests in turn, until one makes it a WebSocket, or it ends."""

    def __init__(
        self, server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._h11 = h11()
        self._server = server
        self._limits = server.limits
        self._reader = reader
        self._writer = writer
        self._bodiless = False
        self._state = self._h11.Connection(
            self._h11.SERVER, max_incomplete_event_size=server.limits.head_bytes
        )

    async def serve(self) -> None:
        """Serve requests."""
        while True:
            try:
                async with asyncio.timeout(self._limits.request_seconds):
                    request = await self._request()
            except TimeoutError:
                await self.respond(refusal(408), close=True)
                return
            except _Refused as refused:
                await self.respond(refusal(refused.status), close=True)
                return
            if request is None:
                return
            app = self._server.app_of(request.path)
            if (request.header("upgrade") or "").lower() == "websocket":
                await self._upgrade(request, app)
                return
            await self.respond(await self._answer(request, app))
            if self._state.our_state is not self._h11.DONE or self._state.their_state is not self._h11.DONE:
                return
            self._state.start_next_cycle()

    async def _answer(self, request: Request, app: App | None) -> Response:
        if app is None:
            return refusal(404)
        try:
            return await app.answer(request)
        except Exception:
            _log.exception("what serves %s failed", app)
            return refusal(500)

    async def _event(self) -> Any:
        while True:
            try:
                event = self._state.next_event()
            except self._h11.RemoteProtocolError as problem:
                raise _Refused(problem.error_status_hint) from None
            if event is not self._h11.NEED_DATA:
                return event
            if self._state.they_are_waiting_for_100_continue:
                said = self._h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                await self._write(self._state.send(said))
            try:
                self._state.receive_data(await self._reader.read(CHUNK))
            except self._h11.RemoteProtocolError as problem:
                raise _Refused(problem.error_status_hint) from None

    async def _request(self) -> Request | None:
        """The next request, or None where the client has closed the connection."""
        head = await self._event()
        if isinstance(head, self._h11.ConnectionClosed):
            return None
        if head.http_version not in (b"1.0", b"1.1"):
            raise _Refused(505)
        if len(head.target) + sum(len(name) + len(value) for name, value in head.headers) > (
            self._limits.head_bytes
        ):
            raise _Refused(431)
        self._bodiless = head.method == b"HEAD"
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        for name, value in headers:
            if name == "content-length" and int(value) > self._limits.body_bytes:
                raise _Refused(413)
        body = bytearray()
        while isinstance(event := await self._event(), self._h11.Data):
            body += event.data
            if len(body) > self._limits.body_bytes:
                raise _Refused(413)
        if not isinstance(event, self._h11.EndOfMessage):
            return None
        path, _, query = head.target.decode("latin-1").partition("?")
        if not path.startswith("/"):
            raise _Refused(400)
        peer = self._writer.get_extra_info("peername")
        named = str(peer[0]) if isinstance(peer, tuple) else ""
        return Request(head.method.decode("latin-1"), path, query, headers, bytes(body), named)

    async def respond(self, response: Response, *, close: bool = False) -> None:
        """Send a response, whose length is added. With `close`, the connection ends with it."""
        state = self._state.our_state
        if state not in (self._h11.IDLE, self._h11.SEND_RESPONSE):
            return
        headers = [*response.headers, ("content-length", str(len(response.body)))]
        if response.status in (204, 304):
            headers.pop()
        if close:
            headers.append(("connection", "close"))
        body = b"" if response.status in (204, 304) or self._bodiless else response.body
        reason = REASONS.get(response.status, b"")
        try:
            head = self._h11.Response(status_code=response.status, headers=headers, reason=reason)
            said = self._state.send(head)
        except (self._h11.LocalProtocolError, UnicodeEncodeError):
            _log.exception("a response cannot be sent")
            await self.respond(refusal(500), close=True)
            return
        if body:
            said += self._state.send(self._h11.Data(data=body)) or b""
        said += self._state.send(self._h11.EndOfMessage()) or b""
        await self._write(said)
        if close:
            await self._let_read()

    async def _let_read(self) -> None:
        """Read a little of what still comes: a closed socket with unread data would take the answer away."""
        with contextlib.suppress(TimeoutError, OSError):
            self._writer.write_eof() if self._writer.can_write_eof() else None
            async with asyncio.timeout(_LINGER):
                for _ in range(_MOST_LINGERING):
                    if not await self._reader.read(CHUNK):
                        return

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), self._limits.reading_seconds)

    async def _upgrade(self, request: Request, app: App | None) -> None:
        response = ServerSocket.response(request.method, request.path, request.headers)
        if response.status_code != 101:
            headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
            told = tuple(pair for pair in headers if pair[0] in ("allow", "upgrade"))
            await self.respond(Response(response.status_code, told, response.body or b""), close=True)
            return
        try:
            refused = refusal(404) if app is None else await app.refuse(request)
        except Exception:
            _log.exception("what serves %s failed", app)
            refused = refusal(500)
        if refused is not None or app is None:
            await self.respond(refused or refusal(404), close=True)
            return
        socket = ServerSocket(self._reader, self._writer, self._limits.message_bytes)
        try:
            await socket.accept(response, self._left())
            await app.talk(request, socket)
        except OSError:
            pass  # the other side is gone
        except Exception:
            _log.exception("what serves %s failed", app)
            await socket.close(1011)
        finally:
            await socket.close()

    def _left(self) -> bytes:
        """What was read already of what comes after the request."""
        left: bytes = self._state.trailing_data[0]
        return left


_MOST_LINGERING = 64

__all__ = ["App", "HttpServer", "Request", "Response", "ServerLimits", "ServerSocket", "refusal"]
