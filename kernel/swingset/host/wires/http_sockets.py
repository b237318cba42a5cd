"""The open WebSockets of a world, on the thread with the sockets: those it dialled and those that came in.

Of each one reads, and waits while the inbox of the world is full; another writes what was committed, and
reports how much of it has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from swingset.host.wires.http_client import Fetcher
from swingset.host.wires.wire_inbox import Inbox
from swingset.model.visible import one_line
from swingset.netlayers.http_sockets import websockets

REPORT = 1 << 16
"""After how many written bytes the world learns of them."""

_RETRY = 0.01
_AWAY = 1006


class Socket(Protocol):
    """A WebSocket, of either side."""

    @property
    def why(self) -> tuple[int, str]:
        """The code and the reason of its end."""
        ...

    async def receive(self) -> str | bytes | None:
        """The next message; None once it is closed. Raises `OSError`."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Send a message. Raises `OSError`."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it."""
        ...


class Dialled:
    """A WebSocket that was dialled."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._closed: type[Exception] = websockets().exceptions.ConnectionClosed

    @property
    def why(self) -> tuple[int, str]:
        """The code and the reason of its end."""
        said = self._socket.protocol.close_rcvd or self._socket.protocol.close_sent
        return (_AWAY, "") if said is None else (int(said.code), str(said.reason))

    async def receive(self) -> str | bytes | None:
        """The next message."""
        try:
            data: str | bytes = await self._socket.recv()
            return data
        except self._closed:
            return None

    async def send(self, data: str | bytes) -> None:
        """Send a message."""
        try:
            await self._socket.send(data)
        except self._closed as problem:
            raise OSError(str(problem)) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it."""
        await self._socket.close(code, reason)


async def dial(row: Mapping[str, Any], secret: Mapping[str, str], fetcher: Fetcher) -> Dialled:
    """Open a WebSocket. Raises `OSError`, `TimeoutError` and the package's own errors."""
    package = websockets()

    class Once(package.asyncio.client.connect):  # type: ignore[misc, name-defined]
        """Follows no redirect: it could lead out of the prefix."""

        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    made = await Once(
        row["url"],
        additional_headers={**dict(row["headers"]), **secret},
        compression=None,
        max_size=row["bytes"],
        max_queue=4,
        open_timeout=row["seconds"],
        close_timeout=2,
        proxy=None,
        user_agent_header="swingset",
        ssl=fetcher.context if row["url"].startswith("wss:") else None,
    )
    return Dialled(made)


@dataclass
class _Open:
    """What one WebSocket has to write."""

    socket: Socket | None = None  # None while one that was taken is not there yet
    unsent: deque[str | bytes | tuple[int, str]] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    reported: int = 0
    dialled: bool = True


class Sockets:
    """All open WebSockets of one world, by name. Used on the thread with the sockets alone."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._open: dict[str, _Open] = {}

    @property
    def came_in(self) -> int:
        """How many of the open ones came in."""
        return sum(not opened.dialled for opened in list(self._open.values()))

    def expect(self, name: str) -> None:
        """One that came in may be taken: what is said over it waits."""
        self._open[name] = _Open(dialled=False)

    def forget(self, name: str) -> None:
        """One that was expected was not taken."""
        self._open.pop(name, None)

    def say(self, name: str, said: str | bytes | tuple[int, str]) -> None:
        """Write a message, or close with a code and a reason."""
        found = self._open.get(name)
        if found is not None:
            found.unsent.append(said)
            found.wake.set()

    def end(self) -> None:
        """Close all: those that came in end by themselves, and no input comes of them any more."""
        for opened in self._open.values():
            opened.unsent.append((1001, ""))
            opened.wake.set()
        self._open.clear()

    async def carry(self, name: str, socket: Socket) -> None:
        """Read and write until it ends; then the world learns of it."""
        opened = self._open.setdefault(name, _Open())
        opened.socket = socket
        loop = asyncio.get_running_loop()
        reading, writing = (
            loop.create_task(self._read(name, opened, socket)),
            loop.create_task(self._write(name, opened, socket)),
        )
        try:
            done, _ = await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            code, reason = socket.why
            self._put(name, opened, "closed", None, {"code": code, "reason": one_line(reason, 200)})
        except OSError as problem:
            fault = ("disconnected", one_line(str(problem), 200))
            self._put(name, opened, "closed", fault, None)
        finally:
            if self._open.get(name) is opened:
                del self._open[name]
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            with contextlib.suppress(OSError, TimeoutError):
                await socket.close()

    def _put(self, name: str, opened: _Open, method: str, *args: Any) -> None:
        """Tell the world, if it is still the one that has it."""
        if self._open.get(name) is opened:
            self._inbox.put(method, name, *args)

    async def _read(self, name: str, opened: _Open, socket: Socket) -> None:
        while (data := await socket.receive()) is not None:
            while self._inbox.full:
                await asyncio.sleep(_RETRY)
            self._put(name, opened, "received", data)

    async def _write(self, name: str, opened: _Open, socket: Socket) -> None:
        while True:
            while opened.unsent:
                said = opened.unsent.popleft()
                if isinstance(said, tuple):
                    await socket.close(*said)
                    return
                await socket.send(said)
                opened.reported += len(said.encode()) if isinstance(said, str) else len(said)
                if opened.reported >= REPORT:
                    self._put(name, opened, "written", opened.reported)
                    opened.reported = 0
            opened.wake.clear()
            await opened.wake.wait()
