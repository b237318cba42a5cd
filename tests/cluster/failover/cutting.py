"""A socket between a client and a PostgreSQL server, which can be cut at one moment of a commit."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.time.hosts import Server

_PORT = ".s.PGSQL.5432"

Cut = Literal["before", "after"]
"""Whether the server still gets the commit at which the connection is cut."""


class Cutter:
    """Passes bytes on, until it is told to cut the next commit."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.address = f"host={folder} user=tests dbname=postgres"
        self.cuts = 0
        self.refuses = False
        """Whether new connections are closed at once."""
        self._behind = str(server.socket / _PORT)
        self._next: Cut | None = None
        self._then_refuse = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _PORT))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: Cut, *, refuse: bool = False) -> None:
        """Cut the connection at its next commit, before or after the server gets it."""
        self._next, self._then_refuse = when, refuse

    def close(self) -> None:
        """Take no more connections, and cut those that there are."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Cut all connections that there are."""
        while self._pairs:
            _end(*self._pairs.pop())

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.refuses:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._behind)
                self._pairs.append((client, server))
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if self._next is not None and b"COMMIT" in data:
                    when, self._next = self._next, None
                    self.cuts += 1
                    self.refuses = self._then_refuse
                    if when == "after":
                        _end(client)
                        server.sendall(data)
                    break
                server.sendall(data)
        _end(client)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)  # what it was sent, it still does

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                with contextlib.suppress(OSError):
                    client.sendall(data)
        _end(client, server)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def cutting(server: Server) -> Iterator[Cutter]:
    """A cutter before a server."""
    with tempfile.TemporaryDirectory(prefix="swingset-cut-") as folder:
        cutter = Cutter(server, Path(folder))
        try:
            yield cutter
        finally:
            cutter.close()
