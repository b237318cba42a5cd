"""Origins and sites as references of a session, as `session.net.http`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swingset.host.code.joined import Joined
from swingset.host.sessions.promised import promised


class SessionHttp:
    """What a session hands to vats of HTTP. `controller.net.http` has the rest.

    Source:
        None in SwingSet.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined

    def origin(
        self,
        url: str,
        *,
        methods: Sequence[str] = ("GET", "HEAD"),
        sockets: bool = False,
        seconds: float = 30.0,
        bytes: int = 1_000_000,
        at_once: int = 8,
    ) -> Any:
        """Make an object by which vats can fetch what is below one URL, and nothing else.

        Args:
            url: the origin and a path prefix, which ends with a slash.
            methods: some of `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE`.
            sockets: whether it opens WebSockets too.
            seconds: how long a request may take.
            bytes: how long the body of an answer, or a message of a WebSocket, may be.
            at_once: how many requests are sent at the same time; others wait for their turn.
        Returns:
            A promise for a reference to the object, to which messages can be sent at once.
        Raises:
            NetError: for a URL or a limit that is none.
        Example:
            >>> api = session.net.http.origin("https://api.example/v1/")
            >>> session.wait(E(api).describe())["methods"]
            ['GET', 'HEAD']
        """
        controller = self._joined.controller
        with controller.lock:
            kref = controller.net.http.origin(
                url, methods=methods, sockets=sockets, seconds=seconds, bytes=bytes, at_once=at_once
            )
            return promised(self._joined, kref, "knows an origin")

    def site(
        self,
        prefix: str,
        *,
        seconds: float = 30.0,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        errors: bool = False,
    ) -> Any:
        """Make an object by which a vat answers what comes to a path prefix of this host's server.

        Args:
            prefix: the prefix, which begins and ends with a slash.
            seconds: after how long a request that has no answer gets the status 504.
            hosts: other names by which the server is called; without encryption, all others are refused.
            origins: from which other pages a browser may call it, such as `https://shop.example`.
            errors: whether an answer with the status 500 says what the handler has raised.
        Returns:
            A promise for a reference to the object; `E(site).register(handler)` has it answer.
        Raises:
            NetError: for a prefix or a limit that is none, and for a prefix that is served already.
        Example:
            >>> site = session.net.http.site("/shop/")
            >>> session.wait(E(site).describe())
            {'prefix': '/shop/'}
        """
        controller = self._joined.controller
        with controller.lock:
            kref = controller.net.http.site(
                prefix, seconds=seconds, hosts=hosts, origins=origins, errors=errors
            )
            return promised(self._joined, kref, "knows a site")
