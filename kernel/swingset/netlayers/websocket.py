"""The netlayer `websocket`: to other machines, and to other implementations of OCapN.

A message is one binary frame. Before the first, who dials sends a record `init:peer-auth` with 32 random
bytes, and who listens signs it with the key that its designator is: only who listens is proved, as Goblins
and Endo have it. Two worlds of this library agree on a subprotocol, and then prove both sides by the greeting
of `streams`.

Without encryption it listens on, and dials, loopback addresses only. A browser cannot connect: what says that
it comes from a page is refused.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from swingset.net import keys, syrup
from swingset.net.framing import FramerName
from swingset.net.keys import named_by
from swingset.net.limits import Limits
from swingset.net.locators import Locator, located
from swingset.net.values import Malformed, Record, Symbol
from swingset.netlayers.base import Accept, Identity, NetlayerError, options_of
from swingset.netlayers.local import GREETING, MOST_GREETINGS
from swingset.netlayers.secured import context_for, is_loopback, port_of
from swingset.netlayers.streams import be_greeted, greet

_OURS = "swingset-link-1"
_AUTH, _ENVELOPE = Symbol("init:peer-auth"), Symbol("desc:sig-envelope")
_NONCE = 32


def _package() -> Any:
    try:
        import websockets.asyncio.client
        import websockets.asyncio.server
    except ImportError:
        words = "the netlayer websocket needs the package websockets"
        raise NetlayerError(f"{words}: pip install 'swingset-nb[net]'") from None
    return websockets


@dataclass
class WebSocketLink:
    """A link over a WebSocket; it is what a greeting talks over, too."""

    socket: Any
    location: Locator | None = None
    dialect: str = "goblins"
    lasting: bool = False

    async def receive(self) -> bytes:
        """The next frame; none once the other side has closed."""
        while True:
            try:
                data = await self.socket.recv()
            except _package().exceptions.ConnectionClosed:
                return b""
            if isinstance(data, str):
                raise OSError("a text came, and messages are binary")
            if data:
                return bytes(data)

    async def send(self, data: bytes) -> None:
        """Send a frame."""
        try:
            await self.socket.send(data)
        except _package().exceptions.ConnectionClosed as problem:
            raise OSError(str(problem)) from None

    async def close(self) -> None:
        """Close it."""
        await self.socket.close()

    async def say(self, data: bytes) -> None:
        """Say something of a greeting."""
        await self.send(data)

    async def hear(self) -> bytes:
        """Hear something of a greeting; raises `NetlayerError`."""
        data = await self.receive()
        if not data:
            raise NetlayerError("the other side hung up during the greeting")
        return data


@dataclass
class WebSocketListening:
    """A server that takes connections."""

    location: Locator
    server: Any
    again: Mapping[str, str]

    async def close(self) -> None:
        """Take no more connections."""
        self.server.close(close_connections=False)


class WebSocket:
    """WebSockets, encrypted wherever they leave the machine."""

    transport = "websocket"
    framing: FramerName = "message"

    async def listen(
        self, identity: Identity, accept: Accept, options: Mapping[str, str]
    ) -> WebSocketListening:
        """Listen at `host` and `port`; with `cert` and `key` encrypted, and then anywhere.

        `url` is where others find it, if that is another address.
        """
        given = options_of(options, "host", "port", "cert", "key", "url")
        host, port = given.get("host", "127.0.0.1"), port_of(given.get("port", "0"))
        secure = context_for(host, given.get("cert"), given.get("key"))
        welcome = _Welcome(identity, accept)
        server = await _package().asyncio.server.serve(
            welcome,
            host,
            port,
            ssl=secure,
            origins=[None],
            subprotocols=[_OURS],
            select_subprotocol=_ours_if_offered,
            compression=None,
            max_size=Limits().message_bytes,
            open_timeout=GREETING,
        )
        bound = server.sockets[0].getsockname()[1]
        named = f"[{host}]" if ":" in host else host
        url = given.get("url") or f"{'ws' if secure is None else 'wss'}://{named}:{bound}"
        return WebSocketListening(
            located(self.transport, identity.designator, {"url": url}), server, {"port": str(bound)}
        )

    async def dial(self, identity: Identity, here: Locator, there: Locator) -> WebSocketLink:
        """Connect to the hint `url`."""
        url = there.hint("url") or ""
        parts = urlsplit(url)
        if parts.scheme != "wss" and not (parts.scheme == "ws" and is_loopback(parts.hostname or "")):
            raise NetlayerError("the location has a `url` of wss://, or of ws:// on this machine")
        package = _package()
        try:
            socket = await package.asyncio.client.connect(
                url,
                subprotocols=[_OURS],
                compression=None,
                max_size=Limits().message_bytes,
                open_timeout=GREETING,
                proxy=None,
            )
        except package.exceptions.WebSocketException as problem:
            raise NetlayerError(f"no WebSocket there: {problem}") from None
        link = WebSocketLink(socket)
        try:
            await asyncio.wait_for(_dialled(link, identity, here, there), GREETING)
        except BaseException:
            await link.close()
            raise
        link.location = there
        return link


class _Welcome:
    """Greets who connects, a bounded number at a time, and keeps each socket open while its link is."""

    def __init__(self, identity: Identity, accept: Accept) -> None:
        self._identity = identity
        self._accept = accept
        self._greeting = 0

    async def __call__(self, socket: Any) -> None:
        """Serve one socket; it is closed when this returns."""
        if self._greeting >= MOST_GREETINGS:
            return
        self._greeting += 1
        link = WebSocketLink(socket)
        try:
            await asyncio.wait_for(self._greet(link), GREETING)
        except (NetlayerError, OSError, TimeoutError):
            return
        finally:
            self._greeting -= 1
        self._accept(link)
        await socket.wait_closed()

    async def _greet(self, link: WebSocketLink) -> None:
        if link.socket.subprotocol == _OURS:
            link.location = await be_greeted(link, self._identity)
            link.dialect, link.lasting = "swingset", True
            return
        asked = await link.hear()
        try:
            record = syrup.read(asked)
        except Malformed:
            raise NetlayerError("what dialled did not ask who listens") from None
        fields = record.fields if isinstance(record, Record) and record.label == _AUTH else ()
        if len(fields) != 1 or type(fields[0]) is not bytes or len(fields[0]) != _NONCE:
            raise NetlayerError("what dialled did not ask who listens")
        signature = keys.signature_to_value(self._identity.sign(asked))
        await link.say(syrup.write(Record(_ENVELOPE, (record, signature))))


async def _dialled(link: WebSocketLink, identity: Identity, here: Locator, there: Locator) -> None:
    """Have who listens prove that it is there, and prove who we are if it is a world of ours."""
    if link.socket.subprotocol == _OURS:
        await greet(link, identity, here, there)
        link.dialect, link.lasting = "swingset", True
        return
    asked = Record(_AUTH, (identity.random(),))
    await link.say(syrup.write(asked))
    try:
        answer = syrup.read(await link.hear())
        fields = answer.fields if isinstance(answer, Record) and answer.label == _ENVELOPE else ()
        if len(fields) != 2 or fields[0] != asked:
            raise Malformed("it is no envelope of what was asked")
        signature = keys.signature_from_value(fields[1])
    except Malformed as problem:
        raise NetlayerError(f"who listens there did not prove who it is: {problem}") from None
    if not identity.verify(_key_of(there.designator), syrup.write(asked), signature):
        raise NetlayerError("another peer than the one that was dialled listens there")


def _key_of(designator: str) -> bytes:
    """The public key that a designator is; empty for one that is none."""
    with contextlib.suppress(ValueError):
        key = base64.b32decode(designator.upper() + "=" * (-len(designator) % 8))
        if named_by(key) == designator:
            return key
    return b""


def _ours_if_offered(_socket: Any, offered: Any) -> Any:
    return _OURS if _OURS in offered else None
