"""The netlayer `http`: for where nothing passes but single requests, such as behind a proxy of an office.

Who dials makes all requests, each a POST. One kind brings frames, another waits until there are some to
fetch. Frames are numbered in each direction, and are kept until the other side has said that it has them, so
a request that is lost is made again, and no frame is lost, doubled or overtaken by that. If no request comes
through for a while, the link has ended.

A session has a name of 32 random bytes, which only both sides know, and both prove who they are by the
greeting of `streams` before it is a link. Without encryption it stays on this machine. Pages in browsers are
refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from swingset.net.framing import FramerName
from swingset.net.limits import Limits
from swingset.net.locators import Locator, located
from swingset.netlayers.base import Accept, Identity, NetlayerError, options_of
from swingset.netlayers.http_batches import BATCH, BRING, END, FETCH, FULL, HttpLink, read, written
from swingset.netlayers.http_server import HttpServer, Request, Response, ServerLimits, refusal
from swingset.netlayers.http_sockets import ServerSocket
from swingset.netlayers.local import GREETING, MOST_GREETINGS
from swingset.netlayers.secured import context_for, is_loopback, port_of
from swingset.netlayers.streams import be_greeted, greet

WAITING = 20.0
"""How many seconds a request waits for frames before it is answered without any."""

SILENT = 60.0
"""After how many seconds without a request that came through a link has ended."""

PLACE = "swingset-link/"
"""Where requests are made, below the `url` of a location. A peer says itself what its `url` is, so it must
not be a command to a program that is no world."""

_RETRY = 0.05
_LONGEST_RETRY = 2.0
_NAME = 64
_LINGER = 0.1


class _Listener:
    """What listens: sessions by their names. A program of the small server."""

    def __init__(self, identity: Identity, accept: Accept) -> None:
        self._identity = identity
        self._accept = accept
        self._links: dict[str, HttpLink] = {}
        self._seen: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeting = 0
        self.closed = False
        self.empty = asyncio.Event()  # no session is there

    @property
    def idle(self) -> bool:
        """Whether there is no session."""
        return not self._links

    async def refuse(self, request: Request) -> Response | None:  # noqa: ARG002
        """There are no WebSockets here."""
        return refusal(404)

    async def talk(self, request: Request, socket: ServerSocket) -> None:
        """There are none."""

    async def answer(self, request: Request) -> Response:
        """Begin a session, or serve one."""
        if request.header("origin") is not None:
            return refusal(403)
        name = request.path.rpartition("/")[2]
        if request.method != "POST":
            return refusal(404)
        if not name:
            return self._begin()
        link = self._links.get(name)
        if link is None:
            return refusal(404)
        self._seen[name] = asyncio.get_running_loop().time()
        try:
            first, got, what, frames = read(request.body)
            async with asyncio.timeout(WAITING):
                while frames and link.full and not link.ended:
                    await link.changed.wait()
            link.take(first, frames)
        except TimeoutError:
            return refusal(503)
        except OSError:
            link.end()
            return refusal(400)
        link.has(got)
        if what == END:
            link.end()
        if what == FETCH:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAITING):
                    while not link.unsent and not link.ended:
                        await link.changed.wait()
        self._seen[name] = asyncio.get_running_loop().time()
        said = END if link.ended and not link.unsent else BRING
        return Response(200, (), written(link, said, bare=what != FETCH))

    def _begin(self) -> Response:
        if self.closed or self._greeting >= MOST_GREETINGS:
            return refusal(503)
        self.empty.clear()
        name = self._identity.random().hex()
        link = self._links[name] = HttpLink()
        loop = asyncio.get_running_loop()
        self._seen[name] = loop.time()
        task = loop.create_task(self._serve(name, link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(200, (), name.encode())

    async def _serve(self, name: str, link: HttpLink) -> None:
        """Greet who has begun, and watch that it goes on."""
        self._greeting += 1
        try:
            link.location = await asyncio.wait_for(be_greeted(link, self._identity), GREETING)
        except (NetlayerError, OSError, TimeoutError):
            link.end()
        else:
            link.most = FULL
            self._accept(link)
        finally:
            self._greeting -= 1
        loop = asyncio.get_running_loop()
        while not link.ended and loop.time() - self._seen[name] < SILENT:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENT / 4):
                    await link.changed.wait()
        link.end()
        await asyncio.sleep(_LINGER)  # for the response that says so
        self._links.pop(name, None)
        self._seen.pop(name, None)
        if not self._links:
            self.empty.set()


@dataclass
class _Listening:
    location: Locator
    server: HttpServer
    listener: _Listener
    again: Mapping[str, str]
    _ending: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Begin no more sessions; the server is there until the last has ended."""
        self.listener.closed = True
        if self.listener.idle:
            await self.server.close()
        else:
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        await self.listener.empty.wait()
        await self.server.close()


