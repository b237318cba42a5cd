"""The part of a session that its own parts use: its world, and its vat in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from swingset.host.worlds.controller import Controller
from swingset.model.visible import one_line

if TYPE_CHECKING:  # they are made of the same parts
    from swingset.host.code.drafts import Drafts
    from swingset.host.code.modules import Modules
    from swingset.host.code.proposals import Proposals


class Joined(Protocol):
    """A session that has joined a world."""

    controller: Controller
    name: str
    drafts: Drafts
    modules: Modules
    proposals: Proposals

    @property
    def devices(self) -> Any:
        """The devices of its world, which it can call."""

    @property
    def liveslots(self) -> Any:
        """The guest library of its current life; begins the next life if that one has ended."""

    def kref_of(self, value: object) -> str | None:
        """The kernel's name for a reference of this session, or None."""

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""

    def reference(self, kref: str, iface: str) -> Any:
        """A reference to an object of the kernel, which this vat then holds."""


def called(controller: Controller) -> str:
    """The name of a world in the messages of a session."""
    return one_line(os.path.basename(controller.path), 100) if controller.path else "a world in memory"
