"""The small server: what it answers, and what hostile clients get."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from swingset.netlayers.http_server import HttpServer, Request, Response, ServerLimits, ServerSocket

LIMITS = ServerLimits(head_bytes=2_000, body_bytes=1_000, message_bytes=1_000, request_seconds=0.2)


class Echo:
    """Answers with what it was asked."""

    async def answer(self, request: Request) -> Response:
        if request.path == "/app/fail":
            raise ValueError("a secret")
        if request.path == "/app/bad":
            return Response(200, (("x", "a\r\nb: c"),))
        said = f"{request.method} {request.path} {request.query} ".encode() + request.body
        return Response(200, (("content-type", "text/plain"),), said)

    async def refuse(self, request: Request) -> Response | None:
        return Response(403) if request.path == "/app/no" else None

    async def talk(self, request: Request, socket: ServerSocket) -> None:
        if request.path == "/app/fail":
            raise ValueError("a secret")
        while (data := await socket.receive()) is not None:
            await socket.send(data)


def served(act: Callable[[HttpServer], Awaitable[Any]], limits: ServerLimits = LIMITS) -> Any:
    async def whole() -> Any:
        server = await HttpServer.start("127.0.0.1", 0, limits=limits)
        server.mount("/app", Echo())
        try:
            return await asyncio.wait_for(act(server), 10)
        finally:
            await server.close()

    return asyncio.run(whole())


def said_to(data: bytes, *, end: bool = False) -> bytes:
    """What the server says to some bytes, up to where it closes."""

    async def act(server: HttpServer) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            return await reader.read()
        finally:
            writer.close()

    found: bytes = served(act)
    return found


GET = b"GET /app/x HTTP/1.1\r\nhost: a\r\n"


def test_requests_of_one_connection_are_answered_in_turn() -> None:
    """A connection is kept, and the answers come in the order of the requests."""
    answer = said_to(
        b"POST /app/one?q=1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
        b"HEAD /app/two HTTP/1.1\r\nhost: a\r\n\r\n"
        b"PUT /app HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        b"GET /apple HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    )
    assert answer.index(b"POST /app/one q=1 abc") < answer.index(b"PUT /app  hi") < answer.index(b"404 Not")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\0\0\0\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /app\r\n\r\n", 400),
        (b"GET app HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"GET http://b/app HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"GET /app HTTP/1.1\r\n\r\n", 400),
        (b"GET /app HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (GET + b"x: " + b"y" * 3_000 + b"\r\n\r\n", 431),
        (GET + b"".join(b"h%d: v\r\n" % n for n in range(500)) + b"\r\n", 431),
        (GET + b"content-length: 99999999999999999999\r\n\r\n", 413),
        (GET + b"content-length: -1\r\n\r\n", 400),
        (GET + b"content-length: 1, 2\r\n\r\n", 400),
        (GET + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (GET + b"transfer-encoding: gzip\r\n\r\n", 501),
        (GET + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (GET + b"transfer-encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2_000 + b"\r\n0\r\n\r\n", 413),
        (GET + b"bad header: x\r\n\r\n", 400),
        (GET + b"x: a\0b\r\n\r\n", 400),
        (GET + b"content-length: 10\r\n\r\nabc", 408),
        (b"GET /app HTTP/1.1\r\nho", 408),
        (b"", 408),
        (GET + b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n", 400),
        (GET + b"upgrade: websocket\r\n\r\n", 426),
        (b"POST /app HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", 405),
        (
            b"GET /b HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n",
            404,
        ),
        (b"GET /app/fail HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 500),
        (b"GET /app/bad HTTP/1.1\r\nhost: a\r\n\r\n", 500),
    ],
)
def test_a_hostile_client_gets_a_status_and_loses_its_connection(data: bytes, status: int) -> None:
    """What is no request, or too much, or too slow, is refused; no text of an error is sent."""
    answer = said_to(data)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"secret" not in answer
    assert b"\nb: c" not in answer


def test_a_client_that_goes_is_forgotten() -> None:
    """A connection that is closed within a request ends without an answer to nobody."""
    assert said_to(GET, end=True).startswith(b"HTTP/1.1 400 ")
    assert said_to(b"", end=True) == b""


def test_there_are_only_so_many_connections() -> None:
    """A connection more than the limit is refused at once."""

    async def act(server: HttpServer) -> bytes:
        first, held = await asyncio.open_connection("127.0.0.1", server.port)
        held.write(GET + b"\r\n")
        await first.readuntil(b"200 ")
        reader, _ = await asyncio.open_connection("127.0.0.1", server.port)
        found = await reader.read()
        held.close()
        return found

    assert served(act, ServerLimits(connections=1)).startswith(b"HTTP/1.1 503 ")


async def _spoken(server: HttpServer, path: str, *said: str | bytes) -> list[Any]:
    url = f"ws://127.0.0.1:{server.port}{path}"
    async with websockets.asyncio.client.connect(url, proxy=None) as socket:
        found: list[Any] = []
        try:
            for data in said:
                await socket.send(data)
                found.append(await socket.recv())
        except ConnectionClosed as problem:
            found.append(None if problem.rcvd is None else problem.rcvd.code)
        return found


def test_a_websocket_speaks_on_the_same_port() -> None:
    """Texts, bytes and messages in parts arrive; a program that fails closes with 1011."""
    assert served(lambda server: _spoken(server, "/app/w", "ä", b"\0", "x" * 900)) == ["ä", b"\0", "x" * 900]
    assert served(lambda server: _spoken(server, "/app/fail", "x")) == [1011]
    assert served(lambda server: _spoken(server, "/app/w", "x" * 1_001)) == [1009]
    with pytest.raises(InvalidStatus, match="403"):
        served(lambda server: _spoken(server, "/app/no"))


def test_a_message_in_too_many_parts_ends_its_connection() -> None:
    """Empty frames are kept nowhere, and a message that comes in very many has a limit of its own."""

    async def act(server: HttpServer) -> int:
        uri = f"ws://127.0.0.1:{server.port}/app/x"
        async with websockets.asyncio.client.connect(uri) as client:
            await client.send([b"", b"a", *[b""] * 30_000, b"b"])
            assert await client.recv() == b"ab"
            with suppress(ConnectionClosed):
                await client.send([b"a"] * 20_000)
                await client.recv()
            return client.close_code or 0

    limits = ServerLimits(message_bytes=1_000_000)
    assert served(act, limits) == 1009