class Http:
    """Links over single requests of HTTP, encrypted wherever they leave the machine."""

    transport = "http"
    framing: FramerName = "message"

    async def listen(self, identity: Identity, accept: Accept, options: Mapping[str, str]) -> _Listening:
        """Listen at `host` and `port`; with `cert` and `key` encrypted, and then anywhere.

        `url` is where others find it, if that is another address.
        """
        given = options_of(options, "host", "port", "cert", "key", "url")
        host, port = given.get("host", "127.0.0.1"), port_of(given.get("port", "0"))
        secure = context_for(host, given.get("cert"), given.get("key"))
        limits = ServerLimits(body_bytes=Limits().message_bytes + BATCH)
        server = await HttpServer.start(host, port, secure=secure, limits=limits)
        listener = _Listener(identity, accept)
        server.mount("/", listener)
        url = given.get("url") or f"{server.url}/"
        where = located(self.transport, identity.designator, {"url": url})
        return _Listening(where, server, listener, {"port": str(server.port)})

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> HttpLink:
        """Connect to the hint `url`."""
        url = (there.hint("url") or "").rstrip("/") + "/"
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise NetlayerError("the location has a `url` of https://, or of http:// on this machine")
        dialled = _Dialled(url + PLACE)
        try:
            await asyncio.wait_for(dialled.begin(), GREETING)
            await asyncio.wait_for(greet(dialled.link, identity, here, there), GREETING)
        except BaseException:
            await dialled.stop()
            raise
        dialled.link.location, dialled.link.most = there, FULL
        return dialled.link


class _Dialled:
    """The requests of who has dialled: one brings frames, one fetches them."""

    def __init__(self, url: str) -> None:
        package = _httpx()
        self._package = package
        self._errors = (package.TransportError, OSError, TimeoutError)
        self._transport = package.AsyncHTTPTransport(
            verify=ssl.create_default_context() if url.startswith("https:") else False,
            limits=package.Limits(max_connections=4),
        )
        self._url = url
        self._most = Limits().message_bytes + 2 * BATCH
        self._tasks: list[asyncio.Task[None]] = []
        self.link = HttpLink()

    async def begin(self) -> None:
        """Begin a session. Raises `NetlayerError` and `OSError`."""
        try:
            name = await self._post(self._url, b"")
        except self._package.TransportError as problem:
            raise NetlayerError(f"nothing answers there: {problem}") from None
        if len(name) != _NAME or not name.isalnum():
            raise NetlayerError("what answers there is no world that listens by `http`")
        self._url += name.decode()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(work)) for work in (self._bring, self._fetch)]

    async def stop(self) -> None:
        """End the link and its requests."""
        self.link.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.aclose()

    async def _run(self, work: Any) -> None:
        try:
            await work()
        except self._errors:
            pass
        finally:
            self.link.end()

    async def _bring(self) -> None:
        link = self.link
        while not link.ended:
            if not link.unsent:
                await link.changed.wait()
                continue
            _, got, _, _ = read(await self._again(lambda: written(link, BRING)))
            link.has(got)
        with contextlib.suppress(*self._errors):
            await asyncio.wait_for(self._post(self._url, written(link, END, bare=True)), 2.0)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await self._transport.aclose()

    async def _fetch(self) -> None:
        link = self.link
        while not link.ended:
            while link.full and not link.ended:
                await link.changed.wait()
            first, got, what, frames = read(await self._again(lambda: written(link, FETCH, bare=True)))
            link.has(got)
            link.take(first, frames)
            if what == END and not frames:
                return

    async def _again(self, said: Any) -> bytes:
        """Make a request until it comes through. Raises an error after a while of failures."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + SILENT, _RETRY
        while True:
            try:
                return await self._post(self._url, said())
            except ConnectionRefusedError:
                raise  # the other side has answered that there is no such session
            except self._errors:
                if loop.time() > until or self.link.ended:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_RETRY)

    async def _post(self, url: str, body: bytes) -> bytes:
        package = self._package
        headers = {"content-type": "application/octet-stream", "accept-encoding": "identity"}
        request = package.Request("POST", url, headers=headers, content=body)
        async with asyncio.timeout(WAITING + GREETING):
            response = await self._transport.handle_async_request(request)
            try:
                data = bytearray()
                async for part in response.aiter_raw():
                    data += part
                    if len(data) > self._most:
                        raise ConnectionRefusedError("the answer is too long")
            finally:
                await response.aclose()
        if response.status_code == 503:
            raise OSError("the other side has no room yet")
        if response.status_code != 200:
            raise ConnectionRefusedError(f"the status is {response.status_code}")
        return bytes(data)


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        words = "the netlayer http needs the package httpx"
        raise NetlayerError(f"{words}: pip install 'swingset-nb[net]'") from None
    return httpx
