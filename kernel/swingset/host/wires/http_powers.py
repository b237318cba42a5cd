"""What a host hands in of HTTP, as `controller.net.http`: origins to fetch from, and sites that vats serve.

A vat gets an object for one origin and path prefix, or for one prefix of the host's server, and never the
network. What these objects may do is in the world. The headers that a host adds to requests, such as
a password, are not: they are given anew each time the world is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swingset.core.device_board import DeviceError
from swingset.host.base.opened import Opened
from swingset.host.base.requests import write
from swingset.host.controls.device_access import HTTP, DeviceAccess
from swingset.host.wires import http_inputs as inputs
from swingset.host.wires.asking import NetError
from swingset.host.wires.http_checks import MOST_BODY, Base, checked_headers, checked_methods, path_trouble
from swingset.host.wires.http_line import HttpLine
from swingset.host.wires.wire_line import Line
from swingset.model.foreign import shown
from swingset.model.visible import one_line
from swingset.netlayers.base import NetlayerError

MOST_SECONDS = 3_600.0
MOST_AT_ONCE = 50


class Http:
    """Origins and sites for the vats of an open world, as `controller.net.http`.

    Source:
        None in SwingSet, whose only device with a socket is the mailbox of its solo machine.
    """

    def __init__(self, opened: Opened, line: Line) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._access = DeviceAccess(opened)
        self._line = HttpLine(opened, line.inbox)
        line.beside.append(self._line)

    def origin(
        self,
        url: str,
        *,
        methods: Sequence[str] = ("GET", "HEAD"),
        sockets: bool = False,
        seconds: float = 30.0,
        bytes: int = 1_000_000,
        at_once: int = 8,
    ) -> str:
        """Make an object by which vats can fetch what is below one URL, and nothing else.

        Args:
            url: the origin and a path prefix, which ends with a slash.
            methods: some of `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE`.
            sockets: whether it opens WebSockets too.
            seconds: how long a request may take.
            bytes: how long the body of an answer, or a message of a WebSocket, may be.
            at_once: how many requests are sent at the same time; others wait for their turn.
        Returns:
            The kref of a promise for the object, which the host holds until `Controller.release`. It is
            fulfilled in the next run.
        Raises:
            NetError: for a URL or a limit that is none.
        Example:
            >>> kref = world.net.http.origin("https://api.example/v1/", methods=("GET", "POST"))
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'Origin'
        """
        try:
            base, allowed = Base.of(url), checked_methods(methods)
        except ValueError as problem:
            raise NetError(str(problem)) from None
        spec = {
            "base": list(vars(base).values()),
            "methods": allowed,
            "sockets": _flag("sockets", sockets),
            "seconds": _number("seconds", seconds, MOST_SECONDS),
            "bytes": int(_number("bytes", bytes, MOST_BODY)),
            "at_once": int(_number("at_once", at_once, MOST_AT_ONCE)),
        }
        return self._ask("origin", spec, "made an origin")

    def add_headers(self, url: str, headers: Mapping[str, str]) -> None:
        """Send headers with every request below a URL, until the world is closed: a key, for instance.

        No vat sees them, and they are not in the world. They take the place of what a vat gives.

        Args:
            url: the origin and a path prefix.
            headers: the headers; none to send none any more.
        Raises:
            NetError: for a URL or a header that is none.
        Example:
            >>> world.net.http.add_headers("https://api.example/v1/", {"authorization": "Bearer 1"})
        """
        try:
            base, pairs = Base.of(url), checked_headers(headers)
        except (ValueError, DeviceError) as problem:
            raise NetError(str(problem)) from None
        self._line.exchange.secrets[base.text] = dict(pairs)

    def site(
        self,
        prefix: str,
        *,
        seconds: float = 30.0,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        errors: bool = False,
    ) -> str:
        """Make an object by which a vat answers what comes to a path prefix of this host's server.

        The vat registers a handler: `E(site).register(handler)`. The site is in the world, and is served
        whenever the host listens.

        Args:
            prefix: the prefix, which begins and ends with a slash.
            seconds: after how long a request that has no answer gets the status 504.
            hosts: other names by which the server is called; without encryption, all others are refused.
            origins: from which other pages a browser may call it, such as `https://shop.example`.
            errors: whether an answer with the status 500 says what the handler has raised.
        Returns:
            The kref of a promise for the object, which the host holds until `Controller.release`. It is
            fulfilled in the next run.
        Raises:
            NetError: for a prefix or a limit that is none, and for a prefix that is served already.
        Example:
            >>> kref = world.net.http.site("/shop/")
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'Site'
        """
        fits = isinstance(prefix, str) and prefix.startswith("/") and prefix.endswith("/")
        trouble = path_trouble(prefix[1:]) if fits else "begins and ends with a slash, as /shop/ does"
        if trouble:
            raise NetError(f"the prefix {one_line(str(prefix), 60)!r} {trouble}")
        if prefix in self.sites():
            raise NetError(f"the prefix {prefix} is served already: withdraw it first")
        spec = {
            "prefix": prefix,
            "seconds": _number("seconds", seconds, MOST_SECONDS),
            "hosts": _texts("hosts", hosts),
            "origins": _texts("origins", origins),
            "errors": _flag("errors", errors),
        }
        return self._ask("site", spec, "made a site")

    def _ask(self, method: str, spec: dict[str, Any], note: str) -> str:
        with self._opened.lock:
            self._kernel.add_device(HTTP, HTTP)
            root = self._access.service(HTTP)
            self._line.begin()
            kref = self._kernel.queue_message(root, write([method, [spec]]))
            self._opened.keep(note)
            return kref

    def sites(self) -> list[str]:
        """The prefixes of the sites.

        Example:
            >>> world.net.http.sites()
            []
        """
        with self._opened.lock:
            call = self._line.reading()
            return [] if call is None else sorted(inputs.prefixes(call))

    def withdraw(self, prefix: str) -> None:
        """Serve a site no more, whoever has it.

        Args:
            prefix: its prefix.
        Raises:
            NetError: if there is no such site.
        Example:
            >>> kref = world.net.http.site("/shop/")
            >>> report = world.run()
            >>> world.net.http.withdraw("/shop/")
            >>> world.net.http.sites()
            []
        """
        with self._opened.lock:
            if prefix not in self.sites() or not self._line.withdraw(prefix):
                known = ", ".join(self.sites()) or "none"
                raise NetError(f"there is no site {one_line(prefix, 60)!r}; there are: {known}")

    def listen(
        self, host: str = "127.0.0.1", port: int = 0, *, cert: str | None = None, key: str | None = None
    ) -> str:
        """Have this host's server listen, until the world is closed. All sites of the world are on it.

        Args:
            host: the address; without a certificate, one of this machine.
            port: the port; 0 for one that is free.
            cert: the file of a certificate.
            key: the file of its key.
        Returns:
            Where it listens, as a URL without a path.
        Raises:
            NetError: if it cannot listen there.
        Example:
            >>> url = world.net.http.listen()
            >>> world.net.http.listen() == url
            True
        """
        with self._opened.lock:
            if type(port) is not int or not 0 <= port <= 65_535:
                raise NetError(f"a port is a number up to 65535, not {shown(port)}")
            try:
                self._kernel.add_device(HTTP, HTTP)
                self._access.service(HTTP)
                self._line.begin()
                return self._line.exchange.listen(host, port, cert, key)
            except (NetlayerError, OSError, TimeoutError, ValueError) as problem:
                raise NetError(f"this world cannot listen for HTTP: {problem}") from None

    @property
    def url(self) -> str | None:
        """Where the server listens, as a URL without a path; None if it does not."""
        return self._line.exchange.url

    def wake(self) -> None:
        """Go on with what waits for answers, once the world is open. A fork is not woken.

        Example:
            >>> world.net.http.wake()
        """
        with self._opened.lock:
            if self._line.has_vat():
                self._line.begin()

    def close(self) -> None:
        """End all requests and WebSockets, and listen no more. Closing the world does it too.

        Example:
            >>> world.net.http.close()
        """
        self._line.close()


def _number(name: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise NetError(f"`{name}` is a number of more than 0 and at most {most:,g}, not {shown(value)}")
    return value


def _flag(name: str, value: object) -> bool:
    if type(value) is not bool:
        raise NetError(f"`{name}` is True or False, not {shown(value)}")
    return value


def _texts(name: str, value: object) -> list[str]:
    if not isinstance(value, list | tuple) or any(not isinstance(each, str) for each in value):
        raise NetError(f"`{name}` is a list of texts, not {shown(value)}")
    return list(value)
