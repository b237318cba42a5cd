"""The other side, for tests of HTTP: servers on threads, and clients while a world serves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx

from swingset.host.worlds.controller import Controller

Script = Callable[[socket.socket, bytes], None]


def ok(body: bytes, *more: bytes) -> bytes:
    """An answer that is right."""
    head = b"".join(line + b"\r\n" for line in more)
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%s\r\n%s" % (len(body), head, body)


class Server:
    """A server that does with each request what its script does; `seen` has their first lines and bodies."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or (lambda made, said: made.sendall(ok(said.split(b" ")[1])))
        self.seen: list[bytes] = []
        self.heads: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        with made:
            made.settimeout(5)
            try:
                said = made.recv(65_536)
                while b"\r\n\r\n" not in said:
                    said += made.recv(65_536)
                head, _, body = said.partition(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.lower().split(b"\r\n")
                        if line[:15] == b"content-length:"
                    ),
                    0,
                )
                while len(body) < length:
                    body += made.recv(65_536)
                self.heads.append(head)
                self.seen.append(head.partition(b" HTTP/")[0] + (b" " + body if body else b""))
                self.script(made, head)
            except OSError:
                return

    def close(self) -> None:
        """Listen no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def while_served(world: Controller, act: Callable[[], Any]) -> Any:
    """What a client gets that runs on a thread while the world is pumped; what it raises is raised."""
    found: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(act())
        except BaseException as problem:
            raised.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        world.net.wait(0.005)
        world.net.pump()
    if raised:
        raise raised[0]
    return found[0]


def request(world: Controller, method: str, path: str, **more: Any) -> httpx.Response:
    """The answer of a world's own server to a request."""
    url = f"{world.net.http.url}{path}"
    found = while_served(world, lambda: httpx.request(method, url, trust_env=False, **more))
    assert isinstance(found, httpx.Response)
    return found


def settle(world: Controller, true: Callable[[], bool]) -> None:
    """Pump until something is true."""
    for _ in range(2_000):
        if true():
            return
        world.net.wait(0.005)
        world.net.pump()
    raise AssertionError("it did not come true")
