"""The protocol, from outside: what the kernel and the device tell it, each as one input.

A `Hub` has no state but its store, so it can be made anew over the same store at any time. Each input is
applied whole or not at all. A peer that breaks the rules has its session aborted, with the reason, and
nothing else happens; so does one that uses more than it may, even if another's message shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import capdata, locators, nearness
from .core import Core
from .limits import Limits
from .operations import receive
from .outside import Local, Opening, Wire
from .sessions import OverLimit
from .store import PREFIX, Store
from .values import Failure, Hidden, Malformed, Ref, Refused

_MOST_ABORTED = 1_000


class Hub:
    """All sessions of a world.

    Args:
        store: where their tables are.
        wire: the device.
        local: the kernel.
        limits: what peers may use.
    """

    def __init__(self, store: Store, wire: Wire, local: Local, limits: Limits | None = None) -> None:
        self._store = store
        self._wire = wire
        self._local = local
        self._limits = limits or Limits.read(store.get(f"{PREFIX}limits"))

    def _core(self) -> Core:
        return Core(self._store, self._wire, self._local, self._limits)

    def _input(self, apply: Callable[[Core], None], source: str | None = None) -> None:
        """Apply an input; a session that it takes past its limits is aborted first.

        If that is the session of its own connection, `source`, or its link, nothing of the input is left.
        """
        own = {source, None if source is None else self._core().hello.link_of(source)}
        for _ in range(_MOST_ABORTED):
            core = self._core()
            try:
                apply(core)
                core.finish()
                return
            except OverLimit as problem:
                self._abort(problem.conn, str(problem))
                if problem.conn in own:
                    return

    def _of_kernel(self, apply: Callable[[Core], None], otherwise: Callable[[Core], None]) -> None:
        """Apply an input of the kernel, which never stops the others.

        If this side fails over it, which no peer should be able to cause, all sessions end, and it is tried
        without them; then `otherwise` is applied in its place.
        """
        try:
            self._input(apply)
            return
        except Exception as fault:
            reason = f"this side failed: {type(fault).__name__}"
        for connection in self.connections():
            self._abort(connection, reason)
        try:
            self._input(apply)
        except Exception:
            self._input(otherwise)

    def _abort(self, conn: str, reason: str) -> None:
        core = self._core()
        if core.hello.row(conn) is not None:
            core.hello.leave_with(conn, reason)
        elif core.sessions.row(conn) is None:
            core.after(self._wire.close, conn, reason)
            core.reaching.failed(conn, reason)
        core.sessions.abort(conn, reason)
        core.finish()

    # From the device.

    def opened(self, connection: str, opening: Opening) -> None:
        """A connection is there, whoever dialled."""

        def apply(core: Core) -> None:
            (core.hello if opening.lasting else core.sessions).open(connection, opening)

        self._from_peer(connection, apply)

    def received(self, connection: str, data: bytes) -> None:
        """One message came. Whatever it is, this returns."""

        def apply(core: Core) -> None:
            if core.hello.row(connection) is not None:
                core.hello.receive(connection, data)
                return
            row = core.sessions.row(connection)
            web = row is not None and row.get("web") is not None
            (core.web.receive if web else partial(receive, core))(connection, data)

        self._from_peer(connection, apply)

    def visit(self, connection: str, digest: str, batch: bytes | None) -> None:
        """A client of the web has come by an address, of which this is the digest; see `capnweb`.

        Args:
            connection: its connection.
            digest: the SHA-256 of the secret of the address, in hexadecimal digits.
            batch: all its messages, a line each; None if they come one by one, as to `received`.
        """
        self._from_peer(connection, lambda core: core.web.open(connection, digest, batch=batch is not None))
        self._from_peer(connection, lambda core: core.web.begin(connection, digest, batch))

    def _from_peer(self, connection: str, apply: Callable[[Core], None]) -> None:
        def known(core: Core) -> None:
            try:
                apply(core)
            except OverLimit:
                raise
            except Malformed as problem:
                raise OverLimit(connection, str(problem)) from None
            except Exception as fault:
                # A fault of this side is no reason to let a peer stop the others: its session alone ends.
                raise OverLimit(connection, f"this side failed: {type(fault).__name__}") from fault

        self._input(known, connection)

    def closed(self, connection: str, why: str) -> None:
        """A connection has ended, or could not be made."""

        def apply(core: Core) -> None:
            if core.hello.row(connection) is not None:
                core.hello.closed(connection, why)
            elif core.sessions.row(connection) is None:
                core.reaching.failed(connection, why)
            else:
                core.sessions.end(connection, "ended", why)

        self._input(apply)

    def hang_up(self, connection: str, reason: str) -> None:
        """End a session from this side."""
        self._abort(connection, reason)

    def lost(self, designators: list[str], why: str) -> None:
        """All connections are gone, and so are links of a key that this world has no more, or never had.

        Args:
            designators: those of this world's keys, the one that counts now first.
            why: why the connections are gone.
        """
        self._input(lambda core: core.reaching.again())
        for connection in [*self._core().batch.below("carrier."), *self.connections()]:
            if self._core().links.row(connection) is None:
                self.closed(connection, why)
        for link in self._core().batch.below("link."):
            self._input(partial(_end_of_another, link=link, designators=designators))

    def acknowledge(self) -> None:
        """Say what has been taken on each link, if it was not said since."""

        def apply(core: Core) -> None:
            for link in core.batch.below("link."):
                core.links.acknowledge(link)

        self._input(apply)

    def part(self, link: str, code: str, why: str) -> None:
        """End a link from this side, because its lease is over, or somebody wants it.

        Raises `Refused` if there is none.
        """
        if self._core().links.row(link) is None:
            raise Refused(f"there is no link {link}")
        self._input(lambda core: core.links.part(link, code, why))

    def abandon(self, peer: str, why: str) -> None:
        """Wait no longer for a peer that could not be reached."""
        self._input(lambda core: core.reaching.abandon(peer, why))

    def failed(self, connection: str, why: str) -> None:
        """The vat could not take something that came over a connection: its session, or its link, ends."""
        self._abort(self._core().hello.link_of(connection) or connection, why)

    def age(self, lasting: int = 0) -> None:
        """Some time has passed: gifts that nobody fetched are dropped, of links after `lasting` intervals."""
        self._input(lambda core: core.handoff.age(lasting))

    # From the kernel.

    def message(self, target: str, body: str, slots: list[str], result: str | None) -> None:
        """A message for a remote object, or for a promise that is decided here."""

        def apply(core: Core) -> None:
            core.names.mentioned(slots)
            cell = None if result is None else core.cells.of_own(result)
            try:
                args = capdata.decode_call(body, slots, core.cells.ref_of, core.routing.is_plain(target))
                where = target if not target.startswith("p") else core.cells.known(target)
                if where is None:
                    raise Refused("the promise was settled")
            except Refused as problem:
                core.cells.reject(cell, Failure(str(problem), "TypeError"))
                return
            core.routing.deliver(where, args, cell)

        def reject(core: Core) -> None:
            core.names.mentioned(slots)
            if result is not None:
                core.cells.reject(core.cells.of_own(result), Failure("this world failed over the message"))

        self._of_kernel(apply, reject)

    def notify(self, resolutions: list[tuple[str, bool, str, list[str]]]) -> None:
        """Promises were settled that the protocol has subscribed to."""

        def apply(core: Core) -> None:
            for _, _, _, slots in resolutions:
                core.names.mentioned(slots)
            names = {name for name, *_ in resolutions}
            wanted = [each for each in resolutions if core.cells.known(each[0]) is not None]
            found, at = [], 0
            by_name = {each[0]: each for each in resolutions}
            while at < len(wanted):
                name, rejected, body, slots = wanted[at]
                at += 1
                for slot in slots:
                    if slot in names and core.cells.known(slot) is None:
                        core.cells.new(["local"], slot)
                        wanted.append(by_name[slot])
                try:
                    value = capdata.decode(body, slots, core.cells.ref_of)
                except Refused as problem:
                    rejected, value = True, Failure(str(problem), "TypeError")
                found.append((core.cells.of_name(name), rejected, value))
            for cell, rejected, value in found:
                core.cells.set_by(cell, ["local"])
                core.cells.settle(cell, rejected, value)

        def reject(core: Core) -> None:
            for name, *_, slots in resolutions:
                core.names.mentioned(slots)
                cell = core.cells.known(name)
                if cell is not None:
                    core.cells.set_by(cell, ["local"])
                    core.cells.reject(cell, Failure("this world failed over the outcome of a promise"))

        self._of_kernel(apply, reject)

    def dropped(self, names: list[str]) -> None:
        """The kernel no longer holds these remote objects."""

        def apply(core: Core) -> None:
            for name in names:
                core.names.dropped(name)

        self._of_kernel(apply, lambda _core: None)

    def retired(self, names: list[str]) -> None:
        """The kernel has forgotten these remote objects, which it had dropped before."""

        def apply(core: Core) -> None:
            for name in names:
                core.names.retired(name)

        self._of_kernel(apply, lambda _core: None)

    def departed(self, pairs: list[list[str]], arrival: Ref) -> None:
        """A vat of this world has moved.

        Args:
            pairs: for each of its objects what it was called, and what it is called now.
            arrival: what is to be told next that the vat is there; it is, however much waits for its world.
        """

        def apply(core: Core) -> None:
            core.names.renamed(pairs)
            core.names.press(arrival.name)

        self._of_kernel(apply, lambda _core: None)

    # From whoever may share and fetch.

    def limit(self, row: dict[str, int]) -> None:
        """What peers may use from the next input on: the limits that are not the usual ones."""
        self._input(lambda core: core.batch.put("limits", row))

    def limits(self) -> Limits:
        """What peers may use."""
        return self._limits

    def share(self, digest: str, name: str) -> None:
        """Have an object found by the swissnum of which this is the SHA-256, in hexadecimal digits."""
        self._input(lambda core: core.bootstrap.share(digest, name))

    def unshare(self, digest: str, cut: bool = False) -> None:
        """Have nothing found by it any more; with `cut`, what sessions have by it is broken too."""

        def apply(core: Core) -> None:
            core.bootstrap.unshare(digest)
            if cut:
                core.grants.cut(digest)

        self._input(apply)
        for connection in self._core().web.opened_by(digest):
            self._abort(connection, "its address was taken back")

    def moved(self, card: bytes, conn: str = "") -> int:
        """Take in a card of a person, which may raise `Refused`, or of who was dialled; returns the news."""
        found: list[int] = []

        def apply(core: Core) -> None:
            found[:] = [core.reaching.succeeded(conn, card) if conn else core.moves.follow(card)]

        self._input(apply)
        return found[0]

    def would_move(self, card: bytes) -> int:
        """How much of a card is news; nothing is changed. Raises `Refused`."""
        return self._core().moves.follow(card, keep=False)

    def place(self, uri: str) -> str:
        """Where the world of a locator is, as far as is known."""
        return locators.uri(self._core().moves.place(_located(uri)))

    def introduce(self, transport: str, card: bytes) -> None:
        """Have peers of a transport know our card."""
        self._input(lambda core: core.moves.introduce(transport, card))

    def newest(self, designator: str) -> str:
        """The designator of the key by which a key was succeeded in the end."""
        return self._core().moves.newest(designator)

    def own_card(self, transport: str) -> bytes | None:
        """Our card for a transport, as peers learn it."""
        found = self._core().batch.get(f"card.{transport}")
        return None if found is None else bytes.fromhex(found)

    def known(self) -> set[str]:
        """The designators of which something is known here."""
        batch, found = self._core().batch, set()
        for sort in ("s", "o"):
            for key in batch.below(f"{sort}."):
                row = batch.get(f"{sort}.{key}")
                uri = row.get("peer") or row.get("expected") or row.get("uri")
                if uri is not None:
                    found.add(_designator(uri))
        return found

    def enliven(self, locator: locators.Locator, secret: Hidden) -> str:
        """Follow a sturdyref; returns the promise of its object."""
        return self._enliven(locators.uri(locator), secret.handle, secret.length)

    def refer(self, locator: locators.Locator, secret: Hidden) -> str:
        """An object that stands for a sturdyref, which can be passed on; the kernel holds it from now on."""
        found: list[str] = []

        def apply(core: Core) -> None:
            said = {"kind": "sturdy", "uri": locators.uri(locator)}
            name = core.names.new({**said, "secret": secret.handle, "length": secret.length})
            core.names.hand(name)
            found[:] = [name]

        self._input(apply)
        return found[0]

    def enliven_held(self, name: str) -> str:
        """Follow a sturdyref that came in a message, by the name of its object; returns a promise.

        Raises `Refused` for the name of anything else.
        """
        row = self._core().names.row(name)
        if row is None or row["kind"] != "sturdy":
            raise Refused(f"{name} is no sturdyref")
        nearness.check(_located(row["uri"]), row.get("nearest", 0), self._limits)
        return self._enliven(row["uri"], row["secret"], row["length"])

    def _enliven(self, uri: str, handle: str, length: int) -> str:
        found: list[str] = []

        def apply(core: Core) -> None:
            cell = core.reaching.enliven(uri, handle, length)
            found[:] = [core.cells.name_of(cell)]

        self._input(apply)
        return found[0]

    # Looking.

    def promises(self) -> list[str]:
        """The promises that are decided here, which a next incarnation keeps."""
        core = self._core()
        found = []
        for name in core.batch.below("p."):
            row = core.cells.row(core.batch.get(f"p.{name}"))
            if row is not None and row["by"][0] != "local":
                found.append(name)
        return found

    def connections(self) -> list[str]:
        """The connections whose sessions have not ended."""
        return list(self._core().batch.below("s."))

    def peers(self) -> list[dict[str, Any]]:
        """What people may see of each session: counts, never a key or a secret."""
        core, found = self._core(), []
        shown = ("state", "outgoing", "proven", "dialect", "exports", "imports", "answers", "gifts")
        for conn in core.batch.below("s."):
            row, link = core.sessions.row(conn) or {}, core.links.row(conn)
            uri = row.get("peer") or row["expected"] or ""
            more = {key: row[key] for key in ("received", "messages", "sent", "waits")}
            more["web"] = row.get("web") or ""
            more |= {"lasting": link is not None, "unacknowledged": 0}
            about = {"connection": conn, "peer": uri, **{key: row[key] for key in shown}, **more}
            if link is not None:
                about |= {"peer": link["peer"], "unacknowledged": link["sent"] - link["acked"]}
                if link["conn"] is None:
                    about["state"] = "cut"
            found.append(about)
        return found


def _located(uri: str) -> locators.Locator:
    found = locators.parse_uri(uri)
    return found.locator if isinstance(found, locators.Sturdyref) else found


def _designator(uri: str) -> str:
    return _located(uri).designator


def _end_of_another(core: Core, link: str, designators: list[str]) -> None:
    row = core.links.row(link)
    here = None if row is None else locators.parse_uri(row["here"])
    if not isinstance(here, locators.Locator) or here.designator == designators[0]:
        return
    if here.designator in designators:
        core.links.end(link, "ended", "this world has another key than when the link was made")
    else:
        core.links.end(link, "copied", "this world is a copy: it does not have the key of the link")
