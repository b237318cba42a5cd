"""What the parts of a session need of it: the world it is in, and the vat that it is there."""

from __future__ import annotations

import os
from typing import Any, Protocol

from swingset.host.controller import Controller
from swingset.model.visible import one_line


class Joined(Protocol):
    """A session that has joined a world."""

    @property
    def controller(self) -> Controller:
        """The world that it is in."""

    @property
    def vat_id(self) -> str:
        """The id of its vat."""

    @property
    def liveslots(self) -> Any:
        """The guest library of the life that it is in; begins the next one if that has ended."""

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""

    def reference(self, kref: str, iface: str) -> Any:
        """A reference to something that the kernel knows, for this vat to hold."""


def called(controller: Controller) -> str:
    """What a world is called in the messages of a session."""
    return one_line(os.path.basename(controller.path), 100) if controller.path else "a world in memory"
