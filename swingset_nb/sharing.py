"""What is told of other worlds where something else is shown: in the state, after going back, and on opening.

Shares are listed in a file beside the world, which does not go back in time with it. So a world that went
back to before a share has none, although nobody took it back; only people can share it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from swingset.core.errors import KernelError
from swingset.host.sessions.session import Session
from swingset.host.wires.peering import Peer
from swingset.host.wires.shares import Share
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset_nb.notebook import words_of

_SHORT = 12
_PLACE = re.compile(r"(  (?:in )?world )([a-z2-7]{12})(?=,|$)")


def connected(session: Session) -> list[str]:
    """The lines that say how the world is joined to others: none if it is not."""
    net = session.controller.net
    try:
        known = net.peers()
    except KernelError:  # somebody has altered the rows of sessions, which `%swingset peers` says
        known = []
    live = [peer for peer in known if peer.state == "live"]
    clients = sum(bool(peer.web) for peer in live)
    peers = len(live) - clients
    shares, transports = len(_in_state(session, "open")), net.transports()
    parts = (
        f"listens by {words_of(transports)}" if transports else "",
        f"shares {plural(shares, 'object')}" if shares else "",
        f"is connected to {plural(peers, 'other world')}" if peers else "",
        f"serves {plural(clients, 'web client')}" if clients else "",
    )
    said = words_of([part for part in parts if part])
    lines = [f"other worlds: it {said}"] if said else []
    cut = [peer for peer in known if peer.state == "cut"]
    return [*lines, *_away(cut, called_here(session)), *_sites(session)]


def _away(cut: list[Peer], called: Callable[[str], str]) -> list[str]:
    if not cut:
        return []
    names, answers = words_of([called(peer.peer) for peer in cut]), sum(peer.waits for peer in cut)
    does = "does" if answers == 1 else "do"
    waits = f", as {plural(answers, 'answer')} from there {does}" if answers else ""
    return [f"not connected now: {names}; what is sent waits{waits}"]


def _sites(session: Session) -> list[str]:
    http = session.controller.net.http
    if http.url is None:
        return []
    prefixes = [f"{http.url}{one_line(prefix, 100)}" for prefix in http.sites()]
    return [f"HTTP: vats answer at {words_of(prefixes)}"] if prefixes else []


def left(session: Session) -> list[str]:
    """The line that names the shares which the state of the world does not have; empty if there are none."""
    shares = _in_state(session, "left")
    if not shares:
        return []
    names = words_of(dict.fromkeys(one_line(share.label or share.digest[:16], 60) for share in shares))
    return [f"this state is from before these were shared, so their strings open nothing: {names}"]


def unheard(session: Session) -> list[str]:
    """The line for a world that was opened just now and shares something: it does not listen yet."""
    ways = {share.web for share in _in_state(session, "open")}
    worlds = "other worlds reach what it shares when it listens as before: `%swingset listen`"
    clients = "web clients reach what it serves when it listens as before: `%swingset listen web port=PORT`"
    lines = [line for web, line in ((False, worlds), (True, clients)) if web in ways]
    if session.controller.net.is_copy:
        lines.append(
            "its file of secrets is not beside it, so it is a copy, and another world to all others: what "
            "was fetched has to be fetched again by its string (or open it again with the file at its place)"
        )
    http = session.controller.net.http
    if http.url is None and http.sites():
        lines.append("vats answer by HTTP when it listens for that: `%swingset sites --port PORT`")
    return lines


def _in_state(session: Session, state: str) -> list[Share]:
    try:
        return [share for share in session.controller.net.shared() if session.net.state(share) == state]
    except KernelError:  # the file of secrets cannot be read, which `%swingset shared` says
        return []


def called_here(session: Session) -> Callable[[str], str]:
    """What peers are called: by their petname, or by the beginning of the designator and the transport."""
    try:
        names = {designator: name for name, designator in session.controller.net.names().items()}
    except KernelError:
        names = {}

    def called(peer: str) -> str:
        name, _, transport = peer.removeprefix("ocapn://").partition("?")[0].rpartition(".")
        if not name:
            return one_line(peer, 80) or "not proved"
        return one_line(names.get(name) or f"{name[:_SHORT]}.{transport}", 80)

    return called


def linked(session: Session, what: str) -> list[str]:
    """What can be typed for a `share`, a `peer` or a `site` that there is."""
    net = session.controller.net
    try:
        if what == "share":
            return [share.label for share in net.shared() if share.label and not share.revoked]
        if what == "site":
            return list(net.http.sites())
        called = called_here(session)
        keys = [called(peer.peer).partition(".")[0] for peer in net.peers() if peer.peer and not peer.web]
        return list(dict.fromkeys([*net.names(), *keys]))
    except KernelError:
        return []


def when(seconds: float) -> str:
    """A time of the host's clock, for people."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def named(session: Session, lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines about where an error was raised, with the petnames of the worlds in them.

    Only the first world of a line is renamed, which is proved; those that follow are what that one says.
    """
    try:
        names = session.controller.net.names()
    except KernelError:
        return lines
    short: dict[str, list[str]] = {}
    for name, designator in names.items():
        short.setdefault(designator[:_SHORT], []).append(name)

    def renamed(line: str) -> str:
        found = _PLACE.match(line)
        called = [] if found is None else short.get(found[2], [])
        return line if found is None or len(called) != 1 else f"{found[1]}{called[0]}{line[found.end() :]}"

    return tuple(map(renamed, lines))
