"""All that an open world has in the air by HTTP: requests, WebSockets, and the server with its sites.

The methods are called on the world's thread, and do their work on the thread with the sockets. What comes of
it is put into the inbox. With a new life all of it ends, and nothing of the last comes in any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from swingset.host.wires.http_client import Broken, Fetcher
from swingset.host.wires.http_sites import SiteApp, Waiting
from swingset.host.wires.http_sockets import Sockets, dial
from swingset.host.wires.keys import NeedsExtra
from swingset.host.wires.wire_inbox import Inbox
from swingset.host.wires.wire_thread import thread
from swingset.model.visible import one_line
from swingset.netlayers.base import NetlayerError
from swingset.netlayers.http_server import HttpServer, Response, refusal
from swingset.netlayers.secured import context_for

PATIENCE = 20.0
"""How many seconds it may take to listen, or to end everything."""

_RETRY = 0.01


class Exchange:
    """What one open world has in the air. `secrets` has, by URL prefix, the headers that the host adds."""

    def __init__(self, inbox: Inbox) -> None:
        self.secrets: dict[str, dict[str, str]] = {}
        self._inbox = inbox
        self._fetcher = Fetcher()
        self._sockets = Sockets(inbox)
        self._waiting = Waiting(inbox, self._sockets, "")
        self._turns: dict[int, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = 0  # on the world's thread
        self._ended = 0  # on the other
        self._server: HttpServer | None = None
        self._sites: dict[str, Mapping[str, Any]] = {}

    @property
    def open(self) -> int:
        """How many requests and WebSockets are under way, those that came in among these."""
        return self._begun - self._ended + len(self._waiting) + self._sockets.came_in

    @property
    def url(self) -> str | None:
        """Where the server listens; None if it does not."""
        return None if self._server is None else self._server.url

    # From the world's thread

    def begin(self, life: str) -> None:
        """A life begins: all that was in the air ends."""
        thread.begin(self._end(life)).result(PATIENCE)

    def ask(self, number: str, row: Mapping[str, Any]) -> None:
        """Send a request."""
        self._begin(self._ask(number, row))

    def connect(self, name: str, row: Mapping[str, Any]) -> None:
        """Open a WebSocket."""
        self._begin(self._connect(name, row))

    def say(self, name: str, said: str | bytes | tuple[int, str]) -> None:
        """Send a message over a WebSocket, or close it."""
        thread.loop.call_soon_threadsafe(self._sockets.say, name, said)

    def reply(self, name: str, answer: Response | int | None) -> None:
        """Answer a request by a response or a status, or take a WebSocket with None."""
        response = refusal(answer) if isinstance(answer, int) else answer
        thread.loop.call_soon_threadsafe(self._waiting.reply, name, response)

    def serve(self, sites: Mapping[str, Mapping[str, Any]]) -> None:
        """Serve these sites, by their prefixes, and no others."""
        thread.loop.call_soon_threadsafe(self._serve, dict(sites))

    def listen(self, host: str, port: int, cert: str | None, key: str | None) -> str:
        """Listen; returns where. Raises `NetlayerError` and `OSError`."""
        secure = context_for(host, cert, key)
        return thread.begin(self._listen(host, port, secure)).result(PATIENCE)

    def close(self) -> None:
        """End everything, and listen no more."""
        thread.begin(self._stop()).result(PATIENCE)

    # On the thread with the sockets

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._begun += 1

        def start() -> None:
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._done)

        thread.loop.call_soon_threadsafe(start)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended += 1

    async def _ask(self, number: str, row: Mapping[str, Any]) -> None:
        fault, answer = None, None
        async with self._turn(row):
            try:
                answer = await self._fetcher.fetch(row, self._secret(row["url"]))
            except Broken as problem:
                fault = problem.fault
            except NeedsExtra as problem:
                fault = ("unreachable", str(problem))
        while self._inbox.full:
            await asyncio.sleep(_RETRY)
        self._inbox.put("answered", number, fault, answer)

    def _turn(self, row: Mapping[str, Any]) -> asyncio.Semaphore:
        return self._turns.setdefault(row["origin"], asyncio.Semaphore(row["at_once"]))

    def _secret(self, url: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for prefix in sorted(self.secrets, key=len):
            if url.startswith(prefix) or (url.startswith("ws") and f"http{url[2:]}".startswith(prefix)):
                found |= self.secrets[prefix]
        return found

    async def _connect(self, name: str, row: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(row["seconds"]):
                socket = await dial(row, self._secret(row["url"]), self._fetcher)
        except TimeoutError:
            words = f"it was not open within {row['seconds']:g} seconds"
            self._inbox.put("closed", name, ("timed-out", words), None)
        except NetlayerError as problem:
            self._inbox.put("closed", name, ("unreachable", str(problem)), None)
        except Exception as problem:  # the package has many kinds for what a stranger can say
            words = one_line(str(problem) or type(problem).__name__, 200)
            self._inbox.put("closed", name, ("unreachable", words), None)
        else:
            self._inbox.put("opened", name)
            await self._sockets.carry(name, socket)

    def _serve(self, sites: dict[str, Mapping[str, Any]]) -> None:
        server = self._server
        if server is not None:
            for prefix in self._sites.keys() - sites.keys():
                server.unmount(prefix)
            for prefix, site in sites.items():
                server.mount(prefix, SiteApp(prefix, site, self._waiting, secure=server.secure))
        self._sites = sites

    async def _listen(self, host: str, port: int, secure: Any) -> str:
        if self._server is None:
            self._server = await HttpServer.start(host, port, secure=secure)
            self._serve(self._sites)
        return self._server.url

    async def _end(self, life: str) -> None:
        self._waiting.end()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sockets.end()
        self._waiting = Waiting(self._inbox, self._sockets, life)
        self._turns.clear()
        self._serve(self._sites)

    async def _stop(self) -> None:
        await self._end("")
        if self._server is not None:
            server, self._server = self._server, None
            await server.close()
