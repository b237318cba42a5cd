"""The netlayer `http`: frames in order, whatever becomes of single requests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from swingset.host.wires.wire_secrets import Secrets
from swingset.net.locators import Locator, located
from swingset.netlayers import NetlayerError
from swingset.netlayers.http_batches import HttpLink, read, written
from swingset.netlayers.over_http import Http


class Proxy:
    """Passes bytes on, and cuts a connection after so many bytes, at random."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self.cuts = 0

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        left = [self._random.choice((900, 4_000, 20_000, 400_000))]

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(4_096):
                left[0] -= len(data)
                if left[0] < 0:
                    self.cuts += 1
                    return
                target.write(data)

        tasks = [asyncio.ensure_future(pump(reader, ours)), asyncio.ensure_future(pump(theirs, writer))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, ours):
            each.transport.abort()

    def close(self) -> None:
        self._server.close()


Act = Callable[[HttpLink, HttpLink, Any], Awaitable[Any]]


def linked(act: Act, *, seed: int | None = None) -> Any:
    """Have two worlds linked, through a proxy if there is a seed."""

    async def whole() -> Any:
        alice, bob, layer = Secrets.of(None), Secrets.of(None), Http()
        came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        listening = await layer.listen(alice, came.set_result, {})
        there, proxy = listening.location, None
        if seed is not None:
            proxy = Proxy(urlsplit(there.hint("url") or "").port or 0, seed)
            there = located("http", alice.designator, {"url": f"http://127.0.0.1:{await proxy.start()}/"})
        here = Locator("http", bob.designator)
        try:
            dialled = await layer.dial(bob, here, there)
            taken = await came
            assert (dialled.location, taken.location) == (there, here)
            return await asyncio.wait_for(act(dialled, taken, proxy), 60)
        finally:
            await dialled.close()
            await taken.close()
            await listening.close()
            if proxy is not None:
                proxy.close()

    return asyncio.run(whole())


async def _carried(one: HttpLink, other: HttpLink, count: int) -> None:
    """Many frames go both ways, and arrive once and in order."""

    async def send(link: HttpLink) -> None:
        for number in range(count):
            await link.send(b"%d " % number + b"x" * (number % 7 * 50))
            if number % 10 == 0:
                await asyncio.sleep(0)

    async def take(link: HttpLink) -> list[int]:
        return [int((await link.receive()).split(b" ")[0]) for _ in range(count)]

    *_, left, right = await asyncio.gather(send(one), send(other), take(one), take(other))
    assert left == right == list(range(count))


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 11))])
def test_frames_arrive_once_and_in_order_over_requests_that_are_cut(seed: int) -> None:
    """A proxy cuts connections at random; nothing is lost, doubled or overtaken."""

    async def act(one: HttpLink, other: HttpLink, proxy: Proxy) -> int:
        await _carried(one, other, 60 if seed == 1 else 1_000)
        return proxy.cuts

    assert linked(act, seed=seed) > 0


def test_a_link_that_one_side_closes_ends_on_the_other() -> None:
    """What was sent before arrives, and then nothing."""

    async def act(one: HttpLink, other: HttpLink, _proxy: None) -> list[bytes]:
        await one.send(b"last")
        await one.close()
        return [await other.receive(), await other.receive()]

    assert linked(act) == [b"last", b""]

    async def back(one: HttpLink, other: HttpLink, _proxy: None) -> list[bytes]:
        await other.send(b"last")
        await other.close()
        found = [await one.receive(), await one.receive()]
        with pytest.raises(OSError, match="ended"):
            await one.send(b"x")
        return found

    assert linked(back) == [b"last", b""]


def test_a_large_frame_passes() -> None:
    """A message of the largest size is one frame."""

    async def act(one: HttpLink, other: HttpLink, _proxy: None) -> int:
        await one.send(b"x" * 1_000_000)
        await other.send(b"y" * 1_000_000)
        return len(await other.receive()) + len(await one.receive())

    assert linked(act) == 2_000_000


def test_who_listens_there_has_to_be_who_was_dialled() -> None:
    """Another world, no world, and an address without encryption elsewhere are refused."""

    async def whole() -> None:
        alice, bob, layer = Secrets.of(None), Secrets.of(None), Http()
        listening = await layer.listen(alice, lambda link: None, {})
        url = listening.location.hint("url") or ""
        here = Locator("http", bob.designator)
        for there, words in (
            (located("http", bob.designator, {"url": url}), "another world"),
            (located("http", alice.designator, {"url": "http://example.org/"}), "https://"),
            (located("http", alice.designator), "https://"),
            (located("http", alice.designator, {"url": "http://127.0.0.1:9/"}), "nothing answers"),
        ):
            with pytest.raises(NetlayerError, match=words):
                await layer.dial(bob, here, there)
        with pytest.raises(NetlayerError, match="cert"):
            await layer.listen(alice, lambda link: None, {"host": "0.0.0.0"})
        await listening.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("GET / HTTP/1.1\r\n", b"", 404),
        ("POST / HTTP/1.1\r\norigin: https://evil.example\r\n", b"", 403),
        ("POST /unknown HTTP/1.1\r\n", b"", 404),
        ("POST /NAME HTTP/1.1\r\n", b"", 400),
        ("POST /NAME HTTP/1.1\r\n", b"\0" * 16, 400),
        ("POST /NAME HTTP/1.1\r\n", b"\0" * 17 + b"\0\0\0\0", 400),
        ("POST /NAME HTTP/1.1\r\n", b"\0" * 17 + b"\xff\xff\xff\xff", 400),
        ("POST /NAME HTTP/1.1\r\n", b"\0" * 7 + b"\5" + b"\0" * 9 + b"\0\0\0\1x", 400),
        ("POST /NAME HTTP/1.1\r\n", b"\0" * 7 + b"\1" + b"\0" * 9 + b"\0\0\0\1x", 200),
    ],
)
def test_what_a_stranger_posts_costs_its_own_session(head: str, body: bytes, status: int) -> None:
    """No page of a browser, no unknown session, and no frames that are cut or missing."""

    async def whole() -> bytes:
        came: list[Any] = []
        listening = await Http().listen(Secrets.of(None), came.append, {})
        port = urlsplit(listening.location.hint("url") or "").port or 0
        name = (await _said(port, "POST / HTTP/1.1\r\n", b""))[-64:].decode()
        answer = await _said(port, head.replace("NAME", name), body)
        assert came == []
        await listening.server.close()
        return answer

    assert asyncio.run(whole()).startswith(b"HTTP/1.1 %d " % status)


async def _said(port: int, head: str, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    rest = f"host: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + rest.encode() + body)
    found = await reader.read()
    writer.close()
    return found


def test_what_is_written_is_read() -> None:
    """A batch has its numbers and its frames, and `bare` has none of these."""
    link = HttpLink(got=7, first=3)
    link.unsent.extend([b"a", b"bc"])
    assert read(written(link, 1)) == (3, 7, 1, [b"a", b"bc"])
    assert read(written(link, 0, bare=True)) == (3, 7, 0, [])
