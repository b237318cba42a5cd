"""Giving out objects of a world, and taking them back: a part of `controller.net`.

A string opens an object. The world has a hash of it, so a copy of the world opens nothing; whether it may
still be used, until when and by whom it was used is in the file of secrets, which does not go back in time.
The clock is the host's: it is read when another world fetches, and the answer is in the transcript of the
vat that asked, so a replay needs neither the clock nor the file.
"""

from __future__ import annotations

import hashlib
import os
import time

from swingset.host.base.requests import write
from swingset.host.controls.device_access import NET
from swingset.host.wires.asking import NetError, address, check_share, text_of
from swingset.host.wires.keys import verify
from swingset.host.wires.linked import Linked
from swingset.host.wires.moving import UNPROVED, refused
from swingset.host.wires.shares import Share
from swingset.model.capdata import Ref
from swingset.model.foreign import shown
from swingset.model.refs import is_kref
from swingset.model.visible import one_line
from swingset.net import cards, locators
from swingset.net.cards import Grant
from swingset.net.keys import named_by
from swingset.net.locators import Locator, Sturdyref
from swingset.netlayers.web import digest_in

_SHORTEST = 12
"""How many digits of a digest name it at least."""

_MOST_NAMED = 5


class Giving(Linked):
    """What is given out, as `controller.net`.

    Source:
        None in SwingSet. In OCapN: registering a sturdyref.
    """

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
            location, swissnum = self._share(target, label, seconds, once, transport, swissnum, None)
            return locators.sturdyref_uri(location, swissnum)

    def _share(
        self,
        target: Ref | str,
        label: str,
        seconds: float | None,
        once: bool,
        transport: str | None,
        swissnum: bytes | None,
        to: str | None,
    ) -> tuple[Locator, bytes]:
        length = check_share(label, seconds, once, transport, swissnum)
        self._line.check()
        wires = self._line.wires
        if wires is None or not wires.here:
            raise NetError("nobody could reach what you share: have this world listen first")
        usable = {name: each for name, each in wires.here.items() if to is None or name not in UNPROVED}
        location = usable.get(transport or next(iter(usable), ""))
        if location is None:
            known = ", ".join(wires.here)
            words = f"this world does not listen by {one_line(transport or '', 60)}, but by {known}"
            raise NetError(f"{words}: have it listen, or share by another")
        ref = self._object(target)
        root, now = self._root(), time.time()
        expires = None if length is None else now + length
        swissnum, share = self._line.secrets().give_out(label, now, expires, once, swissnum, to)
        self._kernel.queue_one_way(root, write(["share", [share.digest, ref]]))
        self._opened.keep("shared an object")
        return location, swissnum

    def _object(self, target: Ref | str) -> Ref:
        ref = target if isinstance(target, Ref) else Ref(str(target), "remote")
        if not is_kref(ref.kref) or self._kernel.store.objects.get(ref.kref) is None:
            raise NetError(f"what is shared is an object of this world, and {one_line(ref.kref, 40)} is none")
        return ref

    def grant(
        self,
        card: str | os.PathLike[str],
        target: Ref | str,
        *,
        label: str = "",
        seconds: float | None = None,
        once: bool = False,
        transport: str | None = None,
    ) -> str:
        """Give an object to the world whose card this is, and to no other.

        The string that is returned is no secret: it opens the object for the holder of that key only, who has
        to prove it. So it may go by any way, and be seen by anybody.

        Args:
            card: the card of the other world, from `card`; or a file with it, as a path object.
            target: the object, a `Ref` or its kref.
            label: what `shared` calls it.
            seconds: after how many seconds it opens nothing any more; None for never.
            once: whether it can be used only once.
            transport: the netlayer by which it is to be fetched; None for the first that this world uses.
        Returns:
            The grant, for `accept` in the other world.
        Raises:
            NetError: for a card that is none, and whatever `share` refuses.
        Example:
            >>> location = world.net.listen("in-process")
            >>> try:
            ...     world.net.grant("ocapn-card:", world.vats.root("bank"))
            ... except swingset.NetError as problem:
            ...     print(problem)
            this is no card: there are no bytes
        """
        with self._opened.lock:
            text = text_of(card, "card")
            said = refused(lambda: cards.read_card(text, verify), "card")
            last = next((each for each in said if each.where is not None), said[0])
            key = last.successor or last.key
            if self._line.secrets().is_mine(key):
                raise NetError("this is the card of this world itself: a grant is for another")
            to = named_by(key)
            location, swissnum = self._share(target, label, seconds, once, transport, None, to)
            return Grant(location, swissnum, key).signed(self._line.secrets().sign)

    def accept(self, grant: str | os.PathLike[str]) -> str:
        """Ask for what was granted to this world; it comes in a later run, as with `fetch`.

        Args:
            grant: the grant, from `grant` in another world; or a file with it, as a path object.
        Returns:
            The kref of a promise for the object, which the host holds until `Controller.release`.
        Raises:
            NetError: for a grant that is none, is not signed by its giver, or is for another world.
        Example:
            >>> try:
            ...     world.net.accept("ocapn-grant:AAAA")
            ... except swingset.NetError as problem:
            ...     print(str(problem).partition(":")[0])
            this is no grant
        """
        with self._opened.lock:
            text = text_of(grant, "grant")
            found = refused(lambda: cards.read_grant(text, verify), "grant")
            if not self._line.secrets().is_mine(found.receiver):
                raise NetError("this grant is for another world, and opens nothing here")
            return self._ask_for(Sturdyref(found.giver, found.swissnum))

    def unshare(self, what: str, *, cut: bool = False) -> Share:
        """Take back what was given out: its string opens nothing any more, not even if the world goes back.

        References that were fetched by it before stay as long as the link or connection, unless they are cut.

        Args:
            what: the string, its digest, or its label if only one has that. Web clients that are there by
                an address are cut off.
            cut: whether what was fetched by it is broken too, for those who fetched it and for those whom
                they introduced to it. Messages to it are rejected with the code `revoked`. Other objects
                that they got from it stay; so does what another string that is open has brought.
        Returns:
            What is known of it.
        Raises:
            NetError: if nothing was given out under it.
        Example:
            >>> location = world.net.listen("in-process")
            >>> uri = world.net.share(world.vats.root("bank"), label="the bank")
            >>> world.net.unshare("the bank", cut=True).revoked
            True
        """
        with self._opened.lock:
            if type(cut) is not bool:
                raise NetError(f"`cut` is True or False, not {shown(cut)}")
            share = self._found(what, again=cut)
            share.revoked = True
            self._line.secrets().save()
            if self._line.has_vat():
                said = write(["unshare", [share.digest, cut]])
                self._kernel.queue_one_way(self._access.service(NET), said)
            self._opened.keep("took back what was shared")
            if self._line.wires is not None:
                self._line.wires.cut(share.digest)
            return share

    def _found(self, what: str, *, again: bool = False) -> Share:
        """What was given out under a string, a digest or a label; `again` looks at what is revoked too."""
        secrets = self._line.known_secrets()
        known = {} if secrets is None else secrets.shares
        digest = digest_of(address(what).swissnum) if what.startswith("ocapn://") else digest_in(what) or what
        if digest in known:
            return known[digest]
        short = [digest for digest in known if len(what) >= _SHORTEST and digest.startswith(what)]
        if len(short) == 1:
            return known[short[0]]
        all_named = [share for share in known.values() if share.label == what]
        named = [share for share in all_named if not share.revoked] or (all_named if again else [])
        if len(named) > 1:
            few = ", ".join(share.digest[:16] for share in named[:_MOST_NAMED])
            raise NetError(f"{len(named)} things are shared under this: give one of their digests, {few}")
        if not named:
            raise NetError(
                "nothing is shared under this: give its label, its string or its digest in the list"
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


def digest_of(swissnum: bytes) -> str:
    """What a world has in the place of a swissnum: its SHA-256, in hexadecimal digits."""
    return hashlib.sha256(swissnum).hexdigest()
