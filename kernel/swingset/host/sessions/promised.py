"""A promise that the host holds, as a promise of the session."""

from __future__ import annotations

from typing import Any

from swingset.guest.base import context
from swingset.host.code.joined import Joined
from swingset.model.capdata import promise_named


def promised(joined: Joined, kref: str, note: str) -> Any:
    """The session's own promise for one that the host holds, which is released; commits."""
    controller, live = joined.controller, joined.liveslots
    kernel = controller.kernel
    vref = kernel.introduce(kernel.vat(joined.name).id, kref)
    with context.activate(live):
        found = live.slots.decode(promise_named(vref).to_json())
        live.promises.subscribe_new()
    controller.release(kref)
    controller.commit(note)
    return found
