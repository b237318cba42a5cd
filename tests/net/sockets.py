"""Worlds of the bench on real sockets: plain TCP on loopback, without framing."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from swingset.net.framing import framer
from swingset.net.locators import Locator, located
from tests.net.bench import TRANSPORT, Cable, Network, World

_LARGEST = 1_000_000


class SocketCable(Cable):
    """An end of a connection whose other end is anywhere."""

    def __init__(self, network: Sockets, made: socket.socket) -> None:
        super().__init__(network)
        self.made = made
        self.framer = framer("none", _LARGEST)
        network.selector.register(made, selectors.EVENT_READ, self.ready)

    def send(self, data: bytes) -> None:
        if not self.closed:
            with contextlib.suppress(OSError):  # the other end is gone, which `ready` will see
                self.made.sendall(self.framer.frame(data))

    def close(self, why: str) -> None:
        if not self.closed:
            self.closed = True
            assert isinstance(self.network, Sockets)
            self.network.selector.unregister(self.made)
            self.made.close()

    def ready(self) -> None:
        try:
            data = self.made.recv(65_536)
        except OSError:
            data = b""
        if data:
            for message in self.framer.feed(data):
                self.take(message)
        elif not self.closed:
            self.close("")
            self.ended("the peer closed the connection")


class Sockets(Network):
    """A network of sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.selector = selectors.DefaultSelector()

    def listen(self, world: World) -> None:
        """Have a world take connections, on a port that is free."""
        made = socket.create_server(("127.0.0.1", 0))
        port = made.getsockname()[1]
        world.here = located(TRANSPORT, world.name, {"host": "127.0.0.1", "port": str(port)})

        def accept() -> None:
            world.device.accept(SocketCable(self, made.accept()[0]))

        self.selector.register(made, selectors.EVENT_READ, accept)

    def dial(self, peer: Locator, who: Locator | None = None) -> Cable | None:
        try:
            address = (peer.hint("host") or "", int(peer.hint("port") or "0"))
            return SocketCable(self, socket.create_connection(address, 2))
        except OSError:
            return None

    def until(self, true: Callable[[], Any], seconds: float = 10) -> bool:
        """Carry messages until something is true; False if it is not in so many seconds."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            self.run()
            for key, _ in self.selector.select(0.02):
                key.data()
        return True

    def close(self) -> None:
        """Close all sockets."""
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self.selector.close()
