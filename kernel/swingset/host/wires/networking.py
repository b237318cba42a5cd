"""The links of an open world to other worlds, as `controller.net`.

The service vat `net` speaks the protocol, and `wire_line` has its bytes carried. What is shared is found by
a string that stands nowhere else: the world has its hash, and the file of secrets beside it whether it may
still be used. What is fetched is asked for by a handle of that file.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swingset.host.base.opened import Opened
from swingset.host.base.requests import Requests, write
from swingset.host.base.running import Running
from swingset.host.controls.device_access import NET, DeviceAccess
from swingset.host.controls.own_devices import OwnDevices
from swingset.host.wires.asking import NetError, address, check_listen, check_share
from swingset.host.wires.wire_line import Line
from swingset.host.wires.wire_secrets import Share
from swingset.model.capdata import Ref
from swingset.model.refs import is_kref
from swingset.model.visible import one_line
from swingset.net import locators
from swingset.net.hub import Hub
from swingset.netlayers.base import NetlayerError

SLICE = 0.05
"""For how many seconds `pump` runs the world by default."""


@dataclass(frozen=True)
class Peer:
    """One session with another world: counts, and never a secret.

    Attributes:
        peer: the other world's location, or an empty text before it has said it.
        connection: the name of the connection.
        state: `hello` before the session has begun, then `live`.
        outgoing: whether this world dialled.
        proven: whether the netlayer has proved who it is.
        exports: how many references the other side has from here.
        imports: how many this world has from there.
        received: the bytes of the messages that came.
        messages: how many came.
        sent: how many went out.
    """

    peer: str
    connection: str
    state: str
    outgoing: bool
    proven: bool
    exports: int
    imports: int
    received: int
    messages: int
    sent: int


class Networking:
    """What a host does to let its world and others speak to each other, as `controller.net`.

    Source:
        None in SwingSet, whose comms vat and mailbox speak to one remote by its name. The protocol is OCapN.
    """

    def __init__(self, opened: Opened, own: OwnDevices) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._access = DeviceAccess(opened)
        self._line = Line(opened, own)
        self._listens: dict[str, dict[str, str]] = {}  # by transport, its options

    def root(self) -> Ref:
        """The root of the vat that speaks the protocol, for a vat that may follow sturdyrefs.

        Whoever holds it can do more: share what the vat holds, and fetch in the name of the world.

        Example:
            >>> world.net.root().iface
            'net'
        """
        with self._opened.lock:
            return Ref(self._root(), "net")

    def _root(self) -> str:
        self._line.check()
        self._line.begin()
        return self._access.service(NET)

    # Listening, and what is given out

    def listen(self, transport: str = "unix", **options: str) -> str:
        """Let other worlds connect to this one, until it is closed.

        Args:
            transport: the netlayer: `unix`, `in-process`, `websocket`, `tcp-testing-only` or one that another
                package brings.
            options: what the netlayer takes, such as `path` for `unix`; without one, the socket is beside the
                world's file.
        Returns:
            Where this world is, as a URI. It is no secret, and opens nothing.
        Raises:
            NetError: if the netlayer cannot listen, or listens with other options already.
        Example:
            >>> world.net.listen("in-process").startswith("ocapn://")
            True
        """
        with self._opened.lock:
            check_listen(transport, options)
            self._root()
            wires = self._line.begin()
            if transport in self._listens and wires.listening:
                if {**self._listens[transport], **options} != self._listens[transport]:
                    words = f"this world listens by {transport} already, with other options"
                    raise NetError(f"{words}: `close` ends that, and then it can listen anew")
                return locators.uri(wires.here[transport])
            if transport == "unix" and "path" not in options:
                options["path"] = self._beside()
            try:
                location = locators.uri(wires.listen(transport, options))
            except (NetlayerError, OSError, TimeoutError, ValueError) as problem:
                raise NetError(f"this world cannot listen by {one_line(transport, 60)}: {problem}") from None
            self._listens[transport] = options
            return location

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

    def share(
        self,
        target: Ref | str,
        *,
        label: str = "",
        seconds: float | None = None,
        once: bool = False,
        transport: str | None = None,
        swissnum: bytes | None = None,
    ) -> str:
        """Give out an object: whoever has the string that is returned has the object.

        The string is a secret. It is nowhere else, not in the world either, which has only a hash of it.

        Args:
            target: the object, a `Ref` or its kref.
            label: what `shared` calls it.
            seconds: after how many seconds the string opens nothing any more; None for never.
            once: whether it can be used only once.
            transport: the netlayer by which it is to be fetched; None for the first that this world uses.
            swissnum: 32 bytes to find it by, for tests with objects that everybody knows; None for chance.
        Returns:
            A URI, for `fetch` in another world, or for another program that speaks OCapN.
        Raises:
            NetError: if this world does not listen by that netlayer, for what is no object of it, and for
                a length of time, a label or another argument that is none.
        Example:
            >>> location = world.net.listen("in-process")
            >>> world.net.share(world.vats.root("bank"), label="the bank").startswith(location)
            True
        """
        with self._opened.lock:
            length = check_share(label, seconds, once, transport, swissnum)
            self._line.check()
            wires = self._line.wires
            if wires is None or not wires.here:
                raise NetError("nobody could reach what you share: have this world listen first")
            location = wires.here.get(transport or next(iter(wires.here)))
            if location is None:
                known = ", ".join(wires.here)
                words = f"this world does not listen by {one_line(transport or '', 60)}, but by {known}"
                raise NetError(f"{words}: have it listen, or share by another")
            ref = target if isinstance(target, Ref) else Ref(str(target), "remote")
            if not is_kref(ref.kref) or self._kernel.store.objects.get(ref.kref) is None:
                raise NetError(
                    f"what is shared is an object of this world, and {one_line(ref.kref, 40)} is none"
                )
            root, now = self._root(), time.time()
            expires = None if length is None else now + length
            swissnum, share = self._line.secrets().give_out(label, now, expires, once, swissnum)
            self._kernel.queue_one_way(root, write(["share", [share.digest, ref]]))
            self._opened.keep("shared an object")
            return locators.sturdyref_uri(location, swissnum)

    def unshare(self, what: str) -> Share:
        """Take back what was given out: its string opens nothing any more, not even if the world goes back.

        References that were fetched by it before stay until their connection ends.

        Args:
            what: the string, its digest, or its label if only one has that.
        Returns:
            What is known of it.
        Raises:
            NetError: if nothing was given out under it.
        Example:
            >>> location = world.net.listen("in-process")
            >>> uri = world.net.share(world.vats.root("bank"), label="the bank")
            >>> world.net.unshare("the bank").revoked
            True
        """
        with self._opened.lock:
            share = self._found(what)
            share.revoked = True
            self._line.secrets().save()
            if self._line.has_vat():
                self._kernel.queue_one_way(self._access.service(NET), write(["unshare", [share.digest]]))
            self._opened.keep("took back what was shared")
            return share

    def _found(self, what: str) -> Share:
        secrets = self._line.known_secrets()
        known = {} if secrets is None else secrets.shares
        digest = _digest(address(what).swissnum) if what.startswith("ocapn://") else what
        if digest in known:
            return known[digest]
        named = [share for share in known.values() if share.label == what and not share.revoked]
        if len(named) != 1:
            many = f"{len(named)} things are" if named else "nothing is"
            raise NetError(
                f"{many} shared under this: give the string, or a digest from the list of what is shared"
            )
        return named[0]

    def shared(self) -> list[Share]:
        """What was given out, oldest first: who used it and when, and never the string.

        Example:
            >>> world.net.shared()
            []
        """
        with self._opened.lock:
            secrets = self._line.known_secrets()
            return [] if secrets is None else list(secrets.shares.values())

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
        found = address(source)
        with self._opened.lock:
            root, secrets = self._root(), self._line.secrets()
            if found.locator.designator == secrets.designator:
                raise NetError(
                    "this string is for an object of this world itself, which needs no fetching: "
                    "another world fetches it"
                )
            handle = secrets.keep(found.swissnum)
            said = ["fetch", [locators.uri(found.locator), handle, len(found.swissnum)]]
            kref = self._kernel.queue_message(root, write(said))
            self._opened.keep("asked for an object of another world")
            return kref

    def peers(self) -> list[Peer]:
        """The sessions with other worlds, as of now.

        Raises:
            NetError: if the vat `net` was terminated, or its rows are not what this library writes.
        Example:
            >>> world.net.peers()
            []
        """
        with self._opened.lock:
            self._line.check(looking=True)
            if not self._line.has_vat():
                return []
            try:
                rows = Hub(_Tables(self._opened), _Nowhere(), _Nowhere()).peers()
                return [Peer(**{name: row[name] for name in Peer.__dataclass_fields__}) for row in rows]
            except (LookupError, TypeError, ValueError, AttributeError):
                words = "the rows of vat net are not what this library writes: go back to a copy of the file"
                raise NetError(words) from None

    def events(self) -> list[dict[str, str]]:
        """What became of connections lately, oldest first: `event`, `connection`, `peer` and `why`.

        Example:
            >>> world.net.events()
            []
        """
        return list(self._line.log)

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
                self._line.begin()

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


class _Tables:
    """The store of the service vat, to be read."""

    def __init__(self, opened: Opened) -> None:
        self._store = opened.kernel.store.vatstore
        self._vat = opened.kernel.vat(NET).id

    def get(self, key: str) -> str | None:
        """The value at a key."""
        return self._store.get(self._vat, key)

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`."""
        return self._store.next_key(self._vat, prior)

    def set(self, key: str, value: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError


class _Nowhere:
    """The kernel and the device of a hub that is only looked at."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def _digest(swissnum: bytes) -> str:
    return hashlib.sha256(swissnum).hexdigest()
