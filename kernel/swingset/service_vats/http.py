"""The vat `http`: origins that can be fetched from, sites that are served, and open WebSockets.

Its objects are durable and thin. The device has what each may do, checks it, keeps the promises of answers,
and sends what comes over a WebSocket to its listener directly. So an upgrade of this vat breaks nothing.
A method that returns a promise of the device is annotated `Promise[Any]`, and passes it on unchanged.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, D, E, Promise, durable, provide, remotable, watch_promise

_DATA = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset)
"""What can be sent, and has no methods to be called."""


@durable
class Origin:
    """The right to fetch from one origin, below one path prefix, by some methods."""

    node: object

    def request(
        self,
        method: str,
        path: str = "",
        body: Any = None,
        *,
        query: Any = None,
        headers: Any = None,
        text: bool = False,
    ) -> Promise[Any]:
        """A promise for an answer: a dict of `status`, `headers` and `body`, which is bytes, or a text."""
        promise: Promise[Any] = D(self.node).ask(method, path, query, headers, body, text)
        return promise

    def get(
        self, path: str = "", *, query: Any = None, headers: Any = None, text: bool = False
    ) -> Promise[Any]:
        """Fetch what is at a path."""
        return self.request("GET", path, query=query, headers=headers, text=text)

    def head(self, path: str = "", *, query: Any = None, headers: Any = None) -> Promise[Any]:
        """Fetch only the headers of what is at a path."""
        return self.request("HEAD", path, query=query, headers=headers)

    def delete(
        self, path: str = "", *, query: Any = None, headers: Any = None, text: bool = False
    ) -> Promise[Any]:
        """Delete what is at a path."""
        return self.request("DELETE", path, query=query, headers=headers, text=text)

    def post(
        self, path: str = "", body: Any = None, *, query: Any = None, headers: Any = None, text: bool = False
    ) -> Promise[Any]:
        """Send something to a path. It is sent once at most."""
        return self.request("POST", path, body, query=query, headers=headers, text=text)

    def put(
        self, path: str = "", body: Any = None, *, query: Any = None, headers: Any = None, text: bool = False
    ) -> Promise[Any]:
        """Put something at a path."""
        return self.request("PUT", path, body, query=query, headers=headers, text=text)

    def patch(
        self, path: str = "", body: Any = None, *, query: Any = None, headers: Any = None, text: bool = False
    ) -> Promise[Any]:
        """Change what is at a path. It is sent once at most."""
        return self.request("PATCH", path, body, query=query, headers=headers, text=text)

    def connect(self, path: str, listener: object, *, query: Any = None, headers: Any = None) -> Promise[Any]:
        """A promise for the connection of a WebSocket.

        What comes is sent to `listener.received(data)`, and its end to `listener.closed(why)`.
        """
        connection = Connection()
        connection.node, opened = D(self.node).connect(path, query, headers, listener, connection)
        promise: Promise[Any] = opened
        return promise

    def under(self, path: str) -> Origin:
        """The same right below a longer prefix, which ends with a slash."""
        return Origin(D(self.node).narrow(path, None))

    def read_only(self) -> Origin:
        """The same right with the methods GET and HEAD alone, and without WebSockets."""
        return Origin(D(self.node).narrow("", ["GET", "HEAD"]))

    def describe(self) -> dict[str, Any]:
        """Where it leads, and by which methods."""
        found: dict[str, Any] = D(self.node).describe()
        return found


@durable
class Connection:
    """One side of an open WebSocket."""

    node: object = None

    def send(self, data: Any) -> Any:
        """Send a text or bytes. If much waits to be sent, a promise that is fulfilled when less does."""
        return D(self.node).say(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, with a code from 1000 to 4999; what was sent before still arrives."""
        D(self.node).hang_up(code, reason)


@durable
class Door:
    """What the device calls with the requests of one site; it calls the handler."""

    node: object
    handler: object = None

    def incoming(self, name: str, request: Any) -> None:
        """A request came."""
        if self.handler is None:
            D(self.node).fail(name, 503, "no handler is registered")
        else:
            watch_promise(E(self.handler).handle(request), self, name, False)

    def knock(self, name: str, request: Any, node: object) -> None:
        """A WebSocket is asked for."""
        if self.handler is None:
            D(self.node).fail(name, 503, "no handler is registered")
        else:
            connection = Connection(node)
            watch_promise(E(self.handler).opened(connection, request), self, name, True)

    def on_fulfilled(self, value: Any, name: str, socket: bool) -> None:
        """The handler has answered."""
        try:
            if socket:
                D(self.node).admit(name, value)
            else:
                D(self.node).reply(name, value)
        except Exception as problem:
            print(f"a handler answered with what cannot be sent: {problem}")
            D(self.node).fail(name, 500, str(problem))

    def on_rejected(self, reason: Any, name: str, socket: bool) -> None:
        """The handler has failed, or has refused by an error whose code is `refused`."""
        if socket and getattr(reason, "code", None) == "refused":
            D(self.node).fail(name, 403, "")
        else:
            D(self.node).fail(name, 500, f"{type(reason).__name__}: {reason}")


@durable
class Site:
    """The right to answer what comes to one path prefix of the host's server."""

    door: Door

    def register(self, handler: object) -> None:
        """Have requests answered by `handler.handle(request)`, and WebSockets by `handler.opened`."""
        if handler is None or isinstance(handler, _DATA):
            raise TypeError(f"a handler is an object with handle(request), not {type(handler).__name__}")
        self.door.handler = handler

    def describe(self) -> dict[str, Any]:
        """Which prefix it is."""
        found: dict[str, Any] = D(self.door.node).describe()
        return found

    def close(self) -> None:
        """Answer nothing any more."""
        self.door.handler = None
        D(self.door.node).withdraw()


@remotable
class Http:
    """The root, which only the host has."""

    def __init__(self, device: object) -> None:
        self._device = device

    def origin(self, spec: dict[str, Any]) -> Origin:
        """An origin."""
        return Origin(D(self._device).origin(spec))

    def site(self, spec: dict[str, Any]) -> Site:
        """A site."""
        node = D(self._device).site(spec)
        door = Door(node)
        D(node).open(door)
        return Site(door)


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> Http:
    """Make the root. Only the first incarnation gets the device; the baggage keeps it."""
    return Http(provide(baggage, "device", lambda: (parameters or {})["http"]))
