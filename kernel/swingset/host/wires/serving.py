"""Serving objects to web pages and to programs in Node, by Cap'n Web: a part of `controller.net`.

An object is served at an address that nobody can guess. As with a string for other worlds, the world has a
hash of its secret, and the file of secrets whether it is still open; so an address opens nothing in a copy of
the world, and going back in time opens none again.
"""

from __future__ import annotations

import time

from swingset.host.base.requests import write
from swingset.host.wires.asking import NetError, check_share
from swingset.host.wires.giving import Giving
from swingset.model.capdata import Ref
from swingset.netlayers import web
from swingset.netlayers.base import NetlayerError

WEB = "web"
"""By what a world listens for web clients."""


class Serving(Giving):
    """What is served to web clients, as `controller.net`.

    Source:
        None in SwingSet. The protocol is Cap'n Web.
    """

    def serve_object(
        self, target: Ref | str, *, label: str = "", seconds: float | None = None, once: bool = False
    ) -> str:
        """Serve an object to web pages and to programs in Node: whoever has the address has the object.

        The address is a secret, and nowhere else, not in the world either. It is for the npm package
        `capnweb`: `newHttpBatchRpcSession(address)`, or `newWebSocketRpcSession` with `ws` in the place of
        `http`. The world has to be pumped meanwhile, as by `serve`; a notebook does it by itself.

        Args:
            target: the object, a `Ref` or its kref.
            label: what `shared` calls it.
            seconds: after how many seconds it opens nothing any more, and its clients are cut off; None for
                never.
            once: whether only one session can be opened by it.
        Returns:
            The address. It stays the same after a restart if the world listens by `web` with the same `port`.
        Raises:
            NetError: for what is no object of this world, for a length of time or another argument that is
                none, and if the world cannot listen.
        Example:
            >>> address = world.net.serve_object(world.vats.root("bank"), label="the bank")
            >>> address.startswith(world.net.listen("web"))
            True
        """
        with self._opened.lock:
            length = check_share(label, seconds, once, None, None)
            ref, url = self._object(target), self._listen_web({})
            root, now = self._root(), time.time()
            expires = None if length is None else now + length
            secret, share = self._line.secrets().give_out(label, now, expires, once, web=True)
            self._kernel.queue_one_way(root, write(["share", [share.digest, ref]]))
            self._opened.keep("served an object to web clients")
            return web.address(url, secret)

    def _listen_web(self, options: dict[str, str]) -> str:
        """Take web clients; returns the URL. Raises `NetError`."""
        self._root()
        wires = self._line.begin()
        if WEB in self._listens and wires.web is not None:
            if {**self._listens[WEB], **options} != self._listens[WEB]:
                words = "this world listens by web already, with other options"
                raise NetError(
                    f"{words}: close the world and open it, and have it listen so before it serves"
                )
            return wires.web.url
        try:
            found = wires.listen_web(options)
        except (NetlayerError, OSError, TimeoutError, ValueError) as problem:
            raise NetError(f"this world cannot listen by web: {problem}") from None
        self._listens[WEB] = {**options, "port": str(found.port)}
        return found.url
