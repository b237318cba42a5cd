"""The bootstrap object, which every session finds at position 0: `fetch`, `deposit-gift`, `withdraw-gift`.

Between worlds of this library it has `moved` too, with the card of the peer, see `moves`.

What is shared is stored by the digest of its swissnum, so a copy of the store opens nothing. No swissnum of
this world comes here either: in the bytes of a message, the device has put the digest in the place of a
swissnum that was shared. It is asked for each fetch, because revocations and one-time uses must not go back
in time with a world; a fetch of what is not shared and of what is revoked look the same.

Rows: `f.DIGEST` is the name of what is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .handoff import DEPOSIT, WITHDRAW
from .moves import MOVED
from .values import Failure, Malformed, Ref, Refused, Symbol

if TYPE_CHECKING:
    from .core import Core

FETCH = Symbol("fetch")
_LONGEST = 256


class Bootstrap:
    """What a peer can ask of a session itself."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def share(self, digest: str, name: str) -> None:
        """Have an object found by the swissnum of a digest."""
        self.unshare(digest)
        self._core.names.touch(name)
        self._core.names.use(name)
        self._core.batch.put(f"f.{digest}", name)

    def unshare(self, digest: str) -> None:
        """Have nothing found by a digest any more; what was found by it stays."""
        name = self._core.batch.get(f"f.{digest}")
        if name is not None:
            self._core.batch.drop(f"f.{digest}")
            self._core.names.unuse(name)

    def deliver(self, conn: str, args: list[Any], result: str | None) -> None:
        """Serve a message to the bootstrap object; its result is rejected for one that it does not have."""
        try:
            self._serve(conn, args, result)
        except Refused as problem:
            self._core.cells.reject(result, Failure(str(problem)))

    def _serve(self, conn: str, args: list[Any], result: str | None) -> None:
        verb = args[0] if args else None
        if verb == FETCH and len(args) == 2 and type(args[1]) is bytes:
            self._fetch(conn, args[1], result)
        elif verb == DEPOSIT and len(args) == 3 and type(args[1]) is bytes:
            self._core.descriptors.check(conn, args[2])
            ref = self._core.descriptors.read(conn, args[2])
            if not isinstance(ref, Ref):
                raise Refused("deposit-gift takes an id and a reference")
            self._core.handoff.deposit(conn, args[1], ref)
            if result is not None:
                self._core.cells.settle(result, False, None)
        elif verb == WITHDRAW and len(args) == 2 and result is not None:
            try:
                self._core.handoff.withdraw(conn, args[1], result)
            except Malformed as problem:
                raise Refused(str(problem)) from None
        elif verb == MOVED and len(args) == 2 and type(args[1]) is bytes:
            self._core.moves.heard(conn, args[1])
            if result is not None:
                self._core.cells.settle(result, False, None)
        else:
            raise Refused("the bootstrap object has fetch, deposit-gift and withdraw-gift")

    def _fetch(self, conn: str, swissnum: bytes, result: str | None) -> None:
        digest = swissnum[:_LONGEST].hex()
        name = self._core.batch.get(f"f.{digest}")
        if name is None or not self._core.wire.may_fetch(digest, self._core.links.carrier(conn)):
            raise Refused("this string opens nothing: it was taken back, used, has expired, or never was one")
        self._core.grants.opened(conn, digest, name)
        if result is not None:
            self._core.cells.settle(result, False, Ref(name))
