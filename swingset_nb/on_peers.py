"""Commands about the peers of a world: who is there, and what they are called here."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeVar

from swingset.core.errors import KernelError
from swingset.host.wires.peering import Peer
from swingset.model.counting import plural
from swingset.model.visible import one_line
from swingset.model.wording import named
from swingset_nb.commands import argument, command
from swingset_nb.errors import SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table
from swingset_nb.sharing import called_here

_PEER = "its petname, its location, or at least six letters of its key, which `%%swingset peers` begins with"
_EVENTS = 5
"""How many things that became of sessions are told."""

_FARTHEST = 4e9
"""The last second that is shown as a day; some hundred years after 1970."""


@command(
    "peers",
    "the sessions with other worlds, and what became of the last ones",
    rest="`%swingset peers --all` shows what they have used, and how fast they answer",
)
def peers(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the sessions; with `--all`, also what the host has measured, which is another each time."""
    world = notebook.require()
    net, called = world.controller.net, called_here(world.session)
    labels = {share.digest: share.label for share in net.shared() if share.web}
    known = net.peers()
    clients = {peer.connection: _client(peer, labels) for peer in known if peer.web}
    rows: list[tuple[object, ...]] = [
        (
            _client(peer, labels) if peer.web else called(peer.peer),
            peer.state,
            "dialled" if peer.outgoing else "came in",
            "proved" if peer.proven else "not proved",
            peer.exports,
            peer.imports,
            peer.messages,
            peer.sent,
            _waits(peer),
            *(_measured(peer) if given.all else ()),
        )
        for peer in known
    ]
    columns: tuple[str, ...] = _COLUMNS + (_MEASURED if given.all else ())
    if not any(row[_WAITS] for row in rows):
        columns = _without(columns)
        rows = [_without(row) for row in rows]
    notes = []
    for event in net.events()[-_EVENTS:]:
        who = called(event["peer"]) if event["peer"] else clients.get(event["connection"], "")
        notes.append(": ".join(part for part in (event["event"], who, one_line(event["why"], 120)) if part))
    return Table("peers", columns, rows, "no session with another world", notes)


_COLUMNS = ("peer", "state", "how", "who it is", "exports", "imports", "messages in", "out", "waits")
_WAITS = _COLUMNS.index("waits")
_MEASURED = ("bytes in", "computrons", "answers in", "not acknowledged")

_Cell = TypeVar("_Cell")


def _without(row: tuple[_Cell, ...]) -> tuple[_Cell, ...]:
    """A row without what waits, as nothing does."""
    return row[:_WAITS] + row[_WAITS + 1 :]


def _measured(peer: Peer) -> tuple[object, ...]:
    late = "-" if peer.latency is None else f"{1_000 * peer.latency:.1f} ms"
    return peer.bytes_in or peer.received, peer.computrons or "-", late, peer.unacknowledged


def _waits(peer: Peer) -> str:
    """What waits for a peer, and until when its link stays if it is cut."""
    parts = (
        plural(peer.waits, "answer") if peer.waits else "",
        f"until {_day(peer.expires)}" if peer.expires is not None else "",
    )
    return ", ".join(part for part in parts if part)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(min(seconds, _FARTHEST)))


def _client(peer: Peer, labels: Mapping[str, str]) -> str:
    return one_line(f"web client of {labels.get(peer.web) or peer.web[:16]}", 80)


@command(
    "forget",
    "end the link with another world for good: what waits for it is rejected, what it holds is let go",
    argument("peer", metavar="PEER", help=_PEER),
    argument("--yes", action="store_true", help="also if references to vats that have moved end by it"),
    completes="peer",
    rest="`%swingset peers` shows who is there",
)
def forget(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """End a link."""
    net = notebook.require().controller.net
    try:
        there = net.designator_of(given.peer)
        moved = sorted({each.name for each in net.vat_moves() if each.has_gone and each.goes_to(there)})
        if moved and not given.yes:
            raise SwingSetError(
                f"the references to what has moved there would end: {named(moved)}",
                f"`%swingset forget {given.peer} --yes` does it",
                "to have them again: `%swingset share NAME` in the new home, and fetch it here",
            )
        gone = net.forget(given.peer)
        notebook.flush()
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset peers") from None
    words = f"the link with {one_line(given.peer, 60)} has ended"
    lost = f"{plural(gone.waits, 'answer')} that waited for it: rejected"
    hint = "what was fetched from it by a string is fetched again when it is used"
    return Message(words, (lost,) if gone.waits else (), (hint,))


@command(
    "petname",
    "call another world by a name of your own; without PEER, list the names",
    argument("peer", metavar="PEER", nargs="?", help=_PEER),
    argument("name", metavar="NAME", nargs="?", help="the name, which no other world learns"),
    argument("--remove", action="store_true", help="have no name for it any more"),
    completes="peer",
)
def petname(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Name a peer, or list the names."""
    net = notebook.require().controller.net
    if given.peer is None:
        rows = [(one_line(name, 60), one_line(designator, 60)) for name, designator in net.names().items()]
        return Table("petname", ("name", "world"), rows, "no other world has a name here")
    if (given.name is None) != given.remove:
        raise SwingSetError("a petname takes the world and its name", "%swingset petname PEER NAME")
    try:
        net.name(given.peer, given.name)
        notebook.flush()
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset peers") from None
    if given.remove:
        return Message(f"{one_line(given.peer, 60)} has no name here any more")
    return Message(f"the world is called {one_line(given.name, 60)} here", ("no other world learns that",))


@command(
    "peer-limits",
    "what other worlds may use of this one; with NAME=NUMBER, change it",
    argument("changes", metavar="NAME=NUMBER", nargs="*", help="such as sessions=20, or sessions=usual"),
)
def peer_limits(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the limits of peers, and change them."""
    net, changes = notebook.require().controller.net, {}
    for change in given.changes:
        name, _, text = change.partition("=")
        if text != "usual" and not (text.isascii() and text.isdigit() and len(text) <= 13):
            raise SwingSetError(f"{one_line(change, 60)!r} is no NAME=NUMBER", "%swingset peer-limits")
        changes[name] = None if text == "usual" else int(text)
    try:
        found = net.limits(**changes)
        notebook.flush()
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset peer-limits") from None
    changed, switches = found.row(), found.switches()
    rows = [
        (name, value if name in switches else value or "any", what, "changed" if name in changed else "")
        for (name, value), what in zip(asdict(found).items(), found.words().values(), strict=True)
    ]
    return Table("peer-limits", ("limit", "at most", "of what", ""), rows, "there are no limits")
