"""Sharing and fetching of a session's own references, as `session.net`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from swingset.host.code.joined import Joined
from swingset.host.sessions.promised import promised
from swingset.host.sessions.session_http import SessionHttp
from swingset.host.wires.asking import NetError
from swingset.host.wires.networking import Networking
from swingset.host.wires.shares import Share
from swingset.lens.state.wires import Wire
from swingset.model.capdata import Ref
from swingset.model.foreign import shown
from swingset.model.refs import kref_type


class SessionNet:
    """References that come from other worlds and go to them. `controller.net` has the rest.

    Source:
        None in SwingSet. In OCapN: registering a sturdyref, and enlivening one.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self.http = SessionHttp(joined)

    def share(
        self,
        value: Any,
        *,
        label: str = "",
        seconds: float | None = None,
        once: bool = False,
        transport: str | None = None,
    ) -> str:
        """Give out an object: whoever has the string that is returned has the object. It is a secret.

        Args:
            value: a reference to the object.
            label: what the list of what is shared calls it.
            seconds: after how many seconds the string opens nothing any more; None for never.
            once: whether it can be used only once.
            transport: the netlayer by which it is to be fetched; None for the first that this world uses.
        Returns:
            A URI, for `fetch` in another world.
        Raises:
            NetError: if this world does not listen, or if the value is no reference to an object.
        Example:
            >>> location = world.net.listen("in-process")
            >>> session.net.share(bank, label="the bank").startswith(location)
            True
        """
        controller = self._joined.controller
        with controller.lock:
            shared = self._object(value)
            return controller.net.share(shared, label=label, seconds=seconds, once=once, transport=transport)

    def _object(self, value: Any) -> Ref:
        kref = self._joined.kref_of(value)
        if kref is None or kref_type(kref) != "o":
            raise NetError(f"what is shared is a reference to an object of this world, not {shown(value)}")
        return Ref(kref, "remote")

    def serve_object(
        self, value: Any, *, label: str = "", seconds: float | None = None, once: bool = False
    ) -> str:
        """Serve an object to web pages and to programs in Node, at an address that is a secret.

        Args:
            value: a reference to the object.
            label: what the list of what is shared calls it.
            seconds: after how many seconds the address opens nothing, and its clients are cut off; None for
                never.
            once: whether only one session can be opened by it.
        Returns:
            The address, for the npm package `capnweb`; see `controller.net.serve_object`.
        Raises:
            NetError: if this world cannot listen, or if the value is no reference to an object.
        Example:
            >>> session.net.serve_object(bank, label="the bank").startswith("http://127.0.0.1:")
            True
        """
        controller = self._joined.controller
        with controller.lock:
            served = self._object(value)
            return controller.net.serve_object(served, label=label, seconds=seconds, once=once)

    def fetch(self, source: str | os.PathLike[str]) -> Any:
        """Ask for an object of another world.

        Args:
            source: the string from `share`, or a file with it, as a path object.
        Returns:
            A promise for a reference to it, to which messages can be sent at once. After a disconnect, the
            next message to the object connects again.
        Raises:
            NetError: for a string that is not the address of an object.
        Example:
            >>> theirs = session.net.fetch("ocapn://nowhere.in-process/s/AAAA")
            >>> theirs.status
            'pending'
        """
        return self._promised(lambda net: net.fetch(source))

    def accept(self, grant: str | os.PathLike[str]) -> Any:
        """Ask for what another world has granted to this one, and to no other.

        Args:
            grant: the grant, or a file with it, as a path object.
        Returns:
            A promise for a reference, as from `fetch`.
        Raises:
            NetError: for a grant that is none, or is for another world.
        Example:
            >>> try:
            ...     session.net.accept("ocapn-grant:AAAA")
            ... except swingset.NetError as problem:
            ...     print(str(problem).partition(":")[0])
            this is no grant
        """
        return self._promised(lambda net: net.accept(grant))

    def accept_vats(self, **limits: Any) -> Any:
        """Make an object by which another world can send vats to this one.

        Args:
            limits: `bytes`, `vats` and `meter`, as of `controller.net.accept_vats`.
        Returns:
            A promise for a reference to it, to be shared with the other world.
        Raises:
            NetError: for a limit that is none.
        Example:
            >>> accepts = session.wait(session.net.accept_vats(vats=3))
            >>> location = world.net.listen("in-process")
            >>> session.net.share(accepts, label="vats").startswith(location)
            True
        """
        return self._promised(lambda net: net.accept_vats(**limits))

    def move_vat(self, vat: str, acceptance: Any, *, name: str | None = None) -> Any:
        """Move a vat to another world; see `controller.net.move_vat`.

        Args:
            vat: the name of the vat.
            acceptance: a reference to what the other world has made by `accept_vats`.
            name: what it is to be called there; None for what it is called here.
        Returns:
            A promise for a dict of `name`, `where` and `objects`; rejected if the vat has not moved.
        Raises:
            NoSuchVat: if there is no such vat.
            MoveRefused: for a vat that cannot move, and an acceptance that is none.
        Example:
            >>> try:
            ...     session.net.move_vat("bank", bank)
            ... except swingset.MoveRefused as refused:
            ...     print(refused.code)
            not-there
        """
        kref = self._joined.kref_of(acceptance)
        return self._promised(lambda net: net.move_vat(vat, kref or "", name=name))

    def _promised(self, ask: Callable[[Networking], str]) -> Any:
        """A promise of the session for what is asked for."""
        controller = self._joined.controller
        with controller.lock:
            kref = ask(controller.net)
            return promised(self._joined, kref, "asked for an object of another world")

    def state(self, share: Share) -> str:
        """What the string of a share does now.

        Args:
            share: one of `controller.net.shared()`.
        Returns:
            `open`, `revoked`, `expired` or `used`, as `Share.state` says; `left` if the world has gone back
            to before it, so that nothing is found by it although nobody took it back.
        Example:
            >>> location = world.net.listen("in-process")
            >>> uri = session.net.share(bank, label="the bank")
            >>> [session.net.state(share) for share in world.net.shared()]
            ['open']
        """
        controller = self._joined.controller
        with controller.lock:
            state = share.state(time.time())
            here = Wire(controller.kernel.store).has_shared(share.digest)
            return "left" if state == "open" and not here else state
