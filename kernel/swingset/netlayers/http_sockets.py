"""One WebSocket of the server, once its request was taken: the package `websockets` reads, without a socket.

Nothing is read before `receive` is called, so who does not take what comes makes the other side wait. A
message is whole when it is handed on, and is bounded also where it comes in parts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from swingset.netlayers.base import NetlayerError

_CHUNK = 1 << 16
_READING = 30.0
_CLOSING = 2.0


def websockets() -> Any:
    """The package; raises `NetlayerError` without it."""
    try:
        import websockets.asyncio.client
        import websockets.frames
        import websockets.http11
        import websockets.protocol
        import websockets.server
    except ImportError:
        raise NetlayerError(
            "a WebSocket needs the package websockets: pip install 'swingset-nb[net]'"
        ) from None
    return websockets


MOST_PARTS = 10_000
"""How many frames a message may come in: a frame of a byte takes more memory than a byte."""


class ServerSocket:
    """A WebSocket that came in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        self._package = websockets()
        self._reader = reader
        self._writer = writer
        open_already = self._package.protocol.State.OPEN
        self._protocol = self._package.server.ServerProtocol(state=open_already, max_size=most)
        self._parts: list[bytes] = []
        self._text = False
        self._whole: deque[str | bytes] = deque()
        self._closed = False
        self._closing = False
        self._reading = False
        self._heard = asyncio.Event()  # the other side has said that it closes
        self._sending = asyncio.Lock()
        self.heard = 0.0
        """When something came last, a pong too, by the clock of the loop."""

    @property
    def why(self) -> tuple[int, str]:
        """The code and the reason of its end; 1006 if it ended without one."""
        received = self._protocol.close_rcvd or self._protocol.close_sent
        return (1006, "") if received is None else (int(received.code), str(received.reason))

    @staticmethod
    def response(method: str, path: str, headers: tuple[tuple[str, str], ...]) -> Any:
        """The response to a request for a WebSocket: 101 where it is one."""
        package = websockets()
        asked = package.http11.Request(path, package.Headers(headers), method)
        return package.server.ServerProtocol().accept(asked)

    async def accept(self, response: Any, left: bytes) -> None:
        """Send the response that makes it a WebSocket. `left` came behind the request."""
        self._writer.write(response.serialize())
        if left:
            self._protocol.receive_data(left)
        try:
            await self._flush()
        except (OSError, TimeoutError):
            self._closed = True

    async def receive(self) -> str | bytes | None:
        """The next message; None once it is closed. Raises `OSError`."""
        while not self._closed:
            for frame in self._protocol.events_received():
                self._take(frame)
            await self._flush()
            if self._whole:
                return self._whole.popleft()
            if self._protocol.close_rcvd is not None or (
                self._protocol.close_expected() and not self._closing
            ):
                self._heard.set()
                return None
            self._reading = True
            try:
                data = await self._reader.read(_CHUNK)
            finally:
                self._reading = False
            if data:
                self._protocol.receive_data(data)
                self.heard = asyncio.get_running_loop().time()
            else:
                self._protocol.receive_eof()
                self._closed = True
                self._heard.set()
        return None

    def _take(self, frame: Any) -> None:
        opcode = self._package.frames.Opcode
        if frame.opcode not in (opcode.TEXT, opcode.BINARY, opcode.CONT):
            return
        if frame.opcode is not opcode.CONT:
            self._text = frame.opcode is opcode.TEXT
        if frame.data:
            self._parts.append(bytes(frame.data))
        if not frame.fin:
            if len(self._parts) > MOST_PARTS:
                self._protocol.fail(1009, f"a message has at most {MOST_PARTS} parts")
            return
        data = b"".join(self._parts)
        self._parts.clear()
        if not self._text:
            self._whole.append(data)
            return
        try:
            self._whole.append(data.decode())
        except UnicodeDecodeError:
            self._protocol.fail(1007, "this is no UTF-8")

    async def send(self, data: str | bytes) -> None:
        """Send a message, and wait until there is room for more. Raises `OSError` once it is closed."""
        try:
            if isinstance(data, str):
                self._protocol.send_text(data.encode())
            else:
                self._protocol.send_binary(data)
        except self._package.exceptions.InvalidState:
            raise ConnectionResetError("the WebSocket is closed") from None
        await self._flush()

    async def ping(self) -> None:
        """Ask the other side whether it is there, which it says by itself. Raises `OSError`."""
        if self._protocol.state is self._package.protocol.State.OPEN:
            self._protocol.send_ping(b"")
            await self._flush()

    def abort(self) -> None:
        """End it at once: who waits for a message gets none."""
        self._writer.transport.abort()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, and wait a little for the other side to say so."""
        if self._closed or self._closing:
            return
        self._closing = True
        with contextlib.suppress(OSError, TimeoutError, self._package.exceptions.InvalidState):
            if self._protocol.close_expected():
                await self._flush()
            else:
                self._protocol.send_close(code, reason)
                await self._flush()
                async with asyncio.timeout(_CLOSING):
                    if self._reading:  # who reads hears it
                        await self._heard.wait()
                    while self._protocol.close_rcvd is None and (data := await self._reader.read(_CHUNK)):
                        self._protocol.receive_data(data)
                        self._protocol.events_received()
        self._closed = True
        self._writer.close()

    async def _flush(self) -> None:
        async with self._sending:
            for data in self._protocol.data_to_send():
                if data:
                    self._writer.write(data)
            await asyncio.wait_for(self._writer.drain(), _READING)
