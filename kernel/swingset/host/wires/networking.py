"""The links of an open world to other worlds, as `controller.net`.

The service vat `net` speaks the protocol, and `wire_line` has its bytes carried. What is shared is found by
a string that stands nowhere else: the world has its hash, and the file of secrets beside it whether it may
still be used. What is fetched is asked for by a handle of that file.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from swingset.core.errors import KernelError
from swingset.host.base.requests import Requests
from swingset.host.base.running import Running
from swingset.host.wires.asking import NetError, address, check_listen
from swingset.host.wires.moving import Moving
from swingset.host.wires.peering import Peering
from swingset.host.wires.serving import WEB, Serving
from swingset.host.wires.vat_moves import VatMoves
from swingset.model.capdata import Ref
from swingset.model.visible import one_line
from swingset.net import locators
from swingset.netlayers.base import NetlayerError

SLICE = 0.05
"""For how many seconds `pump` runs the world by default."""

_LEAVING, _RETRY = 5.0, 0.05
"""For how many seconds a server may take to be gone whose port is wanted again, and when that is tried."""


class Networking(Serving, Peering, Moving, VatMoves):
    """What a host does to let its world and others speak to each other, as `controller.net`.

    Source:
        None in SwingSet, whose comms vat and mailbox speak to one remote by its name. The protocol is OCapN.
    """

    def root(self) -> Ref:
        """The root of the vat that speaks the protocol, for a vat that may follow sturdyrefs.

        Whoever holds it can do more: share what the vat holds, and fetch in the name of the world.

        Example:
            >>> world.net.root().iface
            'net'
        """
        with self._opened.lock:
            return Ref(self._root(), "net")

    # Listening

    def listen(self, transport: str = "unix", **options: str) -> str:
        """Let other worlds connect to this one, until it is closed.

        Args:
            transport: the netlayer: `unix`, `in-process`, `websocket`, `tcp-testing-only` or one that another
                package brings; or `web`, for web pages and programs in Node, see `serve_object`.
            options: what the netlayer takes, such as `path` for `unix`; without one, the socket is beside the
                world's file.
        Returns:
            Where this world is, as a URI; with `web`, a URL. It is no secret, and opens nothing.
        Raises:
            NetError: if the netlayer cannot listen, or listens with other options already.
        Example:
            >>> world.net.listen("in-process").startswith("ocapn://")
            True
        """
        with self._opened.lock:
            check_listen(transport, options)
            return self._listen(transport, options)

    def _listen(self, transport: str, options: dict[str, str]) -> str:
        if transport == WEB:
            return self._listen_web(options)
        self._root()
        wires = self._line.begin()
        if transport in self._listens and wires.listening:
            if {**self._listens[transport], **options} != self._listens[transport]:
                words = f"this world listens by {transport} already, with other options"
                raise NetError(f"{words}: close the world and open it, and have it listen so first")
            return locators.uri(wires.here[transport])
        if transport == "unix" and "path" not in options:
            options["path"] = self._beside()
        try:
            here = wires.listen(transport, options)
        except (NetlayerError, OSError, TimeoutError, ValueError) as problem:
            raise NetError(f"this world cannot listen by {one_line(transport, 60)}: {problem}") from None
        self._listens[transport] = options
        self._introduce(here)
        return locators.uri(here)

    def rotate(self) -> str:
        """Have a new key. The old one says by which it is succeeded, and is forgotten; sessions end.

        What was shared stays shared, by the strings that are out. Worlds that are told, by a session or by
        the card that is returned, follow to the new key, and refuse the old one from then on.

        Returns:
            The card of this world, with the succession.
        Raises:
            NetError: if this world listens by no netlayer that proves who is there.
            KernelError: if it has had too many keys, or the file of secrets cannot be written.
        Example:
            >>> location = world.net.listen("in-process")
            >>> card = world.net.rotate()
            >>> world.net.listen("in-process") == location
            False
        """
        with self._opened.lock:
            self.card()  # raises where nobody could learn of it
            wires = self._line.begin()
            listens = {each: (options, wires.again(each)) for each, options in self._listens.items()}
            self.close()
            self._line.secrets().rotate()
            for transport, (options, again) in listens.items():
                self._listen_there(transport, options, again)
            return self.card()

    def _listen_there(self, transport: str, options: dict[str, str], again: dict[str, str]) -> None:
        """Listen where this world did, once what listened there is gone; elsewhere if another has come."""
        until = time.monotonic() + _LEAVING
        while again and time.monotonic() < until:
            with contextlib.suppress(NetError):
                self._listen(transport, {**options, **again})
                self._listens[transport] = options
                return
            time.sleep(_RETRY)
        self._listen(transport, options)

    def transports(self) -> list[str]:
        """By which netlayers this world listens now.

        Example:
            >>> world.net.transports()
            []
        """
        return list(self._listens)

    def _beside(self) -> str:
        path = self._opened.world.path
        if path is None:
            raise NetError("a world in memory has no file to put its socket beside: give a `path`")
        return os.path.relpath(path + ".sock") if len(path) > 90 else path + ".sock"

    # Fetching

    def fetch(self, source: str | os.PathLike[str]) -> str:
        """Ask for an object of another world; it comes in a later run.

        Args:
            source: the string from `share`, or a file with it, as a path object.
        Returns:
            The kref of a promise, which the host holds until `Controller.release`. It is fulfilled with the
            object, which lasts: after a disconnect, the next message to it connects again.
        Raises:
            NetError: for a string that is not the address of an object of another world.
        Example:
            >>> location = world.net.listen("in-process")
            >>> kref = world.net.fetch("ocapn://nowhere.in-process/s/AAAA")
            >>> world.net.settle(kref)
            >>> type(world.resolution(kref)).__name__
            'Disconnected'
        """
        with self._opened.lock:
            return self._ask_for(address(source))

    @property
    def is_copy(self) -> bool:
        """Whether the world spoke with others before, and was opened without its file of secrets.

        It is another world to them then, and what it fetched has to be fetched again.

        Example:
            >>> world.net.is_copy
            False
        Source:
            Agoric has no file of secrets: whoever has the store of a vat kernel is that kernel.
        """
        return self._line.is_copy

    # While the world runs

    def notify(self, told: Callable[[], None]) -> None:
        """Have a function called whenever something came in, on another thread: it is to arrange for `pump`.

        Args:
            told: the function; it must return at once, and touch no world.
        Example:
            >>> world.net.notify(lambda: None)
        """
        self._line.inbox.arrived = told

    def wake(self) -> None:
        """Serve the wire of a world that has one, once it is open. A fork is not woken: its wire is inert.

        Example:
            >>> world.net.wake()
        """
        with self._opened.lock:
            if self._line.has_vat():
                with contextlib.suppress(KernelError):  # whoever uses the wire is told why it cannot be
                    self._line.begin()
            self.http.wake()

    def pump(self, seconds: float = SLICE) -> bool:
        """Deliver what came in, and run the world for a while; commit, and send what is to be sent.

        Args:
            seconds: for how long; the crank that is under way then is finished.
        Returns:
            Whether anything was done.
        Raises:
            NetError: if the vat `net` was terminated; all connections are closed then.
        Example:
            >>> world.net.pump()
            False
        """
        with self._opened.lock:
            return self._line.pump(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait until something comes in; returns whether something has.

        Args:
            seconds: for how long at most.
        Example:
            >>> world.net.wait(0.0)
            False
        """
        return self._line.inbox.wait(seconds)

    def waits(self) -> bool:
        """Whether an answer may still come: something waits for a peer, and there is a connection.

        Example:
            >>> world.net.waits()
            False
        """
        with self._opened.lock:
            return self._line.waits()

    def settle(self, kref: str, seconds: float = 30.0) -> None:
        """Run and pump until a promise is settled, nothing can settle it any more, or the time is over.

        Args:
            kref: the promise.
            seconds: for how long at most.
        Example:
            >>> world.net.settle(world.queue_to_root("bank", "open_purse", ["alice"]))
        """
        until, requests = time.monotonic() + seconds, Requests(self._opened)
        while True:
            Running(self._opened).run(None, None)
            if requests.outcome(kref).status != "unresolved" or not self.waits() or time.monotonic() > until:
                return
            self.wait(0.1)
            self.pump()

    def serve(self, seconds: float | None = None) -> None:
        """Deliver what comes in, for a program that does nothing else; an interrupt ends it.

        Args:
            seconds: for how long; None for ever.
        Example:
            >>> world.net.serve(0.0)
        """
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            self.wait(0.5 if until is None else max(min(0.5, until - time.monotonic()), 0.0))
            self.pump()

    def close(self) -> None:
        """Close all connections, and listen no more. Closing the world does it too.

        Example:
            >>> world.net.close()
        """
        self._listens.clear()
        self._line.close()
        self._line.renew()
