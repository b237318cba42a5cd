"""What is told of other worlds where something else is shown: in the state, after going back, and on opening.

Shares are listed in a file beside the world, which does not go back in time with it. So a world that went
back to before a share has none, although nobody took it back; only people can share it again.
"""

from __future__ import annotations

from swingset.core.errors import KernelError
from swingset.host.sessions.session import Session
from swingset.host.wires.wire_secrets import Share
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset_nb.notebook import words_of


def connected(session: Session) -> list[str]:
    """The line that says how the world is joined to others: none if it is not."""
    net = session.controller.net
    try:
        peers = sum(peer.state == "live" for peer in net.peers())
    except KernelError:  # somebody has altered the rows of sessions, which `%swingset peers` says
        peers = 0
    shares, transports = len(_in_state(session, "open")), net.transports()
    parts = (
        f"listens by {words_of(transports)}" if transports else "",
        f"shares {plural(shares, 'object')}" if shares else "",
        f"is connected to {plural(peers, 'other world')}" if peers else "",
    )
    said = words_of([part for part in parts if part])
    return [f"other worlds: it {said}"] if said else []


def left(session: Session) -> list[str]:
    """The line that names the shares which the state of the world does not have; empty if there are none."""
    shares = _in_state(session, "left")
    if not shares:
        return []
    names = words_of(dict.fromkeys(one_line(share.label or share.digest[:16], 60) for share in shares))
    return [f"this state is from before these were shared, so their strings open nothing: {names}"]


def unheard(session: Session) -> list[str]:
    """The line for a world that was opened just now and shares something: it does not listen yet."""
    if not _in_state(session, "open"):
        return []
    return ["other worlds reach what it shares when it listens: `%swingset listen`"]


def _in_state(session: Session, state: str) -> list[Share]:
    try:
        return [share for share in session.controller.net.shared() if session.net.state(share) == state]
    except KernelError:  # the file of secrets cannot be read, which `%swingset shared` says
        return []
