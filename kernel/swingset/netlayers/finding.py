"""Finds the netlayer of a transport: those that come along, and those that other packages bring.

A package brings one by an entry point of the group `swingset.netlayers`, whose name is the transport. The
name comes from a locator, so it is looked up among those that are installed, and nothing else is imported.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from swingset.netlayers.base import Netlayer, NetlayerError
from swingset.netlayers.local import InProcess, TcpTestingOnly, Unix
from swingset.netlayers.over_http import Http
from swingset.netlayers.websocket import WebSocket

GROUP = "swingset.netlayers"

_OWN: dict[str, type[Netlayer]] = {
    kind.transport: kind for kind in (InProcess, Unix, TcpTestingOnly, WebSocket, Http)
}


def transports() -> list[str]:
    """The transports for which this installation has a netlayer."""
    return sorted({*_OWN, *(entry.name for entry in entry_points(group=GROUP))})


def netlayer(transport: str) -> Netlayer:
    """The netlayer of a transport; raises `NetlayerError` if there is none."""
    own = _OWN.get(transport)
    if own is not None:
        return own()
    for entry in entry_points(group=GROUP):
        if entry.name == transport:
            made: Netlayer = entry.load()()
            return made
    known = ", ".join(transports())
    raise NetlayerError(f"there is no netlayer for {transport[:60]!r} here; there are {known}")
