"""How near an address is: on this machine, in its network, or anywhere.

A person may have a world dial any address. A peer names addresses too: its own, those of worlds that it
introduces, those in its sturdyrefs. It may name none that is nearer than where it is itself reached: else who
is far away could have this world knock at doors that only this machine can reach. Between worlds of one
machine all addresses are near, so nothing is refused there. The limit `near` allows it to all peers.

What counts is the text of an address. A name that leads to this machine by DNS is not told apart here, but
without encryption a netlayer dials only what is written as a loopback address, and with it, who is there has
to have a certificate for that name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import locators
from .locators import Locator
from .values import Refused

if TYPE_CHECKING:
    from .limits import Limits

MACHINE, NETWORK, ANYWHERE = 0, 1, 2
"""How near an address is."""

_ON_MACHINE = frozenset({"unix", "in-process", "tcp-testing-only"})
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^:/?#]*)", re.IGNORECASE)
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z", re.ASCII)
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z", re.ASCII)
_OF_NETWORKS = (".local", ".internal", ".lan", ".home.arpa", ".intranet")


def nearness(there: Locator) -> int:
    """How near the address of a locator is."""
    url, host = there.hint("url"), there.hint("host")
    if url is not None:
        found = _URL.match(url)
        return MACHINE if found is None else _of_host(found[1])
    if host is not None:
        return _of_host(host)
    return MACHINE if there.transport in _ON_MACHINE else ANYWHERE


def _of_host(host: str) -> int:
    host = host.lower().rstrip(".")
    if ":" in host or host.startswith("["):
        return _of_version_6(host.strip("[]"))
    if _NUMBER.match(host.rpartition(".")[2]):  # it is read as a number, however few parts it has
        return _of_version_4(host)
    if host in ("", "localhost") or host.endswith(".localhost"):
        return MACHINE
    return NETWORK if "." not in host or host.endswith(_OF_NETWORKS) else ANYWHERE


def _of_version_4(host: str) -> int:
    if not _QUAD.match(host):
        return MACHINE  # such as 127.1 and 0x7f000001, of which no resolver is asked here
    first, second, *_ = (int(part) for part in host.split("."))
    if first in (0, 127):
        return MACHINE
    private = first == 10 or (first == 172 and 16 <= second < 32) or (first, second) == (192, 168)
    shared = (first == 100 and 64 <= second < 128) or (first, second) == (169, 254) or first >= 224
    return NETWORK if private or shared else ANYWHERE


def _of_version_6(host: str) -> int:
    if "." in host:
        return _of_version_4(host.rpartition(":")[2])
    first = host.partition(":")[0]
    if first in ("", "0", "00", "000", "0000"):  # ::1, ::, and the old ways to write others
        return MACHINE
    return ANYWHERE if first[:1] in "23" and len(first) == 4 else NETWORK


def bound(row: dict[str, Any], limits: Limits) -> int:
    """How near the addresses may be that a peer names, by the row of its session."""
    if limits.near:
        return MACHINE
    reached = row["expected"] if row["outgoing"] else row["here"]
    found = locators.parse_uri(reached or row["here"])
    return nearness(found if isinstance(found, Locator) else found.locator)


def check(there: Locator, nearest: int, limits: Limits) -> None:
    """Raise `Refused` for an address that a peer has named and that is nearer than it may be."""
    if nearness(there) < nearest and not limits.near:
        where = "on this machine" if nearness(there) == MACHINE else "in its network"
        words = f"a peer-named private address: {there.hint('url') or there.hint('host') or there.transport}"
        how = "fetch it by a string of your own, or allow it to all peers by the limit near=1"
        raise Refused(f"{words} is {where}, and who named it is farther away; {how}")
