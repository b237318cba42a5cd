"""Netlayers: how the bytes of a connection get from one world to another.

A netlayer dials and listens, and hands in links: bytes in order, into which nobody else can insert any. It
knows nothing of what the bytes say. All of it runs on one thread with an event loop, the same for all worlds
of a process. Others are found as entry points of the group `swingset.netlayers`.

What is here is for who writes one.
"""

from swingset.net.locators import Locator, located
from swingset.netlayers.base import (
    Accept,
    Identity,
    Link,
    Listening,
    Netlayer,
    NetlayerError,
    Succeeded,
    options_of,
)
from swingset.netlayers.streams import Talk, be_greeted, greet

__all__ = [
    "Accept",
    "Identity",
    "Link",
    "Listening",
    "Locator",
    "Netlayer",
    "NetlayerError",
    "Succeeded",
    "Talk",
    "be_greeted",
    "greet",
    "located",
    "options_of",
]
